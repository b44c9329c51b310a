//! Visits with a My Number card: what is asked next, and what the centre must say.
//!
//! A visit is three questions on one connection: a challenge, a session for its signature, the
//! eligibility with the consents. The right answer is written when the answer is there, since it
//! says who asked and when.

use super::RunError;
use super::audit::{Difference, Form, difference};
use super::http::render_request;
use super::patients::{self, Cards, Visit, VisitStyle};
use super::query::Wrong;
use super::result::Refusal;
use super::running::error_code;
use super::signing::challenge_bytes;
use super::source::People;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use shikaku_card::{KeyPool, RSA_BYTES};
use shikaku_domain::{Day, Insurer, InsurerNumber, MedicalInstitutionCode, Outcome, decide_holder};
use shikaku_wire::v1::{
    CardEligibilityRequest, ChallengeResponse, HolderAnswer, SessionRequest, SessionResponse,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Different cards of a stream at most: making one takes 2 ms.
pub(super) const CARDS_MAX: usize = 2_000;
/// The reader at each facility.
const DEVICE: &str = "reader-1";
/// Who looked at the patient, where somebody did.
const STAFF: &str = "staff-1";
/// By which code, after `SHK-`, the centre refuses a card whose time is over.
const EXPIRED: &str = "CRD-006";
/// By which it refuses one that is registered as nobody's.
const NOT_REGISTERED: &str = "CRD-015";

/// Where a visit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Step {
    /// A challenge was asked for.
    #[default]
    Challenge,
    /// Its signature was sent.
    Session,
    /// The eligibility was asked for.
    Eligibility,
}

impl Step {
    /// Its name in results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Session => "session",
            Self::Eligibility => "eligibility",
        }
    }
}

/// What follows an answer.
pub(super) enum Turn {
    /// The card signs this challenge, whose name comes with it.
    Sign(String, [u8; 32]),
    /// The next question.
    Ask(Step, Vec<u8>),
    /// The visit has ended as it should.
    Right,
    /// The card was refused, as it should be.
    Refused(Refusal),
    /// The visit has ended with a wrong answer.
    Wrong(Wrong),
    /// The answer has another status than it should, or is none.
    Unexpected,
}

/// Visits ready to be made, used in a ring.
pub(super) struct Visits {
    visits: Vec<Visit>,
    insurers: HashMap<InsurerNumber, Insurer>,
    keys: Arc<KeyPool>,
    authority: String,
    on: Day,
}

impl Visits {
    /// Prepares `count` visits of uniformly random people with cards; `tick` is called after each.
    ///
    /// # Errors
    /// [`RunError::Population`] when nobody has a card, or one cannot be made.
    pub(super) fn prepare(
        count: usize,
        people: &People<'_>,
        cards: &Cards,
        style: &VisitStyle<'_>,
        seed: u64,
        tick: impl FnMut(),
    ) -> Result<Self, RunError> {
        let visits = patients::draw(count, people, cards, style, seed, tick)?;
        let insurers = people.insurers.iter().map(|one| (one.number, one.clone())).collect();
        let (keys, authority) = (Arc::clone(&cards.keys), style.authority.to_owned());
        Ok(Self { visits, insurers, keys, authority, on: style.on })
    }

    /// The keys of the cards.
    pub(super) const fn keys(&self) -> &Arc<KeyPool> {
        &self.keys
    }

    /// Who comes with request `k`, by index in the population.
    pub(super) fn person(&self, k: u64) -> u64 {
        self.visit(k).map_or(0, |visit| visit.person)
    }

    fn visit(&self, k: u64) -> Option<&Visit> {
        self.visits.get(usize::try_from(k % self.visits.len().max(1) as u64).ok()?)
    }

    /// What follows the answer to a step of visit `k`, asked by this facility.
    pub(super) fn turn(
        &self,
        k: u64,
        step: Step,
        (status, body): (u16, &[u8]),
        facility: Option<MedicalInstitutionCode>,
    ) -> Turn {
        let Some(visit) = self.visit(k) else { return Turn::Unexpected };
        match (step, status) {
            (Step::Challenge, 201) => sign(body).unwrap_or(Turn::Unexpected),
            (Step::Session, 403) if visit.is_expired && is_refusal(body, EXPIRED) => {
                Turn::Refused(Refusal::ExpiredCard)
            }
            (Step::Session, 201) if visit.is_expired => {
                let (expected, got) = ("403".to_owned(), "201".to_owned());
                let difference = Difference { field: "status".to_owned(), expected, got };
                Turn::Wrong(Wrong { difference, person: visit.person })
            }
            (Step::Session, 201) => self.ask(visit, body).unwrap_or(Turn::Unexpected),
            (Step::Eligibility, 409) if visit.is_shared && is_refusal(body, NOT_REGISTERED) => {
                Turn::Refused(Refusal::SharedCard)
            }
            (Step::Eligibility, 200) => match self.audit(visit, body, facility) {
                Ok(()) => Turn::Right,
                Err(difference) => Turn::Wrong(Wrong { difference, person: visit.person }),
            },
            (Step::Challenge | Step::Session | Step::Eligibility, _) => Turn::Unexpected,
        }
    }

    /// The request that opens a session with the card's signature.
    pub(super) fn open_session(
        &self,
        k: u64,
        challenge_id: String,
        signature: &[u8; RSA_BYTES],
    ) -> Option<Vec<u8>> {
        let visit = self.visit(k)?;
        let request = SessionRequest {
            challenge_id,
            device: DEVICE.to_owned(),
            certificate: visit.certificate.clone(),
            signature: STANDARD.encode(signature),
            method: visit.method.to_owned(),
            token_kind: "card".to_owned(),
            confirmed_by: (visit.method == "visual").then(|| STAFF.to_owned()),
        };
        Some(self.post("/v1/card/sessions", &serde_json::to_string(&request).ok()?))
    }

    fn ask(&self, visit: &Visit, body: &[u8]) -> Option<Turn> {
        let session: SessionResponse = serde_json::from_slice(body).ok()?;
        let (year, month, day) = self.on.ymd();
        let request = CardEligibilityRequest {
            session: session.session,
            confirmation_date: Some(format!("{year:04}-{month:02}-{day:02}")),
            consents: visit
                .consents
                .iter()
                .map(|(what, yes)| (what.name().to_owned(), yes))
                .collect(),
            prescription_issue_select: None,
            arbitrary_file_identifier: None,
        };
        let body = serde_json::to_string(&request).ok()?;
        Some(Turn::Ask(Step::Eligibility, self.post("/v1/card/eligibility", &body)))
    }

    fn post(&self, path: &str, body: &str) -> Vec<u8> {
        render_request(&self.authority, path, "Content-Type: application/json\r\n", body)
    }

    /// Compares an answer with what the population and the rules give.
    fn audit(
        &self,
        visit: &Visit,
        got: &[u8],
        facility: Option<MedicalInstitutionCode>,
    ) -> Result<(), Difference> {
        let at = answered_at(got).zip(facility);
        let Some((now, facility)) = at else {
            return difference(b"{}", got, Form::Card);
        };
        let entitlement = decide_holder(&visit.registrations, self.on);
        let insurer = |outcome: Option<&Outcome<'_, '_>>| {
            self.insurers.get(&outcome?.registration()?.card.insurer)
        };
        let right = HolderAnswer {
            now,
            on: self.on,
            facility,
            entitlement: &entitlement,
            insurer: insurer(Some(&entitlement.main)),
            office: insurer(entitlement.medical_aid.as_ref()),
            consents: visit.consents,
            prescription: None,
            notice: None,
            file_identifier: None,
        };
        let mut bytes = Vec::with_capacity(got.len());
        right.write(&mut bytes);
        if bytes == got { Ok(()) } else { difference(&bytes, got, Form::Card) }
    }

    /// Memory that the visits take, in bytes, about: of each, its certificate.
    pub(super) fn size(&self) -> (usize, usize) {
        let certificates: usize = self.visits.iter().map(|visit| visit.certificate.len()).sum();
        (self.visits.len(), certificates)
    }
}

/// The request with which every visit begins.
pub(super) fn challenge_request(authority: &str) -> Vec<u8> {
    let body = serde_json::json!({ "device": DEVICE }).to_string();
    let headers = "Content-Type: application/json\r\n";
    render_request(authority, "/v1/card/challenges", headers, &body)
}

/// Whether a problem document names this code.
fn is_refusal(body: &[u8], code: &str) -> bool {
    error_code(body).strip_prefix("SHK-") == Some(code)
}

fn sign(body: &[u8]) -> Option<Turn> {
    let challenge: ChallengeResponse = serde_json::from_slice(body).ok()?;
    let bytes = challenge_bytes(&challenge)?;
    Some(Turn::Sign(challenge.challenge_id, bytes))
}

/// When an answer says that it was made, in Unix seconds.
fn answered_at(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        process_execution_time: &'a str,
    }
    #[derive(Deserialize)]
    struct Timed<'a> {
        #[serde(borrow)]
        answer: Answer<'a>,
    }
    let timed: Timed<'_> = serde_json::from_slice(body).ok()?;
    let at: jiff::Timestamp = timed.answer.process_execution_time.parse().ok()?;
    u64::try_from(at.as_second()).ok()
}
