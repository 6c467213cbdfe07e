//! Films from segments: every frame once, each at its time, whatever happened to the segments meanwhile.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use jiff::Zoned;
use moonlapse::render::{
    Film, FilmRequest, FilmSettings, NextSegment, OnVerified, Print as PrintFacts, Profile, Reel, RenderError,
    SegmentRequest, Segments, Tools, film, next_segment,
};
use moonlapse::session::{Frame, FrameMeta, NewSession, Store, View};
use moonlapse_rig::barcode;
use tokio_util::sync::CancellationToken;

/// A session whose frames show their numbers.
struct Print {
    dir: tempfile::TempDir,
    frames: Vec<Frame>,
}

impl Print {
    fn of(count: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path().join("store")).unwrap();
        let session = store.start(NewSession { print_file: "a.gcode".into(), ..NewSession::default() }).unwrap();
        for number in 1..=count {
            store.append(&session.id, &barcode::jpeg(number).unwrap(), FrameMeta::default()).unwrap();
        }
        Self { frames: store.frames(&session.id).unwrap(), dir }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("segments")
    }

    /// The segments and when each was made.
    fn made(&self) -> BTreeMap<String, SystemTime> {
        let files = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        files
            .map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().modified().unwrap()))
            .collect()
    }

    fn segments(&self, frames: &[Frame]) -> Segments {
        Segments { folder: self.folder(), frames: frames.to_vec() }
    }

    async fn next(&self, frames: usize, settings: &FilmSettings) -> Result<NextSegment, RenderError> {
        self.next_when(frames, settings, false).await
    }

    async fn next_when(
        &self,
        frames: usize,
        settings: &FilmSettings,
        closing: bool,
    ) -> Result<NextSegment, RenderError> {
        let segments = self.segments(&self.frames[..frames]);
        let profile = Profile::of_settings(settings)?;
        let (view, tools) = (View::default(), Tools::default());
        let request = SegmentRequest { segments, reel: 0, view, profile, tools, closing };
        next_segment(request, &CancellationToken::new()).await
    }

    /// Makes every segment that can be made of the first `frames`; gives how many.
    async fn prepare(&self, frames: usize, settings: &FilmSettings) -> usize {
        let mut made = 0;
        loop {
            match self.next(frames, settings).await.unwrap() {
                NextSegment::Made { .. } => made += 1,
                NextSegment::UpToDate => return made,
                NextSegment::Unsuitable(reason) => panic!("{reason}"),
            }
        }
    }

    async fn film(&self, frames: &[Frame], settings: &FilmSettings) -> Film {
        self.film_of(frames, Profile::of_settings(settings).unwrap(), Tools::default()).await
    }

    async fn film_of(&self, frames: &[Frame], profile: Profile, tools: Tools) -> Film {
        let request = FilmRequest {
            reels: vec![Reel { frames: frames.to_vec(), ..Reel::default() }],
            print: PrintFacts { file: "a.gcode".into(), ..PrintFacts::default() },
            output_dir: self.dir.path().join("films"),
            suffix: String::new(),
            made_at: Zoned::now(),
            profile,
            tools,
            segments: Some(self.folder()),
            on_verified: OnVerified::default(),
        };
        film(request, |_| {}, &CancellationToken::new()).await.unwrap()
    }

    /// An ffprobe that notes what it is asked.
    fn noting_ffprobe(&self) -> Tools {
        let program = self.dir.path().join("ffprobe");
        let notes = self.dir.path().join("asked");
        fs::write(&program, format!("#!/bin/sh\necho \"$*\" >> '{}'\nexec ffprobe \"$@\"\n", notes.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Tools { ffprobe: program, ..Tools::default() }
    }

    fn films(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path().join("films")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // Beside each stand its notes.
        names.filter(|name| !name.ends_with(".json")).collect()
    }
}

fn plain(output_framerate: f64) -> FilmSettings {
    FilmSettings { output_framerate, duplicatelastframe: 0, previewimage: false, ..FilmSettings::default() }
}

/// When each frame is shown, s.
fn times(film: &Path) -> Vec<f64> {
    let listed = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0"])
        .arg(film)
        .output()
        .unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let mut times: Vec<f64> = text.split_whitespace().map(|time| time.trim_end_matches(',').parse().unwrap()).collect();
    times.sort_by(f64::total_cmp);
    times
}

#[tokio::test]
async fn every_frame_is_there_once_at_its_time_at_every_rate() {
    let print = Print::of(50);
    assert_eq!(print.prepare(50, &plain(30.0)).await, 3);
    let made = print.made();
    for fps in [7.0, 12.5, 23.976, 24.0, 25.0, 30.0, 50.0, 60.0] {
        let film = print.film(&print.frames, &plain(fps)).await;
        assert_eq!(barcode::read(&film.path).unwrap(), Vec::from_iter(1..=50), "{fps} fps");
        let times = times(&film.path);
        for (i, time) in times.iter().enumerate() {
            // The film's clock has 90 000 ticks a second, and ffprobe shows microseconds.
            assert!((time - i as f64 / fps).abs() < 13e-6, "{fps} fps: frame {} at {time}", i + 1);
        }
        assert_eq!((film.frames, film.fps), (50, fps));
        assert!((film.duration_s - 50.0 / fps).abs() < 1e-9);
    }
    assert_eq!(print.made(), made, "one set of segments serves all rates");
}

#[tokio::test]
async fn a_joined_film_is_read_back_once_and_only_what_was_encoded_last_is_decoded() {
    for words in ["mp4 hold_last=0", "mov hold_last=0", "hevc hold_last=0"] {
        let print = Print::of(33);
        let profile = Profile::from_words("default", words, &Profile::of_settings(&plain(30.0)).unwrap()).unwrap();
        let request = SegmentRequest {
            segments: print.segments(&print.frames),
            reel: 0,
            view: View::default(),
            profile: profile.clone(),
            tools: Tools::default(),
            closing: false,
        };
        for _ in 0..2 {
            let made = next_segment(request.clone(), &CancellationToken::new()).await;
            assert!(matches!(made, Ok(NextSegment::Made { .. })), "{words}: {made:?}");
        }
        let film = print.film_of(&print.frames, profile, print.noting_ffprobe()).await;
        assert_eq!(barcode::read(&film.path).unwrap(), Vec::from_iter(1..=33), "{words}");
        let asked = fs::read_to_string(print.dir.path().join("asked")).unwrap();
        let of_the_film: Vec<_> = asked.lines().filter(|line| line.ends_with(".film")).collect();
        assert!(of_the_film.len() == 1 && of_the_film[0].contains("-show_data_hash"), "{words}: {asked}");
        assert_eq!(asked.lines().filter(|line| line.contains("-count_frames")).count(), 1, "{words}: {asked}");
        // Browsers start at once when the index comes first.
        let bytes = fs::read(&film.path).unwrap();
        let place = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap();
        assert!(place(b"moov") < place(b"mdat"), "{words}");
    }
}

#[tokio::test]
async fn what_is_encoded_near_the_end_of_a_print_is_joined_like_the_rest() {
    let print = Print::of(43);
    assert_eq!(print.prepare(32, &plain(30.0)).await, 2);
    let mut made = Vec::new();
    while let NextSegment::Made { first, last, .. } = print.next_when(43, &plain(30.0), true).await.unwrap() {
        made.push((first, last));
    }
    assert_eq!(made, [(31, 35), (36, 40)]);
    let settings = FilmSettings { duplicatelastframe: 3, ..plain(12.5) };
    for count in [43u16, 40, 33] {
        let film = print.film(&print.frames[..usize::from(count)], &settings).await;
        let expected: Vec<u16> = (1..=count).chain([count; 3]).collect();
        assert_eq!(barcode::read(&film.path).unwrap(), expected);
    }
}

#[tokio::test]
async fn the_last_frame_is_repeated_also_after_a_full_segment() {
    let print = Print::of(32);
    let settings = FilmSettings { duplicatelastframe: 4, ..plain(25.0) };
    print.prepare(32, &settings).await;
    for count in [30u16, 32] {
        let film = print.film(&print.frames[..usize::from(count)], &settings).await;
        let expected: Vec<u16> = (1..=count).chain([count; 4]).collect();
        assert_eq!(barcode::read(&film.path).unwrap(), expected);
        assert_eq!((film.frames, film.repeated), (u32::from(count) + 4, 4));
    }
    let settings = FilmSettings { variable_fps: true, targetlength: 3, ..settings };
    let film = print.film(&print.frames, &settings).await;
    assert_eq!((film.fps, film.frames), (12.0, 36), "in three seconds");
}

#[tokio::test]
async fn segments_of_other_settings_are_made_anew() {
    let print = Print::of(45);
    print.prepare(32, &plain(30.0)).await;
    let before = print.made();
    let turned = FilmSettings { rotation: 180, ..plain(30.0) };
    assert_eq!(print.prepare(45, &turned).await, 3);
    assert!(print.made().keys().all(|name| !before.contains_key(name)), "the old ones are gone");
    // What is set at the end counts; here no segment is of use.
    let film = print.film(&print.frames, &plain(30.0)).await;
    assert_eq!(barcode::read(&film.path).unwrap(), Vec::from_iter(1..=45));
    // The frame rate is none of these.
    assert_eq!(print.prepare(45, &FilmSettings { output_framerate: 12.5, ..turned }).await, 0);
}

#[tokio::test]
async fn a_frame_that_was_lost_costs_its_own_segment_only() {
    let print = Print::of(50);
    print.prepare(50, &plain(30.0)).await;
    let mut frames = print.frames.clone();
    fs::remove_file(&frames.remove(19).path).unwrap();
    let film = print.film(&frames, &plain(30.0)).await;
    assert_eq!(barcode::read(&film.path).unwrap(), Vec::from_iter((1..=50).filter(|number| *number != 20)));
}

#[tokio::test]
async fn a_damaged_segment_does_not_reach_the_film() {
    enum Damage {
        Empty,
        Cut,
        Bit,
    }
    for damage in [Damage::Empty, Damage::Cut, Damage::Bit] {
        let print = Print::of(50);
        print.prepare(50, &plain(30.0)).await;
        let (name, _) = print.made().pop_first().unwrap();
        let path = print.folder().join(name);
        let mut bytes = fs::read(&path).unwrap();
        let half = bytes.len() / 2 / 188 * 188;
        match damage {
            Damage::Empty => bytes.clear(),
            Damage::Cut => bytes.truncate(half),
            // In the middle of a picture, where nothing but the picture suffers.
            Damage::Bit => bytes[half + 100] ^= 1,
        }
        fs::write(&path, bytes).unwrap();
        let film = print.film(&print.frames, &plain(30.0)).await;
        assert_eq!(barcode::read(&film.path).unwrap(), Vec::from_iter(1..=50));
        assert_eq!(print.films().len(), 1, "{:?}", print.films());
    }
}

#[tokio::test]
async fn what_a_kill_left_is_thrown_away() {
    let print = Print::of(30);
    fs::create_dir(print.folder()).unwrap();
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let part = print.folder().join(format!(".moonlapse-{}-1.piece0", ended.id()));
    fs::write(&part, "half a segment").unwrap();
    print.prepare(30, &plain(30.0)).await;
    assert!(!part.exists());
    assert_eq!(print.made().len(), 2);
}

#[tokio::test]
async fn films_that_need_all_frames_at_once_have_no_segments() {
    let print = Print::of(20);
    let blended = FilmSettings { extraoutputparams: "-vf tmix".into(), ..plain(30.0) };
    assert!(matches!(print.next(20, &blended).await.unwrap(), NextSegment::Unsuitable(_)));
    assert_eq!(print.made().len(), 0);
}

#[tokio::test]
async fn a_frame_that_is_broken_on_disk_ends_the_segments_and_not_the_film() {
    let print = Print::of(40);
    fs::write(&print.frames[17].path, "gone bad").unwrap();
    assert!(matches!(print.next(40, &plain(30.0)).await, Ok(NextSegment::Made { first: 1, last: 15, .. })));
    let error = print.next(40, &plain(30.0)).await.unwrap_err();
    assert!(matches!(error, RenderError::NoUsableFrames { .. }), "{error}");
    let film = print.film(&print.frames, &plain(30.0)).await;
    assert_eq!(barcode::read(&film.path).unwrap(), Vec::from_iter((1..=40).filter(|number| *number != 18)));
    assert_eq!(film.skipped.len(), 1);
}
