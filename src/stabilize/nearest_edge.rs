//! Places along the edge of the bed, among which the planner finds the one with the least travel for a model.

use std::f64::consts::TAU;

use super::{Bed, Limits, Point};

/// How far from the edge, as a share of the bed: as Octolapse's presets, so that no endstop is touched.
const INSET: f64 = 0.01;

/// How many places are tried on a round bed, and at most on a rectangular one. A planner may keep one bit for each.
pub const EDGE_POINTS: usize = 64;

/// Places along the edge of the bed, evenly spread, all within the limits.
#[must_use]
pub fn edge_points(limits: &Limits) -> Vec<Point> {
    match limits.bed() {
        Bed::Rectangle { min, max } => {
            let (dx, dy) = ((max.x - min.x) * INSET, (max.y - min.y) * INSET);
            let (min, max) = (Point::new(min.x + dx, min.y + dy), Point::new(max.x - dx, max.y - dy));
            let per_side = EDGE_POINTS / 4;
            let along = |from: f64, to: f64, i: usize| (to - from).mul_add(i as f64 / per_side as f64, from);
            (0..per_side)
                .flat_map(|i| {
                    [
                        Point::new(along(min.x, max.x, i), min.y),
                        Point::new(max.x, along(min.y, max.y, i)),
                        Point::new(along(max.x, min.x, i), max.y),
                        Point::new(min.x, along(max.y, min.y, i)),
                    ]
                })
                .collect()
        }
        Bed::Round { centre, radius } => {
            let r = radius * (1.0 - 2.0 * INSET);
            (0..EDGE_POINTS)
                .map(|i| TAU * i as f64 / EDGE_POINTS as f64)
                .map(|a| Point::new(r.mul_add(a.cos(), centre.x), r.mul_add(a.sin(), centre.y)))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_distinct_and_inside(limits: &Limits) {
        let points = edge_points(limits);
        assert_eq!(points.len(), EDGE_POINTS);
        for (i, p) in points.iter().enumerate() {
            assert!(limits.contains(*p), "{p:?}");
            assert!(points[..i].iter().all(|q| q.distance(*p) > 1.0), "{p:?} twice");
        }
    }

    #[test]
    fn the_edge_of_a_rectangle_has_its_four_corners_and_sides() {
        let limits = Limits::new(Bed::Rectangle { min: Point::new(-5., 0.), max: Point::new(195., 300.) }, 0., 9.);
        let limits = limits.unwrap();
        all_distinct_and_inside(&limits);
        let points = edge_points(&limits);
        for corner in [(-3., 3.), (193., 3.), (193., 297.), (-3., 297.)] {
            assert!(points.iter().any(|p| p.distance(Point::new(corner.0, corner.1)) < 1e-9), "{corner:?}");
        }
    }

    #[test]
    fn the_edge_of_a_round_bed_is_a_circle() {
        let limits = Limits::new(Bed::Round { centre: Point::new(1., 2.), radius: 90. }, 0., 9.).unwrap();
        all_distinct_and_inside(&limits);
    }
}
