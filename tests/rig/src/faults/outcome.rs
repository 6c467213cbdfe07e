//! What came of a print.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{ANSWER, job::Job};
use crate::host::{Dynamics, Recording, Rig, RigOptions, Status};
use crate::machine::TruePosition;
use crate::mcu::spec::MachineSpec;

/// What a fault needs in printer.cfg: a macro that runs something and says at which byte of the file that is, and a
/// filament change as users write it.
const MACROS: &str = r#"
[gcode_macro FAULT_HERE]
gcode:
  { action_respond_info("fault at byte %d: %s" % (printer.virtual_sdcard.file_position, params.RUN)) }
  { params.RUN }

[gcode_macro FAULT_EXCLUDE]
description: Excludes the current object, or one that is left when there is none
gcode:
  {% set eo = printer.exclude_object %}
  {% set left = eo.objects|map(attribute='name')|reject('in', eo.excluded_objects)|list %}
  {% set name = eo.current_object if eo.current_object in left else left[0] %}
  FAULT_HERE RUN="EXCLUDE_OBJECT NAME={name}"

[gcode_macro M600]
gcode:
  PAUSE
  M83
  G1 E-10 F3000
  G1 E10 F3000
"#;

/// How fast a print without timelapse runs, percent: only its end counts.
const PLAIN_SPEED: f64 = 1_000.0;

/// A printer on which faults can be made, hot at once.
#[must_use]
pub fn printer() -> RigOptions {
    Rig::builder().warm(205.0, 60.0).client_macros(true).dynamics(Dynamics::FAST).printer_section(MACROS)
}

/// Makes it ready to print at `speed` percent: hot and homed, as most printers are when somebody pauses early.
///
/// # Errors
///
/// When Klipper refuses.
pub async fn make_ready(rig: &Rig, speed: f64) -> anyhow::Result<()> {
    rig.preheat(200.0, 0.0).await?;
    rig.gcode("G28").await?;
    rig.speed(speed).await
}

/// Whether a print has begun since then; the same file may have been printed before.
#[must_use]
pub fn begun(status: &Status, since: &Recording) -> bool {
    status.print_states[since.states_from()..].iter().any(|state| state.text == "printing")
}

/// How a print ended, and how it left the machine.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `print_stats.state`.
    pub state: String,
    /// Where the head truly is; E counts from the print's start.
    pub position: TruePosition,
    /// The modes of the G-code parser, as a file sets them.
    pub modes: Vec<(&'static str, Value)>,
}

impl Outcome {
    /// Waits until all motion is done, and looks. `e_before` is the true E before the print.
    ///
    /// # Errors
    ///
    /// When Klipper does not answer.
    pub async fn of(rig: &Rig, state: String, e_before: f64) -> anyhow::Result<Self> {
        rig.settle().await?;
        let query = json!({"objects": {"gcode_move": null}});
        let status = rig.call("printer.objects.query", query, ANSWER).await?;
        let modes =
            ["absolute_coordinates", "absolute_extrude", "extrude_factor", "speed", "homing_origin", "gcode_position"]
                .map(|name| (name, status["status"]["gcode_move"][name].clone()))
                .to_vec();
        let at = rig.position();
        Ok(Self { state, position: TruePosition { e: at.e - e_before, ..at }, modes })
    }

    /// In what it differs from `expected` by more than a step, in words.
    ///
    /// # Errors
    ///
    /// With these words.
    pub fn equals(&self, expected: &Self) -> anyhow::Result<()> {
        if self.state != expected.state {
            bail!("the print is {:?} instead of {:?}", self.state, expected.state);
        }
        let axes = |p: TruePosition| [p.x, p.y, p.z, p.e];
        let steps = MachineSpec::default().axes.map(|axis| axis.step);
        let compared = axes(self.position).into_iter().zip(axes(expected.position)).zip(steps);
        for (axis, ((is, should), step)) in ["X", "Y", "Z", "E"].iter().zip(compared) {
            if (is - should).abs() > step * 1.01 {
                bail!("the true {axis} ends at {is:.4} instead of {should:.4}");
            }
        }
        for ((name, is), (_, should)) in self.modes.iter().zip(&expected.modes) {
            if !alike(is, should) {
                bail!("gcode_move.{name} ends as {is} instead of {should}");
            }
        }
        Ok(())
    }
}

/// Equal up to what sums of floating point numbers may be off.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Number(_), Value::Number(_)) => {
            let [a, b] = [a, b].map(|number| number.as_f64().unwrap_or(f64::NAN));
            (a - b).abs() < 1e-6
        }
        _ => a == b,
    }
}

/// A printer without any timelapse, that shows what would have come of a print.
#[derive(Debug)]
pub struct Reference {
    rig: Rig,
}

impl Reference {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the printer does not start.
    pub async fn start(options: RigOptions) -> anyhow::Result<Self> {
        Ok(Self { rig: options.start().await.context("starting the printer without timelapse")? })
    }

    /// Prints `job` with `faults` in it: what happens at which byte of the file. Pauses are ended by resuming.
    ///
    /// # Errors
    ///
    /// When the printer fails.
    pub async fn outcome(&self, job: &Job, faults: &[(usize, String)]) -> anyhow::Result<Outcome> {
        make_ready(&self.rig, PLAIN_SPEED).await?;
        self.rig.settle().await?;
        let before = self.rig.position().e;
        let since = self.rig.record();
        self.rig.print("plain.gcode", job.plain_with(faults)).await?;
        self.rig.wait_for("the print to begin", ANSWER, |status| begun(status, &since)).await?;
        loop {
            let resting = |status: &Status| status.print_state() != "printing" || status.klippy != "ready";
            self.rig.wait_for("the print without timelapse", super::PRINT, resting).await?;
            if self.rig.with_status(|status| status.print_state() != "paused") {
                break;
            }
            self.rig.gcode("RESUME").await?;
            self.rig.wait_for("the end of a pause", ANSWER, |status| status.print_state() != "paused").await?;
        }
        let state = self.rig.with_status(|status| status.print_state().to_owned());
        tracing::info!(state, "the print without timelapse has ended");
        Outcome::of(&self.rig, state, before).await
    }
}
