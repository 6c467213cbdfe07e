//! What is queued and made: films and archives.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::{Answer, Problem};
use super::{App, SharedApp, blocking};
use crate::conductor::films::Running;
use crate::session::{self, SessionId};

/// A job.
#[derive(Debug, Serialize)]
pub(super) struct Job {
    id: u64,
    session: String,
    film: bool,
    archive: bool,
    asked: bool,
    created_at: Timestamp,
    attempts: u32,
    problem: Option<String>,
    failed: bool,
    state: &'static str,
    progress: Option<f64>,
    doing: Option<String>,
}

impl Job {
    pub(super) fn of(job: session::Job, at_work: Option<u64>, running: Option<&Running>) -> Self {
        let running = running.filter(|running| running.job == job.id);
        let progress =
            running.and_then(|running| running.progress).map(|progress| f64::from(progress.percent()) / 100.0);
        let state = match (job.failed, at_work == Some(job.id)) {
            (_, true) => "running",
            (true, false) => "failed",
            (false, false) => "waiting",
        };
        let session::Job { id, session, film, archive, asked, created_at, attempts, problem, failed, .. } = job;
        Self {
            id,
            session: session.to_string(),
            film,
            archive,
            asked,
            created_at,
            attempts,
            problem,
            failed,
            state,
            progress,
            doing: running.map(|running| running.film.clone()),
        }
    }
}

/// All jobs, in order.
pub(super) async fn list(app: &App) -> Answer<Vec<Job>> {
    let films = app.films.clone();
    let jobs = blocking(move || films.queued()).await?;
    let (at_work, running) = (app.films.at_work(), app.films.running());
    Ok(jobs.into_iter().map(|job| Job::of(job, at_work, running.as_ref())).collect())
}

/// A job of a session that was written down since `begun`.
pub(super) async fn find(app: &App, session: &SessionId, begun: Timestamp) -> Answer<Option<Job>> {
    let jobs = list(app).await?;
    Ok(jobs.into_iter().rev().find(|job| job.session == session.as_str() && job.created_at >= begun))
}

/// `GET /api/jobs`
pub(super) async fn show(State(app): State<SharedApp>) -> Answer<Json<Value>> {
    Ok(Json(json!({"jobs": list(&app).await?})))
}

/// `DELETE /api/jobs/{id}`
pub(super) async fn cancel(State(app): State<SharedApp>, Path(id): Path<String>) -> Answer<StatusCode> {
    let jobs = list(&app).await?;
    let job = id.parse::<u64>().ok().and_then(|id| jobs.iter().find(|job| job.id == id));
    let job = job.ok_or_else(|| Problem::not_found("There is no such job; it may be done"))?;
    app.films.cancel(Some(job.id)).map_err(Problem::busy)?;
    Ok(StatusCode::NO_CONTENT)
}
