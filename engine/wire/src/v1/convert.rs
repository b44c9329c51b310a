//! From a decision to the response.

use super::response::{
    ElderlyRecipientCertificate, Eligibility, EligibilityResponse, LimitApplicationCertificate,
    MedicalTicketInfo, Notice, Validity,
};
use crate::oqs::UNKNOWN_INSURER_CODE;
use shikaku_domain::{
    Day, DesignatedMedicalInstitutionFlag, Disclosure, Insurer, MedicalTicket, Month, Outcome,
    Period, Registration, Text, Timestamp,
};
use std::borrow::Cow;

impl<'a> EligibilityResponse<'a> {
    /// The response for a decision as of `on`. `insurer` is the one asked about, if it is known.
    #[must_use]
    pub fn new(
        at: Timestamp,
        on: Day,
        outcome: &Outcome<'a, 'a>,
        disclosure: Option<&'a Disclosure<'a, 'a>>,
        insurer: Option<&'a Insurer>,
    ) -> Self {
        Self {
            process_execution_time: iso_time(at),
            qualification_confirmation_date: iso_day(on),
            qualification_validity: outcome.validity().code().into(),
            notice: notice(outcome),
            eligibility: disclosure.map(|disclosure| eligibility(disclosure, insurer)),
        }
    }
}

fn notice<'a>(outcome: &Outcome<'_, '_>) -> Option<Notice<'a>> {
    match outcome {
        Outcome::UnknownInsurer => Some(Notice {
            code: UNKNOWN_INSURER_CODE.into(),
            ja: "登録されていない保険者番号です。保険者番号を確認してください。".into(),
            en: "no insurer with this number is registered: check the insurer number".into(),
        }),
        Outcome::Valid(_)
        | Outcome::Invalid(_)
        | Outcome::InvalidNewerExists
        | Outcome::NotFound
        | Outcome::Ambiguous
        | Outcome::ValidUnregistered(_) => None,
    }
}

fn eligibility<'a>(
    disclosure: &'a Disclosure<'a, 'a>,
    insurer: Option<&'a Insurer>,
) -> Eligibility<'a> {
    let registration: &'a Registration<'a> = disclosure.registration;
    let card = &registration.card;
    Eligibility {
        insured_card_classification: registration.card_classification.code().into(),
        insurer_number: card.insurer.to_string(),
        insurer_name: insurer.map(|insurer| insurer.name.as_str().into()),
        insured_card_symbol: card.symbol.as_ref().map(|symbol| open(symbol.text())),
        insured_identification_number: open(card.number.text()),
        insured_branch_number: card.branch.map(|branch| format!("{:02}", branch.number())),
        personal_family_classification: registration.personal_family.map(|code| code.code().into()),
        insured_name: registration.insured_name.as_ref().map(open),
        name: open(&registration.name),
        name_of_other: registration.name_of_other.as_ref().map(open),
        name_kana: registration.name_kana.as_ref().map(open),
        name_of_other_kana: registration.name_of_other_kana.as_ref().map(open),
        sex1: registration.sex1.code().into(),
        sex2: registration.sex2.map(|code| code.code().into()),
        birthdate: iso_day(card.birthdate),
        address: registration.address.as_ref().map(open),
        post_number: registration.post_number.map(|number| number.to_string()),
        qualification_date: iso_day(registration.period.start()),
        disqualification_date: registration.period.end().map(iso_day),
        reason_of_loss: registration.reason_of_loss.map(|code| code.code().into()),
        insured_certificate_issuance_date: registration.card_issued.map(iso_day),
        insured_card_valid_date: registration.card_valid_from.map(iso_day),
        insured_card_expiration_date: registration.card_expires.map(iso_day),
        insured_partial_contribution_ratio: registration
            .contribution_ratio
            .map(|code| code.code().into()),
        is_preschool: disclosure.is_preschool,
        elderly_recipient_certificate: disclosure.elderly_recipient.map(|certificate| {
            ElderlyRecipientCertificate {
                issuance_date: certificate.issued.map(iso_day),
                validity: validity(certificate.valid),
                contribution_ratio: certificate.contribution_ratio.code().into(),
            }
        }),
        limit_application_certificate: disclosure.limit_application.map(|certificate| {
            LimitApplicationCertificate {
                classification: certificate.classification.code().into(),
                classification_flag: certificate.classification_flag.code().into(),
                issuance_date: certificate.issued.map(iso_day),
                validity: validity(certificate.valid),
                long_term_date: certificate.long_term.map(iso_day),
            }
        }),
        medical_tickets: disclosure
            .medical_tickets
            .iter()
            .map(|(ticket, names_asker)| medical_ticket(ticket, *names_asker))
            .collect(),
    }
}

fn medical_ticket<'a>(ticket: &'a MedicalTicket<'a>, names_asker: bool) -> MedicalTicketInfo<'a> {
    let flag = if names_asker {
        DesignatedMedicalInstitutionFlag::Same
    } else {
        DesignatedMedicalInstitutionFlag::Other
    };
    MedicalTicketInfo {
        ticket_type: ticket.ticket_type.code().into(),
        validity: validity(ticket.valid),
        issue_number: open(&ticket.issue_number),
        medical_treatment_month: iso_month(ticket.treatment_month),
        designated_medical_institution_code: ticket.institution.as_str().into(),
        designated_medical_institution_name: open(&ticket.institution_name),
        designated_medical_institution_flag: flag.code().into(),
        medical_treatment_type: ticket.treatment_type.map(|code| code.code().into()),
        self_pay_amount: ticket.self_pay_yen,
        single_or_combined_use: ticket.use_with_other.map(|code| code.code().into()),
    }
}

fn open<'a>(text: &'a Text<'a>) -> Cow<'a, str> {
    Cow::Borrowed(text.expose())
}

/// On the wire a period ends with its last valid day.
fn validity(period: Period) -> Validity {
    Validity {
        start_date: iso_day(period.start()),
        end_date: period.end().map(|end| iso_day(end.saturating_add_days(-1))),
    }
}

fn iso_day(day: Day) -> String {
    let (year, month, day) = day.ymd();
    format!("{year:04}-{month:02}-{day:02}")
}

fn iso_month(month: Month) -> String {
    let (year, month, _) = month.first_day().ymd();
    format!("{year:04}-{month:02}")
}

/// ISO 8601 with Japan's offset.
fn iso_time(at: Timestamp) -> String {
    let digits = at.to_digits();
    let part = |from: usize, to: usize| {
        str::from_utf8(digits.get(from..to).unwrap_or_default()).unwrap_or_default()
    };
    format!("{}T{}:{}:{}+09:00", iso_day(at.day()), part(8, 10), part(10, 12), part(12, 14))
}
