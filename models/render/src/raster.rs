//! Draws triangles into a picture with a depth buffer, four samples a pixel.
//! HOT PATH: nothing is allocated per triangle.

use crate::image::Image;
use crate::math::{Dice, V3};
use std::ops::Range;

/// Samples a pixel, in each direction.
const SAMPLES: usize = 2;
/// Rows of so many samples are gone through rather than cut to size.
const SHORT: usize = 8;
/// Side of the tile of grain in cells; a power of two.
const GRAIN: usize = 256;

/// A corner of a triangle on the screen. Pixels for x and y; `near` grows towards the camera.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Corner {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) near: f32,
    /// Linear light that leaves it.
    pub(crate) colour: V3,
    /// What `Surface` needs: where on the surface, and how much of its structure.
    pub(crate) u: f32,
    pub(crate) v: f32,
    pub(crate) amount: f32,
}

/// How a surface looks between its corners.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Surface {
    /// `amount` is the strength of the grain: pores, stubble, strands of brows.
    Grainy,
    /// Strands along v; `amount` is how much of the surface they cover.
    Hair,
    /// u and v are cm from the pupil, `amount` the openness of the iris' colour.
    Eye { iris: V3 },
    /// See-through, `amount` of it opaque.
    Glass,
}

/// Fine irregularities, the same for all pictures.
pub(crate) struct Grain(Vec<f32>);

impl Grain {
    pub(crate) fn new() -> Self {
        let mut dice = Dice::new(1, 7);
        Self((0..GRAIN * GRAIN).map(|_| dice.range(-1.0, 1.0)).collect())
    }

    fn at(&self, u: f32, v: f32) -> f32 {
        let wrap = |x: f32| (x as i32 as usize) & (GRAIN - 1);
        self.0[wrap(v) * GRAIN + wrap(u)]
    }
}

/// The part of a row's columns in which no corner's weight is negative, and perhaps a column more at
/// each end: long triangles would else be sought in many empty columns. `slopes` are those of the first
/// two weights in x and y, `from` the place of column 0 from the third corner.
fn span(
    columns: &Range<usize>,
    scale: f32,
    from: (f32, f32),
    slopes: [(f32, f32); 2],
) -> Range<usize> {
    let [(ax, ay), (bx, by)] = slopes;
    let (mut low, mut high) = (columns.start as f32, columns.end as f32);
    let sums = [(ax, ay * from.1), (bx, by * from.1), (-ax - bx, 1.0 - (ay + by) * from.1)];
    for (slope, rest) in sums {
        let zero = (-rest / slope - from.0) * scale;
        if slope > 0.0 {
            low = low.max(zero - 1.0);
        } else if slope < 0.0 {
            high = high.min(zero + 2.0);
        }
    }
    (low as usize)..(high.max(0.0) as usize)
}

pub(crate) struct Canvas<'a> {
    width: usize,
    height: usize,
    colours: Vec<V3>,
    nears: Vec<f32>,
    grain: &'a Grain,
}

impl<'a> Canvas<'a> {
    /// An empty scene before a background.
    pub(crate) fn new(background: &Image, grain: &'a Grain) -> Self {
        let (width, height) = (background.width * SAMPLES, background.height * SAMPLES);
        let mut colours = Vec::with_capacity(width * height);
        for row in background.pixels.chunks_exact(background.width) {
            for _ in 0..SAMPLES {
                colours.extend(row.iter().flat_map(|&pixel| [pixel; SAMPLES]));
            }
        }
        Self { width, height, colours, nears: vec![0.0; width * height], grain }
    }

    /// Draws triangles of corners; those that face away only with `both_sides`.
    pub(crate) fn draw(
        &mut self,
        corners: &[Corner],
        triangles: impl Iterator<Item = [usize; 3]>,
        surface: Surface,
        both_sides: bool,
    ) {
        for triangle in triangles {
            let [a, b, c] = triangle.map(|v| &corners[v]);
            let area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
            // The screen's y points down, so what faces the camera runs clockwise.
            if area < 0.0 {
                self.fill([a, c, b], -area, surface);
            } else if both_sides && area > 0.0 {
                self.fill([a, b, c], area, surface);
            }
        }
    }

    fn fill(&mut self, [a, b, c]: [&Corner; 3], area: f32, surface: Surface) {
        let scale = SAMPLES as f32;
        // Samples whose centres lie between the outermost corners.
        let bounds = |p: f32, q: f32, r: f32, end: usize| {
            let low = (p.min(q).min(r) * scale + 0.5).max(0.0) as usize;
            let high = (p.max(q).max(r) * scale + 0.5).clamp(0.0, end as f32) as usize;
            low..high
        };
        let columns = bounds(a.x, b.x, c.x, self.width);
        let rows = bounds(a.y, b.y, c.y, self.height);
        if columns.is_empty() || rows.is_empty() {
            return;
        }
        let is_long = columns.len() > SHORT;
        let (inverse, half) = (1.0 / area, 0.5 / scale);
        // Each corner's weight is linear in x and y.
        let (ax, ay) = ((b.y - c.y) * inverse, (c.x - b.x) * inverse);
        let (bx, by) = ((c.y - a.y) * inverse, (a.x - c.x) * inverse);
        for row in rows {
            let y = row as f32 / scale + half;
            let from_c = (half - c.x, y - c.y);
            let columns = if is_long {
                span(&columns, scale, from_c, [(ax, ay), (bx, by)])
            } else {
                columns.clone()
            };
            for column in columns {
                let x = column as f32 / scale + from_c.0;
                let wa = ax * x + ay * from_c.1;
                let wb = bx * x + by * from_c.1;
                let wc = 1.0 - wa - wb;
                if wa < 0.0 || wb < 0.0 || wc < 0.0 {
                    continue;
                }
                let near = a.near * wa + b.near * wb + c.near * wc;
                let at = row * self.width + column;
                if near <= self.nears[at] {
                    continue;
                }
                let mix = |f: fn(&Corner) -> f32| f(a) * wa + f(b) * wb + f(c) * wc;
                let (u, v, amount) = (mix(|p| p.u), mix(|p| p.v), mix(|p| p.amount));
                let colour = a.colour * wa + b.colour * wb + c.colour * wc;
                if let Some((colour, opacity)) = self.look(surface, colour, u, v, amount) {
                    if opacity > 0.99 {
                        self.nears[at] = near;
                    }
                    self.colours[at] = self.colours[at].mix(colour, opacity);
                }
            }
        }
    }

    /// The colour and opacity of a place on a surface; nothing where it has a gap.
    fn look(&self, surface: Surface, colour: V3, u: f32, v: f32, amount: f32) -> Option<(V3, f32)> {
        match surface {
            Surface::Grainy => {
                Some((colour * (1.0 + amount * self.grain.at(u * 14.0, v * 14.0)), 1.0))
            }
            Surface::Hair => {
                let strand =
                    self.grain.at(u * 9.0, v * 0.7) * 0.6 + self.grain.at(u * 23.0, v * 1.3) * 0.4;
                let covered = amount > 0.5 + 0.5 * strand;
                covered.then(|| (colour * (1.0 + 0.45 * strand), 1.0))
            }
            Surface::Eye { iris } => {
                let r = u.hypot(v);
                let ring = self.grain.at(v.atan2(u) * 12.0, r * 6.0);
                let white = colour * (1.0 + 0.03 * ring);
                let glint = (u + 0.14).hypot(v - 0.16) < 0.07;
                let colour = match r {
                    _ if glint => V3(1.0, 1.0, 1.0) * (amount * 0.9),
                    _ if r < 0.2 => V3(0.01, 0.01, 0.01),
                    _ if r < 0.58 => iris * colour * (1.0 + 0.3 * ring),
                    _ if r < 0.66 => iris * colour * 0.4,
                    _ => white,
                };
                Some((colour, 1.0))
            }
            Surface::Glass => Some((colour, amount)),
        }
    }

    /// The picture: samples averaged, in linear light.
    pub(crate) fn into_image(self) -> Image {
        let (width, height) = (self.width / SAMPLES, self.height / SAMPLES);
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let at = y * SAMPLES * self.width + x * SAMPLES;
                let sum = self.colours[at]
                    + self.colours[at + 1]
                    + self.colours[at + self.width]
                    + self.colours[at + self.width + 1];
                pixels.push(sum * 0.25);
            }
        }
        Image { width, height, pixels }
    }
}
