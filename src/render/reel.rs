//! The frames of one camera, and which of them belong to which frame of another.

use std::collections::HashSet;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::session::{Frame, View};

/// What one camera filmed.
#[derive(Clone, Debug, Default)]
pub struct Reel {
    /// Its number in the session; 0 is the main one.
    pub number: u32,
    /// The camera's name, for file names and overlays.
    pub camera: Option<String>,
    /// In order.
    pub frames: Vec<Frame>,
    /// How its pictures are shown.
    pub view: View,
    /// A still of the finished part, without the head.
    pub hero: Option<PathBuf>,
}

/// For each of `leading`, the index of the frame of `other` that shows the same moment, or the next one to it: by shots
/// where both count the same ones, else by time, else by order.
pub(super) fn pair(leading: &[Frame], other: &[Frame]) -> Vec<usize> {
    let Some(last) = other.len().checked_sub(1) else { return Vec::new() };
    let shots: HashSet<u32> = leading.iter().map(|frame| frame.shot).collect();
    if other.iter().any(|frame| frame.shot > 0 && shots.contains(&frame.shot)) {
        return nearest(leading, other, |a, b| i64::from(a.shot.abs_diff(b.shot)));
    }
    let timed = |frames: &[Frame]| frames.iter().all(|frame| frame.meta.at != Timestamp::default());
    if timed(leading) && timed(other) {
        let apart = |a: &Frame, b: &Frame| a.meta.at.as_millisecond().abs_diff(b.meta.at.as_millisecond());
        return nearest(leading, other, |a, b| i64::try_from(apart(a, b)).unwrap_or(i64::MAX));
    }
    (0..leading.len()).map(|index| index.min(last)).collect()
}

/// Both are in order, so the search never goes back.
fn nearest(leading: &[Frame], other: &[Frame], distance: impl Fn(&Frame, &Frame) -> i64) -> Vec<usize> {
    let mut at = 0;
    let next = |frame: &Frame| {
        while other.get(at + 1).is_some_and(|next| distance(frame, next) < distance(frame, &other[at])) {
            at += 1;
        }
        at
    };
    leading.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::FrameMeta;

    fn frames(seconds: &[i64], shots: &[u32]) -> Vec<Frame> {
        let frame = |(i, (&second, &shot)): (usize, (&i64, &u32))| Frame {
            reel: 0,
            number: i as u32 + 1,
            shot,
            path: format!("{i}.jpg").into(),
            width: 64,
            height: 48,
            bytes: 0,
            adopted: false,
            meta: FrameMeta { at: Timestamp::from_second(second).unwrap(), ..FrameMeta::default() },
        };
        seconds.iter().zip(shots).enumerate().map(frame).collect()
    }

    #[test]
    fn frames_of_the_same_shot_belong_together_and_gaps_show_the_one_before() {
        let leading = frames(&[0; 5], &[1, 2, 3, 4, 6]);
        assert_eq!(pair(&leading, &frames(&[0; 3], &[1, 4, 6])), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn without_common_shots_the_time_decides() {
        let leading = frames(&[100, 110, 120, 130, 140], &[1, 2, 3, 4, 5]);
        assert_eq!(pair(&leading, &frames(&[101, 109, 131], &[11, 12, 13])), [0, 1, 1, 2, 2]);
    }

    #[test]
    fn without_times_they_are_paired_by_order() {
        assert_eq!(pair(&frames(&[0; 4], &[0; 4]), &frames(&[5, 6, 7], &[0; 3])), [0, 1, 2, 2]);
        assert_eq!(pair(&frames(&[1, 2], &[1, 2]), &[]), [0; 0]);
    }
}
