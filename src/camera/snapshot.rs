//! One request per frame, for cameras without a stream, and for stills that are larger than the stream's.

use std::time::Duration;

use tracing::{debug, info};
use url::Url;

use super::address::printable;
use super::exposure::{Said, bound_snapshot, uncalibrated_lead};
use super::frame::seconds;
use super::http::{self, Web};
use super::server::{self, Server};
use super::state::Shared;
use super::{Frame, Freshness, JpegFlaw, JpegInfo, Miss, Span};
use crate::clock::MonoTime;

/// One picture; a DSLR's is about 12 MB.
const MAX_PICTURE: usize = 32 << 20;
/// From the request to the last byte.
const PATIENCE: Duration = Duration::from_secs(6);
/// Pictures by which a camera is judged at first.
const LOOKS: u32 = 6;
/// Between two requests for one frame.
const AGAIN: Duration = Duration::from_millis(15);

/// How much later than usual a busy host may hand a picture on, where nobody says when it was taken, s.
const HICCUP: f64 = 0.05;
/// Added to the hold, for phases between request and sensor that have not been seen, s.
const PHASE: f64 = 0.005;

/// Learns which server it is and what its snapshots are like.
pub(super) async fn look(shared: &Shared, web: &Web, url: &Url) -> Result<(), Miss> {
    let mut snapshot = fetch(shared, web, url, Server::Other).await?;
    if snapshot.server == Server::Other && server::is_camera_streamer(web, url).await {
        snapshot.server = Server::CameraStreamer;
    }
    let Snapshot { frame: Frame { width, height, .. }, server, .. } = snapshot;
    shared.update(|state| {
        state.facts.server = server;
        state.facts.counts.connections += 1;
        state.snapshots = Some(url.clone());
    });
    // Again, in the way that this server is asked for frames, for the freshness and the hold. The first answer after a
    // pause may be slow or old.
    for _ in 0..LOOKS {
        tokio::time::sleep(AGAIN).await;
        snapshot = fetch(shared, web, url, server).await?;
        note(shared, &snapshot);
    }
    info!(camera = %shared.spec.name, %server, width, height, freshness = %snapshot.frame.freshness, "camera answers");
    Ok(())
}

/// The size of a snapshot; nothing is noted about the camera.
pub(super) async fn size(shared: &Shared, web: &Web, url: &Url) -> Result<(u32, u32), Miss> {
    let Snapshot { frame, .. } = fetch(shared, web, url, Server::Other).await?;
    Ok((frame.width, frame.height))
}

/// Asks when a frame taken from then on lies in `still`, and checks what the answer says about its age.
pub(super) async fn capture(shared: &Shared, web: &Web, still: Span) -> Result<Frame, Miss> {
    let (url, server) = address(shared)?;
    shared.clock.sleep_until(still.from.offset(lead(shared, server))).await;
    let mut last = None;
    // Servers that answer with their last frame, or with an error, are asked again while the head still stands.
    while shared.clock.monotonic() <= still.until {
        match fetch(shared, web, &url, server).await {
            Ok(snapshot) => {
                let repeated = note(shared, &snapshot);
                let frame = snapshot.frame;
                if !repeated && still.contains(frame.exposed) {
                    return Ok(frame);
                }
                let early = frame.exposed.from < still.from;
                debug!(camera = %shared.spec.name, repeated, early, "a snapshot was not of the right time");
                let camera = shared.name();
                if repeated {
                    last = Some(Miss::Frozen { camera });
                } else if early {
                    let waited = seconds(shared.clock.monotonic().secs_since(still.from));
                    last = Some(Miss::OnlyBefore { camera, waited });
                } else {
                    let needed = shared.state().needed_hold();
                    return Err(Miss::NoneInside { camera, held: still.length(), needed });
                }
            }
            Err(miss) => {
                shared.refuse(miss.clone());
                if !miss.may_pass() {
                    return Err(miss);
                }
                last = Some(miss);
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
    Err(last.unwrap_or_else(|| Miss::TooLate { camera: shared.name() }))
}

/// Asks so that the exposure falls on `at` as nearly as is known.
pub(super) async fn capture_nearest(shared: &Shared, web: &Web, at: MonoTime, within: Duration) -> Result<Frame, Miss> {
    let (url, server) = address(shared)?;
    if shared.clock.monotonic() > at + within {
        return Err(Miss::TooLate { camera: shared.name() });
    }
    shared.clock.sleep_until(at).await;
    let snapshot = fetch(shared, web, &url, server).await?;
    if note(shared, &snapshot) {
        return Err(Miss::Frozen { camera: shared.name() });
    }
    let far = snapshot.frame.exposed.middle().secs_since(at).abs();
    if far <= within.as_secs_f64() {
        return Ok(snapshot.frame);
    }
    Err(Miss::NoneNear { camera: shared.name(), within, nearest: seconds(far) })
}

/// The picture that the server gives now, of whatever time, and when it was asked for; nothing is noted about the camera.
pub(super) async fn next(shared: &Shared, web: &Web) -> Result<(Frame, MonoTime), Miss> {
    let (url, server) = address(shared)?;
    let snapshot = fetch(shared, web, &url, server).await?;
    Ok((snapshot.frame, snapshot.asked))
}

fn address(shared: &Shared) -> Result<(Url, Server), Miss> {
    let state = shared.state();
    let entered = || shared.spec.web_source().and_then(|web| web.snapshot.clone());
    let url = state.snapshots.clone().or_else(entered).ok_or_else(|| Miss::NoUrl { camera: shared.name() })?;
    Ok((url, state.facts.server))
}

/// How much before the request a picture's exposure may have begun, s, where nothing says when it did: the answer may be
/// the server's last picture.
fn assumed_lead(shared: &Shared, server: Server) -> f64 {
    let lead = uncalibrated_lead(shared.state().interval);
    match (server, shared.spec.timing) {
        (Server::Ustreamer | Server::CameraStreamer, _) => lead,
        (_, Some(timing)) => lead + timing.latency.as_secs_f64() + timing.jitter.as_secs_f64(),
        (_, None) => lead + shared.spec.latency.as_secs_f64() + HICCUP,
    }
}

/// So long after the head's arrival a snapshot is asked for, s. ustreamer tells how old its pictures are.
fn lead(shared: &Shared, server: Server) -> f64 {
    let assumed = assumed_lead(shared, server);
    if server == Server::Ustreamer { shared.state().leads.greatest().unwrap_or(assumed) } else { assumed }
}

struct Snapshot {
    frame: Frame,
    asked: MonoTime,
    server: Server,
}

/// Notes what a snapshot tells about the camera; whether it is the same as the one before.
fn note(shared: &Shared, snapshot: &Snapshot) -> bool {
    let Snapshot { frame, asked, server } = snapshot;
    let assumed = assumed_lead(shared, *server);
    shared.update(|state| {
        state.facts.connected = true;
        state.facts.trouble = None;
        state.facts.resolution = Some((frame.width, frame.height));
        state.facts.freshness = Some(frame.freshness);
        let repeated = state.repeats(&frame.jpeg);
        if !repeated {
            state.leads.push(asked.secs_since(frame.exposed.from));
            state.waits.push(frame.exposed.until.secs_since(*asked));
        }
        // Both depend on the phase between request and sensor, so that the longest of several counts.
        let lead = state.leads.greatest().unwrap_or(assumed);
        state.hold = lead + state.waits.greatest().unwrap_or_default().max(state.interval) + PHASE;
        repeated
    })
}

async fn fetch(shared: &Shared, web: &Web, url: &Url, server: Server) -> Result<Snapshot, Miss> {
    match tokio::time::timeout(PATIENCE, request(shared, web, url, server)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(web.unreachable(url, format!("no picture within {} s", PATIENCE.as_secs()))),
    }
}

async fn request(shared: &Shared, web: &Web, url: &Url, server: Server) -> Result<Snapshot, Miss> {
    // Unasked, camera-streamer answers with a picture from up to 300 ms before the request.
    let added: &[_] = if server == Server::CameraStreamer { &[("max_delay", "0")] } else { &[] };
    let asked = shared.clock.monotonic();
    let answer = web.get(url, added).await?;
    let same_host = http::is_this_host(answer.remote_addr());
    let content_type = http::content_type(&answer);
    let kind = content_type.to_ascii_lowercase();
    if kind.starts_with("multipart/") || kind.starts_with("text/") {
        return Err(Miss::NotAPicture { camera: shared.name(), url: printable(url), content_type });
    }
    let headers = answer.headers().clone();
    let body = web.body(url, answer, MAX_PICTURE).await?;
    let received = shared.clock.monotonic();
    let said = Said::read(|name| headers.get(name)?.to_str().ok());
    if said == Said::Offline {
        return Err(Miss::Offline { camera: shared.name() });
    }
    if body.is_empty() {
        return Err(Miss::Empty { camera: shared.name(), url: printable(url) });
    }
    let JpegInfo { width, height } = match JpegInfo::read(&body) {
        Ok(info) => info,
        // Many servers have no right type for their JPEGs; what is something else by type and content is that.
        Err(JpegFlaw::NotJpeg) if !kind.is_empty() && kind != "image/jpeg" => {
            return Err(Miss::NotAPicture { camera: shared.name(), url: printable(url), content_type });
        }
        Err(flaw) => return Err(Miss::NotAJpeg { camera: shared.name(), flaw }),
    };
    let found = Server::of(url, &headers);
    let (server, known) = if found == Server::Other { (server, server) } else { (found, found) };
    let lead = assumed_lead(shared, known);
    let (exposed, freshness) = match said {
        Said::Times(stamps) => {
            let interval = shared.state().interval;
            let freshness = if same_host { Freshness::Proven } else { Freshness::Compared };
            (bound_snapshot(stamps, same_host, interval, asked, received), freshness)
        }
        // When it ended nobody says; not after it came.
        _ => {
            let freshness = match known {
                Server::CameraStreamer => Freshness::Promised,
                _ if shared.spec.timing.is_some() => Freshness::Calibrated,
                _ => Freshness::Assumed,
            };
            (Span { from: asked.offset(-lead), until: received }, freshness)
        }
    };
    let (width, height) = (u32::from(width), u32::from(height));
    Ok(Snapshot { frame: Frame { jpeg: body, width, height, exposed, freshness, received }, asked, server })
}
