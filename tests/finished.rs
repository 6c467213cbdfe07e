//! The still of the finished part, without a printer: what the camera shows when the head has come to rest after a print.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use moonlapse::camera::CameraSpec;
use moonlapse::clock::Clock;
use moonlapse::conductor::films::Films;
use moonlapse::conductor::{Conductor, Event, Workshop};
use moonlapse::config::Settings;
use moonlapse::printer::Printer;
use moonlapse::session::{Outcome, SessionId, SessionSummary, Store};
use moonlapse_rig::camera::{Camera, CameraConfig, Fault, FrameTruth, Look, monotonic};
use moonlapse_rig::machine::{Machine, TruePosition};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const PARK: TruePosition = TruePosition { x: 20.0, y: 180.0, z: 5.0, e: 0.0 };
const AWAY: TruePosition = TruePosition { x: 5.0, y: 5.0, z: 60.0, e: 0.0 };

/// A head that parks, then moves, then stands where the file has left it: when the test says so.
#[derive(Debug, Default)]
struct Head {
    leaves: OnceLock<f64>,
    rests: OnceLock<f64>,
}

impl Machine for Head {
    fn position_at(&self, at: f64) -> TruePosition {
        match (self.leaves.get(), self.rests.get()) {
            (_, Some(&rests)) if at >= rests => AWAY,
            (Some(&leaves), _) if at >= leaves => {
                TruePosition { x: 100.0 + 80.0 * ((at - leaves) * 7.0).sin(), ..PARK }
            }
            _ => PARK,
        }
    }

    fn path(&self, _from: usize) -> Vec<TruePosition> {
        Vec::new()
    }
}

struct Stage {
    conductor: Conductor,
    printer: Printer,
    events: mpsc::Receiver<Event>,
    store: Arc<Mutex<Store>>,
    camera: Camera,
    head: Arc<Head>,
    started: f64,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn new(profiles: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            frame_path: dir.path().join("frames").display().to_string(),
            output_path: dir.path().join("films").display().to_string(),
            profiles: profiles.to_owned(),
            disk_reserve: 0,
            ..Settings::default()
        };
        let started = monotonic();
        let head = Arc::new(Head::default());
        let config =
            CameraConfig { look: Look { width: 320, height: 192, ..Look::default() }, ..CameraConfig::default() };
        let camera = Camera::start(config, Arc::clone(&head) as _).await.unwrap();
        let store = Arc::new(Mutex::new(Store::open(dir.path().join("store")).unwrap()));
        let (events_in, events) = mpsc::channel(64);
        let films = Films::start(Arc::clone(&store), events_in.clone(), Clock::real(), CancellationToken::new());
        let workshop = Workshop {
            store: Arc::clone(&store),
            films,
            events: events_in,
            downloads: Default::default(),
            newest: Default::default(),
            clock: Clock::real(),
        };
        let mut conductor = Conductor::new(workshop, settings);
        let [stream, snapshot] = [camera.stream_url(), camera.snapshot_url()].map(|url| url.parse().ok());
        let spec = CameraSpec::web("rig", stream, snapshot);
        conductor.set_cameras(vec![spec.into()]);
        let mut stage =
            Self { conductor, printer: Printer::default(), events, store, camera, head, started, _dir: dir };
        let status = json!({
            "print_stats": {"state": "standby", "filename": "", "total_duration": 0.0},
            "toolhead": {"estimated_print_time": stage.print_time(), "print_time": 0.0},
            "gcode_macro TIMELAPSE_TAKE_FRAME": {"enable": true, "hold": 0.1},
        });
        let Json::Object(status) = status else { unreachable!() };
        stage.printer.reset(status, Clock::real().monotonic());
        stage.conductor.klipper_ready(&stage.printer);
        stage
    }

    /// Klipper counts print time from our start.
    fn print_time(&self) -> f64 {
        monotonic() - self.started
    }

    fn status(&mut self, mut changes: Json) {
        changes["toolhead"]["estimated_print_time"] = self.print_time().into();
        let Json::Object(changes) = changes else { unreachable!() };
        self.printer.apply(changes, Clock::real().monotonic());
        self.conductor.follow(&self.printer);
    }

    /// Hands the workers' reports on until one fits, while Klipper tells of the head as it does.
    async fn until<T>(&mut self, fits: impl Fn(&Event) -> Option<T>) -> T {
        let limit = monotonic() + 60.0;
        loop {
            assert!(monotonic() < limit, "nothing came");
            let event = tokio::time::timeout(Duration::from_millis(250), self.events.recv()).await;
            let moves = self.head.leaves.get().is_some() && self.head.rests.get().is_none();
            self.status(json!({"motion_report": {"live_velocity": if moves { 20.0 } else { 0.0 }}}));
            if let Ok(event) = event {
                let event = event.unwrap();
                let found = fits(&event);
                self.conductor.handle(event, &self.printer);
                if let Some(found) = found {
                    return found;
                }
            }
        }
    }

    /// A print of two frames, which Klipper calls complete when the last moves are still to be made.
    async fn print(&mut self) -> SessionId {
        self.status(json!({"print_stats": {"state": "printing", "filename": "a.gcode", "total_duration": 0.5}}));
        let begun = |event: &Event| if let Event::Begun { session, .. } = event { Some(session.clone()) } else { None };
        let session = self.until(begun).await;
        for _ in 0..2 {
            let params = json!({"eta": 0.0, "hold": 1.0, "x": 1.0, "y": 2.0, "z": 0.3});
            self.conductor.new_frame(&params, Clock::real().monotonic(), &mut self.printer);
            self.until(|event| matches!(event, Event::FrameTaken { .. }).then_some(())).await;
        }
        session
    }

    /// Klipper calls the print complete while the head makes its last moves.
    fn complete(&mut self) {
        self.head.leaves.set(monotonic()).unwrap();
        self.status(json!({
            "print_stats": {"state": "complete"},
            "toolhead": {"print_time": self.print_time() + 2.0},
            "motion_report": {"live_velocity": 20.0},
        }));
    }

    /// The head comes to rest.
    fn rest(&mut self) {
        self.head.rests.set(monotonic()).unwrap();
        let print_time = self.print_time();
        self.status(json!({"toolhead": {"print_time": print_time}, "motion_report": {"live_velocity": 0.0}}));
    }

    async fn ended(&mut self) -> SessionSummary {
        self.until(|event| if let Event::Ended { summary, .. } = event { Some(*summary.clone()) } else { None }).await
    }

    fn hero(&self, session: &SessionId) -> Option<PathBuf> {
        self.store.lock().unwrap().hero(session, 0)
    }
}

fn film_made(event: &Event) -> Option<()> {
    matches!(event, Event::Ui(event) if event["status"] == "success").then_some(())
}

#[tokio::test]
async fn a_film_that_shows_the_finished_part_waits_for_its_still_and_the_head_is_away_on_it() {
    let mut stage = Stage::new("default: post_roll=1 post_roll_of=hero").await;
    let session = stage.print().await;
    stage.complete();
    stage.rest();
    let SessionSummary { session: ended, frames, .. } = stage.ended().await;
    assert_eq!((ended.outcome, frames), (Outcome::Complete, 2), "a still is no frame");
    let truth = FrameTruth::from_jpeg(&std::fs::read(stage.hero(&session).unwrap()).unwrap()).unwrap();
    assert_eq!((truth.at_begin, truth.at_end), (AWAY, AWAY));
    stage.until(film_made).await;
    let film = stage.store.lock().unwrap().summary(&session).unwrap().films.remove(0);
    assert_eq!(film.frames, 2 + 5 + 30, "a second of the finished part");
}

#[tokio::test]
async fn other_films_do_not_wait_for_it() {
    let mut stage = Stage::new("").await;
    let session = stage.print().await;
    stage.complete();
    // The head still moves.
    stage.ended().await;
    stage.until(film_made).await;
    assert!(stage.hero(&session).is_none());
    stage.rest();
    let limit = monotonic() + 60.0;
    while stage.hero(&session).is_none() {
        // Nothing tells of it.
        assert!(monotonic() < limit, "no still");
        tokio::time::timeout(Duration::from_millis(300), stage.until(|_| None::<()>)).await.ok();
    }
}

#[tokio::test]
async fn the_next_print_takes_the_head_and_there_is_no_still() {
    let mut stage = Stage::new("default: post_roll=1 post_roll_of=hero").await;
    let session = stage.print().await;
    stage.complete();
    stage.status(json!({"print_stats": {"state": "printing", "filename": "b.gcode", "total_duration": 0.1}}));
    stage.until(|event| matches!(event, Event::Begun { session: begun, .. } if *begun != session).then_some(())).await;
    assert!(stage.hero(&session).is_none());
}

#[tokio::test]
async fn a_camera_that_is_gone_costs_the_still_and_not_the_film() {
    let mut stage = Stage::new("default: post_roll=1 post_roll_of=hero").await;
    let session = stage.print().await;
    stage.camera.set_fault(Fault::Off);
    stage.complete();
    stage.rest();
    assert_eq!(stage.ended().await.frames, 2);
    assert!(stage.hero(&session).is_none());
    stage.until(film_made).await;
    let film = stage.store.lock().unwrap().summary(&session).unwrap().films.remove(0);
    assert_eq!(film.frames, 2 + 5 + 30, "the last frame stands for it");
}
