//! The stages of a face verification, with the models of a manifest, and the pool's throughput.
//!
//! The pictures are rendered: a card's photograph, and its person as a kiosk's camera would send it.

use super::Step;
use crate::BenchError;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use shikaku_face::align::aligned;
use shikaku_face::attempt::{Attempt, Look};
use shikaku_face::covering::Covering;
use shikaku_face::decode::{Picture, decode};
use shikaku_face::detect::{Detector, Face};
use shikaku_face::manifest::{Manifest, Role};
use shikaku_face::pipeline::{CardFace, Pipeline};
use shikaku_face::policy::Policy;
use shikaku_face::pool::{FacePool, PoolSettings};
use shikaku_face::quality::Quality;
use shikaku_face::verify::{Embedder, Liveness};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;
use zeroize::Zeroizing;

/// The camera's picture, in pixels.
const FRAME: (u32, u32) = (1280, 720);
/// Of a browser's JPEG, 0 to 100.
const QUALITY: u8 = 90;
const CARD: &[u8] = include_bytes!("../../../face/tests/faces/card.jp2");
const PERSON: &[u8] = include_bytes!("../../../face/tests/faces/same.jpg");
/// Frames that are asked of a pool at the same time.
const TOGETHER: usize = 8;

/// What every stage needs.
struct Desk {
    detector: Detector,
    covering: Covering,
    embedder: Embedder,
    liveness: Liveness,
    pipeline: Pipeline,
    card: CardFace,
    frame: Vec<u8>,
    picture: Picture,
    face: Face,
}

impl Desk {
    fn new(manifest: &Manifest) -> Result<Self, BenchError> {
        let pipeline = Pipeline::load(manifest, &Policy::default().rule(manifest)?)?;
        let frame = frame();
        let picture = decode(&frame)?;
        let (face, _) = pipeline.usable(&picture)?.unwrap();
        Ok(Self {
            detector: Detector::load(manifest)?,
            covering: Covering::load(manifest)?.unwrap(),
            embedder: Embedder::load(manifest)?,
            liveness: Liveness::load(manifest)?,
            card: pipeline.card(CARD)?,
            pipeline,
            frame,
            picture,
            face,
        })
    }

    /// From the bytes of both pictures to a score and a logit.
    fn verify(&self) -> Look {
        let card = self.pipeline.card(CARD).unwrap();
        let look = self.pipeline.look(&card, &self.frame).unwrap();
        assert!(matches!(look, Look::Usable { .. }), "{look:?}");
        look
    }
}

/// The stages one by one, all of them, and pools of one and two actors.
///
/// # Errors
/// [`BenchError::Face`] when a model cannot be loaded.
pub fn face_steps(manifest: &Path) -> Result<Vec<Step>, BenchError> {
    let manifest = Manifest::read(manifest)?;
    let input = manifest.model(Role::Embedder)?.input.clone();
    let desk = Rc::new(Desk::new(&manifest)?);
    let step = |name, body: fn(&Desk)| {
        let desk = Rc::clone(&desk);
        Step::new(name, move || body(&desk))
    };
    let align = {
        let desk = Rc::clone(&desk);
        let body = move || aligned(&desk.picture, &desk.face.landmarks, &input);
        Step::new("face/align a face", body)
    };
    Ok(vec![
        step("face/decode a frame, JPEG of 1280x720", |desk| drop(decode(&desk.frame))),
        Step::new("face/decode a card's photograph, JPEG 2000", move || decode(CARD)),
        step("face/find faces", |desk| drop(desk.detector.find(&desk.picture))),
        step("face/judge quality", |desk| {
            std::hint::black_box(Quality::of(&desk.picture, &desk.face, None));
        }),
        step("face/align and judge what hides it", |desk| {
            drop(desk.covering.judge(&desk.picture, &desk.face))
        }),
        align,
        step("face/align and embed", |desk| drop(desk.embedder.embed(&desk.picture, &desk.face))),
        step("face/crop and judge liveness", |desk| {
            drop(desk.liveness.logit(&desk.picture, &desk.face))
        }),
        step("face/look at a frame", |desk| {
            std::hint::black_box(desk.pipeline.look(&desk.card, &desk.frame).unwrap());
        }),
        step("face/verify: a card's photograph and a frame", |desk| {
            std::hint::black_box(desk.verify());
        }),
        pool("face/8 frames by a pool of 1 actor", 1, &manifest, &desk)?,
        pool("face/8 frames by a pool of 2 actors", 2, &manifest, &desk)?,
    ])
}

/// Frames that arrive together, until all are looked at.
fn pool(
    name: &'static str,
    workers: usize,
    manifest: &Manifest,
    desk: &Rc<Desk>,
) -> Result<Step, BenchError> {
    let system = actix_rt::System::new();
    let settings = PoolSettings { workers, waiting: TOGETHER, ..PoolSettings::default() };
    let pool = FacePool::start(manifest, Policy::default(), settings)?;
    let desk = Rc::clone(desk);
    Ok(Step::new(name, move || {
        system.block_on(async {
            let asked: Vec<_> = (0..TOGETHER)
                .map(|_| {
                    let (pool, card) = (pool.clone(), desk.card.clone());
                    let frame = Zeroizing::new(desk.frame.clone());
                    let attempt = Attempt::begin(Instant::now());
                    actix_rt::spawn(async move { pool.frame(&card, attempt, frame).await })
                })
                .collect();
            for one in asked {
                one.await.unwrap().unwrap();
            }
        });
    }))
}

/// The rendered frame at a larger camera's size, between two strips of wall.
fn frame() -> Vec<u8> {
    let person = decode(PERSON).unwrap();
    let (width, height) = (person.width(), person.height());
    let person = image::RgbImage::from_raw(width, height, person.rgb().to_vec()).unwrap();
    let scaled =
        image::imageops::resize(&person, FRAME.1 * width / height, FRAME.1, FilterType::Triangle);
    let mut wall = image::RgbImage::from_pixel(FRAME.0, FRAME.1, image::Rgb([150, 160, 170]));
    let left = i64::from((FRAME.0 - scaled.width()) / 2);
    image::imageops::overlay(&mut wall, &scaled, left, 0);
    let mut bytes = Vec::new();
    wall.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)).unwrap();
    bytes
}
