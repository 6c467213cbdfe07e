//! When was a frame exposed? What can be known from headers and arrival times.
//!
//! A camera's driver stamps a frame when its first bytes arrive (`X-UStreamer-Grab-Begin-*`). The first rows were exposed
//! before that, for at most one frame interval; then they were read out and compressed in the camera, for about one more.
//! The last rows may be exposed until the last bytes arrive (`Grab-End`, rolling shutter). Those are the bounds given
//! here; calibration makes them tighter.

use std::collections::VecDeque;
use std::fmt;

use crate::clock::MonoTime;

use super::recent::Recent;
use super::{CameraSpec, Span, Timing};

/// Assumed until the stream has shown its own.
pub(super) const DEFAULT_INTERVAL: f64 = 1.0 / 30.0;
/// No exposure with what follows until its first bytes is taken to be longer, however slow the stream is.
const LONGEST_LEAD: f64 = 0.25;
/// By how much the assumed latency may be too long. What is assumed where nothing is known (50 ms) must also do for a
/// camera with none.
const ASSUMED_TOO_LONG: f64 = 0.05;
/// A server whose times have contradicted themselves is not believed for so long, s.
const PROBATION: f64 = 2.0;
/// What the network may delay a frame by beyond its fastest journey, when the server runs on another host.
const NETWORK_JITTER: f64 = 0.02;

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
        // Before 6.46 it does not say when the last bytes came; the encoder began after that.
        let grab_end = time("Grab-End").or_else(|| time("Encode-Begin"));
        let grab_end = grab_end.filter(|end| (grab_begin..=send).contains(end)).unwrap_or(send);
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
    /// By the server's word that it was captured after the request.
    Promised,
    /// By arrival and the camera's calibrated latency.
    Calibrated,
    /// By arrival and the camera's assumed latency.
    Assumed,
}

impl Freshness {
    /// Whether the time of an exposure rests on more than an assumption.
    #[must_use]
    pub fn is_proven(self) -> bool {
        self != Self::Assumed
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proven => "proven by the driver's timestamps",
            Self::Compared => "proven by the driver's timestamps over the network",
            Self::Promised => "promised by the server",
            Self::Calibrated => "by calibration",
            Self::Assumed => "assumed by stream_delay_compensation",
        })
    }
}

/// Turns what is said about frames into bounds of their exposure.
#[derive(Debug)]
pub(super) struct Exposures {
    /// Exposure to arrival where nothing is said.
    assumed_latency: f64,
    /// By calibration.
    timing: Option<Timing>,
    clocks: Clocks,
    /// Times of frames, on one clock.
    times: Recent,
    /// Arrival minus first bytes, of frames with stamps, s.
    ages: Recent,
    /// When the frame would have come over a network without hiccups.
    steady: Option<f64>,
    latency: f64,
    /// How long the bounds of frames' exposures last, s.
    widths: Recent,
    /// When the driver got the last frame, as the server said, s on its clock.
    last_grab: f64,
    /// Until then, s on our clock, the server's times are not believed.
    disbelieved: f64,
}

impl Exposures {
    pub(super) fn new(spec: &CameraSpec, same_host: bool) -> Self {
        let assumed_latency = spec.timing.map_or(spec.latency, |t| t.latency).as_secs_f64();
        Self {
            assumed_latency,
            timing: spec.timing,
            clocks: Clocks::new(same_host),
            times: Recent::default(),
            ages: Recent::default(),
            steady: None,
            latency: assumed_latency,
            widths: Recent::default(),
            last_grab: f64::NEG_INFINITY,
            disbelieved: f64::NEG_INFINITY,
        }
    }

    /// The median time between frames, s.
    pub(super) fn interval(&self) -> f64 {
        self.gap(0.5)
    }

    /// How long the head must stand still for a frame, s: for its exposure's bounds and the wait for it to begin. A frame
    /// in ten may need more.
    pub(super) fn hold(&self) -> f64 {
        let width = self.widths.quantile(0.9, 1).unwrap_or_default();
        width + self.gap(0.9).min(1.5 * self.interval())
    }

    /// The gap between frames than which `share` of the gaps are not longer, s.
    fn gap(&self, share: f64) -> f64 {
        self.times.step(share, 5).map_or(DEFAULT_INTERVAL, |gap| gap.clamp(0.002, 5.0))
    }

    /// Before its first bytes came, for how long a frame may have been exposed and read out, s. Not calibrated, that is
    /// twice the sensor's interval: the lower quartile of the gaps, because a busy host drops frames and the gaps that
    /// it makes say nothing about the sensor.
    fn lead(&self) -> f64 {
        uncalibrated_lead(self.gap(0.25))
    }

    /// The greatest recent time from exposure to arrival, s.
    pub(super) fn latency(&self) -> f64 {
        self.latency
    }

    /// Bounds for a frame that arrived at `arrived` (the instant of its last byte).
    pub(super) fn bound(&mut self, said: Said, arrived: MonoTime) -> (Span, Freshness) {
        let now = arrived.as_secs_f64();
        let Said::Times(stamps) = said else { return self.by_arrival(now) };
        if !self.believes(stamps, now) {
            return self.by_arrival(now);
        }
        self.remember(stamps.grab_begin);
        let readout = (stamps.grab_end - stamps.grab_begin).clamp(0.0, self.interval());
        let (shift, slack, freshness) = self.clocks.shift(stamps.send, now);
        let grab = stamps.grab_begin + shift;
        self.ages.push(now - grab);
        let lead = match self.timing {
            // What calibration saw of the time before the first bytes is what the later part does not explain.
            Some(t) => {
                let least_age = self.ages.least().unwrap_or_default();
                (t.latency.as_secs_f64() - least_age).max(0.0) + t.exposure.as_secs_f64() + t.jitter.as_secs_f64()
            }
            None => self.lead(),
        };
        self.latency = (now - grab).max(self.latency * 0.98);
        self.widths.push(lead + slack + readout);
        (span(grab - lead - slack, grab + readout), freshness)
    }

    /// Whether the server's times can be true. Time neither stands still nor goes back; where it does, a picture of now
    /// could be taken for one of a stop that is long over. What was learned of the server's clock is void then.
    fn believes(&mut self, stamps: Stamps, now: f64) -> bool {
        let last = std::mem::replace(&mut self.last_grab, stamps.grab_begin);
        if stamps.grab_begin < last || self.clocks.is_another_than_before(stamps.send, now) {
            if now >= self.disbelieved {
                tracing::warn!("a camera's timestamps contradict themselves; its pictures are timed by their arrival");
            }
            self.clocks.forget();
            self.ages = Recent::default();
            self.disbelieved = now + PROBATION;
        }
        // A server may send the last picture again; what it says is no news then.
        stamps.grab_begin != last && now >= self.disbelieved
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
        let (early, late) = match self.timing {
            Some(t) => (t.exposure.as_secs_f64() + t.jitter.as_secs_f64(), t.jitter.as_secs_f64()),
            None => (self.lead(), self.assumed_latency.min(ASSUMED_TOO_LONG)),
        };
        let freshness = if self.timing.is_some() { Freshness::Calibrated } else { Freshness::Assumed };
        self.widths.push(early + late + now - steady);
        (span(steady - self.assumed_latency - early, now - self.assumed_latency + late), freshness)
    }

    fn remember(&mut self, time: f64) {
        if self.times.newest().is_some_and(|last| time - last > 2.0 || time <= last) {
            self.times.clear();
        }
        self.times.push(time);
    }
}

/// For a sensor that takes a frame every `interval` seconds: before the first bytes of a frame came, for how long it may
/// have been exposed and read out, s. One interval for the exposure, and one for what the camera does before it sends.
pub(super) fn uncalibrated_lead(interval: f64) -> f64 {
    (2.0 * interval).min(LONGEST_LEAD)
}

/// The server's clock against ours.
#[derive(Debug)]
struct Clocks {
    /// The server runs on this host, so its monotonic clock is ours, unless a proxy on this host leads to another one.
    same_host: bool,
    /// Such a short journey was seen that the clocks must be the same.
    same_clock: bool,
    /// The least of arrival minus send, on two clocks, in each of the last minute's seconds: the clocks' difference plus
    /// the fastest journey.
    least: VecDeque<(i64, f64)>,
}

impl Clocks {
    fn new(same_host: bool) -> Self {
        Self { same_host, same_clock: false, least: VecDeque::new() }
    }

    /// Nothing is known any more.
    fn forget(&mut self) {
        *self = Self::new(self.same_host);
    }

    /// Whether the clocks were the same, and a frame sent at `send` (its clock) that arrived at `now` (ours) would have
    /// arrived before it was sent.
    fn is_another_than_before(&self, send: f64, now: f64) -> bool {
        self.same_clock && now - send <= -0.005
    }

    /// What to add to the server's times, by how much that may be too late, and how surely it is known; for a frame sent
    /// at `send` (its clock) that arrived at `now` (ours).
    fn shift(&mut self, send: f64, now: f64) -> (f64, f64, Freshness) {
        let offset = now - send;
        let second = now as i64;
        match self.least.back_mut() {
            Some((of, least)) if *of == second => *least = least.min(offset),
            _ => self.least.push_back((second, offset)),
        }
        while self.least.front().is_some_and(|(of, _)| second - of > 60) {
            self.least.pop_front();
        }
        // Two hosts' clocks differ by the difference of their uptimes.
        self.same_clock |= self.same_host && (-0.005..NETWORK_JITTER).contains(&offset);
        if self.same_clock && offset > -0.005 {
            return (0.0, 0.0, Freshness::Proven);
        }
        let fastest = self.least.iter().map(|(_, least)| *least).fold(f64::INFINITY, f64::min);
        (fastest, NETWORK_JITTER, Freshness::Compared)
    }
}

/// Bounds for a snapshot with stamps: by the answer's own times when the clock is ours, else by when it was asked for and
/// when it came, less its age on the server's clock. That needs no comparison of clocks.
pub(super) fn bound_snapshot(
    stamps: Stamps,
    same_host: bool,
    interval: f64,
    asked: MonoTime,
    received: MonoTime,
) -> Span {
    let (asked, now) = (asked.as_secs_f64(), received.as_secs_f64());
    let lead = uncalibrated_lead(interval);
    let readout = (stamps.grab_end - stamps.grab_begin).clamp(0.0, interval);
    // It was sent between the request and its arrival; on our own clock we know when.
    let ours = same_host && (asked - 0.005..=now + 0.005).contains(&stamps.send);
    let (first_sent, last_sent) = if ours { (stamps.send, stamps.send) } else { (asked, now) };
    let age = stamps.send - stamps.grab_begin;
    span(first_sent - age - lead, last_sent - age + readout)
}

fn span(from: f64, until: f64) -> Span {
    let at = |t: f64| MonoTime::from_secs_f64(t.max(0.0)).unwrap_or(MonoTime::ZERO);
    Span { from: at(from), until: at(until.max(from)) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert_eq!(said(&old_snapshot), Said::Times(Stamps { grab_begin: 10.5, grab_end: 10.6, send: 10.6 }));
        let old_stream = [
            ("X-UStreamer-Grab-Time", "10.5"),
            ("X-UStreamer-Encode-Begin-Time", "10.53"),
            ("X-UStreamer-Send-Time", "10.6"),
        ];
        assert_eq!(said(&old_stream), Said::Times(Stamps { grab_begin: 10.5, grab_end: 10.53, send: 10.6 }));
        assert_eq!(said(&[("Content-Type", "image/jpeg")]), Said::Nothing);
    }

    #[test]
    fn the_no_signal_picture_is_recognised() {
        assert_eq!(said(&[("X-UStreamer-Online", "false"), ("X-UStreamer-Grab-Begin-Time", "9.0")]), Said::Offline);
        assert_eq!(said(&[("X-UStreamer-Grab-Begin-Time", "0.000000"), ("X-UStreamer-Send-Time", "9")]), Said::Offline);
    }

    fn camera(latency: Duration, timing: Option<Timing>) -> CameraSpec {
        CameraSpec { latency, timing, ..CameraSpec::web("c", None, None) }
    }

    fn near(time: MonoTime, expected: f64) -> bool {
        (time.as_secs_f64() - expected).abs() < 1e-6
    }

    #[test]
    fn stamps_of_this_host_prove_the_exposure() {
        let mut exposures = Exposures::new(&camera(Duration::ZERO, None), true);
        let (span, freshness) = exposures.bound(times(100.0, 100.2), at(100.21));
        assert_eq!(freshness, Freshness::Proven);
        assert!(near(span.from, 100.0 - 2.0 * DEFAULT_INTERVAL) && near(span.until, 100.0));
        // The host was busy with this one, the clock is the same all the same.
        let (span, freshness) = exposures.bound(times(100.1, 100.2), at(100.9));
        assert_eq!(freshness, Freshness::Proven);
        assert!(near(span.until, 100.1));
    }

    #[test]
    fn times_that_stand_still_or_go_back_are_not_believed_for_a_while() {
        let mut exposures = Exposures::new(&camera(Duration::from_millis(50), None), true);
        let proven = |(_, freshness): (Span, Freshness)| freshness == Freshness::Proven;
        assert!(proven(exposures.bound(times(100.0, 100.02), at(100.03))));
        // Sent again.
        assert!(!proven(exposures.bound(times(100.0, 100.06), at(100.07))));
        assert!(proven(exposures.bound(times(100.1, 100.12), at(100.13))));
        // The clock is set back by a second.
        let (span, freshness) = exposures.bound(times(99.2, 99.22), at(100.23));
        assert!(freshness == Freshness::Assumed && span.until.as_secs_f64() > 100.1, "{span:?}");
        assert!(!proven(exposures.bound(times(99.3, 99.32), at(100.33))));
        // Later it is another host's clock.
        exposures.bound(times(102.2, 102.22), at(103.23));
        let (span, freshness) = exposures.bound(times(102.3, 102.32), at(103.33));
        assert_eq!(freshness, Freshness::Compared);
        assert!(near(span.until, 103.31));
        // Set ahead, a frame seems to arrive before it was sent.
        let mut exposures = Exposures::new(&camera(Duration::from_millis(50), None), true);
        assert!(proven(exposures.bound(times(100.0, 100.02), at(100.03))));
        assert_eq!(exposures.bound(times(102.1, 102.12), at(100.13)).1, Freshness::Assumed);
    }

    #[test]
    fn a_proxy_on_this_host_does_not_make_another_hosts_clock_ours() {
        let mut exposures = Exposures::new(&camera(Duration::ZERO, None), true);
        // Both were switched on at once, the other one booted 3 s faster.
        let (span, freshness) = exposures.bound(times(103.0, 103.03), at(100.03));
        assert_eq!(freshness, Freshness::Compared);
        assert!(near(span.until, 100.0));
    }

    #[test]
    fn another_hosts_clock_is_compared_by_the_fastest_journey() {
        let mut exposures = Exposures::new(&camera(Duration::ZERO, None), false);
        // Its clock is 5000 s behind; journeys take 2 ms, the last one 80 ms.
        for i in 0..10 {
            let grab = 100.0 + f64::from(i) * 0.04;
            exposures.bound(times(grab, grab + 0.03), at(5000.0 + grab + 0.032));
        }
        let (span, freshness) = exposures.bound(times(100.4, 100.43), at(5100.51));
        assert_eq!(freshness, Freshness::Compared);
        assert!(near(span.until, 5100.402));
        assert!(near(span.from, 5100.402 - NETWORK_JITTER - 0.08));
        assert!((exposures.interval() - 0.04).abs() < 1e-6);
        assert!((exposures.hold() - (0.12 + NETWORK_JITTER)).abs() < 1e-6);
    }

    #[test]
    fn frames_that_piled_up_are_taken_for_older_than_they_seem() {
        let mut exposures = Exposures::new(&camera(Duration::ZERO, None), true);
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

    #[test]
    fn an_assumed_latency_is_right_for_cameras_that_have_less() {
        let mut exposures = Exposures::new(&camera(Duration::from_millis(50), None), true);
        let (span, _) = exposures.bound(Said::Nothing, at(100.0));
        assert!(near(span.from, 99.95 - 2.0 * DEFAULT_INTERVAL) && near(span.until, 100.0));
        let mut slow = Exposures::new(&camera(Duration::from_millis(400), None), true);
        let (span, _) = slow.bound(Said::Nothing, at(100.0));
        assert!(near(span.from, 99.6 - 2.0 * DEFAULT_INTERVAL) && near(span.until, 99.65));
    }

    #[test]
    fn calibration_tightens_the_bounds() {
        let ms = Duration::from_millis;
        let timing = Timing { latency: ms(300), exposure: ms(20), jitter: ms(10) };
        let mut by_arrival = Exposures::new(&camera(Duration::ZERO, Some(timing)), true);
        let (span, freshness) = by_arrival.bound(Said::Nothing, at(100.0));
        assert_eq!(freshness, Freshness::Calibrated);
        assert!(near(span.from, 99.67) && near(span.until, 99.71));
        // Of 300 ms, 250 lie behind the stamp.
        let mut stamped = Exposures::new(&camera(Duration::ZERO, Some(timing)), true);
        let (span, freshness) = stamped.bound(times(99.75, 99.999), at(100.0));
        assert_eq!(freshness, Freshness::Proven);
        assert!(near(span.from, 99.75 - 0.05 - 0.02 - 0.01) && near(span.until, 99.75));
    }

    #[test]
    fn a_snapshot_of_another_host_is_bounded_by_request_and_answer() {
        let Said::Times(stamps) = times(7.0, 7.1) else { panic!() };
        let bounds = bound_snapshot(stamps, false, 0.03, at(100.0), at(100.2));
        assert!(near(bounds.from, 99.9 - 0.06) && near(bounds.until, 100.1));
        let ours = Stamps { grab_begin: 100.05, grab_end: 100.06, send: 100.15 };
        let bounds = bound_snapshot(ours, true, 0.03, at(100.0), at(100.2));
        assert!(near(bounds.from, 100.05 - 0.06) && near(bounds.until, 100.06));
    }
}
