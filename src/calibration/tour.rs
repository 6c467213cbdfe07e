//! The moves: to and fro between two places, standing a different while each time.

use crate::printer::Travel;

/// Moves of a camera that sends frames fast.
const MOVES: usize = 17;
/// Moves where frames are far apart, so that it takes no minutes.
const FEW_MOVES: usize = 9;
/// Frames further apart than this are far apart, s.
const SLOW: f64 = 0.4;
/// As far as the head goes, mm; as a part of the axis where that is shorter.
const FAR: f64 = 80.0;
const PART: f64 = 0.4;
/// Shorter ways are hard to see, mm.
const LEAST: f64 = 20.0;
/// Kept from the ends of the axis, mm.
const MARGIN: f64 = 10.0;
/// The golden ratio's fraction: its multiples fall evenly, and never in step with a camera.
const GOLDEN: f64 = 0.618_033_988_75;

/// One of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "two places without a meaning of their own")]
pub enum Place {
    A,
    B,
}

/// The head stood still at a place, s on the clock of the frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stand {
    /// Where.
    pub place: Place,
    /// From when.
    pub from: f64,
    /// Until when; known where it then went on at once.
    pub until: Option<f64>,
}

/// One move and the stand after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Where to.
    pub place: Place,
    /// The same, mm in machine coordinates.
    pub x: f64,
    /// How long to stand there, s.
    pub dwell: f64,
}

/// All moves of a calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct Tour {
    /// X of the two places, mm.
    pub x: [f64; 2],
    /// mm/s
    pub speed: f64,
}

impl Tour {
    /// The tour for a printer: along X about where the head is, inside the limits.
    ///
    /// Only X moves: on most printers that is the head, and the way is free wherever the head stands high enough.
    #[must_use]
    pub fn for_printer(travel: &Travel, speed: f64) -> Option<Self> {
        let (low, high) = (travel.min[0] + MARGIN, travel.max[0] - MARGIN);
        // Written so that a limit that is no number is no limit to trust.
        let room = (high - low) * PART;
        if !(room >= LEAST && low.is_finite() && travel.position[0].is_finite()) {
            return None;
        }
        let far = FAR.min(room);
        let middle = travel.position[0].clamp(low + far / 2.0, high - far / 2.0);
        Some(Self { x: [middle - far / 2.0, middle + far / 2.0], speed })
    }

    /// The steps after the head has stood at A, for frames that come `interval` s apart. The last one ends at B.
    #[must_use]
    pub fn steps(&self, interval: f64) -> Vec<Step> {
        let moves = if interval > SLOW { FEW_MOVES } else { MOVES };
        let (least, more) = ((2.5 * interval).max(0.2), (3.0 * interval).max(0.2));
        (0..moves)
            .map(|i| {
                let place = if i % 2 == 0 { Place::B } else { Place::A };
                let x = match place {
                    Place::A => self.x[0],
                    Place::B => self.x[1],
                };
                Step { place, x, dwell: least + more * (i as f64 * GOLDEN).fract() }
            })
            .collect()
    }

    /// The longest stand in [`Tour::steps`], s: whoever sees no change for longer has seen the last move.
    #[must_use]
    pub fn longest_dwell(interval: f64) -> f64 {
        (2.5 * interval).max(0.2) + (3.0 * interval).max(0.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn travel(x: f64) -> Travel {
        Travel { homed: true, min: [0.0; 3], max: [235.0, 235.0, 250.0], position: [x, 100.0, 50.0] }
    }

    #[test]
    fn the_head_stays_inside_the_limits_wherever_it_is() {
        for x in [-5.0, 0.0, 50.0, 117.0, 234.0, 300.0] {
            let tour = Tour::for_printer(&travel(x), 150.0).unwrap();
            assert!(tour.x[0] >= 10.0 && tour.x[1] <= 225.0, "{tour:?}");
            assert!((tour.x[1] - tour.x[0] - 80.0).abs() < 1e-9);
            assert!(tour.steps(0.03).iter().all(|step| tour.x.contains(&step.x)));
        }
    }

    #[test]
    fn an_axis_that_is_too_short_or_unknown_is_not_moved() {
        let short = Travel { max: [60.0, 60.0, 60.0], ..travel(30.0) };
        assert_eq!(Tour::for_printer(&short, 150.0), None);
        let unknown = Travel { max: [f64::NAN; 3], ..travel(30.0) };
        assert_eq!(Tour::for_printer(&unknown, 150.0), None);
    }

    #[test]
    fn the_tour_ends_at_b_and_no_two_stands_are_alike() {
        for interval in [0.033, 0.1, 1.0] {
            let steps = Tour { x: [10.0, 90.0], speed: 150.0 }.steps(interval);
            assert_eq!(steps.last().unwrap().place, Place::B);
            let longest = Tour::longest_dwell(interval);
            assert!(steps.iter().all(|step| step.dwell >= 2.5 * interval && step.dwell <= longest));
            let mut dwells: Vec<i64> = steps.iter().map(|step| (step.dwell * 1e6) as i64).collect();
            dwells.sort_unstable();
            dwells.dedup();
            assert_eq!(dwells.len(), steps.len());
        }
    }
}
