//! Boards, rules and runbooks against the engine that they show.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod boards;
mod prometheus;
mod queries;
mod rules;

use std::path::{Path, PathBuf};

/// The folder of the boards.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

/// A file of that folder.
fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
