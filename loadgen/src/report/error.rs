//! Why a report could not be made.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// What is wrong with the results, the thresholds, or the place for the report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// A file of results cannot be read.
    #[error("SHK-LGP-001: {}: {source}; give files that `shikaku-loadgen run --json` wrote", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is larger than any result is.
    #[error("SHK-LGP-002: {} has more than {limit} bytes and is no result of a run", path.display())]
    TooLong {
        /// Which one.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is no result, or of another version of the layout.
    #[error("SHK-LGP-003: {} is no result that this version reads: {reason}", path.display())]
    Content {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A threshold cannot be understood.
    #[error(
        "SHK-LGP-004: the threshold \"{text}\" is not understood: {reason}; write it like \
         \"p99 < 5ms\", \"service p50 <= 200us\", \"errors == 0\", \"wrong == 0\" or \
         \"rate >= 14900\""
    )]
    Threshold {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A chart could not be drawn.
    #[error("SHK-LGP-005: {0}; please report this with the result")]
    Chart(#[from] shikaku_page::ChartError),
    /// A report could not be written.
    #[error("SHK-LGP-006: {} could not be written: {source}; {saved}", path.display())]
    Write {
        /// Where it should have gone.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// Where it is instead.
        saved: String,
    },
    /// Results do not belong together.
    #[error("SHK-LGP-007: these results do not belong together: {0}")]
    Differ(String),
    /// The result cannot be put into JSON.
    #[error("SHK-LGP-008: the result cannot be written as JSON: {0}; please report this")]
    Json(#[from] serde_json::Error),
    /// The log of distributions cannot be made.
    #[error("SHK-LGP-009: the HDR log cannot be made: {0}; please report this")]
    Log(String),
}

impl ReportError {
    pub(super) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    pub(super) fn content(path: &Path) -> impl FnOnce(String) -> Self {
        let path = path.to_owned();
        move |reason| Self::Content { path, reason }
    }
}
