//! What a film shall be like. A print may have several: one to keep, one to send to friends, one to put on a web page.

mod encoder;
mod error;
mod format;
mod keys;
mod parse;
mod picture;
mod presets;

pub use encoder::{Encoder, Hardware, Quality};
pub use error::ProfileError;
pub use format::{Codec, Format};
pub use parse::read_profiles;
pub use picture::{Crop, Picture, Turn};

pub(super) use encoder::{EncoderArgs, Stream};
pub(super) use picture::Geometry;

use std::path::PathBuf;

use super::layout::{Corner, Layout};
use super::overlay::Overlay;
use super::params::ExtraParams;
use super::template::Template;
use super::timing::{Pace, Roll, Timing};
use super::{FilmSettings, Fps, RenderError};
use crate::session::View;

/// The name of the film that is made from the settings of moonraker-timelapse alone.
pub const DEFAULT: &str = "default";

/// One film that is wanted of a print.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its name; that of every profile but [`DEFAULT`] is in the names of its films.
    pub name: String,
    /// Made after every print; others are made when asked for.
    pub automatic: bool,
    /// The container.
    pub format: Format,
    /// How it is compressed.
    pub encoder: Encoder,
    /// How pictures of the main camera are turned.
    pub turn: Turn,
    /// `turn` holds for every camera.
    pub turns_itself: bool,
    /// What is kept of the picture, and its size.
    pub picture: Picture,
    /// Which frame is shown when.
    pub timing: Timing,
    /// How several cameras are put together.
    pub layout: Layout,
    /// The cameras that it shows, by name; empty for those that there are, as many as the layout has room for.
    pub cameras: Vec<String>,
    /// What is done to the pictures.
    pub effects: Effects,
    /// A picture on the film.
    pub watermark: Option<Watermark>,
    /// Texts on the film.
    pub overlay: Option<Overlay>,
    /// Its file's name, without ending; `None` for that of moonraker-timelapse.
    pub file_name: Option<Template>,
    /// Leaves a picture of the last frame beside the film.
    pub preview: bool,
    /// Width of that picture, pixels; as wide as the film where not given.
    pub preview_width: Option<u32>,
    /// Options that the user adds to ffmpeg's output.
    pub(super) extra: ExtraParams,
    /// `strftime` format of the time in the film's name.
    pub time_format: String,
}

/// What is done to the pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Evens out the brightness over so many frames; 0 leaves it.
    pub deflicker: u32,
    /// Shows the mean of so many frames; 0 and 1 leave them.
    pub blend: u32,
    /// From black at the beginning, s.
    pub fade_in: f64,
    /// To black at the end, s.
    pub fade_out: f64,
}

/// A picture on the film, such as a logo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// PNG or whatever else ffmpeg reads; may be transparent.
    pub file: PathBuf,
    /// Where it stands.
    pub corner: Corner,
    /// Its width, percent of the film's.
    pub percent: u32,
    /// Percent.
    pub opacity: u32,
}

impl FilmSettings {
    /// The films that they ask for, the default one first, and what is wrong with the others. Those that are not automatic
    /// are among them.
    ///
    /// # Errors
    /// A setting of the default film that cannot work.
    pub fn profiles(&self) -> Result<(Vec<Profile>, Vec<ProfileError>), RenderError> {
        Ok(read_profiles(&self.profiles, Profile::of_settings(self)?))
    }
}

impl Profile {
    /// How pictures of a reel are turned: as the profile says; as the settings say, which are those of the main camera; as
    /// the camera's own view says.
    pub(super) fn turn_of(&self, reel: u32, view: &View) -> Turn {
        let own = Turn { rotation: view.rotation, flip_x: view.flip_x, flip_y: view.flip_y };
        if self.turns_itself || (reel == 0 && !self.turn.is_none()) { self.turn } else { own }
    }

    /// The film that the settings of moonraker-timelapse describe.
    ///
    /// # Errors
    /// A setting that cannot work.
    pub fn of_settings(settings: &FilmSettings) -> Result<Self, RenderError> {
        settings.check()?;
        let fps = Fps::from_f64(settings.output_framerate).unwrap_or(Fps::whole(30));
        let pace = if settings.variable_fps {
            let FilmSettings { targetlength: target, variable_fps_min: min, variable_fps_max: max, .. } = *settings;
            Pace::Whole { target, min, max }
        } else {
            Pace::Fixed(fps)
        };
        Ok(Self {
            name: DEFAULT.to_owned(),
            automatic: true,
            format: Format::Mp4,
            encoder: Encoder {
                codec: Codec::H264,
                hardware: None,
                quality: Quality::Scale(settings.constant_rate_factor),
                preset: None,
                threads: 2,
                pixel_format: settings.pixelformat.clone(),
            },
            turn: Turn { rotation: settings.rotation, flip_x: settings.flip_x, flip_y: settings.flip_y },
            turns_itself: false,
            picture: Picture::default(),
            timing: Timing {
                pace,
                hold_first: 0,
                hold_last: settings.duplicatelastframe,
                pre_roll: 0.0,
                post_roll: 0.0,
                pre_roll_of: Roll::First,
                post_roll_of: Roll::Last,
            },
            layout: Layout::Single,
            cameras: Vec::new(),
            effects: Effects::default(),
            watermark: None,
            overlay: None,
            file_name: None,
            preview: settings.previewimage,
            preview_width: None,
            extra: ExtraParams::parse(&settings.extraoutputparams)?,
            time_format: settings.time_format_code.clone(),
        })
    }
}
