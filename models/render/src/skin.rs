//! Paints skin: the albedo of each vertex, and how strong its grain is.

use crate::head::{Head, Part, Place};
use crate::math::{V3, fractal, noise, step};
use crate::person::Person;

/// Albedo (linear), grain (0..1) and shine (0..1) of a vertex.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paint {
    pub(crate) albedo: V3,
    pub(crate) grain: f32,
    pub(crate) shine: f32,
}

const MOUTH: V3 = V3(0.10, 0.025, 0.022);
const EYE_WHITE: V3 = V3(0.72, 0.68, 0.65);
const LASH: V3 = V3(0.015, 0.012, 0.010);

/// Paints all vertices of a head.
pub(crate) fn paint(head: &Head, person: &Person) -> Vec<Paint> {
    let vertices = head.rest.iter().zip(&head.parts).zip(&head.places);
    vertices
        .map(|((&at, part), place)| match part {
            Part::Face | Part::HeadAndNeck => skin(at, place, person),
            Part::Mouth => Paint { albedo: MOUTH, grain: 0.1, shine: 0.2 },
            Part::Socket => {
                Paint { albedo: person.skin * V3(0.5, 0.35, 0.3), grain: 0.0, shine: 0.1 }
            }
            Part::Eyeball => Paint { albedo: EYE_WHITE, grain: 0.0, shine: 0.0 },
        })
        .collect()
}

/// Hair of brows and beard, a little like that of the head.
fn fur(person: &Person) -> V3 {
    let hair = person.hair.colour.mix(V3(0.3, 0.3, 0.3), 0.6 * person.hair.grey);
    hair.mix(V3(0.02, 0.014, 0.01), 0.4)
}

fn skin(at: V3, place: &Place, person: &Person) -> Paint {
    let seed = person.seed;
    let mut albedo = person.skin;
    let blotch = fractal(at * 0.35, 3, seed) + 0.5 * noise(at * 2.5, seed ^ 5);
    albedo = albedo * (1.0 + person.blotches * blotch);

    // Blood shows on cheeks, nose and ears.
    let cheek = step(3.2, 0.5, (at - V3(at.0.signum() * 4.6, 0.2, 8.5)).length());
    let nose = step(2.4, 0.3, (at - V3(0.0, 0.6, 12.6)).length());
    let ear = step(7.9, 8.6, at.0.abs());
    let red =
        person.redness * (0.5 * cheek + 0.5 * nose + 0.4 * ear + 0.3 * blotch).clamp(0.0, 1.0);
    albedo = albedo * V3(1.0, 1.0 - 0.28 * red, 1.0 - 0.26 * red);

    let bag = step(1.5, 0.4, place.lids.1) * step(3.3, 2.8, at.1);
    albedo = albedo * (1.0 - 0.3 * person.eye_bags * bag);
    if person.freckles > 0.0 {
        let near = step(6.0, 3.0, (at - V3(0.0, 1.5, 11.0)).length());
        let spots = step(0.45, 0.7, noise(at * 3.1, seed ^ 9)) * near;
        albedo = albedo * V3(1.0, 0.85, 0.75).mix(V3(1.0, 1.0, 1.0), 1.0 - person.freckles * spots);
        albedo = albedo * (1.0 - 0.25 * person.freckles * spots);
    }
    for &(x, y, size) in &person.moles {
        if at.2 > 3.0 {
            let mole = step(1.3 * size, 0.6 * size, (at.0 - x).hypot(at.1 - y));
            albedo = albedo.mix(V3(0.07, 0.035, 0.025), 0.8 * mole);
        }
    }
    albedo = albedo * (1.0 - wrinkles(at, place, person));

    let lip = step(-0.12, 0.15, place.lips);
    let crease = step(0.16, 0.0, (at.1 + 3.36 + 0.02 * at.0 * at.0).abs()) * lip;
    albedo = albedo.mix(person.lips, lip) * (1.0 - 0.45 * crease);

    let lash = step(0.2, 0.05, place.lids.0) + 0.45 * step(0.14, 0.03, place.lids.1);
    albedo = albedo.mix(LASH, (person.lashes * lash).clamp(0.0, 0.92));
    // The crease of the upper lid.
    let crease = step(0.14, 0.0, (place.lids.0 - 0.42).abs()) * step(3.3, 3.8, at.1);
    albedo = albedo * (1.0 - 0.3 * crease);

    let brow = brow(place, person);
    let beard = beard(at, place, person);
    let hairs = brow.max(beard).min(1.0);
    albedo = albedo.mix(fur(person), 0.93 * brow).mix(fur(person), 0.85 * beard);
    let front = if at.2 > 0.0 { 1.0 } else { 0.3 };
    Paint {
        albedo,
        grain: 0.035 + 0.05 * person.blotches + 0.55 * hairs * (1.0 - 0.4 * hairs),
        shine: (0.10 + 0.12 * nose + 0.18 * lip) * (1.0 - hairs) * front,
    }
}

/// How dark a brow makes a place.
fn brow(place: &Place, person: &Person) -> f32 {
    let brows = &person.brows;
    let (height, along) = place.brow;
    let outer = 1.0 - along;
    let height = height + 0.25 - brows.lift + brows.arch * (outer - 0.35).powi(2) * 1.5;
    let thickness =
        brows.thickness * (1.0 - brows.taper * outer * outer) * step(-0.02, 0.12, along);
    let ends = step(-0.1, 0.06, along) * step(1.02, 0.92, along + brows.start * 0.5);
    let rough = 0.12 * noise(V3(along * 14.0, height * 3.0, 0.0), person.seed ^ 11);
    let inside = step(thickness + 0.16, (thickness - 0.1).max(0.0), height.abs() + rough);
    brows.density * inside * ends
}

/// How dark beard and stubble make a place.
fn beard(at: V3, place: &Place, person: &Person) -> f32 {
    let (chin, lip) = person.beard;
    let off_lips = step(0.0, -0.3, place.lips);
    let patchy = 0.75 + 0.5 * fractal(at * 0.7, 2, person.seed ^ 13);
    let chin = chin * chin * place.beard * patchy;
    let lip = lip * lip * place.moustache * patchy;
    (chin.max(lip) * off_lips).clamp(0.0, 0.97)
}

/// How much darker age makes a place.
fn wrinkles(at: V3, place: &Place, person: &Person) -> f32 {
    if at.2 < 4.0 {
        return 0.0;
    }
    let age = person.age;
    let wave = 0.5 * noise(V3(at.0 * 0.5, at.1 * 0.3, 2.0), person.seed ^ 17);
    let forehead = step(6.4, 7.2, at.1) * step(10.5, 9.5, at.1) * step(5.0, 3.5, at.0.abs());
    let lines = step(0.55, 1.0, ((at.1 + wave) * 5.0).sin()) * forehead;
    let fold = step(0.35, 0.0, place.fold);
    let beside = step(1.2, 0.3, (at.0.abs() - 5.4).hypot(at.1 - 3.4));
    let feet = step(0.4, 1.0, (at.1 * 9.0 + at.0.abs() * 3.0).sin()) * beside;
    (age * age * (0.3 * lines + 0.25 * feet) + (0.06 + 0.3 * age) * fold).min(0.5)
}
