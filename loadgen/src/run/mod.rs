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
//! | `query`, `source`, `audit` | what is asked, and what the answer must be |
//! | `target`, `conn`, `http`, `login` | facilities and their connections |
//! | `client`, `opening`, `running`, `lane`, `series` | one generator thread |
//! | `drive`, `machine` | all threads, on this machine |
//! | [`result`], [`times`], [`verdict`], `summary` | what came of it |

mod audit;
mod calendar;
mod client;
mod conn;
mod drive;
mod error;
mod example;
mod http;
mod lane;
mod login;
mod machine;
mod opening;
mod options;
mod plan;
mod prepare;
mod query;
mod questions;
pub mod result;
mod running;
mod scenario;
mod search;
mod series;
mod source;
mod summary;
mod target;
#[cfg(test)]
mod tests;
pub mod times;
pub mod verdict;

pub use drive::Progress;
pub use error::RunError;
pub use example::{ExampleArgs, execute as print_example};
pub use options::Args;
pub use query::{Interface, Mix};
pub use questions::{QuestionsArgs, execute as print_questions};
pub use search::{SaturateArgs, execute as saturate};
pub use summary::Summary;

use indicatif::{ProgressBar, ProgressStyle};
use options::parse_warmup;
use result::RunResult;
use std::io::Write as _;
use std::process::ExitCode;

/// Exit code of a run whose numbers must not be used.
const EXIT_INVALID: u8 = 2;
/// Exit code of a run with wrong answers, whatever else it was.
const EXIT_WRONG: u8 = 3;

/// Runs the load and prints the result.
///
/// # Errors
/// [`RunError`] when no run could be made; bad results are told by the exit code.
pub fn execute(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let job = prepare::prepare(args)?;
    let bar =
        progress_bar(u64::try_from(prepare::whole(&job).as_millis()).unwrap_or(u64::MAX), "{msg}");
    let (mut good, mut failed) = (0, 0);
    let result = drive::drive(&job, &mut |progress| {
        if let Some(second) = progress.second {
            good += second.good;
            failed += second.failed + second.wrong;
        }
        let elapsed = progress.elapsed;
        bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        let seconds = elapsed.as_secs_f64();
        bar.set_message(format!("{seconds:.0} s, {good} good, {failed} failed or wrong"));
    })?;
    bar.finish_and_clear();
    write!(std::io::stdout().lock(), "{}", Summary(&result))?;
    if let Some(path) = &args.json {
        let text = serde_json::to_vec_pretty(&result)?;
        std::fs::write(path, text).map_err(RunError::file(path))?;
    }
    Ok(exit_code(&result))
}

fn exit_code(result: &RunResult) -> ExitCode {
    match (result.verdict.has_wrong_answers, result.verdict.is_valid()) {
        (true, _) => EXIT_WRONG.into(),
        (false, false) => EXIT_INVALID.into(),
        (false, true) => ExitCode::SUCCESS,
    }
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
