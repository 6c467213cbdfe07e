//! What never moves: the enclosure, the frame and the bed.

use super::layer::{BED, Layer};
use super::light::{Material, lit};
use super::math::{V3, smoothstep, v3};
use super::mesh::Mesh;

const WALL: Material = Material::matt(0.050, 0.062, 0.090);
const ALUMINIUM: Material = Material { albedo: v3(0.115, 0.12, 0.13), gloss: 0.16, sharp: 20.0, glow: 0.0 };
const UNDERSIDE: Material = Material::matt(0.03, 0.03, 0.034);
const LAMP: Material = Material::glowing(2.6, 2.5, 2.2);

/// How far behind and beside the bed the enclosure ends, mm.
const BEHIND: f32 = 95.0;
const BESIDE: f32 = 105.0;
/// The enclosure's floor below the bed, mm.
const FLOOR: f32 = -46.0;
/// Its height above the bed, mm.
const ROOF: f32 = 300.0;

/// Draws the empty printer. `bed` is the size of the bed in mm.
pub(crate) fn draw(layer: &mut Layer, bed: (f32, f32)) {
    let eye = layer.view.eye;
    walls(layer, bed, eye);
    frame(layer, bed, eye);
    let mut plate = Mesh::default();
    plate.block(v3(-2.0, -2.0, -4.0), v3(bed.0 + 2.0, bed.1 + 2.0, -0.02), 0.8, UNDERSIDE);
    plate.block(v3(bed.0 * 0.36, -11.0, -3.0), v3(bed.0 * 0.64, 0.0, -0.4), 0.8, UNDERSIDE);
    plate.block(v3(4.0, 4.0, -16.0), v3(bed.0 - 4.0, bed.1 - 4.0, -4.0), 1.0, UNDERSIDE);
    layer.solid(&plate, 0, |at, n, _| lit(Material { gloss: 0.12, ..UNDERSIDE }, at, n, eye, 0.9));
    let mut surface = Mesh::default();
    surface.block(v3(-1.0, -1.0, -1.0), v3(bed.0 + 1.0, bed.1 + 1.0, 0.0), 0.0, UNDERSIDE);
    layer.solid(&surface, BED, |at, n, _| sheet(at, n, eye, bed));
}

fn walls(layer: &mut Layer, bed: (f32, f32), eye: V3) {
    let mut room = Mesh::default();
    let low = v3(-BESIDE, -260.0, FLOOR);
    let high = v3(bed.0 + BESIDE, bed.1 + BEHIND, ROOF);
    room.block(v3(low.x, low.y, FLOOR - 4.0), v3(high.x, high.y, FLOOR), 0.0, WALL);
    room.block(v3(low.x, high.y, FLOOR), v3(high.x, high.y + 4.0, ROOF), 0.0, WALL);
    room.block(v3(low.x - 4.0, low.y, FLOOR), v3(low.x, high.y, ROOF), 0.0, WALL);
    room.block(v3(high.x, low.y, FLOOR), v3(high.x + 4.0, high.y, ROOF), 0.0, WALL);
    let centre = v3(bed.0 * 0.5, bed.1 * 0.5, 0.0);
    layer.solid(&room, 0, |at, n, _| {
        // Corners and the space below the bed see little of the lamps.
        let side = (at.x - low.x).min(high.x - at.x).max(0.0);
        let back = (high.y - at.y).max(0.0);
        let open = |d: f32| 0.35 + 0.65 * smoothstep(0.0, 55.0, d);
        let corner = if n.z > 0.5 {
            let under = (at - centre).len() / bed.0;
            open(side) * open(back) * (0.25 + 0.75 * smoothstep(0.45, 1.1, under))
        } else if n.y < -0.5 {
            open(side) * open(at.z - FLOOR)
        } else {
            open(back) * open(at.z - FLOOR)
        };
        // Pools of light from the two lamps: warm on the left, cool on the right.
        let pool = |x: f32, reach: f32| {
            let d = at - v3(x, high.y - 12.0, 120.0);
            1.0 / (1.0 + (d.x * d.x + d.y * d.y * 0.8 + d.z * d.z * 0.12) / (reach * reach))
        };
        let glow = v3(0.30, 0.185, 0.095) * pool(low.x + 22.0, 62.0) + v3(0.08, 0.20, 0.33) * pool(high.x - 22.0, 62.0);
        let panel = if n.y < -0.5 && seam(at.x - low.x, 78.0) { 0.72 } else { 1.0 };
        lit(WALL, at, n, eye, corner) * (corner * panel * 0.8) + glow * (corner * panel)
    });
    let mut lamps = Mesh::default();
    for x in [low.x + 16.0, high.x - 22.0] {
        lamps.block(v3(x, high.y - 9.0, 8.0), v3(x + 6.0, high.y - 5.0, 280.0), 1.0, LAMP);
    }
    let middle = bed.0 * 0.5;
    layer.solid(&lamps, 0, |at, _, _| if at.x < middle { v3(3.4, 2.6, 1.7) } else { v3(1.5, 2.6, 3.8) });
}

/// Whether `x` lies on one of the thin joints, `pitch` mm apart.
fn seam(x: f32, pitch: f32) -> bool {
    (x.rem_euclid(pitch) - pitch * 0.5).abs() < 0.7
}

fn frame(layer: &mut Layer, bed: (f32, f32), eye: V3) {
    let mut frame = Mesh::default();
    for x in [-58.0, bed.0 + 38.0] {
        frame.block(v3(x, bed.1 + 52.0, FLOOR), v3(x + 20.0, bed.1 + 72.0, ROOF), 1.2, ALUMINIUM);
        frame.block(v3(x, -70.0, FLOOR), v3(x + 20.0, bed.1 + 52.0, FLOOR + 20.0), 1.2, ALUMINIUM);
    }
    for y in [-40.0, bed.1 + 52.0] {
        frame.block(v3(-38.0, y, FLOOR), v3(bed.0 + 38.0, y + 20.0, FLOOR + 20.0), 1.2, ALUMINIUM);
    }
    for x in [bed.0 * 0.2, bed.0 * 0.8 - 16.0] {
        frame.block(v3(x, -22.0, FLOOR + 20.0), v3(x + 16.0, bed.1 + 54.0, -18.0), 1.0, ALUMINIUM);
    }
    layer.solid(&frame, 0, |at, n, _| {
        // The slots of the profiles.
        let along = if n.y.abs() > 0.9 { at.x } else { at.y };
        let slot = at.z > FLOOR + 20.0 && at.y > bed.1 + 51.0 && (n.y.abs() > 0.9 || n.x.abs() > 0.9) && {
            let middle =
                if n.y.abs() > 0.9 { if along < bed.0 * 0.5 { -48.0 } else { bed.0 + 48.0 } } else { bed.1 + 62.0 };
            (along - middle).abs() < 3.0
        };
        let deep = smoothstep(FLOOR - 10.0, 20.0, at.z) * 0.6 + 0.4;
        lit(ALUMINIUM, at, n, eye, deep) * if slot { 0.28 } else { deep }
    });
}

/// The spring steel sheet: dark and grainy, with a fine grid and a moon.
fn sheet(at: V3, normal: V3, eye: V3, bed: (f32, f32)) -> V3 {
    let grain = noise((at.x * 3.1).floor() as i32, (at.y * 3.1).floor() as i32);
    let coarse = noise((at.x * 0.9).floor() as i32, (at.y * 0.9).floor() as i32);
    let mut albedo = v3(0.046, 0.050, 0.062) * (0.80 + 0.28 * grain + 0.12 * coarse);
    let line = |x: f32, pitch: f32, half: f32| {
        let off = (x.rem_euclid(pitch) - pitch * 0.5).abs();
        (pitch * 0.5 - off) < half
    };
    let inside = at.x > 3.0 && at.y > 3.0 && at.x < bed.0 - 3.0 && at.y < bed.1 - 3.0;
    let print = v3(0.17, 0.18, 0.20);
    if inside {
        if line(at.x, 50.0, 0.22) || line(at.y, 50.0, 0.22) {
            albedo = albedo.mix(print, 0.42);
        } else if line(at.x, 10.0, 0.16) || line(at.y, 10.0, 0.16) {
            albedo = albedo.mix(print, 0.15);
        }
    }
    let edge = (at.x.min(bed.0 - at.x)).min(at.y.min(bed.1 - at.y));
    if (edge - 3.0).abs() < 0.3 {
        albedo = albedo.mix(print, 0.6);
    }
    // A crescent in the front right corner.
    let moon = v3(bed.0 - 17.0, 16.0, 0.0);
    let (full, shade) = ((at - moon).len(), (at - moon - v3(3.4, 2.2, 0.0)).len());
    if full < 8.0 && shade > 6.6 {
        albedo = print * 1.9;
    }
    let material = Material { albedo, gloss: 0.10 + 0.05 * grain, sharp: 9.0, glow: 0.0 };
    lit(material, at, normal, eye, 1.0)
}

/// A repeatable number between 0 and 1 for a grid cell.
fn noise(x: i32, y: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    (h & 0xffff) as f32 / 65535.0
}
