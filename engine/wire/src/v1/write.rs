//! From a decision to the bytes of the response, without anything in between. The document is
//! described by [`super::EligibilityResponse`], which clients read it with; a test holds the two
//! to each other.

// HOT PATH: no allocation but what the buffer needs to grow.

use super::iso;
use crate::json::{BuiltKey, JsonWriter, key};
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
        json.plain(key!("processExecutionTime"), iso::time(self.at));
        day(key!("qualificationConfirmationDate"), Some(self.on), json);
        json.plain(key!("qualificationValidity"), self.outcome.validity().code());
        notice(&self.outcome, json);
        if let Some(notice) = self.with_card.and_then(|card| card.notice) {
            write_notice(notice.code(), notice.ja(), notice.en(), json);
        }
        if let Some(disclosure) = self.disclosure {
            json.object(key!("eligibility"));
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
    json.object(key!("notice"));
    json.text(key!("code"), code);
    json.text(key!("ja"), ja);
    json.text(key!("en"), en);
    json.close();
}

/// What the answer to a question with a My Number card has beyond the eligibility.
fn with_card(card: &WithCard<'_>, at: Timestamp, json: &mut JsonWriter<'_>) {
    if let Some((disclosure, insurer)) = card.beside {
        json.object(key!("medicalAidEligibility"));
        eligibility(disclosure, insurer, json);
        json.close();
    }
    code(key!("prescriptionIssueSelect"), card.prescription.map(|form| form.code()), json);
    json.array(key!("consents"));
    for (information, yes) in card.consents.iter() {
        json.open();
        json.plain(key!("informationType"), information.name());
        json.flag(key!("given"), yes);
        if yes {
            json.plain(key!("consentedAt"), iso::time(at));
            json.plain(key!("availableUntil"), iso::time(card.until));
        }
        json.close();
    }
    json.close_array();
}

fn specific_disease(certificate: &SpecificDiseasesCertificate, json: &mut JsonWriter<'_>) {
    let SpecificDiseasesCertificate { category, issued, valid, self_pay_yen } = certificate;
    json.plain(key!("diseaseCategory"), category.code());
    day(key!("issuanceDate"), *issued, json);
    validity(*valid, json);
    json.number(key!("selfPayAmount"), *self_pay_yen);
}

fn eligibility(
    disclosure: &Disclosure<'_, '_>,
    insurer: Option<&Insurer>,
    json: &mut JsonWriter<'_>,
) {
    let registration = disclosure.registration;
    card(registration, insurer, json);
    person(registration, json);
    day(key!("qualificationDate"), Some(registration.period.start()), json);
    day(key!("disqualificationDate"), registration.period.end(), json);
    code(key!("reasonOfLoss"), registration.reason_of_loss.map(|code| code.code()), json);
    day(key!("insuredCertificateIssuanceDate"), registration.card_issued, json);
    day(key!("insuredCardValidDate"), registration.card_valid_from, json);
    day(key!("insuredCardExpirationDate"), registration.card_expires, json);
    let ratio = registration.contribution_ratio.map(|code| code.code());
    code(key!("insuredPartialContributionRatio"), ratio, json);
    json.flag(key!("isPreschool"), disclosure.is_preschool);
    if let Some(certificate) = disclosure.elderly_recipient {
        elderly_recipient(certificate, json);
    }
    if let Some(certificate) = disclosure.limit_application {
        limit_application(certificate, json);
    }
    if !disclosure.specific_diseases.is_empty() {
        json.array(key!("specificDiseasesCertificates"));
        for certificate in &disclosure.specific_diseases {
            json.open();
            specific_disease(certificate, json);
            json.close();
        }
        json.close_array();
    }
    if !disclosure.medical_tickets.is_empty() {
        json.array(key!("medicalTickets"));
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
    json.plain(key!("insuredCardClassification"), registration.card_classification.code());
    json.plain(key!("insurerNumber"), card.insurer.to_padded().trim_ascii_start());
    if let Some(insurer) = insurer {
        json.text(key!("insurerName"), &insurer.name);
    }
    text(key!("insuredCardSymbol"), card.symbol.as_ref().map(|symbol| symbol.text()), json);
    text(key!("insuredIdentificationNumber"), Some(card.number.text()), json);
    if let Some(branch) = card.branch {
        json.plain(key!("insuredBranchNumber"), branch.to_digits());
    }
}

fn person(registration: &Registration<'_>, json: &mut JsonWriter<'_>) {
    let family = registration.personal_family.map(|code| code.code());
    code(key!("personalFamilyClassification"), family, json);
    text(key!("insuredName"), registration.insured_name.as_ref(), json);
    text(key!("name"), Some(&registration.name), json);
    text(key!("nameOfOther"), registration.name_of_other.as_ref(), json);
    text(key!("nameKana"), registration.name_kana.as_ref(), json);
    text(key!("nameOfOtherKana"), registration.name_of_other_kana.as_ref(), json);
    json.plain(key!("sex1"), registration.sex1.code());
    code(key!("sex2"), registration.sex2.map(|code| code.code()), json);
    day(key!("birthdate"), Some(registration.card.birthdate), json);
    text(key!("address"), registration.address.as_ref(), json);
    if let Some(number) = registration.post_number {
        json.plain(key!("postNumber"), number.to_ascii());
    }
}

fn elderly_recipient(certificate: &ElderlyRecipientCertificate, json: &mut JsonWriter<'_>) {
    let ElderlyRecipientCertificate { issued, valid, contribution_ratio } = certificate;
    json.object(key!("elderlyRecipientCertificate"));
    day(key!("issuanceDate"), *issued, json);
    validity(*valid, json);
    json.plain(key!("contributionRatio"), contribution_ratio.code());
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
    json.object(key!("limitApplicationCertificate"));
    json.plain(key!("classification"), classification.code());
    json.plain(key!("classificationFlag"), classification_flag.code());
    day(key!("issuanceDate"), *issued, json);
    validity(*valid, json);
    day(key!("longTermDate"), *long_term, json);
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
    json.plain(key!("ticketType"), ticket_type.code());
    validity(*valid, json);
    text(key!("issueNumber"), Some(issue_number), json);
    json.plain(key!("medicalTreatmentMonth"), iso::month(*treatment_month));
    json.text(key!("designatedMedicalInstitutionCode"), institution.as_str());
    text(key!("designatedMedicalInstitutionName"), Some(institution_name), json);
    json.plain(key!("designatedMedicalInstitutionFlag"), flag.code());
    code(key!("medicalTreatmentType"), treatment_type.map(|code| code.code()), json);
    if let Some(yen) = self_pay_yen {
        json.number(key!("selfPayAmount"), *yen);
    }
    code(key!("singleOrCombinedUse"), use_with_other.map(|code| code.code()), json);
}

/// On the wire a period ends with its last valid day.
fn validity(period: Period, json: &mut JsonWriter<'_>) {
    json.object(key!("validity"));
    day(key!("startDate"), Some(period.start()), json);
    day(key!("endDate"), period.end().map(|end| end.saturating_add_days(-1)), json);
    json.close();
}

#[inline(always)]
fn text(key: BuiltKey, value: Option<&Text<'_>>, json: &mut JsonWriter<'_>) {
    if let Some(value) = value {
        json.text(key, value.expose());
    }
}

#[inline(always)]
fn code(key: BuiltKey, value: Option<&'static str>, json: &mut JsonWriter<'_>) {
    if let Some(value) = value {
        json.plain(key, value);
    }
}

#[inline(always)]
fn day(key: BuiltKey, value: Option<Day>, json: &mut JsonWriter<'_>) {
    if let Some(day) = value {
        json.plain(key, iso::day(day));
    }
}
