//! Our macros: are they in Klipper, and are they those of this program?

use super::chart::Klipper;
use super::{Check, Subject};

/// As they are installed with this program.
const OURS: &str = include_str!("../../klipper-macros/timelapse.cfg");
/// The macro that everything hangs on.
const FRAME: &str = "TIMELAPSE_TAKE_FRAME";

pub(super) fn examine(klipper: &Klipper) -> Vec<Check> {
    let there: Vec<(String, String)> = klipper.macros().map(|(name, gcode)| (name, plain(gcode))).collect();
    let there = |name: &str| there.iter().find(|(other, _)| other == name).map(|(_, gcode)| gcode.as_str());
    if there(FRAME).is_none() {
        return vec![Check::fault(
            Subject::Macros,
            "Klipper does not have our macros: add [include timelapse.cfg] to printer.cfg and restart Klipper",
        )];
    }
    if !klipper.printer.has_frame_macro() {
        return vec![Check::fault(
            Subject::Macros,
            "Klipper has the macros of moonraker-timelapse instead of ours: run install.sh again, which sets them aside, and \
             restart Klipper",
        )];
    }
    let ours = ours();
    let missing: Vec<&str> =
        ours.iter().filter(|(name, _)| there(name).is_none()).map(|(name, _)| name.as_str()).collect();
    let changed = ours.iter().filter(|(name, gcode)| there(name).is_some_and(|there| there != gcode));
    let changed: Vec<&str> = changed.map(|(name, _)| name.as_str()).collect();
    if missing.is_empty() && changed.is_empty() {
        return vec![Check::ok(Subject::Macros, "Klipper has our macros, of this version")];
    }
    let mut differ = Vec::new();
    if !missing.is_empty() {
        differ.push(format!("{} missing", missing.join(", ")));
    }
    if !changed.is_empty() {
        differ.push(format!("{} not as installed", changed.join(", ")));
    }
    vec![Check::warning(
        Subject::Macros,
        format!(
            "the macros in Klipper are not those of this program ({}): restart Klipper; if that does not help, run install.sh \
             again, and take changes out of timelapse.cfg",
            differ.join("; ")
        ),
    )]
}

/// Our macros with their G-code, names in upper case.
fn ours() -> Vec<(String, String)> {
    let mut macros: Vec<(String, String)> = Vec::new();
    // Within a macro, and within its G-code.
    let (mut ours, mut within) = (false, false);
    for line in OURS.lines() {
        if let Some(header) = line.strip_prefix('[') {
            let name = header.split(']').next().and_then(|header| header.strip_prefix("gcode_macro "));
            (ours, within) = (name.is_some(), false);
            macros.extend(name.map(|name| (name.trim().to_uppercase(), String::new())));
        } else if line.starts_with("gcode:") {
            within = ours;
        } else if let Some((_, gcode)) = macros.last_mut().filter(|_| within && line.starts_with([' ', '\t'])) {
            gcode.push_str(line);
            gcode.push('\n');
        }
    }
    macros.into_iter().map(|(name, gcode)| (name, plain(&gcode))).collect()
}

/// Without what Klipper's reader takes away: comments, indentation, empty lines.
fn plain(gcode: &str) -> String {
    let lines = gcode.lines().map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split(" ;").next().unwrap_or_default().trim()
    });
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_macro_of_ours_is_read_with_its_gcode() {
        let ours = ours();
        assert_eq!(ours.len(), OURS.matches("\n[gcode_macro ").count());
        assert!(ours.iter().all(|(name, gcode)| !gcode.is_empty() && *name == name.to_uppercase()));
        let (_, frame) = ours.iter().find(|(name, _)| name == FRAME).unwrap();
        assert!(frame.starts_with("{% set HYPERLAPSE") && frame.ends_with("{% endif %}") && !frame.contains('#'));
    }
}
