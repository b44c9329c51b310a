//! Being written.
/// Arguments.
#[derive(clap::Args)]
pub struct Args {}
/// Runs.
///
/// # Errors
/// None yet.
pub fn execute(_: &Args) -> Result<(), Box<dyn std::error::Error>> { Ok(()) }
