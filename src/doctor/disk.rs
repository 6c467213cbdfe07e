//! The folders: may we write there, do they last, and is there room?

use std::path::{Path, PathBuf};

use rustix::fs::{statfs, statvfs};

use super::chart::Chart;
use super::{Check, Subject};
use crate::config::Settings;

/// Linux's number for file systems in memory.
const TMPFS: i64 = 0x0102_1994;
/// A print of this many frames should have room.
const FRAMES: u64 = 1000;
/// A frame's size, bytes: a JPEG of 1280x720.
const FRAME: u64 = 120 << 10;

pub(super) fn examine(settings: &Settings, store: &Path, chart: Option<&Chart>) -> Vec<Check> {
    // Where Moonraker could not use a folder it took another.
    let root = |name: &str, setting: &str| {
        chart.and_then(|chart| chart.root(name)).map_or_else(|| PathBuf::from(setting), PathBuf::from)
    };
    let films = root("timelapse", &settings.output_path);
    let shown = root("timelapse_frames", &settings.frame_path);
    let mut checks = Vec::new();
    for (folder, what, option) in [
        (store, "frame store", "session_path"),
        (&films, "folder of the films", "output_path"),
        (&shown, "folder in which the frames are shown", "frame_path"),
    ] {
        if let Err(problem) = writable(folder) {
            checks.push(Check::fault(
                Subject::Disk,
                format!(
                    "the {what}, {}, cannot be written ({problem}): give it to the user that the agent runs as, or set {option} \
                     to another folder",
                    folder.display()
                ),
            ));
        }
    }
    checks.extend(lasting(store));
    checks.extend(room(settings, store, "frames"));
    checks.extend(room(settings, &films, "films"));
    checks
}

/// The folder itself, or the nearest one above it that is there.
fn there(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.is_dir())
}

fn writable(folder: &Path) -> Result<(), String> {
    if folder.exists() && !folder.is_dir() {
        return Err("it is no folder".to_owned());
    }
    let there = there(folder).ok_or("there is no such folder")?;
    let trial = tempfile::Builder::new().prefix(".moonlapse-doctor-").tempfile_in(there);
    trial.map(|_removed| ()).map_err(|problem| problem.to_string())
}

/// Frames must outlive a power cut.
fn lasting(store: &Path) -> Option<Check> {
    #[allow(clippy::unnecessary_cast, reason = "its type differs between architectures")]
    let in_memory = statfs(there(store)?).is_ok_and(|fs| fs.f_type as i64 == TMPFS);
    in_memory.then(|| {
        Check::warning(
            Subject::Disk,
            format!(
                "the frame store, {}, lies in memory, and a power cut takes the frames of a print: set session_path to a folder \
                 on a disk",
                store.display()
            ),
        )
    })
}

fn room(settings: &Settings, folder: &Path, what: &str) -> Option<Check> {
    let fs = statvfs(there(folder)?).ok()?;
    let free = fs.f_bavail.saturating_mul(fs.f_frsize);
    let reserve = u64::from(settings.disk_reserve) * 1_000_000;
    let (free_mb, reserve_mb) = (free / 1_000_000, settings.disk_reserve);
    let folder = folder.display();
    Some(if free <= reserve {
        Check::fault(
            Subject::Disk,
            format!(
                "only {free_mb} MB are free in {folder}, and disk_reserve keeps {reserve_mb} MB for the printer, so no {what} are \
                 stored: delete something (`moonlapse sessions delete`), or lower disk_reserve"
            ),
        )
    } else if free - reserve < FRAMES * FRAME {
        let message = format!("{free_mb} MB are free in {folder}, which a long print may fill: delete something");
        Check::warning(Subject::Disk, message)
    } else {
        Check::ok(Subject::Disk, format!("{free_mb} MB are free for {what} in {folder}"))
    })
}
