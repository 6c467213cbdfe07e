//! The machine's axes: steps become millimetres, and the path so far is kept for drawing.

use super::spec::{AXES, AxisSpec, MachineSpec};
use super::track::Track;
use super::{CLOCK_HZ, seconds};
use crate::machine::TruePosition;

/// Distance in time of the points of the path while something moves.
const PATH_TICKS: u64 = CLOCK_HZ / 100;
/// Distance in mm of the points of the path while the head moves fast.
const PATH_SPACING: f64 = 0.5;
/// The most points in [`PATH_TICKS`].
const PATH_DENSITY: u64 = 20;

/// X, Y, Z and E of a cartesian machine.
#[derive(Debug)]
pub(super) struct Motion {
    axes: [AxisSpec; AXES],
    tracks: [Track; AXES],
    path: Vec<TruePosition>,
    sampled: u64,
    late_runs: u64,
    worst_late: u64,
}

impl Motion {
    /// A machine that stands at its start position.
    pub(super) fn new(spec: &MachineSpec, now: u64) -> Self {
        let mut motion = Self {
            axes: spec.axes,
            tracks: Default::default(),
            path: Vec::new(),
            sampled: now,
            late_runs: 0,
            worst_late: 0,
        };
        motion.path.push(motion.position(now));
        motion
    }

    /// The steps of an axis (0 to 3 for X, Y, Z, E).
    pub(super) fn track(&mut self, axis: usize) -> &mut Track {
        &mut self.tracks[axis]
    }

    /// Queues steps; see [`Track::queue`].
    pub(super) fn queue(&mut self, now: u64, axis: usize, interval: u32, count: u32, add: i32) {
        let late = self.tracks[axis].queue(now, interval, count, add);
        if late > 0 {
            self.late_runs += 1;
            self.worst_late = self.worst_late.max(late);
        }
        if now.saturating_sub(self.sampled) > CLOCK_HZ {
            self.sample(now);
        }
    }

    /// Where the machine stands at `clock`.
    pub(super) fn position(&self, clock: u64) -> TruePosition {
        let [x, y, z, e] =
            std::array::from_fn(|i| self.axes[i].start + self.tracks[i].position(clock) as f64 * self.axes[i].step);
        TruePosition { x, y, z, e }
    }

    /// Whether steps are queued for later than `clock`.
    pub(super) fn moves_after(&self, clock: u64) -> bool {
        self.tracks.iter().any(|track| track.moves_after(clock))
    }

    /// Extends the path up to `now` and forgets steps that are too old.
    pub(super) fn sample(&mut self, now: u64) {
        while self.sampled + PATH_TICKS <= now {
            if !self.moves_after(self.sampled) {
                // Nothing moved since the last point, so there is nothing to add.
                self.sampled = now;
                break;
            }
            let (from, to) = (self.position(self.sampled), self.position(self.sampled + PATH_TICKS));
            let parts = ((to.x - from.x).hypot(to.y - from.y) / PATH_SPACING).ceil() as u64;
            let parts = parts.clamp(1, PATH_DENSITY);
            for part in 1..=parts {
                let position = self.position(self.sampled + PATH_TICKS * part / parts);
                if self.path.last() != Some(&position) {
                    self.path.push(position);
                }
            }
            self.sampled += PATH_TICKS;
        }
        for track in &mut self.tracks {
            track.prune(now);
        }
    }

    /// The path from point `from` on; call [`Motion::sample`] first.
    pub(super) fn path(&self, from: usize) -> &[TruePosition] {
        self.path.get(from..).unwrap_or_default()
    }

    /// When the endstop of `axis` reads `triggered`, from `from` on, as far as steps are queued; `None` also for an
    /// axis without endstop.
    pub(super) fn endstop_crossing(&self, axis: usize, from: u64, triggered: bool) -> Option<u64> {
        self.tracks[axis].crossing(from, self.endstop_steps(axis)?, triggered)
    }

    /// Whether the endstop of `axis` is pressed at `clock`.
    pub(super) fn endstop_pressed(&self, axis: usize, clock: u64) -> bool {
        self.endstop_steps(axis).is_some_and(|limit| self.tracks[axis].position(clock) <= limit)
    }

    /// How many runs of steps the host sent too late, and the worst delay in seconds.
    pub(super) fn lateness(&self) -> (u64, f64) {
        (self.late_runs, seconds(self.worst_late))
    }

    fn endstop_steps(&self, axis: usize) -> Option<i64> {
        let AxisSpec { step, start, endstop } = self.axes[axis];
        // A hair's breadth of slack, so that a step that lands on the switch presses it despite rounding.
        Some(((endstop? - start) / step + 1e-6).floor() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 50 * CLOCK_HZ;

    fn motion() -> Motion {
        Motion::new(&MachineSpec::default(), NOW)
    }

    #[test]
    fn steps_become_millimetres() {
        let mut motion = motion();
        let spec = MachineSpec::default();
        motion.track(0).reset_clock(NOW as u32);
        motion.track(0).set_forward(true);
        motion.queue(NOW, 0, 1_000, 80, 0);
        let position = motion.position(NOW + 80_000);
        assert!((position.x - (spec.axes[0].start + 80.0 * spec.axes[0].step)).abs() < 1e-9);
        assert_eq!(position.y, spec.axes[1].start);
    }

    #[test]
    fn the_path_has_a_point_every_10_ms_of_motion_and_none_at_rest() {
        let mut motion = motion();
        motion.track(1).reset_clock(NOW as u32);
        motion.track(1).set_forward(true);
        // One second of motion, a step each millisecond.
        motion.queue(NOW, 1, (CLOCK_HZ / 1_000) as u32, 1_000, 0);
        motion.sample(NOW + 60 * CLOCK_HZ);
        assert_eq!(motion.path(0).len(), 101);
        let last = motion.path(100)[0];
        assert_eq!(last, motion.position(NOW + 60 * CLOCK_HZ));
        assert!(motion.path(500).is_empty());
    }

    #[test]
    fn the_path_of_a_fast_move_has_a_point_every_half_millimetre() {
        let mut motion = motion();
        motion.track(0).reset_clock(NOW as u32);
        motion.track(0).set_forward(true);
        // 100 mm in 0.2 s.
        motion.queue(NOW, 0, (CLOCK_HZ / 40_000) as u32, 8_000, 0);
        motion.sample(NOW + CLOCK_HZ);
        let widest = motion.path(0).windows(2).map(|pair| pair[1].x - pair[0].x).fold(0.0, f64::max);
        assert!(widest <= 0.5 + 0.0125, "{widest} mm apart");
        assert_eq!(motion.path(0).last(), Some(&motion.position(NOW + CLOCK_HZ)));
    }

    #[test]
    fn an_endstop_is_pressed_at_and_below_its_position() {
        let mut motion = motion();
        let spec = MachineSpec::default().axes[0];
        let steps = ((spec.start - spec.endstop.unwrap()) / spec.step).round() as u32;
        motion.track(0).reset_clock(NOW as u32);
        motion.queue(NOW, 0, 100, steps + 5, 0);
        let crossing = motion.endstop_crossing(0, NOW, true).unwrap();
        assert_eq!(crossing, NOW + 100 * u64::from(steps));
        assert!(!motion.endstop_pressed(0, crossing - 1));
        assert!(motion.endstop_pressed(0, crossing));
        assert!((motion.position(crossing).x - spec.endstop.unwrap()).abs() < 1e-9);
        assert_eq!(motion.endstop_crossing(3, NOW, true), None);
    }
}
