//! Chooses the cameras from Moonraker's list of webcams.

use std::time::Duration;

use serde_json::Value as Json;
use url::Url;

use super::camera_options::{self, CameraOptions};
use super::filming::Viewpoint;
use crate::camera::{CameraSpec, Script, Source, mjpeg_beside, resolve};
use crate::config::Settings;
use crate::session::View;

/// `cameras` with this word takes every enabled webcam.
const ALL: &str = "all";

/// The cameras of a printer.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// To film with, the main one first.
    pub cameras: Vec<Viewpoint>,
    /// What of the settings could not be followed, in sentences.
    pub faults: Vec<String>,
}

/// Chooses the cameras to film with: the webcam that `settings.camera` names (by name or uid), else the first
/// enabled one, else the address in `snapshoturl`; then those of `settings.cameras`. `snapshot_fixed`: `snapshoturl`
/// stands in moonraker.conf and is the main one.
#[must_use]
pub fn choose(webcams: &[Json], settings: &Settings, snapshot_fixed: bool, host: &Url) -> Chosen {
    let mut chooser = Chooser::new(webcams, settings, host);
    let mut cameras: Vec<Viewpoint> = chooser.main(snapshot_fixed).into_iter().collect();
    for more in chooser.more() {
        if !cameras.iter().any(|taken| (&taken.uid, &taken.spec.name) == (&more.uid, &more.spec.name)) {
            cameras.push(more);
        }
    }
    Chosen { cameras, faults: chooser.faults }
}

struct Chooser<'a> {
    webcams: Vec<&'a Json>,
    settings: &'a Settings,
    host: &'a Url,
    latency: Duration,
    options: Vec<(String, CameraOptions)>,
    faults: Vec<String>,
}

impl<'a> Chooser<'a> {
    fn new(webcams: &'a [Json], settings: &'a Settings, host: &'a Url) -> Self {
        let enabled = |webcam: &&Json| webcam.get("enabled").and_then(Json::as_bool).unwrap_or(true);
        let (options, faults) = camera_options::parse(&settings.camera_options);
        let mut chooser = Self {
            webcams: webcams.iter().filter(enabled).collect(),
            settings,
            host,
            latency: Duration::try_from_secs_f64(settings.stream_delay_compensation).unwrap_or_default(),
            options,
            faults,
        };
        let unknown = chooser.options.iter().filter(|(name, _)| chooser.named(name).is_none());
        let unknown: Vec<String> = unknown.map(|(name, _)| not_there("camera_options", name)).collect();
        chooser.faults.extend(unknown);
        chooser
    }

    fn main(&mut self, snapshot_fixed: bool) -> Option<Viewpoint> {
        if let Some(script) = self.script() {
            return Some(self.without_webcam("program", Source::Script(script)));
        }
        if snapshot_fixed {
            return self.by_address();
        }
        let wanted = self.settings.camera.as_str();
        let webcam = if wanted.is_empty() { None } else { self.named(wanted) };
        if webcam.is_none() && !wanted.is_empty() {
            self.faults.push(format!("{}; the first webcam is taken", not_there("camera", wanted)));
        }
        match webcam.or_else(|| self.webcams.first().copied()) {
            Some(webcam) => Some(self.viewpoint(webcam)),
            None if !self.settings.camera_macro.is_empty() => {
                Some(self.without_webcam("macro", Source::Gcode(self.settings.camera_macro.clone())))
            }
            None => self.by_address(),
        }
    }

    /// The program of `camera_command`.
    fn script(&mut self) -> Option<Script> {
        let settings = self.settings;
        if settings.camera_command.trim().is_empty() {
            return None;
        }
        let Some(script) = Script::parse(&settings.camera_command) else {
            self.faults.push("camera_command has a quote that is not closed; a webcam is taken instead".to_owned());
            return None;
        };
        let timeout = Duration::from_secs(settings.camera_command_timeout.into());
        Some(Script { timeout, shutter: settings.camera_shutter_word.clone(), ..script })
    }

    fn without_webcam(&self, name: &str, source: Source) -> Viewpoint {
        CameraSpec { source, ..CameraSpec::web(name, None, None) }.into()
    }

    fn more(&mut self) -> Vec<Viewpoint> {
        let settings = self.settings;
        let names = settings.cameras.split([',', '\n']).map(str::trim).filter(|name| !name.is_empty());
        let mut more = Vec::new();
        for name in names {
            match self.named(name) {
                Some(webcam) => more.push(self.viewpoint(webcam)),
                None if name == ALL => {
                    for webcam in self.webcams.clone() {
                        more.push(self.viewpoint(webcam));
                    }
                }
                None => self.faults.push(not_there("cameras", name)),
            }
        }
        more
    }

    fn named(&self, name: &str) -> Option<&'a Json> {
        self.webcams.iter().find(|webcam| is_called(webcam, name)).copied()
    }

    fn by_address(&mut self) -> Option<Viewpoint> {
        let settings = self.settings;
        let url = self.resolved(&settings.snapshoturl)?;
        Some(self.tuned(CameraSpec::web("snapshoturl", None, Some(url)), self.latency).into())
    }

    fn viewpoint(&mut self, webcam: &Json) -> Viewpoint {
        let flag = |key: &str| webcam.get(key).and_then(Json::as_bool).unwrap_or_default();
        let rotation = webcam.get("rotation").and_then(Json::as_u64).and_then(|r| u32::try_from(r).ok());
        let view = View {
            rotation: rotation.unwrap_or_default(),
            flip_x: flag("flip_horizontal"),
            flip_y: flag("flip_vertical"),
            crop: None,
        };
        let own = self.options.iter().find(|(name, _)| is_called(webcam, name)).map(|(_, options)| options.clone());
        let (view, latency) = own.as_ref().map_or((view, self.latency), |options| options.over(view, self.latency));
        let stream = self.resolved(text(webcam, "stream_url")).map(|url| mjpeg_beside(text(webcam, "service"), &url));
        let snapshot = self.resolved(text(webcam, "snapshot_url"));
        let mut spec = CameraSpec::web(text(webcam, "name"), stream, snapshot);
        if let Source::Web(web) = &mut spec.source {
            web.stills = own.as_ref().is_some_and(CameraOptions::stills) && web.snapshot.is_some();
        }
        Viewpoint {
            spec: self.tuned(spec, latency),
            uid: Some(text(webcam, "uid").to_owned()).filter(|uid| !uid.is_empty()),
            view,
            leads: !self.settings.hold_camera.is_empty() && is_called(webcam, &self.settings.hold_camera),
            delay_is_set: own.as_ref().is_some_and(CameraOptions::has_delay),
        }
    }

    /// With what the settings say about the camera.
    fn tuned(&self, mut spec: CameraSpec, latency: Duration) -> CameraSpec {
        spec.latency = latency;
        if let Source::Web(web) = &mut spec.source {
            web.skip_cert_check = self.settings.wget_skip_cert_check;
        }
        spec
    }

    fn resolved(&mut self, url: &str) -> Option<Url> {
        if url.is_empty() {
            return None;
        }
        match resolve(url, self.host) {
            Ok(url) => Some(url),
            Err(problem) => {
                self.faults.push(format!("the address `{url}` of a webcam cannot be used: {problem}"));
                None
            }
        }
    }
}

fn not_there(setting: &str, name: &str) -> String {
    format!("{setting} names `{name}`, but there is no enabled webcam of this name or uid")
}

fn is_called(webcam: &Json, name: &str) -> bool {
    text(webcam, "name") == name || text(webcam, "uid") == name
}

fn text<'a>(webcam: &'a Json, key: &str) -> &'a str {
    webcam.get(key).and_then(Json::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(webcams: &[Json], settings: &Settings) -> Vec<Viewpoint> {
        choose(webcams, settings, false, &Url::parse("http://127.0.0.1").unwrap()).cameras
    }

    fn names(webcams: &[Json], camera: &str, cameras: &str) -> Vec<String> {
        let settings = Settings { camera: camera.to_owned(), cameras: cameras.to_owned(), ..Settings::default() };
        chosen(webcams, &settings).into_iter().map(|viewpoint| viewpoint.spec.name).collect()
    }

    fn three() -> [Json; 3] {
        [
            json!({"name": "off", "uid": "1", "enabled": false, "stream_url": "/webcam/?action=stream"}),
            json!({"name": "front", "uid": "2", "stream_url": "/webcam/?action=stream"}),
            json!({"name": "top", "uid": "3", "stream_url": "/webcam2/?action=stream"}),
        ]
    }

    #[test]
    fn a_webcam_is_named_by_name_or_uid_and_a_disabled_one_is_passed_over() {
        let webcams = three();
        assert_eq!(names(&webcams, "", ""), ["front"]);
        assert_eq!(names(&webcams, "top", ""), ["top"]);
        assert_eq!(names(&webcams, "3", ""), ["top"]);
        assert_eq!(names(&webcams, "gone", ""), ["front"]);
        assert_eq!(names(&[], "", ""), ["snapshoturl"]);
    }

    #[test]
    fn more_cameras_follow_the_main_one_and_each_comes_once() {
        let webcams = three();
        assert_eq!(names(&webcams, "top", "all"), ["top", "front"]);
        assert_eq!(names(&webcams, "", "3, front\ngone\noff"), ["front", "top"]);
    }

    #[test]
    fn turn_mirror_and_delay_are_the_webcams_unless_set() {
        let webcam = json!({"name": "c", "uid": "7", "snapshot_url": "/s", "rotation": 90, "flip_vertical": true});
        let settings = |options: &str| Settings { camera_options: options.to_owned(), ..Settings::default() };
        let [plain] = chosen(std::slice::from_ref(&webcam), &settings("")).try_into().unwrap();
        assert_eq!(plain.view, View { rotation: 90, flip_y: true, ..View::default() });
        assert_eq!(plain.spec.latency, Duration::from_millis(50));
        let [set] = chosen(&[webcam], &settings("7: rotation=0 delay=0.2")).try_into().unwrap();
        assert_eq!(set.view, View { flip_y: true, ..View::default() });
        assert_eq!(set.spec.latency, Duration::from_millis(200));
    }

    #[test]
    fn a_program_takes_the_place_of_the_main_webcam_and_a_macro_that_of_none() {
        let program = Settings { camera_command: "shoot --to '{file}'".into(), ..Settings::default() };
        let [main] = chosen(&three(), &program).try_into().unwrap();
        let Source::Script(script) = main.spec.source else { panic!("{main:?}") };
        assert_eq!(
            (script.command, script.timeout),
            (vec!["shoot".into(), "--to".into(), "{file}".into()], Duration::from_secs(30))
        );
        let broken = Settings { camera_command: "shoot '".into(), ..Settings::default() };
        assert_eq!(chosen(&three(), &broken)[0].spec.name, "front");
        let triggered = Settings { camera_macro: "SHUTTER".into(), ..Settings::default() };
        assert_eq!(chosen(&[], &triggered)[0].spec.gcode(), Some("SHUTTER"));
        assert_eq!(chosen(&three(), &triggered)[0].spec.name, "front");
    }

    #[test]
    fn what_cannot_be_followed_is_told_once() {
        let settings = Settings {
            camera: "gone".into(),
            cameras: "front, nobody".into(),
            camera_options: "lost: flip_x".into(),
            ..Settings::default()
        };
        let Chosen { faults, .. } = choose(&three(), &settings, false, &Url::parse("http://127.0.0.1").unwrap());
        let named = ["camera_options names `lost`", "camera names `gone`", "cameras names `nobody`"];
        assert!(
            faults.iter().zip(named).all(|(fault, named)| fault.starts_with(named)) && faults.len() == 3,
            "{faults:?}"
        );
    }

    #[test]
    fn one_camera_may_lead() {
        let settings = Settings { cameras: "all".into(), hold_camera: "top".into(), ..Settings::default() };
        assert_eq!(chosen(&three(), &settings).iter().map(|v| v.leads).collect::<Vec<_>>(), [false, true]);
    }
}
