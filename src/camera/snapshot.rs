//! One request per frame, for cameras without a stream.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tracing::debug;
use url::Url;

use super::exposure::{DEFAULT_INTERVAL, Exposures, Said};
use crate::clock::MonoTime;

use super::{Frame, Freshness, JpegInfo, Miss, Shared, Span, http};

/// One picture; a DSLR's is about 12 MB.
const MAX_PICTURE: usize = 32 << 20;
/// From the request to the last byte.
const PATIENCE: Duration = Duration::from_secs(6);

/// Asks when a frame taken from then on lies in `still`, and checks what the answer says about its age.
pub(super) async fn capture(shared: &Shared, client: &reqwest::Client, still: Span) -> Result<Frame, Miss> {
    let url = shared.spec.snapshot_url.as_ref().ok_or_else(|| Miss::NoUrl { camera: shared.spec.name.clone() })?;
    // A frame may begin one exposure before it is grabbed; a server that tells no times may be the latency behind.
    let proven = shared.state().facts.freshness == Some(Freshness::Proven);
    let behind = if proven { Duration::ZERO } else { shared.spec.latency };
    let first = still.from.offset(DEFAULT_INTERVAL.max(behind.as_secs_f64()));
    shared.clock.sleep_until(first).await;
    let mut last = None;
    // Servers that answer with their last frame are asked again while the head still stands.
    while shared.clock.monotonic() <= still.until {
        let fetched = tokio::time::timeout(PATIENCE, fetch(shared, client, url)).await;
        let outcome = fetched.unwrap_or_else(|_| {
            Err(Miss::Unreachable {
                camera: shared.spec.name.clone(),
                url: super::address::printable(url),
                detail: format!("no picture within {} s", PATIENCE.as_secs()),
            })
        });
        match outcome {
            Ok(frame) if still.contains(frame.exposed) => {
                note(shared, &frame);
                return Ok(frame);
            }
            Ok(frame) => {
                let early = frame.exposed.from < still.from;
                debug!(camera = %shared.spec.name, early, "a snapshot was not of the right time");
                note(shared, &frame);
                last = Some(if early {
                    let waited = shared.clock.monotonic().secs_since(still.from);
                    let waited = Duration::try_from_secs_f64(waited).unwrap_or_default();
                    Miss::OnlyBefore { camera: shared.spec.name.clone(), waited }
                } else {
                    let needed = Duration::from_secs_f64(4.0 * DEFAULT_INTERVAL);
                    Miss::NoneInside { camera: shared.spec.name.clone(), held: still.length(), needed }
                });
                if !early {
                    break;
                }
            }
            Err(miss) => {
                shared.update(|state| {
                    state.facts.connected = false;
                    state.facts.trouble = Some(miss.clone());
                });
                return Err(miss);
            }
        }
    }
    Err(last.unwrap_or_else(|| Miss::TooLate { camera: shared.spec.name.clone() }))
}

/// Asks so that the exposure falls on `at` as nearly as is known.
pub(super) async fn capture_nearest(
    shared: &Shared,
    client: &reqwest::Client,
    at: MonoTime,
    within: Duration,
) -> Result<Frame, Miss> {
    let url = shared.spec.snapshot_url.as_ref().ok_or_else(|| Miss::NoUrl { camera: shared.spec.name.clone() })?;
    if shared.clock.monotonic() > at + within {
        return Err(Miss::TooLate { camera: shared.spec.name.clone() });
    }
    shared.clock.sleep_until(at).await;
    let frame = fetch(shared, client, url).await?;
    note(shared, &frame);
    let far = frame.exposed.middle().secs_since(at).abs();
    if far <= within.as_secs_f64() {
        return Ok(frame);
    }
    let nearest = Duration::try_from_secs_f64(far).unwrap_or_default();
    Err(Miss::NoneNear { camera: shared.spec.name.clone(), within, nearest })
}

fn note(shared: &Shared, frame: &Frame) {
    shared.update(|state| {
        state.facts.connected = true;
        state.facts.trouble = None;
        state.facts.resolution = Some((frame.width, frame.height));
        state.facts.freshness = Some(frame.freshness);
        // Two frame intervals, and the phase between our request and the sensor's beat.
        state.hold = 4.0 * DEFAULT_INTERVAL;
    });
}

async fn fetch(shared: &Shared, client: &reqwest::Client, url: &Url) -> Result<Frame, Miss> {
    let asked = shared.clock.monotonic();
    let answer = http::get(shared, client, url).await?;
    let same_host = http::is_this_host(answer.remote_addr());
    let headers = answer.headers().clone();
    let body = body(shared, url, answer).await?;
    let received = shared.clock.monotonic();
    let said = Said::read(|name| headers.get(name)?.to_str().ok());
    if said == Said::Offline {
        return Err(Miss::Offline { camera: shared.spec.name.clone() });
    }
    let JpegInfo { width, height } =
        JpegInfo::read(&body).map_err(|flaw| Miss::NotAJpeg { camera: shared.spec.name.clone(), flaw })?;
    let (exposed, freshness) = match said {
        Said::Times(_) => Exposures::new(shared.spec.latency, same_host).bound(said, received),
        // It was exposed after the request, less the latency; when exactly, nobody says.
        _ => {
            let from = asked - shared.spec.latency;
            (Span { from, until: from.offset(2.0 * DEFAULT_INTERVAL) }, Freshness::Assumed)
        }
    };
    Ok(Frame { jpeg: body, width: u32::from(width), height: u32::from(height), exposed, freshness, received })
}

/// The whole body, within [`MAX_PICTURE`].
async fn body(shared: &Shared, url: &Url, answer: reqwest::Response) -> Result<Bytes, Miss> {
    let broken = |detail: String| Miss::Unreachable {
        camera: shared.spec.name.clone(),
        url: super::address::printable(url),
        detail,
    };
    let mut body = BytesMut::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|error| broken(http::cause(&error)))?);
        if body.len() > MAX_PICTURE {
            return Err(broken(format!("its picture is larger than {MAX_PICTURE} bytes")));
        }
    }
    Ok(body.freeze())
}
