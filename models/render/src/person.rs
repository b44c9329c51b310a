//! What a person is (the same in all pictures of them) and what changes from day to day.

use crate::math::{Dice, V3};

/// Lasting looks, from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Weights of the shape's modes.
    pub(crate) shape: Vec<f32>,
    /// Height of the head and width of the jaw against the mean.
    pub(crate) stretch: V3,
    /// Linear albedo of the skin, and how red it gets.
    pub(crate) skin: V3,
    pub(crate) redness: f32,
    pub(crate) blotches: f32,
    pub(crate) freckles: f32,
    /// Where moles are on the mean face (x, y) and how large, in cm.
    pub(crate) moles: Vec<(f32, f32, f32)>,
    /// 0 young to 1 old.
    pub(crate) age: f32,
    /// -1 male to 1 female, for what goes together: hair, beard, brows, lips.
    pub(crate) gender: f32,
    pub(crate) eye_bags: f32,
    pub(crate) brows: Brows,
    pub(crate) lips: V3,
    pub(crate) iris: V3,
    pub(crate) lashes: f32,
    pub(crate) hair: Hair,
    /// How densely a beard would grow on the chin and the lip.
    pub(crate) beard: (f32, f32),
    /// Wears glasses, and of what shape.
    pub(crate) glasses: Option<Glasses>,
    /// Seeds the noise of skin and hair.
    pub(crate) seed: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Brows {
    /// cm above the mean's line, half thickness, bend of the outer end.
    pub(crate) lift: f32,
    pub(crate) thickness: f32,
    pub(crate) arch: f32,
    /// How much they taper, and how much of the inner end is missing, 0..1.
    pub(crate) taper: f32,
    pub(crate) start: f32,
    pub(crate) density: f32,
}

/// A style of hair. Lengths in cm, azimuths in radians from the front.
#[derive(Clone, Debug)]
pub(crate) struct Hair {
    pub(crate) colour: V3,
    /// Share of white strands.
    pub(crate) grey: f32,
    /// Height of the hairline over the forehead, and how far it recedes at the temples.
    pub(crate) line: f32,
    pub(crate) recede: f32,
    /// Thickness on top and at the sides; 0 at both is bald.
    pub(crate) top: f32,
    pub(crate) side: f32,
    /// How far a fringe comes down (0 none), on the whole or one half of the forehead.
    pub(crate) fringe: f32,
    pub(crate) parting: f32,
    /// How far hair hangs below the crown at sides and back: none, or to this y.
    pub(crate) hanging: Option<f32>,
    /// Whether it covers the ears, as azimuth where it begins.
    pub(crate) opening: f32,
    pub(crate) curl: f32,
    pub(crate) crown_bald: f32,
    pub(crate) bun: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Glasses {
    pub(crate) colour: V3,
    /// Half width and height of a lens, thickness of the rim, roundness (2 round to 6 square).
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) rim: f32,
    pub(crate) power: f32,
    /// Half-rimmed: no rim below.
    pub(crate) half: bool,
    pub(crate) tint: f32,
}

impl Glasses {
    fn some(dice: &mut Dice) -> Self {
        let dark = dice.range(0.01, 0.08);
        let colour = match dice.below(4) {
            0 => V3(0.25, 0.18, 0.08),
            1 => V3(0.3, 0.3, 0.32),
            2 => V3(0.1, 0.05, 0.04),
            _ => V3(dark, dark, dark),
        };
        Self {
            colour,
            width: dice.range(2.2, 3.0),
            height: dice.range(1.5, 2.5),
            rim: dice.range(0.1, 0.4),
            power: dice.range(2.0, 6.0),
            half: dice.chance(0.2),
            tint: if dice.chance(0.06) { dice.range(0.5, 0.95) } else { dice.range(0.0, 0.12) },
        }
    }

    /// Glasses through which eyes are seen: clear, a few lightly tinted.
    pub(crate) fn clear(dice: &mut Dice) -> Self {
        let tint = if dice.chance(0.1) { dice.range(0.12, 0.4) } else { dice.range(0.0, 0.12) };
        Self { tint, ..Self::some(dice) }
    }

    /// Glasses that hide the eyes.
    pub(crate) fn dark(dice: &mut Dice) -> Self {
        Self { tint: dice.range(0.85, 0.97), height: dice.range(1.8, 2.6), ..Self::some(dice) }
    }
}

/// Skin from melanin (0..1) and blood, as linear albedo.
fn skin(melanin: f32, warmth: f32, dice: &mut Dice) -> V3 {
    let light = V3(0.70, 0.47, 0.37);
    let middle = V3(0.50, 0.30, 0.20);
    let dark = V3(0.13, 0.065, 0.042);
    let base = if melanin < 0.5 {
        light.mix(middle, melanin * 2.0)
    } else {
        middle.mix(dark, melanin * 2.0 - 1.0)
    };
    base * V3(1.0, 1.0 + 0.06 * warmth, 1.0 - 0.12 * warmth) * dice.range(0.88, 1.12)
}

/// Colour of hair: mostly black and brown, some fair or red, some dyed.
fn hair_colour(melanin: f32, dice: &mut Dice) -> V3 {
    let black = V3(0.012, 0.010, 0.009);
    let brown = V3(0.07, 0.035, 0.02);
    let fair = V3(0.35, 0.22, 0.10);
    let red = V3(0.22, 0.07, 0.03);
    let kind = dice.unit() + 0.35 * (melanin - 0.25).max(0.0);
    match kind {
        k if k < 0.1 => brown.mix(fair, dice.unit()),
        k if k < 0.15 => brown.mix(red, dice.unit()),
        k if k < 0.45 => black.mix(brown, dice.unit()),
        _ => black.mix(brown, 0.25 * dice.unit()),
    }
}

impl Hair {
    fn some(gender: f32, age: f32, melanin: f32, dice: &mut Dice) -> Self {
        let woman = dice.chance(0.5 + 0.45 * gender);
        let receding = if woman { 0.1 } else { age };
        let bald = !woman && dice.chance(0.04 + 0.1 * age);
        let short = dice.range(0.15, 1.1);
        let (top, side) = match (bald, woman) {
            (true, _) => (0.0, if dice.chance(0.5) { 0.0 } else { 0.3 }),
            (_, true) => (dice.range(0.6, 1.8), dice.range(0.5, 1.6)),
            (_, false) => (short * dice.range(1.0, 2.2), short * dice.range(0.3, 1.1)),
        };
        let hanging = match (woman, dice.below(10)) {
            (true, 0..=2) => Some(dice.range(-7.0, -1.0)),
            (true, 3..=6) => Some(dice.range(-19.0, -7.0)),
            (false, 0) => Some(dice.range(-6.0, 0.0)),
            _ => None,
        };
        Self {
            colour: hair_colour(melanin, dice),
            grey: (age * 1.5 - 0.5 + 0.3 * dice.normal()).clamp(0.0, 1.0),
            line: dice.range(8.6, 10.4) + 1.2 * receding * dice.unit(),
            recede: dice.range(0.0, 1.0) + 2.0 * receding * dice.unit(),
            top,
            side,
            fringe: if !bald && dice.chance(0.35 + 0.25 * gender) {
                dice.range(1.0, 4.2)
            } else {
                0.0
            },
            parting: dice.range(-4.0, 4.0),
            hanging,
            opening: dice.range(0.95, 1.75),
            curl: if dice.chance(0.25 + 0.4 * melanin) {
                dice.range(0.3, 1.0)
            } else {
                dice.range(0.0, 0.3)
            },
            crown_bald: if woman {
                0.0
            } else {
                (age + 0.4 * dice.normal() - 0.55).clamp(0.0, 1.0)
            },
            bun: woman && hanging.is_none() && dice.chance(0.5),
        }
    }
}

impl Person {
    pub(crate) fn new(seed: u64, modes: usize) -> Self {
        let mut dice = Dice::new(seed, 1);
        let dice = &mut dice;
        let gender = if dice.chance(0.5) { dice.range(0.5, 1.0) } else { dice.range(-1.0, -0.5) };
        let age = dice.unit().powf(1.2);
        // Mostly the skins of Japan, and all others.
        let melanin = if dice.chance(0.6) { dice.range(0.05, 0.45) } else { dice.unit() };
        let warmth = dice.range(-0.5, 1.0);
        let skin = skin(melanin, warmth, dice);
        let hair = Hair::some(gender, age, melanin, dice);
        let beard =
            if gender < 0.0 { (dice.range(0.05, 1.0), dice.range(0.1, 1.0)) } else { (0.0, 0.05) };
        let moles = (0..dice.below(6))
            .map(|_| (dice.range(-6.5, 6.5), dice.range(-6.5, 8.5), dice.range(0.07, 0.24)))
            .collect();
        let pink = V3(0.55, 0.22, 0.20);
        let iris = match dice.below(10) {
            0 => V3(0.12, 0.18, 0.26),
            1 => V3(0.12, 0.15, 0.06),
            2..=4 => V3(0.09, 0.045, 0.018),
            _ => V3(0.035, 0.018, 0.010),
        };
        Self {
            shape: (0..modes).map(|_| dice.normal()).collect(),
            stretch: V3(dice.range(0.95, 1.05), dice.range(0.95, 1.05), dice.range(0.97, 1.03)),
            redness: dice.range(0.1, 1.0),
            blotches: dice.range(0.02, 0.16),
            freckles: if dice.chance(0.15) { dice.range(0.3, 1.0) } else { 0.0 },
            moles,
            age,
            eye_bags: dice.unit() * (0.3 + 0.7 * age),
            brows: Brows {
                lift: dice.range(-0.35, 0.25),
                thickness: dice.range(0.18, 0.5) - 0.08 * gender,
                arch: dice.range(-0.3, 0.35),
                taper: dice.range(0.1, 0.9),
                start: dice.range(-0.08, 0.2),
                density: dice.range(0.35, 1.0),
            },
            lips: skin.mix(skin * pink * 1.6, dice.range(0.3, 0.9)),
            iris: iris * dice.range(0.6, 1.5),
            lashes: dice.range(0.3, 1.0) * (0.7 + 0.3 * gender),
            glasses: dice.chance(0.3).then(|| Glasses::some(dice)),
            skin,
            hair,
            beard,
            gender: gender.clamp(-1.0, 1.0),
            seed: (dice.next() >> 32) as u32,
        }
    }

    /// The same person on another day: shaven or not, made up, hair grown or put up, some weight.
    pub(crate) fn on_a_day(&self, dice: &mut Dice) -> Self {
        let mut person = self.clone();
        let shaven = if dice.chance(0.5) { dice.range(0.0, 0.25) } else { dice.unit() };
        person.beard = (
            self.beard.0 * shaven,
            self.beard.1 * (shaven + dice.range(-0.2, 0.3)).clamp(0.0, 1.0),
        );
        person.redness = (self.redness + dice.range(-0.2, 0.3)).max(0.0);
        if self.gender > 0.0 && dice.chance(0.4) {
            let stick = V3(dice.range(0.3, 0.6), dice.range(0.04, 0.15), dice.range(0.06, 0.18));
            person.lips = self.lips.mix(stick, dice.range(0.2, 0.8));
            person.lashes = (self.lashes + 0.4).min(1.2);
            person.blotches *= 0.4;
            person.brows.density = (self.brows.density + 0.2).min(1.0);
        }
        for weight in person.shape.iter_mut().take(3) {
            *weight += 0.12 * dice.normal();
        }
        let hair = &mut person.hair;
        hair.top *= dice.range(0.7, 1.4);
        hair.side *= dice.range(0.6, 1.4);
        if dice.chance(0.25) {
            hair.fringe = if hair.fringe > 0.0 { 0.0 } else { dice.range(0.8, 3.0) };
        }
        if dice.chance(0.2) {
            hair.hanging = None;
        }
        if dice.chance(0.1) {
            *hair = Hair::some(self.gender, self.age, 0.3, dice);
        }
        if dice.chance(0.08) {
            hair.colour = hair.colour.mix(V3(0.2, 0.1, 0.04), dice.unit());
        }
        // Who wears glasses takes them off for the card now and then; others try some on.
        let changes = dice.chance(0.25);
        person.glasses = match (&self.glasses, changes) {
            (Some(_), true) => None,
            (None, true) if dice.chance(0.4) => Some(Glasses::some(dice)),
            (same, _) => same.clone(),
        };
        person
    }
}
