//! `moonlapse plan`: where in a file the frames are best taken.

mod layer;
mod summary;
mod svg;
mod view;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use thiserror::Error;

use super::plan_args::{PlanArgs, Sliced};
use crate::planner::{self, Trigger};
use crate::stabilize::LimitError;

/// Show where in a G-code file Moonlapse would take its frames.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The G-code file.
    file: PathBuf,
    /// Print the plan as JSON instead of a summary.
    #[arg(long)]
    json: bool,
    /// Draw a layer with its windows, its candidates and the park position to this file.
    #[arg(long, value_name = "OUT")]
    svg: Option<PathBuf>,
    /// Which layer to draw [default: one in the middle].
    #[arg(long, value_name = "LAYER", requires = "svg")]
    layer: Option<u32>,
    /// What makes a frame due: layer, every:3 (layers), height:0.5 (mm), time:30 (seconds), gcode, gcode:NAME.
    /// Several make several plans.
    #[arg(long, value_name = "TRIGGER", default_value = "layer")]
    trigger: Vec<Trigger>,
    #[command(flatten)]
    args: PlanArgs,
}

#[derive(Debug, Error)]
enum PlanError {
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("the bed makes no sense: {0}")]
    Limits(#[from] LimitError),
    #[error("there is no frame in layer {0} to draw; the summary lists the layers that have one")]
    NoSuchLayer(u32),
    #[error("there is no frame to draw")]
    NoFrame,
    #[error("cannot write {}: {source}", file.display())]
    Picture { file: PathBuf, source: io::Error },
    #[error("cannot write the plan: {0}")]
    Write(#[from] io::Error),
}

/// What is written as JSON: one plan as it is, several in a list.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Output<'a> {
    One(&'a planner::Plan),
    Several { tracks: &'a [planner::Plan] },
}

impl Plan {
    pub(super) fn run(&self) -> ExitCode {
        match self.print(&mut BufWriter::new(io::stdout().lock())) {
            Ok(()) => ExitCode::SUCCESS,
            // The reader has seen enough (`| head`).
            Err(PlanError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("moonlapse: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn print(&self, out: &mut impl Write) -> Result<(), PlanError> {
        let unreadable = |source| PlanError::Read { file: self.file.clone(), source };
        let mut file = File::open(&self.file).map_err(unreadable)?;
        let sliced = Sliced::from_file(&mut file).map_err(unreadable)?;
        let (options, assumed) = self.args.planner(&self.trigger, &sliced)?;
        let limits = options.limits;
        let plans = planner::plan_file(&mut file, self.args.engine(&sliced), options).map_err(unreadable)?;
        if let (Some(svg), Some(plan)) = (&self.svg, plans.first()) {
            let snapshot = self.drawn(plan)?;
            let options = self.args.engine(&sliced);
            let layer = layer::read(&mut file, options, &sliced.settings, snapshot).map_err(unreadable)?;
            let title = self.file.file_name().unwrap_or_default().to_string_lossy();
            let picture = svg::draw(&title, plan, snapshot, &layer, &limits);
            std::fs::write(svg, picture).map_err(|source| PlanError::Picture { file: svg.clone(), source })?;
        }
        if self.json {
            let output = match plans.as_slice() {
                [plan] => Output::One(plan),
                tracks => Output::Several { tracks },
            };
            serde_json::to_writer(&mut *out, &output).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            for plan in &plans {
                summary::write(plan, out)?;
            }
            if let Some(assumed) = assumed {
                writeln!(out, "\n{assumed}")?;
            }
        }
        Ok(out.flush()?)
    }

    /// The frame whose layer is drawn.
    fn drawn<'a>(&self, plan: &'a planner::Plan) -> Result<&'a planner::Snapshot, PlanError> {
        match self.layer {
            Some(layer) => plan.snapshots.iter().find(|s| s.layer == layer).ok_or(PlanError::NoSuchLayer(layer)),
            None => plan.snapshots.get(plan.snapshots.len() / 2).ok_or(PlanError::NoFrame),
        }
    }
}
