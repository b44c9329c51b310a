//! What must hold of the texts for people.

use crate::{files, root};
use std::collections::BTreeSet;
use std::fs;

/// Texts and the most lines that anyone wants to read there.
const LINES_MAX: &[(&str, usize)] = &[
    ("README.md", 150),
    ("ARCHITECTURE.md", 300),
    ("CONTRIBUTING.md", 100),
    ("benches/README.md", 100),
    ("benches/measured.md", 250),
];

#[test]
fn texts_are_short_enough_to_be_read() {
    for (name, most) in LINES_MAX {
        let lines = fs::read_to_string(root().join(name)).unwrap().lines().count();
        assert!(lines <= *most, "{name} has {lines} lines, {most} are the most");
    }
}

/// Paths from the root that a text names in backticks or as a link's target.
fn paths(text: &str, top: &BTreeSet<String>) -> BTreeSet<String> {
    let in_backticks = text.split('`').skip(1).step_by(2);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let all = in_backticks.chain(targets).map(|path| path.split('#').next().unwrap());
    let is_path = |path: &&str| {
        let mut parts = path.split('/');
        parts.next().is_some_and(|first| top.contains(first))
            && path.contains(['/', '.'])
            && !path.contains([' ', '*', '{', '<', '…'])
    };
    all.filter(is_path).map(str::to_owned).collect()
}

#[test]
fn every_path_that_a_text_names_exists() {
    let entries = fs::read_dir(root()).unwrap().map(Result::unwrap);
    let top: BTreeSet<_> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
    let mut checked = 0;
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        for path in paths(&fs::read_to_string(root().join(name)).unwrap(), &top) {
            assert!(root().join(&path).exists(), "{name} names {path}, which does not exist");
            checked += 1;
        }
    }
    assert!(checked > 10, "no paths were found");
}

/// Words that look like a metric's name; names of recording rules have colons and are none.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    let words = words.map(|word| word.trim_end_matches(':'));
    let names = words.filter(|word| word.starts_with("oqs_") && !word.ends_with('_'));
    let base = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned()
    };
    names.map(base).collect()
}

#[test]
fn every_metric_that_a_text_or_a_panel_names_is_declared() {
    let declared = metrics(&fs::read_to_string(root().join("engine/src/metrics.rs")).unwrap());
    assert!(declared.len() > 10, "the table was not found");
    for (name, text) in files(&["md", "json", "yml"]) {
        let unknown: Vec<_> = metrics(&text).difference(&declared).cloned().collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}");
    }
}
