//! The answer of `/v1/eligibility` as a client reads it, and as the interface's description shows
//! it. The engine writes the same document straight from a decision; see
//! [`super::EligibilityAnswer`].

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// An answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EligibilityResponse<'a> {
    /// When the centre answered, in Japan standard time.
    #[schema(example = "2026-11-01T09:00:00+09:00", format = DateTime)]
    pub process_execution_time: String,
    /// The day asked about.
    #[schema(example = "2026-11-01", format = Date)]
    pub qualification_confirmation_date: String,
    /// 資格有効性 (OQSCD006): 1 valid, 2 invalid, 3 invalid with a newer eligibility, 4 not found,
    /// 5 several people fit, 6 on 医療扶助 without a ticket for the month.
    #[schema(example = "1")]
    pub qualification_validity: Cow<'a, str>,
    /// What staff should look at, beside the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice<'a>>,
    /// The eligibility; left out where nothing may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<Eligibility<'a>>,
    /// 医療扶助 beside a medical insurance; only for a My Number card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medical_aid_eligibility: Option<Eligibility<'a>>,
    /// 処方箋発行形態 (OQSCD017) that the patient chose; only for a My Number card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prescription_issue_select: Option<Cow<'a, str>>,
    /// What the patient answered at the reader; only for a My Number card.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<ConsentGiven<'a>>,
}

/// What the patient answered about one kind of information.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentGiven<'a> {
    /// The kind: `limitApplicationCertificate`, `specificDiseases`, `medication`, `checkup`,
    /// `diagnosis` or `operation`.
    #[schema(example = "medication")]
    pub information_type: Cow<'a, str>,
    /// Whether the answer was yes.
    pub given: bool,
    /// When it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub consented_at: Option<String>,
    /// 閲覧可能期限: until when the information may be read, 24 hours later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub available_until: Option<String>,
}

/// A hint for staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice<'a> {
    /// The stable code.
    #[schema(example = "SHK-ANS-001")]
    pub code: Cow<'a, str>,
    /// What to do, in Japanese.
    pub ja: Cow<'a, str>,
    /// What to do, in English.
    pub en: Cow<'a, str>,
}

/// 資格: one membership.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Eligibility<'a> {
    /// 被保険者証の種類 (OQSCD010)
    #[schema(example = "01")]
    pub insured_card_classification: Cow<'a, str>,
    /// 保険者番号, six or eight digits
    #[schema(example = "01040013")]
    pub insurer_number: String,
    /// 保険者名
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "架空健康保険組合")]
    pub insurer_name: Option<Cow<'a, str>>,
    /// 記号
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "12-34")]
    pub insured_card_symbol: Option<Cow<'a, str>>,
    /// 番号
    #[schema(example = "5678")]
    pub insured_identification_number: Cow<'a, str>,
    /// 枝番
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "01")]
    pub insured_branch_number: Option<String>,
    /// 本人・家族の別 (OQSCD009)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_family_classification: Option<Cow<'a, str>>,
    /// 被保険者(世帯主)氏名
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insured_name: Option<Cow<'a, str>>,
    /// 氏名
    #[schema(example = "資格　花子")]
    pub name: Cow<'a, str>,
    /// 氏名(その他)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_of_other: Option<Cow<'a, str>>,
    /// 氏名カナ, half width
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ｼｶｸ ﾊﾅｺ")]
    pub name_kana: Option<Cow<'a, str>>,
    /// 氏名カナ(その他), half width
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_of_other_kana: Option<Cow<'a, str>>,
    /// 性別, front of the card (OQSCD007)
    #[schema(example = "2")]
    pub sex1: Cow<'a, str>,
    /// 性別, back of the card (OQSCD007)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex2: Option<Cow<'a, str>>,
    /// 生年月日
    #[schema(example = "1980-04-01", format = Date)]
    pub birthdate: String,
    /// 住所
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Cow<'a, str>>,
    /// 郵便番号
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "000-0000")]
    pub post_number: Option<String>,
    /// 資格取得年月日
    #[schema(example = "2025-04-01", format = Date)]
    pub qualification_date: String,
    /// 資格喪失年月日: the first day not covered
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub disqualification_date: Option<String>,
    /// 資格喪失事由 (OQSCD008)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_of_loss: Option<Cow<'a, str>>,
    /// 交付日
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub insured_certificate_issuance_date: Option<String>,
    /// 有効開始日
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub insured_card_valid_date: Option<String>,
    /// 有効終了日, the last valid day
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub insured_card_expiration_date: Option<String>,
    /// 後期高齢者の一部負担割合, three digits of percent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insured_partial_contribution_ratio: Option<Cow<'a, str>>,
    /// 未就学
    pub is_preschool: bool,
    /// 高齢受給者証
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elderly_recipient_certificate: Option<ElderlyRecipientCertificate<'a>>,
    /// 限度額適用認定証; only with the patient's consent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_application_certificate: Option<LimitApplicationCertificate<'a>>,
    /// 特定疾病療養受療証; only with the patient's consent at the reader
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub specific_diseases_certificates: Vec<SpecificDiseasesCertificate<'a>>,
    /// 医療券・調剤券
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub medical_tickets: Vec<MedicalTicketInfo<'a>>,
}

/// A period of validity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validity {
    /// The first valid day.
    #[schema(example = "2026-08-01", format = Date)]
    pub start_date: String,
    /// The last valid day; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-07-31", format = Date)]
    pub end_date: Option<String>,
}

/// 高齢受給者証
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElderlyRecipientCertificate<'a> {
    /// 交付日
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub issuance_date: Option<String>,
    /// 有効期間
    pub validity: Validity,
    /// 一部負担金の割合, three digits of percent
    #[schema(example = "020")]
    pub contribution_ratio: Cow<'a, str>,
}

/// 限度額適用認定証
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitApplicationCertificate<'a> {
    /// 証の種類 (OQSCD011)
    #[schema(example = "01")]
    pub classification: Cow<'a, str>,
    /// 適用区分 (OQSCD012)
    #[schema(example = "A03")]
    pub classification_flag: Cow<'a, str>,
    /// 交付日
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub issuance_date: Option<String>,
    /// 有効期間
    pub validity: Validity,
    /// 長期入院該当年月日
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub long_term_date: Option<String>,
}

/// 特定疾病療養受療証
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpecificDiseasesCertificate<'a> {
    /// 疾病の種類 (OQSCD013)
    #[schema(example = "1")]
    pub disease_category: Cow<'a, str>,
    /// 交付日
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub issuance_date: Option<String>,
    /// 有効期間
    pub validity: Validity,
    /// 自己負担限度額 in yen a month
    #[schema(example = 10000)]
    pub self_pay_amount: u32,
}

/// 医療券・調剤券
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MedicalTicketInfo<'a> {
    /// 医療券・調剤券別 (OQSCD018)
    #[schema(example = "01")]
    pub ticket_type: Cow<'a, str>,
    /// 有効期間
    pub validity: Validity,
    /// 交付番号
    pub issue_number: Cow<'a, str>,
    /// 診療年月
    #[schema(example = "2026-11")]
    pub medical_treatment_month: String,
    /// 指定医療機関コード
    #[schema(example = "1311111111")]
    pub designated_medical_institution_code: Cow<'a, str>,
    /// 指定医療機関名
    pub designated_medical_institution_name: Cow<'a, str>,
    /// 指定医療機関確認フラグ (OQSCD026): 0 the asking facility, 1 another
    #[schema(example = "0")]
    pub designated_medical_institution_flag: Cow<'a, str>,
    /// 診療別 (OQSCD019)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medical_treatment_type: Option<Cow<'a, str>>,
    /// 本人支払額 in yen
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_pay_amount: Option<u32>,
    /// 単独・併用別 (OQSCD020)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single_or_combined_use: Option<Cow<'a, str>>,
}
