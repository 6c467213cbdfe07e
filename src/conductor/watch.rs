//! Who says when a frame of this print is due: calls of the file, a timer, or we ourselves by a plan.

use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::live::{self, Live, Report};
use super::planning::{self, Planned, Request};
use super::scheme::{self, Scheme};
use super::{Conductor, Current};
use crate::config::{Mode, Settings};
use crate::printer::Printer;

/// Who says when a frame is due.
#[derive(Debug)]
pub(super) enum Watch {
    /// Nobody: not yet, or never in this print.
    Off,
    /// Calls of TIMELAPSE_TAKE_FRAME in the file, or the hyperlapse.
    Calls,
    /// The file is being read.
    Planning(#[expect(dead_code, reason = "dropping it stops the work")] AbortOnDropHandle<()>),
    /// We, by a plan.
    Live(Live),
}

/// The settings that a plan depends on.
pub(super) fn shape(settings: &Settings) -> Settings {
    let Settings { mode, parkhead, parkpos, park, placement, clearance, every_layers, .. } = settings.clone();
    let Settings { height_increment, snapshot_gcode, hyperlapse_cycle, enabled, .. } = settings.clone();
    let Settings { park_custom_pos_x, park_custom_pos_y, park_custom_pos_dz, .. } = *settings;
    Settings {
        mode,
        parkhead,
        parkpos,
        park,
        placement,
        clearance,
        every_layers,
        height_increment,
        snapshot_gcode,
        hyperlapse_cycle,
        enabled,
        park_custom_pos_x,
        park_custom_pos_y,
        park_custom_pos_dz,
        ..Settings::default()
    }
}

impl Conductor {
    /// Begins with this print, or once more when the settings have changed.
    pub(super) fn watch_anew(&mut self, printer: &Printer) {
        let Some(current) = &mut self.current else { return };
        let was_live = matches!(current.watch, Watch::Live(_));
        current.watch = Watch::Calls;
        if !self.settings.enabled {
            current.watch = Watch::Off;
        } else if self.settings.mode.plans() && printer.has_frame_macro() {
            let hold = self.settings.park_time.max(self.camera_hold);
            match Scheme::new(&self.settings, printer, hold) {
                Ok(scheme) => {
                    let name = current.print_file.clone();
                    let request = Request { name, local: printer.print_path(), scheme, print: self.prints };
                    current.watch = Watch::Planning(planning::start(request, &self.workshop));
                }
                Err(problem) => {
                    warn!(error = %problem, "this print is not planned");
                    self.say(&format!("Timelapse: this print is not planned: {problem}"));
                }
            }
        }
        if was_live {
            self.gcode(live::disarm());
        }
    }

    /// The file was read.
    pub(super) fn planned(&mut self, print: u64, outcome: Result<Box<Planned>, String>, printer: &Printer) {
        let Some(current) = &mut self.current else { return };
        if print != self.prints || !matches!(current.watch, Watch::Planning(_)) {
            debug!(print, "a plan came too late");
            return;
        }
        let Planned { plan, calls, switched_off } = match outcome {
            Ok(planned) => *planned,
            Err(problem) => {
                current.watch = Watch::Calls;
                warn!(error = problem, "this print is not planned");
                self.say(&format!("Timelapse: this print is not planned: {problem}"));
                return;
            }
        };
        if switched_off {
            current.watch = Watch::Off;
            info!("the file says `timelapse: off`");
            self.say("Timelapse: the file says `timelapse: off`; no frames of this print");
            return;
        }
        if calls > 0 && self.settings.mode == Mode::Auto {
            current.watch = Watch::Calls;
            info!(calls, "the file brings its own calls; they are used");
            return;
        }
        let (frames, minutes) = (plan.snapshots.len(), plan.totals.added_s / 60.0);
        let mut live = Live::new(plan, scheme::lift(&self.settings) > 0.0);
        live.skip(printer.file_position().unwrap_or(0), current.last_layer.unwrap_or(0));
        current.watch = Watch::Live(live);
        self.say(&format!("Timelapse: {frames} frames planned, {minutes:.1} minutes in all"));
        self.arm();
    }

    /// Tells Klipper of the next frames, when it is time.
    pub(super) fn arm(&mut self) {
        if self.stopped || !self.settings.enabled || !self.macros_ready {
            return;
        }
        if let Some(script) = self.live().and_then(Live::script) {
            self.gcode(script);
        }
    }

    /// Klipper or the connection to it is new: what it was told is void.
    pub(super) fn rearm(&mut self) {
        if let Some(live) = self.live() {
            live.rearm();
        }
        self.arm();
    }

    /// The planned frames of the current print.
    pub(super) fn live(&mut self) -> Option<&mut Live> {
        match self.current {
            Some(Current { watch: Watch::Live(ref mut live), .. }) => Some(live),
            _ => None,
        }
    }

    /// Says how a print's planned frames went.
    pub(super) fn report(&mut self, watch: &Watch) {
        let Watch::Live(live) = watch else { return };
        let Report { planned, captured, by_window, by_fallback, missed, added_s } = live.report();
        info!(planned, captured, by_window, by_fallback, ?missed, added_s = added_s.round(), "planned frames");
        self.gcode(live::disarm());
    }
}
