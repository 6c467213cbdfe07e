//! A new version of a file that appears whole or not at all.

use std::fs::{self, File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Gid, OFlags, Uid, fchown, flock};
use rustix::io::Errno;

use super::error::AnnotateError;

/// A file in the making beside the one that it is to replace. It goes away unless it is committed.
#[derive(Debug)]
pub(super) struct Replacement {
    target: PathBuf,
    temporary: PathBuf,
    /// Open, and locked, until it is in place. So two never write the same, and Moonraker, which looks at a file when it is
    /// closed, sees no temporary one come and go.
    file: File,
    like: Metadata,
    committed: bool,
}

/// The folder of `path`.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Replacement {
    /// Begins a new version of `target` with the permissions, owner and time of `like`.
    ///
    /// # Errors
    ///
    /// `target` is no regular file or write-protected, somebody is at it already, or nothing can be written there.
    pub(super) fn create(target: &Path, like: &Metadata) -> Result<Self, AnnotateError> {
        match fs::symlink_metadata(target) {
            Ok(there) if !there.is_file() => return Err(AnnotateError::OddTarget { file: target.to_owned() }),
            Ok(there) if there.mode() & 0o222 == 0 => {
                return Err(AnnotateError::WriteProtected { file: target.to_owned() });
            }
            _ => {}
        }
        // One name for each target: what a kill has left is used again. Too long a name stays short enough.
        let name = target.file_name().unwrap_or_default().as_encoded_bytes();
        let temporary = folder(target).join(format!(".moonlapse-{:08x}.tmp", crc32fast::hash(name)));
        let failed = |source| AnnotateError::Write { file: target.to_owned(), source };
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
                .open(&temporary)
                .map_err(failed)?;
            // File systems without locks have no two agents either.
            if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
                return Err(AnnotateError::Busy { file: target.to_owned() });
            }
            // The one who held the lock may have put this very file in place meanwhile.
            let identity = |m: Metadata| (m.dev(), m.ino());
            let mine = file.metadata().map(identity).map_err(failed)?;
            if fs::symlink_metadata(&temporary).is_ok_and(|there| identity(there) == mine) {
                let this = Self { target: target.to_owned(), temporary, file, like: like.clone(), committed: false };
                this.file.set_len(0).map_err(failed)?;
                return Ok(this);
            }
        }
    }

    /// What is to be written.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Puts it in place. It survives a power cut from then on.
    ///
    /// # Errors
    ///
    /// The target is as it was before then.
    pub(super) fn commit(mut self) -> Result<(), AnnotateError> {
        self.put_in_place().map_err(|source| AnnotateError::Write { file: self.target.clone(), source })?;
        self.committed = true;
        // The name itself; a file system that cannot do that has the old or the new file after a power cut.
        if let Ok(folder) = File::open(folder(&self.target)) {
            folder.sync_all().ok();
        }
        Ok(())
    }

    fn put_in_place(&self) -> io::Result<()> {
        let Self { file, like, .. } = self;
        // Only root can give a file away, and not every file system has owners.
        fchown(file, Some(Uid::from_raw(like.uid())), Some(Gid::from_raw(like.gid()))).ok();
        file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))?;
        // Lists of files stay in the order of the uploads.
        if let Ok(modified) = like.modified() {
            file.set_times(FileTimes::new().set_modified(modified))?;
        }
        file.sync_all()?;
        fs::rename(&self.temporary, &self.target)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.committed {
            fs::remove_file(&self.temporary).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn begin(folder: &tempfile::TempDir) -> (PathBuf, Replacement) {
        let target = folder.path().join("a.gcode");
        fs::write(&target, "old").unwrap();
        let replacement = Replacement::create(&target, &fs::metadata(&target).unwrap()).unwrap();
        replacement.file().write_all(b"new").unwrap();
        (target, replacement)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn nothing_is_left_of_one_that_is_not_committed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, replacement) = begin(&folder);
        drop(replacement);
        assert_eq!(fs::read(target).unwrap(), b"old");
        assert_eq!(names(&folder), ["a.gcode"]);
    }

    #[test]
    fn mode_and_time_are_those_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.gcode");
        let file = File::create(&target).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
        file.set_permissions(Permissions::from_mode(0o640)).unwrap();
        let replacement = Replacement::create(&target, &file.metadata().unwrap()).unwrap();
        replacement.file().write_all(b"new").unwrap();
        replacement.commit().unwrap();
        let now = fs::metadata(&target).unwrap();
        assert_eq!((now.mode() & 0o7777, now.modified().unwrap()), (0o640, time));
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(&folder), ["a.gcode"]);
    }

    #[test]
    fn two_at_once_are_one_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let (target, replacement) = begin(&folder);
        let second = Replacement::create(&target, &fs::metadata(&target).unwrap());
        assert!(matches!(second, Err(AnnotateError::Busy { .. })), "{second:?}");
        replacement.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn what_a_kill_has_left_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let (target, replacement) = begin(&folder);
        let left = replacement.temporary.clone();
        drop(replacement);
        fs::write(left, "much longer than what comes now").unwrap();
        let (_, replacement) = begin(&folder);
        replacement.commit().unwrap();
        assert_eq!(fs::read(target).unwrap(), b"new");
        assert_eq!(names(&folder), ["a.gcode"]);
    }

    #[test]
    fn odd_and_protected_targets_stay() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.gcode");
        fs::write(&target, "old").unwrap();
        let like = fs::metadata(&target).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for odd in [folder.path(), &link, Path::new("/dev/null")] {
            assert!(matches!(Replacement::create(odd, &like), Err(AnnotateError::OddTarget { .. })), "{odd:?}");
        }
        fs::set_permissions(&target, Permissions::from_mode(0o444)).unwrap();
        assert!(matches!(Replacement::create(&target, &like), Err(AnnotateError::WriteProtected { .. })));
    }
}
