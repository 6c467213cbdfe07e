//! From the camera to the disk a frame is bytes: nobody decodes it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use moonlapse::calibration::Thumb;
use moonlapse::camera::{Camera, CameraSpec, JpegInfo, Span};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera::{Replay, monotonic, webcam_picture};

/// A picture whose frame is right and whose content is none: a decoder gives up on it.
async fn undecodable() -> Vec<u8> {
    let mut jpeg = webcam_picture(320, 192).await.unwrap();
    let scan = jpeg.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();
    let content = scan + 2 + usize::from(jpeg[scan + 2]) * 256 + usize::from(jpeg[scan + 3]);
    let end = jpeg.len() - 2;
    // Ones without end are the beginning of no code.
    for pair in jpeg[content..end].chunks_mut(2) {
        let stuffed: &[u8] = if pair.len() == 2 { &[0xFF, 0x00] } else { &[0xFE] };
        pair.copy_from_slice(stuffed);
    }
    jpeg
}

#[tokio::test]
async fn a_frame_is_taken_byte_for_byte_whatever_is_in_it() {
    let jpeg = undecodable().await;
    assert!(JpegInfo::read(&jpeg).is_ok());
    assert!(Thumb::decode(&jpeg).is_err(), "a decoder would have been content");
    let server = Replay::start(jpeg.clone(), 30.0).await.unwrap();
    let spec = CameraSpec::web("front", server.stream_url().parse().ok(), None);
    let camera = Camera::open(spec, Clock::real());
    assert!(camera.ready(Duration::from_secs(20)).await, "{:?}", camera.facts());
    let at = |t| MonoTime::from_secs_f64(t).unwrap();
    let from = monotonic() + 0.1;
    let frame = camera.capture(Span { from: at(from), until: at(from + 2.0) }).await.unwrap();
    assert_eq!((frame.width, frame.height), (320, 192));
    // What follows is the number that the server puts behind each picture.
    assert_eq!(&frame.jpeg[..jpeg.len()], &jpeg[..]);
}

/// Every source file below `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_calibration_and_the_test_of_a_light_look_into_pictures() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mentioning = |words: &[&str]| -> Vec<String> {
        let names = |path: &&PathBuf| {
            let text = std::fs::read_to_string(path).unwrap();
            words.iter().any(|word| text.contains(word))
        };
        let mut names: Vec<String> =
            files.iter().filter(names).map(|path| path.strip_prefix(&source).unwrap().display().to_string()).collect();
        names.retain(|name| !name.starts_with("calibration/"));
        names.sort();
        names
    };
    assert_eq!(mentioning(&["jpeg_decoder", "image::", "zune", "turbojpeg"]), Vec::<String>::new());
    assert_eq!(mentioning(&["Thumb::", "Watch::start"]), ["agent/calibrate.rs", "web/cameras.rs"]);
}
