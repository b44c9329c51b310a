//! What heads have on them: hair, clothes, glasses, masks, hats, teeth.

use crate::head::{Head, Part, SKULL};
use crate::math::{Dice, V3, fractal, noise, step};
use crate::person::{Glasses, Hair, Person};
use crate::piece::{Piece, Point};
use crate::raster::Surface;

/// The vertices that triangles use, and the triangles by their places among those.
pub(crate) fn compact(
    triangles: impl Iterator<Item = [usize; 3]>,
    vertices: usize,
) -> (Vec<usize>, Vec<[usize; 3]>) {
    let mut places = vec![usize::MAX; vertices];
    let mut used = Vec::new();
    let mut place = |v: usize| {
        if places[v] == usize::MAX {
            places[v] = used.len();
            used.push(v);
        }
        places[v]
    };
    let triangles = triangles.map(|t| t.map(&mut place)).collect();
    (used, triangles)
}

/// Something that lies on a part of the head.
pub(crate) struct Layer {
    /// Vertices of the head, how densely it covers each and how far it stands off (cm).
    cover: Vec<(usize, f32, f32)>,
    /// Of those, by their place in `cover`.
    triangles: Vec<[usize; 3]>,
    colour: V3,
    /// Strength of white strands or folds.
    second: f32,
    surface: Surface,
    seed: u32,
}

impl Layer {
    fn new(
        head: &Head,
        seed: u32,
        colour: V3,
        surface: Surface,
        cover: impl Fn(usize) -> (f32, f32),
    ) -> Self {
        let outside = |v: usize| matches!(head.parts[v], Part::Face | Part::HeadAndNeck);
        let cover: Vec<(f32, f32)> =
            (0..head.rest.len()).map(|v| if outside(v) { cover(v) } else { (0.0, 0.0) }).collect();
        let triangles = head.triangles.iter().map(|t| t.map(usize::from));
        let covered = triangles.filter(|t| t.iter().any(|&v| cover[v].0 > 0.03));
        let (used, triangles) = compact(covered, cover.len());
        let cover = used.into_iter().map(|v| (v, cover[v].0, cover[v].1)).collect();
        Self { cover, triangles, colour, second: 0.0, surface, seed }
    }

    /// The layer on a head as it stands.
    pub(crate) fn on(&self, head: &Head, shape: &[V3], normals: &[V3]) -> Piece {
        let points = self.cover.iter();
        let points = points
            .map(|&(v, cover, off)| {
                let rest = head.rest[v];
                let clump = noise(rest * 0.9, self.seed);
                let white = self.second * (0.5 + 0.5 * noise(rest * 2.0, self.seed ^ 3));
                Point {
                    at: shape[v] + normals[v] * off,
                    normal: normals[v],
                    sky: head.skies[v],
                    albedo: self.colour.mix(V3(0.35, 0.35, 0.35), white) * (1.0 + 0.25 * clump),
                    shine: 0.08,
                    u: rest.0.atan2(rest.2 - SKULL.2) * 6.0,
                    v: rest.1,
                    amount: cover,
                }
            })
            .collect();
        Piece { points, triangles: self.triangles.clone(), surface: self.surface, both_sides: true }
    }
}

/// Height of the hairline at an azimuth.
fn hairline(hair: &Hair, azimuth: f32) -> f32 {
    let line = [
        (0.0, hair.line),
        (0.42, hair.line + 0.15 + 0.5 * hair.recede),
        (0.72, hair.line - 1.6 + hair.recede),
        (0.95, 5.6),
        (1.12, 3.0),
        (1.3, 5.2),
        (1.8, 5.6),
        (2.05, 1.0),
        (2.35, -4.5),
        (3.2, -6.2),
    ];
    let piece = line.windows(2).find(|pair| azimuth <= pair[1].0).unwrap_or(&line[8..]);
    let t = (azimuth - piece[0].0) / (piece[1].0 - piece[0].0);
    piece[0].1 + (piece[1].1 - piece[0].1) * t.clamp(0.0, 1.0)
}

/// Hair that lies on the head.
pub(crate) fn scalp(head: &Head, person: &Person) -> Option<Layer> {
    let hair = &person.hair;
    if hair.top <= 0.0 && hair.side <= 0.0 {
        return None;
    }
    let seed = person.seed ^ 21;
    let cover = |v: usize| {
        let (p, azimuth) = (head.rest[v], head.places[v].azimuth);
        let is_ear = p.0.abs() > 7.75 && p.1 < 5.4 && p.2 > -3.4;
        if is_ear || p.1 < -7.5 {
            return (0.0, 0.0);
        }
        let ragged = 0.5 * noise(V3(p.0 * 1.6, p.1 * 0.4, p.2), seed);
        // A fringe falls from the parting to both sides, or to one.
        let side = step(0.0, 2.5, (p.0 - hair.parting).abs());
        let comb = 1.0 + 0.35 * noise(V3(p.0 * 1.3, 0.0, 3.0), seed);
        let fringe = hair.fringe * step(1.0, 0.7, azimuth) * (0.35 + 0.65 * side) * comb;
        let above = p.1 - hairline(hair, azimuth) + fringe + ragged;
        let bald = hair.crown_bald * step(10.0, 12.5, p.1);
        let cover = step(-0.5, 0.9, above) * (1.0 - bald);
        let thick = hair.side + (hair.top - hair.side) * step(5.0, 11.5, p.1);
        let waves =
            1.0 + (0.15 + 0.5 * hair.curl) * fractal(p * (0.5 + 0.6 * hair.curl), 2, seed ^ 5);
        (cover, (0.12 + thick * waves * step(0.0, 2.2, above)) * step(0.0, 0.2, cover))
    };
    let mut layer = Layer::new(head, seed, hair.colour, Surface::Hair, cover);
    layer.second = hair.grey;
    Some(layer)
}

/// Columns and rows of hair that hangs.
const HANGING: (usize, usize) = (44, 16);

/// Hair that hangs down around the face, from above the ears to `end`.
pub(crate) fn hanging(person: &Person, width: f32) -> Option<Piece> {
    let hair = &person.hair;
    let end = hair.hanging?;
    let seed = person.seed ^ 23;
    let top = 9.0;
    let mut points = Vec::with_capacity(HANGING.0 * HANGING.1);
    for row in 0..HANGING.1 {
        let t = row as f32 / (HANGING.1 - 1) as f32;
        let y = top + (end - top) * t;
        for column in 0..HANGING.0 {
            let s = column as f32 / (HANGING.0 - 1) as f32 * 2.0 - 1.0;
            // From one opening round the back to the other.
            let azimuth = std::f32::consts::PI + s * (std::f32::consts::PI - hair.opening);
            let wave = (0.3 + 1.2 * hair.curl) * noise(V3(azimuth * 3.0, y * 0.35, 0.0), seed);
            let out = 0.75 * hair.side + wave + 0.12 * (5.0 - y).max(0.0).sqrt()
                - 1.8 * step(5.0, 9.5, y);
            let neck = 1.0 - 0.18 * step(-2.0, -9.0, y) * (0.5 - 0.5 * azimuth.cos());
            let (rx, rz) = ((8.5 * width + out) * neck, (9.2 + out) * neck);
            let normal = V3(azimuth.sin(), 0.25, azimuth.cos()).unit();
            let at = V3(rx * azimuth.sin(), y, SKULL.2 + rz * azimuth.cos());
            let white = hair.grey * (0.5 + 0.5 * noise(V3(azimuth * 9.0, y * 0.2, 1.0), seed));
            let mut point = Point::open(at, normal, hair.colour.mix(V3(0.35, 0.35, 0.35), white));
            (point.u, point.v) = (azimuth * 6.0, y);
            point.shine = 0.05;
            point.amount = if t > 0.85 { 1.0 - 2.6 * (t - 0.85) } else { 1.0 };
            point.amount = point.amount.min(step(-0.02, 0.1, 1.0 - s.abs()) + 0.35);
            points.push(point);
        }
    }
    Some(Piece::grid(points, HANGING.0, Surface::Hair))
}

/// A bun or a tail behind the crown.
pub(crate) fn bun(person: &Person) -> Option<Piece> {
    if !person.hair.bun {
        return None;
    }
    let size = 2.2 + person.hair.top;
    let columns = 14;
    let mut points = Vec::new();
    for row in 0..10 {
        for column in 0..columns {
            let (sin, cos) = (row as f32 / 9.0 * std::f32::consts::PI).sin_cos();
            let (sx, cx) = (column as f32 / (columns - 1) as f32 * std::f32::consts::TAU).sin_cos();
            let normal = V3(sin * sx, cos, sin * cx);
            let mut point =
                Point::open(V3(0.0, 13.5, -5.0) + normal * size, normal, person.hair.colour);
            point.amount = 1.0;
            points.push(point);
        }
    }
    Some(Piece::grid(points, columns, Surface::Hair))
}

/// A cap or beanie down to the middle of the forehead.
pub(crate) fn hat(head: &Head, dice: &mut Dice) -> Layer {
    let colour = V3(dice.range(0.01, 0.5), dice.range(0.01, 0.5), dice.range(0.01, 0.5));
    let (brim, off) = (dice.range(7.4, 9.4), dice.range(0.8, 2.0));
    Layer::new(head, 31, colour, Surface::Grainy, |v| {
        let p = head.rest[v];
        let tilt = brim - 0.25 * (9.0 - p.2).max(0.0);
        if p.1 > tilt { (0.12, off * step(tilt - 0.2, tilt + 1.0, p.1) + 0.3) } else { (0.0, 0.0) }
    })
}

/// A mask over nose, mouth and chin, of a usual colour.
pub(crate) fn mask(head: &Head, dice: &mut Dice) -> Layer {
    let colour = match dice.below(4) {
        0 => V3(0.02, 0.02, 0.02),
        1 => V3(0.35, 0.5, 0.62),
        _ => V3(0.75, 0.75, 0.74),
    };
    mask_of(head, colour, dice)
}

/// The same of any colour; some leave the nose free.
pub(crate) fn mask_of(head: &Head, colour: V3, dice: &mut Dice) -> Layer {
    let (top, puff) = (dice.range(-0.2, 1.6), dice.range(0.3, 0.8));
    cloth(head, colour, top, puff)
}

/// A mask that is drawn down to the chin and hides nothing.
pub(crate) fn lowered_mask(head: &Head, colour: V3, dice: &mut Dice) -> Layer {
    let (top, puff) = (dice.range(-6.4, -5.6), dice.range(0.2, 0.6));
    cloth(head, colour, top, puff)
}

/// Cloth before the lower face, up to a height in the middle, and how far it stands off (cm).
fn cloth(head: &Head, colour: V3, top: f32, puff: f32) -> Layer {
    Layer::new(head, 33, colour, Surface::Grainy, |v| {
        let p = head.rest[v];
        let edge = top - 0.03 * p.0 * p.0;
        let inside = p.1 < edge && p.1 > -7.4 && p.2 > 3.0 && p.0.abs() < 6.6;
        if inside { (0.08, 0.25 + puff * step(edge, edge - 2.0, p.1)) } else { (0.0, 0.0) }
    })
}

/// A collar: clothes where they lie on neck and shoulders.
pub(crate) fn collar(head: &Head, colour: V3, dice: &mut Dice) -> Layer {
    let (line, open) = (dice.range(-13.6, -9.5), dice.range(0.0, 0.6));
    Layer::new(head, 35, colour, Surface::Grainy, |v| {
        let p = head.rest[v];
        let neckline = line - open * (6.0 - p.0.abs()).max(0.0) * step(-2.0, 4.0, p.2);
        if p.1 < neckline { (0.1, 0.5) } else { (0.0, 0.0) }
    })
}

/// Shoulders and chest below the neck.
pub(crate) fn torso(colour: V3, width: f32) -> Piece {
    // y, half width, depth to the front and its place.
    let rows = [
        (-13.4, 8.0, 4.5),
        (-15.0, 13.5, 5.5),
        (-17.0, 18.0, 7.0),
        (-20.0, 20.5, 9.0),
        (-26.0, 21.0, 10.5),
        (-34.0, 20.0, 11.0),
        (-60.0, 20.0, 11.0),
    ];
    let columns = 17;
    let mut points = Vec::new();
    for (y, half, depth) in rows {
        for column in 0..columns {
            let angle = (column as f32 / (columns - 1) as f32 - 0.5) * std::f32::consts::PI;
            let normal = V3(angle.sin(), if y > -17.0 { 0.8 } else { 0.15 }, angle.cos()).unit();
            let at = V3(half * width * angle.sin(), y, depth * angle.cos() - 5.0);
            let mut point = Point::open(at, normal, colour);
            point.amount = 0.1;
            points.push(point);
        }
    }
    Piece::grid(points, columns, Surface::Grainy)
}

/// Upper teeth, seen when the lips part.
pub(crate) fn teeth(shape: &[V3]) -> Piece {
    let lip = Head::landmark(shape, 62);
    let reach = 0.8 * (Head::landmark(shape, 64).0 - Head::landmark(shape, 60).0) / 2.0;
    let columns = 9;
    let mut points = Vec::new();
    for (row, y) in [0.5, -0.1, -0.6].into_iter().enumerate() {
        for column in 0..columns {
            let x = (column as f32 / 4.0 - 1.0) * reach;
            let at = V3(lip.0 + x, lip.1 + y, lip.2 - 0.75 - 0.13 * x * x);
            let dim = if row == 0 { 0.3 } else { 0.45 };
            points.push(Point::open(at, V3(x * 0.2, 0.0, 1.0).unit(), V3(0.8, 0.74, 0.66) * dim));
        }
    }
    Piece::grid(points, columns, Surface::Grainy)
}

/// A strip between an inner and an outer line, in the plane of the lenses.
fn strip(inner: &[V3], outer: &[V3], colour: V3) -> Piece {
    let front = V3(0.0, 0.1, 1.0).unit();
    let points = inner.iter().chain(outer).map(|&at| {
        let mut point = Point::open(at, front, colour);
        point.shine = 0.35;
        point
    });
    Piece::grid(points.collect(), inner.len(), Surface::Grainy)
}

/// Rims, bridge, temples and lenses. `glare` is how much the lenses reflect, 0..1.
pub(crate) fn glasses(shape: &[V3], glasses: &Glasses, glare: f32) -> Vec<Piece> {
    let (right, left) = (Head::eye(shape, 36), Head::eye(shape, 42));
    let front = Head::landmark(shape, 27).2.max(right.2 + 0.9) + 0.5;
    let middle = (right.0 + left.0) / 2.0;
    let bend = |x: f32, y: f32| V3(x, y, front - 0.03 * (x - middle).powi(2));
    let mut pieces = Vec::new();
    for (eye, out) in [(right, -1.0), (left, 1.0)] {
        let (cx, cy) = (eye.0 + 0.25 * out, eye.1 - 0.25);
        let ring = |grow: f32, from: f32, to: f32| -> Vec<V3> {
            (0..=30)
                .map(|n| {
                    let (sin, cos) = (from + (to - from) * n as f32 / 30.0).sin_cos();
                    let bow = |c: f32| c.signum() * c.abs().powf(2.0 / glasses.power);
                    bend(
                        cx + (glasses.width + grow) * bow(cos),
                        cy + (glasses.height + grow) * bow(sin),
                    )
                })
                .collect()
        };
        let (from, to) = if glasses.half { (-0.2, 3.34) } else { (0.0, std::f32::consts::TAU) };
        pieces.push(strip(
            &ring(-glasses.rim / 2.0, from, to),
            &ring(glasses.rim / 2.0, from, to),
            glasses.colour,
        ));
        let hinge = bend(cx + out * glasses.width, cy + 0.5 * glasses.height);
        let ear = V3(out * 8.0_f32.max(hinge.0.abs()), hinge.1 + 0.2, 0.5);
        let thick = V3(0.0, (glasses.rim * 1.2).max(0.25), 0.0);
        pieces.push(strip(&[hinge, ear], &[hinge + thick, ear + thick], glasses.colour));
        let mut lens =
            strip(&[bend(cx, cy); 31], &ring(0.0, 0.0, std::f32::consts::TAU), glasses.colour);
        lens.surface = Surface::Glass;
        for point in &mut lens.points {
            let stripe = step(0.9, 0.3, (point.at.0 - cx + 0.6 * (point.at.1 - cy)).abs());
            let reflects = glare * stripe;
            point.amount = (glasses.tint + reflects).min(0.95);
            point.albedo =
                V3(0.02, 0.02, 0.02).mix(V3(1.0, 1.0, 1.05), reflects / point.amount.max(0.01));
        }
        pieces.push(lens);
    }
    let y = (right.1 + left.1) / 2.0 + 0.1;
    let half = (left.0 - right.0) / 2.0 - glasses.width + 0.25;
    let line = |dy: f32| {
        [bend(middle - half, y + dy), bend(middle, y + dy + 0.25), bend(middle + half, y + dy)]
    };
    pieces.push(strip(&line(0.0), &line(glasses.rim.max(0.18)), glasses.colour));
    pieces
}
