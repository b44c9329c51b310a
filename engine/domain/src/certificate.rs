//! The papers that come with an eligibility: who pays how much of what.

use crate::registration::Text;
use crate::{
    ContributionRatio, Day, InsurerNumber, LimitApplicationCertificateClassification,
    LimitApplicationCertificateClassificationFlag, MedicalInstitutionCode, MedicalTreatmentType,
    Month, Period, SingleOrCombinedUse, SpecificDiseasesCategory, TicketType,
};

/// 高齢受給者証: the share that a person of 70 to 74 pays (§a of §1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElderlyRecipientCertificate {
    /// 交付日
    pub issued: Option<Day>,
    /// 有効期間; the interface's end date is the last valid day, the period's end the day after.
    pub valid: Period,
    /// 一部負担金の割合
    pub contribution_ratio: ContributionRatio,
}

/// 限度額適用認定証: the most that a person pays in a month (§b of §1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitApplicationCertificate {
    /// 証の種類
    pub classification: LimitApplicationCertificateClassification,
    /// 適用区分
    pub classification_flag: LimitApplicationCertificateClassificationFlag,
    /// 交付日
    pub issued: Option<Day>,
    /// 有効期間
    pub valid: Period,
    /// 長期入院該当年月日: more than 90 days in hospital in 区分Ⅱ.
    pub long_term: Option<Day>,
}

/// 特定疾病療養受療証 (§c of §1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecificDiseasesCertificate {
    /// 疾病の種類
    pub category: SpecificDiseasesCategory,
    /// 交付日
    pub issued: Option<Day>,
    /// 有効期間
    pub valid: Period,
    /// 自己負担限度額 in yen a month.
    pub self_pay_yen: u32,
}

/// 医療券・調剤券: the monthly ticket that 医療扶助 needs (§d of §1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MedicalTicket<'a> {
    /// 医療券・調剤券別
    pub ticket_type: TicketType,
    /// 有効期間
    pub valid: Period,
    /// 交付番号
    pub issue_number: Text<'a>,
    /// 診療年月
    pub treatment_month: Month,
    /// 指定医療機関コード
    pub institution: MedicalInstitutionCode,
    /// 指定医療機関名
    pub institution_name: Text<'a>,
    /// 診療別
    pub treatment_type: Option<MedicalTreatmentType>,
    /// 本人支払額 in yen
    pub self_pay_yen: Option<u32>,
    /// 単独・併用別
    pub use_with_other: Option<SingleOrCombinedUse>,
}

/// 保険者: what the centre knows of one insurer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insurer {
    /// 保険者番号
    pub number: InsurerNumber,
    /// 保険者名; for 医療扶助 the welfare office (福祉事務所).
    pub name: String,
}
