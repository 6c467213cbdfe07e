//! What an engine starts with: settings that a file lacks.

use super::layer::Rules;
use super::slicer::Settings;
use super::state::{Limits, Mode, Units};

/// What an engine starts with.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Length of a full retraction of all tools, mm. `None`: [`Self::retraction_lengths`], else the deepest seen so far.
    pub retraction_length: Option<f64>,
    /// Length of a full retraction per tool by the slicer's settings, mm; the first for tools without one.
    pub retraction_lengths: Vec<f64>,
    /// Height of a z-hop, mm. `None`: any lift off the layer is one.
    pub z_lift: Option<f64>,
    /// Nothing counts as a layer before filament came out below this Z, mm (Octolapse: 0.75). 0 turns it off.
    pub priming_height: f64,
    /// A layer is at least this much higher than the one before, mm (Octolapse: 0.05).
    pub min_layer_height: f64,
    /// Layer height by the settings, mm; the step of a vase's layers.
    pub layer_height: Option<f64>,
    /// Is it a vase? `None`: recognised by Z that rises while filament comes out.
    pub vase: Option<bool>,
    /// The file marks its layers: what comes out before the first mark is priming.
    pub has_layer_marks: bool,
    /// Where the head is after G28, mm; `None` where unknown.
    pub home: [Option<f64>; 3],
    /// Before the first G90 or G91.
    pub xyz_mode: Mode,
    /// Before the first M82 or M83.
    pub e_mode: Mode,
    /// Before the first G20 or G21.
    pub units: Units,
    /// G90 and G91 set the extruder's mode, too (not in Klipper).
    pub g90_influences_extruder: bool,
    /// `retract_length` of `[firmware_retraction]`, mm. `None`: as long as the slicer's own retraction.
    pub firmware_retract_length: Option<f64>,
    /// `unretract_extra_length` of `[firmware_retraction]`, mm.
    pub firmware_extra_length: f64,
    /// Limits before the file sets any.
    pub limits: Limits,
    /// Macros after which the head may be anywhere; a `*` at the end stands for any ending.
    pub moving_macros: Vec<String>,
}

/// Macros and commands that are known to leave the head elsewhere.
///
/// Not among them: PAUSE, M600 and TIMELAPSE_TAKE_FRAME, which bring it back.
const MOVING_MACROS: [&str; 25] = [
    "START_PRINT*",
    "PRINT_START*",
    "_START_PRINT*",
    "_PRINT_START*",
    "END_PRINT*",
    "PRINT_END*",
    "CANCEL_PRINT",
    "BED_MESH_CALIBRATE*",
    "BED_TILT_CALIBRATE",
    "QUAD_GANTRY_LEVEL*",
    "Z_TILT_ADJUST*",
    "SCREWS_TILT_CALCULATE",
    "DELTA_CALIBRATE",
    "PROBE",
    "PROBE_CALIBRATE",
    "AXIS_TWIST_COMPENSATION_CALIBRATE",
    "FORCE_MOVE",
    "SET_KINEMATIC_POSITION",
    "CLEAN_NOZZLE*",
    "NOZZLE_WIPE*",
    "PURGE*",
    "LINE_PURGE",
    "VORON_PURGE",
    "PRIME_LINE",
    "PARK*",
];

impl Default for Options {
    fn default() -> Self {
        Self {
            retraction_length: None,
            retraction_lengths: Vec::new(),
            z_lift: None,
            priming_height: 0.75,
            min_layer_height: 0.05,
            layer_height: None,
            vase: None,
            has_layer_marks: false,
            home: [None; 3],
            xyz_mode: Mode::Absolute,
            e_mode: Mode::Absolute,
            units: Units::Millimeters,
            g90_influences_extruder: false,
            firmware_retract_length: None,
            firmware_extra_length: 0.0,
            limits: Limits::default(),
            moving_macros: MOVING_MACROS.map(str::to_owned).to_vec(),
        }
    }
}

impl Options {
    /// Takes from the slicer's settings what is not set yet.
    #[must_use]
    pub fn with_settings(mut self, settings: &Settings) -> Self {
        if self.retraction_lengths.is_empty() {
            self.retraction_lengths.clone_from(&settings.retraction_length);
        }
        self.z_lift = self.z_lift.or(settings.z_lift);
        self.layer_height = self.layer_height.or(settings.layer_height);
        self.vase = self.vase.or(settings.vase);
        self.has_layer_marks |= settings.layer_marks;
        self
    }

    /// Length of a full retraction of `tool`, mm.
    pub(super) fn length_of(&self, tool: usize) -> Option<f64> {
        self.retraction_length.or_else(|| length_of(&self.retraction_lengths, tool))
    }

    pub(super) fn layer_rules(&self) -> Rules {
        Rules {
            priming_height: self.priming_height,
            min_layer_height: self.min_layer_height,
            layer_height: self.layer_height,
            z_lift: self.z_lift,
            vase: self.vase,
            has_marks: self.has_layer_marks,
        }
    }

    pub(super) fn moves(&self, macro_name: &[u8]) -> bool {
        self.moving_macros.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => {
                let head = macro_name.get(..prefix.len());
                head.is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
            }
            None => macro_name.eq_ignore_ascii_case(pattern.as_bytes()),
        })
    }
}

/// The length of `tool` among those of all tools, else the first. 0 says nothing: slicers write it when the firmware
/// retracts.
pub(super) fn length_of(lengths: &[f64], tool: usize) -> Option<f64> {
    lengths.get(tool).or(lengths.first()).copied().filter(|&length| length > 0.0)
}
