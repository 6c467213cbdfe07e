//! The newest of many measurements.

use std::collections::VecDeque;

/// Measurements that are kept: about a second of a stream, some minutes of snapshots.
const MEMORY: usize = 40;

/// The newest measurements of something.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(VecDeque<f64>);

impl Recent {
    pub(super) fn push(&mut self, value: f64) {
        if self.0.len() == MEMORY {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn newest(&self) -> Option<f64> {
        self.0.back().copied()
    }

    pub(super) fn least(&self) -> Option<f64> {
        self.0.iter().copied().reduce(f64::min)
    }

    pub(super) fn greatest(&self) -> Option<f64> {
        self.0.iter().copied().reduce(f64::max)
    }

    /// The one that `share` (0 to 1) of them are not above; `None` of fewer than `least` measurements.
    pub(super) fn quantile(&self, share: f64, least: usize) -> Option<f64> {
        quantile(self.0.iter().copied().collect(), share, least)
    }

    /// The quantile of the differences between one measurement and the next.
    pub(super) fn step(&self, share: f64, least: usize) -> Option<f64> {
        let steps = self.0.iter().zip(self.0.iter().skip(1)).map(|(a, b)| b - a);
        quantile(steps.collect(), share, least)
    }
}

fn quantile(mut values: Vec<f64>, share: f64, least: usize) -> Option<f64> {
    if values.len() < least.max(1) {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len() - 1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_sorted_out() {
        let mut recent = Recent::default();
        assert_eq!((recent.greatest(), recent.quantile(0.5, 1), recent.step(0.5, 1)), (None, None, None));
        (0..100).for_each(|i| recent.push(f64::from(i)));
        assert_eq!((recent.least(), recent.greatest(), recent.newest()), (Some(60.0), Some(99.0), Some(99.0)));
        assert_eq!((recent.quantile(0.5, 5), recent.quantile(1.0, 5)), (Some(80.0), Some(99.0)));
        assert_eq!(recent.step(0.9, 5), Some(1.0));
        assert_eq!(recent.quantile(0.5, 41), None);
    }
}
