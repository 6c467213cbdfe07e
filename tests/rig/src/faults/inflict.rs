//! Makes a fault and lives through it as a user would.

use anyhow::{Context, ensure};
use serde_json::json;

use super::stage::{Print, Stage};
use super::{ANSWER, Fault, PRINT};
use crate::camera;
use crate::host::{Part, Status};

/// Where the client macros park the head when a print is paused, mm.
const PAUSED_AT: [f64; 2] = [5.0, 230.0];

/// Makes `fault` now, and everything that a user does about it.
///
/// # Errors
///
/// When something is not as it would be without timelapse.
pub async fn inflict(stage: &mut Stage, print: &mut Print, fault: Fault) -> anyhow::Result<()> {
    match fault {
        Fault::Pause => {
            run(stage, print, "FAULT_HERE RUN=PAUSE", "PAUSE").await?;
            resume(stage, print).await
        }
        Fault::FilamentChange => {
            run(stage, print, "FAULT_HERE RUN=M600", "M600").await?;
            resume(stage, print).await
        }
        Fault::Cancel => cancel(stage, print).await,
        Fault::ExcludeObject => {
            let listed =
                |status: &Status| status.get("exclude_object", "objects").as_array().is_some_and(|o| o.len() > 1);
            stage.studio.rig.wait_for("the list of objects", ANSWER, listed).await?;
            run(stage, print, "FAULT_EXCLUDE", "EXCLUDE_OBJECT").await
        }
        Fault::EmergencyStop | Fault::KlipperRestart => stop_klipper(stage, fault).await,
        Fault::MoonrakerRestart => {
            let heard = stage.studio.agent_log().len();
            stage.studio.rig.restart_part(Part::Moonraker).await?;
            stage.studio.wait_for_log(heard, "Klipper is ready").await
        }
        Fault::AgentKill => {
            stage.studio.kill_agent()?;
            stage.studio.start_agent().await
        }
        Fault::CameraLoss => lose_camera(stage).await,
    }
}

/// Runs a script of a user's, and notes at which byte of the file `command` was run.
async fn run(stage: &Stage, print: &mut Print, script: &str, command: &str) -> anyhow::Result<()> {
    let rig = &stage.studio.rig;
    rig.gcode(script).await?;
    let mut said = None;
    let number = print.faults.len();
    let told = |line: &str| {
        let (byte, command) = line.strip_prefix("// fault at byte ")?.split_once(": ")?;
        Some((byte.parse().ok()?, command.to_owned()))
    };
    rig.wait_for("the place of the fault", ANSWER, |status| {
        said = status.console[print.since.console_from()..].iter().filter_map(|line| told(&line.text)).nth(number);
        said.is_some()
    })
    .await?;
    let said: (usize, String) = said.context("Klipper did not say where the fault was")?;
    ensure!(said.1.starts_with(command), "{said:?} is not {command}");
    tracing::info!(byte = said.0, command = said.1, "fault");
    print.faults.push(said);
    Ok(())
}

/// Looks whether the print stays paused until we resume it, with the head where the pause put it.
async fn resume(stage: &Stage, print: &mut Print) -> anyhow::Result<()> {
    let rig = &stage.studio.rig;
    let paused = |status: &Status| status.print_state() == "paused";
    rig.wait_for("the pause", ANSWER, paused).await?;
    stage.nothing_moves().await.context("while paused")?;
    ensure!(rig.with_status(paused), "somebody else ended the pause");
    let at = rig.position();
    let off = (at.x - PAUSED_AT[0]).hypot(at.y - PAUSED_AT[1]);
    ensure!(off < 0.05, "the head is at {at:?} while the print is paused");
    rig.gcode("RESUME").await?;
    print.resumed += 1;
    rig.wait_for("the end of the pause", ANSWER, |status| status.print_state() != "paused").await
}

async fn cancel(stage: &Stage, print: &mut Print) -> anyhow::Result<()> {
    let heard = stage.studio.agent_log().len();
    run(stage, print, "FAULT_HERE RUN=CANCEL_PRINT", "CANCEL_PRINT").await?;
    let state = stage.studio.rig.wait_print_end(PRINT).await?;
    ensure!(state == "cancelled", "the print is {state:?}");
    stage.studio.wait_for_log(heard, "session ended").await
}

/// Ends the print by ending Klipper, and brings Klipper back.
async fn stop_klipper(stage: &mut Stage, fault: Fault) -> anyhow::Result<()> {
    let heard = stage.studio.agent_log().len();
    let rig = &mut stage.studio.rig;
    if fault == Fault::EmergencyStop {
        rig.call("printer.emergency_stop", json!({}), ANSWER).await?;
        rig.wait_for("the shutdown", ANSWER, |status| status.klippy == "shutdown").await?;
        let stopped = rig.position();
        rig.call("printer.firmware_restart", json!({}), ANSWER).await?;
        rig.wait_for("the end of the shutdown", ANSWER, |status| status.klippy != "shutdown").await?;
        rig.wait_ready().await?;
        ensure!(rig.position() == stopped, "the head moved on from {stopped:?} to {:?}", rig.position());
    } else {
        rig.kill_part(Part::Klippy).await?;
        rig.start_part(Part::Klippy)?;
        rig.wait_ready().await?;
    }
    let state = rig.with_status(|status| status.print_state().to_owned());
    ensure!(state == "standby", "the print is {state:?} after the restart");
    stage.studio.wait_for_log(heard, "session ended").await?;
    // A new Klipper gets its settings without being asked.
    stage.studio.wait_for_log(heard, "Klipper is ready").await
}

/// Takes the camera away until a frame was missed.
async fn lose_camera(stage: &Stage) -> anyhow::Result<()> {
    let from = stage.studio.events(0).len();
    stage.studio.camera.set_fault(camera::Fault::Off);
    let missed = |event: &serde_json::Value| event["action"] == "newframe" && event["status"] == "error";
    let event = stage.studio.wait_for_event(from, PRINT, "a miss", missed).await;
    stage.studio.camera.set_fault(camera::Fault::None);
    event.map(drop)
}
