//! What holds for the plan of any file.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Cursor;

use moonlapse::gcode::engine::{self, Engine, MotionKind};
use moonlapse::gcode::extruder::ExtruderStates;
use moonlapse::gcode::scan::read_lines;
use moonlapse::gcode::slicer::Settings;
use moonlapse::planner::{Kind, Mode, Options, Plan, Track, Trigger, plan_file};
use moonlapse::stabilize::{Bed, Limits, Park, Point};
use proptest::prelude::*;

/// A line of the engine's, as far as it matters here.
struct Line {
    start: u64,
    end: u64,
    /// It pushes filament, out of the nozzle or up to it.
    pushes: bool,
    retracted: bool,
    moves_xy: bool,
    travels: bool,
}

fn lines(text: &str) -> Vec<Line> {
    let settings = Settings::from_file(&mut Cursor::new(text)).unwrap();
    let mut engine = Engine::new(engine::Options::default().with_settings(&settings));
    let mut lines = Vec::new();
    read_lines(Cursor::new(text), |raw| {
        let event = engine.line(raw);
        let kind = event.motion.map(|m| m.kind);
        lines.push(Line {
            start: event.start,
            end: event.end,
            pushes: matches!(
                kind,
                Some(
                    MotionKind::Extrusion
                        | MotionKind::Prime
                        | MotionKind::Unretraction
                        | MotionKind::UnretractingTravel
                )
            ),
            retracted: event.state.extruder().states().any(ExtruderStates::RETRACTED),
            moves_xy: event.motion.is_some_and(|m| m.from.xy() != m.to.xy()),
            travels: kind == Some(MotionKind::Travel),
        });
    })
    .unwrap();
    lines
}

fn limits() -> Limits {
    Limits::new(Bed::Round { centre: Point::new(50.0, 50.0), radius: 80.0 }, 0.0, 50.0).unwrap()
}

fn plan(text: impl AsRef<[u8]>, mode: Mode, trigger: Trigger, park: Park) -> Plan {
    let track = Track { mode, trigger, park, ..Track::default() };
    let options = Options { tracks: vec![track], ..Options::new(limits()) };
    plan_file(&mut Cursor::new(text), engine::Options::default(), options).unwrap().remove(0)
}

/// A step of a print, as slicers write it.
fn step() -> impl Strategy<Value = String> {
    let place = || (0..100u32, 0..100u32);
    prop_oneof![
        8 => place().prop_map(|(x, y)| format!("G1 X{x} Y{y} E0.5 F1800")),
        3 => place().prop_map(|(x, y)| format!("G1 X{x} Y{y} F9000")),
        1 => (0..100u32).prop_map(|x| format!("G0 X{x}")),
        1 => place().prop_map(|(x, y)| format!("G2 X{x} Y{y} R90 E0.4")),
        3 => Just("G1 E-0.8 F2400".to_owned()),
        3 => Just("G1 E0.8 F2400".to_owned()),
        1 => Just("G1 E-0.3".to_owned()),
        1 => Just("G10".to_owned()),
        1 => Just("G11".to_owned()),
        3 => (1..40u32).prop_map(|z| format!("G1 Z{}", f64::from(z) * 0.2)),
        1 => Just("G91\nG1 Z0.4\nG90".to_owned()),
        1 => Just("G91\nG1 X5 Y5\nG90".to_owned()),
        2 => prop_oneof![Just(";TYPE:External perimeter"), Just(";TYPE:Internal infill"), Just(";TYPE:Custom")]
            .prop_map(str::to_owned),
        1 => Just(";LAYER_CHANGE".to_owned()),
        1 => Just("M106 S100".to_owned()),
        1 => Just("T0".to_owned()),
        1 => Just("SOME_MACRO X=1".to_owned()),
        1 => Just("START_PRINT".to_owned()),
        1 => Just("G28".to_owned()),
        1 => Just("TIMELAPSE_TAKE_FRAME".to_owned()),
        1 => Just("@TIMELAPSE STOP-SNAPSHOTS".to_owned()),
        1 => Just("@TIMELAPSE START-SNAPSHOTS".to_owned()),
        1 => Just("EXCLUDE_OBJECT_START NAME=a".to_owned()),
        1 => Just("EXCLUDE_OBJECT_END NAME=a".to_owned()),
        1 => Just("M104 S0".to_owned()),
    ]
}

fn print() -> impl Strategy<Value = String> {
    prop::collection::vec(step(), 0..150).prop_map(|steps| {
        let start = "G28\nG90\nM83\nG1 X50 Y50 Z0.2 F6000\nG1 X60 Y50 E1 F1800\n";
        let body: String = steps.iter().map(|step| format!("{step}\n")).collect();
        format!("{start}{body}")
    })
}

fn choices() -> impl Strategy<Value = (Mode, Trigger, Park)> {
    let modes = prop_oneof![
        4 => Just("retracted_travel"),
        1 => Just("fast"),
        1 => Just("compatible"),
        1 => Just("high_quality"),
        1 => Just("snap_to_print:smooth"),
        1 => Just("snap_to_print:high_quality"),
        1 => Just("zero_motion"),
    ];
    let triggers = prop_oneof![3 => Just("layer"), 1 => Just("every:2"), 1 => Just("height:0.5"), 1 => Just("time:2"), 1 => Just("gcode")];
    let parks = prop_oneof![Just("nearest_edge"), Just("back_left"), Just("orbit"), Just("10,-"), Just("500,-500")];
    (modes, triggers, parks)
        .prop_map(|(mode, trigger, park)| (mode.parse().unwrap(), trigger.parse().unwrap(), park.parse().unwrap()))
}

fn default_plan(text: &str) -> Plan {
    plan(text, Mode::RetractedTravel, Trigger::Layer, "back_left".parse().unwrap())
}

const START: &str = "G28\nG90\nM83\nG1 X50 Y50 Z0.2 F6000\nG1 X60 Y50 E1 F1800\n";

#[test]
fn a_window_ends_where_filament_is_pushed() {
    let text = format!("{START}G1 E-0.8 F2400\nG1 E0.8\nG1 E-0.8\nG1 X10 Y10\nG1 E0.8\nG1 X20 Y10 E1\n");
    for window in &default_plan(&text).snapshots[0].windows {
        let (from, to) = (window.span.from as usize, window.span.to as usize);
        assert!(!text[from..to].contains("E0.8"), "{window:?}");
    }
}

#[test]
fn a_fallback_ends_at_a_tool_change() {
    let text = format!("{START}G1 X70 Y50 E1\nT1\nG1 X80 Y50 E1\nG1 X90 Y50 E1\nG1 X95 Y50 E1\n");
    let plan = default_plan(&text);
    let span = plan.snapshots[0].fallback.as_ref().unwrap().span;
    assert!(!text[span.from as usize..span.to as usize].contains("T1"), "{span:?}");
}

#[test]
fn a_place_from_before_the_command_is_not_its_own() {
    let text = format!("{START}G1 X0 Y0 E1\nG1 E-0.8\nTIMELAPSE_TAKE_FRAME\nG1 X9 Y0\nG1 E0.8\nG1 X20 Y0 E1\n");
    let plan = plan(&text, Mode::RetractedTravel, "gcode".parse().unwrap(), Park::fixed(Point::new(0., 0.)));
    let command = text.find("TIMELAPSE").unwrap() as u64;
    assert_eq!(plan.snapshots.len(), 1);
    let windows = &plan.snapshots[0].windows;
    assert_eq!(windows[0].kind, Kind::Command);
    assert!(windows.iter().all(|w| w.span.from > command), "{windows:?}");
}

proptest! {
    #[test]
    fn windows_are_what_they_say(text in print(), (mode, trigger, park) in choices()) {
        let lines = lines(&text);
        let plan = plan(&text, mode, trigger, park);
        let index = |p: u64| lines.iter().position(|l| l.end == p);
        for window in plan.snapshots.iter().flat_map(|s| &s.windows) {
            let (from, to) = (window.span.from, window.span.to);
            let (Some(first), Some(last)) = (index(from), index(to)) else {
                return Err(TestCaseError::fail(format!("{window:?} does not begin and end with lines")));
            };
            prop_assert!(first <= last);
            prop_assert!(lines.iter().filter(|l| l.start >= from && l.end <= to).all(|l| !l.pushes), "{window:?}");
            if window.kind != Kind::ZeroMotion {
                prop_assert!(window.retract || lines[first..=last].iter().all(|l| l.retracted), "{window:?}");
                if !window.returns {
                    let next = lines[last + 1..].iter().find(|l| l.moves_xy || l.pushes);
                    prop_assert!(next.is_some_and(|l| l.travels), "{window:?}");
                }
            }
        }
    }

    #[test]
    fn frames_follow_each_other_and_layers_have_one_each(text in print(), (mode, trigger, park) in choices()) {
        let by_layer = trigger == Trigger::Layer;
        let plan = plan(&text, mode, trigger, park);
        for pair in plan.snapshots.windows(2) {
            prop_assert!(pair[0].span.to <= pair[1].span.from.max(pair[0].span.from));
            prop_assert!(pair[0].layer <= pair[1].layer);
            prop_assert!(!by_layer || pair[0].layer < pair[1].layer);
        }
        for snapshot in &plan.snapshots {
            let spans = snapshot.windows.iter().chain(&snapshot.fallback).map(|w| w.span);
            for span in spans {
                prop_assert!(snapshot.span.from <= span.from && span.to <= snapshot.span.to, "{snapshot:?}");
            }
            prop_assert!(!snapshot.windows.is_empty() || snapshot.fallback.is_some());
        }
        prop_assert_eq!(plan.totals.snapshots, plan.snapshots.len());
    }

    #[test]
    fn the_head_stays_within_the_printers_limits(text in print(), (mode, trigger, park) in choices()) {
        let plan = plan(&text, mode, trigger, park);
        for snapshot in &plan.snapshots {
            if let (Some(x), Some(y)) = (snapshot.park.x, snapshot.park.y) {
                prop_assert!(limits().contains(Point::new(x, y)), "{x} {y}");
            }
            for z in snapshot.windows.iter().filter_map(|w| w.rise_to) {
                prop_assert!((0.0..=50.0).contains(&z));
            }
        }
    }

    #[test]
    fn any_bytes_have_a_plan(bytes in prop::collection::vec(any::<u8>(), 0..2000), (mode, trigger, park) in choices()) {
        let plan = plan(&bytes, mode, trigger, park);
        prop_assert!(plan.totals.print_s.is_finite() && plan.totals.added_s.is_finite());
    }
}
