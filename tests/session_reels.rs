//! Sessions of several cameras: reels, shots, and the journals of earlier versions.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use moonlapse::session::{
    Crop, FilmRecord, FrameMeta, HYPERLAPSE, LAYERS, Miss, NewReel, NewSession, Outcome, Recovery, Session, Store, View,
};

/// A structurally whole JPEG whose bytes depend on `seed`.
fn jpeg(seed: u32) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 48, 0, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    jpeg.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    jpeg.extend(seed.to_string().repeat(200).bytes());
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

fn camera(name: &str, track: &str) -> NewReel {
    NewReel { camera: Some(name.into()), track: track.into(), ..NewReel::default() }
}

fn two_cameras(store: &mut Store) -> Session {
    let reels = vec![camera("front", LAYERS), camera("top", LAYERS)];
    store
        .start(NewSession {
            print_file: "a.gcode".into(),
            camera: Some("front".into()),
            reels,
            ..NewSession::default()
        })
        .unwrap()
}

fn append(store: &mut Store, session: &Session, reel: u32, shot: u32) -> u32 {
    store.append_to(&session.id, reel, shot, &jpeg(reel * 1000 + shot), FrameMeta::default()).unwrap().number
}

fn shots(store: &Store, session: &Session, reel: u32) -> Vec<(u32, u32)> {
    store.frames_of(&session.id, reel).unwrap().iter().map(|frame| (frame.number, frame.shot)).collect()
}

fn folder(dir: &Path, session: &Session, name: &str) -> std::path::PathBuf {
    dir.join(session.id.as_str()).join(name)
}

#[test]
fn each_reel_counts_its_own_frames_and_shares_the_moments() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = two_cameras(&mut store);
    for (reel, shot) in [(1, 1), (0, 1), (1, 2), (0, 3), (1, 3)] {
        append(&mut store, &session, reel, shot);
    }
    let miss = Miss { reel: 0, shot: Some(2), reason: "dark".into(), ..Miss::default() };
    store.miss(&session.id, &miss).unwrap();
    assert_eq!(shots(&store, &session, 0), [(1, 1), (2, 3)]);
    assert_eq!(shots(&store, &session, 1), [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(store.next_shot(&session.id).unwrap(), 4);
    let frames = store.frames(&session.id).unwrap();
    assert_eq!(fs::read(&frames[1].path).unwrap(), jpeg(3), "frames() are those of reel 0");
    let film = |file: &str| FilmRecord {
        file: file.into(),
        made_at: session.started_at,
        frames: 2,
        duration_s: 0.5,
        bytes: 9,
    };
    store.add_film(&session.id, &film("/front.mp4")).unwrap();
    store.add_film_of(&session.id, Some(1), &film("/top.mp4")).unwrap();
    store.add_film_of(&session.id, None, &film("/both.mp4")).unwrap();
    let summary = store.summary(&session.id).unwrap();
    assert_eq!((summary.frames, summary.misses, summary.films.len()), (2, 1, 3));
    let of_reels: Vec<_> = summary.reels.iter().map(|r| (r.frames, r.misses, r.films.len())).collect();
    assert_eq!(of_reels, [(2, 1, 1), (3, 0, 1)]);
    assert_eq!(store.misses_of(&session.id, 0).unwrap()[0].shot, Some(2));
    assert!(store.misses_of(&session.id, 1).unwrap().is_empty());
    assert_eq!(
        summary.bytes,
        (0..2).flat_map(|reel| store.frames_of(&session.id, reel).unwrap()).map(|f| f.bytes).sum::<u64>()
    );
}

#[test]
fn a_reel_is_known_by_its_camera_and_track_and_is_made_when_it_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = two_cameras(&mut store);
    let number = |store: &mut Store, reel: &NewReel| store.reel(&session.id, reel).unwrap().number;
    assert_eq!(number(&mut store, &camera("top", LAYERS)), 1);
    let crop = Some(Crop { left: 0.1, top: 0.0, width: 0.5, height: 1.0 });
    let view = View { rotation: 90, flip_x: true, flip_y: false, crop };
    let lapse = NewReel { camera_uid: Some("u7".into()), view, ..camera("top", HYPERLAPSE) };
    assert_eq!(number(&mut store, &lapse), 2);
    let renamed = NewReel { camera: Some("above".into()), ..lapse.clone() };
    assert_eq!(number(&mut store, &renamed), 2, "the uid counts");
    append(&mut store, &session, 2, 1);
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.recovery(), Recovery::default());
    let reels = store.reels(&session.id).unwrap();
    assert_eq!(reels.iter().map(|reel| reel.number).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(reels[2].of, lapse);
}

#[test]
fn a_frame_in_the_making_at_a_kill_goes_to_the_moment_that_the_other_camera_has() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = two_cameras(&mut store);
    for (reel, shot) in [(0, 1), (1, 1), (1, 2)] {
        append(&mut store, &session, reel, shot);
    }
    drop(store);
    // Both were renamed, neither has a row: reel 0's belongs to shot 2, reel 1's to shot 3, which nobody else has.
    fs::write(folder(dir.path(), &session, "frames/000002.jpg"), jpeg(2)).unwrap();
    fs::write(folder(dir.path(), &session, "frames-1/000003.jpg"), jpeg(3)).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.recovery(), Recovery { adopted: 2, ..Recovery::default() });
    assert_eq!(shots(&store, &session, 0), [(1, 1), (2, 2)]);
    assert_eq!(shots(&store, &session, 1), [(1, 1), (2, 2), (3, 3)]);
}

#[test]
fn all_reels_outlive_their_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let session = two_cameras(&mut store);
    for shot in 1..=3 {
        append(&mut store, &session, 0, shot);
        append(&mut store, &session, 1, shot);
    }
    drop(store);
    fs::write(dir.path().join("journal.db"), "this is no database at all".repeat(100)).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.recovery().adopted, 6);
    for reel in 0..2 {
        assert_eq!(shots(&store, &session, reel), [(1, 1), (2, 2), (3, 3)]);
    }
    assert_eq!(store.session(&session.id).unwrap().outcome, Outcome::Interrupted);
}

/// As version 0.1 made it, with a print under way.
const FORMAT_1: &str = include_str!("data/journal_1.sql");

#[test]
fn a_journal_of_format_1_is_brought_to_the_newest_and_its_print_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let id = "20261123-153042_benchy";
    let frames = dir.path().join(id).join("frames");
    fs::create_dir_all(&frames).unwrap();
    fs::write(frames.join("000001.jpg"), jpeg(1)).unwrap();
    fs::write(frames.join("000002.jpg"), jpeg(2)).unwrap();
    rusqlite::Connection::open(dir.path().join("journal.db")).unwrap().execute_batch(FORMAT_1).unwrap();

    let mut store = Store::open(dir.path()).unwrap();
    assert_eq!(store.recovery(), Recovery::default());
    let session = store.resume("benchy.gcode", None).unwrap().unwrap();
    assert_eq!(shots(&store, &session, 0), [(1, 1), (2, 2)]);
    let frame = &store.frames(&session.id).unwrap()[1];
    assert_eq!((frame.meta.layer, frame.meta.z_mm, frame.meta.camera.as_deref()), (Some(2), Some(0.4), Some("front")));
    let summary = store.summary(&session.id).unwrap();
    assert_eq!((summary.frames, summary.misses, summary.films.len()), (2, 1, 1));
    assert_eq!(summary.reels.len(), 1);
    assert_eq!(summary.reels[0].films, summary.films);
    assert_eq!(store.reel(&session.id, &camera("front", LAYERS)).unwrap().number, 0);
    assert_eq!(append(&mut store, &session, 0, 3), 3);
    drop(store);
    assert_eq!(Store::open(dir.path()).unwrap().recovery(), Recovery::default(), "twice is as good as once");
}
