//! What must hold of every source file.

use crate::files;
use std::collections::BTreeMap;

/// The product's code without its tests, line by line with the file's name.
fn product_lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (name, text) in files(&["rs"]) {
        let is_test = name.contains("tests/") || name.ends_with("tests.rs");
        if is_test || name.contains("fuzz") {
            continue;
        }
        let code = text.lines().take_while(|line| !line.starts_with("mod tests {"));
        lines.extend(code.map(|line| (name.clone(), line.to_owned())));
    }
    lines
}

/// Codes such as `SHK-STO-001` that a line defines: a literal that begins with one.
fn codes(line: &str) -> impl Iterator<Item = &str> {
    let literals = line.split('"').skip(1).step_by(2);
    literals.filter_map(|literal| {
        let (area, rest) = literal.strip_prefix("SHK-")?.split_once('-')?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let is_code = area.bytes().all(|b| b.is_ascii_uppercase()) && digits == 3;
        is_code.then(|| &literal[.."SHK-".len() + area.len() + 1 + digits])
    })
}

#[test]
fn every_error_code_is_defined_once() {
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, line) in product_lines() {
        let is_text = line.trim_start().starts_with("//") || line.contains("example =");
        for code in codes(&line).filter(|_| !is_text) {
            defined.entry(code.to_owned()).or_default().push(name.clone());
        }
    }
    assert!(defined.len() > 50, "the codes were not found");
    for (code, places) in defined {
        assert_eq!(places.len(), 1, "{code} is defined in {places:?}");
    }
}

#[test]
fn nothing_is_left_undone_or_left_out() {
    // In pieces, so that this file is not found.
    let marks = [
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
        ["dbg", "!("].concat(),
        ["#[ig", "nore"].concat(),
        ["FIX", "ME"].concat(),
        ["thread::sl", "eep("].concat(),
    ];
    for (name, text) in files(&["rs"]) {
        for mark in &marks {
            assert!(!text.contains(mark), "{name} contains {mark}");
        }
    }
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let homes = [["/ro", "ot/"].concat(), ["/ho", "me/"].concat(), ["/Use", "rs/"].concat()];
    for (name, text) in files(&["rs", "toml", "md", "sh", "yml", "json"]) {
        for home in &homes {
            assert!(!text.contains(home), "{name} contains {home}");
        }
    }
}
