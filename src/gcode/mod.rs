//! Parser, position and extruder state, layers, slicer features: pure, no clock, no I/O of ours.
//!
//! [`engine::Engine`] takes a G-code file line by line and keeps the printer's [`state::State`] as Klipper would have
//! it; each line yields an [`engine::Event`] with the byte offset at which Klipper's `virtual_sdcard` stands after it.
//!
//! * [`number`]: decimal numbers from bytes.
//! * [`scan`]: lines and their byte offsets from chunks or readers.
//! * [`mod@line`]: one line as a command with its parameters.
//! * [`parse`]: bytes to lines.
//! * [`state`]: modes, position, offsets, tools.
//! * [`arc`]: G2 and G3.
//! * [`extruder`]: Octolapse's ten extruder states, also fed from live positions.
//! * [`retraction`]: firmware retraction (G10, G11).
//! * [`layer`]: layers and height from extruding Z, checked against the slicer's marks.
//! * [`feature`]: what is being printed, from the slicers' comments.
//! * [`slicer`]: the settings that slicers write into a file's head or tail.
//! * [`exclude_object`]: objects and which of them is being printed.
//! * [`live`]: extruder state and layer from a live printer's position.
//! * [`options`]: what a file does not say.
//! * `machine`, `commands`: what moves and commands do to the state.
//! * [`engine`]: all of it over a stream of lines.

pub mod arc;
mod commands;
pub mod engine;
pub mod exclude_object;
pub mod extruder;
pub mod feature;
pub mod layer;
pub mod line;
pub mod live;
mod machine;
pub mod number;
pub mod options;
pub mod parse;
pub mod retraction;
pub mod scan;
pub mod slicer;
pub mod state;

/// Lengths that differ by less than this (mm) are equal: Octolapse's tolerance.
pub const TOLERANCE: f64 = 5e-5;
