//! The engine killed while patients register their cards and agree to things.
//!
//! Goal: a registration and a consent that were acknowledged are there after every restart, and so
//! is a no; what was not acknowledged is there or not, and nothing else. Nobody becomes anybody
//! else.
//! Method: readers take their patients one after the other until their engine is killed at a random
//! moment. The next life begins by looking at everyone who was there in the last one.

use crate::chance::{Chance, lives};
use crate::counter::insured;
use crate::people::people;
use serde_json::{Value, json};
use shikaku_tests::cards::{Card, insurance_card, trust_cards};
use shikaku_tests::{Centre, FACILITY};
use std::collections::BTreeSet;
use std::thread;

/// Readers that work at once.
const READERS: usize = 3;
/// Patients of one reader; each comes again and again.
const PATIENTS: usize = 24;
/// Patients come for at most so long in a life of the engine.
const LIFE_MS_MAX: u64 = 250;
const PERSONS: u64 = 1_000;

/// What the engine must know: what it acknowledged, or either where it was killed over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Sure(bool),
    Either,
}

impl Known {
    /// What is seen is what was acknowledged, and known from now on.
    fn meet(&mut self, seen: bool, what: &str) {
        assert!(matches!(self, Self::Either) || *self == Self::Sure(seen), "{what}: {self:?}");
        *self = Self::Sure(seen);
    }
}

/// A card's holder, and what they were told.
struct Patient {
    card: Card,
    name: String,
    by: Value,
    registered: Known,
    medication: Known,
}

/// A reader and its patients, over all lives of the engine.
struct Reader {
    device: String,
    patients: Vec<Patient>,
    /// Who comes next.
    next: usize,
    /// Who was there in this life.
    seen: BTreeSet<usize>,
    acknowledged: usize,
}

/// A reader's connection to one life of the engine. The error is that no answer came.
struct Line {
    client: ureq::Agent,
    base: String,
    device: String,
}

type Told<T> = Result<T, ureq::Error>;

impl Line {
    fn new(centre: &Centre, service: &str, device: &str) -> Self {
        let client = centre.client(&format!("facility-{FACILITY}"));
        Self { client, base: format!("{service}/v1/card"), device: device.to_owned() }
    }

    fn post(&self, path: &str, status: u16, body: &Value) -> Told<Value> {
        let headers = [("content-type", "application/json")];
        let url = format!("{}/{path}", self.base);
        let said = shikaku_tests::post(&self.client, &url, &headers, body.to_string().as_bytes())?;
        assert_eq!(said.0, status, "{path}: {}", said.1);
        Ok(serde_json::from_str(&said.1).unwrap())
    }

    fn open(&self, card: &Card) -> Told<(String, bool)> {
        let challenge = self.post("challenges", 201, &json!({"device": self.device}))?;
        let session = self.post("sessions", 201, &card.presented(&challenge, &self.device))?;
        let is_registered = session["registration"] == "registered";
        Ok((session["session"].as_str().unwrap().to_owned(), is_registered))
    }

    fn may_be_read(&self, session: &str) -> Told<bool> {
        let url = format!("{}/consents?session={session}", self.base);
        let (status, body) = shikaku_tests::reply(self.client.get(url).call()?);
        assert_eq!(status, 200, "{body}");
        let said: Value = serde_json::from_str(&body).unwrap();
        let all = said["consents"].as_array().unwrap();
        Ok(all.iter().any(|one| one["informationType"] == "medication" && one["available"] == true))
    }
}

impl Patient {
    /// 初回登録, or else another answer than the last time to the question for consent.
    fn visit(&mut self, line: &Line) -> Told<()> {
        let (session, is_registered) = line.open(&self.card)?;
        if !is_registered {
            let found =
                line.post("registrations", 200, &json!({"session": session, "by": self.by}))?;
            assert_eq!(found["person"]["name"], self.name);
            let confirm = json!({"candidate": found["candidate"], "patient": true, "staff": "s"});
            self.registered = Known::Either;
            line.post("registrations", 201, &json!({"session": session, "confirm": confirm}))?;
            self.registered = Known::Sure(true);
            return Ok(());
        }
        let yes = self.medication != Known::Sure(true);
        let ask = json!({"session": session, "consents": {"medication": yes}});
        self.medication = Known::Either;
        let answer = line.post("eligibility", 200, &ask)?;
        self.medication = Known::Sure(yes);
        assert_eq!(answer["answer"]["eligibility"]["name"], self.name);
        Ok(())
    }

    /// What a later life knows of them.
    fn look(&mut self, line: &Line) {
        let (session, is_registered) = line.open(&self.card).unwrap();
        self.registered.meet(is_registered, "the registration");
        let may_be_read = is_registered && line.may_be_read(&session).unwrap();
        self.medication.meet(may_be_read, "the consent");
    }
}

impl Reader {
    /// Patients come until the engine is gone.
    fn work(&mut self, line: &Line) {
        loop {
            let index = self.next % self.patients.len();
            self.seen.insert(index);
            if self.patients[index].visit(line).is_err() {
                return;
            }
            self.next += 1;
            self.acknowledged += 1;
        }
    }

    fn look(&mut self, line: &Line, who: impl IntoIterator<Item = usize>) {
        who.into_iter().for_each(|index| self.patients[index].look(line));
    }
}

/// Readers with patients who are insured for good, each a card of their own.
fn readers(centre: &Centre) -> Vec<Reader> {
    let people = insured(people(&centre.population));
    let patient = |number: usize| Patient {
        card: Card::new(1_000 + number as u64),
        name: people[number].name.expose().to_string(),
        by: insurance_card(&people[number]),
        registered: Known::Sure(false),
        medication: Known::Sure(false),
    };
    let reader = |number: usize| Reader {
        device: format!("reader-{number}"),
        patients: (number * PATIENTS..(number + 1) * PATIENTS).map(patient).collect(),
        next: 0,
        seen: BTreeSet::new(),
        acknowledged: 0,
    };
    (0..READERS).map(reader).collect()
}

#[test]
fn registrations_and_consents_that_were_acknowledged_survive_the_engines_death() {
    let centre = Centre::new(PERSONS);
    trust_cards(&centre);
    let mut readers = readers(&centre);
    let mut chance = Chance::new();
    for _ in lives("cards") {
        let engine = centre.start();
        let life = chance.time(LIFE_MS_MAX);
        thread::scope(|scope| {
            let working: Vec<_> = readers
                .iter_mut()
                .map(|reader| {
                    let line = Line::new(&centre, &engine.service, &reader.device);
                    let last = std::mem::take(&mut reader.seen);
                    reader.look(&line, last);
                    scope.spawn(move || reader.work(&line))
                })
                .collect();
            thread::park_timeout(life);
            engine.kill();
            drop(working);
        });
    }
    let engine = centre.start();
    for reader in &mut readers {
        let line = Line::new(&centre, &engine.service, &reader.device);
        reader.look(&line, 0..PATIENTS);
    }
    let acknowledged: usize = readers.iter().map(|reader| reader.acknowledged).sum();
    eprintln!("{acknowledged} registrations and answers acknowledged");
    assert!(acknowledged > PATIENTS, "the engine was not loaded at all");
    assert!(engine.stop());
    let report = centre.shikaku(&["verify"]);
    assert!(report.contains("problems                  0"), "{report}");
}
