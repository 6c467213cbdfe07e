//! One camera of a print: takes and stores its frames one after the other, in the order they fell due, whatever the
//! other cameras do.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::around::FrameInWork;
use super::filming::{Desk, Due, Viewpoint};
use super::finished::{self, Finished};
use super::holds::Hold;
use super::{Event, NewestFrame, ShotId, notices};
use crate::camera::{Camera, CameraFacts};
use crate::hooks::{Facts, When};
use crate::session::{Frame, Publisher, SessionId, StoreError};

/// Frames that may wait for the camera. One takes well under a second and falls due every few seconds; when a camera
/// hangs, the later ones are missed rather than kept.
const QUEUE: usize = 8;
/// Misses that may wait to be noted: those of a camera that hangs for as long as it may.
const LATE_QUEUE: usize = 128;

/// A frame in passing may be exposed so much earlier or later.
const NEAR: Duration = Duration::from_millis(60);

/// A print heats for longer than this before its first frame.
const CAMERA_PATIENCE: Duration = Duration::from_secs(3);

/// A frame that falls due, with its number among all moments of the print.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) shot: u32,
    pub(super) due: Due,
    pub(super) _in_work: Option<FrameInWork>,
}

/// The handle on one camera's work.
#[derive(Debug)]
pub(super) struct Lane {
    moments: mpsc::Sender<Moment>,
    late: mpsc::Sender<Moment>,
    finished: oneshot::Sender<Finished>,
    frames: oneshot::Receiver<()>,
    task: JoinHandle<()>,
}

/// A camera whose last frames are taken.
#[derive(Debug)]
pub(super) struct LaneEnd {
    frames: oneshot::Receiver<()>,
    task: Option<JoinHandle<()>>,
}

impl LaneEnd {
    /// Waits until every frame that was due is stored or missed.
    pub(super) async fn frames(&mut self) {
        // Bounded by the camera's own time limits; an error is a panic in there, and not ours.
        (&mut self.frames).await.ok();
    }

    /// Waits until the still of the finished part is taken, if it was wanted, and the camera is closed. Bounded, too.
    pub(super) async fn closed(&mut self) {
        if let Some(task) = self.task.take() {
            task.await.ok();
        }
    }
}

impl Lane {
    /// Starts. `publisher` shows the frames of reel 0 to the UIs. After `gone_after` misses in a row (0: never) the
    /// user is told.
    pub(super) fn start(
        desk: Desk,
        session: SessionId,
        viewpoint: Viewpoint,
        camera: Camera,
        publisher: Option<Publisher>,
        hold: Hold,
        gone_after: u32,
    ) -> Self {
        let (moments, queue) = mpsc::channel(QUEUE);
        let (late, too_late) = mpsc::channel(LATE_QUEUE);
        let (finished, wanted) = oneshot::channel();
        let (frames_done, frames) = oneshot::channel();
        let worker = Worker {
            desk,
            session,
            viewpoint,
            camera,
            publisher,
            hold,
            reels: HashMap::new(),
            filmed: BTreeSet::new(),
            misses: Misses { gone_after, in_a_row: 0 },
        };
        let task = tokio::spawn(async move {
            let worker = worker.run(queue, too_late).await;
            // Nobody may wait for it.
            frames_done.send(()).ok();
            worker.close(wanted.await.ok()).await;
        });
        Self { moments, late, finished, frames, task }
    }

    /// Takes a frame.
    pub(super) fn take(&self, moment: Moment) {
        if let Err(refused) = self.moments.try_send(moment)
            && self.late.try_send(refused.into_inner()).is_err()
        {
            warn!("a missed frame was not noted: too many wait for the camera");
        }
    }

    /// Takes the frames that are due, then the still of the finished part when it is wanted, and closes the camera.
    pub(super) fn end(self, still: Option<Finished>) -> LaneEnd {
        let Self { moments, late, finished, frames, task } = self;
        drop((moments, late));
        if let Some(still) = still {
            // Fails only when the task has panicked.
            finished.send(still).ok();
        }
        LaneEnd { frames, task: Some(task) }
    }
}

/// Misses one after the other.
#[derive(Debug)]
struct Misses {
    gone_after: u32,
    in_a_row: u32,
}

impl Misses {
    /// One more; whether it is the one to tell of.
    fn one_more(&mut self) -> bool {
        self.in_a_row += 1;
        self.in_a_row == self.gone_after
    }

    /// A frame was taken; gives how many were missed before it, when that had been told.
    fn over(&mut self) -> Option<u32> {
        let missed = std::mem::take(&mut self.in_a_row);
        (self.gone_after > 0 && missed >= self.gone_after).then_some(missed)
    }
}

struct Worker {
    desk: Desk,
    session: SessionId,
    viewpoint: Viewpoint,
    camera: Camera,
    publisher: Option<Publisher>,
    hold: Hold,
    /// The reel of each track for which a frame was due.
    reels: HashMap<&'static str, u32>,
    /// The reels that have had a frame in this run of the agent.
    filmed: BTreeSet<u32>,
    misses: Misses,
}

impl Worker {
    async fn run(mut self, mut queue: mpsc::Receiver<Moment>, mut too_late: mpsc::Receiver<Moment>) -> Self {
        self.greet().await;
        let mut measured = false;
        loop {
            // In this order: a frame that waits grows old, a miss does not.
            tokio::select! {
                biased;
                moment = queue.recv() => match moment {
                    Some(moment) => self.moment(moment).await,
                    None => break,
                },
                Some(moment) = too_late.recv() => self.overrun(moment).await,
                // A slow camera's need shall be known before its first frame falls due.
                () = self.camera.measured(), if !measured => {
                    measured = true;
                    self.tell_hold().await;
                }
            }
        }
        while let Some(moment) = too_late.recv().await {
            self.overrun(moment).await;
        }
        self
    }

    async fn close(self, still: Option<Finished>) {
        // The printer would have to trigger this one.
        if let Some(still) = still.filter(|_| self.viewpoint.spec.gcode().is_none()) {
            finished::take(&self.desk, &self.session, still, &self.camera, self.name(), &self.filmed).await;
        }
        self.camera.close().await;
    }

    /// Waits a moment for the camera's first picture, and says what kind of camera it is.
    async fn greet(&mut self) {
        let ready = self.camera.ready(CAMERA_PATIENCE).await;
        let facts = self.camera.facts();
        let camera = &self.viewpoint.spec.name;
        if let Some(trouble) = facts.trouble.filter(|_| !ready) {
            warn!(camera, error = %trouble, "the camera shows nothing yet; trying on");
        } else {
            let CameraFacts { kind, resolution, fps, freshness, .. } = facts;
            let hold_ms = self.camera.required_hold().as_millis();
            info!(camera, ?kind, ?resolution, ?fps, ?freshness, hold_ms, "camera");
        }
        self.tell_hold().await;
    }

    async fn tell_hold(&self) {
        if let Some(hold) = self.hold.needs(self.camera.required_hold()) {
            self.desk.tell(Event::HoldNeeded(hold)).await;
        }
    }

    async fn moment(&mut self, moment: Moment) {
        // The printer triggers this one; its pictures never come.
        if self.viewpoint.spec.gcode().is_some() {
            return;
        }
        let Moment { shot, due, _in_work } = moment;
        let (layer, planned) = (due.meta.layer, due.planned);
        let reel = match self.reel(due.track).await {
            Ok(reel) => reel,
            Err(problem) => return self.missed(0, shot, layer, planned, problem.to_string()).await,
        };
        match self.take(reel, shot, due).await {
            Ok(()) => {
                self.filmed.insert(reel);
                if let Some(missed) = self.misses.over() {
                    let line = format!("Timelapse: camera '{}' is back after {missed} missed frames", self.name());
                    self.desk.tell(Event::Notice(notices::camera_back(self.name(), &line, missed))).await;
                    self.desk.tell(Event::Say(line)).await;
                }
            }
            Err(reason) => self.missed(reel, shot, layer, planned, reason).await,
        }
        self.tell_hold().await;
    }

    async fn take(&mut self, reel: u32, shot: u32, due: Due) -> Result<(), String> {
        let Due { standstill, mut meta, planned, .. } = due;
        let layer = meta.layer;
        let frame = if standstill.span.from == standstill.span.until {
            self.camera.capture_nearest(standstill.span.from, NEAR).await
        } else {
            self.camera.capture(standstill.span).await
        };
        let frame = frame.map_err(|miss| miss.to_string())?;
        if self.desk.halted.get().is_some_and(|&at| standstill.span.from > at) {
            return Err("the machine was stopped before the head was in place".to_owned());
        }
        let clock = self.desk.clock;
        let late = clock.monotonic().secs_since(frame.exposed.until);
        let age = SignedDuration::try_from_secs_f64(late).unwrap_or_default();
        meta.at = clock.wall().checked_sub(age).unwrap_or_else(|_| clock.wall());
        meta.exposure_from_s = Some(frame.exposed.from.secs_since(standstill.span.from));
        meta.exposure_to_s = Some(frame.exposed.until.secs_since(standstill.span.from));
        meta.eta_error_s = Some(standstill.call_delay);
        meta.camera = Some(self.name().to_owned());
        let id = self.session.clone();
        let mut shown_by = self.publisher.take();
        let stored = self.desk.disk(move |store| {
            let stored = store.append_to(&id, reel, shot, &frame.jpeg, meta);
            let shown = match &stored {
                Ok(stored) if reel == 0 => shown_by.as_mut().map(|publisher| publisher.show(stored)),
                _ => None,
            };
            Ok((stored, shown, shown_by))
        });
        let (stored, shown, shown_by) = stored.await.map_err(|problem| problem.to_string())?;
        self.publisher = shown_by;
        let stored = stored.map_err(|problem| problem.to_string())?;
        if let Some(Err(problem)) = shown {
            warn!(error = %problem, number = stored.number, "the UIs do not show this frame");
        }
        info!(session = %self.session, reel, number = stored.number, shot, ?layer, bytes = stored.bytes, "frame taken");
        self.show(&stored);
        if reel == 0 {
            let file = Publisher::name(stored.number);
            self.desk.tell(Event::FrameTaken { planned, number: stored.number, file }).await;
        }
        Ok(())
    }

    /// Shows the frame to who looks on.
    fn show(&self, frame: &Frame) {
        let Viewpoint { uid, view, .. } = &self.viewpoint;
        let (camera, session) = (self.name().to_owned(), self.session.clone());
        self.desk.newest.show(NewestFrame { camera, uid: uid.clone(), view: *view, session, frame: frame.clone() });
    }

    async fn overrun(&mut self, moment: Moment) {
        let reel = self.reel(moment.due.track).await.unwrap_or_default();
        let reason = format!("camera '{}' has not answered for the earlier frames yet", self.name());
        let Moment { shot, due, _in_work } = moment;
        self.missed(reel, shot, due.meta.layer, due.planned, reason).await;
    }

    async fn missed(&mut self, reel: u32, shot: u32, layer: Option<u32>, planned: Option<ShotId>, reason: String) {
        let gone = self.misses.one_more();
        self.desk.missed(&self.session, reel, Some(shot), layer, planned, reason.clone()).await;
        if gone {
            let missed = self.misses.in_a_row;
            let line = format!("Timelapse: camera '{}' gave none of the last {missed} frames: {reason}", self.name());
            warn!(camera = self.name(), missed, "the camera is gone");
            self.desk.tell(Event::Notice(notices::camera_gone(self.name(), &line, missed))).await;
            self.desk.tell(Event::Say(line)).await;
            let (desk, facts) = (self.desk.clone(), Facts::default());
            let facts = facts.with("camera", self.name()).with("missed", missed).with("reason", reason);
            tokio::spawn(async move { desk.run_hook(When::CameraGone, &facts).await });
        }
    }

    /// The reel of a track; made with its first frame.
    async fn reel(&mut self, track: &'static str) -> Result<u32, StoreError> {
        if let Some(reel) = self.reels.get(track) {
            return Ok(*reel);
        }
        let (id, wanted) = (self.session.clone(), self.viewpoint.reel(track));
        let reel = self.desk.disk(move |store| store.reel(&id, &wanted)).await?;
        self.reels.insert(track, reel.number);
        Ok(reel.number)
    }

    fn name(&self) -> &str {
        &self.viewpoint.spec.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_in_a_row_are_told_once_and_their_end_too() {
        let mut misses = Misses { gone_after: 3, in_a_row: 0 };
        assert!(!misses.one_more());
        assert_eq!(misses.over(), None);
        assert_eq!(
            [misses.one_more(), misses.one_more(), misses.one_more(), misses.one_more()],
            [false, false, true, false]
        );
        assert_eq!(misses.over(), Some(4));
        let mut never = Misses { gone_after: 0, in_a_row: 0 };
        assert!(!never.one_more());
        assert_eq!(never.over(), None);
    }
}
