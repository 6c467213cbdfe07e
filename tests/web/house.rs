//! A page on a port of its own, over a frame store with a print in it, beside a Moonraker that knows one key.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use moonlapse::clock::Clock;
use moonlapse::conductor::films::Films;
use moonlapse::conductor::planning::Downloads;
use moonlapse::conductor::{Event, Newest};
use moonlapse::session::{FrameMeta, NewSession, Outcome, SessionId, Store};
use moonlapse::web::{Board, Log, Origin, Setup, Sight, Trust, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The key that Moonraker knows.
pub(crate) const KEY: &str = "0123456789abcdef";
/// A token that it takes once.
pub(crate) const TOKEN: &str = "ONESHOT";

/// Frames of the stored print.
pub(crate) const FRAMES: u32 = 5;

pub(crate) struct House {
    pub(crate) at: SocketAddr,
    pub(crate) board: Board,
    pub(crate) log: Log,
    pub(crate) store: Arc<Mutex<Store>>,
    pub(crate) session: SessionId,
    pub(crate) client: reqwest::Client,
    pub(crate) folder: tempfile::TempDir,
    /// What the film workers report.
    _events: mpsc::Receiver<Event>,
    shutdown: CancellationToken,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Drop for House {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl House {
    /// One that trusts the networks of `clients`.
    pub(crate) async fn new(clients: Value) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        let films_folder = folder.path().join("films");
        std::fs::create_dir(&films_folder).unwrap();
        let dir = folder.path().join("store");
        let mut store = Store::open(&dir).unwrap();
        let session = with_print(&mut store, "vase.gcode", Outcome::Complete);
        let newest = Newest::default();
        newest.recall(&store).unwrap();
        let store = Arc::new(Mutex::new(store));
        let shutdown = CancellationToken::new();
        let (events_in, events) = mpsc::channel(256);
        let films = Films::start(Arc::clone(&store), events_in, Clock::real(), shutdown.clone());
        let (moonraker, moonraker_task) = moonraker().await;
        let config = json!({"config": {"authorization": {"trusted_clients": clients}}});
        let board = Board::default();
        let output_path = films_folder.to_string_lossy().into_owned();
        let settings = moonlapse::config::Settings { output_path, ..moonlapse::config::Settings::default() };
        board.set_up(Setup {
            settings,
            trust: Trust::of(&config, false, Some(format!("http://{moonraker}/").parse().unwrap())),
            ..Setup::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let log = Log::default();
        let endpoint = format!("http://{moonraker}").parse().unwrap();
        let origin = Origin { endpoint, conf: None, overrides: Vec::new() };
        let sight = Sight {
            board: board.clone(),
            store: dir,
            films,
            downloads: Downloads::default(),
            newest,
            origin,
            log: log.clone(),
            clock: Clock::real(),
        };
        let page = tokio::spawn(async move { serve(sight, listener).await.unwrap() });
        let client = reqwest::Client::new();
        let _tasks = [moonraker_task, AbortOnDropHandle::new(page)];
        Self { at, board, log, store, session, client, folder, _events: events, shutdown, _tasks }
    }

    /// One that trusts this host.
    pub(crate) async fn open() -> Self {
        Self::new(json!(["127.0.0.0/8"])).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    /// The answer, which must be a good one.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// A whole JPEG, for who does not look at it.
pub(crate) fn jpeg(seed: u32) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 48, 0, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    jpeg.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    jpeg.extend(seed.to_string().repeat(2_000).bytes());
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

/// A print with [`FRAMES`] frames.
pub(crate) fn with_print(store: &mut Store, file: &str, outcome: Outcome) -> SessionId {
    let started_at: Timestamp = "2026-11-23T15:30:42Z".parse().unwrap();
    let camera = Some("front".to_owned());
    let new = NewSession { print_file: file.to_owned(), started_at, camera, ..NewSession::default() };
    let session = store.start(new).unwrap();
    for number in 1..=FRAMES {
        let meta = FrameMeta { at: started_at, layer: Some(number), ..FrameMeta::default() };
        store.append(&session.id, &jpeg(number), meta).unwrap();
    }
    if outcome != Outcome::Printing {
        store.end(&session.id, outcome, started_at).unwrap();
    }
    session.id
}

/// Says who somebody is, as Moonraker does: everybody is somebody by address, one by the key, and one by a token, once.
async fn moonraker() -> (SocketAddr, AbortOnDropHandle<()>) {
    let spent = Arc::new(Mutex::new(false));
    let who = move |headers: HeaderMap, Query(query): Query<HashMap<String, String>>| async move {
        let is = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
        let name = match () {
            () if is("x-api-key", KEY) => "_API_KEY_USER_",
            () if headers.contains_key("x-api-key") => return Err(StatusCode::UNAUTHORIZED),
            () if is("authorization", "Bearer jwt") => "anna",
            () if query.get("token").is_some_and(|token| token == TOKEN)
                && !std::mem::replace(&mut *spent.lock().unwrap(), true) =>
            {
                "anna"
            }
            () => "_TRUSTED_USER_",
        };
        Ok(Json(json!({"result": {"username": name}})))
    };
    let app = axum::Router::new().route("/access/user", axum::routing::get(who));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (at, AbortOnDropHandle::new(task))
}
