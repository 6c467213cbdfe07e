//! The SQLite journal: rows in, rows out. It knows no files but its own.

mod cameras;
mod reels;
mod v1;
mod v2;
mod v3;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{FilmRecord, Frame, FrameMeta, Outcome, Reel, Session, SessionId, StoreError};

/// One script per format; script `n` leads from format `n` to `n + 1`. Published scripts are never changed.
const MIGRATIONS: [&str; 3] = [v1::SQL, v2::SQL, v3::SQL];

/// Another process (the command line beside the agent) holds the write lock for milliseconds only.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const SESSION_COLUMNS: &str = "id, print_file, job_id, started_at, ended_at, outcome, camera, settings, layers";
const FRAME_COLUMNS: &str = "reel, number, shot, width, height, bytes, adopted, at, layer, height_mm, x_mm, y_mm, z_mm, \
     extruder_c, bed_c, file_position, eta_error_s, exposure_from_s, exposure_to_s, camera";

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    db: Connection,
    path: PathBuf,
}

impl Journal {
    /// Opens or creates the journal and brings it to the newest format.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let wrap = |source| StoreError::journal(path, source);
        let mut db = Connection::open(path).map_err(wrap)?;
        db.busy_timeout(BUSY_TIMEOUT).map_err(wrap)?;
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(wrap)?;
        db.pragma_update(None, "synchronous", "FULL").map_err(wrap)?;
        db.pragma_update(None, "foreign_keys", true).map_err(wrap)?;
        migrate(&mut db, path)?;
        Ok(Self { db, path: path.to_owned() })
    }

    /// Whether SQLite finds the file sound.
    pub(super) fn is_sound(&self) -> Result<bool, StoreError> {
        self.wrap(self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)))
            .map(|word| word == "ok")
    }

    /// Does `work` as a whole or not at all, and syncs once.
    pub(super) fn atomically<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.wrap(self.db.execute_batch("BEGIN IMMEDIATE"))?;
        let done = work().and_then(|value| self.wrap(self.db.execute_batch("COMMIT")).map(|()| value));
        if done.is_err()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::debug!(%error, "nothing to roll back");
        }
        done
    }

    /// The session and its reels, or nothing of it.
    pub(super) fn insert_session(&self, session: &Session, reels: &[Reel]) -> Result<(), StoreError> {
        self.atomically(|| self.insert_session_rows(session, reels))
    }

    /// As [`Journal::insert_session`], inside of [`Journal::atomically`].
    pub(super) fn insert_session_rows(&self, session: &Session, reels: &[Reel]) -> Result<(), StoreError> {
        self.wrap(self.db.execute(
            "INSERT INTO sessions (id, print_file, job_id, started_at, ended_at, outcome, camera, settings, layers)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                session.id.as_str(),
                session.print_file,
                session.job_id,
                session.started_at.to_string(),
                session.ended_at.map(|at| at.to_string()),
                session.outcome.as_str(),
                session.camera,
                session.settings.to_string(),
                session.layers,
            ],
        ))?;
        for reel in reels {
            self.insert_reel(&session.id, reel)?;
        }
        Ok(())
    }

    pub(super) fn session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let sql = format!("SELECT {SESSION_COLUMNS} FROM sessions WHERE id = ?1");
        self.wrap(self.db.query_row(&sql, [id.as_str()], read_session).optional())
    }

    /// All sessions, newest first: in the order in which they were started, because a printer's host without a battery
    /// may have had a wrong time then.
    pub(super) fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        let sql = format!("SELECT {SESSION_COLUMNS} FROM sessions ORDER BY rowid DESC");
        let read = || self.db.prepare(&sql)?.query_map([], read_session)?.collect();
        self.wrap(read())
    }

    pub(super) fn set_outcome(
        &self,
        id: &SessionId,
        outcome: Outcome,
        ended_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let changed = self.wrap(self.db.execute(
            "UPDATE sessions SET outcome = ?2, ended_at = ?3 WHERE id = ?1",
            params![id.as_str(), outcome.as_str(), ended_at.map(|at| at.to_string())],
        ))?;
        if changed == 0 { Err(StoreError::NoSession { id: id.to_string() }) } else { Ok(()) }
    }

    /// `None` leaves what is known.
    pub(super) fn set_about(
        &self,
        id: &SessionId,
        job_id: Option<&str>,
        layers: Option<u32>,
    ) -> Result<(), StoreError> {
        self.wrap(self.db.execute(
            "UPDATE sessions SET job_id = coalesce(?2, job_id), layers = coalesce(?3, layers) WHERE id = ?1",
            params![id.as_str(), job_id, layers],
        ))
        .map(|_| ())
    }

    /// Removes the session with its frames, misses and films.
    pub(super) fn delete_session(&self, id: &SessionId) -> Result<(), StoreError> {
        self.wrap(self.db.execute("DELETE FROM sessions WHERE id = ?1", [id.as_str()])).map(|_| ())
    }

    /// Removes the session's frames; its films stay known.
    pub(super) fn delete_frames(&self, id: &SessionId) -> Result<(), StoreError> {
        self.wrap(self.db.execute("DELETE FROM frames WHERE session = ?1", [id.as_str()])).map(|_| ())
    }

    pub(super) fn insert_frame(&self, id: &SessionId, frame: &Frame) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO frames (session, {FRAME_COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"
        );
        let Frame { reel, number, shot, path: _, width, height, bytes, adopted, meta } = frame;
        self.wrap(self.db.prepare_cached(&sql).and_then(|mut insert| {
            insert.execute(params![
                id.as_str(),
                reel,
                number,
                shot,
                width,
                height,
                to_signed(*bytes),
                adopted,
                meta.at.to_string(),
                meta.layer,
                meta.height_mm,
                meta.x_mm,
                meta.y_mm,
                meta.z_mm,
                meta.extruder_c,
                meta.bed_c,
                meta.file_position.map(to_signed),
                meta.eta_error_s,
                meta.exposure_from_s,
                meta.exposure_to_s,
                meta.camera,
            ])
        }))?;
        Ok(())
    }

    fn wrap<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::journal(&self.path, source))
    }
}

/// Each step and its version number are one transaction, so a kill in between repeats or skips it as a whole.
fn migrate(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let wrap = |source| StoreError::journal(path, source);
    let known = MIGRATIONS.len() as u32;
    loop {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrap)?;
        let found: u32 = step.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(wrap)?;
        if found > known {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        }
        let Some(sql) = MIGRATIONS.get(found as usize) else { return Ok(()) };
        step.execute_batch(sql).map_err(wrap)?;
        step.pragma_update(None, "user_version", found + 1).map_err(wrap)?;
        step.commit().map_err(wrap)?;
    }
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let id: String = row.get("id")?;
    let ended_at: Option<String> = row.get("ended_at")?;
    let settings: String = row.get("settings")?;
    Ok(Session {
        id: SessionId::parse(&id).ok_or_else(|| damaged(row, "id"))?,
        print_file: row.get("print_file")?,
        job_id: row.get("job_id")?,
        started_at: read_time(row, "started_at")?,
        ended_at: ended_at.and_then(|at| at.parse().ok()),
        outcome: Outcome::from_word(&row.get::<_, String>("outcome")?),
        camera: row.get("camera")?,
        settings: serde_json::from_str(&settings).unwrap_or_default(),
        layers: row.get("layers")?,
    })
}

fn read_frame(row: &Row<'_>, path_of: &impl Fn(u32) -> PathBuf) -> rusqlite::Result<Frame> {
    let number = row.get("number")?;
    Ok(Frame {
        reel: row.get("reel")?,
        number,
        shot: row.get("shot")?,
        path: path_of(number),
        width: row.get("width")?,
        height: row.get("height")?,
        bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
        adopted: row.get("adopted")?,
        meta: FrameMeta {
            at: read_time(row, "at")?,
            layer: row.get("layer")?,
            height_mm: row.get("height_mm")?,
            x_mm: row.get("x_mm")?,
            y_mm: row.get("y_mm")?,
            z_mm: row.get("z_mm")?,
            extruder_c: row.get("extruder_c")?,
            bed_c: row.get("bed_c")?,
            file_position: row.get::<_, Option<i64>>("file_position")?.map(i64::unsigned_abs),
            eta_error_s: row.get("eta_error_s")?,
            exposure_from_s: row.get("exposure_from_s")?,
            exposure_to_s: row.get("exposure_to_s")?,
            camera: row.get("camera")?,
        },
    })
}

fn read_film(row: &Row<'_>) -> rusqlite::Result<FilmRecord> {
    Ok(FilmRecord {
        file: row.get::<_, String>("file")?.into(),
        made_at: read_time(row, "made_at")?,
        frames: row.get("frames")?,
        duration_s: row.get("duration_s")?,
        bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
    })
}

fn read_time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get::<_, String>(column)?.parse().map_err(|_| damaged(row, column))
}

fn damaged(row: &Row<'_>, column: &str) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    rusqlite::Error::InvalidColumnType(index, column.to_owned(), rusqlite::types::Type::Text)
}

/// SQLite's integers are signed; sizes and positions stay far below the limit.
fn to_signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_of_a_later_version_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        drop(Journal::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert!(error.to_string().ends_with("has format 99, this version knows up to 3: update Moonlapse"), "{error}");
    }

    #[test]
    fn reopening_keeps_rows_and_format() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        for _ in 0..2 {
            let journal = Journal::open(&path).unwrap();
            let version: u32 = journal.db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            assert_eq!(version, MIGRATIONS.len() as u32);
            let synchronous: u32 = journal.db.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
            assert_eq!(synchronous, 2, "FULL");
            assert!(journal.is_sound().unwrap());
        }
    }
}
