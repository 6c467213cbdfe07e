//! How a camera's pictures are shown: films turn and mirror them as Mainsail does on the page of the webcam.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Zoned;
use moonlapse::render::{FilmRequest, FilmSettings, OnVerified, Print, Profile, Reel, Shown, Tools, still};
use moonlapse::session::{Crop, Frame, FrameMeta, View};
use tokio_util::sync::CancellationToken;

/// The greys of a picture's quarters: top left, top right, bottom left, bottom right.
type Quarters = [u8; 4];

const QUARTERS: Quarters = [40, 100, 160, 220];
const SIZE: (u16, u16) = (160, 96);

fn picture(path: &Path) {
    let [a, b, c, d] = QUARTERS;
    let grey = format!("if(lt(Y,H/2),if(lt(X,W/2),{a},{b}),if(lt(X,W/2),{c},{d}))");
    let source = format!("color=gray:s={}x{},format=gray,geq=lum='{grey}'", SIZE.0, SIZE.1);
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &source, "-frames:v", "1", "-q:v", "2", "-pix_fmt", "yuvj420p"])
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

/// The size of a picture and the middles of its quarters.
fn read(path: &Path) -> ((usize, usize), Quarters) {
    let ask = |program: &str, args: &[&str]| Command::new(program).args(args).arg(path).output().unwrap().stdout;
    let size = ask("ffprobe", &["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0"]);
    let size = String::from_utf8(size).unwrap();
    let (width, height) = size.trim().trim_end_matches(',').split_once(',').unwrap();
    let (width, height): (usize, usize) = (width.parse().unwrap(), height.parse().unwrap());
    let pixels = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .unwrap()
        .stdout;
    let at = |x: usize, y: usize| pixels[height * y / 4 * width + width * x / 4];
    ((width, height), [at(1, 1), at(3, 1), at(1, 3), at(3, 3)])
}

/// What a browser shows with `transform: scaleX(-1) scaleY(-1) rotate(90deg)`, as Mainsail writes it: the last one first.
fn in_mainsail(mut shown: Quarters, view: &View) -> Quarters {
    for _ in 0..view.rotation / 90 {
        let [a, b, c, d] = shown;
        shown = [c, a, d, b];
    }
    if view.flip_y {
        let [a, b, c, d] = shown;
        shown = [c, d, a, b];
    }
    if view.flip_x {
        let [a, b, c, d] = shown;
        shown = [b, a, d, c];
    }
    shown
}

async fn shown(dir: &Path, frame: &Path, view: View) -> ((usize, usize), Quarters) {
    let frame = Frame {
        reel: 0,
        number: 1,
        shot: 1,
        path: PathBuf::from(frame),
        width: SIZE.0,
        height: SIZE.1,
        bytes: 0,
        adopted: false,
        meta: FrameMeta::default(),
    };
    let request = FilmRequest {
        reels: vec![Reel { frames: vec![frame], view, ..Reel::default() }],
        print: Print::default(),
        output_dir: dir.join("films"),
        suffix: String::new(),
        made_at: Zoned::now(),
        profile: Profile::of_settings(&FilmSettings::default()).unwrap(),
        tools: Tools::default(),
        segments: None,
        on_verified: OnVerified::default(),
    };
    read(&still(request, Shown::Frame(0), &CancellationToken::new()).await.unwrap())
}

fn assert_near(found: Quarters, expected: Quarters, what: &str) {
    assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 8), "{what}: {found:?} instead of {expected:?}");
}

#[tokio::test]
async fn pictures_are_turned_and_mirrored_as_mainsail_shows_them() {
    let dir = tempfile::tempdir().unwrap();
    let frame = dir.path().join("frame.jpg");
    picture(&frame);
    assert_near(read(&frame).1, QUARTERS, "the camera's picture");
    for rotation in [0, 90, 180, 270] {
        for (flip_x, flip_y) in [(false, false), (true, false), (false, true), (true, true)] {
            let view = View { rotation, flip_x, flip_y, crop: None };
            let (size, quarters) = shown(dir.path(), &frame, view).await;
            assert_near(quarters, in_mainsail(QUARTERS, &view), &format!("{view:?}"));
            assert_eq!(size.0 > size.1, rotation % 180 == 0, "{view:?}");
        }
    }
}

#[tokio::test]
async fn the_part_that_is_shown_is_taken_of_the_picture_as_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let frame = dir.path().join("frame.jpg");
    picture(&frame);
    let [_, right_top, _, right_bottom] = QUARTERS;
    let crop = Some(Crop { left: 0.5, top: 0.0, width: 0.5, height: 1.0 });
    let view = View { rotation: 90, flip_x: true, flip_y: false, crop };
    let (size, quarters) = shown(dir.path(), &frame, view).await;
    assert_near(quarters, in_mainsail([right_top, right_top, right_bottom, right_bottom], &view), "its right half");
    assert_eq!(size, (96, 80));
}
