//! Writes down what is asked for, so that it survives whatever happens, and keeps an eye on the disk.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Job, Order, Shared, Shooting};
use crate::clock::Clock;
use crate::conductor::filming::{SharedStore, on_disk};
use crate::conductor::{Event, events};
use crate::config::Settings;
use crate::session::{JobId, NewJob, SessionId};

/// With room for fewer frames than this when a print begins, it is said; few prints have more layers.
const FRAMES_OF_A_PRINT: u64 = 1_500;

pub(super) struct Clerk {
    shared: Arc<Shared>,
    store: SharedStore,
    events: mpsc::Sender<Event>,
    clock: Clock,
}

impl Clerk {
    pub(super) fn new(shared: Arc<Shared>, store: SharedStore, events: mpsc::Sender<Event>, clock: Clock) -> Self {
        Self { shared, store, events, clock }
    }

    pub(super) async fn run(self, mut orders: mpsc::Receiver<Order>, shutdown: CancellationToken) {
        let mut settings = self.shared.settings.subscribe();
        let mut shooting = self.shared.shooting.subscribe();
        // What was said before we listened counts.
        settings.mark_changed();
        shooting.mark_changed();
        let mut filmed: Option<SessionId> = None;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                order = orders.recv() => match order {
                    Some(Order::Make(job)) => self.queue(*job).await,
                    Some(Order::Discard(session)) => self.discard(session).await,
                    Some(Order::Cancel(job)) => self.cancel(job).await,
                    None => return,
                },
                Ok(()) = settings.changed() => {
                    let known = settings.borrow_and_update().clone();
                    if let Some(known) = known {
                        self.keep_free(&known).await;
                    }
                }
                Ok(()) = shooting.changed() => {
                    let now = shooting.borrow_and_update().clone().map(|Shooting { session, .. }| session);
                    if now.is_some() && now != filmed {
                        self.look_at_room().await;
                    }
                    filmed = now.or(filmed);
                }
            }
        }
    }

    async fn queue(&self, job: Job) {
        let Job { session, film, archive, asked, settings } = job;
        let settings = serde_json::to_value(settings).unwrap_or_default();
        let queue = self.shared.queue.clone();
        let id = session.clone();
        let new = NewJob { session, film, archive, asked, settings, created_at: self.clock.wall() };
        match on_disk(&self.store, move |_| queue.add(new)).await {
            Ok(_) => {
                self.shared.queue_changed();
                self.shared.wake.notify_one();
            }
            Err(problem) => {
                error!(session = %id, error = %problem, "the film cannot be queued; `moonlapse render` makes it");
                self.say(format!("Timelapse: no film: {problem}")).await;
                self.events.send(Event::Ui(events::render_failed(&problem.to_string()))).await.ok();
            }
        }
    }

    async fn discard(&self, session: SessionId) {
        let id = session.clone();
        if let Err(problem) = on_disk(&self.store, move |store| store.delete(&id)).await {
            warn!(%session, error = %problem, "the frames were not deleted");
        }
    }

    async fn cancel(&self, job: Option<JobId>) {
        let running = self.shared.end_running(job);
        let queue = self.shared.queue.clone();
        let removed = on_disk(&self.store, move |_| Ok(job.or(running).filter(|&id| queue.remove(id)))).await;
        if let Ok(Some(id)) = removed {
            info!(job = id, "job cancelled");
            self.shared.queue_changed();
        }
    }

    async fn keep_free(&self, settings: &Settings) {
        let reserve = u64::from(settings.disk_reserve) * 1_000_000;
        let set = on_disk(&self.store, move |store| {
            store.set_reserve(reserve);
            Ok(())
        });
        // Setting a number has no error of its own.
        set.await.ok();
    }

    async fn look_at_room(&self) {
        match on_disk(&self.store, |store| store.room()).await {
            Ok(room) if room.frames() < FRAMES_OF_A_PRINT => {
                let frames = room.frames();
                warn!(frames, free = room.free, reserve = room.reserve, "little room for frames");
                self.say(format!("Timelapse: the disk has room for about {frames} frames")).await;
            }
            Ok(_) => {}
            Err(problem) => warn!(error = %problem, "the room for frames cannot be told"),
        }
    }

    async fn say(&self, line: String) {
        self.events.send(Event::Say(line)).await.ok();
    }
}
