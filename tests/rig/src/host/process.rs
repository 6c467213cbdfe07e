//! Child processes that end with the test, however it ends.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// Linux counts CPU time for `/proc` in hundredths of a second on every architecture.
const USER_HZ: f64 = 100.0;

/// A running child. It is killed when dropped, and by the kernel when this process dies.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Memory now, KiB.
    pub rss_kib: u64,
    /// The most memory so far, KiB.
    pub peak_rss_kib: u64,
    /// CPU time, s.
    pub cpu_seconds: f64,
}

impl Process {
    /// Starts `program`; what it prints is appended to `log`.
    ///
    /// # Errors
    ///
    /// When the log cannot be opened or the program cannot be started.
    pub fn spawn<A: AsRef<OsStr>, E: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        env: impl IntoIterator<Item = (E, E)>,
        folder: &Path,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let output = File::options().create(true).append(true).open(log).context("opening the log of a child")?;
        // `setpriv` replaces itself by the program, so the process id stays.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(args)
            .envs(env)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(output.try_clone().context("sharing the log of a child")?)
            .stdout(output);
        let child = spawn_from_lasting_thread(command).with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { child, name, log: log.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far; the empty text when it cannot be read.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it at once (SIGKILL) and waits for its end.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for the end of {}", self.name))?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Errors
    ///
    /// When it has not ended after `limit`.
    pub async fn stop(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        kill_process(self.raw_pid()?, Signal::TERM).with_context(|| format!("stopping {}", self.name))?;
        self.wait(limit).await
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it has not ended after `limit`.
    pub async fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let process = pidfd_open(self.raw_pid()?, PidfdFlags::empty())?;
        let limit_spec = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() };
        let wait = move || poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit_spec));
        if tokio::task::spawn_blocking(wait).await?? == 0 {
            bail!("{} has not ended after {limit:?}; it printed:\n{}", self.name, tail(&self.output(), 20));
        }
        Ok(self.child.wait()?)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Memory and CPU time, from `/proc`.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        usage_of(self.pid())
    }

    fn raw_pid(&self) -> anyhow::Result<Pid> {
        i32::try_from(self.pid()).ok().and_then(Pid::from_raw).ok_or_else(|| anyhow!("{} has no process id", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, and nobody is left to hear of anything else.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Memory and CPU time of any process, from `/proc`.
///
/// # Errors
///
/// When there is no such process.
pub fn usage_of(pid: u32) -> anyhow::Result<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("reading the memory of a process")?;
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("reading the CPU time of a process")?;
    // The name, in parentheses, may hold spaces. Of what follows it, user and system time are the fields 12 and 13.
    let after_name = stat.rsplit_once(')').map_or(stat.as_str(), |(_, rest)| rest);
    let ticks =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Ok(Usage {
        rss_kib: kib("VmRSS:").unwrap_or_default(),
        peak_rss_kib: kib("VmHWM:").unwrap_or_default(),
        cpu_seconds: ticks / USER_HZ,
    })
}

/// The last `lines` lines of `text`.
#[must_use]
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

type Job = (Command, SyncSender<std::io::Result<Child>>);

/// The kernel ends a child of ours when the *thread* that started it ends, so children are started by one that lasts.
fn spawn_from_lasting_thread(command: Command) -> anyhow::Result<Child> {
    static JOBS: OnceLock<std::sync::Mutex<SyncSender<Job>>> = OnceLock::new();
    let jobs = JOBS.get_or_init(|| {
        let (jobs, inbox) = sync_channel::<Job>(0);
        // Without the thread the sender below fails, and so does the start of the child.
        drop(std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            while let Ok((mut command, reply)) = inbox.recv() {
                drop(reply.send(command.spawn()));
            }
        }));
        jobs.into()
    });
    let (reply, answer) = sync_channel(1);
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
    jobs.send((command, reply)).map_err(|_| anyhow!("the thread that starts children is gone"))?;
    Ok(answer.recv().context("the thread that starts children is gone")??)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (tempfile::TempDir, Process) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let process = Process::spawn(Path::new("/bin/sh"), ["-c", script], [("A", "b")], folder.path(), &log).unwrap();
        (folder, process)
    }

    #[tokio::test]
    async fn the_output_and_the_exit_status_of_a_child_are_told() {
        let (_folder, mut process) = shell("echo out $A; echo err >&2; exit 3");
        let status = process.wait(Duration::from_secs(10)).await.unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(process.output(), "out b\nerr\n");
        assert!(!process.is_running());
    }

    #[tokio::test]
    async fn a_child_that_does_not_end_is_killed_with_its_handle() {
        let (_folder, mut process) = shell("trap '' TERM; while :; do sleep 0.1; done");
        assert!(process.wait(Duration::from_millis(50)).await.is_err());
        assert!(process.usage().unwrap().rss_kib > 0);
        let pid = process.pid();
        drop(process);
        assert!(usage_of(pid).is_err());
    }

    #[tokio::test]
    async fn a_child_outlives_the_thread_that_asked_for_it() {
        let (_folder, mut process) = std::thread::spawn(|| shell("sleep 60")).join().unwrap();
        assert!(process.wait(Duration::from_millis(50)).await.is_err());
        process.kill().unwrap();
    }
}
