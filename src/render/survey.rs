//! Looks at every frame before ffmpeg does: which are whole, and how large the film is to be.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::RenderError;
use crate::session::{Frame, JpegInfo};

/// A frame that is not in the film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its file.
    pub path: PathBuf,
    /// Why it is not in the film.
    pub reason: String,
}

/// The frames that a film can be made from.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    /// Whole frames, in order.
    pub frames: Vec<Frame>,
    /// The others.
    pub skipped: Vec<Skipped>,
    /// Width of most frames (of the earlier size, when it is a draw), made even as H.264 needs it.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// Reads every frame; blocks on the disk.
pub(super) fn survey(all: &[Frame], cancel: &CancellationToken) -> Result<Survey, RenderError> {
    let mut frames = Vec::with_capacity(all.len());
    let mut skipped = Vec::new();
    let mut sizes: HashMap<(u16, u16), (usize, usize)> = HashMap::new();
    for (i, frame) in all.iter().enumerate() {
        let path = &frame.path;
        if cancel.is_cancelled() {
            return Err(RenderError::Cancelled);
        }
        let seen = fs::read(path).map_err(|error| error.to_string());
        match seen.and_then(|jpeg| JpegInfo::read(&jpeg).map_err(|flaw| format!("not a whole JPEG: {flaw}"))) {
            Ok(info) => {
                frames.push(frame.clone());
                sizes.entry((info.width, info.height)).or_insert((0, i)).0 += 1;
            }
            Err(reason) => {
                tracing::warn!(frame = %path.display(), reason, "frame left out of the film");
                skipped.push(Skipped { path: path.clone(), reason });
            }
        }
    }
    match (most_frequent(sizes), skipped.first()) {
        (Some((width, height)), _) => Ok(Survey { frames, skipped, width: even(width), height: even(height) }),
        (None, Some(first)) => Err(RenderError::NoUsableFrames { count: all.len(), first: first.reason.clone() }),
        (None, None) => Err(RenderError::NoFrames),
    }
}

impl Survey {
    /// What the journal knows, without a look at the files; `None` without frames.
    pub(super) fn of_journal(frames: &[Frame]) -> Option<Self> {
        let mut sizes: HashMap<(u16, u16), (usize, usize)> = HashMap::new();
        for (i, frame) in frames.iter().enumerate() {
            sizes.entry((frame.width, frame.height)).or_insert((0, i)).0 += 1;
        }
        let (width, height) = most_frequent(sizes)?;
        Some(Self { frames: frames.to_vec(), skipped: Vec::new(), width: even(width), height: even(height) })
    }
}

/// The size that most frames have: size, how many have it, and the first that has it.
fn most_frequent(sizes: HashMap<(u16, u16), (usize, usize)>) -> Option<(u16, u16)> {
    sizes.into_iter().max_by_key(|&(_, (count, first))| (count, std::cmp::Reverse(first))).map(|(size, _)| size)
}

fn even(length: u16) -> u32 {
    u32::from(length & !1).max(2)
}
