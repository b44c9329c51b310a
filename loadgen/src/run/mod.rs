//! `shikaku-loadgen run`: eligibility lookups as a country's facilities ask them, over kept-alive
//! mTLS connections, each answer compared with what the population gives, latency counted from
//! the scheduled time.
//!
//! The generator never forgives: a request that had to wait for a connection waited, one that was
//! never sent is counted, and a run in which the generator itself was too slow says so.
//!
//! | module | what it does |
//! |---|---|
//! | `options`, `scenario`, `calendar`, `prepare` | from the command line or a file to a run |
//! | `plan` | when each request is due |
//! | `query`, `message`, `patients`, `visits`, `source`, `audit` | what is asked, and what the answer must be |
//! | `target`, `conn`, `http`, `login` | facilities and their connections |
//! | `client`, `opening`, `running`, `visiting`, `lane`, `series` | one generator thread |
//! | `signing` | the threads that sign for the cards |
//! | `drive`, `machine` | all threads, on this machine |
//! | `metrics` | what the server tells of itself meanwhile |
//! | [`fleet`] | many machines |
//! | [`result`], [`times`], [`verdict`], `summary`, [`crate::report`] | what came of it |

mod audit;
mod calendar;
mod client;
mod conn;
mod drive;
mod error;
mod example;
pub mod fleet;
mod http;
mod lane;
mod login;
mod machine;
mod message;
mod metrics;
mod opening;
mod options;
mod patients;
mod plan;
mod prepare;
mod query;
mod questions;
pub mod result;
mod running;
mod scenario;
mod search;
mod series;
mod signing;
mod source;
mod summary;
mod target;
#[cfg(test)]
mod tests;
pub mod times;
pub mod verdict;
mod visiting;
mod visits;

pub use drive::Progress;
pub use error::RunError;
pub use example::{ExampleArgs, execute as print_example};
pub use message::Interface;
pub use options::Args;
pub use query::Mix;
pub use questions::{QuestionsArgs, execute as print_questions};
pub use search::{SaturateArgs, execute as saturate};
pub use summary::Summary;

use crate::report::Live;
use indicatif::{ProgressBar, ProgressStyle};
use options::parse_warmup;
use std::io::Write as _;
use std::process::ExitCode;

/// Runs the load and prints the result.
///
/// # Errors
/// [`RunError`] when no run could be made; bad results are told by the exit code.
pub fn execute(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let job = prepare::prepare(args)?;
    args.outputs.check(&job.description)?;
    let mut live = Live::new(prepare::whole(&job));
    let result = drive::drive(&job, None, &mut |progress| {
        live.elapsed(progress.elapsed);
        if let Some(second) = progress.second {
            live.second(second);
        }
    })?;
    live.finish();
    // The result matters more than a screen that is gone.
    let _ = write!(std::io::stdout().lock(), "{}", Summary(&result));
    Ok(args.outputs.save(result)?)
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {template}"));
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
