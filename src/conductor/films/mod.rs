//! Films of ended prints: queued, made one at a time, and prepared while the print is still under way.
//!
//! [`Films`] is the handle; nothing it does waits. Behind it are two tasks: `clerk` writes down what is asked for, and
//! `worker` does one thing after the other: what is queued first, then segments of the print that is under way.
//! `plans` are the films that a session has, `make` is one job from the queue, `policy` what an ended print deserves,
//! `hooks` and `webhook` what is done and told about a film.

mod clerk;
mod hooks;
mod make;
mod plans;
mod policy;
mod webhook;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

pub(super) use self::policy::{Ending, ending};
use super::Event;
use super::filming::SharedStore;
use crate::clock::Clock;
use crate::config::Settings;
use crate::render::{PrintWatch, Progress};
use crate::session::{self, JobId, Queue, SessionId, StoreError};

/// Orders that may wait for the clerk.
const ORDERS: usize = 32;

/// Something to make of a session's frames.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whose frames.
    pub session: SessionId,
    /// Make a film.
    pub film: bool,
    /// Make a zip of the frames.
    pub archive: bool,
    /// Somebody asked for it now: it does not wait for the end of a print.
    pub asked: bool,
    /// As in force when the job was given.
    pub settings: Settings,
}

/// The print that is being filmed, whose film is prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct Shooting {
    /// Its session.
    pub session: SessionId,
    /// As its film would be made now.
    pub settings: Settings,
    /// A film of it is wanted, as far as is known yet.
    pub film_wanted: bool,
    /// Few frames are left to come: shorter segments leave less to do after the last one.
    pub closing: bool,
}

/// The handle on films.
#[derive(Clone, Debug)]
pub struct Films {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

/// The clerk has too much to write down.
#[derive(Debug, thiserror::Error)]
#[error("the disk is slow: {ORDERS} orders for films are still being written down; try again in a minute")]
pub struct Busy;

/// What the clerk is told.
#[derive(Debug)]
enum Order {
    Make(Box<Job>),
    Discard(SessionId),
    Cancel(Option<JobId>),
}

/// What the tasks share.
#[derive(Debug)]
struct Shared {
    queue: Queue,
    /// A print is under way, filmed or not.
    printing: watch::Sender<bool>,
    shooting: watch::Sender<Option<Shooting>>,
    /// In force; `None` before they are known.
    settings: watch::Sender<Option<Settings>>,
    /// There may be something to do.
    wake: Notify,
    /// The job under way, and what ends it.
    running: Mutex<Option<(JobId, CancellationToken)>>,
    /// How far it is.
    progress: Mutex<Option<Running>>,
    /// Rises when the queue, or the progress, changes.
    changed: watch::Sender<u64>,
}

/// A film that is being made.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// By which job.
    pub job: JobId,
    /// Its profile, and what its name says of its cameras.
    pub film: String,
    /// How far it is; `None` before its first frame.
    pub progress: Option<Progress>,
}

impl Films {
    /// Starts the tasks, and with them what an earlier run left in the queue; cancelling `shutdown` stops what is under
    /// way and leaves nothing half-made.
    #[must_use]
    pub fn start(store: SharedStore, events: mpsc::Sender<Event>, clock: Clock, shutdown: CancellationToken) -> Self {
        let (orders, order_queue) = mpsc::channel(ORDERS);
        let folder = store.lock().unwrap_or_else(PoisonError::into_inner).dir().to_owned();
        let shared = Arc::new(Shared {
            queue: Queue::of(&folder),
            printing: watch::Sender::new(false),
            shooting: watch::Sender::new(None),
            settings: watch::Sender::new(None),
            wake: Notify::new(),
            running: Mutex::new(None),
            progress: Mutex::new(None),
            changed: watch::Sender::new(1),
        });
        let print_watch = PrintWatch::following(shared.printing.subscribe());
        let clerk = clerk::Clerk::new(Arc::clone(&shared), Arc::clone(&store), events.clone(), clock);
        tokio::spawn(clerk.run(order_queue, shutdown.clone()));
        tokio::spawn(worker::Worker::new(Arc::clone(&shared), store, events, clock, print_watch, shutdown).run());
        Self { orders, shared }
    }

    /// Queues a job.
    ///
    /// # Errors
    /// The disk does not keep up.
    pub fn make(&self, job: Job) -> Result<(), Busy> {
        self.orders.try_send(Order::Make(Box::new(job))).map_err(|_| Busy)
    }

    /// Deletes a session of which nothing is wanted.
    ///
    /// # Errors
    /// The disk does not keep up.
    pub fn discard(&self, session: SessionId) -> Result<(), Busy> {
        self.orders.try_send(Order::Discard(session)).map_err(|_| Busy)
    }

    /// Takes a job out of the queue, under way or not; without a number the one under way.
    ///
    /// # Errors
    /// The disk does not keep up.
    pub fn cancel(&self, job: Option<JobId>) -> Result<(), Busy> {
        self.orders.try_send(Order::Cancel(job)).map_err(|_| Busy)
    }

    /// What is queued, failed jobs too, in order. Blocks on the disk.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn queued(&self) -> Result<Vec<session::Job>, StoreError> {
        self.shared.queue.list()
    }

    /// The job that is being done.
    #[must_use]
    pub fn at_work(&self) -> Option<JobId> {
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(id, _)| *id)
    }

    /// The film that is being made.
    #[must_use]
    pub fn running(&self) -> Option<Running> {
        self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes when the queue or the progress does.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// The settings in force.
    pub fn configure(&self, settings: &Settings) {
        let changed = |known: &mut Option<Settings>| {
            let changed = known.as_ref() != Some(settings);
            if changed {
                *known = Some(settings.clone());
            }
            changed
        };
        if self.shared.settings.send_if_modified(changed) {
            self.shared.wake.notify_one();
        }
    }

    /// Whether a print is under way, filmed or not: films wait, and what runs gives way.
    pub fn set_printing(&self, printing: bool) {
        let changed = |known: &mut bool| std::mem::replace(known, printing) != printing;
        if self.shared.printing.send_if_modified(changed) {
            self.shared.wake.notify_one();
        }
    }

    /// The print that is being filmed.
    pub fn set_shooting(&self, shooting: Option<Shooting>) {
        let changed = |known: &mut Option<Shooting>| {
            let changed = *known != shooting;
            if changed {
                known.clone_from(&shooting);
            }
            changed
        };
        if self.shared.shooting.send_if_modified(changed) {
            self.shared.wake.notify_one();
        }
    }

    /// The print that is being filmed has one frame more.
    pub fn frame_stored(&self) {
        self.shared.wake.notify_one();
    }
}

impl Shared {
    /// Ends the job under way, when it is this one; `None` means any. Gives which it was.
    fn end_running(&self, job: Option<JobId>) -> Option<JobId> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, token) = running.as_ref().filter(|(id, _)| job.is_none_or(|job| job == *id))?;
        token.cancel();
        Some(*id)
    }

    fn set_running(&self, running: Option<(JobId, CancellationToken)>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
        self.set_progress(None);
    }

    fn set_progress(&self, running: Option<Running>) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = running;
        self.queue_changed();
    }

    fn queue_changed(&self) {
        self.changed.send_modify(|number| *number += 1);
    }
}
