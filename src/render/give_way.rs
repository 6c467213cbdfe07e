//! When ffmpeg may run: at once when the printer is idle, and beside a print only while the host has time and memory
//! to spare.
//!
//! The host's load is what everything but programs with a nice value uses (`/proc/stat` counts those apart), so our own
//! ffmpeg never looks like load, and neither pressure stall information (off on Raspberry Pi OS) nor the slow load
//! average is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::statvfs;
use tokio::sync::watch;

/// How often a running ffmpeg is looked after.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// With so much of the processors' time in use by others a running ffmpeg is stopped ...
const BUSY: f64 = 0.75;
/// ... and with so little it goes on.
const CALM: f64 = 0.60;

/// Least available memory to start a segment with, bytes: x264 takes about 220 MB for 1920x1080.
const MEMORY_TO_START: u64 = 300 << 20;
/// With less than this a running ffmpeg gives its memory back.
const MEMORY_TO_RUN: u64 = 80 << 20;

/// Whether a print is under way, for whoever runs ffmpeg, and what the host has to spare then. The default knows of none.
#[derive(Clone, Debug)]
pub struct PrintWatch {
    printing: Option<watch::Receiver<bool>>,
    /// Where the kernel tells of load and memory.
    meters: PathBuf,
}

impl Default for PrintWatch {
    fn default() -> Self {
        Self { printing: None, meters: PathBuf::from("/proc") }
    }
}

impl PrintWatch {
    /// Follows what the sender says: true while a print is under way.
    #[must_use]
    pub fn following(printing: watch::Receiver<bool>) -> Self {
        Self { printing: Some(printing), ..Self::default() }
    }

    /// Reads `stat` and `meminfo` in this folder instead of `/proc`: a host as busy as a test wants it.
    #[must_use]
    pub fn with_meters(self, meters: impl Into<PathBuf>) -> Self {
        Self { meters: meters.into(), ..self }
    }

    /// Whether a print is under way now.
    pub(super) fn is_printing(&self) -> bool {
        self.printing.as_ref().is_some_and(|printing| *printing.borrow())
    }

    fn times(&self) -> Option<Times> {
        Times::parse(&fs::read_to_string(self.meters.join("stat")).ok()?)
    }

    fn available_memory(&self) -> Option<u64> {
        parse_available(&fs::read_to_string(self.meters.join("meminfo")).ok()?)
    }

    /// Whether there is memory enough to start a segment beside a print.
    pub(super) fn memory_to_start(&self) -> bool {
        self.available_memory().is_none_or(|bytes| bytes >= MEMORY_TO_START)
    }
}

/// What is to be done with a running ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Let it run.
    Run,
    /// Stop it for now.
    Hold,
    /// End it: there is too little memory.
    Yield,
}

/// Looks at the host from time to time.
#[derive(Debug, Default)]
pub(super) struct Governor {
    last: Option<Times>,
    holding: bool,
}

impl Governor {
    /// What is to be done now.
    pub(super) fn look(&mut self, print_watch: &PrintWatch) -> Verdict {
        if !print_watch.is_printing() {
            (self.last, self.holding) = (None, false);
            return Verdict::Run;
        }
        self.judge(print_watch.times(), print_watch.available_memory())
    }

    /// What cannot be read does not count.
    fn judge(&mut self, now: Option<Times>, memory: Option<u64>) -> Verdict {
        if memory.is_some_and(|bytes| bytes < MEMORY_TO_RUN) {
            return Verdict::Yield;
        }
        let load = self.last.zip(now).and_then(|(before, now)| now.load_since(before));
        self.last = now.or(self.last);
        match load {
            Some(load) if load > BUSY => self.holding = true,
            Some(load) if load < CALM => self.holding = false,
            _ => {}
        }
        if self.holding { Verdict::Hold } else { Verdict::Run }
    }
}

fn parse_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Free space that our user may fill in the file system of `path`, bytes; `None` when it cannot be told.
pub(super) fn free_space(path: &Path) -> Option<u64> {
    statvfs(path).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize))
}

/// Processor times since the start of the host, in ticks of all processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    /// Used by programs without a nice value, the kernel and its interrupts, and other guests of the machine.
    others: u64,
    all: u64,
}

impl Times {
    /// Reads the line `cpu  user nice system idle iowait irq softirq steal ...`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
        let mut next = || words.next()?.parse::<u64>().ok();
        let (user, nice, system, idle) = (next()?, next()?, next()?, next()?);
        let (iowait, irq, softirq, steal) = (next()?, next()?, next()?, next().unwrap_or(0));
        let others = user + system + irq + softirq + steal;
        Some(Self { others, all: others + nice + idle + iowait })
    }

    /// 0 to 1; `None` when no time has passed.
    fn load_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|&all| all > 0)?;
        Some(self.others.saturating_sub(before.others) as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_that_of_others() {
        let read = |text| Times::parse(text).unwrap();
        let before = read("cpu  100 50 30 800 20 0 0 0 0 0\ncpu0 1 1 1 1\n");
        // Of 100 ticks, 40 user, 30 nice (ours), 10 system, 20 idle.
        let now = read("cpu  140 80 40 820 20 0 0 0 0 0\n");
        assert_eq!(now.load_since(before), Some(0.5));
        assert_eq!(now.load_since(now), None);
        assert_eq!(Times::parse("intr 1 2"), None);
    }

    #[test]
    fn it_holds_while_others_are_busy_and_not_on_every_wobble() {
        let mut governor = Governor::default();
        let mut at = Times { others: 0, all: 0 };
        let mut after = |others| {
            at = Times { others: at.others + others, all: at.all + 100 };
            governor.judge(Some(at), Some(1 << 30))
        };
        let seen = [50, 80, 70, 61, 59, 74, 76].map(&mut after);
        use Verdict::{Hold, Run};
        assert_eq!(seen, [Run, Hold, Hold, Hold, Run, Run, Hold]);
    }

    #[test]
    fn it_gives_its_memory_back_and_runs_where_nothing_can_be_read() {
        assert_eq!(Governor::default().judge(None, Some(10 << 20)), Verdict::Yield);
        assert_eq!(Governor::default().judge(None, None), Verdict::Run);
        assert_eq!(parse_available("MemTotal: 9 kB\nMemAvailable:     512 kB\n"), Some(524_288));
    }

    #[test]
    fn without_a_print_it_never_holds() {
        let (printing, print_watch) = watch::channel(true);
        let print_watch = PrintWatch::following(print_watch);
        let mut governor = Governor { last: None, holding: true };
        assert!(print_watch.is_printing());
        printing.send_replace(false);
        assert_eq!(governor.look(&print_watch), Verdict::Run);
        assert_eq!(Governor::default().look(&PrintWatch::default()), Verdict::Run);
    }
}
