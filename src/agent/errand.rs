//! The head on an errand of ours while nothing is printed: a calibration, or a trial frame. One at a time.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::Agent;
use crate::clock::MonoTime;
use crate::conductor::Event;
use crate::hooks::Light;
use crate::moonraker::Link;
use crate::web::Calibrating;

/// A dwell between move and mark (`G4 P1`), s: the mark's print time includes it.
pub(super) const DWELL: f64 = 0.001;
/// How long Klipper may take to make a move of ours: the first may have to rise and to cross the bed.
const MOVE_PATIENCE: Duration = Duration::from_secs(60);
/// How long Klipper may take for all moves.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(300);

/// An errand under way; dropped, it ends.
#[derive(Debug)]
pub(super) struct Errand {
    marks: mpsc::Sender<Mark>,
    task: AbortOnDropHandle<()>,
}

/// Klipper has planned a step, or its macro refuses it.
#[derive(Debug)]
struct Mark {
    step: i64,
    /// When the head stands still there.
    outcome: Result<MonoTime, String>,
}

impl Agent {
    /// Takes a call of our macros when it is about an errand; false for others.
    pub(super) fn runs_errand(&mut self, params: &Json, received: MonoTime) -> bool {
        let (begun, failed): (_, fn(&str) -> String) = match params.get("action").and_then(Json::as_str) {
            Some("calibrate") => (self.begin_calibration(params), super::calibrate::failed),
            Some("test") => (self.begin_trial(params), super::trial::failed),
            Some("calibrate_step") => {
                self.mark(params, received);
                return true;
            }
            _ => return false,
        };
        if let Err(reason) = begun {
            let line = failed(&reason);
            warn!("{line}");
            if params.get("action").and_then(Json::as_str) == Some("calibrate") {
                self.portal.board().calibrating(|seen| *seen = Calibrating::failed(&reason));
            }
            self.conductor.handle(Event::Say(line), &self.printer);
        }
        true
    }

    /// The connection that an errand moves the head by.
    ///
    /// # Errors
    ///
    /// Why there can be no errand now.
    pub(super) fn free_for_errand(&self) -> Result<Link, String> {
        if self.errand.as_ref().is_some_and(|running| !running.task.is_finished()) {
            return Err("a calibration or a test is under way".to_owned());
        }
        if self.conductor.is_filming() {
            return Err("a print is being filmed".to_owned());
        }
        let connection = self.connection.as_ref().ok_or("there is no connection to Moonraker")?;
        Ok(connection.link.clone())
    }

    /// Sends the head on its way; `run` says in the end what is to be said on the console.
    pub(super) fn send_on_errand<F>(&mut self, link: Link, run: impl FnOnce(Head) -> F)
    where
        F: Future<Output = String> + Send + 'static,
    {
        let (marks, heard) = mpsc::channel(64);
        let light = Light::of(self.conductor.settings(), &link);
        let running = run(Head { link, marks: heard });
        let events = self.conductor.workshop().events.clone();
        let task = tokio::spawn(async move {
            // The agent is on its way out when nobody listens.
            let say = async |line| drop(events.send(Event::Say(line)).await);
            let switch = async |on: bool| {
                let Some(light) = &light else { return };
                if let Err(problem) = light.switch(on).await {
                    let which = if on { "on" } else { "off" };
                    say(format!("Timelapse: the light was not switched {which}: {problem}")).await;
                }
            };
            switch(true).await;
            let line = running.await;
            switch(false).await;
            say(line).await;
        });
        self.errand = Some(Errand { marks, task: AbortOnDropHandle::new(task) });
    }

    fn mark(&mut self, params: &Json, received: MonoTime) {
        let number = |key: &str| params.get(key).and_then(Json::as_f64);
        let reason = params.get("reason").and_then(Json::as_str).unwrap_or_default();
        let outcome = match (number("print_time"), number("eta")) {
            _ if !reason.is_empty() => Err(reason.to_owned()),
            (Some(print_time), Some(eta)) => {
                self.printer.clock_mut().observe(print_time - eta, received);
                self.printer.clock().at(print_time - DWELL).ok_or_else(|| "Klipper's clock is not known".to_owned())
            }
            _ => Err("the macros are of another version".to_owned()),
        };
        if let Some(running) = &self.errand {
            let step = number("step").unwrap_or(-1.0) as i64;
            // Nobody listens any more when the errand has failed meanwhile.
            running.marks.try_send(Mark { step, outcome }).ok();
        }
    }
}

/// One move of the head, and how long it stands there. The macro makes it only when nothing speaks against it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Comes back in its mark.
    pub(super) number: i64,
    /// mm; `None` leaves the axis where it is.
    pub(super) x: Option<f64>,
    /// mm
    pub(super) y: Option<f64>,
    /// The head rises to this height before it goes, mm.
    pub(super) rise: f64,
    /// The head goes down to this height when it is there, mm.
    pub(super) sink: Option<f64>,
    /// mm/s
    pub(super) speed: f64,
    /// s
    pub(super) dwell: f64,
}

impl Step {
    /// The call of the macro.
    pub(super) fn script(&self) -> String {
        let Self { number, x, y, rise, sink, speed, dwell } = *self;
        let mut script = format!(
            "_TIMELAPSE_CALIBRATE_STEP STEP={number} Z={rise:.3} F={:.0} DWELL={:.0}",
            speed * 60.0,
            dwell * 1e3
        );
        for (name, mm) in [("X", x), ("Y", y), ("DOWN", sink)] {
            if let Some(mm) = mm {
                script += &format!(" {name}={mm:.3}");
            }
        }
        script
    }
}

/// The head, as an errand has it.
#[derive(Debug)]
pub(super) struct Head {
    link: Link,
    marks: mpsc::Receiver<Mark>,
}

impl Head {
    /// Runs scripts, and waits until Klipper has taken them.
    pub(super) async fn run(&self, script: &str) -> Result<(), String> {
        self.link.gcode(script, SCRIPT_PATIENCE).await.map_err(|refused| refused.to_string())
    }

    /// As [`Head::run`], beside other work.
    pub(super) fn begin(&self, script: String) -> AbortOnDropHandle<Result<(), String>> {
        let link = self.link.clone();
        let run = async move { link.gcode(&script, SCRIPT_PATIENCE).await.map_err(|refused| refused.to_string()) };
        AbortOnDropHandle::new(tokio::spawn(run))
    }

    /// When the head stands still at the end of a step.
    ///
    /// # Errors
    ///
    /// The macro's reason not to move, or Klipper's silence.
    pub(super) async fn arrival(&mut self, step: i64) -> Result<MonoTime, String> {
        loop {
            match tokio::time::timeout(MOVE_PATIENCE, self.marks.recv()).await {
                Ok(Some(mark)) if mark.step == step || mark.outcome.is_err() => return mark.outcome,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Err("Klipper did not say that it moved the head".to_owned()),
            }
        }
    }

    /// Makes a step, and gives when the head stands still at its end.
    ///
    /// # Errors
    ///
    /// As [`Head::run`] and [`Head::arrival`].
    pub(super) async fn go(&mut self, step: &Step) -> Result<MonoTime, String> {
        self.run(&step.script()).await?;
        self.arrival(step.number).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_names_only_what_it_moves() {
        let step = Step { number: 3, x: Some(10.0), y: None, rise: 30.0, sink: None, speed: 100.0, dwell: 0.25 };
        assert_eq!(step.script(), "_TIMELAPSE_CALIBRATE_STEP STEP=3 Z=30.000 F=6000 DWELL=250 X=10.000");
        let back = Step { x: None, y: Some(5.0), sink: Some(2.0), ..step };
        assert!(back.script().ends_with(" DWELL=250 Y=5.000 DOWN=2.000"), "{}", back.script());
    }
}
