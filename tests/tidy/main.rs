//! What must hold of the repository itself.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

mod crates;
mod source;
mod texts;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The repository's files with one of these extensions, as paths below the root, and their text.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(&root(), &mut |path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| extensions.contains(&extension)) {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push((name, fs::read_to_string(path).unwrap()));
        }
    });
    found.sort();
    assert!(!found.is_empty());
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        let is_ours = !matches!(name.to_str(), Some("target" | ".git" | "demo-data"));
        match entry.file_type().unwrap().is_dir() {
            true if is_ours => walk(&entry.path(), visit),
            false => visit(&entry.path()),
            true => {}
        }
    }
}
