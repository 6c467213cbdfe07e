//! Which camera, and what is known of it beforehand.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::address::printable;

/// Which camera, and what is assumed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSpec {
    /// For logs and messages.
    pub name: String,
    /// Where its frames come from.
    pub source: Source,
    /// From the end of an exposure to the frame's arrival, where the server tells no times and nothing was calibrated.
    pub latency: Duration,
    /// What calibration found; wins over `latency`.
    pub timing: Option<Timing>,
}

impl CameraSpec {
    /// A webcam with the addresses that Moonraker knows, and no assumptions beyond the usual.
    #[must_use]
    pub fn web(name: impl Into<String>, stream: Option<Url>, snapshot: Option<Url>) -> Self {
        let web = Web { stream, snapshot, stills: false, skip_cert_check: false };
        Self { name: name.into(), source: Source::Web(web), latency: Duration::from_millis(50), timing: None }
    }

    /// The script of a camera that the printer itself triggers; it must run while the head stands still.
    #[must_use]
    pub fn gcode(&self) -> Option<&str> {
        match &self.source {
            Source::Gcode(script) => Some(script),
            _ => None,
        }
    }

    pub(super) fn web_source(&self) -> Option<&Web> {
        match &self.source {
            Source::Web(web) => Some(web),
            _ => None,
        }
    }
}

/// Where frames come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A server of the network.
    Web(Web),
    /// A program that takes one picture per run.
    Script(Script),
    /// G-code that triggers a camera of which we get no picture.
    Gcode(String),
}

/// The addresses of a webcam. Its `Debug` shows no passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct Web {
    /// An MJPEG stream; preferred.
    pub stream: Option<Url>,
    /// One picture per request; used when there is no stream.
    pub snapshot: Option<Url>,
    /// Takes the pictures from `snapshot` although there is a stream: some servers send larger ones there. The stream
    /// then only tells how fast the sensor is.
    pub stills: bool,
    /// Accepts any certificate: cameras sign their own.
    pub skip_cert_check: bool,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web")
            .field("stream", &self.stream.as_ref().map(printable))
            .field("snapshot", &self.snapshot.as_ref().map(printable))
            .field("stills", &self.stills)
            .field("skip_cert_check", &self.skip_cert_check)
            .finish()
    }
}

/// A program that takes one picture per run: gphoto2 for a DSLR, or anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Program and arguments. `{file}` becomes the path at which the picture is expected (standard output without it),
    /// `{camera}` the camera's name, `{number}` the number of the run, from 1.
    pub command: Vec<String>,
    /// Its whole process group is killed after this.
    pub timeout: Duration,
    /// A line of its output with this text says that the exposure is over, so that the head may leave while the picture
    /// is downloaded. Without such a line the exposure lasts until the program ends.
    pub shutter: String,
    /// How long the head stands still for the first picture; later ones follow what was measured.
    pub hold: Duration,
}

impl Script {
    /// For a command line with shell quoting (no shell runs it); `None` when a quote is not closed or it is empty.
    #[must_use]
    pub fn parse(command: &str) -> Option<Self> {
        let command = shlex::split(command).filter(|words| !words.is_empty())?;
        let shutter = "shutter".to_owned();
        Some(Self { command, timeout: Duration::from_secs(30), shutter, hold: Duration::from_millis(1500) })
    }
}

/// What calibration found out about a camera from its pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From the end of an exposure to the arrival of the frame's last byte.
    pub latency: Duration,
    /// The longest exposure of a whole frame, from its first row's begin to its last row's end.
    pub exposure: Duration,
    /// How far `latency` is off, either way.
    pub jitter: Duration,
}
