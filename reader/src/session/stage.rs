//! Where a session stands.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use shikaku_face::quality::Advice;

use super::camera::{FaceTrouble, Refusals};
use super::digits::Pin;
use super::facts::{
    Candidate, CardSeen, Challenge, Consents, Information, Method, Moment, Opened, SessionId,
    StaffId, Ticket,
};

/// How long each kind of waiting lasts, in milliseconds, and what this place offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The patient decides or types something.
    pub patient_ms: u64,
    /// Staff decide something.
    pub staff_ms: u64,
    /// Cards and the engine work.
    pub work_ms: u64,
    /// A last screen without a card stays.
    pub last_ms: u64,
    /// A note on the way stays before it goes on by itself.
    pub note_ms: u64,
    /// Until a reader that another program holds is tried again.
    pub retry_ms: u64,
    /// For how long tries before the camera that matched nobody count against a card. Records of
    /// before there was a camera have none.
    #[serde(default)]
    pub face_memory_ms: u64,
    /// Tries before the camera that a card has in that time.
    #[serde(default)]
    pub face_tries: u32,
    /// What this place offers.
    pub offer: Offer,
}

/// What this place offers beside the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The terminal has a certificate that cards accept, so that staff can recognise the holder.
    pub visual: bool,
    /// Beside that certificate there are models that compare faces.
    #[serde(default)]
    pub face: bool,
    /// They are the engine's: the photograph and the camera's pictures go there.
    #[serde(default)]
    pub face_at_centre: bool,
    /// Patients are asked how they want their prescription.
    pub prescription: bool,
}

/// The card and whoever brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// Name of the session.
    pub session: SessionId,
    /// Where the card lies.
    pub reader: String,
    /// What was read first. Empty only while reading.
    pub card: Option<CardSeen>,
    /// How the holder was recognised, or is going to be.
    pub method: Method,
    /// The card's photograph was opened and shows no face that can be compared.
    pub photo_is_unusable: bool,
    /// The engine session, once there is one.
    pub opened: Option<Opened>,
    /// What was agreed to so far.
    pub consents: Consents,
    /// How often this screen's time was prolonged.
    pub prolonged: u8,
}

/// What the machine waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A reader, or a card.
    Idle,
    /// The card to be read.
    Reading(Ticket),
    /// The reader to be free again.
    Busy,
    /// The patient to choose how to be recognised.
    ChooseMethod,
    /// The PIN; `wrong` after a wrong one.
    EnterPin {
        /// Whether the last one was wrong.
        wrong: bool,
        /// Whether the patient agreed to use the last try for the PIN that comes now.
        use_last_try: bool,
    },
    /// A yes to the last try.
    LastTry,
    /// The patient to choose another way: the PIN is blocked.
    PinBlocked,
    /// Staff to compare the face.
    Visual,
    /// What stands on the card, to open its photograph; `wrong` after a wrong one.
    FaceNumber {
        /// Whether the last one was wrong.
        wrong: bool,
    },
    /// The card's photograph.
    ReadingPhoto(Ticket),
    /// The photograph to be made ready for comparing.
    PreparingFace(Ticket),
    /// The camera to see the face.
    Camera {
        /// Of the try: awaited in each look.
        ticket: Ticket,
        /// What the last frame that was of no use lacked.
        advice: Option<Advice>,
        /// Frames used so far.
        used: u32,
        /// Frames that a decision takes; 0 before the first was used.
        of: u32,
    },
    /// The patient to try again or to choose another way: the face was not the photograph's.
    FaceUnknown {
        /// Whether another try can begin at once.
        is_ready: bool,
    },
    /// The patient to choose another way: no face can be compared.
    FaceTrouble(FaceTrouble),
    /// A challenge, with what is used then.
    GettingChallenge {
        /// Awaited.
        ticket: Ticket,
        /// The key to the card.
        key: Key,
    },
    /// The card's signature.
    Signing {
        /// Awaited.
        ticket: Ticket,
        /// What is signed.
        challenge: Challenge,
        /// Who confirmed, at 目視確認.
        staff: Option<StaffId>,
    },
    /// The engine's word about the certificate.
    Opening(Ticket),
    /// The patient to agree to 初回登録; `wrong` after a wrong number.
    RegisterOffer {
        /// Whether the number was wrong.
        wrong: bool,
    },
    /// The card's attributes.
    ReadingAttributes(Ticket),
    /// Staff to type an insurance card.
    RegisterData,
    /// The engine to find the person.
    Finding(Ticket),
    /// The patient to say that the person is right.
    RegisterConfirm(Candidate),
    /// Staff to say so too.
    RegisterStaff(Candidate),
    /// The engine to bind.
    Binding(Ticket),
    /// A moment to read that it is done.
    Registered,
    /// The medical consents.
    ConsentMedical,
    /// The other consents and the form of the prescription.
    ConsentProvide,
    /// The answer.
    Asking(Ticket),
    /// The card to be taken.
    Done {
        /// Where it lies.
        reader: String,
        /// 資格有効性.
        validity: String,
        /// What the patient should know about the certificate.
        notice: Option<Notice>,
    },
    /// The card to be taken, after an end without an answer.
    Ended {
        /// Where it lies, or lay.
        reader: String,
        /// Why.
        ending: Ending,
        /// A code for staff.
        code: Option<String>,
    },
}

/// What unlocks the card, kept until a challenge is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The PIN, and whether the last try may be used.
    Pin {
        /// The digits.
        pin: Pin,
        /// Whether the patient agreed to use the last try.
        use_last_try: bool,
    },
    /// Staff recognised the holder.
    Staff(StaffId),
    /// The camera did.
    Face,
    /// The telephone recognised its owner.
    Phone,
}

/// What the patient should know about the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It ends in so many days.
    ExpiresSoon(i64),
    /// It has ended; eligibility works for so many days.
    Grace(i64),
}

impl Notice {
    /// The notice that belongs to an engine session.
    #[must_use]
    pub fn of(opened: &Opened) -> Option<Self> {
        opened.grace_days.map(Self::Grace).or(opened.expires_in_days.map(Self::ExpiresSoon))
    }
}

/// Why a session ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// No My Number Card.
    NotMyNumberCard,
    /// The card left before it was done.
    RemovedTooEarly,
    /// Another card lay there.
    CardChanged,
    /// The card cannot be used.
    CardTrouble,
    /// Certificate and grace are over.
    CertificateExpired,
    /// The certificate is not valid yet.
    CertificateNotYetValid,
    /// The certificate was revoked.
    CertificateRevoked,
    /// The telephone has not recognised its owner.
    PhoneLocked,
    /// The certificate is of nobody we trust.
    CertificateUntrusted,
    /// No such person.
    NotFound,
    /// The engine gave no answer.
    EngineDown,
    /// Nobody did anything.
    TimedOut,
    /// The patient, or staff, did not want to go on.
    Cancelled,
}

/// Everything that is remembered. Nothing of it is ever written to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Number of the screen: grows with each change that a page must know of.
    pub seq: u64,
    /// Readers that can be used.
    pub readers: Vec<String>,
    /// Readers in which a card lies.
    pub present: BTreeSet<String>,
    /// The session, if there is one.
    pub patient: Option<Patient>,
    /// Where it stands.
    pub stage: Stage,
    /// When the stage is over.
    pub deadline: Option<Moment>,
    /// Answers under way, with how the patient was recognised; the patient may have left.
    pub asked: Vec<(Ticket, Method)>,
    /// Tries before the camera that matched nobody.
    pub refusals: Refusals,
    /// The limits.
    pub limits: Limits,
    pub(super) last_ticket: u64,
}

impl State {
    /// The state at the start.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            seq: 1,
            readers: Vec::new(),
            present: BTreeSet::new(),
            patient: None,
            stage: Stage::Idle,
            deadline: None,
            asked: Vec::new(),
            refusals: Refusals::new(),
            limits,
            last_ticket: 0,
        }
    }

    /// What the patient can be asked now: of the medical kinds or of the others.
    #[must_use]
    pub fn askable(&self, medical: bool) -> BTreeSet<Information> {
        let may = self.patient.as_ref().and_then(|patient| patient.opened.as_ref());
        let of_this_kind = |information: &Information| information.is_medical() == medical;
        may.map(|opened| opened.may_consent_to.iter().copied().filter(of_this_kind).collect())
            .unwrap_or_default()
    }

    /// Whether the form of the prescription is asked. In the grace there is eligibility and nothing
    /// else.
    #[must_use]
    pub fn asks_for_prescription(&self) -> bool {
        let opened = self.patient.as_ref().and_then(|patient| patient.opened.as_ref());
        self.limits.offer.prescription && opened.is_some_and(|o| o.grace_days.is_none())
    }

    /// Whether a telephone lies there.
    #[must_use]
    pub fn is_phone(&self) -> bool {
        let card = self.patient.as_ref().and_then(|patient| patient.card.as_ref());
        card.is_some_and(|card| card.kind.is_phone())
    }

    /// Tries left for the PIN of the card that lies there.
    #[must_use]
    pub fn tries(&self) -> Option<u8> {
        self.patient.as_ref()?.card.as_ref()?.tries
    }
}
