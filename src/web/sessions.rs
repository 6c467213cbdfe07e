//! Sessions and their frames.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SharedApp;
use super::body::Body;
use super::error::{Answer, Problem};
use super::jobs::Job;
use crate::session::{
    Choices, FilmRecord, Frame, FrameRef, Outcome, Queue, ReelSummary, SessionId, SessionSummary, StoreError,
};

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
    pub(super) fn of(summary: &SessionSummary, choices: &Choices) -> Self {
        let SessionSummary { session, frames, lost, misses, bytes, films, reels } = summary;
        let value = json!({
            "id": session.id, "print_file": session.print_file, "started_at": session.started_at,
            "ended_at": session.ended_at, "outcome": session.outcome, "camera": session.camera,
            "frames": frames, "lost": lost, "dropped": choices.left_out(0), "misses": misses, "bytes": bytes,
            "reels": reels.iter().map(reel).collect::<Vec<_>>(),
        });
        let chosen =
            choices.preview.map(|FrameRef { reel, number }| json!({"reel": reel, "number": number, "chosen": true}));
        let last = (*frames > 0).then(|| json!({"reel": 0, "number": frames + lost, "chosen": false}));
        let preview = chosen.or(last);
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
    let found = app.disk(move |store| {
        let (sessions, more) = store.list_some(before.as_ref(), limit)?;
        let chosen = sessions.iter().map(|summary| Ok(Summary::of(summary, &store.choices(&summary.session.id)?)));
        Ok((chosen.collect::<Result<Vec<_>, StoreError>>()?, more))
    });
    let (sessions, more) = found.await?;
    Ok(Json(json!({"sessions": sessions, "more": more})))
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
        let choices = store.choices(&summary.session.id)?;
        Ok((summary, choices, missed, queued, segments))
    });
    let (summary, choices, missed, queued, segment_bytes) = found.await?;
    let (at_work, running) = (app.films.at_work(), app.films.running());
    let queued: Vec<Job> = queued.into_iter().map(|job| Job::of(job, at_work, running.as_ref())).collect();
    let mut answer = serde_json::to_value(Summary::of(&summary, &choices)).map_err(Problem::failed)?;
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

/// A frame, and whether films show it.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    frame: &'a Frame,
    dropped: bool,
}

impl<'a> Row<'a> {
    fn of(frame: &'a Frame, choices: &Choices) -> Self {
        Self { frame, dropped: choices.leaves_out(FrameRef { reel: frame.reel, number: frame.number }) }
    }
}

#[derive(Deserialize)]
pub(super) struct FrameChange {
    dropped: bool,
}

/// `PATCH /api/sessions/{id}/reels/{reel}/frames/{number}`
pub(super) async fn drop_frame(
    State(app): State<SharedApp>,
    Path((session, reel, number)): Path<(String, String, String)>,
    Body(FrameChange { dropped }): Body<FrameChange>,
) -> Answer<Json<Value>> {
    let ReelPath { session, reel } = ReelPath::of(&session, &reel)?;
    let number = number.parse::<u32>().map_err(|_| no_such_frame())?;
    let changed = app.disk(move |store| {
        store.session(&session)?;
        let Some(frame) = store.frame(&session, reel, number)? else { return Ok(None) };
        let choices = store.choose(&session, |choices| choices.leave_out(FrameRef { reel, number }, dropped))?;
        Ok(Some(json!(Row::of(&frame, &choices))))
    });
    let changed = changed.await?.ok_or_else(no_such_frame)?;
    app.board.sessions_changed();
    Ok(Json(changed))
}

#[derive(Deserialize)]
pub(super) struct SessionChange {
    /// `null` for the last frame.
    preview: Option<FrameRef>,
}

/// `PATCH /api/sessions/{id}`
pub(super) async fn choose_preview(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    Body(SessionChange { preview }): Body<SessionChange>,
) -> Answer<Json<Summary>> {
    let id = session_id(&id)?;
    let changed = app.disk(move |store| {
        let summary = store.summary(&id)?;
        if let Some(FrameRef { reel, number }) = preview
            && store.frame(&id, reel, number)?.is_none()
        {
            return Ok(None);
        }
        let choices = store.choose(&id, |choices| choices.preview = preview)?;
        Ok(Some(Summary::of(&summary, &choices)))
    });
    let changed = changed.await?.ok_or_else(no_such_frame)?;
    app.board.sessions_changed();
    Ok(Json(changed))
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
        Ok((store.frames_of(&session, reel)?, store.choices(&session)?))
    });
    let from = page.from.unwrap_or(1);
    let limit = page.limit.unwrap_or(500).clamp(1, MOST_FRAMES);
    let (frames, choices) = frames.await?;
    let mut rest = frames.iter().skip_while(|frame| frame.number < from);
    let page: Vec<_> = rest.by_ref().take(limit).map(|frame| Row::of(frame, &choices)).collect();
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
