//! Outer walls and their seams in one layer, for tracks that keep away from them.

use crate::gcode::engine::{Motion, MotionKind};
use crate::gcode::feature::Feature;
use crate::stabilize::Point;

use super::obstacles::distance_to_segment;

/// More pieces of wall than this are not kept for a layer; the distance then counts from those that are.
const MOST: usize = 65_536;

/// The outer walls of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Walls {
    pieces: Vec<[[f32; 2]; 2]>,
    seams: Vec<[f32; 2]>,
    in_wall: bool,
}

impl Walls {
    /// Forgets the layer.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.seams.clear();
        self.in_wall = false;
    }

    /// Takes a move of the layer that prints `feature`. An arc counts as its chord.
    pub(super) fn add(&mut self, motion: &Motion, feature: Option<Feature>) {
        let wall = motion.kind == MotionKind::Extrusion
            && matches!(feature, Some(Feature::OuterWall | Feature::OverhangWall | Feature::Wall));
        if wall && let (Some(from), Some(to)) = (motion.from.xy(), motion.to.xy()) {
            let small = |p: [f64; 2]| p.map(|n| n as f32);
            if !self.in_wall && self.seams.len() < MOST {
                self.seams.push(small(from));
            }
            if self.pieces.len() < MOST {
                self.pieces.push([small(from), small(to)]);
            }
        }
        self.in_wall = wall;
    }

    /// Whether `p` is at least `wall` mm from every outer wall and `seam` mm from every start of one.
    pub(super) fn allow(&self, p: Point, wall: f64, seam: f64) -> bool {
        let large = |p: [f32; 2]| Point::new(f64::from(p[0]), f64::from(p[1]));
        let clear_of_walls =
            || self.pieces.iter().all(|[from, to]| distance_to_segment(p, large(*from), large(*to)) >= wall);
        let clear_of_seams = || self.seams.iter().all(|s| large(*s).distance(p) >= seam);
        (wall <= 0.0 || clear_of_walls()) && (seam <= 0.0 || clear_of_seams())
    }
}
