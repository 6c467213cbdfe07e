//! Runs one program, bounded in time and output.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::{Facts, When};
use crate::process_group::ProcessGroup;

/// What is kept of the output: its end, where the reason stands.
const OUTPUT: usize = 4096;
/// What is kept of the output of a program whose whole output is wanted.
const WHOLE_OUTPUT: usize = 256 << 10;
/// After its end, how long a program's children may go on writing before they are killed.
const AFTERMATH: Duration = Duration::from_millis(500);

/// A program that ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How long it took.
    pub took: Duration,
    /// The end of what it wrote, errors last.
    pub output: String,
}

/// Why a program did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is not there, or may not be run.
    #[error("{program} cannot be started ({detail})")]
    Start {
        /// Its name.
        program: String,
        /// The system's reason.
        detail: String,
    },
    /// It took too long, and was killed with its children.
    #[error("it did not end within {0:?} and was killed")]
    Hung(Duration),
    /// It says so itself.
    #[error("{status}{}", said(.output))]
    Failed {
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
}

fn said(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(", it said: {output}") }
}

/// Runs a command line in a shell.
///
/// # Errors
/// It did not end well.
pub async fn shell(command: &str, when: When, facts: &Facts, limit: Duration) -> Result<Ran, Failure> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(facts.filled_into(command)).envs(facts.environment(when));
    run(shell, "/bin/sh", limit, OUTPUT).await
}

/// Runs a program by its words.
///
/// # Errors
/// It did not end well.
pub async fn program(name: &str, args: &[String], limit: Duration) -> Result<Ran, Failure> {
    let mut program = Command::new(name);
    // English words, whatever the host speaks: they are read.
    program.args(args).env("LC_ALL", "C");
    run(program, name, limit, WHOLE_OUTPUT).await
}

async fn run(mut program: Command, name: &str, limit: Duration, keep: usize) -> Result<Ran, Failure> {
    let begun = Instant::now();
    let spawned = program
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.map_err(|error| Failure::Start { program: name.to_owned(), detail: error.to_string() })?;
    let mut group = ProcessGroup::of(&child);
    let (out, err) = (tokio::spawn(tail(child.stdout.take(), keep)), tokio::spawn(tail(child.stderr.take(), keep)));
    let ended = timeout(limit, child.wait()).await;
    if ended.is_err() {
        group.kill();
        // Reaped by the runtime if not now.
        timeout(AFTERMATH, child.wait()).await.ok();
        return Err(Failure::Hung(limit));
    }
    // A child that it left in the background may hold the pipes; it is not waited for, and ends with the group.
    let mut output = String::new();
    for pipe in [out, err] {
        output += &timeout(AFTERMATH, pipe).await.ok().and_then(Result::ok).unwrap_or_default();
    }
    let output = output.trim().to_owned();
    match ended {
        Ok(Ok(status)) if status.success() => Ok(Ran { took: begun.elapsed(), output }),
        Ok(Ok(status)) => Err(Failure::Failed { status: status.to_string(), output }),
        Ok(Err(error)) => Err(Failure::Start { program: name.to_owned(), detail: error.to_string() }),
        Err(_) => Err(Failure::Hung(limit)),
    }
}

/// Reads to the end, and keeps the last bytes.
async fn tail(pipe: Option<impl AsyncRead + Unpin>, keep: usize) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count) = pipe.read(&mut chunk).await {
        if count == 0 {
            break;
        }
        kept.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let surplus = kept.len().saturating_sub(keep);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    async fn sh(command: &str, limit: Duration) -> Result<Ran, Failure> {
        let facts = Facts::default().with("film", "/films/a b.mp4").with("frames", 12);
        shell(command, When::AfterFilm, &facts, limit).await
    }

    #[tokio::test]
    async fn a_command_gets_its_facts_in_its_text_and_its_environment() {
        let ran = sh("printf '%s|' {film} \"$MOONLAPSE_FRAMES\" \"$MOONLAPSE_EVENT\"", LONG).await.unwrap();
        assert_eq!(ran.output, "/films/a b.mp4|12|after_film|");
    }

    #[tokio::test]
    async fn a_failure_tells_its_status_and_its_last_words() {
        let failure = sh("echo reading >&1; echo 'no such lamp' >&2; exit 3", LONG).await.unwrap_err();
        assert_eq!(failure.to_string(), "exit status: 3, it said: reading\nno such lamp");
        let missing = program("/no/such/v4l2-ctl", &[], LONG).await.unwrap_err();
        assert!(missing.to_string().starts_with("/no/such/v4l2-ctl cannot be started"), "{missing}");
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let command = format!("sleep 600 & echo $! > {}; wait", pid.display());
        let failure = sh(&command, Duration::from_millis(700)).await.unwrap_err();
        assert_eq!(failure, Failure::Hung(Duration::from_millis(700)));
        let pid: i32 = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
        let ended = async {
            while is_running(pid) {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, ended).await.unwrap();
    }

    /// A killed process is gone, or waits as a zombie for whoever inherited it.
    fn is_running(pid: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    #[tokio::test]
    async fn what_is_left_in_the_background_does_not_hold_anybody_up() {
        let ran = sh("sleep 600 & echo done", LONG).await.unwrap();
        assert_eq!(ran.output, "");
        assert!(ran.took < LONG);
    }

    #[tokio::test]
    async fn endless_output_is_cut_to_its_end() {
        let ran = sh("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done", LONG).await.unwrap();
        assert!(ran.output.len() <= OUTPUT && ran.output.ends_with("line 19999"), "{}", ran.output.len());
    }
}
