//! What all tracks share while a file is being read.

use crate::stabilize::Limits;

use super::motion::Stopwatch;
use super::obstacles::HeightMap;
use super::options::FrameMoves;
use super::walls::Walls;

/// The printer and the print so far.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) limits: Limits,
    pub(super) moves: FrameMoves,
    pub(super) watch: Stopwatch,
    pub(super) heights: HeightMap,
    pub(super) walls: Walls,
    /// The file has stopped the frames.
    pub(super) stopped: bool,
}

impl Scene {
    /// Estimated print time, s.
    pub(super) fn now(&self) -> f64 {
        self.watch.elapsed()
    }
}
