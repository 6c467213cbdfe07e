//! Klipper itself as the judge: its own `virtual_sdcard`, `gcode` and `gcode_move` run the same files.
//!
//! Needs the rig's Python environment: `$MOONLAPSE_RIG_VENV`, else `target/rig-venv`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use moonlapse::gcode::engine::{Engine, Options};
use moonlapse::gcode::scan::read_lines;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Deserialize;

/// A line that Klipper ran: its end, the position after it, and whether it was refused.
#[derive(Debug, Deserialize)]
struct Ran(u64, [f64; 4], bool);

/// What Klipper does with each file.
fn klipper(files: &[PathBuf]) -> Vec<Vec<Ran>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("MOONLAPSE_RIG_VENV").map_or_else(|| root.join("target/rig-venv"), PathBuf::from);
    let python = venv.join("bin/python");
    assert!(python.exists(), "no Klipper in {}; run scripts/rig-venv, or set MOONLAPSE_RIG_VENV", venv.display());
    let output = Command::new(python)
        .env("PYTHONPATH", site_packages(&venv))
        .args(["-B".as_ref(), root.join("tests/support/klipper_oracle.py").as_os_str()])
        .args(files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn site_packages(venv: &Path) -> PathBuf {
    let library = fs::read_dir(venv.join("lib")).unwrap().next().unwrap().unwrap().path();
    library.join("site-packages")
}

/// Compares line by line until Klipper refuses one; returns how many lines were compared.
fn compare(file: &Path, theirs: &[Ran]) -> usize {
    let bytes = fs::read(file).unwrap();
    let options = Options { home: [Some(0.0); 3], retraction_length: Some(0.8), ..Options::default() };
    let mut engine = Engine::new(options);
    let mut theirs = theirs.iter();
    let mut compared = 0;
    let mut refused = false;
    read_lines(bytes.as_slice(), |raw| {
        let text = String::from_utf8_lossy(raw.text).into_owned();
        let event = engine.line(raw);
        if refused || !event.terminated {
            return;
        }
        let Ran(position, place, is_refused) = theirs.next().unwrap();
        refused = *is_refused;
        assert_eq!(event.end, *position, "{} line {}: {text}", file.display(), event.line);
        if !refused {
            let state = event.state;
            let ours = [state.position.x(), state.position.y(), state.position.z(), state.e];
            for (ours, theirs) in ours.into_iter().zip(place) {
                // Klipper starts at 0; we know nothing before the first G28.
                let near = ours.map_or(state.homed.name() != "xyz", |ours| (ours - theirs).abs() < 1e-6);
                assert!(near, "{} line {}: {text}: {ours:?}, Klipper {place:?}", file.display(), event.line);
            }
            compared += 1;
        }
    })
    .unwrap();
    assert!(theirs.next().is_none(), "{}: Klipper ran more lines", file.display());
    compared
}

/// Lines of all commands that these modules of Klipper know, written in all the ways that its parser takes.
fn line() -> impl Strategy<Value = String> {
    let number = (-60.0..60.0f64, select(vec![0, 1, 3]), any::<bool>()).prop_map(|(value, digits, plus)| {
        let sign = if plus && value > 0.0 { "+" } else { "" };
        format!("{sign}{value:.digits$}").replace("0.", ".")
    });
    let word =
        (select(vec!["X", "Y", "Z", "E", "x", "y", "z", "e"]), number).prop_map(|(axis, n)| axis.to_owned() + &n);
    let words = (vec(word, 0..5), select(vec!["", " ", "\t", "  "])).prop_map(|(words, blank)| words.join(blank));
    let moving =
        (select(vec!["G1", "G0", "g1", "G1 ", " G1", "N7 G1 "]), words.clone(), select(vec!["", " F600", "F9"]))
            .prop_map(|(code, words, speed)| format!("{code} {words}{speed}"));
    let arc = (select(vec!["G2", "G3"]), words.clone(), -30.0..30.0f64, 1.0..30.0f64)
        .prop_map(|(code, words, i, j)| format!("{code} {words} I{i:.3} J{j:.3}"));
    let offset = words.clone().prop_map(|words| format!("G92 {words}"));
    let scale = (select(vec!["M220", "M221"]), 1..200u32).prop_map(|(code, percent)| format!("{code} S{percent}"));
    let other = select(vec![
        "G90",
        "G91",
        "M82",
        "M83",
        "G10",
        "G11",
        "G28",
        "G28 X",
        "g28xy",
        "G28 Z0 ; é",
        "; comment",
        "",
        "M117 X5; Y6",
        "M400*5",
        "SAVE_GCODE_STATE NAME=a",
        "save_gcode_state",
        "RESTORE_GCODE_STATE NAME='a' MOVE=1",
        "RESTORE_GCODE_STATE # MOVE=1",
        "RESTORE_GCODE_STATE NAME=a # MOVE=1",
        "SAVE_GCODE_STATE 5",
        "G1 #X5",
        "M220 # S50",
        "G92.1",
        "SET_GCODE_OFFSET X=1.5 MOVE=1",
        "SET_GCODE_OFFSET Z_ADJUST=-.05",
        "SET_GCODE_OFFSET Y=\"2\" E=1 MOVE=1",
        "G1 X1.2.3",
        "G1 F0",
    ])
    .prop_map(str::to_owned);
    prop_oneof![8 => moving, 2 => arc, 1 => offset, 1 => scale, 4 => other]
}

#[test]
fn sliced_files_run_as_in_klipper() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gcode");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let compared: usize = files.iter().zip(klipper(&files)).map(|(file, theirs)| compare(file, &theirs)).sum();
    assert!(compared > 30_000, "{compared} lines compared");
}

#[test]
fn random_files_run_as_in_klipper() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (vec((line(), select(vec!["\n", "\r\n"])), 1..60), any::<bool>());
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..300)
        .map(|number| {
            let (lines, ends) = strategy.new_tree(&mut runner).unwrap().current();
            let body: String = lines.into_iter().flat_map(|(line, end)| [line, end.to_owned()]).collect();
            let end = if ends { "" } else { "G1 X1" };
            let path = folder.path().join(format!("{number}.gcode"));
            fs::write(&path, format!("G28\n{body}{end}")).unwrap();
            path
        })
        .collect();
    let compared: usize = files.iter().zip(klipper(&files)).map(|(file, theirs)| compare(file, &theirs)).sum();
    assert!(compared > 3_000, "{compared} lines compared");
}
