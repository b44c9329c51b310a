//! Error rates within each group of people, at the threshold of all.

use super::Evaluation;
use super::rates::{Score, share};
use super::set::Set;
use serde::Serialize;

/// One group's pairs of its own people.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its name in the set.
    pub name: String,
    /// Its pictures.
    pub pictures: usize,
    /// Those that could not be used.
    pub failed: usize,
    /// Pairs of strangers within it, and the share that passes.
    pub impostor_pairs: usize,
    #[expect(missing_docs, reason = "the line above says it")]
    pub fmr: f64,
    /// Pairs of one person within it, and the share that is stopped.
    pub genuine_pairs: usize,
    #[expect(missing_docs, reason = "the line above says it")]
    pub fnmr: f64,
}

/// All groups of a set at one threshold.
#[must_use]
pub fn by_group(set: &Set, evaluation: &Evaluation, threshold: f64) -> Vec<Group> {
    let of_person = |person: usize| set.people.get(person).and_then(|person| person.group);
    let of_sample = |sample: usize| set.samples.get(sample).and_then(|one| of_person(one.person));
    let group = |(number, name): (usize, &String)| {
        let is_inside = |score: &&Score| {
            score.people.iter().all(|one| of_person(*one as usize) == Some(number))
        };
        let rate = |scores: &[Score], is_wrong: fn(f64, f64) -> bool| {
            let inside: Vec<_> = scores.iter().filter(is_inside).collect();
            let wrong = |one: &&&Score| is_wrong(f64::from(one.value), threshold);
            (inside.len(), share(inside.iter().filter(wrong).count(), inside.len()))
        };
        let (impostor_pairs, fmr) = rate(evaluation.scores.impostor(), |score, at| score >= at);
        let (genuine_pairs, fnmr) = rate(evaluation.scores.genuine(), |score, at| score < at);
        let is_member = |sample: usize| of_sample(sample) == Some(number);
        let pictures = (0..set.samples.len()).filter(|one| is_member(*one)).count();
        let failed = evaluation.failures.keys().filter(|one| is_member(**one)).count();
        let name = name.clone();
        Group { name, pictures, failed, impostor_pairs, fmr, genuine_pairs, fnmr }
    };
    set.groups.iter().enumerate().map(group).collect()
}
