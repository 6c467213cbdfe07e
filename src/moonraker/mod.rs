//! JSON-RPC over unix socket or websocket: one ordered stream of incoming messages.
//!
//! [`Link`] is one connection. Answers go to whoever asked; everything else (events of Moonraker, remote methods that
//! Klipper's macros call, requests of the Moonraker component) arrives in its [`Inbox`] in the order Moonraker sent it,
//! stamped with its time of arrival. Knows nothing of prints and timelapses.
//!
//! jsonrpsee's client is not used, only its types: it cannot answer requests from the server, keeps no order between
//! different notifications, and drops the connection on an unsolicited answer.

mod agent_api;
mod backoff;
mod endpoint;
mod error;
mod link;
mod motion;
mod transport;
mod wire;

pub use agent_api::{AGENT_NAME, KlipperState, ServerInfo, subscription_status};
pub use backoff::Backoff;
pub use endpoint::{BadEndpoint, Endpoint};
pub use error::LinkError;
pub use link::{Body, Inbox, Incoming, Link, REQUEST_TIMEOUT, ReplyTo, Ticket};
pub use motion::{MotionFeed, Stretch, klipper_endpoint};
