//! One function that writes an answer's elements in the order of the interface, to any sink.

// HOT PATH: no allocation but that of the sink's buffer.

use super::answer::{Answered, MessageResult, SingleAnswer, UNKNOWN_INSURER_CODE, WithCard};
use super::elements as el;
use super::request::SearchInfo;
use super::sink::Sink;
use shikaku_domain::{
    CharacterCode, ConsentFlag, Day, DesignatedMedicalInstitutionFlag, Disclosure,
    ElderlyRecipientCertificate, InformationType, Insurer, LimitApplicationCertificate,
    LimitApplicationCertificateRelatedConsFlg, MedicalTicket, Outcome, Period, Personal,
    PreschoolClassification, ProcessingResultStatus, SegmentOfResult, SpecificDiseasesCertificate,
    Text, Timestamp,
};
use std::fmt::Display;
use std::io::{Cursor, Write};

const UNKNOWN_INSURER_MESSAGE: &str =
    "登録されていない保険者番号です。保険者番号を確認してください。";
/// Longest value that is formatted from a number: a postal code, an amount in yen.
const NUMBER_BYTES_MAX: usize = 16;

/// Writes the answer's tree. `code` is the encoding that the caller will send it in.
pub fn write(answer: &SingleAnswer<'_>, code: CharacterCode, sink: &mut impl Sink) {
    sink.begin();
    sink.open(el::XML_MSG);
    header(answer, code, sink);
    sink.open(el::BODY);
    match &answer.result {
        MessageResult::Answered(answered) => body(answered, answer.process_execution_time, sink),
        MessageResult::PersonError { code, message, search_info: query } => {
            sink.plain("ProcessingResultStatus", ProcessingResultStatus::Error.code());
            sink.leaf("ProcessingResultCode", code);
            sink.leaf("ProcessingResultMessage", message);
            search_info(query, sink);
        }
        MessageResult::MessageError { .. } => {}
    }
    sink.close(el::BODY);
    sink.close(el::XML_MSG);
    sink.finish();
}

fn header(answer: &SingleAnswer<'_>, code: CharacterCode, sink: &mut impl Sink) {
    sink.open(el::HEADER);
    sink.plain("ProcessExecutionTime", answer.process_execution_time.to_digits());
    day(el::CONFIRMATION_DATE, answer.qualification_confirmation_date, sink);
    if let Some(institution) = &answer.medical_institution_code {
        sink.leaf(el::INSTITUTION_CODE, institution.as_str());
    }
    optional(el::FILE_IDENTIFIER, answer.arbitrary_file_identifier, sink);
    sink.plain("ReferenceClassification", answer.reference_classification.code());
    match &answer.result {
        MessageResult::Answered(_) | MessageResult::PersonError { .. } => {
            sink.plain("SegmentOfResult", SegmentOfResult::Normal.code());
        }
        MessageResult::MessageError { code, message } => {
            sink.plain("SegmentOfResult", SegmentOfResult::Abnormal.code());
            sink.leaf("ErrorCode", code);
            sink.leaf("ErrorMessage", message);
        }
    }
    sink.plain(el::CHARACTER_CODE, code.code());
    sink.close(el::HEADER);
}

fn body(answered: &Answered<'_>, at: Timestamp, sink: &mut impl Sink) {
    let card = answered.with_card;
    if let Some(form) = card.and_then(|card| card.prescription) {
        sink.plain("PrescriptionIssueSelect", form.code());
    }
    sink.plain("ProcessingResultStatus", ProcessingResultStatus::Normal.code());
    match answered.outcome {
        Outcome::UnknownInsurer => {
            sink.leaf("ProcessingResultCode", UNKNOWN_INSURER_CODE);
            sink.leaf("ProcessingResultMessage", UNKNOWN_INSURER_MESSAGE);
        }
        Outcome::Valid(_)
        | Outcome::Invalid(_)
        | Outcome::InvalidNewerExists
        | Outcome::NotFound
        | Outcome::Ambiguous
        | Outcome::ValidUnregistered(_) => {}
    }
    if let Some(notice) = card.and_then(|card| card.notice) {
        sink.leaf("ProcessingResultCode", notice.code());
        sink.leaf("ProcessingResultMessage", notice.ja());
    }
    sink.plain("QualificationValidity", answered.outcome.validity().code());
    if let Some(disclosure) = answered.disclosure {
        sink.open_list(el::RESULT_LIST);
        sink.open_item(el::RESULT);
        result(answered, (disclosure, answered.insurer), at, sink);
        sink.close_item(el::RESULT);
        if let Some(beside) = card.and_then(|card| card.beside) {
            sink.open_item(el::RESULT);
            result(answered, beside, at, sink);
            sink.close_item(el::RESULT);
        }
        sink.close_list(el::RESULT_LIST);
    }
    if let Some(query) = answered.search_info {
        search_info(query, sink);
    }
}

fn search_info(query: &SearchInfo, sink: &mut impl Sink) {
    let SearchInfo {
        insurer_number,
        symbol,
        number,
        branch,
        birthdate,
        limit_consent,
        arbitrary_identifier,
    } = query;
    sink.open(el::SEARCH_INFO);
    let mut leaf = |name, value: &Option<Personal<String>>| {
        optional(name, value.as_ref().map(|text| text.expose().as_str()), sink);
    };
    leaf(el::INSURER_NUMBER, insurer_number);
    leaf(el::SYMBOL, symbol);
    leaf(el::NUMBER, number);
    leaf(el::BRANCH, branch);
    leaf(el::BIRTHDATE, birthdate);
    leaf(el::LIMIT_CONSENT, limit_consent);
    leaf(el::ARBITRARY_IDENTIFIER, arbitrary_identifier);
    sink.close(el::SEARCH_INFO);
}

/// ResultOfQualificationConfirmation, items 1 to 35 of §1.6; 29, 30 and 32 to 35 belong to questions
/// with a My Number card.
fn result(
    answered: &Answered<'_>,
    (disclosure, insurer): (&Disclosure<'_, '_>, Option<&Insurer>),
    at: Timestamp,
    sink: &mut impl Sink,
) {
    let registration = disclosure.registration;
    sink.plain("InsuredCardClassification", registration.card_classification.code());
    card_and_person(disclosure, sink);
    if let Some(insurer) = insurer {
        sink.leaf("InsurerName", &insurer.name);
    }
    if let Some(certificate) = disclosure.elderly_recipient {
        elderly_recipient(certificate, sink);
    }
    sink.plain(el::LIMIT_CONSENT, answered.limit_consent.code());
    match answered.limit_consent {
        LimitApplicationCertificateRelatedConsFlg::Given => {
            sink.plain("LimitApplicationCertificateRelatedConsTime", at.to_digits());
        }
        LimitApplicationCertificateRelatedConsFlg::NotGiven => {}
    }
    if let Some(certificate) = disclosure.limit_application {
        limit_application(certificate, sink);
    }
    if let Some(card) = answered.with_card {
        specific_diseases(card, disclosure, at, sink);
    }
    if !disclosure.medical_tickets.is_empty() {
        sink.open_list("PublicExpenseResultList");
        for (ticket, names_asker) in &disclosure.medical_tickets {
            sink.open_item("MedicalTicketInfo");
            medical_ticket(ticket, *names_asker, sink);
            sink.close_item("MedicalTicketInfo");
        }
        sink.close_list("PublicExpenseResultList");
    }
    if let Some(card) = answered.with_card {
        VIEWING_CONSENTS.iter().for_each(|names| viewing_consent(names, card, at, sink));
    }
}

/// Items 29 and 30.
fn specific_diseases(
    card: &WithCard<'_>,
    disclosure: &Disclosure<'_, '_>,
    at: Timestamp,
    sink: &mut impl Sink,
) {
    let flag = consent_flag(card, InformationType::SpecificDiseases);
    sink.plain("SpecificDiseasesCertificateRelatedConsFlg", flag.code());
    if flag == ConsentFlag::Given {
        sink.plain("SpecificDiseasesCertificateRelatedConsTime", at.to_digits());
    }
    if disclosure.specific_diseases.is_empty() {
        return;
    }
    sink.open_list("SpecificDiseasesCertificateList");
    for certificate in &disclosure.specific_diseases {
        let SpecificDiseasesCertificate { category, issued, valid, self_pay_yen } = certificate;
        sink.open_item("SpecificDiseasesCertificateInfo");
        sink.plain("SpecificDiseasesDiseaseCategory", category.code());
        day("SpecificDiseasesCertificateDate", *issued, sink);
        period("SpecificDiseasesValidStartDate", "SpecificDiseasesValidEndDate", *valid, sink);
        number("SpecificDiseasesSelfPay", self_pay_yen, sink);
        sink.close_item("SpecificDiseasesCertificateInfo");
    }
    sink.close_list("SpecificDiseasesCertificateList");
}

/// Items 32 to 35: kind of information, and the names of flag, time and end.
type ViewingConsent = (InformationType, &'static str, &'static str, &'static str);
const VIEWING_CONSENTS: [ViewingConsent; 4] = [
    (
        InformationType::Checkup,
        "SpecificHealthCheckupsInfoConsFlg",
        "SpecificHealthCheckupsInfoConsTime",
        "SpecificHealthCheckupsInfoAvailableTime",
    ),
    (
        InformationType::Medication,
        "PharmacistsInfoConsFlg",
        "PharmacistsInfoConsTime",
        "PharmacistsInfoAvailableTime",
    ),
    (
        InformationType::Diagnosis,
        "DiagnosisInfoConsFlg",
        "DiagnosisInfoConsTime",
        "DiagnosisInfoAvailableTime",
    ),
    (
        InformationType::Operation,
        "OperationInfoConsFlg",
        "OperationInfoConsTime",
        "OperationInfoAvailableTime",
    ),
];

fn viewing_consent(
    (information, flag_name, time, end): &ViewingConsent,
    card: &WithCard<'_>,
    at: Timestamp,
    sink: &mut impl Sink,
) {
    let flag = consent_flag(card, *information);
    sink.plain(flag_name, flag.code());
    if flag == ConsentFlag::Given {
        sink.plain(time, at.to_digits());
        sink.plain(end, card.until.to_digits());
    }
}

fn consent_flag(card: &WithCard<'_>, information: InformationType) -> ConsentFlag {
    if card.consents.includes(information) { ConsentFlag::Given } else { ConsentFlag::NotGiven }
}

/// Items 2 to 24.
fn card_and_person(disclosure: &Disclosure<'_, '_>, sink: &mut impl Sink) {
    let registration = disclosure.registration;
    let card = &registration.card;
    sink.plain(el::INSURER_NUMBER, card.insurer.to_padded());
    text(el::SYMBOL, card.symbol.as_ref().map(|symbol| symbol.text()), sink);
    text(el::NUMBER, Some(card.number.text()), sink);
    if let Some(branch) = card.branch {
        sink.plain(el::BRANCH, branch.to_digits());
    }
    optional(
        "PersonalFamilyClassification",
        registration.personal_family.map(|code| code.code()),
        sink,
    );
    text("InsuredName", registration.insured_name.as_ref(), sink);
    text("Name", Some(&registration.name), sink);
    text("NameOfOther", registration.name_of_other.as_ref(), sink);
    text("NameKana", registration.name_kana.as_ref(), sink);
    text("NameOfOtherKana", registration.name_of_other_kana.as_ref(), sink);
    sink.plain("Sex1", registration.sex1.code());
    optional("Sex2", registration.sex2.map(|code| code.code()), sink);
    day(el::BIRTHDATE, Some(card.birthdate), sink);
    text("Address", registration.address.as_ref(), sink);
    if let Some(post_number) = registration.post_number {
        sink.plain("PostNumber", post_number.to_ascii());
    }
    day("QualificationDate", Some(registration.period.start()), sink);
    day("DisqualificationDate", registration.period.end(), sink);
    day("InsuredCertificateIssuanceDate", registration.card_issued, sink);
    day("InsuredCardValidDate", registration.card_valid_from, sink);
    day("InsuredCardExpirationDate", registration.card_expires, sink);
    optional(
        "InsuredPartialContributionRatio",
        registration.contribution_ratio.map(|code| code.code()),
        sink,
    );
    if disclosure.is_preschool {
        sink.plain("PreschoolClassification", PreschoolClassification::Preschool.code());
    }
    optional("ReasonOfLoss", registration.reason_of_loss.map(|code| code.code()), sink);
}

fn elderly_recipient(certificate: &ElderlyRecipientCertificate, sink: &mut impl Sink) {
    let ElderlyRecipientCertificate { issued, valid, contribution_ratio } = certificate;
    sink.open("ElderlyRecipientCertificateInfo");
    day("ElderlyRecipientCertificateDate", *issued, sink);
    period("ElderlyRecipientValidStartDate", "ElderlyRecipientValidEndDate", *valid, sink);
    sink.plain("ElderlyRecipientContributionRatio", contribution_ratio.code());
    sink.close("ElderlyRecipientCertificateInfo");
}

fn limit_application(certificate: &LimitApplicationCertificate, sink: &mut impl Sink) {
    let LimitApplicationCertificate {
        classification,
        classification_flag,
        issued,
        valid,
        long_term,
    } = certificate;
    sink.open("LimitApplicationCertificateRelatedInfo");
    sink.plain("LimitApplicationCertificateClassification", classification.code());
    sink.plain("LimitApplicationCertificateClassificationFlag", classification_flag.code());
    day("LimitApplicationCertificateDate", *issued, sink);
    period(
        "LimitApplicationCertificateValidStartDate",
        "LimitApplicationCertificateValidEndDate",
        *valid,
        sink,
    );
    day("LimitApplicationCertificateLongTermDate", *long_term, sink);
    sink.close("LimitApplicationCertificateRelatedInfo");
}

fn medical_ticket(ticket: &MedicalTicket<'_>, names_asker: bool, sink: &mut impl Sink) {
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
    sink.plain("TicketType", ticket_type.code());
    period("MedicalTicketValidDate", "MedicalTicketExpirationDate", *valid, sink);
    text("IssueNumber", Some(issue_number), sink);
    sink.plain("MedicalTreatmentMonth", treatment_month.to_digits());
    sink.leaf("DesignatedMedicalInstitutionCode", institution.as_str());
    sink.plain("DesignatedMedicalInstitutionFlag", flag.code());
    text("DesignatedMedicalInstitutionName", Some(institution_name), sink);
    optional("MedicalTreatmentType", treatment_type.map(|code| code.code()), sink);
    if let Some(yen) = self_pay_yen {
        number("SelfPayAmount", yen, sink);
    }
    optional("SingleOrCombinedUse", use_with_other.map(|code| code.code()), sink);
}

/// Empty values are omitted (§1.3).
fn optional(name: &'static str, value: Option<&str>, sink: &mut impl Sink) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        sink.leaf(name, value);
    }
}

fn text(name: &'static str, value: Option<&Text<'_>>, sink: &mut impl Sink) {
    optional(name, value.map(|text| text.expose().as_ref()), sink);
}

fn day(name: &'static str, value: Option<Day>, sink: &mut impl Sink) {
    if let Some(day) = value {
        sink.plain(name, day.to_digits());
    }
}

/// A certificate's end on the wire is its last valid day.
fn period(start: &'static str, end: &'static str, value: Period, sink: &mut impl Sink) {
    day(start, Some(value.start()), sink);
    day(end, value.end().map(|end| end.saturating_add_days(-1)), sink);
}

fn number(name: &'static str, value: impl Display, sink: &mut impl Sink) {
    let mut buffer = Cursor::new([0_u8; NUMBER_BYTES_MAX]);
    let written = write!(buffer, "{value}");
    debug_assert!(written.is_ok(), "{name} is longer than {NUMBER_BYTES_MAX} bytes");
    let length = usize::try_from(buffer.position()).unwrap_or_default();
    sink.plain(name, buffer.get_ref().get(..length).unwrap_or_default());
}
