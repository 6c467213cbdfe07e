//! What a user should know about a plan, in words.

use std::fmt;

use serde::{Serialize, Serializer};

/// Something about the file or the choices that makes the film worse, or that explains the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issue {
    /// The file is a vase.
    Vase,
    /// Objects are printed one after another.
    Sequential {
        /// How many.
        objects: u32,
        /// Frames for which the head rises above what is finished.
        risen: usize,
        /// Frames that move nothing because there is no safe way.
        still: usize,
    },
    /// The file never retracts.
    NoRetraction,
    /// Some frames do not begin in a retraction of the file's.
    OwnRetractions {
        /// How many frames begin with a retraction of our own.
        frames: u32,
    },
    /// The file does not say what it prints.
    NoFeatures,
    /// Octolapse's fast mode.
    Fast,
    /// Snap-to-print on visible walls.
    SnapOnWalls,
    /// The file calls for frames itself.
    OwnCalls {
        /// How often.
        calls: u32,
    },
    /// The extruded layers are not those that the slicer marks.
    LayersDisagree {
        /// Layers by extrusion.
        layers: u32,
        /// Layers by the slicer's marks.
        marked: u32,
    },
    /// The file turned the frames off for some time.
    Stopped,
    /// The plan has no frame at all.
    Empty,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vase => f.write_str(
                "vase mode: a stop would leave a mark on the wall, so frames are taken in passing, without any move",
            ),
            Self::Sequential { objects, risen, still } => {
                write!(f, "{objects} objects are printed one after another")?;
                match risen {
                    0 => f.write_str("; no way to the park position leads past a finished one"),
                    n => write!(f, "; for {n} frames the head rises above the finished ones"),
                }?;
                match still {
                    0 => Ok(()),
                    n => write!(f, "; {n} frames are taken without a move because it cannot"),
                }
            }
            Self::NoRetraction => f.write_str(
                "the file never retracts: every frame needs a retraction of its own, which may leave strings or blobs",
            ),
            Self::OwnRetractions { frames } => {
                write!(f, "{frames} frames begin with a retraction of their own, which may leave strings or blobs")
            }
            Self::NoFeatures => f.write_str(
                "the file does not say what it prints (no ;TYPE: comments), so visible walls cannot be avoided",
            ),
            Self::Fast => f.write_str("the fast mode may stop on visible walls; retracted_travel avoids them"),
            Self::SnapOnWalls => f.write_str("snap_to_print without high_quality may stop on visible walls"),
            Self::OwnCalls { calls } => {
                write!(f, "the file asks for {calls} frames itself; live filming then stands back")
            }
            Self::LayersDisagree { layers, marked } => {
                write!(f, "{layers} layers are extruded but the slicer marks {marked}; the plan follows the extrusion")
            }
            Self::Stopped => f.write_str("the file turns the snapshots off for a part of the print"),
            Self::Empty => f.write_str("there is no layer in which a frame can be taken"),
        }
    }
}

impl Serialize for Issue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
