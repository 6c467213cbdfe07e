//! What Octolapse was seen to do (`tests/data/vectors`), as far as parser, position, extruder states and layers go.
//!
//! Where we differ on purpose the vector stands in [`DIFFERENCES`] with what we do instead; the reasons are in
//! `docs/triggers.md`. A difference that is not listed fails, and so does a listed one that has gone.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use moonlapse::gcode::engine::{Engine, Options};
use moonlapse::gcode::line::{Command, Line};
use moonlapse::gcode::number;
use moonlapse::gcode::parse::Parser;
use moonlapse::gcode::scan::{RawLine, Splitter};
use moonlapse::gcode::state::{Axis, Mode, State};
use serde_json::{Map, Value, json};

/// Recorded vectors, and those that Octolapse's examination only tabulates.
const VECTORS: [&str; 2] =
    [include_str!("data/vectors/octolapse_vectors.jsonl"), include_str!("data/vectors/octolapse_report.jsonl")];

/// The kinds that this file checks.
const KINDS: [&str; 4] = ["extruder", "layer", "parse", "position"];

/// Vectors in which we differ: id, the keys that differ with what we say, and why.
fn differences() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("EX27", json!({"flags": ["retracted"]}), "a travel does not start a retraction"),
        ("EX28", json!({"flags": ["partially_retracted", "deretracting"]}), "equal pushes are deretracting, too"),
        ("LA08", json!({"layer": 1, "height": 0.2}), "a push of filament far above the print is a lifted head"),
        ("LA09", json!({"zhop": false}), "a z-hop ends when the head comes down"),
        ("PA06", json!({"cmd": "G0"}), "G00 is G0"),
        ("PA07", json!({"params": null}), "Klipper reads letters in a row as one unknown key"),
        ("PA14", json!({"cmd": "G1", "params": {"X": 5.0}}), "Klipper reads line numbers and checksums"),
        ("PO03", json!({"homed": "xyz"}), "all axes named are homed"),
        ("PO13", json!({"z": 1.0}), "the Z of a helix is followed"),
    ]
}

struct Vector {
    id: String,
    kind: String,
    config: Value,
    input: Vec<String>,
    expected: Map<String, Value>,
}

fn vectors() -> Vec<Vector> {
    VECTORS
        .into_iter()
        .flat_map(str::lines)
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|vector| KINDS.contains(&vector["kind"].as_str().unwrap()))
        .map(|vector| Vector {
            id: vector["id"].as_str().unwrap().to_owned(),
            kind: vector["kind"].as_str().unwrap().to_owned(),
            config: vector["cfg"].clone(),
            input: match &vector["input"] {
                Value::String(line) => vec![line.clone()],
                lines => serde_json::from_value(lines.clone()).unwrap(),
            },
            expected: vector["expect"].as_object().unwrap().clone(),
        })
        .collect()
}

fn options(config: &Value) -> Options {
    let number = |key: &str| config.get(key).and_then(Value::as_f64);
    let defaults = Options::default();
    Options {
        retraction_length: number("retraction_length"),
        priming_height: number("priming_height").unwrap_or(defaults.priming_height),
        min_layer_height: number("minimum_layer_height").unwrap_or(defaults.min_layer_height),
        z_lift: number("z_lift"),
        g90_influences_extruder: config.get("g90_influences_extruder") == Some(&json!(true)),
        // The vectors were taken with relative E unless they say otherwise.
        e_mode: if config.get("e") == Some(&json!("absolute")) { Mode::Absolute } else { Mode::Relative },
        home: config.get("home").map_or([None; 3], |home| serde_json::from_value(home.clone()).unwrap()),
        ..defaults
    }
}

fn run(vector: &Vector) -> Engine {
    let mut engine = Engine::new(options(&vector.config));
    let mut splitter = Splitter::default();
    for line in &vector.input {
        splitter.feed(format!("{line}\n").as_bytes(), |raw: RawLine<'_>| {
            engine.line(raw);
        });
    }
    engine
}

/// Our answer to what a vector asks.
fn answer(vector: &Vector, key: &str) -> Value {
    if vector.kind == "parse" {
        let mut parser = Parser::default();
        return parsed(&parser.parse(vector.input[0].as_bytes()), key);
    }
    let engine = run(vector);
    state(engine.state(), key)
}

fn state(state: &State, key: &str) -> Value {
    match key {
        "flags" => state.extruder().states().names().collect(),
        "layer" => json!(state.layer.number),
        "height" => json!(state.layer.height),
        "layer_change" => json!(state.layer.change),
        "last_extrusion_height" => json!(state.layer.last_extrusion_height),
        "zhop" => json!(state.layer.zhop),
        "x" => json!(state.position.get(Axis::X)),
        "y" => json!(state.position.get(Axis::Y)),
        "z" => json!(state.position.get(Axis::Z)),
        "e" => json!(state.e),
        "y_offset" => json!(state.coordinates.base[1]),
        "z_offset" => json!(state.coordinates.base[2]),
        "homed" => json!(state.homed.name()),
        "definite" => json!(state.is_definite()),
        other => panic!("a vector asks for {other}"),
    }
}

fn parsed(line: &Line<'_>, key: &str) -> Value {
    let upper = |text: &[u8]| String::from_utf8_lossy(text).to_uppercase();
    match (key, line.command) {
        ("comment", _) => json!(line.comment.map(String::from_utf8_lossy)),
        ("cmd", Command::Move { code, .. }) => json!(code.name()),
        ("cmd", Command::Traditional { code, .. }) => json!(code.to_string()),
        ("cmd", Command::At(command)) => json!(upper(command.name())),
        ("params", Command::Move { words, .. } | Command::Traditional { words, .. }) if words.is_empty() => Value::Null,
        ("params", Command::Move { words, .. } | Command::Traditional { words, .. }) => {
            words.iter().map(|(letter, value)| (char::from(letter).to_string(), json!(value))).collect()
        }
        ("params", Command::At(command)) => command
            .words()
            .map(|word| match number::parse(&word[1..]) {
                Some(value) => (upper(&word[..1]), json!(value)),
                None => (upper(word), Value::Null),
            })
            .collect(),
        (key, command) => panic!("a vector asks for {key} of {command:?}"),
    }
}

/// Equal, numbers within Octolapse's tolerance.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 5e-5,
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

#[test]
fn we_do_what_octolapse_does_except_for_the_listed_differences() {
    let differences = differences();
    let mut checked = 0;
    for vector in vectors() {
        let difference = differences.iter().find(|(id, ..)| *id == vector.id);
        for (key, theirs) in &vector.expected {
            let ours = answer(&vector, key);
            let id = &vector.id;
            match difference.and_then(|(_, ours, why)| Some((ours.get(key)?, why))) {
                Some((listed, why)) => {
                    assert!(!same(theirs, &ours), "{id} {key}: no difference any more ({why})");
                    assert!(same(listed, &ours), "{id} {key}: {listed} listed, {ours} found ({why})");
                }
                None => assert!(same(theirs, &ours), "{id} {key}: Octolapse {theirs}, we {ours}"),
            }
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked} facts checked");
}

#[test]
fn every_listed_difference_belongs_to_a_vector_and_is_explained() {
    let docs = include_str!("../docs/triggers.md");
    for (id, ..) in differences() {
        assert!(vectors().iter().any(|vector| vector.id == id), "no vector {id}");
        assert!(docs.contains(id), "docs/triggers.md does not explain {id}");
    }
}
