//! One film of a whole session.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, Zoned};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::job::{Job, Looks, Made};
use super::{Print, Profile, Reel, RenderError, Shown, Skipped, Tools, names, sidecar};
use crate::session::FilmRecord;

/// A film that is wanted.
#[derive(Clone, Debug)]
pub struct FilmRequest {
    /// What the cameras filmed, the leading one first: its frames make the film's, those of the others are fitted to them.
    pub reels: Vec<Reel>,
    /// What is known about the print.
    pub print: Print,
    /// The folder of the films (Moonraker's root `timelapse`); created when needed.
    pub output_dir: PathBuf,
    /// Goes into the film's name, behind the others: the camera, where it is not the main one.
    pub suffix: String,
    /// The time in the film's name, as moonraker-timelapse: now, local.
    pub made_at: Zoned,
    /// What it shall look like.
    pub profile: Profile,
    /// What makes it.
    pub tools: Tools,
    /// The folder of what was encoded while the print was under way, for a film of one reel.
    pub segments: Option<PathBuf>,
    /// Told of the film when it is verified and has only its temporary name.
    pub on_verified: OnVerified,
}

/// Called once, in a thread that may block.
#[derive(Clone, Default)]
pub struct OnVerified(Option<Arc<Call>>);

type Call = dyn Fn(&Film) + Send + Sync;

impl OnVerified {
    /// Calls this.
    #[must_use]
    pub fn new(call: impl Fn(&Film) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(call)))
    }
}

impl fmt::Debug for OnVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnVerified").field(&self.0.is_some()).finish()
    }
}

/// How far a render is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Frames encoded, repeated ones included.
    pub frame: u32,
    /// Frames to encode.
    pub frames: u32,
}

impl Progress {
    /// 0 to 100.
    #[must_use]
    pub fn percent(self) -> u8 {
        let percent = u64::from(self.frame) * 100 / u64::from(self.frames.max(1));
        percent.min(100) as u8
    }
}

/// A film that is there, whole and verified.
#[derive(Clone, Debug, Serialize)]
pub struct Film {
    /// Its file.
    pub path: PathBuf,
    /// The name of its profile.
    pub profile: String,
    /// The picture beside it.
    pub preview: Option<PathBuf>,
    /// Frames in it, repeated ones included.
    pub frames: u32,
    /// How many of them repeat another one.
    pub repeated: u32,
    /// Frames that could not be read, and are not in it.
    pub skipped: Vec<Skipped>,
    /// What is otherwise than the profile wants it, in sentences.
    pub warnings: Vec<String>,
    /// Frames a second.
    pub fps: f64,
    /// s.
    pub duration_s: f64,
    /// Its size.
    pub bytes: u64,
}

impl Film {
    /// For the journal of the session.
    #[must_use]
    pub fn record(&self, made_at: Timestamp) -> FilmRecord {
        let Self { path, frames, duration_s, bytes, .. } = self;
        FilmRecord { file: path.clone(), made_at, frames: *frames, duration_s: *duration_s, bytes: *bytes }
    }
}

/// Makes a film: looks at the frames, encodes, verifies, and only then gives it its name beside the others.
///
/// `on_progress` is called from this task whenever the percentage changes; it must not block. Cancelling, or dropping the
/// future, kills ffmpeg and leaves nothing behind.
///
/// # Errors
/// See [`RenderError`]; the frames are kept in every case.
pub async fn film(
    request: FilmRequest,
    mut on_progress: impl FnMut(Progress) + Send,
    cancel: &CancellationToken,
) -> Result<Film, RenderError> {
    let on_verified = request.on_verified.clone();
    if let Some(segments) = request.segments.clone() {
        let mut job = Job::prepare(request.clone(), Looks::Journal, &mut on_progress, cancel).await?;
        if let Some(made) = job.join(&segments).await? {
            return finish(job, made, on_verified).await;
        }
    }
    let mut job = Job::prepare(request, Looks::Everything, on_progress, cancel).await?;
    let made = match job.encode_and_verify().await {
        Err(error) => {
            job.mend(error).await?;
            job.encode_and_verify().await?
        }
        Ok(made) => made,
    };
    finish(job, made, on_verified).await
}

/// Gives the verified film its name.
async fn finish<F: FnMut(Progress) + Send>(
    job: Job<'_, F>,
    made: Made,
    on_verified: OnVerified,
) -> Result<Film, RenderError> {
    let preview = job.profile.preview && job.preview().await?;
    let stem = job.stem()?;
    let Job { profile, scratch, reels, warnings, print, output_dir, made_at, .. } = job;
    let finish = move || {
        let bytes = sync(&scratch.film())?;
        let Made { frames, taken, fps, duration_s } = made;
        let mut film = Film {
            path: scratch.film(),
            profile: profile.name.clone(),
            preview: None,
            frames,
            repeated: frames.saturating_sub(taken),
            skipped: reels.into_iter().flat_map(|reel| reel.survey.skipped).collect(),
            warnings,
            fps,
            duration_s,
            bytes,
        };
        if let Some(call) = on_verified.0 {
            call(&film);
        }
        let mut files = Vec::new();
        if preview {
            sync(&scratch.preview())?;
            files.push((scratch.preview(), ".jpg"));
        }
        files.push((scratch.film(), profile.format.ending()));
        let mut paths = names::publish(&output_dir, &stem, &files)?;
        film.path = paths.pop().unwrap_or_default();
        film.preview = paths.pop();
        // The film is there; without its notes it is as good.
        if let Err(error) = sidecar::write(&film, &print, made_at.timestamp()) {
            tracing::warn!(%error, "the film's notes could not be written");
        }
        let skipped = film.skipped.len();
        tracing::debug!(film = %film.path.display(), frames, skipped, fps, duration_s, bytes, "film finished");
        Ok(film)
    };
    blocking(finish).await
}

/// Makes one picture of what a film would show: of the still of the finished part, or of the frame `shown`. It is named as
/// the film, with `_still.jpg` at its end. Gives its file.
///
/// # Errors
/// As [`film`].
pub async fn still(request: FilmRequest, shown: Shown, cancel: &CancellationToken) -> Result<PathBuf, RenderError> {
    let job = Job::prepare(request, Looks::Everything, |_| {}, cancel).await?;
    let picture = job.scratch.preview();
    job.picture(shown, true).await?;
    let stem = job.stem()?;
    let Job { scratch, output_dir, .. } = job;
    let finish = move || {
        sync(&picture)?;
        let mut paths = names::publish(&output_dir, &stem, &[(picture, "_still.jpg")])?;
        // What is left of the temporary files goes only now.
        drop(scratch);
        Ok(paths.pop().unwrap_or_default())
    };
    blocking(finish).await
}

/// Makes a file's content durable; gives its size.
fn sync(path: &Path) -> Result<u64, RenderError> {
    let sync = || {
        let file = File::open(path)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    sync().map_err(|error| RenderError::io("sync", path, error))
}

/// Runs disk work where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RenderError> + Send + 'static,
) -> Result<T, RenderError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The runtime is shutting down.
        Err(_) => Err(RenderError::Cancelled),
    }
}
