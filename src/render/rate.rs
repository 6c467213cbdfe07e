//! Frame rates as exact fractions: 12.5 and 30000/1001 have no rounding that could cost a frame.

use std::fmt;

/// Frames a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fps {
    num: u32,
    den: u32,
}

impl Fps {
    /// Slowest and fastest that a film may have.
    const RANGE: std::ops::RangeInclusive<f64> = 0.1..=240.0;

    /// `num / den`; `None` outside 0.1 to 240 frames a second.
    #[must_use]
    pub fn new(num: u64, den: u64) -> Option<Self> {
        // ffmpeg cuts larger terms itself, and not as well.
        let (num, den) = approximate(num, den, 1_000_000);
        let rate = Self { num: u32::try_from(num).ok()?, den: u32::try_from(den).ok().filter(|&den| den > 0)? };
        Self::RANGE.contains(&rate.as_f64()).then_some(rate)
    }

    /// To a thousandth.
    #[must_use]
    pub fn from_f64(rate: f64) -> Option<Self> {
        Self::RANGE.contains(&rate).then(|| Self::new((rate * 1000.0).round() as u64, 1000))?
    }

    /// Reads `25`, `12.5` or `30000/1001`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            Some((num, den)) => Self::new(num.trim().parse().ok()?, den.trim().parse().ok()?),
            None => Self::from_f64(text.trim().parse().ok()?),
        }
    }

    /// A whole number of frames a second; what is out of range becomes the nearest possible value.
    #[must_use]
    pub fn whole(rate: u32) -> Self {
        Self { num: rate.clamp(1, 240), den: 1 }
    }

    /// This rate, or one next to it whose terms are not larger.
    #[must_use]
    pub fn with_terms_up_to(self, largest: u32) -> Self {
        let (num, den) = approximate(self.num.into(), self.den.into(), largest.into());
        Self::new(num, den).unwrap_or(self)
    }

    /// Frames a second.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// Numerator and denominator.
    #[must_use]
    pub fn parts(self) -> (u32, u32) {
        (self.num, self.den)
    }

    /// How long that many frames are shown, s.
    #[must_use]
    pub fn seconds(self, frames: u32) -> f64 {
        f64::from(frames) * f64::from(self.den) / f64::from(self.num)
    }

    /// The number of frames that fill `seconds` best.
    #[must_use]
    pub fn frames_in(self, seconds: f64) -> u32 {
        (seconds * self.as_f64()).round() as u32
    }
}

impl fmt::Display for Fps {
    /// As ffmpeg takes it, and as people write it where that is exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if 1000_u32.is_multiple_of(self.den) {
            write!(f, "{}", self.as_f64())
        } else {
            write!(f, "{}/{}", self.num, self.den)
        }
    }
}

/// The fraction itself in lowest terms, or the last convergent of its continued fraction with terms up to `largest`.
fn approximate(num: u64, den: u64, largest: u64) -> (u64, u64) {
    let (mut before, mut best) = ((0, 1), (1, 0));
    let (mut a, mut b) = (num, den);
    while b > 0 {
        let whole = a / b;
        let next: (u64, u64) = (
            whole.saturating_mul(best.0).saturating_add(before.0),
            whole.saturating_mul(best.1).saturating_add(before.1),
        );
        if next.0 > largest || next.1 > largest {
            break;
        }
        (before, best) = (best, next);
        (a, b) = (b, a % b);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written_exactly() {
        for (text, parts, shown) in [
            ("25", (25, 1), "25"),
            ("12.5", (25, 2), "12.5"),
            ("23.976", (2997, 125), "23.976"),
            ("30000/1001", (30_000, 1001), "30000/1001"),
            ("240", (240, 1), "240"),
        ] {
            let rate = Fps::parse(text).unwrap();
            assert_eq!((rate.parts(), rate.to_string().as_str()), (parts, shown));
        }
        for text in ["0", "241", "-3", "fast", "1/0", "0/1", "nan", "inf", ""] {
            assert_eq!(Fps::parse(text), None, "{text}");
        }
    }

    #[test]
    fn frames_and_seconds() {
        let rate = Fps::parse("12.5").unwrap();
        assert_eq!(rate.seconds(60), 4.8);
        assert_eq!(rate.frames_in(2.0), 25);
        let odd = Fps::new(4_000_000_019, 97_000_003).unwrap();
        assert!((odd.as_f64() - 4_000_000_019.0 / 97_000_003.0).abs() < 1e-9, "{odd}");
        assert_eq!(Fps::new(100_003, 7001).unwrap().with_terms_up_to(65_535).parts(), (43_038, 3013));
    }
}
