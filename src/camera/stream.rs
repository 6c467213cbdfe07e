//! Holds an MJPEG stream open and fills the reel.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tracing::{debug, info, warn};
use url::Url;

use super::address::printable;
use super::exposure::{Exposures, Said};
use super::http;
use super::multipart::{Parser, Part, boundary_of};
use super::{Frame, JpegInfo, Kind, Miss, Shared};

/// A stream that sends nothing for this long is opened anew.
const SILENCE: Duration = Duration::from_secs(5);
/// One frame; 4K webcams send about 3 MB.
const MAX_FRAME: usize = 16 << 20;
/// Waits between attempts double from here to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Reads until it is cancelled.
pub(super) struct Reader {
    pub(super) shared: Arc<Shared>,
    pub(super) client: reqwest::Client,
    pub(super) url: Url,
}

impl Reader {
    pub(super) async fn run(self) {
        let mut wait = FIRST_WAIT;
        loop {
            let before = self.shared.clock.monotonic();
            let miss = match self.follow().await {
                Err(miss) => miss,
                Ok(never) => match never {},
            };
            if self.falls_back(&miss) {
                return;
            }
            self.lost(miss);
            // A connection that lasted a while begins anew.
            if self.shared.clock.monotonic().secs_since(before) > 30.0 {
                wait = FIRST_WAIT;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Takes snapshots when the stream URL is none.
    fn falls_back(&self, miss: &Miss) -> bool {
        let fall_back = matches!(miss, Miss::NotAStream { .. }) && self.shared.spec.snapshot_url.is_some();
        if fall_back {
            warn!(camera = %self.shared.spec.name, "{miss}; its snapshot URL is used instead");
            self.shared.update(|state| {
                state.facts.kind = Kind::Snapshots;
                state.facts.connected = false;
            });
        }
        fall_back
    }

    /// One log line per change of state.
    fn lost(&self, miss: Miss) {
        let known = self.shared.state().facts.trouble.as_ref() == Some(&miss);
        if known {
            debug!(camera = %self.shared.spec.name, "still: {miss}");
        } else {
            warn!(camera = %self.shared.spec.name, "{miss}");
        }
        self.shared.update(|state| {
            state.facts.connected = false;
            state.facts.trouble = Some(miss);
        });
    }

    async fn follow(&self) -> Result<std::convert::Infallible, Miss> {
        let answer = self.connect().await?;
        let content_type = answer.headers().get(reqwest::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let Some(boundary) = boundary_of(&content_type) else {
            return Err(Miss::NotAStream { camera: self.name(), url: printable(&self.url), content_type });
        };
        let same_host = http::is_this_host(answer.remote_addr());
        let mut exposures = Exposures::new(self.shared.spec.latency, same_host);
        let mut parser = Parser::new(&boundary, MAX_FRAME);
        let mut bytes = answer.bytes_stream();
        let mut seen = 0_u64;
        loop {
            let chunk = match tokio::time::timeout(SILENCE, bytes.next()).await {
                Err(_) => return Err(self.unreachable(format!("nothing came for {} s", SILENCE.as_secs()))),
                Ok(None) => return Err(self.unreachable("the server ended the stream".into())),
                Ok(Some(Err(error))) => return Err(self.unreachable(http::cause(&error))),
                Ok(Some(Ok(chunk))) => chunk,
            };
            parser.feed(&chunk);
            loop {
                let part = parser
                    .next_part()
                    .map_err(|error| Miss::BadStream { camera: self.name(), detail: error.to_string() })?;
                let Some(part) = part else { break };
                seen += 1;
                self.take(part, &mut exposures, seen);
            }
        }
    }

    /// ustreamer tells its times only when asked; a server that dislikes the question is asked without.
    async fn connect(&self) -> Result<reqwest::Response, Miss> {
        let mut asking = self.url.clone();
        asking.query_pairs_mut().append_pair("extra_headers", "1");
        match http::get(&self.shared, &self.client, &asking).await {
            Err(Miss::Status { .. }) => http::get(&self.shared, &self.client, &self.url).await,
            answer => answer,
        }
    }

    fn take(&self, part: Part, exposures: &mut Exposures, seen: u64) {
        let received = self.shared.clock.monotonic();
        let said = Said::read(|name| part.header(name));
        if said == Said::Offline {
            return self.refuse(Miss::Offline { camera: self.name() });
        }
        if part.body.is_empty() {
            return;
        }
        let JpegInfo { width, height } = match JpegInfo::read(&part.body) {
            Ok(info) => info,
            Err(flaw) => return self.refuse(Miss::NotAJpeg { camera: self.name(), flaw }),
        };
        let (exposed, freshness) = exposures.bound(said, received);
        if said == Said::Nothing && seen == 1 {
            // Many servers begin with their last frame, which may be of any age.
            return;
        }
        // The parser's buffer is larger than the frame and would be kept alive by it.
        let jpeg = Bytes::copy_from_slice(&part.body);
        let (width, height) = (u32::from(width), u32::from(height));
        let frame = Frame { jpeg, width, height, exposed, freshness, received };
        let interval = exposures.interval();
        let hold = exposures.longest_exposure() + interval + exposures.readout();
        let latency = Duration::try_from_secs_f64(exposures.latency()).unwrap_or_default();
        let connected_now = self.shared.update(|state| {
            let before = std::mem::replace(&mut state.facts.connected, true);
            state.facts.resolution = Some((width, height));
            state.facts.freshness = Some(freshness);
            state.facts.fps = (seen > 6).then(|| 1.0 / interval);
            state.facts.latency = latency;
            state.facts.trouble = None;
            state.hold = hold;
            if !before {
                state.reel.clear();
            }
            state.reel.push(frame);
            !before
        });
        if connected_now {
            info!(camera = %self.shared.spec.name, width, height, ?freshness, "camera connected");
        }
    }

    /// A picture that must not be taken for a frame.
    fn refuse(&self, miss: Miss) {
        let now = self.shared.clock.monotonic();
        let offline = matches!(miss, Miss::Offline { .. });
        let new = self.shared.update(|state| {
            let new = state.facts.trouble.as_ref() != Some(&miss);
            if offline {
                state.facts.connected = false;
            }
            state.facts.trouble = Some(miss.clone());
            state.refused = Some((now, miss.clone()));
            new
        });
        if new {
            warn!(camera = %self.shared.spec.name, "{miss}");
        }
    }

    fn name(&self) -> String {
        self.shared.spec.name.clone()
    }

    fn unreachable(&self, detail: String) -> Miss {
        Miss::Unreachable { camera: self.name(), url: printable(&self.url), detail }
    }
}
