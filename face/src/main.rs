//! `shikaku-face`: checks models and compares pictures.

mod commands;

use clap::{Parser, Subcommand};
use commands::check::{CheckModel, check_models};
use commands::compare::{Compare, compare};
use commands::measure::{self, Calibrate, Evaluate};
use shikaku_face::FaceError;
use std::process::ExitCode;

/// Checks face models and compares pictures. Nothing is stored.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load every model of a manifest, run its self-test and time it.
    CheckModel(CheckModel),
    /// Compare the card's photograph with frames of the camera, and decide.
    Compare(Compare),
    /// Measure error rates on a set of pictures and write a report.
    Evaluate(Evaluate),
    /// Measure thresholds on a set of pictures and write them into the manifest.
    Calibrate(Calibrate),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::CheckModel(args) => check_models(&args),
        Command::Compare(args) => compare(&args),
        Command::Evaluate(args) => measure::evaluate(&args),
        Command::Calibrate(args) => measure::calibrate(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the command's error is for its user")]
            {
                eprintln!("shikaku-face: {} {error}\n{}", error.code(), error.ja());
            }
            // Whoever compares must be able to tell a picture without a face from a broken program.
            let is_answer = matches!(error, FaceError::CardFace { .. });
            if is_answer { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
