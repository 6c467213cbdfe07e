//! `moonlapse render`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Zoned;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::meter::Meter;
use super::sessions::{StoreArgs, size};
use crate::config::Settings;
use crate::config::expand_home;
use crate::render::{self, ArchiveRequest, Film, FilmRequest, FilmSettings, OnVerified, Segments, Tools};
use crate::session::{Session, Store};

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
        self.make().map_or_else(Failure::report, |()| ExitCode::SUCCESS)
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
        let folder = store.segments_dir(&session.id);
        let segments = Some(Segments { folder, frames: frames.clone() });
        let frames = frames.into_iter().map(|frame| frame.path).collect();
        let on_verified = OnVerified::default();
        let tools = Tools::with_ffmpeg(expand_home(self.ffmpeg.as_deref().unwrap_or(&installed.ffmpeg_binary_path)));
        let made_at = Zoned::now();
        let finished_at = made_at.timestamp();
        let print_file = session.print_file.clone();
        let request = FilmRequest { frames, segments, print_file, output_dir, made_at, settings, tools, on_verified };
        let mut meter = Meter::new("frames");
        let film = runtime.block_on(render::film(request, |progress| meter.show(progress), &cancel));
        meter.end();
        let film = film?;
        store.add_film(&session.id, &film.record(finished_at))?;
        report(&film);
        Ok(())
    }
}

/// The film settings in the session's snapshot; where there is none, those in force.
pub(super) fn settings_of(session: &Session, installed: &Settings) -> FilmSettings {
    if session.settings.is_null() {
        return installed.into();
    }
    serde_json::from_value(session.settings.clone()).unwrap_or_else(|error| {
        eprintln!("The settings stored with the session cannot be used ({error}), the present ones are.");
        installed.into()
    })
}

/// A token that Ctrl-C cancels.
pub(super) async fn cancelled_by_ctrl_c() -> CancellationToken {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            token.cancel();
        }
    });
    cancel
}

pub(super) fn zip(
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
