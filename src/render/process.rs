//! Runs one program to its end, or to its cancellation.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::command::shell_line;
use super::give_way::{Governor, LOOK_EVERY, PrintWatch, Verdict, free_space};
use super::{RenderError, Transcript};
use crate::process_group::ProcessGroup;

/// Longest line that is read in one piece.
const LINE_BYTES: usize = 4096;
/// How many of the last lines of standard error are kept.
const TAIL_LINES: usize = 30;
/// After a kill or an exit, what is left (reaping, the rest of standard error) takes no longer than this.
const AFTERMATH: Duration = Duration::from_secs(5);

/// How to run a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    /// The words before the program, from [`super::tools::prefix`].
    pub prefix: &'a [OsString],
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub args: &'a [OsString],
    /// Without an advance for this long it is killed; the time it is held up for a print does not count.
    pub stall_after: Duration,
    /// Whether it must give way to a print.
    pub print_watch: &'a PrintWatch,
    /// Where it writes, and how many bytes it must leave free there.
    pub leaves_free: Option<(&'a Path, u64)>,
}

impl Run<'_> {
    /// Runs it. Each line of its standard output goes to `on_line`, which says whether it shows an advance.
    ///
    /// Whether the exit status is a success is for the caller to judge. Dropping the future kills the process group.
    pub(super) async fn go(
        self,
        cancel: &CancellationToken,
        on_line: impl FnMut(&str) -> bool,
    ) -> Result<(ExitStatus, Transcript), RenderError> {
        self.go_with(Stdio::null(), cancel, on_line).await
    }

    /// As [`Self::go`], with something on its standard input.
    pub(super) async fn go_with(
        self,
        input: Stdio,
        cancel: &CancellationToken,
        mut on_line: impl FnMut(&str) -> bool,
    ) -> Result<(ExitStatus, Transcript), RenderError> {
        let mut child = self.spawn(input)?;
        let mut group = ProcessGroup::of(&child);
        let tail = tokio::spawn(tail(child.stderr.take()));
        let mut lines = child.stdout.take().map(Lines::new);
        let mut deadline = Instant::now() + self.stall_after;
        let mut governor = Governor::default();
        let mut held = false;
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);

        let status = loop {
            let next_line = async {
                match &mut lines {
                    Some(lines) => lines.next().await,
                    None => None,
                }
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => break Err(RenderError::Cancelled),
                _ = looks.tick() => {
                    if let Some(error) = self.no_room() {
                        break Err(error);
                    }
                    let hold = match governor.look(self.print_watch) {
                        Verdict::Run => false,
                        Verdict::Hold => true,
                        Verdict::Yield => break Err(RenderError::NoMemory),
                    };
                    if hold != held {
                        tracing::debug!(hold, "ffmpeg gives way to a print");
                        group.signal(if hold { Signal::STOP } else { Signal::CONT });
                        held = hold;
                    }
                    if held {
                        deadline = Instant::now() + self.stall_after;
                    }
                }
                line = timeout_at(deadline, next_line) => match line {
                    Ok(Some(line)) => {
                        if on_line(&line) {
                            deadline = Instant::now() + self.stall_after;
                        }
                    }
                    Ok(None) => break self.exit(&mut child, deadline, cancel).await,
                    Err(_) => break Err(self.stalled()),
                },
            }
        };
        if status.is_err() {
            group.kill();
            let _reaped = timeout(AFTERMATH, child.wait()).await;
        }
        group.disarm();
        let stderr = timeout(AFTERMATH, tail).await.ok().and_then(Result::ok).unwrap_or_default();
        let transcript = Transcript { command: shell_line(self.program, self.args), stderr };
        match status {
            Ok(status) => Ok((status, transcript)),
            Err(RenderError::Stalled { after, .. }) => Err(RenderError::Stalled { after, transcript }),
            Err(error) => Err(error),
        }
    }

    fn spawn(&self, input: Stdio) -> Result<Child, RenderError> {
        let mut words = self.prefix.iter().map(OsString::as_os_str).chain([self.program.as_os_str()]);
        let first = words.next().unwrap_or(self.program.as_os_str());
        let child = Command::new(first)
            .args(words)
            .args(self.args)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // English messages, whatever the host speaks: they are read by `RenderError::of_stderr`.
            .env("LC_ALL", "C")
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| RenderError::Start { program: self.program.to_owned(), source })?;
        if let Some(id) = child.id() {
            // When memory runs out, the kernel shall take this process, not Klipper. Where it cannot be set, no matter.
            let _best_effort = std::fs::write(format!("/proc/{id}/oom_score_adj"), "1000");
        }
        Ok(child)
    }

    /// Waits for the end of a process that has closed its output.
    async fn exit(
        &self,
        child: &mut Child,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, RenderError> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(RenderError::Cancelled),
            status = timeout_at(deadline, child.wait()) => match status {
                Ok(status) => {
                    status.map_err(|source| RenderError::Start { program: self.program.to_owned(), source })
                }
                Err(_) => Err(self.stalled()),
            },
        }
    }

    /// The error, when the disk it writes to is nearly full.
    fn no_room(&self) -> Option<RenderError> {
        let (folder, reserve) = self.leaves_free?;
        (free_space(folder)? < reserve).then(|| RenderError::DiskFull { path: folder.to_owned() })
    }

    fn stalled(&self) -> RenderError {
        RenderError::Stalled { after: self.stall_after, transcript: Transcript::default() }
    }
}

/// Turns a bad exit status into its error.
pub(super) fn check(status: ExitStatus, transcript: Transcript, output_dir: &Path) -> Result<Transcript, RenderError> {
    match status.signal() {
        _ if status.success() => Ok(transcript),
        Some(signal) => Err(RenderError::Killed { signal, transcript }),
        None => Err(RenderError::of_stderr(transcript, output_dir)),
    }
}

/// Reads standard error to its end and keeps the last lines.
async fn tail(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = VecDeque::new();
    if let Some(mut lines) = stderr.map(Lines::new) {
        while let Some(line) = lines.next().await {
            if kept.len() == TAIL_LINES {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    }
    Vec::from(kept).join("\n")
}

/// Lines of a program's output: whatever bytes they hold (file names need not be text), and however long they are.
struct Lines<R> {
    source: R,
    unread: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(source: R) -> Self {
        Self { source, unread: Vec::new() }
    }

    /// The next line; `None` at the end, or when reading fails.
    async fn next(&mut self) -> Option<String> {
        loop {
            let piece = self.unread.get(..LINE_BYTES).unwrap_or(&self.unread);
            let end = memchr::memchr(b'\n', piece).or((piece.len() == LINE_BYTES).then_some(LINE_BYTES - 1));
            if let Some(end) = end {
                let rest = self.unread.split_off(end + 1);
                let line = std::mem::replace(&mut self.unread, rest);
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if !matches!(self.source.read_buf(&mut self.unread).await, Ok(1..)) {
                let last = std::mem::take(&mut self.unread);
                return (!last.is_empty()).then(|| String::from_utf8_lossy(&last).into_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_of_any_bytes_and_any_length_are_read() {
        let mut text = b"one\n\xFFtwo\n".to_vec();
        text.extend(vec![b'x'; LINE_BYTES + 10]);
        text.extend(b"\nlast");
        let mut lines = Lines::new(text.as_slice());
        let mut found = Vec::new();
        while let Some(line) = lines.next().await {
            found.push(line);
        }
        assert_eq!(found[..2], ["one", "\u{FFFD}two"]);
        assert_eq!(found[2].len(), LINE_BYTES);
        assert_eq!(found[3..], ["xxxxxxxxxx", "last"]);
    }
}
