//! The store itself.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::journal::Journal;
use super::recover::{self, Recovery};
use super::{
    FilmRecord, Frame, FrameMeta, JpegInfo, Miss, NewSession, Outcome, Session, SessionId, SessionSummary, StoreError,
    disk, import,
};

const JOURNAL: &str = "journal.db";
const LOCK: &str = "owner.lock";
/// Prefix of a session's folder while it is being deleted.
pub(super) const DELETED: &str = ".deleted-";

/// The frames of all prints. Every call waits for the disk; see the module's notes on threads.
#[derive(Debug)]
pub struct Store {
    pub(super) dir: PathBuf,
    pub(super) journal: Journal,
    recovery: Recovery,
    /// Bytes kept free on the disk.
    reserve: u64,
    /// Held while open by the owner; the system releases it when the process ends, however it ends.
    _lock: Option<File>,
}

impl Store {
    /// Opens the store as its owner, the only one who may append, and puts right what a kill or a power cut left
    /// (see [`Store::recovery`]).
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another process owns it, and the errors of disk and journal.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        disk::create_folder(&dir)?;
        let lock = take_lock(&dir)?;
        let (journal, rebuilt) = recover::open_journal(&dir, &dir.join(JOURNAL))?;
        let mut store = Self { dir, journal, recovery: Recovery::default(), reserve: 0, _lock: Some(lock) };
        import::remove_leftovers(&store.dir);
        store.recovery = recover::reconcile(&store.dir, &store.journal)?;
        store.recovery.journal_rebuilt = rebuilt;
        if store.recovery != Recovery::default() {
            let Recovery { adopted, dropped, lost, sessions, journal_rebuilt } = store.recovery;
            tracing::warn!(adopted, dropped, lost, sessions, journal_rebuilt, "frame store put right after a crash");
        }
        Ok(store)
    }

    /// Opens the store beside its owner, to list, to render, to delete ended sessions; changes nothing by itself.
    ///
    /// # Errors
    /// The errors of disk and journal.
    pub fn attach(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        disk::create_folder(&dir)?;
        let journal = Journal::open(&dir.join(JOURNAL))?;
        Ok(Self { dir, journal, recovery: Recovery::default(), reserve: 0, _lock: None })
    }

    /// What [`Store::open`] had to put right.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Keeps this many bytes of the disk free: [`Store::append`] refuses frames that would need them.
    pub fn set_reserve(&mut self, bytes: u64) {
        self.reserve = bytes;
    }

    /// Bytes kept free on the disk.
    #[must_use]
    pub fn reserve(&self) -> u64 {
        self.reserve
    }

    /// Where parts of a session's films are kept until the film is made; they go with the session.
    #[must_use]
    pub fn segments_dir(&self, id: &SessionId) -> PathBuf {
        self.session_dir(id).join("segments")
    }

    /// The store's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a session for a print that starts now. Its name shows the local time.
    ///
    /// # Errors
    /// The errors of disk and journal.
    pub fn start(&mut self, new: NewSession) -> Result<Session, StoreError> {
        let local = new.started_at.to_zoned(TimeZone::system());
        let mut attempt = 1;
        let id = loop {
            let id = SessionId::propose(&local, &new.print_file, attempt);
            if !self.session_dir(&id).exists() && self.journal.session(&id)?.is_none() {
                break id;
            }
            attempt += 1;
        };
        let NewSession { print_file, job_id, started_at, camera, settings } = new;
        let outcome = Outcome::Printing;
        let session = Session { id, print_file, job_id, started_at, ended_at: None, outcome, camera, settings };
        disk::create_folder(&self.frames_dir(&session.id))?;
        self.journal.insert_session(&session)?;
        tracing::info!(session = %session.id, print_file = session.print_file, "session started");
        Ok(session)
    }

    /// After a restart of the agent during a print: the session that goes on, the newest one still marked printing for
    /// this file, and for this job where both jobs are known. [`Store::append`] then goes on numbering.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn resume(&mut self, print_file: &str, job_id: Option<&str>) -> Result<Option<Session>, StoreError> {
        let same_job = |session: &Session| match (&session.job_id, job_id) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        let found = self.journal.sessions()?.into_iter().find(|session| {
            session.outcome == Outcome::Printing && session.print_file == print_file && same_job(session)
        });
        if let Some(session) = &found {
            tracing::info!(session = %session.id, print_file, "session resumed");
        }
        Ok(found)
    }

    /// Marks every session that is still printing, except `keep`, as interrupted: at a start, when the printer is
    /// known to do something else. Gives the sessions marked, newest first, so that their films can be made.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn interrupt_others(&mut self, keep: Option<&SessionId>, at: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let mut marked = Vec::new();
        for session in self.journal.sessions()? {
            if session.outcome == Outcome::Printing && Some(&session.id) != keep {
                self.end(&session.id, Outcome::Interrupted, at)?;
                marked.push(session.id);
            }
        }
        Ok(marked)
    }

    /// Notes how and when the print ended.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] and the errors of the journal.
    pub fn end(&mut self, id: &SessionId, outcome: Outcome, at: Timestamp) -> Result<(), StoreError> {
        self.journal.set_outcome(id, outcome, Some(at))?;
        tracing::debug!(session = %id, outcome = outcome.as_str(), "session ended");
        Ok(())
    }

    /// Stores one frame. When this returns it, it outlives a kill and a power cut.
    ///
    /// # Errors
    /// [`StoreError::NotAJpeg`] for bytes that are not a whole picture, [`StoreError::Ended`], and the errors of disk
    /// and journal; then nothing is stored and the number is used by the next frame.
    pub fn append(&mut self, id: &SessionId, jpeg: &[u8], meta: FrameMeta) -> Result<Frame, StoreError> {
        let JpegInfo { width, height } = JpegInfo::read(jpeg)?;
        if self.session(id)?.outcome != Outcome::Printing {
            return Err(StoreError::Ended { id: id.clone() });
        }
        self.check_room(jpeg.len() as u64)?;
        let number = self.journal.last_number(id)? + 1;
        let path = self.frame_path(id, number);
        disk::write_durably(&recover::temp_of(&path), &path, jpeg)?;
        let bytes = jpeg.len() as u64;
        let frame = Frame { number, path, width, height, bytes, adopted: false, meta };
        if let Err(error) = self.journal.insert_frame(id, &frame) {
            disk::remove_quietly(&frame.path);
            return Err(error);
        }
        tracing::debug!(session = %id, number, bytes, "frame stored");
        Ok(frame)
    }

    /// Records a frame that was wanted and not got.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn miss(&mut self, id: &SessionId, miss: &Miss) -> Result<(), StoreError> {
        self.session(id)?;
        self.journal.insert_miss(id, miss)?;
        tracing::debug!(session = %id, layer = miss.layer, reason = miss.reason, "frame missed");
        Ok(())
    }

    /// Notes a film made from the session.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn add_film(&mut self, id: &SessionId, film: &FilmRecord) -> Result<(), StoreError> {
        self.session(id)?;
        self.journal.insert_film(id, film)
    }

    /// One session.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] and the errors of the journal.
    pub fn session(&self, id: &SessionId) -> Result<Session, StoreError> {
        self.journal.session(id)?.ok_or_else(|| StoreError::NoSession { id: id.to_string() })
    }

    /// The session a user means: its name, an unambiguous beginning of it, or `latest`.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] and the errors of the journal.
    pub fn find(&self, name: &str) -> Result<Session, StoreError> {
        let mut matching: Vec<Session> = self.journal.sessions()?;
        if name == "latest" {
            matching.truncate(1);
        } else if let Some(exact) = matching.iter().position(|session| session.id.as_str() == name) {
            matching = vec![matching.swap_remove(exact)];
        } else {
            matching.retain(|session| session.id.as_str().starts_with(name));
        }
        match matching.pop() {
            Some(session) if matching.is_empty() => Ok(session),
            _ => Err(StoreError::NoSession { id: name.to_owned() }),
        }
    }

    /// All sessions with counts and sizes, newest first.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn list(&self) -> Result<Vec<SessionSummary>, StoreError> {
        self.journal.sessions()?.into_iter().map(|session| self.journal.summary(session)).collect()
    }

    /// One session with counts and sizes.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] and the errors of the journal.
    pub fn summary(&self, id: &SessionId) -> Result<SessionSummary, StoreError> {
        self.journal.summary(self.session(id)?)
    }

    /// The frames of a session that are there, in order.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn frames(&self, id: &SessionId) -> Result<Vec<Frame>, StoreError> {
        self.journal.frames(id, |number| self.frame_path(id, number))
    }

    /// The frames of a session that were wanted and not got, in order.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn misses(&self, id: &SessionId) -> Result<Vec<Miss>, StoreError> {
        self.journal.misses(id)
    }

    /// Deletes a session: its folder and its rows, nothing else (films made from it stay). A deletion that was cut short
    /// is finished at the next start.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] and the errors of disk and journal.
    pub fn delete(&mut self, id: &SessionId) -> Result<(), StoreError> {
        self.session(id)?;
        let folder = self.session_dir(id);
        let doomed = self.dir.join(format!("{DELETED}{id}"));
        match fs::rename(&folder, &doomed) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("delete", &folder, error));
            }
            _ => disk::sync_folder(&self.dir)?,
        }
        recover::finish_deletion(&self.journal, id, &doomed)?;
        tracing::info!(session = %id, "session deleted");
        Ok(())
    }

    fn session_dir(&self, id: &SessionId) -> PathBuf {
        self.dir.join(id.as_str())
    }

    fn frames_dir(&self, id: &SessionId) -> PathBuf {
        recover::frames_dir(&self.dir, id)
    }

    fn frame_path(&self, id: &SessionId, number: u32) -> PathBuf {
        self.frames_dir(id).join(recover::file_name(number))
    }
}

fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let lock = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = lock.map_err(|error| StoreError::io("open", &path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy { path: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path, error)),
    }
}
