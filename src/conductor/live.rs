//! The planned frames of a print: which are wanted next, and what became of each. Pure.
//!
//! A frame is [`State::Planned`] until it is among the few that the watching macro in Klipper is told of
//! ([`State::Armed`]). The macro calls us when the head goes to its place ([`State::InPlace`]), or when the layer ended
//! before (missed). The macro is told of several frames at once, so that short layers and a slow agent lose none, and
//! there is less than one script for each.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::places::{Place, places};
use crate::planner::{Plan, Snapshot};

/// So many frames are armed at once.
const AHEAD: usize = 4;
/// When this many of them are left, the next ones are armed.
const LOW: usize = 1;

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Was over before we came.
    Before,
    Planned,
    Armed,
    InPlace,
    Captured,
    Missed(String),
}

/// One planned frame.
#[derive(Clone, Debug)]
struct Shot {
    snapshot: Snapshot,
    state: State,
    /// It was met in a window; else by the fallback.
    by_window: bool,
}

/// The frames of one print.
#[derive(Clone, Debug)]
pub(super) struct Live {
    shots: Vec<Shot>,
    /// Position in the list of the next one to arm.
    next: usize,
    /// Frames come back to where the print goes on, when the nozzle is lifted for its way.
    lifts: bool,
    /// The macro forgets what an earlier print left when it hears this number.
    reset: Option<usize>,
    /// Seconds by the plan of the frames that were met.
    added_s: f64,
}

/// How a print's frames went.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Report {
    pub(super) planned: usize,
    pub(super) captured: usize,
    pub(super) by_window: usize,
    pub(super) by_fallback: usize,
    /// How many for each reason.
    pub(super) missed: BTreeMap<String, usize>,
    /// Seconds by the plan of those that were met.
    pub(super) added_s: f64,
}

impl Live {
    /// The frames of `plan`; `lifts` when the settings lift the nozzle for its way.
    pub(super) fn new(plan: Plan, lifts: bool) -> Self {
        let shots = plan.snapshots.into_iter();
        let shots = shots.map(|snapshot| Shot { snapshot, state: State::Planned, by_window: false });
        Self { shots: shots.collect(), next: 0, lifts, reset: Some(0), added_s: 0.0 }
    }

    /// Begins in the middle of a print: what lies before `position` is over, and layers up to `layer` have their frames.
    pub(super) fn skip(&mut self, position: u64, layer: u32) {
        let over = |shot: &Shot| shot.snapshot.span.to < position || shot.snapshot.layer <= layer;
        // Numbers stay as they are: Klipper may still hold some from before a restart of the agent.
        self.next = self.shots.iter().take_while(|shot| over(shot)).count();
        self.shots[..self.next].iter_mut().for_each(|shot| shot.state = State::Before);
        self.reset = Some(self.next);
    }

    /// Everything that Klipper was told is void, after its macros or the connection were away.
    pub(super) fn rearm(&mut self) {
        for (at, shot) in self.shots.iter_mut().enumerate().rev() {
            if shot.state == State::Armed {
                shot.state = State::Planned;
                self.next = at;
            }
        }
    }

    /// The script that arms the next frames, when it is time.
    pub(super) fn script(&mut self) -> Option<String> {
        let armed = self.shots[..self.next].iter().filter(|shot| shot.state == State::Armed).count();
        if armed > LOW || self.next == self.shots.len() {
            return None;
        }
        let from = self.shots[..self.next].iter().position(|shot| shot.state == State::Armed).unwrap_or(self.next);
        self.next = (from + AHEAD).min(self.shots.len());
        let batch = &mut self.shots[from..self.next];
        let mut list = String::new();
        for (at, shot) in (from..).zip(batch.iter_mut()) {
            if matches!(shot.state, State::Planned | State::Armed) {
                shot.state = State::Armed;
                write_shot(&mut list, at + 1, &shot.snapshot, self.lifts);
            }
        }
        let mut script = String::new();
        if let Some(done) = self.reset.take() {
            script = format!("SET_GCODE_VARIABLE MACRO=_TIMELAPSE_WATCH VARIABLE=done VALUE={done}\n");
        }
        let rate = rate(batch);
        write!(
            script,
            "SET_GCODE_VARIABLE MACRO=_TIMELAPSE_WATCH VARIABLE=frames VALUE=\"[{list}]\"\n\
             SET_GCODE_VARIABLE MACRO=_TIMELAPSE_WATCH VARIABLE=rate VALUE={rate:.1}\n\
             UPDATE_DELAYED_GCODE ID=_TIMELAPSE_WATCH DURATION=0.2"
        )
        .ok()?;
        Some(script)
    }

    /// The macro has gone to the place of frame `number`; `position` is where the file was. Its layer's height, mm.
    pub(super) fn in_place(&mut self, number: u32, position: Option<u64>) -> Option<f64> {
        let shot = self.shot(number)?;
        let within = |p: u64| shot.snapshot.windows.iter().any(|w| (w.span.from..=w.span.to).contains(&p));
        shot.by_window = position.is_some_and(within);
        shot.state = State::InPlace;
        let (height, cost) = (shot.snapshot.height, shot.snapshot.cost_s);
        self.added_s += cost;
        Some(height)
    }

    /// Frame `number` is stored.
    pub(super) fn captured(&mut self, number: u32) {
        if let Some(shot) = self.shot(number) {
            shot.state = State::Captured;
        }
    }

    /// Frame `number` was not taken.
    pub(super) fn missed(&mut self, number: u32, reason: &str) {
        if let Some(shot) = self.shot(number) {
            shot.state = State::Missed(reason.to_owned());
        }
    }

    /// The layer of frame `number`.
    pub(super) fn layer(&self, number: u32) -> Option<u32> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        Some(self.shots.get(at)?.snapshot.layer)
    }

    /// How it went so far.
    pub(super) fn report(&self) -> Report {
        let ours = self.shots.iter().filter(|shot| shot.state != State::Before);
        let mut report = Report { planned: ours.clone().count(), added_s: self.added_s, ..Report::default() };
        for shot in ours {
            let met = match &shot.state {
                State::Captured => {
                    report.captured += 1;
                    true
                }
                State::InPlace => true,
                State::Missed(reason) => {
                    *report.missed.entry(reason.clone()).or_default() += 1;
                    false
                }
                State::Before | State::Planned | State::Armed => false,
            };
            report.by_window += usize::from(met && shot.by_window);
            report.by_fallback += usize::from(met && !shot.by_window);
        }
        report
    }

    fn shot(&mut self, number: u32) -> Option<&mut Shot> {
        self.shots.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
    }
}

/// Tells the macro to wait for nothing.
pub(super) fn disarm() -> String {
    "SET_GCODE_VARIABLE MACRO=_TIMELAPSE_WATCH VARIABLE=frames VALUE=\"[]\"".to_owned()
}

/// How fast the file is read while these frames are waited for, byte/s: the fastest of their layers.
fn rate(batch: &[Shot]) -> f64 {
    let speed = |pair: &[Shot]| {
        let [a, b] = pair else { return None };
        let bytes = b.snapshot.span.from.saturating_sub(a.snapshot.span.from);
        let secs = b.snapshot.time_s - a.snapshot.time_s;
        #[expect(clippy::cast_precision_loss, reason = "files are smaller than 2^52 bytes")]
        (secs > 0.0).then(|| bytes as f64 / secs)
    };
    batch.windows(2).filter_map(speed).fold(1000.0, f64::max)
}

/// As the macro reads it: `(number, layer, until, x, y, (place, ...)),`.
fn write_shot(out: &mut String, number: usize, snapshot: &Snapshot, lifts: bool) {
    let axis = |place: Option<f64>| place.map_or("'-'".to_owned(), |mm| format!("{mm:.3}"));
    let Snapshot { layer, span, park, .. } = snapshot;
    // Writing to a String never fails.
    let _ = write!(out, "({number},{layer},{},{},{},(", span.to, axis(park.x), axis(park.y));
    for Place { from, to, retract, returns, rise, resume } in places(snapshot) {
        let resume = resume.filter(|_| !returns && lifts || rise.is_some());
        let [x, y] = resume.map_or(["None".to_owned(), "None".to_owned()], |r| r.map(|mm| format!("{mm:.3}")));
        let rise = rise.map_or("0".to_owned(), |mm| format!("{mm:.3}"));
        let _ = write!(out, "({from},{to},{},{},{rise},{x},{y}),", u8::from(retract), u8::from(returns));
    }
    out.push_str(")),");
}
