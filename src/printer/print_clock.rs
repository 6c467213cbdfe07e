//! Klipper's print time on our clock.

use std::collections::VecDeque;

use crate::clock::MonoTime;

/// Samples older than this are forgotten, s: at the drift of a microcontroller's crystal (below 100 ppm) a sample is then
/// off by at most 3 ms.
const WINDOW: f64 = 30.0;

/// Maps Klipper's print time to [`MonoTime`].
///
/// Klipper tells `toolhead.estimated_print_time`, the present instant in print time, with each status update. A message
/// takes a while to reach us, never less than nothing, so the smallest difference seen lately is the true one plus the
/// fastest transport. This works for any clock of Klipper's (it uses `CLOCK_MONOTONIC_RAW`), on any host, and however
/// late the message that announces a frame arrives.
#[derive(Clone, Debug, Default)]
pub struct PrintClock {
    /// When a sample arrived, and our time minus print time then; offsets increase from front to back, so the front is
    /// the minimum of the window.
    samples: VecDeque<(MonoTime, f64)>,
}

impl PrintClock {
    /// Notes that it was print time `print_time` (s) or a little later when a message arrived at `received`.
    pub fn observe(&mut self, print_time: f64, received: MonoTime) {
        let offset = received.as_secs_f64() - print_time;
        if !offset.is_finite() {
            return;
        }
        while self.samples.back().is_some_and(|(_, worse)| *worse >= offset) {
            self.samples.pop_back();
        }
        self.samples.push_back((received, offset));
        while self.samples.front().is_some_and(|(at, _)| received.secs_since(*at) > WINDOW) {
            self.samples.pop_front();
        }
    }

    /// When it is, or was, print time `print_time` (s); `None` before the first sample.
    #[must_use]
    pub fn at(&self, print_time: f64) -> Option<MonoTime> {
        let (_, offset) = self.samples.front()?;
        MonoTime::from_secs_f64(print_time + offset)
    }

    /// Forgets everything: a new Klipper counts print time anew.
    pub fn reset(&mut self) {
        self.samples.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> MonoTime {
        MonoTime::from_secs_f64(secs).unwrap()
    }

    #[test]
    fn the_fastest_message_sets_the_clock() {
        let mut clock = PrintClock::default();
        assert_eq!(clock.at(1.0), None);
        for (print_time, delay) in [(10.0, 0.200), (10.25, 0.004), (10.5, 0.090)] {
            clock.observe(print_time, at(100.0 + print_time + delay));
        }
        assert!((clock.at(12.0).unwrap().as_secs_f64() - 112.004).abs() < 1e-9);
    }

    #[test]
    fn old_samples_are_forgotten_so_that_drift_is_followed() {
        let mut clock = PrintClock::default();
        for second in 0..120 {
            let second = f64::from(second);
            // The microcontroller's clock runs slow by a tenth of a per mille.
            clock.observe(second * 0.9999, at(50.0 + second + 0.002));
        }
        let error = clock.at(119.0 * 0.9999).unwrap().as_secs_f64() - (50.0 + 119.0);
        assert!((-0.003..=0.003).contains(&error), "{error}");
    }

    #[test]
    fn nonsense_is_passed_over() {
        let mut clock = PrintClock::default();
        clock.observe(f64::NAN, at(1.0));
        assert_eq!(clock.at(0.0), None);
        clock.observe(5.0, at(6.0));
        clock.reset();
        assert_eq!(clock.at(5.0), None);
    }
}
