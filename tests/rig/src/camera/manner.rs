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
    /// A server that says nothing about time and answers snapshots with its last frame at once.
    Plain,
}

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The stream; `true` when it wants the extra headers.
    Stream(bool),
    Snapshot,
    State,
    Unknown,
}

/// Not to be cached: the headers that ustreamer sends with everything that moves.
const NO_CACHE: &str = "Cache-Control: no-store, no-cache, must-revalidate, proxy-revalidate, pre-check=0, post-check=0, max-age=0\r\n\
    Pragma: no-cache\r\nExpires: Mon, 3 Jan 2000 12:34:56 GMT\r\n";

impl Manner {
    /// What the target of a request means here.
    pub(super) fn ask(self, target: &str) -> Ask {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let has = |key: &str, value: &str| query.split('&').any(|p| p == format!("{key}={value}"));
        let stream = Ask::Stream(self == Self::Ustreamer && has("extra_headers", "1"));
        match path {
            "/stream" => stream,
            "/snapshot" => Ask::Snapshot,
            "/" if has("action", "stream") => stream,
            "/" if has("action", "snapshot") => Ask::Snapshot,
            "/state" if self == Self::Ustreamer => Ask::State,
            _ => Ask::Unknown,
        }
    }

    /// Whether a snapshot waits for a frame that is finished after the request.
    pub(super) fn snapshots_wait(self) -> bool {
        self == Self::Ustreamer
    }

    /// Status line and headers of a stream, up to and with the first boundary.
    pub(super) fn stream_head(self) -> String {
        let no_cache = if self == Self::Ustreamer { NO_CACHE } else { "" };
        format!(
            "HTTP/1.0 200 OK\r\nAccess-Control-Allow-Origin: *\r\n{no_cache}\
             Content-Type: multipart/x-mixed-replace;boundary=boundarydonotcross\r\n\r\n--boundarydonotcross\r\n"
        )
    }

    /// What goes between two parts.
    pub(super) fn boundary(self) -> &'static str {
        "\r\n--boundarydonotcross\r\n"
    }

    /// Headers of one part of a stream that sends `len` bytes.
    pub(super) fn part_head(self, shot: &Shot, len: usize, extra: bool, fps: u32, now: f64) -> String {
        let mut head = format!("Content-Type: image/jpeg\r\nContent-Length: {len}\r\n");
        if self == Self::Ustreamer {
            head += &format!("X-Timestamp: {:.6}\r\n", wall());
        }
        if extra {
            let (grab, encode) = (shot.grab, shot.encode);
            head += &format!(
                "X-UStreamer-Online: {}\r\nX-UStreamer-Dropped: 0\r\nX-UStreamer-Width: {}\r\n\
                 X-UStreamer-Height: {}\r\nX-UStreamer-Client-FPS: {fps}\r\n\
                 X-UStreamer-Grab-Begin-Time: {:.6}\r\nX-UStreamer-Grab-End-Time: {:.6}\r\n\
                 X-UStreamer-Encode-Begin-Time: {:.6}\r\nX-UStreamer-Encode-End-Time: {:.6}\r\n\
                 X-UStreamer-Expose-Begin-Time: {:.6}\r\nX-UStreamer-Expose-Cmp-Time: {:.6}\r\n\
                 X-UStreamer-Expose-End-Time: {:.6}\r\nX-UStreamer-Send-Time: {now:.6}\r\n\
                 X-UStreamer-Latency: {:.6}\r\n",
                shot.online,
                shot.width,
                shot.height,
                grab.0,
                grab.1,
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

    /// Headers of a snapshot, without the status line.
    pub(super) fn snapshot_head(self, shot: &Shot, now: f64) -> String {
        match self {
            Self::Plain => "Content-Type: image/jpeg\r\n".to_owned(),
            Self::Ustreamer => format!(
                "Access-Control-Allow-Origin: *\r\n{NO_CACHE}X-Timestamp: {:.6}\r\nX-UStreamer-Online: {}\r\n\
                 X-UStreamer-Width: {}\r\nX-UStreamer-Height: {}\r\n\
                 X-UStreamer-Grab-Begin-Timestamp: {:.6}\r\nX-UStreamer-Grab-End-Timestamp: {:.6}\r\n\
                 X-UStreamer-Encode-Begin-Timestamp: {:.6}\r\nX-UStreamer-Encode-End-Timestamp: {:.6}\r\n\
                 X-UStreamer-Send-Timestamp: {now:.6}\r\nContent-Type: image/jpeg\r\n",
                wall(),
                shot.online,
                shot.width,
                shot.height,
                shot.grab.0,
                shot.grab.1,
                shot.encode.0,
                shot.encode.1,
            ),
        }
    }
}

/// `CLOCK_REALTIME` in seconds.
fn wall() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}
