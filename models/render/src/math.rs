//! Vectors, rotations, repeatable chance, and noise. Lengths are centimetres unless said otherwise.

use std::ops::{Add, Mul, Sub};

/// A point, direction or linear colour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct V3(pub(crate) f32, pub(crate) f32, pub(crate) f32);

impl Add for V3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(self.0 + o.0, self.1 + o.1, self.2 + o.2)
    }
}

impl Sub for V3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self(self.0 - o.0, self.1 - o.1, self.2 - o.2)
    }
}

impl Mul<f32> for V3 {
    type Output = Self;
    fn mul(self, k: f32) -> Self {
        Self(self.0 * k, self.1 * k, self.2 * k)
    }
}

/// Component by component: a colour through a filter.
impl Mul for V3 {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self(self.0 * o.0, self.1 * o.1, self.2 * o.2)
    }
}

impl V3 {
    pub(crate) fn dot(self, o: Self) -> f32 {
        self.0 * o.0 + self.1 * o.1 + self.2 * o.2
    }

    pub(crate) fn cross(self, o: Self) -> Self {
        Self(self.1 * o.2 - self.2 * o.1, self.2 * o.0 - self.0 * o.2, self.0 * o.1 - self.1 * o.0)
    }

    pub(crate) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    pub(crate) fn unit(self) -> Self {
        self * (1.0 / self.length().max(1e-9))
    }

    /// This where `t` is 0, `o` where it is 1.
    pub(crate) fn mix(self, o: Self, t: f32) -> Self {
        self + (o - self) * t
    }
}

/// A rotation: rows of an orthonormal matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation([V3; 3]);

impl Rotation {
    /// Yaw about y, then pitch about x, then roll about z, in radians.
    pub(crate) fn of(yaw: f32, pitch: f32, roll: f32) -> Self {
        let (sy, cy) = yaw.sin_cos();
        let (sp, cp) = pitch.sin_cos();
        let (sr, cr) = roll.sin_cos();
        let turn = |p: V3| {
            let p = V3(cy * p.0 + sy * p.2, p.1, cy * p.2 - sy * p.0);
            let p = V3(p.0, cp * p.1 - sp * p.2, sp * p.1 + cp * p.2);
            V3(cr * p.0 - sr * p.1, sr * p.0 + cr * p.1, p.2)
        };
        let (x, y, z) = (turn(V3(1.0, 0.0, 0.0)), turn(V3(0.0, 1.0, 0.0)), turn(V3(0.0, 0.0, 1.0)));
        Self([V3(x.0, y.0, z.0), V3(x.1, y.1, z.1), V3(x.2, y.2, z.2)])
    }

    pub(crate) fn apply(&self, p: V3) -> V3 {
        let [x, y, z] = self.0;
        V3(x.dot(p), y.dot(p), z.dot(p))
    }

    pub(crate) fn inverse(&self, p: V3) -> V3 {
        let [x, y, z] = self.0;
        x * p.0 + y * p.1 + z * p.2
    }
}

/// From 0 at `from` to 1 at `to`, smoothly; `from` may be the larger.
pub(crate) fn step(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Repeatable chance (splitmix64): the same seed, the same picture, on every machine. Protects nothing.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

/// Spreads the bits of `x` (the finaliser of splitmix64).
fn scramble(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Dice {
    /// Independent streams for one seed: `stream` says what it is for.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(scramble(seed ^ scramble(stream.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// 0 (included) to 1 (not included).
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub(crate) fn range(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of 0..n.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f32) as usize).min(n.saturating_sub(1))
    }

    /// Standard normal, as a sum of uniforms: no tail beyond 3.5, which no face has either.
    pub(crate) fn normal(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 1.732_050_8
    }
}

/// A value of -1 to 1 for a lattice point.
fn lattice(x: i32, y: i32, z: i32, seed: u32) -> f32 {
    let h = (x as u32).wrapping_mul(0x8da6_b343)
        ^ (y as u32).wrapping_mul(0xd816_3841)
        ^ (z as u32).wrapping_mul(0xcb1a_b31f)
        ^ seed.wrapping_mul(0x9e37_79b1);
    let h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    let h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    ((h ^ (h >> 15)) >> 8) as f32 / (1u32 << 23) as f32 - 1.0
}

/// Smooth noise of -1 to 1 with features of one unit.
pub(crate) fn noise(p: V3, seed: u32) -> f32 {
    // `floor` calls a library where the processor's own is not assumed.
    let floor = |v: f32| v as i32 - i32::from(v < 0.0);
    let (x, y, z) = (floor(p.0), floor(p.1), floor(p.2));
    let (fx, fy, fz) = (x as f32, y as f32, z as f32);
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty, tz) = (ease(p.0 - fx), ease(p.1 - fy), ease(p.2 - fz));
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let edge =
        |y: i32, z: i32| mix(lattice(x, y, z, seed), lattice(x.wrapping_add(1), y, z, seed), tx);
    let face = |z: i32| mix(edge(y, z), edge(y.wrapping_add(1), z), ty);
    mix(face(z), face(z.wrapping_add(1)), tz)
}

/// Noise of several octaves, each half as strong and twice as fine.
pub(crate) fn fractal(p: V3, octaves: u32, seed: u32) -> f32 {
    let mut sum = 0.0;
    let (mut strength, mut scale) = (0.5, 1.0);
    for octave in 0..octaves {
        sum += strength * noise(p * scale, seed.wrapping_add(octave));
        strength *= 0.5;
        scale *= 2.03;
    }
    sum
}

/// Distance of a point to a line through points, and how far along it (0..1) the nearest place is.
pub(crate) fn to_polyline(p: (f32, f32), line: &[(f32, f32)]) -> (f32, f32) {
    let mut best = (f32::MAX, 0.0);
    let pieces = line.len().saturating_sub(1).max(1) as f32;
    for (number, (a, b)) in line.iter().zip(line.iter().skip(1)).enumerate() {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let t = ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / (dx * dx + dy * dy).max(1e-9);
        let t = t.clamp(0.0, 1.0);
        let (ex, ey) = (p.0 - a.0 - t * dx, p.1 - a.1 - t * dy);
        let distance = (ex * ex + ey * ey).sqrt();
        if distance < best.0 {
            best = (distance, (number as f32 + t) / pieces);
        }
    }
    best
}

/// Whether a point lies in a polygon.
pub(crate) fn in_polygon(p: (f32, f32), polygon: &[(f32, f32)]) -> bool {
    let mut inside = false;
    let next = polygon.iter().cycle().skip(1);
    for (a, b) in polygon.iter().zip(next) {
        if (a.1 > p.1) != (b.1 > p.1) && p.0 < (b.0 - a.0) * (p.1 - a.1) / (b.1 - a.1) + a.0 {
            inside = !inside;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_undone_by_its_inverse() {
        let turn = Rotation::of(0.4, -0.3, 0.2);
        let p = V3(1.0, -2.0, 3.0);
        assert!((turn.inverse(turn.apply(p)) - p).length() < 1e-5);
    }

    #[test]
    fn turning_by_a_positive_yaw_turns_the_nose_to_the_images_right() {
        assert!(Rotation::of(0.5, 0.0, 0.0).apply(V3(0.0, 0.0, 1.0)).0 > 0.4);
    }

    #[test]
    fn chance_is_repeatable_and_streams_differ() {
        let draw = |seed, stream| Dice::new(seed, stream).next();
        assert_eq!(draw(3, 1), draw(3, 1));
        assert_ne!(draw(3, 1), draw(3, 2));
        assert_ne!(draw(3, 1), draw(4, 1));
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let mut dice = Dice::new(5, 0);
        let drawn: Vec<f32> = (0..20_000).map(|_| dice.normal()).collect();
        let mean = drawn.iter().sum::<f32>() / 20_000.0;
        let square = drawn.iter().map(|x| x * x).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (square - 1.0).abs() < 0.05, "{mean} {square}");
    }
}
