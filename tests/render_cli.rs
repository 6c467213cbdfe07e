//! `moonlapse sessions` and `moonlapse render`, as users call them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use moonlapse::render::remove_leftovers;
use moonlapse::session::{FrameMeta, Miss, NewJob, NewSession, Outcome, Queue, Session, Store};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::json;

fn command(data_path: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moonlapse"));
    command.args(args).env("MOONLAPSE_DATA_PATH", data_path).env("HOME", data_path);
    command
}

fn moonlapse(data_path: &Path, args: &[&str]) -> Output {
    command(data_path, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A session of ten frames, filmed with 25 fps and no repeated frame.
fn session(data_path: &Path) -> (Store, Session) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "10", "-pix_fmt", "yuvj420p"])
        .arg(data_path.join("%d.jpg"))
        .status();
    assert!(made.unwrap().success());
    fs::create_dir(data_path.join("config")).unwrap();
    fs::write(data_path.join("config/moonraker.conf"), "[timelapse]\noutput_path: ~/films\n").unwrap();
    let mut store = Store::open(data_path.join("moonlapse")).unwrap();
    let settings = json!({"output_framerate": 25, "duplicatelastframe": 0, "parkhead": true});
    let new = NewSession { print_file: "benchy.gcode".into(), settings, ..NewSession::default() };
    let session = store.start(new).unwrap();
    for number in 1..=10 {
        let jpeg = fs::read(data_path.join(format!("{number}.jpg"))).unwrap();
        store.append(&session.id, &jpeg, FrameMeta::default()).unwrap();
    }
    store.end(&session.id, Outcome::Complete, Timestamp::now()).unwrap();
    (store, session)
}

#[test]
fn a_film_is_made_as_set_where_set_and_noted_while_the_agent_holds_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let (store, session) = session(dir.path());
    let output = moonlapse(dir.path(), &["render", "latest"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("100 % (10 of 10 frames)\n"), "{}", stderr(&output));
    assert!(stderr(&output).contains("10 frames, 25 fps, 0.40 s"), "{}", stderr(&output));
    let film = stdout(&output).trim_end().to_owned();
    assert!(Path::new(&film).starts_with(dir.path().join("films")) && Path::new(&film).is_file(), "{film}");
    let noted = store.summary(&session.id).unwrap().films;
    assert_eq!(noted.len(), 1);
    assert_eq!((noted[0].file.to_str().unwrap(), noted[0].frames), (film.as_str(), 10));
}

#[test]
fn options_change_the_film() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, session) = session(dir.path());
    let name = session.id.as_str();
    let faster = moonlapse(dir.path(), &["render", name, "--fps", "50", "--repeat-last", "10", "--extra", "-crf 30"]);
    assert!(stderr(&faster).contains("20 frames, 50 fps, 0.40 s"), "{}", stderr(&faster));
    let fixed = moonlapse(dir.path(), &["render", name, "--target-length", "2", "--min-fps", "1", "--no-preview"]);
    assert!(stderr(&fixed).contains("10 frames, 5 fps, 2.00 s"), "{}", stderr(&fixed));
    assert!(!Path::new(stdout(&fixed).trim_end()).with_extension("jpg").exists());
}

#[test]
fn frames_are_archived() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, _session) = session(dir.path());
    let output = moonlapse(dir.path(), &["render", "latest", "--zip"]);
    assert!(stdout(&output).trim_end().ends_with("_frames.zip"), "{}", stderr(&output));
    assert!(Path::new(stdout(&output).trim_end()).is_file());
}

#[test]
fn sessions_are_listed_for_people_and_for_scripts() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, session) = session(dir.path());
    let table = stdout(&moonlapse(dir.path(), &["sessions"]));
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..5], [session.id.as_str(), "benchy.gcode", "complete", "10", "0"], "{table}");
    let json = stdout(&moonlapse(dir.path(), &["sessions", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["id"], session.id.as_str());
    assert_eq!(json[0]["frames"], 10);
    assert_eq!(json[0]["outcome"], "complete");
}

#[test]
fn one_session_is_shown_with_its_films_and_misses() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, session) = session(dir.path());
    let miss = Miss { layer: Some(3), reason: "the camera is gone".into(), ..Miss::default() };
    store.miss(&session.id, &miss).unwrap();
    store.miss(&session.id, &miss).unwrap();
    moonlapse(dir.path(), &["render", "latest"]);
    let text = stdout(&moonlapse(dir.path(), &["sessions", "show", "latest"]));
    for shown in [session.id.as_str(), "benchy.gcode", "2: the camera is gone", "10 frames, 0.40 s", ".mp4"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let json = stdout(&moonlapse(dir.path(), &["sessions", "show", "latest", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["missed"][1]["layer"].as_u64(), json["films"][0]["frames"].as_u64()), (Some(3), Some(10)));
}

#[test]
fn an_exported_session_is_imported_and_filmed_again() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, session) = session(dir.path());
    let exported = moonlapse(dir.path(), &["sessions", "export", "latest", "-o", dir.path().to_str().unwrap()]);
    let zip = stdout(&exported).trim_end().to_owned();
    assert!(zip.starts_with(dir.path().to_str().unwrap()) && zip.ends_with("_frames.zip"), "{}", stderr(&exported));
    let imported = moonlapse(dir.path(), &["sessions", "import", &zip]);
    let id = stdout(&imported).trim_end().to_owned();
    assert!(stderr(&imported).contains("10 frames, "), "{}", stderr(&imported));
    assert_ne!(id, session.id.as_str());
    let film = moonlapse(dir.path(), &["render", &id]);
    assert!(stderr(&film).contains("10 frames, 25 fps, 0.40 s"), "{}", stderr(&film));
    let nothing = moonlapse(dir.path(), &["sessions", "import", "/no/such.zip"]);
    assert!(stderr(&nothing).starts_with("/no/such.zip cannot be read"), "{}", stderr(&nothing));
}

#[test]
fn the_queue_is_listed_and_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let (store, session) = session(dir.path());
    assert_eq!(stdout(&moonlapse(dir.path(), &["queue"])), "No films are waiting.\n");
    let queue = Queue::of(store.dir());
    let job = NewJob {
        session: session.id.clone(),
        film: true,
        archive: false,
        asked: false,
        settings: json!({}),
        created_at: Timestamp::now(),
    };
    queue.add(job).unwrap();
    assert_eq!(stdout(&moonlapse(dir.path(), &["queue"])), format!("   1  {}  film, waiting\n", session.id));
    let unknown = moonlapse(dir.path(), &["queue", "--cancel", "7"]);
    assert!(!unknown.status.success() && stderr(&unknown).contains("no job \"7\""), "{}", stderr(&unknown));
    let cancelled = moonlapse(dir.path(), &["queue", "--cancel", "1"]);
    assert!(cancelled.status.success(), "{}", stderr(&cancelled));
    assert!(queue.list().unwrap().is_empty());
}

#[test]
fn a_session_is_deleted_by_its_full_name_and_not_while_it_prints() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ended) = session(dir.path());
    let printing = store.start(NewSession::default()).unwrap();
    for (name, answer) in [
        (&ended.id.as_str()[..10], "There is no session"),
        ("../config", "There is no session"),
        (printing.id.as_str(), "is still printing"),
        (ended.id.as_str(), "deleted: 10 frames"),
    ] {
        let output = moonlapse(dir.path(), &["sessions", "delete", name]);
        assert!(stderr(&output).contains(answer), "{name}: {}", stderr(&output));
    }
    let left: Vec<_> = store.list().unwrap().into_iter().map(|summary| summary.session.id).collect();
    assert_eq!(left, [printing.id]);
}

#[test]
fn a_render_killed_midway_shows_nothing_and_is_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, _session) = session(dir.path());
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let slow = dir.path().join("slow-ffmpeg");
    let script = format!("#!/bin/sh\necho $$ > '{}'\nexec ffmpeg -re \"$@\"\n", pipe.display());
    fs::write(&slow, script).unwrap();
    fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
    let mut render = command(dir.path(), &["render", "latest", "--repeat-last", "5000", "--ffmpeg"])
        .arg(&slow)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The pipe opens when ffmpeg is being started.
    let ffmpeg: i32 = fs::read_to_string(&pipe).unwrap().trim().parse().unwrap();
    let ffmpeg = pidfd_open(Pid::from_raw(ffmpeg).unwrap(), PidfdFlags::empty()).unwrap();
    render.kill().unwrap();
    render.wait().unwrap();
    let limit = Timespec { tv_sec: 60, tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(&ffmpeg, PollFlags::IN)], Some(&limit)).unwrap();
    assert_eq!(ended, 1, "ffmpeg lives on without who started it");
    let films = dir.path().join("films");
    let names = || -> Vec<String> {
        fs::read_dir(&films).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(!names().is_empty() && names().iter().all(|name| name.starts_with(".moonlapse-")), "{:?}", names());
    assert!(remove_leftovers(&films) > 0);
    assert!(names().is_empty(), "{:?}", names());
    let again = moonlapse(dir.path(), &["render", "latest"]);
    assert!(stderr(&again).contains("10 frames, 25 fps, 0.40 s"), "{}", stderr(&again));
}

#[test]
fn mistakes_are_answered_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = moonlapse(dir.path(), &["sessions"]);
    assert!(!nothing.status.success());
    assert!(stderr(&nothing).contains("name Moonraker's data folder with --data-path"), "{}", stderr(&nothing));
    assert!(!dir.path().join("moonlapse").exists(), "looking creates nothing");
    let (_store, _session) = session(dir.path());
    let unknown = moonlapse(dir.path(), &["render", "tomorrow"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("There is no session \"tomorrow\""), "{}", stderr(&unknown));
    let missing = moonlapse(dir.path(), &["render", "latest", "--ffmpeg", "/nowhere/ffmpeg"]);
    assert!(stderr(&missing).starts_with("/nowhere/ffmpeg was not found: install it"), "{}", stderr(&missing));
}
