//! The timelapse pages of Mainsail and Fluidd during whole prints: with the real Moonraker, our component and the agent
//! as it is shipped. What each page sends and reads is in `page`.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod page;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use moonlapse_rig::camera::Look;
use moonlapse_rig::host::Part;
use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::studio::{Studio, StudioOptions};
use serde_json::{Value, json};

use page::{Page, Ui, shown};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(180);

async fn studio(timelapse: &str) -> Studio {
    let mut options = StudioOptions::small(AGENT, timelapse);
    options.camera.look = Look { width: 320, height: 180, ..Look::default() };
    options.start().await.unwrap()
}

async fn open(studio: &Studio) -> [Page; 2] {
    let url = studio.rig.url();
    [Page::open(Ui::Mainsail, &url).await, Page::open(Ui::Fluidd, &url).await]
}

async fn start_print(studio: &Studio, layers: usize) {
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.speed(200.0).await.unwrap();
    studio.rig.print("towers.gcode", sliced("towers_slicer_macro.gcode", layers).unwrap()).await.unwrap();
}

async fn fetch(studio: &Studio, path: &str) -> Vec<u8> {
    let answer = reqwest::get(format!("{}/server/files/{path}", studio.rig.url())).await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.bytes().await.unwrap().to_vec()
}

/// The pages keep their list of films by what they are told of changes; it must be the one that a reload gives.
async fn assert_films_are_as_listed(page: &Page, films: usize) {
    let named = |seen: &page::Seen, end: &str| seen.films.iter().filter(|film| film.ends_with(end)).count();
    page.wait("the films", |seen| named(seen, ".mp4") == films && named(seen, ".jpg") == films).await;
    let listed = page.call("server.files.get_directory", json!({"path": "timelapse"})).await.unwrap();
    assert_eq!(page.seen().films, shown(&listed));
}

#[tokio::test]
async fn a_print_is_followed_from_its_first_frame_to_its_film_and_remembered() {
    let mut studio = studio("").await;
    let pages = open(&studio).await;
    let [mainsail, fluidd] = &pages;
    // The switch in the dialog that starts a print.
    for enabled in [false, true] {
        let answer = mainsail.call("machine.timelapse.post_settings", json!({"enabled": enabled})).await.unwrap();
        assert_eq!(answer["enabled"], enabled);
    }
    start_print(&studio, 3).await;
    for page in &pages {
        page.wait("the first frame", |seen| seen.frames == 1).await;
    }
    // Fluidd offers both buttons while printing.
    fluidd.press("saveframes").await.unwrap();
    fluidd.wait("the zip", |seen| seen.films.iter().any(|film| film.ends_with("_frames.zip"))).await;
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");

    for page in &pages {
        let seen = page.wait("the film", |seen| seen.toasts.iter().any(|toast| toast.ends_with(".mp4"))).await;
        assert_eq!((seen.frames, seen.file.as_str(), seen.rendering), (3, "frame000003.jpg", false));
        assert_films_are_as_listed(page, 1).await;
        let film = seen.toasts.last().unwrap();
        assert!(film.starts_with("timelapse_towers.gcode_"), "{film}");
        assert!(fetch(&studio, &format!("timelapse/{film}")).await.windows(4).any(|bytes| bytes == b"ftyp"));
    }
    // Mainsail shows the last one, Fluidd each by its number.
    let stored = studio.frames().unwrap();
    for (number, frame) in (1..).zip(&stored) {
        let shown = fetch(&studio, &format!("timelapse_frames/frame{number:06}.jpg?date=1")).await;
        assert_eq!(shown, std::fs::read(&frame.path).unwrap());
    }
    assert_history_can_be_shown(mainsail).await;
    assert_console_is_hidden_by_mainsail(mainsail).await;

    // A restart of everything but the host's folders.
    drop(pages);
    studio.kill_agent().unwrap();
    // The frames' folder is a RAM disk on most hosts.
    for entry in std::fs::read_dir(studio.films().with_file_name("frames")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    studio.rig.restart_part(Part::Moonraker).await.unwrap();
    let [mainsail, _] = open(&studio).await;
    assert_eq!(mainsail.seen().frames, 0, "nobody knows without the agent");
    let error = mainsail.press("render").await.unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("not running"), "{error}");
    mainsail.wait("the reason", |seen| seen.toasts.iter().any(|toast| toast.contains("not running"))).await;
    studio.start_agent().await.unwrap();
    let pages = open(&studio).await;
    for page in &pages {
        assert_eq!((page.seen().frames, page.seen().file.as_str()), (3, "frame000003.jpg"));
    }
    assert_eq!(fetch(&studio, "timelapse_frames/frame000002.jpg").await, std::fs::read(&stored[1].path).unwrap());

    // The film, once more, by the button; then all of them are deleted as each page does it.
    let [mainsail, fluidd] = &pages;
    assert_eq!(mainsail.press("render").await.unwrap()["action"], "render");
    for page in &pages {
        assert_films_are_as_listed(page, 2).await;
        page.wait("the end", |seen| !seen.rendering && !seen.toasts.is_empty()).await;
    }
    for film in mainsail.seen().films {
        fluidd.call("server.files.delete_file", json!({"path": format!("timelapse/{film}")})).await.unwrap();
    }
    for page in &pages {
        page.wait("an empty list", |seen| seen.films.is_empty()).await;
    }
}

#[tokio::test]
async fn a_film_that_fails_again_and_again_is_told_once_and_leaves_no_page_waiting() {
    // A fault that may pass: the film is tried again after ten seconds.
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = folder.path().join("ffmpeg");
    std::fs::write(&ffmpeg, "#!/bin/sh\nkill -TERM $$\n").unwrap();
    std::fs::set_permissions(&ffmpeg, std::fs::Permissions::from_mode(0o755)).unwrap();
    let studio = studio(&format!("ffmpeg_binary_path: {}", ffmpeg.display())).await;
    let pages = open(&studio).await;
    let [mainsail, fluidd] = &pages;
    start_print(&studio, 1).await;
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    mainsail.wait("the reason", |seen| seen.toasts.iter().any(|toast| toast.contains("signal 15"))).await;
    fluidd.wait("the end", |seen| !seen.rendering).await;

    // Fluidd shows the second attempt, and then its end.
    let starts = |event: &Value| event["action"] == "render" && event["status"] == "started";
    let first = studio.events(0).iter().position(starts).unwrap();
    studio.wait_for_event(first + 1, LIMIT, "the second attempt", starts).await.unwrap();
    let ended = |event: &Value| event["action"] == "render" && event["status"] == "skipped";
    studio.wait_for_event(first + 1, LIMIT, "its end", ended).await.unwrap();
    for page in &pages {
        page.wait("the end", |seen| !seen.rendering && seen.frames == 1).await;
    }
    assert_eq!(mainsail.seen().toasts.len(), 1, "{:?}", mainsail.seen().toasts);
    // Whoever asks is told.
    mainsail.press("render").await.unwrap();
    mainsail.wait("the reason", |seen| seen.toasts.len() == 2).await;
}

#[tokio::test]
async fn a_page_that_loses_moonraker_during_a_print_finds_its_frames_again() {
    let mut studio = studio("").await;
    let pages = open(&studio).await;
    start_print(&studio, 4).await;
    for page in &pages {
        page.wait("the first frame", |seen| seen.frames == 1).await;
    }
    studio.rig.restart_part(Part::Moonraker).await.unwrap();
    let pages = open(&studio).await;
    for page in &pages {
        page.wait("the frames of before", |seen| seen.frames >= 1).await;
    }
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    for page in &pages {
        page.wait("the film", |seen| seen.toasts.iter().any(|toast| toast.ends_with(".mp4"))).await;
        let frames = page.seen().frames;
        assert!(frames >= 2, "{frames} frames");
        assert_eq!(page.seen().file, format!("frame{frames:06}.jpg"));
    }
}

/// Mainsail asks a field of others for its text, shows a list as it is, and takes anything else for a number.
async fn assert_history_can_be_shown(page: &Page) {
    let history = page.call("server.history.list", json!({"limit": 50})).await.unwrap();
    let job = &history["jobs"][0];
    let field = job["auxiliary_data"].as_array().unwrap().iter().find(|field| field["name"] == "timelapse").unwrap();
    let [text] = field["value"].as_array().unwrap_or_else(|| panic!("Mainsail shows NaN: {field}")).as_slice() else {
        panic!("{field}")
    };
    assert!(text.as_str().unwrap().starts_with("3 frames"), "{field}");
}

/// Whoever has switched on Mainsail's filter of timelapse commands sees none of our scripts on its console.
async fn assert_console_is_hidden_by_mainsail(page: &Page) {
    const FILTERS: [&str; 6] = [
        "_TIMELAPSE_NEW_FRAME",
        "TIMELAPSE_TAKE_FRAME",
        "TIMELAPSE_RENDER",
        "_SET_TIMELAPSE_SETUP",
        "HYPERLAPSE ACTION=",
        "SET_GCODE_VARIABLE MACRO=TIMELAPSE_",
    ];
    let store = page.call("server.gcode_store", json!({"count": 1000})).await.unwrap();
    let commands = store["gcode_store"].as_array().unwrap().iter().filter(|entry| entry["type"] == "command");
    let ours: Vec<&str> =
        commands.filter_map(|entry| entry["message"].as_str()).filter(|text| text.contains("TIMELAPSE")).collect();
    for kind in ["_SET_TIMELAPSE_SETUP", "SET_GCODE_VARIABLE MACRO=TIMELAPSE_"] {
        assert!(ours.iter().any(|text| text.starts_with(kind)), "{kind}: {ours:?}");
    }
    let visible: Vec<_> = ours.iter().filter(|text| !FILTERS.iter().any(|filter| text.starts_with(filter))).collect();
    assert!(visible.is_empty(), "{visible:?}");
}
