//! A program as camera: when its picture counts, when the head may leave, and that nothing of it stays behind.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use moonlapse::camera::{Camera, CameraSpec, Frame, Freshness, Miss, Script, Source, Span};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera::{CameraConfig, Look, ScriptedMachine, monotonic};
use moonlapse_rig::machine::TruePosition;

fn span(from: f64, until: f64) -> Span {
    let at = |t| MonoTime::from_secs_f64(t).unwrap();
    Span { from: at(from), until: at(until) }
}

fn soon(seconds: f64) -> Span {
    let now = monotonic();
    span(now + 0.1, now + 0.1 + seconds)
}

/// Two different pictures in `folder`, `1.jpg` and `2.jpg`.
async fn pictures(folder: &Path) {
    let look = Look { width: 64, height: 48, ..Look::default() };
    let config = CameraConfig { look, ..CameraConfig::default() };
    let machine = ScriptedMachine::new(0.0, TruePosition::default());
    let server = moonlapse_rig::camera::Camera::start(config, std::sync::Arc::new(machine)).await.unwrap();
    let url = server.snapshot_url().parse().unwrap();
    let camera = Camera::open(CameraSpec::web("source", None, Some(url)), Clock::real());
    for name in ["1.jpg", "2.jpg"] {
        let Frame { jpeg, .. } = camera.capture(soon(5.0)).await.unwrap();
        std::fs::write(folder.join(name), jpeg).unwrap();
    }
}

/// A camera that runs `line` in a shell, in which `$PICTURES` is the folder of [`pictures`].
fn camera(folder: &Path, line: &str) -> Camera {
    let line = line.replace("$PICTURES", &folder.to_string_lossy());
    let mut script = Script::parse("sh -c").unwrap();
    script.command.push(line);
    let spec = CameraSpec { source: Source::Script(script), ..CameraSpec::web("dslr", None, None) };
    Camera::open(spec, Clock::real())
}

#[tokio::test]
async fn a_picture_comes_by_file_or_by_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path()).await;
    for line in [
        "cp $PICTURES/{number}.jpg {file}",
        "cat $PICTURES/{number}.jpg",
        "echo New file is in location /capt.jpg; echo noise >&2; cat $PICTURES/{number}.jpg",
    ] {
        let camera = camera(folder.path(), line);
        for name in ["1.jpg", "2.jpg"] {
            let still = soon(5.0);
            let frame = camera.capture(still).await.unwrap();
            assert_eq!(frame.jpeg, std::fs::read(folder.path().join(name)).unwrap(), "{line}");
            assert_eq!((frame.width, frame.height, frame.freshness), (64, 48, Freshness::Promised));
            assert!(still.contains(frame.exposed));
        }
        let counts = camera.facts().counts;
        assert_eq!((counts.taken, counts.missed), (2, 0));
    }
}

#[tokio::test]
async fn the_head_may_leave_at_the_shutter_while_the_picture_is_downloaded() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path()).await;
    let camera = camera(folder.path(), "echo shutter; sleep 2; cat $PICTURES/{number}.jpg");
    let still = soon(1.5);
    let frame = camera.capture(still).await.unwrap();
    assert!(frame.exposed.until <= still.until);
    assert!(frame.received.secs_since(frame.exposed.until) >= 2.0);
    // From now on the head stands still as long as was measured.
    assert!(camera.required_hold() < Duration::from_millis(1500), "{:?}", camera.required_hold());
}

#[tokio::test]
async fn a_shutter_that_closes_after_the_stop_is_a_miss_and_the_next_hold_is_longer() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path()).await;
    let camera = camera(folder.path(), "sleep 1; cat $PICTURES/{number}.jpg");
    let miss = camera.capture(soon(0.3)).await.unwrap_err();
    assert!(matches!(miss, Miss::NoneInside { .. }), "{miss}");
    let hold = camera.required_hold();
    assert!(hold > Duration::from_secs(1), "{hold:?}");
}

#[tokio::test]
async fn the_same_picture_again_is_no_frame() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path()).await;
    let camera = camera(folder.path(), "cat $PICTURES/1.jpg");
    camera.capture(soon(5.0)).await.unwrap();
    assert_eq!(camera.capture(soon(5.0)).await, Err(Miss::Frozen { camera: "dslr".into() }));
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mut script = Script::parse("sh -c").unwrap();
    // The child writes its id where we find it; only its group's kill reaches it.
    script.command.push(format!("sleep 600 & echo $! > {}/child; wait", folder.path().display()));
    script.timeout = Duration::from_secs(2);
    let spec = CameraSpec { source: Source::Script(script), ..CameraSpec::web("dslr", None, None) };
    let miss = Camera::open(spec, Clock::real()).capture(soon(0.5)).await.unwrap_err();
    assert_eq!(miss, Miss::ProgramHung { camera: "dslr".into(), limit: Duration::from_secs(2) });
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        // A zombie is dead; who reaps orphans differs from host to host.
        stat.map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('Z')))
    };
    let patience = monotonic() + 5.0;
    while !gone() && monotonic() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gone(), "process {child} still runs");
}
