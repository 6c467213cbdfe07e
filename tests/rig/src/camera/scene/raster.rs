//! Triangles into pixels, with a depth buffer.
//!
//! Everything is drawn at [`SUPER`] times the size of the picture and averaged down, which is all the smoothing there
//! is.

use super::math::{NEAR, Projected, V3, View};

/// Samples per pixel and axis.
pub(crate) const SUPER: usize = 2;

/// A rectangle of samples or pixels, `x1` and `y1` excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x0: usize,
    pub(crate) y0: usize,
    pub(crate) x1: usize,
    pub(crate) y1: usize,
}

impl Rect {
    pub(crate) const EMPTY: Self = Self { x0: usize::MAX, y0: usize::MAX, x1: 0, y1: 0 };

    pub(crate) fn is_empty(self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }

    pub(crate) fn join(self, o: Self) -> Self {
        if o.is_empty() {
            return self;
        }
        Self { x0: self.x0.min(o.x0), y0: self.y0.min(o.y0), x1: self.x1.max(o.x1), y1: self.y1.max(o.y1) }
    }

    /// The samples that a triangle may touch within `width` x `height`.
    pub(crate) fn around(points: &[Projected], width: usize, height: usize) -> Self {
        let mut low = (f32::MAX, f32::MAX);
        let mut high = (f32::MIN, f32::MIN);
        for p in points {
            low = (low.0.min(p.x), low.1.min(p.y));
            high = (high.0.max(p.x), high.1.max(p.y));
        }
        // Float to integer casts saturate, which is the clipping wanted here.
        Self {
            x0: low.0.floor() as usize,
            y0: low.1.floor() as usize,
            x1: ((high.0.ceil() + 1.0) as usize).min(width),
            y1: ((high.1.ceil() + 1.0) as usize).min(height),
        }
    }
}

/// Calls `run(row's first sample, first, end, weights of the three corners at the first, their steps)` for each row of a
/// triangle that has samples.
fn rows(
    corners: [Projected; 3],
    width: usize,
    bounds: Rect,
    mut run: impl FnMut(std::ops::Range<usize>, [f32; 3], [f32; 3]),
) {
    let [a, b, c] = corners;
    let area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if area.abs() < 1e-6 || bounds.is_empty() {
        return;
    }
    let k = 1.0 / area;
    let (dwb, dwc) = ((c.y - a.y) * k, -(b.y - a.y) * k);
    let steps = [-(dwb + dwc), dwb, dwc];
    let px = bounds.x0 as f32 + 0.5;
    for y in bounds.y0..bounds.y1 {
        let py = y as f32 + 0.5;
        let wb = ((px - a.x) * (c.y - a.y) - (py - a.y) * (c.x - a.x)) * k;
        let wc = ((b.x - a.x) * (py - a.y) - (b.y - a.y) * (px - a.x)) * k;
        let weights = [1.0 - wb - wc, wb, wc];
        // Where all three weights are positive: one run of samples per row.
        let (mut from, mut until) = (0.0_f32, (bounds.x1 - bounds.x0) as f32);
        for (w, dw) in weights.into_iter().zip(steps) {
            if dw > 0.0 {
                from = from.max((-w / dw).ceil());
            } else if dw < 0.0 {
                until = until.min((-w / dw).floor() + 1.0);
            } else if w < 0.0 {
                until = 0.0;
            }
        }
        let (first, end) = (from as usize, until.max(0.0) as usize);
        if first < end {
            let at = y * width + bounds.x0;
            let first_weights = [0, 1, 2].map(|i| weights[i] + steps[i] * first as f32);
            run(at + first..at + end, first_weights, steps);
        }
    }
}

/// Calls `hit(index, 1/depth)` for every sample of a triangle.
pub(crate) fn scan(corners: [Projected; 3], width: usize, bounds: Rect, mut hit: impl FnMut(usize, f32)) {
    let mix = |w: [f32; 3]| w[0] * corners[0].inv + w[1] * corners[1].inv + w[2] * corners[2].inv;
    rows(corners, width, bounds, |run, weights, steps| {
        let (start, step) = (mix(weights), mix(steps));
        for (x, i) in run.enumerate() {
            hit(i, start + step * x as f32);
        }
    });
}

/// Draws the samples of a triangle that are nearer than those before; colours (0 to 255) run between the corners.
pub(crate) fn paint(
    corners: [Projected; 3],
    colours: [V3; 3],
    flags: u32,
    (width, bounds): (usize, Rect),
    (depth, colour): (&mut [f32], &mut [u32]),
) {
    let mix = |w: [f32; 3], v: [f32; 3]| w[0] * v[0] + w[1] * v[1] + w[2] * v[2];
    let parts = [corners.map(|c| c.inv), colours.map(|c| c.x), colours.map(|c| c.y), colours.map(|c| c.z)];
    rows(corners, width, bounds, |run, weights, steps| {
        let start = parts.map(|v| mix(weights, v));
        let step = parts.map(|v| mix(steps, v));
        // Adding 2^23 leaves the rounded number in the low bits. No branch and no cast in here, so that the compiler
        // takes several samples at a time.
        let byte = |k: usize, x: f32| (start[k] + step[k] * x + 8_388_608.0).to_bits() & 255;
        for (x, (depth, colour)) in depth[run.clone()].iter_mut().zip(&mut colour[run]).enumerate() {
            let x = x as u32 as i32 as f32;
            let inv = start[0] + step[0] * x;
            let packed = (byte(1, x) << 16) | (byte(2, x) << 8) | byte(3, x) | flags;
            let nearer = inv > *depth;
            *depth = if nearer { inv } else { *depth };
            *colour = if nearer { packed } else { *colour };
        }
    });
}

/// Cuts a polygon at the near plane and hands on its triangles.
pub(crate) fn clip_near(view: &View, polygon: &[V3], mut emit: impl FnMut([V3; 3])) {
    let mut kept: Vec<V3> = Vec::with_capacity(polygon.len() + 2);
    for (i, &p) in polygon.iter().enumerate() {
        let q = polygon[(i + 1) % polygon.len()];
        let (dp, dq) = (view.depth(p) - NEAR * 1.01, view.depth(q) - NEAR * 1.01);
        if dp >= 0.0 {
            kept.push(p);
        }
        if (dp >= 0.0) != (dq >= 0.0) {
            kept.push(p.mix(q, dp / (dp - dq)));
        }
    }
    for i in 2..kept.len() {
        emit([kept[0], kept[i - 1], kept[i]]);
    }
}
