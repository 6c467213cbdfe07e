//! `moonlapse calibrate`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value as Json;

use super::failure::Failure;
use super::moonraker_args::MoonrakerArgs;
use super::wait::wait_for;
use crate::clock::Clock;
use crate::moonraker::{Body, Endpoint, Link};

/// All of it takes half a minute, and a minute with a slow camera.
const LIMIT: Duration = Duration::from_secs(300);

/// Find out how late the cameras are: the head moves to and fro while they watch.
///
/// Asks the running agent to do it, like the macro TIMELAPSE_CALIBRATE. The printer must be homed and print nothing. The
/// head rises to 30 mm at least and moves by 80 mm at most, along X only. What is found holds for later prints, until the
/// camera gets another address.
#[derive(Debug, Args)]
pub(super) struct Calibrate {
    #[command(flatten)]
    moonraker: MoonrakerArgs,
    /// The least height of the head, mm: above whatever stands on the bed.
    #[arg(long, value_name = "MM", default_value_t = 30.0)]
    z: f64,
}

impl Calibrate {
    pub(super) fn run(self) -> ExitCode {
        let endpoint = self.moonraker.endpoint();
        let outcome = wait_for(async { tokio::time::timeout(LIMIT, calibrate(endpoint, self.z)).await });
        let late = |_| Err("the calibration did not end; see the agent's log".to_owned());
        match outcome.and_then(|outcome| outcome.unwrap_or_else(late).map_err(Failure::from)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(failure) => failure.report(),
        }
    }
}

/// Gives whether it went well.
async fn calibrate(endpoint: Endpoint, z: f64) -> Result<bool, String> {
    if !z.is_finite() {
        return Err("--z must be a number of millimetres".to_owned());
    }
    let (link, mut inbox) = Link::connect(&endpoint, Clock::real()).await.map_err(|error| error.to_string())?;
    let script = format!("TIMELAPSE_CALIBRATE Z={z:.3}");
    link.gcode(&script, LIMIT).await.map_err(|error| error.to_string())?;
    while let Some(message) = inbox.recv().await {
        let Body::Call { method, params, .. } = message.body else { continue };
        if method != "notify_gcode_response" {
            continue;
        }
        let lines = params.get(0).and_then(Json::as_str).unwrap_or_default();
        for line in lines.lines().filter_map(|line| line.trim_start_matches("// ").strip_prefix("Timelapse: ")) {
            println!("{line}");
            if line == "calibration done" {
                return Ok(true);
            }
            if line.starts_with("calibration failed") {
                return Ok(false);
            }
        }
    }
    Err("the connection to Moonraker ended".to_owned())
}
