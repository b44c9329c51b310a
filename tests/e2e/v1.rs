//! The interface for programs written today, `/v1`.

use crate::shared::{V1, shared, today};
use serde_json::json;
use std::collections::BTreeMap;

#[test]
fn every_wrong_field_is_named_at_once_in_two_languages() {
    let body = json!({
        "insurerNumber": "01040014",
        "insuredIdentificationNumber": true,
        "birthdate": "1980-02-30",
        "insuredBranchNumber": "１２３",
        "limitApplicationCertificateConsent": "1",
    });
    let reply = shared().desk.post_v1(body.to_string().as_bytes());
    let problem = reply.expect_problem(422, "SHK-ENG-014");
    let fields = problem["fields"].as_array().unwrap();
    for field in fields {
        assert!(field["ja"].as_str().unwrap().ends_with('。') && field["en"].is_string());
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let codes: BTreeMap<_, _> =
        fields.iter().map(|field| (text(&field["field"]), text(&field["code"]))).collect();
    let expected = [
        ("insurerNumber", "SHK-VAL-007"),
        ("insuredIdentificationNumber", "SHK-VAL-003"),
        ("birthdate", "SHK-VAL-008"),
        ("insuredBranchNumber", "SHK-VAL-005"),
        ("limitApplicationCertificateConsent", "SHK-MSG-011"),
    ];
    let expected = expected.map(|(field, code)| (field.to_owned(), code.to_owned()));
    assert_eq!(codes, BTreeMap::from(expected));
}

#[test]
fn a_body_that_is_no_question_is_one_problem_without_repeating_it() {
    let question = shared().registered.valid(today(), |_| true).1.v1();
    let mut surprising = question.clone();
    surprising["私の項目"] = 1.into();
    let cut = question.to_string();
    for (body, code) in [
        ("[]".to_owned(), "SHK-MSG-010"),
        (surprising.to_string(), "SHK-MSG-010"),
        (cut[..cut.len() - 3].to_owned(), "SHK-MSG-009"),
        ("<a/>".to_owned(), "SHK-MSG-005"),
    ] {
        let reply = shared().desk.post_v1(body.as_bytes());
        let problem = reply.expect_problem(422, "SHK-ENG-014");
        assert_eq!(problem["fields"][0]["code"], code);
        assert!(!reply.text().contains("私の項目"));
    }
}

#[test]
fn a_body_of_another_content_type_is_refused() {
    let desk = &shared().desk;
    for kind in ["text/plain", "application/xml", ""] {
        desk.post(V1, &[("content-type", kind)], b"{}").expect_problem(415, "SHK-ENG-032");
    }
    let question = shared().registered.valid(today(), |_| true).1.v1().to_string();
    let reply =
        desk.post(V1, &[("content-type", "Application/JSON; charset=utf-8")], question.as_bytes());
    assert_eq!(reply.status, 200);
}

/// The date may be left out: today in Japan.
#[test]
fn without_a_date_the_question_is_about_today() {
    let (_, question) = shared().registered.valid(today(), |r| r.period.end().is_none());
    let mut body = question.v1();
    body.as_object_mut().unwrap().remove("qualificationConfirmationDate");
    let answer = shared().desk.post_v1(body.to_string().as_bytes()).json();
    let time = answer["processExecutionTime"].as_str().unwrap();
    assert!(time.ends_with("+09:00"));
    assert_eq!(answer["qualificationConfirmationDate"].as_str(), time.get(..10));
}
