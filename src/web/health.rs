//! The doctor's findings.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::{Answer, Problem};
use super::{App, SharedApp, within};
use crate::config::Layer;
use crate::doctor::{Patient, Report, Verdict, examine};
use crate::moonraker::Endpoint;

/// A round takes a few seconds, and longer where cameras do not answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the doctor needs to know of how the agent was started.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Where Moonraker listens.
    pub endpoint: Endpoint,
    /// `moonraker.conf`, where it lies on this host.
    pub conf: Option<Layer>,
    /// Environment and flags.
    pub overrides: Vec<Layer>,
}

/// The last findings.
#[derive(Debug, Default)]
pub(super) struct Findings(Mutex<Option<(Timestamp, Report)>>);

/// The findings in a word.
pub(super) fn in_short(app: &App) -> Value {
    let known = app.findings.0.lock().unwrap_or_else(PoisonError::into_inner);
    let worst = known.as_ref().and_then(|(_, report)| report.checks.iter().map(|check| check.verdict).max());
    json!({"revision": app.board.health_revision(), "worst": worst.map(level)})
}

fn level(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Fault => "error",
    }
}

fn all(app: &App) -> Value {
    let known = app.findings.0.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = known.iter().flat_map(|(_, report)| report.checks.iter().enumerate()).map(|(number, check)| {
        json!({
            "id": number, "level": level(check.verdict), "title": check.subject, "text": check.message, "advice": "",
        })
    });
    let rows: Vec<Value> = rows.collect();
    let (at, summary) = known.as_ref().map(|(at, report)| (at, report.summary())).unzip();
    json!({"revision": app.board.health_revision(), "checked_at": at, "summary": summary, "findings": rows})
}

/// `GET /api/health`
pub(super) async fn show(State(app): State<SharedApp>) -> Json<Value> {
    Json(all(&app))
}

/// `POST /api/health/check`
pub(super) async fn check(State(app): State<SharedApp>) -> Answer<Json<Value>> {
    let _alone = app.examining.try_acquire().map_err(|_| Problem::busy("The doctor is at work: wait a moment"))?;
    let super::Origin { endpoint, conf, overrides } = app.origin.clone();
    let patient = Patient {
        endpoint,
        link: app.board.setup().link.clone(),
        conf: conf.map(Ok),
        overrides,
        store: app.folder.clone(),
        inside: true,
        clock: app.clock,
    };
    let report = within(PATIENCE, "The doctor's round", examine(patient)).await?;
    let at = app.clock.wall();
    *app.findings.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, report));
    app.board.health_changed();
    Ok(Json(all(&app)))
}
