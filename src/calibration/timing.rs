//! What calibration finds out about a camera.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::camera;

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
    /// What the camera is to work with. The middle of an exposure is found exactly, its length only roughly: so an exposure
    /// may end up to half an interval behind its middle, whatever was found. And it may begin an interval before its end,
    /// because in the dark a camera exposes for longer than in the light in which it was calibrated.
    #[must_use]
    pub fn for_camera(&self) -> camera::Timing {
        let seconds = |secs: f64| Duration::try_from_secs_f64(secs).unwrap_or_default();
        let middle = self.latency_s + self.exposure_s / 2.0;
        camera::Timing {
            // Nothing arrives before its exposure ends.
            latency: seconds((middle - self.interval_s / 2.0).max(0.0)),
            exposure: seconds(1.5 * self.interval_s),
            jitter: seconds((self.jitter_s + MARGIN) / 2.0),
        }
    }

    /// By how much a picture may be earlier or later than [`Timing::latency_s`], s.
    #[must_use]
    pub fn spread_s(&self) -> f64 {
        self.jitter_s / 2.0 + 2.0 * self.error_s
    }

    /// How long the head must stand still for a frame of a stream, s: whatever its phase, one whole exposure falls into
    /// it.
    #[must_use]
    pub fn hold_s(&self) -> f64 {
        1.5 * self.interval_s + self.jitter_s + MARGIN + self.interval_s
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |secs: f64| secs * 1e3;
        write!(
            f,
            "{:.0} ms late (+- {:.0}), a frame every {:.0} ms, exposed for about {:.0} ms; the head stands still for {:.0} ms",
            ms(self.latency_s),
            ms(self.spread_s()).max(1.0),
            ms(self.interval_s),
            ms(self.exposure_s),
            ms(self.hold_s()),
        )?;
        match self.stamps {
            None => Ok(()),
            Some(Stamps { right: true, .. }) => write!(f, "; its server's timestamps are right"),
            Some(Stamps { offset_s, right: false }) => {
                write!(f, "; its server's timestamps are {:.0} ms off, which is allowed for", ms(offset_s))
            }
        }
    }
}
