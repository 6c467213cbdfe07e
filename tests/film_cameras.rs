//! A print that several cameras film, on the simulated printer.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse::session::Store;
use moonlapse_rig::camera::{Camera, CameraConfig, Fault, FrameTruth, Look};
use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::studio::{PARK, PATIENT, Studio, StudioOptions, wait_for_text};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(180);

/// The rig's camera and one more, which is slower.
async fn studio_with_second_camera(more: &str) -> (Studio, Camera) {
    let look = Look { width: 320, height: 192, ..Look::default() };
    // Its address has to stand in the configuration of a printer that it needs to film.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut options = StudioOptions::new(AGENT);
    options.camera.look = look;
    options.timelapse = format!(
        "{PATIENT}camera: rig\ncameras: all\ncamera_gone_after: 2\ncamera_options:\n  second: rotation=180\n{more}\n[webcam second]\n\
         service: mjpegstreamer\nstream_url: http://127.0.0.1:{port}/?action=stream\n\
         snapshot_url: http://127.0.0.1:{port}/?action=snapshot\n"
    );
    let studio = options.start().await.unwrap();
    let config = CameraConfig { look, fps: 15.0, latency: Duration::from_millis(120), port, ..CameraConfig::default() };
    let second = Camera::start(config, studio.rig.machine()).await.unwrap();
    (studio, second)
}

async fn print(studio: &Studio, layers: usize) {
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.speed(200.0).await.unwrap();
    studio.rig.print("towers.gcode", sliced("towers_slicer_macro.gcode", layers).unwrap()).await.unwrap();
}

#[tokio::test]
async fn every_camera_has_a_reel_of_parked_frames_of_the_same_moments() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said");
    let hook = format!("hook_after_film: echo \"$MOONLAPSE_FRAMES\" {{film}} > {}\n", said.display());
    let (studio, _second) = studio_with_second_camera(&hook).await;
    print(&studio, 5).await;
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    let film = studio.wait_for_film(0, LIMIT).await.unwrap();
    // With the last frame shown again five times.
    wait_for_text(&said, 0, &format!("10 {}", film.display())).await.unwrap();
    let store = Store::attach(studio.rig.data().join("moonlapse")).unwrap();
    let session = store.find("latest").unwrap();
    let reels = store.reels(&session.id).unwrap();
    assert_eq!(reels.iter().map(|reel| reel.of.camera.as_deref()).collect::<Vec<_>>(), [Some("rig"), Some("second")]);
    assert_eq!(reels[1].of.view.rotation, 180);
    for reel in &reels {
        let frames = store.frames_of(&session.id, reel.number).unwrap();
        assert_eq!(frames.iter().map(|f| f.shot).collect::<Vec<_>>(), [1, 2, 3, 4, 5], "{}", studio.agent_log());
        for frame in frames {
            let truth = FrameTruth::from_jpeg(&std::fs::read(&frame.path).unwrap()).unwrap();
            let off = (truth.at_middle.x - PARK[0]).hypot(truth.at_middle.y - PARK[1]);
            assert!(off <= 0.05 && !truth.moved(0.05), "{}: {truth:?}", frame.path.display());
        }
    }
}

#[tokio::test]
async fn a_camera_that_is_gone_costs_the_other_one_nothing_and_is_told_of_once() {
    let (studio, second) = studio_with_second_camera("").await;
    second.set_fault(Fault::Off);
    let since = studio.rig.record();
    print(&studio, 6).await;
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let store = Store::attach(studio.rig.data().join("moonlapse")).unwrap();
    let summary = store.list().unwrap().remove(0);
    assert_eq!(summary.reels.iter().map(|r| (r.frames, r.misses)).collect::<Vec<_>>(), [(6, 0), (0, 6)]);
    let told = |line: &&String| line.contains("gave none of the last 2 frames");
    let console = studio.rig.console(&since);
    assert_eq!(console.iter().filter(told).count(), 1, "{console:?}");
}
