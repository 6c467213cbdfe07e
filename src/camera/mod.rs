//! Frames whose exposure lies in a given span of time.
//!
//! A camera's stream is held open and its newest frames are kept with bounds of their exposure; whoever says from when
//! until when the head stands still gets a frame of that time, or the reason why there is none. Bytes are never decoded.
//!
//! # Layout
//!
//! * [`Camera`]: opens, reconnects, captures.
//! * `stream`: holds an MJPEG stream open.
//! * `snapshot`: the fallback, one request per frame.
//! * `exposure`: when was a frame exposed.
//! * `reel`: the newest frames of a stream.
//! * `multipart`, `jpeg`: walkers over what servers send.
//! * `address`: where a webcam of Moonraker's list really is.

mod address;
mod error;
mod exposure;
mod http;
pub(crate) mod jpeg;
pub mod multipart;
mod reel;
mod snapshot;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

pub use address::{BadUrl, resolve};
pub use error::Miss;
pub use exposure::Freshness;
pub use jpeg::{JpegFlaw, JpegInfo};

use crate::clock::{Clock, MonoTime};
use exposure::DEFAULT_INTERVAL;
use reel::{Found, Reel};

/// Kept free at the begin of every stop: the head's arrival is known that well.
const GUARD: f64 = 0.004;
/// After the last frame of a stop should have come, how much longer to wait for it.
const PATIENCE: Duration = Duration::from_millis(400);
/// Longer than this no head shall stand still for a frame.
const LONGEST_HOLD: Duration = Duration::from_millis(500);

/// Which camera, and what is assumed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSpec {
    /// For logs and messages.
    pub name: String,
    /// An MJPEG stream; preferred.
    pub stream_url: Option<Url>,
    /// One picture per request; used when there is no stream.
    pub snapshot_url: Option<Url>,
    /// From exposure to arrival, where the server tells no times.
    pub latency: Duration,
}

/// From when until when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its begin.
    pub from: MonoTime,
    /// Its end.
    pub until: MonoTime,
}

impl Span {
    /// Whether `inner` lies within.
    #[must_use]
    pub fn contains(&self, inner: Span) -> bool {
        self.from <= inner.from && inner.until <= self.until
    }

    /// The instant halfway.
    #[must_use]
    pub fn middle(&self) -> MonoTime {
        self.from.offset(self.until.secs_since(self.from) / 2.0)
    }

    fn length(self) -> Duration {
        Duration::try_from_secs_f64(self.until.secs_since(self.from)).unwrap_or_default()
    }
}

/// A whole JPEG with what is known about its exposure.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// As received.
    pub jpeg: Bytes,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
    /// Bounds of the exposure: it began and ended in here.
    pub exposed: Span,
    /// How surely.
    pub freshness: Freshness,
    /// When its last byte arrived.
    pub received: MonoTime,
}

/// How frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From a stream held open.
    Stream,
    /// By one request per frame.
    Snapshots,
}

/// What is known about a camera, for people and for the planner.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraFacts {
    /// How frames come.
    pub kind: Kind,
    /// Whether frames come now.
    pub connected: bool,
    /// Of the last frame, pixels.
    pub resolution: Option<(u32, u32)>,
    /// Frames per second of the stream; `None` before it is measured and for snapshots.
    pub fps: Option<f64>,
    /// How the exposure of the last frame was known.
    pub freshness: Option<Freshness>,
    /// The greatest recent time from exposure to arrival.
    pub latency: Duration,
    /// Why it is not connected, or what was wrong with the last picture.
    pub trouble: Option<Miss>,
}

/// What readers and takers of frames share.
#[derive(Debug)]
struct State {
    facts: CameraFacts,
    reel: Reel,
    /// What the head must stand still for, s, without guard and cap.
    hold: f64,
    /// When a picture was last refused, and why.
    refused: Option<(MonoTime, Miss)>,
    /// By [`Camera::close`].
    closed: bool,
}

#[derive(Debug)]
struct Shared {
    spec: CameraSpec,
    clock: Clock,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes who waits for it.
    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.send_modify(|n| *n += 1);
        result
    }
}

/// A camera that is kept open.
#[derive(Debug)]
pub struct Camera {
    shared: Arc<Shared>,
    stop: CancellationToken,
    reader: Option<AbortOnDropHandle<()>>,
    client: Result<reqwest::Client, Miss>,
}

impl Camera {
    /// Opens a camera: its reader connects, and reconnects for ever, in the background.
    #[must_use]
    pub fn open(spec: CameraSpec, clock: Clock) -> Self {
        let kind = if spec.stream_url.is_some() { Kind::Stream } else { Kind::Snapshots };
        let state = State {
            facts: CameraFacts {
                kind,
                connected: false,
                resolution: None,
                fps: None,
                freshness: None,
                latency: spec.latency,
                trouble: None,
            },
            reel: Reel::default(),
            hold: 2.0 * DEFAULT_INTERVAL,
            refused: None,
            closed: false,
        };
        let shared = Arc::new(Shared { spec, clock, state: Mutex::new(state), changed: watch::Sender::new(0) });
        let client = http::client().map_err(|error| Miss::Unreachable {
            camera: shared.spec.name.clone(),
            url: String::new(),
            detail: error.to_string(),
        });
        let stop = CancellationToken::new();
        let reader = match (&shared.spec.stream_url, &client) {
            (Some(url), Ok(client)) => {
                let reader = stream::Reader { shared: Arc::clone(&shared), client: client.clone(), url: url.clone() };
                let stop = stop.clone();
                Some(AbortOnDropHandle::new(tokio::spawn(async move {
                    stop.run_until_cancelled(reader.run()).await;
                })))
            }
            _ => None,
        };
        Self { shared, stop, reader, client }
    }

    /// A frame whose exposure lies in `still`, the span in which the head stands still, at most [`PATIENCE`] and the
    /// camera's latency after its end. Also finds frames of the last two seconds.
    ///
    /// # Errors
    /// Why there is none; never an older or a younger frame instead.
    pub async fn capture(&self, still: Span) -> Result<Frame, Miss> {
        let still = Span { from: still.from.offset(GUARD), until: still.until };
        let client = self.client.as_ref().map_err(Clone::clone)?;
        if self.shared.state().facts.kind == Kind::Snapshots {
            return snapshot::capture(&self.shared, client, still).await;
        }
        let mut changed = self.shared.changed.subscribe();
        loop {
            let deadline = {
                let state = self.shared.state();
                match state.reel.find(still) {
                    Found::Frame(frame) => return Ok(frame),
                    Found::NoneInside => return Err(self.none_inside(&state, still)),
                    Found::Gone => return Err(self.gone(&state)),
                    Found::NotYet if state.closed => return Err(Miss::Closed { camera: self.name() }),
                    Found::NotYet => {}
                }
                still.until + state.facts.latency.min(Duration::from_secs(3)) + PATIENCE
            };
            tokio::select! {
                _ = changed.changed() => {}
                () = self.shared.clock.sleep_until(deadline) => {
                    let state = self.shared.state();
                    return Err(self.nothing_came(&state, still, deadline));
                }
            }
        }
    }

    /// The frame whose exposure lies nearest to `at`, for a head that passes by without a stop; its middle is at most
    /// `within` away. The answer comes when a frame from after `at` has arrived. Also finds frames of the last two
    /// seconds.
    ///
    /// # Errors
    /// When no frame is that near, and why.
    pub async fn capture_nearest(&self, at: MonoTime, within: Duration) -> Result<Frame, Miss> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        if self.shared.state().facts.kind == Kind::Snapshots {
            return snapshot::capture_nearest(&self.shared, client, at, within).await;
        }
        let around = Span { from: at - within, until: at + within };
        let mut changed = self.shared.changed.subscribe();
        loop {
            let deadline = {
                let state = self.shared.state();
                let passed = state.reel.passed(at);
                match state.reel.nearest(at) {
                    Some((frame, far)) if passed && far <= within.as_secs_f64() => return Ok(frame.clone()),
                    Some((_, far)) if passed => {
                        let miss = Miss::NoneNear { camera: self.name(), within, nearest: seconds(far) };
                        return Err(refused_within(&state, around).unwrap_or(miss));
                    }
                    _ if state.closed => return Err(Miss::Closed { camera: self.name() }),
                    _ => around.until + state.facts.latency.min(Duration::from_secs(3)) + PATIENCE,
                }
            };
            tokio::select! {
                _ = changed.changed() => {}
                () = self.shared.clock.sleep_until(deadline) => {
                    let state = self.shared.state();
                    // The stream ended right after it: the last frame may still be near enough.
                    return match state.reel.nearest(at) {
                        Some((frame, far)) if far <= within.as_secs_f64() => Ok(frame.clone()),
                        _ => Err(self.nothing_came(&state, around, deadline)),
                    };
                }
            }
        }
    }

    fn name(&self) -> String {
        self.shared.spec.name.clone()
    }

    fn none_inside(&self, state: &State, still: Span) -> Miss {
        // A picture of that time may have come, and been refused.
        if let Some(refused) = refused_within(state, still) {
            return refused;
        }
        Miss::NoneInside {
            camera: self.name(),
            held: still.length() + Duration::from_secs_f64(GUARD),
            needed: hold_of(state),
        }
    }

    fn gone(&self, state: &State) -> Miss {
        state.facts.trouble.clone().unwrap_or_else(|| Miss::TooLate { camera: self.name() })
    }

    fn nothing_came(&self, state: &State, still: Span, deadline: MonoTime) -> Miss {
        if let Some(refused) = refused_within(state, still) {
            return refused;
        }
        let waited = Duration::try_from_secs_f64(deadline.secs_since(still.from)).unwrap_or_default();
        match &state.facts.trouble {
            Some(trouble) if !state.facts.connected => trouble.clone(),
            _ => Miss::OnlyBefore { camera: self.name(), waited },
        }
    }

    /// How long the head must stand still for a frame: the longest exposure, the wait for it to begin, and the readout.
    #[must_use]
    pub fn required_hold(&self) -> Duration {
        hold_of(&self.shared.state())
    }

    /// What is known about it now.
    #[must_use]
    pub fn facts(&self) -> CameraFacts {
        self.shared.state().facts.clone()
    }

    /// Waits until frames come, at most `patience`; `false` when they do not. Snapshot cameras are always ready.
    pub async fn ready(&self, patience: Duration) -> bool {
        let mut changed = self.shared.changed.subscribe();
        let wait = changed.wait_for(|_| {
            let facts = self.facts();
            facts.kind == Kind::Snapshots || (facts.connected && facts.resolution.is_some())
        });
        matches!(tokio::time::timeout(patience, wait).await, Ok(Ok(_)))
    }

    /// Ends the reader and closes the connection.
    pub async fn close(mut self) {
        self.stop.cancel();
        if let Some(reader) = self.reader.take() {
            // It only fails when the reader panicked, which ended it too.
            let _ended = reader.await;
        }
        self.shared.update(|state| state.closed = true);
    }
}

/// Why a picture that came while (or soon after) the head stood still was refused.
fn refused_within(state: &State, still: Span) -> Option<Miss> {
    let (at, miss) = state.refused.as_ref()?;
    (*at >= still.from).then(|| miss.clone())
}

fn seconds(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}

fn hold_of(state: &State) -> Duration {
    Duration::try_from_secs_f64(state.hold + GUARD).unwrap_or(LONGEST_HOLD).min(LONGEST_HOLD)
}
