//! From a decision to the bytes of the response, without anything in between. The document is
//! described by [`super::EligibilityResponse`], which clients read it with; a test holds the two
//! to each other.

// HOT PATH: no allocation but what the buffer needs to grow.

use super::iso;
use crate::json::JsonWriter;
use crate::oqs::{UNKNOWN_INSURER_CODE, WithCard};
use shikaku_domain::{
    Day, DesignatedMedicalInstitutionFlag, Disclosure, ElderlyRecipientCertificate, Insurer,
    LimitApplicationCertificate, MedicalTicket, Outcome, Period, Registration,
    SpecificDiseasesCertificate, Text, Timestamp,
};

/// What `/v1/eligibility` answers. It borrows what it shows.
#[derive(Clone, Copy, Debug)]
pub struct EligibilityAnswer<'a> {
    /// When the centre answered.
    pub at: Timestamp,
    /// The day asked about.
    pub on: Day,
    /// The decision as of that day.
    pub outcome: Outcome<'a, 'a>,
    /// What may be shown of it.
    pub disclosure: Option<&'a Disclosure<'a, 'a>>,
    /// The insurer asked about, if it is known.
    pub insurer: Option<&'a Insurer>,
    /// What a question with a My Number card adds; `None` for one with card data.
    pub with_card: Option<&'a WithCard<'a>>,
}

impl EligibilityAnswer<'_> {
    /// Appends the JSON to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let json = &mut JsonWriter::new(out);
        json.open();
        json.plain("processExecutionTime", iso::time(self.at));
        day("qualificationConfirmationDate", Some(self.on), json);
        json.plain("qualificationValidity", self.outcome.validity().code());
        notice(&self.outcome, json);
        if let Some(notice) = self.with_card.and_then(|card| card.notice) {
            write_notice(notice.code(), notice.ja(), notice.en(), json);
        }
        if let Some(disclosure) = self.disclosure {
            json.object("eligibility");
            eligibility(disclosure, self.insurer, json);
            json.close();
        }
        if let Some(card) = self.with_card {
            with_card(card, self.at, json);
        }
        json.finish();
    }
}

fn notice(outcome: &Outcome<'_, '_>, json: &mut JsonWriter<'_>) {
    match outcome {
        Outcome::UnknownInsurer => {
            let ja = "登録されていない保険者番号です。保険者番号を確認してください。";
            let en = "no insurer with this number is registered: check the insurer number";
            write_notice(UNKNOWN_INSURER_CODE, ja, en, json);
        }
        Outcome::Valid(_)
        | Outcome::Invalid(_)
        | Outcome::InvalidNewerExists
        | Outcome::NotFound
        | Outcome::Ambiguous
        | Outcome::ValidUnregistered(_) => {}
    }
}

fn write_notice(code: &'static str, ja: &str, en: &str, json: &mut JsonWriter<'_>) {
    json.object("notice");
    json.text("code", code);
    json.text("ja", ja);
    json.text("en", en);
    json.close();
}

/// What the answer to a question with a My Number card has beyond the eligibility.
fn with_card(card: &WithCard<'_>, at: Timestamp, json: &mut JsonWriter<'_>) {
    if let Some((disclosure, insurer)) = card.beside {
        json.object("medicalAidEligibility");
        eligibility(disclosure, insurer, json);
        json.close();
    }
    code("prescriptionIssueSelect", card.prescription.map(|form| form.code()), json);
    json.array("consents");
    for (information, yes) in card.consents.iter() {
        json.open();
        json.plain("informationType", information.name());
        json.flag("given", yes);
        if yes {
            json.plain("consentedAt", iso::time(at));
            json.plain("availableUntil", iso::time(card.until));
        }
        json.close();
    }
    json.close_array();
}

fn specific_disease(certificate: &SpecificDiseasesCertificate, json: &mut JsonWriter<'_>) {
    let SpecificDiseasesCertificate { category, issued, valid, self_pay_yen } = certificate;
    json.plain("diseaseCategory", category.code());
    day("issuanceDate", *issued, json);
    validity(*valid, json);
    json.number("selfPayAmount", *self_pay_yen);
}

fn eligibility(
    disclosure: &Disclosure<'_, '_>,
    insurer: Option<&Insurer>,
    json: &mut JsonWriter<'_>,
) {
    let registration = disclosure.registration;
    card(registration, insurer, json);
    person(registration, json);
    day("qualificationDate", Some(registration.period.start()), json);
    day("disqualificationDate", registration.period.end(), json);
    code("reasonOfLoss", registration.reason_of_loss.map(|code| code.code()), json);
    day("insuredCertificateIssuanceDate", registration.card_issued, json);
    day("insuredCardValidDate", registration.card_valid_from, json);
    day("insuredCardExpirationDate", registration.card_expires, json);
    let ratio = registration.contribution_ratio.map(|code| code.code());
    code("insuredPartialContributionRatio", ratio, json);
    json.flag("isPreschool", disclosure.is_preschool);
    if let Some(certificate) = disclosure.elderly_recipient {
        elderly_recipient(certificate, json);
    }
    if let Some(certificate) = disclosure.limit_application {
        limit_application(certificate, json);
    }
    if !disclosure.specific_diseases.is_empty() {
        json.array("specificDiseasesCertificates");
        for certificate in &disclosure.specific_diseases {
            json.open();
            specific_disease(certificate, json);
            json.close();
        }
        json.close_array();
    }
    if !disclosure.medical_tickets.is_empty() {
        json.array("medicalTickets");
        for (ticket, names_asker) in &disclosure.medical_tickets {
            json.open();
            medical_ticket(ticket, *names_asker, json);
            json.close();
        }
        json.close_array();
    }
}

fn card(registration: &Registration<'_>, insurer: Option<&Insurer>, json: &mut JsonWriter<'_>) {
    let card = &registration.card;
    json.plain("insuredCardClassification", registration.card_classification.code());
    json.plain("insurerNumber", card.insurer.to_padded().trim_ascii_start());
    if let Some(insurer) = insurer {
        json.text("insurerName", &insurer.name);
    }
    text("insuredCardSymbol", card.symbol.as_ref().map(|symbol| symbol.text()), json);
    text("insuredIdentificationNumber", Some(card.number.text()), json);
    if let Some(branch) = card.branch {
        json.plain("insuredBranchNumber", branch.to_digits());
    }
}

fn person(registration: &Registration<'_>, json: &mut JsonWriter<'_>) {
    let family = registration.personal_family.map(|code| code.code());
    code("personalFamilyClassification", family, json);
    text("insuredName", registration.insured_name.as_ref(), json);
    text("name", Some(&registration.name), json);
    text("nameOfOther", registration.name_of_other.as_ref(), json);
    text("nameKana", registration.name_kana.as_ref(), json);
    text("nameOfOtherKana", registration.name_of_other_kana.as_ref(), json);
    json.plain("sex1", registration.sex1.code());
    code("sex2", registration.sex2.map(|code| code.code()), json);
    day("birthdate", Some(registration.card.birthdate), json);
    text("address", registration.address.as_ref(), json);
    if let Some(number) = registration.post_number {
        json.plain("postNumber", number.to_ascii());
    }
}

fn elderly_recipient(certificate: &ElderlyRecipientCertificate, json: &mut JsonWriter<'_>) {
    let ElderlyRecipientCertificate { issued, valid, contribution_ratio } = certificate;
    json.object("elderlyRecipientCertificate");
    day("issuanceDate", *issued, json);
    validity(*valid, json);
    json.plain("contributionRatio", contribution_ratio.code());
    json.close();
}

fn limit_application(certificate: &LimitApplicationCertificate, json: &mut JsonWriter<'_>) {
    let LimitApplicationCertificate {
        classification,
        classification_flag,
        issued,
        valid,
        long_term,
    } = certificate;
    json.object("limitApplicationCertificate");
    json.plain("classification", classification.code());
    json.plain("classificationFlag", classification_flag.code());
    day("issuanceDate", *issued, json);
    validity(*valid, json);
    day("longTermDate", *long_term, json);
    json.close();
}

fn medical_ticket(ticket: &MedicalTicket<'_>, names_asker: bool, json: &mut JsonWriter<'_>) {
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
    let flag = if names_asker {
        DesignatedMedicalInstitutionFlag::Same
    } else {
        DesignatedMedicalInstitutionFlag::Other
    };
    json.plain("ticketType", ticket_type.code());
    validity(*valid, json);
    text("issueNumber", Some(issue_number), json);
    json.plain("medicalTreatmentMonth", iso::month(*treatment_month));
    json.text("designatedMedicalInstitutionCode", institution.as_str());
    text("designatedMedicalInstitutionName", Some(institution_name), json);
    json.plain("designatedMedicalInstitutionFlag", flag.code());
    code("medicalTreatmentType", treatment_type.map(|code| code.code()), json);
    if let Some(yen) = self_pay_yen {
        json.number("selfPayAmount", *yen);
    }
    code("singleOrCombinedUse", use_with_other.map(|code| code.code()), json);
}

/// On the wire a period ends with its last valid day.
fn validity(period: Period, json: &mut JsonWriter<'_>) {
    json.object("validity");
    day("startDate", Some(period.start()), json);
    day("endDate", period.end().map(|end| end.saturating_add_days(-1)), json);
    json.close();
}

fn text(name: &'static str, value: Option<&Text<'_>>, json: &mut JsonWriter<'_>) {
    if let Some(value) = value {
        json.text(name, value.expose());
    }
}

fn code(name: &'static str, value: Option<&'static str>, json: &mut JsonWriter<'_>) {
    if let Some(value) = value {
        json.plain(name, value);
    }
}

fn day(name: &'static str, value: Option<Day>, json: &mut JsonWriter<'_>) {
    if let Some(day) = value {
        json.plain(name, iso::day(day));
    }
}
