//! The folder of the segments.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::super::{RenderError, remove_leftovers};
use super::{PART_FRAMES, Recipe, SEGMENT_FRAMES, blocks, is_complete, parts};
use crate::session::Frame;

/// A folder in which segments stand, each under a name that says what is in it.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    /// The CRC-32 of each segment, by the part of its name that says what is in it.
    ready: HashMap<String, u32>,
}

/// A segment that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    path: PathBuf,
    crc: u32,
}

impl Segment {
    /// Its bytes, when they are those that were decoded when it was made. Blocks on the disk.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let bytes = fs::read(&self.path)?;
        if crc32fast::hash(&bytes) == self.crc {
            Ok(bytes)
        } else {
            Err(io::Error::other(format!("{} has changed since it was made", self.path.display())))
        }
    }
}

impl Shelf {
    /// Looks what is there. No folder is an empty shelf.
    pub(super) fn open(folder: &Path) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let ready = entries.filter_map(|entry| parse(entry.file_name().to_str()?));
        Self { folder: folder.to_owned(), ready: ready.collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// The segment of these frames, when it is there.
    pub(super) fn find(&self, recipe: &Recipe, block: &[Frame]) -> Option<Segment> {
        let name = name(recipe, block);
        let crc = *self.ready.get(&name)?;
        Some(Segment { path: self.folder.join(file_name(&name, crc)), crc })
    }

    /// Removes what a kill left, and segments that no film of these frames needs any more.
    pub(super) fn tidy<'a>(&mut self, recipe: &Recipe, blocks: impl IntoIterator<Item = &'a [Frame]>) {
        remove_leftovers(&self.folder);
        let needed: HashSet<String> = blocks.into_iter().map(|block| name(recipe, block)).collect();
        let folder = &self.folder;
        self.ready.retain(|name, crc| {
            if !needed.contains(name) && fs::remove_file(folder.join(file_name(name, *crc))).is_ok() {
                tracing::debug!(name, "a segment of other settings or frames removed");
            }
            needed.contains(name)
        });
    }

    /// Gives a finished file its place, durably; gives its size.
    pub(super) fn put(&self, recipe: &Recipe, block: &[Frame], file: &Path) -> Result<u64, RenderError> {
        let put = || {
            let bytes = fs::read(file)?;
            File::open(file)?.sync_all()?;
            fs::rename(file, self.folder.join(file_name(&name(recipe, block), crc32fast::hash(&bytes))))?;
            File::open(&self.folder)?.sync_all()?;
            Ok(bytes.len() as u64)
        };
        put().map_err(|error| RenderError::io("write a segment into", &self.folder, error))
    }
}

/// The frames of the first segment that is missing and can be made, of the frames up to number `newest`. When a print
/// nears its end (`closing`) segments are short; a block that was begun with short ones is made of them.
pub(super) fn first_missing<'a>(
    shelf: &Shelf,
    recipe: &Recipe,
    frames: &'a [Frame],
    newest: u32,
    closing: bool,
) -> Option<&'a [Frame]> {
    let is_there = |frames: &[Frame]| shelf.find(recipe, frames).is_some();
    blocks(frames).filter(|block| !is_there(block)).find_map(|block| {
        if closing || parts(block).any(is_there) {
            parts(block).find(|part| is_complete(part, PART_FRAMES, newest) && !is_there(part))
        } else {
            Some(block).filter(|block| is_complete(block, SEGMENT_FRAMES, newest))
        }
    })
}

/// What is in a segment: `000001-000015.0123456789abcdef`, its frames and the digest of all that shaped it.
fn name(recipe: &Recipe, block: &[Frame]) -> String {
    let number = |frame: Option<&Frame>| frame.map_or(0, |frame| frame.number);
    let (first, last) = (number(block.first()), number(block.last()));
    format!("{first:06}-{last:06}.{:016x}", recipe.digest(block))
}

/// `000001-000015.0123456789abcdef.01234567.ts`.
fn file_name(name: &str, crc: u32) -> String {
    format!("{name}.{crc:08x}.ts")
}

/// What the name of a segment's file says.
fn parse(file: &str) -> Option<(String, u32)> {
    let (name, crc) = file.strip_suffix(".ts")?.rsplit_once('.')?;
    let (numbers, digest) = name.split_once('.')?;
    let (first, last) = numbers.split_once('-')?;
    let digits = |text: &str| text.len() >= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let right = digits(first) && digits(last) && hex(digest, 16) && hex(crc, 8);
    Some((name.to_owned(), u32::from_str_radix(crc, 16).ok().filter(|_| right)?))
}

#[cfg(test)]
mod tests {
    use super::super::super::{FilmSettings, Profile};
    use super::super::blocks;
    use super::super::tests::frames;
    use super::*;
    use crate::session::View;

    #[test]
    fn a_segment_is_found_by_what_shaped_it_and_the_others_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::of_settings(&FilmSettings::default()).unwrap();
        let recipe = |size| Recipe::of(&profile, 0, &View::default(), size).unwrap();
        let (recipe, other) = (recipe((64, 48)), recipe((32, 24)));
        let frames = frames(1..=40);
        let all: Vec<_> = blocks(&frames).collect();
        assert!(Shelf::open(&dir.path().join("none")).is_empty());
        let part = dir.path().join("part");
        for (recipe, block) in [(&recipe, all[0]), (&other, all[1])] {
            fs::write(&part, "x").unwrap();
            assert_eq!(Shelf::open(dir.path()).put(recipe, block, &part).unwrap(), 1);
        }
        fs::write(dir.path().join("000001-000015.notes.ts"), "x").unwrap();
        let mut shelf = Shelf::open(dir.path());
        let missing = |shelf: &Shelf| first_missing(shelf, &recipe, &frames, 40, false).map(|b| b[0].number);
        assert!(shelf.find(&recipe, all[0]).is_some() && shelf.find(&recipe, all[1]).is_none());
        assert_eq!(missing(&shelf), Some(16));
        shelf.tidy(&recipe, all.iter().copied());
        assert_eq!(Shelf::open(dir.path()).ready.len(), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "other files are left alone");
        fs::write(&part, "x").unwrap();
        shelf.put(&recipe, all[1], &part).unwrap();
        let shelf = Shelf::open(dir.path());
        assert_eq!(missing(&shelf), None, "the last block is not complete");
        let segment = shelf.find(&recipe, all[0]).unwrap();
        assert_eq!(segment.read().unwrap(), b"x");
        fs::write(&segment.path, "y").unwrap();
        assert!(segment.read().unwrap_err().to_string().ends_with("has changed since it was made"));
    }

    #[test]
    fn near_the_end_of_a_print_segments_are_short_and_a_block_keeps_its_kind() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::of_settings(&FilmSettings::default()).unwrap();
        let recipe = Recipe::of(&profile, 0, &View::default(), (64, 48)).unwrap();
        let frames = frames(1..=45);
        let next = |newest: usize, closing| {
            let shelf = Shelf::open(dir.path());
            let frames = &frames[..newest];
            let missing = first_missing(&shelf, &recipe, frames, newest as u32, closing)?;
            let part = dir.path().join("part");
            fs::write(&part, "x").unwrap();
            shelf.put(&recipe, missing, &part).unwrap();
            Some((missing[0].number, missing.len()))
        };
        assert_eq!(next(16, false), Some((1, 15)));
        assert_eq!(next(24, false), None);
        assert_eq!(next(24, true), Some((16, 5)));
        assert_eq!(next(24, true), None);
        // The print was not that near its end.
        assert_eq!(next(45, false), Some((21, 5)));
        assert_eq!(next(45, false), Some((26, 5)));
        assert_eq!(next(45, false), Some((31, 15)));
        assert_eq!(next(45, false), None);
    }
}
