//! A frame, and the time of its exposure.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::exposure::Freshness;
use crate::clock::MonoTime;

/// From when until when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its begin.
    pub from: MonoTime,
    /// Its end.
    pub until: MonoTime,
}

impl Span {
    /// Whether `inner` lies within.
    #[must_use]
    pub fn contains(&self, inner: Span) -> bool {
        self.from <= inner.from && inner.until <= self.until
    }

    /// The instant halfway.
    #[must_use]
    pub fn middle(&self) -> MonoTime {
        self.from.offset(self.until.secs_since(self.from) / 2.0)
    }

    /// How long it lasts.
    pub(super) fn length(self) -> Duration {
        seconds(self.until.secs_since(self.from))
    }

    /// What is left between `inner` and the nearer end, s; negative when it sticks out.
    pub(super) fn margin(&self, inner: Span) -> f64 {
        inner.from.secs_since(self.from).min(self.until.secs_since(inner.until))
    }
}

/// A whole JPEG with what is known about its exposure. Its `Debug` shows the size instead of the bytes.
#[derive(Clone, PartialEq)]
pub struct Frame {
    /// As received.
    pub jpeg: Bytes,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
    /// Bounds of the exposure: it began and ended in here.
    pub exposed: Span,
    /// How surely.
    pub freshness: Freshness,
    /// When its last byte arrived.
    pub received: MonoTime,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("bytes", &self.jpeg.len())
            .field("size", &(self.width, self.height))
            .field("exposed", &self.exposed)
            .field("freshness", &self.freshness)
            .field("received", &self.received)
            .finish()
    }
}

/// A duration from seconds; zero for what is none.
pub(super) fn seconds(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}
