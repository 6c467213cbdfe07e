//! How late the cameras are: found out by moving the head, and shown as it goes.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::Body;
use super::error::{Answer, Problem};
use super::{App, SharedApp, within};
use crate::moonraker::{LinkError, REQUEST_TIMEOUT};

/// From the call of the macro until the agent has heard of it.
const HEARD: Duration = Duration::from_secs(5);

/// How a calibration goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibrating {
    state: &'static str,
    /// Why it failed.
    text: String,
    /// What was said of it.
    lines: Vec<String>,
    /// Name and trouble of each camera that is through.
    cameras: Vec<(String, Option<String>)>,
}

impl Default for Calibrating {
    fn default() -> Self {
        Self { state: "idle", text: String::new(), lines: Vec::new(), cameras: Vec::new() }
    }
}

impl Calibrating {
    /// One begins.
    #[must_use]
    pub fn begun() -> Self {
        Self { state: "running", ..Self::default() }
    }

    /// One could not begin.
    #[must_use]
    pub fn failed(reason: &str) -> Self {
        Self { state: "failed", text: reason.to_owned(), ..Self::default() }
    }

    /// Something was said.
    pub fn say(&mut self, line: &str) {
        self.lines.push(line.strip_prefix("Timelapse: ").unwrap_or(line).to_owned());
    }

    /// A camera is through, with or without a result.
    pub fn camera(&mut self, name: &str, problem: Option<String>) {
        self.cameras.push((name.to_owned(), problem));
    }

    /// It is over.
    pub fn end(&mut self, reason: Option<&String>) {
        self.state = if reason.is_some() { "failed" } else { "done" };
        self.text = reason.cloned().unwrap_or_default();
    }
}

/// With what is known of each camera.
pub(super) async fn shown(app: &App, seen: &Calibrating) -> Value {
    let setup = app.board.setup();
    let Calibrating { state, text, lines, cameras } = seen;
    let timings = super::cameras::timings(app).await.unwrap_or_default();
    let rows = cameras.iter().map(|(name, problem)| {
        let index = setup.cameras.iter().position(|camera| camera.spec.name == *name);
        let timing = index.and_then(|index| timings.get(index).cloned()).filter(|_| problem.is_none());
        json!({"index": index, "name": name, "timing": timing, "problem": problem})
    });
    json!({"state": state, "text": text, "lines": lines, "cameras": rows.collect::<Vec<_>>()})
}

/// `GET /api/calibration`
pub(super) async fn show(State(app): State<SharedApp>) -> Json<Value> {
    let seen = app.board.follow_calibration().borrow().clone();
    Json(shown(&app, &seen).await)
}

/// Where the head goes.
#[derive(Deserialize)]
pub(super) struct Where {
    /// The least height, mm.
    z: Option<f64>,
}

/// `POST /api/calibration`
pub(super) async fn begin(
    State(app): State<SharedApp>,
    Body(Where { z }): Body<Where>,
) -> Answer<(StatusCode, Json<Value>)> {
    let z = z.unwrap_or_default();
    if !(0.0..=1000.0).contains(&z) {
        return Err(Problem::invalid("The height is 0 to 1000 mm").field("z"));
    }
    let setup = app.board.setup();
    let link = setup.link.as_ref().filter(|_| setup.klipper_ready);
    let link = link.ok_or_else(|| Problem::unavailable("Klipper is away"))?;
    let mut seen = app.board.follow_calibration();
    if seen.borrow_and_update().state == "running" {
        return Err(Problem::conflict("A calibration is under way"));
    }
    link.gcode(&format!("TIMELAPSE_CALIBRATE Z={z}"), REQUEST_TIMEOUT).await.map_err(|problem| match problem {
        LinkError::Refused { message, .. } => Problem::conflict(message),
        other => Problem::unavailable(other),
    })?;
    let heard = within(HEARD, "The macro TIMELAPSE_CALIBRATE", seen.changed()).await?;
    heard.map_err(Problem::failed)?;
    let now: Arc<Calibrating> = seen.borrow_and_update().clone();
    if now.state == "failed" {
        return Err(Problem::conflict(&now.text));
    }
    Ok((StatusCode::ACCEPTED, Json(shown(&app, &now).await)))
}
