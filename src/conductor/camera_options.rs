//! The setting `camera_options`: what differs from a webcam's entry in Moonraker.

use std::time::Duration;

use crate::session::{Crop, View};

/// What one line says; `None` leaves it as the webcam's entry has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CameraOptions {
    /// From exposure to arrival.
    delay: Option<f64>,
    rotation: Option<u32>,
    flip_x: Option<bool>,
    flip_y: Option<bool>,
    crop: Option<Crop>,
    stills: bool,
}

/// The options of each webcam, by the name or uid that the line names, and a sentence for each word that is not understood.
#[must_use]
pub(super) fn parse(setting: &str) -> (Vec<(String, CameraOptions)>, Vec<String>) {
    let (mut cameras, mut faults) = (Vec::new(), Vec::new());
    for line in setting.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((name, words)) = line.rsplit_once(':') else {
            faults.push(format!("camera_options: `{line}` lacks a colon after the webcam's name"));
            continue;
        };
        let mut options = CameraOptions::default();
        for word in words.split_whitespace() {
            if options.take(word).is_none() {
                faults.push(format!(
                    "camera_options: `{word}` is not understood; allowed are delay=SECONDS (0 to 10), rotation=DEGREES (0 to \
                     359), flip_x, flip_y, crop=LEFT,TOP,WIDTH,HEIGHT (percent, inside the picture), stills"
                ));
            }
        }
        cameras.push((name.trim().to_owned(), options));
    }
    (cameras, faults)
}

impl CameraOptions {
    fn take(&mut self, word: &str) -> Option<()> {
        let (key, value) = word.split_once('=').unwrap_or((word, "yes"));
        match key {
            "delay" => self.delay = Some(value.parse().ok().filter(|s| (0.0..=10.0).contains(s))?),
            "rotation" => self.rotation = Some(value.parse().ok().filter(|degrees| *degrees < 360)?),
            "flip_x" => self.flip_x = Some(yes(value)?),
            "flip_y" => self.flip_y = Some(yes(value)?),
            "crop" => self.crop = Some(crop(value)?),
            "stills" => self.stills = yes(value)?,
            _ => return None,
        }
        Some(())
    }

    /// Whether a delay is given.
    #[must_use]
    pub(super) fn has_delay(&self) -> bool {
        self.delay.is_some()
    }

    /// Whether its snapshots are wanted although it has a stream.
    #[must_use]
    pub(super) fn stills(&self) -> bool {
        self.stills
    }

    /// The view and the latency of a webcam whose own are given.
    #[must_use]
    pub(super) fn over(&self, view: View, latency: Duration) -> (View, Duration) {
        let view = View {
            rotation: self.rotation.unwrap_or(view.rotation),
            flip_x: self.flip_x.unwrap_or(view.flip_x),
            flip_y: self.flip_y.unwrap_or(view.flip_y),
            crop: self.crop.or(view.crop),
        };
        let delay = self.delay.and_then(|delay| Duration::try_from_secs_f64(delay).ok());
        (view, delay.unwrap_or(latency))
    }
}

fn yes(word: &str) -> Option<bool> {
    match word.to_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// `LEFT,TOP,WIDTH,HEIGHT` in percent.
fn crop(value: &str) -> Option<Crop> {
    let parts: Vec<f64> = value.split(',').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let &[left, top, width, height] = parts.as_slice() else { return None };
    let inside = |from: f64, size: f64| from >= 0.0 && size > 0.0 && from + size <= 100.0;
    let crop = Crop { left: left / 100.0, top: top / 100.0, width: width / 100.0, height: height / 100.0 };
    (inside(left, width) && inside(top, height)).then_some(crop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_changes_what_it_names_and_leaves_the_rest() {
        let (cameras, faults) =
            parse("\nfront: rotation=180 crop=10,0,80,100\nmy: top cam: delay=0.35 flip_x=no flip_y stills\n");
        assert_eq!(faults, [""; 0]);
        let webcam = View { rotation: 90, flip_x: true, ..View::default() };
        let (view, latency) = cameras[0].1.over(webcam, Duration::from_millis(50));
        let crop = Crop { left: 0.1, top: 0.0, width: 0.8, height: 1.0 };
        assert_eq!(view, View { rotation: 180, flip_x: true, flip_y: false, crop: Some(crop) });
        assert_eq!(latency, Duration::from_millis(50));
        assert_eq!(cameras[1].0, "my: top cam");
        assert_eq!([cameras[0].1.stills(), cameras[1].1.stills()], [false, true]);
        let (view, latency) = cameras[1].1.over(webcam, Duration::from_millis(50));
        assert_eq!(view, View { rotation: 90, flip_x: false, flip_y: true, crop: None });
        assert_eq!(latency, Duration::from_millis(350));
    }

    #[test]
    fn what_cannot_be_meant_is_told_and_passed_over() {
        let (cameras, faults) =
            parse("front: crop=50,0,80,100 rotation=400 delay=nan flip_x=perhaps zoom=2 flip_y\nno colon");
        assert_eq!(faults.len(), 6, "{faults:?}");
        assert_eq!(cameras.len(), 1);
        assert_eq!(cameras[0].1, CameraOptions { flip_y: Some(true), ..CameraOptions::default() });
    }
}
