//! What sets one webcam server apart from the next, byte for byte.

use super::shutter::Shot;

/// Whose manners the camera has.
///
/// Adding a server means a variant and an arm in each method; requests, frames and faults are common to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Manner {
    /// ustreamer >= 6.46, as crowsnest runs it: grab timestamps on the monotonic clock, snapshots wait for a frame.
    #[default]
    Ustreamer,
    /// ustreamer 4.9, Debian's: one grab timestamp, snapshots are the last frame.
    OldUstreamer,
    /// camera-streamer: no times; snapshots are up to 300 ms old, or as `max_delay` says.
    CameraStreamer,
    /// spyglass: no times, Python's HTTP server, snapshots are the next frame.
    Spyglass,
    /// go2rtc: no times, chunked streams, snapshots are the next frame, other addresses.
    Go2rtc,
    /// A server that says nothing about time and answers snapshots with its last frame at once.
    Plain,
}

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The stream; `true` when it wants the extra headers.
    Stream(bool),
    Snapshot(Which),
    /// The server's status, as JSON.
    State,
    Unknown,
}

/// Which frame a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The newest one that there is.
    Last,
    /// The next one that is finished.
    Next,
    /// As ustreamer's queue of snapshots gives it.
    Queued,
    /// One that was captured not longer than this before the request, ms; negative for after.
    CapturedWithin(i32),
}

/// Not to be cached: the headers that ustreamer sends with everything that moves.
const NO_CACHE: &str = "Cache-Control: no-store, no-cache, must-revalidate, proxy-revalidate, pre-check=0, post-check=0, max-age=0\r\n\
    Pragma: no-cache\r\nExpires: Mon, 3 Jan 2000 12:34:56 GMT\r\n";
/// spyglass's server, with everything it sends.
const PYTHON: &str = "Server: BaseHTTP/0.6 Python/3.11.2\r\nDate: Mon, 03 Aug 2026 10:00:00 GMT\r\n\
    Access-Control-Allow-Origin: *\r\nAge: 0\r\nCache-Control: no-cache, private\r\nPragma: no-cache\r\n";

impl Manner {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ustreamer, Self::OldUstreamer, Self::CameraStreamer, Self::Spyglass, Self::Go2rtc, Self::Plain];

    /// Path and query of its stream.
    #[must_use]
    pub fn stream_path(self) -> &'static str {
        if self == Self::Go2rtc { "/api/stream.mjpeg?src=cam" } else { "/?action=stream" }
    }

    /// Path and query of its snapshots.
    #[must_use]
    pub fn snapshot_path(self) -> &'static str {
        if self == Self::Go2rtc { "/api/frame.jpeg?src=cam" } else { "/?action=snapshot" }
    }

    fn is_ustreamer(self) -> bool {
        matches!(self, Self::Ustreamer | Self::OldUstreamer)
    }

    /// What the target of a request means here.
    pub(super) fn ask(self, target: &str) -> Ask {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let value = |key: &str| query.split('&').find_map(|p| p.strip_prefix(key)?.strip_prefix('='));
        let stream = Ask::Stream(self.is_ustreamer() && value("extra_headers") == Some("1"));
        let snapshot = Ask::Snapshot(match self {
            Self::Ustreamer => Which::Queued,
            Self::OldUstreamer | Self::Plain => Which::Last,
            Self::Spyglass | Self::Go2rtc => Which::Next,
            Self::CameraStreamer => Which::CapturedWithin(value("max_delay").map_or(300, |ms| ms.parse().unwrap_or(0))),
        });
        match (self, path) {
            (Self::Go2rtc, "/api/stream.mjpeg") => stream,
            (Self::Go2rtc, "/api/frame.jpeg") => snapshot,
            (Self::Go2rtc, _) => Ask::Unknown,
            (Self::Ustreamer | Self::OldUstreamer, "/state") | (Self::CameraStreamer, "/status") => Ask::State,
            // crowsnest sets spyglass up with these only.
            (_, "/") if value("action") == Some("stream") => stream,
            (_, "/") if value("action") == Some("snapshot") => snapshot,
            (Self::Spyglass, _) => Ask::Unknown,
            (_, "/stream") => stream,
            (_, "/snapshot") => snapshot,
            _ => Ask::Unknown,
        }
    }

    /// Whether a stream goes out in chunks of HTTP/1.1.
    pub(super) fn chunked(self) -> bool {
        self == Self::Go2rtc
    }

    /// Whether the connection ends after a snapshot, whatever was agreed.
    pub(super) fn hangs_up(self) -> bool {
        matches!(self, Self::CameraStreamer | Self::Spyglass)
    }

    /// Whether it speaks HTTP/1.0 to everybody.
    pub(super) fn old_http(self) -> bool {
        self == Self::Spyglass
    }

    /// Status line and headers of a stream, with all that comes before the first part.
    pub(super) fn stream_head(self) -> String {
        let multipart = "Content-Type: multipart/x-mixed-replace";
        match self {
            Self::Ustreamer | Self::OldUstreamer => format!(
                "HTTP/1.0 200 OK\r\nAccess-Control-Allow-Origin: *\r\n{NO_CACHE}{multipart};\
                 boundary=boundarydonotcross\r\n\r\n--boundarydonotcross\r\n"
            ),
            Self::CameraStreamer => format!(
                "HTTP/1.0 200 OK\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n{multipart};\
                 boundary=123456789000000000000987654321\r\n\r\n--123456789000000000000987654321\r\n"
            ),
            Self::Spyglass => format!("HTTP/1.0 200 OK\r\n{PYTHON}{multipart}; boundary=FRAME\r\n\r\n"),
            Self::Go2rtc => format!(
                "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nConnection: close\r\n{multipart}; boundary=frame\r\n\
                 Pragma: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            Self::Plain => {
                format!("HTTP/1.0 200 OK\r\n{multipart};boundary=boundarydonotcross\r\n\r\n--boundarydonotcross\r\n")
            }
        }
    }

    /// What goes before each part.
    pub(super) fn before_part(self) -> &'static str {
        match self {
            Self::Spyglass => "--FRAME\r\n",
            Self::Go2rtc => "--frame\r\n",
            _ => "",
        }
    }

    /// What goes behind each part.
    pub(super) fn after_part(self) -> &'static str {
        match self {
            Self::Ustreamer | Self::OldUstreamer | Self::Plain => "\r\n--boundarydonotcross\r\n",
            Self::CameraStreamer => "\r\n--123456789000000000000987654321\r\n",
            Self::Spyglass | Self::Go2rtc => "\r\n",
        }
    }

    /// Headers of one part of a stream that sends `len` bytes.
    pub(super) fn part_head(self, shot: &Shot, len: usize, extra: bool, fps: u32, now: f64) -> String {
        let mut head = format!("Content-Type: image/jpeg\r\nContent-Length: {len}\r\n");
        if self.is_ustreamer() {
            head += &format!("X-Timestamp: {:.6}\r\n", wall());
        }
        if extra {
            let (grab, encode) = (shot.grab, shot.encode);
            head += &format!(
                "X-UStreamer-Online: {}\r\nX-UStreamer-Dropped: 0\r\nX-UStreamer-Width: {}\r\n\
                 X-UStreamer-Height: {}\r\nX-UStreamer-Client-FPS: {fps}\r\n{}\
                 X-UStreamer-Encode-Begin-Time: {:.6}\r\nX-UStreamer-Encode-End-Time: {:.6}\r\n\
                 X-UStreamer-Expose-Begin-Time: {:.6}\r\nX-UStreamer-Expose-Cmp-Time: {:.6}\r\n\
                 X-UStreamer-Expose-End-Time: {:.6}\r\nX-UStreamer-Send-Time: {now:.6}\r\n\
                 X-UStreamer-Latency: {:.6}\r\n",
                shot.online,
                shot.width,
                shot.height,
                self.grab_times(shot, "Time"),
                encode.0,
                encode.1,
                shot.exposed,
                shot.exposed,
                shot.exposed,
                now - grab.0,
            );
        }
        head + "\r\n"
    }

    /// Since 6.46 begin and end, before that the begin.
    fn grab_times(self, shot: &Shot, suffix: &str) -> String {
        let (begin, end) = shot.grab;
        if self == Self::OldUstreamer {
            return format!("X-UStreamer-Grab-{suffix}: {begin:.6}\r\n");
        }
        format!("X-UStreamer-Grab-Begin-{suffix}: {begin:.6}\r\nX-UStreamer-Grab-End-{suffix}: {end:.6}\r\n")
    }

    /// Headers of a snapshot, without the status line.
    pub(super) fn snapshot_head(self, shot: &Shot, now: f64) -> String {
        let grab = self.grab_times(shot, "Timestamp");
        let (online, width, height) = (shot.online, shot.width, shot.height);
        let (encode_begin, encode_end) = shot.encode;
        match self {
            Self::Plain | Self::CameraStreamer => "Content-Type: image/jpeg\r\n".to_owned(),
            Self::Go2rtc => "Cache-Control: no-cache\r\nContent-Type: image/jpeg\r\nPragma: no-cache\r\n".to_owned(),
            Self::Spyglass => format!("{PYTHON}Content-Type: image/jpeg\r\n"),
            Self::Ustreamer => format!(
                "Access-Control-Allow-Origin: *\r\n{NO_CACHE}X-Timestamp: {:.6}\r\nX-UStreamer-Online: {online}\r\n\
                 X-UStreamer-Width: {width}\r\nX-UStreamer-Height: {height}\r\n{grab}\
                 X-UStreamer-Encode-Begin-Timestamp: {encode_begin:.6}\r\n\
                 X-UStreamer-Encode-End-Timestamp: {encode_end:.6}\r\n\
                 X-UStreamer-Send-Timestamp: {now:.6}\r\nContent-Type: image/jpeg\r\n",
                wall(),
            ),
            Self::OldUstreamer => format!(
                "{NO_CACHE}X-Timestamp: {:.6}\r\nX-UStreamer-Online: {online}\r\nX-UStreamer-Dropped: 0\r\n\
                 X-UStreamer-Width: {width}\r\nX-UStreamer-Height: {height}\r\n{grab}\
                 X-UStreamer-Encode-Begin-Timestamp: {encode_begin:.6}\r\n\
                 X-UStreamer-Encode-End-Timestamp: {encode_end:.6}\r\n\
                 X-UStreamer-Expose-Begin-Timestamp: {exposed:.6}\r\nX-UStreamer-Expose-Cmp-Timestamp: {exposed:.6}\r\n\
                 X-UStreamer-Expose-End-Timestamp: {exposed:.6}\r\n\
                 X-UStreamer-Send-Timestamp: {now:.6}\r\nContent-Type: image/jpeg\r\n",
                wall(),
                exposed = shot.exposed,
            ),
        }
    }
}

/// `CLOCK_REALTIME` in seconds.
fn wall() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}
