//! Events without what is secret or personal, and back.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use shikaku_domain::Personal;
use shikaku_face::verify::Outcome;
use zeroize::Zeroizing;

use crate::session::{
    Answer, Attributes, Candidate, CardFailure, CardSeen, Challenge, Consents, EngineFailure,
    Event, FaceTrouble, Information, InsuranceCard, Intent, Look, MatchingNumber, Method, Opened,
    Photo, Pin, Prescription, Registration, SessionId, Signed, StaffId, StaffIntent, Ticket,
    TokenKind,
};

/// An event without anything secret or personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub(crate) enum Blanked {
    /// Readers changed; their names are makers' names.
    Readers { names: Vec<String> },
    /// A card came.
    Inserted { reader: String, session: String },
    /// A card left.
    Removed { reader: String },
    /// A card was read.
    Identified { ticket: Ticket, end: End<Seen> },
    /// A card signed; the fingerprint of its certificate.
    Authenticated { ticket: Ticket, end: End<String> },
    /// Attributes were read.
    Attributes { ticket: Ticket, end: End<()> },
    /// A photograph was read.
    Photo { ticket: Ticket, end: End<()> },
    /// A photograph was made ready for comparing.
    Prepared { ticket: Ticket, end: FaceEnd<()> },
    /// A frame was looked at, which decided nothing.
    Looked { ticket: Ticket },
    /// The camera decided, or failed.
    Recognised { ticket: Ticket, end: FaceEnd<Outcome> },
    /// A challenge came.
    Challenged { ticket: Ticket, end: EngineEnd<()> },
    /// An engine session was opened.
    Opened { ticket: Ticket, end: EngineEnd<OpenedFacts> },
    /// A person was found.
    Found { ticket: Ticket, end: EngineEnd<()> },
    /// A certificate was bound.
    Bound { ticket: Ticket, end: EngineEnd<()> },
    /// An answer came; 資格有効性.
    Answered { ticket: Ticket, end: EngineEnd<String> },
    /// The patient did something.
    Intended { session: Option<String>, seq: u64, intent: Wish },
    /// Staff did something.
    Decided { session: String, decision: Decision },
    /// Time passed.
    Ticked,
}

/// How an effect on a card ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum End<T> {
    /// Well.
    Ok(T),
    /// Not.
    Failed(CardFailure),
}

/// How an effect on the engine ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum EngineEnd<T> {
    /// Well.
    Ok(T),
    /// Not.
    Failed(EngineFailure),
}

/// How an effect on faces ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum FaceEnd<T> {
    /// Well.
    Ok(T),
    /// Not.
    Failed(FaceTrouble),
}

/// A card without its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    pub(super) kind: TokenKind,
    pub(super) token: String,
    pub(super) certificate: Option<String>,
    pub(super) tries: Option<u8>,
}

/// An engine session without its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenedFacts {
    pub(super) registration: Registration,
    pub(super) may_consent_to: Vec<Information>,
    pub(super) expires_in_days: Option<i64>,
    pub(super) grace_days: Option<i64>,
}

/// An intent without what was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Wish {
    ChooseMethod(Method),
    Pin,
    UseLastTry(bool),
    CardFace,
    CameraFailed(FaceTrouble),
    OtherWay,
    Consent(Consents),
    Provide(Consents, Option<Prescription>),
    Register { yes: bool, with_number: bool },
    ConfirmPerson(bool),
    Cancel,
    More,
}

/// A decision of staff without who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Decision {
    Visual { same: bool },
    Registration { same: bool },
    RegistrationData,
}

/// A short keyed fingerprint.
fn fingerprint(key: &[u8], bytes: &[u8]) -> String {
    let hash = digest(&SHA256, &[key, bytes].concat());
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What is written of an event.
pub(super) fn blank(event: &Event, key: &[u8]) -> Blanked {
    let named = |session: &SessionId| fingerprint(key, session.0.as_bytes());
    match event {
        Event::ReadersChanged(names) => Blanked::Readers { names: names.clone() },
        Event::CardInserted { reader, session } => {
            Blanked::Inserted { reader: reader.clone(), session: named(session) }
        }
        Event::CardRemoved { reader } => Blanked::Removed { reader: reader.clone() },
        Event::Identified(ticket, end) => {
            let seen = |card: &CardSeen| Seen {
                kind: card.kind,
                token: fingerprint(key, &card.token),
                certificate: card.certificate.as_ref().map(|der| fingerprint(key, der)),
                tries: card.tries,
            };
            Blanked::Identified { ticket: *ticket, end: card_end(end, seen) }
        }
        Event::Authenticated(ticket, end) => {
            let print = |signed: &Signed| fingerprint(key, &signed.certificate);
            Blanked::Authenticated { ticket: *ticket, end: card_end(end, print) }
        }
        Event::AttributesRead(ticket, end) => {
            Blanked::Attributes { ticket: *ticket, end: card_end(end, |_| ()) }
        }
        Event::PhotoRead(ticket, end) => {
            Blanked::Photo { ticket: *ticket, end: card_end(end, |_| ()) }
        }
        Event::FacePrepared(ticket, end) => {
            Blanked::Prepared { ticket: *ticket, end: FaceEnd::of(*end) }
        }
        Event::FaceSeen(ticket, end) => match *end {
            Ok(Look::Adjust(_) | Look::More { .. }) => Blanked::Looked { ticket: *ticket },
            Ok(Look::Decided(outcome)) => {
                Blanked::Recognised { ticket: *ticket, end: FaceEnd::Ok(outcome) }
            }
            Err(trouble) => Blanked::Recognised { ticket: *ticket, end: FaceEnd::Failed(trouble) },
        },
        Event::Challenged(ticket, end) => {
            Blanked::Challenged { ticket: *ticket, end: engine_end(end, |_| ()) }
        }
        Event::Opened(ticket, end) => {
            let facts = |opened: &Opened| OpenedFacts {
                registration: opened.registration,
                may_consent_to: opened.may_consent_to.iter().copied().collect(),
                expires_in_days: opened.expires_in_days,
                grace_days: opened.grace_days,
            };
            Blanked::Opened { ticket: *ticket, end: engine_end(end, facts) }
        }
        Event::Found(ticket, end) => {
            Blanked::Found { ticket: *ticket, end: engine_end(end, |_| ()) }
        }
        Event::Bound(ticket, end) => {
            Blanked::Bound { ticket: *ticket, end: engine_end(end, |()| ()) }
        }
        Event::Answered(ticket, end) => {
            let validity = |answer: &Answer| answer.validity.clone();
            Blanked::Answered { ticket: *ticket, end: engine_end(end, validity) }
        }
        Event::Intended { session, seq, intent } => Blanked::Intended {
            session: session.as_ref().map(named),
            seq: *seq,
            intent: wish(intent),
        },
        Event::Decided { session, intent } => {
            Blanked::Decided { session: named(session), decision: decision(intent) }
        }
        Event::Ticked => Blanked::Ticked,
    }
}

fn card_end<T, U>(end: &Result<T, CardFailure>, of: impl FnOnce(&T) -> U) -> End<U> {
    match end {
        Ok(value) => End::Ok(of(value)),
        Err(failure) => End::Failed(*failure),
    }
}

fn engine_end<T, U>(end: &Result<T, EngineFailure>, of: impl FnOnce(&T) -> U) -> EngineEnd<U> {
    match end {
        Ok(value) => EngineEnd::Ok(of(value)),
        Err(failure) => EngineEnd::Failed(failure.clone()),
    }
}

fn wish(intent: &Intent) -> Wish {
    match intent {
        Intent::ChooseMethod(method) => Wish::ChooseMethod(*method),
        Intent::Pin(_) => Wish::Pin,
        Intent::UseLastTry(yes) => Wish::UseLastTry(*yes),
        Intent::CardFace(_) => Wish::CardFace,
        Intent::CameraFailed(trouble) => Wish::CameraFailed(*trouble),
        Intent::OtherWay => Wish::OtherWay,
        Intent::Consent(consents) => Wish::Consent(consents.clone()),
        Intent::Provide(consents, form) => Wish::Provide(consents.clone(), *form),
        Intent::Register(yes, number) => {
            Wish::Register { yes: *yes, with_number: number.is_some() }
        }
        Intent::ConfirmPerson(yes) => Wish::ConfirmPerson(*yes),
        Intent::Cancel => Wish::Cancel,
        Intent::More => Wish::More,
    }
}

fn decision(intent: &StaffIntent) -> Decision {
    match intent {
        StaffIntent::Visual { same, .. } => Decision::Visual { same: *same },
        StaffIntent::Registration { same, .. } => Decision::Registration { same: *same },
        StaffIntent::RegistrationData(_) => Decision::RegistrationData,
    }
}

/// The event again, with stand-ins for what was left out.
pub(super) fn revive(blanked: Blanked) -> Option<Event> {
    Some(match blanked {
        Blanked::Readers { names } => Event::ReadersChanged(names),
        Blanked::Inserted { reader, session } => {
            Event::CardInserted { reader, session: SessionId(session) }
        }
        Blanked::Removed { reader } => Event::CardRemoved { reader },
        Blanked::Identified { ticket, end } => Event::Identified(ticket, end.with(card)),
        Blanked::Authenticated { ticket, end } => Event::Authenticated(
            ticket,
            end.with(|print| Signed { certificate: bytes(&print), signature: bytes("") }),
        ),
        Blanked::Attributes { ticket, end } => {
            Event::AttributesRead(ticket, end.with(|()| attributes()))
        }
        Blanked::Photo { ticket, end } => {
            Event::PhotoRead(ticket, end.with(|()| Photo::new(Zeroizing::default())))
        }
        Blanked::Prepared { ticket, end } => Event::FacePrepared(ticket, end.into_result()),
        // Which advice it was is left out; that a frame was of no use changes no screen.
        Blanked::Looked { ticket } => Event::FaceSeen(ticket, Ok(Look::More { used: 0, of: 0 })),
        Blanked::Recognised { ticket, end } => {
            Event::FaceSeen(ticket, end.into_result().map(Look::Decided))
        }
        Blanked::Challenged { ticket, end } => {
            let challenge = |()| Challenge { bytes: [0; 32], id: String::new() };
            Event::Challenged(ticket, end.with(challenge))
        }
        Blanked::Opened { ticket, end } => Event::Opened(ticket, end.with(opened)),
        Blanked::Found { ticket, end } => {
            let candidate = |()| Candidate { token: none(), name: none(), insurer_name: None };
            Event::Found(ticket, end.with(candidate))
        }
        Blanked::Bound { ticket, end } => Event::Bound(ticket, end.with(|()| ())),
        Blanked::Answered { ticket, end } => Event::Answered(ticket, end.with(answer)),
        Blanked::Intended { session, seq, intent } => {
            Event::Intended { session: session.map(SessionId), seq, intent: intent_of(intent)? }
        }
        Blanked::Decided { session, decision } => {
            Event::Decided { session: SessionId(session), intent: staff_intent(decision)? }
        }
        Blanked::Ticked => Event::Ticked,
    })
}

impl<T> End<T> {
    fn with<U>(self, of: impl FnOnce(T) -> U) -> Result<U, CardFailure> {
        match self {
            Self::Ok(value) => Ok(of(value)),
            Self::Failed(failure) => Err(failure),
        }
    }
}

impl<T> FaceEnd<T> {
    fn of(end: Result<T, FaceTrouble>) -> Self {
        match end {
            Ok(value) => Self::Ok(value),
            Err(trouble) => Self::Failed(trouble),
        }
    }

    fn into_result(self) -> Result<T, FaceTrouble> {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Failed(trouble) => Err(trouble),
        }
    }
}

impl<T> EngineEnd<T> {
    fn with<U>(self, of: impl FnOnce(T) -> U) -> Result<U, EngineFailure> {
        match self {
            Self::Ok(value) => Ok(of(value)),
            Self::Failed(failure) => Err(failure),
        }
    }
}

pub(super) fn bytes(text: &str) -> Arc<[u8]> {
    Arc::from(text.as_bytes())
}

const fn none() -> Personal<String> {
    Personal::new(String::new())
}

fn card(seen: Seen) -> CardSeen {
    CardSeen {
        kind: seen.kind,
        token: bytes(&seen.token),
        certificate: seen.certificate.as_deref().map(bytes),
        tries: seen.tries,
    }
}

const fn attributes() -> Attributes {
    Attributes { name: none(), address: none(), birthdate: none(), sex: none() }
}

fn opened(facts: OpenedFacts) -> Opened {
    Opened {
        session: none(),
        registration: facts.registration,
        may_consent_to: facts.may_consent_to.into_iter().collect(),
        expires_in_days: facts.expires_in_days,
        grace_days: facts.grace_days,
    }
}

pub(super) fn answer(validity: String) -> Answer {
    Answer {
        validity,
        name: None,
        birthdate: None,
        insurer_name: None,
        notices: Vec::new(),
        message: Personal::new(Arc::from("")),
    }
}

fn intent_of(wish: Wish) -> Option<Intent> {
    Some(match wish {
        Wish::ChooseMethod(method) => Intent::ChooseMethod(method),
        Wish::Pin => Intent::Pin(Pin::new("0000".to_owned())?),
        Wish::UseLastTry(yes) => Intent::UseLastTry(yes),
        Wish::CardFace => {
            Intent::CardFace(MatchingNumber::new("0".repeat(MatchingNumber::DIGITS))?)
        }
        Wish::CameraFailed(trouble) => Intent::CameraFailed(trouble),
        Wish::OtherWay => Intent::OtherWay,
        Wish::Consent(consents) => Intent::Consent(consents),
        Wish::Provide(consents, form) => Intent::Provide(consents, form),
        Wish::Register { yes, with_number } => {
            let number = MatchingNumber::new("0".repeat(MatchingNumber::DIGITS));
            Intent::Register(yes, number.filter(|_| with_number))
        }
        Wish::ConfirmPerson(yes) => Intent::ConfirmPerson(yes),
        Wish::Cancel => Intent::Cancel,
        Wish::More => Intent::More,
    })
}

fn staff_intent(decision: Decision) -> Option<StaffIntent> {
    let staff = StaffId::try_from("staff".to_owned()).ok()?;
    Some(match decision {
        Decision::Visual { same } => StaffIntent::Visual { same, staff },
        Decision::Registration { same } => StaffIntent::Registration { same, staff },
        Decision::RegistrationData => StaffIntent::RegistrationData(InsuranceCard {
            insurer_number: none(),
            symbol: None,
            number: none(),
            branch: None,
            birthdate: none(),
        }),
    })
}
