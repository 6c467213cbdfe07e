//! How late a camera's pictures are, found from the pictures: the head moves to and fro at known times, and the time at
//! which the pictures show it, less the time at which it happened, is the camera's latency.
//!
//! # Why it works without knowing the picture
//!
//! The head goes from A to B and back, stands a different while each time, and each picture gets a number: 0 for the
//! picture of the head at A, 1 for the one at B. When the head leaves A the number rises through some level; when it comes
//! to A it falls through it. How far the head must be away for that level nobody knows, but it is the same both times,
//! and accelerating is braking in reverse: what makes the leaving seem late makes the coming seem early. So the mean of
//! both is the latency, and half of their difference is how long the head takes to become visible.
//!
//! The middle of an exposure is what such crossings tell. The length of the exposure follows from the first visible and
//! the last visible trace of movement, less exactingly.
//!
//! # Layout
//!
//! * [`Thumb`]: a picture, small and grey.
//! * [`Watch`]: collects the frames of a camera while the head moves.
//! * [`measure`]: the arithmetic. Pure.
//! * [`Tour`]: the moves. Pure.
//! * [`permission`]: whether the head may move. Pure.
//! * [`Curve`]: what was seen, for people. [`Timing`]: the result; [`keep`] and [`known`]: the store's copy of it.

mod crossing;
mod curve;
mod estimate;
mod look;
mod permit;
mod picture;
mod record;
mod timing;
mod tour;
mod watch;

pub use curve::Curve;
pub use estimate::{Trouble, measure};
pub use look::Look;
pub use permit::{Refusal, permission};
pub use picture::Thumb;
pub use record::{Known, keep, known, known_in_full};
pub use timing::{Stamps, Timing};
pub use tour::{Place, Stand, Step, Tour};
pub use watch::Watch;
