//! A small set from its folder to page and numbers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

use shikaku_face::evaluate::rates::FALSE_MATCH_RATES;
use shikaku_face::evaluate::set::Set;
use shikaku_face::evaluate::{Models, Report};
use shikaku_face::manifest::{Manifest, Role};
use std::fs;
use std::path::Path;

#[test]
fn a_set_gives_a_page_and_the_same_numbers_for_programs() {
    let faces = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faces");
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [
        ("card.jp2", "north/one/card.jp2"),
        ("same.jpg", "north/one/live.jpg"),
        ("other.jpg", "south/two/card.jpg"),
        ("nobody.jpg", "south/two/live.jpg"),
    ] {
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(faces.join(from), to).unwrap();
    }
    let manifest = Manifest::read(&faces.join("../../../models/manifest.toml")).unwrap();
    let (models, set) = (Models::load(&manifest).unwrap(), Set::read(folder.path()).unwrap());
    let evaluation = models.evaluate(&set, &|| ()).unwrap();
    let points = evaluation.scores.points(&FALSE_MATCH_RATES);
    let report = Report {
        set: &set,
        name: "four pictures",
        model: manifest.model(Role::Embedder).unwrap(),
        models: &models,
        evaluation: &evaluation,
        points: &points,
        pictures: 0,
        date: "2026-01-01",
    };
    let page = report.html().unwrap();
    assert!(page.contains("four pictures") && !page.contains("data:image/jpeg"));
    let numbers = serde_json::to_value(report.numbers()).unwrap();
    assert_eq!((&numbers["schema"], &numbers["set"]), (&1.into(), &"four pictures".into()));
    assert_eq!((&numbers["people"], &numbers["pictures"]), (&2.into(), &4.into()));
    assert_eq!(numbers["failures"], serde_json::json!({ "nobody": 1 }));
    assert_eq!(numbers["genuinePairs"], 1);
    assert_eq!(numbers["model"]["role"], "embedder");
    // One pair of strangers shows no rate: left empty, not guessed.
    let rates = numbers["rates"].as_array().unwrap();
    assert_eq!(rates.len(), FALSE_MATCH_RATES.len());
    assert!(rates.iter().all(|rate| rate["fnmr"].is_null() && rate["threshold"].is_null()));
    assert!(!numbers.to_string().contains("live"), "no file's name");
}
