//! The answers of `/v1/card/…`.

use super::iso;
use super::response::EligibilityResponse;
use serde::{Deserialize, Serialize};
use shikaku_domain::{CertificateLife, Consent, Day, InformationType, Timestamp};
use std::borrow::Cow;
use utoipa::ToSchema;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn time(unix_seconds: u64) -> String {
    text(&iso::time(Timestamp::from_unix_seconds(unix_seconds)))
}

/// A challenge for the card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeResponse {
    /// 32 bytes in base64, to be signed by the card.
    pub challenge: String,
    /// Names the challenge when it is answered.
    pub challenge_id: String,
    /// Until when it can be answered.
    #[schema(example = "2026-11-01T09:01:00+09:00", format = DateTime)]
    pub expires_at: String,
}

impl ChallengeResponse {
    /// `expires` in Unix seconds.
    #[must_use]
    pub fn new(challenge: String, challenge_id: String, expires: u64) -> Self {
        Self { challenge, challenge_id, expires_at: time(expires) }
    }
}

/// A session of one card at one facility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionResponse {
    /// Names the session.
    pub session: String,
    /// When it ends.
    #[schema(example = "2026-11-01T09:15:00+09:00", format = DateTime)]
    pub expires_at: String,
    /// How the card's certificate stands.
    pub certificate: CertificateState,
    /// `registered` or `notRegistered` as an insurance card.
    #[schema(example = "registered")]
    pub registration: Cow<'static, str>,
    /// What the holder may be asked to share.
    pub may_consent_to: Vec<Cow<'static, str>>,
}

impl SessionResponse {
    /// `expires` in Unix seconds.
    #[must_use]
    pub fn new(
        session: String,
        expires: u64,
        certificate: CertificateState,
        is_registered: bool,
        may_consent_to: &[InformationType],
    ) -> Self {
        let registration = if is_registered { "registered" } else { "notRegistered" };
        Self {
            session,
            expires_at: time(expires),
            certificate,
            registration: registration.into(),
            may_consent_to: may_consent_to.iter().map(|one| one.name().into()).collect(),
        }
    }
}

/// How a certificate stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateState {
    /// `valid`, `expiresSoon` (within three months) or `grace` (expired; eligibility only).
    #[schema(example = "valid")]
    pub state: Cow<'static, str>,
    /// Its last second.
    #[schema(example = "2030-02-17T23:59:59+09:00", format = DateTime)]
    pub not_after: String,
    /// The last day of the grace.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub grace_until: Option<String>,
}

impl CertificateState {
    /// `not_after` in Unix seconds; `None` for a certificate that opens no session.
    #[must_use]
    pub fn new(life: CertificateLife, not_after: u64) -> Option<Self> {
        let day = |day: Day| text(&iso::day(day));
        let (state, grace_until) = match life {
            CertificateLife::Valid => ("valid", None),
            CertificateLife::ExpiresSoon => ("expiresSoon", None),
            CertificateLife::Grace { until } => ("grace", Some(day(until))),
            CertificateLife::NotYetValid | CertificateLife::Expired => return None,
        };
        Some(Self { state: state.into(), not_after: time(not_after), grace_until })
    }
}

/// Who was found for a registration.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistrationResponse {
    /// Names the person when both sides confirm.
    pub candidate: String,
    /// What patient and staff compare.
    pub person: ProposedPerson,
}

/// A person, for the holder and staff to recognise.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposedPerson {
    /// 氏名
    #[schema(example = "資格　花子")]
    pub name: String,
    /// 保険者名
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insurer_name: Option<String>,
    /// 番号, all but its end masked.
    #[schema(example = "**78")]
    pub card_number_masked: String,
}

/// The card is registered now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegisteredResponse {
    /// Always `registered`.
    #[schema(example = "registered")]
    pub registration: Cow<'static, str>,
}

/// The eligibility of a card's holder.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CardEligibilityResponse<'a> {
    /// The answer, as of `/v1/eligibility`.
    #[serde(borrow)]
    pub answer: EligibilityResponse<'a>,
    /// The same for the receipt computer: the OQS message with ReferenceClassification 1, as XML in
    /// UTF-8. The reader writes it to a file and need not understand it.
    pub receipt_message: String,
}

/// The holder's consents to the asking facility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentsResponse {
    /// One for each kind of information that was ever agreed to.
    pub consents: Vec<ConsentState>,
}

/// One consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentState {
    /// The kind of information.
    #[schema(example = "medication")]
    pub information_type: Cow<'static, str>,
    /// When it was given.
    #[schema(format = DateTime)]
    pub consented_at: String,
    /// 閲覧可能期限
    #[schema(format = DateTime)]
    pub available_until: String,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub withdrawn_at: Option<String>,
    /// Whether the information may be read now.
    pub available: bool,
}

impl ConsentState {
    /// A consent as it stands at `now`, in Unix seconds.
    #[must_use]
    pub fn new(consent: &Consent, now: u64) -> Self {
        Self {
            information_type: consent.information.name().into(),
            consented_at: time(consent.given),
            available_until: time(consent.available_until()),
            withdrawn_at: consent.withdrawn.map(time),
            available: consent.is_available(now),
        }
    }
}
