//! The print that was filmed last, for who looks at the timelapse page, or asks for a film, after the agent was restarted.

use std::path::Path;

use tracing::warn;

use super::Conductor;
use super::events::LastFrame;
use crate::session::{Publisher, SessionId, Store, StoreError};

/// A print that is over, or that is about to go on.
#[derive(Debug)]
pub struct LastPrint {
    session: SessionId,
    /// Number of its last frame.
    number: u32,
}

/// Finds it, and shows its frames to the UIs again where they are gone: their folder is often a RAM disk. `None` without
/// any. Blocks on the disk.
#[must_use]
pub fn last_print(store: &Store, frame_path: &Path) -> Option<LastPrint> {
    let found = || -> Result<Option<LastPrint>, StoreError> {
        let Some(summary) = store.list()?.into_iter().find(|summary| summary.frames > 0) else { return Ok(None) };
        let frames = store.frames(&summary.session.id)?;
        let Some(last) = frames.last() else { return Ok(None) };
        let mut publisher = Publisher::open(frame_path, store.dir())?;
        if !publisher.shows(last) {
            publisher.resume(&frames)?;
        }
        Ok(Some(LastPrint { session: summary.session.id, number: last.number }))
    };
    found().unwrap_or_else(|problem| {
        warn!(error = %problem, "the UIs will not show the frames of the last print");
        None
    })
}

impl Conductor {
    /// Begins with what the last print left, until another one begins.
    pub fn remember(&mut self, LastPrint { session, number }: LastPrint) {
        self.last_frame = LastFrame { count: number, file: Publisher::name(number) };
        self.latest = Some(session);
    }
}
