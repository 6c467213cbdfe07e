//! Which program sends the pictures. Each tells something else about time.

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, SERVER};
use serde_json::Value as Json;
use url::Url;

use super::http::Web;
use super::multipart::boundary_of;

/// A camera's server, as far as it can be told from what it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Server {
    /// Tells the driver's timestamps.
    Ustreamer,
    /// Tells no times; its snapshots can be asked to be captured after the request (`max_delay=0`).
    CameraStreamer,
    /// Tells no times; a snapshot is the next picture that leaves its encoder.
    Spyglass,
    /// Tells no times; a snapshot is the next picture (or key frame) that passes.
    Go2rtc,
    /// Tells no times of use; a snapshot is its last picture.
    MjpgStreamer,
    /// Not known. A snapshot may be its last picture, or its next.
    #[default]
    Other,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ustreamer => "ustreamer",
            Self::CameraStreamer => "camera-streamer",
            Self::Spyglass => "spyglass",
            Self::Go2rtc => "go2rtc",
            Self::MjpgStreamer => "mjpg-streamer",
            Self::Other => "unknown server",
        })
    }
}

impl Server {
    /// By an answer's headers, which proxies pass on, and by the boundary of a stream. ustreamer is told by the headers of
    /// its parts.
    pub(super) fn of(url: &Url, headers: &HeaderMap) -> Self {
        if headers.keys().any(|name| name.as_str().starts_with("x-ustreamer-")) {
            return Self::Ustreamer;
        }
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let program = text(SERVER).to_ascii_lowercase();
        if program.contains("mjpg-streamer") {
            return Self::MjpgStreamer;
        }
        if ["/api/stream.mjpeg", "/api/frame.jpeg"].iter().any(|end| url.path().ends_with(end)) {
            return Self::Go2rtc;
        }
        match boundary_of(text(CONTENT_TYPE)).as_deref() {
            Some("123456789000000000000987654321") => Self::CameraStreamer,
            Some("FRAME") => Self::Spyglass,
            _ if program.starts_with("basehttp/") => Self::Spyglass,
            _ => Self::Other,
        }
    }
}

/// Whether camera-streamer sends the snapshots of `url`: they look like anybody's, so its status page is asked for.
pub(super) async fn is_camera_streamer(web: &Web, url: &Url) -> bool {
    /// Longer than it takes to look the status up.
    const PATIENCE: Duration = Duration::from_secs(2);
    const LARGEST: usize = 1 << 20;
    let mut status = url.clone();
    status.set_query(None);
    let Ok(beside) = status.join("status") else { return false };
    let ask = async {
        let answer = web.get(&beside, &[]).await.ok()?;
        let body = web.body(&beside, answer, LARGEST).await.ok()?;
        serde_json::from_slice::<Json>(&body).ok()
    };
    let status = tokio::time::timeout(PATIENCE, ask).await.ok().flatten();
    status.is_some_and(|status| status["outputs"]["snapshot"].is_object() && status["endpoints"].is_object())
}

/// The MJPEG stream of a webcam whose `service` in Moonraker is another kind of video of a server that has both.
///
/// camera-streamer and go2rtc are usually entered with their WebRTC addresses (`/webcam/webrtc`,
/// `.../stream.html?src=cam`), which are web pages and no pictures.
#[must_use]
pub fn mjpeg_beside(service: &str, stream: &Url) -> Url {
    let mut url = stream.clone();
    match service {
        "webrtc-camerastreamer" => {
            if let Some(base) = stream.path().strip_suffix("webrtc") {
                url.set_path(base);
                url.set_query(Some("action=stream"));
            }
        }
        "webrtc-go2rtc" => {
            let base = stream.path().rsplit_once('/').map_or("", |(base, _)| base).trim_end_matches("/api").to_owned();
            if !stream.path().ends_with("/api/stream.mjpeg") {
                url.set_path(&format!("{base}/api/stream.mjpeg"));
            }
        }
        _ => {}
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str, headers: &[(&'static str, &str)]) -> Server {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Server::of(&url.parse().unwrap(), &headers)
    }

    #[test]
    fn servers_are_known_by_what_proxies_pass_on() {
        let stream = "http://pi/webcam/?action=stream";
        for (url, headers, found) in [
            (stream, vec![("x-ustreamer-online", "true")], Server::Ustreamer),
            (
                stream,
                vec![("content-type", "multipart/x-mixed-replace;boundary=123456789000000000000987654321")],
                Server::CameraStreamer,
            ),
            (stream, vec![("content-type", "multipart/x-mixed-replace; boundary=FRAME")], Server::Spyglass),
            (stream, vec![("server", "BaseHTTP/0.6 Python/3.11.2")], Server::Spyglass),
            ("http://pi:1984/api/frame.jpeg?src=cam", vec![("content-type", "image/jpeg")], Server::Go2rtc),
            (stream, vec![("server", "MJPG-Streamer/0.2")], Server::MjpgStreamer),
            (stream, vec![("server", "nginx"), ("content-type", "image/jpeg")], Server::Other),
        ] {
            assert_eq!(self::server(url, &headers), found, "{headers:?}");
        }
    }

    #[test]
    fn webrtc_addresses_lead_to_the_stream_beside_them() {
        for (service, entered, found) in [
            ("webrtc-camerastreamer", "http://pi/webcam/webrtc", "http://pi/webcam/?action=stream"),
            ("webrtc-camerastreamer", "http://pi/webcam/?action=stream", "http://pi/webcam/?action=stream"),
            ("webrtc-go2rtc", "http://pi:1984/stream.html?src=cam", "http://pi:1984/api/stream.mjpeg?src=cam"),
            ("webrtc-go2rtc", "http://pi/go2rtc/stream.html?src=c", "http://pi/go2rtc/api/stream.mjpeg?src=c"),
            ("webrtc-go2rtc", "http://pi:1984/api/ws?src=cam", "http://pi:1984/api/stream.mjpeg?src=cam"),
            ("mjpegstreamer-adaptive", "http://pi/webcam/?action=stream", "http://pi/webcam/?action=stream"),
        ] {
            assert_eq!(mjpeg_beside(service, &entered.parse().unwrap()).as_str(), found);
        }
    }
}
