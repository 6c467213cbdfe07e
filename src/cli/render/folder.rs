//! Frames that are in no session.

use std::io;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::render::Reel;
use crate::session::{Frame, FrameMeta};

/// A folder of JPEGs as the frames of a camera, in the order of their names.
pub(super) fn reel(folder: &Path) -> Result<Reel, Failure> {
    let unreadable = |error: io::Error| format!("Cannot read the frames in {}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().unwrap_or_default();
        if ending.eq_ignore_ascii_case("jpg") || ending.eq_ignore_ascii_case("jpeg") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(Failure::Message(format!("There are no JPEGs in {}", folder.display())));
    }
    let frame = |(i, path): (usize, PathBuf)| Frame {
        reel: 0,
        number: u32::try_from(i + 1).unwrap_or(u32::MAX),
        shot: u32::try_from(i + 1).unwrap_or(u32::MAX),
        path,
        // The render reads sizes from the files.
        width: 0,
        height: 0,
        bytes: 0,
        adopted: false,
        meta: FrameMeta::default(),
    };
    let camera = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(Reel { camera, frames: paths.into_iter().enumerate().map(frame).collect(), ..Reel::default() })
}
