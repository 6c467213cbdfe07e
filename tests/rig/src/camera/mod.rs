//! A virtual webcam server that draws the machine as it truly stands at exposure time.
//!
//! # Layout
//!
//! * [`truth`](FrameTruth): what was true when a frame was exposed, inside the frame.
//! * `shutter`: exposes at a steady rate, hands frames on after the latency.
//! * `http`: serves them. [`Manner`]: as which server.
//! * `scene`: the picture.
//! * [`Nginx`]: a real one in front of it.
//! * [`faults`](Fault): what tests can break while it runs.
//! * [`Replay`]: one that sends a picture again and again, for measurements.
//! * [`ScriptedMachine`]: a machine that follows a script.

mod faults;
mod http;
mod manner;
mod nginx;
mod replay;
mod scene;
mod scripted;
mod shutter;
mod truth;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

pub use faults::Fault;
pub use manner::Manner;
pub use nginx::Nginx;
pub use replay::{Replay, webcam_picture};
pub use scene::{Look, Scene};
pub use scripted::ScriptedMachine;
pub use truth::FrameTruth;

use crate::machine::Machine;
pub use crate::machine::monotonic;
use faults::{Faults, Settings};
use shutter::Shutter;

/// How the camera is built.
#[derive(Clone, Copy, Debug)]
pub struct CameraConfig {
    /// Size of the picture and of the printer in it.
    pub look: Look,
    /// Frames per second.
    pub fps: f64,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// How long each frame is exposed.
    pub exposure: Duration,
    /// Moving heads are drawn blurred, as the mean of so many places along the exposure; with 1 they are drawn sharp, where
    /// they were in its middle. Each place costs as much as a picture.
    pub blur: u16,
    /// From the end of the exposure until the server has the frame.
    pub latency: Duration,
    /// Which server it behaves like.
    pub manner: Manner,
    /// The port to listen on; 0 for a free one.
    pub port: u16,
    /// Takes pictures also while nobody watches, as servers do whose snapshots are their last picture.
    pub always_on: bool,
    /// Rather drops a picture than hands it on late when the host is busy, so that the latency holds where it is all that
    /// is known.
    pub drops_late: bool,
    /// Listens on `::1` instead of `127.0.0.1`.
    pub ipv6: bool,
    /// The `Authorization` header that it wants to see.
    pub login: Option<&'static str>,
}

impl Default for CameraConfig {
    fn default() -> Self {
        Self {
            look: Look::default(),
            fps: 30.0,
            quality: 84,
            exposure: Duration::from_millis(15),
            blur: 1,
            latency: Duration::from_millis(35),
            manner: Manner::default(),
            port: 0,
            always_on: false,
            drops_late: false,
            ipv6: false,
            login: None,
        }
    }
}

/// A running camera; it ends when dropped.
#[derive(Debug)]
pub struct Camera {
    address: SocketAddr,
    manner: Manner,
    faults: Faults,
    shutter: Arc<Shutter>,
    server: JoinHandle<()>,
}

impl Camera {
    /// Starts a camera that films `machine`.
    ///
    /// # Errors
    /// When the port is taken, or no thread can be started.
    pub async fn start(config: CameraConfig, machine: Arc<dyn Machine>) -> anyhow::Result<Self> {
        let faults =
            Faults::new(Settings { exposure: config.exposure.as_secs_f64(), latency: config.latency.as_secs_f64() });
        let host = if config.ipv6 { Ipv6Addr::LOCALHOST.into() } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let listener = http::listen((host, config.port).into())?;
        let address = listener.local_addr()?;
        let shutter = Arc::new(Shutter::start(config, machine, faults.clone())?);
        let server = tokio::spawn(http::serve(listener, config, Arc::clone(&shutter), faults.clone()));
        Ok(Self { address, manner: config.manner, faults, shutter, server })
    }

    /// Where it listens; the same address during its whole life, also after [`Fault::Off`].
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its stream, as users enter it.
    #[must_use]
    pub fn stream_url(&self) -> String {
        format!("http://{}{}", self.address, self.manner.stream_path())
    }

    /// The URL of its snapshots, as users enter it.
    #[must_use]
    pub fn snapshot_url(&self) -> String {
        format!("http://{}{}", self.address, self.manner.snapshot_path())
    }

    /// Breaks or mends it.
    pub fn set_fault(&self, fault: Fault) {
        self.faults.set(fault);
    }

    /// From the end of the exposure until the server has the frame; holds from the next frame on.
    pub fn set_latency(&self, latency: Duration) {
        self.faults.change(|s| s.latency = latency.as_secs_f64());
    }

    /// How long each frame is exposed; holds from the next frame on.
    pub fn set_exposure(&self, exposure: Duration) {
        self.faults.change(|s| s.exposure = exposure.as_secs_f64());
    }

    /// How many clients get frames now. Nothing is drawn for nobody.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.shutter.watchers()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.server.abort();
    }
}
