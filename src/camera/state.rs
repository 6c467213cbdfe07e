//! What the readers and the takers of a camera's frames share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tracing::{debug, warn};
use url::Url;

use super::exposure::{DEFAULT_INTERVAL, uncalibrated_lead};
use super::facts::Counts;
use super::frame::seconds;
use super::recent::Recent;
use super::reel::Reel;
use super::server::Server;
use super::spec::Source;
use super::{CameraFacts, CameraSpec, Kind, Miss, Span};
use crate::clock::{Clock, MonoTime};

/// Kept free at the begin of every stop: the head's arrival is known that well.
pub(super) const GUARD: f64 = 0.004;
/// Longer than this no head shall stand still for a frame of a webcam.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct State {
    pub(super) facts: CameraFacts,
    pub(super) reel: Reel,
    /// What the head must stand still for, s, without guard and cap.
    pub(super) hold: f64,
    /// Between two frames of the sensor, s.
    pub(super) interval: f64,
    /// When a picture was last refused, and why.
    pub(super) refused: Option<(MonoTime, Miss)>,
    /// Where snapshots come from, once that is known to give some.
    pub(super) snapshots: Option<Url>,
    /// From the begin of a snapshot's exposure (its bound) to the request, s.
    pub(super) leads: Recent,
    /// From the request for a snapshot to the end of its exposure (its bound), s.
    pub(super) waits: Recent,
    /// The newest picture, to notice when it comes again.
    pub(super) newest: Bytes,
    /// By [`super::Camera::close`].
    pub(super) closed: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) spec: CameraSpec,
    pub(super) clock: Clock,
    state: Mutex<State>,
    pub(super) changed: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(spec: CameraSpec, clock: Clock) -> Self {
        let (kind, hold) = match &spec.source {
            Source::Web(web) if web.stream.is_some() && !web.stills => (Kind::Stream, 0.0),
            Source::Web(_) => (Kind::Snapshots, 0.0),
            Source::Script(script) => (Kind::Script, script.hold.as_secs_f64()),
            Source::Gcode(_) => (Kind::Gcode, 0.0),
        };
        let facts = CameraFacts {
            kind,
            server: Server::Other,
            connected: false,
            resolution: None,
            fps: None,
            freshness: None,
            latency: spec.timing.map_or(spec.latency, |timing| timing.latency),
            trouble: None,
            remark: None,
            counts: Counts::default(),
        };
        let hold = match kind {
            Kind::Stream => uncalibrated_lead(DEFAULT_INTERVAL) + DEFAULT_INTERVAL,
            Kind::Snapshots => 2.0 * uncalibrated_lead(DEFAULT_INTERVAL),
            _ => hold,
        };
        let state = State {
            facts,
            reel: Reel::default(),
            hold,
            interval: DEFAULT_INTERVAL,
            refused: None,
            snapshots: None,
            leads: Recent::default(),
            waits: Recent::default(),
            newest: Bytes::new(),
            closed: false,
        };
        Self { spec, clock, state: Mutex::new(state), changed: watch::Sender::new(0) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes who waits for it.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.send_modify(|n| *n += 1);
        result
    }

    pub(super) fn name(&self) -> String {
        self.spec.name.clone()
    }

    /// The camera gives nothing now. One log line per change of state.
    pub(super) fn lost(&self, miss: Miss) {
        let known = self.update(|state| {
            state.facts.connected = false;
            state.facts.trouble.replace(miss.clone()).as_ref() == Some(&miss)
        });
        if known {
            debug!(camera = %self.spec.name, "still: {miss}");
        } else {
            warn!(camera = %self.spec.name, "{miss}");
        }
    }

    /// A picture that must not be taken for a frame.
    pub(super) fn refuse(&self, miss: Miss) {
        let now = self.clock.monotonic();
        let offline = matches!(miss, Miss::Offline { .. });
        let known = self.update(|state| {
            state.facts.counts.refused += 1;
            state.facts.connected &= !offline;
            state.refused = Some((now, miss.clone()));
            state.facts.trouble.replace(miss.clone()).as_ref() == Some(&miss)
        });
        if !known {
            warn!(camera = %self.spec.name, "{miss}");
        }
    }

    /// An address that was meant for something else than it gives.
    pub(super) fn remark(&self, miss: Miss) {
        warn!(camera = %self.spec.name, "{miss}");
        self.update(|state| state.facts.remark = Some(miss));
    }

    /// Counts what came of a capture.
    pub(super) fn counted<T>(&self, outcome: Result<T, Miss>) -> Result<T, Miss> {
        let counts = &mut self.state().facts.counts;
        if outcome.is_ok() {
            counts.taken += 1;
            counts.missed_in_a_row = 0;
        } else {
            counts.missed += 1;
            counts.missed_in_a_row += 1;
        }
        outcome
    }
}

impl State {
    /// Notes a whole picture; whether it equals the one before, byte for byte. No sensor takes the same picture twice,
    /// so such a one shows an earlier exposure, whatever its time says.
    pub(super) fn repeats(&mut self, jpeg: &Bytes) -> bool {
        self.facts.counts.received += 1;
        let repeated = self.newest == *jpeg;
        if repeated {
            self.facts.counts.repeated += 1;
        } else {
            self.newest = jpeg.clone();
        }
        repeated
    }

    /// How long the head must stand still, as it would have to be.
    pub(super) fn needed_hold(&self) -> Duration {
        seconds(self.hold + GUARD)
    }

    /// How long the head shall stand still.
    pub(super) fn hold(&self) -> Duration {
        let needed = self.needed_hold();
        match self.facts.kind {
            Kind::Script => needed,
            Kind::Gcode => Duration::ZERO,
            Kind::Stream | Kind::Snapshots => needed.min(LONGEST_HOLD),
        }
    }

    /// Why a picture that came while (or soon after) the head stood still was refused.
    pub(super) fn refused_within(&self, still: Span) -> Option<Miss> {
        let (at, miss) = self.refused.as_ref()?;
        (*at >= still.from).then(|| miss.clone())
    }
}
