//! What tests can break or set while the camera runs.

use std::sync::Arc;

use tokio::sync::watch;

/// How the camera misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It works.
    #[default]
    None,
    /// Nobody listens on the port: connections are refused, open ones are cut.
    Off,
    /// Connections are accepted and stay open, but no new frame comes.
    Stall,
    /// Every request is answered with status 503.
    Unavailable,
    /// Every JPEG ends after half of its bytes, and the headers announce only those.
    Truncated,
    /// The same picture for ever, with honest new timestamps.
    Frozen,
    /// The capture device is gone: a drawn "no signal" picture once a second, marked as offline.
    Offline,
    /// Every request is answered with a HTML page and status 200, as web front ends do for unknown paths.
    Html,
}

impl Fault {
    pub(super) fn stalled(self) -> bool {
        self == Self::Stall
    }

    pub(super) fn offline(self) -> bool {
        self == Self::Offline
    }

    pub(super) fn frozen(self) -> bool {
        self == Self::Frozen
    }
}

/// Times of the sensor that may change while it runs, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) exposure: f64,
    pub(super) latency: f64,
}

/// The switches, shared by all parts of the camera.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    fault: Arc<watch::Sender<Fault>>,
    settings: Arc<watch::Sender<Settings>>,
}

impl Faults {
    pub(super) fn new(settings: Settings) -> Self {
        Self { fault: Arc::new(watch::Sender::new(Fault::None)), settings: Arc::new(watch::Sender::new(settings)) }
    }

    pub(super) fn get(&self) -> Fault {
        *self.fault.borrow()
    }

    pub(super) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Fault> {
        self.fault.subscribe()
    }

    pub(super) fn settings(&self) -> Settings {
        *self.settings.borrow()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.settings.send_modify(change);
    }
}
