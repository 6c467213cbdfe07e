//! The live state of the printer, rebuilt from Moonraker's subscriptions.
//!
//! Klipper sends the full state once and then only fields that changed. [`Printer`] keeps them merged and gives typed
//! views; a field that is missing or of an unexpected type reads as absent, because forks of Klipper differ.

mod print_clock;
mod trajectory;
mod travel;

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

pub use print_clock::PrintClock;
pub use trajectory::{Passing, Trajectory};
pub use travel::Travel;

use crate::clock::MonoTime;

/// The macro whose presence tells that our macros are included in `printer.cfg`.
pub const FRAME_MACRO: &str = "gcode_macro TIMELAPSE_TAKE_FRAME";

/// Where a print is in its life, as `print_stats.state` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrintState {
    /// No print since Klipper started, or its file was unloaded.
    #[default]
    Standby,
    /// Under way.
    Printing,
    /// Held by somebody; never by us.
    Paused,
    /// Printed to the end.
    Complete,
    /// Ended by a fault.
    Error,
    /// Ended by somebody.
    Cancelled,
}

impl PrintState {
    /// Whether a print is under way, be it held.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Printing | Self::Paused)
    }
}

/// The print, as `print_stats` has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrintStats {
    /// Where it is in its life.
    pub state: PrintState,
    /// The file, relative to the root `gcodes`.
    pub filename: String,
    /// Since the start of the print with all pauses, s.
    pub total_duration: f64,
    /// Counted by the slicer's `SET_PRINT_STATS_INFO`, where it writes one.
    pub current_layer: Option<u32>,
    /// How many there are, by the same.
    pub total_layer: Option<u32>,
}

/// A heater, °C.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Temperature {
    /// Measured.
    pub actual: f64,
    /// Asked for; 0 is off.
    pub target: f64,
}

/// What the printer's motion is limited to now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speeds {
    /// Fastest move, mm/s.
    pub velocity: f64,
    /// Acceleration, mm/s².
    pub accel: f64,
    /// Fastest move of z, mm/s.
    pub z_velocity: f64,
    /// Acceleration of z, mm/s².
    pub z_accel: f64,
    /// Speed through a right-angled corner, mm/s.
    pub square_corner_velocity: f64,
}

/// Everything known about the printer.
#[derive(Clone, Debug, Default)]
pub struct Printer {
    objects: Map<String, Json>,
    clock: PrintClock,
}

impl Printer {
    /// The objects to subscribe to, with all their fields where `null`.
    #[must_use]
    pub fn subscription() -> Map<String, Json> {
        let mut objects = Map::new();
        for (name, fields) in [
            ("webhooks", Json::Null),
            ("print_stats", Json::Null),
            ("virtual_sdcard", json!(["file_path", "file_position", "file_size", "is_active", "progress"])),
            ("gcode_move", Json::Null),
            ("toolhead", Json::Null),
            ("motion_report", json!(["live_position", "live_velocity", "live_extruder_velocity"])),
            ("pause_resume", Json::Null),
            ("idle_timeout", json!(["state"])),
            ("exclude_object", Json::Null),
            ("extruder", json!(["temperature", "target", "can_extrude"])),
            ("heater_bed", json!(["temperature", "target"])),
            ("firmware_retraction", json!(["retract_length", "unretract_extra_length"])),
            ("configfile", json!(["settings"])),
            (FRAME_MACRO, Json::Null),
        ] {
            objects.insert(name.to_owned(), fields);
        }
        objects
    }

    /// Begins anew with the full state of a subscription.
    pub fn reset(&mut self, status: Map<String, Json>, received: MonoTime) {
        self.objects = Map::new();
        self.clock.reset();
        self.apply(status, received);
    }

    /// Takes in the changes of a status update that arrived at `received`.
    pub fn apply(&mut self, changes: Map<String, Json>, received: MonoTime) {
        if let Some(now) = changes.get("toolhead").and_then(|t| t.get("estimated_print_time")).and_then(Json::as_f64) {
            self.clock.observe(now, received);
        }
        for (name, fields) in changes {
            match (self.objects.get_mut(&name), fields) {
                (Some(Json::Object(known)), Json::Object(fields)) => known.extend(fields),
                (_, fields) => {
                    self.objects.insert(name, fields);
                }
            }
        }
    }

    /// Forgets everything: Klipper went away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Print time on our clock.
    #[must_use]
    pub fn clock(&self) -> &PrintClock {
        &self.clock
    }

    /// Print time on our clock, for a sample that came with a remote method.
    pub fn clock_mut(&mut self) -> &mut PrintClock {
        &mut self.clock
    }

    /// The print.
    #[must_use]
    pub fn print_stats(&self) -> PrintStats {
        let state = self.field("print_stats", "state").cloned().unwrap_or_default();
        let layer = |key: &str| {
            let layer = self.field("print_stats", "info").and_then(|info| info.get(key)).and_then(Json::as_u64);
            layer.and_then(|layer| u32::try_from(layer).ok())
        };
        PrintStats {
            state: PrintState::deserialize(state).unwrap_or_default(),
            filename: self.field("print_stats", "filename").and_then(Json::as_str).unwrap_or_default().to_owned(),
            total_duration: self.number("print_stats", "total_duration").unwrap_or_default(),
            current_layer: layer("current_layer"),
            total_layer: layer("total_layer").filter(|layers| *layers > 0),
        }
    }

    /// A heater by the name of its object, such as `extruder` or `heater_bed`.
    #[must_use]
    pub fn temperature(&self, heater: &str) -> Option<Temperature> {
        let actual = self.number(heater, "temperature")?;
        Some(Temperature { actual, target: self.number(heater, "target").unwrap_or_default() })
    }

    /// Whether somebody has paused the print.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let paused = self.field("pause_resume", "is_paused").and_then(Json::as_bool);
        paused == Some(true) || self.print_stats().state == PrintState::Paused
    }

    /// Where the file that is printed lies on Klipper's host, and its size, bytes.
    #[must_use]
    pub fn print_path(&self) -> Option<(PathBuf, u64)> {
        let path = self.field("virtual_sdcard", "file_path").and_then(Json::as_str)?;
        Some((
            PathBuf::from(path),
            self.field("virtual_sdcard", "file_size").and_then(Json::as_u64).unwrap_or_default(),
        ))
    }

    /// The folder of the files that can be printed, on Klipper's host.
    #[must_use]
    pub fn gcode_folder(&self) -> Option<PathBuf> {
        let path = self.config("virtual_sdcard", "path").and_then(Json::as_str)?;
        Some(crate::config::expand_home(path))
    }

    /// How much of the file Klipper has read, bytes. The head is a second or two behind.
    #[must_use]
    pub fn file_position(&self) -> Option<u64> {
        self.field("virtual_sdcard", "file_position").and_then(Json::as_u64)
    }

    /// The objects that are not printed any further. Klipper swallows every move that is made inside one of them.
    #[must_use]
    pub fn excluded_objects(&self) -> Vec<String> {
        let names = self.field("exclude_object", "excluded_objects").and_then(Json::as_array);
        names.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    }

    /// Print time up to which Klipper has timed the moves that it has read, s; its look-ahead holds a few more.
    #[must_use]
    pub fn timed_until(&self) -> Option<f64> {
        self.number("toolhead", "print_time")
    }

    /// When the last move that Klipper has timed is or was over; `None` while the head is in motion, or nothing is known.
    #[must_use]
    pub fn rests_since(&self) -> Option<MonoTime> {
        let moves = self.number("motion_report", "live_velocity").is_some_and(|velocity| velocity.abs() > 0.01);
        if moves { None } else { self.clock.at(self.timed_until()?) }
    }

    /// How much of the file Klipper has read, 0 to 1.
    #[must_use]
    pub fn progress(&self) -> f64 {
        self.number("virtual_sdcard", "progress").unwrap_or_default()
    }

    /// Where the head was last sent by G-code, mm, bed mesh and the like left out, and the filament's position, mm.
    #[must_use]
    pub fn commanded(&self) -> Option<[f64; 4]> {
        self.numbers("gcode_move", "position")
    }

    /// The offset by SET_GCODE_OFFSET, mm.
    #[must_use]
    pub fn gcode_offset(&self) -> Option<[f64; 4]> {
        self.numbers("gcode_move", "homing_origin")
    }

    /// Counted by the slicer's `SET_PRINT_STATS_INFO`, where it writes one.
    #[must_use]
    pub fn total_layers(&self) -> Option<u32> {
        let total = self.field("print_stats", "info")?.get("total_layer")?.as_u64()?;
        u32::try_from(total).ok()
    }

    /// Where the head is, mm, and the filament, mm; a quarter of a second old at most.
    #[must_use]
    pub fn live_position(&self) -> Option<[f64; 4]> {
        self.numbers("motion_report", "live_position")
    }

    /// Speed of the head, mm/s.
    #[must_use]
    pub fn live_speed(&self) -> Option<f64> {
        self.number("motion_report", "live_velocity")
    }

    /// Speed of the filament, mm/s; negative while it is pulled back.
    #[must_use]
    pub fn live_flow(&self) -> Option<f64> {
        self.number("motion_report", "live_extruder_velocity")
    }

    /// Such as `xyz`.
    #[must_use]
    pub fn homed_axes(&self) -> &str {
        self.field("toolhead", "homed_axes").and_then(Json::as_str).unwrap_or_default()
    }

    /// The least and the greatest x, y, z that the head can reach, mm; `None` before Klipper has told.
    #[must_use]
    pub fn axis_limits(&self) -> Option<([f64; 3], [f64; 3])> {
        Some((self.numbers("toolhead", "axis_minimum")?, self.numbers("toolhead", "axis_maximum")?))
    }

    /// Whether the bed is a circle within the limits of x and y.
    #[must_use]
    pub fn has_round_bed(&self) -> bool {
        let kinematics = self.config("printer", "kinematics").and_then(Json::as_str);
        matches!(kinematics, Some("delta" | "rotary_delta" | "polar"))
    }

    /// How fast it can move; `None` before Klipper has told.
    #[must_use]
    pub fn speeds(&self) -> Option<Speeds> {
        let config = |key: &str| self.config("printer", key).and_then(Json::as_f64);
        let toolhead = |key: &str| self.number("toolhead", key).or_else(|| config(key));
        let (velocity, accel) = (toolhead("max_velocity")?, toolhead("max_accel")?);
        Some(Speeds {
            velocity,
            accel,
            // Klipper's own defaults.
            z_velocity: config("max_z_velocity").unwrap_or(velocity),
            z_accel: config("max_z_accel").unwrap_or(accel),
            square_corner_velocity: toolhead("square_corner_velocity").unwrap_or(5.0),
        })
    }

    /// `retract_length` and `unretract_extra_length` of `[firmware_retraction]`, mm, where it is configured.
    #[must_use]
    pub fn firmware_retraction(&self) -> Option<(f64, f64)> {
        let number = |field| self.number("firmware_retraction", field);
        Some((number("retract_length")?, number("unretract_extra_length").unwrap_or_default()))
    }

    /// What does not change from print to print: limits and speeds as configured, firmware retraction; in the form in which
    /// [`Self::reset`] takes it. `None` before Klipper has told.
    #[must_use]
    pub fn outline(&self) -> Option<Map<String, Json>> {
        let (low, high) = self.axis_limits()?;
        let mut outline = Map::new();
        outline.insert("toolhead".to_owned(), json!({"axis_minimum": low, "axis_maximum": high}));
        let config = self.field("configfile", "settings").and_then(|settings| settings.get("printer"));
        if let Some(config) = config {
            outline.insert("configfile".to_owned(), json!({"settings": {"printer": config}}));
        }
        if let Some(retraction) = self.objects.get("firmware_retraction") {
            outline.insert("firmware_retraction".to_owned(), retraction.clone());
        }
        Some(outline)
    }

    /// Whether our macros are included in `printer.cfg`.
    #[must_use]
    pub fn has_frame_macro(&self) -> bool {
        self.objects.get(FRAME_MACRO).and_then(Json::as_object).is_some_and(|fields| fields.contains_key("hold"))
    }

    /// A variable of the frame macro, as Klipper holds it.
    #[must_use]
    pub fn frame_macro_variable(&self, name: &str) -> Option<&Json> {
        self.field(FRAME_MACRO, name)
    }

    fn field(&self, object: &str, field: &str) -> Option<&Json> {
        self.objects.get(object)?.get(field)
    }

    /// An option of printer.cfg with Klipper's defaults, as Klipper read it.
    fn config(&self, section: &str, option: &str) -> Option<&Json> {
        self.field("configfile", "settings")?.get(section)?.get(option)
    }

    fn numbers<const N: usize>(&self, object: &str, field: &str) -> Option<[f64; N]> {
        let list = self.field(object, field)?.as_array()?;
        let numbers: Vec<f64> = list.iter().take(N).filter_map(Json::as_f64).collect();
        numbers.try_into().ok()
    }

    fn number(&self, object: &str, field: &str) -> Option<f64> {
        self.field(object, field).and_then(Json::as_f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: Json) -> Map<String, Json> {
        let Json::Object(map) = json else { panic!("{json}") };
        map
    }

    fn at(secs: f64) -> MonoTime {
        MonoTime::from_secs_f64(secs).unwrap()
    }

    #[test]
    fn changes_are_merged_into_the_full_state() {
        let mut printer = Printer::default();
        let full = json!({
            "print_stats": {"state": "standby", "filename": "", "total_duration": 0.0, "info": {"current_layer": null}},
            "extruder": {"temperature": 21.5, "target": 0.0},
            "toolhead": {"estimated_print_time": 10.0}
        });
        printer.reset(map(full), at(30.0));
        assert_eq!(printer.print_stats(), PrintStats::default());
        let diff = json!({"print_stats": {"state": "printing", "filename": "a.gcode", "info": {"current_layer": 3}}});
        printer.apply(map(diff), at(31.0));
        let stats = printer.print_stats();
        assert!(stats.state.is_active());
        assert_eq!((stats.filename.as_str(), stats.current_layer), ("a.gcode", Some(3)));
        assert_eq!(printer.temperature("extruder"), Some(Temperature { actual: 21.5, target: 0.0 }));
        assert_eq!(printer.clock().at(12.0), Some(at(32.0)));
        assert!(!printer.has_frame_macro());
    }

    #[test]
    fn limits_and_speeds_are_as_klipper_tells_them() {
        let mut printer = Printer::default();
        assert_eq!((printer.axis_limits(), printer.speeds()), (None, None));
        let full = json!({
            "toolhead": {"axis_minimum": [-5.0, 0.0, -2.0, 0.0], "axis_maximum": [235.0, 220.0, 250.0, 0.0],
                         "max_velocity": 250.0, "max_accel": 4000.0, "square_corner_velocity": 8.0},
            "configfile": {"settings": {"printer": {"kinematics": "corexy", "max_z_velocity": 12.0}}},
            "firmware_retraction": {"retract_length": 0.6},
            "virtual_sdcard": {"file_path": "/g/a.gcode", "file_size": 77, "file_position": 5},
        });
        printer.reset(map(full), at(1.0));
        assert_eq!(printer.axis_limits(), Some(([-5.0, 0.0, -2.0], [235.0, 220.0, 250.0])));
        let speeds =
            Speeds { velocity: 250.0, accel: 4000.0, z_velocity: 12.0, z_accel: 4000.0, square_corner_velocity: 8.0 };
        assert_eq!(printer.speeds(), Some(speeds));
        assert!(!printer.has_round_bed());
        assert_eq!(printer.firmware_retraction(), Some((0.6, 0.0)));
        assert_eq!((printer.print_path(), printer.file_position()), (Some(("/g/a.gcode".into(), 77)), Some(5)));
    }

    #[test]
    fn an_outline_has_what_stays_and_nothing_of_a_print() {
        let mut printer = Printer::default();
        assert_eq!(printer.outline(), None);
        let full = json!({
            "toolhead": {"axis_minimum": [0.0, 0.0, -2.0, 0.0], "axis_maximum": [9.0, 8.0, 7.0, 0.0],
                         "max_velocity": 250.0, "max_accel": 800.0, "position": [1.0, 2.0, 3.0, 4.0]},
            "configfile": {"settings": {"printer": {"kinematics": "delta", "max_velocity": 300.0, "max_accel": 5000.0},
                                        "extruder": {}}},
            "firmware_retraction": {"retract_length": 0.6},
            "print_stats": {"state": "printing"},
        });
        printer.reset(map(full), at(1.0));
        let mut again = Printer::default();
        again.reset(printer.outline().unwrap(), at(2.0));
        assert_eq!((again.axis_limits(), again.has_round_bed()), (printer.axis_limits(), true));
        assert_eq!(again.firmware_retraction(), Some((0.6, 0.0)));
        // The print has slowed the printer down; the next one may not.
        assert_eq!(again.speeds().map(|speeds| speeds.accel), Some(5000.0));
        assert_eq!(again.print_stats(), PrintStats::default());
    }

    #[test]
    fn strange_forms_read_as_absent() {
        let mut printer = Printer::default();
        let odd = json!({"print_stats": {"state": "purring", "filename": 7, "info": []}, "extruder": "hot", "toolhead": null});
        printer.reset(map(odd), at(1.0));
        assert_eq!(printer.print_stats(), PrintStats::default());
        assert_eq!(printer.temperature("extruder"), None);
    }
}
