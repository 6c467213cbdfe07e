//! What was true when a frame was exposed, written into the frame itself.

use serde::{Deserialize, Serialize};

use crate::machine::TruePosition;

/// Marks our comment among others.
const MAGIC: &[u8] = b"moonlapse-rig ";

/// When a frame was exposed and where the head truly stood; the JPEG's COM segment carries it as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameTruth {
    /// Counts the frames that the virtual sensor exposed, also those that nobody received.
    pub seq: u64,
    /// Begin of the exposure, seconds on `CLOCK_MONOTONIC`.
    pub begin: f64,
    /// End of the exposure, seconds on `CLOCK_MONOTONIC`.
    pub end: f64,
    /// Where the head stood when the exposure began.
    pub at_begin: TruePosition,
    /// The position that is drawn.
    pub at_middle: TruePosition,
    /// Where the head stood when the exposure ended.
    pub at_end: TruePosition,
}

impl FrameTruth {
    /// The truth in a frame; `None` when it carries none (another camera's frame, a drawn "no signal" picture, or not
    /// a JPEG).
    #[must_use]
    pub fn from_jpeg(jpeg: &[u8]) -> Option<Self> {
        let mut rest = jpeg.strip_prefix(&[0xff, 0xd8])?;
        loop {
            let (&[0xff, marker, high, low], _) = rest.split_first_chunk::<4>()? else { return None };
            if marker == 0xda {
                return None;
            }
            let len = usize::from(u16::from_be_bytes([high, low]));
            let body = rest.get(4..2 + len)?;
            if marker == 0xfe
                && let Some(json) = body.strip_prefix(MAGIC)
            {
                return serde_json::from_slice(json).ok();
            }
            rest = rest.get(2 + len..)?;
        }
    }

    /// How far the head travelled during the exposure, mm (X, Y, Z; the greatest of three samples' distances).
    #[must_use]
    pub fn travel(&self) -> f64 {
        let d =
            |a: TruePosition, b: TruePosition| ((a.x - b.x).powi(2) + (a.y - b.y).powi(2) + (a.z - b.z).powi(2)).sqrt();
        d(self.at_begin, self.at_middle).max(d(self.at_middle, self.at_end)).max(d(self.at_begin, self.at_end))
    }

    /// Whether the head moved more than `tolerance` mm during the exposure.
    #[must_use]
    pub fn moved(&self, tolerance: f64) -> bool {
        self.travel() > tolerance
    }

    /// `jpeg` with this truth as its first segment.
    pub(super) fn written_into(&self, jpeg: &[u8]) -> Vec<u8> {
        let mut body = MAGIC.to_vec();
        // A struct of numbers always serialises; an empty comment would fail the tests at once.
        body.extend(serde_json::to_vec(self).unwrap_or_default());
        let len = u16::try_from(body.len() + 2).unwrap_or(u16::MAX);
        let (start, rest) = jpeg.split_at(2.min(jpeg.len()));
        let mut out = Vec::with_capacity(jpeg.len() + body.len() + 4);
        out.extend_from_slice(start);
        out.extend_from_slice(&[0xff, 0xfe]);
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> FrameTruth {
        let at = TruePosition { x: 1.0, y: 2.0, z: 0.25, e: 7.0 };
        FrameTruth {
            seq: 9,
            begin: 100.5,
            end: 100.51,
            at_begin: at,
            at_middle: at,
            at_end: TruePosition { y: 2.3, ..at },
        }
    }

    #[test]
    fn truth_survives_the_jpeg() {
        let jpeg = truth().written_into(&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xda, 0, 2, 0xff, 0xd9]);
        assert_eq!(FrameTruth::from_jpeg(&jpeg), Some(truth()));
        assert_eq!(&jpeg[..2], [0xff, 0xd8]);
        assert_eq!(jpeg[jpeg.len() - 2..], [0xff, 0xd9]);
    }

    #[test]
    fn frames_of_others_carry_no_truth() {
        for bytes in
            [&[][..], &[0xff, 0xd8], &[0xff, 0xd8, 0xff, 0xfe, 0, 99, 1], b"<html>", &[0xff, 0xd8, 0xff, 0xda, 0, 2]]
        {
            assert_eq!(FrameTruth::from_jpeg(bytes), None);
        }
    }

    #[test]
    fn movement_within_the_exposure_is_told() {
        assert!((truth().travel() - 0.3).abs() < 1e-9);
        assert!(truth().moved(0.05));
    }
}
