//! The live state of the printer, rebuilt from Moonraker's subscriptions.
//!
//! Klipper sends the full state once and then only fields that changed. [`Printer`] keeps them merged and gives typed
//! views; a field that is missing or of an unexpected type reads as absent, because forks of Klipper differ.

mod print_clock;
mod travel;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

pub use print_clock::PrintClock;
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
}

/// A heater, °C.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Temperature {
    /// Measured.
    pub actual: f64,
    /// Asked for; 0 is off.
    pub target: f64,
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
        PrintStats {
            state: PrintState::deserialize(state).unwrap_or_default(),
            filename: self.field("print_stats", "filename").and_then(Json::as_str).unwrap_or_default().to_owned(),
            total_duration: self.number("print_stats", "total_duration").unwrap_or_default(),
            current_layer: self
                .field("print_stats", "info")
                .and_then(|info| info.get("current_layer"))
                .and_then(Json::as_u64)
                .and_then(|layer| u32::try_from(layer).ok()),
        }
    }

    /// A heater by the name of its object, such as `extruder` or `heater_bed`.
    #[must_use]
    pub fn temperature(&self, heater: &str) -> Option<Temperature> {
        let actual = self.number(heater, "temperature")?;
        Some(Temperature { actual, target: self.number(heater, "target").unwrap_or_default() })
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
    fn strange_forms_read_as_absent() {
        let mut printer = Printer::default();
        let odd = json!({"print_stats": {"state": "purring", "filename": 7, "info": []}, "extruder": "hot", "toolhead": null});
        printer.reset(map(odd), at(1.0));
        assert_eq!(printer.print_stats(), PrintStats::default());
        assert_eq!(printer.temperature("extruder"), None);
    }
}
