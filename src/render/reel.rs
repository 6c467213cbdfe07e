//! The frames of one camera, and which of them belong to which frame of another.

use jiff::Timestamp;

use super::profile::Turn;
use crate::session::Frame;

/// What one camera filmed.
#[derive(Clone, Debug, Default)]
pub struct Reel {
    /// Its name, for file names and overlays.
    pub camera: Option<String>,
    /// In order.
    pub frames: Vec<Frame>,
    /// How the camera hangs. That of a film's first reel comes from the film's profile.
    pub turn: Turn,
}

/// For each of `leading`, the index of the frame of `other` that was taken next to it; by order where times are unknown.
pub(super) fn pair(leading: &[Frame], other: &[Frame]) -> Vec<usize> {
    let Some(last) = other.len().checked_sub(1) else { return Vec::new() };
    let timed = |frames: &[Frame]| frames.iter().all(|frame| frame.meta.at != Timestamp::default());
    if !timed(leading) || !timed(other) {
        return (0..leading.len()).map(|index| index.min(last)).collect();
    }
    let mut at = 0;
    let nearest = leading.iter().map(|frame| {
        let distance = |index: usize| other[index].meta.at.duration_since(frame.meta.at).abs();
        while at < last && distance(at + 1) < distance(at) {
            at += 1;
        }
        at
    });
    nearest.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::FrameMeta;

    fn frames(seconds: &[i64]) -> Vec<Frame> {
        let frame = |(i, &second): (usize, &i64)| Frame {
            number: i as u32 + 1,
            path: format!("{i}.jpg").into(),
            width: 64,
            height: 48,
            bytes: 0,
            adopted: false,
            meta: FrameMeta { at: Timestamp::from_second(second).unwrap(), ..FrameMeta::default() },
        };
        seconds.iter().enumerate().map(frame).collect()
    }

    #[test]
    fn frames_are_paired_by_the_time_they_were_taken() {
        let other = frames(&[101, 109, 131]);
        assert_eq!(pair(&frames(&[100, 110, 120, 130, 140]), &other), [0, 1, 1, 2, 2]);
    }

    #[test]
    fn without_times_they_are_paired_by_order() {
        assert_eq!(pair(&frames(&[0, 0, 0, 0]), &frames(&[5, 6, 7])), [0, 1, 2, 2]);
        assert_eq!(pair(&frames(&[1, 2]), &[]), [0; 0]);
    }
}
