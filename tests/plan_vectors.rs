//! Octolapse's vectors that concern plans; what it did for the same lines.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use moonlapse::gcode::engine;
use moonlapse::planner::{Mode, Options, Restriction, Restrictions, Rule, Shape, Track, plan_file};
use moonlapse::stabilize::{Axis, Bed, Limits, Park, Path as StabilizationPath, Point, Repeat, Stabilization};
use serde_json::Value;

/// The vectors of one kind.
fn vectors(kind: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let text = fs::read_to_string(folder.join("octolapse_vectors.jsonl")).unwrap();
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|v| v["kind"] == kind).collect()
}

/// Where the plan takes its frames: line, x, y, z.
fn planned(vector: &Value) -> Vec<[f64; 4]> {
    let lines: Vec<&str> = vector["input"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut ends = BTreeMap::new();
    let mut end = 0;
    for (i, line) in lines.iter().enumerate() {
        end += line.len() as u64 + 1;
        ends.insert(end, i + 1);
    }
    let bed = Bed::Rectangle { min: Point::new(0., 0.), max: Point::new(250., 200.) };
    let stab = vector["cfg"]["stab"].as_array().unwrap();
    let park = Point::new(stab[0].as_f64().unwrap(), stab[1].as_f64().unwrap());
    let mode: Mode = vector["cfg"]["trigger_type"].as_str().unwrap().parse().unwrap();
    let track = Track { mode, park: Park::fixed(park), ..Track::default() };
    let options = Options { tracks: vec![track], ..Options::new(Limits::new(bed, 0., 200.).unwrap()) };
    let engine = engine::Options {
        retraction_length: Some(0.8),
        z_lift: Some(0.4),
        home: [Some(0.0); 3],
        ..engine::Options::default()
    };
    let plans = plan_file(&mut Cursor::new(text), engine, options).unwrap();
    let first = |s: &moonlapse::planner::Snapshot| {
        let window = s.windows.first()?;
        let [x, y, z] = window.at.map(|n| (n * 1000.0).round() / 1000.0);
        Some([ends[&window.span.from] as f64, x, y, z])
    };
    plans[0].snapshots.iter().filter_map(first).collect()
}

#[test]
fn smart_triggers_choose_octolapses_places() {
    let vectors = vectors("plan");
    assert!(!vectors.is_empty());
    for vector in vectors {
        let expected: Vec<[f64; 4]> = serde_json::from_value(vector["expect"].clone()).unwrap();
        assert_eq!(planned(&vector), expected, "{} {}", vector["id"], vector["note"]);
    }
}

#[test]
fn restrictions_allow_what_octolapse_allows() {
    let vectors = vectors("restriction");
    assert!(!vectors.is_empty());
    for vector in vectors {
        let restriction = |r: &Value| {
            let n = |i: usize| r[i].as_f64().unwrap();
            let shape = match r[1].as_str().unwrap() {
                "rect" => Shape::Rectangle { min: Point::new(n(2), n(3)), max: Point::new(n(4), n(5)) },
                _ => Shape::Circle { centre: Point::new(n(2), n(3)), radius: n(6) },
            };
            let rule = if r[0] == "required" { Rule::Required } else { Rule::Forbidden };
            Restriction { rule, shape }
        };
        let all = Restrictions(vector["cfg"]["restrictions"].as_array().unwrap().iter().map(restriction).collect());
        for (place, expected) in vector["expect"].as_object().unwrap() {
            let (x, y) = place.split_once(',').unwrap();
            let place = Point::new(x.parse().unwrap(), y.parse().unwrap());
            assert_eq!(all.allow(place), expected.as_bool().unwrap(), "{} {place:?}", vector["id"]);
        }
    }
}

#[test]
fn ways_meet_shapes_where_octolapse_says() {
    let vectors: Vec<Value> = ["intersect_circle", "intersect_rect"].into_iter().flat_map(vectors).collect();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let n: Vec<f64> = vector["input"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect();
        let shape = match n[4..] {
            [x, y, radius] => Shape::Circle { centre: Point::new(x, y), radius },
            [x1, y1, x2, y2] => Shape::Rectangle { min: Point::new(x1, y1), max: Point::new(x2, y2) },
            _ => panic!("{vector}"),
        };
        let expected: Vec<[f64; 2]> = serde_json::from_value(vector["expect"].clone()).unwrap_or_default();
        let found = shape.intersections(Point::new(n[0], n[1]), Point::new(n[2], n[3]));
        assert_eq!(found.len(), expected.len(), "{} {found:?}", vector["id"]);
        for (p, [x, y]) in found.iter().zip(expected) {
            assert!(p.distance(Point::new(x, y)) < 1e-6, "{} {found:?}", vector["id"]);
        }
    }
}

/// One axis of a vector's configuration.
fn axis(cfg: &Value, name: &str) -> Axis {
    let get = |key: &str| &cfg[format!("{name}_{key}")];
    match get("type").as_str().unwrap() {
        "fixed_coordinate" => Axis::Fixed(get("fixed_coordinate").as_f64().unwrap()),
        "relative" => Axis::Relative(get("relative").as_f64().unwrap()),
        "fixed_path" => {
            let points = get("fixed_path").as_str().unwrap().split(',').map(|n| n.parse().unwrap()).collect();
            let repeat = match (get("fixed_path_loop") == true, get("fixed_path_invert_loop") == true) {
                (false, _) => Repeat::Stay,
                (true, false) => Repeat::Loop,
                (true, true) => Repeat::PingPong,
            };
            Axis::FixedPath(StabilizationPath::new(points, repeat).unwrap())
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_head_goes_where_octolapse_sends_it() {
    let vectors = vectors("stabilize");
    assert!(!vectors.is_empty());
    let bed = Bed::Rectangle { min: Point::new(0., 0.), max: Point::new(250., 200.) };
    let limits = Limits::new(bed, 0., 200.).unwrap();
    for vector in vectors {
        let stabilization = Stabilization { x: axis(&vector["cfg"], "x"), y: axis(&vector["cfg"], "y") };
        let expected: Vec<[f64; 2]> = serde_json::from_value(vector["expect"].clone()).unwrap();
        let targets = (0..expected.len()).map(|frame| stabilization.target(frame, Point::default(), &limits));
        assert_eq!(targets.map(|p| [p.x, p.y]).collect::<Vec<_>>(), expected, "{}", vector["id"]);
    }
}
