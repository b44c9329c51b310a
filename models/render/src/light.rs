//! Light: lamps and surroundings, and how much of them each place on a head sees.

use crate::math::{Dice, Rotation, V3, step};

/// What a place sees of its surroundings, as nine coefficients of spherical harmonics.
pub(crate) type Sky = [f32; 9];

/// Directions from which the head is looked at to find what hides what.
const LOOKS: usize = 64;
/// Side of the depth maps in cells, and of a cell in cm: 40 cm hold the head.
const MAP: usize = 100;
const CELL: f32 = 0.4;
/// What may lie this much nearer without hiding: the mesh is coarser than a cell here and there.
const BIAS: f32 = 0.6;

fn harmonics(d: V3) -> Sky {
    [
        0.2821,
        0.4886 * d.1,
        0.4886 * d.2,
        0.4886 * d.0,
        1.0925 * d.0 * d.1,
        1.0925 * d.1 * d.2,
        0.3154 * (3.0 * d.2 * d.2 - 1.0),
        1.0925 * d.0 * d.2,
        0.5463 * (d.0 * d.0 - d.1 * d.1),
    ]
}

/// Evenly spread directions (a Fibonacci sphere).
fn directions() -> impl Iterator<Item = V3> {
    (0..LOOKS).map(|n| {
        let y = 1.0 - 2.0 * (n as f32 + 0.5) / LOOKS as f32;
        let (sin, cos) = (n as f32 * 2.399_963).sin_cos();
        let r = (1.0 - y * y).sqrt();
        V3(r * cos, y, r * sin)
    })
}

/// Looks at the head from all sides and notes which vertices are seen.
pub(crate) fn visibility(rest: &[V3], normals: &[V3], triangles: &[[u16; 3]]) -> Vec<Sky> {
    let mut skies = vec![[0.0; 9]; rest.len()];
    let share = 4.0 * std::f32::consts::PI / LOOKS as f32;
    for look in directions() {
        let side = if look.1.abs() < 0.9 { V3(0.0, 1.0, 0.0) } else { V3(1.0, 0.0, 0.0) };
        let right = side.cross(look).unit();
        let up = look.cross(right);
        let cell = |p: V3| {
            let x = p.dot(right) / CELL + MAP as f32 / 2.0;
            let y = p.dot(up) / CELL + MAP as f32 / 2.0;
            (y.clamp(0.0, MAP as f32 - 1.0) as usize) * MAP
                + x.clamp(0.0, MAP as f32 - 1.0) as usize
        };
        let mut nearest = vec![f32::MIN; MAP * MAP];
        for triangle in triangles {
            let [a, b, c] = triangle.map(|v| rest[usize::from(v)]);
            // Triangles are about as large as a cell: corners, sides' middles and centre cover them.
            for p in
                [a, b, c, a.mix(b, 0.5), b.mix(c, 0.5), c.mix(a, 0.5), (a + b + c) * (1.0 / 3.0)]
            {
                let at = cell(p);
                nearest[at] = nearest[at].max(p.dot(look));
            }
        }
        let basis = harmonics(look);
        for ((sky, &p), normal) in skies.iter_mut().zip(rest).zip(normals) {
            if normal.dot(look) > 0.0 && nearest[cell(p)] < p.dot(look) + BIAS {
                for (one, base) in sky.iter_mut().zip(basis) {
                    *one += share * base;
                }
            }
        }
    }
    skies
}

/// A lamp far away. Directions are the camera's: x right, y up, z towards the camera.
#[derive(Clone, Copy, Debug)]
struct Lamp {
    direction: V3,
    colour: V3,
}

/// The light of one picture.
#[derive(Clone, Debug)]
pub(crate) struct Lighting {
    above: V3,
    below: V3,
    lamps: Vec<Lamp>,
    /// Light that goes round edges in skin, 0..0.4.
    wrap: f32,
    /// How deep shadows are, 0..1.
    shadow: f32,
}

/// White of a colour temperature, from warm (-1) to cold (1).
fn tint(warmth: f32) -> V3 {
    V3(1.0 - 0.22 * warmth, 1.0, 1.0 + 0.3 * warmth)
}

impl Lighting {
    /// A room: lamps at the ceiling, perhaps a window, rarely the sun.
    pub(crate) fn room(dice: &mut Dice) -> Self {
        let ambient = dice.range(0.12, 0.6);
        let above = tint(dice.range(-0.7, 0.7)) * ambient;
        let below = tint(dice.range(-0.9, 0.3)) * (ambient * dice.range(0.15, 0.9));
        let lamps = (0..1 + dice.below(3))
            .map(|number| {
                let yaw = dice.range(-1.6, 1.6);
                let height = dice.range(-0.15, 1.2);
                let power = dice.range(0.15, 1.0) / (1.0 + number as f32);
                let (sin, cos) = yaw.sin_cos();
                Lamp {
                    direction: V3(sin * height.cos(), height.sin(), cos * height.cos()),
                    colour: tint(dice.range(-0.9, 0.6)) * power,
                }
            })
            .collect();
        Self { above, below, lamps, wrap: dice.range(0.05, 0.35), shadow: dice.range(0.4, 1.0) }
    }

    /// A photographer's: flat and from the front, as on a card.
    pub(crate) fn studio(dice: &mut Dice) -> Self {
        let front = |side: f32, power: f32| Lamp {
            direction: V3(side, 0.35, 1.0).unit(),
            colour: tint(0.0) * power,
        };
        let power = dice.range(0.3, 0.5);
        let lamps = vec![
            front(dice.range(-0.9, -0.4), power * dice.range(0.7, 1.0)),
            front(dice.range(0.4, 0.9), power * dice.range(0.7, 1.0)),
        ];
        let ambient = dice.range(0.3, 0.5);
        Self {
            above: tint(0.0) * ambient,
            below: tint(0.0) * (ambient * dice.range(0.6, 1.0)),
            lamps,
            wrap: 0.25,
            shadow: dice.range(0.3, 0.8),
        }
    }

    /// The light as a head sees it that is turned so.
    pub(crate) fn towards<'a>(&'a self, turn: &'a Rotation) -> Turned<'a> {
        let lamps = self.lamps.iter();
        let lamps = lamps.map(|lamp| (lamp, harmonics(turn.inverse(lamp.direction))));
        Turned { light: self, turn, lamps: lamps.collect() }
    }
}

/// Light upon a turned head.
pub(crate) struct Turned<'a> {
    light: &'a Lighting,
    turn: &'a Rotation,
    lamps: Vec<(&'a Lamp, Sky)>,
}

impl Turned<'_> {
    /// Light that a place sends to the camera, not counting gloss, for an albedo of one; and gloss.
    pub(crate) fn shade(&self, normal: V3, sky: &Sky) -> (V3, V3) {
        let light = self.light;
        let open = (2.0 * 0.2821 * sky[0]).clamp(0.0, 1.0);
        let n = self.turn.apply(normal);
        let mut sum = light.below.mix(light.above, 0.5 + 0.5 * n.1) * (0.25 + 0.75 * open);
        let mut gloss = V3::default();
        for (lamp, basis) in &self.lamps {
            let seen: f32 = basis.iter().zip(sky).map(|(base, one)| base * one).sum();
            let shadow = 1.0 - light.shadow * (1.0 - step(0.1, 0.65, seen));
            let facing = ((n.dot(lamp.direction) + light.wrap) / (1.0 + light.wrap)).max(0.0);
            sum = sum + lamp.colour * (facing * shadow);
            let halfway = (lamp.direction + V3(0.0, 0.0, 1.0)).unit();
            let shine = n.dot(halfway).max(0.0).powi(2).powi(2).powi(2).powi(2);
            gloss = gloss + lamp.colour * (shine * shadow);
        }
        (sum, gloss)
    }
}

/// What a place sees that nothing hides.
pub(crate) fn open_sky(normal: V3) -> Sky {
    // The visibility of a half space: its band 0 is half, its band 1 points along the normal.
    let half = std::f32::consts::PI;
    [
        2.0 * half * 0.2821,
        half * 0.4886 * normal.1,
        half * 0.4886 * normal.2,
        half * 0.4886 * normal.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    ]
}
