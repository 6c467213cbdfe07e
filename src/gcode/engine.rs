//! The whole machine: lines in, events and state out.

use std::borrow::Cow;

use super::arc::Arc;
use super::exclude_object::Objects;
use super::extruder::{Extruder, ExtruderStates};
use super::feature::{self, LayerMark, MarkKind, Remark};
use super::layer::{Layer, LayerReport, Layers, Rules, Step};
use super::line::{Code, Command, Extended, Line, MoveCode, Parser, Words};
use super::retraction::FirmwareRetraction;
use super::scan::RawLine;
use super::slicer::Settings;
use super::state::{Axis, AxisSet, Coordinates, Limits, Mode, Plane, Position, State, Units};

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
    /// Macros after which the head may be anywhere; a `*` at the end stands for any ending.
    pub moving_macros: Vec<String>,
}

/// Macros and commands that are known to leave the head elsewhere.
///
/// Not among them: PAUSE, M600 and TIMELAPSE_TAKE_FRAME, which bring it back.
const MOVING_MACROS: [&str; 25] = [
    "START_PRINT*",
    "PRINT_START*",
    "_START_PRINT*",
    "_PRINT_START*",
    "END_PRINT*",
    "PRINT_END*",
    "CANCEL_PRINT",
    "BED_MESH_CALIBRATE*",
    "BED_TILT_CALIBRATE",
    "QUAD_GANTRY_LEVEL*",
    "Z_TILT_ADJUST*",
    "SCREWS_TILT_CALCULATE",
    "DELTA_CALIBRATE",
    "PROBE",
    "PROBE_CALIBRATE",
    "AXIS_TWIST_COMPENSATION_CALIBRATE",
    "FORCE_MOVE",
    "SET_KINEMATIC_POSITION",
    "CLEAN_NOZZLE*",
    "NOZZLE_WIPE*",
    "PURGE*",
    "LINE_PURGE",
    "VORON_PURGE",
    "PRIME_LINE",
    "PARK*",
];

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
            moving_macros: MOVING_MACROS.map(str::to_owned).to_vec(),
        }
    }
}

impl Options {
    /// Takes from the slicer's settings what is not set yet.
    #[must_use]
    pub fn with_settings(mut self, settings: &Settings) -> Self {
        self.retraction_length = self.retraction_length.or(settings.retraction_length.first().copied());
        self.z_lift = self.z_lift.or(settings.z_lift);
        self.layer_height = self.layer_height.or(settings.layer_height);
        self.vase = self.vase.or(settings.vase);
        self.has_layer_marks |= settings.layer_marks;
        self
    }

    fn layer_rules(&self) -> Rules {
        Rules {
            priming_height: self.priming_height,
            min_layer_height: self.min_layer_height,
            layer_height: self.layer_height,
            z_lift: self.z_lift,
            vase: self.vase,
            has_marks: self.has_layer_marks,
        }
    }

    fn moves(&self, macro_name: &[u8]) -> bool {
        self.moving_macros.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => {
                let head = macro_name.get(..prefix.len());
                head.is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
            }
            None => macro_name.eq_ignore_ascii_case(pattern.as_bytes()),
        })
    }
}

/// Follows a G-code file line by line.
#[derive(Clone, Debug)]
pub struct Engine {
    parser: Parser,
    machine: Machine,
}

/// All of the engine but the parser, which lends its words to the machine.
#[derive(Clone, Debug)]
struct Machine {
    options: Options,
    state: State,
    layers: Layers,
    objects: Objects,
    /// EXCLUDE_OBJECT commands name the objects; comments that do the same are left alone.
    objects_by_command: bool,
    settings: Settings,
    saved: Vec<Saved>,
    motion: Motion,
    dwell: f64,
    line: u64,
}

/// A SAVE_GCODE_STATE.
#[derive(Clone, Debug)]
struct Saved {
    name: Vec<u8>,
    coordinates: Coordinates,
    position: Position,
    e: Option<f64>,
}

/// More saved states than this are a broken file.
const MOST_SAVED: usize = 64;

/// More tools than this are other firmware's codes, such as Bambu's T1000.
const MOST_TOOLS: usize = 64;

/// G10 without any known length, mm. The filament is back all the same, which is what matters.
const SOME_RETRACTION: f64 = 1.0;

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
            machine.remark(comment, command == Command::None);
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

impl Machine {
    fn new(options: Options) -> Self {
        let firmware_length = options.firmware_retract_length.or(options.retraction_length).unwrap_or(SOME_RETRACTION);
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
            extruders: vec![Extruder::new(options.retraction_length)],
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
    fn unit(&self) -> Option<f64> {
        match self.state.units {
            Units::Millimeters => Some(1.0),
            Units::Inches => Some(25.4),
            Units::Unknown => None,
        }
    }

    /// G0 to G3. True when something moves.
    #[inline]
    fn run_move(&mut self, code: MoveCode, words: &Words) -> bool {
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
    fn go(&mut self, to: Position, filament: f64, arc: Option<Arc>) -> bool {
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

    /// Everything but moves. True when something moves.
    fn run(&mut self, command: &Command<'_>) -> bool {
        match command {
            Command::Traditional { code, words, .. } => self.run_traditional(*code, words),
            Command::Extended(command) => self.run_extended(command),
            Command::None | Command::Move { .. } | Command::At(_) | Command::Other(_) => false,
        }
    }

    fn run_traditional(&mut self, code: Code, words: &Words) -> bool {
        if code.minor.is_some() && code.letter != b'T' {
            return false;
        }
        let state = &mut self.state;
        match (code.letter, code.number) {
            (b'G', 4) => self.dwell = words.get(b'P').unwrap_or(0.0).max(0.0) / 1000.0,
            (b'G', 10) => return self.firmware_retract(),
            (b'G', 11) => return self.firmware_unretract(),
            (b'G', 17) => state.plane = Plane::Xy,
            (b'G', 18) => state.plane = Plane::Xz,
            (b'G', 19) => state.plane = Plane::Yz,
            (b'G', 20) => state.units = Units::Inches,
            (b'G', 21) => state.units = Units::Millimeters,
            (b'G', 28) => return self.home(words),
            (b'G', 90) => self.set_mode(Mode::Absolute),
            (b'G', 91) => self.set_mode(Mode::Relative),
            (b'G', 92) => self.set_position(words),
            (b'M', 82) => state.coordinates.extruder_mode = Mode::Absolute,
            (b'M', 83) => state.coordinates.extruder_mode = Mode::Relative,
            (b'M', 204) => {
                let slower = words.get(b'P').zip(words.get(b'T')).map(|(print, travel)| print.min(travel));
                if let Some(acceleration) = words.get(b'S').or(slower).filter(|&value| value > 0.0) {
                    state.limits.acceleration = Some(acceleration);
                }
            }
            (b'M', 220) => {
                state.coordinates.speed_factor = words.get(b'S').filter(|&s| s > 0.0).unwrap_or(100.0) / 100.0;
            }
            (b'M', 221) => self.set_extrude_factor(words.get(b'S').unwrap_or(100.0) / 100.0),
            (b'T', tool) => self.select_tool(usize::try_from(tool).unwrap_or(usize::MAX)),
            _ => {}
        }
        false
    }

    fn set_mode(&mut self, mode: Mode) {
        self.state.coordinates.mode = mode;
        if self.options.g90_influences_extruder {
            self.state.coordinates.extruder_mode = mode;
        }
    }

    /// G28: the axes it names, or all. Klipper then drops G92's shift of those axes.
    fn home(&mut self, words: &Words) -> bool {
        let from = self.state.position;
        let all = !Axis::ALL.into_iter().any(|axis| words.has(axis.letter()));
        for axis in Axis::ALL.into_iter().filter(|axis| all || words.has(axis.letter())) {
            let index = axis as usize;
            self.state.homed.insert(axis);
            self.state.coordinates.base[index] = self.state.coordinates.offset[index];
            self.state.position.set(axis, self.options.home[index]);
        }
        self.motion.kind = MotionKind::Home;
        self.motion.from = from;
        self.motion.to = self.state.position;
        self.motion.filament = 0.0;
        self.motion.length = 0.0;
        self.motion.speed = self.state.speed();
        self.motion.arc = None;
        if from != self.state.position {
            self.state.extruders[self.state.tool].advance(0.0);
        }
        true
    }

    /// G92. An axis whose place is unknown is where the file says.
    fn set_position(&mut self, words: &Words) {
        let Some(unit) = self.unit() else { return };
        let all = !b"XYZE".iter().any(|&letter| words.get(letter).is_some());
        let word = |letter| if all { Some(0.0) } else { words.get(letter) };
        let State { position, e, coordinates, .. } = &mut self.state;
        for axis in Axis::ALL {
            let Some(value) = word(axis.letter()) else { continue };
            let value = value * unit;
            let base = &mut coordinates.base[axis as usize];
            match position.get(axis) {
                Some(machine) => *base = machine - value,
                None if all => {}
                None => {
                    *base = 0.0;
                    position.set(axis, Some(value));
                }
            }
        }
        if let Some(value) = word(b'E') {
            let value = value * unit * coordinates.extrude_factor;
            match *e {
                Some(e) => coordinates.base[3] = e - value,
                None => {
                    coordinates.base[3] = 0.0;
                    *e = Some(value);
                }
            }
        }
    }

    /// M221: the file's own E stays what it is.
    fn set_extrude_factor(&mut self, factor: f64) {
        if factor <= 0.0 {
            return;
        }
        let State { e, coordinates, .. } = &mut self.state;
        if let Some(e) = *e {
            let value = (e - coordinates.base[3]) / coordinates.extrude_factor;
            coordinates.base[3] = e - value * factor;
        }
        coordinates.extrude_factor = factor;
    }

    fn select_tool(&mut self, tool: usize) {
        if tool >= MOST_TOOLS {
            return;
        }
        while self.state.extruders.len() <= tool {
            let lengths = &self.settings.retraction_length;
            let own = lengths.get(self.state.extruders.len()).or(lengths.first()).copied();
            self.state.extruders.push(Extruder::new(self.options.retraction_length.or(own)));
        }
        self.state.tool = tool;
    }

    /// G10. As mainline Klipper does, the file's own E stays what it is.
    fn firmware_retract(&mut self) -> bool {
        let Some(length) = self.state.firmware_retraction.retract() else { return false };
        let extruder = &mut self.state.extruders[self.state.tool];
        extruder.retract_by_firmware(length);
        self.shift_filament(-length, MotionKind::Retraction, self.state.firmware_retraction.speed)
    }

    fn firmware_unretract(&mut self) -> bool {
        let Some(length) = self.state.firmware_retraction.unretract() else { return false };
        self.state.extruders[self.state.tool].advance(length);
        self.shift_filament(length, MotionKind::Unretraction, self.state.firmware_retraction.unretract_speed)
    }

    fn shift_filament(&mut self, filament: f64, kind: MotionKind, speed: f64) -> bool {
        let State { e, coordinates, position, .. } = &mut self.state;
        let shift = filament * coordinates.extrude_factor;
        *e = e.map(|e| e + shift);
        coordinates.base[3] += shift;
        self.motion = Motion { kind, from: *position, to: *position, filament, length: 0.0, speed, arc: None };
        true
    }

    fn run_extended(&mut self, command: &Extended<'_>) -> bool {
        let name = command.name();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("EXCLUDE_OBJECT_START") {
            self.objects_by_command = true;
            self.state.object = command.get("NAME").and_then(|name| self.objects.intern(&name));
        } else if is("EXCLUDE_OBJECT_END") {
            self.objects_by_command = true;
            self.state.object = None;
        } else if is("EXCLUDE_OBJECT_DEFINE") {
            self.objects.define(command);
        } else if is("SET_VELOCITY_LIMIT") {
            self.set_limits(command);
        } else if is("SET_PRINT_STATS_INFO") {
            if let Some(number) = command.number("CURRENT_LAYER") {
                let number = Some(number as i32);
                let mark = LayerMark { kind: MarkKind::PrintStats, number, z: None };
                self.layers.mark(mark, &mut self.state.layer, self.line);
            }
        } else if is("ACTIVATE_EXTRUDER") {
            self.activate_extruder(command);
        } else if is("SET_RETRACTION") {
            self.state.firmware_retraction.set(command);
        } else if is("SET_GCODE_OFFSET") {
            return self.set_offset(command);
        } else if is("SAVE_GCODE_STATE") {
            self.save(command);
        } else if is("RESTORE_GCODE_STATE") {
            return self.restore(command);
        } else if self.options.moves(name) {
            self.state.position = Position::UNKNOWN;
        }
        false
    }

    fn set_limits(&mut self, command: &Extended<'_>) {
        let positive = |key| command.number(key).filter(|&value| value > 0.0);
        let Limits { velocity, acceleration, square_corner_velocity } = &mut self.state.limits;
        *velocity = positive("VELOCITY").or(*velocity);
        *acceleration = positive("ACCEL").or(*acceleration);
        *square_corner_velocity =
            command.number("SQUARE_CORNER_VELOCITY").filter(|&value| value >= 0.0).or(*square_corner_velocity);
    }

    /// `EXTRUDER=extruder2`. Klipper starts the new extruder's E at 0 and drops M221.
    fn activate_extruder(&mut self, command: &Extended<'_>) {
        let Some(name) = command.get("EXTRUDER") else { return };
        let Some(number) = name.strip_prefix(b"extruder") else { return };
        let tool = if number.is_empty() { Some(0) } else { str::from_utf8(number).ok().and_then(|n| n.parse().ok()) };
        let Some(tool) = tool else { return };
        self.select_tool(tool);
        self.state.coordinates.extrude_factor = 1.0;
        if let Some(e) = self.state.e {
            self.state.coordinates.base[3] = e;
        }
    }

    fn set_offset(&mut self, command: &Extended<'_>) -> bool {
        let mut to = self.state.position;
        let mut filament = 0.0;
        for (index, key) in ["X", "Y", "Z", "E"].into_iter().enumerate() {
            let before = self.state.coordinates.offset[index];
            let adjusted = || command.number(&format!("{key}_ADJUST")).map(|adjust| before + adjust);
            let Some(offset) = command.number(key).or_else(adjusted) else { continue };
            self.state.coordinates.base[index] += offset - before;
            self.state.coordinates.offset[index] = offset;
            match Axis::ALL.get(index).copied() {
                Some(axis) => to.set(axis, to.get(axis).map(|value| value + offset - before)),
                None => filament = offset - before,
            }
        }
        if command.number("MOVE").is_none_or(|moves| moves == 0.0) {
            return false;
        }
        self.state.e = self.state.e.map(|e| e + filament);
        let filament = filament / self.state.coordinates.extrude_factor;
        self.go(to, filament, None)
    }

    fn save(&mut self, command: &Extended<'_>) {
        let name = state_name(command);
        let State { coordinates, position, e, .. } = self.state;
        self.saved.retain(|saved| saved.name != name);
        if self.saved.len() < MOST_SAVED {
            self.saved.push(Saved { name, coordinates, position, e });
        }
    }

    fn restore(&mut self, command: &Extended<'_>) -> bool {
        let name = state_name(command);
        let Some(saved) = self.saved.iter().find(|saved| saved.name == name).cloned() else { return false };
        self.state.coordinates = saved.coordinates;
        // The filament that has moved in between has moved: E goes on from where it is.
        if let (Some(now), Some(then)) = (self.state.e, saved.e) {
            self.state.coordinates.base[3] += now - then;
        }
        command.number("MOVE").is_some_and(|moves| moves != 0.0) && self.go(saved.position, 0.0, None)
    }

    fn remark(&mut self, comment: &[u8], alone: bool) {
        match feature::remark(comment) {
            Some(Remark::Feature(feature)) => self.state.feature = feature,
            Some(Remark::Layer(mark)) => self.layers.mark(mark, &mut self.state.layer, self.line),
            Some(Remark::LayerZ(z)) => self.layers.mark_z(z),
            Some(Remark::Wipe(wiping)) => self.state.wiping = wiping,
            Some(Remark::Object(name)) if !self.objects_by_command => {
                self.state.object = name.and_then(|name| self.objects.intern(name));
            }
            Some(Remark::Object(_)) => {}
            None if alone && self.settings.read(comment) => self.adopt_settings(),
            None => {}
        }
    }

    /// Settings that the file's head brings hold from there on, unless the options say otherwise.
    fn adopt_settings(&mut self) {
        let lengths = &self.settings.retraction_length;
        if self.options.retraction_length.is_none() {
            for (index, extruder) in self.state.extruders.iter_mut().enumerate() {
                extruder.set_length(lengths.get(index).or(lengths.first()).copied());
            }
        }
        let mut rules = self.options.layer_rules();
        rules.z_lift = rules.z_lift.or(self.settings.z_lift);
        rules.layer_height = rules.layer_height.or(self.settings.layer_height);
        rules.vase = rules.vase.or(self.settings.vase);
        self.layers.set_rules(rules);
    }
}

fn state_name(command: &Extended<'_>) -> Vec<u8> {
    command.get("NAME").map_or_else(|| b"default".to_vec(), Cow::into_owned)
}
