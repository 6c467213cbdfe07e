//! Where things are in the picture of a layer, and in what colour.

use crate::gcode::feature::Feature;
use crate::stabilize::Point;

/// Maps a square of the bed to a square of the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) min: Point,
    pub(super) max: Point,
    /// px for each mm.
    pub(super) scale: f64,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) size: f64,
}

impl View {
    /// Shows `points`, in a square of `size` px at `left`, `top`.
    pub(super) fn around(points: &[Point], room: f64, (left, top, size): (f64, f64, f64)) -> Self {
        let mut min = Point::new(f64::INFINITY, f64::INFINITY);
        let mut max = Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY);
        for p in points {
            min = Point::new(min.x.min(p.x), min.y.min(p.y));
            max = Point::new(max.x.max(p.x), max.y.max(p.y));
        }
        if points.is_empty() {
            (min, max) = (Point::new(0.0, 0.0), Point::new(100.0, 100.0));
        }
        let side = (max.x - min.x).max(max.y - min.y) + 2.0 * room;
        let centre = Point::new(f64::midpoint(min.x, max.x), f64::midpoint(min.y, max.y));
        let half = side / 2.0;
        Self {
            min: Point::new(centre.x - half, centre.y - half),
            max: Point::new(centre.x + half, centre.y + half),
            scale: size / side,
            left,
            top,
            size,
        }
    }

    pub(super) fn side(&self) -> f64 {
        self.max.x - self.min.x
    }

    pub(super) fn x(&self, p: Point) -> f64 {
        self.left + (p.x - self.min.x) * self.scale
    }

    pub(super) fn y(&self, p: Point) -> f64 {
        self.top + (self.max.y - p.y) * self.scale
    }
}

/// Colours for what is printed, near to those of the slicers' previews.
pub(super) fn colour(feature: Option<Feature>) -> &'static str {
    match feature {
        Some(Feature::OuterWall | Feature::OverhangWall) => "#e8762d",
        Some(Feature::InnerWall | Feature::Wall) => "#e3b23c",
        Some(Feature::SparseInfill) => "#a2423d",
        Some(Feature::SolidInfill | Feature::BottomSurface) => "#7d5ba6",
        Some(Feature::TopSurface | Feature::Surface | Feature::Ironing) => "#d6455d",
        Some(Feature::Bridge | Feature::InternalBridge) => "#4d80ba",
        Some(Feature::Support | Feature::SupportInterface | Feature::Raft) => "#4f9d5b",
        Some(Feature::Skirt | Feature::Brim | Feature::SkirtBrim | Feature::OozeShield) => "#3f8f86",
        Some(Feature::GapFill) => "#8a8f99",
        Some(Feature::WipeTower) => "#7fb069",
        Some(Feature::Custom | Feature::Mixed | Feature::Other) | None => "#9b8f83",
    }
}

pub(super) fn name(feature: Option<Feature>) -> String {
    feature.map_or_else(|| "not said".to_owned(), |f| f.name().replace('_', " "))
}
