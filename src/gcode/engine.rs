//! The whole machine: lines in, events and state out.

use super::arc::Arc;
use super::exclude_object::Objects;
use super::extruder::Extruder;
use super::layer::{Layer, LayerReport};
use super::line::{Command, Parser};
use super::scan::RawLine;
use super::slicer::Settings;
use super::state::{Limits, Mode, Position, State, Units};

/// What an engine starts with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Length of a full retraction, mm. `None`: the deepest seen so far.
    pub retraction_length: Option<f64>,
    /// Height of a z-hop, mm. `None`: any lift off the layer is one.
    pub z_lift: Option<f64>,
    /// Nothing counts as a layer before filament came out below this Z, mm (Octolapse: 0.75). 0 turns it off.
    pub priming_height: f64,
    /// A layer is at least this much higher than the one before, mm (Octolapse: 0.05).
    pub min_layer_height: f64,
    /// Layer height by the settings, mm; the step of a vase's layers.
    pub layer_height: Option<f64>,
    /// Is it a vase? `None`: recognised by Z that rises while filament comes out.
    pub vase: Option<bool>,
    /// The file marks its layers: what comes out before the first mark is priming.
    pub has_layer_marks: bool,
    /// Where the head is after G28, mm; `None` where unknown.
    pub home: [Option<f64>; 3],
    /// Before the first G90 or G91.
    pub xyz_mode: Mode,
    /// Before the first M82 or M83.
    pub e_mode: Mode,
    /// Before the first G20 or G21.
    pub units: Units,
    /// G90 and G91 set the extruder's mode, too (not in Klipper).
    pub g90_influences_extruder: bool,
    /// `retract_length` of `[firmware_retraction]`, mm. `None`: as long as the slicer's own retraction.
    pub firmware_retract_length: Option<f64>,
    /// `unretract_extra_length` of `[firmware_retraction]`, mm.
    pub firmware_extra_length: f64,
    /// Limits before the file sets any.
    pub limits: Limits,
    /// Macros after which the head may be anywhere, in upper case.
    pub moving_macros: Vec<String>,
}

/// How the head and the filament move in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MotionKind {
    /// The head moves, no filament.
    Travel,
    /// Only Z moves, no filament.
    Lift,
    /// The head moves and filament comes out.
    Extrusion,
    /// The head moves while filament is pulled back.
    Wipe,
    /// The head moves while a retraction is undone and nothing comes out yet.
    UnretractingTravel,
    /// Filament is pulled back, the head stands.
    Retraction,
    /// Filament is pushed back, the head stands.
    Unretraction,
    /// Filament comes out, the head stands.
    Prime,
    /// G28.
    Home,
}

/// A movement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// Its kind.
    pub kind: MotionKind,
    /// Machine coordinates before.
    pub from: Position,
    /// Machine coordinates after.
    pub to: Position,
    /// Filament as the file has it, M221 left out, mm; negative when pulled back.
    pub filament: f64,
    /// Length of the head's path, mm; 0 where it is unknown.
    pub length: f64,
    /// Speed of the head, of the filament when the head stands; mm/s, M220 included.
    pub speed: f64,
    /// The arc, for G2 and G3 whose ends are known.
    pub arc: Option<Arc>,
}

/// A line and what it did.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    /// Which line, from 1.
    pub line: u64,
    /// Byte at which it starts.
    pub start: u64,
    /// Byte behind its line end: Klipper's `file_position` once it has run.
    pub end: u64,
    /// Ends with a line feed. Klipper never runs a last line that does not.
    pub terminated: bool,
    /// Its command.
    pub command: Command<'e>,
    /// Its comment.
    pub comment: Option<&'e [u8]>,
    /// How it moves.
    pub motion: Option<&'e Motion>,
    /// Seconds that it waits (G4).
    pub dwell: f64,
    /// Everything known after it.
    pub state: &'e State,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retraction_length: None,
            z_lift: None,
            priming_height: 0.75,
            min_layer_height: 0.05,
            layer_height: None,
            vase: None,
            has_layer_marks: false,
            home: [None; 3],
            xyz_mode: Mode::Absolute,
            e_mode: Mode::Absolute,
            units: Units::Millimeters,
            g90_influences_extruder: false,
            firmware_retract_length: None,
            firmware_extra_length: 0.0,
            limits: Limits::default(),
            moving_macros: Vec::new(),
        }
    }
}

impl Options {
    /// Takes from the slicer's settings what is not set yet.
    #[must_use]
    pub fn with_settings(self, settings: &Settings) -> Self {
        let _ = settings;
        self
    }
}

/// Follows a G-code file line by line.
#[derive(Clone, Debug)]
pub struct Engine {
    options: Options,
    parser: Parser,
    state: State,
    objects: Objects,
    settings: Settings,
    motion: Motion,
}

impl Engine {
    /// An engine at the start of a file.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let extruder = Extruder::new(options.retraction_length);
        let _ = extruder;
        let _ = options;
        todo!()
    }

    /// Takes the next line and says what it did.
    pub fn line<'e>(&'e mut self, line: RawLine<'e>) -> Event<'e> {
        let _ = line;
        todo!()
    }

    /// Everything known after the lines so far.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The objects named so far.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The slicer's settings as far as they have been seen.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How the layers so far agree with the slicer's marks.
    #[must_use]
    pub fn layers(&self) -> &LayerReport {
        todo!()
    }
}
