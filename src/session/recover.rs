//! What a kill or a power cut can leave, and the one thing that is done about each.
//!
//! | left behind | done | why |
//! |---|---|---|
//! | temporary file | removed | it was never acknowledged and may be cut short |
//! | frame file beyond the last row, whole JPEG | adopted as the next frame | the print cannot be photographed again; only its metadata is lost, its time is the file's |
//! | frame file beyond the last row, not whole | removed | never acknowledged, and no film could show it |
//! | frame file without row, below the last row | renumbered to the end and adopted, when whole | the same; only a journal that lost rows leaves it |
//! | row without file | kept, marked lost | somebody removed the file; the number is not used again; a file that comes back is found |
//! | session folder without row, with frames | a session, interrupted | the journal was lost |
//! | folder of a reel without row | a reel of an unknown camera | the same |
//! | session folder without row, without frames | removed | killed while a session was being started |
//! | `.deleted-*` folder | deletion finished | deleting begins with that name |
//! | `.emptied-*` folder | deletion of the frames finished | the same |
//! | `.import-*` folder | removed, when its process is gone | an import appears whole or not at all |
//! | damaged journal | set aside, a new one is made from the folders | the frames matter more |
//!
//! Folders whose names are not of the form that sessions get are not looked at.
//!
//! Running it twice gives the same as once, so it may be killed too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::journal::Journal;
use super::retention::{EMPTIED, finish_emptying};
use super::store::DELETED;
use super::{Frame, FrameMeta, JpegInfo, NewReel, Outcome, Reel, Session, SessionId, StoreError, disk};

/// What was put right when the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Frames taken in that had no row.
    pub adopted: u32,
    /// Temporary or broken files removed; none of them was an acknowledged frame.
    pub dropped: u32,
    /// Frames newly found to have lost their file.
    pub lost: u32,
    /// Sessions rebuilt from their folder.
    pub sessions: u32,
    /// The journal was damaged and was set aside.
    pub journal_rebuilt: bool,
}

/// The main reel's folder, and the beginning of the others'.
const FRAMES: &str = "frames";

/// `<store>/<session>/frames`, and `frames-1` and so on for the other reels.
pub(super) fn frames_dir(store: &Path, id: &SessionId, reel: u32) -> PathBuf {
    frames_folder(&store.join(id.as_str()), reel)
}

/// The folder of a reel's frames in a session's folder.
pub(super) fn frames_folder(session: &Path, reel: u32) -> PathBuf {
    session.join(if reel == 0 { FRAMES.to_owned() } else { format!("{FRAMES}-{reel}") })
}

/// The reel whose folder has this name.
fn reel_of(name: &str) -> Option<u32> {
    match name.strip_prefix(FRAMES)? {
        "" => Some(0),
        rest => rest.strip_prefix('-')?.parse().ok().filter(|number| format!("-{number}") == *rest && *number > 0),
    }
}

/// `000001.jpg`.
pub(super) fn file_name(number: u32) -> String {
    format!("{number:06}.jpg")
}

/// The name a picture has while it is written: hidden, in the same folder.
pub(super) fn temp_of(picture: &Path) -> PathBuf {
    let name = picture.file_name().unwrap_or_default().to_string_lossy();
    picture.with_file_name(format!(".{name}.tmp"))
}

/// Opens the journal; a damaged one is set aside (kept for inspection) and replaced. Gives whether that happened.
pub(super) fn open_journal(dir: &Path, path: &Path) -> Result<(Journal, bool), StoreError> {
    match Journal::open(path).and_then(|journal| Ok((journal.is_sound()?, journal))) {
        Ok((true, journal)) => return Ok((journal, false)),
        Ok((false, _)) => {}
        Err(StoreError::Journal { source, .. }) if is_damage(&source) => {}
        Err(error) => return Err(error),
    }
    let stamp = Timestamp::now().as_second();
    for suffix in ["", "-wal", "-shm"] {
        let from = with_suffix(path, suffix);
        let to = with_suffix(path, &format!("{suffix}.damaged-{stamp}"));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            result => result.map_err(|error| StoreError::io("set aside", &from, error))?,
        }
    }
    disk::sync_folder(dir)?;
    tracing::error!(journal = %path.display(), "the journal is damaged; it was set aside and is rebuilt from the frames");
    Ok((Journal::open(path)?, true))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Applies the rules above to every session.
pub(super) fn reconcile(dir: &Path, journal: &Journal) -> Result<Recovery, StoreError> {
    let mut done = Recovery::default();
    let mut folders = Vec::new();
    for entry in list(dir)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if let Some(id) = name.strip_prefix(DELETED).and_then(SessionId::parse) {
            finish_deletion(journal, &id, &entry.path())?;
        } else if let Some(id) = name.strip_prefix(EMPTIED).and_then(SessionId::parse) {
            finish_emptying(journal, &id, &entry.path())?;
        } else if let (true, Some(id)) = (is_folder, SessionId::parse(&name).filter(SessionId::is_ours)) {
            folders.push(id);
        }
    }
    // Their names begin with their time, so sessions get back the order in which they were made.
    folders.sort_unstable();
    for id in folders {
        let unknown = journal.session(&id)?.is_none();
        if unknown && !rebuild_session(dir, journal, &id, &mut done)? {
            continue;
        }
        remove_temporary_files(&dir.join(id.as_str()), &mut done)?;
        for number in missing_reels(dir, journal, &id)? {
            journal.insert_reel(&id, &Reel { number, of: NewReel::default() })?;
        }
        for reel in journal.reels(&id)? {
            reconcile_frames(dir, journal, &id, &reel, unknown, &mut done)?;
        }
    }
    for session in journal.sessions()? {
        for reel in journal.reels(&session.id)? {
            let folder = frames_dir(dir, &session.id, reel.number);
            if !folder.is_dir() {
                mark_lost(journal, &session.id, reel.number, &BTreeMap::new(), &mut done)?;
                if session.outcome == Outcome::Printing {
                    disk::create_folder(&folder)?;
                }
            }
        }
    }
    Ok(done)
}

/// Second half of a deletion: rows first, so that a kill now still finds the `.deleted-` folder.
pub(super) fn finish_deletion(journal: &Journal, id: &SessionId, doomed: &Path) -> Result<(), StoreError> {
    journal.delete_session(id)?;
    match fs::remove_dir_all(doomed) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("delete", doomed, error)),
        _ => Ok(()),
    }
}

/// Gives whether the folder is a session now.
fn rebuild_session(dir: &Path, journal: &Journal, id: &SessionId, done: &mut Recovery) -> Result<bool, StoreError> {
    let folder = dir.join(id.as_str());
    let reels = reel_folders(&folder)?;
    let mut times = Vec::new();
    for frames in reels.values() {
        times.extend(frame_files(frames)?.values().map(|path| modified(path)));
    }
    let (Some(started_at), ended_at) = (times.iter().min().copied(), times.iter().max().copied()) else {
        // Killed before its first frame: only empty folders can be removed.
        for frames in reels.values() {
            let _not_empty = fs::remove_dir(frames);
        }
        let _not_empty = fs::remove_dir(folder);
        return Ok(false);
    };
    let session = Session {
        id: id.clone(),
        print_file: String::new(),
        job_id: None,
        started_at,
        ended_at,
        outcome: Outcome::Interrupted,
        camera: None,
        settings: serde_json::Value::Null,
        layers: None,
    };
    journal.insert_session(&session, &[Reel { number: 0, of: NewReel::default() }])?;
    done.sessions += 1;
    Ok(true)
}

/// The folders of frames of a session, by reel.
fn reel_folders(session: &Path) -> Result<BTreeMap<u32, PathBuf>, StoreError> {
    let folders = list(session)?.into_iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(folders.filter_map(|entry| Some((reel_of(entry.file_name().to_str()?)?, entry.path()))).collect())
}

/// Reels that have frames and no row.
fn missing_reels(dir: &Path, journal: &Journal, id: &SessionId) -> Result<Vec<u32>, StoreError> {
    let known: Vec<u32> = journal.reels(id)?.iter().map(|reel| reel.number).collect();
    let mut missing = Vec::new();
    for (number, folder) in reel_folders(&dir.join(id.as_str()))? {
        if !known.contains(&number) && !frame_files(&folder)?.is_empty() {
            missing.push(number);
        }
    }
    Ok(missing)
}

fn reconcile_frames(
    dir: &Path,
    journal: &Journal,
    id: &SessionId,
    reel: &Reel,
    rebuilt: bool,
    done: &mut Recovery,
) -> Result<(), StoreError> {
    let folder = frames_dir(dir, id, reel.number);
    if !folder.is_dir() {
        return Ok(());
    }
    remove_temporary_files(&folder, done)?;
    let mut files = frame_files(&folder)?;
    mark_lost(journal, id, reel.number, &files, done)?;
    for (number, _) in journal.numbers(id, reel.number)? {
        files.remove(&number);
    }
    // Those beyond the last row first, in order: a new number is then never that of a file still waiting.
    let beyond = files.split_off(&(journal.last_number(id, reel.number)? + 1));
    for path in beyond.values().chain(files.values()) {
        let shot =
            if rebuilt { journal.last_shot(id, Some(reel.number))? + 1 } else { likely_shot(journal, id, reel)? };
        if let Some(frame) = adopt(journal, id, reel.number, shot, &folder, path)? {
            tracing::debug!(session = %id, reel = frame.reel, number = frame.number, "frame adopted");
            done.adopted += 1;
        } else {
            done.dropped += 1;
        }
    }
    Ok(())
}

fn mark_lost(
    journal: &Journal,
    id: &SessionId,
    reel: u32,
    files: &BTreeMap<u32, PathBuf>,
    done: &mut Recovery,
) -> Result<(), StoreError> {
    for (number, was_lost) in journal.numbers(id, reel)? {
        let lost = !files.contains_key(&number);
        if lost != was_lost {
            journal.set_lost(id, reel, number, lost)?;
            done.lost += u32::from(lost);
        }
    }
    Ok(())
}

/// Gives nothing where the picture was not whole, and was removed.
fn adopt(
    journal: &Journal,
    id: &SessionId,
    reel: u32,
    shot: u32,
    folder: &Path,
    found: &Path,
) -> Result<Option<Frame>, StoreError> {
    let jpeg = fs::read(found).map_err(|error| StoreError::io("read", found, error))?;
    let Ok(JpegInfo { width, height }) = JpegInfo::read(&jpeg) else {
        fs::remove_file(found).map_err(|error| StoreError::io("remove", found, error))?;
        return Ok(None);
    };
    let meta = FrameMeta { at: modified(found), ..FrameMeta::default() };
    let number = journal.last_number(id, reel)? + 1;
    let path = folder.join(file_name(number));
    if path != found {
        fs::rename(found, &path).map_err(|error| StoreError::io("rename", found, error))?;
    }
    disk::sync_folder(folder)?;
    let frame = Frame { reel, number, shot, path, width, height, bytes: jpeg.len() as u64, adopted: true, meta };
    journal.insert_frame(id, &frame)?;
    Ok(Some(frame))
}

/// The cameras of a track are asked together, so what was in the making at a kill belongs to the latest moment that
/// another camera has, unless this one has it too.
fn likely_shot(journal: &Journal, id: &SessionId, reel: &Reel) -> Result<u32, StoreError> {
    let own = journal.last_shot(id, Some(reel.number))?;
    let mut latest = own + 1;
    for other in journal.reels(id)?.iter().filter(|other| other.of.track == reel.of.track) {
        latest = latest.max(journal.last_shot(id, Some(other.number))?);
    }
    Ok(latest)
}

fn remove_temporary_files(folder: &Path, done: &mut Recovery) -> Result<(), StoreError> {
    for entry in list(folder)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && name.ends_with(".jpg.tmp") {
            fs::remove_file(entry.path()).map_err(|error| StoreError::io("remove", &entry.path(), error))?;
            done.dropped += 1;
        }
    }
    Ok(())
}

/// Files with a frame's name, by number.
fn frame_files(folder: &Path) -> Result<BTreeMap<u32, PathBuf>, StoreError> {
    let files = list(folder)?.into_iter().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let number = name.strip_suffix(".jpg")?.parse().ok()?;
        (name == file_name(number)).then(|| (number, entry.path()))
    });
    Ok(files.collect())
}

fn list(folder: &Path) -> Result<Vec<fs::DirEntry>, StoreError> {
    fs::read_dir(folder).and_then(Iterator::collect).map_err(|error| StoreError::io("list", folder, error))
}

fn modified(path: &Path) -> Timestamp {
    let time = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    time.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default()
}
