//! Frames of stops, checked against the truth inside them.

use std::sync::Arc;
use std::time::Duration;

use moonlapse::camera::{Camera, CameraSpec, Kind, Span};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera as rig;
use moonlapse_rig::camera::{FrameTruth, Manner, Nginx, ScriptedMachine};
use moonlapse_rig::machine::TruePosition;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How the camera is asked.
#[derive(Clone, Copy, Debug)]
struct Case {
    manner: Manner,
    kind: Kind,
    nginx: bool,
}

#[derive(Debug, Default)]
struct Row {
    hold: Duration,
    taken: u32,
    wrong: u32,
    /// From the head's arrival to the end of the frame's exposure, ms.
    needed: Vec<f64>,
    freshness: String,
    first_miss: Option<String>,
}

pub(super) async fn run(stops: u32, at_once: usize) {
    let seats = Arc::new(Semaphore::new(at_once));
    let mut cases = JoinSet::new();
    let mut order = 0;
    for manner in Manner::ALL {
        for kind in [Kind::Stream, Kind::Snapshots] {
            for nginx in [false, true] {
                let (case, seats) = (Case { manner, kind, nginx }, Arc::clone(&seats));
                order += 1;
                cases.spawn(async move {
                    let _seat = seats.acquire().await.unwrap();
                    (order, case, film(case, stops).await)
                });
            }
        }
    }
    let mut rows = cases.join_all().await;
    rows.sort_by_key(|row| row.0);
    println!(
        "| server | frames by | through | hold, ms | taken | stale or moving | needed, median ms | worst ms | time of exposure |"
    );
    println!("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |");
    for (_, case, mut row) in rows {
        row.needed.sort_by(f64::total_cmp);
        let median = row.needed.get(row.needed.len() / 2).copied().unwrap_or_default();
        let worst = row.needed.last().copied().unwrap_or_default();
        println!(
            "| {:?} | {:?} | {} | {} | {} of {stops} | {} | {median:.0} | {worst:.0} | {} |",
            case.manner,
            case.kind,
            if case.nginx { "nginx" } else { "-" },
            row.hold.as_millis(),
            row.taken,
            row.wrong,
            row.freshness,
        );
        if let Some(miss) = row.first_miss {
            eprintln!("{case:?}: {miss}");
        }
    }
}

fn home() -> TruePosition {
    TruePosition { x: 20.0, y: 180.0, z: 5.0, e: 0.0 }
}

/// Stops of `hold`, each somewhere else, with moves in between whose lengths shift the stops' phase against the frames.
fn script(start: f64, count: u32, hold: f64) -> (ScriptedMachine, Vec<(Span, TruePosition)>) {
    let mut machine = ScriptedMachine::new(start, home());
    let stop = |i: u32| {
        let away = TruePosition { x: 100.0 + f64::from(i % 7) * 9.0, y: 90.0, ..home() };
        machine.move_to(away, 0.051 + f64::from(i * 37 % 17) * 0.002);
        let park = TruePosition { x: 10.0 + f64::from(i % 5), ..home() };
        machine.move_to(park, 0.02);
        let (from, until) = machine.stand(hold);
        (span(from, until), park)
    };
    let stops = (0..count).map(stop).collect();
    (machine, stops)
}

fn span(from: f64, until: f64) -> Span {
    let at = |t| MonoTime::from_secs_f64(t).unwrap();
    Span { from: at(from), until: at(until) }
}

struct Setup {
    _server: rig::Camera,
    _nginx: Option<Nginx>,
    camera: Camera,
}

async fn set_up(case: Case, machine: ScriptedMachine) -> Setup {
    let look = rig::Look { width: 320, height: 192, ..rig::Look::default() };
    let (always_on, drops_late) = (true, true);
    let config = rig::CameraConfig { look, manner: case.manner, always_on, drops_late, ..rig::CameraConfig::default() };
    let server = rig::Camera::start(config, Arc::new(machine)).await.unwrap();
    let nginx = if case.nginx { Some(Nginx::start(server.address()).await.unwrap()) } else { None };
    let url = |path: &str| {
        let url = match &nginx {
            Some(nginx) => nginx.http(&format!("/webcam{path}")),
            None => format!("http://{}{path}", server.address()),
        };
        url.parse().ok()
    };
    let stream = url(case.manner.stream_path()).filter(|_| case.kind == Kind::Stream);
    let spec = CameraSpec::web("bench", stream, url(case.manner.snapshot_path()));
    let camera = Camera::open(spec, Clock::real());
    assert!(camera.ready(Duration::from_secs(20)).await, "{:?}", camera.facts());
    Setup { _server: server, _nginx: nginx, camera }
}

async fn film(case: Case, stops: u32) -> Row {
    // As a print does: the hold is what the camera says that it needs, after some frames.
    let setup = set_up(case, ScriptedMachine::new(0.0, home())).await;
    for _ in 0..20 {
        let now = rig::monotonic();
        // Only for the hold.
        let _frame = setup.camera.capture(span(now, now + 0.4)).await;
    }
    let hold = setup.camera.required_hold();
    drop(setup);
    let (machine, stops) = script(rig::monotonic() + 4.0, stops, hold.as_secs_f64());
    let setup = set_up(case, machine).await;
    let mut row = Row { hold, ..Row::default() };
    for (still, park) in &stops {
        match setup.camera.capture(*still).await {
            Err(miss) => row.first_miss = row.first_miss.take().or(Some(miss.to_string())),
            Ok(frame) => {
                let truth = FrameTruth::from_jpeg(&frame.jpeg).unwrap();
                let fresh = still.contains(span(truth.begin, truth.end));
                let there = (truth.at_middle.x - park.x).abs() < 0.001 && !truth.moved(0.001);
                row.taken += 1;
                row.wrong += u32::from(!fresh || !there);
                row.needed.push(frame.exposed.until.secs_since(still.from) * 1e3);
                row.freshness = format!("{:?}", frame.freshness);
            }
        }
    }
    setup.camera.close().await;
    row
}
