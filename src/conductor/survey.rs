//! Whether the head stood where it should, and what the frames really took: by Klipper's own list of moves. Pure.
//!
//! Klipper tells of every move while somebody listens, twice a second. That is for the first frames of a print only, as a
//! detailed model has hundreds of moves a second and Klipper's time is dear on a small host. It begins with the print, when
//! there is nothing to catch up on: Klipper remembers thirty seconds, and tells them in one piece.

use std::collections::VecDeque;

use super::frame_call::FrameCall;
use super::live::Met;
use super::visit::{Stand, Visit};
use crate::moonraker::Stretch;
use crate::printer::Trajectory;

/// So many frames are looked at.
const ENOUGH: u32 = 12;
/// And for so long at most, s of print time.
const LONGEST: f64 = 1800.0;
/// Frames that may wait for their moves: Klipper's queue holds two seconds.
const WAITING: usize = 16;
/// What is not known so long after a frame never will be, s of print time.
const FORGOTTEN: f64 = 15.0;
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
}

/// The frames of one print.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    waiting: VecDeque<Waiting>,
    way: Trajectory,
    /// Print time of the first move that was heard of, s.
    since: Option<f64>,
    /// Klipper is listened to.
    listening: bool,
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
    /// Klipper's moves are told from now on, or no more.
    pub(super) fn listen(&mut self, listening: bool) {
        self.listening = listening;
        self.waiting.clear();
    }

    /// Whether Klipper's moves are told.
    pub(super) fn is_listening(&self) -> bool {
        self.listening
    }

    /// Whether it has heard enough.
    pub(super) fn is_done(&self) -> bool {
        self.frames >= ENOUGH || self.since.is_some_and(|since| self.way.until() > since + LONGEST)
    }

    /// A frame was called. `met` where it was planned.
    pub(super) fn expect(&mut self, call: &FrameCall, met: Option<Met>) {
        self.calls += 1;
        let planned_s = met.map(|met| met.likely_s);
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
        if self.listening {
            self.waiting.truncate(WAITING - 1);
            self.waiting.push_back(Waiting { stand, place, planned_s });
        }
    }

    /// Klipper has moved the head.
    pub(super) fn moved(&mut self, stretches: Vec<Stretch>) {
        if let Some(first) = stretches.first() {
            self.since.get_or_insert(first.time);
        }
        self.way.extend(stretches);
        let (way, mut still_waiting) = (std::mem::take(&mut self.way), VecDeque::new());
        for frame in std::mem::take(&mut self.waiting) {
            match Visit::of(&frame.stand, &way) {
                Some(visit) => self.visited(&frame, &visit),
                // A frame whose moves have been forgotten is never known.
                None if frame.stand.until > way.until() - FORGOTTEN => still_waiting.push_back(frame),
                None => {}
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

    fn listening() -> Survey {
        let mut survey = Survey::default();
        survey.listen(true);
        survey
    }

    #[test]
    fn it_has_heard_enough_after_the_first_frames_or_after_half_an_hour() {
        let mut survey = listening();
        for number in 1..=ENOUGH {
            assert!(!survey.is_done());
            let time = 10.0 * f64::from(number);
            survey.expect(&call(time), None);
            survey.moved(frame(time, 10.0));
        }
        assert!(survey.is_done());

        let mut survey = listening();
        survey.moved(frame(10.0, 10.0));
        survey.moved(frame(1700.0, 10.0));
        assert!(!survey.is_done());
        survey.moved(frame(1900.0, 10.0));
        assert!(survey.is_done());
    }

    #[test]
    fn without_klippers_moves_the_time_is_the_plans_and_nothing_is_said_of_the_head() {
        let mut survey = Survey::default();
        let met = Met { height: 1.0, likely_s: 0.3, park: crate::planner::Target { x: Some(10.0), y: None } };
        survey.expect(&call(10.0), Some(met));
        survey.expect(&call(20.0), Some(met));
        assert_eq!(survey.report(), Surveyed { added_s: 0.6, ..Surveyed::default() });
        assert!(survey.waiting.is_empty());
    }

    #[test]
    fn the_worst_place_and_the_time_of_all_frames_are_told() {
        let mut survey = listening();
        let met = Met { height: 1.0, likely_s: 0.3, park: crate::planner::Target { x: Some(10.0), y: None } };
        for (number, park) in [(1.0, 10.0), (2.0, 10.25)] {
            survey.expect(&call(10.0 * number), Some(met));
            survey.moved(frame(10.0 * number, park));
        }
        survey.expect(&call(30.0), Some(met));
        let Surveyed { frames, off_mm, unsteady, added_s } = survey.report();
        assert_eq!((frames, unsteady), (2, 0));
        assert!((off_mm.unwrap() - 0.25).abs() < 1e-6, "{off_mm:?}");
        // From 0.2 s before to 0.3 s after the arrival, three times: the third is not known, and takes what the others did.
        assert!((added_s - 1.5).abs() < 1e-6, "{added_s}");
    }

    #[test]
    fn a_stand_during_which_the_head_moved_is_counted_and_not_timed() {
        let mut survey = listening();
        survey.expect(&call(10.05), None);
        survey.expect(&call(20.0), None);
        survey.moved(frame(10.0, 10.0));
        survey.moved(frame(20.0, 10.0));
        let Surveyed { frames, unsteady, added_s, .. } = survey.report();
        assert_eq!((frames, unsteady), (2, 1));
        assert!((added_s - 1.0).abs() < 1e-6, "{added_s}");
    }
}
