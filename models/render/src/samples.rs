//! Sample pictures for the kiosk's tests and for `shikaku-face evaluate`.
//!
//! | file | shows |
//! |---|---|
//! | `card.pgm` | the card's photograph: 378x472, grey; `./dev faces` makes JPEG 2000 of it |
//! | `same.*` | the card's person before the kiosk |
//! | `other.*` | somebody else |
//! | `printed.*`, `replayed.*`, `mask.*` | attacks |
//! | `nobody.*`, `two.*`, `dark.*` | an empty room, two people, hardly any light |
//! | `masked.*`, `dark-glasses.*`, `eyes-closed.*` | the card's person, hidden so |
//! | `tree/NNNN/*.jpg` | a folder for each person: the card's photograph and live views |
//!
//! Each scene is one `.jpg` and an `.mjpeg` of `MOMENTS` moments, which Chromium takes for a camera.

use crate::attack::{Species, show};
use crate::background;
use crate::camera;
use crate::covering::Covers;
use crate::frame::{Sitter, Spot, draw};
use crate::image::Image;
use crate::light::Lighting;
use crate::math::Dice;
use crate::person::{Glasses, Person};
use crate::scene::{Aim, Body, Dress, Expression, Pose, Studio};
use crate::wear;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Size of the kiosk's frames and of the card's photograph, in pixels.
const KIOSK: (usize, usize) = (640, 480);
const CARD: (usize, usize) = (378, 472);
/// Different frames of a film; a browser plays them over and over.
const MOMENTS: usize = 8;
/// Quality of the JPEG files, 0..100.
const QUALITY: u8 = 88;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to write; made when missing.
    folder: PathBuf,
    /// Makes the people and everything about their pictures.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People in `tree/`.
    #[arg(long, default_value_t = 10)]
    people: u64,
    /// Live views of each of them.
    #[arg(long, default_value_t = 3)]
    views: usize,
}

/// Renders all samples.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let studio = Studio::new();
    let folder = &arguments.folder;
    fs::create_dir_all(folder)?;
    let bar = ProgressBar::new(SCENES.len() as u64 + arguments.people);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {eta} left") {
        bar.set_style(style);
    }
    let person =
        |number: u64| Person::new(arguments.seed ^ (number << 32), studio.head.identity_modes);
    let holder = person(1);
    let photograph = card(&studio, &holder, &mut Dice::new(arguments.seed, 11));
    let header = format!("P5\n{} {}\n255\n", photograph.width, photograph.height);
    fs::write(folder.join("card.pgm"), [header.into_bytes(), photograph.luma()].concat())?;
    for (number, (name, scene)) in SCENES.iter().enumerate() {
        bar.set_message(*name);
        let mut dice = Dice::new(arguments.seed, 100 + number as u64);
        film(folder, name, || frame(&studio, *scene, [&holder, &person(2)], &mut dice))?;
        bar.inc(1);
    }
    for number in 0..arguments.people {
        bar.set_message("people");
        let mut dice = Dice::new(arguments.seed, 1000 + number);
        tree(&studio, folder, number, &person(10 + number), arguments.views, &mut dice)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

#[derive(Clone, Copy)]
enum Scene {
    Holder(Covers),
    Other,
    Attack(Species),
    Nobody,
    Two,
    Dark,
}

const SCENES: [(&str, Scene); 11] = [
    ("same", Scene::Holder(Covers::NONE)),
    ("other", Scene::Other),
    ("printed", Scene::Attack(Species::Printed)),
    ("replayed", Scene::Attack(Species::Replayed)),
    ("mask", Scene::Attack(Species::PaperMask)),
    ("nobody", Scene::Nobody),
    ("two", Scene::Two),
    ("dark", Scene::Dark),
    ("masked", Scene::Holder(Covers { mask: true, ..Covers::NONE })),
    ("dark-glasses", Scene::Holder(Covers { glasses: true, ..Covers::NONE })),
    ("eyes-closed", Scene::Holder(Covers { eyes: true, ..Covers::NONE })),
];

/// Someone who stands well before the kiosk and looks into it.
fn attentive(
    studio: &Studio,
    person: &Person,
    spot: Spot,
    covers: Covers,
    dice: &mut Dice,
) -> Sitter {
    let seed = u64::from(person.seed);
    let mut body = Body::new(studio, person, Dress::Formal, &mut Dice::new(seed, 5));
    // The same ones at every moment.
    let own = &mut Dice::new(seed, 6);
    if covers.mask {
        body.mask = Some(wear::mask(&studio.head, own));
    }
    if covers.glasses {
        body.glasses = Some(Glasses::dark(own));
    }
    let mut expression = Expression::lively(dice, 0.2);
    if covers.eyes {
        expression = expression.with_eyes_shut(studio, &body, 1.0);
    }
    let aim =
        Aim { yaw: 0.06 * dice.normal(), pitch: -0.05, roll: 0.02 * dice.normal(), distance: 65.0 };
    Sitter::new(studio, Pose::new(studio, &body, &expression, 0.0), aim, spot)
}

/// One frame of a scene, in values of 0..1.
fn frame(studio: &Studio, scene: Scene, [holder, other]: [&Person; 2], dice: &mut Dice) -> Image {
    let (width, height) = KIOSK;
    // The room and its light stay through a film; people move.
    let mut still = Dice::new(2, 2);
    let background = background::room(width, height, &mut still);
    let lighting = Lighting::studio(&mut still);
    let at = |x: f32, size: f32, dice: &mut Dice| Spot {
        x: x + dice.range(-4.0, 4.0),
        y: 235.0 + dice.range(-4.0, 4.0),
        size,
    };
    let people = |sitters: &[Sitter]| draw(studio, &background, sitters, &lighting).0;
    let plain = |person: &Person, spot, dice: &mut Dice| {
        attentive(studio, person, spot, Covers::NONE, dice)
    };
    let light = match scene {
        Scene::Holder(covers) => {
            people(&[attentive(studio, holder, at(320.0, 200.0, dice), covers, dice)])
        }
        Scene::Other => people(&[plain(other, at(320.0, 200.0, dice), dice)]),
        Scene::Two => people(&[
            plain(holder, at(200.0, 170.0, dice), dice),
            plain(other, at(450.0, 165.0, dice), dice),
        ]),
        Scene::Nobody => background.clone(),
        Scene::Attack(species) => {
            let spot = at(320.0, 200.0, dice);
            show(studio, species, holder, &background, spot, &mut Dice::new(4, 4))
        }
        Scene::Dark => {
            let image = people(&[plain(holder, at(320.0, 200.0, dice), dice)]);
            return camera::dark(image, dice);
        }
    };
    camera::fair(light, dice)
}

/// The photograph of a person's card.
fn card(studio: &Studio, person: &Person, dice: &mut Dice) -> Image {
    let (width, height) = CARD;
    let spot = Spot { x: width as f32 / 2.0, y: height as f32 * 0.46, size: height as f32 * 0.5 };
    let body = Body::new(studio, person, Dress::Formal, &mut Dice::new(u64::from(person.seed), 5));
    let pose = Pose::new(studio, &body, &Expression::calm(dice), 0.0);
    let sitter = Sitter::new(studio, pose, Aim::formal(dice), spot);
    let wall = background::wall(width, height, dice);
    let light = Lighting::studio(dice);
    camera::fair(draw(studio, &wall, &[sitter], &light).0, dice).grey()
}

fn tree(
    studio: &Studio,
    folder: &Path,
    number: u64,
    person: &Person,
    views: usize,
    dice: &mut Dice,
) -> io::Result<()> {
    let folder = folder.join(format!("tree/{number:04}"));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("card.jpg"), jpeg(&card(studio, person, dice))?)?;
    for view in 0..views {
        let body = Body::new(studio, person, Dress::Everyday, dice);
        let expression = Expression::lively(dice, 0.5);
        let spot = Spot { x: 320.0, y: 235.0, size: dice.range(130.0, 230.0) };
        let pose = Pose::new(studio, &body, &expression, 0.0);
        let sitter = Sitter::new(studio, pose, Aim::kiosk(dice), spot);
        let background = background::room(KIOSK.0, KIOSK.1, dice);
        let lighting = Lighting::room(dice);
        let image = camera::fair(draw(studio, &background, &[sitter], &lighting).0, dice);
        fs::write(folder.join(format!("live-{view}.jpg")), jpeg(&image)?)?;
    }
    Ok(())
}

/// Writes a scene's picture and film.
fn film(folder: &Path, name: &str, mut frame: impl FnMut() -> Image) -> io::Result<()> {
    let moments: Vec<Vec<u8>> = (0..MOMENTS).map(|_| jpeg(&frame())).collect::<io::Result<_>>()?;
    fs::write(folder.join(format!("{name}.jpg")), &moments[0])?;
    fs::write(folder.join(format!("{name}.mjpeg")), moments.concat())
}

fn jpeg(image: &Image) -> io::Result<Vec<u8>> {
    let side = |n: usize| u16::try_from(n).map_err(io::Error::other);
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, QUALITY)
        .encode(&image.rgb(), side(image.width)?, side(image.height)?, jpeg_encoder::ColorType::Rgb)
        .map_err(io::Error::other)?;
    Ok(bytes)
}
