//! The conductor without a printer: what it orders when it is told what happens.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use moonlapse::clock::Clock;
use moonlapse::conductor::films::Films;
use moonlapse::conductor::planning::Downloads;
use moonlapse::conductor::{Conductor, Event, Order, Workshop};
use moonlapse::config::{Mode, Settings};
use moonlapse::printer::Printer;
use moonlapse::session::{Outcome, Store};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

struct Stage {
    conductor: Conductor,
    printer: Printer,
    events: mpsc::Receiver<Event>,
    clock: Clock,
    store: Arc<Mutex<Store>>,
    shutdown: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Stage {
    fn new(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::in_folder(dir, settings)
    }

    fn in_folder(dir: tempfile::TempDir, settings: Settings) -> Self {
        let settings = Settings {
            frame_path: dir.path().join("frames").display().to_string(),
            output_path: dir.path().join("films").display().to_string(),
            autorender: false,
            ..settings
        };
        let store = Arc::new(Mutex::new(Store::open(dir.path().join("store")).unwrap()));
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let (events_in, events) = mpsc::channel(64);
        let shutdown = CancellationToken::new();
        let films = Films::start(Arc::clone(&store), events_in.clone(), clock, shutdown.clone());
        let downloads = Downloads::default();
        let workshop = Workshop {
            store: Arc::clone(&store),
            films,
            events: events_in,
            downloads,
            newest: Default::default(),
            clock,
        };
        let conductor = Conductor::new(workshop, settings);
        Self { conductor, printer: Printer::default(), events, clock, store, shutdown, _dir: dir }
    }

    /// Klipper is ready, with our macros as they are after its start.
    fn klipper_ready(&mut self) {
        self.klipper_is(json!({"state": "standby", "filename": "", "total_duration": 0.0}));
    }

    fn klipper_is(&mut self, print_stats: Json) {
        let status = json!({
            "print_stats": print_stats,
            "toolhead": {"estimated_print_time": 10.0},
            "gcode_macro TIMELAPSE_TAKE_FRAME": {"enable": false, "hold": 0.1},
        });
        let Json::Object(status) = status else { unreachable!() };
        self.printer.reset(status, self.clock.monotonic());
        self.conductor.klipper_ready(&self.printer);
    }

    fn print_stats(&mut self, fields: Json) {
        let Json::Object(changes) = json!({"print_stats": fields}) else { unreachable!() };
        self.printer.apply(changes, self.clock.monotonic());
        self.conductor.follow(&self.printer);
    }

    fn printing(&mut self, file: &str) {
        self.print_stats(json!({"state": "printing", "filename": file, "total_duration": 0.5}));
    }

    /// Hands the workers' reports on until one fits.
    async fn until(&mut self, fits: impl Fn(&Event) -> bool) {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(60), self.events.recv()).await.unwrap().unwrap();
            let done = fits(&event);
            self.conductor.handle(event, &self.printer);
            if done {
                return;
            }
        }
    }

    fn frame(&mut self) {
        let params = json!({"eta": 0.2, "hold": 0.1, "x": 1.0, "y": 2.0, "z": 0.3});
        self.conductor.new_frame(&params, self.clock.monotonic(), &mut self.printer);
    }

    fn scripts(&mut self) -> Vec<String> {
        let orders = self.conductor.take_orders();
        orders
            .into_iter()
            .filter_map(|order| if let Order::Gcode(script) = order { Some(script) } else { None })
            .collect()
    }
}

fn begun(event: &Event) -> bool {
    matches!(event, Event::Begun { .. })
}

fn ended(event: &Event) -> bool {
    matches!(event, Event::Ended { .. })
}

#[tokio::test]
async fn switched_off_it_orders_nothing_at_all() {
    let mut stage = Stage::new(Settings { enabled: false, ..Settings::default() });
    stage.klipper_ready();
    stage.printing("a.gcode");
    stage.frame();
    stage.print_stats(json!({"state": "complete"}));
    assert_eq!(stage.conductor.take_orders(), []);
    assert!(stage.store.lock().unwrap().list().unwrap().is_empty());
}

#[tokio::test]
async fn the_macros_are_set_up_once_and_again_only_when_something_changed() {
    let mut stage = Stage::new(Settings::default());
    stage.klipper_ready();
    let scripts = stage.scripts();
    assert!(scripts.len() == 1 && scripts[0].starts_with("_SET_TIMELAPSE_SETUP ENABLE=True"), "{scripts:?}");
    let settings = stage.conductor.settings().clone();
    stage.conductor.set_settings(Settings { constant_rate_factor: 20, ..settings.clone() }, &stage.printer);
    assert_eq!(stage.scripts(), [""; 0], "the film's quality is no matter of the macros");
    stage.conductor.set_settings(Settings { parkhead: false, ..settings }, &stage.printer);
    assert!(stage.scripts()[0].contains("PARK_ENABLE=False"));
    // A new Klipper has forgotten.
    stage.conductor.klipper_gone();
    assert_eq!(stage.scripts(), [""; 0], "scripts for a Klipper that is away");
    stage.klipper_ready();
    assert_eq!(stage.scripts().len(), 1);
}

#[tokio::test]
async fn the_hold_follows_the_camera_but_is_never_shorter_than_asked_for() {
    let mut stage = Stage::new(Settings { park_time: 0.1, ..Settings::default() });
    stage.klipper_ready();
    assert!(stage.scripts()[0].ends_with("HOLD=0.100"));
    stage.conductor.handle(Event::HoldNeeded(Duration::from_millis(79)), &stage.printer);
    assert_eq!(stage.scripts(), [""; 0]);
    stage.conductor.handle(Event::HoldNeeded(Duration::from_millis(145)), &stage.printer);
    assert!(stage.scripts()[0].ends_with("HOLD=0.160"));
    stage.conductor.handle(Event::HoldNeeded(Duration::from_millis(150)), &stage.printer);
    assert_eq!(stage.scripts(), [""; 0], "jitter");
}

#[tokio::test]
async fn without_a_camera_each_frame_is_a_noted_miss_and_the_print_is_followed_to_its_end() {
    let mut stage = Stage::new(Settings::default());
    stage.klipper_ready();
    stage.printing("benchy.gcode");
    stage.until(begun).await;
    stage.frame();
    stage.until(|event| matches!(event, Event::FrameMissed { .. })).await;
    stage.conductor.frame_skipped(&json!({"reason": "the print is paused"}), &stage.printer);
    stage.print_stats(json!({"state": "complete"}));
    stage.until(ended).await;
    let sessions = stage.store.lock().unwrap().list().unwrap();
    assert_eq!((sessions.len(), sessions[0].frames, sessions[0].misses), (1, 0, 2));
    assert_eq!(sessions[0].session.outcome, Outcome::Complete);
    assert!(!stage.conductor.is_filming());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_print_a_stopped_klipper_and_a_second_start_of_the_file_end_the_session() {
    let mut stage = Stage::new(Settings::default());
    stage.klipper_ready();
    stage.printing("a.gcode");
    stage.until(begun).await;
    stage.print_stats(json!({"state": "cancelled"}));
    stage.until(ended).await;
    stage.printing("a.gcode");
    stage.until(begun).await;
    stage.conductor.klipper_gone();
    stage.until(ended).await;
    stage.klipper_ready();
    stage.printing("a.gcode");
    stage.until(begun).await;
    stage.print_stats(json!({"total_duration": 500.0}));
    // Between two updates the print ended and was started again.
    tokio::time::advance(Duration::from_secs(500)).await;
    stage.print_stats(json!({"total_duration": 0.3}));
    stage.until(begun).await;
    let sessions = stage.store.lock().unwrap().list().unwrap();
    let mut outcomes: Vec<&str> = sessions.iter().map(|s| s.session.outcome.as_str()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["cancelled", "error", "interrupted", "printing"]);
}

#[tokio::test]
async fn a_stopped_print_takes_no_frames_and_the_next_one_does() {
    let mut stage = Stage::new(Settings::default());
    stage.klipper_ready();
    stage.printing("a.gcode");
    stage.until(begun).await;
    stage.scripts();
    stage.conductor.control(&json!({"action": "stop"}), &stage.printer);
    stage.frame();
    stage.print_stats(json!({"state": "complete"}));
    assert!(stage.scripts().iter().any(|script| script.contains("VARIABLE=stopped VALUE=False")));
    stage.until(ended).await;
    assert_eq!(stage.store.lock().unwrap().list().unwrap()[0].misses, 0);
    stage.printing("b.gcode");
    stage.until(begun).await;
    stage.frame();
    stage.until(|event| matches!(event, Event::FrameMissed { .. })).await;
}

#[tokio::test]
async fn a_hyperlapse_is_started_with_the_print_and_stopped_with_it() {
    let mut stage = Stage::new(Settings { mode: Mode::Hyperlapse, hyperlapse_cycle: 12, ..Settings::default() });
    stage.klipper_ready();
    stage.printing("a.gcode");
    assert!(stage.scripts().contains(&"HYPERLAPSE ACTION=START CYCLE=12".to_owned()));
    stage.print_stats(json!({"state": "complete"}));
    assert!(stage.scripts().contains(&"HYPERLAPSE ACTION=STOP".to_owned()));
}

#[tokio::test]
async fn a_pause_is_not_an_end_and_without_macros_no_script_is_sent() {
    let mut stage = Stage::new(Settings::default());
    stage.klipper_ready();
    stage.printing("a.gcode");
    stage.until(begun).await;
    stage.print_stats(json!({"state": "paused"}));
    assert!(stage.conductor.is_filming());
    let mut bare = Stage::new(Settings::default());
    bare.conductor.klipper_ready(&bare.printer);
    bare.conductor.control(&json!({"action": "status"}), &bare.printer);
    assert_eq!(bare.scripts(), [""; 0]);
}

#[tokio::test]
async fn an_agent_that_starts_in_the_middle_of_a_print_goes_on_with_its_session() {
    let mut first = Stage::new(Settings::default());
    first.klipper_ready();
    first.printing("a.gcode");
    first.until(begun).await;
    first.conductor.shut_down().await;
    let Stage { conductor, store, shutdown, _dir: dir, .. } = first;
    shutdown.cancel();
    drop(conductor);
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
    drop(store);
    let mut second = Stage::in_folder(dir, Settings::default());
    second.klipper_is(json!({"state": "printing", "filename": "a.gcode", "total_duration": 0.5}));
    second.until(begun).await;
    let sessions = second.store.lock().unwrap().list().unwrap();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
}
