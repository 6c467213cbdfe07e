//! Wires everything together: lifecycle, reconnects, shutdown.
//!
//! One loop owns the [`Conductor`] and the [`Printer`] and handles one thing at a time: a message of Moonraker, a report
//! of a worker, the end. Whatever takes time happens in tasks: connecting ([`connector`]), sending, filming, rendering.

mod annotator;
mod calibrate;
mod connector;
mod dry;
mod errand;
mod examination;
mod introductions;
mod motion;
mod portal;
mod trial;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value as Json};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, error, info, trace, warn};
use url::Url;

use self::connector::{Attached, remote};
use self::errand::Errand;
use self::introductions::Introductions;
use self::motion::Motion;
use self::portal::Portal;
use crate::clock::{Clock, MonoTime};
use crate::conductor::filming::SharedStore;
use crate::conductor::films::Films;
use crate::conductor::planning::Downloads;
use crate::conductor::webcams::{Chosen, choose};
use crate::conductor::{Conductor, Newest, Order, Workshop, last_print};
use crate::config::{ConfigError, Layer, Merged, Settings, expand_home, merge};
use crate::moonraker::{
    Backoff, Body, Endpoint, Inbox, Incoming, KlipperState, Link, Ticket, klipper_endpoint, subscription_status,
};
use crate::printer::Printer;
use crate::render::remove_leftovers;
use crate::session::{Store, StoreError};
use crate::web::{self, Log, Origin, Sight, Trust};

/// Reports of workers that may wait.
const EVENT_QUEUE: usize = 256;
/// Events and scripts that may wait for Moonraker.
const CARRIER_QUEUE: usize = 256;
/// How often we ask Moonraker whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What the agent is started with.
#[derive(Debug)]
pub struct Options {
    /// Where Moonraker listens.
    pub endpoint: Endpoint,
    /// `moonraker.conf`, when it lies on this host; the component's own reading is preferred when it is loaded.
    pub conf: Option<Layer>,
    /// Environment and flags: these win over everything.
    pub overrides: Vec<Layer>,
    /// The frame store, unless `session_path` is set.
    pub store: PathBuf,
    /// What was said lately, for the page.
    pub log: Log,
}

/// Runs until `shutdown` is cancelled.
///
/// # Errors
///
/// The configuration contradicts itself, which `moonlapse check` explains. Everything else is waited for.
pub async fn run(options: Options, clock: Clock, shutdown: CancellationToken) -> Result<(), ConfigError> {
    let settings = settle(options.conf.iter().chain(&options.overrides))?;
    let store_dir =
        if settings.session_path.is_empty() { options.store.clone() } else { settings.session_path.clone().into() };
    let store_folder = store_dir.clone();
    let Some(store) = open_store(store_dir, &shutdown).await else { return Ok(()) };
    // What a kill left of a film in the making.
    let output = PathBuf::from(&settings.output_path);
    tokio::task::spawn_blocking(move || remove_leftovers(&output)).await.ok();
    let frame_path = PathBuf::from(&settings.frame_path);
    let looked = tokio::task::spawn_blocking(move || (last_print(&store, &frame_path), store)).await;
    let (last_print, store) = looked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));

    let (events_in, mut events) = mpsc::channel(EVENT_QUEUE);
    let store = Arc::new(Mutex::new(store));
    let films = Films::start(Arc::clone(&store), events_in.clone(), clock, shutdown.child_token());
    let (attached_in, mut attached) = mpsc::channel(1);
    tokio::spawn(connector::run(options.endpoint.clone(), clock, attached_in, shutdown.clone()));

    let downloads = match &options.endpoint {
        Endpoint::WebSocket { api_key, .. } => {
            Downloads { base: options.endpoint.http(), api_key: api_key.clone(), folder: store_folder.clone() }
        }
        Endpoint::Unix(_) => Downloads { folder: store_folder.clone(), ..Downloads::default() },
    };
    let introductions = Introductions::new(events_in.clone(), clock);
    let newest = Newest::default();
    recall(&newest, &store).await;
    let portal = Portal::default();
    let (board, log) = (portal.board(), options.log.clone());
    let (films_too, newest_too, downloads_too) = (films.clone(), newest.clone(), downloads.clone());
    let sight = Sight {
        board,
        store: store_folder,
        films: films_too,
        downloads: downloads_too,
        newest: newest_too,
        origin: Origin {
            endpoint: options.endpoint.clone(),
            conf: options.conf.clone(),
            overrides: options.overrides.clone(),
        },
        log,
        clock,
    };
    let page = AbortOnDropHandle::new(tokio::spawn(web::run(sight, shutdown.clone())));
    let workshop = Workshop { store, films, events: events_in, downloads, newest, clock };
    let mut agent = Agent {
        conductor: Conductor::new(workshop, settings),
        printer: Printer::default(),
        connection: None,
        webcams: Vec::new(),
        snapshot_fixed: false,
        introductions,
        motion: Motion::default(),
        klippy_socket: None,
        errand: None,
        portal,
        component: None,
        examination: None,
        copying: None,
        options,
    };
    if let Some(last_print) = last_print {
        agent.conductor.remember(last_print);
    }
    agent.set_up_page();
    let mut keepalive = tokio::time::interval(KEEPALIVE);
    info!(version = env!("CARGO_PKG_VERSION"), "moonlapse started");
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(new) = attached.recv() => agent.attach(new),
            incoming = next(&mut agent.connection) => match incoming {
                Some(incoming) => agent.incoming(incoming),
                None => {
                    agent.connection = None;
                    agent.set_up_page();
                }
            },
            Some(event) = events.recv() => {
                agent.portal.hear(&event);
                agent.conductor.handle(event, &agent.printer);
            }
            Some(stretches) = agent.motion.next() => agent.conductor.moved(stretches, &agent.printer),
            _ = keepalive.tick() => agent.keep_alive(),
            () = agent.portal.due() => {
                agent.show();
                continue;
            }
        }
        agent.carry_out();
        agent.portal.touch();
    }
    drop(page);
    agent.conductor.shut_down().await;
    info!("moonlapse stopped");
    Ok(())
}

/// Another Moonlapse on the same store is told once and waited for.
async fn open_store(dir: PathBuf, shutdown: &CancellationToken) -> Option<Store> {
    let mut backoff = Backoff::default();
    let mut told = false;
    loop {
        let opening = dir.clone();
        match tokio::task::spawn_blocking(move || Store::open(opening)).await {
            Ok(Ok(store)) => return Some(store),
            Ok(Err(problem)) => {
                if !told {
                    let busy = matches!(problem, StoreError::Busy { .. });
                    error!(store = %dir.display(), busy, error = %problem, "the frame store cannot be opened; trying again");
                    told = true;
                }
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
        tokio::select! {
            () = shutdown.cancelled() => return None,
            () = tokio::time::sleep(backoff.next_wait()) => {}
        }
    }
}

/// The page begins with the newest frames of the last print.
async fn recall(newest: &Newest, store: &SharedStore) {
    let (newest, store) = (newest.clone(), Arc::clone(store));
    let recalled = tokio::task::spawn_blocking(move || {
        newest.recall(&store.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    });
    if let Ok(Err(problem)) = recalled.await {
        warn!(error = %problem, "the newest frames are not known");
    }
}

/// Merges the layers, logs their faults, and makes the paths absolute.
fn settle<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Result<Settings, ConfigError> {
    let Merged { mut settings, faults } = merge(layers)?;
    for fault in faults {
        warn!("{fault}");
    }
    for path in [
        &mut settings.output_path,
        &mut settings.frame_path,
        &mut settings.session_path,
        &mut settings.ffmpeg_binary_path,
    ] {
        *path = expand_home(path).to_string_lossy().into_owned();
    }
    Ok(settings)
}

/// Never returns while there is no connection.
async fn next(connection: &mut Option<Connection>) -> Option<Incoming> {
    match connection {
        Some(connection) => connection.inbox.recv().await,
        None => std::future::pending().await,
    }
}

struct Connection {
    link: Link,
    inbox: Inbox,
    events: mpsc::Sender<Json>,
    scripts: mpsc::Sender<String>,
    /// What to do with uploads; only where Moonraker runs on this host.
    wishes: Option<watch::Sender<Option<annotator::Wish>>>,
    /// Moonraker has the component that takes events.
    has_component: bool,
    /// Whom Moonraker trusts.
    trust: Trust,
    /// The subscription whose answer is awaited.
    subscribing: Option<Ticket>,
    /// The state of this Klipper is known and followed.
    subscribed: bool,
}

struct Agent {
    conductor: Conductor,
    printer: Printer,
    connection: Option<Connection>,
    webcams: Vec<Json>,
    /// `snapshoturl` is set in moonraker.conf and overrides the list of webcams.
    snapshot_fixed: bool,
    introductions: Introductions,
    /// Klipper's own word on where the head goes, while somebody wants it.
    motion: Motion,
    /// Klipper's socket as Moonraker knows it.
    klippy_socket: Option<PathBuf>,
    /// What the head does for us while nothing is printed.
    errand: Option<Errand>,
    /// What the page shows.
    portal: Portal,
    /// The settings as the component last told them.
    component: Option<Map<String, Json>>,
    /// The doctor's round that is under way.
    examination: Option<AbortOnDropHandle<()>>,
    /// A dry copy in the making.
    copying: Option<AbortOnDropHandle<()>>,
    options: Options,
}

impl Agent {
    fn attach(&mut self, new: Attached) {
        let Attached { link, inbox, info, settings, webcams, trust, klippy_socket } = new;
        self.klippy_socket = klippy_socket;
        let (events, event_queue) = mpsc::channel(CARRIER_QUEUE);
        let (scripts, script_queue) = mpsc::channel(CARRIER_QUEUE);
        tokio::spawn(connector::carry_events(link.clone(), event_queue));
        tokio::spawn(connector::carry_scripts(link.clone(), script_queue));
        let has_component = info.has_timelapse_component;
        let here = has_component && matches!(self.options.endpoint, Endpoint::Unix(_));
        let wishes = here.then(|| {
            let (wishes, queue) = watch::channel(None);
            tokio::spawn(annotator::carry_wishes(link.clone(), self.options.store.clone(), queue));
            wishes
        });
        let (subscribing, subscribed) = (None, false);
        self.connection =
            Some(Connection { link, inbox, events, scripts, wishes, has_component, trust, subscribing, subscribed });
        self.webcams = webcams;
        if let Some(settings) = settings {
            self.take_settings(&settings);
        }
        self.choose_camera();
        self.set_up_page();
        self.conductor.connected();
        if info.klipper == KlipperState::Ready {
            self.subscribe();
        }
    }

    fn incoming(&mut self, Incoming { received, body }: Incoming) {
        match body {
            Body::Answer { ticket, outcome } => self.subscription(ticket, outcome, received),
            Body::Call { method, params, reply_to } => {
                let answer = self.call(&method, params, received);
                if let (Some(to), Some(connection)) = (reply_to, &self.connection) {
                    connection.link.reply(&to, answer);
                }
            }
        }
    }

    fn call(&mut self, method: &str, params: Json, received: MonoTime) -> Result<Json, (i32, String)> {
        let refusal = |reason: String| (400, reason);
        let done = || Ok(serde_json::json!({"status": "ok"}));
        match method {
            "notify_status_update" => {
                if let Some(Json::Object(changes)) = first(params)
                    && self.connection.as_ref().is_some_and(|c| c.subscribed)
                {
                    let relevant = ["print_stats", "virtual_sdcard", "gcode_move"];
                    let relevant = relevant.iter().any(|object| changes.contains_key(*object));
                    self.printer.apply(changes, received);
                    if relevant {
                        self.conductor.follow(&self.printer);
                    } else {
                        self.conductor.watch_head(&self.printer);
                    }
                }
                done()
            }
            remote::NEW_FRAME => {
                self.conductor.new_frame(&params, received, &mut self.printer);
                done()
            }
            remote::SKIPPED => {
                self.conductor.frame_skipped(&params, &self.printer);
                done()
            }
            remote::CONTROL => {
                match params.get("action").and_then(Json::as_str) {
                    Some("doctor") => self.examine(),
                    Some("dry_run") => self.dry_run(&params),
                    _ if self.runs_errand(&params, received) => {}
                    _ => self.conductor.control(&params, &self.printer),
                }
                done()
            }
            remote::RENDER => {
                if let Err(reason) = self.conductor.render(true) {
                    warn!(reason, "no film");
                }
                done()
            }
            remote::SAVE_FRAMES => {
                if let Err(reason) = self.conductor.save_frames() {
                    warn!(reason, "the frames were not archived");
                }
                done()
            }
            "timelapse.render" => self.conductor.render(false).map_err(refusal),
            "timelapse.saveframes" => self.conductor.save_frames().map_err(refusal),
            "timelapse.settings_changed" => {
                if let Some(settings) = params.get("settings").and_then(Json::as_object) {
                    self.take_settings(settings);
                    self.choose_camera();
                    self.set_up_page();
                }
                done()
            }
            "notify_history_changed" => {
                if let Some(news) = first(params) {
                    self.conductor.history_changed(&news);
                }
                done()
            }
            "notify_webcams_changed" => {
                if let Some(list) = first(params) {
                    self.webcams = connector::webcams_of(&list);
                    self.choose_camera();
                    self.set_up_page();
                }
                done()
            }
            "notify_klippy_ready" => {
                self.subscribe();
                done()
            }
            "notify_klippy_shutdown" | "notify_klippy_disconnected" => {
                if self.connection.as_mut().is_some_and(|c| std::mem::take(&mut c.subscribed)) {
                    warn!(event = method, "Klipper stopped");
                    self.printer.clear();
                    self.conductor.klipper_gone();
                    self.set_up_page();
                }
                done()
            }
            other => {
                trace!(method = other, "passed over");
                Err((-32601, format!("Moonlapse has no method {other}")))
            }
        }
    }

    fn subscribe(&mut self) {
        if let Some(connection) = &mut self.connection {
            match connection.link.subscribe(Printer::subscription()) {
                Ok(ticket) => connection.subscribing = Some(ticket),
                Err(problem) => debug!(error = %problem, "not subscribed"),
            }
        }
    }

    fn subscription(&mut self, ticket: Ticket, outcome: Result<Json, (i32, String)>, received: MonoTime) {
        let Some(connection) = self.connection.as_mut().filter(|c| c.subscribing == Some(ticket)) else { return };
        connection.subscribing = None;
        match outcome.map(subscription_status) {
            Ok(Some(status)) => {
                connection.subscribed = true;
                self.printer.reset(status, received);
                info!(print = ?self.printer.print_stats().state, "Klipper is ready");
                self.conductor.klipper_ready(&self.printer);
                self.wish();
                self.set_up_page();
            }
            Ok(None) => warn!("Moonraker's answer to the subscription is not understood"),
            // The keepalive asks again.
            Err((503, reason)) => debug!(reason, "Klipper is away"),
            Err((code, reason)) => warn!(code, reason, "Moonraker refused the subscription"),
        }
    }

    /// Finds out in time that a remote Moonraker has vanished without a word, and that a subscription was refused.
    fn keep_alive(&mut self) {
        let Some(connection) = &self.connection else { return };
        let link = connection.link.clone();
        tokio::spawn(async move {
            if let Err(problem) = link.server_info().await {
                link.close(format!("it does not answer: {problem}"));
            }
        });
        // Klipper may have become ready unnoticed; while it is away this is refused at once.
        if !connection.subscribed && connection.subscribing.is_none() {
            self.subscribe();
        }
    }

    fn take_settings(&mut self, component: &Map<String, Json>) {
        // A list of what is fixed comes at the begin only.
        let known = self.component.get_or_insert_default();
        known.extend(component.iter().map(|(name, value)| (name.clone(), value.clone())));
        let blocked = known.get("blockedsettings").and_then(Json::as_array);
        self.snapshot_fixed = blocked.is_some_and(|list| list.iter().any(|name| name == "snapshoturl"));
        let layer = Layer::component(component);
        match settle(std::iter::once(&layer).chain(&self.options.overrides)) {
            Ok(settings) => {
                self.conductor.set_settings(settings, &self.printer);
                self.wish();
            }
            Err(problem) => error!(error = %problem, "the settings were not taken over"),
        }
    }

    /// Says what to do with uploads from now on.
    fn wish(&self) {
        if let Some(wishes) = self.connection.as_ref().and_then(|connection| connection.wishes.as_ref()) {
            let settings = self.conductor.settings().clone();
            wishes.send_replace(Some(annotator::Wish { settings, printer: self.printer.outline() }));
        }
    }

    fn choose_camera(&mut self) {
        let host = Url::parse(&self.options.endpoint.http_host());
        let Ok(host) = host else { return };
        let Chosen { cameras, faults } = choose(&self.webcams, self.conductor.settings(), self.snapshot_fixed, &host);
        faults.iter().for_each(|fault| warn!("{fault}"));
        self.introductions.look(&cameras);
        self.conductor.set_cameras(cameras);
    }

    fn klipper(&self) -> Option<Endpoint> {
        klipper_endpoint(&self.options.endpoint, self.klippy_socket.as_deref())
    }

    /// Sends what the conductor ordered. Without a connection orders are void: the UIs are told the present state when
    /// one is there, and the macros are set up anew.
    fn carry_out(&mut self) {
        for order in self.conductor.take_orders() {
            if let Order::FollowMotion(wanted) = order {
                self.motion.follow(wanted.then(|| self.klipper()).flatten());
                continue;
            }
            let Some(connection) = &self.connection else { continue };
            let jammed = match order {
                Order::Ui { .. } | Order::Notice(_) if !connection.has_component => false,
                Order::Notice(notice) => connection.events.try_send(serde_json::json!({"notice": notice})).is_err(),
                Order::Ui { event, last_frame } => {
                    connection.events.try_send(connector::event_params(event, last_frame)).is_err()
                }
                Order::Gcode(script) => connection.scripts.try_send(script).is_err(),
                Order::Power { device, on } => {
                    tokio::spawn(connector::switch_light(connection.link.clone(), device, on));
                    false
                }
                Order::FollowMotion(_) => false,
            };
            if jammed {
                warn!("Moonraker is too slow: an order was dropped");
            }
        }
    }
}

/// The first of a notification's parameters.
fn first(params: Json) -> Option<Json> {
    match params {
        Json::Array(list) => list.into_iter().next(),
        _ => None,
    }
}
