//! G2 and G3: centre, sweep, true length and bounding box. Klipper's `gcode_arcs`, and the R form besides.

use std::f64::consts::{PI, TAU};

use super::TOLERANCE;
use super::line::{MoveCode, Words};
use super::state::{Axis, Plane};

/// An arc or a helix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arc {
    /// The plane of the circle.
    pub plane: Plane,
    /// Centre in that plane, mm.
    pub center: [f64; 2],
    /// mm.
    pub radius: f64,
    /// Angle of the start as seen from the centre, radians.
    pub start: f64,
    /// Angle swept, radians; positive counter-clockwise.
    pub sweep: f64,
    /// Coordinates of the start and the end along the axis of a helix, mm.
    pub axial: [f64; 2],
}

impl Plane {
    /// The two axes of the circle, and the third.
    const fn axes(self) -> [Axis; 3] {
        match self {
            Self::Xy => [Axis::X, Axis::Y, Axis::Z],
            Self::Xz => [Axis::X, Axis::Z, Axis::Y],
            Self::Yz => [Axis::Y, Axis::Z, Axis::X],
        }
    }
}

impl Arc {
    /// The arc from `from` to `to` (mm). `None` without a centre or a fitting radius: Klipper refuses such a line.
    #[must_use]
    pub(super) fn new(
        code: MoveCode,
        words: &Words,
        unit: f64,
        plane: Plane,
        from: [f64; 3],
        to: [f64; 3],
    ) -> Option<Self> {
        let clockwise = code == MoveCode::G2;
        let [first, second, third] = plane.axes().map(|axis| axis as usize);
        let start = [from[first], from[second]];
        let end = [to[first], to[second]];
        let letters = match plane {
            Plane::Xy => [b'I', b'J'],
            Plane::Xz => [b'I', b'K'],
            Plane::Yz => [b'J', b'K'],
        };
        let [i, j] = letters.map(|letter| words.get(letter).unwrap_or(0.0) * unit);
        let center = match words.get(b'R') {
            Some(radius) => center_by_radius(start, end, radius * unit, clockwise)?,
            None if i != 0.0 || j != 0.0 => [start[0] + i, start[1] + j],
            None => return None,
        };
        let [from_center, to_center] = [start, end].map(|point| [point[0] - center[0], point[1] - center[1]]);
        let cross = from_center[0] * to_center[1] - from_center[1] * to_center[0];
        let dot = from_center[0] * to_center[0] + from_center[1] * to_center[1];
        let mut sweep = cross.atan2(dot);
        if sweep < 0.0 {
            sweep += TAU;
        }
        if clockwise {
            sweep -= TAU;
        }
        if sweep == 0.0 && start == end {
            sweep = TAU;
        }
        let arc = Self {
            plane,
            center,
            radius: from_center[0].hypot(from_center[1]),
            start: from_center[1].atan2(from_center[0]),
            sweep,
            axial: [from[third], to[third]],
        };
        (arc.radius.is_finite() && arc.sweep.is_finite()).then_some(arc)
    }

    /// Length of the path, mm.
    #[must_use]
    pub fn length(&self) -> f64 {
        (self.radius * self.sweep).hypot(self.axial[1] - self.axial[0])
    }

    /// The point after `part` (0 to 1) of the path: X, Y, Z, mm.
    #[must_use]
    pub fn point(&self, part: f64) -> [f64; 3] {
        let angle = self.start + self.sweep * part;
        self.assemble(
            self.center[0] + self.radius * angle.cos(),
            self.center[1] + self.radius * angle.sin(),
            self.axial[0] + (self.axial[1] - self.axial[0]) * part,
        )
    }

    /// The smallest box around the path: lowest and highest X, Y, Z, mm.
    #[must_use]
    pub fn bounds(&self) -> [[f64; 3]; 2] {
        let mut low = self.point(0.0);
        let mut high = low;
        let mut include = |point: [f64; 3]| {
            for axis in 0..3 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        };
        include(self.point(1.0));
        // The start lies within half a turn of 0, the end within a turn of the start.
        for quarter in -6..=6 {
            let angle = f64::from(quarter) * PI / 2.0;
            // Where on the path the circle touches the box, as a part of the sweep.
            let part = (angle - self.start) / self.sweep;
            if (0.0..=1.0).contains(&part) {
                include(self.point(part));
            }
        }
        [low, high]
    }

    fn assemble(&self, first: f64, second: f64, third: f64) -> [f64; 3] {
        let mut point = [0.0; 3];
        for (axis, value) in self.plane.axes().into_iter().zip([first, second, third]) {
            point[axis as usize] = value;
        }
        point
    }
}

/// The centre for an R word: the shorter way round, the longer one for a negative radius.
fn center_by_radius(start: [f64; 2], end: [f64; 2], radius: f64, clockwise: bool) -> Option<[f64; 2]> {
    let [dx, dy] = [end[0] - start[0], end[1] - start[1]];
    let chord = dx.hypot(dy);
    if chord < TOLERANCE {
        return None;
    }
    let half = chord / 2.0;
    let height_squared = radius * radius - half * half;
    if height_squared < -TOLERANCE {
        return None;
    }
    let height = height_squared.max(0.0).sqrt();
    // The centre lies left of the chord for a short counter-clockwise arc.
    let side = if clockwise == (radius < 0.0) { height } else { -height };
    Some([start[0] + dx / 2.0 - dy / chord * side, start[1] + dy / 2.0 + dx / chord * side])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gcode::line::Command;
    use crate::gcode::parse::Parser;

    fn arc(line: &str, plane: Plane, from: [f64; 3], to: [f64; 3]) -> Option<Arc> {
        let mut parser = Parser::default();
        let Command::Move { code, words } = parser.parse(line.as_bytes()).command else { panic!("{line}") };
        Arc::new(code, words, 1.0, plane, from, to)
    }

    fn near(a: [f64; 3], b: [f64; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    #[test]
    fn a_half_circle_has_its_true_length_and_box() {
        let arc = arc("G2 X20 Y10 I5 J0", Plane::Xy, [10.0, 10.0, 0.2], [20.0, 10.0, 0.2]).unwrap();
        assert!((arc.length() - 5.0 * PI).abs() < 1e-9);
        let [low, high] = arc.bounds();
        assert!(near(low, [10.0, 10.0, 0.2]) && near(high, [20.0, 15.0, 0.2]), "{low:?} {high:?}");
        assert!(near(arc.point(0.5), [15.0, 15.0, 0.2]));
    }

    #[test]
    fn start_and_end_in_one_place_are_a_full_circle() {
        let arc = arc("G3 I3 J4", Plane::Xy, [0.0; 3], [0.0, 0.0, 2.0]).unwrap();
        assert!((arc.length() - (10.0 * PI).hypot(2.0)).abs() < 1e-9);
        let [low, high] = arc.bounds();
        assert!(near(low, [-2.0, -1.0, 0.0]) && near(high, [8.0, 9.0, 2.0]), "{low:?} {high:?}");
    }

    #[test]
    fn a_radius_gives_the_shorter_arc_and_a_negative_one_the_longer() {
        let short = arc("G3 X1 Y1 R1", Plane::Xy, [0.0; 3], [1.0, 1.0, 0.0]).unwrap();
        assert!((short.length() - PI / 2.0).abs() < 1e-9, "{short:?}");
        let long = arc("G3 X1 Y1 R-1", Plane::Xy, [0.0; 3], [1.0, 1.0, 0.0]).unwrap();
        assert!((long.length() - 1.5 * PI).abs() < 1e-9, "{long:?}");
        assert_eq!(arc("G3 X9 Y9 R1", Plane::Xy, [0.0; 3], [9.0, 9.0, 0.0]), None);
        assert_eq!(arc("G3 X9 Y9", Plane::Xy, [0.0; 3], [9.0, 9.0, 0.0]), None);
    }

    #[test]
    fn other_planes_use_their_own_offsets() {
        let arc = arc("G2 X10 Z0 I5 K0 J3", Plane::Xz, [0.0, 7.0, 0.0], [10.0, 7.0, 0.0]).unwrap();
        assert!(near(arc.point(0.5), [5.0, 7.0, 5.0]), "{:?}", arc.point(0.5));
    }

    proptest! {
        #[test]
        fn every_point_lies_in_the_box_and_the_ends_are_met(
            radius in 0.1..100.0f64, start in 0.0..TAU, sweep in 0.01..6.2f64, clockwise: bool, rise in -1.0..1.0f64,
        ) {
            let sweep = if clockwise { -sweep } else { sweep };
            let at = |angle: f64, z: f64| [radius * angle.cos(), radius * angle.sin(), z];
            let (from, to) = (at(start, 0.0), at(start + sweep, rise));
            let code = if clockwise { "G2" } else { "G3" };
            let line = format!("{code} I{:.12} J{:.12}", -from[0], -from[1]);
            let arc = arc(&line, Plane::Xy, from, to).unwrap();
            let [low, high] = arc.bounds();
            for step in 0..=100 {
                let point = arc.point(f64::from(step) / 100.0);
                for axis in 0..3 {
                    prop_assert!((low[axis] - 1e-9..=high[axis] + 1e-9).contains(&point[axis]));
                }
            }
            for (point, expected) in [(arc.point(0.0), from), (arc.point(1.0), to)] {
                prop_assert!(point.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{point:?} {expected:?}");
            }
        }
    }
}
