//! What can go wrong with the store, in sentences for users.

use std::io;
use std::path::{Path, PathBuf};

use super::{JpegFlaw, SessionId};

/// Why the store could not do what was asked. Frames stored before are not affected by any of these.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system (or the user's quota) is full.
    #[error(
        "The disk is full, {path} cannot be written: delete old sessions (`moonlapse sessions --help`), films or G-code files"
    )]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
    },
    /// Storing more would eat into what is kept free for the printer.
    #[error(
        "Only {} MB are free on the disk of {path}, and {} MB of it are kept free for the printer (disk_reserve): delete old sessions (`moonlapse sessions --help`), films or G-code files",
        free / 1_000_000, reserve / 1_000_000
    )]
    NearlyFull {
        /// The store's folder.
        path: PathBuf,
        /// Bytes.
        free: u64,
        /// Bytes.
        reserve: u64,
    },
    /// The user that runs Moonlapse may not do this.
    #[error("No permission to {doing} {path}: make the user that runs Moonlapse the owner of that folder")]
    Permission {
        /// A verb, like "write".
        doing: &'static str,
        /// On what.
        path: PathBuf,
    },
    /// The file system is read-only, often after an SD card failed.
    #[error("{path} is on a read-only file system: if it was writable before, the SD card or disk may be failing")]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
    },
    /// Another system call failed.
    #[error("Cannot {doing} {path}: {source}")]
    Io {
        /// A verb, like "write".
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("The journal {path} failed: {source}")]
    Journal {
        /// The journal's file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The journal was written by a later version.
    #[error("The journal {path} has format {found}, this version knows up to {known}: update Moonlapse")]
    Newer {
        /// The journal's file.
        path: PathBuf,
        /// Its `user_version`.
        found: u32,
        /// The newest format this version reads.
        known: u32,
    },
    /// Another process owns the store.
    #[error("The frame store {path} is in use by another moonlapse process: stop that one first")]
    Busy {
        /// The store's folder.
        path: PathBuf,
    },
    /// A session has no such reel.
    #[error("The session has no reel {reel}")]
    NoReel {
        /// Its number.
        reel: u32,
    },
    /// There is no session of that name.
    #[error("There is no session {id:?}: `moonlapse sessions` lists them")]
    NoSession {
        /// As it was asked for.
        id: String,
    },
    /// The session has ended and takes no more frames.
    #[error("Session {id} has ended, it takes no more frames")]
    Ended {
        /// The session.
        id: SessionId,
    },
    /// The bytes are not a whole JPEG picture, so they were not stored.
    #[error("The camera's picture is not a whole JPEG ({0}), it was not stored")]
    NotAJpeg(#[from] JpegFlaw),
}

impl StoreError {
    /// Sorts an I/O error into the kinds that users can act on.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::PermissionDenied => Self::Permission { doing, path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            _ => Self::Io { doing, path, source },
        }
    }

    /// Sorts an SQLite error into the kinds that users can act on.
    pub(super) fn journal(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull { path },
            Some(rusqlite::ErrorCode::PermissionDenied) => Self::Permission { doing: "open", path },
            Some(rusqlite::ErrorCode::ReadOnly) => Self::ReadOnly { path },
            _ => Self::Journal { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_become_sentences_with_the_path_and_what_to_do() {
        let of = |code| StoreError::io("write", Path::new("/data/a"), io::Error::from_raw_os_error(code)).to_string();
        assert!(of(28).starts_with("The disk is full, /data/a"), "{}", of(28));
        assert!(of(122).starts_with("The disk is full, /data/a"), "{}", of(122));
        assert!(of(13).starts_with("No permission to write /data/a"), "{}", of(13));
        assert!(of(30).starts_with("/data/a is on a read-only file system"), "{}", of(30));
        assert!(of(5).starts_with("Cannot write /data/a: Input/output error"), "{}", of(5));
    }
}
