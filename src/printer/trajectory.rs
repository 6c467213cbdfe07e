//! The head's way as Klipper planned it, move by move. Pure.

use crate::moonraker::Stretch;

/// Kept for so long, s: longer than Klipper's queue.
const KEPT: f64 = 20.0;

/// The head's way of the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Trajectory {
    stretches: Vec<Stretch>,
}

/// When the head passes a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passing {
    /// Print time, s.
    pub time: f64,
    /// How far from the place, mm.
    pub distance: f64,
}

impl Trajectory {
    /// Takes in what Klipper tells, in order.
    pub fn extend(&mut self, stretches: impl IntoIterator<Item = Stretch>) {
        for stretch in stretches {
            // A batch may begin with what the one before ended with; a restart of Klipper begins anew.
            while self.stretches.last().is_some_and(|last| last.time >= stretch.time) {
                self.stretches.pop();
            }
            self.stretches.push(stretch);
        }
        let until = self.until();
        let old = self.stretches.partition_point(|s| s.end() < until - KEPT);
        self.stretches.drain(..old);
    }

    /// The way, in order.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Print time up to which the way is known, s.
    #[must_use]
    pub fn until(&self) -> f64 {
        self.stretches.last().map_or(0.0, Stretch::end)
    }

    /// Where the head is at print time `time`, mm. Between two moves it stands where the first one ended.
    #[must_use]
    pub fn at(&self, time: f64) -> Option<[f64; 3]> {
        let after = self.stretches.partition_point(|s| s.time <= time);
        let stretch = self.stretches.get(after.checked_sub(1)?)?;
        Some(stretch.place(time - stretch.time))
    }

    /// When the head first passes `place` nearer than `near` (mm) between the print times `from` and `until`; where it
    /// never does, when it is nearest.
    #[must_use]
    pub fn passing(&self, place: [f64; 3], near: f64, from: f64, until: f64) -> Option<Passing> {
        let mut best: Option<Passing> = None;
        let within = self.stretches.iter().filter(|s| s.end() >= from && s.time <= until);
        for stretch in within {
            let passing = nearest(stretch, place, (from - stretch.time).max(0.0), until - stretch.time);
            if passing.distance <= near {
                return Some(passing);
            }
            if best.is_none_or(|best| passing.distance < best.distance) {
                best = Some(passing);
            }
        }
        best
    }
}

/// When a stretch comes nearest to a place, between `from` and `until` seconds after its begin.
fn nearest(stretch: &Stretch, to: [f64; 3], from: f64, until: f64) -> Passing {
    let until = until.clamp(from, stretch.duration.max(from));
    let along: f64 = (0..3).map(|axis| (to[axis] - stretch.from[axis]) * stretch.direction[axis]).sum();
    let (mut early, mut late) = (from, until);
    // The way only grows: halving finds the instant to a microsecond.
    while late - early > 1e-6 {
        let middle = f64::midpoint(early, late);
        if stretch.way(middle) < along {
            early = middle;
        } else {
            late = middle;
        }
    }
    let at = stretch.place(late);
    let distance = (0..3).map(|axis| (at[axis] - to[axis]).powi(2)).sum::<f64>().sqrt();
    Passing { time: stretch.time + late, distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Along x from 0 to 10 mm with 100 mm/s from print time 5 on, and back along y = 0.
    fn there_and_back() -> Trajectory {
        let cruise = |time, x: f64, direction: f64| Stretch {
            time,
            duration: 0.1,
            speed: 100.0,
            accel: 0.0,
            from: [x, 0.0, 0.2],
            direction: [direction, 0.0, 0.0],
        };
        let mut way = Trajectory::default();
        way.extend([cruise(5.0, 0.0, 1.0), cruise(5.1, 10.0, -1.0)]);
        way
    }

    #[test]
    fn the_head_is_found_at_any_time() {
        let way = there_and_back();
        assert_eq!(way.at(4.0), None);
        assert!((way.at(5.05).unwrap()[0] - 5.0).abs() < 1e-9);
        assert!((way.at(5.15).unwrap()[0] - 5.0).abs() < 1e-9);
        assert!((way.at(9.0).unwrap()[0]).abs() < 1e-9, "it stands where it ended");
        assert!((way.until() - 5.2).abs() < 1e-9);
    }

    #[test]
    fn the_first_passing_counts_and_only_within_the_time() {
        let way = there_and_back();
        let passing = way.passing([4.0, 0.0, 0.2], 0.01, 0.0, 9.0).unwrap();
        assert!((passing.time - 5.04).abs() < 1e-4 && passing.distance < 1e-3, "{passing:?}");
        let passing = way.passing([4.0, 0.0, 0.2], 0.01, 5.05, 9.0).unwrap();
        assert!((passing.time - 5.16).abs() < 1e-4, "{passing:?}");
        let beside = way.passing([4.0, 3.0, 0.2], 0.01, 0.0, 9.0).unwrap();
        assert!((beside.distance - 3.0).abs() < 1e-6, "{beside:?}");
    }

    #[test]
    fn an_accelerated_stretch_is_passed_late() {
        let mut way = Trajectory::default();
        let (from, direction) = ([0.0; 3], [1.0, 0.0, 0.0]);
        way.extend([Stretch { time: 1.0, duration: 1.0, speed: 0.0, accel: 2.0, from, direction }]);
        let passing = way.passing([0.25, 0.0, 0.0], 0.001, 0.0, 9.0).unwrap();
        assert!((passing.time - 1.5).abs() < 1e-4, "{passing:?}");
    }

    #[test]
    fn what_a_batch_repeats_counts_once_and_old_ones_are_forgotten() {
        let mut way = there_and_back();
        let (from, direction) = ([0.0; 3], [1.0, 0.0, 0.0]);
        way.extend([Stretch { time: 5.1, duration: 0.1, speed: 1.0, accel: 0.0, from, direction }]);
        assert_eq!(way.stretches.len(), 2);
        way.extend([Stretch { time: 99.0, duration: 0.1, speed: 1.0, accel: 0.0, from, direction }]);
        assert_eq!(way.stretches.len(), 1);
    }
}
