//! `moonlapse annotate`: frame calls at the planned places of a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use thiserror::Error;

use super::plan_args::{PlanArgs, Sliced};
use crate::annotate::{AnnotateError, LeftAlone, Original};
use crate::conductor::standing_orders::{OrdersError, StandingOrders};
use crate::gcode::engine;
use crate::planner::{self, Trigger};
use crate::stabilize::LimitError;

/// Put frame calls into a G-code file, exactly where frames are best taken. `moonlapse strip` takes them out again.
///
/// All else in the file stays as it is, byte for byte. A file that is annotated already is left as it is, or annotated anew
/// when the options differ. Exits with 3 when the file is left alone for another reason, such as frame calls of its own.
#[derive(Debug, Args)]
pub(super) struct Annotate {
    /// The G-code file.
    file: PathBuf,
    /// Write the annotated file here and leave FILE as it is.
    #[arg(long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// What makes a frame due: layer, every:3 (layers), height:0.5 (mm), time:30 (seconds).
    #[arg(long, value_name = "TRIGGER", default_value = "layer")]
    trigger: Trigger,
    #[command(flatten)]
    args: PlanArgs,
    /// Plan as the agent does, which keeps its settings and the printer's limits in this file. Nothing else that says how
    /// to plan counts then.
    #[arg(long, value_name = "ORDERS")]
    orders: Option<PathBuf>,
    /// Work beside a print: at the lowest priority, and not for longer than two minutes. Moonraker runs it like this.
    #[arg(long)]
    background: bool,
}

/// How long an upload may wait for its annotation. Moonraker itself gives up later, see the component.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(120);

/// Files that are left alone.
const LEFT_ALONE: u8 = 3;

#[derive(Debug, Error)]
enum Problem {
    #[error(transparent)]
    File(#[from] AnnotateError),
    #[error("the bed makes no sense: {0}")]
    Limits(#[from] LimitError),
    #[error(transparent)]
    Orders(#[from] OrdersError),
}

/// What came of it.
enum Outcome {
    Done { frames: usize, missed: usize, anew: bool },
    DoneBefore,
    LeftAlone(LeftAlone),
}

impl Annotate {
    pub(super) fn run(&self) -> ExitCode {
        if self.background {
            // A host that refuses is not harmed by a few seconds of work.
            rustix::process::nice(19).ok();
        }
        let file = self.file.display();
        match self.annotate() {
            Ok(Outcome::Done { frames, missed, anew }) => {
                let anew = if anew { "annotated anew, " } else { "" };
                let missed = if missed > 0 { format!(", {missed} frames cannot be taken") } else { String::new() };
                println!("{file}: {anew}{frames} frame calls{missed}");
                ExitCode::SUCCESS
            }
            Ok(Outcome::DoneBefore) => {
                println!("{file}: annotated already");
                ExitCode::SUCCESS
            }
            Ok(Outcome::LeftAlone(reason)) => {
                eprintln!("moonlapse: {file} is left as it is: {reason}");
                ExitCode::from(LEFT_ALONE)
            }
            Err(problem) => {
                eprintln!("moonlapse: {problem}");
                ExitCode::FAILURE
            }
        }
    }

    fn annotate(&self) -> Result<Outcome, Problem> {
        let scheme = match &self.orders {
            Some(file) => Some(StandingOrders::read(file)?.options()?),
            None => None,
        };
        let settings = match &scheme {
            Some((engine, planner)) => crc32fast::hash(format!("{engine:?} {planner:?}").as_bytes()),
            None => self.args.digest(&self.trigger),
        };
        let mut original = Original::open(&self.file, self.background.then_some(BACKGROUND_LIMIT))?;
        let before = original.mark().cloned();
        if self.out.is_none() && before.as_ref().is_some_and(|mark| mark.settings == Some(settings)) {
            return Ok(Outcome::DoneBefore);
        }
        let sliced = Sliced::from_ends(&original.ends()?);
        let (engine, planner) = match scheme {
            Some((engine, planner)) => (engine.with_settings(&sliced.settings), planner),
            None => self.options(&sliced)?,
        };
        let planned = original.plan(engine, planner)?;
        if let Some(reason) = planned.refusal() {
            return Ok(Outcome::LeftAlone(reason));
        }
        let frames = original.annotate(&planned, settings, self.out.as_deref())?;
        let missed = planned.plan().map_or(0, |plan| plan.missed.len());
        Ok(Outcome::Done { frames, missed, anew: before.is_some() && self.out.is_none() })
    }

    /// By the command line and what the slicer says.
    fn options(&self, sliced: &Sliced) -> Result<(engine::Options, planner::Options), LimitError> {
        let (planner, _) = self.args.planner(std::slice::from_ref(&self.trigger), sliced)?;
        Ok((self.args.engine(sliced), planner))
    }
}
