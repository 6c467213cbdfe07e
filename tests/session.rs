//! The frame store: what is stored stays, whatever happens.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use moonlapse::session::{
    FilmRecord, FrameMeta, JpegFlaw, Miss, NewSession, Outcome, Recovery, Session, Store, StoreError,
};

/// A structurally whole JPEG whose bytes depend on `seed`.
fn jpeg(seed: u32) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 48, 0, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    jpeg.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    jpeg.extend(seed.to_string().repeat(2_000).bytes());
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

fn start(store: &mut Store, print_file: &str) -> Session {
    let started_at = "2026-11-23T15:30:42Z".parse().unwrap();
    store.start(NewSession { print_file: print_file.into(), started_at, ..NewSession::default() }).unwrap()
}

fn numbers(store: &Store, session: &Session) -> Vec<u32> {
    store.frames(&session.id).unwrap().iter().map(|frame| frame.number).collect()
}

fn frame_file(store: &Path, session: &Session, name: &str) -> std::path::PathBuf {
    store.join(session.id.as_str()).join("frames").join(name)
}

#[test]
fn a_frame_comes_back_as_it_was_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = store
        .start(NewSession {
            print_file: "parts/benchy.gcode".into(),
            job_id: Some("00002F".into()),
            started_at: Timestamp::UNIX_EPOCH,
            camera: Some("nozzle".into()),
            settings: serde_json::json!({"output_framerate": 30}),
            reels: Vec::new(),
            layers: Some(240),
        })
        .unwrap();
    let meta = FrameMeta {
        at: "2026-11-23T15:31:00.123456Z".parse().unwrap(),
        layer: Some(7),
        height_mm: Some(1.4),
        x_mm: Some(10.0),
        y_mm: Some(20.5),
        z_mm: Some(1.4),
        extruder_c: Some(210.1),
        bed_c: Some(60.0),
        file_position: Some(3_000_000_000),
        eta_error_s: Some(-0.002),
        exposure_from_s: Some(0.01),
        exposure_to_s: Some(0.03),
        camera: Some("nozzle".into()),
    };
    store.append(&session.id, &jpeg(1), meta.clone()).unwrap();
    let miss = Miss { at: meta.at, layer: Some(8), reason: "camera gone".into(), ..Miss::default() };
    store.miss(&session.id, &miss).unwrap();
    let film = FilmRecord { file: "/films/a.mp4".into(), made_at: meta.at, frames: 1, duration_s: 0.5, bytes: 9 };
    store.add_film(&session.id, &film).unwrap();
    store.end(&session.id, Outcome::Complete, meta.at).unwrap();
    drop(store);

    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.recovery(), Recovery::default());
    let [frame] = store.frames(&session.id).unwrap().try_into().unwrap();
    assert_eq!(fs::read(&frame.path).unwrap(), jpeg(1));
    assert_eq!((frame.width, frame.height, frame.bytes), (64, 48, jpeg(1).len() as u64));
    assert_eq!(frame.meta, meta);
    assert!(!frame.adopted);
    let summary = store.summary(&session.id).unwrap();
    assert_eq!((summary.frames, summary.misses, summary.lost), (1, 1, 0));
    assert_eq!(summary.bytes, frame.bytes);
    assert_eq!(summary.films, [film]);
    assert_eq!(summary.session.print_file, "parts/benchy.gcode");
    assert_eq!(summary.session.job_id.as_deref(), Some("00002F"));
    assert_eq!(summary.session.settings["output_framerate"], 30);
    assert_eq!(summary.session.outcome, Outcome::Complete);
    assert_eq!(summary.session.ended_at, Some(meta.at));
    assert_eq!(store.misses(&session.id).unwrap()[0].reason, "camera gone");
}

#[test]
fn sessions_of_one_second_and_one_file_have_different_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let first = start(&mut store, "a b.gcode");
    let second = start(&mut store, "a b.gcode");
    assert!(first.id.as_str().ends_with("_a-b"), "{}", first.id);
    assert_eq!(second.id.as_str(), format!("{}-2", first.id));
    assert_eq!(store.find("latest").unwrap().id, second.id);
    assert_eq!(store.find(first.id.as_str()).unwrap().id, first.id, "a full name is not ambiguous");
    assert!(matches!(store.find("2026"), Err(StoreError::NoSession { .. })), "an ambiguous beginning");
}

#[test]
fn what_is_not_a_whole_picture_is_refused_and_takes_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = start(&mut store, "a.gcode");
    let whole = jpeg(1);
    for (bytes, flaw) in [
        (&b"<html>502"[..], JpegFlaw::NotJpeg),
        (&whole[..whole.len() / 2], JpegFlaw::Truncated),
        (&whole[..10], JpegFlaw::Truncated),
    ] {
        let error = store.append(&session.id, bytes, FrameMeta::default()).unwrap_err();
        assert!(matches!(error, StoreError::NotAJpeg(found) if found == flaw), "{error}");
    }
    assert_eq!(store.append(&session.id, &whole, FrameMeta::default()).unwrap().number, 1);
}

#[test]
fn an_ended_session_takes_no_frames() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = start(&mut store, "a.gcode");
    store.end(&session.id, Outcome::Cancelled, Timestamp::now()).unwrap();
    let error = store.append(&session.id, &jpeg(1), FrameMeta::default()).unwrap_err();
    assert!(matches!(error, StoreError::Ended { .. }), "{error}");
}

#[test]
fn the_session_of_the_same_print_is_resumed_and_others_are_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let old = start(&mut store, "a.gcode");
    let session = start(&mut store, "b.gcode");
    store.append(&session.id, &jpeg(1), FrameMeta::default()).unwrap();
    drop(store);

    let mut store = Store::open(dir.path()).unwrap();
    assert!(store.resume("c.gcode", None).unwrap().is_none());
    let resumed = store.resume("b.gcode", None).unwrap().unwrap();
    assert_eq!(resumed.id, session.id);
    assert_eq!(store.interrupt_others(Some(&resumed.id), Timestamp::now()).unwrap(), std::slice::from_ref(&old.id));
    assert_eq!(store.session(&old.id).unwrap().outcome, Outcome::Interrupted);
    assert_eq!(store.append(&resumed.id, &jpeg(2), FrameMeta::default()).unwrap().number, 2);
    assert!(store.resume("a.gcode", None).unwrap().is_none(), "an interrupted session has ended");
}

#[test]
fn another_job_of_the_same_file_is_another_print() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let new = NewSession { print_file: "a.gcode".into(), job_id: Some("1".into()), ..NewSession::default() };
    store.start(new).unwrap();
    assert!(store.resume("a.gcode", Some("2")).unwrap().is_none());
    assert!(store.resume("a.gcode", Some("1")).unwrap().is_some());
    assert!(store.resume("a.gcode", None).unwrap().is_some(), "an unknown job does not separate");
}

#[test]
fn a_second_owner_is_refused_while_a_visitor_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut owner = Store::open(dir.path()).unwrap();
    let session = start(&mut owner, "a.gcode");
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Busy { .. })));
    let visitor = Store::attach(dir.path()).unwrap();
    owner.append(&session.id, &jpeg(1), FrameMeta::default()).unwrap();
    assert_eq!(numbers(&visitor, &session), [1]);
    drop(owner);
    Store::open(dir.path()).unwrap();
}

#[test]
fn leftovers_of_a_kill_are_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = start(&mut store, "a.gcode");
    for seed in 1..=3 {
        store.append(&session.id, &jpeg(seed), FrameMeta::default()).unwrap();
    }
    drop(store);
    fs::write(frame_file(dir.path(), &session, ".000004.jpg.tmp"), &jpeg(4)[..100]).unwrap();
    fs::write(frame_file(dir.path(), &session, "000004.jpg"), jpeg(4)).unwrap();
    fs::write(frame_file(dir.path(), &session, "000005.jpg"), &jpeg(5)[..100]).unwrap();
    fs::write(frame_file(dir.path(), &session, "000009.jpg"), jpeg(9)).unwrap();
    fs::remove_file(frame_file(dir.path(), &session, "000002.jpg")).unwrap();

    let mut store = Store::open(dir.path()).unwrap();
    let expected = Recovery { adopted: 2, dropped: 2, lost: 1, ..Recovery::default() };
    assert_eq!(store.recovery(), expected);
    let frames = store.frames(&session.id).unwrap();
    let found: Vec<_> = frames.iter().map(|frame| (frame.number, frame.adopted)).collect();
    assert_eq!(found, [(1, false), (3, false), (4, true), (5, true)]);
    assert_eq!(fs::read(&frames[3].path).unwrap(), jpeg(9), "renumbered");
    assert_eq!(store.summary(&session.id).unwrap().lost, 1);
    assert_eq!(store.append(&session.id, &jpeg(6), FrameMeta::default()).unwrap().number, 6);
    drop(store);

    fs::write(frame_file(dir.path(), &session, "000002.jpg"), jpeg(2)).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.recovery(), Recovery::default(), "twice is as good as once");
    assert_eq!(numbers(&store, &session), [1, 2, 3, 4, 5, 6], "a file that came back is found");
}

#[test]
fn frames_outlive_their_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = start(&mut store, "a.gcode");
    for seed in 1..=3 {
        store.append(&session.id, &jpeg(seed), FrameMeta::default()).unwrap();
    }
    drop(store);
    fs::write(dir.path().join("journal.db"), "this is no database at all".repeat(100)).unwrap();

    let store = Store::open(dir.path()).unwrap();
    let expected = Recovery { adopted: 3, sessions: 1, journal_rebuilt: true, ..Recovery::default() };
    assert_eq!(store.recovery(), expected);
    assert_eq!(numbers(&store, &session), [1, 2, 3]);
    assert_eq!(store.session(&session.id).unwrap().outcome, Outcome::Interrupted);
    let damaged = fs::read_dir(dir.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("damaged"));
    assert!(damaged.count() >= 1, "the damaged journal is kept for inspection");
}

#[test]
fn deleting_a_session_touches_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("precious");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "x").unwrap();
    let folder = dir.path().join("store");
    let mut store = Store::open(&folder).unwrap();
    let doomed = start(&mut store, "a.gcode");
    let other = start(&mut store, "b.gcode");
    store.append(&doomed.id, &jpeg(1), FrameMeta::default()).unwrap();
    store.append(&other.id, &jpeg(2), FrameMeta::default()).unwrap();
    symlink(&outside, frame_file(&folder, &doomed, "link")).unwrap();
    store.delete(&doomed.id).unwrap();
    assert!(outside.join("file").is_file());
    assert!(!folder.join(doomed.id.as_str()).exists());
    assert_eq!(numbers(&store, &other), [1]);
    assert!(matches!(store.session(&doomed.id), Err(StoreError::NoSession { .. })));
    assert!(matches!(store.delete(&doomed.id), Err(StoreError::NoSession { .. })));
}

#[test]
fn a_deletion_that_was_cut_short_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let doomed = start(&mut store, "a.gcode");
    store.append(&doomed.id, &jpeg(1), FrameMeta::default()).unwrap();
    drop(store);
    let hidden = dir.path().join(format!(".deleted-{}", doomed.id));
    fs::rename(dir.path().join(doomed.id.as_str()), &hidden).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert!(!hidden.exists());
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn folders_that_are_not_ours_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("notes/frames")).unwrap();
    fs::write(dir.path().join("notes/frames/000001.jpg"), "no JPEG").unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert!(dir.path().join("notes/frames/000001.jpg").is_file());
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn a_full_disk_is_named_and_what_is_stored_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = start(&mut store, "a.gcode");
    store.append(&session.id, &jpeg(1), FrameMeta::default()).unwrap();
    // Every write to /dev/full fails as on a full disk.
    symlink("/dev/full", frame_file(dir.path(), &session, ".000002.jpg.tmp")).unwrap();
    let error = store.append(&session.id, &jpeg(2), FrameMeta::default()).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert_eq!(numbers(&store, &session), [1]);
    assert_eq!(store.append(&session.id, &jpeg(3), FrameMeta::default()).unwrap().number, 2, "and it goes on");
}

const CHILD_STORE: &str = "MOONLAPSE_TEST_CHILD_STORE";

/// Not a test by itself: the process that `no_acknowledged_frame_is_lost_to_kill_9` kills. Appends for ever, and says
/// each number after it was acknowledged.
#[test]
fn child_that_appends_until_killed() {
    let Some(dir) = std::env::var_os(CHILD_STORE) else { return };
    let mut store = Store::open(dir).unwrap();
    let session = match store.resume("a.gcode", None).unwrap() {
        Some(session) => session,
        None => start(&mut store, "a.gcode"),
    };
    let mut next = store.frames(&session.id).unwrap().len() as u32 + 1;
    loop {
        let frame = store.append(&session.id, &jpeg(next), FrameMeta::default()).unwrap();
        println!("acknowledged {}", frame.number);
        next = frame.number + 1;
    }
}

#[test]
fn no_acknowledged_frame_is_lost_to_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..40 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_appends_until_killed", "--nocapture"])
            .env(CHILD_STORE, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut wanted = 1 + round % 4;
        for line in lines {
            let line = line.unwrap();
            let Some((_, number)) = line.split_once("acknowledged ") else { continue };
            acknowledged = number.parse().unwrap();
            wanted -= 1;
            if wanted == 0 {
                // The child is on its next frame meanwhile; where in it, chance decides. Lines after this one are read
                // too, they are acknowledged as well.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();

        let store = Store::open(dir.path()).unwrap();
        let session = store.find("latest").unwrap();
        let frames = store.frames(&session.id).unwrap();
        assert!(frames.len() as u32 >= acknowledged, "round {round}: {} of {acknowledged}", frames.len());
        assert!(frames.len() as u32 <= acknowledged + 1, "round {round}: one frame at most is in the making");
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!(frame.number, i as u32 + 1, "round {round}");
            assert_eq!(fs::read(&frame.path).unwrap(), jpeg(frame.number), "round {round}");
        }
        assert_eq!(store.recovery().lost, 0, "round {round}");
        acknowledged = frames.len() as u32;
    }
    let list = Store::attach(dir.path()).unwrap().list().unwrap();
    assert_eq!(list.len(), 1, "one session, resumed each time");
    assert_eq!(list[0].lost, 0);
}

#[test]
fn a_store_can_move_to_the_thread_that_waits_for_the_disk() {
    fn sendable<T: Send>() {}
    sendable::<Store>();
    sendable::<moonlapse::session::Publisher>();
}
