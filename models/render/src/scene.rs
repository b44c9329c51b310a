//! A person on one day, ready to be looked at; and one look at them.

use crate::head::{Head, Part, normals};
use crate::light::Lighting;
use crate::math::{Dice, Rotation, V3, step};
use crate::person::{Glasses, Person};
use crate::piece::{Piece, Point, Similarity, Stance};
use crate::raster::{Canvas, Grain, Surface};
use crate::skin::{Paint, paint};
use crate::wear::{self, Layer};

/// What all pictures share.
pub(crate) struct Studio {
    pub(crate) head: Head,
    pub(crate) grain: Grain,
    /// Vertices and triangles of the head without the eyeballs, and of the eyeballs.
    skin: (Vec<usize>, Vec<[usize; 3]>),
    eyes: (Vec<usize>, Vec<[usize; 3]>),
}

impl Studio {
    pub(crate) fn new() -> Self {
        let head = Head::load();
        let triangles = head.triangles.iter().map(|t| t.map(usize::from));
        let is_eye = |t: &[usize; 3]| head.parts[t[0]] == Part::Eyeball;
        let (eyes, skin): (Vec<_>, Vec<_>) = triangles.partition(is_eye);
        let part = |triangles: Vec<_>| wear::compact(triangles.into_iter(), head.rest.len());
        Self { skin: part(skin), eyes: part(eyes), grain: Grain::new(), head }
    }
}

/// How someone is dressed for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dress {
    /// As for a photograph on a card: no hat, no mask, mostly no glasses.
    Formal,
    /// As people come in.
    Everyday,
    /// Everyday, and certainly with a mask over nose and mouth.
    Masked,
}

/// A person on a day: shape, colours and what they wear.
pub(crate) struct Body {
    person: Person,
    shape: Vec<V3>,
    paint: Vec<Paint>,
    layers: Vec<Layer>,
    pub(crate) mask: Option<Layer>,
    pub(crate) glasses: Option<Glasses>,
    cloth: V3,
}

impl Body {
    pub(crate) fn new(studio: &Studio, person: &Person, dress: Dress, dice: &mut Dice) -> Self {
        let mut person = person.on_a_day(dice);
        let head = &studio.head;
        let modes = person.shape.iter().enumerate();
        let mut shape = head.bent(&head.rest, modes.map(|(mode, &weight)| (mode, weight, weight)));
        for p in &mut shape {
            *p = *p * person.stretch;
        }
        if dress == Dress::Formal && dice.chance(0.6) {
            person.glasses = None;
        }
        let bright = dice.unit();
        let cloth = V3(dice.unit() * bright, dice.unit() * bright, dice.unit() * bright) * 0.7;
        let mut layers = vec![wear::collar(head, cloth, dice)];
        let hatted = dress != Dress::Formal && dice.chance(0.05);
        if hatted {
            person.hair.top = person.hair.top.min(0.2);
            layers.push(wear::hat(head, dice));
        }
        layers.extend(wear::scalp(head, &person));
        let is_masked = dress == Dress::Masked || (dress == Dress::Everyday && dice.chance(0.02));
        let mask = is_masked.then(|| wear::mask(head, dice));
        let glasses = person.glasses.take();
        Self { paint: paint(head, &person), layers, mask, glasses, cloth, person, shape }
    }

    /// The skin's albedo, before anything that is on it.
    pub(crate) fn skin(&self) -> V3 {
        self.person.skin
    }

    /// Whether more than stubble grows on chin or lip.
    pub(crate) fn is_bearded(&self) -> bool {
        self.person.beard.0.max(self.person.beard.1) > 0.5
    }

    /// Weights of the blink, left and right, with which the edges of the lids meet.
    fn shut(&self, head: &Head) -> (f32, f32) {
        let blink = [(head.identity_modes + mode::BLINK, 1.0, 1.0)];
        let after = head.bent(&self.shape, blink.into_iter());
        let weight = |pairs: [(usize, usize); 2]| {
            let gap = |shape: &[V3]| -> f32 {
                let gaps = pairs.iter().map(|&(above, below)| {
                    Head::landmark(shape, above).1 - Head::landmark(shape, below).1
                });
                gaps.sum()
            };
            let open = gap(&self.shape);
            (open / (open - gap(&after)).max(0.01)).clamp(0.7, 1.5)
        };
        (weight([(43, 47), (44, 46)]), weight([(37, 41), (38, 40)]))
    }
}

/// Expression modes, in the order of `models/head/reduce.py`.
mod mode {
    pub(super) const BLINK: usize = 0;
    pub(super) const LOOK_DOWN: usize = 1;
    pub(super) const SQUINT: usize = 5;
    /// The last one that moves lids.
    pub(super) const WIDE: usize = 6;
    pub(super) const JAW_OPEN: usize = 12;
    pub(super) const SMILE: usize = 15;
    pub(super) const COUNT: usize = 24;
}

/// What a face does at one moment: weights of the expression modes, left and right; and the gaze.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expression {
    weights: Vec<(usize, f32, f32)>,
    gaze: (f32, f32),
}

impl Expression {
    /// As on a card: nearly nothing.
    pub(crate) fn calm(dice: &mut Dice) -> Self {
        let weights = (0..6)
            .map(|_| (dice.below(mode::COUNT), dice.range(0.0, 0.12), dice.range(0.0, 0.12)))
            .filter(|&(m, _, _)| m != mode::BLINK && m != mode::JAW_OPEN)
            .collect();
        Self { weights, gaze: (0.03 * dice.normal(), 0.03 * dice.normal()) }
    }

    /// As people look about: calm, smiling, speaking, or anything. `strength` 0..1.
    pub(crate) fn lively(dice: &mut Dice, strength: f32) -> Self {
        let mut one = Self::calm(dice);
        let mut add = |m: usize, weight: f32, dice: &mut Dice| {
            let lean = dice.range(0.8, 1.2);
            one.weights.push((m, weight * lean, weight * (2.0 - lean)));
        };
        match dice.below(4) {
            0 => {}
            1 => {
                let smile = strength * dice.range(0.2, 1.0);
                add(mode::SMILE, smile, dice);
                add(mode::SQUINT, smile * 0.5, dice);
                if dice.chance(0.5) {
                    add(mode::JAW_OPEN, strength * dice.range(0.05, 0.3), dice);
                }
            }
            2 => add(mode::JAW_OPEN, strength * dice.range(0.05, 0.6), dice),
            _ => {
                for _ in 0..3 {
                    let any = mode::LOOK_DOWN + dice.below(mode::COUNT - 1);
                    add(any, strength * dice.range(0.1, 0.8), dice);
                }
            }
        }
        if dice.chance(0.12 * strength) {
            add(mode::BLINK, dice.range(0.3, 1.0), dice);
        }
        one.gaze = (strength * 0.14 * dice.normal(), strength * 0.1 * dice.normal());
        one
    }

    /// The same with the eyes shut; `times` 1 is where this body's lids meet.
    pub(crate) fn with_eyes_shut(mut self, studio: &Studio, body: &Body, times: f32) -> Self {
        let (left, right) = body.shut(&studio.head);
        self.weights.retain(|&(m, _, _)| m > mode::WIDE);
        self.weights.push((mode::BLINK, times * left, times * right));
        self
    }

    /// The same with eyes that are open: lids go a quarter of their way down.
    pub(crate) fn with_eyes_open(mut self) -> Self {
        for (m, left, right) in &mut self.weights {
            if matches!(*m, mode::BLINK | mode::LOOK_DOWN) {
                (*left, *right) = (0.25 * *left, 0.25 * *right);
            }
        }
        self
    }

    /// Whether it is a smile that anybody sees.
    pub(crate) fn is_smile(&self) -> bool {
        self.weights.iter().any(|&(m, left, _)| m == mode::SMILE && left > 0.3)
    }
}

/// A person at one moment before a camera.
pub(crate) struct Pose {
    shape: Vec<V3>,
    normals: Vec<V3>,
    pieces: Vec<Piece>,
}

/// Middle and radius of an eyeball on the mean head, in cm.
const EYEBALL: (V3, f32) = (V3(3.17, 3.62, 8.2), 1.3);

impl Pose {
    pub(crate) fn new(studio: &Studio, body: &Body, expression: &Expression, glare: f32) -> Self {
        let head = &studio.head;
        let modes = expression.weights.iter();
        let modes = modes.map(|&(m, left, right)| (head.identity_modes + m, left, right));
        let shape = head.bent(&body.shape, modes);
        let normals = normals(&shape, &head.triangles);
        let mut pose = Self { shape, normals, pieces: Vec::new() };
        pose.pieces.push(pose.skin(studio, body));
        pose.pieces.push(pose.eyes(studio, body, expression.gaze));
        pose.pieces.push(wear::teeth(&pose.shape));
        pose.pieces.push(wear::torso(body.cloth, body.person.stretch.0));
        let layers = body.layers.iter().chain(&body.mask);
        let layers = layers.map(|layer| layer.on(head, &pose.shape, &pose.normals));
        pose.pieces.extend(layers);
        pose.pieces.extend(wear::hanging(&body.person, body.person.stretch.0));
        pose.pieces.extend(wear::bun(&body.person));
        if let Some(glasses) = &body.glasses {
            pose.pieces.extend(wear::glasses(&pose.shape, glasses, glare));
        }
        pose
    }

    fn skin(&self, studio: &Studio, body: &Body) -> Piece {
        let head = &studio.head;
        let points = studio.skin.0.iter().map(|&v| Point {
            at: self.shape[v],
            normal: self.normals[v],
            sky: head.skies[v],
            albedo: body.paint[v].albedo,
            shine: body.paint[v].shine,
            u: head.rest[v].0,
            v: head.rest[v].1,
            amount: body.paint[v].grain,
        });
        Piece {
            points: points.collect(),
            triangles: studio.skin.1.clone(),
            surface: Surface::Grainy,
            both_sides: false,
        }
    }

    fn eyes(&self, studio: &Studio, body: &Body, gaze: (f32, f32)) -> Piece {
        let head = &studio.head;
        let (middle, radius) = EYEBALL;
        let points = studio.eyes.0.iter().map(|&v| {
            let rest = head.rest[v];
            let from = rest - V3(middle.0 * rest.0.signum(), middle.1, middle.2);
            // The lids throw a shadow upon the upper part.
            let shade = 0.55 + 0.45 * step(0.75, 0.1, from.1);
            Point {
                at: self.shape[v],
                normal: from.unit().mix(V3(0.0, 0.0, 1.0), 0.3).unit(),
                sky: crate::light::open_sky(V3(0.0, 0.0, 1.0)),
                albedo: body.paint[v].albedo * shade,
                shine: 0.0,
                u: if from.2 > 0.0 { from.0 - gaze.0 * radius } else { 9.0 },
                v: from.1 - gaze.1 * radius,
                amount: 0.8,
            }
        });
        Piece {
            points: points.collect(),
            triangles: studio.eyes.1.clone(),
            surface: Surface::Eye { iris: body.person.iris },
            both_sides: false,
        }
    }

    /// The five points of alignment.
    pub(crate) fn five(&self) -> [V3; 5] {
        Head::five(&self.shape)
    }

    /// Draws everything.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, stance: &Stance, lighting: &Lighting) {
        for piece in &self.pieces {
            stance.draw(canvas, piece, lighting);
        }
    }

    /// The box of the face in pixels, from chin to hairline and ear to ear: left, top, right, bottom.
    pub(crate) fn face_box(&self, head: &Head, stance: &Stance) -> [f32; 4] {
        let mut frame = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for (v, rest) in head.rest.iter().enumerate().step_by(3) {
            if head.parts[v] == Part::Face && rest.1 > -7.8 && rest.1 < 9.0 && rest.2 > 3.0 {
                let (x, y) = stance.pixel(self.shape[v]);
                frame = [frame[0].min(x), frame[1].min(y), frame[2].max(x), frame[3].max(y)];
            }
        }
        frame
    }
}

/// How a head is turned and how far the camera is; angles in radians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    pub(crate) yaw: f32,
    pub(crate) pitch: f32,
    pub(crate) roll: f32,
    pub(crate) distance: f32,
}

impl Aim {
    /// A photographer's camera, two metres away.
    pub(crate) fn formal(dice: &mut Dice) -> Self {
        Self {
            yaw: 0.05 * dice.normal(),
            pitch: 0.05 * dice.normal(),
            roll: 0.03 * dice.normal(),
            distance: dice.range(120.0, 250.0),
        }
    }

    /// A kiosk's, at arm's length and mostly from below; a few turn far away.
    pub(crate) fn kiosk(dice: &mut Dice) -> Self {
        let wide = if dice.chance(0.25) { 2.0 } else { 1.0 };
        Self {
            yaw: 0.17 * wide * dice.normal(),
            pitch: 0.10 * wide * dice.normal() - 0.08,
            roll: 0.07 * wide * dice.normal(),
            distance: dice.range(38.0, 110.0),
        }
    }

    pub(crate) fn stance(&self, onto: Similarity) -> Stance {
        Stance {
            turn: Rotation::of(self.yaw, self.pitch, self.roll),
            distance: self.distance,
            onto,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lids_that_are_shut_meet_whoever_they_belong_to() {
        let studio = Studio::new();
        let gap = |pose: &Pose| {
            Head::landmark(&pose.shape, 37).1 - Head::landmark(&pose.shape, 41).1
                + Head::landmark(&pose.shape, 44).1
                - Head::landmark(&pose.shape, 46).1
        };
        for seed in 0..12 {
            let person = Person::new(seed, studio.head.identity_modes);
            let body = Body::new(&studio, &person, Dress::Formal, &mut Dice::new(seed, 8));
            let pose = |expression: &Expression| Pose::new(&studio, &body, expression, 0.0);
            let open = Expression::default().with_eyes_open();
            let shut = Expression::default().with_eyes_shut(&studio, &body, 1.0);
            let (open, shut) = (gap(&pose(&open)), gap(&pose(&shut)));
            assert!(open > 0.5 && shut.abs() < 0.2 * open, "seed {seed}: {open} {shut}");
        }
    }
}
