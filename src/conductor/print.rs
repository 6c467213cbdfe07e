//! How the filming of a print begins, and what becomes of it at the end.

use std::time::Duration;

use tracing::{info, warn};

use super::about::About;
use super::filming::{Filming, Shoot};
use super::films::{Ending, ending};
use super::survey::Survey;
use super::watch::{Finished, Watch};
use super::{Conductor, Current, Order, events, macros};
use crate::config::Mode;
use crate::printer::{PrintState, PrintStats, Printer};
use crate::session::{Outcome, SessionSummary};

/// A print that has not lasted longer has just begun, s.
const JUST_NOW: f64 = 5.0;

impl Conductor {
    /// A print of a file is under way.
    pub(super) fn begin(&mut self, stats: PrintStats, printer: &Printer) {
        let since = Duration::try_from_secs_f64(stats.total_duration).unwrap_or_default();
        let just_now = stats.total_duration < JUST_NOW;
        self.begin_filming(stats.filename, stats.total_duration, since);
        self.listen(just_now);
        self.watch_anew(printer);
        if let Some(cycle_s) = self.settings.hyperlapse() {
            self.gcode(macros::hyperlapse_start(cycle_s));
        }
    }

    /// Something is printed of which Klipper knows nothing.
    pub(super) fn begin_streamed(&mut self) {
        self.begin_filming(String::new(), 0.0, Duration::ZERO);
        if let Some(current) = &mut self.current {
            current.streamed = true;
            current.watch = Watch::observed();
        }
    }

    fn begin_filming(&mut self, print_file: String, total_duration: f64, since: Duration) {
        let now = self.workshop.clock.wall();
        let shoot = Shoot {
            print_file: print_file.clone(),
            started_at: now.checked_sub(since).unwrap_or(now),
            cameras: self.cameras.clone(),
            settings: self.settings.clone(),
        };
        let filming = Filming::begin(shoot, &self.workshop, self.ending.take());
        self.prints += 1;
        self.current = Some(Current {
            number: self.prints,
            print_file,
            total_duration,
            filming,
            session: None,
            film_asked: false,
            watch: Watch::Off,
            survey: Survey::default(),
            last_layer: None,
            streamed: false,
            about: About::default(),
            closing: false,
        });
        self.know_job();
    }

    /// The print is over; its last frames may still be under way.
    pub(super) fn end_current(&mut self, outcome: Outcome) {
        let Some(current) = self.current.take() else { return };
        info!(print_file = current.print_file, outcome = outcome.as_str(), "print ended");
        if self.settings.hyperlapse().is_some() {
            self.gcode(macros::hyperlapse_stop());
        }
        if self.stopped {
            self.stopped = false;
            self.gcode(macros::clear_stopped());
        }
        let Current { number, watch, survey, filming, film_asked, streamed, .. } = current;
        self.unwatch(&watch);
        if survey.is_listening() {
            self.orders.push(Order::FollowMotion(false));
        }
        self.finished = Some(Finished { number, watch, survey });
        // Who streams G-code says when it ends, and nothing of the head.
        let complete = outcome == Outcome::Complete && !streamed;
        let finished = complete.then(|| self.finished_part());
        self.ending = Some(filming.finish(outcome, film_asked, finished));
        self.prepare_film();
    }

    /// All frames are stored, and the session is closed.
    pub(super) fn ended(&mut self, summary: &SessionSummary, film_asked: bool) {
        let SessionSummary { session, frames, misses, .. } = summary;
        let outcome = session.outcome;
        info!(session = %session.id, frames, misses, outcome = outcome.as_str(), "session ended");
        let surveyed = self.finished.take().map(|finished| finished.report()).unwrap_or_default();
        if *frames == 0 {
            if *misses == 0 && outcome == Outcome::Complete {
                self.say(if self.settings.mode == Mode::LayerMacro {
                    "Timelapse: no frames; does the slicer put TIMELAPSE_TAKE_FRAME before each layer?"
                } else {
                    "Timelapse: no frames were due in this print"
                });
            }
            return;
        }
        self.latest = Some(session.id.clone());
        self.say(&format!("Timelapse: {}", events::summary(*frames, *misses, &surveyed)));
        match ending(&self.settings, outcome, film_asked) {
            Ending::Film => {
                if let Err(problem) = self.queue(session.id.clone(), true, self.settings.saveframes, false) {
                    warn!(session = %session.id, problem, "no film");
                }
            }
            Ending::Keep => info!(session = %session.id, "no film was asked for; `moonlapse render` makes one"),
            Ending::Discard => {
                if let Err(problem) = self.workshop.films.discard(session.id.clone()) {
                    warn!(session = %session.id, error = %problem, "the frames are kept");
                }
            }
        }
    }

    /// Looks after what an earlier run of the agent left: sessions still open, films not made.
    pub(super) fn catch_up(&mut self, printer: &Printer) {
        if std::mem::replace(&mut self.caught_up, true) {
            return;
        }
        let stats = printer.print_stats();
        // With a print under way its own session is kept open; see `Filming::begin` for the others.
        let ended = (!stats.state.is_active())
            .then(|| (stats.state == PrintState::Complete).then_some(stats.filename).filter(|file| !file.is_empty()));
        let v4l2_ctl = self.settings.v4l2_ctl_binary_path.clone();
        self.ending = Some(super::catch_up::catch_up(&self.workshop, ended, v4l2_ctl));
    }
}
