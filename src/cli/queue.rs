//! `moonlapse queue`.

use std::process::ExitCode;

use clap::Args;

use super::failure::Failure;
use super::sessions::{StoreArgs, print};
use crate::session::{self, Job};

/// The films that wait to be made by the agent, one after the other.
///
/// A film whose making failed stays here with the reason until it is cancelled, or made by `moonlapse render` or from the
/// timelapse page.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moonlapse queue
  moonlapse queue --cancel 12          takes it out, also when it is being made; the frames stay
  moonlapse queue --cancel all")]
pub(super) struct Queue {
    #[command(flatten)]
    store: StoreArgs,
    /// Take a job out of the queue, by its number, or `all`.
    #[arg(long, value_name = "NUMBER")]
    cancel: Option<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl Queue {
    pub(super) fn run(self) -> ExitCode {
        let done = match &self.cancel {
            Some(which) => self.cancel(which),
            None => self.list(),
        };
        done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
    }

    fn queue(&self) -> Result<session::Queue, Failure> {
        let store = self.store.open(&self.store.settings()?)?;
        Ok(session::Queue::of(store.dir()))
    }

    fn list(&self) -> Result<(), Failure> {
        let jobs = self.queue()?.list()?;
        if self.json {
            let json = serde_json::to_string_pretty(&jobs);
            return print(&json.map_err(|error| Failure::Message(error.to_string()))?);
        }
        if jobs.is_empty() {
            return print("No films are waiting.");
        }
        let lines = jobs.iter().map(|job| format!("{:>4}  {}  {}", job.id, job.session, state(job)));
        print(&lines.collect::<Vec<_>>().join("\n"))
    }

    fn cancel(&self, which: &str) -> Result<(), Failure> {
        let queue = self.queue()?;
        let unknown =
            || Failure::Message(format!("There is no job {which:?} in the queue: `moonlapse queue` lists them"));
        if which == "all" {
            for job in queue.list()? {
                queue.remove(job.id);
                eprintln!("{} cancelled: {}", job.id, job.session);
            }
            return Ok(());
        }
        let id = which.parse().map_err(|_| unknown())?;
        let job = queue.get(id).ok_or_else(unknown)?;
        queue.remove(id);
        eprintln!("{id} cancelled: {}", job.session);
        Ok(())
    }
}

/// What is to be made, and how it stands.
pub(super) fn state(job: &Job) -> String {
    let what = match (job.film, job.archive) {
        (true, true) => "film and frames",
        (true, false) => "film",
        _ => "frames",
    };
    let how = match (job.failed, &job.problem) {
        (true, Some(problem)) => format!("failed: {problem}"),
        (true, None) => "failed".to_owned(),
        (false, Some(problem)) => format!("tried again later: {problem}"),
        (false, None) if job.attempts > 0 => "being made".to_owned(),
        (false, None) => "waiting".to_owned(),
    };
    format!("{what}, {how}")
}
