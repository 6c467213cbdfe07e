//! Frames from elsewhere become a session, and nothing else happens.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use moonlapse::render::{ArchiveRequest, ArchivedReel, ImportError, ImportRequest, Imported, archive, import};
use moonlapse::session::{FrameMeta, HYPERLAPSE, LAYERS, Miss, NewReel, NewSession, Outcome, Store, StoreError, View};
use moonlapse_rig::barcode;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn zip(path: &Path, method: CompressionMethod, files: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

fn jpeg(number: u16) -> Vec<u8> {
    barcode::jpeg(number).unwrap()
}

fn run(store: &mut Store, source: PathBuf) -> Result<Imported, ImportError> {
    let request = ImportRequest { source, print_file: None, settings: json!({"output_framerate": 12}) };
    import(store, &request, |_| {}, &CancellationToken::new())
}

/// The bytes of a session's frames.
fn frames(store: &Store, imported: &Imported) -> Vec<Vec<u8>> {
    let frames = store.frames(&imported.session.session.id).unwrap();
    frames.iter().map(|frame| fs::read(&frame.path).unwrap()).collect()
}

#[test]
fn an_archive_of_ours_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path().join("a")).unwrap();
    let started_at: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    let new = NewSession {
        print_file: "parts/benchy.gcode".into(),
        job_id: Some("0001".into()),
        started_at,
        camera: Some("nozzle".into()),
        settings: json!({"output_framerate": 25}),
        ..NewSession::default()
    };
    let session = store.start(new).unwrap();
    for number in 1..=12 {
        let meta = FrameMeta { layer: Some(u32::from(number) * 2), at: started_at, ..FrameMeta::default() };
        store.append(&session.id, &jpeg(number), meta).unwrap();
    }
    store.end(&session.id, Outcome::Cancelled, started_at).unwrap();
    let request = ArchiveRequest {
        session: store.session(&session.id).unwrap(),
        reels: ArchivedReel::all(&store, &session.id).unwrap(),
        output_dir: dir.path().join("films"),
        made_at: Zoned::new(started_at, TimeZone::UTC),
        time_format_code: "%Y".into(),
    };
    let made = archive(&request, &CancellationToken::new()).unwrap();

    let mut other = Store::open(dir.path().join("b")).unwrap();
    let imported = run(&mut other, made.path).unwrap();
    let found = &imported.session.session;
    assert_eq!((found.print_file.as_str(), found.job_id.as_deref()), ("parts/benchy.gcode", Some("0001")));
    assert_eq!((found.started_at, found.outcome), (started_at, Outcome::Cancelled));
    assert_eq!((found.camera.as_deref(), &found.settings), (Some("nozzle"), &json!({"output_framerate": 25})));
    assert_eq!(frames(&other, &imported), Vec::from_iter((1..=12).map(jpeg)));
    let metas: Vec<_> = other.frames(&found.id).unwrap().into_iter().map(|frame| frame.meta).collect();
    let expected: Vec<_> = store.frames(&session.id).unwrap().into_iter().map(|frame| frame.meta).collect();
    assert_eq!(metas, expected);
    assert!(imported.skipped.is_empty());
    // A second import is a session of its own.
    let again = run(&mut other, dir.path().join("films").join("timelapse_benchy.gcode_2026_frames.zip")).unwrap();
    assert_ne!(again.session.session.id, found.id);
    drop(other);
    assert_eq!(Store::open(dir.path().join("b")).unwrap().recovery(), Default::default());
}

#[test]
fn every_reel_comes_back_with_its_misses_and_its_still() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path().join("a")).unwrap();
    let reel = |camera: &str, track: &str, rotation| NewReel {
        camera: Some(camera.into()),
        camera_uid: Some(format!("uid of {camera}")),
        track: track.into(),
        view: View { rotation, ..View::default() },
    };
    let reels = vec![reel("nozzle", LAYERS, 0), reel("side", LAYERS, 180)];
    let new = NewSession { print_file: "a.gcode".into(), reels, ..NewSession::default() };
    let id = store.start(new).unwrap().id;
    let timed = store.reel(&id, &reel("side", HYPERLAPSE, 180)).unwrap().number;
    // The second camera misses the second moment; the third reel has frames of its own moments.
    for (reel, shot, number) in [(0, 1, 1), (1, 1, 11), (0, 2, 2), (0, 3, 3), (1, 3, 13), (timed, 4, 24)] {
        store.append_to(&id, reel, shot, &jpeg(number), FrameMeta::default()).unwrap();
    }
    let at: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    let miss = Miss { reel: 1, shot: Some(2), at, layer: Some(7), reason: "no light".into() };
    store.miss(&id, &miss).unwrap();
    store.set_hero(&id, 0, &jpeg(90)).unwrap();
    store.set_hero(&id, timed, &jpeg(92)).unwrap();
    store.set_about(&id, None, Some(240)).unwrap();
    store.end(&id, Outcome::Complete, at).unwrap();
    let request = ArchiveRequest {
        session: store.session(&id).unwrap(),
        reels: ArchivedReel::all(&store, &id).unwrap(),
        output_dir: dir.path().join("films"),
        made_at: Zoned::new(at, TimeZone::UTC),
        time_format_code: "%Y".into(),
    };
    let made = archive(&request, &CancellationToken::new()).unwrap();
    assert_eq!(made.frames, 6);

    let mut other = Store::open(dir.path().join("b")).unwrap();
    let found = run(&mut other, made.path).unwrap().session.session;
    assert_eq!(found.layers, Some(240));
    assert_eq!(other.reels(&found.id).unwrap(), store.reels(&id).unwrap());
    for reel in 0..3 {
        let all = |store: &Store, id| {
            let frames = store.frames_of(id, reel).unwrap().into_iter();
            let frames: Vec<_> = frames.map(|f| (f.number, f.shot, f.meta, fs::read(f.path).unwrap())).collect();
            (frames, store.hero(id, reel).map(|path| fs::read(path).unwrap()))
        };
        assert!(all(&other, &found.id) == all(&store, &id), "reel {reel}");
        let misses = |store: &Store, id| serde_json::to_value(store.misses_of(id, reel).unwrap()).unwrap();
        assert_eq!(misses(&other, &found.id), misses(&store, &id));
    }
    drop(other);
    assert_eq!(Store::open(dir.path().join("b")).unwrap().recovery(), Default::default());
}

#[test]
fn frames_of_moonraker_timelapse_are_imported_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("timelapse_vase v2.gcode_20261123_1530_frames.zip");
    let pictures: Vec<(String, Vec<u8>)> = [10, 9, 1].map(|n| (format!("frame{n:06}.jpg"), jpeg(n))).to_vec();
    let files: Vec<(&str, &[u8])> = pictures.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        zip(&source, method, &files);
        let mut store = Store::open(dir.path().join("store")).unwrap();
        let imported = run(&mut store, source.clone()).unwrap();
        assert_eq!(imported.session.session.print_file, "vase v2.gcode");
        assert_eq!(imported.session.session.outcome, Outcome::Complete);
        assert_eq!(imported.session.session.settings, json!({"output_framerate": 12}));
        assert_eq!(frames(&store, &imported), [jpeg(1), jpeg(9), jpeg(10)]);
    }
}

#[test]
fn a_folder_is_imported_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("holiday");
    fs::create_dir(&source).unwrap();
    for (name, number) in [("p2.JPG", 2), ("p10.jpeg", 10), ("p1.jpg", 1)] {
        fs::write(source.join(name), jpeg(number)).unwrap();
    }
    fs::write(source.join("notes.txt"), "x").unwrap();
    fs::create_dir(source.join("sub.jpg")).unwrap();
    let mut store = Store::open(dir.path().join("store")).unwrap();
    let imported = run(&mut store, source.clone()).unwrap();
    assert_eq!(frames(&store, &imported), [jpeg(1), jpeg(2), jpeg(10)]);
    assert_eq!(fs::read_dir(&source).unwrap().count(), 5);
}

#[test]
fn names_in_a_zip_lead_nowhere_and_what_is_no_picture_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("evil.zip");
    let (one, two, three) = (jpeg(1), jpeg(2), jpeg(3));
    let half = &jpeg(4)[..200];
    let bomb = vec![0; 65 << 20];
    let files: [(&str, &[u8]); 7] = [
        ("../../../../tmp/escaped.jpg", &one),
        ("/etc/absolute.jpg", &two),
        ("sub/3.jpg", &three),
        ("half.jpg", half),
        ("page.jpg", b"<html>502</html>"),
        ("bomb.jpg", &bomb),
        ("program.sh", b"#!/bin/sh"),
    ];
    zip(&source, CompressionMethod::Deflated, &files);
    assert!(fs::metadata(&source).unwrap().len() < 200_000, "it is a bomb");
    let mut store = Store::open(dir.path().join("store")).unwrap();
    let imported = run(&mut store, source).unwrap();
    assert_eq!(frames(&store, &imported), [one, two, three]);
    let left_out: Vec<_> = imported.skipped.iter().map(|skipped| skipped.path.to_str().unwrap()).collect();
    assert_eq!(left_out, ["bomb.jpg", "half.jpg", "page.jpg"]);
    assert!(imported.skipped[0].reason.contains("larger than 64 MB"), "{}", imported.skipped[0].reason);
    assert!(!Path::new("/tmp/escaped.jpg").exists() && !Path::new("/etc/absolute.jpg").exists());
}

#[test]
fn what_cannot_be_imported_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path().join("store")).unwrap();
    let none = dir.path().join("none.zip");
    zip(&none, CompressionMethod::Stored, &[("readme.txt", b"x"), ("a.jpg", b"no picture")]);
    let error = run(&mut store, none).unwrap_err();
    assert!(error.to_string().contains("There are no JPEG pictures") && error.to_string().contains("a.jpg"), "{error}");
    let text = dir.path().join("text.zip");
    fs::write(&text, "not a zip").unwrap();
    assert!(matches!(run(&mut store, text), Err(ImportError::NotAZip { .. })));
    assert!(matches!(run(&mut store, dir.path().join("nowhere")), Err(ImportError::Read { .. })));
    let good = dir.path().join("good.zip");
    zip(&good, CompressionMethod::Stored, &[("a.jpg", &jpeg(1))]);
    store.set_reserve(u64::MAX);
    let full = run(&mut store, good.clone());
    assert!(matches!(full, Err(ImportError::Store(StoreError::NearlyFull { .. }))));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let request = ImportRequest { source: good, print_file: None, settings: json!({}) };
    assert!(matches!(import(&mut store, &request, |_| {}, &cancel), Err(ImportError::Cancelled)));
    assert!(store.list().unwrap().is_empty());
    let names: Vec<_> =
        fs::read_dir(dir.path().join("store")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("import")), "{names:?}");
}

#[test]
fn what_a_killed_import_left_is_removed_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let gone = dir.path().join(format!(".import-{}-20261123-153042_a", ended.id()));
    let running = dir.path().join(format!(".import-{}-20261123-153042_a", std::process::id()));
    for folder in [&gone, &running] {
        fs::create_dir_all(folder.join("frames")).unwrap();
        fs::write(folder.join("frames/000001.jpg"), jpeg(1)).unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    assert!(!gone.exists() && running.exists());
    assert!(store.list().unwrap().is_empty());
}
