//! Golden files: nobody changes a message by accident. `UPDATE=1 cargo test` records them anew.
//!
//! Goal: the exact bytes of an answer in XML (UTF-8, Shift_JIS) and JSON for every outcome and
//! every level of error. Method: the domain decides on synthetic registrations; what is written is
//! compared with the file, and read back it must say the same in all three forms.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use shikaku_domain::*;
use shikaku_wire::encoding::decode;
use shikaku_wire::oqs::*;
use shikaku_wire::v1::{EligibilityAnswer, EligibilityResponse};
use std::path::Path;
use support::*;

fn compare(path: &str, actual: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs; run with UPDATE=1 if the change is meant.\n{}",
        path.display(),
        String::from_utf8_lossy(actual)
    );
}

/// Writes the answer in its three forms. Returns how many characters Shift_JIS lost.
fn check(case: &str, answer: &SingleAnswer<'_>) -> usize {
    let (mut xml, mut json, mut shift_jis) = (Vec::new(), Vec::new(), Vec::new());
    assert_eq!(to_xml(answer, CharacterCode::Utf8, &mut xml), 0);
    let replaced = to_xml(answer, CharacterCode::ShiftJis, &mut shift_jis);
    to_json(answer, &mut json);
    compare(&format!("OQSsiquc01res/{case}.xml"), &xml);
    compare(&format!("OQSsiquc01res/{case}.sjis.xml"), &shift_jis);
    compare(&format!("OQSsiquc01res/{case}.json"), &json);

    let from_json = ParsedAnswer::from_json(&json).unwrap();
    assert_eq!(ParsedAnswer::from_xml(&xml).unwrap(), from_json, "{case}");
    let from_shift_jis = ParsedAnswer::from_xml(&shift_jis).unwrap();
    assert_eq!(from_shift_jis.header("CharacterCodeIdentifier"), Some("1"));
    assert_eq!(from_shift_jis.validity(), from_json.validity());
    assert_eq!(from_shift_jis.fields().count(), from_json.fields().count());
    replaced
}

/// Decides about `asked` among `registered`, and checks the answer.
fn check_lookup(
    case: &str,
    insurer: Option<&Insurer>,
    registered: &[Registration<'_>],
    asked: &Registration<'_>,
    validity: QualificationValidity,
) -> ParsedAnswer {
    let request = request_for(asked, "1");
    let on = request.qualification_confirmation_date;
    let outcome = decide(insurer, registered, &request.query, on);
    assert_eq!(outcome.validity(), validity, "{case}");
    let disclosure = disclose(&outcome, &request.query, request.medical_institution_code, on);
    let answered = Answered {
        outcome,
        disclosure: disclosure.as_ref(),
        insurer,
        limit_consent: request.query.limit_consent,
        with_card: None,
        search_info: Some(&request.search_info),
    };
    let answer = SingleAnswer::to_request(&request, now(), MessageResult::Answered(answered));
    check(case, &answer);
    let mut json = Vec::new();
    to_json(&answer, &mut json);
    ParsedAnswer::from_json(&json).unwrap()
}

fn kyokai() -> Insurer {
    insurer("01040013", "架空健康保険協会　見本支部")
}

#[test]
fn valid() {
    let member = employee();
    let answer = check_lookup(
        "valid",
        Some(&kyokai()),
        std::slice::from_ref(&member),
        &member,
        QualificationValidity::Valid,
    );
    assert_eq!(answer.insurer_number(), Some("01040013"));
    assert_eq!(answer.result("Name"), Some("資格　花子 <&\"> 髙﨑"));
    let certificate =
        |name: &str| answer.result(&format!("LimitApplicationCertificateRelatedInfo/{name}"));
    // §1.6 §b: the end on the wire is the last valid day.
    assert_eq!(certificate("LimitApplicationCertificateValidEndDate"), Some("20270731"));
    assert_eq!(answer.result("LimitApplicationCertificateRelatedConsTime"), Some("20261102093000"));
    // §3.4: a question with card data never shows 特定疾病.
    assert!(answer.fields().all(|(path, _)| !path.contains("SpecificDiseases")));
}

#[test]
fn valid_child_of_a_national_health_insurer() {
    let mut child = employee();
    child.card.insurer = InsurerNumber::parse("138131").unwrap();
    child.card.birthdate = day("20220402");
    child.elderly_recipient.clear();
    child.limit_application.clear();
    let town = insurer("138131", "見本区");
    let answer = check_lookup(
        "valid_child",
        Some(&town),
        std::slice::from_ref(&child),
        &child,
        QualificationValidity::Valid,
    );
    // §1.3: left-padded with blanks to eight.
    assert_eq!(answer.result("InsurerNumber"), Some("  138131"));
    assert_eq!(answer.result("PreschoolClassification"), Some("1"));
}

#[test]
fn invalid_shows_when_and_why() {
    let mut member = employee();
    member.period = period("20250401", "20261001");
    member.reason_of_loss = Some(ReasonOfLoss::OtherInsurance);
    let answer = check_lookup(
        "invalid",
        Some(&kyokai()),
        std::slice::from_ref(&member),
        &member,
        QualificationValidity::Invalid,
    );
    // §1.6 item 18: the day of loss itself.
    assert_eq!(answer.result("DisqualificationDate"), Some("20261001"));
    assert_eq!(answer.result("ReasonOfLoss"), Some("03"));
}

#[test]
fn invalid_newer_exists() {
    let mut member = employee();
    member.period = period("20250401", "20261001");
    member.elsewhere = vec![period("20261001", "")];
    let validity = QualificationValidity::InvalidNewerExists;
    let answer = check_lookup(
        "invalid_newer_exists",
        Some(&kyokai()),
        std::slice::from_ref(&member),
        &member,
        validity,
    );
    assert_eq!(answer.result("Name"), None);
}

#[test]
fn not_found() {
    let answer = check_lookup(
        "not_found",
        Some(&kyokai()),
        &[],
        &employee(),
        QualificationValidity::NotFound,
    );
    assert_eq!(answer.code(), None);
    assert_eq!(answer.search_info("ArbitraryIdentifier"), Some("患者-1"));
}

#[test]
fn unknown_insurer_tells_staff_where_to_look() {
    let answer =
        check_lookup("unknown_insurer", None, &[], &employee(), QualificationValidity::NotFound);
    assert_eq!(answer.status(), Some(ProcessingResultStatus::Normal));
    assert_eq!(answer.code(), Some(UNKNOWN_INSURER_CODE));
    assert!(answer.message().unwrap().contains("保険者番号を確認"));
}

#[test]
fn ambiguous() {
    let (one, mut other) = (employee(), employee());
    other.person = PersonId::from_number(2).unwrap();
    let validity = QualificationValidity::Ambiguous;
    check_lookup("ambiguous", Some(&kyokai()), &[one.clone(), other], &one, validity);
}

#[test]
fn medical_aid_with_its_ticket() {
    let person = welfare();
    let validity = QualificationValidity::Valid;
    let answer = check_lookup(
        "medical_aid",
        Some(&welfare_office()),
        std::slice::from_ref(&person),
        &person,
        validity,
    );
    assert_eq!(answer.result("InsurerName"), Some("見本市福祉事務所"));
    let ticket =
        |name: &str| answer.result(&format!("PublicExpenseResultList/MedicalTicketInfo/{name}"));
    assert_eq!(ticket("DesignatedMedicalInstitutionFlag"), Some("0"));
    assert_eq!(ticket("MedicalTicketExpirationDate"), Some("20261130"));
}

#[test]
fn medical_aid_with_two_tickets_tells_them_apart() {
    let mut person = welfare();
    let mut pharmacy = person.medical_tickets[0].clone();
    pharmacy.ticket_type = TicketType::Dispensing;
    pharmacy.institution = MedicalInstitutionCode::parse("1341111111").unwrap();
    person.medical_tickets.push(pharmacy);
    let validity = QualificationValidity::Valid;
    let answer = check_lookup(
        "medical_aid_two_tickets",
        Some(&welfare_office()),
        std::slice::from_ref(&person),
        &person,
        validity,
    );
    let flag = "PublicExpenseResultList/MedicalTicketInfo#2/DesignatedMedicalInstitutionFlag";
    assert_eq!(answer.result(flag), Some("1"));
}

#[test]
fn valid_unregistered() {
    let mut person = welfare();
    person.medical_tickets.clear();
    let validity = QualificationValidity::ValidUnregistered;
    check_lookup(
        "valid_unregistered",
        Some(&welfare_office()),
        std::slice::from_ref(&person),
        &person,
        validity,
    );
}

#[test]
fn an_error_of_the_query_is_answered_for_the_person() {
    let body = r#"{"XmlMsg":{"MessageHeader":{"QualificationConfirmationDate":"20261102","MedicalInstitutionCode":"1311111111"},"MessageBody":{"QualificationConfirmSearchInfo":{"InsurerNumber":"01040014","InsuredIdentificationNumber":"1","Birthdate":"19800401","LimitApplicationCertificateRelatedConsFlg":"0"}}}}"#;
    let error = parse_json(body.as_bytes()).unwrap_err();
    let answer = SingleAnswer::to_refused(&error, now()).unwrap();
    check("person_error", &answer);
    let mut json = Vec::new();
    to_json(&answer, &mut json);
    let answer = ParsedAnswer::from_json(&json).unwrap();
    assert_eq!(answer.segment(), Some(SegmentOfResult::Normal));
    assert_eq!(answer.status(), Some(ProcessingResultStatus::Error));
    assert_eq!(answer.code(), Some("SHK-VAL-007"));
    assert_eq!(answer.search_info("InsurerNumber"), Some("01040014"));
}

#[test]
fn an_error_of_the_header_is_answered_for_the_message() {
    let body = r#"{"XmlMsg":{"MessageHeader":{"QualificationConfirmationDate":"20261102","MedicalInstitutionCode":true,"ArbitraryFileIdentifier":"a&b"},"MessageBody":{}}}"#;
    let error = parse_json(body.as_bytes()).unwrap_err();
    let answer = SingleAnswer::to_refused(&error, now()).unwrap();
    check("message_error", &answer);
    let mut json = Vec::new();
    to_json(&answer, &mut json);
    let answer = ParsedAnswer::from_json(&json).unwrap();
    assert_eq!(answer.segment(), Some(SegmentOfResult::Abnormal));
    assert_eq!(answer.code(), Some("SHK-VAL-003"));
    assert!(answer.message().unwrap().starts_with("MedicalInstitutionCode: "));
    assert_eq!(answer.header("ArbitraryFileIdentifier"), Some("a&b"));
}

#[test]
fn a_name_that_shift_jis_lacks_is_counted_and_never_a_reference() {
    let mut member = employee();
    member.name = personal("𠮷野　一");
    let request = request_for(&member, "0");
    let registered = [member];
    let kyokai = kyokai();
    let outcome =
        decide(Some(&kyokai), &registered, &request.query, request.qualification_confirmation_date);
    let disclosure =
        disclose(&outcome, &request.query, request.medical_institution_code, now().day());
    let answered = Answered {
        outcome,
        disclosure: disclosure.as_ref(),
        insurer: Some(&kyokai),
        limit_consent: request.query.limit_consent,
        with_card: None,
        search_info: Some(&request.search_info),
    };
    let answer = SingleAnswer::to_request(&request, now(), MessageResult::Answered(answered));
    assert_eq!(check("unmappable_name", &answer), 1);
    let mut bytes = Vec::new();
    assert_eq!(to_xml(&answer, CharacterCode::ShiftJis, &mut bytes), 1);
    let text = decode(&bytes, CharacterCode::ShiftJis).unwrap();
    assert!(text.contains("<Name>〓野　一</Name>") && !text.contains("&#"));
}

/// Writes the answer of `/v1/eligibility`, and reads it back as a client does.
fn check_v1(
    case: &str,
    insurer: Option<&Insurer>,
    registered: &[Registration<'_>],
    asked: &Registration<'_>,
) -> String {
    let query = request_for(asked, "1").query;
    let on = day("20261102");
    let outcome = decide(insurer, registered, &query, on);
    let facility = MedicalInstitutionCode::parse(FACILITY).unwrap();
    let disclosure = disclose(&outcome, &query, facility, on);
    let disclosure = disclosure.as_ref();
    let mut written = Vec::new();
    EligibilityAnswer { at: now(), on, outcome, disclosure, insurer, with_card: None }
        .write(&mut written);
    let response: EligibilityResponse<'_> = serde_json::from_slice(&written).unwrap();
    let again = serde_json::to_vec(&response).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(again).unwrap(), "{case}");
    let json = serde_json::to_string_pretty(&response).unwrap();
    compare(&format!("v1-eligibility/{case}.json"), json.as_bytes());
    json
}

#[test]
fn v1_shows_the_same_as_the_message_in_iso_form() {
    let member = employee();
    let json = check_v1("valid", Some(&kyokai()), std::slice::from_ref(&member), &member);
    assert!(json.contains("\"processExecutionTime\": \"2026-11-02T09:30:00+09:00\""));
    assert!(json.contains("\"endDate\": \"2027-07-31\""));
    let person = welfare();
    check_v1("medical_aid", Some(&welfare_office()), std::slice::from_ref(&person), &person);
    let unknown = check_v1("unknown_insurer", None, &[], &member);
    assert!(unknown.contains(UNKNOWN_INSURER_CODE) && !unknown.contains("\"eligibility\""));
}

#[test]
fn v1_describes_itself() {
    use utoipa::{PartialSchema, ToSchema};
    let schema = serde_json::to_string(&EligibilityResponse::schema()).unwrap();
    assert_eq!(EligibilityResponse::name(), "EligibilityResponse");
    assert!(schema.contains("qualificationValidity") && schema.contains("OQSCD006"));
}
