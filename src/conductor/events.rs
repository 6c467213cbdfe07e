//! The events that Mainsail and Fluidd understand, in moonraker-timelapse's forms.

use serde_json::{Value as Json, json};

use super::survey::Surveyed;
use crate::config::Settings;
use crate::render::{Film, Progress, RenderError};

/// The newest frame, for the UIs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LastFrame {
    /// Frames so far.
    pub(super) count: u32,
    /// Its name in the root `timelapse_frames`; empty without one.
    pub(super) file: String,
}

impl LastFrame {
    /// As `lastframeinfo` answers.
    #[must_use]
    pub(super) fn to_json(&self) -> Json {
        json!({"framecount": self.count, "lastframefile": self.file})
    }
}

/// A frame was taken; also clears the UIs with a count of 0.
#[must_use]
pub(super) fn new_frame(last: &LastFrame) -> Json {
    json!({"action": "newframe", "status": "success", "frame": last.count.to_string(), "framefile": last.file})
}

/// A frame was missed. Carries the last good one: Mainsail reads `frame` whatever the status is.
#[must_use]
pub(super) fn frame_error(last: &LastFrame, reason: &str) -> Json {
    let mut event = new_frame(last);
    event["status"] = "error".into();
    event["msg"] = reason.into();
    event
}

/// A film is being made.
#[must_use]
pub(super) fn render_started(frames: usize, settings: &Settings) -> Json {
    json!({
        "action": "render", "status": "started", "framecount": frames.to_string(), "msg": "Rendering started",
        "settings": {
            "framerate": settings.output_framerate,
            "crf": settings.constant_rate_factor,
            "pixelformat": settings.pixelformat,
        },
    })
}

/// How far it is.
#[must_use]
pub(super) fn render_running(progress: Progress) -> Json {
    json!({"action": "render", "status": "running", "progress": progress.percent()})
}

/// It is there.
#[must_use]
pub(super) fn render_success(film: &Film, print_file: &str) -> Json {
    let name = |path: &std::path::Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut event = json!({
        "action": "render", "status": "success", "framecount": film.frames.to_string(),
        "filename": name(&film.path), "printfile": print_file, "progress": 100,
        "msg": format!("Rendering Video successful: {}", name(&film.path)),
    });
    if let Some(preview) = &film.preview {
        event["previewimage"] = name(preview).into();
    }
    event
}

/// It could not be made.
#[must_use]
pub(super) fn render_error(error: &RenderError) -> Json {
    let mut event = json!({"action": "render", "status": "error", "msg": error.to_string()});
    if let Some(transcript) = error.transcript() {
        event["cmd"] = transcript.command.as_str().into();
        event["cmdresponse"] = transcript.stderr.as_str().into();
    }
    event
}

/// It ended without a film, in a sentence for whoever waits for it. An error to the UIs: they know no other such end.
#[must_use]
pub(super) fn render_failed(reason: &str) -> Json {
    json!({"action": "render", "status": "error", "msg": reason})
}

/// Nothing comes of it, which nobody needs to be told: the pages show no progress any more.
#[must_use]
pub(super) fn render_skipped(reason: &str) -> Json {
    json!({"action": "render", "status": "skipped", "msg": reason})
}

/// What frames cost, as the end of a sentence; empty when that is nothing to speak of.
pub(super) fn added(seconds: f64, frames: u32) -> String {
    if frames == 0 || seconds.is_nan() || seconds < 1.0 {
        return String::new();
    }
    let whole = if seconds < 100.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) };
    format!(", about {whole} added ({:.1} s a frame)", seconds / f64::from(frames))
}

/// A print's frames in words: for the console and for Moonraker's history.
pub(super) fn summary(frames: u32, misses: u32, surveyed: &Surveyed) -> String {
    let Surveyed { off_mm, unsteady, added_s, .. } = *surveyed;
    let mut text = if frames == 1 { "1 frame".to_owned() } else { format!("{frames} frames") };
    if misses > 0 {
        text += &format!(", {misses} missed");
    }
    text += &added(added_s, frames);
    if let Some(mm) = off_mm {
        text += &format!(", head off by {mm:.2} mm at most");
    }
    if unsteady > 0 {
        text += &format!(", {unsteady} with the head not yet still");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_only_what_there_is_to_say() {
        let nothing = Surveyed::default();
        assert_eq!(summary(1, 0, &nothing), "1 frame");
        assert_eq!(summary(55, 0, &nothing), "55 frames");
        let planned = Surveyed { added_s: 28.6, ..nothing };
        assert_eq!(summary(20, 2, &planned), "20 frames, 2 missed, about 29 s added (1.4 s a frame)");
        assert_eq!(summary(0, 3, &planned), "0 frames, 3 missed");
        let long = Surveyed { added_s: 1_234.0, ..nothing };
        assert_eq!(summary(900, 0, &long), "900 frames, about 21 min added (1.4 s a frame)");
        let checked = Surveyed { frames: 20, off_mm: Some(0.004), unsteady: 1, added_s: 0.0 };
        assert_eq!(summary(20, 0, &checked), "20 frames, head off by 0.00 mm at most, 1 with the head not yet still");
    }
}
