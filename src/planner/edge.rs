//! The place at the edge of the bed that needs the least travel for the whole film.

use crate::stabilize::{EDGE_POINTS, Limits, Point, edge_points};

use super::spot::Spot;
use super::track::Draft;

/// How many mm of travel a way that must go above something finished is worth.
const RISE_PENALTY: f32 = 200.0;

/// A way that crosses what must be avoided is worth any travel.
const BARRED_PENALTY: f32 = 1e6;

/// Places along the edge, and what each would cost in travel so far.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    places: Vec<Point>,
    // The same in columns: every layer is weighed against all places, several at a time.
    x: [f32; EDGE_POINTS],
    y: [f32; EDGE_POINTS],
    cost: [f64; EDGE_POINTS],
}

impl Edge {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut places = edge_points(limits);
        places.truncate(EDGE_POINTS);
        let column = |of: fn(&Point) -> f64| {
            let mut column = [0.0; EDGE_POINTS];
            for (n, place) in column.iter_mut().zip(&places) {
                *n = of(place) as f32;
            }
            column
        };
        Self { x: column(|p| p.x), y: column(|p| p.y), cost: [0.0; EDGE_POINTS], places }
    }

    /// The places; their order is that of the bits in [`Spot::blocked`].
    pub(super) fn places(&self) -> &[Point] {
        &self.places
    }

    /// Adds what the best window of a frame would cost from each place.
    pub(super) fn weigh(&mut self, draft: &Draft) {
        let mut least = [f32::INFINITY; EDGE_POINTS];
        let retracted = draft.windows.iter().filter(|spot| spot.retracted);
        for spot in retracted.clone() {
            self.detours(spot, &mut least);
        }
        if retracted.count() == 0 {
            for spot in draft.windows.iter().chain(&draft.fallback) {
                self.detours(spot, &mut least);
            }
        }
        for (cost, least) in self.cost.iter_mut().zip(least) {
            if least.is_finite() {
                *cost += f64::from(least);
            }
        }
    }

    /// Lowers `least` to the detours of `spot` where these are shorter.
    fn detours(&self, spot: &Spot, least: &mut [f32; EDGE_POINTS]) {
        let at = spot.at();
        let next = spot.next().unwrap_or(at);
        let direct = at.distance(next) as f32;
        let [ax, ay, bx, by] = [at.x, at.y, next.x, next.y].map(|n| n as f32);
        let mut detour = [0.0; EDGE_POINTS];
        // Plain columns and no branches, so that the compiler takes several roots at once.
        for (detour, (x, y)) in detour.iter_mut().zip(self.x.iter().zip(&self.y)) {
            let there = ((x - ax) * (x - ax) + (y - ay) * (y - ay)).sqrt();
            let on = ((x - bx) * (x - bx) + (y - by) * (y - by)).sqrt();
            *detour = there + on - direct;
        }
        if spot.blocked | spot.barred != 0 {
            for (i, detour) in detour.iter_mut().enumerate() {
                *detour += if spot.blocked >> i & 1 == 0 { 0.0 } else { RISE_PENALTY };
                *detour += if spot.barred >> i & 1 == 0 { 0.0 } else { BARRED_PENALTY };
            }
        }
        for (least, detour) in least.iter_mut().zip(detour) {
            *least = least.min(detour);
        }
    }

    /// The place with the least travel, and its bit.
    pub(super) fn best(&self) -> Option<(Point, usize)> {
        let costs = self.places.iter().zip(&self.cost).enumerate();
        let (index, (place, _)) = costs.min_by(|(_, (_, a)), (_, (_, b))| a.total_cmp(b))?;
        Some((*place, index))
    }
}
