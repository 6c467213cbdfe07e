//! Frames of a print whose file cannot be read: layers by what the head does. Pure.

use crate::gcode::engine::Options;
use crate::gcode::extruder::ExtruderStates;
use crate::gcode::live::Follower;
use crate::gcode::state::Position;

/// Four samples come a second; after so many without a calm one the frame is taken anyway.
const PATIENCE: u32 = 12;
/// While these hold, a stop would leave a blob or a gap.
const BUSY: ExtruderStates = ExtruderStates::EXTRUDING.with(ExtruderStates::EXTRUDING_START);

/// Follows a print by samples.
#[derive(Clone, Debug)]
pub(super) struct Observer {
    follower: Option<Follower>,
    /// A layer that waits for a calm moment, and for how many samples it has.
    due: Option<(u32, u32)>,
}

impl Observer {
    /// At the first sample the count of layers begins.
    pub(super) fn new() -> Self {
        Self { follower: None, due: None }
    }

    /// The head was sent to `at` (mm; x, y, z, filament); gives the layer whose frame is to be taken now.
    pub(super) fn sample(&mut self, at: [f64; 4]) -> Option<u32> {
        let [x, y, z, e] = at;
        let follower = self.follower.get_or_insert_with(|| {
            let usual = Options::default();
            // Where we come into the middle of a print, the height at which it primed is long passed.
            let priming_height = if z > usual.priming_height { 0.0 } else { usual.priming_height };
            Follower::new(&Options { priming_height, ..usual })
        });
        follower.sample(Position::new(x, y, z), e);
        let layer = follower.layer();
        if layer.change {
            self.due = Some((layer.number, 0));
        }
        let busy = follower.extruder().states().any(BUSY);
        let (layer, waited) = self.due?;
        if busy && waited < PATIENCE {
            self.due = Some((layer, waited + 1));
            return None;
        }
        self.due = None;
        Some(layer)
    }
}

/// The script that takes the frame of a layer, with a retraction of our own and a way back.
pub(super) fn take(layer: u32) -> String {
    format!("TIMELAPSE_TAKE_FRAME FRAME={layer} LAYER={layer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_one_frame_at_its_first_calm_moment() {
        let mut observer = Observer::new();
        let mut taken = Vec::new();
        let mut e = 0.0;
        for layer in 0..4 {
            let z = 0.2 + 0.2 * f64::from(layer);
            for step in 0..8 {
                // The sixth sample of each layer is a travel with the filament pulled back.
                e += if step == 5 { -0.8 } else { 1.0 };
                if let Some(layer) = observer.sample([f64::from(step), 0.0, z, e]) {
                    taken.push((layer, step));
                }
            }
        }
        assert_eq!(taken, [(1, 5), (2, 5), (3, 5), (4, 5)]);
    }

    #[test]
    fn without_a_calm_moment_it_is_taken_all_the_same() {
        let mut observer = Observer::new();
        let taken: Vec<u32> = (0..40).filter_map(|i| observer.sample([f64::from(i), 0.0, 5.0, f64::from(i)])).collect();
        assert_eq!(taken, [1]);
    }
}
