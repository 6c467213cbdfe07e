//! The agent's own page and its API (`docs/api.md`).
//!
//! # Nothing here holds up a print
//!
//! The agent pins its state on the [`Board`] and goes on. Viewers read the newest of it whenever they can take something;
//! there is no queue that could fill up. The frame store is read over a connection of its own, so that no list holds the
//! lock that a frame is stored under. Pictures and films are sent as they lie on the disk.
//!
//! # Who is let in
//!
//! `guard` says what a request must look like, `access` who may send one. Both come before everything else.
//!
//! # Layout
//!
//! * [`Board`]: what the agent shows, and what requests work with. `live`: its state.
//! * `server`: connections and their limits. `guard`, `trust`, `access`: who. `error`, `body`: forms. `assets`: the page.
//! * `events`, `state`, `log`: what happens. The other files have the calls of one subject each.

mod access;
mod archive;
mod assets;
mod board;
mod body;
mod calibration;
mod cameras;
mod catalog;
mod error;
mod events;
mod files;
mod films;
mod guard;
mod health;
mod jobs;
mod live;
mod log;
mod pictures;
mod plans;
mod presets;
mod server;
mod sessions;
mod settings;
mod state;
mod trust;

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::access::{Caller, Doors};
pub use self::board::{Board, Setup, Shots};
pub use self::calibration::Calibrating;
use self::cameras::Looks;
use self::error::{Answer, Problem};
use self::health::Findings;
pub use self::health::Origin;
pub use self::live::{Live, Sources};
pub use self::log::{Line, Log};
use self::plans::Plans;
use self::state::Disk;
pub use self::trust::Trust;
use crate::clock::Clock;
use crate::conductor::Newest;
use crate::conductor::films::Films;
use crate::conductor::planning::Downloads;
use crate::session::{Store, StoreError};

/// Pages that are open at a time.
const VIEWERS: usize = 16;
/// An answer must have begun within this.
const PATIENCE: Duration = Duration::from_secs(120);
/// So often the room on the disk is looked at.
const LOOK_AT_DISK: Duration = Duration::from_secs(60);

/// What the page is made of.
#[derive(Clone, Debug)]
pub struct Sight {
    /// What the agent shows.
    pub board: Board,
    /// The folder of the frame store.
    pub store: PathBuf,
    /// Makes films.
    pub films: Films,
    /// Where G-code files can be got.
    pub downloads: Downloads,
    /// The newest frames.
    pub newest: Newest,
    /// How the agent was started.
    pub origin: Origin,
    /// What was said.
    pub log: Log,
    /// The time.
    pub clock: Clock,
}

/// What all calls share.
struct App {
    board: Board,
    /// The folder of the frame store.
    folder: PathBuf,
    /// Archives are made and read one at a time.
    archives: Semaphore,
    /// Our own connection to the frame store.
    store: Arc<Mutex<Store>>,
    films: Films,
    newest: Newest,
    downloads: Downloads,
    plans: Arc<Plans>,
    looks: Looks,
    /// Few cameras are looked at at a time: each is opened once more for it.
    looking: Semaphore,
    origin: Origin,
    findings: Findings,
    /// One round at a time.
    examining: Semaphore,
    log: Log,
    clock: Clock,
    doors: Doors,
    viewers: Arc<Semaphore>,
    disk: watch::Sender<Option<Disk>>,
}

type SharedApp = Arc<App>;

/// Serves the page until `shutdown` is cancelled, wherever the settings on the board want it.
pub async fn run(sight: Sight, shutdown: CancellationToken) {
    let store = sight.store.clone();
    let attached = blocking(move || {
        archive::remove_leftovers(&store);
        Store::attach(store)
    });
    let store = match attached.await {
        Ok(store) => store,
        Err(problem) => return warn!(error = %problem, "there is no page: the frame store cannot be read"),
    };
    let app = App::new(sight, store);
    let router = router(Arc::clone(&app));
    let board = app.board.clone();
    tokio::select! {
        () = server::listen(router, &board, &shutdown) => {}
        () = app.look_at_disk() => {}
    }
}

/// Serves the page at `listener` whatever the settings say; for tests.
///
/// # Errors
/// The frame store cannot be read.
pub async fn serve(sight: Sight, listener: TcpListener) -> Result<(), StoreError> {
    let app = App::new(sight.clone(), Store::attach(sight.store)?);
    server::accept(listener, router(app)).await;
    Ok(())
}

impl App {
    fn new(sight: Sight, store: Store) -> SharedApp {
        let Sight { board, store: folder, films, downloads, newest, origin, log, clock } = sight;
        Arc::new(Self {
            board,
            folder: folder.clone(),
            archives: Semaphore::new(1),
            store: Arc::new(Mutex::new(store)),
            films,
            newest,
            downloads,
            plans: Arc::new(Plans::new(folder)),
            looks: Looks::default(),
            looking: Semaphore::new(2),
            origin,
            findings: Findings::default(),
            examining: Semaphore::new(1),
            log,
            clock,
            doors: Doors::new(),
            viewers: Arc::new(Semaphore::new(VIEWERS)),
            disk: watch::Sender::default(),
        })
    }

    /// Works with the frame store, where it may block.
    async fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let store = Arc::clone(&self.store);
        Ok(blocking(move || work(&mut store.lock().unwrap_or_else(PoisonError::into_inner))).await?)
    }

    async fn look_at_disk(&self) {
        let mut looks = tokio::time::interval(LOOK_AT_DISK);
        loop {
            looks.tick().await;
            self.plans.forget();
            let reserve = u64::from(self.board.setup().settings.disk_reserve) * 1_000_000;
            let room = self.disk(move |store| {
                store.set_reserve(reserve);
                store.room()
            });
            self.disk.send_replace(room.await.ok().map(Disk::from));
        }
    }
}

/// Runs `work` in a thread that may block.
async fn blocking<T: Send + 'static, E: Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    outcome(tokio::task::spawn_blocking(work)).await
}

async fn outcome<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(outcome) => outcome,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and with it whoever waits here.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}

/// Bounds what could hang.
async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = T>) -> Answer<T> {
    tokio::time::timeout(limit, work).await.map_err(|_| Problem::timeout(format_args!("{what} took too long")))
}

fn router(app: SharedApp) -> Router {
    let frames = "/sessions/{id}/reels/{reel}/frames";
    let api = Router::new()
        .route("/state", get(state::show))
        .route("/log", get(state::log))
        .route("/events", get(events::follow))
        .route("/settings", get(settings::show).patch(settings::change))
        .route("/settings/check", post(settings::check))
        .route("/settings/export", get(settings::export))
        .route("/settings/import", post(settings::import))
        .route("/presets", get(settings::presets))
        .route("/files", get(plans::files))
        .route("/features", get(plans::features))
        .route("/plans", post(plans::make))
        .route("/plans/{plan}/layers/{layer}", get(plans::layer))
        .route("/drawings/{drawing}/layers", get(plans::drawing))
        .route("/print/plan", get(plans::of_print))
        .route("/sessions/{id}", get(sessions::show).patch(sessions::choose_preview).delete(sessions::delete))
        .route("/sessions/{id}/films", post(films::make))
        .route(frames, get(sessions::frames))
        .route(&format!("{frames}/{{frame}}"), get(pictures::frame).patch(sessions::drop_frame))
        .route("/films", get(films::list))
        .route("/films/{name}", get(films::send).delete(films::delete))
        .route("/profiles", get(films::profiles))
        .route("/cameras/{index}/latest.jpg", get(pictures::latest))
        .route("/cameras", get(cameras::list))
        .route("/cameras/{index}/probe", post(cameras::look))
        .route("/cameras/{index}/picture.jpg", get(cameras::picture))
        .route("/cameras/{index}/light", post(cameras::light))
        .route("/pictures/{file}", get(cameras::kept))
        .route("/calibration", get(calibration::show).post(calibration::begin))
        .route("/health", get(health::show))
        .route("/health/check", post(health::check))
        .route("/jobs", get(jobs::show))
        .route("/jobs/{id}", delete(jobs::cancel))
        .route_layer(middleware::from_fn(finished))
        .route_layer(middleware::from_fn(timed))
        // These take as long as their archives are large, and watch over themselves.
        .route("/sessions", get(sessions::list).post(archive::bring))
        .route("/sessions/{id}/archive.zip", get(archive::export))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), admitted));
    let access = get(access::show).post(access::enter).delete(access::leave);
    Router::new()
        .nest("/api", api.route("/access", access).fallback(nothing))
        .fallback(assets::serve)
        .layer(middleware::from_fn(error::in_our_form))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guarded))
        .with_state(app)
}

async fn nothing() -> Problem {
    Problem::not_found("The API has no such call; docs/api.md lists them")
}

/// Lets through what is meant for us and not sent by a stranger's page, and marks every answer.
async fn guarded(State(app): State<SharedApp>, mut request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api");
    let names = &app.board.setup().settings.web_names;
    let mut response = match guard::check(request.method(), request.headers(), names, !is_api) {
        Ok(()) => {
            let peer = request.extensions().get::<Caller>().map_or(IpAddr::from([0, 0, 0, 0]), |caller| caller.0);
            let caller = trust::caller(peer, request.headers());
            request.extensions_mut().insert(Caller(caller));
            next.run(request).await
        }
        Err(refusal) => Problem::forbidden(refusal).into_response(),
    };
    let headers = response.headers_mut();
    guard::HEADERS.iter().for_each(|(name, value)| drop(headers.insert(name, value.clone())));
    if is_api {
        headers.entry(axum::http::header::CACHE_CONTROL).or_insert(axum::http::HeaderValue::from_static("no-store"));
    }
    response
}

/// Lets through who may come in.
async fn admitted(
    State(app): State<SharedApp>,
    Extension(Caller(caller)): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let trust = app.board.setup().trust.clone();
    if app.doors.admit(&trust, caller, request.headers(), request.uri().query()).await.is_none() {
        return Problem::unauthorized().into_response();
    }
    next.run(request).await
}

/// Does to its end what changes something, also when nobody waits for the answer any more: a light that was switched on
/// goes off again.
async fn finished(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    outcome(tokio::spawn(next.run(request))).await
}

/// Bounds how long an answer takes to begin.
async fn timed(request: Request, next: Next) -> Response {
    match within(PATIENCE, "The answer", next.run(request)).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}
