//! Where in a G-code file the frames are best taken: pure.
//!
//! A [`Planner`] looks at each line of a file as `gcode` understands it, and at the end says for each frame
//! where it is best taken: a [`Plan`] of [`Snapshot`]s with [`Window`]s. Memory grows with the number of layers (about
//! 2 kB for each), not with the number of lines.
//!
//! # Windows
//!
//! A window `[from, to]` is in bytes, counted as Klipper's `virtual_sdcard.file_position`. A script that runs when
//! `file_position` is p finds the machine as all lines that end at or before p have left it, and the next line to run
//! begins at p. `[from, to]` means: any p with `from <= p <= to` is a good moment. The lines that run between
//! two such moments, those that begin at or behind `from` and end at or before `to`, never extrude.
//!
//! # How it works
//!
//! * `follow`: lines become places: where the head stands between two moves, and how the print leaves from there.
//! * `track`: each [`Track`] collects the places of the frame that is due (`trigger`) in a `unit`.
//! * `select`: Octolapse's modes. `spot`, `unit`: ours. `region`: the fallback.
//! * `obstacles`: what is finished and stands above the nozzle. `restriction`, `walls`: what the user forbids.
//! * `motion`, `cost`: what it all takes in time.
//! * `finish`: choices that need the whole file: the place at the edge, vase mode, the final order.

mod candidate;
mod cost;
mod edge;
mod effect;
mod file;
mod finish;
mod follow;
mod issues;
mod motion;
mod obstacles;
mod options;
mod plan;
mod planning;
mod region;
mod restriction;
mod scene;
mod select;
mod shape;
mod spot;
mod track;
mod trigger;
mod unit;
mod walls;

pub use candidate::Kind;
pub use cost::Cost;
pub use file::plan_file;
pub use issues::Issue;
pub use motion::{Machine, trapezoid};
pub use options::{FrameMoves, Mode, ModeError, Options, StateRequirement, Track};
pub use plan::{Missed, Plan, Reason, Snapshot, Span, Target, Totals, Window};
pub use planning::Planner;
pub use restriction::{Restriction, Restrictions, RestrictionsError, Rule};
pub use shape::Shape;
pub use trigger::{SNAPSHOT_COMMANDS, Trigger, TriggerError};
