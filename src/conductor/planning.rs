//! Reads the file that is printed and plans its frames, beside everything else.
//!
//! The file is read where it lies when Klipper runs on this host, else it is downloaded from Moonraker.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};
use url::Url;

use super::scheme::Scheme;
use super::{Event, Workshop};
use crate::annotate::{read_mark, turns_off};
use crate::gcode::engine::{Engine, Event as LineEvent};
use crate::gcode::scan::read_lines;
use crate::gcode::slicer::Settings as SlicerSettings;
use crate::planner::{Issue, Plan, Planner};

/// A download that brings nothing for this long has failed.
const STALLED: Duration = Duration::from_secs(30);
/// A file that is larger is not downloaded, bytes.
const LARGEST: u64 = 4 << 30;

/// Where Moonraker's G-code files can be downloaded.
#[derive(Clone, Debug, Default)]
pub struct Downloads {
    /// Moonraker over HTTP; `None` where only its unix socket is known, and its files lie on this host.
    pub base: Option<Url>,
    /// For a Moonraker that does not trust this host.
    pub api_key: Option<String>,
    /// Where a file is kept while it is read.
    pub folder: PathBuf,
}

/// Which file, and how to plan it.
#[derive(Debug)]
pub(super) struct Request {
    /// As Moonraker names it, relative to the root `gcodes`.
    pub(super) name: String,
    /// Where Klipper has it, and how large it is, bytes.
    pub(super) local: Option<(PathBuf, u64)>,
    /// How.
    pub(super) scheme: Scheme,
    /// Comes back with the answer: a plan for an earlier print is thrown away.
    pub(super) print: u64,
}

/// What a file turned out to be.
#[derive(Debug)]
pub struct Planned {
    /// Its frames.
    pub plan: Plan,
    /// How often it asks for a frame itself.
    pub calls: u32,
    /// Its calls were put into it by us, at planned places.
    pub annotated: bool,
    /// It says `; timelapse: off`.
    pub switched_off: bool,
}

/// Why a file could not be planned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanningError {
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{name} could not be downloaded from Moonraker: {reason}")]
    Download { name: String, reason: String },
    #[error("{name} does not lie on this host, and Moonraker is known by its unix socket only")]
    Elsewhere { name: String },
}

/// Starts planning; [`Event::Planned`] brings the answer. Dropping the handle stops it.
pub(super) fn start(request: Request, workshop: &Workshop) -> AbortOnDropHandle<()> {
    let Workshop { downloads, events, clock, .. } = workshop.clone();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let Request { name, local, scheme, print } = request;
        let begun = clock.monotonic();
        let outcome = read(&name, local, scheme, &downloads).await;
        match &outcome {
            Ok(Planned { plan, calls, .. }) => {
                let took_ms = (clock.monotonic().secs_since(begun) * 1000.0).round();
                info!(file = name, frames = plan.snapshots.len(), layers = plan.totals.layers, calls, mode = %plan.mode,
                    added_s = plan.totals.added_s.round(), took_ms, "planned");
            }
            Err(problem) => debug!(file = name, error = %problem, "not planned"),
        }
        let outcome = outcome.map(Box::new).map_err(|problem| problem.to_string());
        // The agent is on its way out when nobody listens.
        events.send(Event::Planned { print, outcome }).await.ok();
    }))
}

async fn read(
    name: &str,
    local: Option<(PathBuf, u64)>,
    scheme: Scheme,
    downloads: &Downloads,
) -> Result<Planned, PlanningError> {
    let file = locate(name, local, downloads).await?;
    let planning = tokio::task::spawn_blocking(move || {
        plan(&file.path, scheme, |_| {}).map_err(|source| PlanningError::Read { path: file.path.clone(), source })
    });
    match planning.await {
        Ok(planned) => planned,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// A file that can be read here.
#[derive(Debug)]
pub(crate) struct Located {
    /// Where.
    pub(crate) path: PathBuf,
    /// It goes with this.
    _downloaded: Option<Fetched>,
}

/// Finds a file of Moonraker's root `gcodes`: where Klipper has it (and its size, bytes), else by downloading it.
pub(crate) async fn locate(
    name: &str,
    local: Option<(PathBuf, u64)>,
    downloads: &Downloads,
) -> Result<Located, PlanningError> {
    // The same path may exist on two hosts; the size tells them apart well enough.
    let here = local.filter(|(path, size)| path.metadata().is_ok_and(|m| m.is_file() && m.len() == *size));
    match (here, &downloads.base) {
        (Some((path, _)), _) => Ok(Located { path, _downloaded: None }),
        (None, Some(base)) => {
            let file = download(name, base, downloads).await?;
            Ok(Located { path: file.0.clone(), _downloaded: Some(file) })
        }
        (None, None) => Err(PlanningError::Elsewhere { name: name.to_owned() }),
    }
}

/// Plans a file; `each` sees its lines, too.
pub(crate) fn plan(path: &Path, scheme: Scheme, mut each: impl FnMut(&LineEvent<'_>)) -> io::Result<Planned> {
    let mut file = File::open(path)?;
    let slicer = SlicerSettings::from_file(&mut file)?;
    file.seek(SeekFrom::Start(0))?;
    let mut engine = Engine::new(scheme.engine.with_settings(&slicer));
    let mut planner = Planner::new(scheme.planner);
    let mut switched_off = false;
    read_lines(&mut file, |raw| {
        let event = engine.line(raw);
        switched_off |= event.comment.is_some_and(turns_off);
        planner.line(&event);
        each(&event);
    })?;
    let plan = planner.finish(&engine).into_iter().next();
    let plan = plan.ok_or_else(|| io::Error::other("the planner was given no track"))?;
    let calls = plan.issues.iter().find_map(|i| if let Issue::OwnCalls { calls } = i { Some(*calls) } else { None });
    file.seek(SeekFrom::Start(0))?;
    let annotated = read_mark(&mut file)?.is_some();
    Ok(Planned { calls: calls.unwrap_or(0), plan, annotated, switched_off })
}

/// A file that is removed when nobody reads it any more.
#[derive(Debug)]
struct Fetched(PathBuf);

impl Drop for Fetched {
    fn drop(&mut self) {
        if let Err(problem) = std::fs::remove_file(&self.0) {
            debug!(path = %self.0.display(), error = %problem, "a downloaded file was not removed");
        }
    }
}

/// Two may be read at a time.
fn temporary_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(".planning-{}-{}.gcode", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn download(name: &str, base: &Url, downloads: &Downloads) -> Result<Fetched, PlanningError> {
    let failed = |reason: String| PlanningError::Download { name: name.to_owned(), reason };
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| failed(format!("{base} is no address")))?
        .pop_if_empty()
        .extend(["server", "files", "gcodes"])
        .extend(name.split('/'));
    let client = reqwest::Client::builder().read_timeout(STALLED).build().map_err(|e| failed(e.to_string()))?;
    let mut request = client.get(url);
    if let Some(key) = &downloads.api_key {
        let mut key = HeaderValue::from_str(key).map_err(|e| failed(e.to_string()))?;
        key.set_sensitive(true);
        request = request.header("X-Api-Key", key);
    }
    let mut answer =
        request.send().await.and_then(reqwest::Response::error_for_status).map_err(|e| failed(e.to_string()))?;
    let unwritable = |source: io::Error| failed(format!("{}: {source}", downloads.folder.display()));
    let fetched = Fetched(downloads.folder.join(temporary_name()));
    let mut file = File::create(&fetched.0).map_err(unwritable)?;
    let mut size = 0;
    while let Some(chunk) = answer.chunk().await.map_err(|e| failed(e.to_string()))? {
        size += chunk.len() as u64;
        if size > LARGEST {
            return Err(failed(format!("it is larger than {LARGEST} bytes")));
        }
        file.write_all(&chunk).map_err(unwritable)?;
    }
    Ok(fetched)
}
