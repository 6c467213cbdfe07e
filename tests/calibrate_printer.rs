//! `TIMELAPSE_CALIBRATE` on the simulated printer: what it finds, what it does with it, and when it does not move.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse_rig::camera::{Look, Manner};
use moonlapse_rig::host::Status;
use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::studio::{Studio, StudioOptions};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(180);

/// A server that tells no times, 350 ms late: with the usual assumption every frame would show the head on its way.
async fn studio() -> Studio {
    let mut options = StudioOptions::new(AGENT);
    options.camera.look = Look { width: 320, height: 192, ..Look::default() };
    options.camera.manner = Manner::Plain;
    options.camera.latency = Duration::from_millis(350);
    options.start().await.unwrap()
}

/// What the console says until the calibration has ended.
async fn calibrate(studio: &Studio, command: &str) -> String {
    let since = studio.rig.record();
    studio.rig.gcode(command).await.unwrap();
    let ended = |status: &Status| {
        status.console[since.console_from()..].iter().any(|line| line.text.contains("Timelapse: calibration "))
    };
    studio.rig.wait_for("the calibration", LIMIT, ended).await.unwrap();
    studio.rig.console(&since).join("\n")
}

#[tokio::test]
async fn a_late_camera_is_measured_and_then_filmed_with_as_it_is() {
    let studio = studio().await;
    studio.rig.gcode("G28").await.unwrap();
    let before = studio.rig.position();
    let said = calibrate(&studio, "TIMELAPSE_CALIBRATE Z=20").await;
    assert!(said.contains("calibration done"), "{said}\n{}", studio.agent_log());
    let (_, rest) = said.split_once("camera ’rig’: ").unwrap();
    let late: f64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!((late - 350.0).abs() <= 1000.0 / 30.0, "{said}");
    studio.rig.settle().await.unwrap();
    let after = studio.rig.position();
    assert!((after.z - 20.0).abs() < 0.01 && (after.x - before.x).abs() < 0.01, "{before:?} {after:?}");

    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.speed(200.0).await.unwrap();
    studio.rig.print("towers.gcode", sliced("towers_slicer_macro.gcode", 5).unwrap()).await.unwrap();
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap();
    // On a busy host a frame may come too late to be sure of, and is missed then; none that is taken is wrong.
    assert!(frames.len() >= 3, "{}", studio.agent_log());
    for frame in frames {
        assert!(frame.distance_from_park() <= 0.05, "{:?}\n{}", frame.truth, studio.agent_log());
    }
}

#[tokio::test]
async fn the_head_stays_where_it_is_when_the_printer_is_not_homed_or_cannot_rise() {
    let studio = studio().await;
    let before = studio.rig.position();
    let said = calibrate(&studio, "TIMELAPSE_CALIBRATE").await;
    assert!(said.contains("calibration failed: the printer is not homed"), "{said}");
    // The command asks the same agent, and says the same.
    let mut command = tokio::process::Command::new(AGENT);
    let command = command.arg("calibrate").arg("--data-path").arg(studio.rig.data()).output();
    let done = tokio::time::timeout(LIMIT, command).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(printed.contains("calibration failed: the printer is not homed"), "{done:?}");
    assert!(!done.status.success());
    studio.rig.gcode("G28").await.unwrap();
    let homed = studio.rig.position();
    let said = calibrate(&studio, "TIMELAPSE_CALIBRATE Z=400").await;
    assert!(said.contains("calibration failed: the head cannot rise"), "{said}");
    assert_eq!(studio.rig.position(), homed, "{before:?}");
    // Even when the agent is mistaken: the macro itself looks.
    studio.rig.gcode("_TIMELAPSE_CALIBRATE_STEP STEP=0 X=9000 Z=20 F=6000 DWELL=100").await.unwrap();
    studio.rig.gcode("_TIMELAPSE_CALIBRATE_STEP STEP=0 X=100 Z=9000 F=6000 DWELL=100").await.unwrap();
    studio.rig.settle().await.unwrap();
    assert_eq!(studio.rig.position(), homed);
}

#[tokio::test]
async fn during_a_print_nothing_is_calibrated() {
    let studio = studio().await;
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.print("towers.gcode", sliced("towers_slicer_macro.gcode", 3).unwrap()).await.unwrap();
    let printing = |status: &moonlapse_rig::host::Status| status.print_state() == "printing";
    studio.rig.wait_for("the print", LIMIT, printing).await.unwrap();
    let said = calibrate(&studio, "TIMELAPSE_CALIBRATE").await;
    assert!(said.contains("calibration failed: a print is"), "{said}");
    studio.rig.gcode("_TIMELAPSE_CALIBRATE_STEP STEP=0 X=230 Z=200 F=6000 DWELL=100").await.unwrap();
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    assert!(studio.rig.position().z < 50.0, "{:?}", studio.rig.position());
}
