//! Films of ended prints, one at a time.

use std::path::PathBuf;

use jiff::Zoned;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::filming::{SharedStore, on_disk};
use super::{Event, events};
use crate::clock::Clock;
use crate::config::Settings;
use crate::render::{self, ArchiveRequest, FilmRequest, FilmSettings, Print, Profile, Reel, Tools};
use crate::session::{NewReel, Session, SessionId, Store, StoreError};

/// Jobs that may wait; a print takes longer than a film.
const QUEUE: usize = 32;

/// Something to make of a session's frames.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whose frames.
    pub session: SessionId,
    /// Make a film.
    pub film: bool,
    /// Make a zip of the frames.
    pub archive: bool,
    /// As in force when the job was given.
    pub settings: Settings,
}

/// The handle on the one worker.
#[derive(Clone, Debug)]
pub struct Films {
    jobs: mpsc::Sender<Job>,
}

/// The queue is full.
#[derive(Debug, thiserror::Error)]
#[error("{QUEUE} films are waiting to be made; try again when some are done")]
pub struct Busy;

impl Films {
    /// Starts the worker; cancelling `shutdown` stops the film under way and leaves nothing half-made.
    #[must_use]
    pub fn start(store: SharedStore, events: mpsc::Sender<Event>, clock: Clock, shutdown: CancellationToken) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(Worker { store, events, clock, shutdown }.run(queue));
        Self { jobs }
    }

    /// Queues a job.
    ///
    /// # Errors
    ///
    /// The queue is full.
    pub fn make(&self, job: Job) -> Result<(), Busy> {
        self.jobs.try_send(job).map_err(|_| Busy)
    }
}

struct Worker {
    store: SharedStore,
    events: mpsc::Sender<Event>,
    clock: Clock,
    shutdown: CancellationToken,
}

impl Worker {
    async fn run(self, mut queue: mpsc::Receiver<Job>) {
        loop {
            let job = tokio::select! {
                () = self.shutdown.cancelled() => return,
                job = queue.recv() => job,
            };
            let Some(job) = job else { return };
            if job.film {
                self.film(&job).await;
            }
            if job.archive {
                self.archive(&job).await;
            }
        }
    }

    async fn film(&self, job: &Job) {
        let (session, reels) = match self.reels(&job.session).await {
            Ok(found) => found,
            Err(problem) => {
                error!(session = %job.session, error = %problem, "no film: its frames cannot be read");
                return;
            }
        };
        if reels.is_empty() {
            info!(session = %job.session, "no film: there are no frames");
            return self.ui(events::render_skipped()).await;
        }
        let (profiles, faults) = match FilmSettings::from(&job.settings).profiles() {
            Ok(read) => read,
            Err(problem) => return self.failed(job, &problem).await,
        };
        for fault in faults {
            warn!(session = %job.session, error = %fault, "a film is left out");
            self.events.send(Event::Say(format!("Timelapse: {fault}"))).await.ok();
        }
        for profile in profiles.into_iter().filter(|profile| profile.automatic) {
            for (suffix, shown) in films_of(&profile, &reels) {
                self.film_of(job, &session, shown, suffix, profile.clone()).await;
            }
        }
    }

    /// The reels with frames, the main one first, each with its track.
    async fn reels(&self, id: &SessionId) -> Result<(Session, Vec<(String, Reel)>), StoreError> {
        let id = id.clone();
        let read = move |store: &mut Store| {
            let mut reels = Vec::new();
            for reel in store.reels(&id)? {
                let frames = store.frames_of(&id, reel.number)?;
                if !frames.is_empty() {
                    let NewReel { camera, view, track, .. } = reel.of;
                    reels.push((track, Reel { number: reel.number, camera, frames, view }));
                }
            }
            Ok((store.session(&id)?, reels))
        };
        on_disk(&self.store, read).await
    }

    async fn film_of(&self, job: &Job, session: &Session, reels: Vec<Reel>, suffix: String, profile: Profile) {
        let name = profile.name.clone();
        let frames = reels.first().map_or(0, |reel| reel.frames.len());
        // The journal keeps a film of several reels as the session's.
        let made_of = if let [reel] = reels.as_slice() { Some(reel.number) } else { None };
        info!(session = %job.session, profile = name, suffix, frames, "film started");
        self.ui(events::render_started(frames, &job.settings)).await;
        let made_at = self.now();
        let request = FilmRequest {
            reels,
            print: Print::from(session),
            hero: None,
            output_dir: PathBuf::from(&job.settings.output_path),
            suffix,
            made_at: made_at.clone(),
            profile,
            tools: Tools::with_ffmpeg(&job.settings.ffmpeg_binary_path),
        };
        let progress = |progress| {
            // Progress that the agent has no time for is not missed.
            self.events.try_send(Event::Ui(events::render_running(progress))).ok();
        };
        match render::film(request, progress, &self.shutdown).await {
            Ok(film) => {
                info!(session = %job.session, profile = name, path = %film.path.display(), frames = film.frames,
                    duration_s = film.duration_s, bytes = film.bytes, skipped = film.skipped.len(), "film made");
                for warning in &film.warnings {
                    warn!(session = %job.session, profile = name, "{warning}");
                }
                let (id, record) = (job.session.clone(), film.record(made_at.timestamp()));
                if let Err(problem) = on_disk(&self.store, move |store| store.add_film_of(&id, made_of, &record)).await
                {
                    warn!(error = %problem, "the film could not be noted in the journal");
                }
                self.ui(events::render_success(&film, &session.print_file)).await;
            }
            Err(render::RenderError::Cancelled) => info!(session = %job.session, "film interrupted"),
            Err(problem) => self.failed(job, &problem).await,
        }
    }

    async fn failed(&self, job: &Job, problem: &render::RenderError) {
        error!(session = %job.session, error = %problem, "film failed; the frames are kept");
        self.ui(events::render_error(problem)).await;
        let line = format!("Timelapse: no film: {problem}");
        self.events.send(Event::Say(line)).await.ok();
    }

    async fn archive(&self, job: &Job) {
        let id = job.session.clone();
        let found =
            on_disk(&self.store, move |store| Ok((store.session(&id)?, store.frames(&id)?, store.misses(&id)?)));
        let (session, frames, misses) = match found.await {
            Ok(found) => found,
            Err(problem) => {
                error!(session = %job.session, error = %problem, "no archive: its frames cannot be read");
                return;
            }
        };
        let request = ArchiveRequest {
            session,
            frames,
            misses,
            output_dir: PathBuf::from(&job.settings.output_path),
            made_at: self.now(),
            time_format_code: job.settings.time_format_code.clone(),
        };
        let cancel = self.shutdown.clone();
        match tokio::task::spawn_blocking(move || render::archive(&request, &cancel)).await {
            Ok(Ok(archive)) => {
                info!(session = %job.session, path = %archive.path.display(), frames = archive.frames, "frames archived");
            }
            Ok(Err(problem)) => error!(session = %job.session, error = %problem, "the frames were not archived"),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    fn now(&self) -> Zoned {
        self.clock.wall().to_zoned(TimeZone::system())
    }

    async fn ui(&self, event: serde_json::Value) {
        self.events.send(Event::Ui(event)).await.ok();
    }
}

/// The films of a profile, each with the reels that it shows and what its name says of them: one of all cameras together
/// where the profile arranges them, else one of each reel.
fn films_of(profile: &Profile, reels: &[(String, Reel)]) -> Vec<(String, Vec<Reel>)> {
    let main_track = reels.first().map(|(track, _)| track);
    if profile.layout.most_cameras() > 1 || !profile.cameras.is_empty() {
        let of_track = reels.iter().filter(|(track, _)| Some(track) == main_track);
        return vec![(String::new(), of_track.map(|(_, reel)| reel.clone()).collect())];
    }
    let suffix = |track: &String, reel: &Reel| {
        let camera = reel.camera.as_deref().filter(|_| reel.number > 0);
        let track = Some(track.as_str()).filter(|_| Some(track) != main_track);
        camera.into_iter().chain(track).collect::<Vec<_>>().join("_")
    };
    reels.iter().map(|(track, reel)| (suffix(track, reel), vec![reel.clone()])).collect()
}
