//! What is known when a print on the simulated printer is over: the still of the finished part, its job, its layers.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::process::Command;
use std::time::Duration;

use moonlapse::session::Store;
use moonlapse_rig::camera::FrameTruth;
use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::studio::{PARK, StudioOptions, film_facts};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(180);

#[tokio::test]
async fn the_film_ends_with_the_part_as_the_print_has_left_it() {
    let options = StudioOptions::small(AGENT, "profiles:\n  default: post_roll=1 post_roll_of=hero");
    let studio = options.start().await.unwrap();
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.speed(200.0).await.unwrap();
    // A slow way to the corner: Klipper calls the print complete long before the head is there.
    let gcode =
        format!("{}\nG91\nG1 Z20 F600\nG90\nG1 X200 Y20 F3000\n", sliced("towers_slicer_macro.gcode", 3).unwrap());
    studio.rig.print("towers.gcode", gcode).await.unwrap();
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    let film = studio.wait_for_film(0, LIMIT).await.unwrap();
    assert_eq!(film_facts(&film).unwrap().frames, 3 + 5 + 30);

    let store = Store::attach(studio.rig.data().join("moonlapse")).unwrap();
    let session = store.find("latest").unwrap();
    let truth = FrameTruth::from_jpeg(&std::fs::read(store.hero(&session.id, 0).unwrap()).unwrap()).unwrap();
    assert!(!truth.moved(0.001), "{truth:?}");
    let off = (truth.at_middle.x - 200.0).hypot(truth.at_middle.y - 20.0);
    assert!(off < 0.01, "the head is {off} mm from where the file leaves it");
    let frames = store.frames(&session.id).unwrap();
    for frame in &frames {
        let truth = FrameTruth::from_jpeg(&std::fs::read(&frame.path).unwrap()).unwrap();
        let off = (truth.at_middle.x - PARK[0]).hypot(truth.at_middle.y - PARK[1]);
        assert!(off < 0.05, "{}: {off} mm", frame.path.display());
    }
    assert_eq!(frames.iter().map(|frame| frame.number).collect::<Vec<_>>(), [1, 2, 3], "the still is no frame");

    // Moonraker's own history is what the job's number leads to.
    let job = session.job_id.unwrap();
    let found = studio.rig.call("server.history.get_job", json!({"uid": job}), LIMIT).await.unwrap();
    assert_eq!(found["job"]["filename"], "towers.gcode");
    let tags = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format_tags=comment", "-of", "csv=p=0"])
        .arg(&film)
        .output()
        .unwrap();
    let tags = String::from_utf8(tags.stdout).unwrap();
    assert!(tags.contains(&format!("job {job}")), "{tags}");
    assert_eq!(session.layers, Some(20), "as the slicer says, though only three are printed");

    let still = Command::new(AGENT)
        .args(["render", "latest", "--still", "--data-path"])
        .arg(studio.rig.data())
        .output()
        .unwrap();
    let still = String::from_utf8(still.stdout).unwrap();
    assert!(still.trim().ends_with("_still.jpg") && std::fs::metadata(still.trim()).is_ok(), "{still}");
}
