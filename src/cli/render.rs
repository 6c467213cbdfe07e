//! `moonlapse render`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Zoned;
use tokio_util::sync::CancellationToken;

use super::sessions::{StoreArgs, size};
use crate::config::Settings;
use crate::config::expand_home;
use crate::render::{
    self, ArchiveRequest, Film, FilmRequest, FilmSettings, Print, Profile, Progress, Reel, RenderError, Tools,
};
use crate::session::{Session, Store};

/// Exit status after Ctrl-C, as shells expect it.
const INTERRUPTED: u8 = 130;

/// Make a film from a stored print.
///
/// The film looks as it was set when the print started, apart from the options given here. It appears in the output
/// folder when it is complete and verified, under the name that moonraker-timelapse would give it; a film that is there
/// is never replaced. The frames stay, so a film can be made again and again, with other options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moonlapse render latest                              the newest print again
  moonlapse render latest --fps 60 --repeat-last 60    faster, and one second of the finished part
  moonlapse render 20261123-153042_benchy --target-length 15
  moonlapse render latest --extra '-preset slow -vf \"eq=brightness=0.05\"'
  moonlapse render latest --zip                        the frames themselves, with a manifest

`moonlapse sessions` lists what can be rendered.")]
pub(super) struct Render {
    /// A session's name, an unambiguous beginning of it, or `latest`.
    session: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Folder of the film; `output_path` of moonraker.conf unless given.
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<String>,
    /// Write the frames and what is known about them into a zip, instead of a film.
    #[arg(long)]
    zip: bool,
    /// The ffmpeg to use, with the ffprobe beside it; `ffmpeg_binary_path` of moonraker.conf unless given.
    #[arg(long, value_name = "PROGRAM")]
    ffmpeg: Option<String>,
    #[command(flatten)]
    film: FilmArgs,
}

/// What the film shall look like.
#[derive(Debug, Args)]
#[command(next_help_heading = "The film (default: as set when the print started)")]
struct FilmArgs {
    /// Frames a second.
    #[arg(long, value_name = "N", conflicts_with = "target_length")]
    fps: Option<f64>,
    /// Choose the frame rate so that the film lasts this long, in seconds.
    #[arg(long, value_name = "S")]
    target_length: Option<u32>,
    /// Lowest frame rate with a target length.
    #[arg(long, value_name = "N", requires = "target_length")]
    min_fps: Option<u32>,
    /// Highest frame rate with a target length.
    #[arg(long, value_name = "N", requires = "target_length")]
    max_fps: Option<u32>,
    /// Quality: 0 is lossless and large, 18 to 28 is usual, 51 is worst.
    #[arg(long, value_name = "N")]
    crf: Option<u32>,
    /// Pixel format; browsers play yuv420p.
    #[arg(long, value_name = "NAME")]
    pixel_format: Option<String>,
    /// How often to repeat the last frame.
    #[arg(long, value_name = "N")]
    repeat_last: Option<u32>,
    /// Turn clockwise.
    #[arg(long, value_name = "DEGREES")]
    rotate: Option<u32>,
    /// Mirror left and right.
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    flip_x: Option<bool>,
    /// Mirror top and bottom.
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    flip_y: Option<bool>,
    /// More output options for ffmpeg, as one word.
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    extra: Option<String>,
    /// Leave no picture of the last frame beside the film.
    #[arg(long)]
    no_preview: bool,
}

impl FilmArgs {
    fn apply(self, settings: &mut FilmSettings) {
        fn set<T>(setting: &mut T, given: Option<T>) {
            if let Some(given) = given {
                *setting = given;
            }
        }
        settings.variable_fps &= self.fps.is_none();
        settings.variable_fps |= self.target_length.is_some();
        settings.previewimage &= !self.no_preview;
        set(&mut settings.output_framerate, self.fps);
        set(&mut settings.targetlength, self.target_length);
        set(&mut settings.variable_fps_min, self.min_fps);
        set(&mut settings.variable_fps_max, self.max_fps);
        set(&mut settings.constant_rate_factor, self.crf);
        set(&mut settings.pixelformat, self.pixel_format);
        set(&mut settings.duplicatelastframe, self.repeat_last);
        set(&mut settings.rotation, self.rotate);
        set(&mut settings.flip_x, self.flip_x);
        set(&mut settings.flip_y, self.flip_y);
        set(&mut settings.extraoutputparams, self.extra);
    }
}

impl Render {
    pub(super) fn run(self) -> ExitCode {
        match self.make() {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure::Interrupted) => ExitCode::from(INTERRUPTED),
            Err(Failure::Message(message)) => {
                eprintln!("{message}");
                ExitCode::FAILURE
            }
        }
    }

    fn make(self) -> Result<(), Failure> {
        let installed = self.store.settings()?;
        let mut store = self.store.open(&installed)?;
        let session = store.find(&self.session)?;
        let mut settings = settings_of(&session, &installed);
        self.film.apply(&mut settings);
        let output_dir = expand_home(self.output.as_deref().unwrap_or(&installed.output_path));
        // A worker thread, so that Ctrl-C is seen while this one writes a zip.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let cancel = runtime.block_on(cancelled_by_ctrl_c());
        if self.zip {
            return zip(&store, session, output_dir, settings.time_format_code, &cancel);
        }
        let frames = store.frames(&session.id)?;
        let tools = Tools::with_ffmpeg(expand_home(self.ffmpeg.as_deref().unwrap_or(&installed.ffmpeg_binary_path)));
        let made_at = Zoned::now();
        let finished_at = made_at.timestamp();
        let profile = Profile::of_settings(&settings)?;
        let reels = vec![Reel { camera: session.camera.clone(), frames, ..Reel::default() }];
        let print = Print::from(&session);
        let request = FilmRequest { reels, print, hero: None, output_dir, made_at, profile, tools };
        let mut meter = Meter::new();
        let film = runtime.block_on(render::film(request, |progress| meter.show(progress), &cancel));
        meter.end();
        let film = film?;
        store.add_film(&session.id, &film.record(finished_at))?;
        report(&film);
        Ok(())
    }
}

/// The film settings in the session's snapshot; where there is none, those in force.
fn settings_of(session: &Session, installed: &Settings) -> FilmSettings {
    if session.settings.is_null() {
        return installed.into();
    }
    serde_json::from_value(session.settings.clone()).unwrap_or_else(|error| {
        eprintln!("The settings stored with the session cannot be used ({error}), the present ones are.");
        installed.into()
    })
}

/// A token that Ctrl-C cancels.
async fn cancelled_by_ctrl_c() -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            token.cancel();
        }
    });
    cancel
}

fn zip(
    store: &Store,
    session: Session,
    output_dir: PathBuf,
    time_format_code: String,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let (frames, misses) = (store.frames(&session.id)?, store.misses(&session.id)?);
    let request = ArchiveRequest { session, frames, misses, output_dir, made_at: Zoned::now(), time_format_code };
    let made = render::archive(&request, cancel)?;
    for skipped in &made.skipped {
        eprintln!("Left out: {} ({})", skipped.path.display(), skipped.reason);
    }
    eprintln!("{} frames, {}", made.frames, size(made.bytes));
    println!("{}", made.path.display());
    Ok(())
}

/// The path goes to standard output, for scripts; the rest is for people.
fn report(film: &Film) {
    for skipped in &film.skipped {
        eprintln!("Left out: {} ({})", skipped.path.display(), skipped.reason);
    }
    let Film { frames, fps, duration_s, bytes, .. } = film;
    eprintln!("{frames} frames, {fps} fps, {duration_s:.2} s, {}", size(*bytes));
    println!("{}", film.path.display());
}

/// Shows progress on standard error: a bar on a terminal, else a line every ten percent.
struct Meter {
    terminal: bool,
    shown: Option<u8>,
}

impl Meter {
    const WIDTH: usize = 40;

    fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), shown: None }
    }

    fn show(&mut self, progress: Progress) {
        let step = if self.terminal { progress.percent() } else { progress.percent() / 10 * 10 };
        if self.shown == Some(step) {
            return;
        }
        self.shown = Some(step);
        let mut stderr = io::stderr().lock();
        // A closed standard error must not end the render.
        let _shown = if self.terminal {
            write!(stderr, "\r{}", bar(progress)).and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{step} % ({} of {} frames)", progress.frame, progress.frames)
        };
    }

    fn end(&self) {
        if self.terminal && self.shown.is_some() {
            eprintln!();
        }
    }
}

fn bar(progress: Progress) -> String {
    let full = Meter::WIDTH * usize::from(progress.percent()) / 100;
    let (bar, rest) = ("#".repeat(full), "-".repeat(Meter::WIDTH - full));
    format!("[{bar}{rest}] {:>3} % {}/{} frames", progress.percent(), progress.frame, progress.frames)
}

/// Why there is nothing.
enum Failure {
    Interrupted,
    Message(String),
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Cancelled => Self::Interrupted,
            error => match error.transcript() {
                Some(transcript) => Self::Message(format!("{error}\n\n{}\n{}", transcript.command, transcript.stderr)),
                None => Self::Message(error.to_string()),
            },
        }
    }
}

impl From<crate::session::StoreError> for Failure {
    fn from(error: crate::session::StoreError) -> Self {
        Self::Message(error.to_string())
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Message(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let at = |frame| bar(Progress { frame, frames: 200 });
        assert_eq!(at(0), "[----------------------------------------]   0 % 0/200 frames");
        assert_eq!(at(100), "[####################--------------------]  50 % 100/200 frames");
        assert_eq!(at(200), "[########################################] 100 % 200/200 frames");
    }
}
