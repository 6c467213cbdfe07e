//! Frames as JPEGs, as the camera sent them.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::SharedApp;
use super::error::{Answer, Problem};
use super::files::Sent;
use super::sessions::{self, ReelPath};
use crate::session::{Frame, SessionId};

/// A stored frame never changes.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// `GET /api/sessions/{id}/reels/{reel}/frames/{number}.jpg`
pub(super) async fn frame(
    State(app): State<SharedApp>,
    Path((session, reel, file)): Path<(String, String, String)>,
    asked: HeaderMap,
) -> Answer<Response> {
    let ReelPath { session, reel } = ReelPath::of(&session, &reel)?;
    let number = file.strip_suffix(".jpg").and_then(|number| number.parse::<u32>().ok());
    let number = number.ok_or_else(sessions::no_such_frame)?;
    let id = session.clone();
    let frame = app.disk(move |store| store.frame(&id, reel, number)).await?;
    let frame = frame.ok_or_else(sessions::no_such_frame)?;
    send(&session, &frame, FOR_EVER, &asked).await
}

/// `GET /api/cameras/{index}/latest.jpg`
pub(super) async fn latest(
    State(app): State<SharedApp>,
    Path(index): Path<String>,
    asked: HeaderMap,
) -> Answer<Response> {
    let setup = app.board.setup();
    let camera = index.parse::<usize>().ok().and_then(|index| setup.cameras.get(index));
    let camera = camera.ok_or_else(|| Problem::not_found("There is no such camera"))?;
    let newest = app.newest.frames();
    let newest = newest.iter().find(|newest| newest.is_of(camera));
    let newest = newest.ok_or_else(|| Problem::not_found("This camera has taken no frame yet"))?;
    send(&newest.session, &newest.frame, "no-cache", &asked).await
}

async fn send(session: &SessionId, frame: &Frame, cache: &'static str, asked: &HeaderMap) -> Answer<Response> {
    let Frame { reel, number, bytes, path, .. } = frame;
    // Names of sessions may have letters that a header cannot.
    let session = crc32fast::hash(session.as_str().as_bytes());
    let etag = Some(format!("\"{session:08x}-{reel}-{number}-{bytes}\""));
    Sent { path, media_type: "image/jpeg", cache, etag, save_as: None }.answer(asked).await
}
