//! Parts of a film that are encoded while the print is still under way, so that the film is there when it ends.
//!
//! * `recipe`: what shapes a segment. Pure.
//! * `shelf`: the folder of the segments; which are ready, which are stale.
//! * `encode`: makes one segment and decodes it again.
//! * `join`: makes the film from segments and what is missing between and after them.
//! * `stream`: the coded frames of segments, and one stream of them.
//! * `check`: is the joined film the sum of its parts?
//!
//! A segment holds the frames of [`SEGMENT_FRAMES`] consecutive numbers as H.264 in an MPEG transport stream, at a
//! nominal frame rate. It is decoded when it is made, and only then gets its name, which holds a digest of everything
//! that shaped it (its frames, the size of the film, and the options of the encoder) and a checksum of its bytes. So a
//! segment is either right or it is not found; there is nothing to invalidate. The final frame rate is chosen when the
//! segments are joined.
//!
//! When a print nears its end, segments of [`PART_FRAMES`] leave less to encode after its last frame.
//!
//! Films whose filters or formats need the whole film at once have no segments; they are rendered after the print.

mod check;
mod encode;
mod join;
mod recipe;
mod shelf;
mod stream;

use std::path::PathBuf;

pub use encode::{NextSegment, SegmentRequest, next_segment};
pub(super) use join::Join;
pub(super) use recipe::Recipe;

use super::{Profile, Reel};
use crate::session::Frame;

/// Frames in a segment. After the last frame at most so many are left to encode, and each segment begins with a key
/// frame: 15 make the film about 6 % larger than 30 would.
pub const SEGMENT_FRAMES: u32 = 15;

/// Frames in a segment near a print's end.
pub const PART_FRAMES: u32 = 5;

/// The frames of a film, and where its segments are.
#[derive(Clone, Debug)]
pub struct Segments {
    /// A folder for the segments of these frames alone.
    pub folder: PathBuf,
    /// The session's frames, in order.
    pub frames: Vec<Frame>,
}

/// Tells a session's films apart, also in the names of folders: letters, digits, `-`, `_` and `+`.
#[must_use]
pub fn film_key(reels: &[Reel], profile: &Profile) -> String {
    let reels: Vec<String> = reels.iter().map(|reel| reel.number.to_string()).collect();
    format!("{}-{}", reels.join("+"), profile.name)
}

/// Splits frames, in order, where their numbers pass a multiple of [`SEGMENT_FRAMES`]. A frame that was lost later
/// changes its own block only.
fn blocks(frames: &[Frame]) -> impl Iterator<Item = &[Frame]> {
    split(frames, SEGMENT_FRAMES)
}

/// Splits a block further.
fn parts(block: &[Frame]) -> impl Iterator<Item = &[Frame]> {
    split(block, PART_FRAMES)
}

fn split(frames: &[Frame], size: u32) -> impl Iterator<Item = &[Frame]> {
    let block = move |frame: &Frame| frame.number.saturating_sub(1) / size;
    frames.chunk_by(move |a, b| block(a) == block(b))
}

/// Whether no more frames can join the block of this size, when `newest` is the newest frame's number.
fn is_complete(block: &[Frame], size: u32, newest: u32) -> bool {
    let last = block.last().map_or(0, |frame| frame.number);
    last > 0 && last.div_ceil(size) * size <= newest
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn frames(numbers: impl IntoIterator<Item = u32>) -> Vec<Frame> {
        let frame = |number: u32| Frame {
            reel: 0,
            number,
            shot: number,
            path: format!("/s/frames/{number:06}.jpg").into(),
            width: 64,
            height: 48,
            bytes: 1000 + u64::from(number),
            adopted: false,
            meta: crate::session::FrameMeta::default(),
        };
        numbers.into_iter().map(frame).collect()
    }

    #[test]
    fn blocks_follow_the_numbers() {
        let frames = frames((1..=40).filter(|number| ![7, 15, 16].contains(number)));
        let found: Vec<_> = blocks(&frames).map(|b| (b[0].number, b.len(), is_complete(b, 15, 40))).collect();
        assert_eq!(found, [(1, 13, true), (17, 14, true), (31, 10, false)]);
        assert!(is_complete(blocks(&frames).last().unwrap(), 15, 45));
        assert_eq!(blocks(&[]).count(), 0);
    }
}
