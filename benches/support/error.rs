//! Why a benchmark could not be run.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// A benchmark gives numbers or one of these.
#[derive(Debug, Error)]
pub enum BenchError {
    /// A program of this project is not beside this one.
    #[error("SHK-BEN-001: {} is not built: run `cargo build --release --workspace`", path.display())]
    NotBuilt {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A program ended badly, or said something unexpected.
    #[error("SHK-BEN-002: {program} failed: {said}")]
    Program {
        /// The program and its first argument.
        program: String,
        /// What it said.
        said: String,
    },
    /// A file or a process cannot be read or started.
    #[error("SHK-BEN-003: {what}: {source}")]
    Io {
        /// The file or the process.
        what: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A report of the load generator lacks a number.
    #[error("SHK-BEN-004: the report has no {field}")]
    Report {
        /// The number's name.
        field: &'static str,
    },
    /// The engine answered wrongly: its speed is of no interest.
    #[error("SHK-BEN-005: {count} answers were wrong; see the load generator's report")]
    WrongAnswers {
        /// How many.
        count: u64,
    },
    /// A step executes more than it did.
    #[error(
        "SHK-BEN-006: more instructions than recorded: {steps}. If that is meant, record them: \
         ./dev bench instructions --update"
    )]
    MoreInstructions {
        /// Which steps, with their counts.
        steps: String,
    },
    /// The synthetic cards.
    #[error(transparent)]
    Card(#[from] shikaku_card::CardError),
    /// A face model.
    #[error(transparent)]
    Face(#[from] shikaku_face::FaceError),
    /// The store.
    #[error(transparent)]
    Store(#[from] shikaku_store::StoreError),
    /// The engine's configuration.
    #[error(transparent)]
    Config(#[from] shikaku_engine::config::ConfigError),
    /// The engine's certificates.
    #[error(transparent)]
    Tls(#[from] shikaku_engine::tls::TlsError),
    /// An insurers' file.
    #[error(transparent)]
    File(#[from] shikaku_wire::members::FileError),
}

impl BenchError {
    /// Turns what the system says about a file into an error.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::io(path.display().to_string())
    }

    /// Turns what the system says about something into an error.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
