//! What people ask for: by a macro on the console, or on the page of a UI.

use serde_json::{Value as Json, json};
use tracing::{info, warn};

use super::films::{Ending, Job, Shooting, ending};
use super::{Conductor, Current, macros};
use crate::config::Settings;
use crate::printer::Printer;
use crate::session::{Outcome, SessionId, View};

/// From here on a print nears its end, as a part of its file.
const CLOSING: f64 = 0.95;

impl Conductor {
    /// One of the control macros was called.
    pub fn control(&mut self, params: &Json, printer: &Printer) {
        match params.get("action").and_then(Json::as_str) {
            Some("start") => {
                self.stopped = false;
                if self.current.is_none() && self.settings.enabled && !printer.print_stats().state.is_active() {
                    // Somebody streams G-code past Klipper's own file: only they know when the print begins and ends.
                    self.begin_streamed();
                    self.say("Timelapse: filming until TIMELAPSE_STOP");
                } else {
                    self.say("Timelapse: this print is filmed");
                    self.rearm(printer);
                }
            }
            Some("stop") if self.current.as_ref().is_some_and(|current| current.streamed) => {
                self.end_current(Outcome::Complete);
                self.gcode(macros::clear_stopped());
            }
            Some("stop") => {
                self.stopped = true;
                self.say("Timelapse: no more frames of this print; the film is made at its end");
            }
            Some("status") => {
                for line in self.status() {
                    self.say(&line);
                }
            }
            other => warn!(?other, "a macro asked for something unknown; are the macros of another version?"),
        }
    }

    /// Somebody wants a film now: of the current print at its end when a macro asks (`at_end`), else of the frames so far.
    ///
    /// # Errors
    ///
    /// A sentence for whoever asked.
    pub fn render(&mut self, at_end: bool) -> Result<Json, String> {
        if let Some(current) = &mut self.current
            && at_end
        {
            current.film_asked = true;
            self.prepare_film();
            info!("a film will be made when the print ends");
            return Ok(json!({"action": "render", "status": "queued"}));
        }
        let session = self.make(true, false)?;
        Ok(json!({"action": "render", "status": "started", "session": session.as_str()}))
    }

    /// Somebody wants the frames as a zip.
    ///
    /// # Errors
    ///
    /// A sentence for whoever asked.
    pub fn save_frames(&mut self) -> Result<Json, String> {
        let session = self.make(false, true)?;
        Ok(json!({"action": "saveframes", "status": "running", "session": session.as_str()}))
    }

    /// Has something made of the present print, or of the last one.
    fn make(&mut self, film: bool, archive: bool) -> Result<SessionId, String> {
        let session = self.current.as_ref().and_then(|c| c.session.clone()).or_else(|| self.latest.clone());
        let Some(session) = session else {
            return Err("there are no frames yet; `moonlapse sessions` lists the earlier prints".to_owned());
        };
        self.queue(session.clone(), film, archive, true)?;
        Ok(session)
    }

    /// Has something made of a session; `asked` when somebody waits for it.
    pub(super) fn queue(&self, session: SessionId, film: bool, archive: bool, asked: bool) -> Result<(), String> {
        let settings = self.film_settings();
        self.workshop.films.make(Job { session, film, archive, asked, settings }).map_err(|busy| busy.to_string())
    }

    /// The settings for a film, turned as the webcam is.
    fn film_settings(&self) -> Settings {
        let mut settings = self.settings.clone();
        if settings.rotation == 0 && !settings.flip_x && !settings.flip_y {
            let View { rotation, flip_x, flip_y, .. } = self.cameras.first().map(|c| c.view).unwrap_or_default();
            (settings.rotation, settings.flip_x, settings.flip_y) = (rotation, flip_x, flip_y);
        }
        settings
    }

    /// Tells the film workers what the print under way is, so that its film is prepared.
    pub(super) fn prepare_film(&self) {
        let films = &self.workshop.films;
        films.configure(&self.settings);
        let shooting = self.current.as_ref().and_then(|current| {
            let film_wanted = ending(&self.settings, Outcome::Complete, current.film_asked) == Ending::Film;
            let Current { session, closing, .. } = current;
            Some(Shooting { session: session.clone()?, settings: self.film_settings(), film_wanted, closing: *closing })
        });
        films.set_shooting(shooting);
    }

    /// When a print nears its end, less is left to encode after it.
    pub(super) fn watch_progress(&mut self, printer: &Printer) {
        let closing = printer.progress() >= CLOSING;
        if let Some(current) = &mut self.current
            && std::mem::replace(&mut current.closing, closing) != closing
        {
            self.prepare_film();
        }
    }
}
