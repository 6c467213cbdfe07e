//! `TIMELAPSE_CALIBRATE`: moves the head to and fro, watches the cameras meanwhile, and keeps what they show of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::Agent;
use super::errand::{self, DWELL, Head};
use crate::calibration::{Curve, Place, Stand, Step, Timing, Tour, Watch, keep, measure, permission};
use crate::camera::{Camera, Kind};
use crate::clock::{Clock, MonoTime};
use crate::conductor::filming::{SharedStore, Viewpoint};
use crate::conductor::{Event, Workshop};
use crate::web::{Board, Calibrating};

/// The head rises to this at least, mm, unless the macro is given another height.
pub(super) const SAFE_Z: f64 = 30.0;
/// mm/s
const SPEED: f64 = 150.0;
/// How long a camera may take to show something.
const CAMERA_PATIENCE: Duration = Duration::from_secs(10);
/// Stood at the first place, s: longer than any camera is late, so that its pictures are surely of there.
const FIRST_STAND: f64 = 4.0;
/// Frames are taken to be this far apart where no stream tells, s.
const SNAPSHOT_INTERVAL: f64 = 0.1;

impl Agent {
    /// Begins to move the head and to watch the cameras.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) fn begin_calibration(&mut self, params: &Json) -> Result<(), String> {
        let link = self.free_for_errand()?;
        let travel = self.printer.travel();
        let safe_z = params.get("z").and_then(Json::as_f64).filter(|z| *z > 0.0).unwrap_or(SAFE_Z);
        let z =
            permission(&self.printer.print_stats(), travel.as_ref(), safe_z).map_err(|refusal| refusal.to_string())?;
        let refusal = crate::calibration::Refusal::NoRoom;
        let travel = travel.ok_or_else(|| refusal.to_string())?;
        let tour = Tour::for_printer(&travel, SPEED).ok_or_else(|| refusal.to_string())?;
        let cameras = self.conductor.cameras().to_vec();
        let Workshop { store, events, clock, .. } = self.conductor.workshop().clone();
        let from_x = travel.position[0];
        let board = self.portal.board();
        board.calibrating(|seen| *seen = Calibrating::begun());
        self.send_on_errand(link, move |head| async move {
            let runner = Runner { head, store, clock, cameras, tour, z, from_x, board };
            let board = runner.board.clone();
            let outcome = runner.run(&events).await;
            board.calibrating(|seen| seen.end(outcome.as_ref().err()));
            board.cameras_changed();
            match outcome {
                Ok(()) => "Timelapse: calibration done".to_owned(),
                Err(reason) => {
                    warn!(reason, "no calibration");
                    failed(&reason)
                }
            }
        });
        Ok(())
    }
}

pub(super) fn failed(reason: &str) -> String {
    format!("Timelapse: calibration failed: {reason}")
}

struct Runner {
    head: Head,
    store: SharedStore,
    clock: Clock,
    cameras: Vec<Viewpoint>,
    tour: Tour,
    /// The height that the head must have, mm.
    z: f64,
    /// Where the head was, mm.
    from_x: f64,
    /// Shows how it goes.
    board: Board,
}

impl Runner {
    async fn run(mut self, say: &mpsc::Sender<Event>) -> Result<(), String> {
        let board = self.board.clone();
        let tell = async |line: String| {
            board.calibrating(|seen| seen.say(&line));
            say.send(Event::Say(line)).await.is_ok()
        };
        tell("Timelapse: calibrating; the head moves to and fro for about half a minute".to_owned()).await;
        let mut watched = Vec::new();
        for (viewpoint, camera) in self.open().await {
            match camera {
                Ok(camera) => watched.push((viewpoint, camera)),
                Err(reason) => {
                    tell(format!("Timelapse: not calibrated: {reason}")).await;
                }
            }
        }
        if watched.is_empty() {
            return Err("no camera shows anything".to_owned());
        }
        let mut watches: Vec<Watch> =
            watched.iter().map(|(_, camera)| Watch::start(Arc::clone(camera), self.clock)).collect();
        let stands = self.tour(&watched, &mut watches).await?;
        for ((viewpoint, _), watch) in watched.into_iter().zip(watches) {
            let line = self.conclude(&viewpoint, watch, &stands).await;
            tell(format!("Timelapse: camera '{}': {line}", viewpoint.spec.name)).await;
        }
        Ok(())
    }

    /// Opens the cameras, without what an earlier calibration found.
    async fn open(&self) -> Vec<(Viewpoint, Result<Arc<Camera>, String>)> {
        let open = self.cameras.iter().map(async |viewpoint| {
            let mut viewpoint = viewpoint.clone();
            viewpoint.spec.timing = None;
            let camera = Camera::open(viewpoint.spec.clone(), self.clock);
            let ready = camera.ready(CAMERA_PATIENCE).await;
            let facts = camera.facts();
            let outcome = match (facts.kind, facts.trouble) {
                (Kind::Script | Kind::Gcode, _) => Err("a script's or the printer's own camera needs none".to_owned()),
                (_, Some(trouble)) if !ready => Err(trouble.to_string()),
                _ if !ready => Err(format!("camera '{}' shows nothing", viewpoint.spec.name)),
                _ => Ok(Arc::new(camera)),
            };
            (viewpoint, outcome)
        });
        join_all(open).await
    }

    /// Moves the head, and gives where it stood when.
    async fn tour(
        &mut self,
        watched: &[(Viewpoint, Arc<Camera>)],
        watches: &mut [Watch],
    ) -> Result<Vec<Stand>, String> {
        let first = self.head.go(&self.step(0, self.tour.x[0], 0.1)).await?;
        self.clock.sleep_until(first.offset(FIRST_STAND)).await;
        let slowest = |interval: f64, (_, camera): &(Viewpoint, Arc<Camera>)| {
            interval.max(camera.facts().fps.map_or(SNAPSHOT_INTERVAL, |fps| 1.0 / fps))
        };
        let interval = watched.iter().fold(0.0, slowest).clamp(0.01, 2.0);
        let steps = self.tour.steps(interval);
        let script: Vec<String> =
            (1..).zip(&steps).map(|(number, step)| self.step(number, step.x, step.dwell).script()).collect();
        let mut arrivals = vec![first];
        // Klipper takes the script as it makes the moves, and tells of each a little before.
        let moving = self.head.begin(script.join("\n"));
        for number in (1..).take(steps.len()) {
            arrivals.push(self.head.arrival(number).await?);
        }
        if let Ok(Err(refused)) = moving.await {
            return Err(refused);
        }
        let stands = stands(&arrivals, &steps);
        if let Some(last) = arrivals.last() {
            self.clock.sleep_until(*last).await;
        }
        let quiet = Duration::from_secs_f64(Tour::longest_dwell(interval) + 0.5);
        join_all(watches.iter_mut().map(|watch| watch.quiet_for(quiet, CAMERA_PATIENCE))).await;
        self.head.run(&self.step(-1, self.from_x, 0.1).script()).await?;
        Ok(stands)
    }

    fn step(&self, number: i64, x: f64, dwell: f64) -> errand::Step {
        errand::Step { number, x: Some(x), y: None, rise: self.z, sink: None, speed: self.tour.speed, dwell }
    }

    /// What the pictures show, in a sentence; kept for later prints.
    async fn conclude(&self, viewpoint: &Viewpoint, watch: Watch, stands: &[Stand]) -> String {
        let (looks, trouble) = watch.end().await;
        let (stands, store, now) = (stands.to_vec(), Arc::clone(&self.store), self.clock.wall());
        let (spec, uid) = (viewpoint.spec.clone(), viewpoint.uid.clone());
        let outcome = tokio::task::spawn_blocking(move || {
            let curve = Curve::of(&looks, &stands);
            let timing = measure(&looks, &stands).map_err(|reason| reason.to_string())?;
            let mut store = store.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            keep(&mut store, &spec, uid.as_deref(), &timing, curve, now).map_err(|problem| problem.to_string())?;
            Ok::<Timing, String>(timing)
        });
        match outcome.await {
            Ok(Ok(timing)) => {
                info!(camera = viewpoint.spec.name, ?timing, "calibrated");
                self.board.calibrating(|seen| seen.camera(&viewpoint.spec.name, None));
                timing.to_string()
            }
            Ok(Err(reason)) => {
                let came = trouble.map(|miss| format!(" ({miss})")).unwrap_or_default();
                warn!(camera = viewpoint.spec.name, reason, "not calibrated");
                self.board.calibrating(|seen| seen.camera(&viewpoint.spec.name, Some(format!("{reason}{came}"))));
                format!("not calibrated: {reason}{came}")
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

/// Where the head stood when. All moves are as long, so each began as long before its end as the shortest took: a longer
/// pause between the end of a dwell and the next stand is Klipper's, whose queue ran dry.
fn stands(arrivals: &[MonoTime], steps: &[Step]) -> Vec<Stand> {
    let from: Vec<f64> = arrivals.iter().map(|at| at.as_secs_f64()).collect();
    let dwelt = from.iter().skip(1).zip(steps).map(|(from, step)| from + DWELL + step.dwell);
    let moves = dwelt.zip(from.iter().skip(2)).map(|(left, arrived)| arrived - left);
    let shortest = moves.fold(f64::INFINITY, f64::min).max(0.0);
    let places = std::iter::once(Place::A).chain(steps.iter().map(|step| step.place));
    let until = from.iter().skip(1).map(|next| Some(next - shortest)).chain([None]);
    let stands = from.iter().zip(until).zip(places);
    stands.map(|((from, until), place)| Stand { place, from: *from, until }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_ran_dry_does_not_move_the_departure() {
        let at = |secs: f64| MonoTime::from_secs_f64(secs).unwrap();
        let steps = [0.2, 0.4, 0.3].map(|dwell| Step { place: Place::B, x: 0.0, dwell });
        // Moves take 0.5 s; before the third, Klipper paused for 0.25 s.
        let stands = stands(&[at(100.0), at(104.5), at(105.201), at(106.352)], &steps);
        let until: Vec<Option<i64>> = stands.iter().map(|s| s.until.map(|t| (t * 1e3).round() as i64)).collect();
        assert_eq!(until, [Some(104_000), Some(104_701), Some(105_852), None]);
    }
}
