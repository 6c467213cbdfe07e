//! The little linear algebra that the picture needs.

use std::ops::{Add, Mul, Sub};

/// A point, direction or colour with three parts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct V3 {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) z: f32,
}

pub(crate) const fn v3(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

impl V3 {
    pub(crate) fn dot(self, o: V3) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub(crate) fn cross(self, o: V3) -> V3 {
        v3(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }

    pub(crate) fn len(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The direction of `self`; straight up for a vector without length.
    pub(crate) fn unit(self) -> V3 {
        let len = self.len();
        if len > 1e-9 { self * (1.0 / len) } else { v3(0.0, 0.0, 1.0) }
    }

    /// Part by part product, for colours.
    pub(crate) fn tint(self, o: V3) -> V3 {
        v3(self.x * o.x, self.y * o.y, self.z * o.z)
    }

    pub(crate) fn mix(self, o: V3, t: f32) -> V3 {
        self * (1.0 - t) + o * t
    }
}

impl Add for V3 {
    type Output = V3;
    fn add(self, o: V3) -> V3 {
        v3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for V3 {
    type Output = V3;
    fn sub(self, o: V3) -> V3 {
        v3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for V3 {
    type Output = V3;
    fn mul(self, k: f32) -> V3 {
        v3(self.x * k, self.y * k, self.z * k)
    }
}

/// 0 below `from`, 1 above `to`, smooth between.
pub(crate) fn smoothstep(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A pinhole camera.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) eye: V3,
    right: V3,
    up: V3,
    forward: V3,
    /// Pixels per unit of tangent.
    scale: f32,
    centre: (f32, f32),
}

/// A projected point: pixels, and 1/depth (greater is nearer).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Projected {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) inv: f32,
}

impl View {
    /// Looks from `eye` at `target`; `fov` is the horizontal angle in degrees.
    pub(crate) fn new(eye: V3, target: V3, fov: f32, width: u32, height: u32) -> Self {
        let forward = (target - eye).unit();
        let right = forward.cross(v3(0.0, 0.0, 1.0)).unit();
        let scale = width as f32 * 0.5 / (fov.to_radians() * 0.5).tan();
        Self { eye, right, up: right.cross(forward), forward, scale, centre: (width as f32 * 0.5, height as f32 * 0.5) }
    }

    /// Depth along the view axis, mm.
    pub(crate) fn depth(&self, p: V3) -> f32 {
        (p - self.eye).dot(self.forward)
    }

    /// Where `p` appears; `None` behind the near plane.
    pub(crate) fn project(&self, p: V3) -> Option<Projected> {
        let d = p - self.eye;
        let depth = d.dot(self.forward);
        if depth < NEAR {
            return None;
        }
        let inv = 1.0 / depth;
        Some(Projected {
            x: self.centre.0 + d.dot(self.right) * inv * self.scale,
            y: self.centre.1 - d.dot(self.up) * inv * self.scale,
            inv,
        })
    }

    /// The ray through a pixel, scaled so that `eye + ray * depth` is the point at that depth.
    pub(crate) fn ray(&self, x: f32, y: f32) -> V3 {
        self.forward + self.right * ((x - self.centre.0) / self.scale) - self.up * ((y - self.centre.1) / self.scale)
    }
}

/// Nothing nearer than this to the camera is drawn, mm.
pub(crate) const NEAR: f32 = 5.0;
