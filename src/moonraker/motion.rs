//! Where Klipper sent the head and when, from its own API server: Moonraker's subscriptions tell the position only four
//! times a second.
//!
//! The API server is reached as Moonraker is: by Klipper's unix socket on the same host, or through Moonraker's bridge
//! `/klippysocket`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::endpoint::Endpoint;
use super::error::LinkError;
use super::transport;

/// Klipper sends a batch each half second while the head moves; one that says nothing for so long while asked to is gone.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// A stretch of the head's way: from rest to rest there are up to three, speeding up, cruising, slowing down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Print time at its begin, s.
    pub time: f64,
    /// Its duration, s.
    pub duration: f64,
    /// Speed at its begin, mm/s.
    pub speed: f64,
    /// Acceleration, mm/s²; negative when slowing down.
    pub accel: f64,
    /// Where it begins, mm: x, y, z.
    pub from: [f64; 3],
    /// Its direction, a unit vector.
    pub direction: [f64; 3],
}

impl Stretch {
    /// Print time at its end, s.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.time + self.duration
    }

    /// The way made `after` seconds from its begin, mm.
    #[must_use]
    pub fn way(&self, after: f64) -> f64 {
        (0.5 * self.accel).mul_add(after, self.speed) * after
    }

    /// Where the head is `after` seconds from its begin, mm; it neither comes from before nor goes on beyond the end.
    #[must_use]
    pub fn place(&self, after: f64) -> [f64; 3] {
        let way = self.way(after.clamp(0.0, self.duration));
        std::array::from_fn(|axis| self.direction[axis].mul_add(way, self.from[axis]))
    }
}

/// A line to Klipper's own API.
pub struct MotionFeed {
    /// Kept open: Klipper ends the subscription with the connection.
    _sender: transport::Sender,
    messages: transport::Messages,
}

impl std::fmt::Debug for MotionFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MotionFeed").finish_non_exhaustive()
    }
}

/// Where Klipper's API server is, for a Moonraker at `endpoint` that knows it by the socket `klippy`.
#[must_use]
pub fn klipper_endpoint(endpoint: &Endpoint, klippy: Option<&Path>) -> Option<Endpoint> {
    match endpoint {
        Endpoint::Unix(moonraker) => {
            // Both sockets lie in one folder, unless moonraker.conf says otherwise.
            let usual = || Some(moonraker.parent()?.join("klippy.sock"));
            klippy.map(PathBuf::from).or_else(usual).map(Endpoint::Unix)
        }
        Endpoint::WebSocket { url, api_key } => {
            let path = url.path().strip_suffix("websocket")?;
            let mut bridge: Url = url.clone();
            bridge.set_path(&format!("{path}klippysocket"));
            Some(Endpoint::WebSocket { url: bridge, api_key: api_key.clone() })
        }
    }
}

impl MotionFeed {
    /// Subscribes to the head's moves.
    ///
    /// # Errors
    ///
    /// Klipper cannot be reached, or does not know of moves.
    pub async fn open(klipper: &Endpoint) -> Result<Self, LinkError> {
        let (mut sender, mut messages) = transport::connect(klipper).await?;
        let ask = json!({"id": 1, "method": "motion_report/dump_trapq",
            "params": {"name": "toolhead", "response_template": {"method": "moved"}}});
        let refused = |reason: String| LinkError::Handshake { endpoint: klipper.to_string(), reason };
        let answer = async {
            sender.send(ask.to_string()).await?;
            while let Some(message) = messages.next().await {
                let answer: Answer = serde_json::from_str(&message?).map_err(|e| e.to_string())?;
                match answer {
                    Answer { id: Some(1), error: Some(error), .. } => return Err(error.to_string()),
                    Answer { id: Some(1), .. } => return Ok(()),
                    _ => {}
                }
            }
            Err("it hung up".to_owned())
        };
        let answer = tokio::time::timeout(SUBSCRIBE_TIMEOUT, answer).await;
        answer.unwrap_or_else(|_| Err("no answer within 10 s".to_owned())).map_err(refused)?;
        Ok(Self { _sender: sender, messages })
    }

    /// The next stretches, in order; `None` when Klipper has hung up.
    pub async fn next(&mut self) -> Option<Vec<Stretch>> {
        while let Some(Ok(message)) = self.messages.next().await {
            if let Ok(Answer { params: Some(Moved { data }), .. }) = serde_json::from_str(&message) {
                return Some(data.into_iter().map(Stretch::from).collect());
            }
        }
        None
    }
}

#[derive(Deserialize)]
struct Answer {
    id: Option<u64>,
    error: Option<serde_json::Value>,
    params: Option<Moved>,
}

#[derive(Deserialize)]
struct Moved {
    data: Vec<Row>,
}

/// As Klipper sends it: print time, duration, speed, acceleration, begin, direction.
#[derive(Deserialize)]
struct Row(f64, f64, f64, f64, [f64; 3], [f64; 3]);

impl From<Row> for Stretch {
    fn from(Row(time, duration, speed, accel, from, direction): Row) -> Self {
        Self { time, duration, speed, accel, from, direction }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn klipper_is_found_where_moonraker_is() {
        let show = |given: &str, klippy| {
            klipper_endpoint(&given.parse().unwrap(), klippy).map(|e| e.to_string()).unwrap_or_default()
        };
        assert_eq!(show("/d/comms/moonraker.sock", None), "/d/comms/klippy.sock");
        assert_eq!(show("/d/comms/moonraker.sock", Some(Path::new("/tmp/klippy_uds"))), "/tmp/klippy_uds");
        assert_eq!(show("http://voron:7125", None), "ws://voron:7125/klippysocket");
        assert_eq!(show("http://farm/one/websocket", None), "ws://farm/one/klippysocket");
    }

    #[test]
    fn a_batch_of_klippers_is_read() {
        let text = r#"{"method":"moved","params":{"data":[[12.5,0.25,0.0,3000.0,[1.0,2.0,0.3],[0.6,0.8,0.0]]]}}"#;
        let answer: Answer = serde_json::from_str(text).unwrap();
        let stretches: Vec<Stretch> = answer.params.unwrap().data.into_iter().map(Stretch::from).collect();
        assert_eq!(stretches[0].time, 12.5);
        assert_eq!(stretches[0].direction, [0.6, 0.8, 0.0]);
    }
}
