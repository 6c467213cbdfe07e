//! The present state, as `GET /api/state` and the event `state` give it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::conductor::filming::Viewpoint;
use crate::conductor::{FilmingState, NewestFrame, SnapshotView, View};
use crate::printer::{PrintState, Printer, Temperature};
use crate::session;

/// A filament that moves slower than this stands still, mm/s.
const STILL: f64 = 0.05;

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Live {
    version: &'static str,
    moonraker: &'static str,
    klipper: &'static str,
    enabled: bool,
    print: Option<Print>,
    filming: FilmingState,
    /// The planned frame that comes next, or the last one for a moment.
    pub snapshot: Option<SnapshotView>,
    frames: u32,
    misses: u32,
    last_miss: Option<LastMiss>,
    planned: usize,
    by_window: usize,
    by_fallback: usize,
    added_s: f64,
    off_mm: Option<f64>,
    unsteady: u32,
    expected_s: f64,
    hold_s: f64,
    head: Head,
    extruder: Heater,
    bed: Heater,
    park: Option<[f64; 2]>,
    cameras: Vec<Camera>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Print {
    number: u64,
    file: String,
    state: &'static str,
    session: Option<String>,
    progress: Option<f64>,
    file_position: Option<u64>,
    file_size: Option<u64>,
    elapsed_s: f64,
    left_s: Option<f64>,
    layer: Option<u32>,
    layers: Option<u32>,
    streamed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct LastMiss {
    number: u32,
    layer: u32,
    reason: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Head {
    x: Option<f64>,
    y: Option<f64>,
    z: Option<f64>,
    e: Option<f64>,
    speed_mm_s: Option<f64>,
    homed: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Heater {
    actual: Option<f64>,
    target: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_mm_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Camera {
    index: usize,
    name: String,
    view: session::View,
    #[serde(flatten)]
    newest: Option<Newest>,
    url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Newest {
    reel: u32,
    session: String,
    number: u32,
    width: u16,
    height: u16,
    bytes: u64,
    at: Timestamp,
    layer: Option<u32>,
}

/// What the state is made of.
#[derive(Debug)]
pub struct Sources<'a> {
    /// Connected to Moonraker.
    pub moonraker: bool,
    /// Klipper is there.
    pub klipper: bool,
    /// Films at all.
    pub enabled: bool,
    /// What the conductor shows.
    pub view: &'a View,
    /// What Klipper tells.
    pub printer: &'a Printer,
    /// The chosen cameras.
    pub cameras: &'a [Viewpoint],
    /// Their newest frames.
    pub newest: &'a Arc<Vec<NewestFrame>>,
}

impl Live {
    /// How long the head stands still for a frame, s.
    pub(super) fn hold(&self) -> f64 {
        self.hold_s
    }

    /// A print is under way, filmed or not.
    pub(super) fn is_printing(&self) -> bool {
        self.print.as_ref().is_some_and(|print| matches!(print.state, "printing" | "paused") || print.streamed)
    }

    /// The file that is printed.
    pub(super) fn file(&self) -> Option<&str> {
        self.print.as_ref().map(|print| print.file.as_str()).filter(|file| !file.is_empty())
    }

    /// The state now.
    #[must_use]
    pub fn of(sources: &Sources<'_>) -> Self {
        let Sources { moonraker, klipper, enabled, view, printer, cameras, newest } = sources;
        let shots = view.shots.iter().rev();
        let missed = shots.filter(|shot| shot.state == 'm').find_map(|shot| {
            let reason = shot.reason.clone()?;
            Some(LastMiss { number: shot.number, layer: shot.layer, reason })
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            moonraker: if *moonraker { "connected" } else { "away" },
            klipper: if *klipper { "ready" } else { "away" },
            enabled: *enabled,
            print: print(view, printer),
            filming: view.filming,
            snapshot: view.snapshot.clone().map(|shot| SnapshotView { due_in_s: shot.due_in_s.map(tenth), ..shot }),
            frames: view.frames,
            misses: view.misses,
            last_miss: missed,
            planned: view.planned,
            by_window: view.by_window,
            by_fallback: view.by_fallback,
            added_s: tenth(view.added_s),
            off_mm: view.off_mm.map(thousandth),
            unsteady: view.unsteady,
            expected_s: tenth(view.expected_s),
            hold_s: view.hold_s,
            head: head(printer),
            extruder: extruder(printer),
            bed: printer.temperature("heater_bed").map(heater).unwrap_or_default(),
            park: view.park,
            cameras: cameras.iter().enumerate().map(|(index, viewpoint)| camera(index, viewpoint, newest)).collect(),
        }
    }
}

fn print(view: &View, printer: &Printer) -> Option<Print> {
    let stats = printer.print_stats();
    let filmed = view.print.as_ref();
    if filmed.is_none() && !stats.state.is_active() {
        return None;
    }
    let progress = Some(printer.progress()).filter(|_| stats.state.is_active());
    // Klipper's own estimate is as simple; pauses count.
    let left_s = progress.filter(|done| *done > 0.02).map(|done| (stats.total_duration * (1.0 / done - 1.0)).round());
    Some(Print {
        number: filmed.map_or(0, |print| print.number),
        file: filmed.map_or(stats.filename, |print| print.file.clone()),
        state: match stats.state {
            PrintState::Standby => "standby",
            PrintState::Printing => "printing",
            PrintState::Paused => "paused",
            PrintState::Complete => "complete",
            PrintState::Cancelled => "cancelled",
            PrintState::Error => "error",
        },
        session: filmed.and_then(|print| print.session.as_ref()).map(ToString::to_string),
        progress: progress.map(thousandth),
        file_position: printer.file_position(),
        file_size: printer.print_path().map(|(_, size)| size),
        elapsed_s: tenth(stats.total_duration),
        left_s,
        layer: stats.current_layer.or(view.snapshot.as_ref().map(|shot| shot.layer)),
        layers: printer.total_layers().or(view.shots.last().map(|shot| shot.layer)),
        streamed: filmed.is_some_and(|print| print.streamed),
    })
}

fn head(printer: &Printer) -> Head {
    let [x, y, z, e] = printer.live_position().map_or([None; 4], |at| at.map(|mm| Some(thousandth(mm))));
    let homed = printer.homed_axes().to_owned();
    Head { x, y, z, e, speed_mm_s: printer.live_speed().map(tenth), homed }
}

fn extruder(printer: &Printer) -> Heater {
    let flow = printer.live_flow();
    let state = flow.map(|flow| match flow {
        flow if flow > STILL => "extruding",
        flow if flow < -STILL => "retracting",
        _ => "still",
    });
    let heater = printer.temperature("extruder").map(heater).unwrap_or_default();
    Heater { flow_mm_s: flow.map(thousandth), state, ..heater }
}

fn heater(Temperature { actual, target }: Temperature) -> Heater {
    Heater { actual: Some(tenth(actual)), target: Some(target), ..Heater::default() }
}

fn camera(index: usize, viewpoint: &Viewpoint, newest: &[NewestFrame]) -> Camera {
    let newest = newest.iter().find(|newest| newest.is_of(viewpoint));
    let url = newest.map(|NewestFrame { session, frame, .. }| {
        format!("/api/sessions/{session}/reels/{}/frames/{}.jpg", frame.reel, frame.number)
    });
    let newest = newest.map(|NewestFrame { session, frame, .. }| Newest {
        reel: frame.reel,
        session: session.to_string(),
        number: frame.number,
        width: frame.width,
        height: frame.height,
        bytes: frame.bytes,
        at: frame.meta.at,
        layer: frame.meta.layer,
    });
    Camera { index, name: viewpoint.spec.name.clone(), view: viewpoint.view, newest, url }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn thousandth(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
