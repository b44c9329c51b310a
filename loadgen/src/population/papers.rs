//! The papers that come with a registration: 高齢受給者証, 限度額適用認定証, 特定疾病療養受療証 and
//! 医療券.

use super::days::{anniversary, first_of_next_month, month_start, renewal_after, renewal_before};
use super::place::full_width;
use super::rng::Rng;
use shikaku_domain::{
    ContributionRatio, Day, ElderlyRecipientCertificate, LimitApplicationCertificate,
    LimitApplicationCertificateClassification as Classification,
    LimitApplicationCertificateClassificationFlag as Flag, MedicalInstitutionCode, MedicalTicket,
    MedicalTreatmentType, Period, Registration, Scheme, Sex, SingleOrCombinedUse,
    SpecificDiseasesCategory, SpecificDiseasesCertificate, Text, TicketType, check_digit,
};
use std::borrow::Cow;

/// Share of people with a limit certificate on file, per mille, below 70 and from 70 on.
const HAS_LIMIT: [u32; 2] = [45, 160];
/// Share of limit certificates whose successor from 1 August is registered already, per mille.
const HAS_NEXT_LIMIT: u32 = 250;
/// Share of people on 医療扶助 whose ticket for the month is registered, per mille.
const HAS_TICKET: u32 = 820;
/// 特定疾病, per million: dialysis from 40 on, clotting disorder (men), HIV by blood products.
const DIALYSIS: u32 = 4_500;
const CLOTTING: u32 = 90;
const HIV: u32 = 6;

/// Adds to a registration that covers `date` what its holder has on file.
pub(super) fn add(registration: &mut Registration<'static>, date: Day, rng: &mut Rng) {
    let birth = registration.card.birthdate;
    let is_elderly = anniversary(birth, 70) <= date;
    let ratio = ratio(rng);
    match registration.card.insurer.scheme() {
        Scheme::MedicalAid => {
            registration.medical_tickets = tickets(registration, date, rng);
            return;
        }
        Scheme::LateStageElderly => registration.contribution_ratio = Some(ratio),
        Scheme::NationalHealthInsurance | Scheme::EmployeesInsurance | Scheme::Other => {
            if is_elderly {
                registration.elderly_recipient = elderly_recipient(birth, ratio, date);
            }
        }
    }
    let [younger, older] = HAS_LIMIT;
    if rng.per_mille(if is_elderly { older } else { younger }) {
        registration.limit_application = limits(registration, ratio, is_elderly, date, rng);
    }
    registration.specific_diseases = diseases(registration, date, rng);
}

/// 一部負担割合 of those over 75 (and, with 2割 for 1割, over 70).
fn ratio(rng: &mut Rng) -> ContributionRatio {
    match rng.below(100) {
        0..=71 => ContributionRatio::Ten,
        72..=92 => ContributionRatio::Twenty,
        _ => ContributionRatio::Thirty,
    }
}

fn until(start: Day, end: Day) -> Option<Period> {
    Period::new(start, Some(end)).ok()
}

/// Valid from the month after the 70th birthday (those born on the 1st: from it) to 31 July each
/// year, at the latest until the 75th birthday. The next one is on file from June on.
fn elderly_recipient(
    birth: Day,
    ratio: ContributionRatio,
    date: Day,
) -> Vec<ElderlyRecipientCertificate> {
    let seventy = anniversary(birth, 70);
    let first =
        if month_start(seventy) == seventy { seventy } else { first_of_next_month(seventy) };
    let last = anniversary(birth, 75);
    let contribution_ratio = match ratio {
        ContributionRatio::Ten | ContributionRatio::Twenty => ContributionRatio::Twenty,
        ContributionRatio::Thirty => ContributionRatio::Thirty,
    };
    let renewal = renewal_after(date);
    let next = renewal.saturating_add_days(-60) <= date;
    let this_year = (renewal_before(date).max(first), renewal.min(last));
    let next_year = (renewal.max(first), anniversary(renewal, 1).min(last));
    [Some(this_year), next.then_some(next_year)]
        .into_iter()
        .flatten()
        .filter(|(start, end)| start < end)
        .filter_map(|(start, end)| until(start, end))
        .map(|valid| ElderlyRecipientCertificate {
            issued: Some(valid.start().saturating_add_days(-14)),
            valid,
            contribution_ratio,
        })
        .collect()
}

fn limits(
    registration: &Registration<'_>,
    ratio: ContributionRatio,
    is_elderly: bool,
    date: Day,
    rng: &mut Rng,
) -> Vec<LimitApplicationCertificate> {
    let flag = limit_flag(ratio, is_elderly, rng);
    let is_low_income = matches!(flag, Flag::O | Flag::LowIncome2 | Flag::LowIncome1);
    let classification =
        if is_low_income { Classification::LimitAndReduction } else { Classification::Limit };
    // Issued on application, from the first of a month, until 31 July.
    let renewal = renewal_after(date);
    let applied = month_start(date.saturating_add_days(-random_days(rng, 300)));
    let start = applied.max(renewal_before(date)).max(registration.period.start());
    let long_term = (flag == Flag::LowIncome2 && rng.per_mille(150)).then_some(start);
    let this_year = until(start, renewal);
    let next_year =
        if rng.per_mille(HAS_NEXT_LIMIT) { until(renewal, anniversary(renewal, 1)) } else { None };
    let cut = registration.period.end().unwrap_or(Day::MAX);
    [this_year, next_year]
        .into_iter()
        .flatten()
        .filter(|valid| valid.start() < cut)
        .map(|valid| LimitApplicationCertificate {
            classification,
            classification_flag: flag,
            issued: Some(valid.start()),
            valid,
            long_term,
        })
        .collect()
}

fn limit_flag(ratio: ContributionRatio, is_elderly: bool, rng: &mut Rng) -> Flag {
    let at = rng.below(100);
    match (is_elderly, ratio, at) {
        (false, _, 0..=9) => Flag::A,
        (false, _, 10..=24) => Flag::I,
        (false, _, 25..=59) => Flag::U,
        (false, _, 60..=81) => Flag::E,
        (false, _, _) => Flag::O,
        (true, ContributionRatio::Thirty, 0..=29) => Flag::ActiveIncome3,
        (true, ContributionRatio::Thirty, 30..=59) => Flag::ActiveIncome2,
        (true, ContributionRatio::Thirty, _) => Flag::ActiveIncome1,
        (true, ContributionRatio::Twenty, _) => Flag::General,
        (true, ContributionRatio::Ten, 0..=59) => Flag::LowIncome2,
        (true, ContributionRatio::Ten, _) => Flag::LowIncome1,
    }
}

fn diseases(
    registration: &Registration<'_>,
    date: Day,
    rng: &mut Rng,
) -> Vec<SpecificDiseasesCertificate> {
    let is_over_40 = anniversary(registration.card.birthdate, 40) <= date;
    let is_male = registration.sex1 == Sex::Male;
    let at = rng.below(1_000_000);
    let (category, self_pay_yen) = if is_over_40 && at < DIALYSIS {
        // 人工透析 costs people under 70 with a high income twice as much.
        let yen = if rng.per_mille(150) { 20_000 } else { 10_000 };
        (SpecificDiseasesCategory::KidneyFailure, yen)
    } else if is_male && at >= 1_000_000 - CLOTTING {
        (SpecificDiseasesCategory::ClottingDisorder, 10_000)
    } else if (DIALYSIS..DIALYSIS + HIV).contains(&at) {
        (SpecificDiseasesCategory::Hiv, 10_000)
    } else {
        return Vec::new();
    };
    let start = date.saturating_add_days(-random_days(rng, 2_000)).max(registration.period.start());
    Period::new(month_start(start).max(registration.period.start()), None)
        .ok()
        .map(|valid| SpecificDiseasesCertificate {
            category,
            issued: Some(valid.start()),
            valid,
            self_pay_yen,
        })
        .into_iter()
        .collect()
}

/// Names that nobody can mistake for a real facility.
const CLINICS: [&str; 6] = ["あおぞら", "みどりの", "ひだまり", "さくら坂", "こもれび", "ほしぞら"];

/// The month's 医療券 for one clinic, and for some its pharmacy's 調剤券.
fn tickets(
    registration: &Registration<'_>,
    date: Day,
    rng: &mut Rng,
) -> Vec<MedicalTicket<'static>> {
    if !rng.per_mille(HAS_TICKET) {
        return Vec::new();
    }
    let start = month_start(date).max(registration.period.start());
    let Ok(valid) = Period::new(start, Some(first_of_next_month(date))) else {
        return Vec::new();
    };
    let prefecture = registration.card.insurer.number() / 10_000 % 100;
    let clinic = rng.one_of(&CLINICS);
    let number = rng.below(1_000);
    let wide: String = number.to_string().chars().map(full_width).collect();
    let has_pharmacy = rng.per_mille(400);
    let treatment = match rng.below(100) {
        0..=5 => MedicalTreatmentType::Inpatient,
        6..=20 => MedicalTreatmentType::Dental,
        _ => MedicalTreatmentType::Outpatient,
    };
    let kinds = [
        (TicketType::Medical, treatment, "架空診療所"),
        (TicketType::Dispensing, MedicalTreatmentType::Dispensing, "架空薬局"),
    ];
    let mut ticket = |(ticket_type, treatment, suffix)| {
        Some(MedicalTicket {
            ticket_type,
            valid,
            issue_number: Text::new(Cow::Owned(format!("{:06}", rng.below(1_000_000)))),
            treatment_month: date.month(),
            institution: institution(prefecture, treatment, number)?,
            institution_name: Text::new(Cow::Owned(format!("{clinic}{suffix}第{wide}"))),
            treatment_type: Some(treatment),
            self_pay_yen: Some(if rng.per_mille(60) { 1_500 } else { 0 }),
            use_with_other: Some(SingleOrCombinedUse::Single),
        })
    };
    kinds.into_iter().take(if has_pharmacy { 2 } else { 1 }).filter_map(&mut ticket).collect()
}

/// 医療機関コード with a valid check digit, in a range of made-up numbers.
fn institution(
    prefecture: u32,
    treatment: MedicalTreatmentType,
    number: u32,
) -> Option<MedicalInstitutionCode> {
    let fee_table = match treatment {
        MedicalTreatmentType::Inpatient | MedicalTreatmentType::Outpatient => 1,
        MedicalTreatmentType::Dental => 3,
        MedicalTreatmentType::Dispensing => 4,
        MedicalTreatmentType::HomeNursing => 6,
    };
    let base = u64::from(prefecture * 10 + fee_table) * 1_000_000 + 990_000 + u64::from(number);
    MedicalInstitutionCode::parse(&format!("{base:09}{}", check_digit(base))).ok()
}

fn random_days(rng: &mut Rng, most: u32) -> i32 {
    i32::try_from(rng.between(0, most)).unwrap_or(0)
}
