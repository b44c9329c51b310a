//! What an answer must contain, written down from the interface notes (§1.4–1.6) and not from the
//! program that writes answers.

use crate::question::{Question, iso};
use serde_json::{Map, Value};
use shikaku_domain::{
    Day, Disclosure, ElderlyRecipientCertificate, Insurer, LimitApplicationCertificate,
    MedicalTicket, Outcome, Period, Text,
};
use shikaku_wire::oqs::ParsedAnswer;
use std::collections::BTreeMap;

const RESULT: &str = "MessageBody/ResultList/ResultOfQualificationConfirmation/";
const ECHO: &str = "MessageBody/QualificationConfirmSearchInfo/";

/// Elements by their path below ResultOfQualificationConfirmation (§1.6).
type Elements = BTreeMap<String, String>;

/// Checks an OQS answer element by element. `carried` is what the answer's encoding makes of a
/// text.
#[track_caller]
pub(crate) fn expect_oqs(
    answer: &ParsedAnswer,
    question: &Question,
    outcome: &Outcome<'_, '_>,
    disclosure: Option<&Disclosure<'_, '_>>,
    insurer: Option<&Insurer>,
    carried: fn(&str) -> String,
) {
    assert_eq!(answer.header("QualificationConfirmationDate"), Some(&*question.on.to_string()));
    assert_eq!(answer.header("MedicalInstitutionCode"), Some(shikaku_tests::FACILITY));
    assert_eq!(answer.header("ReferenceClassification"), Some("2"));
    assert_eq!(answer.header("SegmentOfResult"), Some("1"));
    assert_eq!(answer.header("ErrorCode"), None);
    assert_eq!(answer.body("ProcessingResultStatus"), Some("1"));
    assert_eq!(answer.body("QualificationValidity"), Some(outcome.validity().code()));
    let notice = matches!(outcome, Outcome::UnknownInsurer).then_some("SHK-ANS-001");
    assert_eq!(answer.body("ProcessingResultCode"), notice);

    let below = |prefix: &str| -> Elements {
        let fields = answer.fields().filter_map(|(path, text)| {
            Some((path.strip_prefix(prefix)?.to_owned(), text.to_owned()))
        });
        fields.collect()
    };
    let echo = question.elements().into_iter().map(|(name, value)| (name.to_owned(), value));
    assert_eq!(below(ECHO), echo.collect::<Elements>());

    let mut shown = below(RESULT);
    let consent_time = shown.remove("LimitApplicationCertificateRelatedConsTime");
    let expected = disclosure.map(|disclosure| elements(question, disclosure, insurer));
    let consents = disclosure.is_some() && question.consent;
    let answered_at = answer.header("ProcessExecutionTime").filter(|_| consents);
    assert_eq!(consent_time.as_deref(), answered_at);
    let expected = expected.unwrap_or_default().into_iter();
    assert_eq!(shown, expected.map(|(path, text)| (path, carried(&text))).collect::<Elements>());
}

fn elements(
    question: &Question,
    disclosure: &Disclosure<'_, '_>,
    insurer: Option<&Insurer>,
) -> Elements {
    let r = disclosure.registration;
    let text = |text: Option<&Text<'_>>| text.map(|text| text.expose().to_string());
    let day = |day: Option<Day>| day.map(|day| day.to_string());
    let symbol = r.card.symbol.as_ref().map(|symbol| symbol.text().expose().to_string());
    let one = |name: &str, value: Option<String>| Some((name.to_owned(), value?));
    let all = [
        one("InsuredCardClassification", Some(r.card_classification.code().into())),
        one("InsurerNumber", Some(format!("{:>8}", r.card.insurer.to_string()))),
        one("InsuredCardSymbol", symbol),
        one("InsuredIdentificationNumber", Some(r.card.number.text().expose().to_string())),
        one("InsuredBranchNumber", r.card.branch.map(|b| format!("{:02}", b.number()))),
        one("PersonalFamilyClassification", r.personal_family.map(|c| c.code().into())),
        one("InsuredName", text(r.insured_name.as_ref())),
        one("Name", text(Some(&r.name))),
        one("NameOfOther", text(r.name_of_other.as_ref())),
        one("NameKana", text(r.name_kana.as_ref())),
        one("NameOfOtherKana", text(r.name_of_other_kana.as_ref())),
        one("Sex1", Some(r.sex1.code().into())),
        one("Sex2", r.sex2.map(|sex| sex.code().into())),
        one("Birthdate", day(Some(r.card.birthdate))),
        one("Address", text(r.address.as_ref())),
        one("PostNumber", r.post_number.map(|number| number.to_string())),
        one("QualificationDate", day(Some(r.period.start()))),
        one("DisqualificationDate", day(r.period.end())),
        one("InsuredCertificateIssuanceDate", day(r.card_issued)),
        one("InsuredCardValidDate", day(r.card_valid_from)),
        one("InsuredCardExpirationDate", day(r.card_expires)),
        one("InsuredPartialContributionRatio", r.contribution_ratio.map(|c| c.code().into())),
        one("PreschoolClassification", disclosure.is_preschool.then(|| "1".into())),
        one("ReasonOfLoss", r.reason_of_loss.map(|c| c.code().into())),
        one("InsurerName", insurer.map(|insurer| insurer.name.clone())),
        one(
            "LimitApplicationCertificateRelatedConsFlg",
            Some(u8::from(question.consent).to_string()),
        ),
    ];
    let mut all: Elements = all.into_iter().flatten().collect();
    all.extend(disclosure.elderly_recipient.into_iter().flat_map(elderly));
    all.extend(disclosure.limit_application.into_iter().flat_map(limit));
    for (at, (ticket, names_asker)) in disclosure.medical_tickets.iter().enumerate() {
        let number = if at == 0 { String::new() } else { format!("#{}", at + 1) };
        let prefix = format!("PublicExpenseResultList/MedicalTicketInfo{number}/");
        all.extend(ticket_elements(ticket, *names_asker).map(|(n, v)| (prefix.clone() + n, v)));
    }
    all
}

/// The first and the last valid day.
fn days(valid: Period) -> (Day, Option<Day>) {
    (valid.start(), valid.end().map(|end| end.saturating_add_days(-1)))
}

fn below(
    prefix: &str,
    elements: impl IntoIterator<Item = (&'static str, Option<String>)>,
) -> Vec<(String, String)> {
    let given = elements.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| (format!("{prefix}/{name}"), value)).collect()
}

fn elderly(certificate: &ElderlyRecipientCertificate) -> Vec<(String, String)> {
    let (first, last) = days(certificate.valid);
    below(
        "ElderlyRecipientCertificateInfo",
        [
            ("ElderlyRecipientCertificateDate", certificate.issued.map(|day| day.to_string())),
            ("ElderlyRecipientValidStartDate", Some(first.to_string())),
            ("ElderlyRecipientValidEndDate", last.map(|day| day.to_string())),
            (
                "ElderlyRecipientContributionRatio",
                Some(certificate.contribution_ratio.code().into()),
            ),
        ],
    )
}

fn limit(certificate: &LimitApplicationCertificate) -> Vec<(String, String)> {
    let (first, last) = days(certificate.valid);
    let c = certificate;
    below(
        "LimitApplicationCertificateRelatedInfo",
        [
            ("LimitApplicationCertificateClassification", Some(c.classification.code().into())),
            (
                "LimitApplicationCertificateClassificationFlag",
                Some(c.classification_flag.code().into()),
            ),
            ("LimitApplicationCertificateDate", c.issued.map(|day| day.to_string())),
            ("LimitApplicationCertificateValidStartDate", Some(first.to_string())),
            ("LimitApplicationCertificateValidEndDate", last.map(|day| day.to_string())),
            ("LimitApplicationCertificateLongTermDate", c.long_term.map(|day| day.to_string())),
        ],
    )
}

fn ticket_elements(
    ticket: &MedicalTicket<'_>,
    names_asker: bool,
) -> impl Iterator<Item = (&'static str, String)> {
    let (first, last) = days(ticket.valid);
    let month = ticket.treatment_month.first_day().to_string()[..6].to_owned();
    let all = [
        ("TicketType", Some(ticket.ticket_type.code().to_owned())),
        ("MedicalTicketValidDate", Some(first.to_string())),
        ("MedicalTicketExpirationDate", last.map(|day| day.to_string())),
        ("IssueNumber", Some(ticket.issue_number.expose().to_string())),
        ("MedicalTreatmentMonth", Some(month)),
        ("DesignatedMedicalInstitutionCode", Some(ticket.institution.to_string())),
        ("DesignatedMedicalInstitutionFlag", Some(if names_asker { "0" } else { "1" }.to_owned())),
        ("DesignatedMedicalInstitutionName", Some(ticket.institution_name.expose().to_string())),
        ("MedicalTreatmentType", ticket.treatment_type.map(|code| code.code().to_owned())),
        ("SelfPayAmount", ticket.self_pay_yen.map(|yen| yen.to_string())),
        ("SingleOrCombinedUse", ticket.use_with_other.map(|code| code.code().to_owned())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// Checks a `/v1` answer: the same facts under the interface's names in lowerCamelCase, with ISO
/// dates.
#[track_caller]
pub(crate) fn expect_v1(
    answer: &Value,
    question: &Question,
    outcome: &Outcome<'_, '_>,
    disclosure: Option<&Disclosure<'_, '_>>,
    insurer: Option<&Insurer>,
) {
    let read: shikaku_wire::v1::EligibilityResponse<'_> =
        serde_json::from_str(&answer.to_string()).unwrap();
    assert_eq!(read.qualification_validity, outcome.validity().code());
    assert_eq!(answer["qualificationConfirmationDate"], iso(question.on));
    let notice = matches!(outcome, Outcome::UnknownInsurer).then_some("SHK-ANS-001");
    assert_eq!(read.notice.map(|notice| notice.code.into_owned()).as_deref(), notice);
    let expected = disclosure.map(|disclosure| eligibility(question, disclosure, insurer));
    assert_eq!(answer.get("eligibility").cloned(), expected);
}

fn eligibility(
    question: &Question,
    disclosure: &Disclosure<'_, '_>,
    insurer: Option<&Insurer>,
) -> Value {
    let mut plain: Elements = elements(question, disclosure, insurer);
    plain.retain(|path, _| !path.contains('/'));
    plain.remove("LimitApplicationCertificateRelatedConsFlg");
    plain.remove("PreschoolClassification");
    let mut all = camel(plain);
    all.insert("insurerNumber".into(), disclosure.registration.card.insurer.to_string().into());
    all.insert("isPreschool".into(), disclosure.is_preschool.into());
    if let Some(c) = disclosure.elderly_recipient {
        let mut certificate = paper(c.issued, c.valid);
        certificate.insert("contributionRatio".into(), c.contribution_ratio.code().into());
        all.insert("elderlyRecipientCertificate".into(), certificate.into());
    }
    if let Some(c) = disclosure.limit_application {
        let mut certificate = paper(c.issued, c.valid);
        certificate.insert("classification".into(), c.classification.code().into());
        certificate.insert("classificationFlag".into(), c.classification_flag.code().into());
        certificate.extend(c.long_term.map(|day| ("longTermDate".into(), iso(day).into())));
        all.insert("limitApplicationCertificate".into(), certificate.into());
    }
    let tickets = disclosure.medical_tickets.iter().map(|(t, names_asker)| ticket(t, *names_asker));
    let tickets: Vec<Value> = tickets.collect();
    if !tickets.is_empty() {
        all.insert("medicalTickets".into(), tickets.into());
    }
    all.into()
}

/// `ElementName` and `yyyyMMdd` become `elementName` and `yyyy-MM-dd`.
fn camel(elements: impl IntoIterator<Item = (String, String)>) -> Map<String, Value> {
    let one = |(name, value): (String, String)| {
        let value = match Day::parse(&value) {
            Ok(day) if name.ends_with("Date") || name == "Birthdate" => iso(day),
            _ => value,
        };
        (name[..1].to_ascii_lowercase() + &name[1..], Value::from(value))
    };
    elements.into_iter().map(one).collect()
}

fn paper(issued: Option<Day>, valid: Period) -> Map<String, Value> {
    let mut all = Map::new();
    all.extend(issued.map(|day| ("issuanceDate".to_owned(), iso(day).into())));
    all.insert("validity".into(), validity(valid));
    all
}

fn validity(valid: Period) -> Value {
    let (first, last) = days(valid);
    let mut all = Map::new();
    all.insert("startDate".into(), iso(first).into());
    all.extend(last.map(|day| ("endDate".to_owned(), iso(day).into())));
    all.into()
}

fn ticket(ticket: &MedicalTicket<'_>, names_asker: bool) -> Value {
    let owned = ticket_elements(ticket, names_asker).map(|(name, value)| (name.to_owned(), value));
    let mut all = camel(owned);
    all.remove("medicalTicketValidDate");
    all.remove("medicalTicketExpirationDate");
    all.insert("validity".into(), validity(ticket.valid));
    let month = &iso(ticket.treatment_month.first_day())[..7];
    all.insert("medicalTreatmentMonth".into(), month.into());
    all.remove("selfPayAmount");
    all.extend(ticket.self_pay_yen.map(|yen| ("selfPayAmount".to_owned(), yen.into())));
    all.into()
}
