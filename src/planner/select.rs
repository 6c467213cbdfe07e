//! Octolapse's modes: for each kind of place and each feature the nearest to the park position, then one order of
//! kinds and features for each mode.

use super::candidate::{Kind, Place, USABLE_FEATURE, feature_rank};
use super::options::Mode;
use super::spot::Spot;
use crate::stabilize::Point;

/// How many of each kind are kept: a frame has several windows, not only the best.
const KEPT: usize = 3;

/// Distances that differ by less are equal, as in Octolapse.
const EQUAL: f64 = 5e-5;

/// Speeds that differ by less are equal, mm/s.
const SAME_SPEED: f64 = 1e-6;

/// A place with what it is ranked by.
#[derive(Clone, Copy, Debug)]
struct Entry {
    distance: f64,
    /// Distance to the frame before, which decides between equals.
    step: f64,
    rank: u8,
    spot: Spot,
}

impl Entry {
    fn is_nearer(&self, other: &Self) -> bool {
        let closer = other.distance - self.distance;
        if closer.abs() < EQUAL { self.step + EQUAL <= other.step } else { closer > 0.0 }
    }
}

/// The nearest few, nearest first.
#[derive(Clone, Debug, Default)]
struct Nearest(Vec<Entry>);

impl Nearest {
    fn offer(&mut self, entry: Entry) {
        let place = self.0.iter().position(|other| entry.is_nearer(other)).unwrap_or(self.0.len());
        if place < KEPT {
            self.0.truncate(KEPT - 1);
            self.0.insert(place, entry);
        }
    }
}

/// The best places of one frame, by kind and by feature.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    mode: Mode,
    kinds: [Nearest; Kind::RANKED],
    features: [Nearest; 12],
    fastest: f64,
    slowest: f64,
}

impl Selector {
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            mode,
            kinds: Default::default(),
            features: Default::default(),
            fastest: f64::NEG_INFINITY,
            slowest: f64::INFINITY,
        }
    }

    /// Takes a place into account; `target` is where the head would go, `before` where the last frame began.
    pub(super) fn offer(&mut self, place: &Place, target: Point, before: Point, now: f64) {
        let index = place.kind as usize;
        if index >= Kind::RANKED {
            return;
        }
        let mut entry = Entry {
            distance: place.at.distance(target),
            step: place.at.distance(before),
            rank: place.kind as u8,
            spot: Spot::new(place, now),
        };
        self.kinds[index].offer(entry);
        if place.kind != Kind::Extrusion {
            return;
        }
        let rank = feature_rank(place.feature);
        if rank >= USABLE_FEATURE {
            self.features[usize::from(rank)].offer(Entry { rank, ..entry });
        }
        self.slowest = self.slowest.min(place.speed);
        if place.speed > self.fastest + SAME_SPEED {
            self.kinds[Kind::FastestExtrusion as usize].0.clear();
        }
        if place.speed >= self.fastest - SAME_SPEED {
            self.fastest = self.fastest.max(place.speed);
            entry.spot.kind = Kind::FastestExtrusion;
            entry.rank = Kind::FastestExtrusion as u8;
            self.kinds[Kind::FastestExtrusion as usize].offer(entry);
        }
    }

    /// The windows for the frame, best first, by the rules of the mode.
    pub(super) fn select(&self) -> Vec<Spot> {
        let mut found = match self.mode {
            Mode::Fast => by_distance(self.kinds.iter()),
            Mode::SnapToPrint { high_quality: false, .. } => {
                by_distance([&self.kinds[Kind::Extrusion as usize], self.fastest_extrusions()].into_iter())
            }
            Mode::SnapToPrint { high_quality: true, .. } => {
                let mut found = by_distance(self.features.iter());
                found.extend(self.fastest_extrusions().0.iter().chain(&self.kinds[Kind::Extrusion as usize].0));
                found
            }
            Mode::Compatible => self.in_order(Kind::Extrusion),
            Mode::HighQuality => self.in_order(Kind::Retraction),
            Mode::RetractedTravel | Mode::ZeroMotion => vec![],
        };
        let mut seen = Vec::new();
        found.retain(|entry| {
            let new = !seen.contains(&entry.spot.from);
            seen.push(entry.spot.from);
            new
        });
        found.into_iter().map(|entry| entry.spot).collect()
    }

    /// Features from the best on, then kinds from the best down to `worst`.
    fn in_order(&self, worst: Kind) -> Vec<Entry> {
        let kinds = self.kinds[worst as usize..Kind::FastestExtrusion as usize].iter().rev();
        let lists = self.features.iter().rev().chain([self.fastest_extrusions()]).chain(kinds);
        lists.flat_map(|list| &list.0).copied().collect()
    }

    /// The places between extrusions of the fastest speed; none when there is only one speed.
    ///
    /// (Octolapse's compatibility mode does not look; a bug that is not reproduced.)
    fn fastest_extrusions(&self) -> &Nearest {
        const NONE: &Nearest = &Nearest(Vec::new());
        if self.fastest > self.slowest + SAME_SPEED { &self.kinds[Kind::FastestExtrusion as usize] } else { NONE }
    }
}

/// All entries, nearest first; of equals the higher rank.
fn by_distance<'a>(lists: impl Iterator<Item = &'a Nearest>) -> Vec<Entry> {
    let mut all: Vec<Entry> = lists.flat_map(|list| &list.0).copied().collect();
    all.sort_by(|a, b| {
        let nearer = a.distance - b.distance;
        if nearer.abs() < EQUAL { b.rank.cmp(&a.rank) } else { a.distance.total_cmp(&b.distance) }
    });
    all
}
