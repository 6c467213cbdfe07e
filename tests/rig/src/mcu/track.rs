//! One stepper: its queue of steps with their exact clocks, and where they have taken it.

use std::collections::VecDeque;

use super::{CLOCK_HZ, extend_clock};

/// How much of the past is kept.
pub(super) const HISTORY_TICKS: u64 = 10 * CLOCK_HZ;

/// Steps in one direction whose distance in time grows evenly: one `queue_step` of the host.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    interval: i64,
    add: i64,
    count: u32,
    /// 1 or -1.
    direction: i64,
    /// Steps taken before this run.
    start: i64,
}

impl Run {
    /// The clock of step `n`, counted from 0.
    fn clock(&self, n: u32) -> u64 {
        let n = i64::from(n);
        // Step n comes n intervals after the first one; the interval has grown by `add` after each of them.
        self.first.saturating_add_signed(n * self.interval + self.add * (n * (n + 1) / 2))
    }

    fn end(&self) -> u64 {
        self.clock(self.count - 1)
    }

    /// How many of its steps have happened at `clock`.
    fn taken(&self, clock: u64) -> u32 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.clock(middle) <= clock { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn position(&self, clock: u64) -> i64 {
        self.start + self.direction * i64::from(self.taken(clock))
    }
}

/// A stepper motor, counted in steps since the machine was switched on.
#[derive(Debug, Default)]
pub(super) struct Track {
    runs: VecDeque<Run>,
    /// Where the queue ends.
    queued: i64,
    /// The clock of the last queued step, as the host counts it.
    last_clock: u32,
    forward: bool,
    /// Stopped by a trigger: what the host had queued is void until it resets the step clock.
    stopped: bool,
    /// Where the MCU began to count after its last reset.
    zero: i64,
}

impl Track {
    /// Queues `count` steps: the first one `interval` ticks after the last queued one, with the distance then growing
    /// by `add` per step. Returns by how many ticks the first step comes too late.
    pub(super) fn queue(&mut self, now: u64, interval: u32, count: u32, add: i32) -> u64 {
        if self.stopped || count == 0 {
            return 0;
        }
        let wanted = extend_clock(now, self.last_clock.wrapping_add(interval));
        // Steps of one motor cannot overtake each other, even when the host's clock jumps.
        let first = wanted.max(self.runs.back().map_or(0, Run::end));
        let add = i64::from(add);
        let direction = if self.forward { 1 } else { -1 };
        // `interval` was the distance to the first step; the next one follows after `interval + add`.
        let run = Run { first, interval: i64::from(interval), add, count, direction, start: self.queued };
        self.last_clock = self.last_clock.wrapping_add(interval).wrapping_add((run.end() - first) as u32);
        self.queued += direction * i64::from(count);
        self.runs.push_back(run);
        now.saturating_sub(wanted)
    }

    /// Sets the direction of the runs queued from now on.
    pub(super) fn set_forward(&mut self, forward: bool) {
        self.forward = forward;
    }

    /// Sets the clock that the next run counts from, and accepts runs again after a stop.
    pub(super) fn reset_clock(&mut self, clock: u32) {
        self.last_clock = clock;
        self.stopped = false;
    }

    /// Forgets what was to happen after `clock`, and everything queued until [`Track::reset_clock`].
    pub(super) fn stop(&mut self, clock: u64) {
        self.stopped = true;
        let happened = self.runs.partition_point(|run| run.first <= clock);
        self.queued = self.position(clock);
        self.runs.truncate(happened);
        if let Some(last) = self.runs.back_mut() {
            last.count = last.taken(clock);
        }
    }

    /// The MCU was reset at `now`: the motor stops there, and the MCU counts from zero again.
    pub(super) fn reset(&mut self, now: u64) {
        self.stop(now);
        self.reset_clock(0);
        self.forward = false;
        self.zero = self.queued;
    }

    /// Steps since the machine was switched on, at `clock`.
    pub(super) fn position(&self, clock: u64) -> i64 {
        let after = self.runs.partition_point(|run| run.first <= clock);
        match after.checked_sub(1) {
            Some(at) => self.runs[at].position(clock),
            None => self.runs.front().map_or(self.queued, |run| run.start),
        }
    }

    /// Steps since the MCU was reset, as it tells the host.
    pub(super) fn reported_position(&self, clock: u64) -> i64 {
        self.position(clock) - self.zero
    }

    /// Whether a step is to happen after `clock`.
    pub(super) fn moves_after(&self, clock: u64) -> bool {
        self.runs.back().is_some_and(|run| run.end() > clock)
    }

    /// The first clock from `from` on at which the position is at most (`below`) or above (`!below`) `limit`, as far
    /// as steps are queued.
    pub(super) fn crossing(&self, from: u64, limit: i64, below: bool) -> Option<u64> {
        if (self.position(from) <= limit) == below {
            return Some(from);
        }
        let mut at = self.runs.partition_point(|run| run.end() <= from);
        while let Some(run) = self.runs.get(at) {
            let towards = if below { run.direction < 0 } else { run.direction > 0 };
            let distance = if below { run.start - limit } else { limit + 1 - run.start };
            if towards && distance >= 1 && distance <= i64::from(run.count) {
                let clock = run.clock(distance as u32 - 1);
                if clock > from {
                    return Some(clock);
                }
            }
            at += 1;
        }
        None
    }

    /// Forgets what happened before the kept history. The position at older clocks is then the oldest one known.
    pub(super) fn prune(&mut self, now: u64) {
        let keep_from = now.saturating_sub(HISTORY_TICKS);
        while self.runs.get(1).is_some_and(|second| second.first <= keep_from) {
            self.runs.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 100 * CLOCK_HZ;

    fn track_at(now: u64) -> Track {
        let mut track = Track::default();
        track.reset_clock(now as u32);
        track.set_forward(true);
        track
    }

    #[test]
    fn steps_happen_at_their_clocks() {
        let mut track = track_at(NOW);
        assert_eq!(track.queue(NOW, 100, 3, 10), 0);
        // Steps at +100, then 110 and 120 ticks later.
        let expected = [(99, 0), (100, 1), (209, 1), (210, 2), (329, 2), (330, 3), (9_999, 3)];
        for (offset, steps) in expected {
            assert_eq!(track.position(NOW + offset), steps, "at +{offset}");
        }
        track.set_forward(false);
        track.queue(NOW, 70, 2, -20);
        assert_eq!([399, 400, 449, 450].map(|offset| track.position(NOW + offset)), [3, 2, 2, 1]);
    }

    #[test]
    fn clocks_beyond_32_bits_and_long_gaps_are_right() {
        let now = (7_u64 << 32) - 50;
        let mut track = Track::default();
        track.set_forward(true);
        // The host counts from 0 after a reset, so the first interval is the clock itself, cut to 32 bits.
        track.reset_clock(0);
        track.queue(now, 0_u32.wrapping_sub(10), 1, 0);
        track.queue(now, 30, 2, 0);
        assert_eq!([now + 39, now + 40, now + 69, now + 70, now + 100].map(|c| track.position(c)), [0, 1, 1, 2, 3]);
    }

    #[test]
    fn late_steps_are_taken_at_once_and_reported_as_late() {
        let mut track = track_at(NOW - 1_000);
        assert_eq!(track.queue(NOW, 400, 5, 10), 600);
        assert_eq!(track.position(NOW), 2);
        assert_eq!(track.position(NOW + 10_000), 5);
    }

    #[test]
    fn a_stop_cuts_the_queue_until_the_clock_is_reset() {
        let mut track = track_at(NOW);
        track.queue(NOW, 100, 10, 0);
        track.queue(NOW, 100, 10, 0);
        track.stop(NOW + 450);
        assert_eq!(track.position(NOW + 100_000), 4);
        track.queue(NOW, 100, 10, 0);
        assert_eq!(track.position(NOW + 100_000), 4);
        track.reset_clock((NOW + 1_000) as u32);
        track.queue(NOW, 100, 1, 0);
        assert_eq!(track.position(NOW + 1_100), 5);
    }

    #[test]
    fn the_crossing_is_the_clock_of_the_step_that_crosses() {
        let mut track = track_at(NOW);
        track.set_forward(false);
        track.queue(NOW, 100, 50, 0);
        track.queue(NOW, 100, 50, 0);
        assert_eq!(track.crossing(NOW, -70, true), Some(NOW + 7_000));
        assert_eq!(track.crossing(NOW, -101, true), None);
        assert_eq!(track.crossing(NOW + 7_500, -70, true), Some(NOW + 7_500));
        track.set_forward(true);
        track.queue(NOW, 100, 80, 0);
        assert_eq!(track.crossing(NOW + 7_500, -70, false), Some(NOW + 13_100));
    }

    #[test]
    fn the_oldest_known_position_stands_for_all_before_it() {
        let mut track = track_at(NOW);
        for _ in 0..4 {
            track.queue(NOW, (4 * CLOCK_HZ) as u32, 1, 0);
        }
        let now = NOW + 20 * CLOCK_HZ;
        track.prune(now);
        assert_eq!(track.position(NOW), 1);
        assert_eq!(track.position(now - HISTORY_TICKS), 2);
        assert_eq!(track.position(now), 4);
    }
}
