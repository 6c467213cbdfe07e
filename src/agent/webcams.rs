//! Chooses the camera from Moonraker's list of webcams.

use std::time::Duration;

use serde_json::Value as Json;
use tracing::warn;
use url::Url;

use crate::camera::{CameraSpec, Source, mjpeg_beside, resolve};
use crate::conductor::Transform;
use crate::config::Settings;

/// The camera to film with: the one that `settings.camera` names (by name or uid), else the first enabled one, else the
/// address in `snapshoturl`. `snapshot_fixed`: `snapshoturl` stands in moonraker.conf and overrides the list.
pub(super) fn choose(
    webcams: &[Json],
    settings: &Settings,
    snapshot_fixed: bool,
    host: &Url,
) -> Option<(CameraSpec, Transform)> {
    let by_address = || {
        let url = resolved(&settings.snapshoturl, host)?;
        let spec = CameraSpec::web("snapshoturl", None, Some(url));
        Some((tuned(spec, settings), Transform::default()))
    };
    if snapshot_fixed {
        return by_address();
    }
    let text = |webcam: &Json, key: &str| webcam.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let usable = |webcam: &&Json| webcam.get("enabled").and_then(Json::as_bool).unwrap_or(true);
    let named = |webcam: &&Json| text(webcam, "name") == settings.camera || text(webcam, "uid") == settings.camera;
    let wanted = if settings.camera.is_empty() { None } else { webcams.iter().filter(usable).find(named) };
    if wanted.is_none() && !settings.camera.is_empty() {
        warn!(camera = settings.camera, "there is no enabled webcam of this name or uid; taking the first one");
    }
    let Some(webcam) = wanted.or_else(|| webcams.iter().find(usable)) else { return by_address() };
    let service = text(webcam, "service");
    let stream = resolved(&text(webcam, "stream_url"), host).map(|url| mjpeg_beside(&service, &url));
    let spec = CameraSpec::web(text(webcam, "name"), stream, resolved(&text(webcam, "snapshot_url"), host));
    let flag = |key: &str| webcam.get(key).and_then(Json::as_bool).unwrap_or_default();
    let transform = Transform {
        rotation: webcam.get("rotation").and_then(Json::as_u64).and_then(|r| u32::try_from(r).ok()).unwrap_or_default(),
        flip_x: flag("flip_horizontal"),
        flip_y: flag("flip_vertical"),
    };
    Some((tuned(spec, settings), transform))
}

/// With what the settings say about the camera.
fn tuned(mut spec: CameraSpec, settings: &Settings) -> CameraSpec {
    spec.latency = Duration::try_from_secs_f64(settings.stream_delay_compensation).unwrap_or_default();
    if let Source::Web(web) = &mut spec.source {
        web.skip_cert_check = settings.wget_skip_cert_check;
    }
    spec
}

fn resolved(url: &str, host: &Url) -> Option<Url> {
    if url.is_empty() {
        return None;
    }
    match resolve(url, host) {
        Ok(url) => Some(url),
        Err(problem) => {
            warn!(url, error = %problem, "a webcam's address cannot be used");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(webcams: &[Json], camera: &str) -> Option<String> {
        let settings = Settings { camera: camera.to_owned(), ..Settings::default() };
        let host = Url::parse("http://127.0.0.1").unwrap();
        choose(webcams, &settings, false, &host).map(|(spec, _)| spec.name)
    }

    #[test]
    fn a_webcam_is_named_by_name_or_uid_and_a_disabled_one_is_passed_over() {
        let webcams = [
            json!({"name": "off", "uid": "1", "enabled": false, "stream_url": "/webcam/?action=stream"}),
            json!({"name": "front", "uid": "2", "stream_url": "/webcam/?action=stream"}),
            json!({"name": "top", "uid": "3", "stream_url": "/webcam2/?action=stream"}),
        ];
        assert_eq!(chosen(&webcams, "").as_deref(), Some("front"));
        assert_eq!(chosen(&webcams, "top").as_deref(), Some("top"));
        assert_eq!(chosen(&webcams, "3").as_deref(), Some("top"));
        assert_eq!(chosen(&webcams, "gone").as_deref(), Some("front"));
        assert_eq!(chosen(&[], "").as_deref(), Some("snapshoturl"));
    }

    #[test]
    fn the_webcams_turn_and_mirror_come_along() {
        let webcam = json!({"name": "c", "snapshot_url": "/s", "rotation": 90, "flip_vertical": true});
        let host = Url::parse("http://127.0.0.1").unwrap();
        let (_, transform) = choose(&[webcam], &Settings::default(), false, &host).unwrap();
        assert_eq!(transform, Transform { rotation: 90, flip_x: false, flip_y: true });
    }
}
