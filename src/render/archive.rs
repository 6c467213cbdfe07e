//! The frames of a session as a zip, with a manifest.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Zoned;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::scratch::Scratch;
use super::{RenderError, Skipped, names};
use crate::session::{Frame, Miss, Publisher, Reel, Session, SessionId, Store, StoreError};

/// The still of the finished part in the archive.
const HERO: &str = "hero.jpg";

/// What goes into an archive.
#[derive(Clone, Debug)]
pub struct ArchiveRequest {
    /// The session.
    pub session: Session,
    /// Its reels, the main one first.
    pub reels: Vec<ArchivedReel>,
    /// The folder of the films; created when needed.
    pub output_dir: PathBuf,
    /// The time in the archive's name.
    pub made_at: Zoned,
    /// `strftime` format of that time.
    pub time_format_code: String,
}

/// A reel that goes into an archive.
#[derive(Clone, Debug)]
pub struct ArchivedReel {
    /// What it is.
    pub reel: Reel,
    /// Its frames, in order.
    pub frames: Vec<Frame>,
    /// Its misses, for the manifest.
    pub misses: Vec<Miss>,
    /// The still of the finished part.
    pub hero: Option<PathBuf>,
}

impl ArchivedReel {
    /// All reels of a session. Blocks on the disk.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn all(store: &Store, id: &SessionId) -> Result<Vec<Self>, StoreError> {
        let reels = store.reels(id)?.into_iter();
        reels
            .map(|reel| {
                let (frames, misses) = (store.frames_of(id, reel.number)?, store.misses_of(id, reel.number)?);
                Ok(Self { hero: store.hero(id, reel.number), reel, frames, misses })
            })
            .collect()
    }

    /// The name of one of its frames.
    fn name(&self, number: u32) -> String {
        match (self.reel.number, Publisher::name(number)) {
            (0, name) => name,
            (reel, name) => format!("reel-{reel}/{name}"),
        }
    }
}

/// An archive that is there.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its file.
    pub path: PathBuf,
    /// Frames in it.
    pub frames: usize,
    /// Frames whose file could not be opened.
    pub skipped: Vec<Skipped>,
    /// Its size.
    pub bytes: u64,
}

/// One frame in the manifest.
#[derive(Serialize)]
struct Entry<'a> {
    file: String,
    #[serde(flatten)]
    frame: &'a Frame,
}

/// One reel in the manifest.
#[derive(Serialize)]
struct ReelEntry<'a> {
    #[serde(flatten)]
    reel: &'a Reel,
    /// The file of its still of the finished part.
    hero: Option<String>,
}

/// The content of `manifest.json`.
#[derive(Serialize)]
struct Manifest<'a> {
    /// 2 since there are reels.
    format: u32,
    moonlapse: &'static str,
    session: &'a Session,
    reels: Vec<ReelEntry<'a>>,
    frames: Vec<Entry<'a>>,
    misses: Vec<&'a Miss>,
    skipped: &'a [Skipped],
}

/// Writes `timelapse_<printed file>_<time>_frames.zip`: the frames of the main reel as moonraker-timelapse names them
/// (`frame000001.jpg`), those of the others in folders (`reel-1/frame000001.jpg`), stored and not compressed because JPEGs do
/// not shrink; the stills of the finished part (`hero.jpg`, `reel-1/hero.jpg`); and `manifest.json` with all that is known
/// about them. The zip appears whole or not at all and never replaces another.
///
/// Blocks on the disk: call it inside `spawn_blocking`. Memory stays small, whatever the session's size.
///
/// # Errors
/// [`RenderError::NoFrames`], [`RenderError::Cancelled`], and the errors of the disk.
pub fn archive(request: &ArchiveRequest, cancel: &CancellationToken) -> Result<Archive, RenderError> {
    let ArchiveRequest { session, reels, output_dir, made_at, time_format_code } = request;
    if reels.iter().all(|reel| reel.frames.is_empty()) {
        return Err(RenderError::NoFrames);
    }
    let stem = names::stem(&session.print_file, made_at, time_format_code)?;
    fs::create_dir_all(output_dir).map_err(|error| RenderError::io("create", output_dir, error))?;
    let scratch = Scratch::new(output_dir);
    let temp = scratch.archive();
    let failed = |error| RenderError::io("write an archive into", output_dir, error);
    let mut zip = ZipWriter::new(BufWriter::new(Target::create(&temp).map_err(failed)?));
    let mut entries = Vec::new();
    let mut described = Vec::new();
    let mut skipped = Vec::new();
    // Gives whether it is in the zip.
    let mut put = |file: &str, path: &Path| match File::open(path) {
        Ok(source) => add(&mut zip, file, source).map_err(failed).map(|()| true),
        Err(error) => {
            tracing::warn!(picture = %path.display(), %error, "picture left out of the archive");
            skipped.push(Skipped { path: path.to_owned(), reason: error.to_string() });
            Ok(false)
        }
    };
    for reel in reels {
        for frame in &reel.frames {
            if cancel.is_cancelled() {
                return Err(RenderError::Cancelled);
            }
            let file = reel.name(frame.number);
            if put(&file, &frame.path)? {
                entries.push(Entry { file, frame });
            }
        }
        let hero = if reel.reel.number == 0 { HERO.to_owned() } else { format!("reel-{}/{HERO}", reel.reel.number) };
        let has_hero = reel.hero.as_deref().map_or(Ok(false), |path| put(&hero, path))?;
        described.push(ReelEntry { reel: &reel.reel, hero: has_hero.then_some(hero) });
    }
    let count = entries.len();
    let moonlapse = env!("CARGO_PKG_VERSION");
    let misses = reels.iter().flat_map(|reel| &reel.misses).collect();
    let manifest =
        Manifest { format: 2, moonlapse, session, reels: described, frames: entries, misses, skipped: &skipped };
    let manifest = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(error.into()))?;
    add(&mut zip, "manifest.json", manifest.as_slice()).map_err(failed)?;
    let bytes = finish(zip).map_err(failed)?;
    let path = publish(output_dir, &stem, temp)?;
    tracing::debug!(archive = %path.display(), frames = count, bytes, "frames archived");
    Ok(Archive { path, frames: count, skipped, bytes })
}

fn add(zip: &mut ZipWriter<BufWriter<Target>>, name: &str, mut source: impl io::Read) -> io::Result<()> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file(name, options)?;
    io::copy(&mut source, zip).map(|_| ())
}

/// Writes the directory of the zip and makes the file durable; gives its size.
fn finish(zip: ZipWriter<BufWriter<Target>>) -> io::Result<u64> {
    let mut writer = zip.finish()?;
    writer.flush()?;
    let file = &writer.get_ref().file;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn publish(folder: &Path, stem: &str, temp: PathBuf) -> Result<PathBuf, RenderError> {
    let mut paths = names::publish(folder, stem, &[(temp, "_frames.zip")])?;
    Ok(paths.pop().unwrap_or_default())
}

/// The archive's file. A dropped [`ZipWriter`] writes the zip's directory and prints when that fails; after the first
/// error, which the caller has got, nothing more is written, without a complaint.
struct Target {
    file: File,
    failed: bool,
}

impl Target {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, failed: false })
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(bytes.len());
        }
        self.file.write(bytes).inspect_err(|error| self.failed = error.kind() != io::ErrorKind::Interrupted)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
