//! Files as slicers write them, without any call of ours: the agent chooses the moments.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse_rig::host::Recording;
use moonlapse_rig::host::gcode::{net_filament, sliced};
use moonlapse_rig::studio::{PARK, Studio, StudioOptions};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(240);

fn gcode(file: &str, layers: usize) -> String {
    sliced(file, layers).unwrap()
}

async fn studio(timelapse: &str) -> Studio {
    StudioOptions::small(AGENT, timelapse).start().await.unwrap()
}

async fn start_print(studio: &Studio, gcode: String) -> Recording {
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    let since = studio.rig.record();
    studio.rig.print("model.gcode", gcode).await.unwrap();
    since
}

#[tokio::test]
async fn a_file_without_any_call_gets_a_frame_in_every_layer() {
    let studio = studio("").await;
    let since = start_print(&studio, gcode("towers_relative_zhop.gcode", 4)).await;
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let shot = studio.frames().unwrap();
    assert_eq!(shot.len(), 4, "{}", studio.agent_log());
    for frame in shot {
        let off = frame.distance_from_park();
        assert!(off <= 0.05, "{}: the head is {off} mm off: {:?}", frame.path.display(), frame.truth);
    }
    let console = studio.rig.console(&since);
    let told = console
        .iter()
        .find(|line| line.contains("Timelapse: 4 frames, about"))
        .unwrap_or_else(|| panic!("{console:?}"));
    assert!(told.ends_with(" head off by 0.00 mm at most"), "{told}");
}

#[tokio::test]
async fn a_vase_is_filmed_in_passing_without_any_move_of_ours() {
    let studio = studio("").await;
    let since = start_print(&studio, gcode("cylinder_vase.gcode", 99)).await;
    let path = studio.rig.machine().path(0).len();
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let shot = studio.frames().unwrap();
    // The head waits for nobody, so a busy machine's camera may have none for one or two of the 24; nothing else costs one.
    let log = studio.agent_log();
    let not_seen = |line: &&str| line.contains("WARN frame missed") && line.contains("no frame within 60ms");
    assert_eq!(shot.len() + log.lines().filter(not_seen).count(), 24, "{log}");
    assert!(shot.len() >= 22, "{log}");
    // The turns of the vase are all filmed at one point of the circle, which the head passes with 165 mm/s; a frame
    // may be 60 ms off when the machine is busy.
    let turns = &shot[4..];
    let [first, ..] = turns else { unreachable!() };
    for frame in turns {
        let (a, b) = (first.truth.at_middle, frame.truth.at_middle);
        let off = (a.x - b.x).hypot(a.y - b.y);
        assert!(off <= 10.0, "{}: {off} mm from the first: {:?}", frame.path.display(), frame.truth);
    }
    // Nobody went to the park position.
    let path = studio.rig.machine().path(path);
    assert!(path.iter().all(|at| (at.x - PARK[0]).hypot(at.y - PARK[1]) > 30.0));
}

#[tokio::test]
async fn a_streamed_print_is_filmed_by_what_the_head_does() {
    let studio = studio("").await;
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.gcode("TIMELAPSE_START").await.unwrap();
    let file = gcode("towers_relative_zhop.gcode", 3);
    // As a host streams it: a few lines at a time, each once the ones before are in Klipper's queue.
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with(';')).collect();
    for few in lines.chunks(6) {
        studio.rig.gcode(&few.join("\n")).await.unwrap();
    }
    studio.rig.settle().await.unwrap();
    studio.rig.gcode("TIMELAPSE_STOP").await.unwrap();
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let shot = studio.frames().unwrap();
    assert_eq!(shot.len(), 3, "{}", studio.agent_log());
    for frame in shot {
        let off = frame.distance_from_park();
        assert!(off <= 0.05, "{}: the head is {off} mm off: {:?}", frame.path.display(), frame.truth);
    }
    let off = studio.rig.position().e - net_filament(&file);
    assert!(off.abs() <= 0.0025, "the true E is {off} mm off");
}

#[tokio::test]
async fn a_file_that_says_off_and_a_stopped_print_have_neither_moves_nor_frames() {
    let studio = studio("").await;
    let text = gcode("towers_relative_zhop.gcode", 2);
    let since = start_print(&studio, format!("; timelapse: off\n{text}")).await;
    let at = studio.rig.machine().path(0).len();
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    let near_park = |from: usize| {
        let path = studio.rig.machine().path(from);
        path.iter().any(|at| (at.x - PARK[0]).hypot(at.y - PARK[1]) < 30.0)
    };
    assert!(!near_park(at), "the head was sent away");
    let console = studio.rig.console(&since);
    assert!(console.iter().any(|line| line.contains("the file says `timelapse: off`")), "{console:?}");

    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.gcode("TIMELAPSE_STOP").await.unwrap();
    let since = studio.rig.record();
    let at = studio.rig.machine().path(0).len();
    studio.rig.print("model.gcode", text).await.unwrap();
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    assert!(!near_park(at), "the head was sent away after TIMELAPSE_STOP");
}

#[tokio::test]
async fn a_killed_agent_goes_on_with_the_layer_that_is_printed_then() {
    let mut studio = studio("").await;
    let since = start_print(&studio, gcode("towers_relative_zhop.gcode", 5)).await;
    let second = |event: &serde_json::Value| event["action"] == "newframe" && event["frame"] == "2";
    studio.wait_for_event(0, LIMIT, "the second frame", second).await.unwrap();
    studio.kill_agent().unwrap();
    studio.start_agent().await.unwrap();
    studio.wait_for_the_end(&since, LIMIT).await.unwrap();
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap().len();
    assert!((4..=5).contains(&frames), "{frames} frames\n{}", studio.agent_log());
    let off = studio.frames().unwrap().iter().map(|frame| frame.distance_from_park()).fold(0.0, f64::max);
    assert!(off <= 0.05, "{off} mm");
}
