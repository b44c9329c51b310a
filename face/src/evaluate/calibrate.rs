//! Writes measured thresholds into a manifest and leaves everything else in it as it is.

use super::rates::Point;
use crate::manifest::{Manifest, Metric, Role};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value, value};

/// False matches that must be expected among the pairs before a threshold may be kept: with fewer the
/// rate could as well be twice as high.
pub const EXPECTED_MIN: f64 = 10.0;

/// Where thresholds come from.
pub struct Source<'a> {
    /// What the set is called.
    pub set: &'a str,
    /// Pairs of strangers in it.
    pub impostor_pairs: usize,
    /// The day, as year-month-day.
    pub date: &'a str,
}

/// The manifest's text with these thresholds for its embedder. One for the same rate is replaced, the
/// others stay; rates fall.
///
/// # Errors
/// A sentence when the text is no manifest or has no embedder.
pub fn with_thresholds(
    text: &str,
    points: &[Point],
    source: &Source<'_>,
) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
    let models = document.get_mut("model").and_then(Item::as_array_of_tables_mut);
    let is_embedder = |model: &&mut Table| {
        model.get("role").and_then(Item::as_str) == Some(Role::Embedder.name())
    };
    let embedder = models.and_then(|models| models.iter_mut().find(is_embedder));
    let embedder = embedder.ok_or("the manifest has no embedder")?;
    let metric = Manifest::parse(text)?
        .model(Role::Embedder)
        .map_or(Metric::Cosine, |model| model.output.metric);
    let thresholds = embedder
        .entry("threshold")
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()
        .ok_or("the embedder's thresholds are not written as [[model.threshold]]")?;
    for point in points {
        let rate = |table: &Table| table.get("fmr").and_then(Item::as_float);
        let is_same =
            |table: &Table| rate(table).is_some_and(|r| (r / point.fmr - 1.0).abs() < 1e-6);
        if thresholds.iter().all(|table| !is_same(table)) {
            thresholds.push(Table::new());
            thresholds.iter_mut().last().map(|table| table.insert("fmr", value(point.fmr)));
        }
        let table = thresholds.iter_mut().find(|table| is_same(table));
        write(table.ok_or("a threshold cannot be added")?, point, metric, source);
    }
    Ok(document.to_string())
}

/// Sets each key and keeps the comments about it.
fn write(table: &mut Table, point: &Point, metric: Metric, source: &Source<'_>) {
    let rounded = |number: f64| (number * 1e5).round() / 1e5;
    let score = metric.score(point.threshold.value) * 1e5;
    // Towards more alike: the other way more would pass than was asked for.
    let threshold = match metric {
        Metric::None | Metric::Cosine => score.ceil(),
        Metric::Euclidean | Metric::SquaredEuclidean => score.floor(),
    } / 1e5;
    let [a, b] = point.threshold.interval.map(|end| rounded(metric.score(end)));
    let interval = [a.min(b), a.max(b)].into_iter().collect();
    let pairs = i64::try_from(source.impostor_pairs).unwrap_or(i64::MAX);
    let values = [
        ("fmr", value(point.fmr)),
        ("score", value(threshold)),
        ("interval", Item::Value(Value::Array(interval))),
        ("fnmr", value(rounded(point.fnmr.value))),
        ("set", value(source.set)),
        ("impostor_pairs", value(pairs)),
        ("date", value(source.date)),
    ];
    for (key, new) in values {
        let old = table.get(key).and_then(Item::as_value).map(|old| old.decor().clone());
        let mut new = new;
        if let (Some(decor), Some(new)) = (old, new.as_value_mut()) {
            *new.decor_mut() = decor;
        }
        table.insert(key, new);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rates::Measured;
    use super::*;

    fn point(fmr: f64, score: f64) -> Point {
        let measured = |value| Measured { value, interval: [value - 0.01, value + 0.01] };
        Point { fmr, threshold: measured(score), fnmr: measured(0.25), expected: 40.0 }
    }

    const SOURCE: Source<'_> =
        Source { set: "visitors of May", impostor_pairs: 40_000, date: "2026-05-31" };

    #[test]
    fn a_threshold_is_replaced_or_added_and_the_rest_stays_as_it_was() {
        let text = include_str!("../../../models/manifest.toml").replacen(
            "score = 0.",
            "# told by the vendor\nscore = 0.",
            1,
        );
        let written = with_thresholds(&text, &[point(1e-2, 0.812_341), point(1e-6, 0.97)], &SOURCE);
        let written = written.unwrap();
        assert!(written.contains("# told by the vendor") && written.starts_with("# Written by"));
        let manifest = Manifest::parse(&written).unwrap();
        let model = manifest.model(Role::Embedder).unwrap();
        let kept = Manifest::parse(&text).unwrap();
        let before = kept.model(Role::Embedder).unwrap();
        assert_eq!(model.thresholds.len(), before.thresholds.len() + 1);
        assert!(
            (model.threshold(1e-2).unwrap().score - 0.812_35).abs() < 1e-9,
            "never rounded down"
        );
        assert_eq!(model.threshold(1e-6).unwrap().set, "visitors of May");
        let same =
            |fmr| (model.threshold(fmr).unwrap().score, before.threshold(fmr).unwrap().score);
        assert_eq!(same(1e-3).0.to_bits(), same(1e-3).1.to_bits());
        // Only lines about the two rates differ.
        let gone = text.lines().filter(|line| !written.lines().any(|one| one == *line)).count();
        assert!(gone <= 6, "{gone} lines are gone");
    }

    #[test]
    fn a_text_without_an_embedder_is_refused() {
        assert!(with_thresholds("schema = 1", &[point(0.1, 0.5)], &SOURCE).is_err());
        assert!(with_thresholds("schema = = 1", &[point(0.1, 0.5)], &SOURCE).is_err());
    }
}
