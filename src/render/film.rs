//! One film of a whole session.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, Zoned};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::command::{self, Encode};
use super::params::ExtraParams;
use super::process::{Run, check};
use super::progress::FfmpegProgress;
use super::scratch::Scratch;
use super::segments::{Join, Recipe};
use super::survey::{Survey, survey};
use super::tools::{Priority, prefix};
use super::verify::{Expected, verify};
use super::{FilmSettings, RenderError, Segments, Skipped, Tools, names};
use crate::session::{FilmRecord, JpegInfo};

/// A film that is wanted.
#[derive(Clone, Debug)]
pub struct FilmRequest {
    /// The session's frames, in order.
    pub frames: Vec<PathBuf>,
    /// What was encoded while the print was under way, of the same frames.
    pub segments: Option<Segments>,
    /// The printed file as Moonraker names it, for the film's name; may be empty.
    pub print_file: String,
    /// The folder of the films (Moonraker's root `timelapse`); created when needed.
    pub output_dir: PathBuf,
    /// The time in the film's name, as moonraker-timelapse: now, local.
    pub made_at: Zoned,
    /// What it shall look like.
    pub settings: FilmSettings,
    /// What makes it.
    pub tools: Tools,
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
    /// The picture beside it.
    pub preview: Option<PathBuf>,
    /// Frames in it, repeated ones included.
    pub frames: u32,
    /// How many of them repeat the last one.
    pub repeated: u32,
    /// Frames that could not be read, and are not in it.
    pub skipped: Vec<Skipped>,
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
    on_progress: impl FnMut(Progress) + Send,
    cancel: &CancellationToken,
) -> Result<Film, RenderError> {
    let FilmRequest { frames, segments, print_file, output_dir, made_at, settings, tools, on_verified } = request;
    if frames.is_empty() {
        return Err(RenderError::NoFrames);
    }
    settings.check()?;
    let extra = ExtraParams::parse(&settings.extraoutputparams)?;
    let stem = names::stem(&print_file, &made_at, &settings.time_format_code)?;
    let program = tools.find_ffmpeg()?;
    let prefix = {
        let output_dir = output_dir.clone();
        let priority = if tools.print_watch.is_printing() { Priority::Idle } else { Priority::Low };
        blocking(move || {
            fs::create_dir_all(&output_dir).map_err(|error| RenderError::io("create", &output_dir, error))?;
            Ok(prefix(priority))
        })
        .await?
    };
    let scratch = Scratch::new(&output_dir);
    let survey = Survey::default();
    let mut job = Job { settings, extra, tools, program, prefix, scratch, output_dir, survey, on_progress, cancel };
    let joined = match &segments {
        Some(segments) => job.join(segments).await?,
        None => None,
    };
    let (total, fps, duration_s) = match joined {
        Some(made) => made,
        None => job.render(frames).await?,
    };
    let preview = job.preview().await?;

    let Job { settings, scratch, output_dir, survey, .. } = job;
    let finish = move || {
        let bytes = sync(&scratch.film())?;
        let mut film = Film {
            path: scratch.film(),
            preview: None,
            frames: total,
            repeated: settings.duplicatelastframe,
            skipped: survey.skipped,
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
        files.push((scratch.film(), ".mp4"));
        let mut paths = names::publish(&output_dir, &stem, &files)?;
        film.path = paths.pop().unwrap_or_default();
        film.preview = paths.pop();
        let skipped = film.skipped.len();
        tracing::debug!(film = %film.path.display(), frames = total, skipped, fps, duration_s, bytes, "film finished");
        Ok(film)
    };
    blocking(finish).await
}

/// One render while it runs.
struct Job<'a, F> {
    settings: FilmSettings,
    extra: ExtraParams,
    tools: Tools,
    program: PathBuf,
    prefix: Vec<OsString>,
    scratch: Scratch,
    output_dir: PathBuf,
    survey: Survey,
    on_progress: F,
    cancel: &'a CancellationToken,
}

impl<F: FnMut(Progress) + Send> Job<'_, F> {
    /// Makes the temporary film from segments; gives frames, frame rate and duration. `None` when that is not possible:
    /// there are none, or they do not fit together, and then all frames are encoded.
    async fn join(&mut self, segments: &Segments) -> Result<Option<(u32, f64, f64)>, RenderError> {
        let Some(survey) = Survey::of_journal(&segments.frames) else { return Ok(None) };
        self.survey = survey;
        let Some(recipe) = Recipe::of(&self.settings, &self.extra, (self.survey.width, self.survey.height)) else {
            return Ok(None);
        };
        let repeat_last = self.settings.duplicatelastframe;
        let total = u32::try_from(self.survey.frames.len()).unwrap_or(u32::MAX).saturating_add(repeat_last);
        let fps = self.settings.fps(total);
        let join = Join {
            recipe: &recipe,
            tools: &self.tools,
            program: &self.program,
            prefix: &self.prefix,
            scratch: &self.scratch,
            output_dir: &self.output_dir,
            repeat_last,
            fps,
        };
        match join.go(segments, &mut self.on_progress, self.cancel).await {
            Ok(made) => Ok(made.map(|(frames, duration_s)| (frames, fps, duration_s))),
            // The other kind of film needs more room and more memory, not less. (A broken segment that crashes ffmpeg gives
            // another signal.)
            Err(
                error @ (RenderError::Cancelled
                | RenderError::DiskFull { .. }
                | RenderError::NoMemory
                | RenderError::Killed { signal: 9, .. }),
            ) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "the segments cannot be joined; all frames are encoded");
                Ok(None)
            }
        }
    }

    /// Makes the temporary film from all frames; gives frames, frame rate and duration.
    async fn render(&mut self, frames: Vec<PathBuf>) -> Result<(u32, f64, f64), RenderError> {
        let cancel = self.cancel.clone();
        self.survey = blocking(move || survey(&frames, &cancel)).await?;
        match self.encode_and_verify().await {
            Err(error @ RenderError::Unsound { .. }) if self.drop_undecodable_frames().await? == 0 => Err(error),
            Err(RenderError::Unsound { .. }) => self.encode_and_verify().await,
            result => result,
        }
    }

    /// Encodes all frames into the temporary film; gives frames, frame rate and duration.
    async fn encode_and_verify(&mut self) -> Result<(u32, f64, f64), RenderError> {
        let repeat = self.settings.duplicatelastframe;
        let total = u32::try_from(self.survey.frames.len()).unwrap_or(u32::MAX).saturating_add(repeat);
        let fps = self.settings.fps(total);
        let list = self.scratch.list();
        let text = command::frame_list(&self.survey.frames, repeat)?;
        tokio::fs::write(&list, text).await.map_err(|error| RenderError::io("write", &list, error))?;
        let encode = Encode {
            list,
            output: self.scratch.film(),
            fps,
            filters: self.filters(),
            crf: self.settings.constant_rate_factor,
            pixel_format: self.settings.pixelformat.clone(),
            extra: self.extra.args.clone(),
        };
        tracing::debug!(frames = total, fps, skipped = self.survey.skipped.len(), "render started");
        let mut progress = FfmpegProgress::default();
        let mut shown = None;
        let on_progress = &mut self.on_progress;
        let args = encode.args();
        let run = self.tools.write(&self.prefix, &self.program, &args, &self.output_dir);
        let (status, transcript) = run
            .go(self.cancel, |line| {
                let advanced = progress.line(line);
                let now = Progress { frame: progress.frame.min(total), frames: total };
                if shown != Some(now.percent()) {
                    shown = Some(now.percent());
                    on_progress(now);
                }
                advanced
            })
            .await?;
        check(status, transcript, &self.output_dir)?;
        let expected = Expected { frames: total, fps, exact: self.extra.keeps_frames };
        let contents = verify(&encode.output, expected, &self.tools, &self.prefix, self.cancel).await?;
        Ok((contents.frames, fps, contents.duration_s))
    }

    /// After a film came out wrong: frames that look whole and that ffmpeg cannot decode are left out. Gives how many.
    async fn drop_undecodable_frames(&mut self) -> Result<usize, RenderError> {
        let mut good = Vec::with_capacity(self.survey.frames.len());
        let mut bad = 0;
        for path in std::mem::take(&mut self.survey.frames) {
            let mut progress = FfmpegProgress::default();
            let (status, transcript) =
                self.run(&command::decode_args(&path)).go(self.cancel, |line| progress.line(line)).await?;
            if status.success() && progress.frame == 1 {
                good.push(path);
                continue;
            }
            bad += 1;
            let reason = transcript.stderr.lines().next_back().unwrap_or("ffmpeg cannot decode it").to_owned();
            tracing::warn!(frame = %path.display(), reason, "frame left out of the film");
            self.survey.skipped.push(Skipped { path, reason });
        }
        if let ([], Some(first)) = (good.as_slice(), self.survey.skipped.first()) {
            let (count, first) = (self.survey.skipped.len(), first.reason.clone());
            return Err(RenderError::NoUsableFrames { count, first });
        }
        self.survey.frames = good;
        Ok(bad)
    }

    /// Makes the temporary preview, when it is wanted; gives whether it is there. A film without a preview is a film, so
    /// apart from a cancellation its errors are only logged.
    async fn preview(&self) -> Result<bool, RenderError> {
        let (true, Some(last)) = (self.settings.previewimage, self.survey.frames.last()) else { return Ok(false) };
        let output = self.scratch.preview();
        if !command::shows_frames_unchanged(&self.settings, &self.extra) {
            let args = command::preview_args(last, &self.filters(), &output);
            let (status, transcript) = match self.run(&args).go(self.cancel, |_| false).await {
                Err(RenderError::Cancelled) => return Err(RenderError::Cancelled),
                Err(error) => {
                    tracing::warn!(%error, "no preview of the film");
                    return Ok(false);
                }
                Ok(done) => done,
            };
            let picture = tokio::fs::read(&output).await.unwrap_or_default();
            if status.success() && JpegInfo::read(&picture).is_ok() {
                return Ok(true);
            }
            tracing::warn!(stderr = transcript.stderr, "the preview is the last frame as the camera took it");
        }
        match tokio::fs::copy(last, &output).await {
            Ok(_) => Ok(true),
            Err(error) => {
                tracing::warn!(%error, "no preview of the film");
                Ok(false)
            }
        }
    }

    fn run<'b>(&'b self, args: &'b [OsString]) -> Run<'b> {
        self.tools.run(&self.prefix, &self.program, args)
    }

    fn filters(&self) -> String {
        command::filters(&self.settings, self.survey.width, self.survey.height, &self.extra.filters)
    }
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
