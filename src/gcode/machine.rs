//! The state and what moves it: G0 to G3, and all that follows from a movement.

use super::arc::Arc;
use super::engine::{Motion, MotionKind};
use super::exclude_object::Objects;
use super::extruder::{Extruder, ExtruderStates};
use super::layer::{Layer, Layers, Step};
use super::line::{MoveCode, Words};
use super::options::Options;
use super::retraction::FirmwareRetraction;
use super::slicer::Settings;
use super::state::{Axis, AxisSet, Coordinates, Mode, Plane, Position, State, Units};

/// All of the engine but the parser, which lends its words to the machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) options: Options,
    pub(super) state: State,
    pub(super) layers: Layers,
    pub(super) objects: Objects,
    /// EXCLUDE_OBJECT commands name the objects; comments that do the same are left alone.
    pub(super) objects_by_command: bool,
    pub(super) settings: Settings,
    pub(super) saved: Vec<Saved>,
    pub(super) motion: Motion,
    pub(super) dwell: f64,
    pub(super) line: u64,
}

/// A SAVE_GCODE_STATE.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    pub(super) name: Vec<u8>,
    pub(super) coordinates: Coordinates,
    pub(super) position: Position,
    pub(super) e: Option<f64>,
}

/// G10 without any known length, mm. The filament is back all the same, which is what matters.
const SOME_RETRACTION: f64 = 1.0;

impl Machine {
    pub(super) fn new(options: Options) -> Self {
        let firmware_length = options.firmware_retract_length.or(options.length_of(0)).unwrap_or(SOME_RETRACTION);
        let coordinates = Coordinates {
            mode: options.xyz_mode,
            extruder_mode: options.e_mode,
            base: [0.0; 4],
            offset: [0.0; 4],
            feedrate: None,
            speed_factor: 1.0,
            extrude_factor: 1.0,
        };
        let state = State {
            position: Position::UNKNOWN,
            e: Some(0.0),
            homed: AxisSet::NONE,
            coordinates,
            units: options.units,
            plane: Plane::Xy,
            limits: options.limits,
            firmware_retraction: FirmwareRetraction::new(firmware_length, options.firmware_extra_length),
            tool: 0,
            layer: Layer { vase: options.vase.unwrap_or(false), ..Layer::default() },
            feature: None,
            object: None,
            wiping: false,
            extruders: vec![Extruder::new(options.length_of(0))],
        };
        let motion = Motion {
            kind: MotionKind::Travel,
            from: Position::UNKNOWN,
            to: Position::UNKNOWN,
            filament: 0.0,
            length: 0.0,
            speed: 0.0,
            arc: None,
        };
        Self {
            layers: Layers::new(options.layer_rules()),
            options,
            state,
            objects: Objects::default(),
            objects_by_command: false,
            settings: Settings::default(),
            saved: Vec::new(),
            motion,
            dwell: 0.0,
            line: 0,
        }
    }

    /// Length of a unit in mm; `None` while the file has not said.
    pub(super) fn unit(&self) -> Option<f64> {
        match self.state.units {
            Units::Millimeters => Some(1.0),
            Units::Inches => Some(25.4),
            Units::Unknown => None,
        }
    }

    /// G0 to G3. True when something moves.
    #[inline]
    pub(super) fn run_move(&mut self, code: MoveCode, words: &Words) -> bool {
        if let Some(feedrate) = words.get(b'F')
            && feedrate > 0.0
        {
            self.state.coordinates.feedrate = Some(feedrate * self.unit().unwrap_or(1.0));
        }
        let unit = self.unit();
        let from = self.state.position;
        let mut to = from;
        let coordinates = &self.state.coordinates;
        for axis in Axis::ALL {
            if let Some(word) = words.get(axis.letter()) {
                let word = unit.map(|unit| word * unit);
                to.set(
                    axis,
                    match coordinates.mode {
                        Mode::Absolute => word.map(|word| word + coordinates.base[axis as usize]),
                        Mode::Relative => from.get(axis).zip(word).map(|(from, word)| from + word),
                        Mode::Unknown => None,
                    },
                );
            }
        }
        let filament = match words.get(b'E') {
            Some(word) => self.extrude(unit.map(|unit| word * unit)),
            None => 0.0,
        };
        let arc = if code.is_arc() { self.arc(code, words, from, to) } else { None };
        self.go(to, filament, arc)
    }

    fn arc(&self, code: MoveCode, words: &Words, from: Position, to: Position) -> Option<Arc> {
        Arc::new(code, words, self.unit()?, self.state.plane, from.xyz()?, to.xyz()?)
    }

    /// An E word in mm: moves the extruder's position and returns how far the filament goes.
    #[inline]
    fn extrude(&mut self, word: Option<f64>) -> f64 {
        let Coordinates { mode, extruder_mode, base, extrude_factor, .. } = self.state.coordinates;
        let (filament, e) = match (word, extruder_mode, mode) {
            (Some(word), Mode::Relative, _) | (Some(word), _, Mode::Relative) => {
                (word, self.state.e.map(|e| e + word * extrude_factor))
            }
            (Some(word), Mode::Absolute, _) => {
                let target = word * extrude_factor + base[3];
                (self.state.e.map_or(0.0, |e| (target - e) / extrude_factor), Some(target))
            }
            _ => (0.0, None),
        };
        self.state.e = e.filter(|e| e.is_finite());
        if filament.is_finite() { filament } else { 0.0 }
    }

    /// Moves head and filament. True when anything moves.
    #[inline]
    pub(super) fn go(&mut self, to: Position, filament: f64, arc: Option<Arc>) -> bool {
        let from = self.state.position;
        let moves = from != to || arc.is_some();
        if !moves && filament == 0.0 {
            return false;
        }
        self.state.position = to;
        let extruder = &mut self.state.extruders[self.state.tool];
        extruder.advance(filament);
        let states = extruder.states();
        let extruding = states.any(ExtruderStates::EXTRUDING);
        let delta = to.minus(from);
        let sideways = from.x() != to.x() || from.y() != to.y() || arc.is_some();
        self.motion.kind = match (moves, filament) {
            (true, 0.0) if sideways || to.z() == from.z() => MotionKind::Travel,
            (true, 0.0) => MotionKind::Lift,
            (true, _) if extruding => MotionKind::Extrusion,
            (true, filament) if filament < 0.0 => MotionKind::Wipe,
            (true, _) => MotionKind::UnretractingTravel,
            (false, filament) if filament < 0.0 => MotionKind::Retraction,
            (false, _) if states.any(ExtruderStates::DERETRACTING) => MotionKind::Unretraction,
            (false, _) => MotionKind::Prime,
        };
        self.motion.from = from;
        self.motion.to = to;
        self.motion.filament = filament;
        self.motion.length = match arc {
            Some(arc) => arc.length(),
            None => (delta[0] * delta[0] + delta[1] * delta[1] + delta[2] * delta[2]).sqrt(),
        };
        self.motion.speed = self.state.speed();
        self.motion.arc = arc;
        if let Some(z) = to.z() {
            let step = Step {
                z: z - self.state.coordinates.offset[2],
                rise: delta[2],
                sideways,
                extruding,
                unretracted: states.any(ExtruderStates::DERETRACTED),
                line: self.line,
            };
            self.layers.advance(&mut self.state.layer, &step);
        }
        true
    }
}
