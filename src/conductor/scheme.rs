//! What to plan for: the settings and the printer, in the planner's terms.

use crate::config::{Mode, ParkPosition, Settings};
use crate::gcode::engine;
use crate::planner::{self, FrameMoves, Machine, ModeError, RestrictionsError, Track, Trigger, TriggerError};
use crate::printer::Printer;
use crate::stabilize::{Axis, Bed, Limits, Park, ParkError, Point, Stabilization};

/// The corners lie this far inside the limits, mm, so that skew correction can't carry the head beyond them.
const INSIDE: f64 = 5.0;
/// On a round bed the corners lie at this part of the radius each way.
const ROUND: f64 = 0.65;

/// Why nothing can be planned.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum SchemeError {
    /// Klipper did not tell.
    #[error("Klipper has not told the printer's limits")]
    NoLimits,
    /// The setting `park`.
    #[error("setting park: {0}")]
    Park(#[from] ParkError),
    /// The setting `placement`.
    #[error("setting placement: {0}")]
    Placement(#[from] ModeError),
    /// The setting `restrictions`.
    #[error("setting restrictions: {0}")]
    Restrictions(#[from] RestrictionsError),
    /// The setting `snapshot_gcode`.
    #[error("setting snapshot_gcode: {0}")]
    Gcode(#[from] TriggerError),
}

/// What a file is read and planned with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scheme {
    /// How the file is understood.
    pub(crate) engine: engine::Options,
    /// What is planned.
    pub(crate) planner: planner::Options,
}

impl Scheme {
    /// By `settings` for `printer`, with `hold` seconds of standstill.
    ///
    /// # Errors
    ///
    /// A setting that cannot be understood, or a printer that has not told its limits.
    pub(crate) fn new(settings: &Settings, printer: &Printer, hold: f64) -> Result<Self, SchemeError> {
        let limits = limits(printer).ok_or(SchemeError::NoLimits)?;
        let park = park(settings, &limits)?;
        let track = Track {
            trigger: trigger(settings)?,
            mode: if settings.parkhead { settings.placement.parse()? } else { planner::Mode::ZeroMotion },
            park,
            restrictions: settings.restrictions.parse()?,
            ..Track::default()
        };
        // A pin's light is waited for within the macro; the agent's own lengthens the standstill.
        let light = if settings.light_pin.trim().is_empty() { 0.0 } else { settings.light_settle };
        let moves = FrameMoves {
            speed: Some(f64::from(settings.park_travel_speed)),
            z_lift: lift(settings),
            hold: hold + light,
            retract: settings.park_retract_distance,
            retract_speed: f64::from(settings.park_retract_speed),
            clearance: settings.clearance,
            ..FrameMoves::default()
        };
        let planner =
            planner::Options { machine: machine(printer), moves, tracks: vec![track], ..planner::Options::new(limits) };
        let firmware = printer.firmware_retraction();
        let engine = engine::Options {
            firmware_retract_length: firmware.map(|(length, _)| length),
            firmware_extra_length: firmware.map_or(0.0, |(_, extra)| extra),
            ..engine::Options::default()
        };
        Ok(Self { engine, planner })
    }
}

/// What the head can reach; `None` before Klipper has told.
fn limits(printer: &Printer) -> Option<Limits> {
    let ([x_min, y_min, z_min], [x_max, y_max, z_max]) = printer.axis_limits()?;
    let (min, max) = (Point::new(x_min, y_min), Point::new(x_max, y_max));
    let bed = if printer.has_round_bed() {
        // Klipper tells the square around the circle.
        let centre = Point::new(f64::midpoint(x_min, x_max), f64::midpoint(y_min, y_max));
        Bed::Round { centre, radius: (x_max - x_min).min(y_max - y_min) / 2.0 }
    } else {
        Bed::Rectangle { min, max }
    };
    Limits::new(bed, z_min, z_max).ok()
}

fn machine(printer: &Printer) -> Machine {
    printer.speeds().map_or_else(Machine::default, |speeds| Machine {
        max_velocity: speeds.velocity,
        max_accel: speeds.accel,
        max_z_velocity: speeds.z_velocity,
        max_z_accel: speeds.z_accel,
        square_corner_velocity: speeds.square_corner_velocity,
    })
}

/// How far the frame macro lifts the nozzle, mm; the same rule is in `klipper-macros/timelapse.cfg`.
pub(super) fn lift(settings: &Settings) -> f64 {
    match settings.parkpos {
        ParkPosition::Center => 1.0,
        ParkPosition::XOnly | ParkPosition::YOnly | ParkPosition::Custom => settings.park_custom_pos_dz,
        _ => 0.0,
    }
}

fn trigger(settings: &Settings) -> Result<Trigger, TriggerError> {
    match settings.mode {
        Mode::Height => Ok(Trigger::Height(settings.height_increment)),
        Mode::Timer => Ok(Trigger::Time(f64::from(settings.hyperlapse_cycle))),
        Mode::Gcode if settings.snapshot_gcode.trim().is_empty() => "gcode".parse(),
        Mode::Gcode => format!("gcode:{}", settings.snapshot_gcode.trim()).parse(),
        Mode::Auto | Mode::Live | Mode::LayerMacro | Mode::Hyperlapse if settings.every_layers > 1 => {
            Ok(Trigger::EveryLayers(settings.every_layers))
        }
        Mode::Auto | Mode::Live | Mode::LayerMacro | Mode::Hyperlapse => Ok(Trigger::Layer),
    }
}

/// Where the head goes. The named positions are those of `_SET_TIMELAPSE_SETUP`, so that a frame by the file's call and
/// one by plan show the head at the same place.
fn park(settings: &Settings, limits: &Limits) -> Result<Park, ParkError> {
    if !settings.park.trim().is_empty() {
        return settings.park.parse();
    }
    let (low, high) = limits.bounds();
    let [left, right, front, back] = match limits.bed() {
        Bed::Round { .. } => [low.x * ROUND, high.x * ROUND, low.y * ROUND, high.y * ROUND],
        Bed::Rectangle { .. } => [low.x + INSIDE, high.x - INSIDE, low.y + INSIDE, high.y - INSIDE],
    };
    let (x, y) = (settings.park_custom_pos_x, settings.park_custom_pos_y);
    let (x, y) = match settings.parkpos {
        ParkPosition::Center => (Some(f64::midpoint(low.x, high.x)), Some(f64::midpoint(low.y, high.y))),
        ParkPosition::FrontLeft => (Some(left), Some(front)),
        ParkPosition::FrontRight => (Some(right), Some(front)),
        ParkPosition::BackLeft => (Some(left), Some(back)),
        ParkPosition::BackRight => (Some(right), Some(back)),
        ParkPosition::XOnly => (Some(x), None),
        ParkPosition::YOnly => (None, Some(y)),
        ParkPosition::Custom => (Some(x), Some(y)),
    };
    let axis = |place: Option<f64>| place.map_or(Axis::Disabled, Axis::Fixed);
    Ok(Park::At(Stabilization { x: axis(x), y: axis(y) }))
}
