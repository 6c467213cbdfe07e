//! What is deleted when it is old, or too much: sessions (their frames) and films, and only what the journal knows.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::journal::Journal;
use super::{FilmRecord, Outcome, SessionId, SessionSummary, Store, StoreError, disk};

/// Prefix of a session's folder while its frames are being deleted.
pub(super) const EMPTIED: &str = ".emptied-";

/// How much is kept. Zeros set no limit; the newest one is kept whatever the limits say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Not longer than this many days.
    pub days: u32,
    /// Not more than this many.
    pub count: u32,
    /// Not more than this in all, bytes.
    pub bytes: u64,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Sessions.
    pub sessions: u32,
    /// Films.
    pub films: u32,
    /// What that freed, bytes.
    pub bytes: u64,
}

/// Something that may have to go.
#[derive(Clone, Copy, Debug)]
struct Item {
    at: Timestamp,
    bytes: u64,
    /// It is in use.
    spared: bool,
}

impl Store {
    /// Deletes sessions and films beyond the limits, the oldest first. Sessions that are printing or in `spared` stay.
    ///
    /// A film is deleted, with the picture and the notes beside it, when it is still the file that the journal knows: under its name, of
    /// its size. A session whose frames are deleted stays known while one of its films is there, because the journal is
    /// what says that the film is ours.
    ///
    /// # Errors
    /// The errors of disk and journal; what was deleted before is deleted.
    pub fn tidy(
        &mut self,
        frames: Limits,
        films: Limits,
        spared: &[SessionId],
        now: Timestamp,
    ) -> Result<Tidied, StoreError> {
        let sessions = self.list()?;
        let mut tidied = Tidied::default();
        // Before the sessions: their rows are what says that a film is ours.
        let made: Vec<&FilmRecord> =
            sessions.iter().flat_map(|summary| summary.films.iter().rev()).filter(|film| is_there(film)).collect();
        let items = made.iter().map(|film| Item { at: film.made_at, bytes: film.bytes, spared: false }).collect();
        for i in expendable(items, films, now) {
            if let Some(film) = made.get(i) {
                delete_film(&film.file)?;
                tracing::info!(film = %film.file.display(), bytes = film.bytes, "old film deleted, as set");
                tidied.films += 1;
                tidied.bytes += film.bytes;
            }
        }
        let item = |summary: &SessionSummary| {
            let SessionSummary { session, bytes, .. } = summary;
            let spared = session.outcome == Outcome::Printing || spared.contains(&session.id);
            Item { at: session.ended_at.unwrap_or(session.started_at), bytes: *bytes, spared }
        };
        // Without frames there is nothing to free, and the row tells which films are ours.
        let with_frames: Vec<&SessionSummary> = sessions.iter().filter(|summary| summary.frames > 0).collect();
        for i in expendable(with_frames.iter().map(|summary| item(summary)).collect(), frames, now) {
            if let Some(summary) = with_frames.get(i) {
                let id = &summary.session.id;
                self.delete_frames(id)?;
                tracing::info!(session = %id, frames = summary.frames, "old frames deleted, as set");
                tidied.sessions += 1;
                tidied.bytes += summary.bytes;
            }
        }
        for summary in sessions {
            if summary.frames == 0 && summary.session.outcome != Outcome::Printing {
                self.forget_when_empty(&summary.session.id)?;
            }
        }
        Ok(tidied)
    }

    /// Deletes the frames of a session, and the session itself when none of its films is there any more.
    fn delete_frames(&mut self, id: &SessionId) -> Result<(), StoreError> {
        if !self.summary(id)?.films.iter().any(is_there) {
            return self.delete(id);
        }
        let folder = self.dir.join(id.as_str());
        let emptied = self.dir.join(format!("{EMPTIED}{id}"));
        match fs::rename(&folder, &emptied) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("delete", &folder, error));
            }
            _ => disk::sync_folder(&self.dir)?,
        }
        finish_emptying(&self.journal, id, &emptied)
    }

    /// Deletes a session whose frames were deleted once its last film is gone too.
    fn forget_when_empty(&mut self, id: &SessionId) -> Result<(), StoreError> {
        let SessionSummary { frames, lost, films, .. } = self.summary(id)?;
        // Lost frames may come back, from a disk that is not there at the moment.
        let empty = frames == 0 && lost == 0 && !films.is_empty() && !films.iter().any(is_there);
        if empty { self.delete(id) } else { Ok(()) }
    }
}

/// Second half of deleting frames: rows first, so that a kill now still finds the folder.
pub(super) fn finish_emptying(journal: &Journal, id: &SessionId, emptied: &Path) -> Result<(), StoreError> {
    journal.delete_frames(id)?;
    match fs::remove_dir_all(emptied) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("delete", emptied, error)),
        _ => Ok(()),
    }
}

/// The positions of what has to go, in `items` that are sorted from the newest to the oldest.
fn expendable(items: Vec<Item>, limits: Limits, now: Timestamp) -> Vec<usize> {
    let Limits { days, count, bytes } = limits;
    let oldest = SignedDuration::from_hours(24 * i64::from(days));
    let (mut kept, mut kept_bytes) = (0u32, 0u64);
    let mut gone = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        let too_old = days > 0 && now.duration_since(item.at) > oldest;
        let too_many = count > 0 && kept >= count;
        let too_much = bytes > 0 && kept_bytes.saturating_add(item.bytes) > bytes;
        if i > 0 && !item.spared && (too_old || too_many || too_much) {
            gone.push(i);
        } else {
            kept += 1;
            kept_bytes = kept_bytes.saturating_add(item.bytes);
        }
    }
    gone
}

/// Whether the film is where it was put and has not been changed. A link is not what we made.
fn is_there(film: &FilmRecord) -> bool {
    film.file.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() == film.bytes)
}

/// Deletes a film with the picture and the notes beside it.
///
/// # Errors
/// Those of the disk.
pub fn delete_film(film: &Path) -> Result<(), StoreError> {
    fs::remove_file(film).map_err(|error| StoreError::io("delete", film, error))?;
    let preview = film.with_extension("jpg");
    let name = film.file_name().unwrap_or_default().to_string_lossy();
    let notes = film.with_file_name(format!(".{name}.json"));
    for beside in [preview, notes] {
        if beside.symlink_metadata().is_ok_and(|found| found.is_file()) {
            disk::remove_quietly(&beside);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn items(ages_in_days: &[i64], bytes: u64) -> Vec<Item> {
        let item = |&age: &i64| Item { at: Timestamp::from_second(-age * DAY).unwrap(), bytes, spared: false };
        ages_in_days.iter().map(item).collect()
    }

    fn gone(items: Vec<Item>, days: u32, count: u32, bytes: u64) -> Vec<usize> {
        expendable(items, Limits { days, count, bytes }, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_oldest_go_first_by_age_count_and_size() {
        let ages = [1, 5, 10, 40];
        assert_eq!(gone(items(&ages, 100), 0, 0, 0), [0usize; 0]);
        assert_eq!(gone(items(&ages, 100), 7, 0, 0), [2, 3]);
        assert_eq!(gone(items(&ages, 100), 0, 3, 0), [3]);
        assert_eq!(gone(items(&ages, 100), 0, 0, 250), [2, 3]);
        assert_eq!(gone(items(&ages, 100), 30, 3, 250), [2, 3]);
    }

    #[test]
    fn the_newest_and_what_is_in_use_stay() {
        assert_eq!(gone(items(&[400], 100), 1, 1, 1), [0usize; 0]);
        let mut items = items(&[1, 5, 10], 100);
        items[1].spared = true;
        assert_eq!(gone(items, 2, 1, 0), [2]);
    }
}
