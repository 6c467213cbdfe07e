//! Films, made by the real ffmpeg and looked at by ffprobe.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Zoned;
use jiff::civil::date;
use jiff::tz::TimeZone;
use moonlapse::render::{
    Film, FilmRequest, FilmSettings, OnVerified, ParamError, Print, Profile, Progress, Reel, RenderError, Tools, film,
};
use moonlapse::session::{Frame, FrameMeta};
use rustix::process::Pid;
use tokio_util::sync::CancellationToken;

/// Folders for frames and films.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn films(&self) -> PathBuf {
        self.dir.path().join("films")
    }

    /// `count` JPEGs, each brighter than the one before it.
    fn frames(&self, count: u32, size: &str) -> Vec<PathBuf> {
        let folder = self.dir.path().join(format!("frames {size}"));
        fs::create_dir_all(&folder).unwrap();
        let source = format!("color=black:s={size}:r=25,geq=lum='20+N*4':cb=128:cr=128");
        let done = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                &source,
                "-frames:v",
                &count.to_string(),
                "-pix_fmt",
                "yuvj420p",
            ])
            .arg(folder.join("%06d.jpg"))
            .status();
        assert!(done.unwrap().success());
        (1..=count).map(|number| folder.join(format!("{number:06}.jpg"))).collect()
    }

    fn request(&self, frames: &[PathBuf], settings: FilmSettings) -> FilmRequest {
        FilmRequest {
            reels: vec![reel(frames)],
            print: Print { file: "parts/benchy v2.gcode".into(), ..Print::default() },
            output_dir: self.films(),
            suffix: String::new(),
            made_at: made_at(),
            profile: Profile::of_settings(&settings).unwrap(),
            tools: Tools::default(),
            segments: None,
            on_verified: OnVerified::default(),
        }
    }

    async fn film(&self, frames: &[PathBuf], settings: FilmSettings) -> Result<Film, RenderError> {
        Profile::of_settings(&settings)?;
        film(self.request(frames, settings), |_| {}, &CancellationToken::new()).await
    }

    /// A program that stands in for ffmpeg: `script` with the real one in its reach.
    fn tool(&self, script: &str) -> PathBuf {
        let path = self.dir.path().join("tool");
        fs::write(&path, format!("#!/bin/sh\ncd '{}'\n{script}\n", self.dir.path().display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Everything in the folder of the films, hidden files too.
    fn names(&self) -> Vec<String> {
        names(&self.films())
    }
}

fn reel(frames: &[PathBuf]) -> Reel {
    let frame = |(i, path): (usize, &PathBuf)| Frame {
        reel: 0,
        number: i as u32 + 1,
        shot: i as u32 + 1,
        path: path.clone(),
        width: 64,
        height: 48,
        bytes: 0,
        adopted: false,
        meta: FrameMeta::default(),
    };
    Reel { frames: frames.iter().enumerate().map(frame).collect(), ..Reel::default() }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn made_at() -> Zoned {
    date(2026, 11, 23).at(15, 30, 42, 0).to_zoned(TimeZone::UTC).unwrap()
}

/// Without repeated frames, at `output_framerate`.
fn plain(output_framerate: f64) -> FilmSettings {
    FilmSettings { output_framerate, duplicatelastframe: 0, ..FilmSettings::default() }
}

/// Frames, duration in s (0 for a picture), `WxH`, as ffprobe finds them.
fn probe(film: &Path) -> (u32, f64, String) {
    let done = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "json", "-show_entries"])
        .arg("stream=nb_read_frames,width,height:format=duration")
        .arg(film)
        .output()
        .unwrap();
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    let json: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let stream = &json["streams"][0];
    (
        stream["nb_read_frames"].as_str().unwrap().parse().unwrap(),
        json["format"]["duration"].as_str().map_or(0.0, |duration| duration.parse().unwrap()),
        format!("{}x{}", stream["width"], stream["height"]),
    )
}

/// The brightness of each frame of a film of 64x48.
fn brightness(film: &Path) -> Vec<f64> {
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(film)
        .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .unwrap();
    let mean = |frame: &[u8]| frame.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / frame.len() as f64;
    done.stdout.chunks(64 * 48).map(mean).collect()
}

#[tokio::test]
async fn count_and_duration_are_exact_at_every_frame_rate() {
    let bench = Bench::new();
    let frames = bench.frames(40, "64x48");
    for fps in [7.0, 12.5, 23.976, 24.0, 25.0, 30.0, 50.0, 60.0] {
        let film = bench.film(&frames, plain(fps)).await.unwrap();
        let (count, duration_s, size) = probe(&film.path);
        assert_eq!((count, size.as_str()), (40, "64x48"), "{fps} fps");
        assert!((duration_s - 40.0 / fps).abs() < 0.001, "{fps} fps: {duration_s} s");
        assert_eq!((film.frames, film.repeated, film.fps), (40, 0, fps));
    }
}

#[tokio::test]
async fn frames_keep_their_order_and_the_last_is_repeated() {
    let bench = Bench::new();
    let mut frames = bench.frames(20, "64x48");
    // Gaps in the numbers and odd names, which would end a numbered pattern.
    frames.retain(|path| !path.ends_with("000007.jpg"));
    let odd = frames[3].with_file_name("it's % odd.jpg");
    fs::rename(&frames[3], &odd).unwrap();
    frames[3] = odd;
    let settings = FilmSettings { duplicatelastframe: 5, ..FilmSettings::default() };
    let film = bench.film(&frames, settings).await.unwrap();
    assert_eq!((film.frames, film.repeated), (24, 5));
    let brightness = brightness(&film.path);
    assert_eq!(brightness.len(), 24);
    assert!(brightness[..19].windows(2).all(|pair| pair[0] + 1.0 < pair[1]), "{brightness:?}");
    assert!(brightness[18..].windows(2).all(|pair| (pair[0] - pair[1]).abs() < 1.0), "{brightness:?}");
}

#[tokio::test]
async fn a_variable_frame_rate_meets_the_target_length() {
    let bench = Bench::new();
    let frames = bench.frames(40, "64x48");
    let settings = FilmSettings { variable_fps: true, targetlength: 3, ..FilmSettings::default() };
    let film = bench.film(&frames, settings).await.unwrap();
    assert_eq!(film.fps, 15.0, "45 frames, repeated ones included, in 3 s");
    let (count, duration_s, _) = probe(&film.path);
    assert_eq!(count, 45);
    assert!((duration_s - 3.0).abs() < 0.001, "{duration_s}");
}

#[tokio::test]
async fn the_film_has_the_size_of_most_frames() {
    let bench = Bench::new();
    let mut frames = bench.frames(1, "160x160");
    frames.extend(bench.frames(10, "65x49"));
    frames.extend(bench.frames(2, "32x24"));
    let film = bench.film(&frames, plain(30.0)).await.unwrap();
    assert_eq!(probe(&film.path), (13, film.duration_s, "64x48".into()), "odd lengths are made even");
}

#[tokio::test]
async fn a_turned_film_has_a_turned_preview() {
    let bench = Bench::new();
    let frames = bench.frames(3, "64x48");
    let film = bench.film(&frames, FilmSettings { rotation: 90, flip_y: true, ..plain(30.0) }).await.unwrap();
    assert_eq!(probe(&film.path).2, "48x64");
    assert_eq!(probe(&film.preview.unwrap()).2, "48x64");
}

#[tokio::test]
async fn names_are_those_of_moonraker_timelapse_and_never_taken_twice() {
    let bench = Bench::new();
    let frames = bench.frames(2, "64x48");
    let first = bench.film(&frames, plain(30.0)).await.unwrap();
    let bytes = fs::read(&first.path).unwrap();
    let second = bench.film(&frames, FilmSettings { previewimage: false, ..plain(30.0) }).await.unwrap();
    assert_eq!(
        bench.names(),
        [
            ".timelapse_benchy v2.gcode_20261123_1530.mp4.json",
            ".timelapse_benchy v2.gcode_20261123_1530_2.mp4.json",
            "timelapse_benchy v2.gcode_20261123_1530.jpg",
            "timelapse_benchy v2.gcode_20261123_1530.mp4",
            "timelapse_benchy v2.gcode_20261123_1530_2.mp4",
        ]
    );
    assert_eq!(second.preview, None);
    assert_eq!(fs::read(&first.path).unwrap(), bytes);
    assert_eq!(fs::read(first.preview.unwrap()).unwrap(), fs::read(&frames[1]).unwrap(), "the last frame as it is");
}

#[tokio::test]
async fn broken_frames_are_left_out_and_counted() {
    let bench = Bench::new();
    let frames = bench.frames(10, "64x48");
    let half = fs::read(&frames[2]).unwrap();
    fs::write(&frames[2], &half[..half.len() / 2]).unwrap();
    fs::write(&frames[5], "<html>502 Bad Gateway</html>").unwrap();
    fs::remove_file(&frames[9]).unwrap();
    let film = bench.film(&frames, plain(30.0)).await.unwrap();
    assert_eq!(probe(&film.path).0, 7);
    assert_eq!(film.frames, 7);
    let skipped: Vec<_> = film.skipped.iter().map(|skipped| &skipped.path).collect();
    assert_eq!(skipped, [&frames[2], &frames[5], &frames[9]]);
}

#[tokio::test]
async fn a_frame_that_only_looks_whole_is_found_and_left_out() {
    let bench = Bench::new();
    let frames = bench.frames(6, "64x48");
    // Its markers are in order, and it is arithmetic-coded, which ffmpeg cannot decode.
    let mut odd = fs::read(&frames[2]).unwrap();
    let header = odd.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    odd[header + 1] = 0xC9;
    fs::write(&frames[2], odd).unwrap();
    let film = bench.film(&frames, plain(30.0)).await.unwrap();
    assert_eq!((probe(&film.path).0, film.skipped.len()), (5, 1));
    assert_eq!(film.skipped[0].path, frames[2]);
}

#[tokio::test]
async fn without_a_readable_frame_there_is_no_film() {
    let bench = Bench::new();
    assert!(matches!(bench.film(&[], plain(30.0)).await, Err(RenderError::NoFrames)));
    let error = bench.film(&["/no/such.jpg".into()], plain(30.0)).await.unwrap_err();
    assert!(error.to_string().starts_with("None of the 1 frames can be read"), "{error}");
    assert!(bench.names().is_empty());
}

#[tokio::test]
async fn a_missing_ffmpeg_is_named_with_what_to_do() {
    let bench = Bench::new();
    let mut request = bench.request(&bench.frames(2, "64x48"), plain(30.0));
    request.tools.ffmpeg = "/nowhere/ffmpeg".into();
    let error = film(request, |_| {}, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RenderError::FfmpegMissing { .. }));
    assert!(error.to_string().contains("sudo apt install ffmpeg"), "{error}");
    assert!(bench.names().is_empty());
}

#[tokio::test]
async fn without_ffprobe_ffmpeg_checks_its_film() {
    let bench = Bench::new();
    let mut request = bench.request(&bench.frames(12, "64x48"), plain(12.5));
    request.tools.ffprobe = "/nowhere/ffprobe".into();
    let film = film(request, |_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!(probe(&film.path).0, 12);
    assert!((film.duration_s - 0.96).abs() < 0.001, "{}", film.duration_s);
}

#[tokio::test]
async fn a_damaged_film_is_not_shown() {
    for ffprobe in ["ffprobe", "/nowhere/ffprobe"] {
        let bench = Bench::new();
        // Encodes, and then loses the end of the file. The last argument is the output.
        let damage =
            "ffmpeg \"$@\" || exit; for last; do :; done; [ \"$last\" = - ] || truncate -s -300 \"${last#file:}\"";
        let mut request = bench.request(&bench.frames(30, "64x48"), plain(30.0));
        request.tools = Tools { ffmpeg: bench.tool(damage), ffprobe: ffprobe.into(), ..Tools::default() };
        let error = film(request, |_| {}, &CancellationToken::new()).await.unwrap_err();
        assert!(matches!(error, RenderError::Unsound { .. }), "{ffprobe}: {error}");
        assert!(bench.names().is_empty(), "{ffprobe}: {:?}", bench.names());
    }
}

#[tokio::test]
async fn settings_that_ffmpeg_refuses_are_named() {
    let bench = Bench::new();
    let frames = bench.frames(2, "64x48");
    let with = |extra: &str| FilmSettings { extraoutputparams: extra.into(), ..plain(30.0) };
    let encoder = bench.film(&frames, with("-c:v libnope")).await.unwrap_err();
    assert!(matches!(&encoder, RenderError::EncoderMissing { encoder, .. } if encoder == "libnope"), "{encoder}");
    let option = bench.film(&frames, with("-nope 3")).await.unwrap_err();
    assert!(matches!(option, RenderError::Refused { .. }), "{option}");
    assert!(option.transcript().unwrap().command.contains("-nope 3"));
    let filter = bench.film(&frames, with("-vf nope")).await.unwrap_err();
    assert!(matches!(filter, RenderError::Refused { .. }), "{filter}");
    let pixels = bench.film(&frames, FilmSettings { pixelformat: "nope".into(), ..plain(30.0) }).await.unwrap_err();
    assert!(matches!(pixels, RenderError::Refused { .. }), "{pixels}");
    let other = bench.film(&frames, with("-crf 20 /tmp/other.mp4")).await.unwrap_err();
    assert!(matches!(other, RenderError::Params(ParamError::NotAnOption(_))), "{other}");
    let zero = bench.film(&frames, plain(0.0)).await.unwrap_err();
    assert!(zero.to_string().contains("output_framerate"), "{zero}");
    assert!(bench.names().is_empty());
}

#[tokio::test]
async fn options_and_filters_of_the_user_shape_the_film() {
    let bench = Bench::new();
    let frames = bench.frames(30, "64x48");
    let extra = "-preset ultrafast -vf \"transpose=1,fps=15\"";
    let film = bench.film(&frames, FilmSettings { extraoutputparams: extra.into(), ..plain(30.0) }).await.unwrap();
    assert_eq!(probe(&film.path), (15, film.duration_s, "48x64".into()));
    assert_eq!(film.frames, 15);
}

#[tokio::test]
async fn ffmpeg_runs_at_the_lowest_priority() {
    let bench = Bench::new();
    let mut request = bench.request(&bench.frames(2, "64x48"), plain(30.0));
    request.tools.ffmpeg = bench.tool("nice > niceness; exec ffmpeg \"$@\"");
    film(request, |_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!(fs::read_to_string(bench.dir.path().join("niceness")).unwrap().trim(), "19");
}

#[tokio::test]
async fn progress_goes_up_to_the_end() {
    let bench = Bench::new();
    let mut seen: Vec<Progress> = Vec::new();
    let request = bench.request(&bench.frames(20, "64x48"), FilmSettings::default());
    film(request, |progress| seen.push(progress), &CancellationToken::new()).await.unwrap();
    assert!(seen.windows(2).all(|pair| pair[0].frame <= pair[1].frame), "{seen:?}");
    let last = seen.last().unwrap();
    assert_eq!((last.frame, last.frames, last.percent()), (25, 25, 100));
}

/// A request whose ffmpeg notes its process id and takes a minute, so that things can happen meanwhile.
fn slow(bench: &Bench) -> FilmRequest {
    let mut request =
        bench.request(&bench.frames(50, "64x48"), FilmSettings { duplicatelastframe: 550, ..plain(10.0) });
    request.tools.ffmpeg = bench.tool("echo $$ > pid; exec ffmpeg -re \"$@\"");
    request
}

fn pid(bench: &Bench) -> Pid {
    let text = fs::read_to_string(bench.dir.path().join("pid")).unwrap();
    Pid::from_raw(text.trim().parse().unwrap()).unwrap()
}

#[tokio::test]
async fn a_killed_ffmpeg_leaves_nothing_and_the_next_try_makes_the_film() {
    let bench = Bench::new();
    let request = slow(&bench);
    let kill = |progress: Progress| {
        if progress.frame > 0 {
            rustix::process::kill_process(pid(&bench), rustix::process::Signal::KILL).unwrap();
        }
    };
    let error = film(request.clone(), kill, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RenderError::Killed { signal: 9, .. }), "{error}");
    assert!(bench.names().is_empty(), "{:?}", bench.names());
    let again = FilmRequest { tools: Tools::default(), ..request };
    assert_eq!(film(again, |_| {}, &CancellationToken::new()).await.unwrap().frames, 600);
}

#[tokio::test]
async fn a_cancelled_render_leaves_nothing_behind() {
    let bench = Bench::new();
    let cancel = CancellationToken::new();
    let mut shown_early = Vec::new();
    let on_progress = |progress: Progress| {
        if progress.frame > 0 {
            shown_early = bench.names();
            cancel.cancel();
        }
    };
    let error = film(slow(&bench), on_progress, &cancel).await.unwrap_err();
    assert!(matches!(error, RenderError::Cancelled), "{error}");
    assert!(bench.names().is_empty(), "{:?}", bench.names());
    assert!(rustix::process::test_kill_process(pid(&bench)).is_err(), "ffmpeg is gone");
    assert!(!shown_early.is_empty(), "there was a temporary film");
    assert!(
        shown_early.iter().all(|name| name.starts_with('.') && !name.ends_with("mp4")),
        "half a film was shown: {shown_early:?}"
    );
}

#[tokio::test]
async fn a_dropped_render_kills_its_ffmpeg() {
    let bench = Bench::new();
    let mut request = slow(&bench);
    // ffmpeg holds the writing end as long as it lives.
    let pipe = bench.dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    request.tools.ffmpeg = bench.tool("exec 3> pipe; exec ffmpeg -re \"$@\"");
    let ended = tokio::task::spawn_blocking(move || fs::read(pipe));
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    let on_progress = move |progress: Progress| {
        if progress.frame > 0 {
            send.send(()).unwrap();
        }
    };
    let cancel = CancellationToken::new();
    let running = film(request, on_progress, &cancel);
    tokio::select! {
        result = running => panic!("ended by itself: {result:?}"),
        _ = receive.recv() => {}
    }
    ended.await.unwrap().unwrap();
    assert!(bench.names().is_empty(), "{:?}", bench.names());
}

#[tokio::test(start_paused = true)]
async fn an_ffmpeg_that_hangs_is_stopped() {
    let bench = Bench::new();
    let mut request = bench.request(&bench.frames(2, "64x48"), plain(30.0));
    request.tools.ffmpeg = bench.tool("echo $$ > pid; echo working >&2; exec sleep 10000");
    let error = film(request, |_| {}, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, RenderError::Stalled { after, .. } if after.as_secs() == 300), "{error}");
    assert!(bench.names().is_empty(), "{:?}", bench.names());
}

#[test]
fn a_render_can_move_between_threads() {
    fn sendable<T: Send>(_: T) {}
    let cancel = CancellationToken::new();
    let bench = Bench::new();
    sendable(film(bench.request(&[], plain(30.0)), |_| {}, &cancel));
}
