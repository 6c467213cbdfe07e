//! What the printer can reach.

use serde::{Deserialize, Serialize};

use super::Point;

/// The shape that the head can reach, seen from above.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bed {
    /// From one corner to the opposite one; Klipper's `axis_minimum` and `axis_maximum`.
    Rectangle {
        /// Smallest x and y.
        min: Point,
        /// Largest x and y.
        max: Point,
    },
    /// A delta's or polar printer's circle.
    Round {
        /// The middle, mostly 0, 0.
        centre: Point,
        /// Its radius, mm.
        radius: f64,
    },
}

/// The printer's limits, mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    bed: Bed,
    z_min: f64,
    z_max: f64,
}

/// Why limits make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// A number is infinite or not a number.
    #[error("a limit of the printer is not a finite number")]
    NotFinite,
    /// A smallest value is above the largest one, or a radius is negative.
    #[error("a limit of the printer has its smallest value above its largest one")]
    Reversed,
}

impl Limits {
    /// The limits of a printer that reaches `bed`, between `z_min` and `z_max`.
    ///
    /// # Errors
    /// When a number is not finite, or a minimum lies above its maximum.
    pub fn new(bed: Bed, z_min: f64, z_max: f64) -> Result<Self, LimitError> {
        let (numbers, ordered) = match bed {
            Bed::Rectangle { min, max } => ([min.x, min.y, max.x, max.y], min.x <= max.x && min.y <= max.y),
            Bed::Round { centre, radius } => ([centre.x, centre.y, radius, 0.0], radius >= 0.0),
        };
        if !numbers.iter().chain([&z_min, &z_max]).all(|n| n.is_finite()) {
            return Err(LimitError::NotFinite);
        }
        if !ordered || z_min > z_max {
            return Err(LimitError::Reversed);
        }
        Ok(Self { bed, z_min, z_max })
    }

    /// The shape of the bed.
    #[must_use]
    pub fn bed(&self) -> Bed {
        self.bed
    }

    /// The highest z, mm.
    #[must_use]
    pub fn z_max(&self) -> f64 {
        self.z_max
    }

    /// The smallest rectangle around the bed: its lower left and upper right corner.
    #[must_use]
    pub fn bounds(&self) -> (Point, Point) {
        match self.bed {
            Bed::Rectangle { min, max } => (min, max),
            Bed::Round { centre: c, radius: r } => (Point::new(c.x - r, c.y - r), Point::new(c.x + r, c.y + r)),
        }
    }

    /// The reachable height nearest to `z`.
    #[must_use]
    pub fn clamp_z(&self, z: f64) -> f64 {
        z.clamp(self.z_min, self.z_max)
    }

    /// The reachable place nearest to `p`.
    #[must_use]
    pub fn clamp(&self, p: Point) -> Point {
        match self.bed {
            Bed::Rectangle { min, max } => Point::new(p.x.clamp(min.x, max.x), p.y.clamp(min.y, max.y)),
            Bed::Round { centre, radius } => {
                let d = centre.distance(p);
                if d <= radius {
                    return p;
                }
                let k = radius / d;
                Point::new((p.x - centre.x).mul_add(k, centre.x), (p.y - centre.y).mul_add(k, centre.y))
            }
        }
    }

    /// The reachable place nearest to `p` with the same y: for a stabilisation that moves only x.
    #[must_use]
    pub fn clamp_x(&self, p: Point) -> Point {
        match self.bed {
            Bed::Rectangle { min, max } => Point::new(p.x.clamp(min.x, max.x), p.y),
            Bed::Round { centre, radius } => {
                let half = half_chord(radius, p.y - centre.y);
                Point::new(p.x.clamp(centre.x - half, centre.x + half), p.y)
            }
        }
    }

    /// The reachable place nearest to `p` with the same x: for a stabilisation that moves only y.
    #[must_use]
    pub fn clamp_y(&self, p: Point) -> Point {
        match self.bed {
            Bed::Rectangle { min, max } => Point::new(p.x, p.y.clamp(min.y, max.y)),
            Bed::Round { centre, radius } => {
                let half = half_chord(radius, p.x - centre.x);
                Point::new(p.x, p.y.clamp(centre.y - half, centre.y + half))
            }
        }
    }

    /// Whether the head can stand at `p`, with a tolerance of a micrometre.
    #[must_use]
    pub fn contains(&self, p: Point) -> bool {
        const TOLERANCE: f64 = 1e-3;
        self.clamp(p).distance(p) <= TOLERANCE
    }
}

/// Half the length of the chord of a circle at distance `d` from its middle.
fn half_chord(radius: f64, d: f64) -> f64 {
    d.mul_add(-d, radius * radius).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn square() -> Limits {
        Limits::new(Bed::Rectangle { min: Point::new(0., 0.), max: Point::new(250., 200.) }, 0., 200.).unwrap()
    }

    fn delta() -> Limits {
        Limits::new(Bed::Round { centre: Point::new(0., 0.), radius: 100. }, -2., 250.).unwrap()
    }

    #[test]
    fn outside_a_rectangle_goes_to_its_border() {
        assert_eq!(square().clamp(Point::new(-10., 900.)), Point::new(0., 200.));
    }

    #[test]
    fn outside_a_circle_goes_to_the_border_towards_the_middle() {
        let p = delta().clamp(Point::new(300., 400.));
        assert!(p.distance(Point::new(60., 80.)) < 1e-9, "{p:?}");
    }

    #[test]
    fn one_axis_alone_keeps_the_other_on_a_circle() {
        let p = delta().clamp_x(Point::new(-500., 60.));
        assert!(p.distance(Point::new(-80., 60.)) < 1e-9, "{p:?}");
    }

    #[test]
    fn height_is_held_between_its_limits() {
        assert_eq!((delta().clamp_z(-9.), delta().clamp_z(999.)), (-2., 250.));
    }

    #[test]
    fn senseless_limits_are_refused() {
        let bed = Bed::Round { centre: Point::default(), radius: f64::INFINITY };
        assert_eq!(Limits::new(bed, 0., 1.), Err(LimitError::NotFinite));
        let bed = Bed::Rectangle { min: Point::new(5., 0.), max: Point::new(1., 9.) };
        assert_eq!(Limits::new(bed, 0., 1.), Err(LimitError::Reversed));
    }

    proptest! {
        #[test]
        fn clamped_places_are_inside(x in -1e6..1e6f64, y in -1e6..1e6f64, r in 0.0..500f64) {
            let round = Limits::new(Bed::Round { centre: Point::new(3., -7.), radius: r }, 0., 1.).unwrap();
            let p = Point::new(x, y);
            prop_assert!(round.contains(round.clamp(p)));
            prop_assert!(square().contains(square().clamp(p)));
            let inside_in_y = Point::new(x, square().clamp(p).y);
            prop_assert!(square().contains(square().clamp_x(inside_in_y)));
        }
    }
}
