//! Draws the portraits in `portraits/` as PGM pictures: `cargo run --example portrait FOLDER`.
//!
//! They become what the card holds with OpenJPEG, reversible and cut at a rate of 90:
//! `opj_compress -i 0.pgm -r 90 -o 0.jp2`.

use std::fs;
use std::path::Path;

const WIDTH: u16 = 378;
const HEIGHT: u16 = 472;

/// What differs between the drawn people. Lengths in pixels.
struct Face {
    skin: u8,
    hair: u8,
    clothes: u8,
    face_width: f32,
    face_height: f32,
    /// How far the hair hangs down beside the face.
    hair_length: f32,
    eye_distance: f32,
    mouth_width: f32,
    glasses: bool,
}

const FACES: [Face; 4] = [
    Face {
        skin: 196,
        hair: 32,
        clothes: 60,
        face_width: 86.0,
        face_height: 118.0,
        hair_length: 20.0,
        eye_distance: 38.0,
        mouth_width: 34.0,
        glasses: false,
    },
    Face {
        skin: 208,
        hair: 44,
        clothes: 150,
        face_width: 80.0,
        face_height: 110.0,
        hair_length: 150.0,
        eye_distance: 36.0,
        mouth_width: 30.0,
        glasses: false,
    },
    Face {
        skin: 186,
        hair: 168,
        clothes: 40,
        face_width: 90.0,
        face_height: 114.0,
        hair_length: 10.0,
        eye_distance: 40.0,
        mouth_width: 38.0,
        glasses: true,
    },
    Face {
        skin: 202,
        hair: 120,
        clothes: 100,
        face_width: 84.0,
        face_height: 106.0,
        hair_length: 80.0,
        eye_distance: 37.0,
        mouth_width: 32.0,
        glasses: true,
    },
];

const BACKGROUND: u8 = 228;
const DARK: u8 = 40;
const LIPS: u8 = 130;

/// Whether a point lies in the ellipse around a centre.
fn in_ellipse(x: f32, y: f32, centre: (f32, f32), radii: (f32, f32)) -> bool {
    let (dx, dy) = ((x - centre.0) / radii.0, (y - centre.1) / radii.1);
    dx * dx + dy * dy <= 1.0
}

fn grey(face: &Face, x: f32, y: f32) -> u8 {
    // Seen from the middle of the face.
    let (x, y) = ((x - 189.0).abs(), y - 210.0);
    let eye = (face.eye_distance, -14.0);
    if in_ellipse(x, y, eye, (7.0, 7.0)) {
        return DARK;
    }
    if face.glasses && in_ellipse(x, y, eye, (27.0, 20.0)) && !in_ellipse(x, y, eye, (24.0, 17.0)) {
        return DARK;
    }
    if in_ellipse(x, y, eye, (16.0, 8.0)) {
        return 250;
    }
    let brow = (face.eye_distance, -38.0);
    if in_ellipse(x, y, brow, (20.0, 4.0)) {
        return face.hair;
    }
    if in_ellipse(x, y, (0.0, 22.0), (9.0, 14.0)) {
        return face.skin - 16;
    }
    if in_ellipse(x, y, (0.0, 62.0), (face.mouth_width, 7.0)) {
        return LIPS;
    }
    let is_fringe = y < -face.face_height * 0.55;
    if in_ellipse(x, y, (0.0, 0.0), (face.face_width, face.face_height)) && !is_fringe {
        return face.skin;
    }
    let is_cap = in_ellipse(x, y, (0.0, -16.0), (face.face_width + 14.0, face.face_height + 10.0));
    let hangs = x < face.face_width + 14.0 && (-16.0..face.hair_length).contains(&y);
    if (is_cap && y < 0.0) || (hangs && x > face.face_width * 0.8) {
        return face.hair;
    }
    if x < 36.0 && (60.0..170.0).contains(&y) {
        return face.skin - 10;
    }
    if in_ellipse(x, y, (0.0, 290.0), (180.0, 150.0)) {
        return face.clothes;
    }
    BACKGROUND
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    for (number, face) in FACES.iter().enumerate() {
        let mut picture = format!("P5\n{WIDTH} {HEIGHT}\n255\n").into_bytes();
        for y in 0..HEIGHT {
            picture.extend((0..WIDTH).map(|x| grey(face, f32::from(x), f32::from(y))));
        }
        fs::write(Path::new(&folder).join(format!("{number}.pgm")), picture)?;
    }
    Ok(())
}
