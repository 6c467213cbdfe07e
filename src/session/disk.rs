//! Writing files so that they are there after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::StoreError;

/// Makes the folder's entries (new names, renames, removals) durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| StoreError::io("sync", folder, error))
}

/// Creates a folder and its parents, durably.
pub(super) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        result => result.map_err(|error| StoreError::io("create", folder, error))?,
    }
    parent.map_or(Ok(()), sync_folder)
}

/// Writes `bytes` to `temp`, syncs them, and gives the file its name `path` in the same folder, durably.
///
/// On an error nothing of it is left under `path`.
pub(super) fn write_durably(temp: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(temp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(temp, path)
    };
    let named = write().map_err(|error| StoreError::io("write", path, error));
    let durable = named.and_then(|()| path.parent().map_or(Ok(()), sync_folder));
    if durable.is_err() {
        remove_quietly(temp);
        remove_quietly(path);
    }
    durable
}

/// As [`write_durably`], for a file that may be there already: on an error it stays as it was.
pub(super) fn replace_durably(temp: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create(temp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(temp, path)
    };
    let named = write().map_err(|error| StoreError::io("write", path, error));
    if named.is_err() {
        remove_quietly(temp);
    }
    named.and_then(|()| path.parent().map_or(Ok(()), sync_folder))
}

/// Removes a file whose staying would do no harm: the next start removes it.
pub(super) fn remove_quietly(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::debug!(path = %path.display(), %error, "could not remove a leftover");
        }
        _ => {}
    }
}
