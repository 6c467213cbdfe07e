//! Films, archives and pictures, as they lie in the folder of the films; and new films of old prints.

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::error::{Answer, Problem};
use super::files::{Sent, encoded};
use super::sessions::session_id;
use super::settings::changed;
use super::{App, SharedApp, blocking, jobs};
use crate::conductor::films::Job;
use crate::config::Settings;
use crate::render::{DEFAULT, FilmSettings, Profile};
use crate::session::delete_film;

/// Notes beside a film are not larger.
const LARGEST_NOTES: u64 = 1 << 20;
/// How long the clerk may take to write a job down.
const NOTED: Duration = Duration::from_secs(10);

/// What a file is, by its ending.
fn kind_of(name: &str) -> Option<(&'static str, &'static str)> {
    let (stem, ending) = name.rsplit_once('.')?;
    if stem.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
        return None;
    }
    Some(match ending.to_ascii_lowercase().as_str() {
        "mp4" => ("film", "video/mp4"),
        "mkv" => ("film", "video/x-matroska"),
        "webm" => ("film", "video/webm"),
        "mov" => ("film", "video/quicktime"),
        "avi" => ("film", "video/x-msvideo"),
        "flv" => ("film", "video/x-flv"),
        "mpeg" | "mpg" | "vob" => ("film", "video/mpeg"),
        "gif" => ("film", "image/gif"),
        "webp" => ("film", "image/webp"),
        "jpg" | "jpeg" => ("picture", "image/jpeg"),
        "png" => ("picture", "image/png"),
        "zip" => ("archive", "application/zip"),
        _ => return None,
    })
}

fn no_such_film() -> Problem {
    Problem::not_found("There is no such film")
}

/// A file of the folder, which is no link to elsewhere.
fn path_of(folder: &FilePath, name: &str) -> Answer<(PathBuf, &'static str)> {
    let (_, media_type) = kind_of(name).ok_or_else(no_such_film)?;
    let path = folder.join(name);
    match path.symlink_metadata() {
        Ok(facts) if facts.is_file() => Ok((path, media_type)),
        _ => Err(no_such_film()),
    }
}

fn folder(app: &App) -> PathBuf {
    app.board.setup().settings.output_path.clone().into()
}

/// `GET /api/films`
pub(super) async fn list(State(app): State<SharedApp>) -> Answer<Json<Value>> {
    let folder = folder(&app);
    let films = blocking(move || Ok::<_, Problem>(list_of(&folder))).await?;
    Ok(Json(json!({"films": films})))
}

/// Newest first. A folder that is not there has none.
fn list_of(folder: &FilePath) -> Vec<Value> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut films: Vec<(Timestamp, Value)> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| film(folder, &entry.file_name().to_string_lossy()))
        .collect();
    films.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    films.into_iter().map(|(_, film)| film).collect()
}

fn film(folder: &FilePath, name: &str) -> Option<(Timestamp, Value)> {
    let (kind, media_type) = kind_of(name)?;
    let path = folder.join(name);
    let facts = path.metadata().ok()?;
    let modified = Timestamp::try_from(facts.modified().ok()?).ok()?;
    let notes = notes(folder, name).unwrap_or_default();
    let made_at = notes["made_at"].as_str().and_then(|at| at.parse().ok()).unwrap_or(modified);
    let picture = path.with_extension("jpg");
    let picture =
        picture.file_name().filter(|_| kind == "film" && picture.is_file()).map(|name| name.to_string_lossy());
    let note = |key: &str| notes.get(key).cloned().unwrap_or_default();
    let film = json!({
        "name": name, "kind": kind, "type": media_type, "bytes": facts.len(), "made_at": made_at,
        "session": note("session"), "print_file": note("print_file"), "frames": note("frames"),
        "duration_s": note("duration_s"), "fps": note("fps"), "profile": note("profile"),
        "warnings": note("warnings"), "picture": picture, "url": format!("/api/films/{}", encoded(name)),
    });
    Some((made_at, film))
}

/// What was noted when the film was made.
fn notes(folder: &FilePath, name: &str) -> Option<Value> {
    let path = folder.join(format!(".{name}.json"));
    let facts = path.symlink_metadata().ok()?;
    if !facts.is_file() || facts.len() > LARGEST_NOTES {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[derive(Deserialize)]
pub(super) struct How {
    download: Option<String>,
}

/// `GET /api/films/{name}`
pub(super) async fn send(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    Query(How { download }): Query<How>,
    asked: HeaderMap,
) -> Answer<Response> {
    let (path, media_type) = path_of(&folder(&app), &name)?;
    let save_as = (download.is_some() || media_type == "application/zip").then_some(name.as_str());
    Sent { path: &path, media_type, cache: "private, no-cache", etag: None, save_as }.answer(&asked).await
}

/// `DELETE /api/films/{name}`
pub(super) async fn delete(State(app): State<SharedApp>, Path(name): Path<String>) -> Answer<StatusCode> {
    let folder = folder(&app);
    let deleted = blocking(move || {
        let (path, _) = path_of(&folder, &name)?;
        match kind_of(&name) {
            Some(("film", _)) => delete_film(&path).map_err(Problem::from),
            _ => fs::remove_file(&path).map_err(|problem| Problem::failed(format_args!("{name} stays: {problem}"))),
        }
    });
    deleted.await?;
    app.board.sessions_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/profiles`
pub(super) async fn profiles(State(app): State<SharedApp>) -> Answer<Json<Value>> {
    let setup = app.board.setup();
    let (profiles, faults) = FilmSettings::from(&setup.settings).profiles().map_err(Problem::conflict)?;
    let row = |profile: &Profile| {
        let Profile { name, automatic, format, encoder, .. } = profile;
        let summary = format!("{}, {}", format.ending().trim_start_matches('.'), encoder.codec.name());
        json!({"name": name, "automatic": automatic, "summary": summary})
    };
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Ok(Json(json!({"profiles": profiles.iter().map(row).collect::<Vec<_>>(), "faults": faults})))
}

/// What a new film is to be like.
#[derive(Deserialize)]
pub(super) struct Wanted {
    profile: Option<String>,
    #[serde(default)]
    settings: Map<String, Value>,
}

/// `POST /api/sessions/{id}/films`
pub(super) async fn make(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    Body(Wanted { profile, settings }): Body<Wanted>,
) -> Answer<(StatusCode, Json<Value>)> {
    let id = session_id(&id)?;
    let session = id.clone();
    let (frames, view) = app
        .disk(move |store| {
            let summary = store.summary(&session)?;
            Ok((summary.frames, summary.reels.first().map(|reel| reel.reel.of.view).unwrap_or_default()))
        })
        .await?;
    if frames == 0 {
        return Err(Problem::conflict("There are no frames to make a film of"));
    }
    let mut settings = changed(&app.board.setup().settings, &settings)?;
    if settings.rotation == 0 && !settings.flip_x && !settings.flip_y {
        // As the webcam was shown when it was printed.
        (settings.rotation, settings.flip_x, settings.flip_y) = (view.rotation, view.flip_x, view.flip_y);
    }
    if let Some(profile) = profile {
        settings.profiles = only(&settings, &profile)?;
    }
    queue(&app, Job { session: id, film: true, archive: false, asked: true, settings }).await
}

/// Has a job written down, and waits for its number.
async fn queue(app: &App, job: Job) -> Answer<(StatusCode, Json<Value>)> {
    let (session, begun) = (job.session.clone(), app.clock.wall());
    let mut changes = app.films.follow();
    changes.mark_unchanged();
    app.films.make(job).map_err(Problem::busy)?;
    let noted = async {
        while changes.changed().await.is_ok() {
            let found = jobs::find(app, &session, begun).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Err(Problem::unavailable("The agent is stopping"))
    };
    // One that was done that fast has left the queue.
    let found = tokio::time::timeout(NOTED, noted).await.unwrap_or(Ok(None))?;
    Ok((StatusCode::ACCEPTED, Json(json!(found))))
}

/// The option `profiles` for a film of one profile only: one that the settings have, a preset, or words.
fn only(settings: &Settings, wanted: &str) -> Answer<String> {
    let wanted = wanted.trim();
    if wanted.is_empty() || wanted.len() > 2000 || wanted.contains(['\n', '\r']) {
        return Err(Problem::invalid("A profile is a name, or words on one line").field("profile"));
    }
    let (known, _) = FilmSettings::from(settings).profiles().map_err(Problem::conflict)?;
    let mut lines = Vec::new();
    for line in settings.profiles.lines().filter(|line| !line.trim().is_empty()) {
        let name = line.split(':').next().unwrap_or_default().trim();
        let automatic = if name == wanted { "yes" } else { "no" };
        lines.push(format!("{line} automatic={automatic}"));
    }
    if !known.iter().any(|profile| profile.name == wanted) {
        let first = wanted.split_whitespace().next().unwrap_or_default();
        let name = if first.contains('=') { "custom" } else { first };
        let base = known.first().ok_or_else(|| Problem::failed("There is no film to start from"))?;
        Profile::from_words(name, wanted, base).map_err(|problem| Problem::invalid(problem).field("profile"))?;
        lines.push(format!("{name}: {wanted} automatic=yes"));
    }
    // The last word on the default film changes none of those before.
    lines.push(format!("{DEFAULT}: automatic={}", if wanted == DEFAULT { "yes" } else { "no" }));
    let text = lines.join("\n");
    let chosen = Settings { profiles: text.clone(), ..settings.clone() };
    let (profiles, faults) = FilmSettings::from(&chosen).profiles().map_err(Problem::conflict)?;
    match profiles.iter().filter(|profile| profile.automatic).count() {
        1 => Ok(text),
        _ => {
            let why = faults.first().map_or_else(|| "there is no such profile".to_owned(), ToString::to_string);
            Err(Problem::invalid(why).field("profile"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(profiles: &str, wanted: &str) -> Result<Vec<String>, String> {
        let settings = Settings { profiles: profiles.to_owned(), ..Settings::default() };
        let text = only(&settings, wanted).map_err(|problem| format!("{problem:?}"))?;
        let (profiles, faults) = FilmSettings::from(&Settings { profiles: text, ..settings }).profiles().unwrap();
        assert_eq!(faults, []);
        Ok(profiles.into_iter().filter(|profile| profile.automatic).map(|profile| profile.name).collect())
    }

    #[test]
    fn one_profile_is_chosen_of_all() {
        let text = "wide: crop=16:9\nsmall: width=320 automatic=no\n";
        assert_eq!(chosen(text, "small"), Ok(vec!["small".to_owned()]));
        assert_eq!(chosen(text, "default"), Ok(vec!["default".to_owned()]));
        assert_eq!(chosen(text, "gif"), Ok(vec!["gif".to_owned()]));
        assert_eq!(chosen(text, "webm width=640"), Ok(vec!["webm".to_owned()]));
        assert_eq!(chosen(text, "width=640"), Ok(vec!["custom".to_owned()]));
        assert_eq!(chosen("default: width=640", "default"), Ok(vec!["default".to_owned()]));
        for odd in ["nonsense", "", "width=", "gif\nwide: x", "../x"] {
            assert!(chosen(text, odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_plain_files_of_a_known_kind_are_films() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::write(at.join("a.mp4"), "film").unwrap();
        fs::write(at.join(".b.mp4"), "film").unwrap();
        fs::write(at.join("c.txt"), "text").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at.join("d.mp4")).unwrap();
        fs::create_dir(at.join("e.mp4")).unwrap();
        let names: Vec<_> = list_of(at).iter().map(|film| film["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.mp4"]);
        assert!(path_of(at, "a.mp4").is_ok());
        for odd in [".b.mp4", "c.txt", "d.mp4", "e.mp4", "../a.mp4", "x/../a.mp4", "a.mp4/", "..", "", "a.mp4\0"] {
            assert!(path_of(at, odd).is_err(), "{odd:?}");
        }
    }
}
