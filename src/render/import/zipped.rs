//! A zip of JPEGs.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use zip::ZipArchive;

use super::manifest::{self, Manifest};
use super::{Entry, FRAME_BYTES, FRAMES, ImportError, Source, is_jpeg, read_bounded};

pub(super) struct Zipped {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
}

impl Zipped {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let read = |source| ImportError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        match ZipArchive::new(BufReader::new(file)) {
            Ok(zip) => Ok(Self { path: path.to_owned(), zip }),
            Err(error) => Err(ImportError::NotAZip { path: path.to_owned(), reason: error.to_string() }),
        }
    }
}

impl Source for Zipped {
    fn entries(&mut self) -> Result<Vec<Entry>, ImportError> {
        let mut entries = Vec::new();
        for index in 0..self.zip.len() {
            let file = self
                .zip
                .by_index_raw(index)
                .map_err(|error| ImportError::NotAZip { path: self.path.clone(), reason: error.to_string() })?;
            let Ok(name) = file.name().map(|name| name.into_owned()) else { continue };
            if file.is_file() && is_jpeg(&name) {
                let at = file.last_modified().and_then(time).unwrap_or_default();
                entries.push(Entry { name, index, at });
            }
            if entries.len() > FRAMES {
                break;
            }
        }
        Ok(entries)
    }

    fn manifest(&mut self) -> Option<Manifest> {
        let file = self.zip.by_name(manifest::NAME).ok()?;
        Manifest::parse(&read_bounded(file, manifest::BYTES).ok()?)
    }

    fn read(&mut self, entry: &Entry) -> io::Result<Vec<u8>> {
        // Never trusts the size that the zip gives: a few bytes can unpack to any number.
        read_bounded(self.zip.by_index(entry.index).map_err(io::Error::other)?, FRAME_BYTES)
    }
}

/// Zips hold local times.
fn time(at: zip::DateTime) -> Option<Timestamp> {
    let part = |value: u8| i8::try_from(value).ok();
    let (month, day) = (part(at.month())?, part(at.day())?);
    let (hour, minute, second) = (part(at.hour())?, part(at.minute())?, part(at.second())?);
    let year = i16::try_from(at.year()).ok()?;
    let local = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    local.to_zoned(TimeZone::system()).ok().map(|zoned| zoned.timestamp())
}
