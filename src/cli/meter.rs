//! Progress on standard error: a bar on a terminal, else a line every ten percent.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::render::Progress;

/// A valid template; a test looks.
const BAR: &str = "{prefix}[{bar:40}] {percent:>3} %  {pos}/{len} frames, {eta} left";

/// Shows how far something is.
pub(super) struct Meter {
    bar: Option<ProgressBar>,
    /// What is being made, where there are several.
    label: String,
    shown: Option<u8>,
}

impl Meter {
    /// `label` says what is being made, where there are several.
    pub(super) fn new(label: Option<String>) -> Self {
        let label = label.map(|label| format!("{label}: ")).unwrap_or_default();
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.with_style(style.progress_chars("##-")).with_prefix(label.clone())
        });
        Self { bar, label, shown: None }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        let Progress { frame, frames } = progress;
        if let Some(bar) = &self.bar {
            bar.set_length(frames.into());
            bar.set_position(frame.into());
            return;
        }
        let step = progress.percent() / 10 * 10;
        if self.shown.replace(step) != Some(step) {
            // A closed standard error must not end the work.
            let _shown = writeln!(io::stderr(), "{}{step} % ({frame} of {frames} frames)", self.label);
        }
    }

    /// Takes the bar away; the summary comes in its place.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_of_the_bar_is_valid() {
        ProgressStyle::with_template(BAR).unwrap();
    }
}
