//! How long to wait before the next attempt.

use std::time::Duration;

/// Doubles from half a second to half a minute.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);

    /// The wait after one more failure.
    pub fn next_wait(&mut self) -> Duration {
        let wait = Self::FIRST.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        wait.min(Self::LONGEST)
    }

    /// Begins anew after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute_and_for_ever() {
        let mut backoff = Backoff::default();
        let waits: Vec<f64> = (0..40).map(|_| backoff.next_wait().as_secs_f64()).collect();
        assert_eq!(waits[..7], [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]);
        assert_eq!(waits[39], 30.0);
        backoff.reset();
        assert_eq!(backoff.next_wait(), Backoff::FIRST);
    }
}
