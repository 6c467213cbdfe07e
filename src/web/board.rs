//! What the agent pins up for whoever looks: it writes and goes on, and never waits for a reader.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use tokio::sync::watch;

use super::calibration::Calibrating;
use super::live::Live;
use super::trust::Trust;
use crate::conductor::ShotView;
use crate::conductor::filming::Viewpoint;
use crate::config::Settings;
use crate::moonraker::Link;

/// What requests work with; changes seldom.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// In force.
    pub settings: Settings,
    /// As the Moonraker component reports them, with `blockedsettings`; `None` while it is away.
    pub component: Option<Map<String, Json>>,
    /// Options that the environment or the command line fix.
    pub overridden: Vec<String>,
    /// The chosen cameras, the main one first.
    pub cameras: Vec<Viewpoint>,
    /// Moonraker.
    pub link: Option<Link>,
    /// Klipper takes G-code.
    pub klipper_ready: bool,
    /// The printer as a plan needs it ([`crate::printer::Printer::outline`]); kept while Klipper is away.
    pub outline: Option<Map<String, Json>>,
    /// Whom Moonraker trusts.
    pub trust: Trust,
}

/// The planned frames of a print.
#[derive(Clone, Debug, Default)]
pub struct Shots {
    /// Which print.
    pub print: u64,
    /// All of them.
    pub shots: Arc<Vec<ShotView>>,
}

/// The board. Clones share it.
#[derive(Clone, Debug)]
pub struct Board {
    live: watch::Sender<Arc<Live>>,
    shots: watch::Sender<Shots>,
    setup: watch::Sender<Arc<Setup>>,
    settings: watch::Sender<u64>,
    sessions: watch::Sender<u64>,
    cameras: watch::Sender<u64>,
    calibration: watch::Sender<Arc<Calibrating>>,
    health: watch::Sender<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            live: watch::Sender::default(),
            shots: watch::Sender::default(),
            setup: watch::Sender::default(),
            settings: watch::Sender::new(1),
            sessions: watch::Sender::new(1),
            cameras: watch::Sender::new(1),
            calibration: watch::Sender::default(),
            health: watch::Sender::new(1),
        }
    }
}

impl Board {
    /// The present state.
    pub fn show(&self, live: Live, shots: Shots) {
        self.shots.send_if_modified(|known| {
            let changed = known.print != shots.print || known.shots != shots.shots;
            if changed {
                *known = shots;
            }
            changed
        });
        self.live.send_if_modified(|known| {
            let changed = **known != live;
            if changed {
                *known = Arc::new(live);
            }
            changed
        });
    }

    /// What requests work with has changed.
    pub fn set_up(&self, setup: Setup) {
        let before = self.setup.send_replace(Arc::new(setup.clone()));
        let fixed = |setup: &Setup| (setup.component.is_some(), setup.link.is_some(), setup.overridden.clone());
        if before.settings != setup.settings || fixed(&before) != fixed(&setup) {
            next(&self.settings);
        }
        if before.cameras != setup.cameras {
            next(&self.cameras);
        }
    }

    /// A session or its films have changed.
    pub fn sessions_changed(&self) {
        next(&self.sessions);
    }

    /// More is known of a camera.
    pub fn cameras_changed(&self) {
        next(&self.cameras);
    }

    /// A calibration goes on.
    pub fn calibrating(&self, change: impl FnOnce(&mut Calibrating)) {
        self.calibration.send_modify(|seen| change(Arc::make_mut(seen)));
    }

    pub(super) fn follow_calibration(&self) -> watch::Receiver<Arc<Calibrating>> {
        self.calibration.subscribe()
    }

    /// The findings are new.
    pub(super) fn health_changed(&self) {
        next(&self.health);
    }

    /// What requests work with.
    #[must_use]
    pub fn setup(&self) -> Arc<Setup> {
        self.setup.borrow().clone()
    }

    pub(super) fn follow_setup(&self) -> watch::Receiver<Arc<Setup>> {
        self.setup.subscribe()
    }

    pub(super) fn follow_live(&self) -> watch::Receiver<Arc<Live>> {
        self.live.subscribe()
    }

    pub(super) fn follow_shots(&self) -> watch::Receiver<Shots> {
        self.shots.subscribe()
    }

    /// Revisions of settings, sessions, cameras and health.
    pub(super) fn follow_revisions(&self) -> [watch::Receiver<u64>; 4] {
        [&self.settings, &self.sessions, &self.cameras, &self.health].map(watch::Sender::subscribe)
    }

    pub(super) fn settings_revision(&self) -> u64 {
        *self.settings.borrow()
    }

    pub(super) fn cameras_revision(&self) -> u64 {
        *self.cameras.borrow()
    }

    pub(super) fn health_revision(&self) -> u64 {
        *self.health.borrow()
    }
}

fn next(revision: &watch::Sender<u64>) {
    revision.send_modify(|number| *number += 1);
}
