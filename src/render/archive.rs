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
use crate::session::{Frame, Miss, Publisher, Session};

/// What goes into an archive.
#[derive(Clone, Debug)]
pub struct ArchiveRequest {
    /// The session.
    pub session: Session,
    /// Its frames, in order.
    pub frames: Vec<Frame>,
    /// Its misses, for the manifest.
    pub misses: Vec<Miss>,
    /// The folder of the films; created when needed.
    pub output_dir: PathBuf,
    /// The time in the archive's name.
    pub made_at: Zoned,
    /// `strftime` format of that time.
    pub time_format_code: String,
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

/// The content of `manifest.json`.
#[derive(Serialize)]
struct Manifest<'a> {
    format: u32,
    moonlapse: &'static str,
    session: &'a Session,
    frames: Vec<Entry<'a>>,
    misses: &'a [Miss],
    skipped: &'a [Skipped],
}

/// Writes `timelapse_<printed file>_<time>_frames.zip`: the frames as moonraker-timelapse names them
/// (`frame000001.jpg`), stored and not compressed because JPEGs do not shrink, and `manifest.json` with all that is known
/// about them. The zip appears whole or not at all and never replaces another.
///
/// Blocks on the disk: call it inside `spawn_blocking`. Memory stays small, whatever the session's size.
///
/// # Errors
/// [`RenderError::NoFrames`], [`RenderError::Cancelled`], and the errors of the disk.
pub fn archive(request: &ArchiveRequest, cancel: &CancellationToken) -> Result<Archive, RenderError> {
    let ArchiveRequest { session, frames, misses, output_dir, made_at, time_format_code } = request;
    if frames.is_empty() {
        return Err(RenderError::NoFrames);
    }
    let stem = names::stem(&session.print_file, made_at, time_format_code)?;
    fs::create_dir_all(output_dir).map_err(|error| RenderError::io("create", output_dir, error))?;
    let scratch = Scratch::new(output_dir);
    let temp = scratch.archive();
    let failed = |error| RenderError::io("write an archive into", output_dir, error);
    let mut zip = ZipWriter::new(BufWriter::new(Target::create(&temp).map_err(failed)?));
    let mut entries = Vec::with_capacity(frames.len());
    let mut skipped = Vec::new();
    for frame in frames {
        if cancel.is_cancelled() {
            return Err(RenderError::Cancelled);
        }
        let file = Publisher::name(frame.number);
        match File::open(&frame.path) {
            Ok(source) => {
                add(&mut zip, &file, source).map_err(failed)?;
                entries.push(Entry { file, frame });
            }
            Err(error) => {
                tracing::warn!(frame = %frame.path.display(), %error, "frame left out of the archive");
                skipped.push(Skipped { path: frame.path.clone(), reason: error.to_string() });
            }
        }
    }
    let count = entries.len();
    let moonlapse = env!("CARGO_PKG_VERSION");
    let manifest = Manifest { format: 1, moonlapse, session, frames: entries, misses, skipped: &skipped };
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
