//! The doctor against set-ups that are broken in one way each: what the user reads.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod printer;

use std::fmt::Write as _;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use moonlapse_rig::camera::{Camera, CameraConfig, Fault, Look, Manner, ScriptedMachine};
use moonlapse_rig::machine::TruePosition;
use serde_json::json;

use printer::{Printer, findings};

async fn camera(manner: Manner) -> Camera {
    let look = Look { width: 640, height: 360, ..Look::default() };
    let config = CameraConfig { look, manner, ..CameraConfig::default() };
    let home = TruePosition { x: 20.0, y: 180.0, z: 5.0, e: 0.0 };
    Camera::start(config, Arc::new(ScriptedMachine::new(0.0, home))).await.unwrap()
}

type Break = fn(&mut Printer);

fn moonraker() -> Vec<(&'static str, Break)> {
    vec![
        ("nobody listens at Moonraker's socket", |p| p.off = true),
        ("Moonraker does not let us in", |p| {
            p.answers.insert("server.info", json!({"code": 401, "message": "Unauthorized"}));
        }),
        ("an old Moonraker", |p| *p.part("server.info", "/moonraker_version") = "v0.8.0-300-gabc".into()),
        ("the component failed", |p| *p.part("server.info", "/failed_components") = json!(["timelapse"])),
        ("no section [timelapse]", |p| {
            *p.part("server.info", "/components") = json!(["webcam"]);
            p.part("server.config", "/config").as_object_mut().unwrap().shift_remove("timelapse");
            p.answers.remove("machine.timelapse.get_settings");
        }),
        ("a section without a component", |p| {
            *p.part("server.info", "/components") = json!(["webcam"]);
            p.answers.remove("machine.timelapse.get_settings");
        }),
        ("moonraker-timelapse's component", |p| {
            p.answers
                .insert("machine.timelapse.get_settings", json!({"enabled": true, "mode": "layermacro", "camera": ""}));
        }),
        ("a component of another version", |p| {
            p.part("machine.timelapse.get_settings", "").as_object_mut().unwrap().shift_remove("camera_options");
        }),
        ("a root that Moonraker refused", |p| *p.part("server.files.roots", "/1/name") = "other".into()),
        ("a warning of Moonraker", |p| {
            *p.part("server.info", "/warnings") =
                json!(["[timelapse]: Unparsed config option 'x'", "DBus is not there"]);
        }),
        ("[timelapse] twice", |p| {
            let more = json!({"filename": "extra.conf", "sections": ["timelapse"]});
            p.part("server.config", "/files").as_array_mut().unwrap().push(more);
        }),
        ("moonraker-timelapse is still updated", |p| {
            p.part("server.config", "/config")["update_manager timelapse"] = json!({"type": "git_repo"});
        }),
        ("the agent does not run", |p| *p.part("server.extensions.list", "/agents") = json!([])),
        ("an agent of another version", |p| *p.part("server.extensions.list", "/agents/0/version") = "0.0.1".into()),
    ]
}

fn klipper() -> Vec<(&'static str, Break)> {
    vec![
        ("Klipper has an error", |p| {
            *p.part("server.info", "/klippy_state") = "error".into();
            *p.part("printer.info", "/state_message") =
                "Option 'foo' is not valid in section 'extruder'\nOnce ...".into();
        }),
        ("Klipper is off", |p| {
            *p.part("server.info", "/klippy_state") = "disconnected".into();
            p.answers.insert("printer.info", json!({"code": 503, "message": "Klippy Host not connected"}));
        }),
        ("Klipper's socket cannot be opened", |p| std::fs::remove_file(p.path("data/comms/klippy.sock")).unwrap()),
        ("the macros are not included", |p| {
            p.remove("gcode_macro TIMELAPSE_TAKE_FRAME");
            p.part("printer.objects.query", "/status")
                .as_object_mut()
                .unwrap()
                .shift_remove("gcode_macro TIMELAPSE_TAKE_FRAME");
        }),
        ("moonraker-timelapse's macros", |p| {
            *p.part("printer.objects.query", "/status/gcode_macro TIMELAPSE_TAKE_FRAME") =
                json!({"takingframe": false});
        }),
        ("macros of another version", |p| {
            p.remove("gcode_macro TIMELAPSE_DOCTOR");
            p.configure("gcode_macro TIMELAPSE_RENDER", json!({"gcode": "M117 mine"}));
        }),
        ("no [virtual_sdcard]", |p| p.remove("virtual_sdcard")),
        ("no [pause_resume]", |p| p.remove("pause_resume")),
        ("no kinematics", |p| p.configure("printer", json!({"kinematics": "none"}))),
        ("PAUSE takes a frame", |p| {
            p.configure("gcode_macro PAUSE", json!({"gcode": "TIMELAPSE_TAKE_FRAME\nPAUSE_BASE"}));
        }),
        ("a macro pauses for each frame", |p| {
            p.configure("gcode_macro LAYER_CHANGE", json!({"gcode": "PAUSE\nTIMELAPSE_TAKE_FRAME\nRESUME"}));
        }),
        ("G4 is replaced", |p| p.configure("gcode_macro G4", json!({"rename_existing": "G4.1", "gcode": "M400"}))),
        ("Klipper's clock stands still", |p| p.clock_rate = 0.0),
    ]
}

fn settings() -> Vec<(&'static str, Break)> {
    vec![
        ("an option that is unknown", |p| p.conf = "[timelapse]\nparkhaed: True\n".into()),
        ("a value that is not allowed", |p| p.conf = "[timelapse]\npark_time: soon\n".into()),
        ("moonraker.conf is broken", |p| p.conf = "[timelapse]\nparkhead\n".into()),
        ("filming is switched off", |p| p.set("enabled", false.into())),
        ("the park position is out of reach", |p| {
            p.set("parkpos", "custom".into());
            p.set("park_custom_pos_x", 300.0.into());
        }),
        ("the park position is outside a round bed", |p| {
            p.configure("printer", json!({"kinematics": "delta"}));
            *p.part("printer.objects.query", "/status/toolhead/axis_minimum") = json!([-100.0, -100.0, 0.0, 0.0]);
            *p.part("printer.objects.query", "/status/toolhead/axis_maximum") = json!([100.0, 100.0, 250.0, 0.0]);
            p.set("parkpos", "custom".into());
            p.set("park_custom_pos_x", 90.0.into());
            p.set("park_custom_pos_y", 90.0.into());
        }),
        ("`park` is not understood", |p| p.set("park", "shelf".into())),
        ("firmware retraction is not configured", |p| p.set("fw_retract", true.into())),
        ("Klipper refuses the retraction", |p| {
            p.configure("extruder", json!({"max_extrude_only_distance": 0.5}));
        }),
        ("each frame adds filament", |p| p.set("park_extrude_distance", 1.5.into())),
        ("macros, pins and devices that are not there", |p| {
            p.set("camera_macro", "SHUTTER".into());
            p.set("gcode_before_frame", "LAMP LEVEL=1".into());
            p.set("light_pin", "caselight".into());
            p.set("light_power", "lamp".into());
        }),
        ("a program that is not there", |p| {
            p.set("camera_command", "/no/such/gphoto2 --filename {file}".into());
        }),
        ("no ffmpeg", |p| p.set("ffmpeg_binary_path", "/no/such/ffmpeg".into())),
        ("something else as ffmpeg", |p| p.set("ffmpeg_binary_path", "/bin/true".into())),
        ("a profile that is not understood", |p| p.set("profiles", "web: codec=h266".into())),
        ("an encoder that fails", |p| p.set("pixelformat", "nonsense".into())),
        ("the disk is nearly full", |p| p.set("disk_reserve", 1_000_000.into())),
        ("the films cannot be written", |p| {
            let folder = p.path("films");
            std::fs::remove_dir(&folder).unwrap();
            std::fs::write(folder, "in the way").unwrap();
        }),
    ]
}

fn cameras() -> Vec<(&'static str, Break)> {
    vec![
        ("no webcam", |p| {
            *p.part("server.webcams.list", "/webcams") = json!([]);
            p.set("snapshoturl", "".into());
        }),
        ("a webcam without addresses", |p| {
            *p.part("server.webcams.list", "/webcams/0/stream_url") = "".into();
            *p.part("server.webcams.list", "/webcams/0/snapshot_url") = "".into();
        }),
        ("nobody listens at the camera's address", |p| {
            *p.part("server.webcams.list", "/webcams/0/stream_url") = "http://127.0.0.1:1/?action=stream".into();
            *p.part("server.webcams.list", "/webcams/0/snapshot_url") = "http://127.0.0.1:1/?action=snapshot".into();
        }),
        ("the addresses are swapped", |p| {
            let webcam = p.part("server.webcams.list", "/webcams/0").as_object_mut().unwrap();
            let (stream, snapshot) = (webcam["stream_url"].clone(), webcam["snapshot_url"].clone());
            webcam.insert("stream_url".into(), snapshot);
            webcam.insert("snapshot_url".into(), stream);
        }),
        ("webcams that are not there", |p| {
            p.set("camera", "back".into());
            p.set("cameras", "front, top".into());
        }),
    ]
}

async fn told(camera: &Camera, cases: Vec<(&'static str, Break)>) -> String {
    let (stream_url, snapshot_url) = (camera.stream_url(), camera.snapshot_url());
    let examined = cases.into_iter().map(|(name, break_it)| {
        let mut printer = Printer::new(&stream_url, &snapshot_url);
        break_it(&mut printer);
        async move { (name, findings(&printer.examine().await)) }
    });
    let mut examined = stream::iter(examined).buffered(4);
    let mut text = String::new();
    while let Some((name, findings)) = examined.next().await {
        assert!(!findings.is_empty(), "nothing was found: {name}");
        writeln!(text, "{name}").unwrap();
        findings.iter().for_each(|finding| writeln!(text, "    {finding}").unwrap());
    }
    text
}

#[tokio::test]
async fn a_set_up_in_which_all_is_well_has_no_findings() {
    let camera = camera(Manner::Ustreamer).await;
    let checks = Printer::new(&camera.stream_url(), &camera.snapshot_url()).examine().await;
    assert_eq!(findings(&checks), Vec::<String>::new());
    assert!(checks.len() >= 12, "{checks:?}");
}

#[tokio::test]
async fn every_broken_set_up_is_named_with_its_remedy() {
    let camera = camera(Manner::Ustreamer).await;
    let mut text = String::new();
    for (heading, cases) in
        [("Moonraker", moonraker()), ("Klipper", klipper()), ("Settings", settings()), ("Cameras", cameras())]
    {
        writeln!(text, "== {heading}\n\n{}", told(&camera, cases).await).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn cameras_that_fail_or_tell_no_times_are_named() {
    let plain = camera(Manner::Plain).await;
    let found = findings(&Printer::new(&plain.stream_url(), &plain.snapshot_url()).examine().await);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("only assumed (50 ms late)") && found[0].starts_with("Warning"), "{found:?}");
    let broken = camera(Manner::Ustreamer).await;
    broken.set_fault(Fault::Offline);
    let found = findings(&Printer::new(&broken.stream_url(), &broken.snapshot_url()).examine().await);
    assert!(found[0].starts_with("Fault, Camera") && found[0].contains("lost its device"), "{found:?}");
}
