//! Frames whose exposure lies in a given span of time.
//!
//! A camera's stream is held open and its newest frames are kept with bounds of their exposure; whoever says from when
//! until when the head stands still gets a frame of that time, or the reason why there is none. Bytes are never decoded.
//!
//! # Layout
//!
//! * [`Camera`]: opens, captures. [`CameraSpec`] says which, [`CameraFacts`] what is known about it.
//! * [`probe`]: looks at a camera and tells what it is, or what is wrong with it.
//! * `keeper`: keeps a webcam ready, whatever its addresses turn out to be.
//! * `follow`: every frame as it comes.
//! * `stream`: follows an MJPEG stream. `reel`: its newest frames.
//! * `snapshot`: one request per frame. `script`: one run of a program per frame.
//! * `exposure`: when was a frame exposed. `server`: which server sends it.
//! * `multipart`, `jpeg`: walkers over what servers send. `http`: requests.
//! * `address`: where a webcam of Moonraker's list really is.

mod address;
mod error;
mod exposure;
mod facts;
mod follow;
mod frame;
mod http;
pub(crate) mod jpeg;
mod keeper;
pub mod multipart;
mod probe;
mod recent;
mod reel;
mod script;
mod server;
mod snapshot;
mod spec;
mod state;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use address::{BadUrl, resolve};
pub use error::Miss;
pub use exposure::Freshness;
pub use facts::{CameraFacts, Counts, Kind};
pub use follow::Seen;
pub use frame::{Frame, Span};
pub use jpeg::{JpegFlaw, JpegInfo};
pub use probe::{Probe, probe};
pub use server::{Server, mjpeg_beside};
pub use spec::{CameraSpec, Script, Source, Timing, Web};

use crate::clock::{Clock, MonoTime};
use frame::seconds;
use keeper::Keeper;
use state::{GUARD, Shared, State};

/// After the last frame of a stop should have come, how much longer to wait for it.
const PATIENCE: Duration = Duration::from_millis(400);
/// No camera's latency is taken to be longer.
const LONGEST_LATENCY: Duration = Duration::from_secs(3);

/// A camera that is kept open.
#[derive(Debug)]
pub struct Camera {
    shared: Arc<Shared>,
    stop: CancellationToken,
    keeper: Option<AbortOnDropHandle<()>>,
    web: Result<http::Web, Miss>,
}

impl Camera {
    /// Opens a camera: a webcam connects, and reconnects for ever, in the background.
    #[must_use]
    pub fn open(spec: CameraSpec, clock: Clock) -> Self {
        let shared = Arc::new(Shared::new(spec, clock));
        let source = shared.spec.web_source().cloned();
        let web = http::Web::new(&shared.spec.name, source.as_ref().is_some_and(|source| source.skip_cert_check));
        let stop = CancellationToken::new();
        let keeper = match (source, &web) {
            (Some(source), Ok(web)) => {
                let keeper = Keeper { shared: Arc::clone(&shared), web: web.clone(), source };
                let stop = stop.clone();
                Some(AbortOnDropHandle::new(tokio::spawn(async move {
                    stop.run_until_cancelled(keeper.run()).await;
                })))
            }
            _ => None,
        };
        Self { shared, stop, keeper, web }
    }

    /// A frame whose exposure lies in `still`, the span in which the head stands still; of several the one in its middle.
    /// The answer comes when the frames of that time have come, at most [`PATIENCE`] and the camera's latency after its
    /// end; for a script camera, when the picture is downloaded. Also finds frames of the last two seconds.
    ///
    /// # Errors
    /// Why there is none; never an older or a younger frame instead.
    pub async fn capture(&self, still: Span) -> Result<Frame, Miss> {
        let still = Span { from: still.from.offset(GUARD), until: still.until };
        let outcome = match (&self.shared.spec.source, self.kind()) {
            (Source::Script(script), _) => script::capture(&self.shared, script, still).await,
            (Source::Gcode(_), _) => Err(Miss::KeptByCamera { camera: self.shared.name() }),
            (Source::Web(_), Kind::Snapshots) => match &self.web {
                Ok(web) => snapshot::capture(&self.shared, web, still).await,
                Err(miss) => Err(miss.clone()),
            },
            (Source::Web(_), _) => self.out_of_reel(still).await,
        };
        self.shared.counted(outcome)
    }

    /// The frame whose exposure lies nearest to `at`, for a head that passes by without a stop; its middle is at most
    /// `within` away. The answer comes when a frame from after `at` has arrived. Also finds frames of the last two
    /// seconds.
    ///
    /// # Errors
    /// When no frame is that near, and why.
    pub async fn capture_nearest(&self, at: MonoTime, within: Duration) -> Result<Frame, Miss> {
        let outcome = match (&self.shared.spec.source, self.kind()) {
            (Source::Script(script), _) => {
                script::capture(&self.shared, script, Span { from: at - within, until: at + within }).await
            }
            (Source::Gcode(_), _) => Err(Miss::KeptByCamera { camera: self.shared.name() }),
            (Source::Web(_), Kind::Snapshots) => match &self.web {
                Ok(web) => snapshot::capture_nearest(&self.shared, web, at, within).await,
                Err(miss) => Err(miss.clone()),
            },
            (Source::Web(_), _) => self.nearest_of_reel(at, within).await,
        };
        self.shared.counted(outcome)
    }

    fn kind(&self) -> Kind {
        self.shared.state().facts.kind
    }

    async fn out_of_reel(&self, still: Span) -> Result<Frame, Miss> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            let deadline = {
                let state = self.shared.state();
                let found = state.reel.find(still);
                if found.after {
                    return found.best.ok_or_else(|| self.none_inside(&state, still, found.before));
                }
                if state.closed {
                    return Err(Miss::Closed { camera: self.shared.name() });
                }
                still.until + state.facts.latency.min(LONGEST_LATENCY) + PATIENCE
            };
            if !self.wait(&mut changed, deadline).await {
                let state = self.shared.state();
                // The stream ended right after it.
                return state.reel.find(still).best.ok_or_else(|| self.nothing_came(&state, still, deadline));
            }
        }
    }

    async fn nearest_of_reel(&self, at: MonoTime, within: Duration) -> Result<Frame, Miss> {
        let around = Span { from: at - within, until: at + within };
        let mut changed = self.shared.changed.subscribe();
        loop {
            let deadline = {
                let state = self.shared.state();
                let passed = state.reel.passed(at);
                match state.reel.nearest(at) {
                    Some((frame, far)) if passed && far <= within.as_secs_f64() => return Ok(frame.clone()),
                    Some((_, far)) if passed => {
                        let miss = Miss::NoneNear { camera: self.shared.name(), within, nearest: seconds(far) };
                        return Err(state.refused_within(around).unwrap_or(miss));
                    }
                    _ if state.closed => return Err(Miss::Closed { camera: self.shared.name() }),
                    _ => around.until + state.facts.latency.min(LONGEST_LATENCY) + PATIENCE,
                }
            };
            if !self.wait(&mut changed, deadline).await {
                let state = self.shared.state();
                return match state.reel.nearest(at) {
                    Some((frame, far)) if far <= within.as_secs_f64() => Ok(frame.clone()),
                    _ => Err(self.nothing_came(&state, around, deadline)),
                };
            }
        }
    }

    /// Until something changes; false at the deadline.
    async fn wait(&self, changed: &mut tokio::sync::watch::Receiver<u64>, deadline: MonoTime) -> bool {
        tokio::select! {
            _ = changed.changed() => true,
            () = self.shared.clock.sleep_until(deadline) => false,
        }
    }

    fn none_inside(&self, state: &State, still: Span, before: bool) -> Miss {
        let camera = self.shared.name();
        // A picture of that time may have come, and been refused.
        if let Some(refused) = state.refused_within(still) {
            return refused;
        }
        if !before {
            return state.facts.trouble.clone().unwrap_or(Miss::TooLate { camera });
        }
        Miss::NoneInside { camera, held: still.length() + seconds(GUARD), needed: state.needed_hold() }
    }

    fn nothing_came(&self, state: &State, still: Span, deadline: MonoTime) -> Miss {
        if let Some(refused) = state.refused_within(still) {
            return refused;
        }
        let waited = seconds(deadline.secs_since(still.from));
        match &state.facts.trouble {
            Some(trouble) if !state.facts.connected => trouble.clone(),
            _ => Miss::OnlyBefore { camera: self.shared.name(), waited },
        }
    }

    /// How long the head must stand still for a frame: for the longest exposure, the wait for it to begin, and the
    /// readout; for a script camera until its shutter is closed again.
    #[must_use]
    pub fn required_hold(&self) -> Duration {
        self.shared.state().hold()
    }

    /// What is known about it now.
    #[must_use]
    pub fn facts(&self) -> CameraFacts {
        self.shared.state().facts.clone()
    }

    /// Waits until frames come, at most `patience`; `false` when they do not. Cameras of scripts and of the printer are
    /// always ready.
    pub async fn ready(&self, patience: Duration) -> bool {
        let mut changed = self.shared.changed.subscribe();
        let wait = changed.wait_for(|_| {
            let facts = self.facts();
            matches!(facts.kind, Kind::Script | Kind::Gcode) || (facts.connected && facts.resolution.is_some())
        });
        matches!(tokio::time::timeout(patience, wait).await, Ok(Ok(_)))
    }

    /// Ends the connection.
    pub async fn close(mut self) {
        self.stop.cancel();
        if let Some(keeper) = self.keeper.take() {
            // It only fails when the keeper panicked, which ended it too.
            let _ended = keeper.await;
        }
        self.shared.update(|state| state.closed = true);
    }
}
