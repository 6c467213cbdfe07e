//! `moonlapse render`.

mod film_args;
mod folder;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Zoned;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::meter::Meter;
use super::sessions::{StoreArgs, size};
use crate::config::Settings;
use crate::config::expand_home;
use crate::render::{
    self, ArchiveRequest, ArchivedReel, Film, FilmRequest, FilmSettings, OnVerified, Print, Reel, Tools, film_key,
};
use crate::session::{Session, Store};
use film_args::FilmArgs;

/// Make films from a stored print.
///
/// A film looks as it was set when the print started, apart from the options given here. It appears in the output
/// folder when it is complete and verified, under the name that moonraker-timelapse would give it; a film that is there
/// is never replaced. The frames stay, so a film can be made again and again, with other options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moonlapse render latest                              the newest print again
  moonlapse render latest --fps 60 --repeat-last 60    faster, and one second of the finished part
  moonlapse render 20261123-153042_benchy --target-length 15
  moonlapse render latest --profile share              the profile `share` of moonraker.conf
  moonlapse render latest --profile gif                a preset: mp4, hevc, webm, gif, webp, phone ...
  moonlapse render latest --profile 'webm height=720 overlay=\"Layer {layer}\"'
  moonlapse render latest --still                      a picture of the finished part instead of a film
  moonlapse render ./frames/ --fps 25                  a folder of JPEGs
  moonlapse render latest --zip                        the frames themselves, with a manifest

`moonlapse sessions` lists what can be rendered. docs/films.md explains profiles.")]
pub(super) struct Render {
    /// A session's name, an unambiguous beginning of it, or `latest`; or a folder of JPEGs, given with a `/`.
    session: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Folder of the films; `output_path` of moonraker.conf unless given, and the present one for a folder's.
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

impl Render {
    pub(super) fn run(self) -> ExitCode {
        self.make().map_or_else(Failure::report, |()| ExitCode::SUCCESS)
    }

    fn make(self) -> Result<(), Failure> {
        let installed = self.store.settings()?;
        let source = self.source(&installed)?;
        let settings = source.session.as_ref().map_or_else(|| (&installed).into(), |s| settings_of(s, &installed));
        // A folder's films go where the user stands, a session's to the others.
        let usual = if source.session.is_some() { installed.output_path.as_str() } else { "." };
        let output_dir = expand_home(self.output.as_deref().unwrap_or(usual));
        // A worker thread, so that Ctrl-C is seen while this one writes a zip.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let cancel = runtime.block_on(cancelled_by_ctrl_c());
        let Source { mut store, session, mut reels, print } = source;
        if self.zip {
            let (Some(store), Some(session)) = (store, session) else {
                return Err("A zip is made of a session, not of a folder".to_owned().into());
            };
            return zip(&store, session, output_dir, settings.time_format_code, &cancel);
        }
        let profiles = self.film.profiles(&settings, &(&installed).into())?;
        for folder in &self.film.with {
            let number = u32::try_from(reels.len()).unwrap_or(u32::MAX);
            reels.push(Reel { number, ..folder::reel(folder)? });
        }
        if let (Some(lead), Some(hero)) = (reels.first_mut(), &self.film.hero) {
            lead.hero = Some(hero.clone());
        }
        let tools = Tools::with_ffmpeg(expand_home(self.ffmpeg.as_deref().unwrap_or(&installed.ffmpeg_binary_path)));
        let several = profiles.len() > 1;
        // What the agent has prepared, when the film of a print that goes on is asked for.
        let segments = store.as_ref().zip(session.as_ref()).map(|(store, session)| store.segments_dir(&session.id));
        for profile in profiles {
            let made_at = Zoned::now();
            let finished_at = made_at.timestamp();
            let name = profile.name.clone();
            let (reels, print, output_dir, tools) = (reels.clone(), print.clone(), output_dir.clone(), tools.clone());
            let suffix = String::new();
            let segments = segments.as_ref().map(|folder| folder.join(film_key(&reels, &profile)));
            let on_verified = OnVerified::default();
            let request =
                FilmRequest { reels, print, output_dir, suffix, made_at, profile, tools, segments, on_verified };
            if let Some(shown) = self.film.still_of() {
                let picture = runtime.block_on(render::still(request, shown, &cancel))?;
                println!("{}", picture.display());
                continue;
            }
            let mut meter = Meter::new(several.then_some(name));
            let film = runtime.block_on(render::film(request, |progress| meter.show(progress), &cancel));
            meter.end();
            let film = film?;
            if let (Some(store), Some(session)) = (&mut store, &session) {
                store.add_film(&session.id, &film.record(finished_at))?;
            }
            report(&film);
        }
        Ok(())
    }

    /// What the films are made from.
    fn source(&self, installed: &Settings) -> Result<Source, Failure> {
        let path = Path::new(&self.session);
        if self.session.contains('/') && path.is_dir() {
            let reel = folder::reel(path)?;
            let print = Print { file: reel.camera.clone().unwrap_or_default(), ..Print::default() };
            return Ok(Source { store: None, session: None, reels: vec![Reel { camera: None, ..reel }], print });
        }
        let store = self.store.open(installed)?;
        let session = store.find(&self.session)?;
        let stored = store.reels(&session.id)?;
        // Those of another track show other moments.
        let track = stored.first().map(|reel| reel.of.track.clone());
        let mut reels = Vec::new();
        for reel in stored.into_iter().filter(|reel| Some(&reel.of.track) == track.as_ref()) {
            let frames = store.film_frames(&session.id, reel.number)?;
            let hero = store.hero(&session.id, reel.number);
            reels.push(Reel { number: reel.number, camera: reel.of.camera, frames, view: reel.of.view, hero });
        }
        let print = Print::from(&session);
        Ok(Source { store: Some(store), session: Some(session), reels, print })
    }
}

/// A session of the store, or a folder.
struct Source {
    store: Option<Store>,
    session: Option<Session>,
    /// The main one first.
    reels: Vec<Reel>,
    print: Print,
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
    let reels = ArchivedReel::all(store, &session.id)?;
    let request = ArchiveRequest { session, reels, output_dir, made_at: Zoned::now(), time_format_code };
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
    for warning in &film.warnings {
        eprintln!("Note: {warning}");
    }
    eprintln!("{frames} frames, {fps} fps, {duration_s:.2} s, {}", size(*bytes));
    println!("{}", film.path.display());
}
