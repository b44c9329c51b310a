//! Visits with a My Number card, prepared before the clock starts: whose card, how its holder is
//! recognised, what they agree to, and what the centre must say.
//!
//! A visit is three questions on one connection: a challenge, a session for its signature, the
//! eligibility with the consents. The right answer is written when the answer is there, since it
//! says who asked and when.

use super::RunError;
use super::audit::{Difference, Form, difference};
use super::http::render_request;
use super::plan::Random;
use super::query::Wrong;
use super::signing::challenge_bytes;
use super::source::{Block, People};
use crate::population::{Manifest, has_card};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use shikaku_card::ca::{Authority, CertificateRequest, Generation, Purpose, Serial, Validity};
use shikaku_card::{CardError, KeyPool, RSA_BYTES};
use shikaku_domain::{
    CardFace, ConsentChoice, Day, InformationType, Insurer, InsurerNumber, MedicalInstitutionCode,
    Outcome, Registration, decide_holder,
};
use shikaku_wire::v1::{
    CardEligibilityRequest, ChallengeResponse, HolderAnswer, SessionRequest, SessionResponse,
};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Different cards of a stream at most: making one takes 2 ms.
pub(super) const CARDS_MAX: usize = 2_000;
/// Different keys of all cards: making one takes 40 ms, and the centre sees no difference.
const KEYS: u16 = 32;
/// People looked at for each card, before the population is taken to have none.
const SEARCH_MAX: usize = 1_000;
const NOBODY: &str = "nobody in it has a registered card: make it with --cards PERCENT, and load \
                      its cards.csv into the engine";
/// Municipality that issued the cards.
const MUNICIPALITY: u32 = 13_221;
/// The reader at each facility.
const DEVICE: &str = "reader-1";
/// Who looked at the patient, where somebody did.
const STAFF: &str = "staff-1";
const DAY_SECONDS: u64 = 86_400;
/// A card in use was issued so long ago and is good for so long.
const GOOD_DAYS: (u64, u64) = (400, 1_000);
/// An expired one ended so long ago: beyond its three months of grace.
const EXPIRED_DAYS: u64 = 200;
/// How the codes begin by which the centre refuses a card.
const REFUSAL: &str = "SHK-CRD-";

/// How patients behave: shares in 1000 visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CardMix {
    /// Enters the PIN; who neither does this nor is looked at shows the face to the camera.
    pub pin: u64,
    /// Is recognised by staff.
    pub visual: u64,
    /// Agrees to showing the limit certificate and the one of special diseases, each.
    pub provide: u64,
    /// Agrees to showing medication, check-ups, diagnoses and operations, each.
    pub medical: u64,
    /// Has a card whose certificate ended more than three months ago.
    pub expired: u64,
}

impl Default for CardMix {
    /// An ordinary day; approximations from general knowledge.
    fn default() -> Self {
        Self { pin: 250, visual: 20, provide: 800, medical: 500, expired: 5 }
    }
}

impl CardMix {
    /// Whether all shares are shares.
    pub(super) fn is_in_range(&self) -> bool {
        let Self { pin, visual, provide, medical, expired } = *self;
        pin + visual <= 1000 && [pin, visual, provide, medical, expired].iter().all(|n| *n <= 1000)
    }
}

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
    /// The visit has ended with a wrong answer.
    Wrong(Wrong),
    /// The answer has another status than it should, or is none.
    Unexpected,
}

/// A visit to come. It holds personal data (synthetic as it is), so it has no `Debug`.
struct Visit {
    person: u64,
    registrations: Vec<Registration<'static>>,
    /// In DER, base64.
    certificate: String,
    method: &'static str,
    consents: ConsentChoice,
    is_expired: bool,
    /// Somebody else has the same insurance card, as twins without branch numbers do: nobody could
    /// tell whose the My Number card is, so it is registered as nobody's.
    is_shared: bool,
}

/// Where visits lead, and what they are about.
pub(super) struct VisitStyle<'a> {
    /// `host:port` for the Host header.
    pub authority: &'a str,
    /// Day that is asked about.
    pub on: Day,
    /// How patients behave.
    pub mix: CardMix,
    /// The present, in Unix seconds: certificates are judged by the engine's clock.
    pub now: u64,
}

/// Who has a card, under which authority.
pub(super) struct Cards {
    authority: Authority,
    keys: Arc<KeyPool>,
    has_card: Box<dyn Fn(u64) -> bool>,
}

impl Cards {
    /// The cards of the population in a folder. Making the authority takes half a second.
    ///
    /// # Errors
    /// As [`Cards::new`], and when the folder holds no population.
    pub(super) fn of(folder: &Path) -> Result<Self, RunError> {
        let manifest = Manifest::read(folder);
        let found = manifest.and_then(|manifest| Ok((manifest.spec()?, manifest.cards_percent)));
        let (spec, percent) = found.map_err(|e| RunError::Population(e.to_string()))?;
        Self::new(spec.seed, Box::new(move |person| has_card(spec.seed, person, percent)))
    }

    /// Cards under a seed, held by whom `has_card` says.
    ///
    /// # Errors
    /// [`RunError::Population`] when a key cannot be made.
    pub(super) fn new(seed: u64, has_card: Box<dyn Fn(u64) -> bool>) -> Result<Self, RunError> {
        let authority = Authority::new(seed, Purpose::UserAuthentication).map_err(of_card)?;
        Ok(Self { authority, keys: Arc::new(KeyPool::new(seed, KEYS)), has_card })
    }

    /// The certificate of a person's card, base64.
    fn certificate(&self, person: u64, is_expired: bool, now: u64) -> Result<String, CardError> {
        let days = |days: u64| days * DAY_SECONDS;
        let (before, after) = GOOD_DAYS;
        let validity = match is_expired {
            false => Validity { not_before: now - days(before), not_after: now + days(after) },
            true => Validity {
                not_before: now - days(EXPIRED_DAYS + after),
                not_after: now - days(EXPIRED_DAYS),
            },
        };
        let request = CertificateRequest {
            serial: Serial::of_person(person, 0)?,
            key: self.keys.of_holder(person)?,
            generation: Generation::Third,
            validity,
            municipality: MUNICIPALITY,
        };
        Ok(STANDARD.encode(self.authority.issue(&request)?))
    }
}

fn of_card(error: CardError) -> RunError {
    RunError::Population(error.to_string())
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
        mut tick: impl FnMut(),
    ) -> Result<Self, RunError> {
        let mut draws = Vec::with_capacity(count);
        for k in 0..count {
            // Visit `k` depends on the seed and `k` alone, as questions do.
            let mut random = Random::new(Random::new(Random::new(seed).bits() ^ k as u64).bits());
            let mut drawn = std::iter::repeat_with(|| random.below(people.persons));
            let person = drawn.by_ref().take(SEARCH_MAX).find(|one| (cards.has_card)(*one));
            let person = person.ok_or_else(|| RunError::Population(NOBODY.to_owned()))?;
            draws.push((k, person, random));
        }
        draws.sort_unstable_by_key(|(_, person, _)| *person);
        let mut block = Block::default();
        let mut visits = Vec::with_capacity(count);
        for (k, person, mut random) in draws {
            block.load(people, person);
            visits.push((k, visit(person, &block, cards, style, &mut random)?));
            tick();
        }
        visits.sort_unstable_by_key(|(k, _)| *k);
        let visits = visits.into_iter().map(|(_, visit)| visit).collect();
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
            (Step::Session, 403) if visit.is_expired && is_refusal(body) => Turn::Right,
            (Step::Session, 201) if visit.is_expired => {
                let (expected, got) = ("403".to_owned(), "201".to_owned());
                let difference = Difference { field: "status".to_owned(), expected, got };
                Turn::Wrong(Wrong { difference, person: visit.person })
            }
            (Step::Session, 201) => self.ask(visit, body).unwrap_or(Turn::Unexpected),
            (Step::Eligibility, 409) if visit.is_shared && is_refusal(body) => Turn::Right,
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

fn visit(
    person: u64,
    block: &Block,
    cards: &Cards,
    style: &VisitStyle<'_>,
    random: &mut Random,
) -> Result<Visit, RunError> {
    let CardMix { pin, visual, provide, medical, expired } = style.mix;
    let method = match random.below(1000) {
        share if share < pin => "pin",
        share if share < pin + visual => "visual",
        _ => "face",
    };
    let mut consents = ConsentChoice::default();
    for information in InformationType::ALL {
        let share = match information {
            InformationType::LimitApplicationCertificate | InformationType::SpecificDiseases => {
                provide
            }
            InformationType::Medication
            | InformationType::Checkup
            | InformationType::Diagnosis
            | InformationType::Operation => medical,
        };
        match random.below(1000) < share {
            true => consents.give(*information),
            false => consents.refuse(*information),
        }
    }
    let is_expired = random.below(1000) < expired;
    let certificate = cards.certificate(person, is_expired, style.now).map_err(of_card)?;
    let registrations = block.of(person).to_vec();
    let latest = registrations.iter().max_by_key(|one| one.period.start());
    let is_shared = latest
        .is_some_and(|latest| block.registrations.iter().any(|other| is_same_card(latest, other)));
    Ok(Visit { person, registrations, certificate, method, consents, is_expired, is_shared })
}

/// Whether the first one's insurance card is also the other person's.
fn is_same_card(one: &Registration<'_>, other: &Registration<'_>) -> bool {
    let text = |card: &CardFace<'_>| {
        (card.symbol.as_ref().map(|symbol| *symbol.folded()), *card.number.folded())
    };
    let (card, theirs) = (&one.card, &other.card);
    one.person != other.person
        && (card.insurer, card.birthdate) == (theirs.insurer, theirs.birthdate)
        && (card.branch.is_none() || card.branch == theirs.branch)
        && text(card) == text(theirs)
}

fn sign(body: &[u8]) -> Option<Turn> {
    let challenge: ChallengeResponse = serde_json::from_slice(body).ok()?;
    let bytes = challenge_bytes(&challenge)?;
    Some(Turn::Sign(challenge.challenge_id, bytes))
}

/// Whether it is the card that is refused, and not the facility.
fn is_refusal(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Problem<'a> {
        code: &'a str,
    }
    serde_json::from_slice(body).is_ok_and(|problem: Problem<'_>| problem.code.starts_with(REFUSAL))
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
