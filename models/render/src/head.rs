//! The head that all people are bent from: mean shape, modes, and what each vertex is part of.

use crate::light::{Sky, visibility};
use crate::math::{V3, in_polygon, step, to_polyline};

/// Made by `models/head/reduce.py` from ICT-FaceKit (MIT, notice in `assets/`).
static BYTES: &[u8] = include_bytes!("../assets/head.bin");

/// Vertices of the 68 landmarks: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, lips 48-67.
const LANDMARKS: [usize; 68] = [
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
];

/// Centre of the skull, from which directions on the scalp are taken.
pub(crate) const SKULL: V3 = V3(0.0, 4.0, 0.5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Face,
    HeadAndNeck,
    Mouth,
    Socket,
    Eyeball,
}

/// Where a vertex lies on the mean head: what skin, hair and beard are drawn by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Distance to the edge of the lips, positive within them.
    pub(crate) lips: f32,
    /// Height above the middle line of the nearer brow, and place along it from the temple (0) to the nose (1).
    pub(crate) brow: (f32, f32),
    /// Distance to the upper and to the lower edge of the eyelids.
    pub(crate) lids: (f32, f32),
    /// 0..1: where a beard can grow on the cheeks and chin, and where a moustache.
    pub(crate) beard: f32,
    pub(crate) moustache: f32,
    /// Distance to the fold from the nose to the mouth's corner.
    pub(crate) fold: f32,
    /// Azimuth about the skull, 0 in front, pi behind, whichever the side.
    pub(crate) azimuth: f32,
}

pub(crate) struct Head {
    pub(crate) rest: Vec<V3>,
    pub(crate) triangles: Vec<[u16; 3]>,
    pub(crate) parts: Vec<Part>,
    pub(crate) places: Vec<Place>,
    /// How much of the surroundings each vertex sees.
    pub(crate) skies: Vec<Sky>,
    pub(crate) identity_modes: usize,
    scales: Vec<f32>,
    offsets: Vec<i8>,
    /// For each number of a shape how far it is on the person's left, 0..1.
    sides: Vec<f32>,
}

/// Takes `n` items of `size` bytes from the front of `bytes`.
fn take<'a>(bytes: &mut &'a [u8], n: usize, size: usize) -> std::slice::ChunksExact<'a, u8> {
    let (front, rest) = bytes.split_at(n * size);
    *bytes = rest;
    front.chunks_exact(size)
}

fn float(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(0.0, f32::from_le_bytes)
}

impl Head {
    /// Reads the head that is part of this program.
    pub(crate) fn load() -> Self {
        let mut bytes = BYTES;
        let counts: Vec<usize> = take(&mut bytes, 4, 4)
            .map(|c| c.try_into().map_or(0, u32::from_le_bytes) as usize)
            .collect();
        let (vertices, triangles, modes) = (counts[0], counts[1], counts[2] + counts[3]);
        let rest: Vec<V3> = take(&mut bytes, vertices, 12)
            .map(|c| V3(float(&c[..4]), float(&c[4..8]), float(&c[8..])))
            .collect();
        let short = |c: &[u8]| c.try_into().map_or(0, u16::from_le_bytes);
        let triangles: Vec<[u16; 3]> = take(&mut bytes, triangles, 6)
            .map(|c| [short(&c[..2]), short(&c[2..4]), short(&c[4..])])
            .collect();
        let parts = take(&mut bytes, vertices, 1)
            .map(|c| match c {
                [0] => Part::Face,
                [1] => Part::HeadAndNeck,
                [2] => Part::Mouth,
                [3] => Part::Socket,
                _ => Part::Eyeball,
            })
            .collect();
        let scales = take(&mut bytes, modes, 4).map(float).collect();
        let offsets = bytes.iter().map(|&b| b as i8).collect();
        let landmarks: Vec<V3> = LANDMARKS.iter().map(|&v| rest[v]).collect();
        let sides = rest.iter().flat_map(|p| [step(-0.8, 0.8, p.0); 3]).collect();
        let places = rest.iter().map(|&p| place(p, &landmarks)).collect();
        let skies = visibility(&rest, &normals(&rest, &triangles), &triangles);
        Self {
            rest,
            triangles,
            parts,
            places,
            skies,
            sides,
            identity_modes: counts[2],
            scales,
            offsets,
        }
    }

    /// A shape with modes added: each by its weight on the person's left (+x) and on the right.
    /// HOT PATH: plain loops over numbers, which the compiler turns into vector instructions.
    pub(crate) fn bent(
        &self,
        shape: &[V3],
        modes: impl Iterator<Item = (usize, f32, f32)>,
    ) -> Vec<V3> {
        let mut numbers: Vec<f32> = shape.iter().flat_map(|p| [p.0, p.1, p.2]).collect();
        let size = numbers.len();
        for (mode, left, right) in modes {
            let scale = self.scales[mode];
            let offsets = &self.offsets[mode * size..][..size];
            let (right, more) = (scale * right, scale * (left - right));
            if more == 0.0 {
                for (number, &offset) in numbers.iter_mut().zip(offsets) {
                    *number += right * f32::from(offset);
                }
            } else {
                for ((number, &offset), side) in numbers.iter_mut().zip(offsets).zip(&self.sides) {
                    *number += (right + more * side) * f32::from(offset);
                }
            }
        }
        numbers.chunks_exact(3).map(|c| V3(c[0], c[1], c[2])).collect()
    }

    /// A landmark of the 68, of a shape with this head's vertices.
    pub(crate) fn landmark(shape: &[V3], number: usize) -> V3 {
        shape[LANDMARKS[number]]
    }

    /// The middle of the eye on the image's left (`right_eye` of the person) or the other.
    pub(crate) fn eye(shape: &[V3], first: usize) -> V3 {
        let sum = (first..first + 6).fold(V3::default(), |sum, n| sum + Self::landmark(shape, n));
        sum * (1.0 / 6.0)
    }

    /// The five points that faces are aligned by, in the order of the template: eyes, nose, mouth
    /// corners, each from the image's left.
    pub(crate) fn five(shape: &[V3]) -> [V3; 5] {
        [
            Self::eye(shape, 36),
            Self::eye(shape, 42),
            Self::landmark(shape, 30),
            Self::landmark(shape, 48),
            Self::landmark(shape, 54),
        ]
    }
}

/// Outward unit normals of the vertices.
pub(crate) fn normals(shape: &[V3], triangles: &[[u16; 3]]) -> Vec<V3> {
    let mut normals = vec![V3::default(); shape.len()];
    for triangle in triangles {
        let [a, b, c] = triangle.map(usize::from);
        let across = (shape[b] - shape[a]).cross(shape[c] - shape[a]);
        for v in [a, b, c] {
            normals[v] = normals[v] + across;
        }
    }
    normals.iter().map(|n| n.unit()).collect()
}

fn place(p: V3, landmarks: &[V3]) -> Place {
    let flat = |range: std::ops::Range<usize>| -> Vec<(f32, f32)> {
        landmarks[range].iter().map(|l| (l.0, l.1)).collect()
    };
    let in_front = p.2 > 5.5;
    let at = (p.0, p.1);
    let mut outline = flat(48..60);
    outline.push(outline[0]);
    let edge = to_polyline(at, &outline).0;
    let lips = if in_front && in_polygon(at, &outline[..12]) { edge } else { -edge };

    // The head is symmetric: the brow and the lids of the right half serve both.
    let half = (-p.0.abs(), p.1);
    let (_, along) = to_polyline(half, &flat(17..22));
    let line = flat(17..22);
    let place = along * 4.0;
    let piece = (place as usize).min(3);
    let t = place - piece as f32;
    let middle = line[piece].1 + (line[piece + 1].1 - line[piece].1) * t;
    let beside = (line[0].0 - half.0).max(half.0 - line[4].0).max(0.0);
    let brow = if in_front { (half.1 - middle, along) } else { (9.0, along) };
    let brow = (brow.0.abs().hypot(beside).copysign(brow.0), brow.1);
    let upper = to_polyline(half, &flat(36..40)).0;
    let mut below = flat(39..42);
    below.push((landmarks[36].0, landmarks[36].1));
    let lower = to_polyline(half, &below).0;
    let fold = to_polyline(half, &[(-1.6, -0.4), (-2.6, -2.0), (-3.1, -3.6), (-3.0, -5.0)]).0;

    let cheek = step(-0.5, -2.5, p.1) + step(5.6, 6.6, p.0.abs()) * step(2.0, 0.5, p.1);
    let beard = cheek.min(1.0) * step(2.0, 4.0, p.2) * step(-10.5, -8.5, p.1);
    let under_nose = step(-0.9, -1.3, p.1) * step(-3.4, -2.9, p.1) * step(3.4, 2.6, p.0.abs());
    Place {
        lips,
        brow,
        lids: if in_front { (upper, lower) } else { (9.0, 9.0) },
        beard: if p.2 > 2.0 { beard } else { 0.0 },
        moustache: if in_front { under_nose } else { 0.0 },
        fold: if in_front { fold } else { 9.0 },
        azimuth: p.0.abs().atan2(p.2 - SKULL.2),
    }
}
