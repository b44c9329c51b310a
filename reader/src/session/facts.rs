//! What is known about a card, a person and an answer while a session lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shikaku_domain::Personal;

/// Milliseconds since the program started, by the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment this many milliseconds later.
    #[must_use]
    pub const fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

/// Name of one patient's session at this reader: random, made by whoever saw the card come.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionId(pub String);

/// Number of one effect; its end carries it back. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// Who of the staff confirmed something: goes into the engine's audit.
///
/// Invariant: 1 to 32 letters, digits, `-`, `_` or `.`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StaffId(String);

impl StaffId {
    /// Longest id in characters.
    pub const CHARS_MAX: usize = 32;

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StaffId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=Self::CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        fits.then_some(Self(text)).ok_or("a staff id has 1 to 32 letters, digits, '-', '_' or '.'")
    }
}

impl From<StaffId> for String {
    fn from(id: StaffId) -> Self {
        id.0
    }
}

/// What carries the certificate, by its token information (card §1.3, §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenKind {
    /// A plastic card, of today or before.
    Card,
    /// スマホ用電子証明書 of Android: shows its certificate only after the PIN.
    Android,
    /// Of an iPhone, which checks its owner itself.
    Iphone,
    /// A label that is not known yet. Never refused for that.
    Unknown,
}

impl TokenKind {
    /// Whether it is a telephone: it has no photo and no text to read, and knows no terminal.
    #[must_use]
    pub const fn is_phone(self) -> bool {
        match self {
            Self::Android | Self::Iphone => true,
            Self::Card | Self::Unknown => false,
        }
    }
}

/// A card as it was when it came: what every later step is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardSeen {
    /// What it is.
    pub kind: TokenKind,
    /// EF 0006 as read.
    pub token: Arc<[u8]>,
    /// EF 000A in DER; `None` for a token that shows it only after the PIN.
    pub certificate: Option<Arc<[u8]>>,
    /// Tries that are left for the PIN; `None` when the token does not count.
    pub tries: Option<u8>,
}

/// What a card proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The certificate in DER, read right before signing.
    pub certificate: Arc<[u8]>,
    /// The signature over the challenge.
    pub signature: Arc<[u8]>,
}

/// The engine's challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The bytes to sign.
    pub bytes: [u8; 32],
    /// The engine's name for it.
    pub id: String,
}

/// How the holder was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// 暗証番号.
    Pin,
    /// 顔認証.
    Face,
    /// 目視確認 by staff.
    Visual,
    /// By the telephone itself, before it was held to the reader: nothing is asked at the kiosk.
    Phone,
}

/// Whether the engine knows whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Registration {
    /// It is bound to a person.
    Registered,
    /// 初回登録 is needed.
    NotRegistered,
}

/// An engine session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The engine's name for it: a secret between this reader and the engine.
    pub session: Personal<String>,
    /// Whether the person is known.
    pub registration: Registration,
    /// What the patient can be asked to consent to.
    pub may_consent_to: BTreeSet<Information>,
    /// Days until the certificate ends, when it ends soon.
    pub expires_in_days: Option<i64>,
    /// Days until the grace ends, when the certificate has ended.
    pub grace_days: Option<i64>,
}

/// Kinds of information that a patient consents to, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Information {
    /// 薬剤情報.
    Medication,
    /// 特定健診情報.
    Checkup,
    /// 診療情報.
    Diagnosis,
    /// 手術情報.
    Operation,
    /// 限度額適用認定証.
    LimitApplicationCertificate,
    /// 特定疾病療養受療証.
    SpecificDiseases,
}

impl Information {
    /// Every kind, in the order in which it is asked.
    pub const ALL: [Self; 6] = [
        Self::Medication,
        Self::Checkup,
        Self::Diagnosis,
        Self::Operation,
        Self::LimitApplicationCertificate,
        Self::SpecificDiseases,
    ];

    /// Whether it is asked in step 4, with what doctors and pharmacists look at.
    #[must_use]
    pub const fn is_medical(self) -> bool {
        match self {
            Self::Medication | Self::Checkup | Self::Diagnosis | Self::Operation => true,
            Self::LimitApplicationCertificate | Self::SpecificDiseases => false,
        }
    }
}

/// What a patient answered, for each kind that was asked about. A no counts: it ends an earlier yes.
pub type Consents = BTreeMap<Information, bool>;

/// 処方箋発行形態.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Prescription {
    /// 電子処方箋.
    Electronic,
    /// 紙の処方箋.
    Paper,
}

impl TryFrom<u8> for Prescription {
    type Error = &'static str;

    fn try_from(code: u8) -> Result<Self, Self::Error> {
        match code {
            1 => Ok(Self::Electronic),
            2 => Ok(Self::Paper),
            _ => Err("prescriptionIssueSelect is 1 or 2"),
        }
    }
}

impl From<Prescription> for u8 {
    fn from(form: Prescription) -> Self {
        match form {
            Prescription::Electronic => 1,
            Prescription::Paper => 2,
        }
    }
}

/// The four attributes of the card's text (card §1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// 氏名.
    pub name: Personal<String>,
    /// 住所.
    pub address: Personal<String>,
    /// 生年月日, `YYYYMMDD`.
    pub birthdate: Personal<String>,
    /// 性別, one digit (OQSCD007).
    pub sex: Personal<String>,
}

/// What stands on an insurance card, as staff typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsuranceCard {
    /// 保険者番号.
    pub insurer_number: Personal<String>,
    /// 記号.
    pub symbol: Option<Personal<String>>,
    /// 番号.
    pub number: Personal<String>,
    /// 枝番.
    pub branch: Option<Personal<String>>,
    /// 生年月日, `yyyyMMdd`.
    pub birthdate: Personal<String>,
}

/// By what a person is looked for at the first registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// The attributes that the card holds.
    Card(Attributes),
    /// An insurance card.
    InsuranceCard(InsuranceCard),
}

/// The person that the engine found at the first registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The engine's token for this choice.
    pub token: Personal<String>,
    /// 氏名, to be confirmed.
    pub name: Personal<String>,
    /// 保険者名, to be confirmed.
    pub insurer_name: Option<Personal<String>>,
}

/// What the patient decided; asked of the engine once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The engine session.
    pub session: Personal<String>,
    /// What was agreed to and what was refused.
    pub consents: Consents,
    /// Which form of prescription, if it was asked.
    pub prescription: Option<Prescription>,
}

/// The engine's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 資格有効性 (OQSCD006), one digit.
    pub validity: String,
    /// 氏名; left out where nothing may be shown.
    pub name: Option<Personal<String>>,
    /// 生年月日.
    pub birthdate: Option<Personal<String>>,
    /// 保険者名.
    pub insurer_name: Option<Personal<String>>,
    /// Codes of hints for staff.
    pub notices: Vec<String>,
    /// The message for the receipt computer, whole.
    pub message: Personal<Arc<str>>,
}
