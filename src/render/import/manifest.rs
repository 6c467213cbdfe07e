//! `manifest.json` of our archives, read with mistrust: what is missing or odd is left out.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::session::{FrameMeta, Outcome};

/// Largest manifest, bytes: that of [`super::FRAMES`] frames.
pub(super) const BYTES: u64 = 256 << 20;
/// Its name in the archive.
pub(super) const NAME: &str = "manifest.json";

#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) session: Session,
    #[serde(default)]
    frames: Vec<Frame>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub(super) print_file: String,
    pub(super) job_id: Option<String>,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    outcome: String,
    pub(super) camera: Option<String>,
    pub(super) settings: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Frame {
    file: String,
    #[serde(flatten)]
    meta: FrameMeta,
}

impl Manifest {
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        match serde_json::from_slice(json) {
            Ok(manifest) => Some(manifest),
            Err(error) => {
                tracing::warn!(%error, "the archive's manifest cannot be read; only its pictures are imported");
                None
            }
        }
    }

    /// Place and metadata of each frame, by its name in the archive.
    pub(super) fn frames_by_file(&self) -> HashMap<&str, (usize, &FrameMeta)> {
        self.frames.iter().enumerate().map(|(i, frame)| (frame.file.as_str(), (i, &frame.meta))).collect()
    }
}

impl Session {
    /// An unfinished session cannot be imported: it would wait for more frames.
    pub(super) fn outcome(&self) -> Outcome {
        [Outcome::Complete, Outcome::Cancelled, Outcome::Error]
            .into_iter()
            .find(|outcome| outcome.as_str() == self.outcome)
            .unwrap_or(Outcome::Interrupted)
    }
}
