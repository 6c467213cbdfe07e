//! The picture: an enclosed printer with a fixed bed and a moving gantry.
//!
//! What stands still is drawn once and kept ([`layer`]); strands of the part are added as they are laid; per frame only
//! the gantry and its shadow are drawn.

mod head;
mod layer;
mod light;
mod math;
mod mesh;
mod part;
mod raster;
mod room;

use super::shutter::encode_jpeg;
use crate::machine::TruePosition;

use head::Gantry;
use layer::{Layer, project};
use light::KEY;
use math::{V3, View, smoothstep, v3};
use mesh::Baked;
use part::Part;
use raster::{Rect, SUPER, paint};

/// Side of the squares in which the moving samples are kept; a multiple of [`SUPER`].
const TILE: usize = 32;
/// Marks a sample that shows something moving.
const DRAWN: u32 = 1 << 24;

/// The size of the picture and of the printer in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Width of the picture, pixels.
    pub width: u32,
    /// Height of the picture, pixels.
    pub height: u32,
    /// Size of the bed in X and Y, mm.
    pub bed: (f64, f64),
    /// Where the camera stands, mm from the bed's corner; `None` is the front left, as most people mount one.
    pub eye: Option<(f64, f64, f64)>,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 1280, height: 720, bed: (200.0, 200.0), eye: None }
    }
}

/// Draws frames.
#[derive(Debug)]
pub struct Scene {
    look: Look,
    layer: Layer,
    /// The layer's samples without a part.
    bare: Vec<u32>,
    part: Part,
    gantry: Gantry,
    moving: Moving,
    /// Of the room, as a share of full light in 256ths.
    light: u32,
    out: Vec<u8>,
}

impl Scene {
    /// Draws the empty printer, which takes a moment.
    #[must_use]
    pub fn new(look: Look) -> Self {
        // Whole tiles, and sizes that JPEG encoders like.
        let (columns, rows) = (look.width.max(64) as usize / 16 * 16, look.height.max(48) as usize / 16 * 16);
        let look = Look { width: columns as u32, height: rows as u32, ..look };
        let bed = (look.bed.0 as f32, look.bed.1 as f32);
        let size = bed.0.max(bed.1);
        let eye = match look.eye {
            Some((x, y, z)) => v3(x as f32, y as f32, z as f32),
            None => v3(bed.0 * 0.5 - size * 0.23, -size * 0.60, size * 0.63),
        };
        let target = v3(bed.0 * 0.5 + size * 0.005, bed.1 * 0.47, size * 0.115);
        let view = View::new(eye, target, 60.0, (columns * SUPER) as u32, (rows * SUPER) as u32);
        let mut layer = Layer::new(view, (columns, rows));
        room::draw(&mut layer, bed);
        layer.settle(layer.everything());
        Self {
            look,
            bare: layer.colour.clone(),
            out: layer.pixels.clone(),
            moving: Moving::new(layer.width, layer.height),
            layer,
            light: 256,
            part: Part::new(bed),
            gantry: Gantry::new(bed, eye),
        }
    }

    /// The size of the picture in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.look.width, self.look.height)
    }

    /// Adds what was printed along `points`, which follow those added before.
    pub fn print(&mut self, points: &[TruePosition]) {
        self.part.add(&mut self.layer, points);
    }

    /// Brings the part's shadow on the bed up to date; once a second is enough.
    pub fn settle_shadow(&mut self) {
        self.part.shade_bed(&mut self.layer, &self.bare);
    }

    /// Takes the part off the bed.
    pub fn clear(&mut self) {
        let bed = self.part.bed();
        *self = Self::new(Look { bed: (f64::from(bed.0), f64::from(bed.1)), ..self.look });
    }

    /// Lights the room with this share of full light.
    pub fn light(&mut self, share: f64) {
        self.light = (share.clamp(0.0, 1.0) * 256.0) as u32;
    }

    /// The picture with the head at `head`: RGB bytes, row by row.
    pub fn draw(&mut self, head: TruePosition) -> &[u8] {
        let fresh = std::mem::replace(&mut self.part.fresh, Rect::EMPTY);
        self.layer.settle(fresh);
        self.out.copy_from_slice(&self.layer.pixels);
        let head = v3(head.x as f32, head.y as f32, head.z as f32);
        self.cast_shadow(head);
        self.moving.begin();
        // The nearest first: what it hides is not coloured.
        self.moving.draw(&self.layer, &self.gantry.head, head);
        self.moving.draw(&self.layer, &self.gantry.beam, v3(0.0, head.y, head.z));
        self.moving.draw(&self.layer, &self.gantry.rails, v3(0.0, 0.0, head.z));
        self.moving.draw(&self.layer, &self.gantry.hoses(head), v3(0.0, 0.0, 0.0));
        self.moving.compose(&mut self.out);
        if self.light < 256 {
            self.out.iter_mut().for_each(|byte| *byte = ((u32::from(*byte) * self.light) >> 8) as u8);
        }
        &self.out
    }

    /// The same picture as a JPEG of `quality` 1 to 100.
    pub fn jpeg(&mut self, head: TruePosition, quality: u8) -> Vec<u8> {
        let size = self.size();
        encode_jpeg(self.draw(head), size, quality)
    }

    /// The picture of a head that moves through these places while it is exposed, as a JPEG.
    #[must_use]
    pub fn blurred_jpeg(&mut self, heads: &[TruePosition], quality: u8) -> Vec<u8> {
        let mut sums: Vec<u16> = Vec::new();
        for head in heads {
            let drawn = self.draw(*head);
            sums.resize(drawn.len(), 0);
            sums.iter_mut().zip(drawn).for_each(|(sum, value)| *sum += u16::from(*value));
        }
        let count = u16::try_from(heads.len()).unwrap_or(u16::MAX).max(1);
        let mean: Vec<u8> = sums.iter().map(|sum| (sum / count) as u8).collect();
        encode_jpeg(&mean, self.size(), quality)
    }

    /// Darkens bed and part where head and beam stand in the key light: the head as three balls, the beam as a line.
    fn cast_shadow(&mut self, head: V3) {
        const BALLS: [(f32, f32, f32); 3] = [(46.0, 22.0, 0.46), (26.0, 19.0, 0.46), (9.0, 9.0, 0.40)];
        for (up, radius, dark) in BALLS {
            let centre = head + v3(0.0, 0.0, up);
            let (from, reach) = (radius * 0.62, radius * 1.35);
            let area = self.shadow_area(v3(-reach, -reach, 0.0), v3(reach, reach, 0.0), centre, head.z);
            self.darken(area, |at| {
                let to = centre - at;
                let along = to.dot(KEY);
                let miss = to.dot(to) - along * along;
                if along <= 0.0 || miss >= reach * reach {
                    return 1.0;
                }
                1.0 - dark * (1.0 - smoothstep(from, reach, miss.max(0.0).sqrt()))
            });
        }
        // The beam: distance of the light's ray from it, seen along X.
        let beam = head + v3(0.0, 25.0, 34.0);
        let flat = (KEY.y * KEY.y + KEY.z * KEY.z).sqrt();
        let (dy, dz) = (KEY.y / flat, KEY.z / flat);
        let bed = self.part.bed();
        let centre = v3(bed.0 * 0.5 + KEY.x * (beam.z / KEY.z), beam.y, beam.z);
        let area = self.shadow_area(v3(-bed.0 * 0.53, -20.0, 0.0), v3(bed.0 * 0.53, 20.0, 0.0), centre, head.z);
        self.darken(area, |at| {
            let (by, bz) = (beam.y - at.y, beam.z - at.z);
            let miss = (by * dz - bz * dy).abs();
            if miss < 16.0 && by * dy + bz * dz > 0.0 { 1.0 - 0.40 * (1.0 - smoothstep(4.0, 16.0, miss)) } else { 1.0 }
        });
    }

    /// The pixels on which the shadow of a body around `centre` may fall, between the bed and the height `top`.
    fn shadow_area(&self, low: V3, high: V3, centre: V3, top: f32) -> Rect {
        let mut points = Vec::with_capacity(8);
        for z in [0.0, top.max(0.0)] {
            let on = centre - KEY * ((centre.z - z) / KEY.z);
            for corner in [low, v3(high.x, low.y, 0.0), high, v3(low.x, high.y, 0.0)] {
                // Slanting light stretches a shadow.
                points.extend(self.layer.view.project(on + corner * 1.2));
            }
        }
        let samples = Rect::around(&points, self.layer.width, self.layer.height);
        Rect {
            x0: samples.x0 / SUPER,
            y0: samples.y0 / SUPER,
            x1: samples.x1.div_ceil(SUPER).min(self.layer.width / SUPER),
            y1: samples.y1.div_ceil(SUPER).min(self.layer.height / SUPER),
        }
    }

    /// Multiplies the light of the pixels in `area` that show bed or part by `keep(position)`.
    fn darken(&mut self, area: Rect, keep: impl Fn(V3) -> f32) {
        let (view, columns) = (self.layer.view, self.layer.width / SUPER);
        let step = view.ray(SUPER as f32, 0.0) - view.ray(0.0, 0.0);
        for y in area.y0..area.y1 {
            let mut ray = view.ray((area.x0 * SUPER) as f32 + 1.0, (y * SUPER) as f32 + 1.0);
            for x in area.x0..area.x1 {
                let inv = self.layer.depth[y * SUPER * self.layer.width + x * SUPER];
                let at = view.eye + ray * (1.0 / inv.max(1e-6));
                ray = ray + step;
                if at.z < -2.0 {
                    continue;
                }
                let keep = keep(at);
                if keep < 0.996 {
                    let k = (keep * 256.0) as u32;
                    for c in &mut self.out[(y * columns + x) * 3..][..3] {
                        *c = ((u32::from(*c) * k) >> 8) as u8;
                    }
                }
            }
        }
    }
}

/// The samples of what moves, kept only for the squares that it touches.
#[derive(Debug)]
struct Moving {
    width: usize,
    height: usize,
    depth: Vec<f32>,
    colour: Vec<u32>,
    touched: Vec<bool>,
}

impl Moving {
    fn new(width: usize, height: usize) -> Self {
        let tiles = width.div_ceil(TILE) * height.div_ceil(TILE);
        Self {
            width,
            height,
            depth: vec![0.0; width * height],
            colour: vec![0; width * height],
            touched: vec![false; tiles],
        }
    }

    fn begin(&mut self) {
        self.touched.fill(false);
    }

    fn draw(&mut self, behind: &Layer, bodies: &[Baked], offset: V3) {
        for body in bodies {
            let at = body.at.map(|p| p + offset);
            if body.normal.dot(behind.view.eye - at[0]) <= 0.0 {
                continue;
            }
            let Some(corners) = project(&behind.view, at) else { continue };
            let bounds = Rect::around(&corners, self.width, self.height);
            if bounds.is_empty() {
                continue;
            }
            self.touch(behind, bounds);
            let target = (self.depth.as_mut_slice(), self.colour.as_mut_slice());
            paint(corners, body.colour, DRAWN, (self.width, bounds), target);
        }
    }

    fn touch(&mut self, behind: &Layer, bounds: Rect) {
        let across = self.width.div_ceil(TILE);
        for ty in bounds.y0 / TILE..bounds.y1.div_ceil(TILE) {
            for tx in bounds.x0 / TILE..bounds.x1.div_ceil(TILE) {
                if std::mem::replace(&mut self.touched[ty * across + tx], true) {
                    continue;
                }
                let (x0, x1) = (tx * TILE, ((tx + 1) * TILE).min(self.width));
                for y in ty * TILE..((ty + 1) * TILE).min(self.height) {
                    let row = y * self.width;
                    self.depth[row + x0..row + x1].copy_from_slice(&behind.depth[row + x0..row + x1]);
                    self.colour[row + x0..row + x1].fill(0);
                }
            }
        }
    }

    /// Averages the drawn samples over the picture; edges mix with what is behind.
    fn compose(&self, out: &mut [u8]) {
        let across = self.width.div_ceil(TILE);
        let columns = self.width / SUPER;
        for (tile, _) in self.touched.iter().enumerate().filter(|(_, touched)| **touched) {
            let (tx, ty) = (tile % across * TILE / SUPER, tile / across * TILE / SUPER);
            for y in ty..(ty + TILE / SUPER).min(self.height / SUPER) {
                for x in tx..(tx + TILE / SUPER).min(columns) {
                    let sample = y * SUPER * self.width + x * SUPER;
                    let four =
                        [sample, sample + 1, sample + self.width, sample + self.width + 1].map(|i| self.colour[i]);
                    let drawn: u32 = four.iter().map(|c| c >> 24).sum();
                    if drawn == 0 {
                        continue;
                    }
                    let pixel = &mut out[(y * columns + x) * 3..][..3];
                    for (k, byte) in pixel.iter_mut().enumerate() {
                        let sum: u32 = four.iter().map(|c| (c >> (16 - 8 * k)) & 255).sum();
                        *byte = ((sum + u32::from(*byte) * (4 - drawn) + 2) / 4) as u8;
                    }
                }
            }
        }
    }
}
