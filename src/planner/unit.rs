//! One frame while its layer is being read: the places for it so far, in bounded memory.

use crate::gcode::exclude_object::ObjectId;
use crate::gcode::feature::Feature;

use super::candidate::{Kind, Place};
use super::region::Regions;
use super::select::Selector;
use super::spot::Spot;

/// Windows with retracted filament that are kept for a frame.
const MOST_WINDOWS: usize = 16;

/// Travels without retraction that are kept for a frame; they only fill up.
const MOST_TRAVELS: usize = 4;

/// Places nearest to the park position that are kept for a frame without moves.
const MOST_STILLS: usize = 3;

/// How often a place was turned down, by reason.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refused {
    pub(super) unknown: u32,
    pub(super) stopped: u32,
    pub(super) restricted: u32,
    pub(super) required: u32,
    pub(super) near_wall: u32,
}

/// One frame while its layer is being read.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) layer: u32,
    pub(super) height: f64,
    /// `file_position` from which on the frame is due.
    pub(super) from: u64,
    /// The last `file_position` that belongs to it so far.
    pub(super) to: u64,
    /// Estimated print time, s.
    pub(super) time: f64,
    pub(super) refused: Refused,
    pub(super) windows: Vec<Spot>,
    pub(super) travels: Vec<Spot>,
    stills: Vec<(f64, Spot)>,
    pub(super) regions: Regions,
    pub(super) selector: Option<Selector>,
    stretch: Stretch,
}

/// What has been seen since filament last came out.
#[derive(Clone, Debug, Default)]
struct Stretch {
    open: Option<Spot>,
    held: Vec<Spot>,
    travelled: bool,
}

impl Unit {
    pub(super) fn new(layer: u32, height: f64, from: u64, time: f64, selector: Option<Selector>) -> Self {
        Self {
            layer,
            height,
            from,
            to: from,
            time,
            refused: Refused::default(),
            windows: Vec::new(),
            travels: Vec::new(),
            stills: Vec::new(),
            regions: Regions::default(),
            selector,
            stretch: Stretch::default(),
        }
    }

    /// Takes a place for a frame without moves, `distance2` mm² from where the head would rather be.
    #[inline]
    pub(super) fn offer_still(&mut self, place: &Place, distance2: f64, now: f64) {
        if self.stills.len() == MOST_STILLS && self.stills.last().is_none_or(|(worst, _)| distance2 >= *worst) {
            return;
        }
        let mut spot = Spot::new(place, now);
        spot.kind = Kind::ZeroMotion;
        let at = self.stills.partition_point(|(other, _)| *other <= distance2);
        self.stills.insert(at, (distance2, spot));
        self.stills.truncate(MOST_STILLS);
    }

    /// Every window so far, for whoever looks around.
    pub(super) fn spots_mut(&mut self) -> impl Iterator<Item = &mut Spot> {
        let stretch = self.stretch.held.iter_mut().chain(&mut self.stretch.open);
        self.windows.iter_mut().chain(&mut self.travels).chain(self.regions.best_mut()).chain(stretch)
    }

    /// The places for a frame without moves, nearest first.
    pub(super) fn stills(&self) -> impl Iterator<Item = Spot> {
        self.stills.iter().map(|(_, spot)| *spot)
    }

    /// Takes a place for a window, `now` seconds into the print when the head leaves it.
    #[inline]
    ///
    /// `tallest`: the highest point of the print. Below it a window is a single place, so that every way can be checked.
    pub(super) fn offer_window(&mut self, place: &Place, now: f64, tallest: Option<f64>) {
        if place.kind == Kind::Extrusion && place.next.is_none() {
            return;
        }
        let beside_tall = tallest.is_some_and(|tallest| tallest > place.z + 0.01);
        let stretch = &mut self.stretch;
        if place.kind.is_retracted() || place.kind == Kind::Command {
            stretch.travelled |= place.next.is_some() || place.kind >= Kind::RetractedTravel;
            match &mut stretch.open {
                Some(open) if open.continues_at(place, beside_tall) => open.extend(place, now),
                _ => {
                    stretch.held.extend(stretch.open.take());
                    stretch.open = Some(Spot::new(place, now));
                }
            }
        } else {
            stretch.held.extend(stretch.open.take());
            let mut spot = Spot::new(place, now);
            spot.kind = Kind::Travel;
            stretch.held.push(spot);
        }
    }

    /// Filament comes out again, for `then`: the windows before it are complete.
    #[inline]
    pub(super) fn flush(&mut self, then: Option<Feature>) {
        if self.stretch.open.is_none() && self.stretch.held.is_empty() {
            return;
        }
        let travelled = std::mem::take(&mut self.stretch.travelled);
        self.stretch.held.extend(self.stretch.open.take());
        let mut held = std::mem::take(&mut self.stretch.held);
        for mut spot in held.drain(..) {
            spot.then = then;
            if spot.kind == Kind::Travel {
                keep(&mut self.travels, spot, MOST_TRAVELS);
            } else {
                if travelled && spot.kind != Kind::Command {
                    spot.kind = Kind::RetractedTravel;
                }
                keep(&mut self.windows, spot, MOST_WINDOWS);
            }
        }
        // Keeps the allocation for the next stretch.
        self.stretch.held = held;
    }
}

impl Spot {
    /// Whether a window goes on at `place`: the same stretch, left in the same way.
    fn continues_at(&self, place: &Place, beside_tall: bool) -> bool {
        self.kind != Kind::Command
            && place.kind != Kind::Command
            && place.follows == Some(self.to)
            && self.returns() == place.next.is_none()
            && self.object == place.object
            && !(beside_tall && self.at().distance(place.at) > 1e-3)
    }
}

/// Adds `spot`; when there are more than `most` the least useful goes: one of the object that has most windows (any
/// object may be excluded while it prints), of the worst class, the shortest.
fn keep(spots: &mut Vec<Spot>, spot: Spot, most: usize) {
    spots.push(spot);
    if spots.len() <= most {
        return;
    }
    let of_object = |object: Option<ObjectId>| spots.iter().filter(|s| s.object == object).count();
    let uselessness = |s: &Spot| (of_object(s.object), s.class());
    let worst = spots
        .iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| uselessness(a).cmp(&uselessness(b)).then(b.seconds.total_cmp(&a.seconds)));
    if let Some(index) = worst.map(|(index, _)| index) {
        spots.remove(index);
    }
}
