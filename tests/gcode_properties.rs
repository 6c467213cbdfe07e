//! What must hold for any file, however broken.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use moonlapse::gcode::engine::{Engine, MotionKind, Options};
use moonlapse::gcode::line::{Command, Line};
use moonlapse::gcode::parse::Parser;
use moonlapse::gcode::scan::{RawLine, Splitter, read_lines};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Lines with their ends as Klipper's `virtual_sdcard` comes to them: text decoded as UTF-8, read 8192 characters at a
/// time, split at line feeds, the position moved by the encoded length and one. Written after its source, and slow.
fn klipper_lines(text: &str) -> Vec<(String, u64)> {
    let mut lines = Vec::new();
    let mut partial = String::new();
    let mut position = 0;
    let characters: Vec<char> = text.chars().collect();
    for chunk in characters.chunks(8192) {
        let data: String = chunk.iter().collect();
        let mut parts: Vec<String> = data.split('\n').map(str::to_owned).collect();
        parts[0] = format!("{partial}{}", parts[0]);
        partial = parts.pop().unwrap();
        for line in parts {
            position += line.len() as u64 + 1;
            lines.push((line, position));
        }
    }
    lines
}

/// Our lines: text and end.
fn our_lines(bytes: &[u8]) -> Vec<(Vec<u8>, u64, bool)> {
    let mut lines = Vec::new();
    read_lines(bytes, |raw| lines.push((raw.text.to_vec(), raw.end, raw.terminated))).unwrap();
    lines
}

/// Everything that an event says, comparable.
fn trace(lines: impl FnOnce(&mut dyn FnMut(RawLine<'_>))) -> Vec<String> {
    let mut engine = Engine::new(Options::default());
    let mut events = Vec::new();
    lines(&mut |raw| events.push(format!("{:?}", engine.line(raw))));
    events
}

/// Pieces that real files are made of, so that random files reach deep states.
fn piece() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        (-1000.0..1000.0f64).prop_map(|value| format!("{value:.3}")),
        "[+-]?[0-9]{1,25}(\\.[0-9]{0,25})?",
        select(vec!["", ".", "-", "1e9", "nan", "inf", "1000000000", "-0", " 1 0 . 5 "]).prop_map(str::to_owned),
    ];
    let word = (select(vec!["X", "Y", "Z", "E", "F", "I", "J", "K", "R", "S", "P", "T", "x", "*", "N"]), number)
        .prop_map(|(letter, number)| format!("{letter}{number}"));
    let traditional = (
        select(vec![
            "G0", "G1", "G2", "G3", "G4", "G10", "G11", "G17", "G18", "G19", "G20", "G21", "G28", "G90", "G91", "G92",
            "M82", "M83", "M204", "M220", "M221", "T0", "T1", "T99", "g01", "G 1", "N7 G1",
        ]),
        vec(word, 0..5),
    )
        .prop_map(|(code, words)| format!("{code} {}", words.join(" ")));
    let other = select(vec![
        ";LAYER_CHANGE",
        ";Z:0.5",
        ";LAYER:3",
        ";TYPE:External perimeter",
        ";WIPE_START",
        "; retract_length = 0.8",
        "; layer_height = 0.2",
        "; printing object a",
        "EXCLUDE_OBJECT_START NAME='a b'",
        "EXCLUDE_OBJECT_END",
        "SAVE_GCODE_STATE NAME=a",
        "RESTORE_GCODE_STATE NAME=a MOVE=1",
        "SET_GCODE_OFFSET Z_ADJUST=0.1 MOVE=1",
        "SET_GCODE_OFFSET X=1000000000",
        "ACTIVATE_EXTRUDER EXTRUDER=extruder1",
        "SET_RETRACTION RETRACT_LENGTH=2",
        "SET_PRINT_STATS_INFO CURRENT_LAYER=2",
        "START_PRINT A=\"1",
        "@OCTOLAPSE TAKE-SNAPSHOT x1",
        "(comment) G1 X1",
        "M117 hello; there",
    ])
    .prop_map(str::to_owned);
    prop_oneof![3 => traditional, 1 => other, 1 => "\\PC{0,30}"]
}

fn gcode() -> impl Strategy<Value = String> {
    vec((piece(), select(vec!["\n", "\r\n", "\n\n"])), 0..60)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, end)| [line, end.to_owned()]).collect())
}

/// Parses, prints, and parses again.
fn reprint(bytes: &[u8]) -> (String, String) {
    let show = |line: &Line<'_>| format!("{line:?}");
    let mut parser = Parser::default();
    let mut printed = Vec::new();
    let line = parser.parse(bytes);
    line.write_to(&mut printed);
    let first = show(&line);
    (first, show(&Parser::default().parse(&printed)))
}

proptest! {
    #[test]
    fn offsets_are_klippers_for_any_text(text in prop_oneof![gcode(), "(\\PC|\n|\r|\t|\u{0}|é|😀){0,200}"]) {
        let ours = our_lines(text.as_bytes());
        let theirs = klipper_lines(&text);
        let run: Vec<_> = ours.iter().filter(|(.., terminated)| *terminated).collect();
        prop_assert_eq!(run.len(), theirs.len());
        for ((bytes, end, _), (line, position)) in run.into_iter().zip(&theirs) {
            prop_assert_eq!(bytes.as_slice(), line.as_bytes());
            prop_assert_eq!(end, position);
        }
        // Klipper never runs a last line without a line feed; for us it ends with the file.
        if let Some((_, end, _)) = ours.last() {
            prop_assert_eq!(*end, text.len() as u64);
        }
    }

    #[test]
    fn offsets_do_not_depend_on_where_klippers_reads_fall(line in "[a-zé]{0,40}", count in 1..600usize) {
        let text = format!("{line}\n").repeat(count);
        let ours: Vec<u64> = our_lines(text.as_bytes()).into_iter().map(|(_, end, _)| end).collect();
        let theirs: Vec<u64> = klipper_lines(&text).into_iter().map(|(_, end)| end).collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn reading_in_chunks_equals_reading_at_once(text in gcode(), noise in vec(any::<u8>(), 0..50), size in 1..70usize) {
        let bytes = [text.as_bytes(), &noise].concat();
        let whole = trace(|each| read_lines(bytes.as_slice(), each).unwrap());
        let chunked = trace(|each| {
            let mut splitter = Splitter::default();
            for chunk in bytes.chunks(size) {
                splitter.feed(chunk, &mut *each);
            }
            if let Some(last) = splitter.finish() {
                each(last);
            }
        });
        prop_assert_eq!(whole, chunked);
    }

    #[test]
    fn a_long_line_is_cut_but_counted_whole(lengths in vec(0..50usize, 1..20), size in 1..70usize) {
        let text: String = lengths.iter().map(|&length| "x".repeat(length) + "\n").collect();
        let mut splitter = Splitter::new(16);
        let mut lines = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            splitter.feed(chunk, |raw| lines.push((raw.text.len(), raw.end - raw.start)));
        }
        let expected: Vec<_> = lengths.iter().map(|&length| (length.min(16), length as u64 + 1)).collect();
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn a_printed_line_parses_to_the_same(text in prop_oneof![piece(), "\\PC{0,60}"]) {
        let (first, second) = reprint(text.as_bytes());
        prop_assert_eq!(first, second);
    }

    #[test]
    fn any_bytes_are_one_line_that_prints_and_parses_to_the_same(bytes in vec(any::<u8>(), 0..80)) {
        let (first, second) = reprint(&bytes);
        prop_assert_eq!(first, second);
    }

    #[test]
    fn numbers_in_the_state_stay_finite(text in gcode(), noise in vec(any::<u8>(), 0..50)) {
        let bytes = [text.as_bytes(), &noise].concat();
        let mut engine = Engine::new(Options::default());
        let mut wrong = None;
        read_lines(bytes.as_slice(), |raw| {
            let number = raw.number;
            let event = engine.line(raw);
            let state = event.state;
            let extruder = state.extruder();
            let mut numbers = vec![
                event.dwell, state.speed(), state.layer.height, state.layer.highest, extruder.retracted(),
                extruder.extruded(), extruder.total(), state.coordinates.speed_factor, state.coordinates.extrude_factor,
            ];
            numbers.extend(state.position.x().into_iter().chain(state.position.y()).chain(state.position.z()));
            numbers.extend(state.e);
            numbers.extend(state.coordinates.base);
            if let Some(motion) = event.motion {
                numbers.extend([motion.length, motion.filament, motion.speed]);
                if let Some(arc) = motion.arc {
                    numbers.extend(arc.bounds().into_iter().flatten());
                }
            }
            if numbers.iter().any(|value| !value.is_finite()) {
                wrong = Some(number);
            }
        })
        .unwrap();
        prop_assert_eq!(wrong, None);
    }

    #[test]
    fn an_event_agrees_with_the_state_before_and_after_it(text in gcode()) {
        let mut engine = Engine::new(Options::default());
        let mut before = engine.state().clone();
        let mut wrong = None;
        read_lines(text.as_bytes(), |raw| {
            let number = raw.number;
            let event = engine.line(raw);
            let moved = event.state.position != before.position;
            let known = match event.motion {
                Some(motion) => motion.from == before.position && motion.to == event.state.position,
                // Only a G92 of an unknown axis and a macro change the position without a motion.
                None => !moved || !matches!(event.command, Command::Move { .. }),
            };
            let standing = matches!(
                event.motion.map(|motion| motion.kind),
                Some(MotionKind::Retraction | MotionKind::Unretraction | MotionKind::Prime)
            );
            if !known || (standing && moved) {
                wrong = Some(number);
            }
            before = event.state.clone();
        })
        .unwrap();
        prop_assert_eq!(wrong, None);
    }
}
