//! The light of a frame, for pictures beside a print: a test of the light, a trial frame, a calibration. In a print the
//! macro of a frame switches a pin, in the queue of its moves.

use std::time::Duration;

use serde_json::json;

use crate::config::Settings;
use crate::moonraker::{Link, LinkError, REQUEST_TIMEOUT};

/// A script may have to wait for moves that are under way.
const SCRIPT: Duration = Duration::from_secs(30);

/// The light of the settings.
#[derive(Clone, Debug)]
pub struct Light {
    link: Link,
    pin: bool,
    power: String,
    settle: Duration,
}

impl Light {
    /// Whether there is one.
    #[must_use]
    pub fn is_set(settings: &Settings) -> bool {
        [&settings.light_pin, &settings.light_power].iter().any(|name| !name.trim().is_empty())
    }

    /// `None` when no light is set.
    #[must_use]
    pub fn of(settings: &Settings, link: &Link) -> Option<Self> {
        Self::is_set(settings).then(|| Self {
            link: link.clone(),
            pin: !settings.light_pin.trim().is_empty(),
            power: settings.light_power.trim().to_owned(),
            settle: Duration::try_from_secs_f64(settings.light_settle).unwrap_or_default(),
        })
    }

    /// Whether Klipper switches it.
    #[must_use]
    pub fn is_pin(&self) -> bool {
        self.pin
    }

    /// Switches it on, and waits until it is steady; or to what it is between frames.
    ///
    /// # Errors
    /// Moonraker's or Klipper's words.
    pub async fn switch(&self, on: bool) -> Result<(), LinkError> {
        if !self.power.is_empty() {
            switch_power(&self.link, &self.power, on).await?;
        }
        if self.pin {
            // Nothing waits for it to go off: a print may have begun meanwhile, and would be stopped for a moment.
            let script = if on {
                "_TIMELAPSE_AROUND LIGHT_ONLY=1 BEGIN=1\nM400"
            } else {
                "_TIMELAPSE_AROUND LIGHT_ONLY=1 BEGIN=0"
            };
            self.link.gcode(script, SCRIPT).await?;
        }
        // The macro waits for its own.
        if on && !self.pin {
            tokio::time::sleep(self.settle).await;
        }
        Ok(())
    }
}

/// Switches a `[power]` device of Moonraker.
///
/// # Errors
/// Moonraker's words.
pub async fn switch_power(link: &Link, device: &str, on: bool) -> Result<(), LinkError> {
    let params = json!({"device": device, "action": if on { "on" } else { "off" }});
    link.request("machine.device_power.post_device", params, REQUEST_TIMEOUT).await.map(|_| ())
}
