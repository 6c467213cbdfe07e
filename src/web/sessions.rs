//! Sessions and their frames.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SharedApp;
use super::error::{Answer, Problem};
use super::jobs::Job;
use crate::session::{FilmRecord, Outcome, Queue, ReelSummary, SessionId, SessionSummary};

/// Sessions that are listed at once.
const MOST_SESSIONS: usize = 200;
/// Frames that are listed at once.
const MOST_FRAMES: usize = 1000;

/// A session and a reel, as an address names them.
pub(super) struct ReelPath {
    pub(super) session: SessionId,
    pub(super) reel: u32,
}

impl ReelPath {
    pub(super) fn of(session: &str, reel: &str) -> Answer<Self> {
        let reel = reel.parse().map_err(|_| Problem::not_found("There is no such reel"))?;
        Ok(Self { session: session_id(session)?, reel })
    }
}

pub(super) fn session_id(name: &str) -> Answer<SessionId> {
    SessionId::parse(name).ok_or_else(|| Problem::not_found(format_args!("There is no session {name:?}")))
}

pub(super) fn no_such_frame() -> Problem {
    Problem::not_found("There is no such frame")
}

/// A session with its counts.
#[derive(Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    summary: Value,
    films: Vec<Value>,
    preview: Option<Value>,
}

impl Summary {
    pub(super) fn of(summary: &SessionSummary) -> Self {
        let SessionSummary { session, frames, lost, misses, bytes, films, reels } = summary;
        let value = json!({
            "id": session.id, "print_file": session.print_file, "started_at": session.started_at,
            "ended_at": session.ended_at, "outcome": session.outcome, "camera": session.camera,
            "frames": frames, "lost": lost, "misses": misses, "bytes": bytes,
            "reels": reels.iter().map(reel).collect::<Vec<_>>(),
        });
        let preview = (*frames > 0).then(|| json!({"reel": 0, "number": frames + lost, "chosen": false}));
        Self { summary: value, films: films.iter().map(|film| made(film, &session.id)).collect(), preview }
    }
}

fn reel(reel: &ReelSummary) -> Value {
    let ReelSummary { reel, frames, lost, misses, bytes, .. } = reel;
    json!({
        "number": reel.number, "camera": reel.of.camera, "track": reel.of.track, "view": reel.of.view,
        "frames": frames, "lost": lost, "misses": misses, "bytes": bytes,
    })
}

/// A film as the journal knows it; its folder is nobody's business.
fn made(film: &FilmRecord, session: &SessionId) -> Value {
    let name = film.file.file_name().unwrap_or_default().to_string_lossy();
    json!({
        "name": name, "made_at": film.made_at, "frames": film.frames, "duration_s": film.duration_s,
        "bytes": film.bytes, "session": session, "url": format!("/api/films/{}", super::files::encoded(&name)),
    })
}

#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<usize>,
    before: Option<String>,
}

/// `GET /api/sessions`
pub(super) async fn list(State(app): State<SharedApp>, Query(page): Query<Page>) -> Answer<Json<Value>> {
    let before = page.before.as_deref().map(session_id).transpose()?;
    let limit = page.limit.unwrap_or(50).clamp(1, MOST_SESSIONS);
    let (sessions, more) = app.disk(move |store| store.list_some(before.as_ref(), limit)).await?;
    Ok(Json(json!({"sessions": sessions.iter().map(Summary::of).collect::<Vec<_>>(), "more": more})))
}

/// `GET /api/sessions/{id}`
pub(super) async fn show(State(app): State<SharedApp>, Path(id): Path<String>) -> Answer<Json<Value>> {
    let id = session_id(&id)?;
    let found = app.disk(move |store| {
        let summary = store.summary(&id)?;
        let mut missed = Vec::new();
        for reel in &summary.reels {
            missed.extend(store.misses_of(&id, reel.reel.number)?);
        }
        let queued: Vec<_> = Queue::of(store.dir()).list()?.into_iter().filter(|job| job.session == id).collect();
        let segments = size_of_folder(&store.segments_dir(&id));
        Ok((summary, missed, queued, segments))
    });
    let (summary, missed, queued, segment_bytes) = found.await?;
    let (at_work, running) = (app.films.at_work(), app.films.running());
    let queued: Vec<Job> = queued.into_iter().map(|job| Job::of(job, at_work, running.as_ref())).collect();
    let mut answer = serde_json::to_value(Summary::of(&summary)).map_err(Problem::failed)?;
    answer["missed"] = json!(missed);
    answer["queued"] = json!(queued);
    answer["settings"] = summary.session.settings;
    answer["segment_bytes"] = segment_bytes.into();
    Ok(Json(answer))
}

/// `DELETE /api/sessions/{id}`
pub(super) async fn delete(State(app): State<SharedApp>, Path(id): Path<String>) -> Answer<StatusCode> {
    let id = session_id(&id)?;
    let deleted = app.disk(move |store| {
        let summary = store.summary(&id)?;
        if summary.session.outcome == Outcome::Printing {
            return Ok(false);
        }
        let queue = Queue::of(store.dir());
        for job in queue.list()?.iter().filter(|job| job.session == id) {
            queue.remove(job.id);
        }
        store.delete(&id)?;
        Ok(true)
    });
    if !deleted.await? {
        return Err(Problem::conflict("It is still printing: it can be deleted when the print has ended"));
    }
    app.board.sessions_changed();
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct FramesPage {
    from: Option<u32>,
    limit: Option<usize>,
}

/// `GET /api/sessions/{id}/reels/{reel}/frames`
pub(super) async fn frames(
    State(app): State<SharedApp>,
    Path((session, reel)): Path<(String, String)>,
    Query(page): Query<FramesPage>,
) -> Answer<Json<Value>> {
    let ReelPath { session, reel } = ReelPath::of(&session, &reel)?;
    let frames = app.disk(move |store| {
        store.session(&session)?;
        store.frames_of(&session, reel)
    });
    let from = page.from.unwrap_or(1);
    let limit = page.limit.unwrap_or(500).clamp(1, MOST_FRAMES);
    let frames = frames.await?;
    let mut rest = frames.iter().skip_while(|frame| frame.number < from);
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    Ok(Json(json!({"frames": page, "next": rest.next().map(|frame| frame.number)})))
}

fn size_of_folder(folder: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size_of_folder(&entry.path()),
        _ => entry.metadata().map_or(0, |file| file.len()),
    };
    entries.flatten().map(size).sum()
}
