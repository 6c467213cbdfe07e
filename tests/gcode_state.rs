//! What commands do to the state, as Klipper does it, and how layers are told apart.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use moonlapse::gcode::engine::{Engine, Motion, MotionKind, Options};
use moonlapse::gcode::feature::Feature;
use moonlapse::gcode::scan::read_lines;
use moonlapse::gcode::state::{Mode, Position, Units};

/// An engine with the head homed to 0, 0, 0, after these lines.
fn after(text: &str) -> Engine {
    with(Options::default(), text)
}

fn with(options: Options, text: &str) -> Engine {
    let mut engine = Engine::new(Options { home: [Some(0.0); 3], ..options });
    read_lines(text.as_bytes(), |raw| {
        engine.line(raw);
    })
    .unwrap();
    engine
}

/// The motion of each line.
fn motions(text: &str) -> Vec<Option<Motion>> {
    let mut engine = Engine::new(Options::default());
    let mut motions = Vec::new();
    read_lines(text.as_bytes(), |raw| motions.push(engine.line(raw).motion.copied())).unwrap();
    motions
}

/// The layer number and height after each line.
fn layers(options: Options, text: &str) -> Vec<(u32, f64)> {
    let mut engine = Engine::new(options);
    let mut layers = Vec::new();
    read_lines(text.as_bytes(), |raw| {
        let layer = engine.line(raw).state.layer;
        layers.push((layer.number, layer.height));
    })
    .unwrap();
    layers
}

fn states(engine: &Engine) -> Vec<&'static str> {
    engine.state().extruder().states().names().collect()
}

fn assert_near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

#[test]
fn absolute_and_relative_moves_lead_to_the_same_place() {
    let relative = after("G28\nG91\nG1 X10 Y5\nG1 Z.2\nG1 X-2 E1\n");
    let absolute = after("G28\nG1 X10 Y5\nG1 Z.2\nG1 X8 E1\n");
    assert_eq!(relative.state().position, absolute.state().position);
    assert_eq!(relative.state().e, absolute.state().e);
}

#[test]
fn g92_moves_the_origin_and_not_the_head() {
    let engine = after("G28\nG1 X100 Y50 Z1 E5\nG92 X0 E0\nG1 X10 E2\n");
    assert_eq!(engine.state().position, Position::new(110.0, 50.0, 1.0));
    assert_eq!(engine.state().e, Some(7.0));
    assert_eq!(engine.state().file_position(), Position::new(10.0, 50.0, 1.0));
}

#[test]
fn homing_an_axis_drops_its_shift_only() {
    let engine = after("G28\nG1 X100 Y50 Z1\nG92 X0 Y0\nG28 X0\nG1 X3 Y3\n");
    assert_eq!(engine.state().position, Position::new(3.0, 53.0, 1.0));
}

#[test]
fn positions_are_unknown_until_the_file_sets_them() {
    let mut engine = Engine::new(Options::default());
    read_lines(&b"G28\nG91\nG1 X5\nG90\nG1 Y7\n"[..], |raw| {
        engine.line(raw);
    })
    .unwrap();
    let position = engine.state().position;
    assert_eq!((position.x(), position.y(), position.z()), (None, Some(7.0), None));
    assert_eq!(engine.state().homed.name(), "xyz");
    assert!(!engine.state().is_definite());
}

#[test]
fn a_moving_macro_makes_the_position_unknown_until_absolute_moves_set_it() {
    for (macro_name, moves) in [("START_PRINT BED=60", true), ("print_start", true), ("SET_FAN_SPEED FAN=a", false)] {
        let engine = after(&format!("G28\nG1 X1 Y2 Z3\n{macro_name}\n"));
        assert_eq!(engine.state().position == Position::UNKNOWN, moves, "{macro_name}");
    }
    let engine = after("G28\nSTART_PRINT\nG1 X1 Y2\nG1 Z3\n");
    assert!(engine.state().is_definite());
}

#[test]
fn modes_that_must_be_said_leave_positions_unknown() {
    let options = || Options { xyz_mode: Mode::Unknown, e_mode: Mode::Unknown, ..Options::default() };
    let engine = with(options(), "G28\nG1 X1 Y1 Z1 E1\n");
    assert_eq!((engine.state().position, engine.state().e), (Position::UNKNOWN, None));
    let engine = with(options(), "G28\nG90\nM83\nG1 X1 Y1 Z1 E1\n");
    assert!(engine.state().is_definite());
    let engine = with(Options { units: Units::Unknown, ..Options::default() }, "G28\nG1 X1\n");
    assert_eq!(engine.state().position.x(), None);
}

#[test]
fn inches_are_converted() {
    let engine = after("G28\nG20\nG1 X1 Y2 Z.1 F10\nG21\nG1 Y2\n");
    assert_near(engine.state().position.x().unwrap(), 25.4);
    assert_near(engine.state().position.y().unwrap(), 2.0);
    assert_near(engine.state().coordinates.feedrate.unwrap(), 254.0);
}

#[test]
fn m221_scales_the_extruder_and_not_the_states() {
    let options = Options { retraction_length: Some(0.8), ..Options::default() };
    let engine = with(options, "G28\nM83\nM221 S50\nG1 X1 E2\nG1 E-.8\n");
    assert_near(engine.state().e.unwrap(), 0.6);
    assert_eq!(states(&engine), ["retracting_start", "retracting", "retracted"]);
}

#[test]
fn m221_in_the_middle_keeps_the_files_own_e() {
    let engine = after("G28\nG1 X1 E10\nM221 S200\nG1 X2 E11\n");
    assert_near(engine.state().e.unwrap(), 12.0);
    assert_near(engine.state().extruder().extruded(), 1.0);
}

#[test]
fn m220_scales_the_speed() {
    let motions = motions("G1 X1 Y1 Z1 F6000\nM220 S50\nG1 X2\n");
    assert_near(motions[2].unwrap().speed, 50.0);
}

#[test]
fn saved_states_bring_back_modes_and_on_request_the_position() {
    let text = "G28\nG1 X10 Y10 Z1 E5\nSAVE_GCODE_STATE NAME=a\nG91\nG1 X5 E3\nRESTORE_GCODE_STATE NAME=a";
    let engine = after(&format!("{text}\nG1 Y20 E6\n"));
    assert_eq!(engine.state().position, Position::new(15.0, 20.0, 1.0));
    // The 3 mm in between have been extruded; E6 is 1 mm more than the E5 that was saved.
    assert_near(engine.state().e.unwrap(), 9.0);
    let engine = after(&format!("{text} MOVE=1\n"));
    assert_eq!(engine.state().position, Position::new(10.0, 10.0, 1.0));
}

#[test]
fn an_offset_moves_the_origin_but_no_layer() {
    let engine = after("G28\nM83\nG1 X1 Y1 Z.2\nG1 X9 E1\nSET_GCODE_OFFSET Z_ADJUST=.06 MOVE=1\nG1 X1 E1\n");
    assert_near(engine.state().position.z().unwrap(), 0.26);
    assert_eq!(engine.state().layer.number, 1);
}

#[test]
fn firmware_retraction_moves_filament_and_keeps_the_files_own_e() {
    let options = Options { retraction_length: Some(0.8), ..Options::default() };
    let text = "G28\nG1 X1 Y1 Z.2 E1\nSET_RETRACTION RETRACT_LENGTH=2 UNRETRACT_EXTRA_LENGTH=.5\nG10\n";
    let engine = with(options.clone(), text);
    assert_near(engine.state().e.unwrap(), -1.0);
    assert_eq!(states(&engine), ["retracting_start", "retracting", "retracted"]);
    let engine = with(options, &format!("{text}G10\nG1 X5\nG11\nG1 X9 E2\n"));
    assert_near(engine.state().e.unwrap(), 2.5);
    assert_near(engine.state().extruder().retracted(), 0.0);
}

#[test]
fn firmware_retraction_of_unknown_length_retracts_all_the_same() {
    let engine = with(Options { retraction_lengths: vec![0.0], ..Options::default() }, "G28\nG1 X1 Y1 Z.2 E1\nG10\n");
    assert_eq!(states(&engine), ["retracting_start", "retracting", "retracted"]);
    let off = Options { firmware_retract_length: Some(0.0), ..Options::default() };
    assert_eq!(states(&with(off, "G28\nG1 X1 Y1 Z.2 E1\nG10\n")), ["primed"]);
}

#[test]
fn each_tool_keeps_its_own_retraction() {
    let text = "G28\nM83\nG1 X1 Y1 Z.2 E1\nG1 E-4\nT1\nG1 X9 E1\n";
    assert_eq!(states(&after(text)), ["extruding_start", "extruding"]);
    let engine = after(&format!("{text}T0\n"));
    assert_eq!(engine.state().tool, 0);
    assert_near(engine.state().extruder().retracted(), 4.0);
    let engine = after("ACTIVATE_EXTRUDER EXTRUDER=extruder2\n");
    assert_eq!(engine.state().tool, 2);
    assert_eq!(after("T255\n").state().tool, 0);
}

#[test]
fn each_tool_has_the_retraction_length_of_its_own() {
    let options = Options { retraction_lengths: vec![0.8, 4.0], ..Options::default() };
    let engine = with(options, "G28\nM83\nT1\nG1 X1 E1\nG1 E-1\n");
    assert_eq!(states(&engine), ["retracting_start", "retracting", "partially_retracted"]);
    let engine = after("; retract_length = 0.8,4\nM83\nG28\nT1\nG1 X1 E1\nG1 E-1\n");
    assert_eq!(states(&engine), ["retracting_start", "retracting", "partially_retracted"]);
}

#[test]
fn lines_that_klipper_refuses_change_nothing() {
    let engine = after("G28\nG1 X1 Y1 Z1\nG1 X1.2.3\nG1 X=5\nG92 X1..2\nG1 F-5\nG1 X5(\n");
    assert_eq!(engine.state().position, Position::new(5.0, 1.0, 1.0));
    assert_eq!(engine.state().coordinates.feedrate, None);
}

#[test]
fn motions_are_told_apart() {
    let text = "G1 X1 Y1 Z1 F600\nG1 Z2\nG1 X2 E1\nG1 E.5\nG1 X3 E.4\nG1 X4 E.8\nG1 E1\nG1 E2\nG1 F900\nG28\n";
    let kinds: Vec<_> = motions(text).into_iter().map(|motion| motion.map(|motion| motion.kind)).collect();
    assert_eq!(
        kinds,
        [
            Some(MotionKind::Travel),
            Some(MotionKind::Lift),
            Some(MotionKind::Extrusion),
            Some(MotionKind::Retraction),
            Some(MotionKind::Wipe),
            Some(MotionKind::UnretractingTravel),
            Some(MotionKind::Unretraction),
            Some(MotionKind::Prime),
            None,
            Some(MotionKind::Home),
        ]
    );
}

#[test]
fn a_motion_has_its_length_and_filament() {
    let motion = motions("G1 X0 Y0 Z0\nG1 X3 Y4 E2 F1200\n")[1].unwrap();
    assert_near(motion.length, 5.0);
    assert_near(motion.filament, 2.0);
    assert_near(motion.speed, 20.0);
    let helix = motions("G1 X0 Y0 Z0\nG17\nG3 Z.6 I-1.173 J-.323 P1 F30000\n")[2].unwrap();
    assert_eq!(helix.kind, MotionKind::Travel);
    assert_near(helix.length, (1.173f64.hypot(0.323) * std::f64::consts::TAU).hypot(0.6));
}

#[test]
fn objects_come_from_commands_or_else_from_comments() {
    let name = |text: &str| {
        let engine = after(text);
        engine.state().object.map(|id| engine.objects().get(id).unwrap().name.clone())
    };
    assert_eq!(name("; printing object a.stl id:0 copy 0\n").as_deref(), Some("A.STL ID:0 COPY 0"));
    assert_eq!(name("; printing object a\n; stop printing object a\n"), None);
    assert_eq!(name("EXCLUDE_OBJECT_START NAME=cube\n; printing object a\n").as_deref(), Some("CUBE"));
    assert_eq!(name("EXCLUDE_OBJECT_START NAME=cube\nEXCLUDE_OBJECT_END\n"), None);
}

#[test]
fn features_and_wipes_come_from_comments() {
    let engine = after(";TYPE:External perimeter\n;WIPE_START\n;LAYER_CHANGE\n");
    assert_eq!(engine.state().feature, Some(Feature::OuterWall));
    assert!(engine.state().wiping);
    assert!(!after(";WIPE_START\n;WIPE_END\n").state().wiping);
}

#[test]
fn limits_are_those_that_klipper_takes() {
    let limits = after("M204 P1000 T500\nSET_VELOCITY_LIMIT VELOCITY=200 SQUARE_CORNER_VELOCITY=8\n").state().limits;
    assert_eq!(limits.acceleration, Some(500.0));
    assert_eq!((limits.velocity, limits.square_corner_velocity), (Some(200.0), Some(8.0)));
    assert_eq!(after("SET_VELOCITY_LIMIT ACCEL=3000\n").state().limits.acceleration, Some(3000.0));
}

#[test]
fn a_purge_line_before_the_first_mark_is_no_layer() {
    let text =
        "G1 X0 Y0 Z.3\nG1 X50 E9\n;LAYER_CHANGE\n;Z:.2\nG1 Z.2\nG1 X60 E10\n;LAYER_CHANGE\n;Z:.4\nG1 Z.4\nG1 X70 E11\n";
    // Nobody has said yet that the file has marks: the purge line is a layer until the first one.
    let found = layers(Options::default(), text);
    assert_eq!((found[1], found[2], found[5], found[9]), ((1, 0.3), (0, 0.0), (1, 0.2), (2, 0.4)));
    let found = layers(Options { has_layer_marks: true, ..Options::default() }, text);
    assert_eq!((found[1], found[5], found[9]), ((0, 0.0), (1, 0.2), (2, 0.4)));
}

#[test]
fn filament_in_a_lifted_nozzle_is_no_layer() {
    // A z-hop with more pushed than was pulled ("extra length on restart").
    let text = "M83\nG1 X0 Y0 Z.2\nG1 X5 E1\nG1 E-1\nG1 Z.8\nG1 X9\nG1 E1.1\nG1 Z.4\nG1 X5 E1\n";
    let found = layers(Options::default(), text);
    assert_eq!((found[6], found[8]), ((1, 0.2), (2, 0.4)));
}

#[test]
fn a_layer_may_begin_where_a_retraction_is_undone() {
    let text = "M83\nG1 X0 Y0 Z.2\nG1 X5 E1\nG1 E-1\nG1 Z.4\nG1 X9\nG1 E1\n";
    assert_eq!(layers(Options::default(), text)[6], (2, 0.4));
    let hop = Options { z_lift: Some(0.2), ..Options::default() };
    assert_eq!(layers(hop, text)[6], (1, 0.2));
}

#[test]
fn a_mark_confirms_a_layer_thinner_than_the_minimum() {
    let text = "M83\n;LAYER_CHANGE\nG1 X0 Y0 Z.2\nG1 X5 E1\n;LAYER_CHANGE\nG1 Z.23\nG1 X1 E1\n";
    assert_eq!(layers(Options::default(), text)[6], (2, 0.23));
    assert_eq!(layers(Options::default(), &text.replace(";LAYER_CHANGE", ""))[6], (1, 0.2));
}

#[test]
fn rises_without_a_mark_are_reported_and_trusted_only_when_there_are_many() {
    let mut text = "M83\n;LAYER_CHANGE\nG1 X0 Y0 Z.2\nG1 X5 E1\n".to_owned();
    for step in 2..=4 {
        text += &format!("G1 Z{}\nG1 X{step} E1\n", 0.2 * f64::from(step));
    }
    let engine = after(&text);
    assert_eq!(engine.state().layer.number, 1);
    let report = engine.layer_report();
    assert_eq!((report.unmarked, report.first_line, report.agrees()), (3, Some(6), false));
    let engine = after(&(text + "G1 Z1\nG1 X1 E1\nG1 Z1.2\nG1 X2 E1\n"));
    assert_eq!(engine.state().layer.number, 3);
}

#[test]
fn marks_without_filament_and_marks_at_another_height_are_reported() {
    let report = after(";LAYER_CHANGE\n;LAYER_CHANGE\n;Z:.2\nG1 X0 Y0 Z.3\nG1 X5 E1\n").layer_report();
    assert_eq!((report.marks, report.layers, report.empty, report.other_height), (2, 1, 1, 1));
    assert!(after(";LAYER:0\n;LAYER_CHANGE\n").layer_report().marks == 2);
}

#[test]
fn only_the_best_kind_of_mark_counts() {
    let layer = |z: f64| {
        format!("SET_PRINT_STATS_INFO CURRENT_LAYER=1\n;LAYER_CHANGE\n;BEFORE_LAYER_CHANGE\nG1 X0 Y0 Z{z}\nG1 X9 E1\n")
    };
    let engine = after(&format!("M83\n{}{}", layer(0.2), layer(0.4)));
    let report = engine.layer_report();
    assert_eq!((report.marks, report.layers, report.agrees()), (2, 2, true));
}

#[test]
fn a_sequential_print_goes_on_counting_with_the_next_object() {
    let object = "G1 X0 Y0 Z.2\nG1 X5 E1\nG1 Z.4\nG1 X1 E1\nG1 Z2\nG1 X5 E1\n";
    let engine = after(&format!("M83\n{object}{object}"));
    let layer = engine.state().layer;
    assert_eq!((layer.number, layer.run, layer.height, layer.highest), (6, 1, 2.0, 2.0));
    let marked = ";LAYER:0\nG1 X0 Y0 Z.2\nG1 X5 E1\n;LAYER:1\nG1 Z.4\nG1 X1 E1\n";
    let engine = after(&format!("M83\n{marked}{marked}"));
    let layer = engine.state().layer;
    assert_eq!((layer.number, layer.run, layer.height), (4, 1, 0.4));
    assert!(engine.layer_report().agrees());
}

#[test]
fn a_z_offset_of_the_slicer_does_not_hide_the_next_object() {
    let object = ";LAYER_CHANGE\n;Z:.2\nG1 X0 Y0 Z.3\nG1 X5 E1\n;LAYER_CHANGE\n;Z:.4\nG1 Z.5\nG1 X1 E1\n";
    let layer = after(&format!("M83\n{object}{object}")).state().layer;
    assert_eq!((layer.number, layer.run), (4, 1));
}

#[test]
fn a_marked_first_layer_may_be_higher_than_the_priming_height() {
    let text = "M83\n;LAYER_CHANGE\nG1 X0 Y0 Z.8\nG1 X5 E1\n";
    assert_eq!(after(text).state().layer.number, 1);
    assert_eq!(after(&text.replace(";LAYER_CHANGE", "")).state().layer.number, 0);
}

#[test]
fn a_wipe_tower_below_the_layer_is_no_new_object() {
    let text = "M83\n;LAYER_CHANGE\n;Z:.2\nG1 X0 Y0 Z.2\nG1 X5 E1\n;LAYER_CHANGE\n;Z:2\nG1 Z2\nG1 X1 E1\n\
                ;LAYER_CHANGE\n;Z:2.2\nG1 Z.4\nG1 X9 E1\nG1 Z2.2\nG1 X1 E1\n";
    let layer = after(text).state().layer;
    assert_eq!((layer.number, layer.run), (3, 0));
}

#[test]
fn a_vase_without_marks_has_a_layer_per_layer_height() {
    let mut text = "M83\nG1 X0 Y0 Z.2\nG1 X5 E1\nG1 Z.4\nG1 X1 E1\n".to_owned();
    for step in 1..=100 {
        text += &format!("G1 X{} Z{:.2} E1\n", step % 7, 0.4 + 0.02 * f64::from(step));
    }
    let layer = after(&text).state().layer;
    assert!(layer.vase);
    assert_eq!((layer.number, layer.height), (12, 2.4));
    let told = with(Options { vase: Some(true), ..Options::default() }, "G1 X1\n");
    assert!(told.state().layer.vase);
}

#[test]
fn scarf_seams_are_no_vase() {
    let mut text = "M83\n".to_owned();
    for layer in 1..=20 {
        let z = 0.2 * f64::from(layer);
        text += &format!("G1 X0 Y0 Z{:.2}\n", z - 0.18);
        for step in 1..=9 {
            text += &format!("G1 X{step} Z{:.2} E1\n", z - 0.18 + 0.02 * f64::from(step));
        }
        text += "G1 X50 E1\n";
    }
    assert!(!after(&text).state().layer.vase);
}

#[test]
fn settings_in_the_files_head_hold_from_there_on() {
    let engine = after("; retract_length = 2\nG28\nM83\nG1 X1 E1\nG1 E-1\n");
    assert_eq!(states(&engine), ["retracting_start", "retracting", "partially_retracted"]);
}

#[test]
fn a_dwell_is_in_milliseconds() {
    let mut engine = Engine::new(Options::default());
    let mut dwell = 0.0;
    read_lines(&b"G4 P250\n"[..], |raw| dwell = engine.line(raw).dwell).unwrap();
    assert_near(dwell, 0.25);
}
