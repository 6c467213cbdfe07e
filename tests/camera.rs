//! The agent's camera against the rig's: what it takes for a frame of a stop is one, whatever the server does.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use moonlapse::camera::{Camera, CameraSpec, Freshness, Kind, Miss, Source, Span, Web, resolve};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera as rig;
use moonlapse_rig::camera::{Fault, FrameTruth, ScriptedMachine};
use moonlapse_rig::machine::TruePosition;
use url::Url;

const CONNECT: Duration = Duration::from_secs(20);

/// Small pictures: these tests are about time.
fn config() -> rig::CameraConfig {
    rig::CameraConfig {
        look: rig::Look { width: 320, height: 192, ..rig::Look::default() },
        exposure: Duration::from_millis(10),
        ..rig::CameraConfig::default()
    }
}

fn spec(camera: &rig::Camera) -> CameraSpec {
    let host = "http://127.0.0.1:7125".parse().unwrap();
    let url = |entered: String| Some(resolve(&entered, &host).unwrap());
    CameraSpec::web("rig", url(camera.stream_url()), url(camera.snapshot_url()))
}

fn at(t: f64) -> MonoTime {
    MonoTime::from_secs_f64(t).unwrap()
}

fn span(from: f64, until: f64) -> Span {
    Span { from: at(from), until: at(until) }
}

/// From now on, for `seconds`.
fn now_for(seconds: f64) -> Span {
    let now = rig::monotonic();
    span(now, now + seconds)
}

fn home() -> TruePosition {
    TruePosition { x: 20.0, y: 180.0, z: 5.0, e: 0.0 }
}

async fn still_camera(config: rig::CameraConfig) -> (rig::Camera, Camera) {
    let server = rig::Camera::start(config, Arc::new(ScriptedMachine::new(0.0, home()))).await.unwrap();
    let camera = Camera::open(spec(&server), Clock::real());
    assert!(camera.ready(CONNECT).await, "{:?}", camera.facts());
    (server, camera)
}

/// Stops of `hold` seconds, each somewhere else, with moves in between whose lengths shift the stops' phase against the
/// frames.
fn stops(start: f64, count: u32, hold: f64) -> (ScriptedMachine, Vec<(Span, TruePosition)>) {
    let mut machine = ScriptedMachine::new(start, home());
    let stops = (0..count)
        .map(|i| {
            let away = TruePosition { x: 100.0 + f64::from(i % 7) * 9.0, y: 90.0, ..home() };
            machine.move_to(away, 0.021 + f64::from(i * 37 % 17) * 0.001);
            let park = TruePosition { x: 10.0 + f64::from(i % 5), ..home() };
            machine.move_to(park, 0.02);
            let (from, until) = machine.stand(hold);
            (span(from, until), park)
        })
        .collect();
    (machine, stops)
}

/// Captures every stop; returns how many frames were taken. Panics at the first that does not show its stop.
async fn take_all(config: rig::CameraConfig, count: u32, hold: f64, kind: Kind) -> (usize, Vec<Miss>) {
    let (machine, stops) = stops(rig::monotonic() + 3.0, count, hold);
    let server = rig::Camera::start(config, Arc::new(machine)).await.unwrap();
    let CameraSpec { source: Source::Web(Web { stream, snapshot, .. }), .. } = spec(&server) else { unreachable!() };
    let spec = CameraSpec::web("rig", stream.filter(|_| kind == Kind::Stream), snapshot);
    let camera = Camera::open(spec, Clock::real());
    assert!(camera.ready(CONNECT).await, "{:?}", camera.facts());
    let mut misses = Vec::new();
    for (still, park) in &stops {
        match camera.capture(*still).await {
            Err(miss) => misses.push(miss),
            Ok(frame) => {
                let truth = FrameTruth::from_jpeg(&frame.jpeg).unwrap();
                assert!(still.contains(frame.exposed));
                assert!(still.contains(span(truth.begin, truth.end)), "stale: {truth:?} for {still:?}");
                assert!(!truth.moved(0.001), "moving: {truth:?}");
                assert!((truth.at_middle.x - park.x).abs() < 0.001, "elsewhere: {truth:?}, {park:?}");
            }
        }
    }
    camera.close().await;
    (stops.len() - misses.len(), misses)
}

#[tokio::test]
async fn no_frame_of_two_hundred_stops_is_stale_or_moving() {
    let (taken, misses) = take_all(config(), 200, 0.13, Kind::Stream).await;
    println!("{taken} of 200 frames; first miss: {:?}", misses.first());
    assert!(taken > 150, "{taken} frames, {:?}", misses.first());
}

#[tokio::test]
async fn a_slow_pipeline_makes_frames_late_but_never_wrong() {
    let slow = rig::CameraConfig { latency: Duration::from_millis(600), ..config() };
    let (taken, misses) = take_all(slow, 12, 0.14, Kind::Stream).await;
    assert!(taken > 6, "{taken} frames, {misses:?}");
}

#[tokio::test]
async fn snapshots_serve_where_there_is_no_stream() {
    let (taken, misses) = take_all(config(), 12, 0.25, Kind::Snapshots).await;
    assert!(taken > 6, "{taken} frames, {misses:?}");
}

#[tokio::test]
async fn facts_are_measured_from_the_stream() {
    let (_server, camera) = still_camera(config()).await;
    let frame = camera.capture(now_for(0.5)).await.unwrap();
    let facts = camera.facts();
    assert_eq!((frame.width, frame.height), (320, 192));
    assert_eq!(facts.resolution, Some((320, 192)));
    assert_eq!(facts.freshness, Some(Freshness::Proven));
    assert!(facts.connected && facts.trouble.is_none());
    assert!(camera.required_hold() >= Duration::from_millis(60));
}

#[tokio::test]
async fn without_timestamps_the_assumed_latency_counts() {
    let plain = rig::CameraConfig { manner: rig::Manner::Plain, ..config() };
    let (_server, camera) = still_camera(plain).await;
    let frame = camera.capture(now_for(0.5)).await.unwrap();
    assert_eq!(frame.freshness, Freshness::Assumed);
    // 50 ms are assumed; a camera with none must not be taken for later than it is.
    assert_eq!(frame.exposed.until, frame.received);
    assert!(frame.received.secs_since(frame.exposed.from) > 0.05 + 0.03);
}

#[tokio::test]
async fn a_late_request_is_served_from_the_past() {
    let (server, camera) = still_camera(config()).await;
    let still = now_for(0.3);
    let first = camera.capture(still).await.unwrap();
    // Frames of long after the stop prove that the second request is late.
    camera.capture(span(still.until.as_secs_f64() + 0.5, still.until.as_secs_f64() + 1.0)).await.unwrap();
    assert_eq!(camera.capture(still).await.unwrap(), first);
    let long_ago = span(still.from.as_secs_f64() - 100.0, still.from.as_secs_f64() - 99.9);
    assert_eq!(camera.capture(long_ago).await, Err(Miss::TooLate { camera: "rig".into() }));
    drop(server);
}

#[tokio::test]
async fn the_frame_nearest_to_an_instant_is_found_before_and_after_it() {
    let (_server, camera) = still_camera(config()).await;
    let ahead = at(rig::monotonic() + 0.3);
    let first = camera.capture_nearest(ahead, Duration::from_millis(40)).await.unwrap();
    // Half a frame interval, and the uncertainty of the bounds.
    assert!(first.exposed.middle().secs_since(ahead).abs() <= 0.04);
    assert_eq!(camera.capture_nearest(ahead, Duration::from_millis(40)).await.unwrap(), first);
    let miss = camera.capture_nearest(at(rig::monotonic() - 100.0), Duration::from_millis(40)).await.unwrap_err();
    assert!(matches!(miss, Miss::NoneNear { .. }), "{miss}");
}

#[tokio::test]
async fn filming_goes_on_when_the_camera_comes_back() {
    let (server, camera) = still_camera(config()).await;
    camera.capture(now_for(0.4)).await.unwrap();
    server.set_fault(Fault::Off);
    let miss = camera.capture(now_for(0.4)).await;
    // What was in flight may still have been taken.
    if miss.is_ok() {
        let miss = camera.capture(now_for(0.4)).await.unwrap_err();
        assert!(matches!(miss, Miss::Unreachable { .. }), "{miss}");
    }
    assert!(!camera.facts().connected);
    server.set_fault(Fault::None);
    assert!(camera.ready(CONNECT).await);
    let still = now_for(0.5);
    let truth = FrameTruth::from_jpeg(&camera.capture(still).await.unwrap().jpeg).unwrap();
    assert!(still.contains(span(truth.begin, truth.end)));
}

#[tokio::test]
async fn a_stalled_camera_is_a_miss_soon_after_the_stop() {
    let (server, camera) = still_camera(config()).await;
    server.set_fault(Fault::Stall);
    let still = span(rig::monotonic() + 0.3, rig::monotonic() + 0.4);
    let outcome = tokio::time::timeout(Duration::from_secs(10), camera.capture(still)).await.unwrap();
    assert!(matches!(outcome, Err(Miss::OnlyBefore { .. })), "{outcome:?}");
}

#[tokio::test]
async fn half_pictures_and_no_signal_pictures_are_refused() {
    let (server, camera) = still_camera(config()).await;
    server.set_fault(Fault::Truncated);
    let still = span(rig::monotonic() + 0.5, rig::monotonic() + 0.8);
    let miss = camera.capture(still).await.unwrap_err();
    assert!(matches!(miss, Miss::NotAJpeg { .. }), "{miss}");
    server.set_fault(Fault::Offline);
    let still = span(rig::monotonic() + 1.5, rig::monotonic() + 3.0);
    let miss = camera.capture(still).await.unwrap_err();
    assert_eq!(miss, Miss::Offline { camera: "rig".into() });
    assert!(!camera.facts().connected);
}

#[tokio::test]
async fn wrong_urls_are_told_in_a_sentence() {
    let server = rig::Camera::start(config(), Arc::new(ScriptedMachine::new(0.0, home()))).await.unwrap();
    for (fault, path, sentence) in [
        (Fault::Unavailable, "?action=stream", "answered 503"),
        (Fault::Html, "?action=stream", "gives a web page, no MJPEG stream"),
        (Fault::None, "nowhere", "answered 404"),
    ] {
        server.set_fault(fault);
        let stream = format!("http://{}/{path}", server.address()).parse().unwrap();
        let spec = CameraSpec::web("rig", Some(stream), None);
        let camera = Camera::open(spec, Clock::real());
        let still = now_for(0.6);
        let miss = camera.capture(still).await.unwrap_err().to_string();
        assert!(miss.contains(sentence), "{miss}");
    }
}

#[tokio::test]
async fn a_stream_url_that_is_none_falls_back_to_snapshots() {
    let server = rig::Camera::start(config(), Arc::new(ScriptedMachine::new(0.0, home()))).await.unwrap();
    let snapshot: Url = server.snapshot_url().parse().unwrap();
    let wrong = CameraSpec::web("rig", Some(snapshot.clone()), Some(snapshot));
    let camera = Camera::open(wrong, Clock::real());
    assert!(camera.ready(CONNECT).await);
    assert_eq!(camera.facts().kind, Kind::Snapshots);
    let still = now_for(3.0);
    let frame = camera.capture(still).await.unwrap();
    assert!(still.contains(frame.exposed));
}
