//! Why there is no frame.

use std::time::Duration;

use super::jpeg::JpegFlaw;

/// Why a moment has no frame. Every kind says what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Miss {
    /// Neither a stream nor a snapshot URL.
    #[error("camera '{camera}' has neither a stream nor a snapshot URL: enter one in the webcam's settings")]
    NoUrl {
        /// The camera's name.
        camera: String,
    },
    /// No connection.
    #[error(
        "camera '{camera}' cannot be reached at {url} ({detail}): check that its server runs and the address is right"
    )]
    Unreachable {
        /// The camera's name.
        camera: String,
        /// What was asked, without a password.
        url: String,
        /// The cause.
        detail: String,
    },
    /// An answer, but not 200.
    #[error("camera '{camera}' answered {status} at {url}: check the URL in the webcam's settings")]
    Status {
        /// The camera's name.
        camera: String,
        /// What was asked, without a password.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The stream URL gives something else.
    #[error(
        "{url} of camera '{camera}' is no MJPEG stream but '{content_type}': set its stream URL to one that ends like /?action=stream"
    )]
    NotAStream {
        /// The camera's name.
        camera: String,
        /// What was asked, without a password.
        url: String,
        /// What the server calls it.
        content_type: String,
    },
    /// The stream cannot be followed.
    #[error("the stream of camera '{camera}' is damaged ({detail}): a proxy in between may be the cause")]
    BadStream {
        /// The camera's name.
        camera: String,
        /// The cause.
        detail: String,
    },
    /// What came is no whole JPEG.
    #[error("camera '{camera}' sent a picture that is not a whole JPEG ({flaw}): the frame was refused")]
    NotAJpeg {
        /// The camera's name.
        camera: String,
        /// What is wrong with it.
        flaw: JpegFlaw,
    },
    /// The server is there, its device is not.
    #[error("camera '{camera}' has lost its device (the server sends its \"no signal\" picture): check the cable")]
    Offline {
        /// The camera's name.
        camera: String,
    },
    /// Connected, but no newer frames come.
    #[error(
        "camera '{camera}' sent only frames from before the head stood still: it is stalled, or its latency is above {waited:?}"
    )]
    OnlyBefore {
        /// The camera's name.
        camera: String,
        /// How long after the stop was waited.
        waited: Duration,
    },
    /// All frames lie around the stop, none within.
    #[error(
        "camera '{camera}' had no frame exposed while the head stood still for {held:?}: a hold of {needed:?} would do"
    )]
    NoneInside {
        /// The camera's name.
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
        /// The camera's name.
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
    TooLate {
        /// The camera's name.
        camera: String,
    },
    /// The reader ended.
    #[error("camera '{camera}' was closed")]
    Closed {
        /// The camera's name.
        camera: String,
    },
}
