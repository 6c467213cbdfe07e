//! Why there is no frame.

use std::time::Duration;

use super::jpeg::JpegFlaw;

/// Why a moment has no frame. Every kind says what, where, and what to do. No address in here shows a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "`camera` is its name and `url` what was asked, in every kind")]
pub enum Miss {
    /// Neither a stream nor a snapshot URL.
    #[error("camera '{camera}' has neither a stream nor a snapshot URL: enter one in the webcam's settings")]
    NoUrl { camera: String },
    /// No connection, no answer, or it broke.
    #[error(
        "camera '{camera}' cannot be reached at {url} ({detail}): check that its server runs and the address is right"
    )]
    Unreachable { camera: String, url: String, detail: String },
    /// An answer, but not 200.
    #[error("camera '{camera}' answered {status} at {url}: {}", advice(*status))]
    Status { camera: String, url: String, status: u16 },
    /// Redirects that do not end.
    #[error("{url} of camera '{camera}' leads in a circle of redirects: enter the address that a browser ends up at")]
    Redirects { camera: String, url: String },
    /// HTTPS with a certificate that is not trusted.
    #[error(
        "the certificate of camera '{camera}' at {url} is not trusted ({detail}): if it is the camera's own, set wget_skip_cert_check: True in [timelapse]"
    )]
    Certificate { camera: String, url: String, detail: &'static str },
    /// HTTPS where plain HTTP is spoken.
    #[error("camera '{camera}' does not speak https at {url}: begin its address with http://")]
    NoTls { camera: String, url: String },
    /// The stream URL gives something else.
    #[error(
        "the stream URL {url} of camera '{camera}' gives {}, no MJPEG stream: {}",
        thing(content_type),
        instead_of_stream(content_type)
    )]
    NotAStream { camera: String, url: String, content_type: String },
    /// The snapshot URL gives something else.
    #[error(
        "the snapshot URL {url} of camera '{camera}' gives {}, no picture: {}",
        thing(content_type),
        instead_of_picture(content_type)
    )]
    NotAPicture { camera: String, url: String, content_type: String },
    /// An answer without content.
    #[error(
        "camera '{camera}' sent an empty picture from {url}: its server has no picture; with go2rtc check the name behind src="
    )]
    Empty { camera: String, url: String },
    /// The stream cannot be followed.
    #[error("the stream of camera '{camera}' is damaged ({detail}): a proxy in between may be the cause")]
    BadStream { camera: String, detail: String },
    /// What came is no whole JPEG.
    #[error(
        "camera '{camera}' sent a picture that is not a whole JPEG ({flaw}): it was refused; if it goes on, check the camera's cable and the network"
    )]
    NotAJpeg { camera: String, flaw: JpegFlaw },
    /// The server is there, its device is not.
    #[error("camera '{camera}' has lost its device (the server sends its \"no signal\" picture): check the cable")]
    Offline { camera: String },
    /// The same bytes again and again.
    #[error(
        "camera '{camera}' sends the same picture again and again: it hangs, or it sees nothing but black; unplug it or restart its server"
    )]
    Frozen { camera: String },
    /// Connected, but no newer frames come.
    #[error(
        "camera '{camera}' sent only frames from before the head stood still: it is stalled, or its latency is above {waited:?}"
    )]
    OnlyBefore {
        camera: String,
        /// How long after the stop was waited.
        waited: Duration,
    },
    /// All frames lie around the stop, none within.
    #[error(
        "camera '{camera}' had no frame exposed while the head stood still for {held:?}: a hold of {needed:?} would do, by park_time or a camera with more frames per second"
    )]
    NoneInside {
        camera: String,
        /// How long the head stood still.
        held: Duration,
        /// How long it should have.
        needed: Duration,
    },
    /// No frame near enough to the instant when the head passed.
    #[error(
        "camera '{camera}' had no frame within {within:?} of the instant when the head passed, the nearest was {nearest:?} off: a camera with more frames per second is needed"
    )]
    NoneNear {
        camera: String,
        /// How near it had to be.
        within: Duration,
        /// How near the nearest was.
        nearest: Duration,
    },
    /// Asked when the frames of that time were gone.
    #[error(
        "the request for a frame of camera '{camera}' came too late, its frames of that time are gone: the host is busy"
    )]
    TooLate { camera: String },
    /// The program of a script camera cannot be started.
    #[error("the program '{program}' of camera '{camera}' cannot be started ({detail}): check camera_command")]
    NoProgram { camera: String, program: String, detail: String },
    /// The program said that it failed.
    #[error("the program of camera '{camera}' failed ({status}), its last words: {words}")]
    ProgramFailed {
        camera: String,
        /// Exit code or signal.
        status: String,
        /// The end of what it printed.
        words: String,
    },
    /// The program did not end in time, and was killed.
    #[error(
        "the program of camera '{camera}' did not end within {limit:?} and was killed: check that the camera is on and free"
    )]
    ProgramHung { camera: String, limit: Duration },
    /// The program ended well and left no picture, or something else.
    #[error(
        "the program of camera '{camera}' left no JPEG: it must write one to {{file}} in camera_command, or to its standard output"
    )]
    NoPicture { camera: String },
    /// The picture is on the camera.
    #[error("camera '{camera}' is triggered by the printer and keeps its pictures itself")]
    KeptByCamera { camera: String },
    /// The reader ended.
    #[error("camera '{camera}' was closed")]
    Closed { camera: String },
}

impl Miss {
    /// Whether the next request may well succeed: an overloaded server, a cut transfer.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::Unreachable { .. } | Self::NotAJpeg { .. } | Self::Empty { .. } => true,
            _ => false,
        }
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        400 => "if it needs https, begin its address with https://",
        401 => "write user and password into its address, like http://user:password@host/",
        403 => "its server does not let us in; allow this host there",
        404 => "there is nothing at this address; check the path in the webcam's settings",
        500..=599 => "its server runs but has no picture to give; check its service and the camera's cable",
        _ => "check the URL in the webcam's settings",
    }
}

/// What a content type is, in words.
fn thing(content_type: &str) -> String {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "" => "something of no type".to_owned(),
        "text/html" => "a web page".to_owned(),
        "image/jpeg" => "a single picture".to_owned(),
        _ if kind.starts_with("multipart/") => "a stream".to_owned(),
        _ => format!("'{kind}'"),
    }
}

fn instead_of_stream(content_type: &str) -> &'static str {
    if content_type.starts_with("image/") {
        "enter it as snapshot URL, and as stream URL one that ends like /?action=stream"
    } else {
        "set its stream URL to one that ends like /?action=stream"
    }
}

fn instead_of_picture(content_type: &str) -> &'static str {
    if content_type.to_ascii_lowercase().starts_with("multipart/") {
        "enter it as stream URL, and as snapshot URL one that ends like /?action=snapshot"
    } else {
        "set its snapshot URL to one that ends like /?action=snapshot"
    }
}
