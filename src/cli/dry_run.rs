//! `moonlapse dry-run`: a copy of a file that prints nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use thiserror::Error;

use super::plan_args::{PlanArgs, Sliced};
use crate::annotate::{AnnotateError, Original};
use crate::dry_run::{DryCopy, DryRunError, Frames, write};
use crate::planner::Trigger;
use crate::stabilize::LimitError;

/// Make a copy of a G-code file that moves and is filmed as the print would be, without heat and filament.
///
/// Whatever is not known to be harmless is left out, macros above all, and listed. Print the copy like any file; the
/// nozzle comes as near to the bed as in the print. On the printer itself, the macro TIMELAPSE_DRY_RUN makes the copy with
/// the settings in force and starts it.
#[derive(Debug, Args)]
pub(super) struct DryRun {
    /// The G-code file.
    file: PathBuf,
    /// The copy [default: FILE with `.dry-run.gcode` for its ending].
    #[arg(long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// What makes a frame due: layer, every:3 (layers), height:0.5 (mm), time:30 (seconds). Calls of the file itself win.
    #[arg(long, value_name = "TRIGGER", default_value = "layer")]
    trigger: Trigger,
    #[command(flatten)]
    args: PlanArgs,
}

#[derive(Debug, Error)]
enum Problem {
    #[error(transparent)]
    File(#[from] AnnotateError),
    #[error("the bed makes no sense: {0}")]
    Limits(#[from] LimitError),
    #[error(transparent)]
    Copy(#[from] DryRunError),
}

impl DryRun {
    pub(super) fn run(&self) -> ExitCode {
        let out = self.out.clone().unwrap_or_else(|| self.file.with_extension("dry-run.gcode"));
        match self.copy(&out) {
            Ok(made) => {
                report(&out, &made);
                ExitCode::SUCCESS
            }
            Err(problem) => {
                eprintln!("moonlapse: {problem}");
                ExitCode::FAILURE
            }
        }
    }

    fn copy(&self, out: &Path) -> Result<DryCopy, Problem> {
        let sliced = Sliced::from_ends(&Original::open(&self.file, None)?.ends()?);
        let (planner, _) = self.args.planner(std::slice::from_ref(&self.trigger), &sliced)?;
        let engine = Box::new(self.args.engine(&sliced));
        Ok(write(&self.file, out, Frames::Planned { engine, planner: Box::new(planner), own_calls: true })?)
    }
}

fn report(out: &Path, made: &DryCopy) {
    let homes = if made.homes_first { ", homes first" } else { "" };
    println!("{}: {} moves, {} frames{homes}", out.display(), made.moves, made.frames);
    if !made.left_out.is_empty() {
        let list: Vec<String> = made.left_out.iter().map(|(name, times)| format!("{name} ({times})")).collect();
        println!("left out: {}", list.join(", "));
    }
}
