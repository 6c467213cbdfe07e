//! `manifest.json` of our archives, read with mistrust: what is missing or odd is left out.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::session::{FrameMeta, LAYERS, Miss, NewReel, Outcome, View};

/// Most reels.
const REELS: usize = 64;

/// Largest manifest, bytes: that of [`super::FRAMES`] frames.
pub(super) const BYTES: u64 = 256 << 20;
/// Its name in the archive.
pub(super) const NAME: &str = "manifest.json";

#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) session: Session,
    /// Before format 2 there was one, which is not described.
    #[serde(default)]
    reels: Vec<Reel>,
    #[serde(default)]
    frames: Vec<Frame>,
    #[serde(default)]
    misses: Vec<MissEntry>,
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
    pub(super) layers: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Reel {
    number: u32,
    #[serde(default)]
    camera: Option<String>,
    #[serde(default)]
    camera_uid: Option<String>,
    #[serde(default)]
    track: Option<String>,
    #[serde(default)]
    view: View,
    #[serde(default)]
    hero: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Frame {
    file: String,
    #[serde(default)]
    reel: u32,
    #[serde(default)]
    shot: Option<u32>,
    #[serde(flatten)]
    meta: FrameMeta,
}

#[derive(Debug, Deserialize)]
struct MissEntry {
    #[serde(default)]
    reel: u32,
    #[serde(default)]
    shot: Option<u32>,
    #[serde(default)]
    at: Timestamp,
    #[serde(default)]
    layer: Option<u32>,
    reason: String,
}

/// What the manifest says of a picture.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known<'a> {
    /// A frame, with its place among all.
    Frame { place: usize, reel: u32, shot: Option<u32>, meta: &'a FrameMeta },
    /// The still of a reel's finished part.
    Hero { reel: u32 },
}

impl Known<'_> {
    pub(super) fn place(self) -> usize {
        match self {
            Self::Frame { place, .. } => place,
            Self::Hero { .. } => usize::MAX - 1,
        }
    }
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

    /// The reels, the main one first; numbered anew by their places.
    pub(super) fn reels(&self) -> Vec<NewReel> {
        let reel = |reel: &Reel| NewReel {
            camera: reel.camera.clone(),
            camera_uid: reel.camera_uid.clone(),
            track: reel.track.clone().unwrap_or_else(|| LAYERS.to_owned()),
            view: reel.view,
        };
        self.reels.iter().take(REELS).map(reel).collect()
    }

    /// What is known of each picture, by its name in the archive.
    pub(super) fn pictures(&self) -> HashMap<&str, Known<'_>> {
        let heroes = self
            .reels
            .iter()
            .take(REELS)
            .filter_map(|reel| Some((reel.hero.as_deref()?, Known::Hero { reel: self.place_of(reel.number)? })));
        let frames = self.frames.iter().enumerate().filter_map(|(place, frame)| {
            let Frame { file, reel, shot, meta } = frame;
            Some((file.as_str(), Known::Frame { place, reel: self.place_of(*reel)?, shot: *shot, meta }))
        });
        heroes.chain(frames).collect()
    }

    pub(super) fn misses(&self) -> impl Iterator<Item = Miss> + '_ {
        self.misses.iter().filter_map(|miss| {
            let MissEntry { reel, shot, at, layer, reason } = miss;
            Some(Miss { reel: self.place_of(*reel)?, shot: *shot, at: *at, layer: *layer, reason: reason.clone() })
        })
    }

    fn place_of(&self, reel: u32) -> Option<u32> {
        if self.reels.is_empty() {
            return (reel == 0).then_some(0);
        }
        let place = self.reels.iter().take(REELS).position(|known| known.number == reel)?;
        u32::try_from(place).ok()
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
