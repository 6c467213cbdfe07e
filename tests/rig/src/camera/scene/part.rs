//! The part so far: strands of filament, and their shadow on the bed.

use crate::machine::TruePosition;

use super::layer::{BED, Layer, displayed};
use super::light::{KEY, Material, lit};
use super::math::{V3, smoothstep, v3};
use super::raster::Rect;

/// Filament's cross section, mm² (1.75 mm).
const FILAMENT: f32 = 2.405;
/// Cells of the shadow map per mm.
const CELLS: f32 = 2.0;

/// A strand's outline: share of half the width, share of the height, and the normal's two parts.
const OUTLINE: [(f32, f32, f32, f32); 6] = [
    (-0.72, 0.0, -0.94, -0.34),
    (-1.0, 0.5, -1.0, 0.05),
    (-0.62, 1.0, -0.42, 0.90),
    (0.62, 1.0, 0.42, 0.90),
    (1.0, 0.5, 1.0, 0.05),
    (0.72, 0.0, 0.94, -0.34),
];

/// Follows the machine's path and adds what is new to the layer.
#[derive(Debug)]
pub(crate) struct Part {
    bed: (f32, f32),
    last: Option<TruePosition>,
    /// Filament laid so far; retracted filament is not laid twice.
    most_e: f64,
    /// Height of the top of the present layer and its thickness.
    layer_z: f32,
    thickness: f32,
    shadow: Shadow,
    /// Samples drawn since the layer's pixels were settled.
    pub(crate) fresh: Rect,
}

impl Part {
    pub(crate) fn new(bed: (f32, f32)) -> Self {
        Self {
            bed,
            last: None,
            most_e: 0.0,
            layer_z: 0.0,
            thickness: 0.3,
            shadow: Shadow::new(bed),
            fresh: Rect::EMPTY,
        }
    }

    /// Adds the strands along `points`, which follow those added before.
    pub(crate) fn add(&mut self, layer: &mut Layer, points: &[TruePosition]) {
        for &point in points {
            let Some(last) = self.last.replace(point) else {
                self.most_e = point.e;
                continue;
            };
            let laid = point.e - self.most_e.max(last.e.min(point.e));
            if point.e <= self.most_e {
                continue;
            }
            self.most_e = point.e;
            let (a, b) = (place(last), place(point));
            let length = v3(b.x - a.x, b.y - a.y, 0.0).len();
            if length < 0.01 || b.z < 0.02 {
                continue;
            }
            if (b.z - self.layer_z).abs() > 0.03 {
                let grown = b.z - self.layer_z;
                self.thickness = if grown > 0.0 { grown.clamp(0.05, 0.4) } else { b.z.clamp(0.05, 0.4) };
                self.layer_z = b.z;
            }
            let width = (laid as f32 * FILAMENT / length / self.thickness).clamp(0.25, 1.1);
            self.strand(layer, a, b, width);
            self.shadow.strand(a, b, width);
        }
    }

    fn strand(&mut self, layer: &mut Layer, a: V3, b: V3, width: f32) {
        let along = v3(b.x - a.x, b.y - a.y, 0.0).unit();
        let side = v3(-along.y, along.x, 0.0);
        // Overlap the neighbours, so that corners close.
        let (a, b) = (a - along * (width * 0.3), b + along * (width * 0.3));
        let h = self.thickness;
        let eye = layer.view.eye;
        let material = silk(b.z);
        let ring = OUTLINE.map(|(across, up, nx, nz)| {
            let offset = side * (across * width * 0.5) + v3(0.0, 0.0, (up - 1.0) * h);
            let normal = (side * nx + v3(0.0, 0.0, nz)).unit();
            // Grooves between strands and the foot of the part see less light.
            let open = 0.55 + 0.45 * smoothstep(0.0, 6.0, a.z + offset.z);
            let groove = if up < 0.1 { 0.62 } else { 1.0 };
            let colour = displayed(lit(material, a + offset, normal, eye, open) * groove);
            (offset, normal, colour)
        });
        for pair in ring.windows(2) {
            let (p, q) = (pair[0], pair[1]);
            if (p.1 + q.1).dot(eye - a) <= 0.0 {
                continue;
            }
            for (at, colours) in
                [([a + p.0, b + p.0, b + q.0], [p.2, p.2, q.2]), ([a + p.0, b + q.0, a + q.0], [p.2, q.2, q.2])]
            {
                self.fresh = self.fresh.join(layer.smooth(at, colours));
            }
        }
    }

    /// Darkens the bed around the part where it changed; `bare` is the layer's colour without a part.
    pub(crate) fn shade_bed(&mut self, layer: &mut Layer, bare: &[u32]) {
        let Some((low, high)) = self.shadow.settle() else { return };
        let corners = [v3(low.0, low.1, 0.0), v3(high.0, low.1, 0.0), v3(high.0, high.1, 0.0), v3(low.0, high.1, 0.0)];
        let Some(points) = corners.map(|c| layer.view.project(c)).into_iter().collect::<Option<Vec<_>>>() else {
            return;
        };
        let area = Rect::around(&points, layer.width, layer.height);
        for y in area.y0..area.y1 {
            for x in area.x0..area.x1 {
                let i = y * layer.width + x;
                if layer.colour[i] & BED == 0 {
                    continue;
                }
                let at = layer.view.eye + layer.view.ray(x as f32 + 0.5, y as f32 + 0.5) * (1.0 / layer.depth[i]);
                let keep = ((1.0 - self.shadow.at(at.x, at.y)) * 256.0) as u32;
                let scale = |shift: u32| ((((bare[i] >> shift) & 255) * keep) >> 8) << shift;
                layer.colour[i] = scale(16) | scale(8) | scale(0) | BED;
            }
        }
        self.fresh = self.fresh.join(area);
    }

    pub(crate) fn bed(&self) -> (f32, f32) {
        self.bed
    }
}

fn place(p: TruePosition) -> V3 {
    v3(p.x as f32, p.y as f32, p.z as f32)
}

/// Silk filament that runs slowly from coral to violet and back as the part grows.
fn silk(z: f32) -> Material {
    let t = 0.5 - 0.5 * (z / 26.0 * std::f32::consts::PI).cos();
    let coral = v3(0.93, 0.255, 0.115);
    let violet = v3(0.40, 0.135, 0.62);
    let rose = v3(0.88, 0.15, 0.34);
    let albedo = if t < 0.5 { coral.mix(rose, t * 2.0) } else { rose.mix(violet, t * 2.0 - 1.0) };
    Material { albedo, gloss: 0.26, sharp: 18.0, glow: 0.0 }
}

/// How much of the bed the part darkens: its cast shadow, and the contact around its foot.
#[derive(Debug)]
struct Shadow {
    width: usize,
    height: usize,
    cast: Vec<u8>,
    foot: Vec<u8>,
    soft: Vec<f32>,
    /// Cells that changed.
    changed: Rect,
}

impl Shadow {
    fn new(bed: (f32, f32)) -> Self {
        let (width, height) = ((bed.0 * CELLS) as usize + 1, (bed.1 * CELLS) as usize + 1);
        let cells = width * height;
        Self { width, height, cast: vec![0; cells], foot: vec![0; cells], soft: vec![0.0; cells], changed: Rect::EMPTY }
    }

    fn strand(&mut self, a: V3, b: V3, width: f32) {
        let steps = ((b - a).len() * CELLS * 1.5) as usize + 1;
        for i in 0..=steps {
            let p = a.mix(b, i as f32 / steps as f32);
            let fall = p.z / KEY.z;
            Self::mark(
                &mut self.cast,
                (self.width, self.height),
                &mut self.changed,
                p.x - KEY.x * fall,
                p.y - KEY.y * fall,
            );
            if p.z < 1.5 {
                Self::mark(&mut self.foot, (self.width, self.height), &mut self.changed, p.x, p.y + width * 0.2);
            }
        }
    }

    fn mark(map: &mut [u8], size: (usize, usize), changed: &mut Rect, x: f32, y: f32) {
        let (cx, cy) = ((x * CELLS).round(), (y * CELLS).round());
        if cx < 0.0 || cy < 0.0 {
            return;
        }
        let (cx, cy) = (cx as usize, cy as usize);
        if cx < size.0 && cy < size.1 && map[cy * size.0 + cx] == 0 {
            map[cy * size.0 + cx] = 255;
            *changed = changed.join(Rect { x0: cx, y0: cy, x1: cx + 1, y1: cy + 1 });
        }
    }

    /// Softens what changed; tells the area of the bed (mm) that looks different now.
    fn settle(&mut self) -> Option<((f32, f32), (f32, f32))> {
        const REACH: usize = 12;
        let changed = std::mem::replace(&mut self.changed, Rect::EMPTY);
        if changed.is_empty() {
            return None;
        }
        let area = Rect {
            x0: changed.x0.saturating_sub(REACH),
            y0: changed.y0.saturating_sub(REACH),
            x1: (changed.x1 + REACH).min(self.width),
            y1: (changed.y1 + REACH).min(self.height),
        };
        let size = (self.width, self.height);
        let cast = blurred(&self.cast, size, area, 2);
        let foot = blurred(&self.foot, size, area, 6);
        for y in area.y0..area.y1 {
            for x in area.x0..area.x1 {
                let i = (y - area.y0) * (area.x1 - area.x0) + x - area.x0;
                self.soft[y * self.width + x] = 1.0 - (1.0 - 0.58 * cast[i]) * (1.0 - 0.42 * foot[i]);
            }
        }
        let mm = |cell: usize| cell as f32 / CELLS;
        Some(((mm(area.x0), mm(area.y0)), (mm(area.x1), mm(area.y1))))
    }

    /// The darkness at a place of the bed, 0 to 1.
    fn at(&self, x: f32, y: f32) -> f32 {
        let (fx, fy) = ((x * CELLS).max(0.0), (y * CELLS).max(0.0));
        let (x0, y0) = ((fx as usize).min(self.width - 2), (fy as usize).min(self.height - 2));
        let (tx, ty) = ((fx - x0 as f32).min(1.0), (fy - y0 as f32).min(1.0));
        let cell = |x: usize, y: usize| self.soft[y * self.width + x];
        let near = cell(x0, y0) * (1.0 - tx) + cell(x0 + 1, y0) * tx;
        let far = cell(x0, y0 + 1) * (1.0 - tx) + cell(x0 + 1, y0 + 1) * tx;
        near * (1.0 - ty) + far * ty
    }
}

/// The mean of `map` (0 to 1) over a square of `2 * radius + 1` cells, blurred twice for a round falloff, within `area`.
fn blurred(map: &[u8], size: (usize, usize), area: Rect, radius: usize) -> Vec<f32> {
    let (width, height) = (area.x1 - area.x0, area.y1 - area.y0);
    let mut now: Vec<f32> = (0..width * height)
        .map(|i| f32::from(map[(area.y0 + i / width) * size.0 + area.x0 + i % width]) / 255.0)
        .collect();
    for _ in 0..2 {
        now = pass(&now, width, height, radius, 1, width);
        now = pass(&now, height, width, radius, width, 1);
    }
    now
}

/// A running mean along one axis: `length` cells `step` apart in each of `lines` lines `stride` apart.
fn pass(from: &[f32], length: usize, lines: usize, radius: usize, step: usize, stride: usize) -> Vec<f32> {
    let mut to = vec![0.0; from.len()];
    let k = 1.0 / (2 * radius + 1) as f32;
    for line in 0..lines {
        let at = |i: usize| from[line * stride + i * step];
        let mut sum: f32 = (0..radius.min(length)).map(at).sum();
        for i in 0..length {
            if i + radius < length {
                sum += at(i + radius);
            }
            if i > radius {
                sum -= at(i - radius - 1);
            }
            to[line * stride + i * step] = sum * k;
        }
    }
    to
}
