//! `GET /api/state` and `GET /api/log`.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::live::Live;
use super::{App, SharedApp};
use crate::session::Room;

/// The state with what is known here only.
#[derive(Serialize)]
pub(super) struct Now<'a> {
    now: Timestamp,
    #[serde(flatten)]
    live: &'a Live,
    disk: Option<Disk>,
}

/// Room on the disk of the frames, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Disk {
    free: u64,
    reserve: u64,
    frames_left: u64,
}

impl From<Room> for Disk {
    fn from(room: Room) -> Self {
        Self { free: room.free, reserve: room.reserve, frames_left: room.frames() }
    }
}

impl<'a> Now<'a> {
    pub(super) fn of(app: &App, live: &'a Live) -> Self {
        Self { now: app.clock.wall(), live, disk: *app.disk.borrow() }
    }
}

/// `GET /api/state`
pub(super) async fn show(State(app): State<SharedApp>) -> Json<Value> {
    let live = app.board.follow_live().borrow().clone();
    Json(serde_json::to_value(Now::of(&app, &live)).unwrap_or_default())
}

/// `GET /api/log`
pub(super) async fn log(State(app): State<SharedApp>) -> Json<Value> {
    let lines = app.log.lines();
    Json(json!({"lines": lines.iter().map(AsRef::as_ref).collect::<Vec<_>>()}))
}
