//! The small records inside others: days, periods and certificates.

use super::codes::CodeByte;
use crate::codec::Damage;
use bincode::{BorrowDecode, Encode};
use shikaku_domain::{
    Day, ElderlyRecipientCertificate, LimitApplicationCertificate, MedicalInstitutionCode,
    MedicalTicket, Month, Period, Personal, SpecificDiseasesCertificate,
};
use std::borrow::Cow;

/// Days since 1868-01-01; three bytes for days of our time.
pub(super) type DayNumber = u32;

pub(super) fn day(number: DayNumber) -> Result<Day, Damage> {
    Day::from_number(number).ok_or("no such day")
}

/// A period. An end before the start cannot be written down.
#[derive(Encode, BorrowDecode)]
pub(super) struct PeriodRecord {
    start: DayNumber,
    /// 0 while open, else one more than the number of covered days.
    length: u32,
}

impl From<Period> for PeriodRecord {
    fn from(period: Period) -> Self {
        let start = period.start().number();
        Self { start, length: period.end().map_or(0, |end| end.number() - start + 1) }
    }
}

impl TryFrom<PeriodRecord> for Period {
    type Error = Damage;

    fn try_from(PeriodRecord { start, length }: PeriodRecord) -> Result<Self, Damage> {
        let end = match length.checked_sub(1) {
            None => None,
            Some(days) => Some(day(start.checked_add(days).ok_or("no such day")?)?),
        };
        Self::new(day(start)?, end).map_err(|_| "a period that ends before it starts")
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct ElderlyRecord {
    issued: Option<DayNumber>,
    valid: PeriodRecord,
    contribution_ratio: u8,
}

impl From<&ElderlyRecipientCertificate> for ElderlyRecord {
    fn from(certificate: &ElderlyRecipientCertificate) -> Self {
        let ElderlyRecipientCertificate { issued, valid, contribution_ratio } = *certificate;
        Self {
            issued: issued.map(Day::number),
            valid: valid.into(),
            contribution_ratio: contribution_ratio.byte(),
        }
    }
}

impl TryFrom<ElderlyRecord> for ElderlyRecipientCertificate {
    type Error = Damage;

    fn try_from(record: ElderlyRecord) -> Result<Self, Damage> {
        let ElderlyRecord { issued, valid, contribution_ratio } = record;
        Ok(Self {
            issued: issued.map(day).transpose()?,
            valid: valid.try_into()?,
            contribution_ratio: CodeByte::from_byte(contribution_ratio)?,
        })
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct LimitRecord {
    classification: u8,
    classification_flag: u8,
    issued: Option<DayNumber>,
    valid: PeriodRecord,
    long_term: Option<DayNumber>,
}

impl From<&LimitApplicationCertificate> for LimitRecord {
    fn from(certificate: &LimitApplicationCertificate) -> Self {
        let LimitApplicationCertificate {
            classification,
            classification_flag,
            issued,
            valid,
            long_term,
        } = *certificate;
        Self {
            classification: classification.byte(),
            classification_flag: classification_flag.byte(),
            issued: issued.map(Day::number),
            valid: valid.into(),
            long_term: long_term.map(Day::number),
        }
    }
}

impl TryFrom<LimitRecord> for LimitApplicationCertificate {
    type Error = Damage;

    fn try_from(record: LimitRecord) -> Result<Self, Damage> {
        let LimitRecord { classification, classification_flag, issued, valid, long_term } = record;
        Ok(Self {
            classification: CodeByte::from_byte(classification)?,
            classification_flag: CodeByte::from_byte(classification_flag)?,
            issued: issued.map(day).transpose()?,
            valid: valid.try_into()?,
            long_term: long_term.map(day).transpose()?,
        })
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct SpecificDiseasesRecord {
    category: u8,
    issued: Option<DayNumber>,
    valid: PeriodRecord,
    self_pay_yen: u32,
}

impl From<&SpecificDiseasesCertificate> for SpecificDiseasesRecord {
    fn from(certificate: &SpecificDiseasesCertificate) -> Self {
        let SpecificDiseasesCertificate { category, issued, valid, self_pay_yen } = *certificate;
        Self {
            category: category.byte(),
            issued: issued.map(Day::number),
            valid: valid.into(),
            self_pay_yen,
        }
    }
}

impl TryFrom<SpecificDiseasesRecord> for SpecificDiseasesCertificate {
    type Error = Damage;

    fn try_from(record: SpecificDiseasesRecord) -> Result<Self, Damage> {
        let SpecificDiseasesRecord { category, issued, valid, self_pay_yen } = record;
        Ok(Self {
            category: CodeByte::from_byte(category)?,
            issued: issued.map(day).transpose()?,
            valid: valid.try_into()?,
            self_pay_yen,
        })
    }
}

#[derive(Encode, BorrowDecode)]
pub(super) struct TicketRecord<'a> {
    ticket_type: u8,
    valid: PeriodRecord,
    issue_number: &'a str,
    /// The month's first day.
    treatment_month: DayNumber,
    institution: &'a str,
    institution_name: &'a str,
    treatment_type: Option<u8>,
    self_pay_yen: Option<u32>,
    use_with_other: Option<u8>,
}

impl<'r> From<&'r MedicalTicket<'_>> for TicketRecord<'r> {
    fn from(ticket: &'r MedicalTicket<'_>) -> Self {
        let MedicalTicket {
            ticket_type,
            valid,
            issue_number,
            treatment_month,
            institution,
            institution_name,
            treatment_type,
            self_pay_yen,
            use_with_other,
        } = ticket;
        Self {
            ticket_type: ticket_type.byte(),
            valid: (*valid).into(),
            issue_number: issue_number.expose(),
            treatment_month: Month::first_day(*treatment_month).number(),
            institution: institution.as_str(),
            institution_name: institution_name.expose(),
            treatment_type: treatment_type.map(CodeByte::byte),
            self_pay_yen: *self_pay_yen,
            use_with_other: use_with_other.map(CodeByte::byte),
        }
    }
}

/// The ticket has texts of its own: a record is decoded apart from its bytes.
impl TryFrom<TicketRecord<'_>> for MedicalTicket<'static> {
    type Error = Damage;

    fn try_from(record: TicketRecord<'_>) -> Result<Self, Damage> {
        let TicketRecord {
            ticket_type,
            valid,
            issue_number,
            treatment_month,
            institution,
            institution_name,
            treatment_type,
            self_pay_yen,
            use_with_other,
        } = record;
        let own = |text: &str| Personal::new(Cow::Owned(text.to_owned()));
        Ok(Self {
            ticket_type: CodeByte::from_byte(ticket_type)?,
            valid: valid.try_into()?,
            issue_number: own(issue_number),
            treatment_month: day(treatment_month)?.month(),
            institution: MedicalInstitutionCode::parse(institution)
                .map_err(|_| "no such institution code")?,
            institution_name: own(institution_name),
            treatment_type: treatment_type.map(CodeByte::from_byte).transpose()?,
            self_pay_yen,
            use_with_other: use_with_other.map(CodeByte::from_byte).transpose()?,
        })
    }
}

/// A list of records.
// HOT PATH: nearly all lists are empty, and the machinery behind `collect` does not know it.
pub(super) fn all<R, T: TryFrom<R, Error = Damage>>(records: Vec<R>) -> Result<Vec<T>, Damage> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    records.into_iter().map(T::try_from).collect()
}
