//! Frames that come from elsewhere, as a session of their own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::process::{Pid, test_kill_process};

use super::store::Store;
use super::{
    Frame, FrameMeta, JpegInfo, NewReel, NewSession, Outcome, Reel, Session, SessionId, SessionSummary, StoreError,
    disk, recover,
};

/// Prefix of the folder in which frames gather: `.import-<process>-<session>`.
const STAGING: &str = ".import-";

/// The only reel of an imported session.
const MAIN: u32 = 0;

/// A session that is being imported. Dropped before [`Import::finish`], it leaves nothing.
#[derive(Debug)]
pub struct Import<'a> {
    store: &'a mut Store,
    staging: PathBuf,
    session: Session,
    frames: Vec<Frame>,
}

impl Store {
    /// Begins to import a session that ended as `outcome` says. The agent that owns the store may run meanwhile.
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
        disk::create_folder(&staging.join("frames"))?;
        let NewSession { print_file, job_id, started_at, camera, settings, reels: _ } = new;
        let session = Session { id, print_file, job_id, started_at, ended_at, outcome, camera, settings };
        Ok(Import { store: self, staging, session, frames: Vec::new() })
    }
}

impl Import<'_> {
    /// Adds the next frame.
    ///
    /// # Errors
    /// [`StoreError::NotAJpeg`], after which the import may go on without this one; [`StoreError::NearlyFull`], and the
    /// errors of the disk.
    pub fn add(&mut self, jpeg: &[u8], meta: FrameMeta) -> Result<(), StoreError> {
        let JpegInfo { width, height } = JpegInfo::read(jpeg)?;
        self.store.check_room(jpeg.len() as u64)?;
        let number = u32::try_from(self.frames.len()).unwrap_or(u32::MAX).saturating_add(1);
        let name = recover::file_name(number);
        let staged = self.staging.join("frames").join(&name);
        fs::write(&staged, jpeg).map_err(|error| StoreError::io("write", &staged, error))?;
        let path = recover::frames_dir(&self.store.dir, &self.session.id, MAIN).join(name);
        let bytes = jpeg.len() as u64;
        self.frames.push(Frame { reel: MAIN, number, shot: number, path, width, height, bytes, adopted: false, meta });
        Ok(())
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
        let Self { store, staging, session, frames } = &self;
        let io = |doing, error: std::io::Error| StoreError::io(doing, staging, error);
        // One sync of the file system instead of one for each frame.
        let folder = File::open(staging).map_err(|error| io("open", error))?;
        rustix::fs::syncfs(&folder).map_err(|error| io("sync", error.into()))?;
        let home = store.dir.join(session.id.as_str());
        store.journal.atomically(|| {
            let reel = NewReel { camera: session.camera.clone(), ..NewReel::default() };
            store.journal.insert_session_rows(session, &[Reel { number: MAIN, of: reel }])?;
            for frame in frames {
                store.journal.insert_frame(&session.id, frame)?;
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

fn remove(staging: &Path) {
    match fs::remove_dir_all(staging) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %staging.display(), %error, "an unfinished import could not be removed");
        }
        _ => {}
    }
}
