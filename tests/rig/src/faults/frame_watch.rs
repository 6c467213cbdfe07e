//! Sees on the true track of the head which part of a frame is going on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::host::gcode::Area;
use crate::machine::{Machine, TruePosition, monotonic};

/// How often the track is looked at: a track tells nobody that it goes on, and the shortest phase lasts 70 ms.
const LOOK: Duration = Duration::from_millis(2);

/// How far apart in time the two points are that tell where the head is going, s.
const BASELINE: f64 = 0.03;

/// How far the head must have gone between them, mm.
const LEAST_WAY: f64 = 2.0;

/// How far the line through them may pass from the park position, mm.
const STRAY: f64 = 2.0;

/// How near the head is to the park position when it has arrived: two steps, mm.
const ARRIVED: f64 = 0.025;

/// Where the head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Over the part.
    Part,
    /// On the straight way from the part to the park position.
    Parking,
    /// Standing at the park position.
    Parked,
    /// On the straight way from the park position.
    Returning,
    /// Anywhere else: homing, or on the way to where a pause parks.
    Elsewhere,
}

/// Watches the head.
pub struct FrameWatch {
    machine: Arc<dyn Machine>,
    park: [f64; 2],
    part: Area,
}

impl std::fmt::Debug for FrameWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameWatch").field("park", &self.park).field("part", &self.part).finish_non_exhaustive()
    }
}

impl FrameWatch {
    /// Watches `machine`, which prints in `part` and parks at `park`, both in mm.
    #[must_use]
    pub fn new(machine: Arc<dyn Machine>, park: [f64; 2], part: Area) -> Self {
        Self { machine, park, part }
    }

    /// Waits until the head is at `place`.
    pub async fn reach(&self, place: Place) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.place_at(monotonic()) != place {
            look.tick().await;
        }
    }

    /// Where the head was at `at` seconds on `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn place_at(&self, at: f64) -> Place {
        let (before, here) = (self.machine.position_at(at - BASELINE), self.machine.position_at(at));
        let off = |p: TruePosition| (p.x - self.park[0]).hypot(p.y - self.park[1]);
        if off(here) <= ARRIVED && off(before) <= ARRIVED {
            return Place::Parked;
        }
        if self.part.contains(here) {
            return Place::Part;
        }
        let (dx, dy) = (here.x - before.x, here.y - before.y);
        let way = dx.hypot(dy);
        // How far the line through both points passes from the park position.
        let stray = (dx * (self.park[1] - here.y) - dy * (self.park[0] - here.x)).abs() / way;
        if way < LEAST_WAY || stray > STRAY || self.part.contains(before) {
            Place::Elsewhere
        } else if off(here) < off(before) {
            Place::Parking
        } else {
            Place::Returning
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes from (100, 100) to the park position (20, 200) within a second, stands for 0.1 s, and returns.
    struct Shuttle;

    impl Machine for Shuttle {
        fn position_at(&self, at: f64) -> TruePosition {
            let done = if at < 1.0 { at.max(0.0) } else { 1.0 - (at - 1.1).clamp(0.0, 1.0) };
            TruePosition { x: 100.0 - 80.0 * done, y: 100.0 + 100.0 * done, ..TruePosition::default() }
        }

        fn path(&self, _: usize) -> Vec<TruePosition> {
            Vec::new()
        }
    }

    #[test]
    fn the_phases_of_a_frame_are_told_apart() {
        let part = Area { low: [90.0, 90.0], high: [110.0, 110.0] };
        let watch = FrameWatch::new(Arc::new(Shuttle), [20.0, 200.0], part);
        let seen = [0.0, 0.5, 1.05, 1.5, 3.0].map(|at| watch.place_at(at));
        assert_eq!(seen, [Place::Part, Place::Parking, Place::Parked, Place::Returning, Place::Part]);
        let elsewhere = FrameWatch::new(Arc::new(Shuttle), [150.0, 200.0], part);
        assert_eq!(elsewhere.place_at(0.5), Place::Elsewhere);
    }
}
