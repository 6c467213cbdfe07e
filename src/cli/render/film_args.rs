//! The options of `moonlapse render` that say what a film shall look like.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::render::{DEFAULT, FilmSettings, Profile, Shown};

/// What the film shall look like.
#[derive(Debug, Args)]
#[command(next_help_heading = "The film (default: as set when the print started)")]
pub(super) struct FilmArgs {
    /// A profile of moonraker.conf, or one in words: a preset's name and `key=value`. May be given several times; `all` makes
    /// every film that a print gets.
    #[arg(long, short, value_name = "PROFILE")]
    profile: Vec<String>,
    /// Make one picture instead of a film: frame N (1 is the first), or the still of the finished part, or the last frame.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "0", conflicts_with = "zip")]
    still: Option<usize>,
    /// A still of the finished part without the head; the one that the camera took after the print unless given.
    #[arg(long, value_name = "FILE")]
    pub(super) hero: Option<PathBuf>,
    /// A folder of JPEGs that another camera took of the print; may be given several times.
    #[arg(long, value_name = "FOLDER")]
    pub(super) with: Vec<PathBuf>,
    /// Frames a second.
    #[arg(long, value_name = "N", conflicts_with = "target_length")]
    fps: Option<String>,
    /// Choose the frame rate so that the film lasts this long, in seconds.
    #[arg(long, value_name = "S")]
    target_length: Option<f64>,
    /// Lowest frame rate with a target length.
    #[arg(long, value_name = "N", requires = "target_length")]
    min_fps: Option<String>,
    /// Highest frame rate with a target length.
    #[arg(long, value_name = "N", requires = "target_length")]
    max_fps: Option<String>,
    /// Quality on the codec's own scale; for H.264 0 is lossless and large, 18 to 28 is usual, 51 is worst.
    #[arg(long, value_name = "N", visible_alias = "quality")]
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
    /// The films to make: `settings` are those of the session, `installed` those in force, whose profiles may be newer.
    pub(super) fn profiles(&self, settings: &FilmSettings, installed: &FilmSettings) -> Result<Vec<Profile>, Failure> {
        let text = if installed.profiles.trim().is_empty() { &settings.profiles } else { &installed.profiles };
        let settings = FilmSettings { profiles: text.clone(), ..settings.clone() };
        let (known, faults) = settings.profiles()?;
        let mut wanted = Vec::new();
        for name in &self.profile {
            let name = name.trim();
            if name == "all" {
                wanted.extend(known.iter().filter(|profile| profile.automatic).cloned());
                continue;
            }
            if let Some(fault) = faults.iter().find(|fault| fault.profile == name) {
                return Err(fault.clone().into());
            }
            match known.iter().find(|profile| profile.name == name) {
                Some(profile) => wanted.push(profile.clone()),
                None => wanted.push(in_words(name, &known)?),
            }
        }
        if wanted.is_empty() {
            wanted.extend(known.into_iter().find(|profile| profile.name == DEFAULT));
        }
        wanted.into_iter().map(|profile| self.apply(profile, &settings)).collect()
    }

    /// The frame of which a picture is wanted.
    pub(super) fn still_of(&self) -> Option<Shown> {
        self.still.map(|number| number.checked_sub(1).map_or(Shown::Hero, Shown::Frame))
    }

    /// What is given here wins over the profile.
    fn apply(&self, profile: Profile, settings: &FilmSettings) -> Result<Profile, Failure> {
        let mut words = Vec::new();
        let mut word = |key: &str, value: Option<String>| words.extend(value.map(|value| format!("{key}={value}")));
        word("fps", self.fps.clone());
        if let Some(length) = self.target_length {
            word("length", Some(length.to_string()));
            word("min_fps", Some(self.min_fps.clone().unwrap_or_else(|| settings.variable_fps_min.max(1).to_string())));
            word("max_fps", Some(self.max_fps.clone().unwrap_or_else(|| settings.variable_fps_max.max(1).to_string())));
        }
        word("quality", self.crf.map(|crf| crf.to_string()));
        word("pixel_format", self.pixel_format.clone());
        word("hold_last", self.repeat_last.map(|times| times.to_string()));
        word("rotate", self.rotate.map(|degrees| degrees.to_string()));
        word("extra", self.extra.clone());
        word("preview", self.no_preview.then(|| "no".to_owned()));
        let words = shlex::try_join(words.iter().map(String::as_str)).map_err(|error| error.to_string())?;
        let mut profile = Profile::from_words(&profile.name, &words, &profile)?;
        profile.turn.flip_x = self.flip_x.unwrap_or(profile.turn.flip_x);
        profile.turn.flip_y = self.flip_y.unwrap_or(profile.turn.flip_y);
        profile.turns_itself |= self.flip_x.is_some() || self.flip_y.is_some();
        Ok(profile)
    }
}

/// A profile that is not in the configuration; a lone preset's name is its own.
fn in_words(words: &str, known: &[Profile]) -> Result<Profile, Failure> {
    let Some(default_film) = known.first() else { return Err("There is no film to start from".to_owned().into()) };
    let first = words.split_whitespace().next().unwrap_or_default();
    let name = if first.contains('=') { "custom" } else { first };
    Profile::from_words(name, words, default_film).map_err(|error| {
        let names: Vec<&str> = known.iter().map(|profile| profile.name.as_str()).collect();
        if words.contains(['=', ' ']) {
            return Failure::from(error);
        }
        Failure::Message(format!("There is no profile `{words}`: moonraker.conf has {}. {error}", names.join(", ")))
    })
}
