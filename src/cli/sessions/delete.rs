//! `moonlapse sessions delete`.

use clap::Args;

use super::{StoreArgs, size};
use crate::cli::failure::Failure;
use crate::session::{Outcome, Queue, SessionId, SessionSummary, StoreError};

/// Delete the frames of a session for ever; the films made from it stay.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Full name of the session; several may be given.
    #[arg(required = true)]
    sessions: Vec<String>,
}

impl Delete {
    pub(super) fn run(self, args: &StoreArgs) -> Result<(), Failure> {
        let mut store = args.open(&args.settings()?)?;
        for name in &self.sessions {
            let id = SessionId::parse(name).ok_or_else(|| StoreError::NoSession { id: name.to_owned() })?;
            let SessionSummary { session, frames, bytes, .. } = store.summary(&id)?;
            if session.outcome == Outcome::Printing {
                return Err(
                    format!("Session {id} is still printing: it can be deleted when the print has ended").into()
                );
            }
            let queue = Queue::of(store.dir());
            for job in queue.list()?.iter().filter(|job| job.session == id) {
                queue.remove(job.id);
            }
            store.delete(&id)?;
            eprintln!("{id} deleted: {frames} frames, {}", size(bytes));
        }
        Ok(())
    }
}
