//! The calls that an agent makes, by name and with their answers read.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::endpoint::Endpoint;
use super::error::LinkError;
use super::link::{Link, REQUEST_TIMEOUT, Ticket};

/// The name under which the Moonraker component finds us.
pub const AGENT_NAME: &str = "moonlapse";

/// State of Klipper's host program as Moonraker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KlipperState {
    /// Takes G-code.
    Ready,
    /// On its way up.
    Startup,
    /// Stopped by an error or an emergency stop.
    Halted,
    /// Not running, or not connected to Moonraker.
    Away,
}

/// What `server.info` tells that we need.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    /// Klipper's state.
    pub klipper: KlipperState,
    /// Whether the component that serves the UIs is loaded.
    pub has_timelapse_component: bool,
    /// For the log.
    pub moonraker_version: String,
}

impl Link {
    /// Introduces us as the agent `moonlapse`.
    ///
    /// # Errors
    ///
    /// [`LinkError::AlreadyConnected`] when another agent has the name, or as [`Link::request`].
    pub async fn identify(&self, endpoint: &Endpoint) -> Result<(), LinkError> {
        let mut params = json!({
            "client_name": AGENT_NAME,
            "version": env!("CARGO_PKG_VERSION"),
            "type": "agent",
            // Moonraker insists on one; this names no place that does not exist.
            "url": "about:moonlapse",
        });
        if let Endpoint::WebSocket { api_key: Some(key), .. } = endpoint {
            params["api_key"] = key.as_str().into();
        }
        match self.request("server.connection.identify", params, REQUEST_TIMEOUT).await {
            Err(LinkError::Refused { message, .. }) if message.contains("already registered") => {
                Err(LinkError::AlreadyConnected)
            }
            other => other.map(|_| ()),
        }
    }

    /// Lets macros call `name` with `action_call_remote_method`. Once per connection: Moonraker tells every new Klipper.
    ///
    /// # Errors
    ///
    /// As [`Link::request`]; refused when somebody else has registered the name.
    pub async fn register_remote_method(&self, name: &str) -> Result<(), LinkError> {
        let params = json!({"method_name": name});
        self.request("connection.register_remote_method", params, REQUEST_TIMEOUT).await.map(|_| ())
    }

    /// Asks for the states of Moonraker and Klipper.
    ///
    /// # Errors
    ///
    /// As [`Link::request`].
    pub async fn server_info(&self) -> Result<ServerInfo, LinkError> {
        let info = self.request("server.info", Json::Null, REQUEST_TIMEOUT).await?;
        let klipper = match info["klippy_state"].as_str() {
            _ if info["klippy_connected"] == false => KlipperState::Away,
            Some("ready") => KlipperState::Ready,
            Some("startup") => KlipperState::Startup,
            Some("error" | "shutdown") => KlipperState::Halted,
            _ => KlipperState::Away,
        };
        let components = info["components"].as_array().map_or(&[][..], Vec::as_slice);
        Ok(ServerInfo {
            klipper,
            has_timelapse_component: components.iter().any(|c| c == "timelapse"),
            moonraker_version: info["moonraker_version"].as_str().unwrap_or("unknown").to_owned(),
        })
    }

    /// Subscribes to `objects` (names with the fields wanted, or null for all); the answer comes through the inbox, see
    /// [`subscription_status`]. Replaces the connection's earlier subscription; it ends with Klipper, so ask again at
    /// `notify_klippy_ready`.
    ///
    /// # Errors
    ///
    /// As [`Link::ask`].
    pub fn subscribe(&self, objects: Map<String, Json>) -> Result<Ticket, LinkError> {
        self.ask("printer.objects.subscribe", &json!({"objects": objects}))
    }

    /// Runs G-code and waits until Klipper has taken all of it.
    ///
    /// # Errors
    ///
    /// As [`Link::request`]; [`LinkError::Refused`] carries Klipper's message.
    pub async fn gcode(&self, script: &str, timeout: Duration) -> Result<(), LinkError> {
        self.request("printer.gcode.script", json!({"script": script}), timeout).await.map(|_| ())
    }
}

/// The full state in the answer to a subscription.
#[must_use]
pub fn subscription_status(answer: Json) -> Option<Map<String, Json>> {
    match answer {
        Json::Object(mut answer) => match answer.remove("status") {
            Some(Json::Object(status)) => Some(status),
            _ => None,
        },
        _ => None,
    }
}
