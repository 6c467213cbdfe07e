//! Frames from elsewhere as a session: an archive of ours, a zip of moonraker-timelapse's frames, a folder of JPEGs.
//!
//! Names inside an archive only order the frames; no file is ever written under one. Every picture is checked like one
//! from a camera, sizes and numbers are bounded, and the session appears whole or not at all.

mod folder;
mod manifest;
mod order;
mod zipped;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use self::manifest::{Known, Manifest};
use super::{Progress, Skipped};
use crate::session::{FrameMeta, Import, NewSession, Outcome, SessionSummary, Store, StoreError};

/// Largest frame, bytes: far above any camera's.
const FRAME_BYTES: u64 = 64 << 20;
/// Most frames.
const FRAMES: usize = 200_000;

/// What is to be imported.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// A zip, or a folder.
    pub source: PathBuf,
    /// The printed file, when the source does not tell.
    pub print_file: Option<String>,
    /// The settings of films made of it, when the source does not tell.
    pub settings: serde_json::Value,
}

/// What was imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The new session.
    pub session: SessionSummary,
    /// Pictures that are not in it.
    pub skipped: Vec<Skipped>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// The source, or a file in it.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The source is not a zip.
    #[error("{path} is neither a folder nor a zip that can be read: {reason}")]
    NotAZip {
        /// The source.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing in it.
    #[error("There are no JPEG pictures in {path}{}", first_flaw(skipped))]
    NoFrames {
        /// The source.
        path: PathBuf,
        /// What was there instead.
        skipped: Vec<Skipped>,
    },
    /// It is larger than any print's.
    #[error("{path} holds more than {FRAMES} pictures")]
    TooMany {
        /// The source.
        path: PathBuf,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller cancelled it.
    #[error("The import was cancelled")]
    Cancelled,
}

fn first_flaw(skipped: &[Skipped]) -> String {
    skipped.first().map_or_else(String::new, |first| format!(" ({}: {})", first.path.display(), first.reason))
}

/// One picture of the source: its name, to be read when its turn comes.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    /// Its place in the zip; without meaning in a folder.
    index: usize,
    /// When it was taken, as far as the file tells.
    at: Timestamp,
}

/// Where pictures come from.
trait Source {
    /// All pictures, in no order.
    fn entries(&mut self) -> Result<Vec<Entry>, ImportError>;
    /// What an archive of ours says about itself.
    fn manifest(&mut self) -> Option<Manifest>;
    /// The content of one.
    fn read(&mut self, entry: &Entry) -> io::Result<Vec<u8>>;
}

/// Imports a source as a new session. Blocks on the disk: call it inside `spawn_blocking`. Holds one frame in memory.
///
/// # Errors
/// See [`ImportError`]; then nothing was imported.
pub fn import(
    store: &mut Store,
    request: &ImportRequest,
    mut on_progress: impl FnMut(Progress),
    cancel: &CancellationToken,
) -> Result<Imported, ImportError> {
    let path = &request.source;
    let mut source: Box<dyn Source> =
        if path.is_dir() { Box::new(folder::Folder::new(path)) } else { Box::new(zipped::Zipped::open(path)?) };
    let manifest = source.manifest();
    let mut entries = source.entries()?;
    if entries.len() > FRAMES {
        return Err(ImportError::TooMany { path: path.clone() });
    }
    order::sort(&mut entries, |entry| &entry.name);
    let known = manifest.as_ref().map(|manifest| manifest.pictures()).unwrap_or_default();
    if !known.is_empty() {
        // In the order of the manifest; what it does not name comes last.
        entries.sort_by_key(|entry| known.get(entry.name.as_str()).map_or(usize::MAX, |known| known.place()));
    }

    let (new, outcome, ended_at) = describe(request, manifest.as_ref(), &entries);
    let mut session = store.import(new, outcome, ended_at)?;
    let frames = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let mut skipped = Vec::new();
    for (done, entry) in (0u32..).zip(&entries) {
        if cancel.is_cancelled() {
            return Err(ImportError::Cancelled);
        }
        on_progress(Progress { frame: done, frames });
        let known = known.get(entry.name.as_str()).copied();
        if let Err(reason) = add(&mut session, source.as_mut(), entry, known)? {
            tracing::warn!(file = entry.name, reason, "picture not imported");
            skipped.push(Skipped { path: entry.name.clone().into(), reason });
        }
    }
    manifest.iter().flat_map(Manifest::misses).for_each(|miss| session.miss(miss));
    if session.frames() == 0 {
        return Err(ImportError::NoFrames { path: path.clone(), skipped });
    }
    let session = session.finish()?;
    on_progress(Progress { frame: frames, frames });
    Ok(Imported { session, skipped })
}

/// Gives why a picture was left out, which ends nothing.
fn add(
    session: &mut Import<'_>,
    source: &mut dyn Source,
    entry: &Entry,
    known: Option<Known<'_>>,
) -> Result<Result<(), String>, ImportError> {
    let jpeg = match source.read(entry) {
        Ok(jpeg) => jpeg,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let added = match known {
        Some(Known::Frame { reel, shot, meta, .. }) => session.add(reel, shot, &jpeg, meta.clone()),
        Some(Known::Hero { reel }) => session.add_hero(reel, &jpeg),
        None => session.add(0, None, &jpeg, FrameMeta { at: entry.at, ..FrameMeta::default() }),
    };
    match added {
        Ok(()) => Ok(Ok(())),
        Err(StoreError::NotAJpeg(flaw)) => Ok(Err(format!("not a whole JPEG: {flaw}"))),
        Err(error) => Err(error.into()),
    }
}

fn describe(
    request: &ImportRequest,
    manifest: Option<&Manifest>,
    entries: &[Entry],
) -> (NewSession, Outcome, Option<Timestamp>) {
    let taken = entries.iter().map(|entry| entry.at).filter(|at| *at != Timestamp::default());
    let (first, last) = (taken.clone().min(), taken.max());
    let named = || print_file_of(&request.source);
    let print_file = request.print_file.clone();
    match manifest.map(|manifest| (&manifest.session, manifest.reels())) {
        Some((session, reels)) => {
            let new = NewSession {
                print_file: print_file.unwrap_or_else(|| session.print_file.clone()),
                job_id: session.job_id.clone(),
                started_at: session.started_at,
                camera: session.camera.clone(),
                settings: session.settings.clone().unwrap_or_else(|| request.settings.clone()),
                reels,
                layers: session.layers,
            };
            (new, session.outcome(), session.ended_at)
        }
        None => {
            let new = NewSession {
                print_file: print_file.unwrap_or_else(named),
                started_at: first.unwrap_or_else(Timestamp::now),
                settings: request.settings.clone(),
                ..NewSession::default()
            };
            (new, Outcome::Complete, last.or(first))
        }
    }
}

/// The printed file in a name of moonraker-timelapse: `timelapse_benchy.gcode_20261123_1530_frames.zip`; else the name
/// itself without its ending.
fn print_file_of(source: &Path) -> String {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".zip").unwrap_or(&name);
    let inner = stem.strip_prefix("timelapse_").unwrap_or(stem);
    match inner.find(".gcode_") {
        Some(at) => inner.get(..at + ".gcode".len()).unwrap_or(inner).to_owned(),
        None => stem.strip_suffix("_frames").unwrap_or(stem).to_owned(),
    }
}

/// Whether a file of this name is a picture of ours to look at.
fn is_jpeg(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let ending = file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    !file.starts_with('.') && matches!(ending.as_deref(), Some("jpg" | "jpeg"))
}

/// Reads to the end, but not more than a frame may have.
fn read_bounded(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is larger than {} MB", limit >> 20)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_file_is_read_from_the_name() {
        let of = |name: &str| print_file_of(Path::new(name));
        assert_eq!(of("/a/timelapse_benchy v2.gcode_20261123_1530_frames.zip"), "benchy v2.gcode");
        assert_eq!(of("/a/timelapse_x_frames.zip"), "timelapse_x");
        assert_eq!(of("/pictures/holiday"), "holiday");
    }

    #[test]
    fn pictures_are_told_by_their_ending() {
        assert!(is_jpeg("a/frame000001.jpg") && is_jpeg("X.JPEG"));
        assert!(!is_jpeg("a/.frame.jpg") && !is_jpeg("jpg") && !is_jpeg("a.jpg/readme") && !is_jpeg("manifest.json"));
    }
}
