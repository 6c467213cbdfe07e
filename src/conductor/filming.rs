//! One print's frames: each moment is handed to every camera's [`Lane`], which takes and stores its own frame of it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, error, info, warn};

use super::around::Around;
use super::beginning::{Begun, begin};
use super::finished::Finished;
use super::frame_call::Standstill;
use super::holds::Holds;
use super::lane::{Lane, Moment};
use super::{Event, Newest, ShotId, Workshop};
use crate::calibration;
use crate::camera::{Camera, CameraSpec};
use crate::clock::{Clock, MonoTime};
use crate::config::{Mode, Settings};
use crate::hooks::{Facts, Hooks};
use crate::session::{FrameMeta, HYPERLAPSE, LAYERS, Miss, NewReel, Outcome, SessionId, Store, StoreError, View};

/// The store, for whoever blocks on it in a thread of its own.
pub type SharedStore = Arc<Mutex<Store>>;

/// Moments that may wait. Each takes microseconds to hand on.
const QUEUE: usize = 8;

/// A camera of a print.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewpoint {
    /// Where its pictures come from.
    pub spec: CameraSpec,
    /// Its uid in Moonraker's list.
    pub uid: Option<String>,
    /// How its pictures are shown.
    pub view: View,
    /// The head stands still for as long as this one needs, whatever the others need.
    pub leads: bool,
    /// The user has set its delay, which then wins over calibration.
    pub delay_is_set: bool,
}

impl From<CameraSpec> for Viewpoint {
    /// One that Moonraker's list does not have, shown as it is.
    fn from(spec: CameraSpec) -> Self {
        Self { spec, uid: None, view: View::default(), leads: false, delay_is_set: false }
    }
}

impl Viewpoint {
    /// Its reel of a track.
    #[must_use]
    pub fn reel(&self, track: &str) -> NewReel {
        let camera = Some(self.spec.name.clone());
        NewReel { camera, camera_uid: self.uid.clone(), track: track.to_owned(), view: self.view }
    }

    /// Takes over what calibration found out about it, unless the user has set its delay.
    ///
    /// # Errors
    /// The store's.
    pub fn recall(&mut self, store: &Store) -> Result<(), StoreError> {
        if !self.delay_is_set {
            let known = calibration::known(store, &self.spec, self.uid.as_deref())?;
            self.spec.timing = known.map(|timing| timing.for_camera());
        }
        Ok(())
    }
}

/// Gives each camera what calibration found out about it.
pub async fn recall_calibrations(store: &SharedStore, cameras: &mut [Viewpoint]) {
    let mut recalled = cameras.to_vec();
    let work = on_disk(store, move |store| {
        recalled.iter_mut().try_for_each(|camera| camera.recall(store))?;
        Ok(recalled)
    });
    match work.await {
        Ok(recalled) => cameras.clone_from_slice(&recalled),
        Err(problem) => warn!(error = %problem, "what calibration found could not be read"),
    }
}

/// What a print's filming needs to begin.
#[derive(Debug)]
pub struct Shoot {
    /// As Moonraker names it.
    pub print_file: String,
    /// When the print started.
    pub started_at: Timestamp,
    /// The cameras, the main one first; without any every frame is a miss.
    pub cameras: Vec<Viewpoint>,
    /// In force now.
    pub settings: Settings,
}

impl Shoot {
    /// The track of reel 0.
    pub(super) fn main_track(&self) -> &'static str {
        match self.settings.mode {
            Mode::Hyperlapse => HYPERLAPSE,
            _ => LAYERS,
        }
    }
}

/// One frame that falls due.
#[derive(Clone, Debug)]
pub(super) struct Due {
    /// When the head stands still.
    pub(super) standstill: Standstill,
    /// The track it belongs to, [`LAYERS`] or [`HYPERLAPSE`]; each track has reels of its own.
    pub(super) track: &'static str,
    /// What is known about it.
    pub(super) meta: FrameMeta,
    /// Which of the planned frames it is.
    pub(super) planned: Option<ShotId>,
}

#[derive(Debug)]
enum Command {
    Frame(Box<Due>),
    Skipped { layer: Option<u32>, reason: String },
    Know { job_id: Option<String>, layers: Option<u32> },
    Finish { outcome: Outcome, film_asked: bool, finished: Option<Finished> },
}

/// When the machine was stopped, if it was.
pub(super) type Halt = Arc<OnceLock<MonoTime>>;

/// The handle on a print that is being filmed.
#[derive(Debug)]
pub struct Filming {
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
    halted: Halt,
}

impl Filming {
    /// Begins, or goes on with the session of the same print; see [`Event`] for what is heard of it. `after` is the
    /// earlier print, whose session must be closed first.
    pub(super) fn begin(shoot: Shoot, workshop: &Workshop, after: Option<JoinHandle<()>>) -> Self {
        let (commands, queue) = mpsc::channel(QUEUE);
        let Workshop { store, events, newest, clock, .. } = workshop.clone();
        let hooks = Arc::new(Hooks::of(&shoot.settings));
        let halted = Halt::default();
        let worker = Worker { desk: Desk { store, events, newest, clock, hooks, halted: Arc::clone(&halted) } };
        let task = tokio::spawn(async move {
            if let Some(earlier) = after {
                // Bounded by the cameras' own time limits; a panic in there is not ours.
                earlier.await.ok();
            }
            worker.run(shoot, queue).await;
        });
        Self { commands, task, halted }
    }

    /// The machine was stopped at `at`: frames for which the head was to stand still later show it anywhere.
    pub(super) fn halt(&self, at: MonoTime) {
        // Once stopped it stays so, for this print.
        self.halted.set(at).ok();
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// Why it is not taken: the frame store is too slow. It is noted as a miss.
    pub(super) fn frame(&self, due: Due) -> Result<(), &'static str> {
        let layer = due.meta.layer;
        if self.commands.try_send(Command::Frame(Box::new(due))).is_ok() {
            return Ok(());
        }
        let reason = "the session is not ready yet: the frame store is slow";
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

    /// Notes what became known of the print; `None` leaves what is known.
    pub(super) fn know(&self, job_id: Option<String>, layers: Option<u32>) {
        let commands = self.commands.clone();
        // Waits for a place in the queue, which the store's speed bounds.
        tokio::spawn(async move { commands.send(Command::Know { job_id, layers }).await });
    }

    /// Ends the session once the frames that are due have been taken, and takes the still of the `finished` part; the handle
    /// tells when that is done.
    pub(super) fn finish(self, outcome: Outcome, film_asked: bool, finished: Option<Finished>) -> JoinHandle<()> {
        let Self { commands, task, .. } = self;
        // Waits for a place in the queue, bounded by the cameras' own time limits.
        tokio::spawn(async move { commands.send(Command::Finish { outcome, film_asked, finished }).await });
        task
    }

    /// Leaves the session open, for the next start of the agent; false when a frame was still under way after `limit`.
    pub async fn leave(self, limit: Duration) -> bool {
        drop(self.commands);
        tokio::time::timeout(limit, self.task).await.is_ok()
    }
}

struct Worker {
    desk: Desk,
}

impl Worker {
    async fn run(self, mut shoot: Shoot, mut queue: mpsc::Receiver<Command>) {
        let Self { desk } = self;
        recall_calibrations(&desk.store, &mut shoot.cameras).await;
        // Opened first: a camera takes longer to connect than the disk to answer.
        let cameras: Vec<(Viewpoint, Camera)> =
            shoot.cameras.iter().map(|v| (v.clone(), Camera::open(v.spec.clone(), desk.clock))).collect();
        let gone_after = shoot.settings.camera_gone_after;
        let facts = Facts::default().with("print_file", &shoot.print_file);
        let settings = shoot.settings.clone();
        let Begun { session, publisher, mut shot, resumed } = match begin(&desk, shoot).await {
            Ok(begun) => begun,
            Err(problem) => {
                error!(error = %problem, "this print is not filmed: the frame store failed");
                desk.tell(Event::FilmingFailed { reason: problem.to_string() }).await;
                return;
            }
        };
        let around = Around::new(desk.clone(), &settings, facts.with("session", &session.id));
        let begun = around.begin(resumed);
        let holds = Holds::new(&cameras, around.extra_hold());
        let mut publisher = publisher;
        let lanes: Vec<Lane> = cameras
            .into_iter()
            .enumerate()
            .map(|(index, (viewpoint, camera))| {
                let holds = holds.of(index);
                Lane::start(desk.clone(), session.id.clone(), viewpoint, camera, publisher.take(), holds, gone_after)
            })
            .collect();
        while let Some(command) = queue.recv().await {
            match command {
                Command::Frame(mut due) => {
                    let in_work = around.frame(&mut due, shot);
                    for lane in &lanes {
                        lane.take(Moment { shot, due: (*due).clone(), _in_work: in_work.clone() });
                    }
                    if lanes.is_empty() {
                        let reason = "no camera: add one to Moonraker, or set snapshoturl in [timelapse]".to_owned();
                        desk.missed(&session.id, 0, Some(shot), due.meta.layer, due.planned, reason).await;
                    }
                    shot += 1;
                }
                Command::Skipped { layer, reason } => {
                    info!(session = %session.id, ?layer, reason, "frame skipped");
                    desk.note_miss(&session.id, Miss { at: desk.clock.wall(), layer, reason, ..Miss::default() }).await;
                }
                Command::Know { job_id, layers } => {
                    let id = session.id.clone();
                    let noted = desk.disk(move |store| store.set_about(&id, job_id.as_deref(), layers));
                    if let Err(problem) = noted.await {
                        warn!(error = %problem, "what became known of the print was not noted");
                    }
                }
                Command::Finish { outcome, film_asked, finished } => {
                    let film_waits = finished.as_ref().is_some_and(|finished| finished.for_film);
                    let mut endings: Vec<_> = lanes.into_iter().map(|lane| lane.end(finished.clone())).collect();
                    for ending in &mut endings {
                        ending.frames().await;
                        if film_waits {
                            ending.closed().await;
                        }
                    }
                    let at = desk.clock.wall();
                    let id = session.id.clone();
                    let ended = desk.disk(move |store| {
                        store.end(&id, outcome, at)?;
                        store.summary(&id)
                    });
                    match ended.await {
                        Ok(summary) => {
                            let frames = summary.frames;
                            desk.tell(Event::Ended { summary: Box::new(summary), film_asked }).await;
                            // The still is taken in the light of the print.
                            for ending in &mut endings {
                                ending.closed().await;
                            }
                            around.end(begun, outcome.as_str(), frames).await;
                        }
                        Err(problem) => error!(error = %problem, "the end of the print could not be noted"),
                    }
                    return;
                }
            }
        }
        for lane in lanes {
            lane.end(None).closed().await;
        }
    }
}

/// What all workers of a print write with.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) store: SharedStore,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) newest: Newest,
    pub(super) clock: Clock,
    pub(super) hooks: Arc<Hooks>,
    pub(super) halted: Halt,
}

impl Desk {
    /// Logs and notes a frame that was wanted and not got; the UIs hear of those of the main reel.
    pub(super) async fn missed(
        &self,
        session: &SessionId,
        reel: u32,
        shot: Option<u32>,
        layer: Option<u32>,
        planned: Option<ShotId>,
        reason: String,
    ) {
        warn!(session = %session, reel, ?layer, reason, "frame missed");
        let at = self.clock.wall();
        self.note_miss(session, Miss { reel, shot, at, layer, reason: reason.clone() }).await;
        if reel == 0 {
            self.tell(Event::FrameMissed { planned, reason }).await;
        }
    }

    pub(super) async fn note_miss(&self, session: &SessionId, miss: Miss) {
        let id = session.clone();
        if let Err(problem) = self.disk(move |store| store.miss(&id, &miss)).await {
            warn!(error = %problem, "a miss could not be noted");
        }
    }

    pub(super) async fn tell(&self, event: Event) {
        // The agent is on its way out when nobody listens.
        self.events.send(event).await.ok();
    }

    pub(super) async fn disk<T: Send + 'static>(
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
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and with it whoever waits here.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}
