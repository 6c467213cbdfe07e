//! Where the head is, and the modes that decide what the next numbers mean: Klipper's `gcode_move`.

use super::exclude_object::ObjectId;
use super::extruder::Extruder;
use super::feature::Feature;
use super::layer::Layer;
use super::retraction::FirmwareRetraction;

/// An axis: X, Y, Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// X.
    X = 0,
    /// Y.
    Y = 1,
    /// Z.
    Z = 2,
}

impl Axis {
    /// X, Y, Z.
    pub const ALL: [Self; 3] = [Self::X, Self::Y, Self::Z];

    /// Its upper-case letter.
    #[must_use]
    pub const fn letter(self) -> u8 {
        b'X' + self as u8
    }
}

/// A set of axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AxisSet(u8);

impl AxisSet {
    /// X, Y and Z.
    pub const ALL: Self = Self(7);
    /// No axis.
    pub const NONE: Self = Self(0);

    /// Is `axis` in it?
    #[inline]
    #[must_use]
    pub const fn has(self, axis: Axis) -> bool {
        self.0 & 1 << axis as u8 != 0
    }

    /// With `axis` in it.
    #[inline]
    pub const fn insert(&mut self, axis: Axis) {
        self.0 |= 1 << axis as u8;
    }

    /// The axes as lower-case letters in order: `xz`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ["", "x", "y", "xy", "z", "xz", "yz", "xyz"][self.0 as usize & 7]
    }
}

/// A position in mm of which some axes may be unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    known: AxisSet,
    /// Never NaN; 0 where unknown.
    values: [f64; 3],
}

impl Position {
    /// Nothing known.
    pub const UNKNOWN: Self = Self { known: AxisSet::NONE, values: [0.0; 3] };

    /// All three known, mm.
    #[must_use]
    pub const fn new(x: f64, y: f64, z: f64) -> Self {
        Self { known: AxisSet::ALL, values: [x, y, z] }
    }

    /// The coordinate of `axis`, mm.
    #[inline]
    #[must_use]
    pub fn get(&self, axis: Axis) -> Option<f64> {
        self.known.has(axis).then_some(self.values[axis as usize])
    }

    /// X, mm.
    #[inline]
    #[must_use]
    pub fn x(&self) -> Option<f64> {
        self.get(Axis::X)
    }

    /// Y, mm.
    #[inline]
    #[must_use]
    pub fn y(&self) -> Option<f64> {
        self.get(Axis::Y)
    }

    /// Z, mm.
    #[inline]
    #[must_use]
    pub fn z(&self) -> Option<f64> {
        self.get(Axis::Z)
    }

    /// X and Y when both are known, mm.
    #[inline]
    #[must_use]
    pub fn xy(&self) -> Option<[f64; 2]> {
        (self.known.0 & 3 == 3).then_some([self.values[0], self.values[1]])
    }

    /// All three when all are known, mm.
    #[inline]
    #[must_use]
    pub fn xyz(&self) -> Option<[f64; 3]> {
        (self.known == AxisSet::ALL).then_some(self.values)
    }

    /// Which axes are known.
    #[inline]
    #[must_use]
    pub fn known(&self) -> AxisSet {
        self.known
    }

    /// How far this is from `from`, mm; 0 for axes that are unknown in either.
    #[inline]
    #[must_use]
    pub fn minus(&self, from: Self) -> [f64; 3] {
        let known = self.known.0 & from.known.0;
        let mut delta = [0.0; 3];
        for (index, delta) in delta.iter_mut().enumerate() {
            if known & 1 << index != 0 {
                *delta = self.values[index] - from.values[index];
            }
        }
        delta
    }

    /// Sets `axis`; a number that is not finite makes it unknown.
    #[inline]
    pub(super) fn set(&mut self, axis: Axis, value: Option<f64>) {
        match value {
            Some(value) if value.is_finite() => {
                self.known.insert(axis);
                self.values[axis as usize] = value;
            }
            _ => {
                self.known.0 &= !(1 << axis as u8);
                self.values[axis as usize] = 0.0;
            }
        }
    }
}

/// How coordinates are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// From the origin (G90, M82).
    #[default]
    Absolute,
    /// From where the axis is (G91, M83).
    Relative,
    /// The file has not said, and must: positions stay unknown until it does.
    Unknown,
}

/// What a unit of length is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Units {
    /// G21, the only one that Klipper knows.
    #[default]
    Millimeters,
    /// G20: numbers are multiplied by 25.4.
    Inches,
    /// The file has not said, and must: positions stay unknown until it does.
    Unknown,
}

/// The plane of G2 and G3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Plane {
    /// G17.
    #[default]
    Xy,
    /// G18.
    Xz,
    /// G19.
    Yz,
}

/// The limits that decide how long a move takes. `None` where the file has not set one: the printer's own holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// mm/s (SET_VELOCITY_LIMIT VELOCITY).
    pub velocity: Option<f64>,
    /// mm/s² (M204, SET_VELOCITY_LIMIT ACCEL).
    pub acceleration: Option<f64>,
    /// mm/s (SET_VELOCITY_LIMIT SQUARE_CORNER_VELOCITY; M205's jerk is not Klipper's).
    pub square_corner_velocity: Option<f64>,
}

/// What G90, M82, G92 and the like set; saved by SAVE_GCODE_STATE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    /// G90 or G91.
    pub mode: Mode,
    /// M82 or M83. With [`Mode::Relative`] coordinates E is relative, too.
    pub extruder_mode: Mode,
    /// G92 and offsets: the machine's coordinate where the file's is 0, for X, Y, Z, E; mm.
    pub base: [f64; 4],
    /// SET_GCODE_OFFSET for X, Y, Z, E; mm.
    pub offset: [f64; 4],
    /// Last F, mm/min as written; `None` before the first.
    pub feedrate: Option<f64>,
    /// M220, 1 for 100 %.
    pub speed_factor: f64,
    /// M221, 1 for 100 %.
    pub extrude_factor: f64,
}

/// Everything that is known about the printer after a line.
#[derive(Clone, Debug)]
pub struct State {
    /// Where the head is: machine coordinates as Klipper's `gcode_move.position`, mm.
    pub position: Position,
    /// The extruder's position as Klipper's `gcode_move.position.e`, M221 included, mm. `None` while the E mode is
    /// unknown.
    pub e: Option<f64>,
    /// Axes that have been homed by a G28 of the file.
    pub homed: AxisSet,
    /// Modes and offsets.
    pub coordinates: Coordinates,
    /// G20 or G21.
    pub units: Units,
    /// G17, G18 or G19.
    pub plane: Plane,
    /// Limits that the file has set.
    pub limits: Limits,
    /// G10 and G11.
    pub firmware_retraction: FirmwareRetraction,
    /// The active tool, from 0.
    pub tool: usize,
    /// The layer.
    pub layer: Layer,
    /// What is being printed, by the slicer's comments.
    pub feature: Option<Feature>,
    /// The object being printed, by EXCLUDE_OBJECT_START or the slicer's comments.
    pub object: Option<ObjectId>,
    /// Between the slicer's WIPE_START and WIPE_END.
    pub wiping: bool,
    pub(super) extruders: Vec<Extruder>,
}

impl State {
    /// The active tool's extruder.
    #[inline]
    #[must_use]
    pub fn extruder(&self) -> &Extruder {
        &self.extruders[self.tool]
    }

    /// Every tool's extruder that the file has used.
    #[must_use]
    pub fn extruders(&self) -> &[Extruder] {
        &self.extruders
    }

    /// The speed of the next move, mm/s, M220 included. Klipper starts with 25 mm/s.
    #[inline]
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.coordinates.feedrate.map_or(25.0, |feedrate| feedrate / 60.0) * self.coordinates.speed_factor
    }

    /// The head's position in the file's own coordinates: G92 and SET_GCODE_OFFSET taken out, mm.
    #[must_use]
    pub fn file_position(&self) -> Position {
        let mut position = self.position;
        for axis in Axis::ALL {
            position.set(axis, position.get(axis).map(|value| value - self.coordinates.base[axis as usize]));
        }
        position
    }

    /// Is everything known that a move of the head away and back needs? Position, modes and units.
    #[inline]
    #[must_use]
    pub fn is_definite(&self) -> bool {
        self.position.known() == AxisSet::ALL
            && self.coordinates.mode != Mode::Unknown
            && self.coordinates.extruder_mode != Mode::Unknown
            && self.units != Units::Unknown
    }
}
