//! The engine on places of the sliced files where something happens, for people to read.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::fs::File;
use std::ops::RangeInclusive;

use moonlapse::gcode::engine::{Engine, Event, Options};
use moonlapse::gcode::scan::read_lines;
use moonlapse::gcode::slicer::Settings;

/// One row per line of `lines`: the line, where it ends, and what it did.
fn rows(name: &str, lines: RangeInclusive<u64>) -> String {
    let path = format!("{}/tests/data/gcode/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut file = File::open(path).unwrap();
    let settings = Settings::from_file(&mut file).unwrap();
    let mut engine = Engine::new(Options::default().with_settings(&settings));
    let mut rows = String::new();
    read_lines(file, |raw| {
        let event = engine.line(raw);
        if lines.contains(&event.line) {
            row(&mut rows, &String::from_utf8_lossy(raw.text), &event);
        }
    })
    .unwrap();
    rows
}

fn row(rows: &mut String, text: &str, event: &Event<'_>) {
    let state = event.state;
    let kind = event.motion.map_or_else(String::new, |motion| format!("{:?} {:.2}", motion.kind, motion.length));
    let number = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.3}"));
    let position = [state.position.x(), state.position.y(), state.position.z(), state.e].map(number).join(" ");
    let layer = state.layer;
    let flags = [(layer.change, " change"), (layer.zhop, " zhop"), (layer.vase, " vase")];
    let flags: String = flags.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name).collect();
    let states: Vec<_> = state.extruder().states().names().collect();
    let feature = state.feature.map_or("-", |feature| feature.name());
    writeln!(
        rows,
        "{} {} | {text} | {kind} | {position} | {} {:.3} run {}{flags} | {feature} | {}",
        event.line,
        event.end,
        layer.number,
        layer.height,
        layer.run,
        states.join(" "),
    )
    .unwrap();
}

#[test]
fn start_of_a_print() {
    insta::assert_snapshot!(rows("towers_absolute.gcode", 1..=34));
}

#[test]
fn layer_change_with_z_hop_and_relative_e() {
    insta::assert_snapshot!(rows("towers_relative_zhop.gcode", 378..=398));
}

#[test]
fn layer_change_with_firmware_retraction() {
    insta::assert_snapshot!(rows("towers_firmware_retraction.gcode", 378..=398));
}

#[test]
fn slicer_macro_call() {
    insta::assert_snapshot!(rows("towers_slicer_macro.gcode", 372..=390));
}

#[test]
fn next_object_of_a_sequential_print() {
    insta::assert_snapshot!(rows("two_objects_sequential.gcode", 6403..=6425));
}

#[test]
fn from_the_base_of_a_vase_into_its_spiral() {
    insta::assert_snapshot!(rows("cylinder_vase.gcode", 644..=664));
}

#[test]
fn next_turn_of_a_vase() {
    insta::assert_snapshot!(rows("cylinder_vase.gcode", 720..=730));
}
