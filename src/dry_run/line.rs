//! What becomes of one line in a dry run.

use std::fmt::Write as _;

use crate::annotate::is_own_call;
use crate::gcode::engine::Event;
use crate::gcode::line::{Command, Extended, MoveCode, Words};

/// Traditional commands that neither heat, blow, extrude nor wait for somebody: dwell, plane of arcs, home, units,
/// coordinates, motors off, progress, message, acceleration, speed factor, wait for moves.
const HARMLESS: [(u8, u32); 15] = [
    (b'G', 4),
    (b'G', 17),
    (b'G', 18),
    (b'G', 19),
    (b'G', 21),
    (b'G', 28),
    (b'G', 90),
    (b'G', 91),
    (b'M', 18),
    (b'M', 73),
    (b'M', 84),
    (b'M', 117),
    (b'M', 204),
    (b'M', 220),
    (b'M', 400),
];
/// Commands with names that are as harmless.
const HARMLESS_NAMES: [&str; 9] = [
    "SET_PRINT_STATS_INFO",
    "EXCLUDE_OBJECT",
    "EXCLUDE_OBJECT_DEFINE",
    "EXCLUDE_OBJECT_START",
    "EXCLUDE_OBJECT_END",
    "SET_VELOCITY_LIMIT",
    "SAVE_GCODE_STATE",
    "RESTORE_GCODE_STATE",
    "HYPERLAPSE",
];
/// What asks for a frame.
const FRAME: &str = "TIMELAPSE_TAKE_FRAME";
/// A second call before this much filament has come out is the same layer, mm; as in the frame macro.
const SAME_LAYER: f64 = 0.5;

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dry {
    /// It stays as it is.
    Kept,
    /// A move, without filament.
    Move(String),
    /// A call for a frame, without retraction.
    Frame(String),
    /// It stays, without filament.
    Changed(String),
    /// It goes; with the command's name where it is worth telling.
    LeftOut(Option<String>),
}

/// Rewrites the lines of one file.
#[derive(Debug)]
pub(super) struct Rewriter {
    /// The file has our planned calls, and its own do not count.
    planned: bool,
    frames: u32,
    /// Filament that had come out at the last call, mm.
    extruded: Option<f64>,
}

impl Rewriter {
    pub(super) fn new(planned: bool) -> Self {
        Self { planned, frames: 0, extruded: None }
    }

    /// `raw` is the line's text, `event` what the engine made of it.
    pub(super) fn line(&mut self, raw: &[u8], event: &Event<'_>) -> Dry {
        match event.command {
            Command::None | Command::At(_) => Dry::Kept,
            Command::Move { code, words } => movement(code, words, event.comment),
            Command::Traditional { code, words, .. } if (code.letter, code.number, code.minor) == (b'G', 92, None) => {
                coordinates(words)
            }
            Command::Traditional { code, .. } => {
                let harmless = code.minor.is_none() && HARMLESS.contains(&(code.letter, code.number));
                if harmless { Dry::Kept } else { Dry::LeftOut(Some(code.to_string())) }
            }
            Command::Extended(command) => {
                let name = String::from_utf8_lossy(command.name()).to_ascii_uppercase();
                if name == FRAME {
                    self.frame(raw, event)
                } else if HARMLESS_NAMES.contains(&name.as_str()) || loads_mesh(&name, &command) {
                    Dry::Kept
                } else {
                    Dry::LeftOut(Some(name))
                }
            }
            Command::Other(_) => Dry::LeftOut(None),
        }
    }

    fn frame(&mut self, raw: &[u8], event: &Event<'_>) -> Dry {
        let text = String::from_utf8_lossy(raw);
        let text = text.trim_end();
        if is_own_call(raw) {
            return Dry::Frame(text.replace(" RETRACT=1", " RETRACT=0").replace(" ZERO=1", ""));
        }
        if self.planned {
            return Dry::LeftOut(None);
        }
        // The macro tells layers apart by filament, of which there is none.
        let extruded = event.state.extruder().total();
        if self.extruded.is_some_and(|before| extruded - before < SAME_LAYER) {
            return Dry::LeftOut(None);
        }
        self.extruded = Some(extruded);
        self.frames += 1;
        let call = text.trim_start();
        let rest = call.get(FRAME.len()..).unwrap_or_default();
        Dry::Frame(format!("{FRAME} FRAME={} LAYER={} RETRACT=0{rest}", self.frames, event.state.layer.number))
    }
}

/// Whether it uses a mesh that is there; without, the nozzle may touch the bed in the first layer.
fn loads_mesh(name: &str, command: &Extended<'_>) -> bool {
    name == "BED_MESH_PROFILE" && command.params().all(|(key, _)| key.eq_ignore_ascii_case(b"LOAD"))
}

/// Whether the command homes the head.
pub(super) fn homes(command: &Command<'_>) -> bool {
    matches!(command, Command::Traditional { code, .. } if (code.letter, code.number) == (b'G', 28))
}

/// Whether the command moves the head and needs it homed.
pub(super) fn moves_head(command: &Command<'_>) -> bool {
    matches!(command, Command::Move { words, .. } if [b'X', b'Y', b'Z'].iter().any(|axis| words.has(*axis)))
}

/// A move without filament. One of filament alone leaves its speed, which holds for the next move.
fn movement(code: MoveCode, words: &Words, comment: Option<&[u8]>) -> Dry {
    let kept: Vec<(u8, Option<f64>)> = words.iter().filter(|(letter, _)| *letter != b'E').collect();
    if kept.is_empty() {
        return Dry::LeftOut(None);
    }
    let mut text = code.name().to_owned();
    for (letter, value) in kept {
        // Writing to a String cannot fail.
        let _ = match value {
            Some(value) => write!(text, " {}{value}", char::from(letter)),
            None => write!(text, " {}", char::from(letter)),
        };
    }
    if let Some(comment) = comment {
        let _ = write!(text, " ;{}", String::from_utf8_lossy(comment));
    }
    if moves_head(&Command::Move { code, words }) { Dry::Move(text) } else { Dry::Changed(text) }
}

/// G92 for the axes of the head.
fn coordinates(words: &Words) -> Dry {
    let axes = words.iter().filter(|(letter, _)| matches!(letter, b'X' | b'Y' | b'Z'));
    let mut text = "G92".to_owned();
    for (letter, value) in axes {
        let _ = write!(text, " {}{}", char::from(letter), value.unwrap_or_default());
    }
    if text.len() > 3 { Dry::Changed(text) } else { Dry::LeftOut(None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::engine::{Engine, Options};
    use crate::gcode::scan::read_lines;

    /// Each line with what becomes of it; `-` where it goes.
    fn rewritten(text: &str, planned: bool) -> Vec<String> {
        let (mut engine, mut rewriter) = (Engine::new(Options::default()), Rewriter::new(planned));
        let mut lines = Vec::new();
        read_lines(text.as_bytes(), |raw| {
            lines.push(match rewriter.line(raw.text, &engine.line(raw)) {
                Dry::Kept => String::from_utf8_lossy(raw.text).into_owned(),
                Dry::Move(text) | Dry::Frame(text) | Dry::Changed(text) => text,
                Dry::LeftOut(name) => format!("- {}", name.unwrap_or_default()).trim_end().to_owned(),
            });
        })
        .unwrap();
        lines
    }

    fn becomes(line: &str) -> String {
        rewritten(&format!("{line}\n"), false).remove(0)
    }

    #[test]
    fn moves_keep_their_way_and_speed_and_lose_their_filament() {
        assert_eq!(becomes("G1 X10.5 Y-3 E0.5 F1800 ; wall"), "G1 F1800 X10.5 Y-3 ;wall");
        assert_eq!(becomes("g1x10e5"), "G1 X10");
        assert_eq!(becomes("G0 Z0.2"), "G0 Z0.2");
        assert_eq!(becomes("G3 X1 Y2 I0.5 J-1 E0.1"), "G3 I0.5 J-1 X1 Y2");
        assert_eq!(becomes("G1 E-0.8 F2400"), "G1 F2400");
        assert_eq!(becomes("G1 E5"), "-");
        assert_eq!(becomes("G92 E0"), "-");
        assert_eq!(becomes("G92 X1 E0"), "G92 X1");
        assert_eq!(becomes("G92"), "-", "it would set all axes");
    }

    #[test]
    fn what_heats_blows_extrudes_waits_or_is_not_known_goes() {
        for command in [
            "M104 S200",
            "M109 S200",
            "M140 S60",
            "M190 S60",
            "M141 S40",
            "M191 S40",
            "M106 S255",
            "M82",
            "M83",
            "M221 S95",
            "G10",
            "G11",
            "M600",
            "M0",
            "M25",
            "T1",
            "M900 K0.1",
            "G29",
            "M207 S1",
            "G92.1",
        ] {
            assert!(becomes(command).starts_with("- "), "{command}: {}", becomes(command));
        }
        for command in [
            "SET_HEATER_TEMPERATURE HEATER=extruder TARGET=200",
            "START_PRINT EXTRUDER=200",
            "PAUSE",
            "set_fan_speed FAN=x",
            "SET_PRESSURE_ADVANCE ADVANCE=0.05",
            "FORCE_MOVE STEPPER=extruder",
            "MANUAL_STEPPER STEPPER=e",
            "SET_GCODE_OFFSET Z=1",
            "ACTIVATE_EXTRUDER EXTRUDER=extruder1",
            "RESPOND MSG=x",
            "_CLIENT_EXTRUDE",
            "TIMELAPSE_RENDER",
            "BED_MESH_PROFILE REMOVE=default",
        ] {
            assert!(becomes(command).starts_with("- "), "{command}: {}", becomes(command));
        }
        assert_eq!(becomes("nonsense line"), "-".to_owned() + " NONSENSE");
    }

    #[test]
    fn what_shapes_the_way_and_tells_of_layers_and_objects_stays() {
        for line in [
            "; LAYER_CHANGE",
            "",
            "G28",
            "G28 X Y",
            "G90",
            "G91",
            "G4 P100",
            "M204 S1000",
            "M220 S100",
            "M73 P5 R10",
            "M400",
            "M117 layer 2",
            "EXCLUDE_OBJECT_START NAME=a",
            "BED_MESH_PROFILE LOAD=default",
            "SET_PRINT_STATS_INFO CURRENT_LAYER=2",
            "SET_VELOCITY_LIMIT ACCEL=900",
        ] {
            assert_eq!(becomes(line), line);
        }
    }

    #[test]
    fn a_call_of_the_file_becomes_one_without_retraction_once_a_layer() {
        let text = "M83\nTIMELAPSE_TAKE_FRAME\nTIMELAPSE_TAKE_FRAME\nG1 X10 E5\ntimelapse_take_frame PARK=0\n";
        let frames: Vec<String> = rewritten(text, false).into_iter().filter(|line| line.contains("FRAME")).collect();
        assert_eq!(
            frames,
            ["TIMELAPSE_TAKE_FRAME FRAME=1 LAYER=0 RETRACT=0", "TIMELAPSE_TAKE_FRAME FRAME=2 LAYER=0 RETRACT=0 PARK=0"]
        );
    }

    #[test]
    fn of_planned_frames_none_retracts_and_those_in_passing_stand_still() {
        let planned = "TIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 X=1 Y=2 RETRACT=1 RETURN=1 ; moonlapse\n";
        let passing = "TIMELAPSE_TAKE_FRAME FRAME=2 LAYER=2 PARK=0 RETRACT=0 RETURN=0 ZERO=1 ; moonlapse\n";
        assert_eq!(
            rewritten(&format!("{planned}TIMELAPSE_TAKE_FRAME\n{passing}"), true),
            [
                "TIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 X=1 Y=2 RETRACT=0 RETURN=1 ; moonlapse",
                "-",
                "TIMELAPSE_TAKE_FRAME FRAME=2 LAYER=2 PARK=0 RETRACT=0 RETURN=0 ; moonlapse",
            ]
        );
    }
}
