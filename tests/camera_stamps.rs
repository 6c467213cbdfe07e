//! Cameras whose servers tell wrong times: whatever they say, no frame of another moment is taken for one of a stop.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use moonlapse::camera::{Camera, CameraSpec, Freshness, Span};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera as rig;
use moonlapse_rig::camera::{Fault, FrameTruth, Manner, ScriptedMachine};
use moonlapse_rig::machine::TruePosition;

/// Stops before the server begins to lie, and after that.
const HONEST: usize = 8;
const LYING: usize = 40;
/// Long enough for a camera that tells no times, s.
const HOLD: f64 = 0.18;

fn span(from: f64, until: f64) -> Span {
    let at = |t| MonoTime::from_secs_f64(t).unwrap();
    Span { from: at(from), until: at(until) }
}

fn home() -> TruePosition {
    TruePosition { x: 20.0, y: 180.0, z: 5.0, e: 0.0 }
}

/// Stops of [`HOLD`], each somewhere else, with moves in between.
fn stops(start: f64) -> (ScriptedMachine, Vec<(f64, f64, TruePosition)>) {
    let mut machine = ScriptedMachine::new(start, home());
    let stop = |i: u32| {
        machine.move_to(TruePosition { x: 100.0 + f64::from(i % 7) * 9.0, y: 90.0, ..home() }, 0.07);
        let park = TruePosition { x: 10.0 + f64::from(i % 5), ..home() };
        machine.move_to(park, 0.05 + f64::from(i * 37 % 17) * 0.002);
        let (from, until) = machine.stand(HOLD);
        (from, until, park)
    };
    let stops = (0..u32::try_from(HONEST + LYING).unwrap()).map(stop).collect();
    (machine, stops)
}

/// Captures every stop, of which all but the first few lie behind the beginning of the lie. Gives how many of those were
/// taken, and how the time of the last one was known; none of them may be wrong.
async fn film(lie: impl FnOnce(f64) -> Fault) -> (usize, Option<Freshness>) {
    let (machine, stops) = stops(rig::monotonic() + 3.0);
    let look = rig::Look { width: 320, height: 192, ..rig::Look::default() };
    // A picture that the busy host of the test makes late would be one that arrives late, too.
    let config =
        rig::CameraConfig { look, manner: Manner::Ustreamer, drops_late: true, ..rig::CameraConfig::default() };
    let server = rig::Camera::start(config, Arc::new(machine)).await.unwrap();
    let url = |text: String| text.parse().ok();
    let spec = CameraSpec::web("liar", url(server.stream_url()), url(server.snapshot_url()));
    let camera = Camera::open(spec, Clock::real());
    assert!(camera.ready(Duration::from_secs(20)).await, "{:?}", camera.facts());
    let mut lie = Some(lie);
    let (mut taken, mut freshness) = (0, None);
    for (number, (from, until, park)) in stops.into_iter().enumerate() {
        if number == HONEST {
            // The stop that a stuck clock claims is the next one.
            server.set_fault(lie.take().unwrap()(from + HOLD * 0.6));
        }
        let Ok(frame) = camera.capture(span(from, until)).await else { continue };
        let truth = FrameTruth::from_jpeg(&frame.jpeg).unwrap();
        assert!(from <= truth.begin && truth.end <= until, "stop {number}: {frame:?} {truth:?}");
        assert!((truth.at_middle.x - park.x).abs() < 0.001 && !truth.moved(0.001), "stop {number}: {truth:?}");
        taken += usize::from(number >= HONEST);
        freshness = Some(frame.freshness);
    }
    camera.close().await;
    (taken, freshness)
}

#[tokio::test]
async fn a_clock_that_stands_still_does_not_make_a_moving_frame_one_of_its_stop() {
    let (taken, freshness) = film(|at| Fault::StampsStuck((at * 1e3) as u64)).await;
    assert!(taken > LYING / 4, "{taken}");
    assert_eq!(freshness, Some(Freshness::Assumed));
}

#[tokio::test]
async fn pictures_from_the_future_are_timed_by_their_arrival() {
    let (taken, freshness) = film(|_| Fault::StampsAhead).await;
    assert!(taken > LYING / 4, "{taken}");
    assert_eq!(freshness, Some(Freshness::Assumed));
}

#[tokio::test]
async fn a_clock_that_is_set_back_or_ahead_is_compared_anew() {
    let ((back, _), (ahead, freshness)) =
        tokio::join!(film(|_| Fault::ClockOff(-1500)), film(|_| Fault::ClockOff(2000)));
    assert!(back > LYING / 4 && ahead > LYING / 4, "{back} {ahead}");
    assert_eq!(freshness, Some(Freshness::Compared));
}

#[tokio::test]
async fn a_clock_that_jumps_is_never_believed() {
    let (taken, freshness) = film(|_| Fault::ClockJumps).await;
    assert!(taken > LYING / 4, "{taken}");
    assert_eq!(freshness, Some(Freshness::Assumed));
}
