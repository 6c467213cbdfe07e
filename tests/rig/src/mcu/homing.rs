//! Endstops, and the triggers that stop motors.

use super::CLOCK_HZ;
use super::motion::Motion;

/// How long after the step that presses it a switch is seen. The host converts the clock to seconds and back, and must
/// not come out before that step.
const SAMPLING_TICKS: u64 = CLOCK_HZ / 1_000_000;

/// Stops motors together, and tells the host regularly that it still can.
#[derive(Debug, Default)]
pub(super) struct Trsync {
    /// The axes to stop.
    pub(super) stop_axes: Vec<usize>,
    /// Why it was triggered; 0 before.
    pub(super) reason: u32,
    armed: bool,
    next_report: u64,
    report_ticks: u64,
}

impl Trsync {
    /// Armed, with reports every `report_ticks` from `report_clock` on (0: none).
    pub(super) fn started(report_clock: u64, report_ticks: u32) -> Self {
        // The host disarms it at its start by asking for no reports.
        Self { armed: true, next_report: report_clock, report_ticks: report_ticks.into(), ..Self::default() }
    }

    /// When it reports next.
    pub(super) fn next_report(&self) -> Option<u64> {
        (self.armed && self.report_ticks > 0).then_some(self.next_report)
    }

    /// The clock of the report that is due at `now`; reports that were missed are left out.
    pub(super) fn report(&mut self, now: u64) -> Option<u64> {
        let due = self.next_report().filter(|&due| due <= now)?;
        let clock = due + (now - due) / self.report_ticks * self.report_ticks;
        self.next_report = clock + self.report_ticks;
        Some(clock)
    }

    /// The axes to stop; `None` when it is not armed any more.
    pub(super) fn trigger(&mut self, reason: u32) -> Option<Vec<usize>> {
        if !std::mem::take(&mut self.armed) {
            return None;
        }
        self.reason = reason;
        Some(std::mem::take(&mut self.stop_axes))
    }
}

/// What an endstop is asked to look for.
#[derive(Debug)]
pub(super) struct Homing {
    /// Not before this clock.
    pub(super) from: u64,
    /// The time between two samples of a real MCU.
    pub(super) rest_ticks: u32,
    /// The level to look for.
    pub(super) level: bool,
    /// What to trigger,
    pub(super) trsync: u32,
    /// and why.
    pub(super) reason: u32,
}

/// An endstop switch.
#[derive(Debug)]
pub(super) struct Endstop {
    /// 0 to 2 for X, Y, Z.
    pub(super) axis: usize,
    /// What the host gets as the clock of the next sample.
    pub(super) next_clock: u32,
    /// Set while the host homes.
    pub(super) homing: Option<Homing>,
}

impl Endstop {
    /// The clock at which it triggers, as far as steps are queued.
    pub(super) fn trigger_clock(&self, motion: &Motion) -> Option<u64> {
        let homing = self.homing.as_ref()?;
        Some(motion.endstop_crossing(self.axis, homing.from, homing.level)? + SAMPLING_TICKS)
    }
}
