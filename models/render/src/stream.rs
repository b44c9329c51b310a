//! Endless records for training, on the standard output. Each begins with a label (u32, little
//! endian) and ends with pixels, so that the reader needs no format but this:
//!
//! | what | label | then |
//! |---|---|---|
//! | `embedder` | person | kind (u8: 0 card, 1 live), 112x112 grey bytes |
//! | `detector` | faces | for each of 3: box and five landmarks (14 f32), then 320x240 RGB bytes |
//! | `landmarks` | 0 | five landmarks (10 f32), then 176x176 grey bytes |
//! | `liveness` | species: 0 live, 1 printed, 2 replayed, 3 paper mask | 80x80 RGB bytes |
//! | `covering` | a bit for each of what hides the face and what looks like it (`covering.rs`) | 112x112 grey bytes |

use crate::attack::{Species, view};
use crate::closeup;
use crate::covering;
use crate::crops::{Kind, views};
use crate::frame::scene;
use crate::math::Dice;
use crate::scene::Studio;
use clap::ValueEnum;
use std::io::{self, Write};
use std::sync::Mutex;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to render.
    what: What,
    /// Makes the people and everything about their pictures.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// First person; hold-out people lie outside the range of training.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Number of different people.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    people: u64,
    /// Pictures of a person before the next comes: the first is the card's.
    #[arg(long, default_value_t = 6)]
    views: usize,
    /// Threads. With more than one the order of records is not repeatable, their content is.
    #[arg(long, default_value_t = 1)]
    threads: u64,
    /// Take the people in order, each once, and end; else by chance and without end.
    #[arg(long)]
    once: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Aligned grey faces, cards and live.
    Embedder,
    /// A camera's frames with none to three faces.
    Detector,
    /// Aligned grey faces with a margin, and where their landmarks are.
    Landmarks,
    /// Faces with their surroundings, half of them live, half attacks.
    Liveness,
    /// Aligned grey faces with masks, dark glasses or closed eyes, and without.
    Covering,
}

/// Renders until the reader closes the pipe, or all people are through.
///
/// # Errors
/// When the standard output does not take more.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let studio = Studio::new();
    let out = Mutex::new(io::stdout());
    std::thread::scope(|scope| {
        let (studio, out) = (&studio, &out);
        let threads: Vec<_> = (0..arguments.threads.max(1))
            .map(|thread| scope.spawn(move || work(arguments, thread, studio, out)))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, io::Result<()>>| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a rendering thread failed")))
        };
        threads.into_iter().try_for_each(join)
    })
}

/// What one thread renders: every so many-th round.
fn work(
    arguments: &Arguments,
    thread: u64,
    studio: &Studio,
    out: &Mutex<io::Stdout>,
) -> io::Result<()> {
    let mut round = thread;
    while !arguments.once || round < arguments.people {
        let mut dice = Dice::new(arguments.seed, round);
        let number = if arguments.once { round } else { dice.next() % arguments.people };
        let person = arguments.first + number;
        let bytes = match arguments.what {
            What::Embedder => embedder(studio, person, arguments.views, &mut dice),
            What::Detector => detector(studio, &mut dice),
            What::Landmarks => landmarks(studio, &mut dice),
            What::Liveness => liveness(studio, &mut dice),
            What::Covering => covered(studio, person, arguments.views, &mut dice),
        };
        let mut out = out.lock().map_err(|_| io::Error::other("a rendering thread failed"))?;
        out.write_all(&bytes)?;
        round += arguments.threads.max(1);
    }
    Ok(())
}

fn embedder(studio: &Studio, person: u64, count: usize, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, image) in views(studio, person, count, dice) {
        bytes.extend((person as u32).to_le_bytes());
        bytes.push(u8::from(kind == Kind::Live));
        bytes.extend(image.luma());
    }
    bytes
}

/// Size of the detector's input in pixels, and the most faces in a record.
const FRAME: (usize, usize) = (320, 240);
const FACES: usize = 3;

fn detector(studio: &Studio, dice: &mut Dice) -> Vec<u8> {
    let (image, faces) = scene(studio, FRAME.0, FRAME.1, dice);
    let image = crate::camera::kiosk(image, 0.7, dice);
    let mut bytes = (faces.len() as u32).to_le_bytes().to_vec();
    for number in 0..FACES {
        let numbers: Vec<f32> = faces.get(number).map_or_else(
            || vec![0.0; 14],
            |face| {
                face.frame
                    .into_iter()
                    .chain(face.five.into_iter().flat_map(|(x, y)| [x, y]))
                    .collect()
            },
        );
        bytes.extend(numbers.into_iter().flat_map(f32::to_le_bytes));
    }
    bytes.extend(image.rgb());
    bytes
}

fn landmarks(studio: &Studio, dice: &mut Dice) -> Vec<u8> {
    let closeup::CloseUp { image, five } = closeup::anybody(studio, dice);
    let mut bytes = 0_u32.to_le_bytes().to_vec();
    bytes.extend(five.into_iter().flat_map(|(x, y)| [x, y]).flat_map(f32::to_le_bytes));
    bytes.extend(image.luma());
    bytes
}

/// Side of the liveness network's input in pixels.
const LIVENESS: usize = 80;

fn liveness(studio: &Studio, dice: &mut Dice) -> Vec<u8> {
    // Paper masks are the hardest to tell.
    let number = if dice.chance(0.5) { 0 } else { [1, 2, 3, 3][dice.below(4)] };
    // Cameras see faces larger or smaller than the network does.
    let side = [80, 112, 160][dice.below(3)];
    let image = view(studio, Species::ALL[number], side, dice).resized(LIVENESS, LIVENESS);
    let mut bytes = (number as u32).to_le_bytes().to_vec();
    bytes.extend(image.rgb());
    bytes
}

fn covered(studio: &Studio, person: u64, count: usize, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (label, image) in covering::views(studio, person, count, dice) {
        bytes.extend(label.to_le_bytes());
        bytes.extend(image.luma());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_renders_the_same_bytes_and_another_person_others() {
        let studio = Studio::new();
        let bytes = |person| embedder(&studio, person, 2, &mut Dice::new(1, 1));
        assert_eq!(bytes(5), bytes(5));
        assert_ne!(bytes(5), bytes(6));
        assert_eq!(bytes(5).len(), 2 * (4 + 1 + 112 * 112));
    }

    #[test]
    fn every_record_of_a_kind_has_one_length() {
        let studio = Studio::new();
        for seed in 0..6 {
            let mut dice = Dice::new(seed, 2);
            assert_eq!(detector(&studio, &mut dice).len(), 4 + FACES * 14 * 4 + 320 * 240 * 3);
            assert_eq!(landmarks(&studio, &mut dice).len(), 4 + 10 * 4 + 176 * 176);
            assert_eq!(liveness(&studio, &mut dice).len(), 4 + 80 * 80 * 3);
            assert_eq!(covered(&studio, seed, 2, &mut dice).len(), 2 * (4 + 112 * 112));
        }
    }
}
