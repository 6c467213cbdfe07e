//! What one axis does from frame to frame, and both together.

use serde::Serialize;

use super::{Limits, Path, Point};

/// Where the head stands on one axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Where the print left it.
    Disabled,
    /// At this coordinate, mm.
    Fixed(f64),
    /// At these coordinates, mm, one a frame.
    FixedPath(Path),
    /// At this share of the axis' range, per cent.
    Relative(f64),
    /// At these shares of the axis' range, per cent, one a frame.
    RelativePath(Path),
}

impl Axis {
    /// The coordinate in frame `frame` of an axis that reaches from `min` to `max`; `None` leaves it where it is.
    #[must_use]
    pub fn at(&self, frame: usize, min: f64, max: f64) -> Option<f64> {
        let share = |percent: f64| (max - min).mul_add(percent / 100.0, min);
        match self {
            Self::Disabled => None,
            Self::Fixed(mm) => Some(*mm),
            Self::FixedPath(path) => Some(path.at(frame)),
            Self::Relative(percent) => Some(share(*percent)),
            Self::RelativePath(path) => Some(share(path.at(frame))),
        }
    }
}

/// Where the head stands in each frame of a film.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stabilization {
    /// Left and right.
    pub x: Axis,
    /// Front and back.
    pub y: Axis,
}

impl Stabilization {
    /// Leaves the head where the print has it.
    pub const NONE: Self = Self { x: Axis::Disabled, y: Axis::Disabled };

    /// The same place in every frame, mm.
    #[must_use]
    pub const fn fixed(p: Point) -> Self {
        Self { x: Axis::Fixed(p.x), y: Axis::Fixed(p.y) }
    }

    /// The same place in every frame, in per cent of the bed.
    #[must_use]
    pub const fn relative(x: f64, y: f64) -> Self {
        Self { x: Axis::Relative(x), y: Axis::Relative(y) }
    }

    /// Whether neither axis is ever moved.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether both axes are moved, so that the target does not depend on where the head is.
    #[must_use]
    pub fn moves_both(&self) -> bool {
        self.x != Axis::Disabled && self.y != Axis::Disabled
    }

    /// Where the head goes for frame `frame` (from zero) from `here`, within the printer's limits.
    ///
    /// An axis that is not stabilised keeps its coordinate, even where clamping the other one to a round bed would
    /// rather move both.
    #[must_use]
    pub fn target(&self, frame: usize, here: Point, limits: &Limits) -> Point {
        let (min, max) = limits.bounds();
        match (self.x.at(frame, min.x, max.x), self.y.at(frame, min.y, max.y)) {
            (None, None) => here,
            (Some(x), None) => limits.clamp_x(Point::new(x, here.y)),
            (None, Some(y)) => limits.clamp_y(Point::new(here.x, y)),
            (Some(x), Some(y)) => limits.clamp(Point::new(x, y)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stabilize::{Bed, Repeat};

    /// The bed of Octolapse's tests.
    fn limits() -> Limits {
        Limits::new(Bed::Rectangle { min: Point::new(0., 0.), max: Point::new(250., 200.) }, 0., 200.).unwrap()
    }

    #[test]
    fn relative_coordinates_span_the_bed() {
        // Octolapse's ST04.
        let s = Stabilization::relative(0., 100.);
        assert_eq!(s.target(0, Point::new(5., 5.), &limits()), Point::new(0., 200.));
    }

    #[test]
    fn relative_coordinates_respect_an_origin_elsewhere() {
        let limits = Limits::new(Bed::Round { centre: Point::new(0., 0.), radius: 100. }, 0., 200.).unwrap();
        let centre = Stabilization::relative(50., 50.).target(0, Point::new(5., 5.), &limits);
        assert_eq!(centre, Point::new(0., 0.));
    }

    #[test]
    fn fixed_coordinates_are_held_inside_the_volume() {
        // Octolapse's ST05.
        let s = Stabilization::fixed(Point::new(-10., 900.));
        assert_eq!(s.target(0, Point::new(5., 5.), &limits()), Point::new(0., 200.));
    }

    #[test]
    fn paths_of_both_axes_run_in_step() {
        // Octolapse's ST03.
        let path = |points: [f64; 6]| Axis::FixedPath(Path::new(points.to_vec(), Repeat::PingPong).unwrap());
        let s = Stabilization { x: path([0., 1., 2., 3., 4., 5.]), y: path([5., 4., 3., 2., 1., 0.]) };
        let got: Vec<_> = (0..12).map(|i| s.target(i, Point::default(), &limits())).map(|p| (p.x, p.y)).collect();
        let there = [(0., 5.), (1., 4.), (2., 3.), (3., 2.), (4., 1.), (5., 0.)];
        let back = [(4., 1.), (3., 2.), (2., 3.), (1., 4.), (0., 5.), (1., 4.)];
        assert_eq!(got, [there, back].concat());
    }

    #[test]
    fn a_disabled_axis_stays_where_the_print_left_it() {
        let x_only = Stabilization { x: Axis::Fixed(10.), y: Axis::Disabled };
        assert_eq!(x_only.target(3, Point::new(99., 42.), &limits()), Point::new(10., 42.));
        assert_eq!(Stabilization::NONE.target(3, Point::new(99., 42.), &limits()), Point::new(99., 42.));
    }
}
