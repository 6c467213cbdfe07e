//! Notes beside a film, for programs: which print and history job it belongs to, and how it was made.
//!
//! A hidden file, because the UIs show every other file of that folder.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::{Film, Print};

#[derive(Serialize)]
struct Notes<'a> {
    /// Grows when a field changes its meaning.
    format: u32,
    moonlapse: &'static str,
    made_at: Timestamp,
    job_id: Option<&'a str>,
    session: Option<&'a str>,
    print_file: &'a str,
    print_started_at: Option<Timestamp>,
    print_ended_at: Option<Timestamp>,
    outcome: Option<&'static str>,
    #[serde(flatten)]
    film: &'a Film,
}

/// The notes of the film at `film`: `.<its name>.json`.
pub(super) fn path_of(film: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(film.file_name().unwrap_or_default());
    name.push(".json");
    film.with_file_name(name)
}

/// Writes them; what was there is replaced, because it spoke of a film that is gone.
pub(super) fn write(film: &Film, print: &Print, made_at: Timestamp) -> io::Result<()> {
    let notes = Notes {
        format: 1,
        moonlapse: env!("CARGO_PKG_VERSION"),
        made_at,
        job_id: print.job_id.as_deref(),
        session: print.session.as_deref(),
        print_file: &print.file,
        print_started_at: print.started_at,
        print_ended_at: print.ended_at,
        outcome: print.outcome.map(|outcome| outcome.as_str()),
        film,
    };
    fs::write(path_of(&film.path), serde_json::to_vec_pretty(&notes)?)
}
