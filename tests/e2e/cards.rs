//! Asking with a My Number card, from the challenge to the consents (card notes §1.3 and §3; §3.2 to
//! §3.7 of the interface notes). The cards are synthetic; the engine is the real one.

use crate::card_desk::{CardDesk, card_desk};
use crate::shared::today;
use serde_json::json;
use shikaku_card::ca::{Defect, Serial, Validity};
use shikaku_domain::{Registration, Scheme};
use shikaku_loadgen::population::has_card;
use shikaku_tests::cards::{Card, insurance_card, iso, now};
use shikaku_tests::{Centre, FACILITY};
use shikaku_wire::oqs::ParsedAnswer;

const DAY: u64 = 86_400;

/// Somebody with exactly one medical insurance, that goes on, and an address.
pub(crate) fn somebody(desk: &CardDesk, nth: usize) -> Registration<'static> {
    let population = &desk.centre.population;
    let people = (0..population.blocks()).flat_map(|block| population.block(block));
    let fits = |one: &Registration<'_>| {
        let period = one.period;
        one.card.insurer.scheme() != Scheme::MedicalAid
            && period.covers(today())
            && period.end().is_none()
            && one.address.is_some()
    };
    let alone = people.filter(|person| person.len() == 1 && person.iter().all(&fits));
    alone.flatten().nth(nth).expect("the population has such people")
}

fn attributes(one: &Registration<'_>) -> serde_json::Value {
    json!({"card": {
        "name": one.name.expose().replace('　', " "),
        "birthdate": iso(one.card.birthdate),
        "sex": one.sex1.code(),
        "address": one.address.as_ref().unwrap().expose(),
    }})
}

/// Registers a card, both sides confirming.
pub(crate) fn register(desk: &CardDesk, card: &Card, by: &serde_json::Value) -> String {
    let session = desk.open(card);
    let found = desk.post("registrations", &json!({"session": session, "by": by}));
    assert_eq!(found.status, 200, "{}", found.text());
    let candidate = found.json()["candidate"].as_str().unwrap().to_owned();
    let confirm = json!({"candidate": candidate, "patient": true, "staff": "staff-1"});
    let done = desk.post("registrations", &json!({"session": session, "confirm": confirm}));
    assert_eq!(done.status, 201, "{}", done.text());
    session
}

pub(crate) fn eligibility(session: &str, consents: serde_json::Value) -> serde_json::Value {
    json!({"session": session, "confirmationDate": "2026-11-01", "consents": consents})
}

#[test]
fn a_card_is_registered_once_both_sides_agree_and_then_answers_with_consents() {
    let desk = card_desk();
    let (patient, card) = (somebody(desk, 0), Card::new(1));
    let session = desk.open(&card);
    let ask = eligibility(&session, json!({"medication": true, "checkup": false}));
    desk.post("eligibility", &ask).expect_problem(409, "SHK-CRD-015");

    let by = insurance_card(&patient);
    let found = desk.post("registrations", &json!({"session": session, "by": by})).json();
    let name = patient.name.expose().to_string();
    assert_eq!(found["person"]["name"], name);
    let confirm = |candidate: &str, patient: bool| {
        let confirm = json!({"candidate": candidate, "patient": patient, "staff": "staff-1"});
        desk.post("registrations", &json!({"session": session, "confirm": confirm}))
    };
    let candidate = found["candidate"].as_str().unwrap();
    confirm(candidate, false).expect_problem(422, "SHK-CRD-020");
    confirm("somebody-else", true).expect_problem(409, "SHK-CRD-019");
    desk.post("eligibility", &ask).expect_problem(409, "SHK-CRD-015");
    assert_eq!(confirm(candidate, true).status, 201);

    let reply = desk.post("eligibility", &ask);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = &reply.json()["answer"];
    assert_eq!(answer["qualificationValidity"], "1");
    assert_eq!(answer["eligibility"]["name"], name);
    assert_eq!(answer["consents"][0]["informationType"], "medication");
    let message = reply.json()["receiptMessage"].as_str().unwrap().to_owned();
    let message = ParsedAnswer::from_xml(message.as_bytes()).unwrap();
    assert_eq!(message.header("ReferenceClassification"), Some("1"));
    assert_eq!(message.header("MedicalInstitutionCode"), Some(FACILITY));
    assert_eq!(message.result("Name"), Some(name.as_str()));
    assert_eq!(message.result("PharmacistsInfoConsFlg"), Some("1"));
    assert_eq!(message.result("SpecificHealthCheckupsInfoConsFlg"), Some("0"));
    assert_eq!(message.result("SpecificHealthCheckupsInfoConsTime"), None);
    // §3.4: 24 hours, so the same time of another day.
    let given = message.result("PharmacistsInfoConsTime").unwrap();
    let until = message.result("PharmacistsInfoAvailableTime").unwrap();
    assert!(given[8..] == until[8..] && given[..8] < until[..8], "{given} {until}");
}

#[test]
fn a_renewed_card_is_registered_by_the_four_attributes_for_the_same_person() {
    let desk = card_desk();
    let patient = somebody(desk, 1);
    let first = register(desk, &Card::new(10), &insurance_card(&patient));
    let renewed = register(desk, &Card::new(11), &attributes(&patient));
    let name = |session: &str| {
        let reply = desk.post("eligibility", &eligibility(session, json!({})));
        reply.json()["answer"]["eligibility"]["name"].as_str().map(str::to_owned)
    };
    assert_eq!(name(&first), Some(patient.name.expose().to_string()));
    assert_eq!(name(&renewed), name(&first));

    let mut stranger = attributes(&patient);
    stranger["card"]["address"] = json!("架空県どこでもない町9-9-9");
    let session = desk.open(&Card::new(12));
    desk.post("registrations", &json!({"session": session, "by": stranger}))
        .expect_problem(404, "SHK-CRD-017");
    // The card of one person cannot become another's.
    let other = insurance_card(&somebody(desk, 2));
    let found = desk.post("registrations", &json!({"session": renewed, "by": other})).json();
    let confirm = json!({"candidate": found["candidate"], "patient": true, "staff": "s"});
    desk.post("registrations", &json!({"session": renewed, "confirm": confirm}))
        .expect_problem(409, "SHK-CRD-024");
}

#[test]
fn a_consent_is_seen_taken_back_and_ended_by_a_later_no() {
    let desk = card_desk();
    let session = register(desk, &Card::new(20), &insurance_card(&somebody(desk, 3)));
    let list = || desk.get(&format!("consents?session={session}")).json()["consents"].clone();
    assert_eq!(list(), json!([]));
    let yes = json!({"medication": true, "diagnosis": true});
    assert_eq!(desk.post("eligibility", &eligibility(&session, yes)).status, 200);
    let available = |information: &str| {
        let list = list();
        let found = list.as_array().unwrap().iter().find(|c| c["informationType"] == information);
        found.unwrap()["available"].as_bool().unwrap()
    };
    assert!(available("medication") && available("diagnosis"));
    let withdrawal = json!({"session": session, "informationType": "medication"});
    assert_eq!(desk.post("consents/withdrawals", &withdrawal).status, 200);
    assert!(!available("medication") && available("diagnosis"));
    desk.post("consents/withdrawals", &withdrawal).expect_problem(404, "SHK-CRD-021");
    let no = eligibility(&session, json!({"diagnosis": false}));
    assert_eq!(desk.post("eligibility", &no).status, 200);
    assert!(!available("diagnosis"));
}

#[test]
fn a_limit_certificate_is_shown_with_consent_only() {
    let desk = card_desk();
    let population = &desk.centre.population;
    let people = (0..population.blocks()).flat_map(|block| population.block(block));
    let has_limit = |one: &Registration<'_>| {
        one.period.covers(today())
            && one.period.end().is_none()
            && one.limit_application.iter().any(|limit| limit.valid.covers(today()))
    };
    let mut people = people.filter(|person| person.len() == 1 && has_limit(&person[0]));
    let patient = people.next().expect("somebody has one").remove(0);
    let session = register(desk, &Card::new(30), &insurance_card(&patient));
    let shown = |yes: bool| {
        let consents = json!({"limitApplicationCertificate": yes});
        let reply = desk.post("eligibility", &eligibility(&session, consents)).json();
        !reply["answer"]["eligibility"]["limitApplicationCertificate"].is_null()
    };
    assert!(shown(true) && !shown(false));
}

#[test]
fn a_challenge_or_session_is_worth_nothing_to_anyone_else_or_again() {
    let desk = card_desk();
    let card = Card::new(40);
    let challenge = desk.challenge("reader-1");
    let body = card.presented(&challenge, "reader-1");
    let session = desk.post("sessions", &body);
    assert_eq!(session.status, 201, "{}", session.text());
    assert_eq!(session.json()["registration"], "notRegistered");
    desk.post("sessions", &body).expect_problem(409, "SHK-CRD-010");
    let session = session.json()["session"].as_str().unwrap().to_owned();
    let stolen = eligibility(&session, json!({}));
    desk.post_elsewhere("eligibility", &stolen).expect_problem(401, "SHK-CRD-014");

    let challenge = desk.challenge("reader-1");
    let elsewhere = card.presented(&challenge, "reader-1");
    desk.post_elsewhere("sessions", &elsewhere).expect_problem(409, "SHK-CRD-009");
    desk.post("sessions", &card.presented(&challenge, "reader-2"))
        .expect_problem(409, "SHK-CRD-012");
    let mut signed_by_another = card.presented(&desk.challenge("reader-1"), "reader-1");
    let other = Card::new(41).presented(&desk.challenge("reader-1"), "reader-1");
    signed_by_another["signature"] = other["signature"].clone();
    desk.post("sessions", &signed_by_another).expect_problem(403, "SHK-CRD-013");
}

#[test]
fn every_wrong_certificate_is_refused_with_what_to_do() {
    let desk = card_desk();
    for (defect, status, code) in [
        (Defect::ForeignAuthority, 403, "SHK-CRD-003"),
        (Defect::SameNameOtherKey, 403, "SHK-CRD-003"),
        (Defect::ForgedSignature, 403, "SHK-CRD-003"),
        (Defect::Altered, 403, "SHK-CRD-003"),
        (Defect::WrongPurpose, 403, "SHK-CRD-003"),
        (Defect::WrongPolicy, 403, "SHK-CRD-004"),
        (Defect::UnknownCritical, 403, "SHK-CRD-004"),
        (Defect::Huge, 400, "SHK-MSG-004"),
        (Defect::Truncated, 422, "SHK-CRD-001"),
        (Defect::Garbage, 422, "SHK-CRD-001"),
    ] {
        let card = Card::defective(50, defect);
        let body = card.presented(&desk.challenge("reader-1"), "reader-1");
        let reply = desk.post("sessions", &body);
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)), "{defect:?}");
    }
    let now = now();
    for (not_before, not_after, code) in [
        (now + DAY, now + 9 * DAY, "SHK-CRD-005"),
        (now - 900 * DAY, now - 130 * DAY, "SHK-CRD-006"),
    ] {
        let card = Card::valid(51, Validity { not_before, not_after });
        let body = card.presented(&desk.challenge("reader-1"), "reader-1");
        desk.post("sessions", &body).expect_problem(403, code);
    }
}

#[test]
fn an_expired_card_in_its_grace_serves_for_eligibility_only() {
    let desk = card_desk();
    let patient = somebody(desk, 4);
    register(desk, &Card::new(60), &insurance_card(&patient));
    let now = now();
    // The same certificate number, as if time had gone on.
    let card = Card::valid(60, Validity { not_before: now - 900 * DAY, not_after: now - 40 * DAY });
    let body = card.presented(&desk.challenge("reader-1"), "reader-1");
    let session = desk.post("sessions", &body).json();
    assert_eq!(session["certificate"]["state"], "grace", "{session}");
    assert_eq!(session["mayConsentTo"], json!([]));
    let session = session["session"].as_str().unwrap();
    let with_consent = eligibility(session, json!({"medication": true}));
    desk.post("eligibility", &with_consent).expect_problem(403, "SHK-CRD-016");
    let reply = desk.post("eligibility", &eligibility(session, json!({}))).json();
    assert_eq!(reply["answer"]["qualificationValidity"], "1");
    assert_eq!(reply["answer"]["notice"]["code"], "SHK-ANS-003");
    assert!(reply["receiptMessage"].as_str().unwrap().contains("SHK-ANS-003"));
}

#[test]
fn patients_who_ask_at_the_same_moment_each_see_themselves() {
    let desk = card_desk();
    let people: Vec<_> = (5..11)
        .map(|nth| {
            let patient = somebody(desk, nth);
            let session = register(desk, &Card::new(70 + nth as u64), &insurance_card(&patient));
            (patient.name.expose().to_string(), session)
        })
        .collect();
    std::thread::scope(|scope| {
        for (name, session) in people.iter().cycle().take(24) {
            scope.spawn(move || {
                let reply = desk.post("eligibility", &eligibility(session, json!({}))).json();
                assert_eq!(reply["answer"]["eligibility"]["name"], *name);
            });
        }
    });
    for (name, _) in people {
        assert!(!desk.centre.log().contains(&name), "the log holds a name");
    }
}

#[test]
fn a_population_starts_with_its_cards_registered_by_a_file() {
    cards_are_registered_by(&["load"]);
}

#[test]
fn a_population_starts_with_its_cards_registered_in_bulk() {
    cards_are_registered_by(&["load", "--bulk"]);
}

fn cards_are_registered_by(load: &[&str]) {
    let desk = CardDesk::with(Centre::empty(600), |centre| {
        let make = ["population", "--persons", "600", "--seed", "7", "--date", "20261101"];
        centre.loadgen(&[&make[..], &["--cards", "80", "--out", "population"]].concat());
        let files = ["insurers", "members", "cards"].map(|name| format!("population/{name}.csv"));
        let said = centre.shikaku(&[load, &[&files[0], &files[1], &files[2]]].concat());
        assert!(!said.contains("REJECTED"), "{said}");
    });
    let holds = |index: &u64| has_card(7, *index, 80);
    let registered = |index: u64| {
        let card = Card::new(Serial::of_person(index, 0).unwrap().number().into());
        let body = card.presented(&desk.challenge("reader-1"), "reader-1");
        desk.post("sessions", &body).json()
    };
    let holder = (0..600).find(holds).unwrap();
    let session = registered(holder);
    assert_eq!(session["registration"], "registered");
    let ask = eligibility(session["session"].as_str().unwrap(), json!({}));
    let answer = desk.post("eligibility", &ask).json();
    let person = desk.centre.population.person(holder);
    let name = answer["answer"]["eligibility"]["name"].as_str().unwrap();
    assert!(person.iter().any(|one| *one.name.expose() == name));
    let other = (0..600).find(|index| !holds(index)).unwrap();
    assert_eq!(registered(other)["registration"], "notRegistered");
}

#[test]
fn a_revocation_takes_effect_while_running_and_what_was_agreed_survives_a_kill() {
    let desk = CardDesk::new(Centre::new(2_000));
    let card = Card::new(80);
    let session = register(&desk, &card, &insurance_card(&somebody(&desk, 0)));
    let yes = eligibility(&session, json!({"checkup": true}));
    assert_eq!(desk.post("eligibility", &yes).status, 200);
    let desk = desk.killed_and_started();
    desk.get(&format!("consents?session={session}")).expect_problem(401, "SHK-CRD-014");
    let session = desk.open(&card);
    let consents = desk.get(&format!("consents?session={session}")).json();
    assert_eq!(consents["consents"][0]["informationType"], "checkup", "{consents}");
    assert_eq!(consents["consents"][0]["available"], true);

    desk.revoke(&[80]);
    desk.until_refused(&card, "SHK-CRD-007");
    let centre = desk.stop();
    let report = centre.shikaku(&["verify", "--config", "shikaku.toml"]);
    assert!(report.contains("card events               2"), "{report}");
}
