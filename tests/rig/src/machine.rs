//! What the virtual machine does, as its camera sees it.

/// Where the machine truly stands, in mm (E: mm of filament since the start).
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the axes name themselves")]
pub struct TruePosition {
    pub x: f64,
    pub y: f64,
    pub z: f64,
    pub e: f64,
}

/// Now, in seconds on `CLOCK_MONOTONIC`, the time of everything in the rig.
#[must_use]
pub fn monotonic() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// A machine that can tell where it stood at any recent instant.
pub trait Machine: Send + Sync + 'static {
    /// The position at `at` seconds on `CLOCK_MONOTONIC`; the present one for the future, the oldest one known for a
    /// past that is no longer kept (at least 5 s are).
    fn position_at(&self, at: f64) -> TruePosition;

    /// How bright it was at `at`, as a share of full light.
    fn light_at(&self, _at: f64) -> f64 {
        1.0
    }

    /// The path so far, sampled densely enough to draw the part (a point at least every 10 ms while moving), from
    /// point number `from` on. Filament is laid between two points when E grows beyond its maximum so far.
    fn path(&self, from: usize) -> Vec<TruePosition>;
}
