//! What users want done around prints, frames and films: shell commands, G-code, light, and a camera whose controls keep
//! still.
//!
//! Commands come from `moonraker.conf` only, never from a UI: whoever may click may not run programs.
//!
//! **Invariant:** nothing in here fails a print or a film. What goes wrong is logged in a sentence.
//!
//! # Layout
//!
//! * [`Hooks`]: which command belongs to which moment.
//! * [`program`]: runs one, bounded in time and output, and kills what it leaves.
//! * [`Facts`]: what a command is told.
//! * [`Light`]: on for a picture that is taken beside a print.
//! * [`Lock`]: a camera's automatic exposure, focus and white balance, switched off for a print.

mod facts;
mod light;
mod lock;
mod program;
mod v4l2;

use std::time::Duration;

use tracing::{info, warn};

pub use facts::Facts;
pub use light::{Light, switch_power};
pub use lock::{Lock, restore_leftover};
pub use program::{Failure, Ran, program, shell};

use crate::config::Settings;

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A print begins.
    BeforePrint,
    /// It has ended, and its last frame is taken.
    AfterPrint,
    /// The head is on its way to the place of a frame.
    BeforeFrame,
    /// All cameras have given their frame, or have not.
    AfterFrame,
    /// A film is to be made.
    BeforeFilm,
    /// It was made, or was not.
    AfterFilm,
    /// A camera has missed `camera_gone_after` frames in a row.
    CameraGone,
}

impl When {
    /// As the settings and `MOONLAPSE_EVENT` have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeforePrint => "before_print",
            Self::AfterPrint => "after_print",
            Self::BeforeFrame => "before_frame",
            Self::AfterFrame => "after_frame",
            Self::BeforeFilm => "before_film",
            Self::AfterFilm => "after_film",
            Self::CameraGone => "camera_gone",
        }
    }
}

/// The commands of the settings.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    commands: Vec<(When, String)>,
    scripts: Vec<(When, String)>,
    limit: Duration,
}

impl Hooks {
    /// Those that are set.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let set = |list: [(When, &String); 7]| {
            let filled = list.into_iter().filter(|(_, text)| !text.trim().is_empty());
            filled.map(|(when, text)| (when, text.trim().to_owned())).collect()
        };
        let none = String::new();
        Self {
            commands: set([
                (When::BeforePrint, &settings.hook_before_print),
                (When::AfterPrint, &settings.hook_after_print),
                (When::BeforeFrame, &settings.hook_before_frame),
                (When::AfterFrame, &settings.hook_after_frame),
                (When::BeforeFilm, &settings.hook_before_film),
                (When::AfterFilm, &settings.hook_after_film),
                (When::CameraGone, &settings.hook_camera_gone),
            ]),
            scripts: set([
                (When::BeforePrint, &settings.gcode_before_print),
                (When::AfterPrint, &settings.gcode_after_print),
                (When::BeforeFilm, &settings.gcode_before_film),
                (When::AfterFilm, &settings.gcode_after_film),
                (When::CameraGone, &settings.gcode_camera_gone),
                // These two are run by the macro, in time with the head.
                (When::BeforeFrame, &none),
                (When::AfterFrame, &none),
            ]),
            limit: Duration::from_secs(settings.hook_timeout.into()),
        }
    }

    /// The G-code of a moment, for the agent to send.
    #[must_use]
    pub fn gcode(&self, when: When) -> Option<&str> {
        self.scripts.iter().find(|(of, _)| *of == when).map(|(_, script)| script.as_str())
    }

    /// Whether a command is set for a moment.
    #[must_use]
    pub fn has_command(&self, when: When) -> bool {
        self.commands.iter().any(|(of, _)| *of == when)
    }

    /// Runs the command of a moment, if one is set, to its end or its time limit, and logs what came of it.
    pub async fn run(&self, when: When, facts: &Facts) {
        let Some((_, command)) = self.commands.iter().find(|(of, _)| *of == when) else { return };
        let hook = when.as_str();
        match shell(command, when, facts, self.limit).await {
            Ok(Ran { took, output, .. }) => info!(hook, took_ms = took.as_millis(), output, "hook ran"),
            Err(failure) => warn!(hook, "the command of {hook} failed: {failure}; the print and its films go on"),
        }
    }
}
