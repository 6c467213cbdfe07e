//! The virtual camera shows and tells the truth.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use moonlapse_rig::camera::{Camera, CameraConfig, FrameTruth, Look, Scene, ScriptedMachine, monotonic};
use moonlapse_rig::http_client;
use moonlapse_rig::machine::TruePosition;

fn config() -> CameraConfig {
    CameraConfig { look: Look { width: 320, height: 192, ..Look::default() }, ..CameraConfig::default() }
}

#[tokio::test]
async fn a_snapshot_shows_where_the_machine_stands_and_when() {
    let park = TruePosition { x: 20.0, y: 180.0, z: 3.0, e: 1.0 };
    let camera = Camera::start(config(), Arc::new(ScriptedMachine::new(0.0, park))).await.unwrap();
    let asked = monotonic();
    let answer = http_client().get(camera.snapshot_url()).send().await.unwrap();
    let grabbed: f64 = answer.headers()["X-UStreamer-Grab-Begin-Timestamp"].to_str().unwrap().parse().unwrap();
    let truth = FrameTruth::from_jpeg(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(truth.at_middle, park);
    assert!((grabbed - truth.end).abs() < 1e-5, "the driver stamps a frame when its exposure ends");
    assert!(truth.end > asked - 0.1);
}

#[tokio::test]
async fn the_sensor_runs_only_while_somebody_watches() {
    let camera = Camera::start(config(), Arc::new(ScriptedMachine::new(0.0, TruePosition::default()))).await.unwrap();
    assert_eq!(camera.watchers(), 0);
    let mut stream = http_client().get(camera.stream_url()).send().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    assert_eq!(camera.watchers(), 1);
}

#[test]
fn the_part_appears_where_filament_was_laid() {
    let mut scene = Scene::new(Look { width: 320, height: 192, ..Look::default() });
    let away = TruePosition { x: 10.0, y: 190.0, z: 40.0, e: 0.0 };
    let before = scene.draw(away).to_vec();
    let at = |x: f64, e: f64| TruePosition { x, y: 60.0, z: 0.3, e };
    // A travel leaves nothing, a wide strand does.
    scene.print(&[at(80.0, 0.0), at(120.0, 0.0)]);
    assert_eq!(scene.draw(away), before);
    scene.print(&[at(80.0, 6.0)]);
    assert_ne!(scene.draw(away), before);
    scene.clear();
    assert_eq!(scene.draw(away), before);
}
