//! The park position and the filament, against what the printer can do.

use std::path::PathBuf;

use super::chart::Klipper;
use super::{Check, Subject};
use crate::conductor::standing_orders::StandingOrders;
use crate::config::{ParkPosition, Settings};

/// Klipper's default of `max_extrude_only_distance`, mm.
const EXTRUDE_ONLY: f64 = 50.0;

pub(super) fn examine(klipper: &Klipper, settings: &Settings) -> Vec<Check> {
    if !settings.parkhead {
        return vec![Check::ok(Subject::Settings, "the head is not parked (parkhead: False)")];
    }
    let mut checks = position(klipper, settings);
    checks.extend(scheme(klipper, settings));
    checks.extend(filament(klipper, settings));
    checks
}

/// `parkpos` and the custom coordinates.
fn position(klipper: &Klipper, settings: &Settings) -> Vec<Check> {
    let Some((low, high)) = klipper.printer.axis_limits() else { return Vec::new() };
    let (x, y) = (settings.park_custom_pos_x, settings.park_custom_pos_y);
    let wanted = match settings.parkpos {
        ParkPosition::Custom => [Some(x), Some(y)],
        ParkPosition::XOnly => [Some(x), None],
        ParkPosition::YOnly => [None, Some(y)],
        _ => [None, None],
    };
    let mut checks = Vec::new();
    for (axis, name) in [(0, "x"), (1, "y")] {
        if let Some(mm) = wanted[axis]
            && !(low[axis]..=high[axis]).contains(&mm)
        {
            checks.push(Check::warning(
                Subject::Settings,
                format!(
                    "park_custom_pos_{name} is {mm} mm, but {} goes from {} to {} mm only, and the head parks at the limit: \
                     choose a place within",
                    name.to_uppercase(),
                    low[axis],
                    high[axis]
                ),
            ));
        }
    }
    if klipper.printer.has_round_bed() {
        let centre = [0, 1].map(|axis| f64::midpoint(low[axis], high[axis]));
        let radius = (high[0] - low[0]).min(high[1] - low[1]) / 2.0;
        let off = (wanted[0].unwrap_or(centre[0]) - centre[0]).hypot(wanted[1].unwrap_or(centre[1]) - centre[1]);
        if off > radius {
            checks.push(Check::fault(
                Subject::Settings,
                format!(
                    "the park position lies {off:.0} mm from the middle of the bed, but the head can go {radius:.0} mm only, \
                     so no frame is taken: choose a place within the circle"
                ),
            ));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok(Subject::Settings, "the park position is within the printer's limits"));
    }
    checks
}

/// The settings of the planner, read as the planner does.
fn scheme(klipper: &Klipper, settings: &Settings) -> Option<Check> {
    let orders =
        StandingOrders { program: PathBuf::new(), settings: settings.clone(), printer: klipper.printer.outline()? };
    let problem = orders.scheme().err()?;
    Some(Check::fault(Subject::Settings, format!("frames cannot be planned: {problem}")))
}

fn filament(klipper: &Klipper, settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    if settings.fw_retract {
        if !klipper.has("firmware_retraction") {
            checks.push(Check::warning(
                Subject::Settings,
                "fw_retract is on, but printer.cfg has no [firmware_retraction], so nothing is retracted for a frame: add the \
                 section, or switch fw_retract off",
            ));
        }
        return checks;
    }
    let (back, forth) = (settings.park_retract_distance, settings.park_extrude_distance);
    let most = klipper.number("extruder", "max_extrude_only_distance").unwrap_or(EXTRUDE_ONLY);
    if back.max(forth) > most {
        checks.push(Check::fault(
            Subject::Settings,
            format!(
                "park_retract_distance and park_extrude_distance must not be above max_extrude_only_distance of [extruder], \
                 which is {most} mm: Klipper would end the print"
            ),
        ));
    }
    if (back - forth).abs() > 0.001 {
        checks.push(Check::warning(
            Subject::Settings,
            format!(
                "each frame retracts {back} mm and extrudes {forth} mm: make park_retract_distance and park_extrude_distance \
                 equal, unless the print shows gaps"
            ),
        ));
    }
    checks
}
