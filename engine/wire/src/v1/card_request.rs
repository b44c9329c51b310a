//! The requests of `/v1/card/…` as a client writes them, and as the interface's description shows them.
//! The centre reads them with the functions of [`super::card`].

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Asks for a challenge.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChallengeRequest {
    /// Names the facility's device; 1 to 64 printable characters.
    #[schema(example = "reader-1", min_length = 1, max_length = 64)]
    pub device: String,
}

/// Opens a session with the card's signature over a challenge.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionRequest {
    /// Which challenge was signed.
    pub challenge_id: String,
    /// The device that asked for it.
    #[schema(example = "reader-1")]
    pub device: String,
    /// 利用者証明用電子証明書 in DER, base64.
    pub certificate: String,
    /// The card's signature over the 32 bytes of the challenge, base64: RSA PKCS#1 v1.5 with SHA-256,
    /// or ECDSA P-384 with SHA-384, as the certificate's key says.
    pub signature: String,
    /// How the holder was recognised: `pin`, `face` or `visual` (not with phones), or `phone` (an
    /// iPhone that recognised its owner itself).
    #[schema(example = "pin")]
    pub method: String,
    /// What carries the certificate: `card`, `android`, `iphone` or `unknown`.
    #[schema(example = "card")]
    pub token_kind: String,
    /// The member of staff who looked; with `visual`, and only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
}

/// Registers the session's card as an insurance card (初回登録).
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RegistrationRequest {
    /// The session.
    pub session: String,
    /// How the person is found; left out with `confirm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<RegisterByRequest>,
    /// Both sides say that the person found is the holder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<ConfirmationRequest>,
}

/// How the person is found: by one of the two.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisterByRequest {
    /// 基本4情報 of the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<HolderRequest>,
    /// The insurance card's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insurance_card: Option<InsuranceCardRequest>,
}

/// 基本4情報
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HolderRequest {
    /// 氏名
    #[schema(example = "資格　花子")]
    pub name: String,
    /// 生年月日
    #[schema(example = "1980-04-01", format = Date)]
    pub birthdate: String,
    /// 性別 (OQSCD007)
    #[schema(example = "2")]
    pub sex: String,
    /// 住所
    #[schema(example = "架空県見本市中央1-2-3")]
    pub address: String,
}

/// The insurance card's data.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InsuranceCardRequest {
    /// 保険者番号
    #[schema(example = "01040013")]
    pub insurer_number: String,
    /// 記号; left out if the card has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// 番号
    pub number: String,
    /// 枝番; left out if the card has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// 生年月日
    #[schema(example = "1980-04-01", format = Date)]
    pub birthdate: String,
}

/// Both sides' yes.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfirmationRequest {
    /// Names the person that was shown.
    pub candidate: String,
    /// The patient says so.
    pub patient: bool,
    /// The member of staff who says so.
    pub staff: String,
}

/// Asks for the eligibility of the session's holder.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CardEligibilityRequest {
    /// The session.
    pub session: String,
    /// 資格確認日: today if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-01", format = Date)]
    pub confirmation_date: Option<String>,
    /// What the patient answered, by kind of information; kinds that were not asked about are left
    /// out. A no ends an earlier consent to this facility.
    #[serde(default)]
    pub consents: BTreeMap<String, bool>,
    /// 処方箋発行形態 (OQSCD017): 1 electronic, 2 paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1, minimum = 1, maximum = 2)]
    pub prescription_issue_select: Option<u8>,
    /// 任意のファイル識別子 for the receipt computer's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arbitrary_file_identifier: Option<String>,
}

/// Takes a consent back.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalRequest {
    /// The session.
    pub session: String,
    /// The kind of information.
    #[schema(example = "medication")]
    pub information_type: String,
}
