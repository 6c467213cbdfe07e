//! Frames out and in: a zip of a session's frames, and sessions made of such zips.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
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
use crate::render::{ArchiveRequest, ImportError, ImportRequest, RenderError, archive, import};
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
    let (session, frames, misses) =
        app.disk(move |store| Ok((store.session(&session)?, store.frames(&session)?, store.misses(&session)?))).await?;
    let request = ArchiveRequest {
        session,
        frames,
        misses,
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
    let upload = receive(&app, request.into_body(), most).await?;
    let settings = app.board.setup().settings.clone();
    let reserve = u64::from(settings.disk_reserve) * 1_000_000;
    let (folder, settings) = (app.folder.clone(), serde_json::to_value(&settings).unwrap_or_default());
    let print_file = print_file.filter(|name| !name.is_empty() && name.len() < 500);
    let request =
        ImportRequest { source: upload.to_path_buf(), print_file: print_file.or(Some("import".to_owned())), settings };
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

/// Writes a body to a file, which goes with the answer.
async fn receive(app: &App, body: Body, most: u64) -> Answer<tempfile::TempPath> {
    let folder = app.folder.clone();
    let failed = |problem: std::io::Error| Problem::failed(format_args!("The archive cannot be stored: {problem}"));
    let file = blocking(move || tempfile::Builder::new().prefix(".upload-").suffix(".zip").tempfile_in(folder)).await;
    let (mut file, path) = file.map_err(failed)?.into_parts();
    let mut stream = body.into_data_stream();
    let mut size = 0;
    while let Some(chunk) = within(STALLED, "The upload", stream.next()).await? {
        let chunk = chunk.map_err(|_| Problem::bad_request("The upload did not come to its end"))?;
        size += chunk.len() as u64;
        if size > most {
            return Err(too_large(most));
        }
        file = blocking(move || file.write_all(&chunk).map(|()| file)).await.map_err(failed)?;
    }
    Ok(path)
}

/// What an earlier run left of archives that were cut short.
pub(super) fn remove_leftovers(folder: &PathBuf) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(".export-") {
            fs::remove_dir_all(entry.path()).ok();
        } else if name.starts_with(".upload-") {
            fs::remove_file(entry.path()).ok();
        }
    }
}
