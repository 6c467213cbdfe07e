//! What calibration finds out about a camera.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::camera::Measured;

/// The figures are this good, s: print time is known to a few milliseconds, an exposure to about ten.
const MARGIN: f64 = 0.010;

/// How late a camera's pictures are and how long they were exposed, s.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// From the end of an exposure to the arrival of its frame. For snapshots to the request, and negative where the
    /// server waits for a later frame.
    pub latency_s: f64,
    /// How long an exposure lasts, at most one interval.
    pub exposure_s: f64,
    /// From one frame to the next.
    pub interval_s: f64,
    /// How much the latency differs from frame to frame.
    pub jitter_s: f64,
    /// Standard error of the latency.
    pub error_s: f64,
    /// Comings and goings of the head that were seen.
    pub edges: u32,
    /// How the server's own timestamps stand up, where it gives any.
    pub stamps: Option<Stamps>,
}

/// A server's timestamps, compared with the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamps {
    /// How much later than stamped the middle of the exposures was, s.
    pub offset_s: f64,
    /// The exposures lie where the timestamps say.
    pub right: bool,
}

impl Timing {
    /// What the camera is to work with. Its exposures end when they did here, but may begin earlier: in the dark a camera
    /// exposes for longer, up to an interval.
    #[must_use]
    pub fn measured(&self) -> Measured {
        let sure = self.jitter_s / 2.0 + MARGIN / 2.0;
        let ends = self.latency_s - sure;
        let begins = self.latency_s + self.interval_s + sure;
        let signed = |secs: f64| SignedDuration::try_from_secs_f64(secs).unwrap_or_default();
        let stamps_are_wrong = self.stamps.is_some_and(|stamps| !stamps.right);
        Measured { begins: signed(begins), ends: signed(ends), stamps_are_wrong }
    }

    /// How long the head must stand still for a frame, s: whatever its phase, one whole exposure falls into it.
    #[must_use]
    pub fn hold_s(&self) -> f64 {
        let Measured { begins, ends, .. } = self.measured();
        (begins - ends).as_secs_f64() + self.interval_s
    }
}
