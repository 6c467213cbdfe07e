//! Extruder state and layer of a live print from samples of the head's position, where no file can be read.
//!
//! Samples come a few times a second and miss most moves, so the states are those of the time between two samples, and
//! a layer needs two samples at one height with filament in between: a lift in the same time would look like a layer.

use super::extruder::Extruder;
use super::layer::{Layer, Layers, Step};
use super::options::Options;
use super::state::Position;

/// Follows a print from samples.
#[derive(Clone, Debug)]
pub struct Follower {
    extruder: Extruder,
    layers: Layers,
    layer: Layer,
    last: Option<(Position, f64)>,
    steady: f64,
    samples: u64,
}

impl Follower {
    /// A follower for a print that has not begun, or is under way: the layer count starts with the first sample.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            extruder: Extruder::new(options.length_of(0)),
            layers: Layers::new(options.layer_rules()),
            layer: Layer::default(),
            last: None,
            steady: options.min_layer_height,
            samples: 0,
        }
    }

    /// The head is at `position` (mm, SET_GCODE_OFFSET taken out) and the filament at `e` (mm, M221 taken out). A sample
    /// that is equal to the one before changes nothing.
    pub fn sample(&mut self, position: Position, e: f64) {
        self.layer.change = false;
        self.samples += 1;
        let Some((before, e_before)) = self.last.replace((position, e)) else { return };
        if before == position && e == e_before {
            return;
        }
        self.extruder.follow(e_before, e);
        let Some(z) = position.z() else { return };
        let rise = position.minus(before)[2];
        let step = Step {
            z,
            rise,
            sideways: before.x() != position.x() || before.y() != position.y(),
            extruding: self.extruder.extruded() > super::TOLERANCE && rise.abs() < self.steady,
            unretracted: false,
            line: self.samples,
        };
        self.layers.advance(&mut self.layer, &step);
    }

    /// Filament was moved by somebody else (G92 E, another tool): the next sample is no movement.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// The filament since the last sample.
    #[must_use]
    pub fn extruder(&self) -> &Extruder {
        &self.extruder
    }

    /// The layer; [`Layer::change`] when the last sample has begun it.
    #[must_use]
    pub fn layer(&self) -> &Layer {
        &self.layer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(samples: &[(f64, f64, f64)]) -> Follower {
        let mut follower = Follower::new(&Options { retraction_length: Some(0.8), ..Options::default() });
        for &(x, z, e) in samples {
            follower.sample(Position::new(x, 0.0, z), e);
        }
        follower
    }

    #[test]
    fn a_layer_needs_two_samples_at_its_height() {
        let follower = follow(&[(0.0, 0.2, 0.0), (5.0, 0.2, 1.0), (9.0, 0.4, 2.0)]);
        assert_eq!((follower.layer().number, follower.layer().height), (1, 0.2));
        let follower = follow(&[(0.0, 0.2, 0.0), (5.0, 0.2, 1.0), (9.0, 0.4, 2.0), (1.0, 0.4, 3.0)]);
        assert_eq!((follower.layer().number, follower.layer().height, follower.layer().change), (2, 0.4, true));
    }

    #[test]
    fn a_lift_between_two_samples_is_no_layer() {
        // Filament came out, was pulled back by 0.8, and the head rose: 1 mm more than before in sum.
        let follower = follow(&[(0.0, 0.2, 0.0), (5.0, 0.2, 1.0), (9.0, 0.6, 2.0), (20.0, 0.6, 2.0), (21.0, 0.2, 3.0)]);
        assert_eq!(follower.layer().number, 1);
    }

    #[test]
    fn a_retraction_shows_between_two_samples() {
        let follower = follow(&[(0.0, 0.2, 0.0), (5.0, 0.2, 1.0), (9.0, 0.2, 0.2), (9.5, 0.2, 0.2)]);
        assert_eq!(follower.extruder().states().names().collect::<Vec<_>>(), ["retracted"]);
    }

    #[test]
    fn the_same_sample_again_changes_nothing() {
        let mut follower = follow(&[(0.0, 0.2, 0.0), (5.0, 0.2, 1.0)]);
        let states = follower.extruder().states();
        follower.sample(Position::new(5.0, 0.0, 0.2), 1.0);
        assert_eq!(follower.extruder().states(), states);
        assert!(!follower.layer().change);
    }

    #[test]
    fn a_vase_grows_by_its_layer_height() {
        let samples: Vec<_> = (0..100).map(f64::from).map(|i| (i, 0.2 + 0.02 * i, i)).collect();
        let mut follower = Follower::new(&Options { layer_height: Some(0.2), ..Options::default() });
        for (x, z, e) in samples {
            follower.sample(Position::new(x, 0.0, z), e);
        }
        assert!(follower.layer().vase);
        assert!((9..=11).contains(&follower.layer().number), "{:?}", follower.layer());
    }

    #[test]
    fn what_was_forgotten_is_no_movement() {
        let mut follower = follow(&[(0.0, 0.2, 0.0), (5.0, 0.2, 100.0)]);
        follower.forget();
        follower.sample(Position::new(5.0, 0.0, 0.2), 0.0);
        assert_eq!(follower.extruder().retracted(), 0.0);
    }
}
