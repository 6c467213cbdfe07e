//! Rows of the reels: frames, misses, films, counts.

use std::path::PathBuf;

use rusqlite::{OptionalExtension, params};

use super::{FRAME_COLUMNS, Journal, read_film, read_frame, read_time, to_signed};
use crate::session::{
    FilmRecord, Frame, Miss, NewReel, Reel, ReelSummary, Session, SessionId, SessionSummary, StoreError,
};

/// The main reel.
const MAIN: u32 = 0;

impl Journal {
    pub(in crate::session) fn insert_reel(&self, id: &SessionId, reel: &Reel) -> Result<(), StoreError> {
        let NewReel { camera, camera_uid, track, view } = &reel.of;
        let view = serde_json::to_string(view).unwrap_or_default();
        self.wrap(self.db.execute(
            "INSERT INTO reels (session, reel, camera, camera_uid, track, view) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![id.as_str(), reel.number, camera, camera_uid, track, view],
        ))
        .map(|_| ())
    }

    /// The reels of a session, the main one first.
    pub(in crate::session) fn reels(&self, id: &SessionId) -> Result<Vec<Reel>, StoreError> {
        let read = || {
            self.db
                .prepare("SELECT reel, camera, camera_uid, track, view FROM reels WHERE session = ?1 ORDER BY reel")?
                .query_map([id.as_str()], |row| {
                    let view: String = row.get("view")?;
                    let of = NewReel {
                        camera: row.get("camera")?,
                        camera_uid: row.get("camera_uid")?,
                        track: row.get("track")?,
                        view: serde_json::from_str(&view).unwrap_or_default(),
                    };
                    Ok(Reel { number: row.get("reel")?, of })
                })?
                .collect()
        };
        self.wrap(read())
    }

    /// The highest number used so far in a reel, 0 without frames. Lost frames count: a number is never used twice.
    pub(in crate::session) fn last_number(&self, id: &SessionId, reel: u32) -> Result<u32, StoreError> {
        self.wrap(self.db.query_row(
            "SELECT coalesce(max(number), 0) FROM frames WHERE session = ?1 AND reel = ?2",
            params![id.as_str(), reel],
            |row| row.get(0),
        ))
    }

    /// The highest shot so far of the given reel, or of all, 0 without any; missed ones count.
    pub(in crate::session) fn last_shot(&self, id: &SessionId, reel: Option<u32>) -> Result<u32, StoreError> {
        self.wrap(self.db.query_row(
            "SELECT max(coalesce((SELECT max(shot) FROM frames WHERE session = ?1 AND (?2 IS NULL OR reel = ?2)), 0),
                        coalesce((SELECT max(shot) FROM misses WHERE session = ?1 AND (?2 IS NULL OR reel = ?2)), 0))",
            params![id.as_str(), reel],
            |row| row.get(0),
        ))
    }

    /// The frames of a reel that are there, in order; `path_of` names the file of a number.
    pub(in crate::session) fn frames(
        &self,
        id: &SessionId,
        reel: u32,
        path_of: impl Fn(u32) -> PathBuf,
    ) -> Result<Vec<Frame>, StoreError> {
        let sql =
            format!("SELECT {FRAME_COLUMNS} FROM frames WHERE session = ?1 AND reel = ?2 AND lost = 0 ORDER BY number");
        let read =
            || self.db.prepare(&sql)?.query_map(params![id.as_str(), reel], |row| read_frame(row, &path_of))?.collect();
        self.wrap(read())
    }

    /// One frame that is there.
    pub(in crate::session) fn frame(
        &self,
        id: &SessionId,
        reel: u32,
        number: u32,
        path: PathBuf,
    ) -> Result<Option<Frame>, StoreError> {
        let sql =
            format!("SELECT {FRAME_COLUMNS} FROM frames WHERE session = ?1 AND reel = ?2 AND number = ?3 AND lost = 0");
        let of = params![id.as_str(), reel, number];
        self.wrap(self.db.query_row(&sql, of, |row| read_frame(row, &|_| path.clone())).optional())
    }

    /// Number and lost-mark of all frames of a reel, in order.
    pub(in crate::session) fn numbers(&self, id: &SessionId, reel: u32) -> Result<Vec<(u32, bool)>, StoreError> {
        let read = || {
            self.db
                .prepare("SELECT number, lost FROM frames WHERE session = ?1 AND reel = ?2 ORDER BY number")?
                .query_map(params![id.as_str(), reel], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        self.wrap(read())
    }

    pub(in crate::session) fn set_lost(
        &self,
        id: &SessionId,
        reel: u32,
        number: u32,
        lost: bool,
    ) -> Result<(), StoreError> {
        self.wrap(self.db.execute(
            "UPDATE frames SET lost = ?4 WHERE session = ?1 AND reel = ?2 AND number = ?3",
            params![id.as_str(), reel, number, lost],
        ))
        .map(|_| ())
    }

    pub(in crate::session) fn insert_miss(&self, id: &SessionId, miss: &Miss) -> Result<(), StoreError> {
        self.wrap(self.db.execute(
            "INSERT INTO misses (session, reel, shot, at, layer, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![id.as_str(), miss.reel, miss.shot, miss.at.to_string(), miss.layer, miss.reason],
        ))
        .map(|_| ())
    }

    pub(in crate::session) fn misses(&self, id: &SessionId, reel: u32) -> Result<Vec<Miss>, StoreError> {
        let read = || {
            self.db
                .prepare(
                    "SELECT reel, shot, at, layer, reason FROM misses WHERE session = ?1 AND reel = ?2 ORDER BY rowid",
                )?
                .query_map(params![id.as_str(), reel], |row| {
                    Ok(Miss {
                        reel: row.get("reel")?,
                        shot: row.get("shot")?,
                        at: read_time(row, "at")?,
                        layer: row.get("layer")?,
                        reason: row.get("reason")?,
                    })
                })?
                .collect()
        };
        self.wrap(read())
    }

    /// `reel`: `None` for a film of several reels.
    pub(in crate::session) fn insert_film(
        &self,
        id: &SessionId,
        reel: Option<u32>,
        film: &FilmRecord,
    ) -> Result<(), StoreError> {
        self.wrap(self.db.execute(
            "INSERT INTO films (session, reel, file, made_at, frames, duration_s, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id.as_str(),
                reel,
                film.file.to_string_lossy(),
                film.made_at.to_string(),
                film.frames,
                film.duration_s,
                to_signed(film.bytes)
            ],
        ))
        .map(|_| ())
    }

    pub(in crate::session) fn summary(&self, session: Session) -> Result<SessionSummary, StoreError> {
        let id = session.id.as_str();
        let read = || {
            self.db
                .prepare("SELECT reel, file, made_at, frames, duration_s, bytes FROM films WHERE session = ?1 ORDER BY rowid")?
                .query_map([id], |row| Ok((row.get::<_, Option<u32>>("reel")?, read_film(row)?)))?
                .collect::<Result<Vec<_>, _>>()
        };
        let films = self.wrap(read())?;
        let reels = self
            .reels(&session.id)?
            .into_iter()
            .map(|reel| {
                let of_reel = |(of, _): &&(Option<u32>, FilmRecord)| *of == Some(reel.number);
                let films = films.iter().filter(of_reel).map(|(_, film)| film.clone()).collect();
                self.reel_summary(id, reel, films)
            })
            .collect::<Result<Vec<ReelSummary>, _>>()?;
        let main = reels.iter().find(|r| r.reel.number == MAIN);
        let (frames, lost, misses) = main.map_or((0, 0, 0), |r| (r.frames, r.lost, r.misses));
        let bytes = reels.iter().map(|r| r.bytes).sum();
        let films = films.into_iter().map(|(_, film)| film).collect();
        Ok(SessionSummary { session, frames, lost, misses, bytes, films, reels })
    }

    fn reel_summary(&self, id: &str, reel: Reel, films: Vec<FilmRecord>) -> Result<ReelSummary, StoreError> {
        let (frames, lost, bytes) = self.wrap(self.db.query_row(
            "SELECT count(*) FILTER (WHERE lost = 0), count(*) FILTER (WHERE lost = 1),
                    coalesce(sum(bytes) FILTER (WHERE lost = 0), 0) FROM frames WHERE session = ?1 AND reel = ?2",
            params![id, reel.number],
            |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?)),
        ))?;
        let misses = self.wrap(self.db.query_row(
            "SELECT count(*) FROM misses WHERE session = ?1 AND reel = ?2",
            params![id, reel.number],
            |row| row.get(0),
        ))?;
        Ok(ReelSummary { reel, frames, lost, misses, bytes: bytes.unsigned_abs(), films })
    }
}
