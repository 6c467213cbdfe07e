//! `TIMELAPSE_TEST`: parks the head, takes one frame with every camera, and says what came.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::Agent;
use super::calibrate::SAFE_Z;
use super::errand::{DWELL, Head, Step};
use crate::calibration::{Refusal, permission};
use crate::camera::{Camera, Frame, Kind, Miss, Span};
use crate::clock::{Clock, MonoTime};
use crate::conductor::filming::{SharedStore, Viewpoint, recall_calibrations};
use crate::conductor::{Event, Workshop};

/// How long a camera may take to show something.
const CAMERA_PATIENCE: Duration = Duration::from_secs(10);
/// The macro bounds its dwell to this, s.
const LONGEST_HOLD: f64 = 5.0;
/// Of the way to the place and back, mm/s, unless the settings are slower.
const SPEED: f64 = 150.0;

impl Agent {
    /// Begins.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) fn begin_trial(&mut self, params: &Json) -> Result<(), String> {
        let link = self.free_for_errand()?;
        let place = self.trial_place(params)?;
        let settings = self.conductor.settings();
        let runner = Runner {
            cameras: self.conductor.cameras().to_vec(),
            hold: settings.park_time,
            speed: f64::from(settings.park_travel_speed).min(SPEED),
            folder: PathBuf::from(&settings.frame_path),
            served: self.connection.as_ref().is_some_and(|connection| connection.has_component),
            place,
        };
        let Workshop { store, events, clock, .. } = self.conductor.workshop().clone();
        self.send_on_errand(link, move |head| async move {
            match runner.run(head, &store, &events, clock).await {
                Ok(()) => "Timelapse: test done".to_owned(),
                Err(reason) => {
                    warn!(reason, "no trial frame");
                    failed(&reason)
                }
            }
        });
        Ok(())
    }

    /// Where the frame is taken; `None` where the head stays.
    fn trial_place(&self, params: &Json) -> Result<Option<Place>, String> {
        let number = |key: &str| params.get(key).and_then(Json::as_f64);
        if self.printer.print_stats().state.is_active() {
            return Err(Refusal::Printing.to_string());
        }
        if !self.conductor.settings().parkhead || number("park") == Some(0.0) {
            return Ok(None);
        }
        let travel = self.printer.travel();
        let safe_z = number("z").filter(|z| *z > 0.0).unwrap_or(SAFE_Z);
        let rise =
            permission(&self.printer.print_stats(), travel.as_ref(), safe_z).map_err(|refusal| match refusal {
                Refusal::NotHomed => format!("{refusal}; TIMELAPSE_TEST PARK=0 takes a frame without moving"),
                _ => refusal.to_string(),
            })?;
        let [x, y, z, _] = self.printer.commanded().ok_or_else(|| Refusal::Unknown.to_string())?;
        let parked = |name: &str| self.printer.frame_macro_variable(name).and_then(Json::as_f64);
        Ok(Some(Place { at: [parked("park_x"), parked("park_y")], rise, back: [x, y, z] }))
    }
}

pub(super) fn failed(reason: &str) -> String {
    format!("Timelapse: test failed: {reason}")
}

/// Where the head goes, mm.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The park position; `None` leaves the axis where it is.
    at: [Option<f64>; 2],
    /// It rises to this height first.
    rise: f64,
    /// Where it came from.
    back: [f64; 3],
}

#[derive(Debug)]
struct Runner {
    cameras: Vec<Viewpoint>,
    place: Option<Place>,
    /// The head stands still for at least this, s.
    hold: f64,
    speed: f64,
    /// Where pictures are shown.
    folder: PathBuf,
    /// Moonraker serves that folder.
    served: bool,
}

impl Runner {
    async fn run(
        mut self,
        mut head: Head,
        store: &SharedStore,
        events: &mpsc::Sender<Event>,
        clock: Clock,
    ) -> Result<(), String> {
        let tell = async |line: String| events.send(Event::Say(line)).await.is_ok();
        if self.cameras.is_empty() {
            return Err(
                "there is no camera: add a webcam in Mainsail or Fluidd, or set snapshoturl in [timelapse]".to_owned()
            );
        }
        recall_calibrations(store, &mut self.cameras).await;
        let cameras: Vec<Camera> = self.cameras.iter().map(|view| Camera::open(view.spec.clone(), clock)).collect();
        join_all(cameras.iter().map(|camera| camera.ready(CAMERA_PATIENCE))).await;
        let needed = cameras.iter().map(|camera| camera.required_hold().as_secs_f64());
        // Half as much again, so that a miss means more than bad luck.
        let hold = needed.fold(self.hold, |hold, needed| hold.max(needed * 1.5)).min(LONGEST_HOLD);
        let still = self.stand(&mut head, hold, clock).await?;
        let shots = join_all(cameras.iter().map(|camera| camera.capture(still))).await;
        self.go_back(&mut head).await?;
        let at = match self.place {
            Some(Place { at, back, .. }) => {
                let [x, y] = [0, 1].map(|axis| at[axis].unwrap_or(back[axis]));
                format!("parked at X{x:.1} Y{y:.1} for {:.0} ms", hold * 1e3)
            }
            None => format!("left where it is, for {:.0} ms", hold * 1e3),
        };
        tell(format!("Timelapse: test: the head was {at}")).await;
        let mut got = 0;
        for ((camera, view), shot) in cameras.iter().zip(&self.cameras).zip(shots) {
            let name = &view.spec.name;
            let line = match shot {
                Ok(frame) => {
                    got += 1;
                    let file = self.show(name, &frame).await;
                    format!("camera '{name}': {}; {file}", describe(&frame, still))
                }
                Err(Miss::KeptByCamera { .. }) if camera.facts().kind == Kind::Gcode => {
                    got += 1;
                    format!("camera '{name}' is triggered by the printer and is not tried here")
                }
                Err(miss) => format!("no frame: {miss}"),
            };
            info!("test: {line}");
            tell(format!("Timelapse: test: {line}")).await;
        }
        for camera in cameras {
            camera.close().await;
        }
        if got == 0 { Err("no camera gave a frame".to_owned()) } else { Ok(()) }
    }

    /// Has the head stand still, and says from when until when.
    async fn stand(&self, head: &mut Head, hold: f64, clock: Clock) -> Result<Span, String> {
        let from = match self.place {
            Some(Place { at: [x, y], rise, .. }) => {
                let step = Step { number: 0, x, y, rise, sink: None, speed: self.speed, dwell: hold };
                head.go(&step).await?
            }
            None => clock.monotonic(),
        };
        Ok(Span { from, until: from.offset(DWELL + hold) })
    }

    async fn go_back(&self, head: &mut Head) -> Result<(), String> {
        let Some(Place { rise, back: [x, y, z], .. }) = self.place else { return Ok(()) };
        let step = Step { number: 1, x: Some(x), y: Some(y), rise, sink: Some(z), speed: self.speed, dwell: 0.001 };
        head.go(&step).await.map(|_: MonoTime| ())
    }

    /// Puts the picture where the UIs find it, and says where that is.
    async fn show(&self, camera: &str, frame: &Frame) -> String {
        let name: String = camera.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let name = format!("test_{name}.jpg");
        let path = self.folder.join(&name);
        let (jpeg, to) = (frame.jpeg.clone(), path.clone());
        let written = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(to.parent().unwrap_or(Path::new(".")))?;
            std::fs::write(to, jpeg)
        });
        match written.await {
            Ok(Ok(())) if self.served => {
                format!("see {name} in the folder timelapse_frames, /server/files/timelapse_frames/{name} in a browser")
            }
            Ok(Ok(())) => format!("see {}", path.display()),
            Ok(Err(problem)) => format!("{} could not be written ({problem})", path.display()),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

/// What came.
fn describe(frame: &Frame, still: Span) -> String {
    let since = |at: MonoTime| at.secs_since(still.from) * 1e3;
    let mut text = format!("a frame of {}x{}, {} kB", frame.width, frame.height, frame.jpeg.len() / 1000);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        ", exposed between {:.0} and {:.0} ms of the stop ({}), here {:.0} ms later",
        since(frame.exposed.from),
        since(frame.exposed.until),
        frame.freshness,
        frame.received.secs_since(frame.exposed.until) * 1e3,
    );
    text
}
