//! Layers and height: by the Z at which filament comes out, checked against the slicer's marks.
//!
//! The rules are Octolapse's: a layer begins where filament comes out higher than ever before, by at least the minimum
//! layer height. Where they fall short (z-hops, purge lines, vases, sequential prints) the slicer's marks help; see
//! `docs/triggers.md`. Z is meant without SET_GCODE_OFFSET.

use super::TOLERANCE;
use super::feature::{LayerMark, MarkKind};

/// The layer after a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Layer {
    /// From 1; 0 before the first. Goes on counting when a sequential print starts its next object.
    pub number: u32,
    /// Z of the layer, mm; 0 before the first.
    pub height: f64,
    /// The Z at which filament last came out higher than before in this run, mm.
    pub last_extrusion_height: Option<f64>,
    /// Highest Z at which filament came out in the whole print, mm.
    pub highest: f64,
    /// Objects printed one after the other: 0 for the first, and for prints that build all at once.
    pub run: u32,
    /// This line has begun the layer.
    pub change: bool,
    /// The head is lifted off the layer for a travel.
    pub zhop: bool,
    /// Vase mode: by the settings, or Z has risen for a while within extruding moves.
    pub vase: bool,
}

/// How the layers agree with the slicer's marks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerReport {
    /// Layers by extruding Z.
    pub layers: u32,
    /// Layers by the slicer's marks.
    pub marks: u32,
    /// Places where filament comes out higher although no mark stands there.
    pub unmarked: u32,
    /// Marks without a layer.
    pub empty: u32,
    /// Layers whose mark has another Z.
    pub other_height: u32,
    /// Line of the first disagreement.
    pub first_line: Option<u64>,
}

impl LayerReport {
    /// Do marks and layers agree (or are there no marks)?
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.first_line.is_none()
    }
}

/// What decides about layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) priming_height: f64,
    pub(super) min_layer_height: f64,
    pub(super) layer_height: Option<f64>,
    pub(super) z_lift: Option<f64>,
    pub(super) vase: Option<bool>,
    pub(super) has_marks: bool,
}

/// A movement as the layers see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Z after it, mm.
    pub(super) z: f64,
    /// How far it rises, mm.
    pub(super) rise: f64,
    /// X or Y moves.
    pub(super) sideways: bool,
    /// Filament comes out.
    pub(super) extruding: bool,
    /// It has undone a retraction.
    pub(super) unretracted: bool,
    /// Line, for the report.
    pub(super) line: u64,
}

/// Marks are no longer trusted after this many rises in a row without one.
const UNMARKED_RISES: u32 = 4;

/// A vase is a vase once Z has risen this much (mm) within extruding moves; scarf seams rise less.
const SPIRAL_RISE: f64 = 1.0;

/// Without marks, filament on the first layer's height this far (mm) below the print starts the next object.
const SEQUENTIAL_DROP: f64 = 1.0;

/// So many layers before the first mark are purge lines; more are a print whose marks begin late.
const MOST_PURGES: u32 = 2;

/// Counts layers.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    rules: Rules,
    report: LayerReport,
    /// Filament has come out below the priming height.
    primed: bool,
    /// `last_extrusion_height`, below everything before the first.
    last: f64,
    /// Height of the first layer.
    first: f64,
    /// Step from the layer before the current one.
    step: f64,
    /// How far Z has risen within extruding moves without ever falling.
    spiral: f64,
    /// The best kind of mark that the file has.
    kind: Option<MarkKind>,
    pending: Option<LayerMark>,
    /// The number of the mark of the current layer.
    number: Option<i32>,
    /// Rises without a mark in a row, and the highest of them.
    unmarked: u32,
    unmarked_top: f64,
    distrusted: bool,
}

impl Layers {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            report: LayerReport::default(),
            primed: rules.priming_height <= 0.0,
            last: f64::NEG_INFINITY,
            first: 0.0,
            step: 0.0,
            spiral: 0.0,
            kind: None,
            pending: None,
            number: None,
            unmarked: 0,
            unmarked_top: f64::NEG_INFINITY,
            distrusted: false,
        }
    }

    pub(super) fn report(&self) -> LayerReport {
        self.report
    }

    /// Takes settings that the file brings after its start.
    pub(super) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The slicer says that a layer begins.
    pub(super) fn mark(&mut self, mark: LayerMark, layer: &mut Layer, line: u64) {
        match self.kind {
            Some(kind) if mark.kind < kind => return,
            Some(kind) if mark.kind == kind => {}
            _ => {
                self.kind = Some(mark.kind);
                self.report.marks = 0;
                self.pending = None;
                // What came out before the first mark was a purge line.
                if layer.number <= MOST_PURGES {
                    self.report.layers = 0;
                    self.last = f64::NEG_INFINITY;
                    *layer = Layer { vase: layer.vase, ..Layer::default() };
                }
            }
        }
        if self.pending.is_some() {
            self.report.empty += 1;
            self.disagree(line);
        }
        self.report.marks += 1;
        self.pending = Some(mark);
    }

    /// The slicer says at which Z the layer that it has marked lies.
    pub(super) fn mark_z(&mut self, z: f64) {
        if let Some(pending) = &mut self.pending {
            pending.z = Some(z);
        }
    }

    fn disagree(&mut self, line: u64) {
        self.report.first_line.get_or_insert(line);
    }

    /// A movement.
    #[inline]
    pub(super) fn advance(&mut self, layer: &mut Layer, step: &Step) {
        // Within a layer nothing can change; this is nearly every line.
        if step.z <= self.last + TOLERANCE && self.pending.is_none() && step.rise == 0.0 && self.last - step.z < 1.0 {
            layer.zhop = false;
            return;
        }
        self.judge(layer, step);
    }

    fn judge(&mut self, layer: &mut Layer, step: &Step) {
        let lift = step.z - self.last;
        let least_lift = self.rules.z_lift.unwrap_or(self.rules.min_layer_height);
        layer.zhop = !step.extruding && lift.is_finite() && least_lift > 0.0 && lift > least_lift - TOLERANCE;
        self.follow_spiral(layer, step);
        let moves = step.sideways || step.rise != 0.0;
        let extruding = step.extruding && moves;
        if !(extruding || self.is_likely_start(layer, step, lift)) || step.z <= 0.0 {
            return;
        }
        if !self.primed {
            // Octolapse's comparison is strict, too. Wide nozzles have first layers above any priming height, marked.
            if step.z >= self.rules.priming_height && self.pending.is_none() {
                return;
            }
            self.primed = true;
        }
        if self.rules.has_marks && self.kind.is_none() {
            return;
        }
        if extruding && self.starts_next_object(layer, step) {
            layer.run += 1;
            layer.height = 0.0;
            self.last = f64::NEG_INFINITY;
            self.first = step.z;
        }
        if step.z <= self.last {
            return;
        }
        self.last = step.z;
        layer.last_extrusion_height = Some(step.z);
        layer.highest = layer.highest.max(step.z);
        if self.begins(layer, step) {
            self.begin(layer, step);
        }
    }

    /// Recognises a vase by Z that rises with the path. A layer change or a hop falls or rises without filament.
    fn follow_spiral(&mut self, layer: &mut Layer, step: &Step) {
        if step.extruding && step.sideways && step.rise > 0.0 {
            self.spiral += step.rise;
        } else if step.rise.abs() > TOLERANCE {
            self.spiral = 0.0;
        }
        layer.vase = self.rules.vase.unwrap_or(layer.vase || self.spiral > SPIRAL_RISE);
    }

    /// Filament is pushed into the nozzle where the next layer probably starts. A push far above the print is a lifted
    /// head, which Octolapse takes for a layer.
    fn is_likely_start(&self, layer: &Layer, step: &Step, lift: f64) -> bool {
        if self.trusts_marks() {
            return false;
        }
        if layer.number == 0 {
            return step.extruding;
        }
        let lifted = self.rules.z_lift.is_some_and(|hop| hop > 0.0 && lift > hop - TOLERANCE);
        let usual = 1.5 * if self.step > 0.0 { self.step } else { layer.height };
        (step.extruding || step.unretracted) && lift <= usual && !lifted
    }

    fn trusts_marks(&self) -> bool {
        self.kind.is_some() && !self.distrusted
    }

    /// Is this the first layer of the next object of a sequential print?
    fn starts_next_object(&self, layer: &Layer, step: &Step) -> bool {
        let drop = self.last - step.z;
        if drop <= self.rules.min_layer_height || !drop.is_finite() {
            return false;
        }
        match self.pending {
            Some(LayerMark { z: Some(z), .. }) => z < layer.height - self.rules.min_layer_height,
            Some(LayerMark { number: Some(number), .. }) => self.number.is_some_and(|before| number <= before),
            Some(_) => true,
            None => !self.trusts_marks() && drop > SEQUENTIAL_DROP && step.z <= self.first + TOLERANCE,
        }
    }

    fn begins(&mut self, layer: &Layer, step: &Step) -> bool {
        let spirals = self.spiral > 0.0;
        let least = match self.rules.layer_height {
            _ if !spirals => self.rules.min_layer_height,
            Some(height) => height,
            None if self.step > 0.0 => self.step,
            None => self.first.max(self.rules.min_layer_height),
        };
        let rises = step.z >= layer.height + least - TOLERANCE;
        if !self.trusts_marks() {
            return rises;
        }
        if self.pending.is_some() {
            return step.z > layer.height + TOLERANCE || spirals;
        }
        if rises && !spirals && step.z > self.unmarked_top + self.rules.min_layer_height {
            self.unmarked_top = step.z;
            self.unmarked += 1;
            self.report.unmarked += 1;
            self.disagree(step.line);
            self.distrusted = self.unmarked >= UNMARKED_RISES;
        }
        self.distrusted
    }

    fn begin(&mut self, layer: &mut Layer, step: &Step) {
        let mark = self.pending.take();
        let mut height = step.z;
        match mark.and_then(|mark| mark.z) {
            // A turn of a vase ends at the mark's Z.
            Some(z) if self.spiral > 0.0 => height = height.max(z),
            Some(z) if (z - step.z).abs() > 0.005 => {
                self.report.other_height += 1;
                self.disagree(step.line);
            }
            _ => {}
        }
        // A spiral's own steps overshoot a little each time.
        if layer.height > 0.0 && self.spiral == 0.0 {
            self.step = height - layer.height;
        }
        if layer.number == 0 {
            self.first = height;
        }
        self.number = mark.and_then(|mark| mark.number);
        self.unmarked = 0;
        self.unmarked_top = f64::NEG_INFINITY;
        self.report.layers += 1;
        layer.height = height;
        layer.number += 1;
        layer.change = true;
    }
}
