//! The store's copy of what was found out, by camera and address.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Curve, Timing};
use crate::camera::{CameraSpec, Source};
use crate::session::{Store, StoreError};

/// A camera that moved to another address, or gives snapshots instead of a stream, is another camera.
fn key(spec: &CameraSpec, uid: Option<&str>) -> String {
    let url = match &spec.source {
        Source::Web(web) if web.stills => web.snapshot.as_ref(),
        Source::Web(web) => web.stream.as_ref().or(web.snapshot.as_ref()),
        Source::Script(_) | Source::Gcode(_) => None,
    };
    let address = url.map(|url| {
        let mut url = url.clone();
        // Both fail only for URLs that cannot have them. A password is not kept, nor is a new one another camera.
        let _no_user = url.set_username("");
        let _no_password = url.set_password(None);
        url.to_string()
    });
    format!("{} {}", uid.unwrap_or(&spec.name), address.unwrap_or_default())
}

/// All that is kept of a calibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The result.
    #[serde(flatten)]
    pub timing: Timing,
    /// When it was found; not known of the first versions'.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// What was seen.
    #[serde(default)]
    pub curve: Option<Curve>,
}

/// Keeps the timing of a camera for later prints.
///
/// # Errors
/// The store's.
pub fn keep(
    store: &mut Store,
    spec: &CameraSpec,
    uid: Option<&str>,
    timing: &Timing,
    curve: Option<Curve>,
    at: Timestamp,
) -> Result<(), StoreError> {
    store.set_timing(&key(spec, uid), at, &json!(Known { timing: *timing, at: Some(at), curve }))
}

/// All that is kept of a camera's calibration at this address.
///
/// # Errors
/// The store's.
pub fn known_in_full(store: &Store, spec: &CameraSpec, uid: Option<&str>) -> Result<Option<Known>, StoreError> {
    Ok(store.timing(&key(spec, uid))?.and_then(|known| serde_json::from_value(known).ok()))
}

/// The timing of a camera, where it was calibrated at this address.
///
/// # Errors
/// The store's.
pub fn known(store: &Store, spec: &CameraSpec, uid: Option<&str>) -> Result<Option<Timing>, StoreError> {
    Ok(store.timing(&key(spec, uid))?.and_then(|timing| serde_json::from_value(timing).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, url: &str) -> CameraSpec {
        CameraSpec::web(name, Some(url.parse().unwrap()), None)
    }

    #[test]
    fn a_timing_is_found_again_by_uid_and_address_whatever_the_name_and_password() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let timing = Timing {
            latency_s: 0.35,
            exposure_s: 0.01,
            interval_s: 0.033,
            jitter_s: 0.004,
            error_s: 0.001,
            edges: 34,
            stamps: None,
        };
        let old = Timing { latency_s: 0.1, ..timing };
        for timing in [old, timing] {
            keep(&mut store, &spec("front", "http://u:p@cam/s"), Some("7"), &timing, None, Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        let found = |spec, uid| known(&store, &spec, uid).unwrap();
        assert_eq!(found(spec("renamed", "http://u:new@cam/s"), Some("7")), Some(timing));
        assert_eq!(found(spec("front", "http://other/s"), Some("7")), None);
        assert_eq!(found(spec("front", "http://u:p@cam/s"), None), None);
        assert!(timing.hold_s() > 0.066 && timing.hold_s() < 0.1, "{}", timing.hold_s());
    }
}
