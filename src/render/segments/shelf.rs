//! The folder of the segments.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::{RenderError, remove_leftovers};
use super::{Recipe, is_complete};
use crate::session::Frame;

/// A folder in which segments stand, each under a name that says what is in it.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    ready: HashSet<String>,
}

impl Shelf {
    /// Looks what is there. No folder is an empty shelf.
    pub(super) fn open(folder: &Path) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let ready = entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_segment(name));
        Self { folder: folder.to_owned(), ready: ready.collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// The file of the segment of these frames, when it is there.
    pub(super) fn find(&self, recipe: &Recipe, block: &[Frame]) -> Option<PathBuf> {
        let name = name(recipe, block);
        self.ready.contains(&name).then(|| self.folder.join(name))
    }

    /// Removes what a kill left, and segments that no film of these frames needs any more.
    pub(super) fn tidy<'a>(&mut self, recipe: &Recipe, blocks: impl IntoIterator<Item = &'a [Frame]>) {
        remove_leftovers(&self.folder);
        let needed: HashSet<String> = blocks.into_iter().map(|block| name(recipe, block)).collect();
        let folder = &self.folder;
        self.ready.retain(|name| {
            if !needed.contains(name) && fs::remove_file(folder.join(name)).is_ok() {
                tracing::debug!(name, "a segment of other settings or frames removed");
            }
            needed.contains(name)
        });
    }

    /// Gives a finished file its place, durably; gives its size.
    pub(super) fn put(&self, recipe: &Recipe, block: &[Frame], file: &Path) -> Result<u64, RenderError> {
        let path = self.folder.join(name(recipe, block));
        let put = || {
            let segment = File::open(file)?;
            segment.sync_all()?;
            fs::rename(file, &path)?;
            File::open(&self.folder)?.sync_all()?;
            Ok(segment.metadata()?.len())
        };
        put().map_err(|error| RenderError::io("write", &path, error))
    }
}

/// The first complete block that has no segment yet.
pub(super) fn first_missing<'a>(
    shelf: &Shelf,
    recipe: &Recipe,
    blocks: impl IntoIterator<Item = &'a [Frame]>,
    newest: u32,
) -> Option<&'a [Frame]> {
    blocks.into_iter().find(|block| is_complete(block, newest) && shelf.find(recipe, block).is_none())
}

/// `000001-000015.0123456789abcdef.ts`.
fn name(recipe: &Recipe, block: &[Frame]) -> String {
    let number = |frame: Option<&Frame>| frame.map_or(0, |frame| frame.number);
    let (first, last) = (number(block.first()), number(block.last()));
    format!("{first:06}-{last:06}.{:016x}.ts", recipe.digest(block))
}

fn is_segment(name: &str) -> bool {
    let parse = || {
        let (numbers, digest) = name.strip_suffix(".ts")?.split_once('.')?;
        let (first, last) = numbers.split_once('-')?;
        let digits = |text: &str| text.len() >= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        let hex = digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(digits(first) && digits(last) && hex)
    };
    parse().unwrap_or(false)
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
        let missing = |shelf: &Shelf| first_missing(shelf, &recipe, all.iter().copied(), 40).map(|b| b[0].number);
        assert!(shelf.find(&recipe, all[0]).is_some() && shelf.find(&recipe, all[1]).is_none());
        assert_eq!(missing(&shelf), Some(16));
        shelf.tidy(&recipe, all.iter().copied());
        assert_eq!(Shelf::open(dir.path()).ready.len(), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "other files are left alone");
        fs::write(&part, "x").unwrap();
        shelf.put(&recipe, all[1], &part).unwrap();
        assert_eq!(missing(&Shelf::open(dir.path())), None, "the last block is not complete");
    }
}
