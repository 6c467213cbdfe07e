//! Any bytes through the engine: no panic, offsets that add up, finite numbers, and lines that print and parse to the
//! same.
//!
//! `cargo +nightly fuzz run engine -- -max_total_time=600 -dict=fuzz/gcode.dict`

#![no_main]

// The module itself and not the package: it needs nothing else of it, and builds in seconds.
#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../../src/gcode/mod.rs"]
mod gcode;

use libfuzzer_sys::fuzz_target;
use crate::gcode::engine::{Engine, Options};
use crate::gcode::parse::Parser;
use crate::gcode::scan::{Splitter, read_lines};
use crate::gcode::slicer::Settings;

fuzz_target!(|bytes: &[u8]| {
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    let settings = Settings::from_ends(head, tail);
    let mut engine = Engine::new(Options::default().with_settings(&settings));
    let mut ends = Vec::new();
    let mut printed = Vec::new();
    read_lines(bytes, |raw| {
        assert_eq!(raw.start, ends.last().copied().unwrap_or(0));
        ends.push(raw.end);
        reprint(raw.text, &mut printed);
        let event = engine.line(raw);
        let state = event.state;
        for value in [state.position.x(), state.position.y(), state.position.z(), state.e].into_iter().flatten() {
            assert!(value.is_finite());
        }
        assert!(state.extruder().retracted().is_finite() && state.extruder().retracted() >= 0.0);
        assert!(state.layer.height.is_finite() && state.coordinates.base.iter().all(|base| base.is_finite()));
        if let Some(motion) = event.motion {
            assert!(motion.length.is_finite() && motion.length >= 0.0 && motion.filament.is_finite());
            if let Some(arc) = motion.arc {
                assert!(arc.bounds().iter().flatten().all(|value| value.is_finite()));
            }
        }
    })
    .expect("reading from memory");
    assert_eq!(ends.last().copied().unwrap_or(0), bytes.len() as u64);
    assert_eq!(ends.len(), bytes.split_inclusive(|&byte| byte == b'\n').count());

    let mut chunked = Vec::new();
    let mut splitter = Splitter::default();
    for chunk in bytes.chunks(7) {
        splitter.feed(chunk, |raw| chunked.push(raw.end));
    }
    chunked.extend(splitter.finish().map(|raw| raw.end));
    assert_eq!(ends, chunked);
});

fn reprint(text: &[u8], printed: &mut Vec<u8>) {
    printed.clear();
    let (mut first, mut second) = (Parser::default(), Parser::default());
    let line = first.parse(text);
    line.write_to(printed);
    assert_eq!(line, second.parse(printed));
}
