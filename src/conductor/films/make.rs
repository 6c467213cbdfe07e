//! One job from the queue: the film, the zip, or both of a session.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::Running;
use super::plans::{FilmPlan, plans, reels_of};
use super::webhook::{self, News};
use super::worker::{Worker, later};
use crate::conductor::filming::on_disk;
use crate::conductor::{Event, events, notices};
use crate::config::Settings;
use crate::render::{self, ArchiveRequest, ArchivedReel, Film, FilmRequest, OnVerified, Print, RenderError, Shown};
use crate::session::{Claim, FilmRecord, Job, Outcome as PrintOutcome, Session, StoreError};

/// How often a job under way is looked for in the queue: another process may have cancelled it.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How a job ended.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    Cancelled,
    /// For a reason that may pass; `counts` when it must not happen again and again.
    Later {
        problem: String,
        counts: bool,
    },
    Failed {
        problem: String,
    },
}

impl Worker {
    /// Does the job, unless it is cancelled: by `cancel`, or by its file's going.
    pub(super) async fn make(&self, job: &Job, cancel: &CancellationToken) -> Outcome {
        let settings: Settings = match serde_json::from_value(job.settings.clone()) {
            Ok(settings) => settings,
            Err(problem) => return Outcome::Failed { problem: format!("its settings cannot be read: {problem}") },
        };
        let gone = async {
            let mut looks = tokio::time::interval(LOOK_EVERY);
            loop {
                looks.tick().await;
                if !self.shared.queue.holds(job.id) {
                    info!(job = job.id, "the job was taken out of the queue");
                    cancel.cancel();
                    break;
                }
            }
            // The work ends by itself.
            std::future::pending::<()>().await;
        };
        let work = async {
            if job.film {
                match self.films(job, &settings, cancel).await {
                    Outcome::Done => {}
                    other => return other,
                }
            }
            if job.archive { self.archive(job, &settings, cancel).await } else { Outcome::Done }
        };
        tokio::select! {
            outcome = work => outcome,
            () = gone => Outcome::Cancelled,
        }
    }

    /// Makes the films that the session has, one after the other.
    async fn films(&self, job: &Job, settings: &Settings, cancel: &CancellationToken) -> Outcome {
        let id = job.session.clone();
        let found = on_disk(&self.store, move |store| {
            Ok((store.session(&id)?, reels_of(store, &id)?, store.segments_dir(&id), store.summary(&id)?.films))
        });
        let (session, reels, segments, films) = match found.await {
            Ok(found) => found,
            Err(StoreError::NoSession { .. }) => {
                warn!(session = %job.session, "no film: the session was deleted");
                self.ui(events::render_failed("There is no film: the frames of this print were deleted")).await;
                return Outcome::Done;
            }
            Err(problem) => return later(&problem),
        };
        if reels.is_empty() {
            info!(session = %job.session, "no film: there are no frames");
            self.ui(events::render_skipped("No frames to make a film of")).await;
            return Outcome::Done;
        }
        let (plans, faults) = match plans(settings, &reels) {
            Ok(plans) => plans,
            Err(problem) => return self.failed(job, settings, &session, &problem).await,
        };
        for fault in faults {
            warn!(session = %job.session, error = %fault, "a film is left out");
            self.events.send(Event::Say(format!("Timelapse: {fault}"))).await.ok();
        }
        let mut failed = None;
        for plan in plans {
            if let Some((film, claim)) = self.finished_before(job, &plan, settings).await {
                info!(session = %job.session, path = %film.display(), "the film was finished before the agent stopped");
                if !films.iter().any(|known| known.file == film) {
                    self.note(job, &plan, record_of(&film, &claim)).await;
                }
                continue;
            }
            match self.film(job, &session, plan, &segments, settings, cancel).await {
                Outcome::Done => {}
                outcome @ Outcome::Failed { .. } => failed = Some(outcome),
                outcome => return outcome,
            }
        }
        match failed {
            Some(outcome) => outcome,
            None => self.finish(job, &session, segments).await,
        }
    }

    async fn film(
        &self,
        job: &Job,
        session: &Session,
        plan: FilmPlan,
        segments: &Path,
        settings: &Settings,
        cancel: &CancellationToken,
    ) -> Outcome {
        let frames = plan.reels.first().map_or(0, |reel| reel.frames.len());
        let (profile, suffix) = (plan.profile.name.as_str(), plan.suffix.as_str());
        info!(session = %job.session, profile, suffix, frames, "film started");
        self.ui(events::render_started(frames, settings)).await;
        self.before_film(settings, session).await;
        let made_at = self.now();
        let request = self.request(job, session, &plan, segments, made_at.clone(), settings);
        let film = if suffix.is_empty() { profile.to_owned() } else { format!("{profile} {suffix}") };
        let running = |progress| Some(Running { job: job.id, film: film.clone(), progress });
        self.shared.set_progress(running(None));
        let progress = |progress| {
            self.shared.set_progress(running(Some(progress)));
            // Progress that the agent has no time for is not missed.
            self.events.try_send(Event::Ui(events::render_running(progress))).ok();
        };
        let chosen = self.chosen_preview(job, &plan, &request).await;
        match render::film(request, progress, cancel).await {
            Ok(film) => {
                if let (Some((request, shown)), Some(preview)) = (chosen, &film.preview) {
                    replace_preview(request, shown, preview, cancel).await;
                }
                info!(session = %job.session, profile, path = %film.path.display(), frames = film.frames,
                    duration_s = film.duration_s, bytes = film.bytes, skipped = film.skipped.len(), "film made");
                for warning in &film.warnings {
                    warn!(session = %job.session, profile, "{warning}");
                }
                self.note(job, &plan, film.record(made_at.timestamp())).await;
                self.ui(events::render_success(&film, &session.print_file)).await;
                self.events.send(Event::Notice(notices::film_ready(session, &film))).await.ok();
                self.tell(settings, session, News::made(session, &film)).await;
                self.after_film(settings, session, Ok(&film)).await;
                Outcome::Done
            }
            Err(RenderError::Cancelled) => {
                if !self.shutdown.is_cancelled() {
                    info!(session = %job.session, "film cancelled; the frames are kept");
                    self.ui(events::render_failed("The film was cancelled; the frames are kept")).await;
                }
                Outcome::Cancelled
            }
            Err(problem) => self.failed(job, settings, session, &problem).await,
        }
    }

    /// What the picture beside the film is made with, where somebody has chosen the frame.
    async fn chosen_preview(&self, job: &Job, plan: &FilmPlan, request: &FilmRequest) -> Option<(FilmRequest, Shown)> {
        let id = job.session.clone();
        let preview = on_disk(&self.store, move |store| store.choices(&id)).await.ok()?.preview?;
        let lead = plan.reels.first().filter(|lead| lead.number == preview.reel)?;
        let at = lead.frames.iter().position(|frame| frame.number == preview.number)?;
        let request = FilmRequest { segments: None, on_verified: OnVerified::default(), ..request.clone() };
        Some((request, Shown::Frame(at)))
    }

    fn request(
        &self,
        job: &Job,
        session: &Session,
        plan: &FilmPlan,
        segments: &Path,
        made_at: Zoned,
        settings: &Settings,
    ) -> FilmRequest {
        let (queue, id, key) = (self.shared.queue.clone(), job.id, plan.key());
        let claim = move |film: &Film| {
            // Without the note a kill in the next moment makes the film twice, no worse.
            let noted = claim_of(key.clone(), film).map(|claim| queue.claim(id, claim));
            if let Err(problem) = noted.unwrap_or(Ok(())) {
                warn!(error = %problem, "the finished film was not noted in the queue");
            }
        };
        FilmRequest {
            reels: plan.reels.clone(),
            print: Print::from(session),
            output_dir: PathBuf::from(&settings.output_path),
            suffix: plan.suffix.clone(),
            made_at,
            profile: plan.profile.clone(),
            tools: self.tools(settings),
            segments: Some(plan.segments(segments.to_owned())),
            on_verified: OnVerified::new(claim),
        }
    }

    /// The film that an earlier attempt finished, when only its end was not noted.
    async fn finished_before(&self, job: &Job, plan: &FilmPlan, settings: &Settings) -> Option<(PathBuf, Claim)> {
        let key = plan.key();
        let claim = job.claims.iter().find(|claim| claim.film == key)?.clone();
        let folder = PathBuf::from(&settings.output_path);
        let found = tokio::task::spawn_blocking(move || find_claimed(&folder, &claim).map(|film| (film, claim)));
        found.await.ok().flatten()
    }

    async fn note(&self, job: &Job, plan: &FilmPlan, record: FilmRecord) {
        let id = job.session.clone();
        // The journal keeps a film of several reels as the session's.
        let made_of = if let [reel] = plan.reels.as_slice() { Some(reel.number) } else { None };
        if let Err(problem) = on_disk(&self.store, move |store| store.add_film_of(&id, made_of, &record)).await {
            warn!(error = %problem, "the film could not be noted in the journal");
        }
    }

    /// The segments of films that are there are no more of use.
    async fn finish(&self, job: &Job, session: &Session, segments: PathBuf) -> Outcome {
        if session.outcome != PrintOutcome::Printing {
            let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(&segments)).await;
            if let Ok(Err(problem)) = removed
                && problem.kind() != std::io::ErrorKind::NotFound
            {
                warn!(session = %job.session, error = %problem, "the segments of the film were not removed");
            }
        }
        Outcome::Done
    }

    async fn failed(&self, job: &Job, settings: &Settings, session: &Session, problem: &RenderError) -> Outcome {
        let text = problem.to_string();
        let outcome = match problem {
            RenderError::DiskFull { .. }
            | RenderError::FfmpegMissing { .. }
            | RenderError::Start { .. }
            | RenderError::NoMemory => Outcome::Later { problem: text, counts: false },
            RenderError::Io { .. }
            | RenderError::Permission { .. }
            | RenderError::Killed { .. }
            | RenderError::Stalled { .. } => Outcome::Later { problem: text, counts: true },
            _ => Outcome::Failed { problem: text },
        };
        // Once, and not with every attempt; but a page that was told that a film is being made waits for its end.
        if job.problem.as_deref() == Some(problem.to_string().as_str()) {
            self.ui(events::render_skipped(&problem.to_string())).await;
            return outcome;
        }
        error!(session = %job.session, error = %problem, "film failed; the frames are kept");
        self.ui(events::render_error(problem)).await;
        self.events.send(Event::Say(format!("Timelapse: no film: {problem}"))).await.ok();
        self.events.send(Event::Notice(notices::film_failed(session, &problem.to_string()))).await.ok();
        self.tell(settings, session, News::failed(session, &problem.to_string())).await;
        self.after_film(settings, session, Err(&problem.to_string())).await;
        outcome
    }

    async fn archive(&self, job: &Job, settings: &Settings, cancel: &CancellationToken) -> Outcome {
        let id = job.session.clone();
        let found = on_disk(&self.store, move |store| Ok((store.session(&id)?, ArchivedReel::all(store, &id)?)));
        let (session, reels) = match found.await {
            Ok(found) => found,
            Err(StoreError::NoSession { .. }) => return Outcome::Done,
            Err(problem) => return later(&problem),
        };
        let request = ArchiveRequest {
            session,
            reels,
            output_dir: PathBuf::from(&settings.output_path),
            made_at: self.now(),
            time_format_code: settings.time_format_code.clone(),
        };
        let cancel = cancel.clone();
        match tokio::task::spawn_blocking(move || render::archive(&request, &cancel)).await {
            Ok(Ok(archive)) => {
                info!(session = %job.session, path = %archive.path.display(), frames = archive.frames, "frames archived");
                Outcome::Done
            }
            Ok(Err(RenderError::Cancelled)) => Outcome::Cancelled,
            Ok(Err(RenderError::NoFrames)) => Outcome::Done,
            Ok(Err(problem)) => {
                error!(session = %job.session, error = %problem, "the frames were not archived");
                if job.problem.as_deref() != Some(problem.to_string().as_str()) {
                    self.events.send(Event::Say(format!("Timelapse: no zip of the frames: {problem}"))).await.ok();
                }
                Outcome::Later { problem: problem.to_string(), counts: true }
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Sends the news, in a task of its own: the next film does not wait for somebody's server.
    async fn tell(&self, settings: &Settings, session: &Session, news: News) {
        if !settings.webhook_url.is_empty() {
            let (url, session) = (settings.webhook_url.clone(), session.id.clone());
            let shutdown = self.shutdown.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    sent = webhook::send(&url, &news) => if let Err(problem) = sent {
                        warn!(%session, error = %problem, "webhook_url was not told of the film");
                    },
                }
            });
        }
    }

    fn now(&self) -> Zoned {
        self.clock.wall().to_zoned(TimeZone::system())
    }

    async fn ui(&self, event: serde_json::Value) {
        self.events.send(Event::Ui(event)).await.ok();
    }
}

/// Puts a picture of the chosen frame in place of that of the last one, which is as good if this fails.
async fn replace_preview(request: FilmRequest, shown: Shown, preview: &Path, cancel: &CancellationToken) {
    match render::still(request, shown, cancel).await {
        Ok(still) => {
            if let Err(problem) = fs::rename(&still, preview) {
                warn!(error = %problem, "the chosen picture of the film was not put in its place");
            }
        }
        Err(problem) => warn!(error = %problem, "the chosen picture of the film was not made"),
    }
}

/// What tells a finished film from any other file, whatever name it gets: a rename keeps the file's number.
fn claim_of(key: String, film: &Film) -> Option<Claim> {
    let file = film.path.metadata().ok()?;
    let (device, inode) = (file.dev(), file.ino());
    Some(Claim { film: key, device, inode, bytes: film.bytes, frames: film.frames, duration_s: film.duration_s })
}

fn record_of(film: &Path, claim: &Claim) -> FilmRecord {
    let modified = film.metadata().and_then(|file| file.modified()).ok();
    let made_at = modified.and_then(|time| jiff::Timestamp::try_from(time).ok()).unwrap_or_default();
    let &Claim { bytes, frames, duration_s, .. } = claim;
    FilmRecord { file: film.to_owned(), made_at, frames, duration_s, bytes }
}

fn find_claimed(folder: &Path, claim: &Claim) -> Option<PathBuf> {
    let is_it = |entry: &fs::DirEntry| {
        let file = entry.metadata().ok()?;
        let same = file.is_file() && (file.dev(), file.ino(), file.len()) == (claim.device, claim.inode, claim.bytes);
        // Under its temporary name it never appeared.
        Some(same && !entry.file_name().to_string_lossy().starts_with('.'))
    };
    fs::read_dir(folder).ok()?.flatten().find(|entry| is_it(entry).unwrap_or(false)).map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_film_is_known_by_its_file_and_not_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join(".moonlapse-1-1.film");
        fs::write(&scratch, "film").unwrap();
        let film = Film {
            path: scratch.clone(),
            profile: "default".into(),
            preview: None,
            frames: 3,
            repeated: 0,
            skipped: vec![],
            warnings: vec![],
            fps: 30.0,
            duration_s: 0.1,
            bytes: 4,
        };
        let claim = claim_of("0-default".into(), &film).unwrap();
        assert_eq!(find_claimed(dir.path(), &claim), None, "it has not appeared yet");
        let named = dir.path().join("timelapse_2.mp4");
        fs::write(dir.path().join("timelapse.mp4"), "film").unwrap();
        fs::rename(&scratch, &named).unwrap();
        assert_eq!(find_claimed(dir.path(), &claim), Some(named.clone()));
        assert_eq!(record_of(&named, &claim).frames, 3);
        fs::write(&named, "changed").unwrap();
        assert_eq!(find_claimed(dir.path(), &claim), None);
    }
}
