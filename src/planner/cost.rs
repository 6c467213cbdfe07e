//! What a frame costs: travel, retractions, seconds.

use serde::Serialize;

use super::motion::{Machine, trapezoid};
use super::options::FrameMoves;
use super::spot::Spot;
use crate::stabilize::Point;

/// Speed to the park position where neither the settings nor the file say one, mm/s.
const USUAL_TRAVEL: f64 = 150.0;

/// What one frame costs beyond the print itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Extra way of the head, mm.
    pub travel_mm: f64,
    /// Retractions that the file does not make itself.
    pub retractions: u32,
    /// Extra time, s.
    pub seconds: f64,
}

/// Knows how fast a frame's moves are.
#[derive(Clone, Copy, Debug)]
pub(super) struct CostModel {
    machine: Machine,
    moves: FrameMoves,
    speed: f64,
}

impl CostModel {
    /// `file_travel`: the slicer's travel speed, mm/s.
    pub(super) fn new(machine: Machine, moves: FrameMoves, file_travel: Option<f64>) -> Self {
        let speed = moves.speed.or(file_travel.filter(|s| *s > 0.0)).unwrap_or(USUAL_TRAVEL).min(machine.max_velocity);
        Self { machine, moves, speed }
    }

    /// The cost of a frame in `spot` at `park`, `rise` mm above where the head is.
    pub(super) fn of(&self, spot: &Spot, park: Point, rise: f64) -> Cost {
        let at = spot.at();
        let there = at.distance(park);
        if there < 1e-3 && spot.retracted && rise <= 0.0 {
            return Cost { seconds: self.moves.hold, ..Cost::default() };
        }
        let way = |mm: f64, speed: f64| trapezoid(mm, speed, self.machine.max_accel);
        let mut seconds = way(there, self.speed) + self.moves.hold;
        seconds += match spot.next() {
            None => way(there, self.speed),
            Some(next) => {
                let speed = f64::from(spot.speed).clamp(1.0, self.machine.max_velocity).max(self.speed);
                way(park.distance(next), speed) - way(at.distance(next), speed)
            }
        };
        let rise = rise.max(self.moves.z_lift);
        if rise > 0.0 {
            seconds += 2.0 * trapezoid(rise, self.machine.max_z_velocity, self.machine.max_z_accel);
        }
        if !spot.retracted {
            seconds += 2.0 * way(self.moves.retract, self.moves.retract_speed);
        }
        Cost { travel_mm: spot.detour(park), retractions: u32::from(!spot.retracted), seconds: seconds.max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::extruder::ExtruderStates;
    use crate::planner::candidate::{Kind, Place};

    fn model() -> CostModel {
        let moves = FrameMoves { hold: 0.1, retract: 1.0, retract_speed: 50.0, ..FrameMoves::default() };
        let machine = Machine { max_accel: 1000.0, max_z_velocity: 10.0, max_z_accel: 100.0, ..Machine::default() };
        CostModel::new(machine, moves, Some(100.0))
    }

    fn spot(retracted: bool, next: Option<Point>) -> Spot {
        Spot::new(
            &Place {
                from: 1,
                to: 1,
                follows: None,
                kind: if retracted { Kind::RetractedTravel } else { Kind::Travel },
                feature: None,
                at: Point::new(100., 0.),
                z: 1.0,
                time: 0.0,
                began: 0.0,
                retracted,
                lifted: false,
                below: false,
                object: None,
                states: ExtruderStates::EMPTY,
                speed: 100.0,
                next,
            },
            0.0,
        )
    }

    #[test]
    fn there_and_back_costs_both_ways_and_the_hold() {
        let cost = model().of(&spot(true, None), Point::new(0., 0.), 0.0);
        assert_eq!((cost.travel_mm, cost.retractions), (200.0, 0));
        assert!((cost.seconds - (1.1 + 0.1 + 1.1)).abs() < 1e-9, "{cost:?}");
    }

    #[test]
    fn going_on_costs_only_the_detour() {
        let on_the_way = model().of(&spot(true, Some(Point::new(-100., 0.))), Point::new(0., 0.), 0.0);
        assert!(on_the_way.travel_mm.abs() < 1e-3, "{on_the_way:?}");
        // The stop on the way, and the hold.
        assert!((on_the_way.seconds - (0.1 + 0.1)).abs() < 1e-3, "{on_the_way:?}");
    }

    #[test]
    fn own_retractions_and_rising_cost_time() {
        let plain = model().of(&spot(true, None), Point::new(0., 0.), 0.0).seconds;
        let retracting = model().of(&spot(false, None), Point::new(0., 0.), 0.0);
        assert_eq!(retracting.retractions, 1);
        assert!((retracting.seconds - plain - 2.0 * trapezoid(1., 50., 1000.)).abs() < 1e-9);
        let rising = model().of(&spot(true, None), Point::new(0., 0.), 10.0).seconds;
        assert!((rising - plain - 2.0 * trapezoid(10., 10., 100.)).abs() < 1e-9);
    }
}
