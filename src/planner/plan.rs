//! The plan: which frames, where, at what cost, and what could not be had.

use serde::{Serialize, Serializer};

use super::candidate::Kind;
use super::cost::Cost;
use super::issues::Issue;
use super::options::Mode;
use super::trigger::Trigger;
use crate::gcode::feature::Feature;
use crate::stabilize::Point;

/// The frames of one track.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The track's name.
    pub track: String,
    /// What makes a frame due.
    pub trigger: Trigger,
    /// How places were ranked. In vase mode always [`Mode::ZeroMotion`].
    pub mode: Mode,
    /// Where the head stands in every frame, if it is one place.
    #[serde(serialize_with = "point")]
    pub park: Option<Point>,
    /// The frames in the file's order.
    pub snapshots: Vec<Snapshot>,
    /// Frames that were due and cannot be taken.
    pub missed: Vec<Missed>,
    /// What a user should know.
    pub issues: Vec<Issue>,
    /// All together.
    pub totals: Totals,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// The layer, from 1.
    pub layer: u32,
    /// Its z, mm.
    #[serde(serialize_with = "mm")]
    pub height: f64,
    /// Estimated print time at which it becomes due, s.
    #[serde(serialize_with = "mm")]
    pub time_s: f64,
    /// Where the head goes; `None` for an axis that stays where the print has it.
    pub park: Target,
    /// From here to there in the file the frame belongs to its layer.
    pub span: Span,
    /// Where to take it, best first. All without extruding moves.
    pub windows: Vec<Window>,
    /// Where to take it when no window was met: any place in there will do, with a retraction of our own and a way
    /// back. This one may well contain extruding moves.
    pub fallback: Option<Window>,
    /// Estimated cost in the first window, or else in the fallback, s.
    #[serde(serialize_with = "mm")]
    pub cost_s: f64,
    /// Estimated cost when any of the windows may be met, s: the mean of theirs, each with the share of the time that it is
    /// open.
    #[serde(serialize_with = "mm")]
    pub likely_s: f64,
    /// `cost_s` in full.
    #[serde(skip)]
    pub cost: Cost,
}

impl Snapshot {
    /// Whether the frame is taken in passing, without any move or hold.
    #[must_use]
    pub fn moves_nothing(&self) -> bool {
        self.windows.first().is_some_and(|w| w.kind == Kind::ZeroMotion)
    }
}

/// Where the head goes for a frame, mm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Target {
    /// To the right.
    #[serde(serialize_with = "option_mm")]
    pub x: Option<f64>,
    /// To the back.
    #[serde(serialize_with = "option_mm")]
    pub y: Option<f64>,
}

/// A part of the file in bytes, counted as `virtual_sdcard.file_position`: any p with `from <= p <= to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// A stretch of the file in which a frame may be taken.
///
/// A script that runs when `virtual_sdcard.file_position` is p finds the machine as the lines that end at or before p
/// have left it. Any p with `from <= p <= to` is a good moment; `from` itself is the best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Window {
    /// The first and the last moment.
    #[serde(flatten)]
    pub span: Span,
    /// What the head is doing.
    pub kind: Kind,
    /// What was printed last.
    #[serde(serialize_with = "feature")]
    pub feature: Option<Feature>,
    /// Whether the head must come back: to where it left, or with `rise_to` to `resume`. If not, the file's next move in
    /// x and y goes to a place of its own, without filament, from wherever the head is. Z must be restored in any case.
    #[serde(rename = "return")]
    pub returns: bool,
    /// Extra way of the head, mm.
    #[serde(serialize_with = "mm")]
    pub travel_mm: f64,
    /// Whether the filament is not retracted yet, so that the frame needs a retraction of its own.
    pub retract: bool,
    /// Whether a z-hop is in it.
    pub lifted: bool,
    /// Where the head is at `from`, mm: x, y, z.
    #[serde(serialize_with = "numbers")]
    pub at: [f64; 3],
    /// Where the print goes on after the frame, mm: x, y.
    #[serde(serialize_with = "numbers")]
    pub resume: [f64; 2],
    /// The head must rise to this z (mm) for its way, because something finished is in it.
    #[serde(serialize_with = "option_mm", skip_serializing_if = "Option::is_none")]
    pub rise_to: Option<f64>,
    /// The object that is being printed. Klipper swallows every move while that one is excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Estimated print time at `from`, s.
    #[serde(serialize_with = "mm")]
    pub time_s: f64,
    /// Estimated time of the moves that end between `from` and `to`, s: how long Klipper's file position stays there, so
    /// how likely it is met.
    #[serde(serialize_with = "mm")]
    pub seconds: f64,
}

/// A frame that was due and cannot be taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missed {
    /// The layer, from 1.
    pub layer: u32,
    /// Why.
    pub reason: Reason,
}

/// Why a frame cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing in the layer is a place for a frame.
    NoPlace,
    /// The position is not known, after a macro that may move the head.
    UnknownPosition,
    /// The file has stopped the frames.
    Stopped,
    /// Every place is in a forbidden area, or outside the required ones, or the way crosses one to be avoided.
    Restricted,
    /// The required feature is not in the layer, or the extruder is never in a required state.
    Required,
    /// Every place is too near to an outer wall or a seam.
    NearWall,
    /// Something finished is in every way, and the printer cannot rise above it.
    Blocked,
}

impl Reason {
    /// In words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoPlace => "no place in the layer suits a frame",
            Self::UnknownPosition => "the head's position is not known there, after a macro that may move it",
            Self::Stopped => "the file has stopped the snapshots",
            Self::Restricted => "the restricted areas leave no place",
            Self::Required => "the required feature or extruder state does not occur",
            Self::NearWall => "every place is too near to an outer wall or a seam",
            Self::Blocked => "a finished object is in the way and the head cannot rise above it",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// A plan in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Layers of the file.
    pub layers: u32,
    /// Frames planned.
    pub snapshots: usize,
    /// Frames that are missed.
    pub missed: usize,
    /// Frames whose best window needs no way back.
    pub without_return: usize,
    /// Frames that move nothing.
    pub without_move: usize,
    /// Frames with less than three windows.
    pub under_three_windows: usize,
    /// Extra way of the head, mm.
    #[serde(serialize_with = "mm")]
    pub travel_mm: f64,
    /// Retractions beyond the file's own.
    pub extra_retractions: u32,
    /// Extra time when each frame is taken in its best window, s.
    #[serde(serialize_with = "mm")]
    pub added_s: f64,
    /// Extra time when each is taken in the first window that is met, as it is without calls in the file, s.
    #[serde(serialize_with = "mm")]
    pub likely_s: f64,
    /// Extra time for each frame in its best window, s.
    #[serde(serialize_with = "mm")]
    pub added_per_snapshot_s: f64,
    /// Estimated time of the print without frames, s.
    #[serde(serialize_with = "mm")]
    pub print_s: f64,
}

/// Micrometres and milliseconds are fine enough.
fn rounded(n: f64) -> f64 {
    let n = (n * 1000.0).round() / 1000.0;
    // No -0.
    if n == 0.0 { 0.0 } else { n }
}

fn mm<S: Serializer>(n: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*n))
}

fn option_mm<S: Serializer>(n: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    n.map(rounded).serialize(serializer)
}

fn numbers<S: Serializer>(n: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(n.iter().map(|n| rounded(*n)))
}

fn point<S: Serializer>(p: &Option<Point>, serializer: S) -> Result<S::Ok, S::Error> {
    p.map(|p| Point::new(rounded(p.x), rounded(p.y))).serialize(serializer)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn feature<S: Serializer>(f: &Option<Feature>, serializer: S) -> Result<S::Ok, S::Error> {
    f.map(Feature::name).serialize(serializer)
}
