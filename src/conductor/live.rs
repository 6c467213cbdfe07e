//! The planned frames of a print: which are wanted next, and what became of each. Pure.
//!
//! A frame is [`State::Planned`] until it is among the few that the watching macro in Klipper is told of
//! ([`State::Armed`]). The macro calls us when the head goes to its place ([`State::InPlace`]), or when the layer ended
//! before (missed). The macro is told of several frames at once, so that short layers and a slow agent lose none, and
//! there is less than one script for each.

use std::fmt::Write;

use super::places::{Place, places};
use super::shots::{Report, Shot, State};
use crate::planner::{Plan, Snapshot, Target};

/// So many frames are armed at once.
const AHEAD: usize = 4;
/// When this many of them are left, the next ones are armed.
const LOW: usize = 1;

/// Why a frame was missed of which the macro called while nobody listened.
const UNHEARD: &str = "Moonraker or Moonlapse was away when its place was met";

/// What was planned of a frame whose place was met.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Met {
    /// Height of its layer, mm.
    pub(super) height: f64,
    /// What it is likely to cost, s.
    pub(super) likely_s: f64,
    /// Where the head stands for it.
    pub(super) park: Target,
}

/// The frames of one print.
#[derive(Clone, Debug)]
pub(super) struct Live {
    shots: Vec<Shot>,
    /// Position in the list of the next one to arm.
    next: usize,
    /// Frames come back to where the print goes on, when the nozzle is lifted for its way.
    lifts: bool,
    /// Size of the file, bytes; tells the macro which file the places are in.
    size: u64,
    /// The macro forgets what an earlier print left when it hears this number.
    reset: Option<usize>,
    /// Objects in which no frame can be taken any more.
    excluded: Vec<String>,
}

impl Live {
    /// The frames of `plan` for a file of `size` bytes (0 where it is not known); `lifts` when the settings lift the nozzle
    /// for its way.
    pub(super) fn new(plan: Plan, size: u64, lifts: bool) -> Self {
        Self { shots: Shot::of(plan), next: 0, lifts, size, reset: Some(0), excluded: Vec::new() }
    }

    /// Begins in the middle of a print: what lies before `position` is over, and layers up to `layer` have their frames.
    pub(super) fn skip(&mut self, position: u64, layer: u32) {
        let over = |shot: &Shot| shot.snapshot.span.to < position || shot.snapshot.layer <= layer;
        // Numbers stay as they are: Klipper may still hold some from before a restart of the agent.
        self.next = self.shots.iter().take_while(|shot| over(shot)).count();
        self.shots[..self.next].iter_mut().for_each(|shot| shot.state = State::Before);
        self.reset = Some(self.next);
    }

    /// Everything that Klipper was told is void, after its macros or the connection were away. What lies before
    /// `position` is over.
    pub(super) fn rearm(&mut self, position: u64) {
        for (at, shot) in self.shots.iter_mut().enumerate().rev() {
            if shot.state == State::Armed && shot.snapshot.span.to < position {
                shot.state = State::Missed(UNHEARD.to_owned());
            } else if shot.state == State::Armed {
                shot.state = State::Planned;
                self.next = at;
            }
        }
    }

    /// These objects are not printed any further; true when that is new, and what Klipper was told is to be told again.
    pub(super) fn exclude(&mut self, objects: Vec<String>) -> bool {
        let new = objects != self.excluded;
        self.excluded = objects;
        new
    }

    /// The macro works in the order of the file: what comes before frame `number` is over, though we have not heard of it.
    fn pass(&mut self, number: u32) {
        let before = usize::try_from(number).unwrap_or_default().saturating_sub(1);
        for shot in self.shots[..self.next].iter_mut().take(before).filter(|shot| shot.state == State::Armed) {
            shot.state = State::Missed(UNHEARD.to_owned());
        }
    }

    /// The script that arms the next frames, when it is time.
    pub(super) fn script(&mut self) -> Option<String> {
        let armed = self.shots[..self.next].iter().filter(|shot| shot.state == State::Armed).count();
        if armed > LOW || self.next == self.shots.len() {
            return None;
        }
        let from = self.shots[..self.next].iter().position(|shot| shot.state == State::Armed).unwrap_or(self.next);
        let until = (from + AHEAD).min(self.shots.len());
        if until <= self.next {
            return None;
        }
        self.next = until;
        let batch = &mut self.shots[from..self.next];
        let mut list = String::new();
        for (at, shot) in (from..).zip(batch.iter_mut()) {
            if matches!(shot.state, State::Planned | State::Armed) {
                shot.state = State::Armed;
                write_shot(&mut list, at + 1, &shot.snapshot, self.lifts, &self.excluded);
            }
        }
        let mut script = String::new();
        if let Some(done) = self.reset.take() {
            script = format!("SET_GCODE_VARIABLE MACRO=_TIMELAPSE_WATCH VARIABLE=done VALUE={done}\n");
        }
        let (rate, size) = (rate(batch), self.size);
        write!(
            script,
            "SET_GCODE_VARIABLE MACRO=_TIMELAPSE_WATCH VARIABLE=frames VALUE=\"[{list}]\"\n\
             SET_GCODE_VARIABLE MACRO=_TIMELAPSE_WATCH VARIABLE=rate VALUE={rate:.1}\n\
             SET_GCODE_VARIABLE MACRO=_TIMELAPSE_WATCH VARIABLE=size VALUE={size}\n\
             UPDATE_DELAYED_GCODE ID=_TIMELAPSE_WATCH DURATION=0.2"
        )
        .ok()?;
        Some(script)
    }

    /// The macro has gone to the place of frame `number`; `position` is where the file was.
    pub(super) fn in_place(&mut self, number: u32, position: Option<u64>) -> Option<Met> {
        self.shot(number)?;
        self.pass(number);
        let shot = self.shot(number)?;
        let within = |p: u64| shot.snapshot.windows.iter().any(|w| (w.span.from..=w.span.to).contains(&p));
        shot.by_window = position.is_some_and(within);
        shot.state = State::InPlace;
        let Snapshot { height, likely_s, park, .. } = shot.snapshot;
        Some(Met { height, likely_s, park })
    }

    /// Frame `number` is stored.
    pub(super) fn captured(&mut self, number: u32) {
        if let Some(shot) = self.shot(number) {
            shot.state = State::Captured;
        }
    }

    /// Frame `number` was not taken.
    pub(super) fn missed(&mut self, number: u32, reason: &str) {
        self.pass(number);
        if let Some(shot) = self.shot(number) {
            shot.state = State::Missed(reason.to_owned());
        }
    }

    /// The layer of frame `number`.
    pub(super) fn layer(&self, number: u32) -> Option<u32> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        Some(self.shots.get(at)?.snapshot.layer)
    }

    /// All of them.
    pub(super) fn shots(&self) -> &[Shot] {
        &self.shots
    }

    /// The layer of the next frame that is still to come.
    pub(super) fn next_layer(&self) -> Option<u32> {
        let ahead = self.shots.iter().find(|shot| matches!(shot.state, State::Planned | State::Armed));
        ahead.map(|shot| shot.snapshot.layer)
    }

    /// How it went so far.
    pub(super) fn report(&self) -> Report {
        Report::of(&self.shots)
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
fn write_shot(out: &mut String, number: usize, snapshot: &Snapshot, lifts: bool, excluded: &[String]) {
    let axis = |place: Option<f64>| place.map_or("'-'".to_owned(), |mm| format!("{mm:.3}"));
    let Snapshot { layer, span, park, .. } = snapshot;
    // Writing to a String never fails.
    let _ = write!(out, "({number},{layer},{},{},{},(", span.to, axis(park.x), axis(park.y));
    for Place { from, to, retract, returns, rise, resume } in places(snapshot, excluded) {
        let resume = resume.filter(|_| !returns && lifts || rise.is_some());
        let [x, y] = resume.map_or(["None".to_owned(), "None".to_owned()], |r| r.map(|mm| format!("{mm:.3}")));
        let rise = rise.map_or("0".to_owned(), |mm| format!("{mm:.3}"));
        let _ = write!(out, "({from},{to},{},{},{rise},{x},{y}),", u8::from(retract), u8::from(returns));
    }
    out.push_str(")),");
}

#[cfg(test)]
mod tests {
    use super::super::shots::tests::plan;
    use super::*;

    fn live() -> Live {
        Live::new(plan("towers_relative_zhop.gcode"), 116_303, false)
    }

    /// The numbers of the frames that Klipper waits for.
    fn armed(live: &Live) -> Vec<usize> {
        let shots = live.shots.iter().enumerate();
        shots.filter(|(_, shot)| shot.state == State::Armed).map(|(at, _)| at + 1).collect()
    }

    #[test]
    fn frames_are_armed_a_few_at_a_time_and_less_than_one_script_is_sent_for_each() {
        let mut live = live();
        let mut scripts = 0;
        for number in 1..=20 {
            if let Some(script) = live.script() {
                scripts += 1;
                assert!(armed(&live).contains(&(number as usize)));
                assert!(script.len() < 6000, "{} bytes", script.len());
            }
            assert_eq!(live.script(), None, "the same frames twice");
            live.in_place(number, None).unwrap();
            live.captured(number);
        }
        assert!(scripts <= 8, "{scripts} scripts for 20 frames");
        assert_eq!(live.report().captured, 20);
    }

    #[test]
    fn after_a_restart_of_klipper_the_same_frames_are_armed_again() {
        let mut live = live();
        let first = live.script().unwrap();
        let before = armed(&live);
        live.rearm(0);
        let again = live.script().unwrap();
        assert_eq!(armed(&live), before);
        assert!(first.contains("VARIABLE=done VALUE=0") && !again.contains("VARIABLE=done"));
    }

    #[test]
    fn frames_that_were_met_while_nobody_listened_hold_up_nothing() {
        let mut live = live();
        live.script().unwrap();
        live.in_place(1, None).unwrap();
        live.captured(1);
        // Of the second and the third nothing is heard: Moonraker was restarted.
        let fourth = live.shots[3].snapshot.span.from;
        live.rearm(fourth);
        live.script().unwrap();
        assert_eq!(armed(&live), [4, 5, 6, 7]);
        // One more call is lost, and the connection notices nothing.
        for number in 5..=7 {
            live.in_place(number, None).unwrap();
            live.captured(number);
        }
        live.script().unwrap();
        assert_eq!(armed(&live), [8, 9, 10, 11]);
        assert_eq!(live.script(), None, "the same frames again and again");
        assert_eq!(live.report().missed.into_values().sum::<usize>(), 3);
    }

    #[test]
    fn in_the_middle_of_a_print_it_begins_with_the_next_layer_that_has_no_frame() {
        let mut live = live();
        let fifth = live.shots[4].snapshot.span.from;
        live.skip(fifth, 5);
        let script = live.script().unwrap();
        assert_eq!(armed(&live)[0], 6, "{script}");
        assert!(script.contains("VARIABLE=done VALUE=5"));
        assert_eq!(live.report().planned, 15);
    }

    #[test]
    fn a_frame_counts_as_met_by_window_only_inside_one() {
        let mut live = live();
        live.script().unwrap();
        let inside = live.shots[0].snapshot.windows[0].span.from;
        live.in_place(1, Some(inside)).unwrap();
        let fallback = live.shots[1].snapshot.fallback.as_ref().unwrap().span.from;
        live.in_place(2, Some(fallback)).unwrap();
        live.missed(3, "the layer ended");
        assert_eq!(live.in_place(99, None), None);
        let report = live.report();
        assert_eq!((report.by_window, report.by_fallback, report.missed.len()), (1, 1, 1));
    }
}
