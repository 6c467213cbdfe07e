//! What commands other than moves do to the state, and what comments say about it.

use std::borrow::Cow;

use super::engine::{Motion, MotionKind};
use super::extruder::Extruder;
use super::feature::{self, LayerMark, MarkKind, Remark};
use super::line::{Code, Command, Extended, Words};
use super::machine::{Machine, Saved};
use super::options::length_of;
use super::state::{Axis, Limits, Mode, Plane, Position, State, Units};

/// More saved states than this are a broken file.
const MOST_SAVED: usize = 64;

/// More tools than this are other firmware's codes, such as Bambu's T1000.
const MOST_TOOLS: usize = 64;

impl Machine {
    /// Everything but moves. True when something moves.
    pub(super) fn run(&mut self, command: &Command<'_>) -> bool {
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
            let next = self.state.extruders.len();
            let by_file = || length_of(&self.settings.retraction_length, next);
            self.state.extruders.push(Extruder::new(self.options.length_of(next).or_else(by_file)));
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
            self.objects_by_command = true;
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

    pub(super) fn remark(&mut self, comment: &[u8], alone: bool) {
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
        for (tool, extruder) in self.state.extruders.iter_mut().enumerate() {
            if self.options.length_of(tool).is_none() {
                extruder.set_length(length_of(&self.settings.retraction_length, tool));
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
