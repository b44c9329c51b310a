//! Which crate may use which.

use crate::root;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use toml::Table;

/// Of our crates, each one may use these in what it ships. Tests and benchmarks may use all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("shikaku-domain", &[]),
    ("shikaku-wire", &["shikaku-domain"]),
    ("shikaku-store", &["shikaku-domain"]),
    ("shikaku-engine", &["shikaku-domain", "shikaku-wire", "shikaku-store", "shikaku-face"]),
    ("shikaku-card", &["shikaku-domain"]),
    ("shikaku-face", &["shikaku-page"]),
    ("shikaku-render", &[]),
    ("shikaku-reader", &["shikaku-domain", "shikaku-wire", "shikaku-card", "shikaku-face"]),
    ("shikaku-page", &[]),
    ("shikaku-loadgen", &["shikaku-domain", "shikaku-wire", "shikaku-card", "shikaku-page"]),
    (
        "shikaku-benches",
        &[
            "shikaku-domain",
            "shikaku-wire",
            "shikaku-store",
            "shikaku-engine",
            "shikaku-loadgen",
            "shikaku-card",
            "shikaku-face",
        ],
    ),
    ("shikaku-tests", &["shikaku-domain", "shikaku-wire", "shikaku-loadgen", "shikaku-card"]),
];

/// Libraries that are costly to build or shape what uses them: where they may be linked.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("rocksdb", &["shikaku-store"]),
    ("bincode", &["shikaku-store"]),
    ("actix", &["shikaku-engine", "shikaku-face"]),
    ("actix-web", &["shikaku-engine", "shikaku-benches", "shikaku-reader"]),
    ("pcsc", &["shikaku-reader"]),
    ("tract-onnx", &["shikaku-face"]),
    ("actix-rt", &["shikaku-engine", "shikaku-benches"]),
];

fn manifests() -> Vec<(String, Table)> {
    let read = |path: &str| -> Table {
        fs::read_to_string(root().join(path).join("Cargo.toml")).unwrap().parse().unwrap()
    };
    let members = read("")["workspace"]["members"].as_array().unwrap().clone();
    let manifest = |member: &toml::Value| {
        let manifest = read(member.as_str().unwrap());
        (manifest["package"]["name"].as_str().unwrap().to_owned(), manifest)
    };
    members.iter().map(manifest).collect()
}

fn names(manifest: &Table, section: &str) -> BTreeSet<String> {
    let section = manifest.get(section).and_then(toml::Value::as_table);
    section.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn dependencies_point_one_way() {
    for (name, manifest) in manifests() {
        let rule = MAY_USE.iter().find(|(one, _)| *one == name);
        let (_, allowed) = rule.unwrap_or_else(|| panic!("{name}: say here what it may use"));
        for used in names(&manifest, "dependencies") {
            let is_ours = used.starts_with("shikaku-");
            assert!(!is_ours || allowed.contains(&used.as_str()), "{name} must not use {used}");
        }
    }
}

#[test]
fn heavy_libraries_are_linked_where_they_belong() {
    for (name, manifest) in manifests() {
        for used in names(&manifest, "dependencies") {
            let rule = ONLY_IN.iter().find(|(library, _)| *library == used);
            let is_allowed = rule.is_none_or(|(_, crates)| crates.contains(&name.as_str()));
            assert!(is_allowed, "{name} must not use {used}");
        }
    }
}

#[test]
fn the_domain_knows_neither_io_nor_async_nor_serialisation() {
    let (_, domain) = manifests().into_iter().find(|(name, _)| name == "shikaku-domain").unwrap();
    for used in names(&domain, "dependencies") {
        let is_pure = matches!(used.as_str(), "thiserror" | "unicode-normalization");
        assert!(is_pure, "{used} does not belong into the domain");
    }
}

/// They are workspaces of their own, so nothing else tells that a new dependency of ours is missing
/// from their lock files.
#[test]
fn the_lock_files_of_fuzz_targets_are_in_step() {
    let folders = ["engine/fuzz", "engine/wire/fuzz", "face/fuzz", "reader/card/fuzz"];
    for folder in folders {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["update", "--workspace", "--locked"]).current_dir(root().join(folder));
        let output = cargo.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{folder}: run `cargo update -w` there: {said}");
    }
}

#[test]
fn every_crate_takes_versions_and_lints_of_the_workspace() {
    for (name, manifest) in manifests() {
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{name}");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (used, how) in table {
                let is_shared = how.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(is_shared, "{name}: {used} needs `workspace = true`");
            }
        }
    }
}
