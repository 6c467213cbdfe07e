//! How surfaces are lit: one warm key light, a cool sky, a warm bounce from the bed.

use super::math::{V3, v3};

/// Towards the key light.
pub(crate) const KEY: V3 = v3(-0.4107, -0.3520, 0.8410);
const KEY_COLOUR: V3 = v3(1.18, 1.08, 0.94);
const SKY: V3 = v3(0.40, 0.46, 0.58);
const GROUND: V3 = v3(0.20, 0.16, 0.15);
/// A weak cool light from the right, so that no side is flat.
const RIM: V3 = v3(0.86, 0.20, 0.47);
const RIM_COLOUR: V3 = v3(0.16, 0.24, 0.38);

/// What a surface is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Material {
    /// Linear colour.
    pub(crate) albedo: V3,
    /// Strength and sharpness of highlights.
    pub(crate) gloss: f32,
    pub(crate) sharp: f32,
    /// Light of its own.
    pub(crate) glow: f32,
}

impl Material {
    pub(crate) const fn matt(r: f32, g: f32, b: f32) -> Self {
        Self { albedo: v3(r, g, b), gloss: 0.04, sharp: 12.0, glow: 0.0 }
    }

    pub(crate) const fn shiny(r: f32, g: f32, b: f32) -> Self {
        Self { albedo: v3(r, g, b), gloss: 0.45, sharp: 36.0, glow: 0.0 }
    }

    pub(crate) const fn glowing(r: f32, g: f32, b: f32) -> Self {
        Self { albedo: v3(r, g, b), gloss: 0.0, sharp: 1.0, glow: 1.0 }
    }
}

/// Linear colour of a surface at `at` seen from `eye`; `open` is the share of sky that it sees (ambient occlusion).
pub(crate) fn lit(material: Material, at: V3, normal: V3, eye: V3, open: f32) -> V3 {
    let up = normal.z * 0.5 + 0.5;
    let ambient = GROUND.mix(SKY, up) * open;
    let key = KEY_COLOUR * normal.dot(KEY).max(0.0);
    let rim = RIM_COLOUR * normal.dot(RIM).max(0.0);
    let half = ((eye - at).unit() + KEY).unit();
    let highlight = material.gloss * normal.dot(half).max(0.0).powf(material.sharp);
    material.albedo.tint(ambient + key + rim + v3(material.glow, material.glow, material.glow) * 1.4)
        + KEY_COLOUR * highlight
}

/// Linear light to a display's three bytes, packed `0xRRGGBB`; highlights roll off softly.
pub(crate) fn display(c: V3) -> u32 {
    let channel = |v: f32| {
        let v = v.max(0.0);
        let toned = (v * (1.0 + v * 0.18)) / (1.0 + v * 0.62);
        ((toned.min(1.0)).powf(1.0 / 2.2) * 255.0 + 0.5) as u32
    };
    (channel(c.x) << 16) | (channel(c.y) << 8) | channel(c.z)
}
