//! Does one thing after the other.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::make::Outcome;
use super::plans::{FilmPlan, plans, reels_of};
use super::{Shared, Shooting};
use crate::clock::Clock;
use crate::conductor::Event;
use crate::conductor::filming::{SharedStore, on_disk};
use crate::config::{FilmWhilePrinting, Settings};
use crate::render::{
    NextSegment, PART_FRAMES, PrintWatch, RenderError, SEGMENT_FRAMES, SegmentRequest, Segments, Tools, next_segment,
};
use crate::session::{Job, JobId, Limits, StoreError};

/// A job that could not be done for a reason that may pass is tried again after this long.
const TRY_AGAIN: Duration = Duration::from_secs(600);
/// The first time, when something just went wrong.
const TRY_SOON: Duration = Duration::from_secs(10);
/// A segment, after this long.
const TRY_SEGMENT_AGAIN: Duration = Duration::from_secs(60);

pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) store: SharedStore,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) clock: Clock,
    print_watch: PrintWatch,
    pub(super) shutdown: CancellationToken,
    /// Jobs that are not to be tried before this.
    resting: HashMap<JobId, Instant>,
    /// The print of which no segments can be made, as it was then.
    no_segments: Option<Shooting>,
    /// Segments are not tried before this.
    segments_rest: Option<Instant>,
    /// The number of frames up to which all segments are there.
    segmented: Option<(Shooting, u32)>,
    /// Old things may have to be deleted.
    untidy: bool,
}

/// What to do next.
enum Step {
    Job(Box<Job>),
    Segment(Box<Shooting>),
    Tidy(Box<Settings>),
    Rest(Option<Instant>),
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        store: SharedStore,
        events: mpsc::Sender<Event>,
        clock: Clock,
        print_watch: PrintWatch,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            shared,
            store,
            events,
            clock,
            print_watch,
            shutdown,
            resting: HashMap::new(),
            no_segments: None,
            segments_rest: None,
            segmented: None,
            untidy: true,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            if self.shutdown.is_cancelled() {
                return;
            }
            match self.next_step().await {
                Step::Job(job) => self.do_job(*job).await,
                Step::Segment(shooting) => self.segment(*shooting).await,
                Step::Tidy(settings) => self.tidy(&settings).await,
                Step::Rest(until) => self.rest(until).await,
            }
        }
    }

    /// What is queued comes first: somebody waits for it.
    async fn next_step(&mut self) -> Step {
        let printing = *self.shared.printing.borrow();
        let settings = self.shared.settings.borrow().clone();
        let while_printing = settings.as_ref().map(|settings| settings.film_while_printing);
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        if !printing {
            self.no_segments = None;
            self.segmented = None;
        }
        let queue = self.shared.queue.clone();
        let jobs = match on_disk(&self.store, move |_| queue.list()).await {
            Ok(jobs) => jobs,
            Err(problem) => {
                warn!(error = %problem, "the queue of films cannot be read");
                return Step::Rest(Some(now + TRY_AGAIN));
            }
        };
        let allowed = |job: &Job| !printing || job.asked || while_printing == Some(FilmWhilePrinting::All);
        let ready = |job: &&Job| !job.failed && allowed(job) && !self.resting.contains_key(&job.id);
        if let Some(job) = jobs.iter().find(ready) {
            return Step::Job(Box::new(job.clone()));
        }
        let shooting =
            self.shared.shooting.borrow().clone().filter(|_| while_printing != Some(FilmWhilePrinting::Nothing));
        if let Some(shooting) = shooting
            && shooting.film_wanted
            && self.no_segments.as_ref() != Some(&shooting)
            && self.segments_rest.is_none_or(|until| until <= now)
            && self.has_new_frames(&shooting).await
        {
            return Step::Segment(Box::new(shooting));
        }
        if let (true, false, Some(settings)) = (self.untidy, printing, settings) {
            return Step::Tidy(Box::new(settings));
        }
        let segments = self.segments_rest.filter(|until| *until > now);
        Step::Rest(self.resting.values().copied().chain(segments).min())
    }

    async fn rest(&self, until: Option<Instant>) {
        let alarm = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.shared.wake.notified() => {}
            () = alarm => {}
        }
    }

    async fn do_job(&mut self, job: Job) {
        let id = job.id;
        let queue = self.shared.queue.clone();
        let begun = on_disk(&self.store, move |_| queue.begin(id)).await;
        let job = match begun {
            Ok(Some(job)) => job,
            Ok(None) => return,
            Err(problem) => {
                warn!(job = id, error = %problem, "a job cannot be begun");
                self.resting.insert(id, Instant::now() + TRY_AGAIN);
                return;
            }
        };
        let session = job.session.clone();
        let cancel = self.shutdown.child_token();
        self.shared.set_running(Some((id, cancel.clone())));
        let outcome = self.make(&job, &cancel).await;
        self.shared.set_running(None);
        let queue = self.shared.queue.clone();
        let noted = match outcome {
            Outcome::Done => {
                self.untidy = true;
                self.take_out(id).await
            }
            Outcome::Cancelled if self.shutdown.is_cancelled() => {
                info!(job = id, %session, "film interrupted; it is made at the next start");
                on_disk(&self.store, move |_| queue.put_off(id, None, false)).await
            }
            Outcome::Cancelled => self.take_out(id).await,
            Outcome::Later { problem, counts } => {
                let wait = if counts && job.attempts == 1 { TRY_SOON } else { TRY_AGAIN };
                self.resting.insert(id, Instant::now() + wait);
                on_disk(&self.store, move |_| queue.put_off(id, Some(problem), counts)).await
            }
            Outcome::Failed { problem } => on_disk(&self.store, move |_| queue.fail(id, problem)).await,
        };
        self.shared.queue_changed();
        if let Err(problem) = noted {
            warn!(job = id, error = %problem, "the end of a job could not be noted");
            self.resting.insert(id, Instant::now() + TRY_AGAIN);
        }
    }

    async fn take_out(&self, id: JobId) -> Result<(), StoreError> {
        let queue = self.shared.queue.clone();
        on_disk(&self.store, move |_| {
            queue.remove(id);
            Ok(())
        })
        .await
    }

    pub(super) fn tools(&self, settings: &Settings) -> Tools {
        Tools {
            print_watch: self.print_watch.clone(),
            reserve: u64::from(settings.disk_reserve) * 1_000_000,
            ..Tools::with_ffmpeg(&settings.ffmpeg_binary_path)
        }
    }

    /// Whether there are frames that no look at the segments has seen.
    async fn has_new_frames(&self, shooting: &Shooting) -> bool {
        let id = shooting.session.clone();
        let Ok(summary) = on_disk(&self.store, move |store| store.summary(&id)).await else { return false };
        let before = self.segmented.as_ref().filter(|(known, _)| known == shooting).map_or(0, |(_, frames)| *frames);
        summary.frames >= before + segment_frames(shooting)
    }

    /// Makes one segment of one of the session's films.
    async fn segment(&mut self, shooting: Shooting) {
        let id = shooting.session.clone();
        let found = on_disk(&self.store, move |store| {
            Ok((reels_of(store, &id)?, store.segments_dir(&id), store.summary(&id)?.frames))
        });
        let (reels, folder, newest) = match found.await {
            Ok(found) => found,
            Err(problem) => return self.rest_segments(&shooting, &problem.to_string()),
        };
        let plans = match plans(&shooting.settings, &reels) {
            Ok((plans, _faults)) => plans,
            Err(problem) => return self.no_more_segments(shooting, &problem),
        };
        let mut suitable = false;
        let mut reasons = Vec::new();
        for plan in plans {
            let segments = plan.segments(folder.clone());
            match self.next_segment_of(plan, segments, &shooting).await {
                Ok(NextSegment::Made { first, last, bytes }) => {
                    debug!(session = %shooting.session, first, last, bytes, "segment ready");
                    return;
                }
                Ok(NextSegment::UpToDate) => suitable = true,
                Ok(NextSegment::Unsuitable(reason)) => reasons.push(reason),
                Err(RenderError::Cancelled) => return,
                Err(
                    problem @ (RenderError::NoMemory
                    | RenderError::DiskFull { .. }
                    | RenderError::Killed { signal: 9, .. }
                    | RenderError::Stalled { .. }),
                ) => return self.rest_segments(&shooting, &problem.to_string()),
                Err(problem) => return self.no_more_segments(shooting, &problem),
            }
        }
        if suitable || reasons.is_empty() {
            let size = segment_frames(&shooting);
            self.segmented = Some((shooting, newest / size * size));
        } else {
            info!(session = %shooting.session, ?reasons, "the film is made when the print has ended");
            self.no_segments = Some(shooting);
        }
    }

    async fn next_segment_of(
        &self,
        plan: FilmPlan,
        folder: PathBuf,
        shooting: &Shooting,
    ) -> Result<NextSegment, RenderError> {
        let [lead] = plan.reels.as_slice() else { return Ok(NextSegment::Unsuitable("it shows several cameras")) };
        let request = SegmentRequest {
            segments: Segments { folder, frames: lead.frames.clone() },
            reel: lead.number,
            view: lead.view,
            profile: plan.profile,
            tools: self.tools(&shooting.settings),
            closing: shooting.closing,
        };
        let mut now_shooting = self.shared.shooting.subscribe();
        let other = |now: &Option<Shooting>| now.as_ref().is_none_or(|now| now.session != shooting.session);
        tokio::select! {
            made = next_segment(request, &self.shutdown) => made,
            // The film is made now, with more threads and a better priority than the segment has.
            _ = now_shooting.wait_for(other) => Err(RenderError::Cancelled),
        }
    }

    fn rest_segments(&mut self, shooting: &Shooting, problem: &str) {
        debug!(session = %shooting.session, problem, "no segment for now");
        self.segments_rest = Some(Instant::now() + TRY_SEGMENT_AGAIN);
    }

    fn no_more_segments(&mut self, shooting: Shooting, problem: &RenderError) {
        warn!(session = %shooting.session, error = %problem, "the film is made when the print has ended: a part of it failed");
        self.no_segments = Some(shooting);
    }

    /// Deletes what is beyond the limits. Only between prints: a frame must not wait for it.
    async fn tidy(&mut self, settings: &Settings) {
        self.untidy = false;
        let limits = |days, count, megabytes: u32| Limits { days, count, bytes: u64::from(megabytes) * 1_000_000 };
        let frames = limits(settings.keep_frames_days, settings.keep_frames_count, settings.keep_frames_size);
        let films = limits(settings.keep_films_days, settings.keep_films_count, settings.keep_films_size);
        let (queue, now) = (self.shared.queue.clone(), self.clock.wall());
        let tidied = on_disk(&self.store, move |store| {
            let spared: Vec<_> = queue.list()?.into_iter().map(|job| job.session).collect();
            store.tidy(frames, films, &spared, now)
        });
        match tidied.await {
            Ok(tidied) if tidied.bytes > 0 => {
                info!(sessions = tidied.sessions, films = tidied.films, bytes = tidied.bytes, "old things deleted");
            }
            Ok(_) => {}
            Err(problem) => warn!(error = %problem, "old frames and films could not be deleted"),
        }
    }
}

/// So many new frames make a segment.
fn segment_frames(shooting: &Shooting) -> u32 {
    if shooting.closing { PART_FRAMES } else { SEGMENT_FRAMES }
}

/// Of the store, in a sentence.
pub(super) fn later(problem: &StoreError) -> Outcome {
    Outcome::Later { problem: problem.to_string(), counts: true }
}
