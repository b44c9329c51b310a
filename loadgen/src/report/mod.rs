//! What becomes of a result: a page for people, JSON and logs for programs, a verdict for CI.

mod command;
mod compare;
mod error;
mod file;
mod live;
mod log;
mod output;
mod page;
mod picture;
#[cfg(test)]
mod sample;
mod threshold;
mod words;

pub use command::{MergeArgs, ReportArgs, merge, report};
pub use error::ReportError;
pub use file::{read, to_json, write};
pub use live::Live;
pub use log::interval_log;
pub use output::Outputs;
pub use page::Page;
pub use threshold::{Outcome, Threshold, judge};
