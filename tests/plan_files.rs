//! The plans of sliced files, checked by a slow reader of its own that shares nothing with the engine or the planner.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

type P = (f64, f64);

/// The machine after a line, as naively as can be.
#[derive(Clone, Copy, Debug)]
struct After {
    start: u64,
    end: u64,
    at: (f64, f64, f64),
    /// The line pushed filament out of the nozzle while moving.
    extrudes: bool,
    /// The line pushed filament at all, also to undo a retraction.
    pushes: bool,
    /// Both coordinates were given, no filament.
    travels_by_both: bool,
    moves_xy: bool,
    /// Filament is pulled back.
    retracted: bool,
    /// `;LAYER_CHANGE` lines so far.
    marks: usize,
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/gcode").join(file)
}

/// Reads a file of PrusaSlicer in absolute coordinates.
fn naive(file: &str) -> Vec<After> {
    let text = std::fs::read_to_string(path(file)).unwrap();
    let (mut at, mut e, mut back) = ((0.0, 0.0, 0.0), 0.0, 0.0_f64);
    let (mut relative_e, mut firmware_back, mut marks, mut offset) = (false, false, 0, 0);
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len() as u64;
        marks += usize::from(line.starts_with(";LAYER_CHANGE"));
        let code = line.split(';').next().unwrap().trim();
        let mut words = code.split_whitespace();
        let name = words.next().unwrap_or("");
        let number = |letter: char| -> Option<f64> {
            code.split_whitespace().skip(1).find(|w| w.starts_with(letter)).map(|w| w[1..].parse().unwrap())
        };
        let before = at;
        let mut pushed = 0.0;
        match name {
            "G1" | "G0" => {
                at = (number('X').unwrap_or(at.0), number('Y').unwrap_or(at.1), number('Z').unwrap_or(at.2));
                if let Some(new) = number('E') {
                    pushed = if relative_e { new } else { new - e };
                    e = if relative_e { e } else { new };
                }
            }
            "G92" => e = number('E').unwrap_or(e),
            "M83" => relative_e = true,
            "M82" => relative_e = false,
            "G10" => firmware_back = true,
            "G11" => firmware_back = false,
            _ => {}
        }
        let was_back = back;
        back = (back - pushed).max(0.0);
        lines.push(After {
            start,
            end: offset,
            at,
            extrudes: pushed > was_back + 1e-4,
            pushes: pushed > 0.0 || name == "G11",
            travels_by_both: name == "G1" && number('X').is_some() && number('Y').is_some() && number('E').is_none(),
            moves_xy: (before.0, before.1) != (at.0, at.1),
            retracted: firmware_back || back > 0.79,
            marks,
        });
    }
    lines
}

fn plan(file: &str, args: &[&str]) -> Value {
    let out =
        Command::new(env!("CARGO_BIN_EXE_moonlapse")).arg("plan").arg(path(file)).arg("--json").args(args).output();
    let out = out.unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// The index of the line after which `file_position` is `p`.
fn line_ending_at(lines: &[After], p: u64) -> usize {
    lines.iter().position(|l| l.end == p).unwrap_or_else(|| panic!("{p} is not the end of a line"))
}

fn u(v: &Value, key: &str) -> u64 {
    v[key].as_u64().unwrap_or_else(|| panic!("{key} in {v}"))
}

fn xy(v: &Value) -> P {
    (v[0].as_f64().unwrap(), v[1].as_f64().unwrap())
}

fn windows(plan: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let snapshots = plan["snapshots"].as_array().unwrap();
    snapshots.iter().flat_map(|s| s["windows"].as_array().unwrap().iter().map(move |w| (s, w)))
}

/// One frame for each of the `layers`, in order, each in its own part of the file, between the slicer's marks.
fn check_layers(file: &str, lines: &[After], plan: &Value, layers: usize) {
    let snapshots = plan["snapshots"].as_array().unwrap();
    let numbers: Vec<u64> = snapshots.iter().map(|s| u(s, "layer")).collect();
    assert_eq!(numbers, (1..=layers as u64).collect::<Vec<_>>(), "{file}");
    assert_eq!(plan["missed"].as_array().unwrap().len(), 0, "{file}");
    for (snapshot, window) in windows(plan) {
        let layer = u(snapshot, "layer") as usize;
        let first = &lines[line_ending_at(lines, u(window, "from"))];
        let last = &lines[line_ending_at(lines, u(window, "to"))];
        // The travel to the next layer stands behind that layer's mark.
        let up_to_next =
            first.marks == layer + 1 && !lines.iter().any(|l| l.marks == layer + 1 && l.extrudes && l.end <= first.end);
        assert!(first.marks == layer || up_to_next, "{file}: layer {layer} at byte {}", first.end);
        assert!(first.end <= last.end && u(&snapshot["span"], "from") <= first.end, "{file}: {snapshot}");
        assert!(last.end <= u(&snapshot["span"], "to"), "{file}: {snapshot}");
    }
}

/// No window contains an extruding move, and each is what it says.
fn check_windows(file: &str, lines: &[After], plan: &Value) {
    for (snapshot, window) in windows(plan) {
        let (from, to) = (u(window, "from"), u(window, "to"));
        let (first, last) = (line_ending_at(lines, from), line_ending_at(lines, to));
        let inside = lines.iter().filter(|l| l.start >= from && l.end <= to);
        assert!(inside.clone().all(|l| !l.extrudes && !l.pushes), "{file}: {window}");
        let at = window["at"].as_array().unwrap();
        let here = lines[first].at;
        let off = (at[0].as_f64().unwrap() - here.0).hypot(at[1].as_f64().unwrap() - here.1);
        assert!(off < 0.002 && (at[2].as_f64().unwrap() - here.2).abs() < 0.002, "{file}: {window}");
        if window["kind"] == "zero_motion" {
            continue;
        }
        if window["retract"] == false {
            assert!(lines[first..=last].iter().all(|l| l.retracted), "{file}: not retracted in {window}");
        }
        if window["return"] == false {
            let next = lines[last + 1..].iter().position(|l| l.moves_xy || l.pushes).unwrap() + last + 1;
            assert!(lines[next].travels_by_both, "{file}: line {} after {window}", next + 1);
        }
        assert!(snapshot["park"]["x"].is_number());
    }
}

fn segment_distance(p: P, a: P, b: P) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let t = if dx == 0.0 && dy == 0.0 { 0.0 } else { ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / (dx * dx + dy * dy) };
    let t = t.clamp(0.0, 1.0);
    (p.0 - a.0 - t * dx).hypot(p.1 - a.1 - t * dy)
}

/// No way to the park position and back leads past anything that stands higher than the nozzle, nearer than `clearance`
/// or than the file itself is. Returns how many windows rise.
fn check_obstacles(file: &str, lines: &[After], plan: &Value, clearance: f64) -> usize {
    let mut risen = 0;
    for (snapshot, window) in windows(plan) {
        if window["kind"] == "zero_motion" {
            continue;
        }
        let from = u(window, "from");
        let z = window["rise_to"].as_f64().unwrap_or_else(|| window["at"][2].as_f64().unwrap());
        risen += usize::from(window["rise_to"].is_number());
        let park = (snapshot["park"]["x"].as_f64().unwrap(), snapshot["park"]["y"].as_f64().unwrap());
        // What stands above the nozzle by then, on a grid of 2 mm.
        let mut tall: Vec<(i64, i64)> = lines
            .iter()
            .take_while(|l| l.end <= from)
            .filter(|l| l.extrudes && l.at.2 > z + 0.03)
            .map(|l| ((l.at.0 / 2.0) as i64, (l.at.1 / 2.0) as i64))
            .collect();
        tall.sort_unstable();
        tall.dedup();
        for start in [xy(&window["at"]), xy(&window["resume"])] {
            for (x, y) in &tall {
                let thing = (*x as f64 * 2.0 + 1.0, *y as f64 * 2.0 + 1.0);
                let from_file = segment_distance(thing, start, start);
                let on_the_way = segment_distance(thing, start, park);
                // The grid is off by up to 1.5 mm here, the planner's cells by a little more there.
                assert!(
                    on_the_way > clearance.min(from_file) - 3.0,
                    "{file}: {window} passes {thing:?} at {on_the_way}"
                );
            }
        }
    }
    risen
}

#[test]
fn every_layer_of_every_file_has_a_frame_and_no_window_extrudes() {
    for (file, layers) in [
        ("towers_relative_zhop.gcode", 20),
        ("towers_absolute.gcode", 20),
        ("towers_firmware_retraction.gcode", 20),
        ("towers_slicer_macro.gcode", 20),
        ("two_objects_sequential.gcode", 56),
        ("cylinder_vase.gcode", 24),
    ] {
        let lines = naive(file);
        for park in ["nearest_edge", "back_left", "front_right", "10,-"] {
            let plan = plan(file, &["--park", park]);
            check_layers(file, &lines, &plan, layers);
            if park != "10,-" {
                check_windows(file, &lines, &plan);
            }
            let enough =
                plan["snapshots"].as_array().unwrap().iter().filter(|s| s["windows"].as_array().unwrap().len() >= 3);
            assert!(file.contains("vase") || enough.count() == layers, "{file}: less than three windows");
        }
    }
}

#[test]
fn no_frame_of_a_vase_moves_anything() {
    for park in ["nearest_edge", "front_left", "orbit"] {
        let plan = plan("cylinder_vase.gcode", &["--park", park]);
        assert_eq!(plan["mode"], "zero_motion");
        assert_eq!(u(&plan["totals"], "without_move"), 24);
        assert_eq!(plan["totals"]["added_s"], 0.0);
        for (snapshot, window) in windows(&plan) {
            assert_eq!(window["kind"], "zero_motion");
            assert_eq!(
                (&window["return"], &window["retract"], &window["travel_mm"]),
                (&false.into(), &false.into(), &0.0.into())
            );
            assert!(snapshot["fallback"].is_null());
        }
    }
}

#[test]
fn the_ways_of_a_sequential_print_never_lead_past_a_finished_object_below_its_height() {
    let file = "two_objects_sequential.gcode";
    let lines = naive(file);
    // The second object stands at the back left of the first.
    assert_eq!(check_obstacles(file, &lines, &plan(file, &["--park", "back_left"]), 20.0), 0, "rises without need");
    assert_eq!(check_obstacles(file, &lines, &plan(file, &["--park", "nearest_edge"]), 20.0), 0, "rises without need");
    let across = plan(file, &["--park", "front_right"]);
    assert!(check_obstacles(file, &lines, &across, 20.0) > 0, "the way to the front right leads over the first object");
    let onto = plan(file, &["--park", "110,90"]);
    check_obstacles(file, &lines, &onto, 20.0);
    let second: Vec<_> = onto["snapshots"].as_array().unwrap().iter().filter(|s| u(s, "layer") > 32).collect();
    assert_eq!(second.len(), 24);
    for snapshot in second {
        assert_eq!(snapshot["windows"][0]["rise_to"], 10.0, "8 mm and 2 mm of air: {snapshot}");
    }
}

#[test]
fn a_printer_that_cannot_rise_takes_those_frames_without_moving() {
    let file = "two_objects_sequential.gcode";
    let plan = plan(file, &["--park", "110,90", "--max-z", "8"]);
    check_layers(file, &naive(file), &plan, 56);
    for snapshot in plan["snapshots"].as_array().unwrap() {
        let still = snapshot["windows"][0]["kind"] == "zero_motion";
        assert_eq!(still, u(snapshot, "layer") > 32, "{snapshot}");
    }
}

#[test]
fn fallbacks_lie_in_their_layer_and_say_what_they_need() {
    for file in ["towers_relative_zhop.gcode", "towers_firmware_retraction.gcode", "two_objects_sequential.gcode"] {
        let lines = naive(file);
        for snapshot in plan(file, &[])["snapshots"].as_array().unwrap() {
            let fallback = &snapshot["fallback"];
            assert_eq!((&fallback["return"], &fallback["retract"]), (&true.into(), &true.into()), "{file}: {snapshot}");
            let first = line_ending_at(&lines, u(fallback, "from"));
            let last = line_ending_at(&lines, u(fallback, "to"));
            assert!(lines[first..=last].iter().all(|l| !l.retracted), "{file}: {fallback}");
            assert!(
                u(&snapshot["span"], "from") <= u(fallback, "from") && u(fallback, "to") <= u(&snapshot["span"], "to")
            );
            assert!(fallback["seconds"].as_f64().unwrap() > 0.2, "{file}: too short to be met: {fallback}");
        }
    }
}
