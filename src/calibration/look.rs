//! What was seen, and when.

use super::Thumb;
use crate::camera::Span;
use crate::clock::MonoTime;

/// A frame as calibration keeps it.
#[derive(Clone, Debug)]
pub struct Look {
    /// What later captures count from: the arrival of a frame of a stream, the request of a snapshot.
    pub at: MonoTime,
    /// Its bytes are others than those of the frame before: servers give a snapshot several times.
    pub is_new: bool,
    /// When the server says that it was exposed, where it says so.
    pub stamped: Option<Span>,
    /// The picture.
    pub thumb: Thumb,
}
