//! Pieces of a scene in the head's own space, and how they come onto the canvas.

use crate::light::{Lighting, Sky, open_sky};
use crate::math::{Rotation, V3};
use crate::raster::{Canvas, Corner, Surface};

/// A place on a piece, before light and camera.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    pub(crate) at: V3,
    pub(crate) normal: V3,
    pub(crate) sky: Sky,
    pub(crate) albedo: V3,
    pub(crate) shine: f32,
    pub(crate) u: f32,
    pub(crate) v: f32,
    pub(crate) amount: f32,
}

impl Point {
    /// A place that nothing hides from the light.
    pub(crate) fn open(at: V3, normal: V3, albedo: V3) -> Self {
        Self { at, normal, sky: open_sky(normal), albedo, u: at.0, v: at.1, ..Self::default() }
    }
}

pub(crate) struct Piece {
    pub(crate) points: Vec<Point>,
    pub(crate) triangles: Vec<[usize; 3]>,
    pub(crate) surface: Surface,
    pub(crate) both_sides: bool,
}

impl Piece {
    /// A grid of `columns` points in each row, seen from both sides.
    pub(crate) fn grid(points: Vec<Point>, columns: usize, surface: Surface) -> Self {
        let rows = points.len() / columns;
        let mut triangles = Vec::with_capacity(2 * rows * columns);
        for row in 1..rows {
            for column in 1..columns {
                let d = row * columns + column;
                let (a, b, c) = (d - columns - 1, d - columns, d - 1);
                triangles.extend([[a, c, b], [b, c, d]]);
            }
        }
        Self { points, triangles, surface, both_sides: true }
    }
}

/// Places of the picture from places of the camera's plane: turned, scaled and moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Similarity {
    pub(crate) a: f32,
    pub(crate) b: f32,
    pub(crate) x: f32,
    pub(crate) y: f32,
}

impl Similarity {
    pub(crate) fn apply(&self, (x, y): (f32, f32)) -> (f32, f32) {
        (self.a * x - self.b * y + self.x, self.b * x + self.a * y + self.y)
    }

    /// The one that brings points nearest to others (least squares).
    pub(crate) fn between(from: &[(f32, f32)], to: &[(f32, f32)]) -> Self {
        let n = from.len() as f32;
        let mean = |points: &[(f32, f32)]| {
            let sum = points.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
            (sum.0 / n, sum.1 / n)
        };
        let (f, t) = (mean(from), mean(to));
        let (mut dot, mut cross, mut size) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py, qx, qy) = (p.0 - f.0, p.1 - f.1, q.0 - t.0, q.1 - t.1);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            size += px * px + py * py;
        }
        let (a, b) = (dot / size.max(1e-12), cross / size.max(1e-12));
        Self { a, b, x: t.0 - a * f.0 + b * f.1, y: t.1 - b * f.0 - a * f.1 }
    }
}

/// Where a head is and how it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stance {
    pub(crate) turn: Rotation,
    /// From the camera to the middle of the head, in cm.
    pub(crate) distance: f32,
    pub(crate) onto: Similarity,
}

/// The head turns about this.
const PIVOT: V3 = V3(0.0, -2.0, 0.0);

impl Stance {
    /// On the camera's plane, y down, and the nearness (1/cm).
    fn project(&self, p: V3) -> ((f32, f32), f32) {
        let q = self.turn.apply(p - PIVOT);
        let near = 1.0 / (self.distance - q.2).max(4.0);
        ((q.0 * near, -q.1 * near), near)
    }

    /// On the camera's plane.
    pub(crate) fn plane(&self, p: V3) -> (f32, f32) {
        self.project(p).0
    }

    /// In pixels.
    pub(crate) fn pixel(&self, p: V3) -> (f32, f32) {
        self.onto.apply(self.plane(p))
    }

    /// Lights a piece and draws it.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, piece: &Piece, lighting: &Lighting) {
        // Who appears larger stands nearer.
        let size = self.onto.a.hypot(self.onto.b);
        let lighting = lighting.towards(&self.turn);
        let corners: Vec<Corner> = piece
            .points
            .iter()
            .map(|point| {
                let (plane, near) = self.project(point.at);
                let (x, y) = self.onto.apply(plane);
                let (light, gloss) = lighting.shade(point.normal, &point.sky);
                Corner {
                    x,
                    y,
                    near: near * size,
                    colour: point.albedo * light + gloss * point.shine,
                    u: point.u,
                    v: point.v,
                    amount: point.amount,
                }
            })
            .collect();
        let triangles = piece.triangles.iter().copied();
        canvas.draw(&corners, triangles, piece.surface, piece.both_sides);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similarity_between_points_is_found() {
        let wanted = Similarity { a: 1.5, b: -0.4, x: 7.0, y: -3.0 };
        let from = [(0.0, 0.0), (10.0, 1.0), (4.0, 9.0)];
        let found = Similarity::between(&from, &from.map(|p| wanted.apply(p)));
        let (x, y) = found.apply((5.0, 5.0));
        let (u, v) = wanted.apply((5.0, 5.0));
        assert!((x - u).abs() < 1e-3 && (y - v).abs() < 1e-3);
    }
}
