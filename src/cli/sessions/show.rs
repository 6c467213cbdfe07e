//! `moonlapse sessions show`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{StoreArgs, print, size, to_json};
use crate::cli::failure::Failure;
use crate::session::{FilmRecord, Job, Miss, Queue, SessionSummary};

/// Show what is known about one session.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// A session's name, an unambiguous beginning of it, or `latest`.
    session: String,
}

/// All of it, for scripts.
#[derive(Serialize)]
struct Details {
    #[serde(flatten)]
    summary: SessionSummary,
    missed: Vec<Miss>,
    /// Size of the parts of films in the making.
    segment_bytes: u64,
    queued: Vec<Job>,
}

impl Show {
    pub(super) fn run(self, args: &StoreArgs, json: bool) -> Result<(), Failure> {
        let store = args.open(&args.settings()?)?;
        let id = store.find(&self.session)?.id;
        let mut queued = Queue::of(store.dir()).list()?;
        queued.retain(|job| job.session == id);
        let details = Details {
            summary: store.summary(&id)?,
            missed: store.misses(&id)?,
            segment_bytes: size_of_folder(&store.segments_dir(&id)),
            queued,
        };
        let text = if json { to_json(&details)? } else { describe(&details, &TimeZone::system()) };
        print(&text)
    }
}

fn describe(details: &Details, zone: &TimeZone) -> String {
    let Details { summary, missed, segment_bytes, queued } = details;
    let SessionSummary { session, frames, lost, bytes, films, .. } = summary;
    let time = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing into a String cannot fail.
        let _infallible = writeln!(text, "{name:<10}{value}");
    };
    line("Session", session.id.to_string());
    line("File", if session.print_file.is_empty() { "-".into() } else { session.print_file.clone() });
    line("Camera", session.camera.clone().unwrap_or_else(|| "-".into()));
    line("Started", time(session.started_at));
    let outcome = session.outcome.as_str();
    line("Ended", session.ended_at.map_or_else(|| outcome.to_owned(), |at| format!("{}, {outcome}", time(at))));
    let lost = if *lost == 0 { String::new() } else { format!(", {lost} lost") };
    line("Frames", format!("{frames}{lost}, {}", size(*bytes)));
    for (reason, count) in reasons(missed) {
        line("Missed", format!("{count}: {reason}"));
    }
    if *segment_bytes > 0 {
        line("Prepared", format!("{} of the film", size(*segment_bytes)));
    }
    for FilmRecord { file, made_at, frames, duration_s, bytes } in films {
        let gone = if file.exists() { "" } else { " (not there any more)" };
        line("Film", format!("{}{gone}", file.display()));
        line("", format!("{frames} frames, {duration_s:.2} s, {}, made {}", size(*bytes), time(*made_at)));
    }
    for job in queued {
        line("Queued", format!("{} {}", job.id, super::super::queue::state(job)));
    }
    text
}

/// How often each reason occurs, the most frequent first.
fn reasons(missed: &[Miss]) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for miss in missed {
        *counts.entry(&miss.reason).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    counts
}

fn size_of_folder(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(file) if file.is_dir() => size_of_folder(&entry.path()),
        file => file.map_or(0, |file| file.len()),
    };
    entries.map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Outcome, Session, SessionId};

    #[test]
    fn everything_is_shown() {
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        let id = SessionId::parse("20261123-153042_benchy").unwrap();
        let miss = |reason: &str| Miss { at: at(9), reason: reason.into(), ..Miss::default() };
        let details = Details {
            summary: SessionSummary {
                session: Session {
                    id: id.clone(),
                    print_file: "benchy.gcode".into(),
                    job_id: None,
                    started_at: at(0),
                    ended_at: Some(at(7200)),
                    outcome: Outcome::Cancelled,
                    camera: Some("nozzle".into()),
                    settings: serde_json::Value::Null,
                    layers: None,
                },
                frames: 100,
                lost: 1,
                misses: 3,
                bytes: 20_000_000,
                films: vec![FilmRecord {
                    file: "/nowhere/timelapse.mp4".into(),
                    made_at: at(7300),
                    frames: 105,
                    duration_s: 3.5,
                    bytes: 4_000_000,
                }],
                reels: vec![],
            },
            missed: vec![miss("the camera is gone"), miss("late"), miss("the camera is gone")],
            segment_bytes: 0,
            queued: vec![Job {
                id: 7,
                session: id,
                film: true,
                archive: false,
                asked: false,
                settings: serde_json::Value::Null,
                created_at: at(7400),
                attempts: 1,
                problem: Some("The disk is full".into()),
                failed: false,
                claims: vec![],
            }],
        };
        insta::assert_snapshot!(describe(&details, &TimeZone::UTC), @r"
        Session   20261123-153042_benchy
        File      benchy.gcode
        Camera    nozzle
        Started   2026-11-18 11:06:40
        Ended     2026-11-18 13:06:40, cancelled
        Frames    100, 1 lost, 19.1 MiB
        Missed    2: the camera is gone
        Missed    1: late
        Film      /nowhere/timelapse.mp4 (not there any more)
                  105 frames, 3.50 s, 3.8 MiB, made 2026-11-18 13:08:20
        Queued    7 film, tried again later: The disk is full
        ");
    }
}
