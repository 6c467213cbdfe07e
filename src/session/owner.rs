//! Who owns the store: one process at a time, by a lock on a file in its folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::StoreError;

const LOCK: &str = "owner.lock";

/// Ownership of a store, given back when dropped; the system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Owner(File);

impl Owner {
    /// # Errors
    /// [`StoreError::Busy`] while another process owns it, and those of the disk.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| StoreError::io("open", &path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self(lock)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy { path: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path, error)),
        }
    }
}

/// Whether a process owns the store in `dir` now. Does not make a store where there is none.
#[must_use]
pub fn is_owned(dir: &Path) -> bool {
    // An owner that comes at this very moment tries again.
    File::open(dir.join(LOCK)).is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl Drop for Owner {
    /// Closing the file is not enough: a program that is just being started by another thread has a copy of it until it
    /// runs, and the lock lives as long as any copy.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "the lock of the frame store could not be given back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_file_in_a_starting_program_does_not_hold_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_owned(dir.path()));
        let owner = Owner::take(dir.path()).unwrap();
        assert!(is_owned(dir.path()));
        let copy = owner.0.try_clone().unwrap();
        assert!(matches!(Owner::take(dir.path()), Err(StoreError::Busy { .. })));
        drop(owner);
        assert!(!is_owned(dir.path()));
        assert!(Owner::take(dir.path()).is_ok());
        drop(copy);
    }
}
