//! One track while the file is being read.

use crate::gcode::feature::Feature;
use crate::stabilize::{Limits, Park, Point, Preset, Stabilization};

use super::candidate::{Kind, Place};
use super::edge::Edge;
use super::obstacles::Obstacles;
use super::options::{Mode, Track};
use super::plan::{Missed, Reason};
use super::restriction::Rule;
use super::scene::Scene;
use super::select::Selector;
use super::spot::Spot;
use super::trigger::{Due, OnLayer};
use super::unit::{Refused, Unit};

/// A frame whose layer has been read.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) layer: u32,
    pub(super) height: f64,
    pub(super) time: f64,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) windows: Vec<Spot>,
    pub(super) fallback: Option<Spot>,
    pub(super) stills: Vec<Spot>,
    /// The highest point of the print at that time, mm.
    pub(super) tallest: f64,
    pub(super) refused: Refused,
}

/// From so many frames on less is kept for each: no real print has as many layers.
const MANY_FRAMES: usize = 4096;

impl Draft {
    /// Keeps what a frame needs when `frames` have been planned before. `in_order`: the windows are, best first.
    fn shrink(&mut self, frames: usize, in_order: bool) {
        const FEW: usize = 4;
        if frames >= MANY_FRAMES {
            if !in_order {
                self.windows.sort_by_key(Spot::class);
            }
            self.windows.truncate(FEW);
            self.stills.truncate(1);
        }
        self.windows.shrink_to_fit();
        self.stills.shrink_to_fit();
    }
}

/// One track while the file is being read.
#[derive(Clone, Debug)]
pub(super) struct Tracker {
    pub(super) track: Track,
    due: Due,
    /// Where the head goes; where it would go for frames without moves when the edge is not chosen yet.
    pub(super) stabilization: Stabilization,
    /// Places along the edge, when one is to be chosen.
    pub(super) edge: Option<Edge>,
    unit: Option<Unit>,
    /// Where the head goes in the open frame, where that does not depend on where it is.
    target: Option<Point>,
    /// Where the frame before began.
    before: Option<Point>,
    pub(super) drafts: Vec<Draft>,
    pub(super) missed: Vec<Missed>,
}

impl Tracker {
    pub(super) fn new(track: Track, limits: &Limits) -> Self {
        let (stabilization, edge) = match (&track.park, track.park.stabilization()) {
            (_, Some(stabilization)) => (stabilization, None),
            (Park::NearestEdge | Park::At(_) | Park::SnapToPrint, None) => {
                (Preset::BackLeft.stabilization(), Some(Edge::new(limits)))
            }
        };
        let due = Due::new(track.trigger.clone());
        Self { track, due, stabilization, edge, unit: None, target: None, before: None, drafts: vec![], missed: vec![] }
    }

    /// A layer begins with the line that ends at `from`.
    pub(super) fn on_layer(&mut self, number: u32, height: f64, run: u32, from: u64, scene: &Scene) {
        let next = match self.due.on_layer(number, height, run) {
            OnLayer::Next => true,
            OnLayer::End => {
                self.close(scene);
                return;
            }
            OnLayer::Keep => self.due.at_time(scene.now()),
        };
        if next {
            self.open(number, height, from, scene);
        } else if let Some(mut unit) = self.unit.take() {
            // The frame goes on in the next layer. What it has so far is judged before the print grows around it.
            self.look_around(unit.spots_mut(), scene);
            self.unit = Some(unit);
        }
    }

    /// Time has passed, within the layers.
    pub(super) fn on_time(&mut self, number: u32, height: f64, from: u64, scene: &Scene) {
        if self.due.wants_time() && self.due.at_time(scene.now()) {
            self.open(number, height, from, scene);
        }
    }

    /// The file asks for a frame where the head stands, `place` if one may begin there.
    pub(super) fn on_command(
        &mut self,
        name: &str,
        (number, height, from): (u32, f64, u64),
        place: Option<&Place>,
        scene: &Scene,
    ) -> bool {
        if !self.due.wants_commands() || !self.due.on_command(name) {
            return false;
        }
        self.open(number, height, from, scene);
        if place.is_none()
            && let Some(unit) = &mut self.unit
        {
            unit.refused.unknown += 1;
        }
        true
    }

    fn open(&mut self, number: u32, height: f64, from: u64, scene: &Scene) {
        self.close(scene);
        let selector = match self.track.mode {
            Mode::RetractedTravel | Mode::ZeroMotion => None,
            mode => Some(Selector::new(mode)),
        };
        self.unit = Some(Unit::new(number, height, from, scene.now(), selector));
        self.target = match (self.track.mode, self.before) {
            (Mode::SnapToPrint { smooth: true, .. }, Some(before)) => Some(before),
            _ if self.stabilization.is_none() => Some(self.before.unwrap_or_default()),
            _ if self.stabilization.moves_both() => {
                Some(self.stabilization.target(self.drafts.len(), Point::default(), &scene.limits))
            }
            _ => None,
        };
    }

    /// A move has led to where the position is not known.
    pub(super) fn on_unknown(&mut self) {
        if let Some(unit) = &mut self.unit {
            unit.refused.unknown += 1;
        }
    }

    /// Filament comes out again, for `then`.
    #[inline]
    pub(super) fn flush(&mut self, then: Option<Feature>) {
        if let Some(unit) = &mut self.unit {
            unit.flush(then);
        }
    }

    /// Takes a place into account, now that it is known how the print leaves it.
    pub(super) fn offer(&mut self, place: &Place, scene: &Scene) {
        // A place from before the frame became due belongs to none.
        let Some(unit) = self.unit.as_mut().filter(|unit| place.from >= unit.from) else { return };
        unit.to = place.to;
        if place.below || place.feature == Some(Feature::Custom) {
            return;
        }
        let track = &self.track;
        let refused = if scene.stopped {
            Some(&mut unit.refused.stopped)
        } else if !track.restrictions.allow(place.at) {
            Some(&mut unit.refused.restricted)
        } else if !(track.features.is_empty() || place.feature.is_some_and(|f| track.features.contains(&f)))
            || !track.extruder.allows(place.states)
        {
            Some(&mut unit.refused.required)
        } else {
            None
        };
        if let Some(count) = refused {
            *count += 1;
            return;
        }
        let target = match self.target {
            Some(target) => target,
            None => self.stabilization.target(self.drafts.len(), place.at, &scene.limits),
        };
        let now = scene.now();
        unit.offer_still(place, place.at.distance2(target), now);
        unit.regions.offer(place, now);
        let tallest = scene.heights.tallest();
        match &mut unit.selector {
            None => unit.offer_window(place, now, tallest),
            Some(_) if place.kind == Kind::Command => unit.offer_window(place, now, tallest),
            Some(selector) => selector.offer(place, target, self.before.unwrap_or_default(), now),
        }
    }

    /// The layer of the open frame is complete.
    pub(super) fn close(&mut self, scene: &Scene) {
        let Some(mut unit) = self.unit.take() else { return };
        unit.regions.end();
        unit.flush(None);
        let mut windows = std::mem::take(&mut unit.windows);
        match &unit.selector {
            None => windows.append(&mut unit.travels),
            Some(selector) => windows.extend(selector.select()),
        }
        let (wall, seam) = (self.track.wall_distance, self.track.seam_distance);
        windows.retain(|spot| {
            let clear = scene.walls.allow(spot.at(), wall, seam)
                && spot.next().is_none_or(|next| scene.walls.allow(next, wall, seam));
            unit.refused.near_wall += u32::from(!clear);
            clear
        });
        let mut draft = Draft {
            layer: unit.layer,
            height: unit.height,
            time: unit.time,
            from: unit.from,
            to: unit.to,
            windows,
            fallback: unit.regions.best(),
            stills: unit.stills().collect(),
            tallest: scene.heights.tallest().unwrap_or(unit.height),
            refused: unit.refused,
        };
        if draft.windows.is_empty() && draft.fallback.is_none() && draft.stills.is_empty() {
            self.missed.push(Missed { layer: draft.layer, reason: reason(&draft.refused) });
            return;
        }
        self.look_around(draft.windows.iter_mut().chain(&mut draft.fallback), scene);
        if let Some(edge) = &mut self.edge {
            edge.weigh(&draft);
        }
        self.before = draft.windows.first().or(draft.fallback.as_ref()).map(Spot::at).or(self.before);
        draft.shrink(self.drafts.len(), unit.selector.is_some());
        self.drafts.push(draft);
    }

    /// Notes for windows the targets to which there is no straight way.
    fn look_around<'s>(&self, spots: impl Iterator<Item = &'s mut Spot>, scene: &Scene) {
        let avoids = self.track.restrictions.0.iter().any(|r| r.rule == Rule::Avoid);
        let frame = self.drafts.len();
        let tallest = scene.heights.tallest().unwrap_or(f64::NEG_INFINITY);
        let mut obstacles: Option<(f32, Obstacles)> = None;
        for spot in spots.filter(|spot| !spot.looked) {
            spot.looked = true;
            if tallest <= f64::from(spot.z) && !avoids {
                continue;
            }
            // Windows of one layer have few heights; the map is read once for each.
            let obstacles = match &mut obstacles {
                Some((z, obstacles)) if *z == spot.z => obstacles,
                other => {
                    let above = scene.heights.above(f64::from(spot.z), scene.moves.clearance);
                    &mut other.insert((spot.z, above)).1
                }
            };
            let at = spot.at();
            let fixed = [self.stabilization.target(frame, at, &scene.limits)];
            let targets = self.edge.as_ref().map_or(&fixed[..], Edge::places);
            for (i, target) in targets.iter().enumerate() {
                let ways = [Some(at), spot.next()];
                let mut ways = ways.iter().flatten();
                if ways.clone().any(|from| !obstacles.allow(*from, *target)) {
                    spot.blocked |= 1 << i;
                }
                if ways.any(|from| !self.track.restrictions.allow_way(*from, *target)) {
                    spot.barred |= 1 << i;
                }
            }
        }
    }
}

/// Why there is no place, when there is none.
fn reason(refused: &Refused) -> Reason {
    let reasons = [
        (refused.stopped, Reason::Stopped),
        (refused.restricted, Reason::Restricted),
        (refused.required, Reason::Required),
        (refused.near_wall, Reason::NearWall),
        (refused.unknown, Reason::UnknownPosition),
    ];
    let most = reasons.into_iter().filter(|(n, _)| *n > 0).max_by_key(|(n, _)| *n);
    most.map_or(Reason::NoPlace, |(_, reason)| reason)
}
