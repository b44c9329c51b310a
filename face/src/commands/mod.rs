//! What the command does, one file for each subcommand.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod measure;

use serde::Serialize;
use std::io::{self, Write};

/// The form of what `--json` writes; raised when a field changes its meaning or goes.
pub(crate) const JSON_SCHEMA: u32 = 1;

/// To the user; when nobody reads it there is nothing left to do.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// What a program reads: numbers that are none are null.
pub(crate) fn json(value: &impl Serialize) -> String {
    // Our own types have only names for keys, so nothing can fail.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
