//! What people type on the console, and what they read there.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::process::Command;
use std::time::Duration;

use moonlapse_rig::camera::FrameTruth;
use moonlapse_rig::host::Part;
use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::studio::{PARK, Studio, StudioOptions};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(180);

fn gcode(layers: usize) -> String {
    sliced("towers_relative_zhop.gcode", layers).unwrap()
}

/// Runs a command, and gives what is said until a line has `end`.
async fn said(studio: &Studio, command: &str, end: &str) -> Vec<String> {
    let since = studio.rig.record();
    studio.rig.gcode(command).await.unwrap();
    studio.wait_for_console(&since, end, LIMIT).await.unwrap()
}

async fn assert_test_refused(studio: &Studio, command: &str, reason: &str) {
    let before = studio.rig.position();
    let said = said(studio, command, "test failed").await.join("\n");
    assert!(said.contains(reason), "{said}");
    assert_eq!(studio.rig.position(), before);
}

/// The picture that the last test left for the UIs, and the lines that the doctor has no quarrel with.
async fn shown(studio: &Studio) -> FrameTruth {
    let url = format!("{}/server/files/timelapse_frames/test_rig.jpg", studio.rig.url());
    let served = reqwest::get(url).await.unwrap().bytes().await.unwrap();
    FrameTruth::from_jpeg(&served).unwrap()
}

#[tokio::test]
async fn a_test_parks_takes_a_frame_says_what_came_and_returns() {
    let studio = StudioOptions::small(AGENT, "").start().await.unwrap();
    // Nothing moves before the printer is homed, but a picture can be had.
    assert_test_refused(&studio, "TIMELAPSE_TEST", "the printer is not homed: home it with G28 first").await;
    let still = said(&studio, "TIMELAPSE_TEST PARK=0", "test done").await.join("\n");
    assert!(still.contains("left where it is") && still.contains("a frame of 640x352"), "{still}");

    studio.rig.gcode("G28\nG90\nG1 X150 Y60 Z7 F9000\nM400").await.unwrap();
    assert_test_refused(&studio, "TIMELAPSE_TEST Z=400", "the head cannot rise").await;
    // Even when the agent is mistaken: the macro itself looks.
    let before = studio.rig.position();
    for wrong in ["X=100 Y=9000 Z=20", "X=100 Y=100 Z=20 DOWN=-3", "X=100 Y=100 Z=20 DOWN=30"] {
        studio.rig.gcode(&format!("_TIMELAPSE_CALIBRATE_STEP STEP=0 {wrong} F=6000 DWELL=100\nM400")).await.unwrap();
    }
    assert_eq!(studio.rig.position(), before);

    let from = studio.rig.machine().path(0).len();
    let lines = said(&studio, "TIMELAPSE_TEST", "test done").await.join("\n");
    assert!(lines.contains(&format!("parked at X{:.1} Y{:.1}", PARK[0], PARK[1])), "{lines}");
    assert!(lines.contains("a frame of 640x352") && lines.contains("see test_rig.jpg"), "{lines}");
    let truth = shown(&studio).await;
    let off = (truth.at_begin.x - PARK[0]).hypot(truth.at_begin.y - PARK[1]);
    assert!(off <= 0.05 && !truth.moved(0.001), "{truth:?}");
    studio.rig.settle().await.unwrap();
    let after = studio.rig.position();
    assert!((after.x - before.x).hypot(after.y - before.y) < 0.02 && (after.z - before.z).abs() < 0.02, "{after:?}");
    // It travelled above whatever may stand on the bed, and moved no filament.
    let path = studio.rig.machine().path(from);
    let travels = path.windows(2).filter(|p| (p[0].x - p[1].x).hypot(p[0].y - p[1].y) > 0.001);
    let lowest = travels.map(|p| p[0].z.min(p[1].z)).fold(f64::MAX, f64::min);
    assert!(lowest >= 29.9, "travelled at {lowest} mm");
    assert!(path.iter().all(|p| (p.e - before.e).abs() < 1e-9), "filament was moved");

    // A camera that is away is named, with what to do.
    studio.camera.set_fault(moonlapse_rig::camera::Fault::Off);
    let lines = said(&studio, "TIMELAPSE_TEST PARK=0", "test failed").await.join("\n");
    assert!(lines.contains("cannot be reached") && lines.contains("check that its server runs"), "{lines}");
}

#[tokio::test]
async fn status_and_doctor_answer_before_and_during_a_print_and_disturb_nothing() {
    let mut studio = StudioOptions::small(AGENT, "").start().await.unwrap();
    let idle = said(&studio, "TIMELAPSE_STATUS", "mode auto").await.join("\n");
    assert!(idle.contains("Timelapse: waiting for a print"), "{idle}");
    assert!(idle.contains("mode auto, camera rig, the head stands still for 300 ms a frame"), "{idle}");

    let lines = said(&studio, "TIMELAPSE_DOCTOR", "Timelapse: doctor:").await;
    assert!(lines.iter().all(|line| !line.contains("FAULT")), "{lines:?}");
    let done = doctor(&studio, &[]).await;
    let printed = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && !printed.contains("FAULT"), "{printed}");
    assert!(printed.contains("Klipper has our macros, of this version"), "{printed}");
    assert!(printed.contains("the agent runs, version"), "{printed}");

    studio.rig.preheat(200.0, 0.0).await.unwrap();
    let since = studio.rig.record();
    studio.rig.print("model.gcode", gcode(4)).await.unwrap();
    let first = |event: &serde_json::Value| event["action"] == "newframe" && event["frame"] == "1";
    studio.wait_for_event(0, LIMIT, "the first frame", first).await.unwrap();
    let status = said(&studio, "TIMELAPSE_STATUS", "mode auto").await.join("\n");
    assert!(status.contains("filming model.gcode, 1 frame") && status.contains(" 4 planned"), "{status}");
    let refused = said(&studio, "TIMELAPSE_TEST", "test failed").await.join("\n");
    assert!(refused.contains("a print is"), "{refused}");
    said(&studio, "TIMELAPSE_DOCTOR", "Timelapse: doctor:").await;
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap();
    assert_eq!(frames.len(), 4, "{}", studio.agent_log());
    assert!(frames.iter().all(|frame| frame.distance_from_park() <= 0.05));

    // Without the agent, Klipper and then Moonraker, the command still says what is wrong.
    studio.kill_agent().unwrap();
    assert_fault(&doctor(&studio, &[]).await, "the agent does not run");
    studio.rig.stop_part(Part::Klippy).await.unwrap();
    assert_fault(&doctor(&studio, &[]).await, "Klipper is not ready");
    studio.rig.stop_part(Part::Moonraker).await.unwrap();
    let done = doctor(&studio, &["--json"]).await;
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&report["checks"][0]["subject"], &report["checks"][0]["verdict"]),
        (&"moonraker".into(), &"fault".into())
    );
}

async fn doctor(studio: &Studio, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(AGENT);
    command.arg("doctor").arg("--data-path").arg(studio.rig.data()).args(args);
    let done = tokio::process::Command::from(command).output();
    tokio::time::timeout(LIMIT, done).await.unwrap().unwrap()
}

fn assert_fault(done: &std::process::Output, sentence: &str) {
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(printed.lines().any(|line| line.starts_with("FAULT") && line.contains(sentence)), "{printed}");
    assert_eq!(done.status.code(), Some(1));
}
