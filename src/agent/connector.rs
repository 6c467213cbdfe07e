//! Connects for ever: one connection after the other, each introduced and with its remote methods registered.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::hooks::switch_power;
use crate::moonraker::{Backoff, Endpoint, Inbox, Link, LinkError, REQUEST_TIMEOUT, ServerInfo};
use crate::web::Trust;

/// What Klipper's macros call.
pub(super) mod remote {
    pub(crate) const NEW_FRAME: &str = "timelapse_newframe";
    pub(crate) const SKIPPED: &str = "timelapse_skipped";
    pub(crate) const RENDER: &str = "timelapse_render";
    /// moonraker-timelapse's name; its users' own macros call it.
    pub(crate) const SAVE_FRAMES: &str = "timelapse_saveFrames";
    pub(crate) const CONTROL: &str = "timelapse_control";
    pub(crate) const ALL: [&str; 5] = [NEW_FRAME, SKIPPED, RENDER, SAVE_FRAMES, CONTROL];
}

/// A connection that is ready for work.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) link: Link,
    pub(super) inbox: Inbox,
    pub(super) info: ServerInfo,
    /// As the Moonraker component holds them; `None` where it is not loaded.
    pub(super) settings: Option<Map<String, Json>>,
    pub(super) webcams: Vec<Json>,
    /// Whom it trusts.
    pub(super) trust: Trust,
    /// Where Moonraker finds Klipper.
    pub(super) klippy_socket: Option<PathBuf>,
}

/// Hands over one connection after the other. One line in the log per change, not per attempt.
pub(super) async fn run(endpoint: Endpoint, clock: Clock, out: mpsc::Sender<Attached>, shutdown: CancellationToken) {
    let mut backoff = Backoff::default();
    let mut told = String::new();
    loop {
        let attempt = tokio::select! {
            () = shutdown.cancelled() => return,
            attempt = attach(&endpoint, clock) => attempt,
        };
        match attempt {
            Ok(attached) => {
                info!(%endpoint, moonraker = attached.info.moonraker_version, klipper = ?attached.info.klipper,
                    "connected to Moonraker");
                backoff.reset();
                told.clear();
                let link = attached.link.clone();
                if out.send(attached).await.is_err() {
                    return;
                }
                let lost = tokio::select! {
                    () = shutdown.cancelled() => return,
                    lost = link.closed() => lost,
                };
                warn!(error = %lost, "lost the connection to Moonraker; trying again");
            }
            Err(problem) => {
                let problem = problem.to_string();
                if problem != told {
                    error!(error = %problem, "not connected to Moonraker; trying again for ever");
                    told = problem;
                }
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(backoff.next_wait()) => {}
        }
    }
}

async fn attach(endpoint: &Endpoint, clock: Clock) -> Result<Attached, LinkError> {
    let (link, inbox) = Link::connect(endpoint, clock).await?;
    link.identify(endpoint).await?;
    for method in remote::ALL {
        link.register_remote_method(method).await?;
    }
    let info = link.server_info().await?;
    let settings = if info.has_timelapse_component {
        match link.request("machine.timelapse.get_settings", Json::Null, REQUEST_TIMEOUT).await? {
            Json::Object(settings) => Some(settings),
            _ => None,
        }
    } else {
        warn!("Moonraker has no component `timelapse`: its pages in Mainsail and Fluidd stay hidden; run install.sh");
        None
    };
    let webcams = webcams(&link).await?;
    let config = link.request("server.config", Json::Null, REQUEST_TIMEOUT).await?;
    let klippy = config.pointer("/config/server/klippy_uds_address").and_then(Json::as_str);
    let klippy_socket = klippy.map(crate::config::expand_home);
    let access = link.request("access.info", Json::Null, REQUEST_TIMEOUT).await?;
    let login_required = access.get("login_required").and_then(Json::as_bool).unwrap_or_default();
    let trust = Trust::of(&config, login_required, endpoint.http());
    Ok(Attached { link, inbox, info, settings, webcams, trust, klippy_socket })
}

async fn webcams(link: &Link) -> Result<Vec<Json>, LinkError> {
    let answer = link.request("server.webcams.list", Json::Null, REQUEST_TIMEOUT).await?;
    Ok(webcams_of(&answer))
}

/// The list in an answer or a notification.
pub(super) fn webcams_of(answer: &Json) -> Vec<Json> {
    answer.get("webcams").and_then(Json::as_array).cloned().unwrap_or_default()
}

/// Carries UI events to the Moonraker component, in order, until the connection ends.
pub(super) async fn carry_events(link: Link, mut queue: mpsc::Receiver<Json>) {
    while let Some(params) = queue.recv().await {
        match link.request("machine.timelapse.agent.event", params, REQUEST_TIMEOUT).await {
            Ok(_) => {}
            Err(LinkError::Closed(_)) => return,
            Err(problem) => warn!(error = %problem, "the UIs were not told"),
        }
    }
}

/// A print may be held for long by a macro that heats or waits; the script waits behind it.
const GCODE_TIMEOUT: Duration = Duration::from_secs(3600);

/// Carries scripts to Klipper, one after the other, until the connection ends.
pub(super) async fn carry_scripts(link: Link, mut queue: mpsc::Receiver<String>) {
    while let Some(script) = queue.recv().await {
        match link.gcode(&script, GCODE_TIMEOUT).await {
            Ok(()) => tracing::debug!(script, "Klipper ran"),
            Err(LinkError::Closed(_)) => return,
            Err(problem) => warn!(script, error = %problem, "Klipper refused a script"),
        }
    }
}

/// Switches the light of a frame.
pub(super) async fn switch_light(link: Link, device: String, on: bool) {
    if let Err(problem) = switch_power(&link, &device, on).await {
        warn!(device, on, error = %problem, "the light was not switched");
    }
}

/// One UI event with the newest frame, as the component takes it.
pub(super) fn event_params(event: Option<Json>, last_frame: Option<Json>) -> Json {
    json!({"event": event, "lastframe": last_frame})
}
