//! People in small files, and whether the engine knows them.

use serde_json::{Value, json};
use shikaku_domain::{CharacterCode, Day, Registration};
use shikaku_loadgen::population::{BLOCK, Population};
use shikaku_tests::cards::iso;
use shikaku_tests::{Centre, DATE, FACILITY};
use shikaku_wire::members::{InsurerWriter, MemberWriter};
use std::collections::HashMap;

/// People who share no card, so that each is found alone: one registration each, the current one.
pub(crate) fn people(population: &Population) -> Vec<Registration<'static>> {
    let on = Day::parse(DATE).unwrap();
    let blocks = 0..population.spec().persons.div_ceil(BLOCK);
    let all = blocks.flat_map(|block| population.block(block));
    let current = all.filter_map(|one| one.into_iter().find(|r| r.period.covers(on)));
    let current: Vec<_> = current.collect();
    let card = |r: &Registration<'_>| {
        (r.card.insurer, r.card.folded_symbol(), *r.card.number.folded(), r.card.birthdate)
    };
    let mut count: HashMap<_, u32> = HashMap::new();
    current.iter().for_each(|r| *count.entry(card(r)).or_default() += 1);
    current.into_iter().filter(|r| count[&card(r)] == 1).collect()
}

/// A members' file of these people.
pub(crate) fn file(people: &[Registration<'_>]) -> Vec<u8> {
    let mut writer = MemberWriter::new(Vec::new(), CharacterCode::Utf8).unwrap();
    people.iter().for_each(|person| writer.write(person).unwrap());
    writer.finish().unwrap().0
}

/// The file of the population's insurers.
pub(crate) fn insurers(centre: &Centre) -> Vec<u8> {
    let mut writer = InsurerWriter::new(Vec::new(), CharacterCode::Utf8).unwrap();
    centre.population.insurers().iter().for_each(|insurer| writer.write(insurer).unwrap());
    writer.finish().unwrap().0
}

/// Loads it into a centre whose engine does not run.
pub(crate) fn load_insurers(centre: &Centre) {
    std::fs::write(centre.path("insurers.csv"), insurers(centre)).unwrap();
    centre.shikaku(&["load", "insurers.csv"]);
}

/// The question about this person's card, as `/v1/eligibility` takes it.
pub(crate) fn question(registration: &Registration<'_>) -> Value {
    let card = &registration.card;
    json!({
        "insurerNumber": card.insurer.to_string(),
        "insuredCardSymbol": card.symbol.as_ref().map(|s| s.text().expose().to_string()),
        "insuredIdentificationNumber": card.number.text().expose().to_string(),
        "insuredBranchNumber": card.branch.map(|branch| format!("{:02}", branch.number())),
        "birthdate": iso(card.birthdate),
        "qualificationConfirmationDate": iso(Day::parse(DATE).unwrap()),
    })
}

/// The reception desk of a facility, connected to one engine.
pub(crate) struct Desk {
    client: ureq::Agent,
    url: String,
}

impl Desk {
    pub(crate) fn new(centre: &Centre, service: &str) -> Self {
        let client = centre.client(&format!("facility-{FACILITY}"));
        Self { client, url: format!("{service}/v1/eligibility") }
    }

    /// Status and body.
    ///
    /// # Errors
    /// When no answer comes.
    pub(crate) fn ask(&self, question: &Value) -> Result<(u16, String), ureq::Error> {
        let headers = [("content-type", "application/json")];
        shikaku_tests::post(&self.client, &self.url, &headers, question.to_string().as_bytes())
    }

    /// Whether the engine knows the person; the answer must be about this very person.
    ///
    /// # Errors
    /// When no answer comes.
    pub(crate) fn knows(&self, person: &Registration<'_>) -> Result<bool, ureq::Error> {
        let (status, body) = self.ask(&question(person))?;
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        match answer["qualificationValidity"].as_str() {
            Some("1" | "6") => {
                assert_eq!(answer["eligibility"]["name"], person.name.expose().as_ref());
                Ok(true)
            }
            Some("4") => Ok(false),
            other => panic!("an answer that the rules do not give: {other:?}"),
        }
    }

    /// How many of these people the engine knows.
    pub(crate) fn known(&self, people: &[Registration<'_>]) -> usize {
        people.iter().filter(|person| self.knows(person).unwrap()).count()
    }
}

/// Who sends members' files: an operator, connected to one engine.
pub(crate) struct Sender {
    client: ureq::Agent,
    url: String,
}

impl Sender {
    pub(crate) fn new(centre: &Centre, service: &str) -> Self {
        let client = centre.client("operator-tests");
        Self { client, url: format!("{service}/v1/members?mode=delta") }
    }

    /// Status and body.
    ///
    /// # Errors
    /// When no answer comes.
    pub(crate) fn send(&self, file: &[u8]) -> Result<(u16, Value), ureq::Error> {
        let headers = [("content-type", "text/csv")];
        let (status, body) = shikaku_tests::post(&self.client, &self.url, &headers, file)?;
        Ok((status, serde_json::from_str(&body).unwrap()))
    }
}
