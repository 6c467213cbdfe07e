//! What is known about a camera.

use std::time::Duration;

use super::Miss;
use super::exposure::Freshness;
use super::server::Server;

/// How frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From a stream held open.
    Stream,
    /// By one request per frame.
    Snapshots,
    /// By one run of a program per frame.
    Script,
    /// Triggered by the printer; none come.
    Gcode,
}

/// What is known about a camera, for people and for the planner.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraFacts {
    /// How frames come.
    pub kind: Kind,
    /// Which server sends them.
    pub server: Server,
    /// Whether frames come now.
    pub connected: bool,
    /// Of the last frame, pixels.
    pub resolution: Option<(u32, u32)>,
    /// Frames per second of the stream; `None` before it is measured and without a stream.
    pub fps: Option<f64>,
    /// How the exposure of the last frame was known.
    pub freshness: Option<Freshness>,
    /// The greatest recent time from exposure to arrival.
    pub latency: Duration,
    /// Why it is not connected, or what was wrong with the last picture.
    pub trouble: Option<Miss>,
    /// Why one of the addresses is not used as it was meant, though frames come.
    pub remark: Option<Miss>,
    /// What has happened since it was opened.
    pub counts: Counts,
}

/// What has happened since a camera was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Whole pictures that came.
    pub received: u64,
    /// Pictures that were refused: broken, or "no signal".
    pub refused: u64,
    /// Pictures that equal the one before, byte for byte.
    pub repeated: u64,
    /// How often the connection was made.
    pub connections: u64,
    /// Captures that gave a frame.
    pub taken: u64,
    /// Captures that gave none.
    pub missed: u64,
    /// Captures without a frame since the last one that gave one.
    pub missed_in_a_row: u64,
}
