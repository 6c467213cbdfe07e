//! Cameras: what they are, a picture of now, and whether the light is enough.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::{Answer, Problem};
use super::{App, SharedApp, blocking, within};
use crate::calibration::{Known, Thumb, known_in_full};
use crate::camera::{Camera, CameraSpec, Frame, Kind, Miss, Probe, Source, probe};
use crate::conductor::filming::Viewpoint;
use crate::hooks::Light;

/// How long a camera may take to show something.
const PATIENCE: Duration = Duration::from_secs(10);
/// A camera that was never calibrated may be so late: the light is on for so long before its picture is taken.
const LATE: Duration = Duration::from_secs(1);
/// Pictures of light tests that are kept.
const KEPT: usize = 4;

/// What was found out about cameras since the agent was started.
#[derive(Debug, Default)]
pub(super) struct Looks {
    probes: Mutex<Vec<(CameraSpec, Timestamp, Probe)>>,
    pictures: Mutex<(u64, VecDeque<(u64, Bytes)>)>,
}

impl Looks {
    fn keep(&self, spec: &CameraSpec, at: Timestamp, probe: Probe) {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes.retain(|(known, ..)| known.name != spec.name);
        probes.push((spec.clone(), at, probe));
    }

    fn of(&self, spec: &CameraSpec) -> Option<(Timestamp, Probe)> {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes.iter().find(|(known, ..)| known == spec).map(|(_, at, probe)| (*at, probe.clone()))
    }

    /// Keeps a picture for a while; gives its address.
    fn keep_picture(&self, jpeg: Bytes) -> String {
        let mut pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, kept) = &mut *pictures;
        *number += 1;
        kept.push_back((*number, jpeg));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        format!("/api/pictures/{number}.jpg")
    }

    fn picture(&self, number: u64) -> Option<Bytes> {
        let pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        pictures.1.iter().find(|(known, _)| *known == number).map(|(_, jpeg)| jpeg.clone())
    }
}

/// What calibration knows of each camera, in their order.
pub(super) async fn timings(app: &App) -> Answer<Vec<Value>> {
    let cameras = app.board.setup().cameras.clone();
    let known = app.disk(move |store| {
        cameras
            .iter()
            .map(|camera| known_in_full(store, &camera.spec, camera.uid.as_deref()))
            .collect::<Result<Vec<_>, _>>()
    });
    Ok(known.await?.into_iter().map(|known| known.map_or(Value::Null, |known| timing(&known))).collect())
}

fn timing(known: &Known) -> Value {
    let mut row = json!(known);
    row["hold_s"] = json!(known.timing.hold_s());
    row["spread_s"] = json!(known.timing.spread_s());
    row["summary"] = known.timing.to_string().into();
    row
}

/// `GET /api/cameras`
pub(super) async fn list(State(app): State<SharedApp>) -> Answer<Json<Value>> {
    let setup = app.board.setup();
    let timings = timings(&app).await?;
    let cameras = setup.cameras.iter().enumerate();
    let cameras: Vec<Value> = cameras.map(|(index, camera)| row(&app, index, camera, timings.get(index))).collect();
    let settings = &setup.settings;
    let light =
        json!({"configured": Light::is_set(settings), "pin": settings.light_pin, "power": settings.light_power});
    Ok(Json(json!({"revision": app.board.cameras_revision(), "cameras": cameras, "light": light})))
}

fn row(app: &App, index: usize, camera: &Viewpoint, timing: Option<&Value>) -> Value {
    let Viewpoint { spec, uid, view, leads, delay_is_set } = camera;
    let (source, stream, snapshot) = match &spec.source {
        Source::Web(web) => ("webcam", web.stream.as_ref(), web.snapshot.as_ref()),
        Source::Script(_) => ("program", None, None),
        Source::Gcode(_) => ("macro", None, None),
    };
    let probe = app.looks.of(spec).map(|(at, probe)| shown(at, &probe));
    json!({
        "index": index, "name": spec.name, "uid": uid, "source": source, "stream_url": stream.map(plain),
        "snapshot_url": snapshot.map(plain), "view": view, "leads": leads, "delay_is_set": delay_is_set,
        "probe": probe, "timing": timing,
    })
}

/// Without a password.
fn plain(url: &url::Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have them.
    let _no_user = url.set_username("");
    let _no_password = url.set_password(None);
    url.to_string()
}

fn shown(at: Timestamp, probe: &Probe) -> Value {
    let kind = match probe.kind {
        Kind::Stream => "stream",
        Kind::Snapshots => "snapshots",
        Kind::Script => "script",
        Kind::Gcode => "gcode",
    };
    json!({
        "at": at, "kind": kind, "server": probe.server.to_string(), "width": probe.resolution.map(|size| size.0),
        "height": probe.resolution.map(|size| size.1), "stills": probe.stills, "fps": probe.fps,
        "freshness": probe.freshness.map(|freshness| freshness.to_string()), "hold_s": probe.hold.as_secs_f64(),
        "summary": probe.to_string(), "trouble": probe.trouble.as_ref().map(ToString::to_string),
        "remark": probe.remark.as_ref().map(ToString::to_string),
    })
}

fn camera(app: &App, index: &str) -> Answer<(usize, Viewpoint)> {
    let setup = app.board.setup();
    let found = index.parse::<usize>().ok().and_then(|index| Some((index, setup.cameras.get(index)?.clone())));
    found.ok_or_else(|| Problem::not_found("There is no such camera"))
}

/// `POST /api/cameras/{index}/probe`
pub(super) async fn look(State(app): State<SharedApp>, Path(index): Path<String>) -> Answer<Json<Value>> {
    let (index, camera) = camera(&app, &index)?;
    let _place =
        app.looking.try_acquire().map_err(|_| Problem::busy("Other cameras are being looked at: wait a moment"))?;
    let found = probe(&camera.spec, app.clock).await;
    app.looks.keep(&camera.spec, app.clock.wall(), found);
    app.board.cameras_changed();
    let timings = timings(&app).await?;
    Ok(Json(row(&app, index, &camera, timings.get(index))))
}

/// `GET /api/cameras/{index}/picture.jpg`
pub(super) async fn picture(State(app): State<SharedApp>, Path(index): Path<String>) -> Answer<Response> {
    let (_, viewpoint) = camera(&app, &index)?;
    let _place =
        app.looking.try_acquire().map_err(|_| Problem::busy("Other cameras are being looked at: wait a moment"))?;
    let camera = open(&app, viewpoint).await?;
    let frame = now(&app, &camera).await;
    camera.close().await;
    let frame = frame?;
    let age = app.clock.monotonic().secs_since(frame.exposed.middle()) * 1000.0;
    let mut response = jpeg(frame.jpeg);
    if let Ok(age) = HeaderValue::from_str(&format!("{:.0}", age.max(0.0))) {
        response.headers_mut().insert("x-age-ms", age);
    }
    Ok(response)
}

fn jpeg(bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "no-store")], bytes).into_response()
}

async fn open(app: &App, mut viewpoint: Viewpoint) -> Answer<Camera> {
    if !matches!(viewpoint.spec.source, Source::Web(_)) {
        return Err(Problem::conflict("A program's or the printer's own camera takes pictures in a print only"));
    }
    let viewpoint = app.disk(move |store| viewpoint.recall(store).map(|()| viewpoint)).await?;
    let camera = Camera::open(viewpoint.spec.clone(), app.clock);
    if camera.ready(PATIENCE).await {
        return Ok(camera);
    }
    let trouble = camera.facts().trouble.map(|trouble| trouble.to_string());
    camera.close().await;
    let silent = || format!("Camera '{}' shows nothing", viewpoint.spec.name);
    Err(Problem::unavailable(trouble.unwrap_or_else(silent)))
}

/// A picture that is exposed from now on.
async fn now(app: &App, camera: &Camera) -> Answer<Frame> {
    let since = app.clock.monotonic();
    let exposed_since = async {
        let mut last = since;
        loop {
            let frame = camera.next_after(last).await?.frame;
            if frame.exposed.from >= since {
                return Ok(frame);
            }
            last = frame.received;
        }
    };
    within(PATIENCE, "The camera's picture", exposed_since).await?.map_err(|miss: Miss| Problem::unavailable(miss))
}

/// `GET /api/pictures/{number}.jpg`
pub(super) async fn kept(State(app): State<SharedApp>, Path(file): Path<String>) -> Answer<Response> {
    let number = file.strip_suffix(".jpg").and_then(|number| number.parse().ok());
    let picture = number.and_then(|number| app.looks.picture(number));
    picture.map(jpeg).ok_or_else(|| Problem::not_found("This picture is not kept any more"))
}

/// `POST /api/cameras/{index}/light`
pub(super) async fn light(State(app): State<SharedApp>, Path(index): Path<String>) -> Answer<Json<Value>> {
    let (_, viewpoint) = camera(&app, &index)?;
    let setup = app.board.setup();
    if !Light::is_set(&setup.settings) {
        return Err(Problem::conflict(
            "There is no light: set light_pin or light_power in [timelapse] of moonraker.conf",
        ));
    }
    if app.board.follow_live().borrow().is_printing() {
        return Err(Problem::conflict("A print is under way"));
    }
    let light = setup.link.as_ref().and_then(|link| Light::of(&setup.settings, link));
    let light = light.filter(|light| setup.klipper_ready || !light.is_pin());
    let light = light.ok_or_else(|| Problem::unavailable("Klipper is away"))?;
    let _place =
        app.looking.try_acquire().map_err(|_| Problem::busy("Other cameras are being looked at: wait a moment"))?;
    let camera = open(&app, viewpoint).await?;
    let not_switched = |problem| Problem::conflict(format_args!("The light was not switched: {problem}"));
    let test = async {
        let before = now(&app, &camera).await?;
        let after = match light.switch(true).await {
            Ok(()) => {
                tokio::time::sleep(LATE).await;
                now(&app, &camera).await
            }
            Err(problem) => Err(not_switched(problem)),
        };
        // Whatever came of it, the light goes off.
        light.switch(false).await.map_err(not_switched)?;
        Ok::<_, Problem>([before.jpeg, after?.jpeg])
    };
    let pictures = test.await;
    camera.close().await;
    let [before, after] = pictures?;
    let brightness = [before.clone(), after.clone()].map(async |jpeg| blocking(move || Thumb::decode(&jpeg)).await);
    let [dark, bright] = brightness;
    let decoded = |thumb: Result<Thumb, String>| thumb.map(|thumb| thumb.brightness()).map_err(Problem::failed);
    let (dark, bright) = (decoded(dark.await)?, decoded(bright.await)?);
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    Ok(Json(json!({
        "before": app.looks.keep_picture(before), "after": app.looks.keep_picture(after),
        "brightness": [rounded(dark), rounded(bright)], "gained": rounded(bright - dark),
    })))
}
