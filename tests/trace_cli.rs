//! The contract of `moonlapse trace`: names, types, and the figures of whole files.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn trace(file: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_moonlapse")).arg("trace").arg(file).args(arguments).output().unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
}

fn parse(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap()
}

/// The trace of `text`.
fn trace_text(text: &[u8], arguments: &[&str]) -> Vec<Value> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    objects(&trace(file.path(), &[&["--json"], arguments].concat()))
}

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gcode").join(name)
}

#[test]
fn a_line_has_all_fields_of_the_contract() {
    let lines = trace_text(b"G28\r\nG1 X1.5 Y2 Z.2 E1 F1800 ; go\r\n", &["--home", "0,0,0", "--e-mode", "relative"]);
    assert_eq!(
        lines[1],
        json!({
            "line": 2, "end_offset": 35, "cmd": "G1",
            "params": {"X": 1.5, "Y": 2.0, "Z": 0.2, "E": 1.0, "F": 1800.0},
            "x": 1.5, "y": 2.0, "z": 0.2, "e": 1.0, "f": 1800.0,
            "homed": "xyz", "layer": 1, "height": 0.2, "layer_change": true, "zhop": false,
            "tool": 0, "feature": null, "extruder": ["extruding_start", "extruding"],
        })
    );
}

#[test]
fn unknown_positions_are_null() {
    let lines = trace_text(b"G28\nG1 Y3\n", &["--home", "1,,"]);
    assert_eq!([&lines[1]["x"], &lines[1]["y"], &lines[1]["z"]], [&json!(1.0), &json!(3.0), &Value::Null]);
    assert_eq!(lines[0]["f"], Value::Null);
}

#[test]
fn every_kind_of_command_is_named_with_its_parameters() {
    let text = b"\n;comment\nN10 g01 X5*77\nT 1.11 ;\nM117 hello\nG28 X\nG9999fdafd\nset_pin pin=\"a b\" Value=1\n\
        @octolapse take-snapshot x10 y20 ; hi\nG1 X1.2.3\nG92.1\n";
    let shown: Vec<_> =
        trace_text(text, &[]).into_iter().map(|line| (line["cmd"].clone(), line["params"].clone())).collect();
    assert_eq!(
        shown,
        [
            (json!(""), Value::Null),
            (json!(""), Value::Null),
            (json!("G1"), json!({"X": 5.0})),
            (json!("T"), json!({"T": 1})),
            (json!("M117"), Value::Null),
            (json!("G28"), json!({"X": null})),
            (json!("G9999"), Value::Null),
            (json!("SET_PIN"), json!({"PIN": "a b", "VALUE": "1"})),
            (json!("@OCTOLAPSE"), json!({"TAKE-SNAPSHOT": null, "X": 10.0, "Y": 20.0})),
            (json!("G1 X1.2.3"), Value::Null),
            (json!("G92.1"), Value::Null),
        ]
    );
}

#[test]
fn a_last_line_without_a_line_feed_is_shown_and_ends_with_the_file() {
    let lines = trace_text("é\nG1 X1 Y1 Z1".as_bytes(), &[]);
    assert_eq!([&lines[0]["end_offset"], &lines[1]["end_offset"]], [&json!(3), &json!(14)]);
    assert_eq!(lines[1]["x"], json!(1.0));
}

#[test]
fn options_win_over_the_files_settings() {
    let text = b"; retract_length = 2\nM83\nG1 X1 Y1 Z.2 E1\nG1 E-1\n";
    let last = |arguments: &[&str]| trace_text(text, arguments).pop().unwrap()["extruder"].clone();
    assert_eq!(last(&[]), json!(["retracting_start", "retracting", "partially_retracted"]));
    assert_eq!(last(&["--retraction-length", "1"]), json!(["retracting_start", "retracting", "retracted"]));
}

#[test]
fn every_option_is_heard() {
    let text = b"G1 X1 Y1 Z.2 E1\nG1 Z.3\nG1 X2 E2\nG91\nG1 X1 E1\n";
    let last = |arguments: &[&str]| trace_text(text, arguments).pop().unwrap();
    let plain = last(&[]);
    assert_eq!((&plain["layer"], &plain["x"], &plain["e"]), (&json!(2), &json!(3.0), &json!(3.0)));
    assert_eq!(last(&["--min-layer-height", "0.2"])["layer"], json!(1));
    assert_eq!(last(&["--priming-height", "0.1"])["layer"], json!(0));
    assert_eq!(last(&["--units", "inches"])["x"], json!(3.0 * 25.4));
    assert_eq!(last(&["--xyz-mode", "require-explicit"])["x"], Value::Null);
    assert_eq!(last(&["--e-mode", "relative"])["e"], json!(4.0));
    assert_eq!(trace_text(text, &["--z-lift", "0.1"])[1]["zhop"], json!(true));
    assert_eq!(trace_text(text, &["--z-lift", "0.2"])[1]["zhop"], json!(false));
    let text = b"M82\nG91\nG1 E5\nG90\nM83\nG90\nG1 E1\n";
    assert_eq!(trace_text(text, &["--g90-influences-extruder"])[6]["e"], json!(1.0));
    assert_eq!(trace_text(text, &[])[6]["e"], json!(6.0));
}

#[test]
fn offsets_of_a_sliced_file_are_its_line_ends() {
    let file = data("two_objects_sequential.gcode");
    let bytes = std::fs::read(&file).unwrap();
    let ends: Vec<_> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| json!(at + 1)).collect();
    let lines = objects(&trace(&file, &["--json"]));
    assert_eq!(lines.iter().map(|line| line["end_offset"].clone()).collect::<Vec<_>>(), ends);
}

#[test]
fn layers_of_the_sliced_files_are_those_of_the_slicer() {
    for (name, layers) in [
        ("towers_absolute.gcode", 20),
        ("towers_relative_zhop.gcode", 20),
        ("towers_firmware_retraction.gcode", 20),
        ("towers_slicer_macro.gcode", 20),
        ("two_objects_sequential.gcode", 56),
        ("cylinder_vase.gcode", 24),
    ] {
        let lines = objects(&trace(&data(name), &["--json"]));
        let changes = lines.iter().filter(|line| line["layer_change"] == json!(true)).count();
        assert_eq!(changes, layers, "{name}");
        assert_eq!(lines.last().unwrap()["layer"], json!(layers), "{name}");
    }
}

#[test]
fn layers_are_the_same_without_the_slicers_comments() {
    for (name, layers) in [
        ("towers_absolute.gcode", 20),
        ("towers_relative_zhop.gcode", 20),
        ("towers_firmware_retraction.gcode", 20),
        ("two_objects_sequential.gcode", 56),
        ("cylinder_vase.gcode", 24),
    ] {
        let text = std::fs::read_to_string(data(name)).unwrap();
        let bare: String = text.lines().map(|line| line.split(';').next().unwrap().to_owned() + "\n").collect();
        let lines = trace_text(bare.as_bytes(), &[]);
        assert_eq!(lines.last().unwrap()["layer"], json!(layers), "{name}");
    }
}

#[test]
fn a_missing_file_and_a_bad_option_are_explained() {
    let output = trace(Path::new("/nowhere.gcode"), &["--json"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read /nowhere.gcode"));
    let output = trace(&data("towers_absolute.gcode"), &["--home", "1,2"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("three numbers are needed"));
}

#[test]
fn the_summary_says_what_was_found() {
    let output = trace(&data("two_objects_sequential.gcode"), &[]);
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
}
