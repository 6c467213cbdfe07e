//! A folder of JPEGs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::manifest::{self, Manifest};
use super::{Entry, FRAME_BYTES, FRAMES, ImportError, Source, is_jpeg, read_bounded};

pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

impl Source for Folder {
    fn entries(&mut self) -> Result<Vec<Entry>, ImportError> {
        let failed = |source| ImportError::Read { path: self.path.clone(), source };
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // Links are followed: the frames folder of the UIs consists of them.
            let Ok(file) = fs::metadata(entry.path()) else { continue };
            if file.is_file() && is_jpeg(&name) {
                let at = file.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default();
                entries.push(Entry { name, index: 0, at });
            }
            if entries.len() > FRAMES {
                break;
            }
        }
        Ok(entries)
    }

    fn manifest(&mut self) -> Option<Manifest> {
        let file = File::open(self.path.join(manifest::NAME)).ok()?;
        Manifest::parse(&read_bounded(file, manifest::BYTES).ok()?)
    }

    fn read(&mut self, entry: &Entry) -> io::Result<Vec<u8>> {
        read_bounded(File::open(self.path.join(&entry.name))?, FRAME_BYTES)
    }
}
