//! The whole machine: lines in, events and state out.

use super::arc::Arc;
use super::exclude_object::Objects;
use super::layer::LayerReport;
use super::line::{Command, Line};
use super::machine::Machine;
pub use super::options::Options;
use super::parse::Parser;
use super::scan::RawLine;
use super::slicer::Settings;
use super::state::{Position, State};

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

/// Follows a G-code file line by line.
#[derive(Clone, Debug)]
pub struct Engine {
    parser: Parser,
    machine: Machine,
}

impl Engine {
    /// An engine at the start of a file.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { parser: Parser::default(), machine: Machine::new(options) }
    }

    /// Takes the next line and says what it did.
    #[inline]
    pub fn line<'e>(&'e mut self, raw: RawLine<'e>) -> Event<'e> {
        let Self { parser, machine } = self;
        let Line { command, comment } = parser.parse(raw.text);
        machine.line = raw.number;
        machine.dwell = 0.0;
        machine.state.layer.change = false;
        let moves = match command {
            Command::Move { code, words } => machine.run_move(code, words),
            Command::None => false,
            _ => machine.run(&command),
        };
        if let Some(comment) = comment {
            machine.remark(comment, matches!(command, Command::None));
        }
        Event {
            line: raw.number,
            start: raw.start,
            end: raw.end,
            terminated: raw.terminated,
            command,
            comment,
            motion: moves.then_some(&machine.motion),
            dwell: machine.dwell,
            state: &machine.state,
        }
    }

    /// Everything known after the lines so far.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.machine.state
    }

    /// The objects named so far.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.machine.objects
    }

    /// The slicer's settings as far as they have been seen.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.machine.settings
    }

    /// How the layers so far agree with the slicer's marks.
    #[must_use]
    pub fn layer_report(&self) -> LayerReport {
        self.machine.layers.report()
    }
}
