//! The report's numbers for a program.

use super::Failure;
use super::groups::{Group, by_group};
use super::page::Report;
use super::rates::{Measured, Point, RULE_OF_THREE};
use crate::policy::ModelName;
use serde::Serialize;
use std::collections::BTreeMap;

/// The form of [`Numbers`]; raised when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// All numbers of a report; no pictures, no file names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    schema: u32,
    set: String,
    date: String,
    model: ModelName,
    people: usize,
    pictures: usize,
    failures: BTreeMap<Failure, usize>,
    genuine_pairs: usize,
    impostor_pairs: usize,
    pairs_lost: usize,
    equal_error_rate: f64,
    rates: Vec<Rate>,
    /// False-match and false-non-match rate, from the strictest threshold to the laxest.
    det: Vec<[f64; 2]>,
    /// At the threshold of the strictest rate that is known and not below one in a thousand.
    groups: Vec<Group>,
}

/// What holds at one false-match rate. What the set has too few pairs for is left empty.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    fmr: f64,
    expected_false_matches: f64,
    threshold: Option<Interval>,
    fnmr: Option<Interval>,
}

/// A number with its 95 % interval.
#[derive(Debug, Serialize)]
struct Interval {
    value: f64,
    low: f64,
    high: f64,
}

impl Interval {
    fn of(Measured { value, interval: [low, high] }: Measured) -> Self {
        Self { value, low, high }
    }
}

impl Rate {
    fn of(point: &Point) -> Self {
        let known = |measured| (point.expected >= RULE_OF_THREE).then(|| Interval::of(measured));
        Self {
            fmr: point.fmr,
            expected_false_matches: point.expected,
            threshold: known(point.threshold),
            fnmr: known(point.fnmr),
        }
    }
}

impl Report<'_> {
    /// The same as the page, as numbers.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        let scores = &self.evaluation.scores;
        let mut failures = BTreeMap::new();
        for failure in self.evaluation.failures.values() {
            *failures.entry(*failure).or_default() += 1;
        }
        let at = self.headline().map(|point| point.threshold.value);
        Numbers {
            schema: SCHEMA,
            set: self.name.to_owned(),
            date: self.date.to_owned(),
            model: self.model.audit_name(),
            people: self.set.people.len(),
            pictures: self.set.samples.len(),
            failures,
            genuine_pairs: scores.genuine().len(),
            impostor_pairs: scores.impostor().len(),
            pairs_lost: self.evaluation.pairs_lost,
            equal_error_rate: scores.equal_error_rate(),
            rates: self.points.iter().map(Rate::of).collect(),
            det: scores.curve().into_iter().map(|(fmr, fnmr)| [fmr, fnmr]).collect(),
            groups: at.map(|at| by_group(self.set, self.evaluation, at)).unwrap_or_default(),
        }
    }
}
