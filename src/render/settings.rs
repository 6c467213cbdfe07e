//! What a film shall look like.

use serde::{Deserialize, Serialize};

use super::RenderError;
use crate::config::Settings;

/// The settings that shape films; most are those of moonraker-timelapse, with its names, defaults and meanings.
///
/// Read from the snapshot of all settings that a session keeps, with other keys left aside, it gives the film's own
/// settings back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilmSettings {
    /// Quality of x264: 0 (lossless) to 51 (worst).
    pub constant_rate_factor: u32,
    /// Frames a second of the film, unless `variable_fps`.
    pub output_framerate: f64,
    /// ffmpeg's name of the film's pixel format. Browsers play `yuv420p`.
    pub pixelformat: String,
    /// More output options for ffmpeg, quoted as in a shell.
    pub extraoutputparams: String,
    /// Choose the frame rate so that the film has the target length.
    pub variable_fps: bool,
    /// Wanted length with `variable_fps`, s.
    pub targetlength: u32,
    /// Lowest frame rate with `variable_fps`.
    pub variable_fps_min: u32,
    /// Highest frame rate with `variable_fps`.
    pub variable_fps_max: u32,
    /// Clockwise, degrees.
    pub rotation: u32,
    /// Mirror left and right, after the rotation.
    pub flip_x: bool,
    /// Mirror top and bottom, after the rotation.
    pub flip_y: bool,
    /// How often the last frame is repeated, so that the finished part can be seen.
    pub duplicatelastframe: u32,
    /// Leave a picture of the last frame beside the film.
    pub previewimage: bool,
    /// `strftime` format of the time in the film's name.
    pub time_format_code: String,
    /// More films, see [`super::read_profiles`].
    pub profiles: String,
}

impl Default for FilmSettings {
    fn default() -> Self {
        Self {
            constant_rate_factor: 23,
            output_framerate: 30.0,
            pixelformat: "yuv420p".into(),
            extraoutputparams: String::new(),
            variable_fps: false,
            targetlength: 10,
            variable_fps_min: 5,
            variable_fps_max: 60,
            rotation: 0,
            flip_x: false,
            flip_y: false,
            duplicatelastframe: 5,
            previewimage: true,
            time_format_code: "%Y%m%d_%H%M".into(),
            profiles: String::new(),
        }
    }
}

impl From<&Settings> for FilmSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            constant_rate_factor: settings.constant_rate_factor,
            output_framerate: settings.output_framerate,
            pixelformat: settings.pixelformat.clone(),
            extraoutputparams: settings.extraoutputparams.clone(),
            variable_fps: settings.variable_fps,
            targetlength: settings.targetlength,
            variable_fps_min: settings.variable_fps_min,
            variable_fps_max: settings.variable_fps_max,
            rotation: settings.rotation,
            flip_x: settings.flip_x,
            flip_y: settings.flip_y,
            duplicatelastframe: settings.duplicatelastframe,
            previewimage: settings.previewimage,
            time_format_code: settings.time_format_code.clone(),
            profiles: settings.profiles.clone(),
        }
    }
}

impl FilmSettings {
    /// Refuses values that ffmpeg would refuse, with the name of the setting.
    pub(super) fn check(&self) -> Result<(), RenderError> {
        let bad = |key, value: String, allowed| Err(RenderError::Setting { key, value, allowed });
        if !(0.1..=240.0).contains(&self.output_framerate) {
            return bad("output_framerate", self.output_framerate.to_string(), "0.1 to 240");
        }
        if self.constant_rate_factor > 63 {
            return bad("constant_rate_factor", self.constant_rate_factor.to_string(), "0 to 51 for H.264");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.pixelformat.is_empty() || !self.pixelformat.chars().all(plain) {
            return bad("pixelformat", self.pixelformat.clone(), "a name from `ffmpeg -pix_fmts`, like yuv420p");
        }
        if self.duplicatelastframe > 10_000 {
            return bad("duplicatelastframe", self.duplicatelastframe.to_string(), "0 to 10000");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_all_settings_gives_the_films_settings_back() {
        let settings = Settings { output_framerate: 24.0, flip_x: true, ..Settings::default() };
        let snapshot = serde_json::to_value(&settings).unwrap();
        let film: FilmSettings = serde_json::from_value(snapshot).unwrap();
        assert_eq!(film, FilmSettings::from(&settings));
        assert_eq!(FilmSettings::from(&Settings::default()), FilmSettings::default(), "one set of defaults");
    }
}
