//! `moonlapse sessions`.

mod delete;
mod export;
mod import;
mod show;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::paths::DataPath;
use crate::config::expand_home;
use crate::config::{Layer, Settings, merge, read_moonraker_conf};
use crate::session::{SessionSummary, Store, StoreError};

/// The stored prints: list, show, export, import and delete them.
///
/// Every print is a session: a folder of frames that stays until it is deleted, whether a film was made from it or not.
/// `moonlapse render` makes a film from any of them. All of this works while the agent runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moonlapse sessions                   the newest first
  moonlapse sessions --json            everything that is known, for scripts
  moonlapse sessions show latest       frames, misses with their reasons, films
  moonlapse sessions export latest     the frames as a zip
  moonlapse sessions import FILE.zip   such a zip, moonraker-timelapse's frames, or a folder of JPEGs
  moonlapse sessions delete 20261123-153042_benchy
                                       frees the space of its frames; its films stay")]
pub(super) struct Sessions {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    store: StoreArgs,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(show::Show),
    Export(export::Export),
    Import(import::Import),
    Delete(delete::Delete),
}

/// Where the frame store is.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(flatten)]
    data: DataPath,
    /// The frame store, when it is neither `moonlapse` in the data folder nor at `session_path` of moonraker.conf.
    #[arg(long, value_name = "FOLDER", global = true)]
    store: Option<String>,
}

impl StoreArgs {
    /// The settings of moonraker.conf and the environment; without a readable moonraker.conf those of the environment.
    pub(super) fn settings(&self) -> Result<Settings, String> {
        let file = read_moonraker_conf(&self.data.moonraker_conf()).ok();
        let environment = Layer::environment(std::env::vars());
        let merged = merge(file.iter().chain([&environment])).map_err(|error| error.to_string())?;
        Ok(merged.settings)
    }

    /// Opens the store beside the agent. A store that is not there is an error, and is not created.
    pub(super) fn open(&self, settings: &Settings) -> Result<Store, String> {
        let dir = match (&self.store, settings.session_path.as_str()) {
            (Some(store), _) => expand_home(store),
            (None, "") => self.data.store(),
            (None, session_path) => expand_home(session_path),
        };
        if !dir.is_dir() {
            let dir = dir.display();
            return Err(format!("There is no frame store at {dir}: name Moonraker's data folder with --data-path"));
        }
        Store::attach(dir).map_err(|error: StoreError| error.to_string())
    }
}

impl Sessions {
    pub(super) fn run(self) -> ExitCode {
        let Self { action, store, json } = self;
        let done = match action {
            None => list(&store, json),
            Some(Action::Show(show)) => show.run(&store, json),
            Some(Action::Export(export)) => export.run(&store),
            Some(Action::Import(import)) => import.run(&store),
            Some(Action::Delete(delete)) => delete.run(&store),
        };
        done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
    }
}

fn list(store: &StoreArgs, json: bool) -> Result<(), Failure> {
    let sessions = store.open(&store.settings()?)?.list()?;
    let text = if json {
        to_json(&sessions)?
    } else if sessions.is_empty() {
        "No sessions yet: the next print makes one.".to_owned()
    } else {
        format!("{}{}", table(&sessions), total(&sessions))
    };
    print(&text)
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::Message(error.to_string()))
}

/// To standard output, which may be closed early, as by `head`.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn total(sessions: &[SessionSummary]) -> String {
    let bytes = sessions.iter().map(|summary| summary.bytes).sum();
    let plural = if sessions.len() == 1 { "" } else { "s" };
    format!("{} session{plural}, {} of frames", sessions.len(), size(bytes))
}

/// Columns as wide as their widest value, numbers to the right.
fn table(sessions: &[SessionSummary]) -> String {
    const NUMBERS: [bool; 7] = [false, false, false, true, true, true, true];
    let header = ["SESSION", "FILE", "OUTCOME", "FRAMES", "MISSES", "SIZE", "FILMS"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(header).chain(sessions.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..NUMBERS.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for ((value, &width), number) in row.iter().zip(&widths).zip(NUMBERS) {
            let cell = if number { format!("{value:>width$}  ") } else { format!("{value:<width$}  ") };
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(summary: &SessionSummary) -> [String; 7] {
    let SessionSummary { session, frames, lost, misses, bytes, films, reels } = summary;
    let mut frames = frames.to_string();
    // Those of the other cameras.
    for reel in reels.iter().skip(1) {
        frames += &format!("+{}", reel.frames);
    }
    if *lost > 0 {
        frames += &format!(" ({lost} lost)");
    }
    [
        session.id.to_string(),
        if session.print_file.is_empty() { "-".to_owned() } else { session.print_file.clone() },
        session.outcome.as_str().to_owned(),
        frames,
        misses.to_string(),
        size(*bytes),
        films.len().to_string(),
    ]
}

/// `18.3 MiB`.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Outcome, Session, SessionId};

    #[test]
    fn the_table_lines_up() {
        let summary = |id: &str, file: &str, frames, lost, bytes| SessionSummary {
            session: Session {
                id: SessionId::parse(id).unwrap(),
                print_file: file.into(),
                job_id: None,
                started_at: jiff::Timestamp::UNIX_EPOCH,
                ended_at: None,
                outcome: Outcome::Complete,
                camera: None,
                settings: serde_json::Value::Null,
                layers: None,
            },
            frames,
            lost,
            misses: 2,
            bytes,
            films: vec![],
            reels: vec![],
        };
        let sessions = [
            summary("20261123-153042_schlüssel", "parts/schlüssel.gcode", 1200, 0, 3_500_000_000),
            summary("20261123-093000_benchy", "", 7, 1, 900),
        ];
        insta::assert_snapshot!(table(&sessions), @r"
        SESSION                    FILE                   OUTCOME       FRAMES  MISSES     SIZE  FILMS
        20261123-153042_schlüssel  parts/schlüssel.gcode  complete        1200       2  3.3 GiB      0
        20261123-093000_benchy     -                      complete  7 (1 lost)       2    900 B      0
        ");
    }
}
