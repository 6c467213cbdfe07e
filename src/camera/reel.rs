//! The newest frames of a stream, so that a request that comes late still finds the one of its time.

use std::collections::VecDeque;

use super::{Frame, Span};
use crate::clock::MonoTime;

/// Frames of about the last two seconds, bounded in time and bytes.
#[derive(Debug, Default)]
pub(super) struct Reel {
    frames: VecDeque<Frame>,
    bytes: usize,
}

/// What the reel has for a span.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// The frame.
    Frame(Frame),
    /// None yet; frames up to the span may still come.
    NotYet,
    /// Frames around it, none in it; no more will come for it.
    NoneInside,
    /// All frames kept are younger.
    Gone,
}

impl Reel {
    const LENGTH: f64 = 2.5;
    const MAX_BYTES: usize = 24 << 20;

    pub(super) fn push(&mut self, frame: Frame) {
        self.bytes += frame.jpeg.len();
        let newest = frame.received;
        self.frames.push_back(frame);
        while self.frames.len() > 1
            && (self.bytes > Self::MAX_BYTES
                || self.frames.front().is_some_and(|f| newest.secs_since(f.received) > Self::LENGTH))
        {
            if let Some(old) = self.frames.pop_front() {
                self.bytes -= old.jpeg.len();
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The first frame that was exposed within `still`.
    pub(super) fn find(&self, still: Span) -> Found {
        if let Some(frame) = self.frames.iter().find(|f| still.contains(f.exposed)) {
            return Found::Frame(frame.clone());
        }
        // Frames come in the order of their exposure: one from after the span ends the wait.
        let Some(_) = self.frames.iter().find(|f| f.exposed.until > still.until) else { return Found::NotYet };
        if self.frames.iter().any(|f| f.exposed.from < still.from) { Found::NoneInside } else { Found::Gone }
    }

    /// The frame whose exposure lies nearest to `at`, and how far its middle is from it, s; `None` for an empty reel.
    pub(super) fn nearest(&self, at: MonoTime) -> Option<(&Frame, f64)> {
        let distance = |frame: &Frame| frame.exposed.middle().secs_since(at).abs();
        self.frames.iter().map(|frame| (frame, distance(frame))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Whether a frame from after `at` is there, so that none that comes later is nearer to it.
    pub(super) fn passed(&self, at: MonoTime) -> bool {
        self.frames.iter().any(|frame| frame.exposed.middle() >= at)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::camera::Freshness;

    fn span(from: f64, until: f64) -> Span {
        let at = |t| MonoTime::from_secs_f64(t).unwrap();
        Span { from: at(from), until: at(until) }
    }

    fn frame(from: f64, until: f64) -> Frame {
        Frame {
            jpeg: Bytes::from(vec![0; 1000]),
            width: 64,
            height: 48,
            exposed: span(from, until),
            freshness: Freshness::Proven,
            received: MonoTime::from_secs_f64(until + 0.05).unwrap(),
        }
    }

    fn reel(frames: impl IntoIterator<Item = (f64, f64)>) -> Reel {
        let mut reel = Reel::default();
        frames.into_iter().for_each(|(a, b)| reel.push(frame(a, b)));
        reel
    }

    #[test]
    fn the_frame_within_the_stop_is_found_also_later() {
        let reel = reel((0..30).map(|i| (10.0 + f64::from(i) * 0.1, 10.05 + f64::from(i) * 0.1)));
        assert_eq!(reel.find(span(11.08, 11.2)), Found::Frame(frame(11.1, 11.15)));
    }

    #[test]
    fn frames_that_overlap_the_stops_ends_are_never_taken() {
        let around = reel([(9.0, 9.1), (9.95, 10.01), (10.05, 10.15)]);
        assert_eq!(around.find(span(10.0, 10.1)), Found::NoneInside);
        assert_eq!(reel([(9.0, 9.1), (9.9, 10.05)]).find(span(10.0, 10.1)), Found::NotYet);
        assert_eq!(reel([(11.0, 11.1)]).find(span(10.0, 10.1)), Found::Gone);
        assert_eq!(Reel::default().find(span(10.0, 10.1)), Found::NotYet);
    }

    #[test]
    fn the_nearest_frame_may_lie_on_either_side() {
        let reel = reel([(9.0, 9.1), (10.0, 10.1), (11.0, 11.1)]);
        let at = |t| MonoTime::from_secs_f64(t).unwrap();
        for (asked, middle) in [(9.4, 9.05), (9.6, 10.05), (10.05, 10.05), (20.0, 11.05)] {
            let (found, distance) = reel.nearest(at(asked)).unwrap();
            assert!((found.exposed.middle().as_secs_f64() - middle).abs() < 1e-9, "{asked}");
            assert!((distance - (asked - middle).abs()).abs() < 1e-9);
        }
        assert!(reel.passed(at(11.05)) && !reel.passed(at(11.06)));
        assert!(Reel::default().nearest(at(1.0)).is_none());
    }

    #[test]
    fn old_frames_are_dropped() {
        let reel = reel((0..100).map(|i| (f64::from(i) * 0.1 + 1.0, f64::from(i) * 0.1 + 1.05)));
        assert!(reel.frames.len() <= 26);
        assert_eq!(reel.bytes, reel.frames.len() * 1000);
    }
}
