//! What there is to see of one layer of a file.

use std::io::{self, Read, Seek};

use crate::gcode::engine::{self, Engine, Event, MotionKind};
use crate::gcode::feature::Feature;
use crate::gcode::scan::read_lines;
use crate::gcode::slicer::Settings;
use crate::planner::Snapshot;
use crate::stabilize::Point;

/// A straight piece of the head's way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) from: Point,
    pub(super) to: Point,
    /// What is printed; `None` in `Some` where the file does not say, `None` for a travel.
    pub(super) prints: Option<Option<Feature>>,
    /// `file_position` behind it.
    pub(super) end: u64,
}

/// What there is to see of one layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) pieces: Vec<Piece>,
    /// Pieces of what was finished before and stands higher.
    pub(super) taller: Vec<(Point, Point)>,
    /// Where the head has stood with nothing coming out.
    pub(super) candidates: Vec<Point>,
}

/// More pieces than this make no picture.
const MOST: usize = 200_000;

/// Reads the layer of `snapshot` from `file`.
pub(super) fn read(
    file: &mut (impl Read + Seek),
    options: engine::Options,
    settings: &Settings,
    snapshot: &Snapshot,
) -> io::Result<Layer> {
    file.rewind()?;
    let mut engine = Engine::new(options.with_settings(settings));
    let mut layer = Layer::default();
    read_lines(file, |raw| {
        let event = engine.line(raw);
        layer.add(&event, snapshot);
    })?;
    Ok(layer)
}

impl Layer {
    fn add(&mut self, event: &Event<'_>, snapshot: &Snapshot) {
        let Some(motion) = event.motion else { return };
        let (Some([from_x, from_y, _]), Some([x, y, z])) = (motion.from.xyz(), motion.to.xyz()) else { return };
        let (from, to) = (Point::new(from_x, from_y), Point::new(x, y));
        let extrudes = motion.kind == MotionKind::Extrusion;
        let span = snapshot.span;
        if event.end <= span.from {
            if extrudes && z > snapshot.height + 0.02 && event.state.layer.number > 0 && self.taller.len() < MOST {
                self.taller.push((from, to));
            }
        } else if event.end <= span.to && self.pieces.len() < MOST {
            let prints = extrudes.then_some(event.state.feature);
            let end = event.end;
            match motion.arc {
                Some(arc) => {
                    const STEPS: u32 = 32;
                    let at = |i: u32| {
                        let a = arc.sweep.mul_add(f64::from(i) / f64::from(STEPS), arc.start);
                        Point::new(arc.center[0] + arc.radius * a.cos(), arc.center[1] + arc.radius * a.sin())
                    };
                    let steps = (0..STEPS).map(|i| Piece { from: at(i), to: at(i + 1), prints, end });
                    self.pieces.extend(steps);
                }
                None if from != to => self.pieces.push(Piece { from, to, prints, end }),
                None => {}
            }
            if !extrudes {
                self.candidates.push(to);
            }
        }
    }
}
