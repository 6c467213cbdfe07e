//! Progress of a render.

use std::io::{self, IsTerminal, Write};

use crate::render::Progress;

/// Shows progress on standard error: a bar on a terminal, else a line every ten percent.
pub(super) struct Meter {
    /// What is being made, where there are several.
    label: String,
    terminal: bool,
    shown: Option<u8>,
}

impl Meter {
    const WIDTH: usize = 40;

    pub(super) fn new(label: Option<String>) -> Self {
        let label = label.map(|label| format!("{label}: ")).unwrap_or_default();
        Self { label, terminal: io::stderr().is_terminal(), shown: None }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        let step = if self.terminal { progress.percent() } else { progress.percent() / 10 * 10 };
        if self.shown == Some(step) {
            return;
        }
        self.shown = Some(step);
        let mut stderr = io::stderr().lock();
        // A closed standard error must not end the render.
        let _shown = if self.terminal {
            write!(stderr, "\r{}{}", self.label, bar(progress)).and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{}{step} % ({} of {} frames)", self.label, progress.frame, progress.frames)
        };
    }

    pub(super) fn end(&self) {
        if self.terminal && self.shown.is_some() {
            eprintln!();
        }
    }
}

fn bar(progress: Progress) -> String {
    let full = Meter::WIDTH * usize::from(progress.percent()) / 100;
    let (bar, rest) = ("#".repeat(full), "-".repeat(Meter::WIDTH - full));
    format!("[{bar}{rest}] {:>3} % {}/{} frames", progress.percent(), progress.frame, progress.frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let at = |frame| bar(Progress { frame, frames: 200 });
        assert_eq!(at(0), "[----------------------------------------]   0 % 0/200 frames");
        assert_eq!(at(100), "[####################--------------------]  50 % 100/200 frames");
        assert_eq!(at(200), "[########################################] 100 % 200/200 frames");
    }
}
