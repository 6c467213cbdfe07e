//! Where the head goes for a frame: pure.
//!
//! A [`Stabilization`] says for each axis of the bed where the head stands in frame *n*; [`Limits`] are what the
//! printer can reach. [`Park`] is what a user chooses: a stabilisation, or one of the choices that need to know the
//! print ([`Park::NearestEdge`], [`Park::SnapToPrint`]).
//!
//! All lengths are in millimetres in the printer's own coordinates.

mod axis;
mod clamp;
mod nearest_edge;
mod path;
mod preset;

pub use axis::{Axis, Stabilization};
pub use clamp::{Bed, LimitError, Limits};
pub use nearest_edge::{EDGE_POINTS, edge_points};
pub use path::{Path, PathError, Repeat};
pub use preset::{Park, ParkError, Preset};

use serde::{Deserialize, Serialize};

/// A place on the bed, in mm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// To the right, mm.
    pub x: f64,
    /// To the back, mm.
    pub y: f64,
}

impl Point {
    /// The place at `x`, `y`.
    #[must_use]
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The square of the distance to `other`, mm².
    #[inline]
    #[must_use]
    pub fn distance2(self, other: Self) -> f64 {
        let (dx, dy) = (other.x - self.x, other.y - self.y);
        dx * dx + dy * dy
    }

    /// The distance to `other`, mm.
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        self.distance2(other).sqrt()
    }
}
