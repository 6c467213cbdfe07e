//! Rectangles and circles on the bed, and where a straight move meets their outline.

use serde::{Deserialize, Serialize};

use crate::stabilize::Point;

/// An area of the bed, mm. Its border belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Between two opposite corners.
    Rectangle {
        /// Smallest x and y.
        min: Point,
        /// Largest x and y.
        max: Point,
    },
    /// Around a middle.
    Circle {
        /// The middle.
        centre: Point,
        /// Its radius.
        radius: f64,
    },
}

/// As Octolapse: a circle's border is met within this much of its squared radius.
const CIRCLE_TOLERANCE: f64 = 1e-7;

impl Shape {
    /// Whether `p` lies inside or on the border.
    #[must_use]
    pub fn contains(&self, p: Point) -> bool {
        match *self {
            Self::Rectangle { min, max } => (min.x..=max.x).contains(&p.x) && (min.y..=max.y).contains(&p.y),
            Self::Circle { centre, radius } => {
                let (dx, dy) = (p.x - centre.x, p.y - centre.y);
                dx.mul_add(dx, dy * dy) <= radius.mul_add(radius, CIRCLE_TOLERANCE)
            }
        }
    }

    /// Where the straight way from `a` to `b` meets the outline, in the order of the way; none when it stays inside or
    /// outside.
    #[must_use]
    pub fn intersections(&self, a: Point, b: Point) -> Vec<Point> {
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let mut at: Vec<f64> = match *self {
            Self::Rectangle { min, max } => {
                let on_sides = [(min.x, a.x, dx), (max.x, a.x, dx), (min.y, a.y, dy), (max.y, a.y, dy)];
                on_sides.iter().filter(|(_, _, d)| *d != 0.0).map(|(side, from, d)| (side - from) / d).collect()
            }
            Self::Circle { centre, radius } => {
                let (fx, fy) = (a.x - centre.x, a.y - centre.y);
                let (qa, qb) = (dx.mul_add(dx, dy * dy), 2.0 * fx.mul_add(dx, fy * dy));
                let qc = fx.mul_add(fx, fy * fy) - radius * radius;
                // A tangent's discriminant is zero but for rounding, which must not lose or double its one point.
                let discriminant = qb.mul_add(qb, -4.0 * qa * qc);
                if qa == 0.0 || discriminant < -CIRCLE_TOLERANCE {
                    vec![]
                } else {
                    let root = discriminant.max(0.0).sqrt();
                    vec![(-qb - root) / (2.0 * qa), (-qb + root) / (2.0 * qa)]
                }
            }
        };
        at.retain(|t| (0.0..=1.0).contains(t));
        at.sort_by(f64::total_cmp);
        let mut points: Vec<Point> = at.iter().map(|t| Point::new(t.mul_add(dx, a.x), t.mul_add(dy, a.y))).collect();
        if let Self::Rectangle { min, max } = *self {
            // The line through a side also meets the outline's extension.
            const NEAR: f64 = 1e-9;
            let grown = |p: &Point| {
                (min.x - NEAR..=max.x + NEAR).contains(&p.x) && (min.y - NEAR..=max.y + NEAR).contains(&p.y)
            };
            points.retain(grown);
        }
        points.dedup_by(|p, q| p.distance(*q) < 1e-6);
        points
    }

    /// Whether the straight way from `a` to `b` touches the area anywhere.
    #[must_use]
    pub fn is_crossed(&self, a: Point, b: Point) -> bool {
        self.contains(a) || self.contains(b) || !self.intersections(a, b).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x1: f64, y1: f64, x2: f64, y2: f64) -> Shape {
        Shape::Rectangle { min: Point::new(x1, y1), max: Point::new(x2, y2) }
    }

    fn circle(x: f64, y: f64, radius: f64) -> Shape {
        Shape::Circle { centre: Point::new(x, y), radius }
    }

    fn meets(shape: Shape, from: (f64, f64), to: (f64, f64)) -> Vec<(f64, f64)> {
        let points = shape.intersections(Point::new(from.0, from.1), Point::new(to.0, to.1));
        points.iter().map(|p| ((p.x * 1e6).round() / 1e6, (p.y * 1e6).round() / 1e6)).collect()
    }

    // IN01 to IN04 of Octolapse.
    #[test]
    fn a_line_through_the_middle_of_a_circle_meets_it_twice() {
        assert_eq!(meets(circle(0., 0., 5.), (-15., 0.), (15., 0.)), [(-5., 0.), (5., 0.)]);
    }

    #[test]
    fn a_tangent_meets_a_circle_once() {
        assert_eq!(meets(circle(0., 0., 5.), (-15., 5.), (15., 5.)), [(0., 5.)]);
    }

    #[test]
    fn a_line_across_a_rectangle_meets_two_sides() {
        assert_eq!(meets(rect(10., 5., 15., 10.), (8., 10.), (15., 3.)), [(10., 8.), (13., 5.)]);
    }

    #[test]
    fn a_line_inside_meets_nothing() {
        assert_eq!(meets(rect(10., 5., 15., 10.), (13., 7.), (12., 7.)), []);
        assert_eq!(meets(circle(0., 0., 5.), (-1., 0.), (1., 0.)), []);
    }

    #[test]
    fn both_points_of_any_chord_are_found() {
        // Octolapse finds one of the two here.
        let found = meets(circle(1., 2., 5.), (-10., -3.), (12., 6.));
        assert_eq!(found.len(), 2, "{found:?}");
        for (x, y) in found {
            assert!((Point::new(x, y).distance(Point::new(1., 2.)) - 5.).abs() < 1e-5);
        }
    }

    #[test]
    fn a_corner_is_met_once() {
        assert_eq!(meets(rect(0., 0., 1., 1.), (-1., 1.), (1., -1.)), [(0., 0.)]);
    }
}
