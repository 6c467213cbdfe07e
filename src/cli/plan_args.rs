//! What a plan is made for, from the command line: arguments shared by several subcommands.

mod bed;

use std::io::{self, Read, Seek};

use clap::Args;

use self::bed::{BedArg, Hints};
use super::trace::EngineArgs;
use crate::annotate::Ends;
use crate::gcode::engine;
use crate::gcode::slicer::Settings;
use crate::planner::{FrameMoves, Machine, Mode, Options, Track, Trigger};
use crate::stabilize::{LimitError, Limits, Park};

/// How the frames are planned.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// How places are ranked: retracted_travel, fast, compatible, high_quality, zero_motion,
    /// snap_to_print[:high_quality][:smooth].
    #[arg(long, default_value_t = Mode::default())]
    mode: Mode,
    /// Where the head goes: nearest_edge, snap_to_print, back_left ... front_right, centre, orbit, follow_print,
    /// disabled, or X,Y with mm (120), shares of the bed (5%), paths (0/10/20:loop) or - for each.
    #[arg(long, value_name = "PLACE", default_value = "nearest_edge", allow_hyphen_values = true)]
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
    #[arg(long, value_name = "BED", allow_hyphen_values = true)]
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

/// What the slicer wrote about the print and the printer.
#[derive(Clone, Debug, Default)]
pub(super) struct Sliced {
    pub(super) settings: Settings,
    hints: Hints,
}

impl Sliced {
    /// Reads the ends of `file` and goes back to its start.
    pub(super) fn from_file(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        Ok(Self { settings: Settings::from_file(file)?, hints: Hints::from_file(file)? })
    }

    /// The same of ends that have been read.
    pub(super) fn from_ends(ends: &Ends) -> Self {
        Self { settings: ends.settings(), hints: Hints::from_ends(&ends.head, &ends.tail) }
    }
}

impl PlanArgs {
    /// The engine's options for a file.
    pub(super) fn engine(&self, sliced: &Sliced) -> engine::Options {
        self.engine.options(&sliced.settings)
    }

    /// The planner's options for a file, with a track for each trigger; and what had to be assumed about the bed.
    pub(super) fn planner(
        &self,
        triggers: &[Trigger],
        sliced: &Sliced,
    ) -> Result<(Options, Option<&'static str>), LimitError> {
        let hints = &sliced.hints;
        let bed = self.printer.bed.map(|bed| bed.0).or(hints.bed);
        let z_max = self.printer.max_z.or(hints.height).unwrap_or(250.0);
        let limits = Limits::new(bed.unwrap_or(bed::USUAL), 0.0, z_max)?;
        let tracks = triggers.iter().map(|trigger| Track {
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

    /// A digest of all that was given, to tell one way of planning from another.
    pub(super) fn digest(&self, trigger: &Trigger) -> u32 {
        crc32fast::hash(format!("{trigger} {self:?}").as_bytes())
    }
}
