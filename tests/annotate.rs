//! Annotated files: what is put in, that nothing else changes, and that all of it comes out again.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use moonlapse::annotate::{AnnotateError, Original, is_own_call, read_mark};
use moonlapse::gcode::engine;
use moonlapse::gcode::slicer::Settings;
use moonlapse::planner::{self, Options, Plan, Track, plan_file};
use moonlapse::stabilize::{Bed, Limits, Point};
use proptest::prelude::*;
use tempfile::TempDir;

const FILES: [(&str, usize); 4] = [
    ("towers_relative_zhop.gcode", 20),
    ("towers_absolute.gcode", 20),
    ("towers_firmware_retraction.gcode", 20),
    ("two_objects_sequential.gcode", 56),
];

fn sliced(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/gcode").join(name)).unwrap()
}

fn options(park: &str) -> Options {
    let bed = Bed::Rectangle { min: Point::new(0.0, 0.0), max: Point::new(235.0, 235.0) };
    let track = Track { park: park.parse().unwrap(), ..Track::default() };
    Options { tracks: vec![track], ..Options::new(Limits::new(bed, 0.0, 250.0).unwrap()) }
}

/// A file on disk and what is done to it.
struct Sheet {
    _folder: TempDir,
    path: PathBuf,
}

impl Sheet {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("print.gcode");
        fs::write(&path, bytes).unwrap();
        Self { _folder: folder, path }
    }

    fn open(&self) -> Original {
        Original::open(&self.path, None).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    /// Annotates it as the command does; `None` when it is left alone.
    fn annotate(&self, park: &str) -> Option<usize> {
        let mut original = self.open();
        let engine = engine::Options::default().with_settings(&original.ends().unwrap().settings());
        let planned = original.plan(engine, options(park)).unwrap();
        if planned.refusal().is_some() {
            return None;
        }
        Some(original.annotate(&planned, crc(park), None).unwrap())
    }
}

fn crc(text: &str) -> u32 {
    text.bytes().map(u32::from).sum()
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

/// Every line that is ours, with the byte of the slicer's file before which it stands.
fn ours(annotated: &[u8]) -> Vec<(u64, &[u8])> {
    let mut at = 0;
    let mut found = vec![];
    for line in lines(annotated) {
        if is_own_call(line) || line.starts_with(b"; moonlapse_annotated = ") {
            found.push((at, line));
        } else {
            at += line.len() as u64;
        }
    }
    found
}

fn theirs(annotated: &[u8]) -> Vec<u8> {
    let foreign = |line: &&[u8]| !is_own_call(line) && !line.starts_with(b"; moonlapse_annotated = ");
    lines(annotated).filter(foreign).flatten().copied().collect()
}

fn plan(bytes: &[u8], park: &str) -> Plan {
    plan_file(&mut Cursor::new(bytes), engine::Options::default(), options(park)).unwrap().remove(0)
}

/// The calls stand where the plan has its best windows.
fn check_places(bytes: &[u8], annotated: &[u8], park: &str) {
    let plan = plan(bytes, park);
    let places: Vec<u64> = plan
        .snapshots
        .iter()
        .map(|snapshot| snapshot.windows.first().or(snapshot.fallback.as_ref()).unwrap().span.from)
        .collect();
    let ours = ours(annotated);
    let calls: Vec<u64> = ours.iter().filter(|(_, line)| is_own_call(line)).map(|(at, _)| *at).collect();
    assert_eq!(calls, places);
    assert_eq!(ours.len(), calls.len() + 1, "one mark");
    for (at, line) in ours {
        let before = &bytes[..at as usize];
        assert!(before.ends_with(b"\n"));
        assert_eq!(before.ends_with(b"\r\n"), line.ends_with(b"\r\n"));
    }
}

#[test]
fn sliced_files_get_a_call_for_each_layer_and_come_back_whole() {
    for (name, layers) in FILES {
        for ending in ["\n", "\r\n"] {
            let bytes = String::from_utf8(sliced(name)).unwrap().replace('\n', ending).into_bytes();
            let sheet = Sheet::new(&bytes);
            assert_eq!(sheet.annotate("back_left"), Some(layers), "{name}");
            let annotated = sheet.bytes();
            check_places(&bytes, &annotated, "back_left");
            assert!(theirs(&annotated) == bytes, "{name}: something else changed");
            let restored = sheet.open().restore(None).unwrap();
            assert_eq!((restored.lines, restored.exact), (layers + 1, true), "{name}");
            assert!(sheet.bytes() == bytes, "{name} did not come back");
        }
    }
}

#[test]
fn the_calls_of_each_file_say_what_its_plan_says() {
    for (name, _) in FILES {
        let bytes = sliced(name);
        let sheet = Sheet::new(&bytes);
        sheet.annotate("front_right").unwrap();
        let annotated = sheet.bytes();
        let calls: Vec<String> = ours(&annotated)
            .into_iter()
            .filter(|(_, line)| is_own_call(line))
            .map(|(_, line)| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        for (i, (call, snapshot)) in calls.iter().zip(&plan(&bytes, "front_right").snapshots).enumerate() {
            let window = &snapshot.windows[0];
            let flag = u8::from;
            assert!(call.starts_with(&format!("TIMELAPSE_TAKE_FRAME FRAME={} LAYER={} ", i + 1, snapshot.layer)));
            assert!(call.contains(" X=232.65 Y=2.35 "), "{call}");
            let flags = format!(" RETRACT={} RETURN={} ", flag(window.retract), flag(window.returns));
            assert!(call.contains(&flags), "{call}");
            assert_eq!(call.contains(" RISE="), window.rise_to.is_some(), "{call}");
        }
        let risen = calls.iter().filter(|call| call.contains(" RISE=")).count();
        assert_eq!(risen > 0, name.starts_with("two_objects"), "{name}: {risen}");
    }
}

#[test]
fn a_file_with_calls_of_its_own_is_left_alone_and_so_is_a_vase() {
    for name in ["towers_slicer_macro.gcode", "cylinder_vase.gcode"] {
        let bytes = sliced(name);
        let sheet = Sheet::new(&bytes);
        assert_eq!(sheet.annotate("back_left"), None, "{name}");
        assert!(sheet.bytes() == bytes);
    }
}

#[test]
fn where_the_head_cannot_rise_the_calls_move_nothing() {
    let sheet = Sheet::new(&sliced("two_objects_sequential.gcode"));
    let bed = Bed::Rectangle { min: Point::new(0.0, 0.0), max: Point::new(235.0, 235.0) };
    let low = Options { limits: Limits::new(bed, 0.0, 8.0).unwrap(), ..options("110,90") };
    let mut original = sheet.open();
    let planned = original.plan(engine::Options::default(), low).unwrap();
    original.annotate(&planned, 0, None).unwrap();
    let annotated = String::from_utf8(sheet.bytes()).unwrap();
    assert_eq!(annotated.matches(" PARK=0 RETRACT=0 RETURN=0 ZERO=1 ; moonlapse\n").count(), 24);
}

#[test]
fn the_mark_tells_what_was_done() {
    let sheet = Sheet::new(&sliced("towers_absolute.gcode"));
    sheet.annotate("back_left").unwrap();
    let mark = read_mark(fs::File::open(&sheet.path).unwrap()).unwrap().unwrap();
    assert_eq!(mark.version, env!("CARGO_PKG_VERSION"));
    assert_eq!((mark.settings, mark.frames), (Some(crc("back_left")), Some(20)));
    assert_eq!(mark.original.unwrap().0, sliced("towers_absolute.gcode").len() as u64);
}

#[test]
fn a_file_larger_than_what_is_read_at_once_comes_back_whole() {
    let body = String::from_utf8(sliced("two_objects_sequential.gcode")).unwrap();
    let thumbnail = format!("; thumbnail begin 16x16 4\n; {}\n; thumbnail end\n", "A".repeat(300_000));
    let bytes = format!("{thumbnail}{body}; {}", "k = v\n; ".repeat(100_000)).into_bytes();
    let sheet = Sheet::new(&bytes);
    assert_eq!(sheet.annotate("back_left"), Some(56));
    check_places(&bytes, &sheet.bytes(), "back_left");
    assert!(sheet.open().restore(None).unwrap().exact);
    assert!(sheet.bytes() == bytes);
}

#[test]
fn a_file_that_was_edited_afterwards_is_freed_of_our_lines_and_says_so() {
    let sheet = Sheet::new(&sliced("towers_absolute.gcode"));
    sheet.annotate("back_left").unwrap();
    let mut edited = sheet.bytes();
    edited.extend_from_slice(b"M117 done\n");
    fs::write(&sheet.path, &edited).unwrap();
    let restored = sheet.open().restore(None).unwrap();
    assert_eq!((restored.lines, restored.exact), (21, false));
    assert!(sheet.bytes() == [sliced("towers_absolute.gcode"), b"M117 done\n".to_vec()].concat());
}

#[test]
fn a_file_that_changes_meanwhile_is_left_alone() {
    for longer in [true, false] {
        let bytes = sliced("towers_absolute.gcode");
        let sheet = Sheet::new(&bytes);
        let mut original = sheet.open();
        let planned = original.plan(engine::Options::default(), options("back_left")).unwrap();
        let mut other = bytes.clone();
        if longer {
            other.extend_from_slice(b"M117 more\n");
        } else {
            // As long as before, and as old.
            let time = fs::metadata(&sheet.path).unwrap().modified().unwrap();
            other[bytes.len() / 2] ^= 1;
            fs::write(&sheet.path, &other).unwrap();
            fs::File::options().write(true).open(&sheet.path).unwrap().set_modified(time).unwrap();
        }
        fs::write(&sheet.path, &other).unwrap();
        let problem = original.annotate(&planned, 0, None).unwrap_err();
        assert!(matches!(problem, AnnotateError::Changed { .. }), "{problem}");
        assert!(sheet.bytes() == other);
    }
}

#[test]
fn work_ends_with_its_time() {
    let sheet = Sheet::new(&sliced("towers_absolute.gcode"));
    let mut original = Original::open(&sheet.path, Some(Duration::ZERO)).unwrap();
    let problem = original.ends().unwrap_err();
    assert!(matches!(problem, AnnotateError::TooSlow { seconds: 0, .. }), "{problem}");
}

#[test]
fn odd_files_are_refused() {
    let sheet = Sheet::new(b"G28\n");
    let folder = sheet.path.parent().unwrap();
    let open = |path: &Path| Original::open(path, None).map(|_| ()).unwrap_err();
    assert!(matches!(open(folder), AnnotateError::NotAFile { .. }));
    assert!(matches!(open(Path::new("/dev/null")), AnnotateError::NotAFile { .. }));
    assert!(matches!(open(&folder.join("none.gcode")), AnnotateError::Read { .. }));
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.gcode");
    std::os::unix::fs::symlink(&sheet.path, &link).unwrap();
    assert!(matches!(open(&link), AnnotateError::Elsewhere { .. }));
}

#[test]
fn a_link_within_its_folder_stays_a_link() {
    let bytes = sliced("towers_absolute.gcode");
    let sheet = Sheet::new(&bytes);
    let link = sheet.path.with_file_name("latest.gcode");
    std::os::unix::fs::symlink("print.gcode", &link).unwrap();
    let mut original = Original::open(&link, None).unwrap();
    let planned = original.plan(engine::Options::default(), options("back_left")).unwrap();
    original.annotate(&planned, 0, None).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(sheet.bytes() != bytes);
}

/// A line of a print: what slicers write, and what no slicer would.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let place = || (0..100u32, 0..100u32);
    let text = |text: &'static str| Just(text.as_bytes().to_vec());
    prop_oneof![
        8 => place().prop_map(|(x, y)| format!("G1 X{x} Y{y} E0.5 F1800").into_bytes()),
        4 => place().prop_map(|(x, y)| format!("G1 X{x} Y{y} F9000").into_bytes()),
        3 => text("G1 E-0.8 F2400"),
        3 => text("G1 E0.8 F2400"),
        3 => (1..40u32).prop_map(|z| format!("G1 Z{:.1}", f64::from(z) * 0.2).into_bytes()),
        1 => text(";LAYER_CHANGE"),
        1 => text("; moonlapse"),
        1 => text("M117 TIMELAPSE_TAKE_FRAME FRAME=1 ; moonlapse"),
        1 => text("EXCLUDE_OBJECT_START NAME=a"),
        1 => text(""),
        1 => (0..2000usize).prop_map(|length| [&b"; "[..], &vec![b'x'; length]].concat()),
        2 => prop::collection::vec(any::<u8>().prop_filter("one line", |b| *b != b'\n'), 0..40)
            .prop_map(|bytes| [b";".to_vec(), bytes].concat()),
    ]
}

/// A file with LF, with CRLF, or with both, and with or without a line end at its end.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let endings = prop_oneof![Just(0u8), Just(1), Just(2)];
    (prop::collection::vec((line(), any::<bool>()), 0..120), endings, any::<bool>()).prop_map(
        |(body, endings, whole)| {
            let start = ["; made by hand", "G28", "G90", "M83", "G1 X50 Y50 Z0.2 F6000", "G1 X60 Y50 E1 F1800"];
            let start = start.iter().map(|line| (line.as_bytes().to_vec(), true));
            let mut bytes = vec![];
            for (line, odd) in start.chain(body) {
                bytes.extend(line);
                bytes.extend_from_slice(if endings == 1 || endings == 2 && odd { b"\r\n" } else { b"\n" });
            }
            if !whole {
                bytes.pop();
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_put_in_comes_out_again(bytes in file()) {
        let sheet = Sheet::new(&bytes);
        if let Some(frames) = sheet.annotate("back_left") {
            let annotated = sheet.bytes();
            check_places(&bytes, &annotated, "back_left");
            prop_assert_eq!(ours(&annotated).len(), frames + 1);
            prop_assert!(theirs(&annotated) == bytes);
            let restored = sheet.open().restore(None).unwrap();
            prop_assert!(restored.exact && restored.lines == frames + 1);
        }
        prop_assert!(sheet.bytes() == bytes);
    }

    #[test]
    fn a_file_is_annotated_anew_as_if_it_never_had_been(bytes in file()) {
        let (once, twice) = (Sheet::new(&bytes), Sheet::new(&bytes));
        if once.annotate("front_right").is_some() {
            twice.annotate("10,-").unwrap();
            twice.annotate("front_right").unwrap();
            prop_assert!(once.bytes() == twice.bytes());
        }
    }

    #[test]
    fn an_annotated_file_is_seen_as_the_slicers(bytes in file()) {
        let sheet = Sheet::new(&bytes);
        if sheet.annotate("back_left").is_some() {
            let mut annotated = sheet.open();
            let ends = annotated.ends().unwrap();
            prop_assert_eq!(ends.settings(), Settings::from_file(&mut Cursor::new(&bytes)).unwrap());
            let engine = engine::Options::default().with_settings(&ends.settings());
            let seen = annotated.plan(engine, options("back_left")).unwrap();
            prop_assert_eq!(seen.plan(), Some(&plan(&bytes, "back_left")));
        }
    }

    #[test]
    fn any_bytes_are_annotated_or_left_alone(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let sheet = Sheet::new(&bytes);
        sheet.annotate("back_left");
        sheet.open().restore(None).unwrap();
        prop_assert!(sheet.bytes() == bytes);
    }
}

#[test]
fn one_track_is_annotated_whatever_else_is_planned() {
    let sheet = Sheet::new(&sliced("towers_absolute.gcode"));
    let track = |trigger: &str| Track { trigger: trigger.parse().unwrap(), ..Track::default() };
    let two = planner::Options { tracks: vec![track("every:10"), track("time:5")], ..options("back_left") };
    let mut original = sheet.open();
    let planned = original.plan(engine::Options::default(), two).unwrap();
    assert_eq!(original.annotate(&planned, 0, None).unwrap(), 2);
}
