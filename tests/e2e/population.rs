//! What the rules say about a population, independent of any store.

use crate::question::Question;
use shikaku_domain::{
    CardQuery, Day, Disclosure, Folded, Insurer, InsurerNumber, MedicalInstitutionCode, Outcome,
    QualificationValidity, Registration, decide, disclose,
};
use shikaku_loadgen::population::Population;
use shikaku_tests::FACILITY;
use std::collections::HashMap;

/// Everybody's registrations, by insurer and number.
pub(crate) struct Registered {
    by_number: HashMap<(InsurerNumber, Folded), Vec<Registration<'static>>>,
    insurers: HashMap<InsurerNumber, Insurer>,
}

impl Registered {
    pub(crate) fn new(population: &Population) -> Self {
        let mut by_number: HashMap<_, Vec<_>> = HashMap::new();
        for block in 0..population.blocks() {
            for person in population.block(block) {
                for registration in with_elsewhere(person) {
                    let card = &registration.card;
                    let key = (card.insurer, *card.number.folded());
                    by_number.entry(key).or_default().push(registration);
                }
            }
        }
        let insurers = population.insurers().iter().map(|i| (i.number, i.clone())).collect();
        Self { by_number, insurers }
    }

    /// All registrations, in an order that does not change from run to run.
    pub(crate) fn all(&self) -> Vec<&Registration<'static>> {
        let mut all: Vec<_> = self.by_number.values().flatten().collect();
        all.sort_by_key(|r| (r.person, r.card.insurer, r.period.start()));
        all
    }

    /// What the rules answer.
    pub(crate) fn outcome(&self, query: &CardQuery, on: Day) -> Outcome<'_, 'static> {
        let candidates = self.by_number.get(&(query.insurer, query.number));
        let candidates = candidates.map_or(&[][..], Vec::as_slice);
        decide(self.insurers.get(&query.insurer), candidates, query, on)
    }

    pub(crate) fn insurer(&self, number: InsurerNumber) -> Option<&Insurer> {
        self.insurers.get(&number)
    }

    /// What may be shown to [`FACILITY`].
    pub(crate) fn disclosure<'r>(
        &self,
        outcome: &Outcome<'r, 'static>,
        question: &Question,
    ) -> Option<Disclosure<'r, 'static>> {
        let facility = MedicalInstitutionCode::parse(FACILITY).unwrap();
        disclose(outcome, &question.query(), facility, question.on)
    }

    /// `count` questions that get this answer on one of the days, spread over the population.
    pub(crate) fn questions(
        &self,
        validity: QualificationValidity,
        days: &[Day],
        count: usize,
    ) -> Vec<Question> {
        let all = self.all();
        let asked = days.iter().flat_map(|day| all.iter().map(|r| Question::about(r, *day)));
        let fits = |question: &Question| {
            self.outcome(&question.query(), question.on).validity() == validity
        };
        let found: Vec<_> = asked.filter(fits).collect();
        let step = (found.len() / count).max(1);
        found.into_iter().step_by(step).take(count).collect()
    }

    /// The first registration that is valid on a day and fits, with the question about it.
    pub(crate) fn valid(
        &self,
        on: Day,
        fits: impl Fn(&Registration<'_>) -> bool,
    ) -> (&Registration<'static>, Question) {
        let is_valid = |r: &Registration<'_>| {
            matches!(self.outcome(&Question::about(r, on).query(), on),
                Outcome::Valid(found) if found.person == r.person)
        };
        let all = self.all();
        let found = all.into_iter().find(|r| r.period.covers(on) && fits(r) && is_valid(r));
        let registration = found.expect("the population has such a person");
        (registration, Question::about(registration, on))
    }
}

/// Fills `elsewhere` as the store documents it: periods under other cards that begin later.
fn with_elsewhere(mut person: Vec<Registration<'static>>) -> Vec<Registration<'static>> {
    let all: Vec<_> = person.iter().map(|r| (r.card.clone(), r.period)).collect();
    for registration in &mut person {
        let later = all.iter().filter(|(card, period)| {
            *card != registration.card && period.start() > registration.period.start()
        });
        registration.elsewhere = later.map(|(_, period)| *period).collect();
    }
    person
}

/// Expects none of a person's texts in a log.
#[track_caller]
pub(crate) fn expect_absent(registration: &Registration<'_>, log: &str) {
    let r = registration;
    let number = r.card.number.text();
    let texts = [
        Some(&r.name),
        r.insured_name.as_ref(),
        r.name_of_other.as_ref(),
        r.name_kana.as_ref(),
        r.name_of_other_kana.as_ref(),
        r.address.as_ref(),
        // A number of few digits is in every log.
        Some(number).filter(|number| number.expose().len() > 7),
    ];
    for text in texts.into_iter().flatten() {
        assert!(!log.contains(&**text.expose()), "the log holds a name, an address or a number");
    }
}
