//! Holds an MJPEG stream open and fills the reel.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tracing::info;
use url::Url;

use super::address::printable;
use super::exposure::{Exposures, Said};
use super::frame::seconds;
use super::http::{self, Web};
use super::multipart::{Parser, Part, boundary_of};
use super::server::Server;
use super::state::Shared;
use super::{Frame, JpegInfo, Kind, Miss};

/// A stream that sends nothing for this long is opened anew.
const SILENCE: Duration = Duration::from_secs(5);
/// One frame; 4K webcams send about 3 MB.
const MAX_FRAME: usize = 16 << 20;
/// Frames from which the rate is told.
const MEASURED: u64 = 6;

/// Reads until the stream ends or fails, which is the only result.
pub(super) async fn follow(shared: &Shared, web: &Web, url: &Url) -> Result<Infallible, Miss> {
    let answer = connect(web, url).await?;
    let content_type = http::content_type(&answer);
    let Some(boundary) = boundary_of(&content_type) else {
        return Err(Miss::NotAStream { camera: shared.name(), url: printable(url), content_type });
    };
    let same_host = http::is_this_host(answer.remote_addr());
    let mut reader = Reader {
        shared,
        server: Server::of(url, answer.headers()),
        exposures: Exposures::new(&shared.spec, same_host),
        seen: 0,
    };
    let mut parser = Parser::new(&boundary, MAX_FRAME);
    let mut bytes = answer.bytes_stream();
    loop {
        let chunk = match tokio::time::timeout(SILENCE, bytes.next()).await {
            Err(_) => return Err(web.unreachable(url, format!("nothing came for {} s", SILENCE.as_secs()))),
            Ok(None) => return Err(web.unreachable(url, "the server ended the stream".into())),
            Ok(Some(Err(error))) => return Err(web.failed(url, &error)),
            Ok(Some(Ok(chunk))) => chunk,
        };
        parser.feed(&chunk);
        loop {
            let part = parser
                .next_part()
                .map_err(|error| Miss::BadStream { camera: shared.name(), detail: error.to_string() })?;
            let Some(part) = part else { break };
            reader.take(part);
        }
    }
}

/// ustreamer tells its times only when asked; a server that dislikes the question is asked without.
async fn connect(web: &Web, url: &Url) -> Result<reqwest::Response, Miss> {
    const QUESTION: [(&str, &str); 1] = [("extra_headers", "1")];
    let answer = match web.get(url, &QUESTION).await {
        Err(Miss::Status { .. }) => return web.get(url, &[]).await,
        answer => answer?,
    };
    // A redirect may have lost the question.
    let arrived = answer.url().clone();
    if arrived.query_pairs().any(|(name, _)| name == QUESTION[0].0) {
        return Ok(answer);
    }
    Ok(web.get(&arrived, &QUESTION).await.unwrap_or(answer))
}

struct Reader<'a> {
    shared: &'a Shared,
    server: Server,
    exposures: Exposures,
    /// Parts so far.
    seen: u64,
}

impl Reader<'_> {
    fn take(&mut self, part: Part) {
        let received = self.shared.clock.monotonic();
        self.seen += 1;
        let said = Said::read(|name| part.header(name));
        if said != Said::Nothing {
            self.server = Server::Ustreamer;
        }
        if said == Said::Offline {
            return self.shared.refuse(Miss::Offline { camera: self.shared.name() });
        }
        if part.body.is_empty() {
            return;
        }
        let JpegInfo { width, height } = match JpegInfo::read(&part.body) {
            Ok(info) => info,
            Err(flaw) => return self.shared.refuse(Miss::NotAJpeg { camera: self.shared.name(), flaw }),
        };
        let (exposed, freshness) = self.exposures.bound(said, received);
        if said == Said::Nothing && self.seen == 1 {
            // Many servers begin with their last frame, which may be of any age.
            return;
        }
        // The parser's buffer is larger than the frame and would be kept alive by it.
        let jpeg = Bytes::copy_from_slice(&part.body);
        let (width, height) = (u32::from(width), u32::from(height));
        self.keep(Frame { jpeg, width, height, exposed, freshness, received });
    }

    fn keep(&self, frame: Frame) {
        let Frame { width, height, freshness, received, .. } = frame;
        let interval = self.exposures.interval();
        let (hold, latency) = (self.exposures.hold(), seconds(self.exposures.latency()));
        let (server, measured) = (self.server, self.seen > MEASURED);
        let connected_now = self.shared.update(|state| {
            // A glance at the pace of a camera of stills is no connection.
            let streams = state.facts.kind == Kind::Stream;
            let new = streams && !std::mem::replace(&mut state.facts.connected, streams);
            state.facts.server = server;
            state.facts.resolution = Some((width, height));
            state.facts.freshness = Some(freshness);
            state.facts.fps = measured.then(|| 1.0 / interval);
            state.facts.latency = latency;
            state.facts.trouble = None;
            state.interval = interval;
            state.hold = hold;
            if new {
                state.reel.clear();
                state.facts.counts.connections += 1;
            }
            if state.repeats(&frame.jpeg) {
                state.refused = Some((received, Miss::Frozen { camera: self.shared.name() }));
            } else {
                state.reel.push(frame);
            }
            new
        });
        if connected_now {
            info!(camera = %self.shared.spec.name, %server, width, height, %freshness, "camera connected");
        }
    }
}
