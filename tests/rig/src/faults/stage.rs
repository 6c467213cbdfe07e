//! One printer with timelapse, and what its prints must be like whatever happens.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::task::JoinHandle;

use super::frame_watch::{FrameWatch, Place};
use super::inflict::inflict;
use super::job::Job;
use super::outcome::{Outcome, Reference, begun, make_ready};
use super::{ANSWER, Fault, PRINT, Phase, Verdict, Way};
use crate::camera::Look;
use crate::host::gcode::moved_area;
use crate::host::{Part, Recording, RigOptions, Status};
use crate::machine::TruePosition;
use crate::studio::{PARK, Studio, StudioOptions};

/// Speed of the filmed prints, percent.
const SPEED: f64 = 300.0;

/// Their speed where Moonraker is restarted, which takes some layers on a busy machine, percent.
const SLOW_SPEED: f64 = 150.0;

/// Their speed once all has happened, percent.
const REST_SPEED: f64 = 1_000.0;

/// How far from the park position the head may be in a frame, mm.
const PARKED: f64 = 0.05;

/// Filament beside the part that counts as laid there, mm: the points of the path are up to 10 ms apart, and the greatest
/// E may lie between two of them.
const BLOB: f64 = 0.2;

/// How long nothing may happen before it counts as nothing, by Klipper's clock, s.
const QUIET: f64 = 1.5;

/// How far the head may come within the 10 ms between two points of the path, when it brakes as hard as it can, mm.
const LAST_MOMENT: f64 = 2.0;

/// How often is looked whether the head still moves.
const MOTION_LOOK: Duration = Duration::from_millis(20);

/// A studio with a file to print.
#[derive(Debug)]
pub struct Stage {
    /// The studio.
    pub studio: Studio,
    /// How frames are taken.
    pub way: Way,
    job: Job,
    watch: FrameWatch,
    reference: Arc<Reference>,
}

/// A print without timelapse that runs beside the filmed one.
type PlainPrint = JoinHandle<anyhow::Result<Outcome>>;

/// A print that is under way.
#[derive(Debug)]
pub struct Print {
    /// Of its states and console.
    pub since: Recording,
    /// True E before it.
    e_before: f64,
    /// Length of the true path before it.
    path_before: usize,
    /// Events before it.
    events_before: usize,
    /// What was made to happen, and at which byte.
    pub faults: Vec<(usize, String)>,
    /// How often we resumed it.
    pub resumed: usize,
}

impl Stage {
    /// Starts two printers made like `printer`, one of them with timelapse.
    ///
    /// # Errors
    ///
    /// When a part does not start.
    pub async fn start(agent: &Path, way: Way, job: Job, printer: RigOptions) -> anyhow::Result<Self> {
        let mut options = StudioOptions::new(agent);
        options.rig = printer.clone();
        options.camera.look = Look { width: 640, height: 360, ..Look::default() };
        let (studio, reference) = tokio::try_join!(options.start(), Reference::start(printer))?;
        let watch = FrameWatch::new(studio.rig.machine(), PARK, moved_area(&job.plain).grown(5.0));
        Ok(Self { studio, way, job, watch, reference: Arc::new(reference) })
    }

    /// Leaves the folders behind, to look at the logs.
    pub fn keep(&mut self) {
        self.studio.rig.keep_folder();
    }

    /// One print with a fault in each of `phases`: the verdicts up to the first failure.
    pub async fn print(&mut self, fault: Fault, phases: &[Phase]) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        // Where the file of the print without timelapse is known from the start, that runs beside the other one.
        let plain = (!fault.is_in_the_file()).then(|| self.plain_print());
        let speed = if fault == Fault::MoonrakerRestart { SLOW_SPEED } else { SPEED };
        let mut print = match self.begin(speed).await {
            Ok(print) => print,
            Err(error) => return vec![self.failed(&error)],
        };
        for &phase in phases {
            match self.cell(&mut print, fault, phase).await {
                Ok(()) => verdicts.push(Ok(())),
                Err(error) => {
                    verdicts.push(self.failed(&error));
                    return verdicts;
                }
            }
        }
        if let Err(error) = self.finish(&print, Some(fault), plain).await {
            // Any of them may be the cause.
            let failed = self.failed(&error.context("the whole print"));
            verdicts.fill(failed);
        }
        verdicts
    }

    /// One print to which nothing happens.
    ///
    /// # Errors
    ///
    /// When it ends in another way than without timelapse.
    pub async fn whole_print(&mut self) -> anyhow::Result<()> {
        let plain = self.plain_print();
        let print = self.begin(SPEED).await?;
        let finished = self.finish(&print, None, Some(plain)).await;
        finished.inspect_err(|_| self.keep())
    }

    /// A print for each of `phases`, in their order, that ends by the fault, and one more: each must be filmed again. The
    /// verdicts up to the first failure.
    pub async fn prints(&mut self, fault: Fault, phases: &[Phase]) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let mut print = match self.begin(SPEED).await {
            Ok(print) => print,
            Err(error) => return vec![self.failed(&error)],
        };
        for &phase in phases {
            match self.ending_cell(print, fault, phase).await {
                Ok(next) => {
                    print = next;
                    verdicts.push(Ok(()));
                }
                Err(error) => {
                    verdicts.push(self.failed(&error));
                    break;
                }
            }
        }
        verdicts
    }

    async fn cell(&mut self, print: &mut Print, fault: Fault, phase: Phase) -> anyhow::Result<()> {
        self.reach(print, phase).await?;
        tracing::info!(?fault, ?phase, "now");
        inflict(self, print, fault).await?;
        tracing::info!(?fault, ?phase, "lived through");
        // A frame of before, stored meanwhile, does not count.
        let stored = self.studio.frames().map_or(0, |frames| frames.len());
        self.wait_for_frame(print, stored).await.context("filming does not go on")
    }

    /// Ends `print` by a fault, and gives the next print, with its first frame.
    async fn ending_cell(&mut self, mut print: Print, fault: Fault, phase: Phase) -> anyhow::Result<Print> {
        self.reach(&print, phase).await?;
        tracing::info!(?fault, ?phase, "now");
        inflict(self, &mut print, fault).await?;
        self.nothing_moves().await?;
        self.check_log(&print, Some(fault))?;
        self.check_frames(false)?;
        let state = self.studio.rig.with_status(|status| status.print_state().to_owned());
        let outcome = Outcome::of(&self.studio.rig, state, print.e_before).await?;
        let next = async {
            let next = self.begin(SPEED).await?;
            self.wait_for_frame(&next, 0).await.context("the next print is not filmed")?;
            anyhow::Ok(next)
        };
        if fault == Fault::Cancel {
            let (next, expected) = tokio::join!(next, self.reference.outcome(&self.job, &print.faults));
            outcome.equals(&expected?)?;
            next
        } else {
            // After its restart Klipper knows of no print and no position.
            ensure!(outcome.state == "standby", "the print is {:?}", outcome.state);
            next.await
        }
    }

    fn plain_print(&self) -> PlainPrint {
        let (reference, job) = (Arc::clone(&self.reference), self.job.clone());
        tokio::spawn(async move { reference.outcome(&job, &[]).await })
    }

    async fn begin(&self, speed: f64) -> anyhow::Result<Print> {
        make_ready(&self.studio.rig, speed).await?;
        self.studio.rig.settle().await?;
        let print = Print {
            since: self.studio.rig.record(),
            e_before: self.studio.rig.position().e,
            path_before: self.studio.rig.machine().path(0).len(),
            events_before: self.studio.events(0).len(),
            faults: Vec::new(),
            resumed: 0,
        };
        self.studio.rig.print("part.gcode", self.job.filmed.clone()).await?;
        self.studio.rig.wait_for("the print to begin", ANSWER, |status| begun(status, &print.since)).await?;
        Ok(print)
    }

    /// Waits for a moment of a frame. All but the first come after a frame of this print, so that filming is under way.
    async fn reach(&self, print: &Print, phase: Phase) -> anyhow::Result<()> {
        let reached = async {
            if phase != Phase::BeforeArming {
                self.wait_for_frame(print, 0).await.context("filming does not begin")?;
            }
            match phase {
                Phase::BeforeArming => {}
                Phase::Armed => {
                    self.wait_until_armed().await?;
                    self.watch.reach(Place::Part).await;
                }
                Phase::Park => self.watch.reach(Place::Parking).await,
                Phase::Hold => self.watch.reach(Place::Parked).await,
                Phase::Return => self.watch.reach(Place::Returning).await,
            }
            anyhow::Ok(())
        };
        tokio::select! {
            reached = tokio::time::timeout(PRINT, reached) => reached.context("the moment did not come")?,
            ended = self.studio.rig.wait_print_end(PRINT) => bail!("the print ended before its turn: {:?}", ended?),
        }
    }

    async fn wait_until_armed(&self) -> anyhow::Result<()> {
        if self.way == Way::Live {
            let armed = |status: &Status| {
                let watch = |name| status.get("gcode_macro _TIMELAPSE_WATCH", name);
                let done = watch("done").as_u64().unwrap_or_default();
                watch("frames")
                    .as_array()
                    .is_some_and(|frames| frames.iter().any(|frame| frame[0].as_u64() > Some(done)))
            };
            self.studio.rig.wait_for("a frame to be armed", PRINT, armed).await?;
        }
        Ok(())
    }

    /// Waits for a frame of this print with a number above `number`.
    async fn wait_for_frame(&self, print: &Print, number: usize) -> anyhow::Result<()> {
        let taken = |event: &serde_json::Value| {
            let this = event["frame"].as_str().and_then(|frame| frame.parse().ok());
            event["action"] == "newframe" && event["status"] == "success" && this > Some(number)
        };
        let frame = self.studio.wait_for_event(print.events_before, PRINT, "a frame", taken);
        tokio::select! {
            frame = frame => frame.map(drop),
            ended = self.studio.rig.wait_print_end(PRINT) => bail!("the print ended without another frame: {:?}", ended?),
        }
    }

    /// The end of a print that went on: it is complete, and all is as without timelapse.
    async fn finish(&self, print: &Print, fault: Option<Fault>, plain: Option<PlainPrint>) -> anyhow::Result<()> {
        if fault.is_some() {
            self.studio.rig.speed(REST_SPEED).await?;
        }
        let state = self.studio.rig.wait_print_end(PRINT).await?;
        tracing::info!(?fault, state, "the print has ended");
        let outcome = Outcome::of(&self.studio.rig, state, print.e_before).await?;
        let film = self.studio.wait_for_film(print.events_before, ANSWER);
        let expected = async {
            match plain {
                Some(plain) => plain.await.context("the print without timelapse")?,
                None => self.reference.outcome(&self.job, &print.faults).await,
            }
        };
        let (film, expected) = tokio::join!(film, expected);
        outcome.equals(&expected?)?;
        film?;
        self.check_log(print, fault)?;
        self.check_laid(print)?;
        self.check_frames(true)
    }

    /// Nothing was said that no user should read, and the file was run without a break but those that we made.
    fn check_log(&self, print: &Print, fault: Option<Fault>) -> anyhow::Result<()> {
        let rig = &self.studio.rig;
        let console = rig.console(&print.since);
        // Klipper calls the stop itself an error.
        let stopped = fault == Some(Fault::EmergencyStop);
        if let Some(line) = console.iter().find(|line| line.starts_with("!!") && !stopped) {
            bail!("an error on the console: {line}");
        }
        let log = rig.log_since(&print.since);
        let starts = log.matches("Starting SD card print").count();
        let expected = 1 + print.resumed;
        ensure!(starts == expected, "the file was started {starts} times instead of {expected}");
        // Calls of an agent or a Moonraker that is away are logged, and the print goes on.
        let away = matches!(fault, Some(Fault::AgentKill | Fault::MoonrakerRestart));
        let log = if away { log.replace("Remote Call Error\nTraceback", "") } else { log };
        for trouble in ["Traceback", "Remote Call Error", "Error evaluating", "Internal error"] {
            // Klipper's own, when a stop breaks off its homing.
            let own = stopped && trouble == "Traceback";
            ensure!(own || !log.contains(trouble), "{trouble:?} in klippy.log");
        }
        // Moonraker logs some of its own when a connection breaks.
        let moonraker = rig.log(Part::Moonraker);
        let ours = moonraker.lines().find(|line| line.starts_with("  File ") && line.contains("/timelapse/"));
        ensure!(ours.is_none(), "a traceback of the component in moonraker.log");
        ensure!(!self.studio.agent_log().contains("panicked"), "the agent panicked");
        Ok(())
    }

    /// Filament was laid on the part alone: no blob anywhere else.
    fn check_laid(&self, print: &Print) -> anyhow::Result<()> {
        let part = moved_area(&self.job.plain).grown(1.0);
        let mut most = print.e_before;
        for at in self.studio.rig.machine().path(print.path_before) {
            if at.e > most + BLOB && !part.contains(at) {
                let TruePosition { x, y, z, .. } = at;
                bail!("filament was laid at X {x:.2} Y {y:.2} Z {z:.2}, beside the part");
            }
            most = most.max(at.e);
        }
        Ok(())
    }

    /// The head is at the park position in every frame.
    fn check_frames(&self, some: bool) -> anyhow::Result<()> {
        let frames = match self.studio.frames() {
            Ok(frames) => frames,
            Err(_) if !some => return Ok(()),
            Err(error) => return Err(error),
        };
        ensure!(!some || !frames.is_empty(), "there are no frames");
        for frame in frames {
            let off = frame.distance_from_park();
            ensure!(off <= PARKED, "in {} the head is {off:.2} mm off", frame.path.display());
        }
        Ok(())
    }

    /// Once all motion is done, nothing moves for a while.
    ///
    /// # Errors
    ///
    /// When something does.
    pub async fn nothing_moves(&self) -> anyhow::Result<()> {
        let rig = &self.studio.rig;
        rig.settle().await?;
        let still = async {
            let mut look = tokio::time::interval(MOTION_LOOK);
            while rig.mcu().is_moving() {
                look.tick().await;
            }
        };
        tokio::time::timeout(ANSWER, still).await.context("the head does not come to rest")?;
        let (at, path) = (rig.position(), rig.machine().path(0).len());
        let clock = |status: &Status| status.get("toolhead", "estimated_print_time").as_f64().unwrap_or_default();
        let begun = rig.with_status(clock);
        rig.wait_for("Klipper's clock to go on", ANSWER, |status| clock(status) > begun + QUIET).await?;
        let far = |now: &TruePosition| (now.x - at.x).hypot(now.y - at.y).hypot(now.z - at.z).hypot(now.e - at.e);
        // The path may have lacked the last moment of the motion before.
        let moved = rig.machine().path(path).into_iter().find(|now| far(now) > LAST_MOMENT);
        let moved = moved.or_else(|| Some(rig.position()).filter(|now| *now != at));
        moved.map_or(Ok(()), |now| bail!("the head moved from {at:?} to {now:?}"))
    }

    fn failed(&self, error: &anyhow::Error) -> Verdict {
        Err(format!("{error:#} [{}]", self.studio.rig.data().display()))
    }
}
