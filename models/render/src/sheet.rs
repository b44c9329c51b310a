//! Contact sheets: many renders side by side.

use crate::attack::{Species, view};
use crate::camera;
use crate::closeup;
use crate::covering;
use crate::crops;
use crate::frame::{Face, scene};
use crate::image::Image;
use crate::math::{Dice, V3};
use crate::scene::Studio;
use clap::ValueEnum;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file to write (PPM).
    file: PathBuf,
    /// The first person.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// What to show.
    #[arg(long, value_enum, default_value = "people")]
    subject: Subject,
    #[arg(long, default_value_t = 10)]
    columns: usize,
    #[arg(long, default_value_t = 8)]
    rows: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Subject {
    /// One person a row: the card's photograph, then live views.
    People,
    /// Frames of a camera.
    Frames,
    /// What the network that makes landmarks exact learns from.
    CloseUps,
    /// A row each: live, printed, replayed, paper mask; and again.
    Attacks,
    /// One person a row, with and without something that hides the face.
    Covered,
}

/// Renders and writes a sheet.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let studio = Studio::new();
    let rows = (arguments.first..).take(arguments.rows);
    let tiles: Vec<Image> = rows.flat_map(|row| tiles(&studio, arguments, row)).collect();
    let mut file = fs::File::create(&arguments.file)?;
    let sheet = tile(&tiles, arguments.columns.max(1));
    writeln!(file, "P6 {} {} 255", sheet.width, sheet.height)?;
    file.write_all(&sheet.rgb())
}

/// The tiles of one row.
fn tiles(studio: &Studio, arguments: &Arguments, row: u64) -> Vec<Image> {
    let mut dice = Dice::new(row, 3);
    let columns = arguments.columns;
    match arguments.subject {
        Subject::People => {
            let views = crops::views(studio, row, columns, &mut dice).into_iter();
            views.map(|(_, image)| image).collect()
        }
        Subject::Covered => {
            let views = covering::views(studio, row, columns, &mut dice).into_iter();
            views.map(|(_, image)| image).collect()
        }
        Subject::Frames => (0..columns)
            .map(|_| {
                let (image, faces) = scene(studio, 320, 240, &mut dice);
                let mut image = camera::kiosk(image, 0.7, &mut dice);
                for Face { frame: [left, top, right, bottom], five } in faces {
                    let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
                    mark(&mut image, five.into_iter().chain(corners));
                }
                image
            })
            .collect(),
        Subject::CloseUps => (0..columns)
            .map(|_| {
                let mut one = closeup::anybody(studio, &mut dice);
                mark(&mut one.image, one.five);
                one.image
            })
            .collect(),
        Subject::Attacks => {
            let species = Species::ALL[(row % 4) as usize];
            (0..columns).map(|_| view(studio, species, 112, &mut dice)).collect()
        }
    }
}

/// Marks places in green.
fn mark(image: &mut Image, places: impl IntoIterator<Item = (f32, f32)>) {
    for (x, y) in places {
        let (x, y) = (x.max(0.0) as usize, y.max(0.0) as usize);
        if x < image.width && y < image.height {
            image.pixels[y * image.width + x] = V3(0.0, 1.0, 0.0);
        }
    }
}

/// Pictures of one size in rows.
fn tile(tiles: &[Image], columns: usize) -> Image {
    let (width, height) = tiles.first().map_or((1, 1), |tile| (tile.width, tile.height));
    let rows = tiles.len().div_ceil(columns);
    let mut sheet = Image::of(columns * width, rows * height, V3::default());
    for (number, tile) in tiles.iter().enumerate() {
        let corner = (number / columns * height) * sheet.width + number % columns * width;
        for (y, row) in tile.pixels.chunks_exact(width).enumerate() {
            sheet.pixels[corner + y * sheet.width..][..width].copy_from_slice(row);
        }
    }
    sheet
}
