//! Solid shapes of the machine, as triangles with normals.

use super::layer::displayed;
use super::light::{Material, lit};
use super::math::{V3, v3};

/// One triangle; corners share a material and have normals of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triangle {
    pub(crate) at: [V3; 3],
    pub(crate) normal: [V3; 3],
    pub(crate) material: Material,
}

/// A list of triangles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mesh {
    pub(crate) triangles: Vec<Triangle>,
}

impl Mesh {
    fn flat(&mut self, at: [V3; 3], outward: V3, material: Material) {
        let mut n = (at[1] - at[0]).cross(at[2] - at[0]).unit();
        if n.dot(outward) < 0.0 {
            n = n * -1.0;
        }
        self.triangles.push(Triangle { at, normal: [n; 3], material });
    }

    fn quad(&mut self, q: [V3; 4], outward: V3, material: Material) {
        self.flat([q[0], q[1], q[2]], outward, material);
        self.flat([q[0], q[2], q[3]], outward, material);
    }

    /// A box with edges cut by `cut` mm, which catch the light as real edges do.
    pub(crate) fn block(&mut self, low: V3, high: V3, cut: f32, material: Material) {
        let mid = (low + high) * 0.5;
        let half = (high - low) * 0.5;
        let corner = |sx: f32, sy: f32, sz: f32, inset: usize| {
            let i = |axis: usize| if axis == inset { 0.0 } else { cut };
            mid + v3(sx * (half.x - i(0)), sy * (half.y - i(1)), sz * (half.z - i(2)))
        };
        let signs = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
        for s in [-1.0_f32, 1.0] {
            self.quad(signs.map(|(a, b)| corner(s, a, b, 0)), v3(s, 0.0, 0.0), material);
            self.quad(signs.map(|(a, b)| corner(a, s, b, 1)), v3(0.0, s, 0.0), material);
            self.quad(signs.map(|(a, b)| corner(a, b, s, 2)), v3(0.0, 0.0, s), material);
        }
        if cut <= 0.0 {
            return;
        }
        for (a, b) in signs {
            let edge = |p: [V3; 4], n: V3, mesh: &mut Self| mesh.quad(p, n, material);
            edge(
                [corner(-1.0, a, b, 1), corner(1.0, a, b, 1), corner(1.0, a, b, 2), corner(-1.0, a, b, 2)],
                v3(0.0, a, b),
                self,
            );
            edge(
                [corner(a, -1.0, b, 0), corner(a, 1.0, b, 0), corner(a, 1.0, b, 2), corner(a, -1.0, b, 2)],
                v3(a, 0.0, b),
                self,
            );
            edge(
                [corner(a, b, -1.0, 0), corner(a, b, 1.0, 0), corner(a, b, 1.0, 1), corner(a, b, -1.0, 1)],
                v3(a, b, 0.0),
                self,
            );
            for s in [-1.0, 1.0] {
                self.flat([corner(a, b, s, 0), corner(a, b, s, 1), corner(a, b, s, 2)], v3(a, b, s), material);
            }
        }
    }

    /// A round body between two centres with a radius at each end; the ends are closed.
    pub(crate) fn cone(&mut self, from: V3, to: V3, radii: (f32, f32), sides: usize, material: Material) {
        let axis = (to - from).unit();
        let u = axis.cross(if axis.x.abs() < 0.7 { v3(1.0, 0.0, 0.0) } else { v3(0.0, 1.0, 0.0) }).unit();
        let w = axis.cross(u);
        let slope = (radii.0 - radii.1) / (to - from).len().max(1e-6);
        let out = |i: usize| {
            let angle = i as f32 / sides as f32 * std::f32::consts::TAU;
            u * angle.cos() + w * angle.sin()
        };
        for i in 0..sides {
            let (a, b) = (out(i), out(i + 1));
            let q = [from + a * radii.0, from + b * radii.0, to + b * radii.1, to + a * radii.1];
            let n = [(a + axis * slope).unit(), (b + axis * slope).unit()];
            self.triangles.push(Triangle { at: [q[0], q[1], q[2]], normal: [n[0], n[1], n[1]], material });
            self.triangles.push(Triangle { at: [q[0], q[2], q[3]], normal: [n[0], n[1], n[0]], material });
            self.flat([from, q[0], q[1]], axis * -1.0, material);
            self.flat([to, q[2], q[3]], axis, material);
        }
    }

    /// A flat ring (a disc when `inner` is 0) around `centre`, facing `axis`.
    pub(crate) fn ring(&mut self, centre: V3, axis: V3, inner: f32, outer: f32, sides: usize, material: Material) {
        let u = axis.cross(v3(0.0, 0.0, 1.0)).unit();
        let w = axis.cross(u);
        let out = |i: usize| {
            let angle = i as f32 / sides as f32 * std::f32::consts::TAU;
            u * angle.cos() + w * angle.sin()
        };
        for i in 0..sides {
            let (a, b) = (out(i), out(i + 1));
            self.quad([centre + a * inner, centre + a * outer, centre + b * outer, centre + b * inner], axis, material);
        }
    }

    /// A hose along a curve of points, open at its ends.
    pub(crate) fn hose(&mut self, points: &[V3], radius: f32, material: Material) {
        const SIDES: usize = 6;
        let ring = |i: usize| {
            let axis = (points[(i + 1).min(points.len() - 1)] - points[i.saturating_sub(1)]).unit();
            let u = axis.cross(v3(0.3, 1.0, 0.0)).unit();
            let w = axis.cross(u);
            std::array::from_fn::<V3, { SIDES + 1 }, _>(|k| {
                let angle = k as f32 / SIDES as f32 * std::f32::consts::TAU;
                u * angle.cos() + w * angle.sin()
            })
        };
        let rings: Vec<_> = (0..points.len()).map(ring).collect();
        for i in 1..points.len() {
            let (a, b) = (&rings[i - 1], &rings[i]);
            for k in 0..SIDES {
                let at = |n: V3, i: usize| points[i] + n * radius;
                let normal = [a[k], b[k], b[k + 1], a[k + 1]];
                let q = [at(a[k], i - 1), at(b[k], i), at(b[k + 1], i), at(a[k + 1], i - 1)];
                let triangle = |c: [usize; 3]| Triangle { at: c.map(|c| q[c]), normal: c.map(|c| normal[c]), material };
                self.triangles.extend([triangle([0, 1, 2]), triangle([0, 2, 3])]);
            }
        }
    }

    /// Lights every corner once; the colours stay right while the mesh moves, since all lights are far away.
    pub(crate) fn baked(self, eye: V3, at: V3, open: impl Fn(V3, V3) -> f32) -> Vec<Baked> {
        self.triangles
            .into_iter()
            .map(|t| Baked {
                at: t.at,
                colour: [0, 1, 2]
                    .map(|i| displayed(lit(t.material, t.at[i] + at, t.normal[i], eye, open(t.at[i], t.normal[i])))),
                normal: t.normal[0],
            })
            .collect()
    }
}

/// A triangle with the light already in it, as display light (0 to 255).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Baked {
    pub(crate) at: [V3; 3],
    pub(crate) colour: [V3; 3],
    /// Of the first corner; tells the faces that look away.
    pub(crate) normal: V3,
}
