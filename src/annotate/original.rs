//! A G-code file as the slicer wrote it, whether it is annotated at the moment or not.
//!
//! Everything is read in passes of bounded memory, through [`Strip`] when the file is annotated: so a file is planned anew,
//! or restored, from what the slicer wrote and never from what we put in.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::AnnotateError;
use super::mark::{Mark, read_mark};
use super::planned::{PlanReader, Planned};
use super::replacement::{Replacement, folder};
use super::splice::{Insert, Sink, Strip};
use crate::gcode::engine;
use crate::gcode::slicer::{END_BYTES, Settings};
use crate::planner;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// A file on disk.
#[derive(Debug)]
pub struct Original {
    path: PathBuf,
    file: File,
    found: Metadata,
    mark: Option<Mark>,
    /// Give up then; and how much time there was, for the message.
    deadline: Option<(Instant, Duration)>,
}

/// The first and the last part of a file, where slicers write their settings.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// The first part.
    pub head: Vec<u8>,
    /// The last part; empty when the head is the whole file.
    pub tail: Vec<u8>,
}

/// What came of restoring a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Lines that were taken out. With none, nothing was written.
    pub lines: usize,
    /// Whether the file is now what the slicer wrote, byte for byte; if not, somebody changed it after it was annotated.
    pub exact: bool,
}

/// A file's length in bytes and its CRC-32.
pub(super) type Identity = (u64, u32);

/// What may happen in a pass.
enum Fault {
    Read(io::Error),
    Write(io::Error),
    Slow(Duration),
}

impl Original {
    /// Opens the file at `path`. With `limit`, work on it that takes longer from now on ends with an error.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no regular file; or a link that leads to another folder, of which somebody else may think
    /// that it stays as it is.
    pub fn open(path: &Path, limit: Option<Duration>) -> Result<Self, AnnotateError> {
        let unreadable = |source| AnnotateError::Read { file: path.to_owned(), source };
        let target = fs::canonicalize(path).map_err(unreadable)?;
        if fs::symlink_metadata(path).map_err(unreadable)?.is_symlink()
            && target.parent() != Some(&fs::canonicalize(folder(path)).map_err(unreadable)?)
        {
            return Err(AnnotateError::Elsewhere { file: path.to_owned(), target });
        }
        // Before it is opened: opening a pipe would wait for its other end.
        if !fs::metadata(&target).map_err(unreadable)?.is_file() {
            return Err(AnnotateError::NotAFile { file: path.to_owned() });
        }
        let file = File::open(&target).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?;
        let mark = read_mark(&file).map_err(unreadable)?;
        let deadline = limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        Ok(Self { path: target, file, found, mark, deadline })
    }

    /// Its mark, when it is annotated.
    #[must_use]
    pub fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    /// Both ends of the slicer's file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or not in time.
    pub fn ends(&mut self) -> Result<Ends, AnnotateError> {
        let mut ends = Ends::default();
        let mut length = 0;
        self.read(&mut |part| {
            length += part.len() as u64;
            ends.add(part);
            Ok(())
        })?;
        ends.finish(length);
        Ok(ends)
    }

    /// Plans the frames of the first of `options`' tracks.
    ///
    /// # Errors
    ///
    /// It cannot be read, or not in time.
    pub fn plan(&mut self, engine: engine::Options, options: planner::Options) -> Result<Planned, AnnotateError> {
        let mut reader = PlanReader::new(engine, options);
        self.read(&mut |part| {
            reader.feed(part);
            Ok(())
        })?;
        Ok(reader.finish())
    }

    /// Writes the slicer's file with the planned calls over the file itself, or to `out`. Says how many calls there are.
    /// `settings` is the digest of the options that were planned with.
    ///
    /// # Errors
    ///
    /// Nothing has changed then, neither the file nor what `out` was before.
    pub fn annotate(&mut self, planned: &Planned, settings: u32, out: Option<&Path>) -> Result<usize, AnnotateError> {
        let (lines, frames) = planned.lines(settings);
        let mut insert = Insert::new(lines);
        let mut identity = crc32fast::Hasher::new();
        let mut bytes = 0;
        let strip = self.mark.is_some();
        let (replacement, _) = self.write(out, strip, &mut |part, out| {
            identity.update(part);
            bytes += part.len() as u64;
            insert.feed(part, out)
        })?;
        // Only a file that is no longer what was planned has calls left over.
        if (bytes, identity.finalize()) != planned.original() || insert.left() > 0 {
            return Err(AnnotateError::Changed { file: self.path.clone() });
        }
        replacement.commit()?;
        Ok(frames)
    }

    /// Writes the slicer's file over the file itself, or to `out`.
    ///
    /// # Errors
    ///
    /// Nothing has changed then, neither the file nor what `out` was before.
    pub fn restore(&mut self, out: Option<&Path>) -> Result<Restored, AnnotateError> {
        let mut identity = crc32fast::Hasher::new();
        let mut bytes = 0;
        let (replacement, lines) = self.write(out, true, &mut |part, out| {
            identity.update(part);
            bytes += part.len() as u64;
            out(part)
        })?;
        if lines > 0 {
            replacement.commit()?;
        }
        let was = self.mark.as_ref().and_then(|mark| mark.original);
        Ok(Restored { lines, exact: was == Some((bytes, identity.finalize())) })
    }

    /// Reads the slicer's file from its beginning to its end.
    fn read(&mut self, each: &mut Sink<'_>) -> Result<(), AnnotateError> {
        let path = self.path.clone();
        let strip = self.mark.is_some();
        self.pass(strip, each).map(|_| ()).map_err(|fault| fault.of(&path, &path))
    }

    /// Writes what `transform` makes of each part of the file to a replacement that is not in place yet. Says how many
    /// lines were taken out before.
    fn write(
        &mut self,
        out: Option<&Path>,
        strip: bool,
        transform: &mut dyn FnMut(&[u8], &mut Sink<'_>) -> io::Result<()>,
    ) -> Result<(Replacement, usize), AnnotateError> {
        let target = out.map_or_else(|| self.path.clone(), Path::to_owned);
        let replacement = Replacement::create(&target, &self.found)?;
        let mut writer = BufWriter::with_capacity(CHUNK, replacement.file());
        let lines = self
            .pass(strip, &mut |part| transform(part, &mut |bytes| writer.write_all(bytes)))
            .and_then(|lines| writer.flush().map(|()| lines).map_err(Fault::Write))
            .map_err(|fault| fault.of(&self.path, &target))?;
        drop(writer);
        let now = fs::metadata(&self.path);
        let now = now.map_err(|source| AnnotateError::Read { file: self.path.clone(), source })?;
        let stamp = |m: &Metadata| (m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec());
        if stamp(&now) != stamp(&self.found) {
            return Err(AnnotateError::Changed { file: self.path.clone() });
        }
        Ok((replacement, lines))
    }

    /// One pass through the file. Says how many lines were taken out.
    fn pass(&mut self, strip: bool, each: &mut Sink<'_>) -> Result<usize, Fault> {
        self.file.rewind().map_err(Fault::Read)?;
        let mut strip = strip.then(Strip::default);
        let mut buffer = vec![0; CHUNK];
        loop {
            if let Some((end, limit)) = self.deadline
                && Instant::now() > end
            {
                return Err(Fault::Slow(limit));
            }
            match (self.file.read(&mut buffer), &mut strip) {
                (Ok(0), _) => break,
                (Ok(length), Some(strip)) => strip.feed(&buffer[..length], each).map_err(Fault::Write)?,
                (Ok(length), None) => each(&buffer[..length]).map_err(Fault::Write)?,
                (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
                (Err(error), _) => return Err(Fault::Read(error)),
            }
        }
        strip.map_or(Ok(0), |strip| strip.finish(each)).map_err(Fault::Write)
    }
}

impl Fault {
    /// In a sentence, for a pass from `read` to `written`.
    fn of(self, read: &Path, written: &Path) -> AnnotateError {
        match self {
            Self::Read(source) => AnnotateError::Read { file: read.to_owned(), source },
            Self::Write(source) => AnnotateError::Write { file: written.to_owned(), source },
            Self::Slow(limit) => AnnotateError::TooSlow { file: read.to_owned(), seconds: limit.as_secs() },
        }
    }
}

impl Ends {
    const BYTES: usize = END_BYTES as usize;

    fn add(&mut self, part: &[u8]) {
        let room = Self::BYTES - self.head.len();
        self.head.extend_from_slice(&part[..part.len().min(room)]);
        self.tail.extend_from_slice(part);
        if self.tail.len() > 2 * Self::BYTES {
            self.tail.drain(..self.tail.len() - Self::BYTES);
        }
    }

    fn finish(&mut self, length: u64) {
        self.tail.drain(..self.tail.len().saturating_sub(Self::BYTES));
        if length <= END_BYTES {
            self.tail.clear();
        }
    }

    /// The slicer's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::from_ends(&self.head, &self.tail)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_ends_are_those_that_are_read_from_a_file() {
        let kilobyte = |i: u32| format!("G1 X{i} ;{}\n", "x".repeat(1000));
        for lines in [1, 255, 256, 257, 300, 800, 2000] {
            let text: String = (0..lines).map(kilobyte).collect();
            let text = format!("; retract_length = 1.5\n{text}; retract_lift = 0.3\n");
            for chunk in [1000, CHUNK, 3 * CHUNK] {
                let mut ends = Ends::default();
                text.as_bytes().chunks(chunk).for_each(|part| ends.add(part));
                ends.finish(text.len() as u64);
                assert_eq!(ends.settings(), Settings::from_file(&mut Cursor::new(&text)).unwrap(), "{lines}");
            }
        }
    }
}
