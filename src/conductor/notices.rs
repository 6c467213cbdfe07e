//! News for Moonraker's `[notifier]` sections and announcements, which the component hands on; docs/films.md names them.

use serde_json::{Value as Json, json};

use crate::render::Film;
use crate::session::Session;

/// A film is there.
#[must_use]
pub(super) fn film_ready(session: &Session, film: &Film) -> Json {
    let name = film.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let message = format!("Timelapse ready: {name} ({} frames, {:.1} s)", film.frames, film.duration_s);
    let mut facts = of_session(session);
    facts["film"] = film.path.to_string_lossy().into();
    facts["preview"] = film.preview.as_ref().map(|preview| preview.to_string_lossy()).into();
    facts["frames"] = film.frames.into();
    facts["duration_s"] = film.duration_s.into();
    notice("timelapse_ready", &message, facts)
}

/// A film could not be made.
#[must_use]
pub(super) fn film_failed(session: &Session, problem: &str) -> Json {
    notice("timelapse_failed", problem, of_session(session))
}

/// A camera has missed several frames in a row.
#[must_use]
pub(super) fn camera_gone(camera: &str, message: &str, missed: u32) -> Json {
    notice("timelapse_camera_gone", message, json!({"camera": camera, "missed": missed}))
}

/// It gives frames again.
#[must_use]
pub(super) fn camera_back(camera: &str, message: &str, missed: u32) -> Json {
    notice("timelapse_camera_back", message, json!({"camera": camera, "missed": missed}))
}

fn of_session(session: &Session) -> Json {
    let Session { id, print_file, job_id, .. } = session;
    json!({"filename": print_file, "session": id.as_str(), "job_id": job_id})
}

fn notice(event: &str, message: &str, facts: Json) -> Json {
    json!({"event": event, "message": message, "facts": facts})
}
