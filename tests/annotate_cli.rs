//! `moonlapse annotate` and `moonlapse strip` as people and Moonraker run them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_moonlapse");

fn sliced(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/gcode").join(name)
}

/// A folder with a copy of a sliced file.
struct Folder {
    folder: TempDir,
    file: PathBuf,
    original: Vec<u8>,
}

impl Folder {
    fn with(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::copy(sliced(name), &file).unwrap();
        Self { folder, original: fs::read(&file).unwrap(), file }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn is_as_sliced(&self) -> bool {
        fs::read(&self.file).unwrap() == self.original
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn run(command: &str, file: &Path, args: &[&str]) -> Output {
    Command::new(PROGRAM).arg(command).arg(file).args(args).output().unwrap()
}

/// What it said, when it exited with `code`.
fn said(output: &Output, code: i32) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn a_file_is_annotated_once_and_anew_when_the_options_differ() {
    let folder = Folder::with("towers_relative_zhop.gcode");
    let file = &folder.file;
    assert!(said(&run("annotate", file, &["--park", "10,20"]), 0).contains("20 frame calls"));
    let once = fs::read(file).unwrap();
    assert!(said(&run("annotate", file, &["--park", "10,20"]), 0).contains("annotated already"));
    assert!(fs::read(file).unwrap() == once);
    assert!(said(&run("annotate", file, &["--park", "10,20", "--trigger", "every:5"]), 0).contains("anew, 4 frame"));
    assert!(said(&run("strip", file, &[]), 0).contains("as the slicer wrote it, without 5 lines"));
    assert!(folder.is_as_sliced());
    assert!(said(&run("strip", file, &[]), 0).contains("not annotated"));
    assert_eq!(folder.names(), ["towers_relative_zhop.gcode"]);
}

#[test]
fn the_result_can_go_elsewhere() {
    let folder = Folder::with("towers_absolute.gcode");
    let (out, back) = (folder.path("out.gcode"), folder.path("back.gcode"));
    said(&run("annotate", &folder.file, &["--out", out.to_str().unwrap()]), 0);
    assert!(folder.is_as_sliced());
    said(&run("strip", &out, &["--out", back.to_str().unwrap()]), 0);
    assert!(fs::read(back).unwrap() == folder.original);
}

#[test]
fn files_that_are_left_alone_are_told_from_failures() {
    for (name, args, reason) in [
        ("towers_slicer_macro.gcode", &[][..], "it calls for frames itself"),
        ("towers_absolute.gcode", &["--trigger", "gcode:SNAP"], "the file's own commands"),
        ("cylinder_vase.gcode", &[], "taken in passing"),
    ] {
        let folder = Folder::with(name);
        assert!(said(&run("annotate", &folder.file, args), 3).contains(reason));
        assert!(folder.is_as_sliced());
    }
    let folder = Folder::with("towers_absolute.gcode");
    fs::write(&folder.file, [b"; timelapse: off\n", &folder.original[..]].concat()).unwrap();
    assert!(said(&run("annotate", &folder.file, &[]), 3).contains("'; timelapse: off'"));
    assert!(said(&run("annotate", &folder.path("none.gcode"), &[]), 1).contains("cannot read"));
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let folder = Folder::with("towers_absolute.gcode");
    // Files may not grow beyond 64 kB.
    let limited = format!("trap '' XFSZ; ulimit -f 64; exec {PROGRAM} annotate \"$0\"");
    let output = Command::new("bash").arg("-c").arg(limited).arg(&folder.file).output().unwrap();
    let text = said(&output, 1);
    assert!(text.contains("cannot write") && text.contains("the file is as it was before"), "{text}");
    assert!(folder.is_as_sliced());
    assert_eq!(folder.names(), ["towers_absolute.gcode"]);
}

#[test]
fn a_folder_that_cannot_be_written_leaves_the_file_as_it_was() {
    let folder = Folder::with("towers_absolute.gcode");
    // Also root cannot make files there.
    let said = said(&run("annotate", &folder.file, &["--out", "/proc/none/out.gcode"]), 1);
    assert!(said.contains("cannot write /proc/none/out.gcode"), "{said}");
    assert!(folder.is_as_sliced());
}

#[test]
fn a_write_protected_file_is_left_alone() {
    let folder = Folder::with("towers_absolute.gcode");
    fs::set_permissions(&folder.file, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(said(&run("annotate", &folder.file, &[]), 1).contains("is write-protected"));
    assert!(folder.is_as_sliced());
}

#[test]
fn odd_files_are_refused_in_a_sentence() {
    let folder = Folder::with("towers_absolute.gcode");
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.gcode");
    std::os::unix::fs::symlink(&folder.file, &link).unwrap();
    assert!(said(&run("annotate", &link, &[]), 1).contains("is a link to"));
    let pipe = folder.path("pipe.gcode");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for odd in [folder.folder.path(), &pipe] {
        assert!(said(&run("annotate", odd, &[]), 1).contains("is no regular file"));
        assert!(said(&run("strip", odd, &[]), 1).contains("is no regular file"));
    }
}

#[test]
fn by_its_orders_a_file_is_planned_as_the_agent_would() {
    let folder = Folder::with("towers_absolute.gcode");
    let orders = folder.path("annotate.json");
    let write = |settings: serde_json::Value| {
        let printer = json!({
            "toolhead": {"axis_minimum": [-5.0, 0.0, 0.0, 0.0], "axis_maximum": [235.0, 220.0, 250.0, 0.0]},
            "configfile": {"settings": {"printer": {"kinematics": "corexy", "max_velocity": 300, "max_accel": 3000}}},
        });
        let text = json!({"program": "/opt/moonlapse", "settings": settings, "printer": printer});
        fs::write(&orders, text.to_string()).unwrap();
    };
    let annotate = || run("annotate", &folder.file, &["--background", "--orders", orders.to_str().unwrap()]);

    write(json!({"annotate_files": true, "parkpos": "front_right"}));
    said(&annotate(), 0);
    let text = String::from_utf8(fs::read(&folder.file).unwrap()).unwrap();
    let calls = text.lines().filter(|line| line.ends_with(" ; moonlapse")).collect::<Vec<_>>();
    // The macro's place for the same setting: 5 mm inside the limits.
    assert!(calls.len() == 20 && calls.iter().all(|call| call.contains(" X=230 Y=5 ")), "{calls:?}");
    assert!(said(&annotate(), 0).contains("annotated already"));

    write(json!({"annotate_files": true, "park": "10,-", "every_layers": 10}));
    assert!(said(&annotate(), 0).contains("anew, 2 frame calls"));
    assert_eq!(fs::read_to_string(&folder.file).unwrap().matches(" X=10 Y=- ").count(), 2);

    write(json!({"annotate_files": true, "placement": "zero_motion"}));
    assert!(said(&annotate(), 3).contains("taken in passing"));

    let unwanted = [("mode", json!("layermacro")), ("parkhead", json!(false)), ("annotate_files", json!(false))];
    for unwanted in unwanted.map(|(key, value)| json!({"annotate_files": true, key: value})) {
        write(unwanted);
        assert!(said(&annotate(), 1).contains("the settings want no annotated files"));
    }
    write(json!({"annotate_files": true, "park": "shelf"}));
    assert!(said(&annotate(), 1).contains("setting park: 'shelf' is no place to park"));
    fs::write(&orders, "{}").unwrap();
    assert!(said(&annotate(), 1).contains("does not hold the agent's orders"));
    fs::remove_file(&orders).unwrap();
    assert!(said(&annotate(), 1).contains("cannot read"));
}
