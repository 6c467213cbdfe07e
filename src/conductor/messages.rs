//! What the conductor hears, what it orders, and what it works with.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::filming::SharedStore;
use super::films::Films;
use super::newest::Newest;
use super::planning::{Downloads, Planned};
use crate::clock::Clock;
use crate::session::{SessionId, SessionSummary};

/// Which of the planned frames of all prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShotId {
    /// Which print of this agent's run: what is heard of a frame may come when the next one has begun.
    pub print: u64,
    /// Which of its frames, from 1.
    pub number: u32,
}

/// Heard from the workers.
#[derive(Debug)]
pub enum Event {
    /// The print's session is there; it holds this many frames already after a restart of the agent.
    Begun {
        /// Whose.
        session: SessionId,
        /// So far.
        frames: u32,
        /// Layer of the last one.
        layer: Option<u32>,
    },
    /// The print can't be filmed.
    FilmingFailed {
        /// In a sentence.
        reason: String,
    },
    /// The file that is printed was read, or could not be.
    Planned {
        /// Which print of this agent's run.
        print: u64,
        /// What is in it, or why it is not known.
        outcome: Result<Box<Planned>, String>,
    },
    /// A frame is stored and shown.
    FrameTaken {
        /// Which of the planned frames it is.
        planned: Option<ShotId>,
        /// Its number.
        number: u32,
        /// Its name in the root `timelapse_frames`.
        file: String,
    },
    /// A frame was due and not got.
    FrameMissed {
        /// Which of the planned frames it is.
        planned: Option<ShotId>,
        /// In a sentence.
        reason: String,
    },
    /// The camera needs the head to stand still for this long.
    HoldNeeded(Duration),
    /// A session is closed.
    Ended {
        /// What came of it.
        summary: Box<SessionSummary>,
        /// A film is wanted whatever the settings say.
        film_asked: bool,
    },
    /// Goes to the UIs as it is.
    Ui(Json),
    /// Goes to the console.
    Say(String),
    /// Goes to Klipper.
    Gcode(String),
    /// Goes to Moonraker's notifiers and announcements.
    Notice(Json),
    /// Switches a `[power]` device of Moonraker.
    Power {
        /// Its name.
        device: String,
        /// On or off.
        on: bool,
    },
}

/// What the agent is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Send to the UIs through the Moonraker component.
    Ui {
        /// A timelapse event.
        event: Option<Json>,
        /// The newest frame, for who asks later.
        last_frame: Option<Json>,
    },
    /// Send to Moonraker's notifiers and announcements through the component.
    Notice(Json),
    /// Run in Klipper, after the scripts ordered before it.
    Gcode(String),
    /// Switch a `[power]` device of Moonraker.
    Power {
        /// Its name.
        device: String,
        /// On or off.
        on: bool,
    },
    /// Tell of every move of the head ([`super::Conductor::moved`]), or no longer.
    FollowMotion(bool),
}

/// What does not change while the agent runs.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// The frames of all prints.
    pub store: SharedStore,
    /// Makes films.
    pub films: Films,
    /// Where the workers report.
    pub events: mpsc::Sender<Event>,
    /// Where G-code files can be got.
    pub downloads: Downloads,
    /// The newest frame of each camera, for who looks on.
    pub newest: Newest,
    /// The time.
    pub clock: Clock,
}
