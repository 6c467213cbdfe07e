//! The frames folder of the user interfaces (`frame_path`, Moonraker's root `timelapse_frames`).
//!
//! Mainsail and Fluidd show `frame000001.jpg` and so on, flat and contiguous. Here these are symbolic links into the
//! store, or hard links or copies where the folder's file system has none. Nothing is kept only here.
//!
//! What this module removes is what it made: links that point into the store, and the files listed in its own list
//! (name, inode, size). Any other file with a frame's name is a picture of somebody else, as a rule the last print of
//! moonraker-timelapse. That component would delete it when a print starts; here it is moved into a folder `kept-<time>`
//! beside, because it may be the only copy. This happens once, on the first print after the change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Frame, StoreError, disk};

/// How many of the newest frames are shown. The folder is often a tmpfs, where a link takes about 1 KiB of memory, and
/// Moonraker walks it when it starts; few prints have more layers.
pub const FRAMES_KEPT: u32 = 5_000;

/// Links and copies that cannot be told from other files by themselves: `name inode size` a line.
const LIST: &str = ".moonlapse-frames";

/// Shows the frames of the current print to the user interfaces. Blocks on the disk, like the store.
#[derive(Debug)]
pub struct Publisher {
    folder: PathBuf,
    store: PathBuf,
}

impl Publisher {
    /// Uses `folder` for frames of the store at `store`; creates it when needed.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn open(folder: impl Into<PathBuf>, store: &Path) -> Result<Self, StoreError> {
        let folder = folder.into();
        disk::create_folder(&folder)?;
        let store = store.canonicalize().map_err(|error| StoreError::io("open", store, error))?;
        Ok(Self { folder, store })
    }

    /// The name a frame has there, as in the `newframe` event.
    #[must_use]
    pub fn name(number: u32) -> String {
        format!("frame{number:06}.jpg")
    }

    /// Empties the folder of frames for a new print; gives how many frames of others were moved aside.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn clear(&mut self) -> Result<u32, StoreError> {
        let listed = self.listed();
        let mut aside = None;
        let mut moved = 0;
        let entries: io::Result<Vec<_>> = fs::read_dir(&self.folder).and_then(Iterator::collect);
        for entry in entries.map_err(|error| StoreError::io("list", &self.folder, error))? {
            let name = entry.file_name().to_string_lossy().into_owned();
            if number_of(&name).is_none() {
                continue;
            }
            if self.is_ours(&name, &listed) {
                remove(&entry.path())?;
            } else if entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
                move_aside(&self.folder, &name, &mut aside)?;
                moved += 1;
            }
        }
        disk::remove_quietly(&self.folder.join(LIST));
        if let Some(aside) = aside {
            tracing::info!(frames = moved, folder = %aside.display(), "frames of an earlier timelapse moved aside");
        }
        Ok(moved)
    }

    /// Shows one more frame; gives its name there. Beyond [`FRAMES_KEPT`] the oldest one goes.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn show(&mut self, frame: &Frame) -> Result<String, StoreError> {
        self.show_within(frame, FRAMES_KEPT)
    }

    /// Whether this frame is shown, as a link into the store.
    #[must_use]
    pub fn shows(&self, frame: &Frame) -> bool {
        let shown = self.folder.join(Self::name(frame.number)).canonicalize();
        shown.is_ok_and(|shown| frame.path.canonicalize().is_ok_and(|stored| shown == stored))
    }

    /// Shows the frames of a resumed session, as if each had just been taken.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn resume(&mut self, frames: &[Frame]) -> Result<(), StoreError> {
        self.clear()?;
        let first = frames.len().saturating_sub(FRAMES_KEPT as usize);
        for frame in frames.get(first..).unwrap_or_default() {
            self.show(frame)?;
        }
        Ok(())
    }

    fn show_within(&mut self, frame: &Frame, kept: u32) -> Result<String, StoreError> {
        let name = Self::name(frame.number);
        let path = self.folder.join(&name);
        let target = frame.path.canonicalize().map_err(|error| StoreError::io("open", &frame.path, error))?;
        if path.symlink_metadata().is_ok() {
            if self.is_ours(&name, &self.listed()) {
                remove(&path)?;
            } else {
                move_aside(&self.folder, &name, &mut None)?;
            }
        }
        if symlink(&target, &path).is_err() {
            fs::hard_link(&target, &path)
                .or_else(|_| fs::copy(&target, &path).map(|_| ()))
                .and_then(|()| self.note(&name, &path))
                .map_err(|error| StoreError::io("write", &path, error))?;
        }
        if let Some(oldest) = frame.number.checked_sub(kept).filter(|&number| number > 0) {
            let name = Self::name(oldest);
            if self.is_ours(&name, &self.listed()) {
                remove(&self.folder.join(name))?;
            }
        }
        Ok(name)
    }

    fn is_ours(&self, name: &str, listed: &str) -> bool {
        let path = self.folder.join(name);
        match fs::read_link(&path) {
            Ok(target) => target.starts_with(&self.store),
            Err(_) => fs::symlink_metadata(&path).is_ok_and(|file| {
                let line = list_line(name, &file);
                listed.lines().any(|listed| listed == line)
            }),
        }
    }

    fn listed(&self) -> String {
        fs::read_to_string(self.folder.join(LIST)).unwrap_or_default()
    }

    fn note(&self, name: &str, path: &Path) -> io::Result<()> {
        let mut list: File = OpenOptions::new().create(true).append(true).open(self.folder.join(LIST))?;
        writeln!(list, "{}", list_line(name, &fs::symlink_metadata(path)?))
    }
}

fn list_line(name: &str, file: &fs::Metadata) -> String {
    format!("{name} {} {}", file.ino(), file.len())
}

/// The number in `frame000001.jpg`; `None` for any other name.
fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("frame")?.strip_suffix(".jpg")?;
    let plain = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

fn remove(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(|error| StoreError::io("remove", path, error))
}

/// Moves a file of somebody else into `kept-<time>`; one folder for all of one call.
fn move_aside(folder: &Path, name: &str, aside: &mut Option<PathBuf>) -> Result<(), StoreError> {
    let to = match aside {
        Some(aside) => aside,
        None => {
            let stamp = Timestamp::now().strftime("%Y%m%d-%H%M%S-%f").to_string();
            let new = folder.join(format!("kept-{stamp}"));
            disk::create_folder(&new)?;
            aside.insert(new)
        }
    };
    let from = folder.join(name);
    fs::rename(&from, to.join(name)).map_err(|error| StoreError::io("move aside", &from, error))
}

#[cfg(test)]
mod tests {
    use super::super::{FrameMeta, NewSession, Store};
    use super::*;
    use crate::camera::jpeg::tests::fake_jpeg;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    struct Setup {
        dir: tempfile::TempDir,
        publisher: Publisher,
        frames: Vec<Frame>,
    }

    fn setup(count: u32) -> Setup {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path().join("store")).unwrap();
        let id = store.start(NewSession::default()).unwrap().id;
        let frames = (0..count)
            .map(|i| store.append(&id, &fake_jpeg(64, 48, &i.to_be_bytes()), FrameMeta::default()).unwrap())
            .collect();
        let publisher = Publisher::open(dir.path().join("frames"), store.dir()).unwrap();
        Setup { dir, publisher, frames }
    }

    #[test]
    fn only_the_newest_frames_are_shown() {
        let Setup { dir, mut publisher, frames } = setup(5);
        for frame in &frames {
            publisher.show_within(frame, 3).unwrap();
        }
        let folder = dir.path().join("frames");
        assert_eq!(names(&folder), ["frame000003.jpg", "frame000004.jpg", "frame000005.jpg"]);
        assert_eq!(fs::read(folder.join("frame000004.jpg")).unwrap(), fs::read(&frames[3].path).unwrap());
    }

    #[test]
    fn clearing_removes_only_what_was_made_here() {
        let Setup { dir, mut publisher, frames } = setup(2);
        let folder = dir.path().join("frames");
        fs::write(folder.join("frame000001.jpg"), "of moonraker-timelapse").unwrap();
        fs::write(folder.join("frame7.jpg"), "another name").unwrap();
        symlink("/etc/hostname", folder.join("frame000009.jpg")).unwrap();
        for frame in &frames {
            publisher.show(frame).unwrap();
        }
        assert_eq!(publisher.clear().unwrap(), 1, "the link to elsewhere");
        let left = names(&folder);
        assert_eq!(left.len(), 3, "{left:?}");
        assert_eq!(left[0], "frame7.jpg");
        let kept: Vec<PathBuf> = left[1..].iter().map(|kept| folder.join(kept)).collect();
        assert!(kept.iter().any(|kept| {
            fs::read(kept.join("frame000001.jpg")).is_ok_and(|bytes| bytes == b"of moonraker-timelapse")
        }));
        assert!(kept.iter().any(|kept| kept.join("frame000009.jpg").symlink_metadata().is_ok()));
        assert!(frames.iter().all(|frame| frame.path.is_file()), "the store keeps its frames");
    }

    #[test]
    fn a_copy_is_removed_only_while_it_is_the_one_that_was_made() {
        let Setup { dir, mut publisher, .. } = setup(0);
        let folder = dir.path().join("frames");
        for name in ["frame000001.jpg", "frame000002.jpg"] {
            fs::write(folder.join(name), "copy").unwrap();
            publisher.note(name, &folder.join(name)).unwrap();
        }
        fs::write(folder.join("frame000002.jpg"), "changed by somebody").unwrap();
        assert_eq!(publisher.clear().unwrap(), 1);
        let left = names(&folder);
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(names(&folder.join(&left[0])), ["frame000002.jpg"]);
    }

    #[test]
    fn a_resumed_session_is_shown_as_a_whole() {
        let Setup { dir, mut publisher, frames } = setup(3);
        publisher.show(&frames[0]).unwrap();
        publisher.resume(&frames).unwrap();
        assert_eq!(names(&dir.path().join("frames")), ["frame000001.jpg", "frame000002.jpg", "frame000003.jpg"]);
    }
}
