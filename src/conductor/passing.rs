//! Frames in passing: nothing moves and nothing waits for them. Pure.
//!
//! The plan says at which point of the print the head comes nearest to the wanted place; Klipper tells how far it has
//! read and up to which print time that takes the head; and its own list of moves tells the instant at which the head
//! passes the point. The camera keeps the pictures of the last two seconds, so it is asked afterwards.

use std::collections::VecDeque;

use super::shots::{Report, Shot, State};
use crate::moonraker::Stretch;
use crate::planner::Plan;
use crate::printer::Trajectory;

/// Nearer than this the point is passed, mm; steps of a bed mesh lie below.
const NEAR: f64 = 0.05;
/// A point that the head never comes nearer to than this was not passed, mm.
const FAR: f64 = 3.0;
/// Klipper's look-ahead holds moves of up to this time beyond what it has timed, s.
const LOOK_AHEAD: f64 = 1.0;

/// A frame whose point has been read, and is passed between these print times, s.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    shot: usize,
    from: f64,
    until: f64,
}

/// A frame whose instant is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Passed {
    /// Its number, from 1.
    pub(super) number: u32,
    /// Its layer.
    pub(super) layer: u32,
    /// Height of the layer, mm.
    pub(super) height: f64,
    /// Print time at which the head passes, s.
    pub(super) time: f64,
    /// Where the head is then, mm.
    pub(super) at: [f64; 3],
    /// How far that is from the planned point, mm.
    pub(super) off: f64,
}

/// The frames of one print.
#[derive(Clone, Debug)]
pub(super) struct InPassing {
    shots: Vec<Shot>,
    next: usize,
    awaited: VecDeque<Awaited>,
    way: Trajectory,
    /// Up to when the moves of what was read at the last look take the head, s.
    read_until: f64,
}

impl InPassing {
    /// The frames of `plan`, from where the print is.
    pub(super) fn new(plan: Plan, position: u64, layer: u32) -> Self {
        let mut shots = Shot::of(plan);
        let over = |shot: &Shot| shot.snapshot.span.to < position || shot.snapshot.layer <= layer;
        let next = shots.iter().take_while(|shot| over(shot)).count();
        shots[..next].iter_mut().for_each(|shot| shot.state = State::Before);
        Self { shots, next, awaited: VecDeque::new(), way: Trajectory::default(), read_until: 0.0 }
    }

    /// Klipper has read up to `position`, and timed the moves up to print time `timed` (s).
    pub(super) fn follow(&mut self, position: u64, timed: f64) {
        while let Some(shot) = self.shots.get_mut(self.next) {
            let Some(window) = shot.snapshot.windows.first() else {
                shot.state = State::Missed("the layer has no point to pass".to_owned());
                self.next += 1;
                continue;
            };
            if position < window.span.from {
                break;
            }
            shot.state = State::Armed;
            self.awaited.push_back(Awaited { shot: self.next, from: self.read_until, until: timed + LOOK_AHEAD });
            self.next += 1;
        }
        self.read_until = timed;
    }

    /// Klipper has moved the head; gives the frames whose instant is known now.
    pub(super) fn moved(&mut self, stretches: Vec<Stretch>) -> Vec<Passed> {
        self.way.extend(stretches);
        let mut passed = Vec::new();
        while let Some(&Awaited { shot: index, from, until }) = self.awaited.front() {
            let shot = &mut self.shots[index];
            let window = shot.snapshot.windows.first();
            let passing = window.and_then(|w| self.way.passing(w.at, NEAR, from, until));
            let known = self.way.until() >= until;
            match passing {
                Some(passing) if passing.distance <= NEAR || known && passing.distance <= FAR => {
                    shot.state = State::InPlace;
                    shot.by_window = true;
                    passed.push(Passed {
                        number: u32::try_from(index + 1).unwrap_or(u32::MAX),
                        layer: shot.snapshot.layer,
                        height: shot.snapshot.height,
                        time: passing.time,
                        off: passing.distance,
                        at: self.way.at(passing.time).unwrap_or_default(),
                    });
                }
                _ if known => shot.state = State::Missed("the head did not pass the planned point".to_owned()),
                _ => break,
            }
            self.awaited.pop_front();
        }
        passed
    }

    /// Frame `number` is stored, or was missed.
    pub(super) fn ended(&mut self, number: u32, missed: Option<&str>) {
        let shot = usize::try_from(number).ok().and_then(|n| self.shots.get_mut(n.checked_sub(1)?));
        if let Some(shot) = shot {
            shot.state = missed.map_or(State::Captured, |reason| State::Missed(reason.to_owned()));
        }
    }

    /// All of them.
    pub(super) fn shots(&self) -> &[Shot] {
        &self.shots
    }

    /// The layer of the next frame that is still to come.
    pub(super) fn next_layer(&self) -> Option<u32> {
        self.shots.iter().find(|shot| shot.state == State::Planned).map(|shot| shot.snapshot.layer)
    }

    /// How it went so far.
    pub(super) fn report(&self) -> Report {
        Report::of(&self.shots)
    }
}

#[cfg(test)]
mod tests {
    use super::super::shots::tests::plan;
    use super::*;

    /// A straight way through `at` at print time `time`, along x with 100 mm/s.
    fn through(at: [f64; 3], time: f64) -> Stretch {
        let from = [at[0] - 10.0, at[1], at[2]];
        Stretch { time: time - 0.1, duration: 0.2, speed: 100.0, accel: 0.0, from, direction: [1.0, 0.0, 0.0] }
    }

    #[test]
    fn a_frame_is_due_at_the_instant_at_which_the_head_passes_its_point() {
        let mut passing = InPassing::new(plan("cylinder_vase.gcode"), 0, 0);
        let window = passing.shots[0].snapshot.windows[0].clone();
        passing.follow(window.span.from - 1, 50.0);
        assert_eq!(passing.moved(vec![through(window.at, 50.5)]), [], "not read yet");
        passing.follow(window.span.from, 50.4);
        let passed = passing.moved(vec![through(window.at, 51.0)]);
        assert_eq!(passed.len(), 1);
        // The same place was passed at 50.5 already; Klipper had read up to 50.0 then, so that counts.
        assert!((passed[0].time - 50.5).abs() < 0.001, "{passed:?}");
        assert_eq!((passed[0].number, passed[0].layer), (1, 1));
        passing.ended(1, None);
        assert_eq!(passing.report().captured, 1);
    }

    #[test]
    fn a_point_that_is_never_passed_is_a_miss() {
        let mut passing = InPassing::new(plan("cylinder_vase.gcode"), 0, 0);
        let window = passing.shots[0].snapshot.windows[0].clone();
        passing.follow(window.span.from, 50.0);
        let beside = [window.at[0], window.at[1] + 40.0, window.at[2]];
        assert_eq!(passing.moved(vec![through(beside, 50.5)]), []);
        assert_eq!(passing.moved(vec![through(beside, 52.0)]), []);
        let missed = passing.report().missed;
        assert_eq!(missed.into_keys().collect::<Vec<_>>(), ["the head did not pass the planned point"]);
    }
}
