//! Archives of frames.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use jiff::civil::date;
use jiff::tz::TimeZone;
use moonlapse::render::{ArchiveRequest, ArchivedReel, RenderError, archive};
use moonlapse::session::{FrameMeta, Miss, NewSession, Store};
use tokio_util::sync::CancellationToken;
use zip::{CompressionMethod, ZipArchive};

/// A structurally whole JPEG whose bytes depend on `seed`.
fn jpeg(seed: u32) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 48, 0, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    jpeg.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    jpeg.extend(seed.to_string().repeat(2_000).bytes());
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

fn request(dir: &Path, frames: u32) -> ArchiveRequest {
    let mut store = Store::open(dir.join("store")).unwrap();
    let new = NewSession { print_file: "parts/benchy.gcode".into(), ..NewSession::default() };
    let session = store.start(new).unwrap();
    for number in 1..=frames {
        let meta = FrameMeta { layer: Some(number * 10), ..FrameMeta::default() };
        store.append(&session.id, &jpeg(number), meta).unwrap();
    }
    let miss = Miss { at: session.started_at, layer: Some(5), reason: "camera gone".into(), ..Miss::default() };
    store.miss(&session.id, &miss).unwrap();
    ArchiveRequest {
        reels: ArchivedReel::all(&store, &session.id).unwrap(),
        session,
        output_dir: dir.join("films"),
        made_at: date(2026, 11, 23).at(15, 30, 42, 0).to_zoned(TimeZone::UTC).unwrap(),
        time_format_code: "%Y%m%d_%H%M".into(),
    }
}

#[test]
fn an_archive_holds_every_frame_as_it_is_and_what_is_known_about_it() {
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), 3);
    fs::remove_file(&request.reels[0].frames[1].path).unwrap();
    let made = archive(&request, &CancellationToken::new()).unwrap();
    assert_eq!(made.path.file_name().unwrap(), "timelapse_benchy.gcode_20261123_1530_frames.zip");
    assert_eq!((made.frames, made.skipped.len()), (2, 1));
    assert_eq!(made.bytes, fs::metadata(&made.path).unwrap().len());

    let mut zip = ZipArchive::new(File::open(&made.path).unwrap()).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["frame000001.jpg", "frame000003.jpg", "manifest.json"]);
    let mut third = zip.by_name("frame000003.jpg").unwrap();
    assert_eq!(third.compression(), CompressionMethod::Stored);
    let mut bytes = Vec::new();
    third.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, jpeg(3));
    drop(third);
    let manifest: serde_json::Value = serde_json::from_reader(zip.by_name("manifest.json").unwrap()).unwrap();
    assert_eq!(manifest["session"]["print_file"], "parts/benchy.gcode");
    assert_eq!(manifest["frames"][1]["file"], "frame000003.jpg");
    assert_eq!(manifest["frames"][1]["layer"], 30);
    assert_eq!(manifest["misses"][0]["reason"], "camera gone");
    assert_eq!(manifest["skipped"].as_array().unwrap().len(), 1);

    let second = archive(&request, &CancellationToken::new()).unwrap();
    assert_ne!(second.path, made.path, "an existing archive is never replaced");
}

#[test]
fn a_cancelled_or_empty_archive_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut request = request(dir.path(), 3);
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert!(matches!(archive(&request, &cancel), Err(RenderError::Cancelled)));
    assert_eq!(fs::read_dir(&request.output_dir).unwrap().count(), 0);
    request.reels[0].frames.clear();
    assert!(matches!(archive(&request, &CancellationToken::new()), Err(RenderError::NoFrames)));
}
