//! Octolapse's vectors that concern plans; what it did for the same lines.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use moonlapse::gcode::engine;
use moonlapse::planner::{Mode, Options, Track, plan_file};
use moonlapse::stabilize::{Bed, Limits, Park, Point};
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
