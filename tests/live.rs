//! Files as slicers write them, without any call of ours: the agent chooses the moments.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse_rig::camera::Look;
use moonlapse_rig::host::gcode::first_layers;
use moonlapse_rig::host::{Part, Recording, repository, tail};
use moonlapse_rig::studio::{Studio, StudioOptions};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(240);

fn gcode(file: &str, layers: usize) -> String {
    let file = std::fs::read_to_string(repository().join("tests/data/gcode").join(file)).unwrap();
    first_layers(&file, layers).to_owned()
}

async fn studio(timelapse: &str) -> Studio {
    let mut options = StudioOptions::new(AGENT);
    // Several prints run side by side on small machines.
    options.camera.look = Look { width: 640, height: 360, ..Look::default() };
    options.timelapse = timelapse.to_owned();
    options.start().await.unwrap()
}

async fn start_print(studio: &Studio, gcode: String) -> Recording {
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    let since = studio.rig.record();
    studio.rig.print("model.gcode", gcode).await.unwrap();
    since
}

async fn wait_for_the_end(studio: &Studio, since: &Recording) {
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    assert!(!studio.rig.print_states(since).contains(&"paused".to_owned()), "shown as paused");
    assert_eq!(studio.rig.print_starts(since), 1, "the print was interrupted");
    let console = studio.rig.console(since);
    assert!(!console.iter().any(|line| line.starts_with("!!")), "{console:?}");
    let log = studio.rig.log(Part::Klippy);
    for fault in ["Traceback", "Remote Call Error", "Error evaluating", "Internal error"] {
        assert!(!log.contains(fault), "{fault} in klippy.log:\n{}", tail(&log, 40));
    }
}

#[tokio::test]
async fn a_file_without_any_call_gets_a_frame_in_every_layer() {
    let studio = studio("").await;
    let since = start_print(&studio, gcode("towers_relative_zhop.gcode", 4)).await;
    wait_for_the_end(&studio, &since).await;
    studio.wait_for_film(0, LIMIT).await.unwrap();
    println!("{}", studio.agent_log());
    let shot = studio.frames().unwrap();
    assert_eq!(shot.len(), 4, "{}", studio.agent_log());
    for frame in shot {
        let off = frame.distance_from_park();
        assert!(off <= 0.05, "{}: the head is {off} mm off: {:?}", frame.path.display(), frame.truth);
    }
}
