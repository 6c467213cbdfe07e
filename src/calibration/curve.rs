//! What a calibration saw, for people to look at.

use serde::{Deserialize, Serialize};

use super::estimate::{Scale, height, sights};
use super::{Look, Stand};

/// From this long before an arrival until that long after it, s.
const AROUND: (f64, f64) = (-0.5, 2.0);
/// More points make no better picture.
const MOST: usize = 400;

/// How far pictures show the head to have arrived, against the time since it did, all moves laid over each other. It rises
/// at the camera's latency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// From the head's arrival to the picture's, s; rising.
    pub delay_s: Vec<f64>,
    /// 0: the picture shows the head where it was; 1: where it has arrived.
    pub seen: Vec<f64>,
}

impl Curve {
    /// Of what [`super::measure`] is given; `None` where the pictures do not show the head at two places.
    #[must_use]
    pub fn of(looks: &[Look], stands: &[Stand]) -> Option<Self> {
        let (at_a, at_b) = sights(looks, stands)?;
        let scale = Scale::between(&at_a, &at_b)?;
        let mut points = Vec::new();
        for look in looks {
            let (at, y) = (look.at.as_secs_f64(), scale.of(&look.thumb));
            for pair in stands.windows(2) {
                let &[here, there] = pair else { continue };
                let delay = at - there.from;
                // Until the head leaves again, and the picture shows that.
                let until = there.until.map_or(AROUND.1, |until| (until - there.from).min(AROUND.1));
                let left = here.until.map_or(AROUND.0, |left| (left - there.from).max(AROUND.0));
                if (left..until).contains(&delay) {
                    let seen = (y - height(here.place)) / (height(there.place) - height(here.place));
                    points.push((delay, seen));
                }
            }
        }
        points.retain(|(_, seen)| seen.is_finite());
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let step = points.len().div_ceil(MOST).max(1);
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        let (delay_s, seen) = points.iter().step_by(step).map(|(at, seen)| (rounded(*at), rounded(*seen))).unzip();
        Some(Self { delay_s, seen })
    }
}
