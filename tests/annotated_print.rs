//! Prints of files that were annotated when they were uploaded.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::host::{Part, tail};
use moonlapse_rig::studio::{Studio, StudioOptions};

const LIMIT: Duration = Duration::from_secs(240);

/// Uploads and prints `gcode`; a frame by the file's call in each of its layers, at the park position.
async fn check(gcode: String, layers: usize, timelapse: &str) {
    let timelapse = format!("annotate_files: True\n{timelapse}");
    let mut options = StudioOptions::small(env!("CARGO_BIN_EXE_moonlapse"), &timelapse);
    options.rig = options.rig.firmware_retraction();
    let studio = options.start().await.unwrap();
    studio.wait_for_log(0, "uploads are annotated").await.unwrap();
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    let since = studio.rig.record();
    studio.rig.print("model.gcode", gcode).await.unwrap();
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    studio.wait_for_film(0, LIMIT).await.unwrap();

    let log = studio.agent_log();
    assert!(
        log.contains(&format!("the file brings its own calls; they are used calls={layers} annotated=true")),
        "{log}"
    );
    check_frames(&studio, layers);
    let console = studio.rig.console(&since);
    assert!(!console.iter().any(|line| line.starts_with("!!")), "{console:?}");
    let klippy = studio.rig.log(Part::Klippy);
    for fault in ["Traceback", "Remote Call Error", "Error evaluating", "Internal error"] {
        assert!(!klippy.contains(fault), "{fault} in klippy.log:\n{}", tail(&klippy, 40));
    }
}

fn check_frames(studio: &Studio, layers: usize) {
    let frames = studio.frames().unwrap();
    assert_eq!(frames.len(), layers, "{}", studio.agent_log());
    for frame in frames {
        let off = frame.distance_from_park();
        assert!(off <= 0.05, "{}: the head is {off} mm off: {:?}", frame.path.display(), frame.truth);
    }
}

#[tokio::test]
async fn every_layer_has_its_frame_by_the_files_own_calls() {
    check(sliced("towers_relative_zhop.gcode", 4).unwrap(), 4, "").await;
}

#[tokio::test]
async fn a_mode_that_passes_calls_over_still_takes_those_of_its_own() {
    check(sliced("towers_firmware_retraction.gcode", 3).unwrap(), 3, "mode: live\nfw_retract: True").await;
}
