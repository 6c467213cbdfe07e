//! Looks at a camera and tells what it is, or what is wrong with it.

use std::fmt;
use std::time::Duration;

use super::server::Server;
use super::spec::Source;
use super::{Camera, CameraFacts, CameraSpec, Freshness, Kind, Miss, http, snapshot};
use crate::clock::Clock;

/// Longer than a server takes to say that it has no device, and than requests are waited for.
const PATIENCE: Duration = Duration::from_secs(8);
/// After the first trouble, for how long a picture may still come.
const SECOND_CHANCE: Duration = Duration::from_millis(800);

/// What a look at a camera showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The camera's name.
    pub camera: String,
    /// How frames come.
    pub kind: Kind,
    /// Which server sends them.
    pub server: Server,
    /// Pixels.
    pub resolution: Option<(u32, u32)>,
    /// Pixels of its snapshots, where they are of another size than the stream.
    pub stills: Option<(u32, u32)>,
    /// Frames per second of its stream.
    pub fps: Option<f64>,
    /// How the time of an exposure is known.
    pub freshness: Option<Freshness>,
    /// How long the head must stand still for a frame.
    pub hold: Duration,
    /// Why it cannot be filmed with; the sentence says what to do.
    pub trouble: Option<Miss>,
    /// What is wrong with one of its addresses, though it can be filmed with.
    pub remark: Option<Miss>,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(trouble) = &self.trouble {
            return trouble.fmt(f);
        }
        write!(f, "camera '{}': ", self.camera)?;
        match self.kind {
            Kind::Stream => write!(f, "stream of {}", self.server)?,
            Kind::Snapshots => write!(f, "snapshots of {}", self.server)?,
            Kind::Script => f.write_str("a program")?,
            Kind::Gcode => f.write_str("triggered by the printer")?,
        }
        if let Some((width, height)) = self.resolution {
            write!(f, ", {width}x{height}")?;
        }
        if let Some(fps) = self.fps {
            write!(f, ", {fps:.1} fps")?;
        }
        if let Some(freshness) = self.freshness {
            write!(f, ", time of exposure {freshness}")?;
        }
        if self.kind != Kind::Gcode {
            write!(f, ", stands still {} ms for a frame", self.hold.as_millis())?;
        }
        if let Some((width, height)) = self.stills {
            write!(f, "; its snapshots have {width}x{height}")?;
        }
        if let Some(remark) = &self.remark {
            write!(f, "; but {remark}")?;
        }
        Ok(())
    }
}

/// Opens the camera, looks at its pictures for up to 8 s (about half a second when all is well), and closes it. The
/// program of a script camera is not run.
pub async fn probe(spec: &CameraSpec, clock: Clock) -> Probe {
    let camera = Camera::open(spec.clone(), clock);
    let mut trouble = None;
    let mut remark = None;
    let mut stills = None;
    if let Source::Web(web) = &spec.source {
        if web.stream.is_none() && web.snapshot.is_none() {
            trouble = Some(Miss::NoUrl { camera: spec.name.clone() });
        } else if !settled(&camera).await {
            let unknown = || Miss::OnlyBefore { camera: spec.name.clone(), waited: PATIENCE };
            trouble = Some(camera.facts().trouble.unwrap_or_else(unknown));
        } else if camera.kind() == Kind::Stream && camera.facts().remark.is_none() {
            (stills, remark) = look_at_stills(&camera, web).await;
        }
    }
    let CameraFacts { kind, server, resolution, fps, freshness, remark: of_stream, .. } = camera.facts();
    let stills = stills.filter(|size| Some(*size) != resolution);
    let hold = camera.required_hold();
    camera.close().await;
    let (camera, remark) = (spec.name.clone(), of_stream.or(remark));
    Probe { camera, kind, server, resolution, stills, fps, freshness, hold, trouble, remark }
}

/// Whether pictures come.
async fn settled(camera: &Camera) -> bool {
    let good = |facts: &CameraFacts| facts.connected && (facts.fps.is_some() || facts.kind == Kind::Snapshots);
    let mut changed = camera.shared.changed.subscribe();
    let wait = async {
        // Both end early only when the camera is closed.
        let _first = changed.wait_for(|_| camera.facts().trouble.is_some() || good(&camera.facts())).await.is_ok();
        let healed = changed.wait_for(|_| good(&camera.facts()));
        let _healed = tokio::time::timeout(SECOND_CHANCE, healed).await;
    };
    let _in_time = tokio::time::timeout(PATIENCE, wait).await;
    good(&camera.facts())
}

/// The size of its snapshots, and what is wrong with their address.
async fn look_at_stills(camera: &Camera, web: &super::Web) -> (Option<(u32, u32)>, Option<Miss>) {
    let (Some(url), Ok(asker)) = (&web.snapshot, &camera.web) else { return (None, None) };
    let asker: &http::Web = asker;
    match snapshot::size(&camera.shared, asker, url).await {
        Ok(size) => (Some(size), None),
        Err(miss) => (None, Some(miss)),
    }
}
