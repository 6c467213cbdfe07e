//! The store itself.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::journal::Journal;
use super::owner::Owner;
use super::recover::{self, Recovery};
use super::{
    FilmRecord, Frame, FrameMeta, JpegInfo, Miss, NewReel, NewSession, Outcome, Reel, Session, SessionId,
    SessionSummary, StoreError, disk, import,
};

const JOURNAL: &str = "journal.db";
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
    /// None for those who only look.
    _owner: Option<Owner>,
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
        let owner = Owner::take(&dir)?;
        let (journal, rebuilt) = recover::open_journal(&dir, &dir.join(JOURNAL))?;
        let mut store = Self { dir, journal, recovery: Recovery::default(), reserve: 0, _owner: Some(owner) };
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
        Ok(Self { dir, journal, recovery: Recovery::default(), reserve: 0, _owner: None })
    }

    /// Whether there is a store in `dir`.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(JOURNAL).is_file()
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
        let NewSession { print_file, job_id, started_at, camera, settings, mut reels, layers } = new;
        if reels.is_empty() {
            reels.push(NewReel { camera: camera.clone(), ..NewReel::default() });
        }
        let reels: Vec<Reel> = (0..).zip(reels).map(|(number, of)| Reel { number, of }).collect();
        let outcome = Outcome::Printing;
        let session = Session { id, print_file, job_id, started_at, ended_at: None, outcome, camera, settings, layers };
        for reel in &reels {
            disk::create_folder(&recover::frames_dir(&self.dir, &session.id, reel.number))?;
        }
        self.journal.insert_session(&session, &reels)?;
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

    /// Notes what became known of the print after its start; `None` leaves what is known.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn set_about(&mut self, id: &SessionId, job_id: Option<&str>, layers: Option<u32>) -> Result<(), StoreError> {
        self.journal.set_about(id, job_id, layers)
    }

    /// The reel of a camera and a track; makes it where the session has none yet.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] and the errors of disk and journal.
    pub fn reel(&mut self, id: &SessionId, wanted: &NewReel) -> Result<Reel, StoreError> {
        self.session(id)?;
        let reels = self.journal.reels(id)?;
        if let Some(found) = reels.iter().find(|reel| reel.of.is_same(wanted)) {
            return Ok(found.clone());
        }
        let number = reels.iter().map(|reel| reel.number + 1).max().unwrap_or_default();
        let reel = Reel { number, of: wanted.clone() };
        disk::create_folder(&recover::frames_dir(&self.dir, id, number))?;
        self.journal.insert_reel(id, &reel)?;
        tracing::info!(session = %id, reel = number, camera = wanted.camera, track = wanted.track, "reel started");
        Ok(reel)
    }

    /// The reels of a session, the main one first.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn reels(&self, id: &SessionId) -> Result<Vec<Reel>, StoreError> {
        self.journal.reels(id)
    }

    /// The shot that the next moment has.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn next_shot(&self, id: &SessionId) -> Result<u32, StoreError> {
        Ok(self.journal.last_shot(id, None)? + 1)
    }

    /// Stores one frame of the main reel, as a moment of its own; see [`Store::append_to`].
    ///
    /// # Errors
    /// As [`Store::append_to`].
    pub fn append(&mut self, id: &SessionId, jpeg: &[u8], meta: FrameMeta) -> Result<Frame, StoreError> {
        let shot = self.next_shot(id)?;
        self.append_to(id, 0, shot, jpeg, meta)
    }

    /// Stores one frame of a reel, taken at the moment `shot`. When this returns it, it outlives a kill and a power cut.
    ///
    /// # Errors
    /// [`StoreError::NotAJpeg`] for bytes that are not a whole picture, [`StoreError::Ended`], and the errors of disk
    /// and journal; then nothing is stored and the number is used by the next frame.
    pub fn append_to(
        &mut self,
        id: &SessionId,
        reel: u32,
        shot: u32,
        jpeg: &[u8],
        meta: FrameMeta,
    ) -> Result<Frame, StoreError> {
        let JpegInfo { width, height } = JpegInfo::read(jpeg)?;
        if self.session(id)?.outcome != Outcome::Printing {
            return Err(StoreError::Ended { id: id.clone() });
        }
        self.check_room(jpeg.len() as u64)?;
        let number = self.journal.last_number(id, reel)? + 1;
        let path = self.frame_path(id, reel, number);
        disk::write_durably(&recover::temp_of(&path), &path, jpeg)?;
        let bytes = jpeg.len() as u64;
        let frame = Frame { reel, number, shot, path, width, height, bytes, adopted: false, meta };
        if let Err(error) = self.journal.insert_frame(id, &frame) {
            disk::remove_quietly(&frame.path);
            return Err(error);
        }
        tracing::debug!(session = %id, reel, number, shot, bytes, "frame stored");
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

    /// Notes a film made from the main reel.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn add_film(&mut self, id: &SessionId, film: &FilmRecord) -> Result<(), StoreError> {
        self.add_film_of(id, Some(0), film)
    }

    /// Notes a film made from a reel, or from several of them (`None`).
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn add_film_of(&mut self, id: &SessionId, reel: Option<u32>, film: &FilmRecord) -> Result<(), StoreError> {
        self.session(id)?;
        self.journal.insert_film(id, reel, film)
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

    /// At most `limit` sessions with counts and sizes, newest first, those behind `before`; and whether there are more.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn list_some(
        &self,
        before: Option<&SessionId>,
        limit: usize,
    ) -> Result<(Vec<SessionSummary>, bool), StoreError> {
        let all = self.journal.sessions()?;
        let first = match before {
            Some(id) => all.iter().position(|session| session.id == *id).map_or(all.len(), |at| at + 1),
            None => 0,
        };
        let rest = all.len().saturating_sub(first);
        let page = all.into_iter().skip(first).take(limit);
        let page: Vec<_> = page.map(|session| self.journal.summary(session)).collect::<Result<_, _>>()?;
        let more = rest > page.len();
        Ok((page, more))
    }

    /// One session with counts and sizes.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] and the errors of the journal.
    pub fn summary(&self, id: &SessionId) -> Result<SessionSummary, StoreError> {
        self.journal.summary(self.session(id)?)
    }

    /// The frames of the main reel that are there, in order.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn frames(&self, id: &SessionId) -> Result<Vec<Frame>, StoreError> {
        self.frames_of(id, 0)
    }

    /// The frames of a reel that are there, in order; none of a reel that is not there.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn frames_of(&self, id: &SessionId, reel: u32) -> Result<Vec<Frame>, StoreError> {
        self.journal.frames(id, reel, |number| self.frame_path(id, reel, number))
    }

    /// One frame that is there; `None` when it is not.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn frame(&self, id: &SessionId, reel: u32, number: u32) -> Result<Option<Frame>, StoreError> {
        self.journal.frame(id, reel, number, self.frame_path(id, reel, number))
    }

    /// The frames of the main reel that were wanted and not got, in order.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn misses(&self, id: &SessionId) -> Result<Vec<Miss>, StoreError> {
        self.misses_of(id, 0)
    }

    /// The frames of a reel that were wanted and not got, in order.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn misses_of(&self, id: &SessionId, reel: u32) -> Result<Vec<Miss>, StoreError> {
        self.journal.misses(id, reel)
    }

    /// Keeps what calibration found out about a camera, in place of what was known.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn set_timing(&mut self, camera: &str, at: Timestamp, timing: &serde_json::Value) -> Result<(), StoreError> {
        self.journal.set_timing(camera, at, &timing.to_string())
    }

    /// What calibration found out about a camera.
    ///
    /// # Errors
    /// The errors of the journal.
    pub fn timing(&self, camera: &str) -> Result<Option<serde_json::Value>, StoreError> {
        Ok(self.journal.timing(camera)?.and_then(|timing| serde_json::from_str(&timing).ok()))
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

    pub(super) fn session_dir(&self, id: &SessionId) -> PathBuf {
        self.dir.join(id.as_str())
    }

    fn frame_path(&self, id: &SessionId, reel: u32, number: u32) -> PathBuf {
        recover::frames_dir(&self.dir, id, reel).join(recover::file_name(number))
    }
}
