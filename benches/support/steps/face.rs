//! The stages of a face verification, with the models of a manifest.
//!
//! The picture is a card's portrait as a kiosk's camera would send it. How long a network
//! runs does not depend on what it sees, so nobody's face is needed.

use super::Step;
use crate::BenchError;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use shikaku_face::align::aligned;
use shikaku_face::decode::{Picture, decode};
use shikaku_face::detect::{Detector, Face};
use shikaku_face::manifest::{Manifest, Role};
use shikaku_face::verify::{Embedder, Liveness};
use std::path::Path;
use std::rc::Rc;

/// The camera's picture, in pixels.
const FRAME: (u32, u32) = (1280, 720);
/// Of a browser's JPEG, 0 to 100.
const QUALITY: u8 = 90;
/// A face in the middle of the frame, in its pixels.
const FACE: Face = Face {
    sides: [490.0, 150.0, 790.0, 550.0],
    landmarks: [[570.0, 310.0], [710.0, 310.0], [640.0, 390.0], [590.0, 460.0], [690.0, 460.0]],
    probability: 1.0,
};

/// What every stage needs.
struct Desk {
    detector: Detector,
    embedder: Embedder,
    liveness: Liveness,
    frame: Vec<u8>,
    picture: Picture,
}

impl Desk {
    fn verify(&self) -> f64 {
        let picture = decode(&self.frame).unwrap();
        let _found = self.detector.find(&picture).unwrap();
        let _live = self.liveness.logit(&picture, &FACE).unwrap();
        let embedding = self.embedder.embed(&picture, &FACE).unwrap();
        embedding.similarity(&embedding)
    }
}

/// The stages one by one, and all of them for one frame.
///
/// # Errors
/// [`BenchError::Face`] when a model cannot be loaded.
pub fn face_steps(manifest: &Path) -> Result<Vec<Step>, BenchError> {
    let manifest = Manifest::read(manifest)?;
    let input = manifest.model(Role::Embedder)?.input.clone();
    let photograph = shikaku_card::portrait(0);
    let frame = frame(photograph);
    let desk = Rc::new(Desk {
        detector: Detector::load(&manifest)?,
        embedder: Embedder::load(&manifest)?,
        liveness: Liveness::load(&manifest)?,
        picture: decode(&frame)?,
        frame,
    });
    let step = |name, body: fn(&Desk)| {
        let desk = Rc::clone(&desk);
        Step::new(name, move || body(&desk))
    };
    let align = {
        let desk = Rc::clone(&desk);
        Step::new("face/align a face", move || aligned(&desk.picture, &FACE.landmarks, &input))
    };
    Ok(vec![
        step("face/decode a frame, JPEG of 1280x720", |desk| drop(decode(&desk.frame))),
        Step::new("face/decode a card's photograph, JPEG 2000", move || decode(photograph)),
        step("face/find faces", |desk| drop(desk.detector.find(&desk.picture))),
        align,
        step("face/align and embed", |desk| drop(desk.embedder.embed(&desk.picture, &FACE))),
        step("face/crop and judge liveness", |desk| {
            drop(desk.liveness.logit(&desk.picture, &FACE))
        }),
        step("face/verify a frame: all of these", |desk| {
            std::hint::black_box(desk.verify());
        }),
    ])
}

/// The portrait, filling the frame's height, as a camera's JPEG.
fn frame(photograph: &[u8]) -> Vec<u8> {
    let portrait = decode(photograph).unwrap();
    let (width, height) = (portrait.width(), portrait.height());
    let portrait = image::RgbImage::from_raw(width, height, portrait.rgb().to_vec()).unwrap();
    let scaled =
        image::imageops::resize(&portrait, FRAME.1 * width / height, FRAME.1, FilterType::Triangle);
    let mut wall = image::RgbImage::from_pixel(FRAME.0, FRAME.1, image::Rgb([150, 160, 170]));
    let left = i64::from((FRAME.0 - scaled.width()) / 2);
    image::imageops::overlay(&mut wall, &scaled, left, 0);
    let mut bytes = Vec::new();
    wall.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)).unwrap();
    bytes
}
