//! What the store keeps.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{NewReel, ReelSummary, SessionId};

/// How a print stands or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Still printing, as far as the journal knows.
    Printing,
    /// Printed to its end.
    Complete,
    /// Cancelled by somebody.
    Cancelled,
    /// Klipper reported an error.
    Error,
    /// The agent was away when it ended, so nobody knows how.
    Interrupted,
}

impl Outcome {
    /// The word in the journal and in listings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Printing => "printing",
            Self::Complete => "complete",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
            Self::Interrupted => "interrupted",
        }
    }

    /// An unknown word, which only a hand-edited journal has, reads as interrupted.
    pub(super) fn from_word(word: &str) -> Self {
        [Self::Printing, Self::Complete, Self::Cancelled, Self::Error]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
            .unwrap_or(Self::Interrupted)
    }
}

/// What is known when a session starts.
#[derive(Clone, Debug, Default)]
pub struct NewSession {
    /// The printed file with its path below the `gcodes` root, as Moonraker names it. Empty for streamed prints.
    pub print_file: String,
    /// Moonraker's history job, when known: tells two prints of one file apart.
    pub job_id: Option<String>,
    /// When the print started.
    pub started_at: Timestamp,
    /// Name of the main camera.
    pub camera: Option<String>,
    /// The settings that were in force.
    pub settings: serde_json::Value,
    /// Its reels, the main one first; without any, `camera` makes the one.
    pub reels: Vec<NewReel>,
    /// Layers of the printed file, when known.
    pub layers: Option<u32>,
}

/// One print's session.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    /// Its name and folder.
    pub id: SessionId,
    /// As in [`NewSession`]; empty when the journal was lost and rebuilt.
    pub print_file: String,
    /// As in [`NewSession`].
    pub job_id: Option<String>,
    /// When the print started.
    pub started_at: Timestamp,
    /// When it ended; `None` while printing.
    pub ended_at: Option<Timestamp>,
    /// How it stands or ended.
    pub outcome: Outcome,
    /// Name of the main camera.
    pub camera: Option<String>,
    /// The settings that were in force at the start.
    pub settings: serde_json::Value,
    /// Layers of the printed file, filmed or not, when known.
    pub layers: Option<u32>,
}

/// What is known about one frame; whatever is not known stays `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FrameMeta {
    /// Wall time of the exposure.
    pub at: Timestamp,
    /// Layer, from 1.
    pub layer: Option<u32>,
    /// Height of the layer above the bed, mm.
    pub height_mm: Option<f64>,
    /// Commanded position of the head before it moved for the frame, mm.
    pub x_mm: Option<f64>,
    /// See `x_mm`.
    pub y_mm: Option<f64>,
    /// See `x_mm`.
    pub z_mm: Option<f64>,
    /// Temperature of the active extruder, degrees Celsius.
    pub extruder_c: Option<f64>,
    /// Temperature of the bed, degrees Celsius.
    pub bed_c: Option<f64>,
    /// Byte position in the printed file.
    pub file_position: Option<u64>,
    /// Real arrival of the head minus the one predicted by its macro, s.
    pub eta_error_s: Option<f64>,
    /// Begin of the exposure, s after the moment from which the head stood still.
    pub exposure_from_s: Option<f64>,
    /// End of the exposure, s after the moment from which the head stood still.
    pub exposure_to_s: Option<f64>,
    /// Name of the camera that took it.
    pub camera: Option<String>,
}

/// One stored frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// The reel it belongs to.
    pub reel: u32,
    /// Contiguous within the reel, from 1.
    pub number: u32,
    /// Frames of several reels with the same shot show the same moment. Rises within a reel, with gaps where frames were
    /// missed. What was found after a crash has the one that it most likely had.
    pub shot: u32,
    /// Its file.
    #[serde(skip)]
    pub path: PathBuf,
    /// Width, pixels.
    pub width: u16,
    /// Height, pixels.
    pub height: u16,
    /// Size of the file.
    pub bytes: u64,
    /// Found on disk without a journal row after a crash: the picture is whole, of the metadata only the time is known.
    pub adopted: bool,
    /// When, where, and how.
    #[serde(flatten)]
    pub meta: FrameMeta,
}

/// A frame that was wanted and not got.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Miss {
    /// In which reel.
    pub reel: u32,
    /// The moment, shared by the reels, where one was counted.
    pub shot: Option<u32>,
    /// When.
    pub at: Timestamp,
    /// Layer, when known.
    pub layer: Option<u32>,
    /// Why, in a sentence.
    pub reason: String,
}

/// A film made from a session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilmRecord {
    /// The film's file.
    pub file: PathBuf,
    /// When it was finished.
    pub made_at: Timestamp,
    /// Frames in it.
    pub frames: u32,
    /// Its duration, s.
    pub duration_s: f64,
    /// Its size.
    pub bytes: u64,
}

/// A session with its counts, for listings.
#[derive(Clone, Debug, Serialize)]
pub struct SessionSummary {
    /// The session.
    #[serde(flatten)]
    pub session: Session,
    /// Frames of the main reel that are there.
    pub frames: u32,
    /// Frames of the main reel whose file vanished after it was stored.
    pub lost: u32,
    /// Frames of the main reel that were wanted and not got.
    pub misses: u32,
    /// Size of all frames of all reels that are there.
    pub bytes: u64,
    /// Films made from it, oldest first, of whatever reels.
    pub films: Vec<FilmRecord>,
    /// Each reel with its counts, the main one first.
    pub reels: Vec<ReelSummary>,
}
