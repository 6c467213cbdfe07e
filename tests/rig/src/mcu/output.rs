//! Digital and PWM outputs, and the bodies that they heat.

use std::collections::VecDeque;

use super::spec::HeaterSpec;
use super::{extend_clock, seconds};

/// So many values of the past are kept.
const KEPT: usize = 64;

/// An output whose value is a share of full power.
#[derive(Debug)]
pub(super) struct Output {
    /// Its number in the dictionary.
    pub(super) pin: u32,
    /// Ticks of one PWM cycle; 1 for a plain digital output.
    pub(super) cycle_ticks: u32,
    default: f64,
    /// How long a value other than the default holds without a new one; 0 for ever.
    max_ticks: u64,
    value: f64,
    since: u64,
    /// What it was before, each with the clock at which it began to hold.
    past: VecDeque<(u64, f64)>,
    queue: VecDeque<(u64, f64)>,
}

impl Output {
    /// An output that holds `value` until it gets another one, or `default` when that takes longer than `max_ticks`
    /// (a real MCU shuts down then; this one must bear a late host).
    pub(super) fn new(pin: u32, cycle_ticks: u32, value: f64, default: f64, max_ticks: u32, now: u64) -> Self {
        let max_ticks = u64::from(max_ticks);
        let (past, queue) = (VecDeque::new(), VecDeque::new());
        Self { pin, cycle_ticks, default, max_ticks, value, since: now, past, queue }
    }

    /// Sets the value from `clock` on; at once when that has passed.
    pub(super) fn queue(&mut self, now: u64, clock: u32, value: f64) {
        let clock = extend_clock(now, clock).max(now);
        // A later command for an earlier time overrides what it comes before.
        self.queue.retain(|&(at, _)| at < clock);
        self.queue.push_back((clock, value));
    }

    /// Sets the value now.
    pub(super) fn set(&mut self, now: u64, value: f64) {
        self.queue.clear();
        self.hold(now, value);
    }

    /// Sets the default value now.
    pub(super) fn release(&mut self, now: u64) {
        self.set(now, self.default);
    }

    /// The value at `at`, which is `now` or before; the oldest one known for a past that is no longer kept.
    pub(super) fn value_at(&mut self, now: u64, at: u64) -> f64 {
        while self.advance(now).is_some() {}
        if self.since <= at {
            return self.value;
        }
        let before = self.past.iter().rev().find(|(since, _)| *since <= at).or(self.past.front());
        before.map_or(self.value, |(_, value)| *value)
    }

    fn hold(&mut self, since: u64, value: f64) {
        self.past.push_back((self.since, self.value));
        if self.past.len() > KEPT {
            self.past.pop_front();
        }
        (self.value, self.since) = (value, since);
    }

    /// The value at `until` and the clock at which it began to hold, moving past queued values.
    fn advance(&mut self, until: u64) -> Option<(u64, f64)> {
        let held =
            if self.max_ticks > 0 && self.value != self.default { self.since + self.max_ticks } else { u64::MAX };
        let next = self.queue.front().copied();
        let (at, value) = match next {
            Some((at, value)) if at <= held => (at, value),
            _ if held < u64::MAX => (held, self.default),
            _ => return None,
        };
        if at > until {
            return None;
        }
        if next == Some((at, value)) {
            self.queue.pop_front();
        }
        let before = self.value;
        self.hold(at, value);
        Some((at, before))
    }
}

/// A heated body.
#[derive(Debug)]
pub(super) struct Body {
    /// What it is.
    pub(super) spec: HeaterSpec,
    ambient: f64,
    temperature: f64,
    at: u64,
}

impl Body {
    /// A body at its start temperature.
    pub(super) fn new(spec: HeaterSpec, ambient: f64, now: u64) -> Self {
        Self { spec, ambient, temperature: spec.start, at: now }
    }

    /// Its temperature at `now` in °C, heated by `output` since the last call (`None`: not heated).
    pub(super) fn temperature(&mut self, now: u64, output: Option<&mut Output>) -> f64 {
        if let Some(output) = output {
            while let Some((at, value)) = output.advance(now) {
                self.heat(at, value);
            }
            self.heat(now, output.value);
        } else {
            self.heat(now, 0.0);
        }
        self.temperature
    }

    fn heat(&mut self, until: u64, value: f64) {
        let goal = self.ambient + self.spec.rise * value;
        let dt = seconds(until.saturating_sub(self.at));
        self.temperature = goal + (self.temperature - goal) * (-dt / self.spec.time_constant).exp();
        self.at = self.at.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::CLOCK_HZ;
    use crate::mcu::spec::MachineSpec;

    const SECOND: u64 = CLOCK_HZ;

    fn body() -> Body {
        Body::new(MachineSpec::default().heaters[0], 23.0, 0)
    }

    #[test]
    fn full_power_covers_63_percent_of_the_way_in_a_time_constant() {
        let mut output = Output::new(0, 1, 1.0, 0.0, 0, 0);
        let t = body().temperature(20 * SECOND, Some(&mut output));
        assert!((t - (23.0 + 500.0 * 0.632_12)).abs() < 0.01, "{t}");
    }

    #[test]
    fn queued_values_heat_for_as_long_as_they_hold() {
        let mut output = Output::new(0, 1, 0.0, 0.0, 0, 0);
        output.queue(0, SECOND as u32, 1.0);
        output.queue(0, (2 * SECOND) as u32, 0.0);
        let mut queued = body();
        queued.temperature(2 * SECOND, Some(&mut output));
        let mut direct = body();
        direct.heat(SECOND, 0.0);
        direct.heat(2 * SECOND, 1.0);
        assert!((queued.temperature - direct.temperature).abs() < 1e-9);
        assert!(queued.temperature > 45.0);
    }

    #[test]
    fn a_value_of_the_past_is_known() {
        let mut lamp = Output::new(0, 1, 0.0, 0.0, 0, 0);
        lamp.queue(0, SECOND as u32, 1.0);
        lamp.queue(0, (2 * SECOND) as u32, 0.5);
        let at = |lamp: &mut Output, tenths: u64| lamp.value_at(3 * SECOND, tenths * SECOND / 10);
        assert_eq!([5, 15, 25].map(|tenths| at(&mut lamp, tenths)), [0.0, 1.0, 0.5]);
    }

    #[test]
    fn a_heater_that_nobody_refreshes_goes_off() {
        let mut output = Output::new(0, 1, 0.0, 0.0, (3 * SECOND) as u32, 0);
        output.queue(0, 0, 1.0);
        let mut body = body();
        let hot = body.temperature(3 * SECOND, Some(&mut output));
        assert!(body.temperature(60 * SECOND, Some(&mut output)) < hot / 2.0);
    }
}
