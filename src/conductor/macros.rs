//! The scripts that we send to Klipper. Their first words are those that Mainsail's console filter knows.

use crate::config::{Mode, ParkPosition, Settings};

/// The settings of the frame macro, for `hold` seconds of standstill.
#[must_use]
pub(super) fn setup(settings: &Settings, hold: f64) -> String {
    let word = |yes: bool| if yes { "True" } else { "False" };
    let pos = match settings.parkpos {
        ParkPosition::Center => "center",
        ParkPosition::FrontLeft => "front_left",
        ParkPosition::FrontRight => "front_right",
        ParkPosition::BackLeft => "back_left",
        ParkPosition::BackRight => "back_right",
        ParkPosition::XOnly => "x_only",
        ParkPosition::YOnly => "y_only",
        ParkPosition::Custom => "custom",
    };
    format!(
        "_SET_TIMELAPSE_SETUP ENABLE={} VERBOSE={} CALLS={} BY_TIME={} PARK_ENABLE={} PARK_POS={pos} CUSTOM_POS_X={} CUSTOM_POS_Y={} \
         CUSTOM_POS_DZ={} TRAVEL_SPEED={} TRAVEL_ACCEL={} RETRACT_SPEED={} EXTRUDE_SPEED={} RETRACT_DISTANCE={} EXTRUDE_DISTANCE={} \
         FW_RETRACT={} TRIGGER={} HOLD={hold:.3}",
        word(settings.enabled),
        word(settings.gcode_verbose),
        word(settings.mode.takes_calls()),
        word(settings.mode == Mode::Hyperlapse),
        word(settings.parkhead),
        settings.park_custom_pos_x,
        settings.park_custom_pos_y,
        settings.park_custom_pos_dz,
        settings.park_travel_speed,
        settings.park_travel_accel,
        settings.park_retract_speed,
        settings.park_extrude_speed,
        settings.park_retract_distance,
        settings.park_extrude_distance,
        word(settings.fw_retract),
        trigger(&settings.camera_macro),
    )
}

/// The first word of [`around`].
const AROUND: &str = "_SET_TIMELAPSE_AROUND";

/// What the macro does before and after a frame, on a line of its own; nothing where nothing is wanted and `had`, the
/// setup that the macros have, does not want anything either.
#[must_use]
pub(super) fn around(settings: &Settings, had: Option<&str>) -> String {
    let Settings { light_pin, light_value, light_idle, light_settle, gcode_before_frame, gcode_after_frame, .. } =
        settings;
    let wanted = [light_pin, gcode_before_frame, gcode_after_frame].iter().any(|text| !text.is_empty());
    if !wanted && !had.is_some_and(|had| had.contains(AROUND)) {
        return String::new();
    }
    // One line each; what would end the quotes or the line has no place in a name.
    let name = |text: &str| -> String {
        let line = text.lines().next().unwrap_or_default().trim();
        line.chars().filter(|c| !matches!(c, '"' | '\'' | '\\' | ';' | '#' | '*' | '{' | '}')).collect()
    };
    format!(
        "\n{AROUND} LIGHT=\"{}\" VALUE={light_value} IDLE={light_idle} SETTLE={light_settle} BEFORE=\"{}\" AFTER=\"{}\"",
        name(light_pin),
        name(gcode_before_frame),
        name(gcode_after_frame),
    )
}

/// The macro that triggers a camera; a word that names none where none is wanted or where it can be no macro's name.
fn trigger(name: &str) -> &str {
    let good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if good { name } else { "-" }
}

/// A line on the console. Characters that mean something to Klipper's parser are replaced.
#[must_use]
pub(super) fn say(text: &str) -> String {
    let harmless = |c| match c {
        // Would begin a comment.
        ';' => ',',
        '"' | '\\' | '*' | '\n' | '\r' => ' ',
        other => other,
    };
    let text: String = text.chars().map(harmless).collect();
    format!("_TIMELAPSE_SAY MSG=\"{}\"", text.replace('\'', "\u{2019}"))
}

/// What Mainsail's filter of timelapse commands hides on its console, where each script is a line: those that begin so.
const HIDDEN: [&str; 4] =
    ["_SET_TIMELAPSE_SETUP", "HYPERLAPSE ACTION=", "SET_GCODE_VARIABLE MACRO=TIMELAPSE_", "TIMELAPSE_TAKE_FRAME"];
/// Changes nothing, and is hidden.
const UNSEEN: &str = "SET_GCODE_VARIABLE MACRO=TIMELAPSE_TAKE_FRAME VARIABLE=takingframe VALUE=False";

/// The script so that the filter hides it, when it is one of ours.
#[must_use]
pub(super) fn unseen(script: String) -> String {
    let ours = script.contains("_TIMELAPSE_") && !HIDDEN.iter().any(|begin| script.starts_with(begin));
    if ours { format!("{UNSEEN}\n{script}") } else { script }
}

/// Frames by time.
#[must_use]
pub(super) fn hyperlapse_start(cycle_s: u32) -> String {
    format!("HYPERLAPSE ACTION=START CYCLE={cycle_s}")
}

/// No more frames by time.
#[must_use]
pub(super) fn hyperlapse_stop() -> String {
    "HYPERLAPSE ACTION=STOP".to_owned()
}

/// Undoes `TIMELAPSE_STOP` for the next print.
#[must_use]
pub(super) fn clear_stopped() -> String {
    "SET_GCODE_VARIABLE MACRO=TIMELAPSE_TAKE_FRAME VARIABLE=stopped VALUE=False".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setup_carries_every_setting_of_the_macro() {
        let settings = Settings { parkhead: true, parkpos: ParkPosition::XOnly, ..Settings::default() };
        insta::assert_snapshot!(setup(&settings, 0.1), @"_SET_TIMELAPSE_SETUP ENABLE=True VERBOSE=False CALLS=True BY_TIME=False PARK_ENABLE=True PARK_POS=x_only CUSTOM_POS_X=10 CUSTOM_POS_Y=10 CUSTOM_POS_DZ=0 TRAVEL_SPEED=200 TRAVEL_ACCEL=0 RETRACT_SPEED=15 EXTRUDE_SPEED=15 RETRACT_DISTANCE=1 EXTRUDE_DISTANCE=1 FW_RETRACT=False TRIGGER=- HOLD=0.100");
    }

    #[test]
    fn nothing_that_is_said_can_end_its_own_quotes() {
        let said = say("the file \"a;b*c\" isn't\nthere\\");
        assert_eq!(said.matches('"').count(), 2);
        assert!(!said.contains(['\'', ';', '*', '\n', '\\']), "{said}");
    }

    #[test]
    fn our_scripts_are_hidden_on_mainsails_console_and_those_of_users_are_not() {
        for script in [say("a word"), hyperlapse_start(30), hyperlapse_stop(), clear_stopped()] {
            let sent = unseen(script.clone());
            assert!(HIDDEN.iter().any(|begin| sent.starts_with(begin)), "{sent}");
            assert!(sent.ends_with(&script), "{sent}");
        }
        assert_eq!(unseen("LIGHT_ON".to_owned()), "LIGHT_ON");
    }

    #[test]
    fn light_is_set_up_where_it_is_wanted_and_taken_back_where_it_was() {
        let plain = Settings::default();
        assert_eq!(around(&plain, None), "");
        let gcode_before_frame = "LIGHT_ON LEVEL=\"5\"; M112".to_owned();
        let lit = Settings { light_pin: "caselight".into(), gcode_before_frame, ..Settings::default() };
        let line = around(&lit, None);
        assert_eq!(
            line,
            "\n_SET_TIMELAPSE_AROUND LIGHT=\"caselight\" VALUE=1 IDLE=0 SETTLE=0.2 BEFORE=\"LIGHT_ON LEVEL=5 M112\" AFTER=\"\""
        );
        assert!(around(&plain, Some(&line)).contains("LIGHT=\"\""));
    }
}
