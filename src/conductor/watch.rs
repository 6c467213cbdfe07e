//! Who says when a frame of this print is due: calls of the file, a timer, or we ourselves by a plan.

use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::filming::Due;
use super::frame_call::Standstill;
use super::live::{self, Live};
use super::observed::{self, Observer};
use super::passing::InPassing;
use super::planning::{self, Planned, Request};
use super::scheme::{self, Scheme};
use super::shots::Report;
use super::survey::{Survey, Surveyed};
use super::{Conductor, Current, Order, ShotId};
use crate::camera::Span;
use crate::config::{Mode, Settings};
use crate::moonraker::Stretch;
use crate::planner::{self, Plan};
use crate::printer::Printer;
use crate::session::{FrameMeta, LAYERS};

/// Who says when a frame is due.
#[derive(Debug)]
pub(super) enum Watch {
    /// Nobody: not yet, or never in this print.
    Off,
    /// Calls of TIMELAPSE_TAKE_FRAME in the file, or the hyperlapse.
    Calls,
    /// The file is being read.
    Planning(#[expect(dead_code, reason = "dropping it stops the work")] AbortOnDropHandle<()>),
    /// The file was read; which layers have their frames is known when the session is there.
    Planned(Box<Planned>),
    /// We, by a plan.
    Live(Live),
    /// We, by a plan; nothing moves for it.
    InPassing(InPassing),
    /// We, by what the head does, as the file cannot be read.
    Observed(Box<Observer>),
}

impl Watch {
    /// By what the head does.
    pub(super) fn observed() -> Self {
        Self::Observed(Box::new(Observer::new()))
    }
}

/// Klipper remembers its moves for so long, s.
const MEMORY: f64 = 30.0;
/// So many moves Klipper can tell in one piece without being held up on a small host (a Raspberry Pi 3: 0.15 s).
const MOST_MOVES: f64 = 2000.0;
/// A move has so many bytes in the file at least, rather less than more.
const LINE: f64 = 20.0;

/// How many moves `seconds` of the print have at `position`, at most.
fn moves_within(seconds: f64, plan: &Plan, position: u64) -> f64 {
    let next = plan.snapshots.partition_point(|snapshot| snapshot.span.from < position).max(1);
    match plan.snapshots.get(next - 1..=next) {
        #[expect(clippy::cast_precision_loss, reason = "files are smaller than 2^52 bytes")]
        Some([a, b]) if b.time_s > a.time_s => {
            seconds * (b.span.from - a.span.from) as f64 / (b.time_s - a.time_s) / LINE
        }
        _ => f64::INFINITY,
    }
}

/// Whether a print would be watched otherwise with these settings.
pub(super) fn differs(before: &Settings, after: &Settings, printer: &Printer) -> bool {
    // What the cameras need the head to stand still for is no matter of the settings.
    let scheme = |settings: &Settings| Scheme::new(settings, printer, settings.park_time).ok();
    let rest = |settings: &Settings| (settings.enabled, settings.mode);
    rest(before) != rest(after) || scheme(before) != scheme(after)
}

/// A print that has ended, while its last frames are being stored.
#[derive(Debug)]
pub(super) struct Finished {
    /// Which print of this agent's run.
    pub(super) number: u64,
    pub(super) watch: Watch,
    pub(super) survey: Survey,
}

impl Finished {
    /// Says in the log how the frames went.
    pub(super) fn report(&self) -> Surveyed {
        let surveyed = self.survey.report();
        let Surveyed { frames, off_mm, unsteady, added_s } = surveyed;
        let (off_mm, added_s) = (off_mm.map(|mm| format!("{mm:.4}")), added_s.round());
        match &self.watch {
            Watch::Live(live) => Some(live.report()),
            Watch::InPassing(passing) => Some(passing.report()),
            Watch::Off | Watch::Calls | Watch::Planning(_) | Watch::Planned(_) | Watch::Observed(_) => None,
        }
        .inspect(|Report { planned, captured, by_window, by_fallback, missed }| {
            info!(planned, captured, by_window, by_fallback, ?missed, "planned frames");
        });
        info!(checked = frames, worst_off_mm = off_mm, unsteady, added_s, "the head's way");
        surveyed
    }
}

impl Conductor {
    /// Begins with this print, or once more when the settings have changed.
    pub(super) fn watch_anew(&mut self, printer: &Printer) {
        let Some(current) = self.current.as_mut().filter(|current| !current.streamed) else { return };
        let before = std::mem::replace(&mut current.watch, Watch::Calls);
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
        self.unwatch(&before);
    }

    /// The file was read.
    pub(super) fn planned(&mut self, print: u64, outcome: Result<Box<Planned>, String>, printer: &Printer) {
        let Some(current) = &mut self.current else { return };
        if print != self.prints || !matches!(current.watch, Watch::Planning(_)) {
            debug!(print, "a plan came too late");
            return;
        }
        match outcome {
            Ok(planned) => {
                current.about.planned(planned.plan.totals.layers);
                current.watch = Watch::Planned(planned);
                self.watch_plan(printer);
            }
            Err(problem) => {
                current.watch = Watch::observed();
                warn!(error = problem, "layers are told by what the head does");
                self.say(&format!("Timelapse: frames when the head begins a layer: {problem}"));
            }
        }
    }

    /// Begins to take the planned frames, once the plan and the session are there.
    pub(super) fn watch_plan(&mut self, printer: &Printer) {
        let Some(current) = &mut self.current else { return };
        if current.session.is_none() || !matches!(current.watch, Watch::Planned(_)) {
            return;
        }
        let Watch::Planned(planned) = std::mem::replace(&mut current.watch, Watch::Off) else { return };
        let Planned { plan, calls, annotated, switched_off } = *planned;
        if switched_off {
            info!("the file says `timelapse: off`");
            self.say("Timelapse: the file says `timelapse: off`; no frames of this print");
            return;
        }
        // Calls for frames in passing only mark their points: the instants are found by what Klipper tells.
        let in_passing = plan.mode == planner::Mode::ZeroMotion;
        if calls > 0 && (self.settings.mode == Mode::Auto || annotated) && !(annotated && in_passing) {
            current.watch = Watch::Calls;
            info!(calls, annotated, "the file brings its own calls; they are used");
            return;
        }
        let frames = u32::try_from(plan.snapshots.len()).unwrap_or(u32::MAX);
        let added = super::events::added(plan.totals.likely_s, frames);
        let (position, layer) = (printer.file_position().unwrap_or(0), current.last_layer.unwrap_or(0));
        if in_passing {
            if !current.survey.is_listening() && moves_within(MEMORY, &plan, position) > MOST_MOVES {
                current.watch = Watch::Off;
                self.say(
                    "Timelapse: no frames in passing until the next print: asking Klipper for its moves in the middle of \
                     this one could disturb it",
                );
                return;
            }
            current.watch = Watch::InPassing(InPassing::new(plan, position, layer));
            self.listen(true);
            self.say(&format!("Timelapse: {frames} frames planned, in passing"));
        } else {
            let size = printer.print_path().map_or(0, |(_, size)| size);
            let mut live = Live::new(plan, size, scheme::lift(&self.settings) > 0.0);
            live.skip(position, layer);
            current.watch = Watch::Live(live);
            self.say(&format!("Timelapse: {frames} frames planned{added}"));
        }
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
    pub(super) fn rearm(&mut self, printer: &Printer) {
        if let Some(live) = self.live() {
            live.rearm(printer.file_position().unwrap_or(0));
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

    /// Klipper has read on.
    pub(super) fn read_on(&mut self, printer: &Printer) {
        if let Some(live) = self.live()
            && live.exclude(printer.excluded_objects())
        {
            self.rearm(printer);
        }
        let Some(current) = &mut self.current else { return };
        match &mut current.watch {
            Watch::InPassing(passing) => {
                if let (Some(position), Some(timed)) = (printer.file_position(), printer.timed_until()) {
                    passing.follow(position, timed);
                }
            }
            Watch::Observed(observer) if !self.stopped && !printer.is_paused() => {
                let sample = printer.commanded().map(|at| {
                    let offset = printer.gcode_offset().unwrap_or_default();
                    std::array::from_fn(|axis| at[axis] - offset[axis])
                });
                if let Some(layer) = sample.and_then(|at| observer.sample(at)) {
                    self.gcode(observed::take(layer));
                }
            }
            _ => {}
        }
    }

    /// Klipper has moved the head.
    pub fn moved(&mut self, stretches: Vec<Stretch>, printer: &Printer) {
        let Some(Current { number, watch, filming, survey, .. }) = &mut self.current else { return };
        let Watch::InPassing(passing) = watch else {
            survey.moved(stretches);
            if survey.is_done() && !matches!(watch, Watch::Planning(_) | Watch::Planned(_)) {
                self.listen(false);
            }
            return;
        };
        let passed = passing.moved(stretches);
        if self.stopped || !self.settings.enabled {
            return;
        }
        for frame in passed {
            let Some(at) = printer.clock().at(frame.time) else { continue };
            survey.passed(frame.off);
            let [x, y, z] = frame.at.map(Some);
            let temperature = |heater: &str| printer.temperature(heater).map(|t| t.actual);
            let meta = FrameMeta {
                layer: Some(frame.layer),
                height_mm: Some(frame.height),
                x_mm: x,
                y_mm: y,
                z_mm: z,
                extruder_c: temperature("extruder"),
                bed_c: temperature("heater_bed"),
                file_position: printer.file_position(),
                ..FrameMeta::default()
            };
            let standstill = Standstill { span: Span { from: at, until: at }, call_delay: 0.0 };
            let planned = Some(ShotId { print: *number, number: frame.number });
            if let Err(reason) = filming.frame(Due { standstill, track: LAYERS, meta, planned }) {
                passing.ended(frame.number, Some(reason));
            }
        }
    }

    /// A planned frame is stored, or was missed.
    pub(super) fn frame_ended(&mut self, planned: Option<ShotId>, missed: Option<&str>) {
        let Some(ShotId { print, number }) = planned else { return };
        let current = self.current.as_mut().map(|current| (current.number, &mut current.watch));
        let finished = self.finished.as_mut().map(|finished| (finished.number, &mut finished.watch));
        let Some((_, watch)) = [current, finished].into_iter().flatten().find(|(of, _)| *of == print) else { return };
        match (watch, missed) {
            (Watch::Live(live), None) => live.captured(number),
            (Watch::Live(live), Some(reason)) => live.missed(number, reason),
            (Watch::InPassing(passing), missed) => passing.ended(number, missed),
            _ => {}
        }
    }

    /// Klipper's moves are listened to from now on, or no more.
    pub(super) fn listen(&mut self, listen: bool) {
        let Some(current) = &mut self.current else { return };
        if listen != current.survey.is_listening() {
            current.survey.listen(listen);
            self.orders.push(Order::FollowMotion(listen));
        }
    }

    pub(super) fn unwatch(&mut self, watch: &Watch) {
        match watch {
            Watch::Live(_) => self.gcode(live::disarm()),
            Watch::Off
            | Watch::InPassing(_)
            | Watch::Calls
            | Watch::Planning(_)
            | Watch::Planned(_)
            | Watch::Observed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shots::tests::plan;
    use super::*;

    #[test]
    fn how_much_klipper_would_have_to_tell_is_known_from_the_plan() {
        let mut plan = plan("towers_relative_zhop.gcode");
        let middle = plan.snapshots[10].span.from;
        let usual = moves_within(MEMORY, &plan, middle);
        assert!((100.0..MOST_MOVES * 10.0).contains(&usual), "{usual}");
        assert!((moves_within(2.0 * MEMORY, &plan, middle) / usual - 2.0).abs() < 1e-9);
        // Ten times as fast, ten times as many.
        plan.snapshots.iter_mut().for_each(|snapshot| snapshot.time_s /= 10.0);
        assert!((moves_within(MEMORY, &plan, middle) / usual - 10.0).abs() < 1e-9);
        // At the end of the file nothing is known.
        assert!(moves_within(MEMORY, &plan, u64::MAX).is_infinite());
    }
}
