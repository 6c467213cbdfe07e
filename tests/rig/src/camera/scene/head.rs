//! What moves: the head, the gantry that carries it, and the hose behind.
//!
//! Coordinates are mm from the nozzle's tip.

use super::light::Material;
use super::math::{V3, smoothstep, v3};
use super::mesh::{Baked, Mesh};

const BRASS: Material = Material { albedo: v3(0.62, 0.38, 0.10), gloss: 0.7, sharp: 24.0, glow: 0.0 };
const SOCK: Material = Material::matt(0.05, 0.16, 0.30);
const STEEL: Material = Material::shiny(0.34, 0.36, 0.38);
const ALUMINIUM: Material = Material { albedo: v3(0.42, 0.44, 0.47), gloss: 0.30, sharp: 16.0, glow: 0.0 };
const SHROUD: Material = Material { albedo: v3(0.62, 0.64, 0.66), gloss: 0.14, sharp: 22.0, glow: 0.0 };
const DARK: Material = Material { albedo: v3(0.045, 0.05, 0.06), gloss: 0.16, sharp: 18.0, glow: 0.0 };
const ACCENT: Material = Material { albedo: v3(0.90, 0.26, 0.10), gloss: 0.20, sharp: 22.0, glow: 0.0 };
const LAMP: Material = Material::glowing(0.5, 1.5, 1.9);
const PTFE: Material = Material::shiny(0.66, 0.68, 0.70);
const CABLE: Material = Material::matt(0.03, 0.03, 0.035);

/// The head is drawn a little smaller than a real one, so that it hides less of small parts.
const SIZE: f32 = 0.8;

/// The moving bodies, lit.
#[derive(Debug)]
pub(crate) struct Gantry {
    /// Moves in X, Y and Z.
    pub(crate) head: Vec<Baked>,
    /// Moves in Y and Z.
    pub(crate) beam: Vec<Baked>,
    /// Moves in Z.
    pub(crate) rails: Vec<Baked>,
    bed: (f32, f32),
    eye: V3,
}

impl Gantry {
    pub(crate) fn new(bed: (f32, f32), eye: V3) -> Self {
        let middle = v3(bed.0 * 0.5, bed.1 * 0.5, 10.0);
        let soft = |at: V3, n: V3| {
            let low = 0.55 + 0.45 * smoothstep(0.0, 26.0, at.z);
            if n.z < -0.5 { low * 0.7 } else { low }
        };
        Self {
            head: head().baked(eye, middle, soft),
            beam: beam(bed).baked(eye, v3(0.0, middle.y, 0.0), |_, n| if n.z < -0.5 { 0.6 } else { 1.0 }),
            rails: rails(bed).baked(eye, v3(0.0, 0.0, 10.0), |_, n| if n.z < -0.5 { 0.6 } else { 1.0 }),
            bed,
            eye,
        }
    }

    /// The filament's hose and the cables from the head to the back of the printer.
    pub(crate) fn hoses(&self, head: V3) -> Vec<Baked> {
        let mut mesh = Mesh::default();
        for (offset, end, radius, material) in [
            (v3(-3.0, 2.0, 64.0), v3(self.bed.0 * 0.5 + 20.0, self.bed.1 + 90.0, 215.0), 1.7, PTFE),
            (v3(8.0, 12.0, 58.0), v3(self.bed.0 * 0.5 + 42.0, self.bed.1 + 90.0, 190.0), 2.4, CABLE),
        ] {
            let from = head + offset;
            let lift = v3(0.0, 0.0, 85.0);
            let (c1, c2) = (from + lift, end + v3(0.0, -60.0, 45.0));
            let points: Vec<V3> = (0..=18)
                .map(|i| {
                    let t = i as f32 / 18.0;
                    let (p, q, r) = (from.mix(c1, t), c1.mix(c2, t), c2.mix(end, t));
                    p.mix(q, t).mix(q.mix(r, t), t)
                })
                .collect();
            mesh.hose(&points, radius, material);
        }
        mesh.baked(self.eye, v3(0.0, 0.0, 0.0), |_, _| 1.0)
    }
}

fn head() -> Mesh {
    let mut m = Mesh::default();
    m.cone(v3(0.0, 0.0, 0.0), v3(0.0, 0.0, 3.2), (0.5, 3.2), 14, BRASS);
    m.cone(v3(0.0, 0.0, 3.2), v3(0.0, 0.0, 6.0), (4.2, 4.2), 6, BRASS);
    m.block(v3(-11.0, -9.0, 6.0), v3(11.0, 9.0, 17.0), 1.6, SOCK);
    m.cone(v3(0.0, 0.0, 17.0), v3(0.0, 0.0, 21.0), (3.0, 3.0), 12, STEEL);
    // Part cooling ducts, reaching down on both sides.
    for s in [-1.0_f32, 1.0] {
        let (a, b) = (s * 14.5, s * 21.0);
        m.block(v3(a.min(b), -10.0, 4.5), v3(a.max(b), 8.0, 26.0), 2.0, DARK);
    }
    m.block(v3(-22.0, -15.0, 21.0), v3(22.0, 15.0, 66.0), 3.5, SHROUD);
    m.block(v3(-22.4, -15.4, 24.5), v3(22.4, 12.0, 28.0), 1.0, ACCENT);
    // The fan in front.
    let front = v3(0.0, -15.25, 46.0);
    let facing = v3(0.0, -1.0, 0.0);
    m.ring(front, facing, 0.0, 14.6, 28, DARK);
    m.ring(front + v3(0.0, -0.5, 0.0), facing, 14.2, 16.0, 28, STEEL);
    for blade in 0..7 {
        let angle = blade as f32 / 7.0 * std::f32::consts::TAU;
        let at = |r: f32, a: f32, out: f32| front + v3((angle + a).cos() * r, -out, (angle + a).sin() * r);
        let mut wing = Mesh::default();
        wing.cone(at(5.0, 0.0, 1.0), at(12.6, 0.42, 0.6), (1.5, 2.6), 5, Material::shiny(0.10, 0.11, 0.125));
        m.triangles.extend(wing.triangles);
    }
    m.cone(front, front + v3(0.0, -1.8, 0.0), (5.2, 5.0), 18, Material::shiny(0.12, 0.13, 0.15));
    m.ring(front + v3(0.0, -1.9, 0.0), facing, 0.0, 2.6, 14, ACCENT);
    // Extruder, its motor and a status light.
    m.block(v3(-15.0, -11.0, 66.0), v3(13.0, 13.0, 82.0), 2.0, DARK);
    m.cone(v3(5.0, -11.0, 74.0), v3(5.0, -13.0, 74.0), (6.4, 6.0), 18, STEEL);
    m.block(v3(13.0, -8.0, 67.0), v3(22.0, 10.0, 81.0), 2.0, STEEL);
    m.block(v3(-12.5, -11.6, 76.0), v3(-6.0, -10.8, 78.4), 0.2, LAMP);
    m.cone(v3(-4.0, 2.0, 82.0), v3(-4.0, 2.0, 87.0), (3.2, 2.6), 12, STEEL);
    // The carriage behind.
    m.block(v3(-24.0, 15.0, 24.0), v3(24.0, 20.0, 62.0), 1.5, DARK);
    for t in &mut m.triangles {
        t.at = t.at.map(|p| p * SIZE);
    }
    m
}

fn beam(bed: (f32, f32)) -> Mesh {
    let mut m = Mesh::default();
    m.block(v3(-48.0, 18.5, 26.0), v3(bed.0 + 48.0, 32.5, 42.0), 1.2, ALUMINIUM);
    m.block(v3(-44.0, 16.6, 31.0), v3(bed.0 + 44.0, 18.5, 37.0), 0.6, STEEL);
    for x in [-52.0, bed.0 + 32.0] {
        m.block(v3(x, 8.0, 22.0), v3(x + 20.0, 42.0, 46.0), 2.0, DARK);
        m.block(v3(x + 2.0, 7.2, 30.0), v3(x + 18.0, 9.0, 36.0), 0.6, ACCENT);
    }
    m
}

fn rails(bed: (f32, f32)) -> Mesh {
    let mut m = Mesh::default();
    for x in [-50.0, bed.0 + 34.0] {
        m.block(v3(x, -20.0, 8.0), v3(x + 16.0, bed.1 + 52.0, 22.0), 1.2, ALUMINIUM);
    }
    m
}
