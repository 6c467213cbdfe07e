//! Monotonic and wall time, real or simulated.
//!
//! Everything that waits does so through tokio's timers, so a test that pauses tokio's clock simulates time; [`Clock`]
//! gives the readings that go with it.

use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// An instant on the host's `CLOCK_MONOTONIC`, as time since its (unspecified) zero.
///
/// `std::time::Instant` hides its number; camera servers (`X-UStreamer-Grab-Begin-Timestamp`) and Klipper print theirs,
/// so ours must be comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoTime(Duration);

impl MonoTime {
    /// The clock's zero.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The instant `secs` seconds after the clock's zero; `None` for a negative, huge or non-finite number.
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Option<Self> {
        Duration::try_from_secs_f64(secs).ok().map(Self)
    }

    /// Seconds since the clock's zero.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// Seconds from `earlier` to `self`, negative when `self` comes first.
    #[must_use]
    pub fn secs_since(self, earlier: Self) -> f64 {
        if self.0 >= earlier.0 { (self.0 - earlier.0).as_secs_f64() } else { -(earlier.0 - self.0).as_secs_f64() }
    }

    /// The instant `secs` seconds later (earlier when negative), held at the clock's zero.
    #[must_use]
    pub fn offset(self, secs: f64) -> Self {
        Self(Duration::try_from_secs_f64(self.as_secs_f64() + secs).unwrap_or_default())
    }
}

impl Add<Duration> for MonoTime {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

impl Sub<Duration> for MonoTime {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(rhs))
    }
}

/// Reads the time. Cheap to copy; hand it down instead of calling `now()` in the depths.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Pairs with `monotonic_at_origin`; tokio's instant stands still and jumps in a test with paused time.
    origin: Instant,
    monotonic_at_origin: Duration,
    /// `None` reads the system's clock; a simulated clock starts here and advances with tokio's.
    simulated_wall_at_origin: Option<Timestamp>,
}

impl Clock {
    /// The host's own clocks.
    #[must_use]
    pub fn real() -> Self {
        let origin = Instant::now();
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let monotonic_at_origin =
            Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default());
        Self { origin, monotonic_at_origin, simulated_wall_at_origin: None }
    }

    /// A clock that starts at `wall` and advances only with tokio's (paused) time.
    #[must_use]
    pub fn simulated(wall: Timestamp) -> Self {
        Self {
            origin: Instant::now(),
            monotonic_at_origin: Duration::from_secs(1_000),
            simulated_wall_at_origin: Some(wall),
        }
    }

    /// Now, on `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn monotonic(&self) -> MonoTime {
        MonoTime(self.monotonic_at_origin + self.origin.elapsed())
    }

    /// Now, in the time that people read.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        match self.simulated_wall_at_origin {
            None => Timestamp::now(),
            Some(start) => start.checked_add(self.origin.elapsed()).unwrap_or(start),
        }
    }

    /// Waits until `at`; returns at once when it has passed.
    pub async fn sleep_until(&self, at: MonoTime) {
        let wait = at.secs_since(self.monotonic());
        if let Ok(wait) = Duration::try_from_secs_f64(wait) {
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn simulated_time_advances_with_tokio() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let before = clock.monotonic();
        clock.sleep_until(before + Duration::from_secs(90)).await;
        assert!((clock.monotonic().secs_since(before) - 90.0).abs() < 0.01);
        assert_eq!(clock.wall().as_second(), 90);
    }

    #[test]
    fn offsets_and_differences_are_signed() {
        let t = MonoTime::from_secs_f64(10.0).unwrap();
        assert!((t.offset(-2.5).secs_since(t) + 2.5).abs() < 1e-9);
        assert_eq!(t.offset(-99.0).as_secs_f64(), 0.0);
        assert_eq!(MonoTime::from_secs_f64(f64::NAN), None);
    }
}
