//! How high the print stands, so that the head never runs into what is finished.
//!
//! A coarse map of the bed holds for each cell the highest z that was extruded there. While a print grows evenly nothing
//! stands above the nozzle. With objects printed one after another the finished ones do, and the same holds for any
//! other file that goes down again (a wipe tower without sparse layers, say), so nothing has to be recognised.

use crate::stabilize::{Limits, Point};

/// Cells along each axis.
const CELLS: usize = 64;

/// What stands this much above the nozzle, mm, is an obstacle; less is rounding.
const ABOVE: f32 = 0.02;

/// A row of neighbouring cells with something tall in them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    min: Point,
    max: Point,
}

/// The height of the print, cell by cell.
#[derive(Clone, Debug)]
pub(super) struct HeightMap {
    origin: Point,
    cell: Point,
    /// Cells per mm.
    per_mm: Point,
    /// Where the last move ended.
    last: (Point, (usize, usize)),
    heights: Vec<f32>,
    tallest: f32,
}

impl HeightMap {
    /// An empty bed.
    pub(super) fn new(limits: &Limits) -> Self {
        let (min, max) = limits.bounds();
        let size = |from: f64, to: f64| ((to - from) / CELLS as f64).max(0.5);
        let cell = Point::new(size(min.x, max.x), size(min.y, max.y));
        let per_mm = Point::new(1.0 / cell.x, 1.0 / cell.y);
        let last = (Point::new(f64::NAN, f64::NAN), (0, 0));
        Self {
            last,
            origin: min,
            cell,
            per_mm,
            heights: vec![f32::NEG_INFINITY; CELLS * CELLS],
            tallest: f32::NEG_INFINITY,
        }
    }

    /// A place in cells.
    #[inline]
    fn in_cells(&self, p: Point) -> (f64, f64) {
        ((p.x - self.origin.x) * self.per_mm.x, (p.y - self.origin.y) * self.per_mm.y)
    }

    /// Notes plastic from `a` to `b` at height `z`.
    #[inline]
    pub(super) fn extrude(&mut self, a: Point, b: Point, z: f64) {
        let z = z as f32;
        // Mostly a move begins where the last one ended.
        let from = if a == self.last.0 { self.last.1 } else { index(self.in_cells(a)) };
        let to = index(self.in_cells(b));
        self.last = (b, to);
        self.raise(to, z);
        if from != to {
            self.extrude_across(a, b, z, from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)));
        }
    }

    /// The cells on a way, in `steps`: one for each cell along its longer side, so that neighbours touch at least at a
    /// corner.
    fn extrude_across(&mut self, a: Point, b: Point, z: f32, steps: usize) {
        let (mut x, mut y) = self.in_cells(a);
        let (to_x, to_y) = self.in_cells(b);
        let step = 1.0 / steps as f64;
        let (dx, dy) = ((to_x - x) * step, (to_y - y) * step);
        for _ in 0..steps {
            self.raise(index((x, y)), z);
            x += dx;
            y += dy;
        }
    }

    fn raise(&mut self, (x, y): (usize, usize), z: f32) {
        let height = &mut self.heights[y * CELLS + x];
        if z > *height {
            *height = z;
            self.tallest = self.tallest.max(z);
        }
    }

    /// The highest point of the print so far, mm.
    pub(super) fn tallest(&self) -> Option<f64> {
        self.tallest.is_finite().then_some(f64::from(self.tallest))
    }

    /// What stands above a nozzle at height `z`; `clearance` is what the head needs around it, mm.
    pub(super) fn above(&self, z: f64, clearance: f64) -> Obstacles {
        let level = z as f32 + ABOVE;
        let mut blocks = Vec::new();
        if self.tallest > level {
            for (y, row) in self.heights.chunks_exact(CELLS).enumerate() {
                let mut x = 0;
                while x < CELLS {
                    let tall = row[x..].iter().take_while(|h| **h > level).count();
                    if tall > 0 {
                        let corner = |x: usize, y: usize| {
                            let (x, y) = (x as f64, y as f64);
                            Point::new(self.cell.x.mul_add(x, self.origin.x), self.cell.y.mul_add(y, self.origin.y))
                        };
                        blocks.push(Block { min: corner(x, y), max: corner(x + tall, y + 1) });
                    }
                    x += tall.max(1);
                }
            }
        }
        Obstacles { blocks, clearance }
    }
}

/// The cell of a place given in cells; what is outside counts for the border.
#[inline]
fn index((x, y): (f64, f64)) -> (usize, usize) {
    // Conversions to i32 are faster than to usize; out of range they saturate.
    let cell = |n: f64| (n as i32).clamp(0, CELLS as i32 - 1) as usize;
    (cell(x), cell(y))
}

/// What the head must go around or over at one height.
#[derive(Clone, Debug, Default)]
pub(super) struct Obstacles {
    blocks: Vec<Block>,
    clearance: f64,
}

impl Obstacles {
    /// Whether there is none.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Whether the head may go straight from `here`, a place of the print's own, to `there` and back.
    ///
    /// It keeps the clearance, or where the file itself is nearer to something (the slicer allowed that), it does not
    /// go nearer still.
    pub(super) fn allow(&self, here: Point, there: Point) -> bool {
        const ROUNDING: f64 = 0.01;
        self.blocks.iter().all(|block| {
            let distance = block.distance_to_way(here, there);
            let needed = self.clearance.min(block.distance(here) - ROUNDING);
            distance > 0.0 && distance >= needed
        })
    }
}

impl Block {
    /// The distance of a place, 0 inside.
    fn distance(&self, p: Point) -> f64 {
        let dx = (self.min.x - p.x).max(p.x - self.max.x).max(0.0);
        let dy = (self.min.y - p.y).max(p.y - self.max.y).max(0.0);
        dx.hypot(dy)
    }

    /// The smallest distance of the straight way from `a` to `b`, 0 when it touches the block.
    fn distance_to_way(&self, a: Point, b: Point) -> f64 {
        if self.is_cut_by(a, b) {
            return 0.0;
        }
        // Apart from each other, two convex shapes are nearest at a corner of one of them.
        let corners = [self.min, self.max, Point::new(self.min.x, self.max.y), Point::new(self.max.x, self.min.y)];
        let from_corners = corners.iter().map(|c| distance_to_segment(*c, a, b));
        from_corners.fold(self.distance(a).min(self.distance(b)), f64::min)
    }

    /// Liang and Barsky's clipping: whether any part of the way lies inside.
    fn is_cut_by(&self, a: Point, b: Point) -> bool {
        let (mut first, mut last) = (0.0_f64, 1.0_f64);
        let axes = [(a.x, b.x - a.x, self.min.x, self.max.x), (a.y, b.y - a.y, self.min.y, self.max.y)];
        for (from, d, min, max) in axes {
            if d == 0.0 {
                if from < min || from > max {
                    return false;
                }
                continue;
            }
            let (t1, t2) = ((min - from) / d, (max - from) / d);
            first = first.max(t1.min(t2));
            last = last.min(t1.max(t2));
        }
        first <= last
    }
}

pub(super) fn distance_to_segment(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length2 = dx.mul_add(dx, dy * dy);
    let t = if length2 == 0.0 { 0.0 } else { (p.x - a.x).mul_add(dx, (p.y - a.y) * dy) / length2 };
    let t = t.clamp(0.0, 1.0);
    p.distance(Point::new(dx.mul_add(t, a.x), dy.mul_add(t, a.y)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stabilize::Bed;

    const CLEARANCE: f64 = 10.0;

    /// A bed of 256 mm with cells of 4 mm and a finished tower of 9 mm from 100 to 120.
    fn tower() -> HeightMap {
        let bed = Bed::Rectangle { min: Point::new(0., 0.), max: Point::new(256., 256.) };
        let mut map = HeightMap::new(&Limits::new(bed, 0., 200.).unwrap());
        for i in 0..=20 {
            let y = 100.0 + f64::from(i);
            map.extrude(Point::new(100., y), Point::new(120., y), 9.0);
        }
        map
    }

    fn p(x: f64, y: f64) -> Point {
        Point::new(x, y)
    }

    #[test]
    fn nothing_is_in_the_way_of_a_print_that_grows_evenly() {
        assert!(tower().above(9.0, CLEARANCE).is_empty());
        assert_eq!(tower().tallest(), Some(9.0));
    }

    #[test]
    fn the_way_through_a_finished_tower_is_blocked_below_its_top() {
        let above = tower().above(1.0, CLEARANCE);
        assert!(!above.allow(p(150., 110.), p(10., 110.)));
        assert!(above.allow(p(150., 110.), p(250., 250.)));
    }

    #[test]
    fn the_head_needs_room_beside_the_tower() {
        let above = tower().above(1.0, CLEARANCE);
        assert!(!above.allow(p(150., 131.), p(10., 131.)), "7 mm beside its cells");
        assert!(above.allow(p(150., 136.), p(10., 136.)), "12 mm beside its cells");
    }

    #[test]
    fn where_the_file_is_nearer_the_head_may_leave_but_not_go_nearer() {
        let above = tower().above(1.0, CLEARANCE);
        let near = p(130., 110.);
        assert!(above.allow(near, p(250., 110.)), "away from it");
        assert!(!above.allow(near, p(110., 250.)), "along it");
    }

    #[test]
    fn a_place_on_top_of_something_taller_is_never_left_sideways() {
        assert!(!tower().above(1.0, CLEARANCE).allow(p(110., 110.), p(250., 250.)));
    }

    #[test]
    fn a_thin_diagonal_wall_has_no_gaps() {
        let bed = Bed::Rectangle { min: Point::new(0., 0.), max: Point::new(256., 256.) };
        let mut map = HeightMap::new(&Limits::new(bed, 0., 200.).unwrap());
        map.extrude(p(20., 20.), p(230., 200.), 9.0);
        let above = map.above(1.0, 0.0);
        for i in 0..40 {
            let x = 25.0 + 5.0 * f64::from(i);
            assert!(!above.allow(p(x, 0.), p(x, 255.)), "x {x}");
        }
    }
}
