//! `moonlapse plan`: where in a file the frames are best taken.

mod bed;
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

use self::bed::{BedArg, Hints};
use super::trace::EngineArgs;
use crate::gcode::slicer::Settings;
use crate::planner::{self, FrameMoves, Machine, Mode, Options, Track, Trigger};
use crate::stabilize::{LimitError, Limits, Park};

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
    /// How places are ranked: retracted_travel, fast, compatible, high_quality, zero_motion,
    /// snap_to_print[:high_quality][:smooth].
    #[arg(long, default_value_t = Mode::default())]
    mode: Mode,
    /// Where the head goes: nearest_edge, snap_to_print, back_left ... front_right, centre, orbit, follow_print,
    /// disabled, or X,Y with mm (120), shares of the bed (5%), paths (0/10/20:loop) or - for each.
    #[arg(long, value_name = "PLACE", default_value = "nearest_edge")]
    park: Park,
    #[command(flatten)]
    printer: PrinterArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

/// What the printer can do. A running agent asks Klipper instead.
#[derive(Debug, Args)]
struct PrinterArgs {
    /// What the head can reach, in mm: XMIN,YMIN,XMAX,YMAX or round:RADIUS [default: the slicer's bed].
    #[arg(long, value_name = "BED")]
    bed: Option<BedArg>,
    /// How high the head can rise, in mm [default: by the slicer's settings, else 250].
    #[arg(long, value_name = "MM")]
    max_z: Option<f64>,
    /// Acceleration in mm/s².
    #[arg(long, value_name = "MM/S2", default_value_t = Machine::default().max_accel)]
    accel: f64,
    /// Speed to the park position in mm/s [default: the slicer's travel speed].
    #[arg(long, value_name = "MM/S")]
    park_speed: Option<f64>,
    /// How long the head stands still for a frame, in s.
    #[arg(long, value_name = "S", default_value_t = FrameMoves::default().hold)]
    hold: f64,
    /// Room that the head needs beside finished objects, in mm [default: by the slicer's settings, else 40].
    #[arg(long, value_name = "MM")]
    clearance: Option<f64>,
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
        let settings = Settings::from_file(&mut file).map_err(unreadable)?;
        let hints = Hints::from_file(&mut file).map_err(unreadable)?;
        let (options, assumed) = self.options(&hints)?;
        let limits = options.limits;
        let plans = planner::plan_file(&mut file, self.engine.options(&settings), options).map_err(unreadable)?;
        if let (Some(svg), Some(plan)) = (&self.svg, plans.first()) {
            let snapshot = self.drawn(plan)?;
            let options = self.engine.options(&settings);
            let layer = layer::read(&mut file, options, &settings, snapshot).map_err(unreadable)?;
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

    /// The options, and what had to be assumed about the bed.
    fn options(&self, hints: &Hints) -> Result<(Options, Option<&'static str>), PlanError> {
        let bed = self.printer.bed.map(|bed| bed.0).or(hints.bed);
        let z_max = self.printer.max_z.or(hints.height).unwrap_or(250.0);
        let limits = Limits::new(bed.unwrap_or(bed::USUAL), 0.0, z_max)?;
        let tracks = self.trigger.iter().map(|trigger| Track {
            name: trigger.to_string(),
            trigger: trigger.clone(),
            mode: if self.park == Park::SnapToPrint && self.mode == Mode::default() {
                Mode::SnapToPrint { high_quality: false, smooth: false }
            } else {
                self.mode
            },
            park: self.park.clone(),
            ..Track::default()
        });
        let usual = FrameMoves::default();
        let options = Options {
            machine: Machine { max_accel: self.printer.accel, ..Machine::default() },
            moves: FrameMoves {
                speed: self.printer.park_speed,
                hold: self.printer.hold,
                clearance: self.printer.clearance.or(hints.clearance).unwrap_or(usual.clearance),
                ..usual
            },
            tracks: tracks.collect(),
            ..Options::new(limits)
        };
        let assumed =
            bed.is_none().then_some("The file does not say how large the bed is: 220 x 220 mm is assumed (--bed).");
        Ok((options, assumed))
    }
}
