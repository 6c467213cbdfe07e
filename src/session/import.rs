//! Frames that come from elsewhere, as a session of their own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::process::{Pid, test_kill_process};

use super::store::Store;
use super::{
    Frame, FrameMeta, JpegInfo, Miss, NewReel, NewSession, Outcome, Reel, Session, SessionId, SessionSummary,
    StoreError, disk, hero, recover,
};

/// Prefix of the folder in which frames gather: `.import-<process>-<session>`.
const STAGING: &str = ".import-";

/// A session that is being imported. Dropped before [`Import::finish`], it leaves nothing.
#[derive(Debug)]
pub struct Import<'a> {
    store: &'a mut Store,
    staging: PathBuf,
    session: Session,
    reels: Vec<Reel>,
    frames: Vec<Frame>,
    misses: Vec<Miss>,
    /// Number and shot of the last frame of each reel.
    last: Vec<(u32, u32)>,
}

impl Store {
    /// Begins to import a session that ended as `outcome` says, with these reels, or one. The agent that owns the store may
    /// run meanwhile.
    ///
    /// # Errors
    /// The errors of disk and journal.
    pub fn import(
        &mut self,
        new: NewSession,
        outcome: Outcome,
        ended_at: Option<Timestamp>,
    ) -> Result<Import<'_>, StoreError> {
        let local = new.started_at.to_zoned(TimeZone::system());
        let mut attempt = 1;
        let id = loop {
            let id = SessionId::propose(&local, &new.print_file, attempt);
            if !self.dir.join(id.as_str()).exists() && self.journal.session(&id)?.is_none() {
                break id;
            }
            attempt += 1;
        };
        let staging = self.dir.join(format!("{STAGING}{}-{id}", std::process::id()));
        disk::create_folder(&staging)?;
        let NewSession { print_file, job_id, started_at, camera, settings, mut reels, layers } = new;
        if reels.is_empty() {
            reels.push(NewReel { camera: camera.clone(), ..NewReel::default() });
        }
        let reels: Vec<Reel> = (0..).zip(reels).map(|(number, of)| Reel { number, of }).collect();
        let last = vec![(0, 0); reels.len()];
        let session = Session { id, print_file, job_id, started_at, ended_at, outcome, camera, settings, layers };
        let import = Import { store: self, staging, session, reels, frames: Vec::new(), misses: Vec::new(), last };
        for reel in &import.reels {
            disk::create_folder(&recover::frames_folder(&import.staging, reel.number))?;
        }
        Ok(import)
    }
}

impl Import<'_> {
    /// Adds the next frame of a reel, taken at the moment `shot` where that is known: shots rise within a reel.
    ///
    /// # Errors
    /// [`StoreError::NotAJpeg`], after which the import may go on without this one; [`StoreError::NearlyFull`],
    /// [`StoreError::NoReel`], and the errors of the disk.
    pub fn add(&mut self, reel: u32, shot: Option<u32>, jpeg: &[u8], meta: FrameMeta) -> Result<(), StoreError> {
        let JpegInfo { width, height } = JpegInfo::read(jpeg)?;
        self.store.check_room(jpeg.len() as u64)?;
        let last = self.last.get_mut(reel as usize).ok_or(StoreError::NoReel { reel })?;
        let number = last.0.saturating_add(1);
        let shot = shot.filter(|&shot| shot > last.1).unwrap_or_else(|| last.1.saturating_add(1));
        let name = recover::file_name(number);
        write(&recover::frames_folder(&self.staging, reel).join(&name), jpeg)?;
        *last = (number, shot);
        let path = recover::frames_dir(&self.store.dir, &self.session.id, reel).join(name);
        let bytes = jpeg.len() as u64;
        self.frames.push(Frame { reel, number, shot, path, width, height, bytes, adopted: false, meta });
        Ok(())
    }

    /// Adds the still of a reel's finished part.
    ///
    /// # Errors
    /// As [`Import::add`].
    pub fn add_hero(&mut self, reel: u32, jpeg: &[u8]) -> Result<(), StoreError> {
        JpegInfo::read(jpeg)?;
        self.store.check_room(jpeg.len() as u64)?;
        if reel as usize >= self.reels.len() {
            return Err(StoreError::NoReel { reel });
        }
        write(&hero::path(&self.staging, reel), jpeg)
    }

    /// Adds a frame that was wanted and not got.
    pub fn miss(&mut self, miss: Miss) {
        self.misses.push(miss);
    }

    /// Frames added so far.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Makes the session appear, durably and as a whole.
    ///
    /// # Errors
    /// The errors of disk and journal; then there is no such session.
    pub fn finish(self) -> Result<SessionSummary, StoreError> {
        let Self { store, staging, session, reels, frames, misses, last: _ } = &self;
        let io = |doing, error: std::io::Error| StoreError::io(doing, staging, error);
        // One sync of the file system instead of one for each frame.
        let folder = File::open(staging).map_err(|error| io("open", error))?;
        rustix::fs::syncfs(&folder).map_err(|error| io("sync", error.into()))?;
        let home = store.dir.join(session.id.as_str());
        store.journal.atomically(|| {
            store.journal.insert_session_rows(session, reels)?;
            for frame in frames {
                store.journal.insert_frame(&session.id, frame)?;
            }
            for miss in misses {
                store.journal.insert_miss(&session.id, miss)?;
            }
            fs::rename(staging, &home).map_err(|error| io("rename", error))?;
            disk::sync_folder(&store.dir)
        })?;
        tracing::info!(session = %session.id, frames = frames.len(), "session imported");
        store.summary(&session.id)
    }
}

impl Drop for Import<'_> {
    fn drop(&mut self) {
        remove(&self.staging);
    }
}

/// Removes what killed imports left.
pub(super) fn remove_leftovers(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process =
            name.strip_prefix(STAGING).and_then(|rest| rest.split_once('-')).and_then(|(id, _)| id.parse().ok());
        let Some(process) = process.and_then(Pid::from_raw) else { continue };
        if test_kill_process(process) == Err(rustix::io::Errno::SRCH) {
            remove(&entry.path());
        }
    }
}

/// What is written is synced as a whole when the import is finished.
fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    fs::write(path, bytes).map_err(|error| StoreError::io("write", path, error))
}

fn remove(staging: &Path) {
    match fs::remove_dir_all(staging) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %staging.display(), %error, "an unfinished import could not be removed");
        }
        _ => {}
    }
}
