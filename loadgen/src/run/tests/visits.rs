//! Visits of people whose cards must be refused: what counts as right, and what does not.

use super::questions::{day, facility, insurer, registration};
use crate::run::patients::{CardMix, Cards, VisitStyle};
use crate::run::result::Refusal;
use crate::run::source::People;
use crate::run::visits::{Step, Turn, Visits};
use shikaku_domain::{InsuredBranchNumber, PersonId, Registration};

/// 22 November 2026, in Unix seconds.
const NOW: u64 = 1_795_305_600;

/// Two people of the same birth date on one insurance card, with these branch numbers.
fn twins(branches: [Option<u8>; 2]) -> impl Fn(u64) -> Vec<Vec<Registration<'static>>> {
    move |_| {
        let twin = |(index, branch): (u64, Option<u8>)| {
            let mut registration = registration(0, "新１２", "20250401", None);
            registration.person = PersonId::from_number(index + 1).unwrap();
            registration.card.branch = branch.and_then(InsuredBranchNumber::from_number);
            vec![registration]
        };
        (0..).zip(branches).map(twin).collect()
    }
}

/// One visit of one of them, with or without an expired card.
fn visits(branches: [Option<u8>; 2], expired: u64) -> Visits {
    let insurers = [insurer()];
    let block = twins(branches);
    let people = People { persons: 2, block_persons: 16, block: &block, insurers: &insurers };
    let cards = Cards::new(7, Box::new(|_| true)).unwrap();
    let mix = CardMix { expired, ..CardMix::default() };
    let style = VisitStyle { authority: "127.0.0.1:1", on: day("20261122"), mix, now: NOW };
    Visits::prepare(1, &people, &cards, &style, 7, || {}).unwrap()
}

fn problem(code: &str) -> Vec<u8> {
    format!(r#"{{"type":"about:blank","code":"{code}"}}"#).into_bytes()
}

/// What the refusal of a visit's eligibility counts as.
fn of_eligibility(visits: &Visits, status: u16, code: &str) -> &'static str {
    name(&visits.turn(0, Step::Eligibility, (status, &problem(code)), Some(facility())))
}

fn name(turn: &Turn) -> &'static str {
    match turn {
        Turn::Refused(Refusal::SharedCard) => "shared",
        Turn::Refused(Refusal::ExpiredCard) => "expired",
        Turn::Unexpected => "unexpected",
        Turn::Wrong(_) => "wrong",
        Turn::Sign(..) | Turn::Ask(..) | Turn::Right => "goes on",
    }
}

#[test]
fn a_card_whose_insurance_card_two_people_share_is_registered_as_nobody_s() {
    let shared = visits([None, None], 0);
    assert_eq!(of_eligibility(&shared, 409, "SHK-CRD-015"), "shared");
    // Refused for another reason, or by another status, it is a failure like any.
    assert_eq!(of_eligibility(&shared, 409, "SHK-CRD-009"), "unexpected");
    assert_eq!(of_eligibility(&shared, 403, "SHK-CRD-015"), "unexpected");
}

#[test]
fn twins_told_apart_by_their_branch_numbers_have_cards_of_their_own() {
    let own = visits([Some(1), Some(2)], 0);
    assert_eq!(of_eligibility(&own, 409, "SHK-CRD-015"), "unexpected");
}

#[test]
fn an_expired_card_must_be_refused_as_such() {
    let session = |visits: &Visits, status, code| {
        name(&visits.turn(0, Step::Session, (status, &problem(code)), Some(facility())))
    };
    let expired = visits([Some(1), Some(2)], 1000);
    assert_eq!(session(&expired, 403, "SHK-CRD-006"), "expired");
    assert_eq!(session(&expired, 403, "SHK-CRD-007"), "unexpected");
    assert_eq!(session(&expired, 201, ""), "wrong");
    let good = visits([Some(1), Some(2)], 0);
    assert_eq!(session(&good, 403, "SHK-CRD-006"), "unexpected");
}
