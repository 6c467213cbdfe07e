//! The cameras: can they be reached, what are they, and is the time of their pictures known?

use std::path::Path;

use futures_util::future::join_all;
use url::Url;

use super::chart::Chart;
use super::settings::InForce;
use super::{Check, Subject};
use crate::camera::{Freshness, Kind, Probe, probe};
use crate::clock::Clock;
use crate::conductor::filming::Viewpoint;
use crate::conductor::webcams::{Chosen, choose};
use crate::moonraker::Endpoint;
use crate::session::{Store, StoreError};

/// Smaller pictures make films that nobody likes to look at.
const SMALL: u32 = 640;

pub(super) async fn examine(
    chart: &Chart,
    InForce { settings, snapshot_fixed }: &InForce,
    endpoint: &Endpoint,
    store: &Path,
    clock: Clock,
) -> Vec<Check> {
    let Ok(host) = Url::parse(&endpoint.http_host()) else { return Vec::new() };
    let Chosen { cameras, faults } = choose(&chart.webcams, settings, *snapshot_fixed, &host);
    let mut checks: Vec<Check> = faults.into_iter().map(|fault| Check::warning(Subject::Camera, fault)).collect();
    if cameras.is_empty() {
        checks.push(Check::fault(
            Subject::Camera,
            "there is no camera: add a webcam in Mainsail or Fluidd, or set snapshoturl in [timelapse]",
        ));
    }
    let cameras = recall(cameras, store).await;
    let looks = join_all(cameras.iter().map(|camera| probe(&camera.spec, clock))).await;
    for (camera, look) in cameras.iter().zip(&looks) {
        checks.extend(judge(camera, look));
    }
    checks
}

/// Gives each camera what calibration found. The journal is read beside its owner.
async fn recall(mut cameras: Vec<Viewpoint>, store: &Path) -> Vec<Viewpoint> {
    // Looking must not make a store where there is none.
    if !Store::exists(store) {
        return cameras;
    }
    let (store, before) = (store.to_owned(), cameras.clone());
    let recalled = tokio::task::spawn_blocking(move || {
        let store = Store::attach(store)?;
        cameras.iter_mut().try_for_each(|camera| camera.recall(&store))?;
        Ok::<_, StoreError>(cameras)
    });
    match recalled.await {
        Ok(recalled) => recalled.unwrap_or(before),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

fn judge(camera: &Viewpoint, look: &Probe) -> Vec<Check> {
    if let Some(trouble) = &look.trouble {
        return vec![Check::fault(Subject::Camera, trouble.to_string())];
    }
    let name = &look.camera;
    let warning = |message: String| Check::warning(Subject::Camera, message);
    let mut checks = vec![Check::ok(Subject::Camera, Probe { remark: None, ..look.clone() }.to_string())];
    checks.extend(look.remark.as_ref().map(|remark| warning(remark.to_string())));
    if look.freshness == Some(Freshness::Assumed) && !camera.delay_is_set {
        checks.push(warning(format!(
            "when the pictures of camera '{name}' were exposed is only assumed ({} ms late): find it out with \
             TIMELAPSE_CALIBRATE, or some frames show the head on its way",
            camera.spec.latency.as_millis()
        )));
    }
    if look.resolution.is_some_and(|(width, _)| width < SMALL) {
        let (width, height) = look.resolution.unwrap_or_default();
        checks.push(warning(format!(
            "camera '{name}' sends pictures of {width}x{height} only: set a larger resolution at its server"
        )));
    }
    if let (Some((width, _)), Some((larger, _))) = (look.resolution, look.stills)
        && larger > width
        && look.kind == Kind::Stream
    {
        checks.push(warning(format!(
            "the snapshots of camera '{name}' are larger than its stream: `{name}: stills` in camera_options films with them"
        )));
    }
    checks
}
