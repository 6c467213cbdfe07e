//! Frames out and in: a zip of a session's frames, and sessions made of such zips.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path as FilePath;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::error::{Answer, Problem};
use super::files::Sent;
use super::sessions::{Summary, session_id};
use super::{App, SharedApp, blocking, within};
use crate::render::{ArchiveRequest, ArchivedReel, ImportError, ImportRequest, RenderError, archive, import};
use crate::session::{Choices, Store};

/// A client that sends nothing for this long has gone.
const STALLED: Duration = Duration::from_secs(60);

/// `GET /api/sessions/{id}/archive.zip`
pub(super) async fn export(State(app): State<SharedApp>, Path(id): Path<String>, asked: HeaderMap) -> Answer<Response> {
    let id = session_id(&id)?;
    let _alone =
        app.archives.try_acquire().map_err(|_| Problem::busy("Another archive is being made: wait a moment"))?;
    let folder = tempfile::Builder::new().prefix(".export-").tempdir_in(&app.folder).map_err(Problem::failed)?;
    let session = id.clone();
    let found = app.disk(move |store| Ok((store.session(&session)?, ArchivedReel::all(store, &session)?)));
    let (session, reels) = found.await?;
    let bytes: u64 = reels.iter().flat_map(|reel| &reel.frames).map(|frame| frame.bytes).sum();
    if bytes > room(&app).await? {
        return Err(no_room());
    }
    let request = ArchiveRequest {
        session,
        reels,
        output_dir: folder.path().to_owned(),
        made_at: app.clock.wall().to_zoned(TimeZone::system()),
        time_format_code: app.board.setup().settings.time_format_code.clone(),
    };
    // A client that goes away ends it.
    let cancel = CancellationToken::new();
    let _cancel_with_us = cancel.clone().drop_guard();
    let made = blocking(move || archive(&request, &cancel)).await.map_err(|problem| match problem {
        RenderError::NoFrames => Problem::conflict("There are no frames to put into an archive"),
        other => Problem::failed(other),
    })?;
    let name = made.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Once it is open its name may go: the system keeps it for as long as it is being sent.
    let sent =
        Sent { path: &made.path, media_type: "application/zip", cache: "no-store", etag: None, save_as: Some(&name) };
    sent.answer(&asked).await
}

#[derive(Deserialize)]
pub(super) struct How {
    print_file: Option<String>,
}

/// `POST /api/sessions`
pub(super) async fn bring(
    State(app): State<SharedApp>,
    Query(How { print_file }): Query<How>,
    request: Request,
) -> Answer<(StatusCode, Json<Value>)> {
    let is_zip = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/zip");
    if !is_zip {
        return Err(Problem::unsupported("The body must be a zip, with Content-Type: application/zip"));
    }
    let most = u64::from(app.board.setup().settings.web_upload_mb) * 1_000_000;
    let told =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let _alone =
        app.archives.try_acquire().map_err(|_| Problem::busy("Another archive is being read: wait a moment"))?;
    let folder = app.folder.clone();
    let upload = blocking(move || tempfile::Builder::new().prefix(".upload-").tempdir_in(folder)).await;
    let upload = upload.map_err(Problem::failed)?;
    // What is left of an upload's name where the archive does not tell the print.
    let source = upload.path().join("import.zip");
    receive(&app, request.into_body(), &source, most).await?;
    let settings = app.board.setup().settings.clone();
    let reserve = u64::from(settings.disk_reserve) * 1_000_000;
    let (folder, settings) = (app.folder.clone(), serde_json::to_value(&settings).unwrap_or_default());
    let print_file = print_file.filter(|name| !name.is_empty() && name.len() < 500);
    let request = ImportRequest { source, print_file, settings };
    let cancel = CancellationToken::new();
    let _cancel_with_us = cancel.clone().drop_guard();
    let imported = blocking(move || {
        // Over a connection of its own, as it takes long.
        let mut store = Store::attach(folder)?;
        store.set_reserve(reserve);
        import(&mut store, &request, |_| {}, &cancel)
    });
    let imported = imported.await.map_err(|problem| match problem {
        ImportError::Store(problem) => problem.into(),
        ImportError::NotAZip { reason, .. } => {
            Problem::invalid(format_args!("This is no zip that can be read: {reason}"))
        }
        ImportError::NoFrames { .. } => Problem::invalid("There are no JPEG pictures in this zip"),
        ImportError::TooMany { .. } => Problem::invalid("There are too many pictures in this zip"),
        other => Problem::failed(other),
    })?;
    drop(upload);
    info!(session = %imported.session.session.id, frames = imported.session.frames, "archive imported by the page");
    app.board.sessions_changed();
    let skipped = imported.skipped.iter();
    let skipped: Vec<Value> = skipped.map(|one| json!({"path": one.path, "reason": one.reason})).collect();
    let summary = Summary::of(&imported.session, &Choices::default());
    Ok((StatusCode::CREATED, Json(json!({"session": summary, "skipped": skipped}))))
}

fn too_large(most: u64) -> Problem {
    let most = most / 1_000_000;
    Problem::too_large(format_args!("The archive is larger than {most} MB, see `web_upload_mb` in moonraker.conf"))
}

/// Writes a body to a file.
async fn receive(app: &App, body: Body, to: &FilePath, most: u64) -> Answer<()> {
    let room = room(app).await?;
    let failed = |problem: std::io::Error| Problem::failed(format_args!("The archive cannot be stored: {problem}"));
    let to = to.to_owned();
    let mut file = blocking(move || File::create(to)).await.map_err(failed)?;
    let mut stream = body.into_data_stream();
    let mut size = 0;
    while let Some(chunk) = within(STALLED, "The upload", stream.next()).await? {
        let chunk = chunk.map_err(|_| Problem::bad_request("The upload did not come to its end"))?;
        size += chunk.len() as u64;
        if size > most {
            return Err(too_large(most));
        }
        if size > room {
            return Err(no_room());
        }
        file = blocking(move || file.write_all(&chunk).map(|()| file)).await.map_err(failed)?;
    }
    Ok(())
}

/// Bytes that may be written before the printer's reserve is touched.
async fn room(app: &App) -> Answer<u64> {
    let reserve = u64::from(app.board.setup().settings.disk_reserve) * 1_000_000;
    let room = app.disk(|store| store.room()).await?;
    Ok(room.free.saturating_sub(reserve))
}

fn no_room() -> Problem {
    Problem::conflict("The disk has no room for the archive beside what is kept free for the printer (disk_reserve)")
}

/// What an earlier run left of archives that were cut short.
pub(super) fn remove_leftovers(folder: &FilePath) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(".export-") || name.starts_with(".upload-") {
            // What cannot be removed now is tried again at the next start.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}
