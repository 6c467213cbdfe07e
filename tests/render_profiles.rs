//! Films of profiles: formats, effects, overlays and several cameras, made by the real ffmpeg and looked at frame by frame.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use moonlapse::render::{
    Film, FilmRequest, FilmSettings, OnVerified, Print, Profile, Reel, RenderError, Shown, Tools, film, still,
};
use moonlapse::session::{Frame, FrameMeta, Outcome};
use tokio_util::sync::CancellationToken;

const WIDTH: usize = 160;
const HEIGHT: usize = 96;

/// Frames, and a folder for films.
struct Bench {
    dir: tempfile::TempDir,
    reels: Vec<Reel>,
}

impl Bench {
    /// One camera that sees `greys`, a frame for each.
    fn new(greys: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut bench = Self { dir, reels: Vec::new() };
        bench.add_camera("front", greys);
        bench
    }

    fn add_camera(&mut self, name: &str, greys: &[u8]) {
        // Cameras that count shots of their own are paired by time.
        let shots = 1 + 1000 * self.reels.len() as u32;
        let frame = |(i, &grey): (usize, &u8)| Frame {
            reel: 0,
            number: i as u32 + 1,
            shot: shots + i as u32,
            path: self.jpeg(&format!("{name}{i}.jpg"), grey, WIDTH, HEIGHT),
            width: WIDTH as u16,
            height: HEIGHT as u16,
            bytes: 0,
            adopted: false,
            meta: FrameMeta { at: Timestamp::from_second(1_000_000 + i as i64 * 10).unwrap(), ..FrameMeta::default() },
        };
        let frames = greys.iter().enumerate().map(frame).collect();
        self.reels.push(Reel { camera: Some(name.to_owned()), frames, ..Reel::default() });
    }

    fn jpeg(&self, name: &str, grey: u8, width: usize, height: usize) -> PathBuf {
        let path = self.dir.path().join(name);
        let source = format!("color=0x{grey:02x}{grey:02x}{grey:02x}:s={width}x{height}");
        let done = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", &source, "-frames:v", "1", "-pix_fmt", "yuvj420p"])
            .arg(&path)
            .status();
        assert!(done.unwrap().success());
        path
    }

    fn request(&self, words: &str) -> FilmRequest {
        let base = Profile::of_settings(&FilmSettings { duplicatelastframe: 0, ..FilmSettings::default() }).unwrap();
        FilmRequest {
            reels: self.reels.clone(),
            print: Print {
                file: "parts/benchy.gcode".into(),
                job_id: Some("00002A".into()),
                session: Some("20261123-150000_benchy".into()),
                started_at: Some(Timestamp::from_second(1_000_000).unwrap()),
                ended_at: Some(Timestamp::from_second(1_003_600).unwrap()),
                outcome: Some(Outcome::Complete),
                layers: None,
            },
            output_dir: self.dir.path().join("films"),
            suffix: String::new(),
            made_at: date(2026, 11, 23).at(15, 30, 42, 0).to_zoned(TimeZone::UTC).unwrap(),
            profile: Profile::from_words("test", words, &base).unwrap(),
            tools: Tools::default(),
            segments: None,
            on_verified: OnVerified::default(),
        }
    }

    async fn film(&self, words: &str) -> Film {
        self.try_film(words).await.unwrap()
    }

    async fn try_film(&self, words: &str) -> Result<Film, RenderError> {
        film(self.request(words), |_| {}, &CancellationToken::new()).await
    }
}

/// Every frame of a film or picture as grey bytes, with the film's width.
fn pictures(film: &Path) -> (usize, Vec<Vec<u8>>) {
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0"])
        .arg(film)
        .output()
        .unwrap();
    let size = String::from_utf8(probe.stdout).unwrap();
    let (width, height) = size.lines().next().unwrap().split_once(',').unwrap();
    let height: usize = height.trim_end_matches(',').parse().unwrap();
    let width: usize = width.parse().unwrap();
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(film)
        .args(["-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .unwrap();
    (width, decoded.stdout.chunks(width * height).map(<[u8]>::to_vec).collect())
}

fn mean(bytes: impl IntoIterator<Item = u8>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for byte in bytes {
        (sum, count) = (sum + f64::from(byte), count + 1.0);
    }
    sum / count
}

/// The mean brightness of every frame.
fn brightness(film: &Path) -> Vec<f64> {
    pictures(film).1.into_iter().map(mean).collect()
}

fn duration_s(film: &Path) -> f64 {
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"])
        .arg(film)
        .output()
        .unwrap();
    String::from_utf8(probe.stdout).unwrap().trim().parse().unwrap()
}

/// Each clearly brighter than the one before it.
fn ladder(count: u8) -> Vec<u8> {
    (0..count).map(|i| 20 + i * (200 / count)).collect()
}

#[tokio::test]
async fn every_format_holds_every_frame_in_order_for_as_long_as_asked() {
    let bench = Bench::new(&ladder(12));
    for (words, ending, fps, frames, tick) in [
        ("mp4 fps=12.5", "mp4", 12.5, 12, 0.0005),
        ("hevc fps=24", "mp4", 24.0, 12, 0.0005),
        ("mkv fps=60", "mkv", 60.0, 12, 0.0005),
        ("mov fps=23.976", "mov", 23.976, 12, 0.0005),
        ("webm fps=50", "webm", 50.0, 12, 0.0005),
        ("av1 fps=25", "webm", 25.0, 12, 0.0005),
        ("avi fps=12.5", "avi", 12.5, 12, 0.0005),
        ("flv fps=30", "flv", 30.0, 12, 0.0005),
        // These do not say how long they last; ffprobe guesses from the last time it finds.
        ("vob fps=12.5", "vob", 25.0, 24, 0.2),
        ("mpeg fps=25", "mpg", 25.0, 12, 0.2),
        ("flv codec=h264 fps=12.5", "flv", 12.5, 12, 0.0005),
        ("mkv codec=mpeg2 fps=12.5", "mkv", 25.0, 24, 0.0005),
        ("gif fps=12.5 width=160", "gif", 12.5, 12, 0.005),
    ] {
        let film = bench.film(words).await;
        assert_eq!(film.path.extension().unwrap(), ending);
        assert_eq!((film.frames, film.fps), (frames, fps), "{words}");
        let found = brightness(&film.path);
        assert_eq!(found.len(), frames as usize, "{words}");
        let step = frames as usize / 12;
        let firsts: Vec<f64> = found.iter().step_by(step).copied().collect();
        assert!(firsts.windows(2).all(|pair| pair[0] + 5.0 < pair[1]), "{words}: {found:?}");
        let duration = duration_s(&film.path);
        assert!((duration - f64::from(frames) / fps).abs() <= tick, "{words}: {duration} s");
    }
}

#[tokio::test]
async fn an_animated_webp_lasts_as_long_as_asked() {
    let bench = Bench::new(&ladder(10));
    let film = bench.film("webp width=160 fps=12.5 hold_last=5").await;
    assert_eq!((film.frames, film.duration_s), (15, 1.2));
}

#[tokio::test]
async fn effects_keep_every_frame_at_any_rate() {
    let mut bench = Bench::new(&ladder(30));
    // A camera that changed its resolution in between, and a still of another size at the end.
    bench.reels[0].frames[7].path = bench.jpeg("small.jpg", 66, 80, 80);
    bench.reels[0].hero = Some(bench.jpeg("hero.jpg", 240, 320, 200));
    let logo = bench.jpeg("it's [a] logo, or: not.jpg", 255, 64, 64);
    for fps in ["12.5", "60", "240", "30000/1001"] {
        let words = format!(
            "mp4 fps={fps} deflicker=5 blend=3 fade_in=0.1 fade_out=0.1 overlay='{{frame}} {{elapsed}}' \
             watermark=\"{}\" post_roll=0.5 post_roll_of=hero size=320x200",
            logo.display()
        );
        let film = bench.film(&words).await;
        let rolled = (0.5 * film.fps).round() as u32;
        assert_eq!(film.frames, 30 + rolled, "{fps}");
        assert_eq!(film.repeated, rolled, "{fps}");
        assert_eq!(pictures(&film.path).1.len(), film.frames as usize, "{fps}");
        assert!((duration_s(&film.path) - f64::from(film.frames) / film.fps).abs() < 0.001, "{fps}");
    }
}

#[tokio::test]
async fn fades_begin_and_end_in_black() {
    let bench = Bench::new(&[200; 40]);
    let film = bench.film("mp4 fps=20 fade_in=0.5 fade_out=0.5").await;
    let found = brightness(&film.path);
    assert!(found[0] < 10.0 && found[39] < 30.0, "{found:?}");
    assert!(found[10..30].iter().all(|&grey| grey > 190.0), "{found:?}");
}

#[tokio::test]
async fn the_overlay_of_each_frame_is_its_own() {
    let mut bench = Bench::new(&[16; 24]);
    for (i, frame) in bench.reels[0].frames.iter_mut().enumerate() {
        // A long number makes the picture brighter than a short one.
        frame.meta.layer = Some(if i % 3 == 0 { 88_888_888 } else { 1 });
    }
    for fps in ["12.5", "25", "60", "240"] {
        let film = bench.film(&format!("mp4 crf=5 fps={fps} overlay_center={{layer}} overlay_size=30")).await;
        let bright: Vec<bool> = brightness(&film.path).into_iter().map(|grey| grey > 22.0).collect();
        let expected: Vec<bool> = (0..24).map(|i| i % 3 == 0).collect();
        assert_eq!(bright, expected, "{fps}");
    }
}

#[tokio::test]
async fn overlays_have_places_colours_and_fonts() {
    let bench = Bench::new(&[16]);
    let quarter = |picture: &[u8], right: bool, bottom: bool| {
        let pixels = picture.iter().enumerate().filter(|(at, _)| {
            let (x, y) = (at % WIDTH, at / WIDTH);
            (x >= WIDTH / 2) == right && (y >= HEIGHT / 2) == bottom
        });
        mean(pixels.map(|(_, &grey)| grey))
    };
    let words = "mp4 crf=5 overlay_size=20 overlay_top_right='88\\n88' overlay_bottom_left={{file}} overlay_margin=2";
    let (_, shown) = pictures(&bench.film(words).await.path);
    assert!(quarter(&shown[0], true, false) > quarter(&shown[0], false, false) + 10.0);
    assert!(quarter(&shown[0], false, true) > quarter(&shown[0], true, true) + 5.0);
    let dark = bench.film(&format!("{words} overlay_colour=#101010 overlay_outline=101010")).await;
    assert!(brightness(&dark.path)[0] < 18.0, "text as dark as the picture");
    let other = bench.film(&format!("{words} overlay_font='DejaVu Serif'")).await;
    assert_ne!(pictures(&other.path).1[0], shown[0], "another font");
}

#[tokio::test]
async fn two_cameras_stand_beside_each_other_paired_by_time() {
    let mut bench = Bench::new(&[20, 60, 100, 140]);
    bench.add_camera("side", &[200, 230]);
    // The second camera took its two frames with the leading one's first and last.
    bench.reels[1].frames[1].meta.at = Timestamp::from_second(1_000_030).unwrap();
    let film = bench.film("mp4 crf=5 layout=side_by_side").await;
    let (width, shown) = pictures(&film.path);
    assert_eq!(width, 2 * WIDTH + 2, "with a line between them");
    let half = |picture: &[u8], right: bool| {
        mean(picture.iter().enumerate().filter(|(at, _)| (at % width > width / 2) == right).map(|(_, &grey)| grey))
    };
    let left: Vec<f64> = shown.iter().map(|picture| half(picture, false)).collect();
    let right: Vec<bool> = shown.iter().map(|picture| half(picture, true) > 213.0).collect();
    assert!(left.windows(2).all(|pair| pair[0] + 20.0 < pair[1]), "{left:?}");
    assert_eq!(right, [false, false, true, true]);
    let swapped = bench.film("mp4 layout=side_by_side cameras=side,front").await;
    assert_eq!(swapped.frames, 2, "the leading camera makes the frames");
}

#[tokio::test]
async fn small_pictures_lie_in_the_corners() {
    let mut bench = Bench::new(&[20, 20]);
    bench.add_camera("side", &[250, 250]);
    let film = bench.film("mp4 crf=5 layout=picture_in_picture inset_corner=top_left inset_width=40").await;
    let (width, shown) = pictures(&film.path);
    let at = |x: usize, y: usize| shown[0][y * width + x];
    assert!(at(20, 15) > 200 && at(WIDTH - 20, 15) < 40 && at(20, HEIGHT - 10) < 40);
    assert_eq!(bench.film("mp4").await.path.file_name().unwrap(), "timelapse_benchy.gcode_20261123_1530_test_2.mp4");
}

#[tokio::test]
async fn a_camera_that_is_not_there_is_left_out_with_a_word() {
    let bench = Bench::new(&[20, 60]);
    let film = bench.film("mp4 layout=side_by_side cameras='front, roof'").await;
    assert_eq!(pictures(&film.path).0, WIDTH);
    assert!(film.warnings[0].contains("no frames of the camera roof; there are some of: front"), "{:?}", film.warnings);
}

#[tokio::test]
async fn hardware_that_is_not_there_is_replaced_with_a_word() {
    let bench = Bench::new(&[20, 60, 100]);
    let mut request = bench.request("mp4 hardware=v4l2m2m");
    // A host without the device, whatever this one has.
    let tool = bench.dir.path().join("ffmpeg");
    fs::write(
        &tool,
        "#!/bin/sh\ncase \"$*\" in *h264_v4l2m2m*) echo no device >&2; exit 1;; esac\nexec ffmpeg \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    request.tools.ffmpeg = tool;
    let film = film(request, |_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!(film.frames, 3);
    assert!(film.warnings[0].starts_with("v4l2m2m does not work here (no device)"), "{:?}", film.warnings);
}

#[tokio::test]
async fn names_follow_the_template_and_notes_tell_the_job() {
    let bench = Bench::new(&[20, 60]);
    let words = "mp4 name='{FAILEDFLAG}{FAILEDSEPARATOR}{GCODEFILENAME}_%Y_{SNAPSHOTCOUNT}_{FPS}_{camera}/{job}'";
    let film = bench.film(words).await;
    assert_eq!(film.path.file_name().unwrap(), "benchy_2026_2_30_front-00002A.mp4");
    let notes = fs::read(film.path.with_file_name(".benchy_2026_2_30_front-00002A.mp4.json")).unwrap();
    let notes: serde_json::Value = serde_json::from_slice(&notes).unwrap();
    assert_eq!(notes["job_id"], "00002A");
    assert_eq!((&notes["frames"], &notes["profile"]), (&2.into(), &"test".into()));
    let tags = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format_tags=title,comment", "-of", "csv=p=0"])
        .arg(&film.path)
        .output()
        .unwrap();
    let tags = String::from_utf8(tags.stdout).unwrap();
    assert!(tags.contains("benchy.gcode") && tags.contains("job 00002A, session 20261123-150000_benchy"), "{tags}");
}

#[tokio::test]
async fn the_preview_shows_what_the_film_ends_with_and_may_be_small() {
    let mut bench = Bench::new(&[20, 60]);
    bench.reels[0].hero = Some(bench.jpeg("hero.jpg", 240, 320, 192));
    let film =
        bench.film("mp4 post_roll=1 post_roll_of=hero preview_width=80 overlay_center=8888 overlay_size=50").await;
    let (width, shown) = pictures(film.preview.as_deref().unwrap());
    assert_eq!(width, 80);
    assert!(mean(shown[0].clone()) > 230.0, "the still, without texts");
}

#[tokio::test]
async fn a_still_is_one_picture_with_everything_on_it() {
    let mut bench = Bench::new(&[20, 60]);
    bench.reels[0].hero = Some(bench.jpeg("hero.jpg", 200, WIDTH, HEIGHT));
    let request = bench.request("mp4 overlay_center=8888 overlay_size=50 overlay_colour=#000 overlay_outline=000");
    let cancel = CancellationToken::new();
    let hero = still(request.clone(), Shown::Hero, &cancel).await.unwrap();
    assert_eq!(hero.file_name().unwrap(), "timelapse_benchy.gcode_20261123_1530_test_still.jpg");
    let (width, shown) = pictures(&hero);
    assert_eq!(width, WIDTH);
    assert!(shown[0][5] > 190 && mean(shown[0].clone()) < 190.0, "the still with its text");
    let second = still(request, Shown::Frame(1), &cancel).await.unwrap();
    assert!(pictures(&second).1[0][5] < 80);
    let hidden: Vec<_> =
        fs::read_dir(bench.dir.path().join("films")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(hidden.len(), 2, "nothing else is left: {hidden:?}");
}

#[tokio::test]
async fn each_camera_shows_its_own_still_of_the_finished_part() {
    let mut bench = Bench::new(&[20, 60]);
    bench.add_camera("side", &[30, 70]);
    bench.add_camera("top", &[40, 80]);
    for (reel, grey) in [(0, 200), (1, 240)] {
        bench.reels[reel].hero = Some(bench.jpeg(&format!("hero{reel}.jpg"), grey, WIDTH, HEIGHT));
    }
    let shows = async |words: &str| {
        let film = bench.film(words).await;
        let (width, shown) = pictures(&film.path);
        let last = shown.last().unwrap().clone();
        (last[width / 4], last[width * 3 / 4])
    };
    let near = |found: (u8, u8), left: u8, right: u8| found.0.abs_diff(left) <= 3 && found.1.abs_diff(right) <= 3;
    let both = shows("mp4 layout=side_by_side cameras=\"front, side\" post_roll=0.1 post_roll_of=hero").await;
    assert!(near(both, 200, 240), "{both:?}");
    // One that has none shows its last frame.
    let other = shows("mp4 layout=side_by_side cameras=\"side, top\" post_roll=0.1 post_roll_of=hero").await;
    assert!(near(other, 240, 80), "{other:?}");
}

#[tokio::test]
async fn a_missing_watermark_is_told_before_anything_is_made() {
    let bench = Bench::new(&[20]);
    let error = bench.try_film("mp4 watermark=/nowhere/logo.png").await.unwrap_err().to_string();
    assert!(error.starts_with("There is no watermark /nowhere/logo.png"), "{error}");
}
