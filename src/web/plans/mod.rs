//! Plans of files, to be looked at before anything is printed; and what other settings would cost.

mod answer;
mod cache;
mod drawing;

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tracing::info;

use self::cache::{Cache, FileKey, Kept};
use self::drawing::{FEATURES, Sketch};
use super::body::Body;
use super::error::{Answer, Problem};
use super::settings::changed;
use super::{App, SharedApp, blocking, within};
use crate::clock::MonoTime;
use crate::conductor::planning::{self, Located};
use crate::conductor::scheme::{Scheme, SchemeError};
use crate::config::Settings;
use crate::moonraker::{LinkError, REQUEST_TIMEOUT};
use crate::planner::Restrictions;
use crate::printer::Printer;

/// Plans that wait for the one under way.
const WAITING: usize = 3;
/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(90);
/// Layers of a drawing that come at once.
const MOST_LAYERS: usize = 100;
/// Bytes of a drawing that come at once.
const MOST_BYTES: usize = 4 << 20;

/// Plans one file at a time, and keeps the last of them.
#[derive(Debug)]
pub(super) struct Plans {
    folder: PathBuf,
    turn: Arc<Semaphore>,
    waiting: Semaphore,
    cache: Cache,
}

impl Plans {
    pub(super) fn new(folder: PathBuf) -> Self {
        let (turn, waiting) = (Arc::new(Semaphore::new(1)), Semaphore::new(WAITING + 1));
        Self { folder, turn, waiting, cache: Cache::default() }
    }
}

/// What is to be planned.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Question {
    file: Option<String>,
    #[serde(default)]
    settings: Map<String, Value>,
    restrictions: Option<Restrictions>,
}

/// `POST /api/plans`
pub(super) async fn make(State(app): State<SharedApp>, Body(question): Body<Question>) -> Answer<Json<Value>> {
    plan(&app, question).await.map(Json)
}

/// `GET /api/print/plan`
pub(super) async fn of_print(State(app): State<SharedApp>) -> Answer<Json<Value>> {
    plan(&app, Question::default()).await.map(Json)
}

async fn plan(app: &App, question: Question) -> Answer<Value> {
    let name = match question.file {
        Some(name) => name,
        None => {
            let live = app.board.follow_live().borrow().clone();
            live.file().map(str::to_owned).ok_or_else(|| Problem::conflict("No file is printed now"))?
        }
    };
    let setup = app.board.setup();
    let mut settings = changed(&setup.settings, &question.settings)?;
    // Somebody who looks at a plan wants one, whatever is filmed.
    settings.enabled = true;
    let hold = app.board.follow_live().borrow().hold().max(settings.park_time);
    let (scheme, printer_known) = scheme(&settings, setup.outline.as_ref(), question.restrictions, hold)?;
    let (file, located) = find(app, &name).await?;
    let key = format!("{scheme:?}");
    if let Some(known) = app.plans.cache.find(&file, &key) {
        return Ok(answer::plan(&known, printer_known, 0));
    }
    let _waits =
        app.plans.waiting.try_acquire().map_err(|_| Problem::busy("Other plans are being made: wait a moment"))?;
    let turn = within(PATIENCE, "The plan before this one", Arc::clone(&app.plans.turn).acquire_owned()).await?;
    let turn = turn.map_err(Problem::failed)?;
    let plans = Arc::clone(&app.plans);
    let begun = Instant::now();
    let made = blocking(move || {
        let made = plans.read(&file, located, scheme, key);
        drop(turn);
        made
    });
    let made = made.await.map_err(|problem| Problem::failed(format_args!("The file cannot be planned: {problem}")))?;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    info!(file = name, frames = made.planned.plan.snapshots.len(), took_ms, "planned for the page");
    Ok(answer::plan(&made, printer_known, took_ms))
}

impl Plans {
    /// Gives back the memory of what nobody has asked for.
    pub(super) fn forget(&self) {
        self.cache.forget();
    }

    /// Reads a file once: for its plan, and for its drawing unless that is there.
    fn read(&self, file: &FileKey, located: Located, scheme: Scheme, key: String) -> std::io::Result<Arc<Kept>> {
        let limits = scheme.planner.limits;
        let restrictions = scheme.planner.tracks.first().map(|track| track.restrictions.clone()).unwrap_or_default();
        let (planned, drawing) = match self.cache.drawing(file) {
            Some(drawing) => (planning::plan(&located.path, scheme, |_| {})?, drawing),
            None => {
                let mut sketch = Sketch::new(&self.folder)?;
                let planned = planning::plan(&located.path, scheme, |event| sketch.line(event))?;
                (planned, self.cache.keep_drawing(file, sketch.finish(file.bytes)?))
            }
        };
        Ok(self.cache.keep(Kept { id: 0, file: file.clone(), key, limits, restrictions, planned, drawing }))
    }
}

/// How to plan. Where Klipper has not told the printer's limits, a common bed is taken.
fn scheme(
    settings: &Settings,
    outline: Option<&Map<String, Value>>,
    restrictions: Option<Restrictions>,
    hold: f64,
) -> Answer<(Scheme, bool)> {
    let mut printer = Printer::default();
    let usual = || {
        let limits = json!({"toolhead": {"axis_minimum": [0.0, 0.0, 0.0], "axis_maximum": [250.0, 250.0, 250.0]}});
        limits.as_object().cloned().unwrap_or_default()
    };
    printer.reset(outline.cloned().unwrap_or_else(usual), MonoTime::ZERO);
    let mut scheme = Scheme::new(settings, &printer, hold).map_err(|problem| match problem {
        SchemeError::NoLimits => Problem::unavailable(problem),
        other => Problem::invalid(other),
    })?;
    if let (Some(restrictions), Some(track)) = (restrictions, scheme.planner.tracks.first_mut()) {
        track.restrictions = restrictions;
    }
    Ok((scheme, outline.is_some()))
}

/// A file of Moonraker's root `gcodes`.
async fn find(app: &App, name: &str) -> Answer<(FileKey, Located)> {
    let unknown = || Problem::not_found(format_args!("Moonraker has no G-code file {name:?}"));
    let odd = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\0');
    if name.split('/').any(odd) {
        return Err(unknown());
    }
    let setup = app.board.setup();
    let link = setup.link.as_ref().ok_or_else(|| Problem::unavailable("Moonraker, which has the files, is away"))?;
    let ask = |method: &'static str, params: Value| async move {
        match link.request(method, params, REQUEST_TIMEOUT).await {
            Ok(answer) => Ok(Some(answer)),
            Err(LinkError::Refused { .. }) => Ok(None),
            Err(other) => Err(Problem::unavailable(other)),
        }
    };
    let facts = match ask("server.files.metadata", json!({"filename": name})).await? {
        Some(facts) => facts,
        // Moonraker has not looked into it yet.
        None => {
            let list = ask("server.files.list", json!({"root": "gcodes"})).await?.unwrap_or_default();
            let found = list.as_array().into_iter().flatten().find(|file| file["path"] == name);
            found.cloned().ok_or_else(unknown)?
        }
    };
    let bytes = facts.get("size").and_then(Value::as_u64).ok_or_else(unknown)?;
    let modified = facts.get("modified").and_then(Value::as_f64).unwrap_or_default();
    let roots = ask("server.files.roots", Value::Null).await?.unwrap_or_default();
    let root = roots.as_array().into_iter().flatten().find(|root| root["name"] == "gcodes");
    let local = root.and_then(|root| Some((FilePath::new(root["path"].as_str()?).join(name), bytes)));
    let located = planning::locate(name, local, &app.downloads).await.map_err(Problem::unavailable)?;
    Ok((FileKey { name: name.to_owned(), bytes, modified: modified.to_bits() }, located))
}

/// `GET /api/plans/{plan}/layers/{layer}`
pub(super) async fn layer(
    State(app): State<SharedApp>,
    Path((plan, layer)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    let id = plan.strip_prefix('p').and_then(|id| id.parse::<u64>().ok());
    let kept = id.and_then(|id| app.plans.cache.get(id));
    let kept = kept.ok_or_else(|| Problem::not_found("This plan is forgotten: plan the file again"))?;
    let layer = layer.parse::<u32>().map_err(|_| Problem::not_found("There is no such layer"))?;
    let frames: Vec<_> = kept.planned.plan.snapshots.iter().filter(|shot| shot.layer == layer).collect();
    Ok(Json(json!({"layer": layer, "frames": frames})))
}

#[derive(Deserialize)]
pub(super) struct Layers {
    from: Option<usize>,
    to: Option<usize>,
}

/// `GET /api/drawings/{drawing}/layers`
pub(super) async fn drawing(
    State(app): State<SharedApp>,
    Path(drawing): Path<String>,
    Query(Layers { from, to }): Query<Layers>,
) -> Answer<Response> {
    let id = drawing.strip_prefix('d').and_then(|id| id.parse::<u64>().ok());
    let drawing = id.and_then(|id| app.plans.cache.drawing_of(id));
    let drawing = drawing.ok_or_else(|| Problem::not_found("This drawing is forgotten: plan the file again"))?;
    let from = from.unwrap_or(1).max(1);
    let to = to.unwrap_or(from).min(from.saturating_add(MOST_LAYERS - 1));
    let blocks = blocking(move || drawing.blocks(from, to, MOST_BYTES)).await;
    let blocks = blocks.map_err(|problem| Problem::failed(format_args!("The drawing cannot be read: {problem}")))?;
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "private, max-age=3600")];
    Ok((headers, blocks).into_response())
}

/// `GET /api/features`
pub(super) async fn features() -> Json<Value> {
    let names: Vec<&str> = std::iter::once("not_said").chain(FEATURES.iter().map(|feature| feature.name())).collect();
    Json(json!({"features": names}))
}

/// `GET /api/files`
pub(super) async fn files(State(app): State<SharedApp>) -> Answer<Json<Value>> {
    let setup = app.board.setup();
    let link = setup.link.as_ref().ok_or_else(|| Problem::unavailable("Moonraker, which has the files, is away"))?;
    let list = link.request("server.files.list", json!({"root": "gcodes"}), REQUEST_TIMEOUT).await;
    let list = list.map_err(Problem::unavailable)?;
    let mut files: Vec<(f64, Value)> = list.as_array().into_iter().flatten().filter_map(answer::file).collect();
    files.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(Json(json!({"files": files.into_iter().map(|(_, file)| file).collect::<Vec<_>>()})))
}
