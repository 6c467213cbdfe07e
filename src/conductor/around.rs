//! What users want done around a print and its frames: hooks, light, locked cameras. Nothing waits for it, except that a
//! frame is taken once its light is steady.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tracing::debug;

use super::Event;
use super::filming::{Desk, Due};
use crate::config::Settings;
use crate::hooks::{Facts, Lock, When};

/// Where what a camera was like before its controls were locked is kept, in the store's folder.
pub(super) const LOCK_FILE: &str = "camera-lock.json";

/// Held by every camera that works on a frame; the frame is over when the last one lets go.
#[derive(Clone, Debug)]
pub(super) struct FrameInWork {
    _over: Arc<oneshot::Sender<()>>,
}

/// What is done around one print.
#[derive(Debug)]
pub(super) struct Around {
    desk: Desk,
    facts: Facts,
    tool: String,
    camera_lock: String,
    light: Option<String>,
    settle: Duration,
    /// A command that takes longer than from one frame to the next is not started a second time.
    one_at_a_time: Arc<Semaphore>,
}

impl Around {
    /// For a print with these settings; `facts` are told to each command.
    pub(super) fn new(desk: Desk, settings: &Settings, facts: Facts) -> Self {
        Self {
            desk,
            facts,
            tool: settings.v4l2_ctl_binary_path.clone(),
            camera_lock: settings.camera_lock.clone(),
            light: Some(settings.light_power.trim().to_owned()).filter(|device| !device.is_empty()),
            settle: Duration::try_from_secs_f64(settings.light_settle).unwrap_or_default(),
            one_at_a_time: Arc::new(Semaphore::new(1)),
        }
    }

    /// By how much longer the head must stand still, for the light. A pin's light waits within the macro.
    pub(super) fn extra_hold(&self) -> Duration {
        if self.light.is_some() { self.settle } else { Duration::ZERO }
    }

    /// A print begins, or is gone on with after a restart of the agent.
    pub(super) fn begin(&self, resumed: bool) -> JoinHandle<Option<Lock>> {
        let (desk, facts) = (self.desk.clone(), self.facts.clone());
        let (tool, camera_lock) = (self.tool.clone(), self.camera_lock.clone());
        tokio::spawn(async move {
            if !resumed {
                desk.run_hook(When::BeforePrint, &facts).await;
            }
            // Last, with the light of the print.
            if camera_lock.trim().is_empty() {
                return None;
            }
            let folder = desk.disk(|store| Ok(store.dir().to_owned())).await.ok()?;
            Lock::take(&tool, &camera_lock, folder.join(LOCK_FILE)).await
        })
    }

    /// A print has ended; `begun` is what [`Around::begin`] gave. The cameras are free again afterwards; the command runs
    /// on.
    pub(super) async fn end(&self, begun: JoinHandle<Option<Lock>>, outcome: &str, frames: u32) {
        if let Ok(Some(lock)) = begun.await {
            lock.release().await;
        }
        let (desk, facts) = (self.desk.clone(), self.facts.clone().with("outcome", outcome).with("frames", frames));
        tokio::spawn(async move { desk.run_hook(When::AfterPrint, &facts).await });
    }

    /// A frame falls due: its light goes on, and `due` begins when that is steady. The cameras hold what this gives while
    /// they work on it.
    pub(super) fn frame(&self, due: &mut Due, shot: u32) -> Option<FrameInWork> {
        let hooks = &self.desk.hooks;
        let hooked = hooks.has_command(When::BeforeFrame) || hooks.has_command(When::AfterFrame);
        let passing = due.standstill.span.from == due.standstill.span.until;
        let light = self.light.clone().filter(|_| !passing);
        if !hooked && light.is_none() {
            return None;
        }
        if light.is_some() {
            let steady = self.desk.clock.monotonic() + self.settle;
            // A light that comes too late makes a miss; an empty span would mean a head that passes by.
            let latest = due.standstill.span.until.offset(-0.001);
            due.standstill.span.from = due.standstill.span.from.max(steady).min(latest);
        }
        let facts = self.facts.clone().with("shot", shot).with_some("layer", due.meta.layer).with("track", due.track);
        let (over, ended) = oneshot::channel();
        let (desk, one_at_a_time) = (self.desk.clone(), Arc::clone(&self.one_at_a_time));
        tokio::spawn(async move {
            if let Some(device) = light.clone() {
                desk.tell(Event::Power { device, on: true }).await;
            }
            let commands = async {
                let Ok(_alone) = one_at_a_time.try_acquire() else {
                    debug!(shot, "the commands of the earlier frame still run");
                    return;
                };
                desk.run_hook(When::BeforeFrame, &facts).await;
            };
            let lit = async {
                // An error is what the last camera's letting go is.
                ended.await.ok();
                if let Some(device) = light {
                    desk.tell(Event::Power { device, on: false }).await;
                }
            };
            tokio::join!(commands, lit);
            if let Ok(_alone) = one_at_a_time.try_acquire() {
                desk.run_hook(When::AfterFrame, &facts).await;
            }
        });
        Some(FrameInWork { _over: Arc::new(over) })
    }
}

impl Desk {
    /// Runs the command and the G-code of a moment.
    pub(super) async fn run_hook(&self, when: When, facts: &Facts) {
        if let Some(script) = self.hooks.gcode(when) {
            self.tell(Event::Gcode(script.to_owned())).await;
        }
        self.hooks.run(when, facts).await;
    }
}
