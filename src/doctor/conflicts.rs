//! Macros of the user that get in the way of ours.

use super::chart::Klipper;
use super::{Check, Subject};

/// Commands of Klipper that the frame macro is made of.
const USED: [&str; 13] = [
    "G0",
    "G1",
    "G4",
    "G90",
    "G91",
    "M82",
    "M83",
    "M220",
    "M221",
    "SAVE_GCODE_STATE",
    "RESTORE_GCODE_STATE",
    "SET_VELOCITY_LIMIT",
    "SET_GCODE_VARIABLE",
];
/// Macros that hold or end a print.
const HOLDING: [&str; 4] = ["PAUSE", "RESUME", "CANCEL_PRINT", "M600"];
/// What holds one.
const PAUSING: [&str; 2] = ["PAUSE", "PAUSE_BASE"];
/// What asks for a frame.
const ASKING: [&str; 2] = ["TIMELAPSE_TAKE_FRAME", "_TIMELAPSE_NEW_FRAME"];

pub(super) fn examine(klipper: &Klipper) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, gcode) in klipper.macros() {
        if HOLDING.contains(&name.as_str()) && calls(gcode, &ASKING) {
            checks.push(Check::warning(
                Subject::Conflicts,
                format!(
                    "[gcode_macro {name}] calls TIMELAPSE_TAKE_FRAME, which takes no frame of a paused print: take the call \
                     out"
                ),
            ));
        } else if !ours(&name) && calls(gcode, &ASKING) && calls(gcode, &PAUSING) {
            checks.push(Check::warning(
                Subject::Conflicts,
                format!(
                    "[gcode_macro {name}] pauses the print to take a frame, as other timelapses do: take PAUSE out of it; \
                     Moonlapse needs none"
                ),
            ));
        }
        if USED.contains(&name.as_str()) {
            checks.push(Check::warning(
                Subject::Conflicts,
                format!(
                    "[gcode_macro {name}] replaces Klipper's own {name}, which the frame macro uses: make sure that it does \
                     neither wait nor move, or remove it"
                ),
            ));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok(Subject::Conflicts, "no macro of printer.cfg gets in the way of ours"));
    }
    checks
}

fn ours(name: &str) -> bool {
    name.contains("TIMELAPSE") || name == "HYPERLAPSE"
}

/// Whether a line of the G-code is a call of one of these.
fn calls(gcode: &str, names: &[&str]) -> bool {
    let first = |line: &str| line.split_whitespace().next().map(str::to_uppercase);
    gcode.lines().filter_map(first).any(|word| names.contains(&word.as_str()))
}
