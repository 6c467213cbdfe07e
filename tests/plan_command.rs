//! What `moonlapse plan` prints. The JSON is a contract: scripts read it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

fn plan(file: &str, args: &[&str]) -> Output {
    let file = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    Command::new(env!("CARGO_BIN_EXE_moonlapse")).arg("plan").arg(file).args(args).output().unwrap()
}

fn printed(file: &str, args: &[&str]) -> String {
    let output = plan(file, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_summary_of_a_small_file() {
    insta::assert_snapshot!(printed("plan/small.gcode", &["--park", "back_left"]));
}

#[test]
fn the_summary_of_a_sequential_file_in_octolapses_way() {
    let args = ["--park", "110,90", "--mode", "compatible", "--trigger", "every:5"];
    insta::assert_snapshot!(printed("gcode/two_objects_sequential.gcode", &args));
}

#[test]
fn the_json_of_a_small_file() {
    let json = printed("plan/small.gcode", &["--json", "--park", "back_left"]);
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    insta::assert_snapshot!(json.replace("},{", "},\n{").replace(":[{", ":[\n{"));
}

#[test]
fn several_triggers_make_several_plans() {
    let args = ["--json", "--trigger", "layer", "--trigger", "time:5"];
    let json: serde_json::Value = serde_json::from_str(&printed("plan/small.gcode", &args)).unwrap();
    let tracks: Vec<_> = json["tracks"].as_array().unwrap().iter().map(|t| t["track"].as_str().unwrap()).collect();
    assert_eq!(tracks, ["layer", "time:5"]);
}

#[test]
fn a_picture_shows_the_layer_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("layer.svg");
    printed("plan/small.gcode", &["--svg", svg.to_str().unwrap(), "--layer", "2"]);
    let picture = std::fs::read_to_string(svg).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(picture.contains("layer 2 of 3, z 0.40 mm"), "{picture}");
    assert!(picture.contains("sparse infill"), "{picture}");
}

#[test]
fn mistakes_are_explained_in_a_sentence() {
    for (args, said) in [
        (&["--park", "shelf"][..], "'shelf' is no place to park"),
        (&["--trigger", "often"], "'often' is no trigger"),
        (&["--mode", "best"], "'best' is no mode"),
        (&["--bed", "9,9,1,1"], "give XMIN,YMIN,XMAX,YMAX"),
        (&["--svg", "/dev/null", "--layer", "99"], "there is no frame in layer 99"),
    ] {
        let output = plan("plan/small.gcode", args);
        assert!(!output.status.success(), "{args:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(said), "{args:?}: {text}");
    }
    let output = plan("plan/none.gcode", &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read"), "{output:?}");
}
