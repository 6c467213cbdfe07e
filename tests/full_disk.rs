//! A disk that is full, in the middle of a print and of its film: what was acknowledged is there, and once there is room the
//! film has all of it.
//!
//! The disk is a small one that exists for this test alone, in a namespace of its own, so it needs no rights; where even that
//! is not allowed (some containers) there is nothing to test.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use moonlapse::clock::Clock;
use moonlapse::conductor::Event;
use moonlapse::conductor::films::{Films, Job};
use moonlapse::config::Settings;
use moonlapse::session::{FrameMeta, NewSession, Outcome, Queue, SessionId, Store, StoreError};
use moonlapse_rig::barcode;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const DISK: &str = "FULL_DISK_FOLDER";
/// Mounts a disk of 4 MB at the first word and runs the others with it.
const MOUNT: &str = "mount -t tmpfs -o size=4m small \"$0\" && exec \"$@\"";
const LIMIT: Duration = Duration::from_secs(120);

fn on_a_small_disk(folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", MOUNT]).arg(folder);
    command
}

#[test]
fn a_full_disk_costs_no_acknowledged_frame_and_the_film_is_made_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    if !on_a_small_disk(dir.path()).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("not tested: this host allows no mounts");
        return;
    }
    let run = on_a_small_disk(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_on_a_small_disk", "--nocapture"])
        .env(DISK, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("all frames are in the film"), "{said}");
}

/// Fills the disk up, but for so many bytes.
fn fill(disk: &Path, but: u64) {
    let free = rustix::fs::statvfs(disk).unwrap();
    let bytes = (free.f_bavail * free.f_frsize).saturating_sub(but);
    fs::write(disk.join("filler"), vec![0; bytes as usize]).unwrap();
}

fn settings(disk: &Path) -> Settings {
    Settings {
        output_path: disk.join("films").display().to_string(),
        duplicatelastframe: 0,
        previewimage: false,
        disk_reserve: 0,
        ..Settings::default()
    }
}

/// Asks for a film, and gives what is said of it first.
async fn film(disk: &Path, store: Store, session: &SessionId) -> String {
    let store = Arc::new(Mutex::new(store));
    let (events_in, mut events) = mpsc::channel(256);
    let shutdown = CancellationToken::new();
    let films = Films::start(Arc::clone(&store), events_in, Clock::real(), shutdown.clone());
    films.configure(&settings(disk));
    let job = Job { session: session.clone(), film: true, archive: false, asked: false, settings: settings(disk) };
    films.make(job).unwrap();
    let said = async {
        loop {
            match events.recv().await.unwrap() {
                Event::Say(line) => return line,
                Event::Ui(event) if event["status"] == "success" => return "made".to_owned(),
                _ => {}
            }
        }
    };
    let said = tokio::time::timeout(LIMIT, said).await.unwrap();
    shutdown.cancel();
    while tokio::time::timeout(LIMIT, events.recv()).await.unwrap().is_some() {}
    drop(films);
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
    said
}

#[tokio::test]
async fn child_on_a_small_disk() {
    let Some(disk) = std::env::var_os(DISK).map(PathBuf::from) else { return };
    let mut store = Store::open(disk.join("store")).unwrap();
    let session = store.start(NewSession { print_file: "a.gcode".into(), ..NewSession::default() }).unwrap().id;
    fill(&disk, 200_000);
    let mut acknowledged = Vec::new();
    let error = loop {
        let number = acknowledged.len() as u16 + 1;
        match store.append(&session, &barcode::jpeg(number).unwrap(), FrameMeta::default()) {
            Ok(frame) => acknowledged.push(frame.number as u16),
            Err(error) => break error,
        }
    };
    assert!(acknowledged.len() > 5, "{acknowledged:?}: {error}");
    // Whoever is first: the picture, or its row in the journal.
    assert!(matches!(error, StoreError::DiskFull { .. } | StoreError::Journal { .. }), "{error}");
    // The agent is restarted, and still there is no room.
    drop(store);
    if let Ok(store) = Store::open(disk.join("store")) {
        assert_eq!(store.frames(&session).unwrap().len(), acknowledged.len());
    }
    // Room for the journal, and not for a film.
    fs::remove_file(disk.join("filler")).unwrap();
    let mut store = Store::open(disk.join("store")).unwrap();
    store.end(&session, Outcome::Complete, Timestamp::now()).unwrap();
    fill(&disk, 12_000);
    let said = film(&disk, store, &session).await;
    assert!(said.contains("full"), "{said}");
    let films = fs::read_dir(disk.join("films")).into_iter().flatten().count();
    assert_eq!(films, 0, "nothing is left of it");
    // Somebody made room. What is queued is made at the next start.
    fs::remove_file(disk.join("filler")).unwrap();
    let store = Store::open(disk.join("store")).unwrap();
    assert_eq!(film(&disk, store, &session).await, "made");
    let films: Vec<_> = fs::read_dir(disk.join("films")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let film = films.iter().find(|path| path.extension().is_some_and(|ending| ending == "mp4")).unwrap();
    assert_eq!(barcode::read(film).unwrap(), acknowledged);
    assert!(Queue::of(&disk.join("store")).list().unwrap().is_empty());
    println!("all frames are in the film");
}
