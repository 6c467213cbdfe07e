//! The macros in a real Klipper host: what they do to the machine, and that nothing makes them raise.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse_rig::host::{Rig, RigOptions, repository};
use moonlapse_rig::machine::TruePosition;

/// Half a step of X, Y and Z of the rig's machine, and its step of E, in mm.
const STEP: f64 = 0.013;

const READY_TO_PRINT: &str = "M109 S200\nG28\nG90\nM83\nG1 X100 Y90 Z0.6 F9000\nG1 E5 F300\nM400";
const SETUP: &str = "_SET_TIMELAPSE_SETUP ENABLE=True PARK_ENABLE=True PARK_POS=custom CUSTOM_POS_X=10 CUSTOM_POS_Y=200 \
                     CUSTOM_POS_DZ=0 TRAVEL_SPEED=200 RETRACT_SPEED=40 EXTRUDE_SPEED=40 RETRACT_DISTANCE=0.8 \
                     EXTRUDE_DISTANCE=0.8 FW_RETRACT=False HOLD=0.1";

fn rig() -> RigOptions {
    Rig::builder().warm(205.0, 23.0).macros(repository().join("klipper-macros/timelapse.cfg"))
}

/// The state that a frame must leave as it was.
fn modes(rig: &Rig) -> Vec<String> {
    rig.with_status(|status| {
        ["absolute_coordinates", "absolute_extrude", "speed_factor", "extrude_factor", "speed", "gcode_position"]
            .map(|field| status.get("gcode_move", field).to_string())
            .to_vec()
    })
}

fn assert_near(a: TruePosition, b: TruePosition) {
    for (axis, a, b) in [("x", a.x, b.x), ("y", a.y, b.y), ("z", a.z, b.z), ("e", a.e, b.e)] {
        assert!((a - b).abs() <= STEP, "{axis}: {a} instead of {b}");
    }
}

/// Waits until the subscription has caught up with what Klipper says now.
async fn caught_up(rig: &Rig) {
    rig.gcode("M400").await.unwrap();
    rig.settle().await.unwrap();
}

#[tokio::test]
async fn a_frame_parks_holds_still_and_leaves_no_trace() {
    let rig = rig().start().await.unwrap();
    rig.gcode(READY_TO_PRINT).await.unwrap();
    rig.gcode(SETUP).await.unwrap();
    for (name, state) in [
        ("relative E, fast, more flow", "M83\nG90\nM220 S150\nM221 S90\nG1 F4321"),
        ("absolute E after G92", "M82\nG92 E7\nG92 X0\nM220 S100"),
        ("all relative", "G91\nG1 F1234"),
        ("gcode offset", "G90\nG92 X100\nSET_GCODE_OFFSET X=1.5 Y=-2 Z=0.2"),
    ] {
        rig.gcode(state).await.unwrap();
        // Filament moves on between layers, in whatever mode is set.
        rig.gcode("SAVE_GCODE_STATE NAME=t\nM83\nG1 E2 F600\nRESTORE_GCODE_STATE NAME=t").await.unwrap();
        caught_up(&rig).await;
        let (before, at) = (modes(&rig), rig.position());
        let from = rig.machine().path(0).len();
        rig.gcode("TIMELAPSE_TAKE_FRAME\nM400").await.unwrap();
        caught_up(&rig).await;
        assert_near(rig.position(), at);
        assert_eq!(modes(&rig), before, "{name}");
        let path = rig.machine().path(from);
        let parked: Vec<&TruePosition> =
            path.iter().filter(|p| (p.x - 10.0).abs() < 0.05 && (p.y - 200.0).abs() < 0.05).collect();
        assert!(!parked.is_empty(), "{name}: the head was never at the park position");
        assert!(parked.iter().all(|p| (p.e - (at.e - 0.8)).abs() <= STEP), "{name}: not retracted while parked");
        let highest = path.iter().map(|p| p.e).fold(f64::MIN, f64::max);
        assert!(highest <= at.e + STEP, "{name}: filament was pushed out");
    }
}

#[tokio::test]
async fn the_calls_of_an_annotated_file_are_passed_over_where_frames_are_taken_by_time() {
    let rig = rig().start().await.unwrap();
    rig.gcode(READY_TO_PRINT).await.unwrap();
    rig.gcode(&format!("{SETUP} CALLS=False BY_TIME=True")).await.unwrap();
    let since = rig.record();
    let from = rig.machine().path(0).len();
    let call = "TIMELAPSE_TAKE_FRAME FRAME=3 LAYER=3 X=50 Y=- RETRACT=1 RETURN=1 ; moonlapse";
    rig.gcode(&format!("{call}\n{call}\nM400")).await.unwrap();
    caught_up(&rig).await;
    assert_eq!(rig.machine().path(from).len(), 0, "the machine moved");
    let said = rig.console(&since);
    assert_eq!(said.iter().filter(|line| line.contains("this print is filmed by time")).count(), 1, "{said:?}");

    rig.gcode("_SET_TIMELAPSE_SETUP BY_TIME=False").await.unwrap();
    rig.gcode(&format!("{call}\nM400")).await.unwrap();
    caught_up(&rig).await;
    let path = rig.machine().path(from);
    assert!(path.iter().any(|p| (p.x - 50.0).abs() < 0.05), "the head did not park");
    assert!(path.iter().all(|p| (p.y - 90.0).abs() < 0.05), "y was to stay");
}

#[tokio::test]
async fn of_the_calls_of_one_frame_only_that_in_an_object_that_is_printed_takes_it() {
    let rig = rig().start().await.unwrap();
    rig.gcode(SETUP).await.unwrap();
    rig.gcode("G28\nG90\nM83\nM109 S200\nG1 X100 Y100 Z1 F9000").await.unwrap();
    rig.gcode("EXCLUDE_OBJECT_DEFINE NAME=a\nEXCLUDE_OBJECT_DEFINE NAME=b\nEXCLUDE_OBJECT_DEFINE NAME=c")
        .await
        .unwrap();
    let layer = "EXCLUDE_OBJECT_START NAME=a\nTIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 X=10 Y=20 ELSEWHERE=1\n\
                 EXCLUDE_OBJECT_END NAME=a\nG1 X100 Y100 F9000\n\
                 EXCLUDE_OBJECT_START NAME=b\nTIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 X=30 Y=20 IF_EXCLUDED=a ELSEWHERE=1\n\
                 EXCLUDE_OBJECT_END NAME=b\nG1 X100 Y100 F9000\n\
                 TIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 X=50 Y=20 IF_EXCLUDED=a,b\nG1 X100 Y100 F9000\nM400";
    let mut parks = Vec::new();
    for exclude in ["", "EXCLUDE_OBJECT NAME=a", "EXCLUDE_OBJECT NAME=b"] {
        let (since, from) = (rig.record(), rig.machine().path(0).len());
        rig.gcode(exclude).await.unwrap();
        rig.gcode(layer).await.unwrap();
        caught_up(&rig).await;
        let path = rig.machine().path(from);
        let stood = |x: f64| path.iter().any(|p| (p.x - x).abs() < 0.05 && (p.y - 20.0).abs() < 0.05);
        parks.push([10.0, 30.0, 50.0].map(stood));
        let said = rig.console(&since);
        assert!(!said.iter().any(|line| line.contains("no frame")), "{said:?}");
    }
    assert_eq!(parks, [[true, false, false], [false, true, false], [false, false, true]]);
}

#[tokio::test]
async fn where_no_frame_can_be_taken_the_macro_says_so_once_and_does_nothing() {
    let rig = rig()
        .printer_section("[gcode_macro WEDGE]\nvariable_a: 0\ngcode:\n  TIMELAPSE_TAKE_FRAME")
        .start()
        .await
        .unwrap();
    let since = rig.record();
    let path = rig.machine().path(0).len();
    let refused = |reason: &str| {
        let said = rig.console(&since);
        let times = said.iter().filter(|line| line.contains(reason)).count();
        assert_eq!(times, 1, "{reason}: {said:?}");
    };
    rig.gcode("TIMELAPSE_TAKE_FRAME\nTIMELAPSE_TAKE_FRAME").await.unwrap();
    refused("it is switched off");
    rig.gcode(SETUP).await.unwrap();
    rig.gcode("TIMELAPSE_TAKE_FRAME\nWEDGE").await.unwrap();
    refused("the printer is not homed");
    assert_eq!(rig.machine().path(path).len(), 0, "the machine moved");

    rig.gcode("G28\nG90\nM104 S0\nTEMPERATURE_WAIT SENSOR=extruder MAXIMUM=150").await.unwrap();
    rig.gcode("M104 S200\nTIMELAPSE_TAKE_FRAME").await.unwrap();
    refused("the extruder is too cold");
    rig.gcode("M109 S200\nPAUSE\nTIMELAPSE_TAKE_FRAME").await.unwrap();
    refused("the print is paused");
    rig.gcode("CLEAR_PAUSE\nEXCLUDE_OBJECT_DEFINE NAME=a\nEXCLUDE_OBJECT NAME=a\nEXCLUDE_OBJECT_START NAME=a")
        .await
        .unwrap();
    rig.gcode("TIMELAPSE_TAKE_FRAME").await.unwrap();
    refused("the current object is excluded");
    rig.gcode("EXCLUDE_OBJECT_END NAME=a\nSET_GCODE_VARIABLE MACRO=TIMELAPSE_TAKE_FRAME VARIABLE=park_x VALUE=900")
        .await
        .unwrap();
    rig.gcode("TIMELAPSE_TAKE_FRAME").await.unwrap();
    refused("the park position is outside");
    rig.gcode(SETUP).await.unwrap();
    rig.gcode("G90\nM83\nG1 X100 Y100 Z1 F9000\nG1 E2 F300\nTIMELAPSE_TAKE_FRAME\nTIMELAPSE_TAKE_FRAME").await.unwrap();
    refused("this layer has its frame");
    rig.gcode("M83\nG1 E2 F300\nTIMELAPSE_STOP\nTIMELAPSE_TAKE_FRAME").await.unwrap();
    rig.gcode("TIMELAPSE_START\nTIMELAPSE_TAKE_FRAME").await.unwrap();
    let console = rig.console(&since);
    assert!(!console.iter().any(|line| line.starts_with("!!")), "{console:?}");
}

#[tokio::test]
async fn firmware_retraction_is_undone_only_where_the_frame_retracted_itself() {
    let rig = rig().firmware_retraction().start().await.unwrap();
    rig.gcode(READY_TO_PRINT).await.unwrap();
    rig.gcode(&SETUP.replace("FW_RETRACT=False", "FW_RETRACT=True")).await.unwrap();
    caught_up(&rig).await;
    let at = rig.position();
    rig.gcode("TIMELAPSE_TAKE_FRAME\nM400").await.unwrap();
    assert_near(rig.position(), at);
    // The file has retracted; its own G11 comes later.
    rig.gcode("G1 E3 F300\nG10\nM400").await.unwrap();
    let retracted = rig.position();
    assert!((retracted.e - (at.e + 3.0 - 0.8)).abs() <= STEP);
    rig.gcode("TIMELAPSE_TAKE_FRAME\nM400").await.unwrap();
    assert_near(rig.position(), retracted);
    rig.gcode("G11\nM400").await.unwrap();
    assert!((rig.position().e - (at.e + 3.0)).abs() <= STEP);
}

#[tokio::test]
async fn parameters_of_moonraker_timelapse_are_taken_and_wild_ones_are_bounded() {
    let rig = rig().start().await.unwrap();
    rig.gcode(
        "_SET_TIMELAPSE_SETUP ENABLE=True VERBOSE=False PARK_ENABLE=True PARK_POS=x_only PARK_TIME=0.2 CUSTOM_POS_X=9999 \
         CUSTOM_POS_Y=-50 CUSTOM_POS_DZ=2 TRAVEL_SPEED=1e9 RETRACT_DISTANCE=nonsense HOLD=60",
    )
    .await
    .unwrap();
    rig.gcode("_SET_TIMELAPSE_SETUP PARK_POS=nowhere ENABLE=perhaps\nGET_TIMELAPSE_SETUP\nHYPERLAPSE ACTION=NONSENSE")
        .await
        .unwrap();
    // Its documentation tells users to have this in their print start.
    rig.gcode("SET_GCODE_VARIABLE MACRO=TIMELAPSE_TAKE_FRAME VARIABLE=check_time VALUE=0.25").await.unwrap();
    let query = serde_json::json!({"objects": {"gcode_macro TIMELAPSE_TAKE_FRAME": null}});
    let answer = rig.call("printer.objects.query", query, Duration::from_secs(10)).await.unwrap();
    let variable = |name: &str| answer["status"]["gcode_macro TIMELAPSE_TAKE_FRAME"][name].clone();
    assert_eq!(variable("enable"), true);
    assert_eq!(variable("hold"), 2.0);
    assert_eq!(variable("travel_speed"), 2000.0);
    assert_eq!(variable("retract_distance"), 0.0);
    // An unknown place is the default one.
    assert_eq!((variable("park_x"), variable("park_y")), (5.0.into(), 230.0.into()));
}

#[tokio::test]
async fn a_planned_frame_moves_only_as_its_plan_says_and_restores_the_height() {
    let rig = rig().start().await.unwrap();
    rig.gcode(READY_TO_PRINT).await.unwrap();
    rig.gcode(SETUP).await.unwrap();
    // As a window in a retracted travel with a z-hop of the file's own.
    rig.gcode("G1 E-0.8 F2400\nG1 Z1.0 F600\nM400").await.unwrap();
    caught_up(&rig).await;
    let (before, at) = (modes(&rig), rig.position());
    let from = rig.machine().path(0).len();
    rig.gcode("TIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 X=30 Y=150 RETRACT=0 RETURN=0\nM400").await.unwrap();
    caught_up(&rig).await;
    let stays = TruePosition { x: 30.0, y: 150.0, ..at };
    assert_near(rig.position(), stays);
    assert!(rig.machine().path(from).iter().all(|p| (p.e - at.e).abs() <= STEP), "filament was moved");
    let gcode_position = |modes: &[String]| modes[..5].to_vec();
    assert_eq!(gcode_position(&modes(&rig)), gcode_position(&before), "modes");

    // Above something finished: up, there, to where the print goes on, and only then down.
    let from = rig.machine().path(0).len();
    let rise = "TIMELAPSE_TAKE_FRAME FRAME=2 LAYER=2 X=10 Y=10 RETRACT=0 RETURN=1 RISE=20 RESUME_X=60 RESUME_Y=70";
    rig.gcode(&format!("{rise}\nM400")).await.unwrap();
    caught_up(&rig).await;
    assert_near(rig.position(), TruePosition { x: 60.0, y: 70.0, ..at });
    let path = rig.machine().path(from);
    let travels = path.windows(2).filter(|p| (p[0].x - p[1].x).hypot(p[0].y - p[1].y) > 0.001);
    let lowest = travels.map(|p| p[0].z.min(p[1].z)).fold(f64::MAX, f64::min);
    assert!((lowest - 20.0).abs() <= 0.05, "travelled at {lowest} mm");

    // One axis only, and nothing at all.
    rig.gcode("TIMELAPSE_TAKE_FRAME FRAME=3 LAYER=3 X=- Y=120 RETRACT=1 RETURN=1\nM400").await.unwrap();
    rig.gcode("TIMELAPSE_TAKE_FRAME FRAME=4 PARK=0\nM400").await.unwrap();
    rig.gcode("TIMELAPSE_TAKE_FRAME FRAME=5 ZERO=1\nM400").await.unwrap();
    caught_up(&rig).await;
    assert_near(rig.position(), TruePosition { x: 60.0, y: 70.0, ..at });
    let console = rig.console(&rig.record());
    assert!(!console.iter().any(|line| line.starts_with("!!")), "{console:?}");
}

#[tokio::test]
async fn calls_of_the_file_are_passed_over_when_the_agent_chooses_the_moments() {
    let rig = rig().start().await.unwrap();
    rig.gcode(READY_TO_PRINT).await.unwrap();
    rig.gcode(&format!("{SETUP} CALLS=False")).await.unwrap();
    let since = rig.record();
    let from = rig.machine().path(0).len();
    rig.gcode("TIMELAPSE_TAKE_FRAME\nTIMELAPSE_TAKE_FRAME\nM400").await.unwrap();
    caught_up(&rig).await;
    assert_eq!(rig.machine().path(from).len(), 0, "the machine moved");
    let said: Vec<_> = rig.console(&since).into_iter().filter(|line| line.contains("chooses the moments")).collect();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[tokio::test]
async fn a_camera_macro_is_run_while_the_head_stands_parked_and_one_that_is_not_there_is_passed_over() {
    let shutter =
        "[gcode_macro SHUTTER]\ngcode:\n  {action_respond_info(\"shutter at %d\" % printer.gcode_move.position.x)}";
    let rig = rig().printer_section(shutter).start().await.unwrap();
    rig.gcode(READY_TO_PRINT).await.unwrap();
    let since = rig.record();
    rig.gcode(&format!("{SETUP} TRIGGER=SHUTTER")).await.unwrap();
    rig.gcode("TIMELAPSE_TAKE_FRAME\nM400").await.unwrap();
    rig.gcode(&format!("{SETUP} TRIGGER=NOBODY\nG1 E3 F300\nTIMELAPSE_TAKE_FRAME\nM400")).await.unwrap();
    caught_up(&rig).await;
    let told: Vec<String> = rig.console(&since).into_iter().filter(|line| line.contains("shutter")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("shutter at 10"), "not at the park position: {told:?}");
}
