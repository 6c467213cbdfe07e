//! The layers of a file as polylines, in the compact form of `docs/api.md`. They are written to a file without a name
//! while the G-code is read, so that memory does not grow with it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::gcode::arc::Arc;
use crate::gcode::engine::{Event, Motion, MotionKind};
use crate::gcode::extruder::ExtruderStates;
use crate::gcode::feature::Feature;

/// Layers with more points are thinned out.
const MOST_POINTS: usize = 200_000;
/// Points of such a layer are at least this far apart, mm.
const THINNED: f32 = 0.5;
/// One unit of a coordinate, mm, where that reaches across the layer.
const UNIT: f32 = 0.01;
/// An arc is drawn in pieces of about this length, mm.
const ARC_PIECE: f64 = 0.6;

const TRAVEL: u8 = 1;
const RETRACTED: u8 = 2;
const THIN: u8 = 4;

/// What is printed, in the order of the numbers in a drawing; 0 is what the file does not say.
pub(super) const FEATURES: [Feature; 24] = [
    Feature::OuterWall,
    Feature::InnerWall,
    Feature::Wall,
    Feature::OverhangWall,
    Feature::TopSurface,
    Feature::BottomSurface,
    Feature::Surface,
    Feature::SolidInfill,
    Feature::SparseInfill,
    Feature::GapFill,
    Feature::Bridge,
    Feature::InternalBridge,
    Feature::Ironing,
    Feature::Skirt,
    Feature::Brim,
    Feature::SkirtBrim,
    Feature::Raft,
    Feature::Support,
    Feature::SupportInterface,
    Feature::WipeTower,
    Feature::OozeShield,
    Feature::Custom,
    Feature::Mixed,
    Feature::Other,
];

/// Where a layer is, in the file and in the drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LayerFacts {
    /// mm
    pub(super) z: f64,
    /// Its bytes in the file.
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) points: u32,
    /// Its block in the drawing.
    at: u64,
    length: u32,
}

/// A finished drawing.
#[derive(Debug)]
pub(super) struct Drawing {
    file: File,
    pub(super) layers: Vec<LayerFacts>,
    /// The least and the greatest x and y that are printed at, mm.
    pub(super) bounds: Option<[f32; 4]>,
}

impl Drawing {
    /// The blocks of the layers from number `from` to `to`, as many as fit into `most` bytes, and at least one.
    pub(super) fn blocks(&self, from: usize, to: usize, most: usize) -> io::Result<Vec<u8>> {
        let wanted = self.layers.get(from.saturating_sub(1)..to.min(self.layers.len())).unwrap_or_default();
        let mut length = 0;
        for layer in wanted {
            let longer = length + layer.length as usize;
            if length > 0 && longer > most {
                break;
            }
            length = longer;
        }
        let mut blocks = vec![0; length];
        if let Some(first) = wanted.first() {
            self.file.read_exact_at(&mut blocks, first.at)?;
        }
        Ok(blocks)
    }
}

/// A run: a polyline of one kind.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    first: u32,
    feature: u8,
    flags: u8,
    /// Where it ends in the file.
    end: u64,
}

/// A drawing in the making.
#[derive(Debug)]
pub(super) struct Sketch {
    out: BufWriter<File>,
    at: u64,
    layers: Vec<LayerFacts>,
    bounds: Option<[f32; 4]>,
    /// The layer that is being read; 0 before the first.
    number: u32,
    layer: LayerFacts,
    points: Vec<[f32; 2]>,
    runs: Vec<Run>,
    thin: bool,
    problem: Option<io::Error>,
}

impl Sketch {
    /// Begins; `folder` is where the disk has room.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            out: BufWriter::with_capacity(64 << 10, tempfile::tempfile_in(folder)?),
            at: 0,
            layers: Vec::new(),
            bounds: None,
            number: 0,
            layer: LayerFacts::default(),
            points: Vec::new(),
            runs: Vec::new(),
            thin: false,
            problem: None,
        })
    }

    /// One line of the file.
    pub(super) fn line(&mut self, event: &Event<'_>) {
        let layer = &event.state.layer;
        if layer.number != self.number {
            self.end_layer(event.start);
            self.number = layer.number;
            self.layer = LayerFacts { z: layer.height, from: event.start, ..LayerFacts::default() };
        }
        if let Some(motion) = event.motion.filter(|_| self.number > 0) {
            self.motion(motion, event);
        }
    }

    /// The end of the file of `size` bytes.
    pub(super) fn finish(mut self, size: u64) -> io::Result<Drawing> {
        self.end_layer(size);
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Drawing { file, layers: self.layers, bounds: self.bounds })
    }

    fn motion(&mut self, motion: &Motion, event: &Event<'_>) {
        let (Some(from), Some(to)) = (motion.from.xyz(), motion.to.xyz()) else {
            // Nobody knows where it went; the next line begins anew.
            self.runs.push(Run { first: self.next_point(), feature: 0, flags: TRAVEL, end: event.end });
            return;
        };
        let prints = motion.kind == MotionKind::Extrusion;
        if motion.kind == MotionKind::Home || (from[..2] == to[..2] && motion.arc.is_none()) {
            return;
        }
        let states = event.state.extruder().states();
        let mut flags = if prints { 0 } else { TRAVEL };
        flags |= if states.any(ExtruderStates::RETRACTED) { RETRACTED } else { 0 };
        let feature = if prints { event.state.feature.map_or(0, number_of) } else { 0 };
        self.begin_run(point(from), feature, flags, event.end);
        if let Some(arc) = &motion.arc {
            self.arc(arc);
        }
        self.point(point(to), prints);
    }

    fn begin_run(&mut self, from: [f32; 2], feature: u8, flags: u8, end: u64) {
        let first = self.next_point();
        let goes_on = self.points.last() == Some(&from);
        match self.runs.last_mut() {
            Some(run) if goes_on && (run.feature, run.flags) == (feature, flags) && run.first < first => run.end = end,
            _ => {
                self.runs.push(Run { first, feature, flags, end });
                self.points.push(from);
            }
        }
    }

    fn arc(&mut self, arc: &Arc) {
        let pieces = (arc.radius * arc.sweep.abs() / ARC_PIECE).ceil().clamp(2.0, 64.0);
        let mut step = 1.0;
        while step < pieces {
            let angle = arc.sweep.mul_add(step / pieces, arc.start);
            let [x, y] = [arc.center[0] + arc.radius * angle.cos(), arc.center[1] + arc.radius * angle.sin()];
            self.point(point([x, y, 0.0]), true);
            step += 1.0;
        }
    }

    fn point(&mut self, to: [f32; 2], prints: bool) {
        if prints {
            let [x, y] = to;
            let [x1, y1, x2, y2] = self.bounds.unwrap_or([x, y, x, y]);
            self.bounds = Some([x1.min(x), y1.min(y), x2.max(x), y2.max(y)]);
        }
        self.thin |= self.points.len() >= MOST_POINTS;
        let first = self.runs.last().map_or(0, |run| run.first as usize);
        if let (true, Some(last)) = (self.thin && self.points.len() > first + 1, self.points.last_mut())
            && (to[0] - last[0]).hypot(to[1] - last[1]) < THINNED
        {
            *last = to;
            return;
        }
        self.points.push(to);
    }

    fn next_point(&self) -> u32 {
        u32::try_from(self.points.len()).unwrap_or(u32::MAX)
    }

    fn end_layer(&mut self, end: u64) {
        if self.number == 0 {
            return;
        }
        let block = self.block();
        self.layer = LayerFacts {
            to: end,
            points: self.next_point(),
            at: self.at,
            length: u32::try_from(block.len()).unwrap_or(u32::MAX),
            ..self.layer
        };
        self.at += block.len() as u64;
        if let Err(problem) = self.out.write_all(&block) {
            self.problem.get_or_insert(problem);
        }
        // A number that was jumped over has no lines of its own.
        while self.layers.len() + 1 < self.number as usize {
            self.layers.push(LayerFacts { length: 0, points: 0, ..self.layer });
        }
        self.layers.push(self.layer);
        self.points.clear();
        self.runs.clear();
        self.thin = false;
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "coordinates are within their bounds")]
    fn block(&self) -> Vec<u8> {
        let least = |axis: usize| self.points.iter().map(|p| p[axis]).fold(f32::INFINITY, f32::min);
        let most = |axis: usize| self.points.iter().map(|p| p[axis]).fold(f32::NEG_INFINITY, f32::max);
        let (x0, y0) = if self.points.is_empty() { (0.0, 0.0) } else { (least(0), least(1)) };
        let across = (most(0) - x0).max(most(1) - y0).max(0.0);
        let unit = UNIT.max(across / f32::from(u16::MAX));
        let length = 32 + 8 * self.runs.len() + 4 * self.points.len();
        let mut block = Vec::with_capacity(length);
        let numbers = [length as u32, self.number].map(u32::to_le_bytes);
        numbers.iter().for_each(|n| block.extend(n));
        [self.layer.z as f32, x0, y0, unit].iter().for_each(|n| block.extend(n.to_le_bytes()));
        [self.runs.len() as u32, self.points.len() as u32].iter().for_each(|n| block.extend(n.to_le_bytes()));
        let thin = if self.thin { THIN } else { 0 };
        for Run { first, feature, flags, end } in &self.runs {
            block.extend(first.to_le_bytes());
            block.extend([*feature, flags | thin]);
            let way = (end.saturating_sub(self.layer.from) / 256).min(u64::from(u16::MAX)) as u16;
            block.extend(way.to_le_bytes());
        }
        for [x, y] in &self.points {
            let units = |mm: f32, from: f32| ((mm - from) / unit).round().min(f32::from(u16::MAX)) as u16;
            block.extend(units(*x, x0).to_le_bytes());
            block.extend(units(*y, y0).to_le_bytes());
        }
        block
    }
}

#[expect(clippy::cast_possible_truncation, reason = "f32 is exact to a micrometre on any bed")]
fn point(at: [f64; 3]) -> [f32; 2] {
    [at[0] as f32, at[1] as f32]
}

fn number_of(feature: Feature) -> u8 {
    let at = FEATURES.iter().position(|known| *known == feature);
    at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::engine::{Engine, Options};
    use crate::gcode::scan::read_lines;

    fn drawn(text: &str) -> Drawing {
        let folder = tempfile::tempdir().unwrap();
        let mut sketch = Sketch::new(folder.path()).unwrap();
        let mut engine = Engine::new(Options::default());
        read_lines(text.as_bytes(), |raw| sketch.line(&engine.line(raw))).unwrap();
        sketch.finish(text.len() as u64).unwrap()
    }

    /// Runs of a block: feature, flags, points in mm.
    fn read(block: &[u8]) -> Vec<(u8, u8, Vec<[f32; 2]>)> {
        let u = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
        let f = |at: usize| f32::from_le_bytes(block[at..at + 4].try_into().unwrap());
        let (runs, points) = (u(24) as usize, u(28) as usize);
        assert_eq!(u(0) as usize, 32 + 8 * runs + 4 * points);
        let coordinate = |at: usize| f32::from(u16::from_le_bytes(block[at..at + 2].try_into().unwrap())) * f(20);
        let at = |i: usize| 32 + 8 * runs + 4 * i;
        let point = |i: usize| [f(12) + coordinate(at(i)), f(16) + coordinate(at(i) + 2)];
        let first = |run: usize| if run < runs { u(32 + 8 * run) as usize } else { points };
        let rounded = |[x, y]: [f32; 2]| [(x * 100.0).round() / 100.0, (y * 100.0).round() / 100.0];
        let read = |run: usize| {
            let points = (first(run)..first(run + 1)).map(|i| rounded(point(i))).collect();
            (block[36 + 8 * run], block[37 + 8 * run], points)
        };
        (0..runs).map(read).collect()
    }

    const FILE: &str = "G28\nG90\nM83\nG1 Z0.2 F600\nG1 X10 Y10 F6000\n;TYPE:External perimeter\nG1 X20 Y10 E1\n\
                        G1 X20 Y20.5 E1\n;TYPE:Internal infill\nG1 X10 Y20 E1\nG1 E-1\nG1 X30 Y30\nG1 E1\nG1 Z0.4\n\
                        G1 X5 Y5 E1\nG1 X6 Y5 E1\n";

    #[test]
    fn runs_are_told_by_what_is_printed_and_join() {
        let drawing = drawn(FILE);
        assert_eq!(drawing.layers.len(), 2);
        let first = drawing.blocks(1, 1, usize::MAX).unwrap();
        let runs = read(&first);
        let (outer, infill) = (number_of(Feature::OuterWall), number_of(Feature::SparseInfill));
        assert_eq!(runs[0], (outer, 0, vec![[10.0, 10.0], [20.0, 10.0], [20.0, 20.5]]));
        assert_eq!(runs[1], (infill, 0, vec![[20.0, 20.5], [10.0, 20.0]]));
        assert_eq!(runs[2], (0, TRAVEL | RETRACTED, vec![[10.0, 20.0], [30.0, 30.0]]));
        let second = read(&drawing.blocks(2, 2, usize::MAX).unwrap());
        assert_eq!(second, [(infill, 0, vec![[30.0, 30.0], [5.0, 5.0], [6.0, 5.0]])]);
        assert_eq!(drawing.bounds, Some([5.0, 5.0, 20.0, 20.5]));
        assert_eq!(&FILE[drawing.layers[1].from as usize..][..5], "G1 X5");
        assert_eq!(drawing.layers[1].to, FILE.len() as u64);
    }

    #[test]
    fn as_many_layers_come_as_fit_and_at_least_one() {
        let drawing = drawn(FILE);
        let one = drawing.blocks(1, 1, 0).unwrap();
        assert_eq!(drawing.blocks(1, 2, one.len()).unwrap(), one);
        assert!(drawing.blocks(1, 2, 1 << 20).unwrap().len() > one.len());
        assert!(drawing.blocks(3, 9, 1 << 20).unwrap().is_empty());
        assert!(drawing.blocks(5, 2, 1 << 20).unwrap().is_empty());
    }

    #[test]
    fn every_feature_has_a_number() {
        assert!(FEATURES.iter().all(|feature| number_of(*feature) > 0));
    }
}
