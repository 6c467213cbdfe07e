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
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    /// The frame whose exposure keeps farthest from the span's ends.
    pub(super) best: Option<Frame>,
    /// A frame from before the span is there.
    pub(super) before: bool,
    /// A frame from after the span is there; as they come in the order of their exposure, no more will come for it.
    pub(super) after: bool,
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

    /// The oldest frame that arrived after `after`.
    pub(super) fn first_after(&self, after: MonoTime) -> Option<&Frame> {
        self.frames.iter().find(|frame| frame.received > after)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The frames for `still`. Of several that lie within, the one in the middle is surest to be still: the head may yet
    /// swing at the begin, and a latency that is only assumed errs to either side.
    pub(super) fn find(&self, still: Span) -> Found {
        let inside = self.frames.iter().filter(|f| still.contains(f.exposed));
        let best = inside.max_by(|a, b| still.margin(a.exposed).total_cmp(&still.margin(b.exposed)));
        Found {
            best: best.cloned(),
            before: self.frames.iter().any(|f| f.exposed.from < still.from),
            after: self.frames.iter().any(|f| f.exposed.until > still.until),
        }
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
    fn of_several_frames_of_a_stop_the_one_in_the_middle_is_taken_also_later() {
        let reel = reel((0..30).map(|i| (10.0 + f64::from(i) * 0.1, 10.05 + f64::from(i) * 0.1)));
        let found = reel.find(span(11.08, 11.4));
        assert_eq!(found.best, Some(frame(11.2, 11.25)));
        assert!(found.after);
        assert_eq!(reel.find(span(11.08, 11.2)).best, Some(frame(11.1, 11.15)));
    }

    #[test]
    fn frames_that_overlap_the_stops_ends_are_never_taken() {
        let still = span(10.0, 10.1);
        let found = |before, after| Found { best: None, before, after };
        assert_eq!(reel([(9.0, 9.1), (9.95, 10.01), (10.05, 10.15)]).find(still), found(true, true));
        assert_eq!(reel([(9.0, 9.1), (9.9, 10.05)]).find(still), found(true, false));
        assert_eq!(reel([(11.0, 11.1)]).find(still), found(false, true));
        assert_eq!(Reel::default().find(still), Found::default());
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
