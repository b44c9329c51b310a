//! How far an insurer's file was loaded, and what came of it.

use crate::writer::BatchSummary;
use std::fmt;

/// Names one insurer's file, by a digest of its contents: the same file loaded twice is one file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId([u8; 32]);

impl FileId {
    /// The file with this SHA-256 digest.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How far a file was loaded. Written in the same log record as the lines it counts, so a load
/// that was cut off goes on exactly behind the last line that took effect.
///
/// Any value is valid; all numbers count lines of the file but for `gaps` and `overlaps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileProgress {
    /// Lines read, the rejected ones among them.
    pub lines: u64,
    /// Whether the whole file was read.
    pub complete: bool,
    /// Lines that could not be read as a change.
    pub rejected: u64,
    /// As in [`BatchSummary`], summed over the batches so far.
    pub added: u64,
    /// As in [`BatchSummary`].
    pub changed: u64,
    /// As in [`BatchSummary`].
    pub unchanged: u64,
    /// As in [`BatchSummary`].
    pub withdrawn: u64,
    /// As in [`BatchSummary`].
    pub not_found: u64,
    /// As in [`BatchSummary`].
    pub gaps: u64,
    /// As in [`BatchSummary`].
    pub overlaps: u64,
}

impl FileProgress {
    /// Adds what came of one more batch. `lines`, `complete` and `rejected` stay: only the reader
    /// of the file knows them.
    #[must_use]
    pub const fn with(mut self, summary: &BatchSummary) -> Self {
        self.added = self.added.saturating_add(summary.added);
        self.changed = self.changed.saturating_add(summary.changed);
        self.unchanged = self.unchanged.saturating_add(summary.unchanged);
        self.withdrawn = self.withdrawn.saturating_add(summary.withdrawn);
        self.not_found = self.not_found.saturating_add(summary.not_found);
        self.gaps = self.gaps.saturating_add(summary.gaps);
        self.overlaps = self.overlaps.saturating_add(summary.overlaps);
        self
    }
}
