//! What a line that moves nothing means for the places around it.

use crate::gcode::line::Command;

/// What a line that moves nothing does to the place where the head stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing: a frame behind it is as good as one before.
    None,
    /// It may do anything (a tool change, a macro that we do not know): the place ends before it, and the next begins
    /// with the next move.
    Barrier,
    /// The print is over: heaters or motors go off.
    End,
}

/// Traditional commands that move nothing and wait for nothing that matters here.
const HARMLESS: &[(u8, &[u32])] = &[
    (b'G', &[4, 17, 18, 19, 20, 21, 90, 91, 92]),
    (
        b'M',
        &[
            73, 82, 83, 104, 105, 106, 107, 110, 115, 117, 118, 140, 141, 201, 203, 204, 205, 207, 208, 220, 221, 400,
            413, 486, 572, 593, 900, 960, 1002,
        ],
    ),
];

/// Beginnings of extended commands that move nothing.
const HARMLESS_NAMES: &[&str] = &[
    "EXCLUDE_OBJECT",
    "RESPOND",
    "SET_FAN_SPEED",
    "SET_GCODE_VARIABLE",
    "SET_INPUT_SHAPER",
    "SET_LED",
    "SET_PIN",
    "SET_PRESSURE_ADVANCE",
    "SET_PRINT_STATS_INFO",
    "SET_RETRACTION",
    "SET_VELOCITY_LIMIT",
    "TIMELAPSE_",
    "UPDATE_DELAYED_GCODE",
];

/// Macros that end a print, as they are usually called.
const ENDS: &[&str] = &["END_PRINT", "PRINT_END", "END_GCODE", "TURN_OFF_HEATERS", "CANCEL_PRINT"];

/// What `command`, which moves nothing, does.
pub(super) fn effect(command: &Command<'_>) -> Effect {
    match command {
        Command::None | Command::Move { .. } | Command::At(_) | Command::Other(_) => Effect::None,
        Command::Traditional { code, words, .. } => match (code.letter, code.number) {
            (b'M', 2 | 18 | 30 | 84) => Effect::End,
            (b'M', 104 | 109) if words.get(b'S') == Some(0.0) => Effect::End,
            (letter, number) if HARMLESS.iter().any(|(l, numbers)| *l == letter && numbers.contains(&number)) => {
                Effect::None
            }
            _ => Effect::Barrier,
        },
        Command::Extended(extended) => {
            let name = extended.name();
            let begins = |prefix: &&str| {
                name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
            };
            if ENDS.iter().any(|end| name.eq_ignore_ascii_case(end.as_bytes())) {
                Effect::End
            } else if HARMLESS_NAMES.iter().any(begins) {
                Effect::None
            } else {
                Effect::Barrier
            }
        }
    }
}

/// What the file says to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// `@TIMELAPSE STOP-SNAPSHOTS`, `@OCTOLAPSE STOP-SNAPSHOTS`: no frames until told otherwise.
    Stop,
    /// `@TIMELAPSE START-SNAPSHOTS`.
    Start,
}

/// The name under which a command may be a trigger, in upper case, and what it says to us.
///
/// `@` commands count with their words, so that `@TIMELAPSE TAKE-SNAPSHOT` and `@TIMELAPSE STOP-SNAPSHOTS` differ.
pub(super) fn name(command: &Command<'_>, name: &mut String) -> Option<Request> {
    name.clear();
    let mut push = |bytes: &[u8]| name.extend(bytes.iter().map(|b| char::from(b.to_ascii_uppercase())));
    match command {
        Command::Extended(extended) => push(extended.name()),
        Command::Other(text) => push(text.trim_ascii()),
        Command::At(at) => {
            // The parser's name may or may not have its @.
            push(b"@");
            push(at.name().strip_prefix(b"@").unwrap_or(at.name()));
            if let Some(word) = at.words().next() {
                push(b" ");
                push(word);
            }
        }
        Command::None | Command::Move { .. } | Command::Traditional { .. } => return None,
    }
    match name.as_str() {
        "@TIMELAPSE STOP-SNAPSHOTS" | "@OCTOLAPSE STOP-SNAPSHOTS" => Some(Request::Stop),
        "@TIMELAPSE START-SNAPSHOTS" | "@OCTOLAPSE START-SNAPSHOTS" => Some(Request::Start),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::line::Parser;

    fn of(line: &str) -> Effect {
        effect(&Parser::default().parse(line.as_bytes()).command)
    }

    #[test]
    fn fans_modes_and_comments_change_nothing() {
        for line in ["; x", "M106 S10", "G92 E0", "M104 S210", "set_pressure_advance ADVANCE=0.03", "@pause", "G1 F900"]
        {
            assert_eq!(of(line), Effect::None, "{line}");
        }
    }

    #[test]
    fn what_may_move_the_head_is_a_barrier() {
        for line in ["T1", "M600", "G28", "G29", "PURGE_LINE", "SET_GCODE_OFFSET Z=0.1 MOVE=1", "M109 S200"] {
            assert_eq!(of(line), Effect::Barrier, "{line}");
        }
    }

    #[test]
    fn cooling_down_ends_the_print() {
        for line in ["M104 S0", "M84", "print_end", "TURN_OFF_HEATERS"] {
            assert_eq!(of(line), Effect::End, "{line}");
        }
    }

    #[test]
    fn requests_of_both_plugins_are_understood() {
        let mut parser = Parser::default();
        let mut text = String::new();
        let mut of = |line: &str| {
            let request = name(&parser.parse(line.as_bytes()).command, &mut text);
            (request, text.clone())
        };
        assert_eq!(of("@octolapse stop-snapshots").0, Some(Request::Stop));
        assert_eq!(of("@TIMELAPSE START-SNAPSHOTS").0, Some(Request::Start));
        assert_eq!(of("@OCTOLAPSE TAKE-SNAPSHOT X10 ; hi"), (None, "@OCTOLAPSE TAKE-SNAPSHOT".to_owned()));
        assert_eq!(of("timelapse_take_frame HYPERLAPSE=1"), (None, "TIMELAPSE_TAKE_FRAME".to_owned()));
    }
}
