//! What can happen, and what is to be done about it.

use std::sync::Arc;

use super::camera::{FaceTrouble, Look, Photo, Watch};
use super::digits::{MatchingNumber, Pin};
use super::facts::{
    Answer, Asked, Attributes, Candidate, CardSeen, Challenge, InsuranceCard, Method, Opened,
    SessionId, Signed, StaffId, Ticket, TokenKind, Via,
};
use super::failure::{CardFailure, EngineFailure};
use super::people::Intent;
use shikaku_domain::Personal;

/// Something that happened, in the past tense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// These readers can be used now; none when the list is empty.
    ReadersChanged(Vec<String>),
    /// A card came to a reader.
    CardInserted {
        /// The reader's name.
        reader: String,
        /// A fresh random name for the session that may begin.
        session: SessionId,
    },
    /// A card left a reader.
    CardRemoved {
        /// The reader's name.
        reader: String,
    },
    /// End of [`Effect::Identify`].
    Identified(Ticket, Result<CardSeen, CardFailure>),
    /// End of [`Effect::Authenticate`].
    Authenticated(Ticket, Result<Signed, CardFailure>),
    /// End of [`Effect::ReadAttributes`].
    AttributesRead(Ticket, Result<Attributes, CardFailure>),
    /// End of [`Effect::ReadPhoto`].
    PhotoRead(Ticket, Result<Photo, CardFailure>),
    /// End of [`Effect::PrepareFace`].
    FacePrepared(Ticket, Result<(), FaceTrouble>),
    /// A frame of the try that [`Effect::WatchFace`] began was looked at.
    FaceSeen(Ticket, Result<Look, FaceTrouble>),
    /// End of [`Effect::Challenge`].
    Challenged(Ticket, Result<Challenge, EngineFailure>),
    /// End of [`Effect::Open`].
    Opened(Ticket, Result<Opened, EngineFailure>),
    /// End of [`Effect::Find`].
    Found(Ticket, Result<Candidate, EngineFailure>),
    /// End of [`Effect::Bind`].
    Bound(Ticket, Result<(), EngineFailure>),
    /// End of [`Effect::Ask`].
    Answered(Ticket, Result<Answer, EngineFailure>),
    /// The patient did something on the page.
    Intended {
        /// The session that the page shows.
        session: Option<SessionId>,
        /// The state that the page shows.
        seq: u64,
        /// What was wanted.
        intent: Intent,
    },
    /// Staff did something on the counter page.
    Decided {
        /// The patient's session.
        session: SessionId,
        /// What was decided.
        intent: StaffIntent,
    },
    /// Nothing but time.
    Ticked,
}

/// What staff can decide about a patient's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaffIntent {
    /// 目視確認: whether the face is the one on the card.
    Visual {
        /// Whether it is the same person.
        same: bool,
        /// Who looked.
        staff: StaffId,
    },
    /// 初回登録: whether the person that was found is the one who stands there.
    Registration {
        /// Whether it is the same person.
        same: bool,
        /// Who decided.
        staff: StaffId,
    },
    /// 初回登録 by an insurance card that staff typed in.
    RegistrationData(InsuranceCard),
}

/// What lets the card sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The holder's PIN.
    Pin {
        /// The digits.
        pin: Pin,
        /// Whether the patient agreed to use the last try.
        use_last_try: bool,
    },
    /// The terminal's own certificate, after staff or a face match recognised the holder.
    Terminal,
    /// None at this reader: the telephone has recognised its owner itself.
    Phone,
}

/// Something to be done. Each ends in the event of the same ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Connect to the card and read what it is.
    Identify {
        /// Awaited in the answer.
        ticket: Ticket,
        /// The reader.
        reader: String,
    },
    /// Check that the same card lies there, unlock it once, check again, sign once, power it off.
    Authenticate {
        /// Awaited in the answer.
        ticket: Ticket,
        /// The reader.
        reader: String,
        /// The card that was read first.
        expected: CardSeen,
        /// What unlocks the key.
        proof: Proof,
        /// What to sign.
        challenge: [u8; 32],
    },
    /// Read the four attributes of the same card.
    ReadAttributes {
        /// Awaited in the answer.
        ticket: Ticket,
        /// The reader.
        reader: String,
        /// The certificate of the card that signed.
        expected: CardSeen,
        /// What opens them.
        number: MatchingNumber,
    },
    /// Read the photograph of the same card.
    ReadPhoto {
        /// Awaited in the answer.
        ticket: Ticket,
        /// The reader.
        reader: String,
        /// The card that was read first.
        expected: CardSeen,
        /// What opens it.
        number: MatchingNumber,
    },
    /// Make the photograph ready for comparing.
    PrepareFace {
        /// Awaited in the answer.
        ticket: Ticket,
        /// The photograph.
        photo: Photo,
    },
    /// Begin a try: from now on, and until the next try or [`Effect::ForgetFace`], look at the
    /// frames of this screen and at no others.
    WatchFace(Watch),
    /// Forget the photograph, and look at nothing any more. Has no end.
    ForgetFace,
    /// Power the card off and let the reader go. Has no end.
    Release {
        /// The reader.
        reader: String,
    },
    /// Get a challenge from the engine.
    Challenge {
        /// Awaited in the answer.
        ticket: Ticket,
    },
    /// Open an engine session with what the card proved.
    Open {
        /// Awaited in the answer.
        ticket: Ticket,
        /// The engine's name for the challenge.
        challenge_id: String,
        /// The proof.
        signed: Signed,
        /// How the holder was recognised.
        method: Method,
        /// What carried the certificate.
        kind: TokenKind,
        /// Who confirmed, at 目視確認.
        staff: Option<StaffId>,
    },
    /// Look for the person of a new certificate.
    Find {
        /// Awaited in the answer.
        ticket: Ticket,
        /// The engine session.
        session: Personal<String>,
        /// By what.
        via: Via,
    },
    /// Bind the certificate to the person, both sides having confirmed.
    Bind {
        /// Awaited in the answer.
        ticket: Ticket,
        /// The engine session.
        session: Personal<String>,
        /// The person that was confirmed.
        candidate: Candidate,
        /// Who of the staff confirmed.
        staff: StaffId,
    },
    /// Ask for eligibility with the consents given.
    Ask {
        /// Awaited in the answer.
        ticket: Ticket,
        /// What was decided.
        asked: Asked,
    },
    /// Write the answer for the receipt computer. Has no end.
    Push(Personal<Arc<str>>),
    /// Show the answer to staff. Has no end.
    Report {
        /// How the patient was recognised.
        method: Method,
        /// The answer.
        answer: Answer,
    },
    /// Tell staff that an answer did not come after the patient had left. Has no end.
    ReportFailure {
        /// How the patient was recognised.
        method: Method,
        /// Why.
        failure: EngineFailure,
    },
    /// The intent was for another state; nothing was done.
    Stale,
}
