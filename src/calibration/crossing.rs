//! When a curve of samples crosses a level.

/// A sample of a curve: when, s, and how much.
pub(super) type Sample = (f64, f64);

/// Where between two samples a crossing lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// As the straight line between them has it.
    Line,
    /// Halfway: nothing is known but that one lies on this side and the next on the other.
    Middle,
}

/// The first rise of `curve` through `level` between `from` and `until`.
pub(super) fn first_rise(curve: &[Sample], from: f64, until: f64, level: f64, within: Within) -> Option<f64> {
    pairs(curve, from, until).find_map(|(a, b)| (a.1 <= level && b.1 > level).then(|| place(a, b, level, within)))
}

/// The last fall of `curve` through `level` between `from` and `until`.
pub(super) fn last_fall(curve: &[Sample], from: f64, until: f64, level: f64, within: Within) -> Option<f64> {
    let falls = pairs(curve, from, until).filter(|(a, b)| a.1 > level && b.1 <= level);
    falls.last().map(|(a, b)| place(a, b, level, within))
}

fn pairs(curve: &[Sample], from: f64, until: f64) -> impl Iterator<Item = (Sample, Sample)> {
    let inside: Vec<Sample> = curve.iter().copied().filter(|(at, _)| (from..=until).contains(at)).collect();
    let next = inside.clone().into_iter().skip(1);
    inside.into_iter().zip(next)
}

fn place(a: Sample, b: Sample, level: f64, within: Within) -> f64 {
    let part = match within {
        Within::Line => ((level - a.1) / (b.1 - a.1)).clamp(0.0, 1.0),
        Within::Middle => 0.5,
    };
    a.0 + (b.0 - a.0) * part
}

/// The mean without the fifth of the values at either end, and its standard error; `None` for fewer than four values.
pub(super) fn trimmed_mean(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.retain(|value| value.is_finite());
    if values.len() < 4 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 5;
    let kept = values.get(cut..values.len() - cut)?;
    let count = kept.len() as f64;
    let mean = kept.iter().sum::<f64>() / count;
    let variance = kept.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    Some((mean, (variance / count).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rise_and_the_last_fall_are_each_others_mirror() {
        let curve = [(0.0, 0.0), (1.0, 0.0), (2.0, 1.0), (3.0, 0.2), (4.0, 1.0), (5.0, 0.0), (6.0, 0.0)];
        assert_eq!(first_rise(&curve, 0.0, 6.0, 0.25, Within::Line), Some(1.25));
        assert_eq!(last_fall(&curve, 0.0, 6.0, 0.25, Within::Line), Some(4.75));
        assert_eq!(first_rise(&curve, 0.0, 6.0, 0.25, Within::Middle), Some(1.5));
        assert_eq!(first_rise(&curve, 4.0, 6.0, 0.25, Within::Line), None);
    }

    #[test]
    fn strays_do_not_move_the_mean() {
        let mut values = vec![10.0; 16];
        values.extend([9000.0, -500.0, f64::NAN]);
        assert_eq!(trimmed_mean(values), Some((10.0, 0.0)));
        assert_eq!(trimmed_mean(vec![1.0; 3]), None);
    }
}
