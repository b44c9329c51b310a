//! What becomes of a result: a page for people, JSON and logs for programs, a verdict for CI.

mod chart;
mod command;
mod compare;
mod error;
mod file;
mod log;
mod page;
mod picture;
#[cfg(test)]
mod sample;
mod threshold;
mod words;

pub use command::{MergeArgs, ReportArgs, merge, report};
pub use error::ReportError;
pub use file::{read, to_json, write};
pub use log::interval_log;
pub use page::Page;
pub use threshold::{Outcome, Threshold, judge};
