//! Klipper: is it there, and does it have what frames need?

use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::net::UnixStream;

use super::chart::{Chart, Klipper};
use super::{Check, Subject};
use crate::config::expand_home;
use crate::moonraker::{Endpoint, klipper_endpoint};

/// How long its socket may take.
const CONNECT: Duration = Duration::from_secs(5);

pub(super) async fn examine(chart: &Chart, endpoint: &Endpoint) -> Vec<Check> {
    let Some(klipper) = &chart.klipper else { return vec![away(chart)] };
    let mut checks = vec![Check::ok(Subject::Klipper, format!("Klipper {} is ready", klipper.version))];
    checks.extend(sections(klipper));
    checks.extend(socket(chart, endpoint).await);
    checks
}

fn away(chart: &Chart) -> Check {
    let state = chart.server["klippy_state"].as_str().unwrap_or("away");
    let says = chart.klipper_says.split('\n').next().unwrap_or_default().trim();
    let says = if says.is_empty() { String::new() } else { format!(" ({says})") };
    let remedy = match state {
        "startup" => "wait a moment and ask again",
        "error" | "shutdown" => "put right what it says, and restart it with FIRMWARE_RESTART; klippy.log has more",
        _ => "start it, or look for its fault in klippy.log",
    };
    Check::fault(Subject::Klipper, format!("Klipper is not ready{says}, so nothing is known of the printer: {remedy}"))
}

fn sections(klipper: &Klipper) -> Vec<Check> {
    let mut checks = Vec::new();
    if !klipper.has("virtual_sdcard") {
        checks.push(Check::fault(
            Subject::Klipper,
            "printer.cfg has no [virtual_sdcard], so files are not printed by Klipper and only prints between TIMELAPSE_START \
             and TIMELAPSE_STOP are filmed: add the section with the path of the G-code folder",
        ));
    }
    if !klipper.has("pause_resume") {
        checks.push(Check::warning(
            Subject::Klipper,
            "printer.cfg has no [pause_resume], so a paused print cannot be told from a running one: add the section",
        ));
    }
    if klipper.settings.get("printer").and_then(|section| section.get("kinematics")).and_then(Json::as_str)
        == Some("none")
    {
        checks.push(Check::fault(
            Subject::Klipper,
            "the printer has no kinematics (`kinematics: none`), so the head cannot be parked: set parkhead: False",
        ));
    }
    checks
}

/// Klipper's own socket tells where the head truly goes.
async fn socket(chart: &Chart, endpoint: &Endpoint) -> Option<Check> {
    let configured = chart.section("server").and_then(|server| server.get("klippy_uds_address")).and_then(Json::as_str);
    let configured = configured.map(expand_home);
    let Some(Endpoint::Unix(path)) = klipper_endpoint(endpoint, configured.as_deref()) else { return None };
    let problem = match tokio::time::timeout(CONNECT, UnixStream::connect(&path)).await {
        Ok(Ok(_)) => return Some(Check::ok(Subject::Klipper, "its socket tells where the head goes")),
        Ok(Err(problem)) => problem.to_string(),
        Err(_) => "it does not answer".to_owned(),
    };
    Some(Check::warning(Subject::Klipper, not_open(&path, &problem)))
}

fn not_open(path: &Path, problem: &str) -> String {
    format!(
        "Klipper's socket {} cannot be opened ({problem}), so frames in passing are missed: run the agent as the user of \
         Klipper, and check klippy_uds_address in [server] of moonraker.conf",
        path.display()
    )
}
