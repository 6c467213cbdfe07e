//! Whole prints on the simulated printer, filmed by the agent as it is shipped: what users see, and what the frames
//! truly show.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use moonlapse_rig::camera::Fault;
use moonlapse_rig::host::gcode::{net_filament, sliced};
use moonlapse_rig::host::{Part, Recording};
use moonlapse_rig::studio::{PARK, Studio, StudioOptions, film_facts, wait_for_text};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(180);
/// How often the last frame is shown again; moonraker-timelapse's default.
const REPEATED: u32 = 5;

fn gcode(layers: usize) -> String {
    sliced("towers_slicer_macro.gcode", layers).unwrap()
}

async fn studio(timelapse: &str) -> Studio {
    StudioOptions::small(AGENT, timelapse).start().await.unwrap()
}

async fn start_print(studio: &Studio, layers: usize) -> Recording {
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.speed(200.0).await.unwrap();
    let since = studio.rig.record();
    studio.rig.print("towers.gcode", gcode(layers)).await.unwrap();
    since
}

/// Waits until the UIs have heard of frame `number`.
async fn wait_for_frame(studio: &Studio, number: usize) {
    let number = number.to_string();
    let taken = |event: &serde_json::Value| {
        event["action"] == "newframe" && event["status"] == "success" && event["frame"] == number
    };
    studio.wait_for_event(0, LIMIT, "a frame", taken).await.unwrap();
}

/// Every frame shows the head at its park position, standing still.
fn assert_parked(studio: &Studio, frames: usize) {
    let shot = studio.frames().unwrap();
    assert_eq!(shot.len(), frames, "{}", studio.agent_log());
    for frame in shot {
        let off = frame.distance_from_park();
        assert!(off <= 0.05, "{}: the head is {off} mm off: {:?}", frame.path.display(), frame.truth);
    }
}

#[tokio::test]
async fn a_print_becomes_a_film_with_the_head_at_one_place_and_all_of_its_filament() {
    let studio = studio("").await;
    let since = start_print(&studio, 5).await;
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    let film = studio.wait_for_film(0, LIMIT).await.unwrap();
    assert_parked(&studio, 5);
    let facts = film_facts(&film).unwrap();
    assert_eq!(facts.frames, 5 + REPEATED);
    assert!((facts.duration - f64::from(5 + REPEATED) / 30.0).abs() < 0.001, "{facts:?}");
    let name = film.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("timelapse_towers.gcode_") && film.with_extension("jpg").is_file(), "{name}");

    // Within a step of E: nothing was added or lost by ten retractions.
    studio.rig.settle().await.unwrap();
    let off = studio.rig.position().e - net_filament(&gcode(5));
    assert!(off.abs() <= 0.0025, "the true E is {off} mm off");

    let actions: Vec<String> = studio
        .events(0)
        .iter()
        .map(|event| format!("{} {}", event["action"].as_str().unwrap(), event["status"].as_str().unwrap()))
        .filter(|action| action != "render running")
        .collect();
    let mut expected = vec!["newframe success"; 6];
    expected.extend(["render started", "render success"]);
    assert_eq!(actions, expected);
    let last = studio.rig.call("machine.timelapse.lastframeinfo", json!({}), LIMIT).await.unwrap();
    assert_eq!(last, json!({"framecount": 5, "lastframefile": "frame000005.jpg"}));
    let url = format!("{}/server/files/timelapse_frames/frame000005.jpg", studio.rig.url());
    let served = reqwest::get(url).await.unwrap().bytes().await.unwrap();
    assert_eq!(served, std::fs::read(&studio.frames().unwrap()[4].path).unwrap());
    let warnings = studio.rig.call("server.info", json!({}), LIMIT).await.unwrap()["warnings"].clone();
    // A Klipper host from PyPI lacks the folders `config` and `docs` of a checkout, and the rig lacks DBus.
    let of_the_rig = |warning: &str| warning.contains("DBus") || warning.contains("Supplied path");
    let ours: Vec<_> = warnings.as_array().unwrap().iter().filter(|w| !of_the_rig(&w.to_string())).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[tokio::test]
async fn frames_from_before_a_kill_of_the_agent_are_in_the_film() {
    let mut studio = studio("").await;
    let since = start_print(&studio, 6).await;
    wait_for_frame(&studio, 2).await;
    studio.kill_agent().unwrap();
    let stored = studio.frames().unwrap().len();
    studio.start_agent().await.unwrap();
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    let film = studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap().len();
    assert!(frames > stored && stored >= 2, "{stored} frames before the kill, {frames} in all");
    assert_parked(&studio, frames);
    assert_eq!(film_facts(&film).unwrap().frames, u32::try_from(frames).unwrap() + REPEATED);
}

#[tokio::test]
async fn a_camera_that_is_away_for_a_while_costs_its_frames_and_nothing_else() {
    let studio = studio("").await;
    let since = start_print(&studio, 6).await;
    wait_for_frame(&studio, 2).await;
    let from = studio.events(0).len();
    studio.camera.set_fault(Fault::Off);
    let missed = |event: &serde_json::Value| event["action"] == "newframe" && event["status"] == "error";
    let event = studio.wait_for_event(from, LIMIT, "a miss", missed).await.unwrap();
    // Mainsail reads the number whatever the status is.
    assert!(event["frame"].as_str().unwrap().parse::<u32>().unwrap() >= 2, "{event}");
    studio.camera.set_fault(Fault::None);
    let from = studio.events(0).len();
    let taken = |event: &serde_json::Value| event["action"] == "newframe" && event["status"] == "success";
    studio.wait_for_event(from, LIMIT, "a frame after the fault", taken).await.unwrap();
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap().len();
    assert!(frames >= 3, "{frames}");
    assert_parked(&studio, frames);
    let listed = moonlapse(&studio, &["sessions", "--json"]);
    let session = &serde_json::from_str::<serde_json::Value>(&listed).unwrap()[0];
    assert_eq!(session["frames"], frames);
    assert_eq!(session["misses"], 6 - frames);
}

#[tokio::test]
async fn a_restart_of_moonraker_is_survived_and_filming_goes_on() {
    let mut studio = studio("").await;
    start_print(&studio, 6).await;
    wait_for_frame(&studio, 2).await;
    let before = studio.frames().unwrap().len();
    studio.rig.restart_part(Part::Moonraker).await.unwrap();
    let heard = studio.agent_log().matches("connected to Moonraker").count();
    assert!(heard >= 1, "{}", studio.agent_log());
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    let film = studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap().len();
    assert!(frames > before, "no frame after the restart:\n{}", studio.agent_log());
    assert_parked(&studio, frames);
    assert_eq!(film_facts(&film).unwrap().frames, u32::try_from(frames).unwrap() + REPEATED);
}

#[tokio::test]
async fn without_ffmpeg_the_frames_are_kept_and_the_film_is_made_later() {
    let mut studio = studio("ffmpeg_binary_path: /nonexistent/ffmpeg").await;
    let since = start_print(&studio, 2).await;
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    let failed = |event: &serde_json::Value| event["action"] == "render" && event["status"] == "error";
    let event = studio.wait_for_event(0, LIMIT, "the failure", failed).await.unwrap();
    let sentence = event["msg"].as_str().unwrap();
    assert!(sentence.contains("/nonexistent/ffmpeg was not found: install it"), "{sentence}");
    assert_parked(&studio, 2);
    studio.kill_agent().unwrap();
    let said = moonlapse(&studio, &["render", "latest", "--ffmpeg", "ffmpeg"]);
    assert!(said.contains("timelapse_towers.gcode_"), "{said}");
    let film = std::fs::read_dir(studio.films()).unwrap().map(|e| e.unwrap().path());
    let film = film.into_iter().find(|path| path.extension().is_some_and(|e| e == "mp4")).unwrap();
    assert_eq!(film_facts(&film).unwrap().frames, 2 + REPEATED);
}

#[tokio::test]
async fn hyperlapse_takes_frames_by_time_and_stops_with_the_print() {
    let studio = studio("mode: hyperlapse\nhyperlapse_cycle: 3").await;
    let since = start_print(&studio, 4).await;
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap().len();
    assert!(frames >= 5, "only {frames} frames:\n{}", studio.agent_log());
    assert_parked(&studio, frames);
    studio.rig.settle().await.unwrap();
    let off = studio.rig.position().e - net_filament(&gcode(4));
    assert!(off.abs() <= 0.0025, "the true E is {off} mm off");
}

#[tokio::test]
async fn switched_off_nothing_moves_and_no_frame_is_taken() {
    let studio = studio("").await;
    studio.rig.call("machine.timelapse.post_settings", json!({"enabled": "false"}), LIMIT).await.unwrap();
    let off = |s: &moonlapse_rig::host::Status| s.get("gcode_macro TIMELAPSE_TAKE_FRAME", "enable") == false;
    studio.rig.wait_for("the macros to know", LIMIT, off).await.unwrap();
    let since = start_print(&studio, 2).await;
    let path = studio.rig.machine().path(0).len();
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    assert!(studio.frames().is_err(), "a session was made");
    let parked = studio.rig.machine().path(path).iter().any(|p| (p.x - 20.0).hypot(p.y - 200.0) < 1.0);
    assert!(!parked, "the head went to the park position");
}

#[tokio::test]
async fn the_websocket_serves_as_well_as_the_unix_socket() {
    let mut options = StudioOptions::small(AGENT, "");
    options.websocket = true;
    let studio = options.start().await.unwrap();
    assert!(studio.agent_log().contains("endpoint=ws://127.0.0.1"), "{}", studio.agent_log());
    let since = start_print(&studio, 1).await;
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    studio.wait_for_film(0, LIMIT).await.unwrap();
    assert_parked(&studio, 1);
}

#[tokio::test]
async fn a_new_klipper_gets_its_settings_without_being_asked() {
    let mut studio = studio("").await;
    studio.rig.restart_part(Part::Klippy).await.unwrap();
    let set_up = |s: &moonlapse_rig::host::Status| {
        let variable = |name: &str| s.get("gcode_macro TIMELAPSE_TAKE_FRAME", name).clone();
        variable("enable") == true && variable("park_x") == PARK[0]
    };
    studio.rig.wait_for("the macros to know", LIMIT, set_up).await.unwrap();
}

#[tokio::test]
async fn a_second_agent_says_so_and_takes_over_when_the_first_is_gone() {
    let mut studio = studio("").await;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("second");
    std::os::unix::fs::symlink(AGENT, &program).unwrap();
    let (socket, data) = (studio.rig.moonraker_socket(), folder.path().display().to_string());
    let args = ["run", "--data-path", &data, "--moonraker", &socket.display().to_string()];
    let _second = studio.rig.spawn_agent(&program, &args, &[]).unwrap();
    let log = studio.rig.data().join("logs/second.log");
    wait_for_text(&log, 0, "another Moonlapse is connected to this Moonraker; stop it, or this one").await.unwrap();
    studio.kill_agent().unwrap();
    wait_for_text(&log, 0, "Klipper is ready").await.unwrap();
}

/// Runs the agent's program beside the agent.
fn moonlapse(studio: &Studio, args: &[&str]) -> String {
    let (command, rest) = args.split_first().unwrap();
    let data: &Path = studio.rig.data();
    let done = Command::new(AGENT).arg(command).arg("--data-path").arg(data).args(rest).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{args:?}: {said}\n{}", String::from_utf8_lossy(&done.stderr));
    said
}
