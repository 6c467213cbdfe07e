//! Temporary files in the folder of the films, on the same file system, so that the last step is a rename.
//!
//! Their names begin with a dot and end neither in `mp4` nor in `zip`, so the UIs do not list them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, test_kill_process};

const PREFIX: &str = ".moonlapse-";
/// More than any layout shows.
const MAX_CAMERAS: usize = 8;

/// A set of temporary names for one render; whatever is still there when it is dropped is removed.
#[derive(Debug)]
pub(super) struct Scratch {
    stem: PathBuf,
    pieces: AtomicU32,
}

impl Scratch {
    /// Names of this process, unlike those of any other render.
    pub(super) fn new(folder: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let stem = folder.join(format!("{PREFIX}{}-{number}", std::process::id()));
        Self { stem, pieces: AtomicU32::new(0) }
    }

    pub(super) fn film(&self) -> PathBuf {
        self.stem.with_extension("film")
    }

    /// The list of one camera's frames.
    pub(super) fn list_of(&self, camera: usize) -> PathBuf {
        self.stem.with_extension(format!("{camera}.list"))
    }

    /// The overlay's texts.
    pub(super) fn script(&self) -> PathBuf {
        self.stem.with_extension("script")
    }

    /// The colours of a GIF.
    pub(super) fn palette(&self) -> PathBuf {
        self.stem.with_extension("palette")
    }

    pub(super) fn preview(&self) -> PathBuf {
        self.stem.with_extension("preview")
    }

    pub(super) fn archive(&self) -> PathBuf {
        self.stem.with_extension("archive")
    }

    /// A new one for each call.
    pub(super) fn piece(&self) -> PathBuf {
        self.numbered_piece(self.pieces.fetch_add(1, Ordering::Relaxed))
    }

    fn numbered_piece(&self, number: u32) -> PathBuf {
        self.stem.with_extension(format!("piece{number}"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let pieces = (0..self.pieces.load(Ordering::Relaxed)).map(|number| self.numbered_piece(number));
        let lists = (0..MAX_CAMERAS).map(|camera| self.list_of(camera));
        let others = [self.film(), self.script(), self.palette(), self.preview(), self.archive()];
        for path in lists.chain(others).chain(pieces) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "could not remove a temporary file");
                }
                _ => {}
            }
        }
    }
}

/// Removes the temporary files that a killed agent left in a folder of films or segments, for its next start. Files of a
/// process that runs (a `moonlapse render` beside the agent) stay. Gives how many were removed.
pub fn remove_leftovers(output_dir: &Path) -> u32 {
    let Ok(entries) = fs::read_dir(output_dir) else { return 0 };
    let mut removed = 0;
    for entry in entries.flatten() {
        if is_leftover(&entry.file_name()) && fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    if removed > 0 {
        tracing::info!(removed, folder = %output_dir.display(), "temporary files of an unfinished render removed");
    }
    removed
}

fn is_leftover(name: &OsString) -> bool {
    let parse = || {
        let name = std::str::from_utf8(name.as_bytes()).ok()?;
        let (ids, kind) = name.strip_prefix(PREFIX)?.split_once('.')?;
        let (process, number) = ids.split_once('-')?;
        let _number: u32 = number.parse().ok()?;
        let process = Pid::from_raw(process.parse().ok()?)?;
        Some((process, kind))
    };
    parse().is_some_and(|(process, kind)| {
        // A new process may have our old number, above all in a container; no render of ours has begun yet then.
        let runs = process != rustix::process::getpid() && test_kill_process(process) != Err(rustix::io::Errno::SRCH);
        let kind = kind.rsplit('.').next().unwrap_or_default();
        let piece = kind.strip_prefix("piece").is_some_and(|number| number.parse::<u32>().is_ok());
        (piece || matches!(kind, "film" | "list" | "script" | "palette" | "preview" | "archive")) && !runs
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_leftovers_of_processes_that_ended_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = child.id();
        child.wait().unwrap();
        let gone = [format!(".moonlapse-{ended}-1.film"), format!(".moonlapse-{ended}-1.piece12")];
        let kept = [
            ".moonlapse-1-1.film".to_owned(),
            ".moonlapse-notes".to_owned(),
            format!(".moonlapse-{ended}-1.mp4"),
            format!(".moonlapse-{ended}-1.pieces"),
            "timelapse_a.mp4".to_owned(),
        ];
        for name in kept.iter().chain(&gone) {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        assert_eq!(remove_leftovers(dir.path()), 2);
        assert!(gone.iter().all(|name| !dir.path().join(name).exists()));
        assert!(kept.iter().all(|name| dir.path().join(name).exists()));
    }
}
