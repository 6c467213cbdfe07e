//! A virtual MCU that speaks Klipper's serial protocol on a pty and counts steps into true positions.
//!
//! * [`spec`]: what the machine is made of.
//! * [`port`](self): the pty and its thread; [`frame`], [`vlq`] and [`dictionary`] are the protocol.
//! * [`device`]: the firmware, without I/O; [`track`] and [`motion`] count steps, [`homing`] and [`output`] do the rest.
//!
//! The clock of the MCU is the host's `CLOCK_MONOTONIC`. Steps are not taken one by one: a queue of runs of steps is
//! kept, and positions are computed from it for any instant, so the MCU sleeps unless the host talks or a report is due.
//! It never shuts down because the host is late: late steps are taken at once and counted.

mod device;
mod dictionary;
mod frame;
mod homing;
mod motion;
mod output;
mod port;
pub mod spec;
mod track;
mod vlq;

pub use port::VirtualMcu;

/// Ticks per second of the MCU's clock.
pub const CLOCK_HZ: u64 = 16_000_000;

/// Seconds of `ticks`.
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / CLOCK_HZ as f64
}

/// The clock nearest to `now` whose low 32 bits are `clock`.
fn extend_clock(now: u64, clock: u32) -> u64 {
    now.saturating_add_signed(i64::from(clock.wrapping_sub(now as u32) as i32))
}
