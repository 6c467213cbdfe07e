//! Where the programs are, and how they are started: at the lowest priority, so that a print never feels them.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::process::Run;
use super::{PrintWatch, RenderError};

/// How long it may take to tell its version.
const VERSION_TIME: Duration = Duration::from_secs(10);

/// The programs that make films.
#[derive(Clone, Debug)]
pub struct Tools {
    /// A path, or a name that is looked up in `PATH`.
    pub ffmpeg: PathBuf,
    /// As `ffmpeg`. When it is missing, ffmpeg checks its own films.
    pub ffprobe: PathBuf,
    /// How long a program may show no progress before it is stopped. Generous: at the lowest priority a busy host
    /// starves it for a while.
    pub stall_after: Duration,
    /// Whether a print is under way, which they must not disturb.
    pub print_watch: PrintWatch,
    /// Bytes that they leave free on the disk of the films.
    pub reserve: u64,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            stall_after: Duration::from_secs(300),
            print_watch: PrintWatch::default(),
            reserve: 0,
        }
    }
}

impl Tools {
    /// This ffmpeg, and the ffprobe beside it.
    #[must_use]
    pub fn with_ffmpeg(ffmpeg: impl Into<PathBuf>) -> Self {
        let ffmpeg = ffmpeg.into();
        Self { ffprobe: ffmpeg.with_file_name("ffprobe"), ffmpeg, ..Self::default() }
    }

    /// The path of ffmpeg.
    ///
    /// # Errors
    /// [`RenderError::FfmpegMissing`].
    pub fn find_ffmpeg(&self) -> Result<PathBuf, RenderError> {
        find_program(&self.ffmpeg).ok_or_else(|| RenderError::FfmpegMissing { program: self.ffmpeg.clone() })
    }

    /// ffmpeg's first words about itself: `ffmpeg version 5.1.6 ...`.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub async fn version(&self) -> Result<String, RenderError> {
        let program = self.find_ffmpeg()?;
        let failed = |source| RenderError::Start { program: program.clone(), source };
        let mut command = tokio::process::Command::new(&program);
        command.arg("-version").stdin(Stdio::null()).kill_on_drop(true);
        let done = tokio::time::timeout(VERSION_TIME, command.output()).await;
        let done = done.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
        let said = String::from_utf8_lossy(&done.stdout);
        let first = said.lines().next().unwrap_or_default();
        if !done.status.success() || !first.starts_with("ffmpeg") {
            return Err(failed(io::Error::other("it does not tell its version")));
        }
        Ok(first.split(" Copyright").next().unwrap_or(first).to_owned())
    }

    /// How to run one of them; it writes nothing.
    pub(super) fn run<'a>(&'a self, prefix: &'a [OsString], program: &'a Path, args: &'a [OsString]) -> Run<'a> {
        Run { prefix, program, args, stall_after: self.stall_after, print_watch: &self.print_watch, leaves_free: None }
    }

    /// How to run one of them that writes into `folder`.
    pub(super) fn write<'a>(
        &'a self,
        prefix: &'a [OsString],
        program: &'a Path,
        args: &'a [OsString],
        folder: &'a Path,
    ) -> Run<'a> {
        Run { leaves_free: Some((folder, self.reserve)), ..self.run(prefix, program, args) }
    }

    /// The path of ffprobe, if it is there.
    #[must_use]
    pub fn find_ffprobe(&self) -> Option<PathBuf> {
        find_program(&self.ffprobe)
    }
}

/// Where a program is, as `execvp` finds it: a path is taken as it is, a bare name is searched for in `PATH`.
#[must_use]
pub fn find_program(program: &Path) -> Option<PathBuf> {
    let is_program =
        |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if program.components().count() > 1 {
        return Some(program.to_owned()).filter(is_program);
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(is_program)
}

/// How much ffmpeg may get in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// The lowest of the usual ones: somebody waits for the film.
    Low,
    /// Below every other program (`SCHED_IDLE`): a print is under way.
    Idle,
}

/// The words before a program that put it at a low CPU and I/O priority and end it with this process, however that ends.
/// Each helper replaces itself by the next, so the process id of the child is the program's.
///
/// The program ends with the *thread* that started it. Tokio's workers live as long as the runtime, so do not start one
/// from `spawn_blocking`.
pub(super) fn prefix(priority: Priority) -> Vec<OsString> {
    static FOUND: OnceLock<[Vec<OsString>; 2]> = OnceLock::new();
    let [low, idle] = FOUND.get_or_init(|| {
        let die_with_us = helper("setpriv", &["--pdeathsig", "KILL"]);
        let nice = helper("nice", &["-n", "19"]);
        let io = helper("ionice", &["-c", "3"]);
        let low = [die_with_us, nice, io].concat();
        let idle = [low.as_slice(), helper("chrt", &["--idle", "0"]).as_slice()].concat();
        [low, idle]
    });
    match priority {
        Priority::Low => low.clone(),
        Priority::Idle => idle.clone(),
    }
}

/// Some kernels and containers refuse I/O priorities and the like, small systems have helpers that know fewer options,
/// and then the helper does not start its program: it is tried first, and left out where it does not work.
fn helper(name: &str, options: &[&str]) -> Vec<OsString> {
    let Some(path) = find_program(Path::new(name)) else { return Vec::new() };
    let mut trial = Command::new(&path);
    trial.args(options).arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !trial.status().is_ok_and(|status| status.success()) {
        tracing::debug!(helper = name, "does not work here");
        return Vec::new();
    }
    std::iter::once(path.into_os_string()).chain(options.iter().map(OsString::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        assert!(find_program(Path::new("sh")).is_some());
        assert_eq!(find_program(Path::new("/bin/sh")), Some("/bin/sh".into()));
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "x").unwrap();
        assert_eq!(find_program(&plain), None, "not executable");
        assert_eq!(find_program(Path::new("no-such-program-here")), None);
    }
}
