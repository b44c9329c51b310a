//! Rendered frames through the shipped models: what is usable, what is said about what is not.
//!
//! Whom the models take for whom is not asked here: `evaluate` measures that.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

use image::{DynamicImage, ImageFormat, RgbImage, imageops};
use shikaku_face::attempt::{Attempt, Look, Step};
use shikaku_face::decode::decode;
use shikaku_face::manifest::Manifest;
use shikaku_face::pipeline::Pipeline;
use shikaku_face::policy::Policy;
use shikaku_face::pool::{FacePool, PoolSettings};
use shikaku_face::probe::{Pair, Probe};
use shikaku_face::quality::Advice;
use shikaku_face::verify::Outcome;
use std::io::Cursor;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;
use zeroize::Zeroizing;

const CARD: &[u8] = include_bytes!("faces/card.jp2");
const SAME: &[u8] = include_bytes!("faces/same.jpg");
const OTHER: &[u8] = include_bytes!("faces/other.jpg");

fn manifest() -> Manifest {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/manifest.toml");
    Manifest::read(&path).unwrap()
}

fn pipeline() -> &'static Pipeline {
    static PIPELINE: OnceLock<Pipeline> = OnceLock::new();
    PIPELINE.get_or_init(|| {
        let manifest = manifest();
        Pipeline::load(&manifest, &Policy::default().rule(&manifest).unwrap()).unwrap()
    })
}

/// What is said about a frame; nothing when it is usable.
fn advice(frame: &[u8]) -> Option<Advice> {
    let usable = pipeline().usable(&decode(frame).unwrap()).unwrap();
    usable.err()
}

/// The usable frame with something done to it.
fn changed(change: impl FnOnce(RgbImage) -> RgbImage) -> Vec<u8> {
    let frame = image::load_from_memory(SAME).unwrap().into_rgb8();
    let mut bytes = Vec::new();
    let changed = DynamicImage::ImageRgb8(change(frame));
    changed.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes
}

/// The frame on a wall of its own size, scaled and moved.
fn placed(frame: &RgbImage, scale: f32, right: i64, down: i64) -> RgbImage {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "640x480"
    )]
    let side = |pixels: u32| (pixels as f32 * scale) as u32;
    let (width, height) = (side(frame.width()), side(frame.height()));
    let small = imageops::resize(frame, width, height, imageops::FilterType::Triangle);
    let mut wall = RgbImage::from_pixel(frame.width(), frame.height(), image::Rgb([150, 150, 150]));
    let middle = |all: u32, part: u32| (i64::from(all) - i64::from(part)) / 2;
    let (left, top) = (middle(wall.width(), width), middle(wall.height(), height));
    imageops::overlay(&mut wall, &small, left + right, top + down);
    wall
}

fn brighter(frame: RgbImage, times: f32, more: f32) -> RgbImage {
    let mut frame = frame;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    frame.iter_mut().for_each(|byte| *byte = (f32::from(*byte) * times + more) as u8);
    frame
}

#[test]
fn frontal_frames_are_usable_whoever_is_on_them() {
    assert_eq!(advice(SAME), None);
    assert_eq!(advice(OTHER), None);
}

#[test]
fn rooms_without_one_person_are_named() {
    assert_eq!(advice(include_bytes!("faces/nobody.jpg")), Some(Advice::Nobody));
    assert_eq!(advice(include_bytes!("faces/two.jpg")), Some(Advice::Several));
    assert_eq!(advice(include_bytes!("faces/dark.jpg")), Some(Advice::TooDark));
    assert_eq!(advice(&changed(|frame| brighter(frame, 0.0, 0.0))), Some(Advice::TooDark));
}

#[test]
fn what_hides_a_face_is_named() {
    assert_eq!(advice(include_bytes!("faces/masked.jpg")), Some(Advice::TakeOffMask));
    assert_eq!(advice(include_bytes!("faces/dark-glasses.jpg")), Some(Advice::TakeOffGlasses));
    assert_eq!(advice(include_bytes!("faces/eyes-closed.jpg")), Some(Advice::OpenEyes));
}

#[test]
fn light_that_hides_the_face_is_named() {
    assert_eq!(advice(&changed(|frame| brighter(frame, 0.3, 0.0))), Some(Advice::TooDark));
    assert_eq!(advice(&changed(|frame| brighter(frame, 1.0, 110.0))), Some(Advice::TooBright));
}

#[test]
fn a_face_that_is_too_small_or_beside_is_named() {
    assert_eq!(advice(&changed(|frame| placed(&frame, 0.5, 0, 0))), Some(Advice::TooFar));
    assert_eq!(advice(&changed(|frame| placed(&frame, 1.0, 190, 0))), Some(Advice::OffCentre));
    assert_eq!(advice(&changed(|frame| placed(&frame, 1.0, -190, 0))), Some(Advice::OffCentre));
}

#[test]
fn a_blurred_or_shaken_face_is_named() {
    assert_eq!(advice(&changed(|frame| imageops::blur(&frame, 5.0))), Some(Advice::HoldStill));
    let shaken = |frame: RgbImage| {
        let mean = |x: u32, y: u32, channel: usize| {
            let row =
                (0..25).map(|step| u32::from(frame.get_pixel((x + step).min(639), y)[channel]));
            u8::try_from(row.sum::<u32>() / 25).unwrap()
        };
        RgbImage::from_fn(640, 480, |x, y| image::Rgb([0, 1, 2].map(|channel| mean(x, y, channel))))
    };
    assert_eq!(advice(&changed(shaken)), Some(Advice::HoldStill));
}

#[test]
fn a_card_needs_one_face() {
    assert!(pipeline().card(CARD).is_ok());
    let nobody = pipeline().card(include_bytes!("faces/nobody.jpg")).err().unwrap();
    assert_eq!(nobody.code(), "SHK-FAC-019");
    let two = pipeline().card(include_bytes!("faces/two.jpg")).err().unwrap();
    assert!(two.to_string().contains("several"), "{two}");
    assert_eq!(pipeline().card(b"no picture").err().unwrap().code(), "SHK-FAC-001");
}

#[test]
fn the_same_picture_is_as_like_itself_as_can_be() {
    let card = pipeline().card(SAME).unwrap();
    let Look::Usable { score, liveness } = pipeline().look(&card, SAME).unwrap() else {
        panic!("the frame is usable");
    };
    assert!((score - 1.0).abs() < 1e-5 && liveness.is_some(), "{score}");
    let Look::Usable { score: other, .. } = pipeline().look(&card, OTHER).unwrap() else {
        panic!("the frame is usable");
    };
    assert!(other < score);
}

#[test]
fn a_probe_of_the_shipped_embedder_finds_its_manifest_right() {
    let pair = Pair { card: decode(CARD).unwrap(), frame: decode(SAME).unwrap() };
    let probe = Probe::run(&manifest(), &[pair]).unwrap();
    assert!(probe.moved < probe.score);
    assert!(
        probe.swapped.is_none()
            == (manifest()
                .model(shikaku_face::manifest::Role::Embedder)
                .unwrap()
                .input
                .channels
                .count()
                == 1)
    );
}

#[actix_rt::test]
async fn a_pool_of_the_shipped_models_decides_and_its_audit_holds_nothing_of_a_face() {
    // Without liveness, whose weights may take a rendered face for a print.
    let policy = Policy { fmr: 0.1, frames: 2, tries: 1, apcer: None };
    let settings = PoolSettings {
        workers: 1,
        workers_min: 1,
        wait_ms: 60_000,
        work_ms: 60_000,
        ..PoolSettings::default()
    };
    let pool = FacePool::start(&manifest(), policy, settings).unwrap();
    let bytes = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    let card = pool.card(bytes(SAME)).await.unwrap();
    let attempt = Attempt::begin(Instant::now());
    let dark = bytes(include_bytes!("faces/dark.jpg"));
    let (attempt, step) = pool.frame(&card, attempt, dark).await.unwrap();
    assert!(matches!(step, Step::Adjust(Advice::TooDark)), "{step:?}");
    let (attempt, step) = pool.frame(&card, attempt, bytes(SAME)).await.unwrap();
    assert!(matches!(step, Step::More { used: 1, of: 2 }), "{step:?}");
    let kept = attempt.clone();
    let refused = pool.frame(&card, attempt, bytes(b"no picture")).await;
    assert_eq!(refused.err().unwrap().code(), "SHK-FAC-001");
    let (_, step) = pool.frame(&card, kept, bytes(SAME)).await.unwrap();
    let Step::Decided(Outcome::Match, audit) = step else { panic!("{step:?}") };
    assert_eq!((audit.seen, audit.used), (3, 2));
    let json: serde_json::Value = serde_json::to_value(&audit).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let known = [
        "advice", "liveness", "models", "ms", "outcome", "rule", "score", "seen", "used", "workMs",
    ];
    assert_eq!(keys, known, "a new field needs a thought about what it tells of a face");
    assert_eq!(json["outcome"], "match");
    assert_eq!(json["advice"]["tooDark"], 1);
    assert_eq!(pool.metrics().failed, 1);
}
