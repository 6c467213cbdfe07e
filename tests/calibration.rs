//! Calibration against the rig's camera, whose latency is known: streams with and without timestamps, and snapshots.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::sync::Arc;
use std::time::Duration;

use moonlapse::calibration::{Place, Stand, Timing, Tour, Watch, measure};
use moonlapse::camera::{Camera, CameraSpec, Kind, resolve};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera as rig;
use moonlapse_rig::camera::{FrameTruth, Manner, ScriptedMachine};
use moonlapse_rig::machine::TruePosition;

/// How a camera is built and asked.
#[derive(Clone, Copy, Debug)]
struct Case {
    manner: Manner,
    kind: Kind,
    /// Of the server, from the end of an exposure on.
    latency_ms: u64,
    exposure_ms: u64,
    /// How finely the blur of the moving head is drawn.
    blur: u16,
    fps: f64,
}

const HOME: TruePosition = TruePosition { x: 80.0, y: 120.0, z: 40.0, e: 0.0 };
/// As a printer at 200 mm/s and 3000 mm/s².
const SPEED: f64 = 200.0;
const ACCELERATION: f64 = 3000.0;

/// A head that accelerates, travels and brakes, in straight pieces of a few milliseconds.
fn travel(machine: &mut ScriptedMachine, from: f64, to: f64) {
    let way = (to - from).abs();
    let ramp = SPEED / ACCELERATION;
    let total = way / SPEED + ramp;
    let at = |t: f64| {
        if t < ramp {
            0.5 * ACCELERATION * t * t
        } else if t > total - ramp {
            way - 0.5 * ACCELERATION * (total - t).powi(2)
        } else {
            SPEED * (t - ramp / 2.0)
        }
    };
    let pieces = (total / 0.004).ceil();
    for piece in 1..=pieces as u32 {
        let x = from + (to - from).signum() * at(total * f64::from(piece) / pieces);
        machine.move_to(TruePosition { x, ..HOME }, total / pieces);
    }
}

/// The whole tour, as the printer would make it from now on.
fn tour(interval: f64) -> (ScriptedMachine, Vec<Stand>) {
    let tour = Tour { x: [80.0, 160.0], speed: SPEED };
    let mut machine = ScriptedMachine::new(rig::monotonic(), HOME);
    let (from, until) = machine.stand(5.0);
    let mut stands = vec![Stand { place: Place::A, from, until: Some(until) }];
    let mut x = HOME.x;
    for step in tour.steps(interval) {
        travel(&mut machine, x, step.x);
        x = step.x;
        let (from, until) = machine.stand(step.dwell);
        stands.push(Stand { place: step.place, from, until: Some(until) });
    }
    stands.last_mut().unwrap().until = None;
    (machine, stands)
}

/// How late the frames truly were, s: the median over some of them, by what the rig has written into each.
async fn true_latency(camera: &Camera, clock: Clock) -> f64 {
    let mut late = Vec::new();
    let mut after = clock.monotonic();
    while late.len() < 60 {
        let seen = camera.next_after(after).await.unwrap();
        after = seen.frame.received;
        let truth = FrameTruth::from_jpeg(&seen.frame.jpeg).unwrap();
        late.push(seen.asked.unwrap_or(seen.frame.received).as_secs_f64() - truth.end);
        // Requests at other phases than those of the calibration.
        clock.sleep_until(after + Duration::from_millis(23)).await;
    }
    late.sort_by(f64::total_cmp);
    late[late.len() / 2]
}

/// Every exposure ends within the bounds that the camera gives by what was found; the head may leave then.
async fn assert_bounds_hold(spec: CameraSpec, timing: &Timing, clock: Clock) {
    let spec = CameraSpec { timing: Some(timing.for_camera()), ..spec };
    let camera = Camera::open(spec, clock);
    let mut after = clock.monotonic();
    for _ in 0..20 {
        let seen = camera.next_after(after).await.unwrap();
        after = seen.frame.received;
        let truth = FrameTruth::from_jpeg(&seen.frame.jpeg).unwrap();
        let over = truth.end - seen.frame.exposed.until.as_secs_f64();
        assert!(over <= 0.003, "an exposure ended {over:.3} s behind its bounds: {timing:?}");
    }
    camera.close().await;
}

/// What was found, and how late the frames truly were.
async fn calibrate(case: Case) -> (Timing, f64) {
    let clock = Clock::real();
    let (machine, stands) = tour(1.0 / case.fps);
    let config = rig::CameraConfig {
        look: rig::Look { width: 320, height: 192, ..rig::Look::default() },
        fps: case.fps,
        exposure: Duration::from_millis(case.exposure_ms),
        blur: case.blur,
        latency: Duration::from_millis(case.latency_ms),
        manner: case.manner,
        ..rig::CameraConfig::default()
    };
    let server = rig::Camera::start(config, Arc::new(machine)).await.unwrap();
    let host = "http://127.0.0.1:7125".parse().unwrap();
    let stream = (case.kind == Kind::Stream).then(|| resolve(&server.stream_url(), &host).unwrap());
    let spec = CameraSpec::web("rig", stream, Some(resolve(&server.snapshot_url(), &host).unwrap()));
    let camera = Arc::new(Camera::open(spec.clone(), clock));
    let mut watch = Watch::start(Arc::clone(&camera), clock);
    let last = MonoTime::from_secs_f64(stands.last().unwrap().from).unwrap();
    let truth = true_latency(&camera, clock).await;
    clock.sleep_until(last).await;
    let quiet = Duration::from_secs_f64(Tour::longest_dwell(1.0 / case.fps) + 0.5);
    assert!(watch.quiet_for(quiet, Duration::from_secs(10)).await, "the head never came to rest in the pictures");
    let (looks, trouble) = watch.end().await;
    assert_eq!(trouble, None);
    let timing = measure(&looks, &stands).unwrap();
    if case.kind == Kind::Stream {
        assert_bounds_hold(spec, &timing, clock).await;
    }
    (timing, truth)
}

fn stream(manner: Manner, latency_ms: u64) -> Case {
    Case { manner, kind: Kind::Stream, latency_ms, exposure_ms: 12, blur: 1, fps: 30.0 }
}

/// The bound that every case must keep: one frame interval.
async fn assert_within_an_interval(case: Case) -> Timing {
    let (timing, truth) = calibrate(case).await;
    println!("{case:?}: truly {truth:.3}: {timing:?}");
    assert!((timing.latency_s - truth).abs() <= 1.0 / case.fps, "{case:?}: truly {truth:.3}: {timing:?}");
    timing
}

#[tokio::test]
async fn a_stream_without_timestamps_is_measured_within_a_frame_interval() {
    let (near, far) = tokio::join!(
        assert_within_an_interval(stream(Manner::Plain, 40)),
        assert_within_an_interval(stream(Manner::Plain, 800))
    );
    assert_eq!((near.stamps, far.stamps), (None, None));
}

#[tokio::test]
async fn ustreamers_timestamps_are_found_right() {
    let timing = assert_within_an_interval(stream(Manner::Ustreamer, 300)).await;
    assert!(timing.stamps.unwrap().right, "{timing:?}");
}

#[tokio::test]
async fn snapshots_and_slow_cameras_are_measured_too() {
    let slow = Case { fps: 10.0, exposure_ms: 40, ..stream(Manner::Plain, 150) };
    let snapshots = Case { kind: Kind::Snapshots, ..stream(Manner::Plain, 250) };
    tokio::join!(assert_within_an_interval(slow), assert_within_an_interval(snapshots));
}

#[tokio::test]
async fn a_head_that_is_blurred_by_a_long_exposure_is_measured_too() {
    let exposed = |exposure_ms| Case { fps: 10.0, exposure_ms, blur: 6, ..stream(Manner::Plain, 150) };
    tokio::join!(assert_within_an_interval(exposed(8)), assert_within_an_interval(exposed(80)));
}

/// `scripts/calibration` prints the whole table by this.
#[tokio::test]
#[ignore = "takes ten minutes"]
async fn table() {
    let latencies = [0, 20, 50, 100, 200, 350, 500, 650, 800];
    let mut cases = Vec::new();
    for latency_ms in latencies {
        cases.push(stream(Manner::Plain, latency_ms));
        cases.push(stream(Manner::Ustreamer, latency_ms));
        cases.push(Case { fps: 10.0, exposure_ms: 40, ..stream(Manner::Plain, latency_ms) });
        cases.push(Case { kind: Kind::Snapshots, ..stream(Manner::Plain, latency_ms) });
    }
    println!(
        "| server | fps | latency set, ms | true | found | error | of an interval | exposure (true) | jitter | hold | stamps |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut worst = 0.0_f64;
    for case in cases {
        let (timing, truth) = calibrate(case).await;
        let error = timing.latency_s - truth;
        let part = error.abs() * case.fps;
        worst = worst.max(part);
        println!(
            "| {:?}, {:?} | {} | {} | {:.1} | {:.1} | {:+.1} | {part:.2} | {:.0} ({}) | {:.1} | {:.0} | {} |",
            case.manner,
            case.kind,
            case.fps,
            case.latency_ms,
            truth * 1e3,
            timing.latency_s * 1e3,
            error * 1e3,
            timing.exposure_s * 1e3,
            case.exposure_ms,
            timing.jitter_s * 1e3,
            timing.hold_s() * 1e3,
            timing.stamps.map_or("none", |stamps| if stamps.right { "right" } else { "wrong" }),
        );
    }
    println!("worst: {worst:.2} of an interval");
    assert!(worst <= 1.0);
}
