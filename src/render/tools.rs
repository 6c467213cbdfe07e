//! Where the programs are, and how they are started: at the lowest priority, so that a print never feels them.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::RenderError;

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
}

impl Default for Tools {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into(), stall_after: Duration::from_secs(300) }
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
        look_up(&self.ffmpeg).ok_or_else(|| RenderError::FfmpegMissing { program: self.ffmpeg.clone() })
    }

    /// The path of ffprobe, if it is there.
    #[must_use]
    pub fn find_ffprobe(&self) -> Option<PathBuf> {
        look_up(&self.ffprobe)
    }
}

/// As `execvp` does: a path is taken as it is, a bare name is searched for in `PATH`.
fn look_up(program: &Path) -> Option<PathBuf> {
    let is_program =
        |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if program.components().count() > 1 {
        return Some(program.to_owned()).filter(is_program);
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(is_program)
}

/// The words before a program that put it at the lowest CPU and I/O priority. Both helpers replace themselves by the
/// program, so its process id is that of the child.
pub(super) fn low_priority_prefix() -> Vec<OsString> {
    let mut prefix: Vec<OsString> = Vec::new();
    if let Some(nice) = look_up(Path::new("nice")) {
        prefix.extend([nice.into(), "-n".into(), "19".into()]);
    }
    // Some kernels and containers refuse I/O priorities, and then ionice does not start the program: try it.
    let ionice = look_up(Path::new("ionice")).filter(|ionice| {
        let trial = Command::new(ionice).args(["-c", "3", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        trial.is_ok_and(|status| status.success())
    });
    if let Some(ionice) = ionice {
        prefix.extend([ionice.into(), "-c".into(), "3".into()]);
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        assert!(look_up(Path::new("sh")).is_some());
        assert_eq!(look_up(Path::new("/bin/sh")), Some("/bin/sh".into()));
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "x").unwrap();
        assert_eq!(look_up(&plain), None, "not executable");
        assert_eq!(look_up(Path::new("no-such-program-here")), None);
    }
}
