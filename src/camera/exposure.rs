//! When was a frame exposed? What can be known from headers and arrival times.
//!
//! A camera's driver stamps a frame when its first bytes arrive (`X-UStreamer-Grab-Begin-*`); the first rows were
//! exposed before that, for at most one frame interval; the last rows may be exposed until the last bytes arrive
//! (`Grab-End`, rolling shutter). Those are the bounds given here.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::MonoTime;

use super::Span;

/// Assumed until the stream has shown its own.
pub(super) const DEFAULT_INTERVAL: f64 = 1.0 / 30.0;
/// No exposure is taken to be longer, however slow the stream is.
const LONGEST_EXPOSURE: f64 = 0.25;
/// What the network may delay a frame by beyond its fastest journey, when the server runs on another host.
const NETWORK_JITTER: f64 = 0.02;
/// Frames from which the interval is found.
const MEMORY: usize = 40;

/// The times that a server states, in seconds on its own clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamps {
    /// First bytes from the device.
    pub(super) grab_begin: f64,
    /// Last bytes from the device.
    pub(super) grab_end: f64,
    /// When the server sent it.
    pub(super) send: f64,
}

/// What the headers of a part or a snapshot say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said {
    /// Nothing about time.
    Nothing,
    /// The server lost its device and draws a picture of its own.
    Offline,
    /// ustreamer's timestamps.
    Times(Stamps),
}

impl Said {
    /// Reads ustreamer's headers, of its stream (`-Time`) and its snapshots (`-Timestamp`), before and since 6.46.
    pub(super) fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Self {
        if header("X-UStreamer-Online").is_some_and(|v| !v.eq_ignore_ascii_case("true") && v != "1") {
            return Self::Offline;
        }
        let time = |event: &str| {
            ["Time", "Timestamp"].iter().find_map(|suffix| {
                header(&format!("X-UStreamer-{event}-{suffix}"))?.parse::<f64>().ok().filter(|t| t.is_finite())
            })
        };
        let (Some(grab_begin), Some(send)) = (time("Grab-Begin").or_else(|| time("Grab")), time("Send")) else {
            return Self::Nothing;
        };
        if grab_begin <= 0.0 {
            return Self::Offline;
        }
        if send < grab_begin {
            return Self::Nothing;
        }
        let grab_end = time("Grab-End").filter(|end| (grab_begin..=send).contains(end)).unwrap_or(grab_begin);
        Self::Times(Stamps { grab_begin, grab_end, send })
    }
}

/// How surely the time of an exposure is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// By the driver's timestamps on our own clock.
    Proven,
    /// By the server's timestamps, whose clock was compared with ours over the network.
    Compared,
    /// By arrival and the camera's assumed latency.
    Assumed,
}

/// Turns what is said about frames into bounds of their exposure.
#[derive(Debug)]
pub(super) struct Exposures {
    /// Exposure to arrival where nothing is said.
    assumed_latency: f64,
    /// The server runs on this host, so its monotonic clock is ours.
    same_host: bool,
    /// Recent times of frames, on one clock.
    times: VecDeque<f64>,
    /// Arrival minus send, on two clocks, of recent frames; the least is the clocks' difference plus the fastest journey.
    offsets: VecDeque<f64>,
    /// When the frame would have come over a network without hiccups.
    steady: Option<f64>,
    readout: f64,
    latency: f64,
}

impl Exposures {
    pub(super) fn new(assumed_latency: Duration, same_host: bool) -> Self {
        let assumed_latency = assumed_latency.as_secs_f64();
        Self {
            assumed_latency,
            same_host,
            times: VecDeque::new(),
            offsets: VecDeque::new(),
            steady: None,
            readout: 0.0,
            latency: assumed_latency,
        }
    }

    /// The median time between frames, s.
    pub(super) fn interval(&self) -> f64 {
        self.gap(2)
    }

    /// What an exposure lasts at most, s: the sensor's own interval. That is the lower quartile of the gaps, because a
    /// busy host drops frames and the gaps that it makes say nothing about the sensor.
    pub(super) fn longest_exposure(&self) -> f64 {
        self.gap(4).min(LONGEST_EXPOSURE)
    }

    /// The gap between frames than which one in `part` is shorter, s.
    fn gap(&self, part: usize) -> f64 {
        let mut gaps: Vec<f64> = self.times.iter().zip(self.times.iter().skip(1)).map(|(a, b)| b - a).collect();
        if gaps.len() < 5 {
            return DEFAULT_INTERVAL;
        }
        gaps.sort_by(f64::total_cmp);
        gaps[gaps.len() / part].clamp(0.002, 5.0)
    }

    /// From the first to the last byte of a frame, s: how much longer its last rows may be exposed than its first.
    pub(super) fn readout(&self) -> f64 {
        self.readout
    }

    /// The greatest recent time from exposure to arrival, s.
    pub(super) fn latency(&self) -> f64 {
        self.latency
    }

    /// Bounds for a frame that arrived at `arrived` (the instant of its last byte).
    pub(super) fn bound(&mut self, said: Said, arrived: MonoTime) -> (Span, Freshness) {
        let now = arrived.as_secs_f64();
        let Said::Times(stamps) = said else { return self.by_arrival(now) };
        self.remember(stamps.grab_begin);
        remember(&mut self.offsets, now - stamps.send);
        let readout = (stamps.grab_end - stamps.grab_begin).clamp(0.0, self.interval());
        self.readout = self.readout.max(readout).min(readout * 2.0 + 0.001);
        let journey = now - stamps.send;
        // Two hosts' clocks differ by the difference of their uptimes.
        let ours = self.same_host && (-0.005..10.0).contains(&journey);
        let (shift, slack, freshness) = if ours {
            (0.0, 0.0, Freshness::Proven)
        } else {
            let fastest = self.offsets.iter().copied().fold(f64::INFINITY, f64::min);
            (fastest, NETWORK_JITTER, Freshness::Compared)
        };
        let grab = stamps.grab_begin + shift;
        self.latency = (now - grab).max(self.latency * 0.98);
        (self.span(grab - self.longest_exposure() - slack, grab + readout), freshness)
    }

    fn by_arrival(&mut self, now: f64) -> (Span, Freshness) {
        let interval = self.interval();
        self.remember(now);
        // Frames that piled up on the way are older than they seem: follow the beat, and fall behind it only slowly.
        let steady = match self.steady {
            Some(last) if now - last < 1.0 => now.min(last + interval * 1.2),
            _ => now,
        };
        self.steady = Some(steady);
        let end = now - self.assumed_latency;
        (self.span(steady - self.assumed_latency - self.longest_exposure(), end), Freshness::Assumed)
    }

    fn remember(&mut self, time: f64) {
        if self.times.back().is_some_and(|&last| time - last > 2.0 || time <= last) {
            self.times.clear();
        }
        remember(&mut self.times, time);
    }

    fn span(&self, from: f64, until: f64) -> Span {
        let at = |t: f64| MonoTime::from_secs_f64(t.max(0.0)).unwrap_or(MonoTime::ZERO);
        Span { from: at(from), until: at(until.max(from)) }
    }
}

fn remember(memory: &mut VecDeque<f64>, value: f64) {
    if memory.len() == MEMORY {
        memory.pop_front();
    }
    memory.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(headers: &[(&str, &str)]) -> Said {
        Said::read(|name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v))
    }

    fn at(t: f64) -> MonoTime {
        MonoTime::from_secs_f64(t).unwrap()
    }

    fn times(grab: f64, send: f64) -> Said {
        Said::Times(Stamps { grab_begin: grab, grab_end: grab, send })
    }

    #[test]
    fn ustreamers_headers_are_read_in_all_their_generations() {
        let stream = [
            ("X-UStreamer-Online", "true"),
            ("X-UStreamer-Grab-Begin-Time", "10.5"),
            ("X-UStreamer-Grab-End-Time", "10.51"),
            ("X-UStreamer-Send-Time", "10.6"),
        ];
        assert_eq!(said(&stream), Said::Times(Stamps { grab_begin: 10.5, grab_end: 10.51, send: 10.6 }));
        let old_snapshot = [("X-UStreamer-Grab-Timestamp", "10.5"), ("X-UStreamer-Send-Timestamp", "10.6")];
        assert_eq!(said(&old_snapshot), times(10.5, 10.6));
        assert_eq!(said(&[("Content-Type", "image/jpeg")]), Said::Nothing);
    }

    #[test]
    fn the_no_signal_picture_is_recognised() {
        assert_eq!(said(&[("X-UStreamer-Online", "false"), ("X-UStreamer-Grab-Begin-Time", "9.0")]), Said::Offline);
        assert_eq!(said(&[("X-UStreamer-Grab-Begin-Time", "0.000000"), ("X-UStreamer-Send-Time", "9")]), Said::Offline);
    }

    #[test]
    fn stamps_of_this_host_prove_the_exposure() {
        let mut exposures = Exposures::new(Duration::from_millis(50), true);
        let (span, freshness) = exposures.bound(times(100.0, 100.2), at(100.21));
        assert_eq!(freshness, Freshness::Proven);
        assert!((span.from.as_secs_f64() - (100.0 - DEFAULT_INTERVAL)).abs() < 1e-9);
        assert!((span.until.as_secs_f64() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn another_hosts_clock_is_compared_by_the_fastest_journey() {
        let mut exposures = Exposures::new(Duration::from_millis(50), false);
        // Its clock is 5000 s behind; journeys take 2 ms, the last one 80 ms.
        for i in 0..10 {
            let grab = 100.0 + f64::from(i) * 0.04;
            exposures.bound(times(grab, grab + 0.03), at(5000.0 + grab + 0.032));
        }
        let (span, freshness) = exposures.bound(times(100.4, 100.43), at(5100.51));
        assert_eq!(freshness, Freshness::Compared);
        assert!((span.until.as_secs_f64() - 5100.402).abs() < 1e-6);
        assert!((exposures.interval() - 0.04).abs() < 1e-6);
    }

    #[test]
    fn frames_that_piled_up_are_taken_for_older_than_they_seem() {
        let mut exposures = Exposures::new(Duration::ZERO, true);
        for i in 0..20 {
            exposures.bound(Said::Nothing, at(100.0 + f64::from(i) * 0.1));
        }
        // Due at 102.0 and 102.1, both arrive at 102.5.
        let (first, freshness) = exposures.bound(Said::Nothing, at(102.5));
        let (second, _) = exposures.bound(Said::Nothing, at(102.501));
        assert_eq!(freshness, Freshness::Assumed);
        assert!(first.from.as_secs_f64() < 102.0);
        assert!(second.from.as_secs_f64() < 102.1);
    }
}
