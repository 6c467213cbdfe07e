//! The rules from the field, one small print for each.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Cursor;

use moonlapse::gcode::engine;
use moonlapse::gcode::feature::Feature;
use moonlapse::planner::{
    Options, Plan, Reason, Restriction, Restrictions, Rule, Shape, Snapshot, Track, Window, plan_file,
};
use moonlapse::stabilize::{Bed, Limits, Park, Point};

const START: &str = "G28\nG90\nM83\nG1 X5 Y5 Z0.2 F6000\n";

fn track() -> Track {
    Track { park: Park::fixed(Point::new(0.0, 200.0)), ..Track::default() }
}

fn plan_with(text: &str, track: Track) -> Plan {
    let bed = Bed::Rectangle { min: Point::new(0.0, 0.0), max: Point::new(200.0, 200.0) };
    let options = Options { tracks: vec![track], ..Options::new(Limits::new(bed, 0.0, 100.0).unwrap()) };
    let engine = engine::Options { retraction_length: Some(0.8), ..engine::Options::default() };
    plan_file(&mut Cursor::new(text), engine, options).unwrap().remove(0)
}

fn plan(text: &str) -> Plan {
    plan_with(text, track())
}

/// A layer: a wall, a retracted travel, infill, and a retraction at its end.
fn layer(z: f64, feature: &str) -> String {
    format!(
        "G1 Z{z} F600\nG1 X50 Y50 F9000\nG1 E0.8 F2400\n;TYPE:External perimeter\nG1 X70 Y50 E1 F1800\nG1 X70 Y70 E1\n\
         G1 X50 Y50.5 E1\nG1 E-0.8 F2400\nG1 X90 Y90 F9000\nG1 E0.8 F2400\n;TYPE:{feature}\nG1 X110 Y90 E1 F1800\n\
         G1 X110 Y91 E0.1\nG1 X90 Y91 E1\nG1 E-0.8 F2400\n"
    )
}

fn layers(n: u32) -> Vec<String> {
    (1..=n).map(|i| layer(0.2 * f64::from(i), "Internal infill")).collect()
}

fn retracted(snapshot: &Snapshot) -> Vec<&Window> {
    snapshot.windows.iter().filter(|w| !w.retract).collect()
}

/// The lines within a window and the one that leads to it.
fn lines<'a>(text: &'a str, window: &Window) -> Vec<&'a str> {
    let (from, to) = (window.span.from as usize, window.span.to as usize);
    let start = text[..from - 1].rfind('\n').map_or(0, |at| at + 1);
    text[start..to].lines().collect()
}

/// The window of the first frame to which `line` leads.
fn from_line<'a>(plan: &'a Plan, text: &str, line: &str) -> &'a Window {
    plan.snapshots[0].windows.iter().find(|w| lines(text, w)[0] == line).unwrap()
}

#[test]
fn a_travel_that_names_both_coordinates_needs_no_way_back() {
    let text = format!("{START}{}", layers(1).concat());
    let plan = plan(&text);
    let best = retracted(&plan.snapshots[0])[0];
    assert_eq!((lines(&text, best), best.returns, best.resume), (vec!["G1 E-0.8 F2400"], false, [90.0, 90.0]));
    let back = from_line(&plan, &text, "G1 X90 Y90 F9000");
    assert_eq!((lines(&text, back), back.returns, back.resume), (vec!["G1 X90 Y90 F9000"], true, [90.0, 90.0]));
}

#[test]
fn a_travel_along_one_axis_or_relative_does() {
    for travel in ["G1 X90 F9000", "G91\nG1 X20 Y20 F9000\nG90"] {
        let text = format!("{START}{}", layers(1).concat().replacen("G1 X90 Y90 F9000", travel, 1));
        let plan = plan(&text);
        assert!(plan.snapshots[0].windows.iter().filter(|w| w.span.to < 260).all(|w| w.returns), "{travel}: {plan:?}");
    }
}

#[test]
fn a_z_hop_belongs_to_the_window_and_begins_no_layer() {
    let hop = "G1 E-0.8 F2400\nG1 Z0.8 F600\nG1 X90 Y90 F9000\nG1 Z0.2 F600\n";
    let text = format!("{START}{}", layers(1).concat().replacen("G1 E-0.8 F2400\nG1 X90 Y90 F9000\n", hop, 1));
    let plan = plan(&text);
    assert_eq!((plan.totals.layers, plan.snapshots.len()), (1, 1));
    let best = retracted(&plan.snapshots[0])[0];
    assert_eq!((lines(&text, best), best.lifted), (vec!["G1 E-0.8 F2400", "G1 Z0.8 F600"], true));
    let back = from_line(&plan, &text, "G1 X90 Y90 F9000");
    assert_eq!((lines(&text, back), back.lifted), (vec!["G1 X90 Y90 F9000", "G1 Z0.2 F600"], true));
}

#[test]
fn firmware_retraction_counts() {
    let text =
        format!("{START}{}", layers(1).concat()).replace("G1 E-0.8 F2400", "G10").replace("G1 E0.8 F2400", "G11");
    let plan = plan(&text);
    assert_eq!(lines(&text, retracted(&plan.snapshots[0])[0]), ["G10"]);
    assert_eq!(plan.totals.extra_retractions, 0);
}

#[test]
fn an_offset_of_z_takes_no_window_away() {
    for offset in ["SET_GCODE_OFFSET Z=-0.1", "SET_GCODE_OFFSET Z=0.3"] {
        let text = format!("{START}{offset}\n{}", layers(2).concat());
        let windows = |plan: Plan| plan.snapshots.iter().map(|s| retracted(s).len()).collect::<Vec<_>>();
        let without = windows(plan(&text.replace("SET_GCODE_OFFSET", "; SET")));
        assert_eq!((windows(plan(&text)), without.len()), (without, 2), "{offset}");
    }
}

#[test]
fn start_code_and_purge_lines_have_no_frame() {
    let purge = "G1 X5 Y5 Z0.3 F6000\nG1 X5 Y150 E15 F1500\nG1 E-0.8 F2400\nG1 X6 Y5 F9000\nG1 E0.8 F2400\n";
    let text = format!("G28\nG90\nM83\n;TYPE:Custom\n{purge};LAYER_CHANGE\n{}", layers(2).join(";LAYER_CHANGE\n"));
    let first_layer = text.find(";LAYER_CHANGE").unwrap() as u64;
    let plan = plan(&text);
    assert_eq!(plan.snapshots.len(), 2);
    for window in plan.snapshots.iter().flat_map(|s| s.windows.iter().chain(&s.fallback)) {
        assert!(window.span.from > first_layer, "{window:?}");
    }
}

#[test]
fn the_end_of_the_print_has_no_frame() {
    let end = "M104 S0\nG1 X0 Y200 F6000\nG1 X10 Y200\nM84\n";
    let text = format!("{START}{}{end}", layers(1).concat());
    let end = text.find("M104").unwrap() as u64;
    for window in plan(&text).snapshots.iter().flat_map(|s| s.windows.iter().chain(&s.fallback)) {
        assert!(window.span.to <= end, "{window:?}");
    }
}

#[test]
fn stopped_layers_are_missed_and_said_to_be() {
    let [one, two, three] = <[String; 3]>::try_from(layers(3)).unwrap();
    let three = three.replacen(";TYPE:Ext", "@OCTOLAPSE START-SNAPSHOTS\n;TYPE:Ext", 1);
    let text = format!("{START}{one}@TIMELAPSE STOP-SNAPSHOTS\n{two}{three}");
    let plan = plan(&text);
    assert_eq!(plan.snapshots.iter().map(|s| s.layer).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((plan.missed[0].layer, plan.missed[0].reason), (2, Reason::Stopped));
    assert!(plan.issues.iter().any(|i| i.to_string().contains("turns the snapshots off")), "{:?}", plan.issues);
}

#[test]
fn nothing_is_planned_while_the_position_is_unknown() {
    let [one, two] = <[String; 2]>::try_from(layers(2)).unwrap();
    let lost = two.replacen("G1 E-0.8 F2400\nG1 X90 Y90 F9000\n", "G1 E-0.8 F2400\nCLEAN_NOZZLE\nG1 Z0.4\n", 1);
    let text = format!("{START}{one}{lost}");
    let cleaning = text.find("CLEAN_NOZZLE").unwrap() as u64;
    let known_again = text.rfind("G1 X110 Y90").unwrap() as u64;
    for window in plan(&text).snapshots.iter().flat_map(|s| s.windows.iter().chain(&s.fallback)) {
        assert!(window.span.to <= cleaning || window.span.from >= known_again, "{window:?}");
    }
}

#[test]
fn required_features_are_the_only_places() {
    let wanted = Track { features: vec![Feature::WipeTower], ..track() };
    let text = format!("{START}{}{}", layer(0.2, "Wipe tower"), layer(0.4, "Internal infill"));
    let plan = plan_with(&text, wanted);
    assert!(plan.snapshots[0].windows.iter().all(|w| w.feature == Some(Feature::WipeTower)), "{plan:?}");
    assert_eq!((plan.missed[0].layer, plan.missed[0].reason), (2, Reason::Required));
}

#[test]
fn forbidden_areas_have_no_window_and_ways_avoid_others() {
    let rect = |x1, y1, x2, y2| Shape::Rectangle { min: Point::new(x1, y1), max: Point::new(x2, y2) };
    let with = |rule, shape| {
        let restrictions = Restrictions(vec![Restriction { rule, shape }]);
        plan_with(&format!("{START}{}", layers(1).concat()), Track { restrictions, ..track() })
    };
    let forbidden = with(Rule::Forbidden, rect(40.0, 40.0, 80.0, 80.0));
    assert!(forbidden.snapshots[0].windows.iter().all(|w| w.at[0] > 80.0), "{forbidden:?}");
    let required = with(Rule::Required, rect(40.0, 40.0, 80.0, 80.0));
    assert!(required.snapshots[0].windows.iter().all(|w| w.at[0] < 80.0), "{required:?}");
    // The park position is at the back left; this wall is in front of it.
    let avoided = with(Rule::Avoid, rect(0.0, 150.0, 200.0, 151.0));
    assert_eq!(avoided.snapshots.len(), 1);
    assert!(avoided.snapshots[0].moves_nothing(), "{avoided:?}");
}

#[test]
fn walls_and_seams_keep_their_distance() {
    let text = format!("{START}{}", layers(1).concat());
    let near_wall = |w: &&Window| w.at[0] < 75.0 || w.resume[0] < 75.0;
    assert!(plan(&text).snapshots[0].windows.iter().any(|w| near_wall(&w)));
    for far in [Track { wall_distance: 5.0, ..track() }, Track { seam_distance: 5.0, ..track() }] {
        let plan = plan_with(&text, far);
        assert!(!plan.snapshots[0].windows.is_empty());
        assert!(!plan.snapshots[0].windows.iter().any(|w| near_wall(&w)), "{plan:?}");
    }
}

#[test]
fn every_object_has_a_window_since_any_may_be_excluded() {
    let of = |name: &str| {
        let body = layer(0.2, "Internal infill").replacen("G1 Z0.2 F600\n", "", 1);
        format!("EXCLUDE_OBJECT_START NAME={name}\n{body}EXCLUDE_OBJECT_END NAME={name}\n")
    };
    let text = format!("{START}{}{}", of("A").repeat(12), of("B"));
    let plan = plan(&text);
    let objects: Vec<_> = plan.snapshots[0].windows.iter().map(|w| w.object.as_deref()).collect();
    assert!(objects.contains(&Some("A")) && objects.contains(&Some("B")) && objects.contains(&None), "{objects:?}");
}

#[test]
fn frames_by_time_come_one_an_interval() {
    let text = format!("{START}{}", layers(40).concat());
    let plan = plan_with(&text, Track { trigger: "time:10".parse().unwrap(), ..track() });
    let due: Vec<f64> = plan.snapshots.iter().map(|s| s.time_s).collect();
    assert_eq!(due.len(), ((plan.totals.print_s - due[0]) / 10.0).floor() as usize + 1, "{due:?}");
    for (i, snapshot) in plan.snapshots.iter().enumerate() {
        let late = snapshot.time_s - due[0] - 10.0 * i as f64;
        assert!((0.0..2.0).contains(&late), "{late} s late");
        assert!(snapshot.windows[0].time_s < snapshot.time_s + 5.0, "{snapshot:?}");
    }
}

#[test]
fn a_command_is_its_own_first_window() {
    let text =
        format!("{START}{}", layers(2).concat().replace("G1 X90 Y91 E1\n", "G1 X90 Y91 E1\nTIMELAPSE_TAKE_FRAME\n"));
    let plan = plan_with(&text, Track { trigger: "gcode".parse().unwrap(), ..track() });
    assert_eq!(plan.snapshots.len(), 2);
    for snapshot in &plan.snapshots {
        assert_eq!(lines(&text, &snapshot.windows[0]), ["TIMELAPSE_TAKE_FRAME"], "{snapshot:#?}");
        assert_eq!((snapshot.windows[0].at[0], snapshot.windows[0].retract), (90.0, true));
    }
    assert!(plan.issues.iter().any(|i| i.to_string().contains("asks for 2 frames itself")), "{:?}", plan.issues);
}

#[test]
fn a_last_line_without_a_line_feed_is_never_run() {
    let text = format!("{START}{}", layers(2).concat());
    let last = text.rfind("G1 X90 Y91").unwrap();
    let cut = &text[..last + "G1 X90 Y91 E1".len()];
    let ends: Vec<u64> = plan(cut).snapshots.iter().map(|s| s.span.to).collect();
    assert!(ends.iter().all(|end| *end <= last as u64), "{ends:?}");
}

#[test]
fn a_file_without_layers_says_so() {
    let plan = plan("G28\nG1 X10 Y10\n; nothing\n");
    assert!(plan.snapshots.is_empty() && plan.missed.is_empty());
    assert_eq!(plan.issues[0].to_string(), "there is no layer in which a frame can be taken");
}
