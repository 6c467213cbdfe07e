//! One print's frames: taken and stored one after the other, in the order they fell due.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, error, info, warn};

use super::frame_call::Standstill;
use super::{Event, Workshop};
use crate::camera::{Camera, CameraFacts, CameraSpec};
use crate::clock::Clock;
use crate::session::{FrameMeta, Miss, NewSession, Outcome, Publisher, Session, Store, StoreError};

/// The store, for whoever blocks on it in a thread of its own.
pub type SharedStore = Arc<Mutex<Store>>;

/// Frames that may wait for the camera. One takes well under a second and falls due every few seconds; when a camera
/// hangs, the later ones are missed rather than kept.
const QUEUE: usize = 8;

/// A print heats for longer than this before its first frame.
const CAMERA_PATIENCE: Duration = Duration::from_secs(3);

/// Two prints of one file are told apart by when they started; our reading of that start is good to a second or so.
const SAME_START: Duration = Duration::from_secs(30);

/// A film that could not be made (the host was switched off, ffmpeg was missing) is tried again this long.
const FILM_LATER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a print's filming needs to begin.
#[derive(Debug)]
pub struct Shoot {
    /// As Moonraker names it.
    pub print_file: String,
    /// When the print started.
    pub started_at: Timestamp,
    /// The camera; `None` where there is none, and every frame is a miss.
    pub camera: Option<CameraSpec>,
    /// In force now, for the journal.
    pub settings: serde_json::Value,
    /// Where the UIs find the frames.
    pub frame_path: PathBuf,
}

/// One frame that falls due.
#[derive(Debug)]
pub(super) struct Due {
    /// When the head stands still.
    pub(super) standstill: Standstill,
    /// What is known about it.
    pub(super) meta: FrameMeta,
    /// Which of the planned frames it is.
    pub(super) planned: Option<u32>,
}

#[derive(Debug)]
enum Command {
    Frame(Box<Due>),
    Skipped { layer: Option<u32>, reason: String },
    Finish { outcome: Outcome, film_asked: bool },
}

/// The handle on a print that is being filmed.
#[derive(Debug)]
pub struct Filming {
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

impl Filming {
    /// Begins, or goes on with the session of the same print; see [`Event`] for what is heard of it. `after` is the
    /// earlier print, whose session must be closed first.
    pub(super) fn begin(shoot: Shoot, workshop: &Workshop, after: Option<JoinHandle<()>>) -> Self {
        let (commands, queue) = mpsc::channel(QUEUE);
        let Workshop { store, events, clock, .. } = workshop.clone();
        let worker = Worker { store, events, clock };
        let task = tokio::spawn(async move {
            if let Some(earlier) = after {
                // Bounded by the camera's own time limits; a panic in there is not ours.
                earlier.await.ok();
            }
            worker.run(shoot, queue).await;
        });
        Self { commands, task }
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// Why it is not taken: the camera is too slow. It is noted as a miss.
    pub(super) fn frame(&self, due: Due) -> Result<(), &'static str> {
        let layer = due.meta.layer;
        if self.commands.try_send(Command::Frame(Box::new(due))).is_ok() {
            return Ok(());
        }
        let reason = "the camera has not answered for the earlier frames yet";
        warn!(?layer, reason, "frame missed");
        // Noted when there is room again; frames fall due seconds apart, so few of these ever wait.
        let commands = self.commands.clone();
        tokio::spawn(async move { commands.send(Command::Skipped { layer, reason: reason.to_owned() }).await });
        Err(reason)
    }

    /// Notes a frame that the macro did not take.
    pub fn skipped(&self, layer: Option<u32>, reason: String) {
        if self.commands.try_send(Command::Skipped { layer, reason }).is_err() {
            debug!("a skipped frame was not noted: the queue is full");
        }
    }

    /// Ends the session once the frames that are due have been taken; the handle tells when that is done.
    pub(super) fn finish(self, outcome: Outcome, film_asked: bool) -> JoinHandle<()> {
        let Self { commands, task } = self;
        // Waits for a place in the queue, bounded by the camera's own time limits.
        tokio::spawn(async move { commands.send(Command::Finish { outcome, film_asked }).await });
        task
    }

    /// Leaves the session open, for the next start of the agent; false when a frame was still under way after `limit`.
    pub async fn leave(self, limit: Duration) -> bool {
        drop(self.commands);
        tokio::time::timeout(limit, self.task).await.is_ok()
    }
}

/// Looks after the sessions that an earlier run of the agent left. `idle` holds, when no print is under way, the file that
/// the printer says it has completed, if any; open sessions are closed then. Complete ones that never got their film are
/// reported again.
pub(super) fn catch_up(workshop: &Workshop, idle: Option<Option<String>>) -> JoinHandle<()> {
    let Workshop { store, events, clock, .. } = workshop.clone();
    tokio::spawn(async move {
        let now = clock.wall();
        let left = on_disk(&store, move |store| {
            let mut left = Vec::new();
            if let Some(completed) = idle {
                if let Some(file) = completed
                    && let Some(session) = store.resume(&file, None)?
                {
                    store.end(&session.id, Outcome::Complete, now)?;
                }
                store.interrupt_others(None, now)?;
            }
            for summary in store.list()? {
                let recent = summary.session.ended_at.is_some_and(|at| now.duration_since(at) < FILM_LATER);
                let whole = matches!(summary.session.outcome, Outcome::Complete | Outcome::Interrupted);
                // By the settings of that print: who had autorender off then does not want the film now.
                let wanted = summary.session.settings.get("autorender").and_then(serde_json::Value::as_bool);
                if recent && whole && wanted == Some(true) && summary.frames > 0 && summary.films.is_empty() {
                    left.push(summary);
                }
            }
            Ok(left)
        });
        match left.await {
            Ok(left) => {
                for summary in left {
                    let summary = Box::new(summary);
                    events.send(Event::Ended { summary, film_asked: false }).await.ok();
                }
            }
            Err(problem) => warn!(error = %problem, "earlier sessions could not be looked through"),
        }
    })
}

struct Worker {
    store: SharedStore,
    events: mpsc::Sender<Event>,
    clock: Clock,
}

impl Worker {
    async fn run(self, shoot: Shoot, mut queue: mpsc::Receiver<Command>) {
        let camera_name = shoot.camera.as_ref().map(|c| c.name.clone());
        let camera = shoot.camera.clone().map(|spec| Camera::open(spec, self.clock));
        let (session, mut publisher) = match self.begin(shoot).await {
            Ok(begun) => begun,
            Err(problem) => {
                error!(error = %problem, "this print is not filmed: the frame store failed");
                self.tell(Event::FilmingFailed { reason: problem.to_string() }).await;
                return;
            }
        };
        let mut told_hold = Duration::ZERO;
        if let Some(camera) = &camera {
            told_hold = self.greet(camera).await;
        }
        while let Some(command) = queue.recv().await {
            match command {
                Command::Frame(due) => {
                    let outcome =
                        self.take(&session, camera.as_ref(), camera_name.as_deref(), *due, &mut publisher).await;
                    self.tell(outcome).await;
                    if let Some(hold) = camera.as_ref().map(Camera::required_hold)
                        && hold.abs_diff(told_hold) > Duration::from_millis(5)
                    {
                        told_hold = hold;
                        self.tell(Event::HoldNeeded(hold)).await;
                    }
                }
                Command::Skipped { layer, reason } => {
                    info!(session = %session.id, ?layer, reason, "frame skipped");
                    self.note_miss(&session, layer, reason).await;
                }
                Command::Finish { outcome, film_asked } => {
                    let at = self.clock.wall();
                    let id = session.id.clone();
                    let ended = self.disk(move |store| {
                        store.end(&id, outcome, at)?;
                        store.summary(&id)
                    });
                    match ended.await {
                        Ok(summary) => self.tell(Event::Ended { summary: Box::new(summary), film_asked }).await,
                        Err(problem) => error!(error = %problem, "the end of the print could not be noted"),
                    }
                    break;
                }
            }
        }
        if let Some(camera) = camera {
            camera.close().await;
        }
    }

    /// Waits a moment for the camera's first picture, and says what kind of camera it is.
    async fn greet(&self, camera: &Camera) -> Duration {
        let ready = camera.ready(CAMERA_PATIENCE).await;
        let (facts, hold) = (camera.facts(), camera.required_hold());
        if let Some(trouble) = facts.trouble.filter(|_| !ready) {
            warn!(error = %trouble, "the camera shows nothing yet; trying on");
        } else {
            let CameraFacts { kind, resolution, fps, freshness, .. } = facts;
            info!(?kind, ?resolution, ?fps, ?freshness, hold_ms = hold.as_millis(), "camera");
        }
        self.tell(Event::HoldNeeded(hold)).await;
        hold
    }

    /// Finds the session of this very print, or starts one, and readies the folder of the UIs.
    async fn begin(&self, shoot: Shoot) -> Result<(Session, Option<Publisher>), StoreError> {
        let now = self.clock.wall();
        let camera = shoot.camera.map(|c| c.name);
        let frame_path = shoot.frame_path;
        let (session, frames, layer, publisher, others) = self
            .disk(move |store| {
                let resumed = store.resume(&shoot.print_file, None)?.filter(|session| {
                    let apart = session.started_at.duration_since(shoot.started_at).unsigned_abs();
                    apart <= SAME_START
                });
                let others = store.interrupt_others(resumed.as_ref().map(|s| &s.id), now)?;
                let others = others.iter().map(|id| store.summary(id)).collect::<Result<Vec<_>, _>>()?;
                let session = match resumed {
                    Some(session) => session,
                    None => store.start(NewSession {
                        print_file: shoot.print_file,
                        job_id: None,
                        started_at: shoot.started_at,
                        camera,
                        settings: shoot.settings,
                    })?,
                };
                let frames = store.frames(&session.id)?;
                // Without the folder the UIs show no picture, and the film is made all the same.
                let publisher = Publisher::open(frame_path, store.dir()).and_then(|mut publisher| {
                    if frames.is_empty() {
                        publisher.clear()?;
                    } else {
                        publisher.resume(&frames)?;
                    }
                    Ok(publisher)
                });
                let publisher = publisher
                    .inspect_err(|problem| warn!(error = %problem, "the UIs will show no frames of this print"))
                    .ok();
                let layer = frames.iter().filter_map(|frame| frame.meta.layer).max();
                let count = frames.len().try_into().unwrap_or(u32::MAX);
                Ok((session, count, layer, publisher, others))
            })
            .await?;
        for summary in others {
            self.tell(Event::Ended { summary: Box::new(summary), film_asked: false }).await;
        }
        self.tell(Event::Begun { session: session.id.clone(), frames, layer }).await;
        Ok((session, publisher))
    }

    async fn take(
        &self,
        session: &Session,
        camera: Option<&Camera>,
        camera_name: Option<&str>,
        due: Due,
        publisher: &mut Option<Publisher>,
    ) -> Event {
        let Due { standstill, mut meta, planned } = due;
        let layer = meta.layer;
        let Some(camera) = camera else {
            let reason = "no camera: add one to Moonraker, or set snapshoturl in [timelapse]".to_owned();
            return self.missed(session, layer, planned, reason).await;
        };
        let frame = match camera.capture(standstill.span).await {
            Ok(frame) => frame,
            Err(miss) => return self.missed(session, layer, planned, miss.to_string()).await,
        };
        let late = self.clock.monotonic().secs_since(frame.exposed.until);
        let age = SignedDuration::try_from_secs_f64(late).unwrap_or_default();
        meta.at = self.clock.wall().checked_sub(age).unwrap_or_else(|_| self.clock.wall());
        meta.exposure_from_s = Some(frame.exposed.from.secs_since(standstill.span.from));
        meta.exposure_to_s = Some(frame.exposed.until.secs_since(standstill.span.from));
        meta.eta_error_s = Some(standstill.call_delay);
        meta.camera = camera_name.map(str::to_owned);
        let id = session.id.clone();
        let mut shown_by = publisher.take();
        let stored = self.disk(move |store| {
            let stored = store.append(&id, &frame.jpeg, meta)?;
            let shown = shown_by.as_mut().map(|publisher| publisher.show(&stored));
            Ok((stored, shown, shown_by))
        });
        match stored.await {
            Ok((stored, shown, shown_by)) => {
                *publisher = shown_by;
                if let Some(Err(problem)) = shown {
                    warn!(error = %problem, number = stored.number, "the UIs do not show this frame");
                }
                info!(session = %session.id, number = stored.number, ?layer, bytes = stored.bytes, "frame taken");
                Event::FrameTaken { planned, number: stored.number, file: Publisher::name(stored.number) }
            }
            Err(problem) => self.missed(session, layer, planned, problem.to_string()).await,
        }
    }

    async fn missed(&self, session: &Session, layer: Option<u32>, planned: Option<u32>, reason: String) -> Event {
        warn!(session = %session.id, ?layer, reason, "frame missed");
        self.note_miss(session, layer, reason.clone()).await;
        Event::FrameMissed { planned, reason }
    }

    async fn note_miss(&self, session: &Session, layer: Option<u32>, reason: String) {
        let id = session.id.clone();
        let miss = Miss { at: self.clock.wall(), layer, reason };
        if let Err(problem) = self.disk(move |store| store.miss(&id, &miss)).await {
            warn!(error = %problem, "a miss could not be noted");
        }
    }

    async fn tell(&self, event: Event) {
        // The agent is on its way out when nobody listens.
        self.events.send(event).await.ok();
    }

    async fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        on_disk(&self.store, work).await
    }
}

/// Runs `work` in a thread that may block.
///
/// # Errors
///
/// Those of `work`.
pub(super) async fn on_disk<T: Send + 'static>(
    store: &SharedStore,
    work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    let done = tokio::task::spawn_blocking(move || work(&mut store.lock().unwrap_or_else(PoisonError::into_inner)));
    match done.await {
        Ok(outcome) => outcome,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
