//! How much room the disk has, and the part of it that is the printer's.

use std::path::Path;

use rustix::fs::statvfs;

use super::{Store, StoreError};

/// A frame's size when none is known, bytes: a JPEG of 1280x720.
const TYPICAL_FRAME: u64 = 120 << 10;

/// The disk of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free, bytes.
    pub free: u64,
    /// Of these, kept free for the printer, bytes.
    pub reserve: u64,
    /// Mean size of the frames of the latest session, bytes.
    pub frame: u64,
}

impl Room {
    /// For how many frames there is room.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.free.saturating_sub(self.reserve) / self.frame.max(1)
    }
}

impl Store {
    /// What the disk has room for, judged by the sizes of the latest frames.
    ///
    /// # Errors
    /// The errors of disk and journal.
    pub fn room(&self) -> Result<Room, StoreError> {
        let latest = self.list()?.into_iter().find(|summary| summary.frames > 0);
        let frame = latest.map_or(TYPICAL_FRAME, |summary| summary.bytes / u64::from(summary.frames.max(1)));
        Ok(Room { free: free(self.dir())?, reserve: self.reserve(), frame })
    }

    /// Refuses to write `bytes` when less than the reserve would be left free. Frames that are refused are missed; a disk
    /// that is really full stops Klipper's log, Moonraker's database and often the print itself.
    pub(super) fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let reserve = self.reserve();
        if reserve == 0 {
            return Ok(());
        }
        let free = free(self.dir())?;
        if free.saturating_sub(bytes) < reserve {
            return Err(StoreError::NearlyFull { path: self.dir().to_owned(), free, reserve });
        }
        Ok(())
    }
}

fn free(path: &Path) -> Result<u64, StoreError> {
    let fs = statvfs(path).map_err(|error| StoreError::io("look at", path, error.into()))?;
    Ok(fs.f_bavail.saturating_mul(fs.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_not_counted_as_room() {
        let room = Room { free: 1000, reserve: 300, frame: 100 };
        assert_eq!(room.frames(), 7);
        assert_eq!(Room { free: 200, ..room }.frames(), 0);
    }
}
