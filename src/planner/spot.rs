//! A window while the plan is being made: what is needed to rank it, in little memory.

use crate::gcode::exclude_object::ObjectId;
use crate::gcode::feature::Feature;
use crate::stabilize::Point;

use super::candidate::{Kind, Place, is_visible};

/// A stretch of line ends at which a frame may begin. A plan holds some twenty for each layer, so numbers that need no
/// more than micrometres are small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) from: u64,
    pub(super) to: u64,
    at: [f32; 2],
    next: Option<[f32; 2]>,
    pub(super) z: f32,
    /// Estimated print time at `from`, s.
    pub(super) time: f64,
    /// How long the moves take that end between `from` and `to`, s.
    pub(super) seconds: f32,
    /// Speed at which the file travels on, or has travelled, mm/s.
    pub(super) speed: f32,
    pub(super) kind: Kind,
    /// What was printed last.
    pub(super) feature: Option<Feature>,
    /// What is printed next.
    pub(super) then: Option<Feature>,
    pub(super) retracted: bool,
    /// Some of it is off the layer by a z-hop.
    pub(super) lifted: bool,
    pub(super) object: Option<ObjectId>,
    /// Whether `blocked` and `barred` are known.
    pub(super) looked: bool,
    /// Bit for each target to which the way is blocked by what is finished, unless the head rises above it.
    pub(super) blocked: u64,
    /// Bit for each target to which the way crosses what must be avoided.
    pub(super) barred: u64,
}

fn small(p: Point) -> [f32; 2] {
    [p.x as f32, p.y as f32]
}

fn large([x, y]: [f32; 2]) -> Point {
    Point::new(f64::from(x), f64::from(y))
}

impl Spot {
    /// The window of one place, `now` seconds into the print when the head leaves it.
    pub(super) fn new(place: &Place, now: f64) -> Self {
        Self {
            from: place.from,
            to: place.to,
            at: small(place.at),
            next: place.next.map(small),
            z: place.z as f32,
            time: place.time,
            seconds: (now - place.began) as f32,
            speed: place.speed as f32,
            kind: place.kind,
            feature: place.feature,
            then: None,
            retracted: place.retracted,
            lifted: place.lifted,
            object: place.object,
            looked: false,
            blocked: 0,
            barred: 0,
        }
    }

    /// It goes on at the next place, left `now` seconds into the print.
    pub(super) fn extend(&mut self, place: &Place, now: f64) {
        self.seconds += (now - place.began) as f32;
        self.to = place.to;
        self.lifted |= place.lifted;
    }

    /// Where the head stands at `from`.
    pub(super) fn at(&self) -> Point {
        large(self.at)
    }

    /// Where the print goes on when nobody has to come back.
    pub(super) fn next(&self) -> Option<Point> {
        self.next.map(large)
    }

    /// Whether the head must come back to where it left.
    pub(super) fn returns(&self) -> bool {
        self.next.is_none()
    }

    /// How good it is apart from the way to the park position; smaller is better.
    ///
    /// Retracted filament first, then no way back, then nothing visible to leave a blob on.
    pub(super) fn class(&self) -> u8 {
        let visible = is_visible(self.then) || (self.returns() && !self.retracted && is_visible(self.feature));
        u8::from(self.kind != Kind::Command) << 3
            | u8::from(!self.retracted) << 2
            | u8::from(self.returns()) << 1
            | u8::from(visible)
    }

    /// The detour of a frame at `park`, mm: there and back, or there and on, less what the file travels anyway.
    pub(super) fn detour(&self, park: Point) -> f64 {
        let at = self.at();
        match self.next() {
            None => 2.0 * at.distance(park),
            Some(next) => (at.distance(park) + park.distance(next) - at.distance(next)).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_is_small() {
        assert!(size_of::<Spot>() <= 112, "{}", size_of::<Spot>());
    }
}
