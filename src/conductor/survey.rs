//! Whether the head stood where it should, and what the frames really took: by Klipper's own list of moves. Pure.
//!
//! Klipper keeps its moves of the last thirty seconds. They are asked for now and then, a few seconds after a frame: for
//! each of the first frames, later once a minute, so that Klipper's own time for it stays below a thousandth of a core.

use std::collections::VecDeque;

use super::frame_call::FrameCall;
use super::live::Met;
use super::visit::{Stand, Visit};
use crate::clock::MonoTime;
use crate::moonraker::Stretch;
use crate::printer::Trajectory;

/// So long after a frame its moves and those behind it are in Klipper's list, s: its queue holds up to two seconds.
const SETTLED: f64 = 3.0;
/// Klipper forgets moves of before, s; a look must come some seconds earlier.
const REMEMBERED: f64 = 24.0;
/// So many looks come as often as there are frames; each tells of several.
const EAGER: u32 = 8;
/// Two looks lie so far apart at least, s.
const NEXT: f64 = 8.0;
/// And so far after the eager ones, s.
const CALM: f64 = 60.0;
/// A stand is announced to a millisecond; its very end is not looked at, s.
const EDGE: f64 = 0.002;

/// What the moves said of a print's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Surveyed {
    /// How many frames were looked at.
    pub(super) frames: u32,
    /// How far the head stood from where it should have, mm, at worst; none where none was looked at.
    pub(super) off_mm: Option<f64>,
    /// In how many of them something moved while the camera looked.
    pub(super) unsteady: u32,
    /// Seconds of all frames: measured, and for the others by the plan in the proportion of those that were.
    pub(super) added_s: f64,
}

#[derive(Clone, Debug)]
struct Waiting {
    stand: Stand,
    /// Where the head should stand, mm; an axis that is not told is free.
    place: [Option<f64>; 2],
    planned_s: Option<f64>,
    /// On our clock.
    over: MonoTime,
}

/// The frames of one print.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    waiting: VecDeque<Waiting>,
    way: Trajectory,
    looked: Option<MonoTime>,
    looks: u32,
    calls: u32,
    frames: u32,
    off_mm: f64,
    unsteady: u32,
    measured_s: f64,
    /// What the plan said of the measured ones, and of all.
    planned_measured_s: f64,
    planned_s: f64,
}

impl Survey {
    /// A frame was called; the head stands until `over`. `met` where it was planned.
    pub(super) fn expect(&mut self, call: &FrameCall, over: MonoTime, met: Option<Met>) {
        self.calls += 1;
        let planned_s = met.map(|met| met.cost_s);
        self.planned_s += planned_s.unwrap_or_default();
        let (Some(print_time), [Some(x), Some(y), _]) = (call.print_time, call.position) else { return };
        let planned = met.filter(|_| call.parked).map_or([None, None], |met| [met.park.x, met.park.y]);
        let place = std::array::from_fn(|axis| planned[axis].or(call.stands[axis]));
        let stand = Stand {
            from: print_time,
            until: print_time + call.hold - EDGE,
            left: [x, y],
            parked: call.parked,
            returns: call.returns,
        };
        if self.waiting.len() >= 64 {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting { stand, place, planned_s, over });
    }

    /// Whether Klipper's moves are wanted now; they are given to [`Survey::moved`].
    pub(super) fn wants_look(&mut self, now: MonoTime) -> bool {
        // What is older than Klipper's memory will never be known.
        self.waiting.retain(|frame| now.secs_since(frame.over) < REMEMBERED);
        let settled = self.waiting.iter().any(|frame| now.secs_since(frame.over) >= SETTLED);
        let apart = if self.looks < EAGER { NEXT } else { CALM };
        let due = settled && self.looked.is_none_or(|before| now.secs_since(before) >= apart);
        if due {
            self.looked = Some(now);
            self.looks += 1;
        }
        due
    }

    /// Klipper's moves of the last seconds.
    pub(super) fn moved(&mut self, stretches: Vec<Stretch>) {
        self.way.extend(stretches);
        let (way, mut still_waiting) = (std::mem::take(&mut self.way), VecDeque::new());
        for frame in std::mem::take(&mut self.waiting) {
            match Visit::of(&frame.stand, &way) {
                Some(visit) => self.visited(&frame, &visit),
                None => still_waiting.push_back(frame),
            }
        }
        (self.way, self.waiting) = (way, still_waiting);
    }

    /// A frame was taken in passing, `off` mm beside its point.
    pub(super) fn passed(&mut self, off: f64) {
        self.frames += 1;
        self.off_mm = self.off_mm.max(off);
    }

    fn visited(&mut self, frame: &Waiting, visit: &Visit) {
        let off = |axis: usize| frame.place[axis].map_or(0.0, |wanted| visit.at[axis] - wanted);
        self.off_mm = self.off_mm.max(off(0).hypot(off(1)));
        self.frames += 1;
        if visit.still {
            self.measured_s += visit.added_s;
            self.planned_measured_s += frame.planned_s.unwrap_or_default();
        } else {
            self.unsteady += 1;
        }
    }

    /// How it was so far.
    pub(super) fn report(&self) -> Surveyed {
        let measured = self.frames - self.unsteady;
        let added_s = if measured == 0 {
            self.planned_s
        } else if self.planned_measured_s > 0.0 {
            self.measured_s * self.planned_s / self.planned_measured_s
        } else {
            self.measured_s * f64::from(self.calls) / f64::from(measured)
        };
        let off_mm = (self.frames > 0).then_some(self.off_mm);
        Surveyed { frames: self.frames, off_mm, unsteady: self.unsteady, added_s }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(secs: f64) -> MonoTime {
        MonoTime::from_secs_f64(secs).unwrap()
    }

    /// A move of a tenth of a second along x that begins at print time `time`, with a constant speed.
    fn dash(time: f64, from: f64, to: f64) -> Stretch {
        let (speed, direction) = ((to - from).abs() * 10.0, [(to - from).signum(), 0.0, 0.0]);
        Stretch { time, duration: 0.1, speed, accel: 0.0, from: [from, 0.0, 1.0], direction }
    }

    /// The moves of a frame that arrives at `time`: away from x = 50, a stand of 0.1 s at `park`, and back.
    fn frame(time: f64, park: f64) -> Vec<Stretch> {
        vec![
            dash(time - 0.3, 40.0, 50.0),
            dash(time - 0.1, 50.0, park),
            dash(time + 0.1, park, 50.0),
            dash(time + 0.3, 50.0, 60.0),
        ]
    }

    fn call(print_time: f64) -> FrameCall {
        FrameCall::read(&json!({"print_time": print_time, "hold": 0.1, "x": 50, "y": 0, "z": 1,
            "parked": 1, "back": 1, "park_x": 10.0, "park_y": 0.0}))
    }

    #[test]
    fn frames_are_looked_at_a_few_seconds_later_and_many_of_them_seldom() {
        let mut survey = Survey::default();
        let mut looks = 0;
        for second in 0..400 {
            let now = at(1000.0 + f64::from(second));
            if second % 4 == 0 {
                survey.expect(&call(f64::from(second)), now, None);
                assert!(second > 0 || !survey.wants_look(now), "its moves are not planned yet");
            }
            looks += u32::from(survey.wants_look(now));
        }
        assert!((10..=16).contains(&looks), "{looks} looks in 400 s");
        assert!(survey.waiting.len() < 8, "what Klipper has forgotten is not waited for");
    }

    #[test]
    fn the_worst_place_and_the_time_of_all_frames_are_told() {
        let mut survey = Survey::default();
        let met = Met { height: 1.0, cost_s: 0.3, park: crate::planner::Target { x: Some(10.0), y: None } };
        for (number, park) in [(1.0, 10.0), (2.0, 10.25)] {
            survey.expect(&call(10.0 * number), at(0.0), Some(met));
            survey.moved(frame(10.0 * number, park));
        }
        survey.expect(&call(30.0), at(0.0), Some(met));
        let Surveyed { frames, off_mm, unsteady, added_s } = survey.report();
        assert_eq!((frames, unsteady), (2, 0));
        assert!((off_mm.unwrap() - 0.25).abs() < 1e-6, "{off_mm:?}");
        // From 0.2 s before to 0.3 s after the arrival, three times: the third is not known, and takes what the others did.
        assert!((added_s - 1.5).abs() < 1e-6, "{added_s}");
    }

    #[test]
    fn a_stand_during_which_the_head_moved_is_counted_and_not_timed() {
        let mut survey = Survey::default();
        survey.expect(&call(10.05), at(0.0), None);
        survey.expect(&call(20.0), at(0.0), None);
        survey.moved(frame(10.0, 10.0));
        survey.moved(frame(20.0, 10.0));
        let Surveyed { frames, unsteady, added_s, .. } = survey.report();
        assert_eq!((frames, unsteady), (2, 1));
        assert!((added_s - 1.0).abs() < 1e-6, "{added_s}");
    }
}
