//! What tests can break or set while the camera runs.

use std::sync::Arc;

use tokio::sync::watch;

/// How the camera misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It works.
    #[default]
    None,
    /// Nobody listens on the port: connections are refused, open ones are cut.
    Off,
    /// Connections are accepted and stay open, but no new frame comes.
    Stall,
    /// Every request is answered with status 503.
    Unavailable,
    /// Every JPEG ends after half of its bytes, and the headers announce only those.
    Truncated,
    /// The same picture for ever, with honest new timestamps.
    Frozen,
    /// The capture device is gone: a drawn "no signal" picture once a second, marked as offline.
    Offline,
    /// Every request is answered with a HTML page and status 200, as web front ends do for unknown paths.
    Html,
    /// A password is wanted, whichever is given.
    Unauthorized,
    /// Nobody is let in.
    Forbidden,
    /// There is nothing at any address.
    NotFound,
    /// What camera-streamer answers when it gets no frames.
    NoFrames,
    /// What nginx answers when the server behind it is down.
    BadGateway,
    /// Every address leads to itself.
    RedirectLoop,
    /// An empty picture with status 200, as go2rtc sends for a name that it does not know.
    Empty,
    /// Connections are accepted, requests read, and never answered.
    Hang,
    /// What answers is no HTTP.
    Gibberish,
    /// A picture, but a PNG.
    Png,
    /// A stream that is no MJPEG.
    Video,
    /// Every stream ends after three frames.
    Ends,
    /// Every stream breaks off in the midst of its third frame.
    Cut,
    /// A part of a stream that announces a gigabyte.
    Huge,
    /// Parts whose headers are none.
    BadParts,
    /// Every second frame is cut to half.
    HalfBroken,
    /// Snapshots come a second late.
    Slow,
    /// Every picture is said to be of this instant (`CLOCK_MONOTONIC`, ms), and to be sent 30 ms later.
    StampsStuck(u64),
    /// Every picture is said to be taken two seconds after it was sent.
    StampsAhead,
    /// The server's clock differs from the host's by so many ms.
    ClockOff(i32),
    /// The server's clock jumps by up to a second, either way, from picture to picture.
    ClockJumps,
}

const HTML: &[u8] = b"<!DOCTYPE html><html><body>Not a camera</body></html>";

impl Fault {
    /// What every request is answered with: status, headers, body.
    pub(super) fn reply(self) -> Option<(&'static str, &'static str, &'static [u8])> {
        let html = "Content-Type: text/html\r\n";
        Some(match self {
            Self::Unavailable => ("503 Service Unavailable", "Content-Type: text/plain\r\n", b"busy\n"),
            Self::Html => ("200 OK", html, HTML),
            Self::Unauthorized => ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"Restricted area\"\r\n", b""),
            Self::Forbidden => ("403 Forbidden", html, HTML),
            Self::NotFound => ("404 Not Found", html, HTML),
            Self::NoFrames => ("500 Internal Server Error", "", b"No snapshot captured yet.\r\n"),
            Self::BadGateway => ("502 Bad Gateway", html, HTML),
            Self::RedirectLoop => ("302 Found", "Location: ?again\r\n", b""),
            Self::Empty => ("200 OK", "", b""),
            Self::Png => ("200 OK", "Content-Type: image/png\r\n", b"\x89PNG\r\n\x1a\n"),
            Self::Video => ("200 OK", "Content-Type: video/mp4\r\n", b"\0\0\0\x18ftypmp42"),
            _ => return None,
        })
    }
}

impl Fault {
    /// What the server says instead: the driver's first and last bytes of picture `number`, and when it was sent, s.
    pub(super) fn stamps(self, number: u64, grab: (f64, f64), sent: f64) -> ((f64, f64), f64) {
        let all = |by: f64| ((grab.0 + by, grab.1 + by), sent + by);
        match self {
            Self::StampsStuck(ms) => {
                let at = ms as f64 * 1e-3;
                ((at, at + 0.01), at + 0.03)
            }
            Self::StampsAhead => ((sent + 2.0, sent + 2.01), sent),
            Self::ClockOff(ms) => all(f64::from(ms) * 1e-3),
            Self::ClockJumps => all((number * 7919 % 2001) as f64 * 1e-3 - 1.0),
            _ => (grab, sent),
        }
    }

    pub(super) fn stalled(self) -> bool {
        self == Self::Stall
    }

    pub(super) fn offline(self) -> bool {
        self == Self::Offline
    }

    pub(super) fn frozen(self) -> bool {
        self == Self::Frozen
    }
}

/// Times of the sensor that may change while it runs, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) exposure: f64,
    pub(super) latency: f64,
}

/// The switches, shared by all parts of the camera.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    fault: Arc<watch::Sender<Fault>>,
    settings: Arc<watch::Sender<Settings>>,
}

impl Faults {
    pub(super) fn new(settings: Settings) -> Self {
        Self { fault: Arc::new(watch::Sender::new(Fault::None)), settings: Arc::new(watch::Sender::new(settings)) }
    }

    pub(super) fn get(&self) -> Fault {
        *self.fault.borrow()
    }

    pub(super) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Fault> {
        self.fault.subscribe()
    }

    pub(super) fn settings(&self) -> Settings {
        *self.settings.borrow()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.settings.send_modify(change);
    }
}
