//! What was said lately: the lines for Klipper's console, and the agent's own warnings and errors.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::conductor::SAID;

/// Lines that are kept.
const KEPT: usize = 300;
/// Lines that may wait for a viewer; a slower one misses the older of them.
const WAITING: usize = 64;
/// A longer line is cut, bytes.
const LONGEST: usize = 1000;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Rises.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// `info`, `warn` or `error`.
    pub level: &'static str,
    /// In a sentence.
    pub text: String,
}

/// The newest lines. Clones share them.
#[derive(Clone, Debug)]
pub struct Log {
    kept: Arc<Mutex<Kept>>,
    news: broadcast::Sender<Arc<Line>>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Arc<Line>>,
    next: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self { kept: Arc::default(), news: broadcast::Sender::new(WAITING) }
    }
}

impl Log {
    /// The lines that are kept, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<Arc<Line>> {
        self.kept().lines.iter().cloned().collect()
    }

    /// Every line from now on.
    pub(super) fn follow(&self) -> broadcast::Receiver<Arc<Line>> {
        self.news.subscribe()
    }

    fn add(&self, level: &'static str, mut text: String) {
        if text.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
            text.truncate(end);
            text.push_str(" ...");
        }
        let mut kept = self.kept();
        let line = Arc::new(Line { id: kept.next, at: Timestamp::now(), level, text });
        kept.next += 1;
        if kept.lines.len() == KEPT {
            kept.lines.pop_front();
        }
        kept.lines.push_back(Arc::clone(&line));
        drop(kept);
        // Nobody may be looking.
        self.news.send(line).ok();
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What [`Log`] wants to hear; for a filter of its own, whatever else is logged.
    #[must_use]
    pub fn wants(event: &Metadata<'_>) -> bool {
        event.target() == SAID || (event.target().starts_with("moonlapse") && *event.level() <= Level::WARN)
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if !Self::wants(event.metadata()) {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => "info",
        };
        self.add(level, text.message + &text.fields);
    }
}

/// An event in words.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, &format_args!("{value:?}"));
    }
}

impl Text {
    fn record(&mut self, field: &Field, value: &dyn fmt::Display) {
        // Writing to a String never fails.
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            // What went wrong belongs to the sentence.
            "error" | "reason" | "problem" => write!(self.message, ": {value}"),
            name => write!(self.fields, "; {name} {value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn logged(events: impl FnOnce()) -> Vec<(&'static str, String)> {
        let log = Log::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log.clone()), events);
        log.lines().iter().map(|line| (line.level, line.text.clone())).collect()
    }

    #[test]
    fn what_goes_to_the_console_and_what_is_wrong_is_kept() {
        let lines = logged(|| {
            tracing::info!("not of interest");
            tracing::debug!(target: SAID, "Timelapse: 3 frames planned");
            tracing::warn!(error = %"disk full", path = "/x", "the film failed");
        });
        let expected = [("info", "Timelapse: 3 frames planned"), ("warn", "the film failed: disk full; path /x")];
        assert_eq!(lines, expected.map(|(level, text)| (level, text.to_owned())));
    }

    #[test]
    fn only_the_newest_lines_are_kept_and_long_ones_are_cut() {
        let log = Log::default();
        (0..KEPT + 5).for_each(|i| log.add("info", i.to_string()));
        log.add("info", "ä".repeat(LONGEST));
        let lines = log.lines();
        assert_eq!((lines.len(), lines[0].id), (KEPT, 6));
        let last = &lines[KEPT - 1].text;
        assert!(last.len() < LONGEST + 10 && last.ends_with("ä ..."), "{}", last.len());
    }
}
