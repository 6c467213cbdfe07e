//! What users have done around prints and frames, without a printer: what runs when, and that nothing of it does harm.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moonlapse::camera::CameraSpec;
use moonlapse::clock::Clock;
use moonlapse::conductor::films::Films;
use moonlapse::conductor::{Conductor, Event, Order, Workshop};
use moonlapse::config::Settings;
use moonlapse::printer::Printer;
use moonlapse::session::Store;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

struct Stage {
    conductor: Conductor,
    printer: Printer,
    events: mpsc::Receiver<Event>,
    clock: Clock,
    orders: Vec<Order>,
    dir: tempfile::TempDir,
}

impl Stage {
    /// With a camera that nobody serves; `settings` gets the file to which commands may write.
    fn new(settings: impl FnOnce(&str) -> Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let said = dir.path().join("said").display().to_string();
        let settings = Settings {
            frame_path: dir.path().join("frames").display().to_string(),
            output_path: dir.path().join("films").display().to_string(),
            autorender: false,
            ..settings(&said)
        };
        let store = Arc::new(Mutex::new(Store::open(dir.path().join("store")).unwrap()));
        let clock = Clock::real();
        let (events_in, events) = mpsc::channel(64);
        let films = Films::start(Arc::clone(&store), events_in.clone(), clock, CancellationToken::new());
        let workshop = Workshop {
            store,
            films,
            events: events_in,
            downloads: Default::default(),
            newest: Default::default(),
            clock,
        };
        let mut conductor = Conductor::new(workshop, settings);
        let spec = CameraSpec::web("gone", None, Some("http://127.0.0.1:1/snapshot".parse().unwrap()));
        conductor.set_cameras(vec![spec.into()]);
        let mut stage = Self { conductor, printer: Printer::default(), events, clock, orders: Vec::new(), dir };
        let status = json!({
            "print_stats": {"state": "standby", "filename": "", "total_duration": 0.0},
            "toolhead": {"estimated_print_time": 10.0},
            "gcode_macro TIMELAPSE_TAKE_FRAME": {"enable": false, "hold": 0.1},
        });
        let Json::Object(status) = status else { unreachable!() };
        stage.printer.reset(status, clock.monotonic());
        stage.conductor.klipper_ready(&stage.printer);
        stage
    }

    fn print_stats(&mut self, fields: Json) {
        let Json::Object(changes) = json!({"print_stats": fields}) else { unreachable!() };
        self.printer.apply(changes, self.clock.monotonic());
        self.conductor.follow(&self.printer);
    }

    fn frame(&mut self) {
        let params = json!({"eta": 0.0, "hold": 0.4, "x": 1.0, "y": 2.0, "z": 0.3});
        self.conductor.new_frame(&params, self.clock.monotonic(), &mut self.printer);
    }

    /// Hands the workers' reports on until one fits.
    async fn until(&mut self, fits: impl Fn(&Event) -> bool) {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(60), self.events.recv()).await.unwrap().unwrap();
            let done = fits(&event);
            self.conductor.handle(event, &self.printer);
            self.orders.extend(self.conductor.take_orders());
            if done {
                return;
            }
        }
    }

    /// A print of `frames` frames.
    async fn print(&mut self, frames: u32) {
        self.print_stats(json!({"state": "printing", "filename": "a b.gcode", "total_duration": 0.5}));
        self.until(|event| matches!(event, Event::Begun { .. })).await;
        for _ in 0..frames {
            self.frame();
            self.until(|event| matches!(event, Event::FrameMissed { .. })).await;
        }
        self.print_stats(json!({"state": "complete"}));
        self.until(|event| matches!(event, Event::Ended { .. })).await;
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("said")
    }

    /// Waits until commands have written `lines` lines.
    async fn said(&self, lines: usize) -> Vec<String> {
        let read = || std::fs::read_to_string(self.file()).unwrap_or_default();
        let written = async {
            // A file tells nobody that it grew.
            let mut look = tokio::time::interval(Duration::from_millis(20));
            while read().lines().count() < lines {
                look.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), written).await.unwrap_or_else(|_| panic!("{}", read()));
        read().lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn commands_run_at_their_moments_and_are_told_what_happened() {
    let mut stage = Stage::new(|said| Settings {
        hook_before_print: format!("echo begins {{print_file}} >> {said}"),
        hook_after_frame: format!("echo frame $MOONLAPSE_SHOT >> {said}"),
        hook_after_print: format!("echo $MOONLAPSE_OUTCOME $MOONLAPSE_FRAMES >> {said}"),
        gcode_before_print: "LIGHTS_ON".into(),
        gcode_after_print: "LIGHTS_OFF".into(),
        ..Settings::default()
    });
    stage.print_stats(json!({"state": "printing", "filename": "a b.gcode", "total_duration": 0.5}));
    stage.until(|event| matches!(event, Event::Gcode(script) if script == "LIGHTS_ON")).await;
    assert_eq!(stage.said(1).await, ["begins a b.gcode"]);
    stage.frame();
    stage.until(|event| matches!(event, Event::FrameMissed { .. })).await;
    assert_eq!(stage.said(2).await[1], "frame 1");
    stage.print_stats(json!({"state": "complete"}));
    stage.until(|event| matches!(event, Event::Gcode(script) if script == "LIGHTS_OFF")).await;
    assert_eq!(stage.said(3).await[2], "complete 0");
}

#[tokio::test]
async fn commands_that_fail_or_hang_hold_up_neither_frames_nor_the_print() {
    let mut stage = Stage::new(|_| Settings {
        hook_before_print: "sleep 600".into(),
        hook_before_frame: "exit 7".into(),
        hook_after_frame: "/no/such/program".into(),
        hook_timeout: 1,
        ..Settings::default()
    });
    stage.print(2).await;
}

#[tokio::test]
async fn a_camera_that_is_gone_is_told_of_once_on_the_console_and_to_its_command() {
    let mut stage = Stage::new(|said| Settings {
        hook_camera_gone: format!("echo {{camera}} $MOONLAPSE_MISSED >> {said}"),
        camera_gone_after: 2,
        ..Settings::default()
    });
    stage.print(4).await;
    assert_eq!(stage.said(1).await, ["gone 2"]);
    let told =
        |order: &&Order| matches!(order, Order::Gcode(script) if script.contains("gave none of the last 2 frames"));
    assert_eq!(stage.orders.iter().filter(told).count(), 1, "{:?}", stage.orders);
}

#[tokio::test]
async fn a_power_device_is_on_for_the_frame_and_the_head_waits_for_it() {
    let mut stage = Stage::new(|_| Settings { light_power: "lamp".into(), light_settle: 0.3, ..Settings::default() });
    stage.print_stats(json!({"state": "printing", "filename": "a.gcode", "total_duration": 0.5}));
    stage.until(|event| matches!(event, Event::HoldNeeded(hold) if *hold >= Duration::from_millis(300))).await;
    stage.frame();
    stage.until(|event| matches!(event, Event::Power { on: false, .. })).await;
    let switched: Vec<bool> =
        stage.orders.iter().filter_map(|o| if let Order::Power { on, .. } = o { Some(*on) } else { None }).collect();
    assert_eq!(switched, [true, false]);
}
