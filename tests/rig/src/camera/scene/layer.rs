//! The picture of what stands still: room, bed and the part so far. Drawn once, then only added to.

use super::light::display;
use super::math::{V3, View};
use super::mesh::Mesh;
use super::raster::{Rect, SUPER, clip_near, paint, scan};

/// Marks a sample that shows the bed's surface.
pub(crate) const BED: u32 = 1 << 24;

/// Samples with depth, and the pixels averaged from them.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Projects into samples.
    pub(crate) view: View,
    /// Size in samples.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// 1/depth per sample, 0 for nothing.
    pub(crate) depth: Vec<f32>,
    /// `0xRRGGBB` per sample, with [`BED`].
    pub(crate) colour: Vec<u32>,
    /// RGB bytes, one per pixel and channel.
    pub(crate) pixels: Vec<u8>,
}

impl Layer {
    pub(crate) fn new(view: View, pixels: (usize, usize)) -> Self {
        let (width, height) = (pixels.0 * SUPER, pixels.1 * SUPER);
        Self {
            view,
            width,
            height,
            depth: vec![0.0; width * height],
            colour: vec![0; width * height],
            pixels: vec![0; pixels.0 * pixels.1 * 3],
        }
    }

    /// Draws a mesh, lighting every sample with `shade(position, normal, triangle's index)`; `flags` go with each
    /// sample.
    pub(crate) fn solid(&mut self, mesh: &Mesh, flags: u32, shade: impl Fn(V3, V3, usize) -> V3) {
        let view = self.view;
        for (index, triangle) in mesh.triangles.iter().enumerate() {
            clip_near(&view, &triangle.at, |at| {
                let Some(corners) = project(&view, at) else { return };
                let bounds = Rect::around(&corners, self.width, self.height);
                let (depth, colour, width) = (&mut self.depth, &mut self.colour, self.width);
                scan(corners, width, bounds, |i, inv| {
                    if inv > depth[i] {
                        depth[i] = inv;
                        let ray = view.ray((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
                        let at = view.eye + ray * (1.0 / inv);
                        colour[i] = display(shade(at, triangle.normal[0], index)) | flags;
                    }
                });
            });
        }
    }

    /// Draws one triangle with a colour (display light, 0 to 255) at each corner; tells what it touched.
    pub(crate) fn smooth(&mut self, at: [V3; 3], colours: [V3; 3]) -> Rect {
        let Some(corners) = project(&self.view, at) else { return Rect::EMPTY };
        let bounds = Rect::around(&corners, self.width, self.height);
        paint(corners, colours, 0, (self.width, bounds), (&mut self.depth, &mut self.colour));
        bounds
    }

    /// Averages the samples of `area` into pixels.
    pub(crate) fn settle(&mut self, area: Rect) {
        if area.is_empty() {
            return;
        }
        let columns = self.width / SUPER;
        for y in area.y0 / SUPER..area.y1.div_ceil(SUPER).min(self.height / SUPER) {
            for x in area.x0 / SUPER..area.x1.div_ceil(SUPER).min(columns) {
                let mut sum = [0_u32; 3];
                for sy in 0..SUPER {
                    for sx in 0..SUPER {
                        let c = self.colour[(y * SUPER + sy) * self.width + x * SUPER + sx];
                        sum[0] += (c >> 16) & 255;
                        sum[1] += (c >> 8) & 255;
                        sum[2] += c & 255;
                    }
                }
                let out = (y * columns + x) * 3;
                for (k, s) in sum.iter().enumerate() {
                    self.pixels[out + k] = ((s + 2) / (SUPER * SUPER) as u32) as u8;
                }
            }
        }
    }

    pub(crate) fn everything(&self) -> Rect {
        Rect { x0: 0, y0: 0, x1: self.width, y1: self.height }
    }
}

pub(crate) fn project(view: &View, at: [V3; 3]) -> Option<[super::math::Projected; 3]> {
    Some([view.project(at[0])?, view.project(at[1])?, view.project(at[2])?])
}

/// Linear light into display light (0 to 255).
pub(crate) fn displayed(c: V3) -> V3 {
    let packed = display(c);
    let channel = |shift: u32| ((packed >> shift) & 255) as f32;
    super::math::v3(channel(16), channel(8), channel(0))
}
