//! Renders synthetic faces. Nobody in its pictures exists: a seed makes the person, the day, the
//! camera and the light. It feeds the training of the models in `models/` and writes sample
//! pictures for tests and for `shikaku-face evaluate`.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rasteriser indexes pixels and turns coordinates into places; it reads no outside bytes"
)]

mod attack;
mod background;
mod camera;
mod closeup;
mod covering;
mod crops;
mod frame;
mod head;
mod image;
mod light;
mod math;
mod person;
mod piece;
mod raster;
mod samples;
mod scene;
mod skin;
mod wear;

mod sheet;
mod stream;
mod studio_photo;

use clap::{Parser, Subcommand};
use std::io::Write as _;

/// Renders synthetic faces, repeatably: the same arguments, the same pictures.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes records for training to the standard output, without end.
    Stream(stream::Arguments),
    /// Writes contact sheets (PPM), to look at what training sees.
    Sheet(sheet::Arguments),
    /// Writes sample pictures and films for tests and for `shikaku-face evaluate`.
    Samples(samples::Arguments),
}

fn main() -> std::process::ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Stream(arguments) => stream::run(&arguments),
        Command::Sheet(arguments) => sheet::run(&arguments),
        Command::Samples(arguments) => samples::run(&arguments),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        // Whoever reads a stream has enough when it closes it.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "shikaku-render: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
