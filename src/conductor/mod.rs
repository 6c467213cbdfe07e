//! One print from its first to its last frame.
//!
//! [`Conductor`] is told everything (state of the printer, calls of the macros, requests of the UIs, results of its own
//! workers) and answers with [`Order`]s for Moonraker, which the agent carries out. It holds no connection, so a restart
//! of Moonraker leaves it as it is, and a test drives it without one.
//!
//! What takes time is done by workers: [`filming`] hands each moment of a print to its cameras, a `lane` takes and stores
//! the frames of one camera, [`films`] makes films.

mod about;
mod around;
mod beginning;
mod camera_options;
mod catch_up;
mod events;
pub mod filming;
pub mod films;
mod finished;
mod frame_call;
mod holds;
mod lane;
mod last_print;
mod live;
mod macros;
mod messages;
mod newest;
mod notices;
mod observed;
mod passing;
mod places;
pub mod planning;
mod print;
mod requests;
pub(crate) mod scheme;
mod shots;
pub mod standing_orders;
mod status;
mod survey;
mod view;
mod visit;
mod watch;
pub mod webcams;

use std::time::Duration;

use serde_json::Value as Json;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use self::about::{About, HistoryJob};
use self::events::LastFrame;
use self::filming::{Due, Filming, Viewpoint};
use self::finished::Head;
use self::frame_call::{FrameCall, counted};
pub use self::last_print::{LastPrint, last_print};
pub use self::messages::{Event, Order, ShotId, Workshop};
pub use self::newest::{Newest, NewestFrame};
use self::survey::Survey;
pub use self::view::{FilmingState, PrintView, ShotView, SnapshotView, View};
use self::watch::{Finished, Watch};
use crate::clock::MonoTime;
use crate::config::Settings;
use crate::printer::{PrintState, Printer};
use crate::session::{FrameMeta, HYPERLAPSE, LAYERS, Outcome, SessionId};

/// The target under which the lines for the console are logged.
pub(crate) const SAID: &str = "moonlapse::said";

/// The hold is rounded up to a multiple of this, s.
const HOLD_STEP: f64 = 0.02;

/// A print that is under way and filmed.
#[derive(Debug)]
struct Current {
    /// Which print of this agent's run.
    number: u64,
    print_file: String,
    /// To notice that the same file was started again between two status updates, s.
    total_duration: f64,
    filming: Filming,
    session: Option<SessionId>,
    /// TIMELAPSE_RENDER was called: a film is wanted at the end whatever the settings say.
    film_asked: bool,
    /// Who says when a frame is due.
    watch: Watch,
    /// Where the head stood for the frames, and how long they took.
    survey: Survey,
    /// Layer of the last frame before the agent was restarted.
    last_layer: Option<u32>,
    /// Klipper knows nothing of this print: it lasts from TIMELAPSE_START to TIMELAPSE_STOP.
    streamed: bool,
    about: About,
    /// Few frames are left to come.
    closing: bool,
}

/// Decides. See the module's documentation.
#[derive(Debug)]
pub struct Conductor {
    workshop: Workshop,
    settings: Settings,
    /// As chosen from Moonraker's list, the main one first; taken at the start of a print.
    cameras: Vec<Viewpoint>,
    current: Option<Current>,
    /// How many prints were begun, to tell a late plan from the present one.
    prints: u64,
    /// What must be done before the next session begins: closing the earlier ones.
    ending: Option<JoinHandle<()>>,
    /// For `timelapse.render` when nothing is printed.
    latest: Option<SessionId>,
    last_frame: LastFrame,
    misses: u32,
    /// The print that has ended, while its last frames are being stored.
    finished: Option<Finished>,
    /// What the camera needs the head to stand still for, s; kept from print to print.
    camera_hold: f64,
    /// This print is not to be filmed any further, by TIMELAPSE_STOP.
    stopped: bool,
    /// The setup that the macros of this Klipper have; `None` after its restart.
    macros_have: Option<String>,
    /// Klipper is there and has our macros.
    macros_ready: bool,
    /// What an earlier run of the agent left open has been looked after.
    caught_up: bool,
    /// The head of a print that has just ended.
    head: tokio::sync::watch::Sender<Head>,
    /// The print under way, as the history has it.
    history: Option<HistoryJob>,
    orders: Vec<Order>,
}

impl Conductor {
    /// Begins with nothing known of the printer.
    #[must_use]
    pub fn new(workshop: Workshop, settings: Settings) -> Self {
        Self {
            workshop,
            settings,
            cameras: Vec::new(),
            current: None,
            prints: 0,
            ending: None,
            latest: None,
            last_frame: LastFrame::default(),
            misses: 0,
            finished: None,
            camera_hold: 0.0,
            stopped: false,
            macros_have: None,
            macros_ready: false,
            caught_up: false,
            head: tokio::sync::watch::Sender::new(Head::Moves),
            history: None,
            orders: Vec::new(),
        }
    }

    /// The orders since the last call.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The cameras to film with, the main one first.
    #[must_use]
    pub fn cameras(&self) -> &[Viewpoint] {
        &self.cameras
    }

    /// What it works with.
    #[must_use]
    pub fn workshop(&self) -> &Workshop {
        &self.workshop
    }

    /// Whether a print is being filmed.
    #[must_use]
    pub fn is_filming(&self) -> bool {
        self.current.is_some()
    }

    /// A connection to Moonraker is there: the UIs are told where we are.
    pub fn connected(&mut self) {
        self.orders.push(Order::Ui { event: None, last_frame: Some(self.last_frame.to_json()) });
    }

    /// The settings were changed. A camera is taken at the start of the next print.
    pub fn set_settings(&mut self, settings: Settings, printer: &Printer) {
        if settings == self.settings {
            return;
        }
        let (before, after) = (self.settings.hyperlapse(), settings.hyperlapse());
        let before_all = std::mem::replace(&mut self.settings, settings);
        info!(enabled = self.settings.enabled, mode = ?self.settings.mode, parkhead = self.settings.parkhead, "settings changed");
        if before != after && self.current.is_some() {
            self.gcode(after.map_or_else(macros::hyperlapse_stop, macros::hyperlapse_start));
        }
        self.set_up_macros(printer);
        self.prepare_film();
        self.follow(printer);
        if self.current.is_some() && watch::differs(&before_all, &self.settings, printer) {
            self.watch_anew(printer);
        }
    }

    /// The cameras to film with, from the next print on; the main one first.
    pub fn set_cameras(&mut self, cameras: Vec<Viewpoint>) {
        if cameras != self.cameras {
            let names: Vec<&str> = cameras.iter().map(|camera| camera.spec.name.as_str()).collect();
            match names.is_empty() {
                false => info!(cameras = names.join(", "), "cameras chosen"),
                true => warn!("no camera: add one in Mainsail or Fluidd, or set snapshoturl in [timelapse]"),
            }
        }
        self.cameras = cameras;
        // Films are turned as the webcam is.
        self.prepare_film();
    }

    /// Klipper is ready, and its full state is known.
    pub fn klipper_ready(&mut self, printer: &Printer) {
        self.macros_have = None;
        self.macros_ready = printer.has_frame_macro();
        if !self.macros_ready {
            warn!("Klipper lacks our macros: add [include timelapse.cfg] to printer.cfg and restart Klipper");
        }
        self.set_up_macros(printer);
        self.catch_up(printer);
        self.prepare_film();
        self.follow(printer);
        self.rearm(printer);
    }

    /// Klipper stopped: an error, an emergency stop or a restart. A print that was under way is over.
    pub fn klipper_gone(&mut self) {
        self.macros_ready = false;
        self.macros_have = None;
        if let Some(current) = &self.current {
            current.filming.halt(self.workshop.clock.monotonic());
        }
        self.end_current(Outcome::Error);
        self.set_head(Head::Taken);
        self.workshop.films.set_printing(false);
    }

    /// The printer's state changed.
    pub fn follow(&mut self, printer: &Printer) {
        let stats = printer.print_stats();
        if let Some(current) = &mut self.current {
            let other = stats.state.is_active()
                && (stats.filename != current.print_file || stats.total_duration + 5.0 < current.total_duration);
            current.total_duration = stats.total_duration;
            let outcome = match stats.state {
                _ if current.streamed => stats.state.is_active().then_some(Outcome::Interrupted),
                _ if other => Some(Outcome::Interrupted),
                PrintState::Printing | PrintState::Paused => None,
                PrintState::Complete => Some(Outcome::Complete),
                PrintState::Error => Some(Outcome::Error),
                PrintState::Cancelled | PrintState::Standby => Some(Outcome::Cancelled),
            };
            if let Some(outcome) = outcome {
                self.end_current(outcome);
            }
        }
        let printing = stats.state.is_active();
        self.know_layers(&stats);
        if self.current.is_none() && printing && self.settings.enabled {
            self.begin(stats, printer);
        }
        self.read_on(printer);
        self.watch_head(printer);
        self.workshop.films.set_printing(printing);
        self.watch_progress(printer);
        self.arm();
    }

    /// Klipper's macro says that the head stands still soon.
    pub fn new_frame(&mut self, params: &Json, received: MonoTime, printer: &mut Printer) {
        let call = FrameCall::read(params);
        if let Some(print_time) = call.print_time {
            // The call is a sample of the print clock like any other, and often the fastest.
            printer.clock_mut().observe(print_time - call.eta, received);
        }
        let Some(current) = &mut self.current else {
            warn!("a frame was announced, but no print is being filmed");
            return;
        };
        if self.stopped || !self.settings.enabled {
            return;
        }
        let met = match (&mut current.watch, call.frame) {
            (Watch::Live(live), Some(frame)) => live.in_place(frame, call.file_position),
            _ => None,
        };
        let temperature = |heater: &str| printer.temperature(heater).map(|t| t.actual);
        let meta = FrameMeta {
            layer: call.layer.or(printer.print_stats().current_layer),
            height_mm: met.map(|met| met.height),
            x_mm: call.position[0],
            y_mm: call.position[1],
            z_mm: call.position[2],
            extruder_c: temperature("extruder"),
            bed_c: temperature("heater_bed"),
            file_position: call.file_position,
            ..FrameMeta::default()
        };
        let standstill = call.standstill(printer.clock(), received);
        current.survey.expect(&call, met);
        let track = if call.hyperlapse { HYPERLAPSE } else { LAYERS };
        let planned = call.frame.map(|number| ShotId { print: current.number, number });
        let taken = current.filming.frame(Due { standstill, track, meta, planned });
        if let (Err(reason), Some(frame), Watch::Live(live)) = (taken, call.frame, &mut current.watch) {
            live.missed(frame, reason);
        }
        self.arm();
    }

    /// Klipper's macro did not take a frame.
    pub fn frame_skipped(&mut self, params: &Json, printer: &Printer) {
        let reason = params.get("reason").and_then(Json::as_str).unwrap_or("the macro gave no reason");
        let Some(current) = &mut self.current else { return };
        let mut layer = printer.print_stats().current_layer;
        if let (Watch::Live(live), Some(frame)) = (&mut current.watch, counted(params, "frame")) {
            layer = live.layer(frame).or(layer);
            live.missed(frame, reason);
        }
        current.filming.skipped(layer, reason.to_owned());
        self.arm();
    }

    /// Something that a worker reports.
    pub fn handle(&mut self, event: Event, printer: &Printer) {
        match event {
            Event::Begun { session, frames, layer } => {
                self.latest = Some(session.clone());
                if let Some(current) = &mut self.current {
                    current.session = Some(session);
                    current.last_layer = layer;
                }
                self.watch_plan(printer);
                let file = if frames == 0 { String::new() } else { crate::session::Publisher::name(frames) };
                self.last_frame = LastFrame { count: frames, file };
                self.misses = 0;
                self.show_last_frame();
                self.prepare_film();
            }
            Event::FilmingFailed { reason } => self.say(&format!("Timelapse: this print is not filmed: {reason}")),
            Event::Planned { print, outcome } => self.planned(print, outcome, printer),
            Event::FrameTaken { planned, number, file } => {
                self.frame_ended(planned, None);
                self.last_frame = LastFrame { count: number, file };
                self.show_last_frame();
                self.workshop.films.frame_stored();
            }
            Event::FrameMissed { planned, reason } => {
                self.frame_ended(planned, Some(&reason));
                self.misses += 1;
                let event = events::frame_error(&self.last_frame, &reason);
                self.orders.push(Order::Ui { event: Some(event), last_frame: None });
                // Once is enough on the console; the journal has them all.
                if self.misses == 1 {
                    self.say(&format!("Timelapse: frame missed: {reason}"));
                }
            }
            Event::HoldNeeded(hold) => {
                // In steps, so that a camera's jitter does not send a script for every frame.
                self.camera_hold = (hold.as_secs_f64() / HOLD_STEP).ceil() * HOLD_STEP;
                self.set_up_macros(printer);
            }
            Event::Ended { summary, film_asked } => self.ended(&summary, film_asked),
            Event::Ui(event) => self.orders.push(Order::Ui { event: Some(event), last_frame: None }),
            Event::Notice(notice) => self.orders.push(Order::Notice(notice)),
            Event::Say(line) => self.say(&line),
            Event::Gcode(script) => self.gcode(script),
            Event::Power { device, on } => self.orders.push(Order::Power { device, on }),
        }
    }

    /// Leaves the session open for the next start, and waits for the frame that is being stored.
    pub async fn shut_down(&mut self) {
        let Some(current) = self.current.take() else { return };
        if !current.filming.leave(Duration::from_secs(5)).await {
            warn!("the last frame could not be stored in time");
        }
    }

    /// Brings the macros up to date, where they are not: no script is sent for nothing.
    fn set_up_macros(&mut self, printer: &Printer) {
        if !self.macros_ready {
            return;
        }
        let off = |variable: &str| printer.frame_macro_variable(variable) == Some(&Json::Bool(false));
        if !self.settings.enabled && self.macros_have.is_none() && off("enable") {
            return;
        }
        let hold = self.settings.park_time.max(self.camera_hold);
        let setup = macros::setup(&self.settings, hold) + &macros::around(&self.settings, self.macros_have.as_deref());
        if self.macros_have.as_ref() != Some(&setup) {
            self.macros_have = Some(setup.clone());
            self.gcode(setup);
        }
    }

    fn show_last_frame(&mut self) {
        let event = Some(events::new_frame(&self.last_frame));
        let surveyed = self.current.as_ref().map(|current| current.survey.report()).unwrap_or_default();
        let summary = events::summary(self.last_frame.count, self.misses, &surveyed);
        let mut last_frame = self.last_frame.to_json();
        last_frame["summary"] = summary.into();
        self.orders.push(Order::Ui { event, last_frame: Some(last_frame) });
    }

    fn say(&mut self, text: &str) {
        // For the last events on the page; the journal has a line of its own for each.
        tracing::debug!(target: SAID, "{text}");
        self.gcode(macros::say(text));
    }

    fn gcode(&mut self, script: String) {
        if self.macros_ready {
            self.orders.push(Order::Gcode(macros::unseen(script)));
        }
    }
}
