//! Why a connection or a request failed.

use std::time::Duration;

/// A fault between us and Moonraker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Nobody listens, or not at that address.
    #[error("Moonraker does not answer at {endpoint}: {source}; is it running, and is the address right?")]
    Connect {
        /// The address.
        endpoint: String,
        /// Why.
        source: std::io::Error,
    },
    /// The websocket's handshake was refused.
    #[error("Moonraker refused the websocket at {endpoint}: {reason}; check the address and the API key")]
    Handshake {
        /// The address.
        endpoint: String,
        /// What it said.
        reason: String,
    },
    /// Another agent of our name is connected.
    #[error("another Moonlapse is connected to this Moonraker; stop it, or this one")]
    AlreadyConnected,
    /// The connection ended.
    #[error("the connection to Moonraker ended: {0}")]
    Closed(String),
    /// No answer in time.
    #[error("Moonraker did not answer {method} within {} s", timeout.as_secs_f64())]
    Timeout {
        /// What was asked.
        method: String,
        /// How long we waited.
        timeout: Duration,
    },
    /// Moonraker, or Klipper through it, answered with an error.
    #[error("{method}: {message}")]
    Refused {
        /// What was asked.
        method: String,
        /// As HTTP has them: 400 a fault of the request (G-code errors too), 503 Klipper is away.
        code: i32,
        /// In Moonraker's words.
        message: String,
    },
    /// The answer does not have the form that Moonraker's documentation promises.
    #[error("{method}: Moonraker's answer is not understood: {reason}")]
    Unexpected {
        /// What was asked.
        method: String,
        /// What is missing.
        reason: String,
    },
}

impl LinkError {
    /// Klipper is not there at the moment; a later `notify_klippy_ready` tells when it is.
    #[must_use]
    pub fn is_klipper_away(&self) -> bool {
        matches!(self, Self::Refused { code: 503, .. })
    }
}
