//! The fallback: a longer stretch of the layer in which a frame does the least harm with the macro's own retraction.

use super::candidate::{Kind, Place, feature_rank};
use super::spot::Spot;

/// A stretch this long, s, is met however rarely somebody looks; longer ones are no better.
const LONG_ENOUGH: f64 = 1.0;

/// What a stretch is worth: the class of its feature, and its length.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Worth {
    class: u8,
    seconds: f64,
}

impl Worth {
    fn of(spot: &Spot) -> Self {
        let class = match feature_rank(spot.feature) {
            8.. => 3,
            5..=7 => 2,
            3 => 0,
            _ => 1,
        };
        Self { class, seconds: f64::from(spot.seconds).min(LONG_ENOUGH) }
    }
}

/// Looks for the best stretch of one feature without retraction, within one layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Regions {
    open: Option<Spot>,
    /// Where the place before ended; another one that does not follow it lies behind something unknown or forbidden.
    last: Option<u64>,
    best: Option<(Worth, Spot)>,
}

impl Regions {
    /// Takes a place that is allowed, `now` seconds into the print when the head leaves it.
    #[inline]
    pub(super) fn offer(&mut self, place: &Place, now: f64) {
        if place.follows != self.last.replace(place.to) {
            self.end();
        }
        if place.kind != Kind::Extrusion {
            // A travel between two lines of infill does not end the infill; a retraction does.
            if place.retracted {
                self.end();
            }
            return;
        }
        match &mut self.open {
            Some(open) if open.feature == place.feature && open.object == place.object => {
                open.extend(place, now);
            }
            _ => {
                self.end();
                // Wherever in the stretch the frame is taken, the head comes back to there.
                self.open = Some(Spot::new(&Place { next: None, ..*place }, now));
            }
        }
    }

    /// The stretch ends here.
    pub(super) fn end(&mut self) {
        if let Some(spot) = self.open.take() {
            let worth = Worth::of(&spot);
            // The later of two equals: it is for layers whose windows have passed.
            if self.best.is_none_or(|(best, _)| worth >= best) {
                self.best = Some((worth, spot));
            }
        }
    }

    /// The best stretch so far, for whoever looks around.
    pub(super) fn best_mut(&mut self) -> Option<&mut Spot> {
        self.best.as_mut().map(|(_, spot)| spot)
    }

    /// The best stretch of the layer.
    pub(super) fn best(&self) -> Option<Spot> {
        self.best.map(|(_, spot)| spot)
    }
}
