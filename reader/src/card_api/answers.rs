//! The engine's answers as they cross the line: the parts that this program uses.

use crate::session::Registration;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Problem {
    #[serde(default)]
    pub(super) code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChallengeAnswer {
    pub(super) challenge: String,
    pub(super) challenge_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionAnswer {
    pub(super) session: String,
    pub(super) certificate: CertificateAnswer,
    pub(super) registration: Registration,
    pub(super) may_consent_to: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CertificateAnswer {
    pub(super) state: String,
    pub(super) not_after: String,
    #[serde(default)]
    pub(super) grace_until: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RegistrationAnswer {
    pub(super) candidate: String,
    pub(super) person: PersonAnswer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PersonAnswer {
    pub(super) name: String,
    #[serde(default)]
    pub(super) insurer_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EligibilityAnswer {
    pub(super) answer: AnswerBody,
    pub(super) receipt_message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerBody {
    pub(super) qualification_validity: String,
    #[serde(default)]
    pub(super) notice: Option<Problem>,
    #[serde(default)]
    pub(super) eligibility: Option<PersonDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PersonDetails {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) birthdate: Option<String>,
    #[serde(default)]
    pub(super) insurer_name: Option<String>,
}
