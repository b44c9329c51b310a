//! The JSON interface of terminals (§1.10): log-in, tokens, and the habits of existing clients.

use crate::http::{Reply, connect, head, read_answer};
use crate::question::Question;
use crate::refusals::{expect_header_error, expect_person_error};
use crate::shared::{AUTH, Desk, FORGETFUL, SEARCH, V1, XML, shared, today};
use serde_json::{Value, json};
use shikaku_domain::{MedicalInstitutionCode, Registration, Scheme};
use shikaku_engine::account::{TokenKey, TokenKind};
use shikaku_tests::{FACILITY, OTHER_FACILITY, PASSWORD, USER};
use shikaku_wire::oqs::ParsedAnswer;
use std::io::Write;

/// A question about somebody valid, as JSON.
fn message() -> Value {
    shared().registered.valid(today(), |r| r.card.symbol.is_some()).1.oqs_json()
}

fn search(message: &Value) -> Reply {
    shared().desk.search(message.to_string().as_bytes())
}

/// §1.10.1
#[test]
fn a_log_in_gives_the_tokens_that_clients_expect() {
    let reply = shared().desk.log_in(USER, PASSWORD);
    assert_eq!(reply.status, 200);
    let answer = reply.json();
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["result"]["linkSysCharCd"], "0");
    for token in ["accessToken", "refreshToken", "idToken"] {
        assert!(answer["result"][token].as_str().unwrap().len() > 40, "{token}");
    }
}

/// Nobody learns from the answer whether the user exists.
#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_alike() {
    let desk = &shared().desk;
    let wrong = desk.log_in(FORGETFUL[0], "wrong password").expect_problem(401, "SHK-ACC-001");
    let unknown = desk.log_in("nobody", PASSWORD).expect_problem(401, "SHK-ACC-001");
    assert_eq!(wrong["detail"], unknown["detail"]);
    assert_eq!(desk.log_in(FORGETFUL[0], PASSWORD).status, 200);
}

#[test]
fn repeated_failures_lock_the_user_for_a_while_even_with_the_right_password() {
    let desk = &shared().desk;
    for _ in 0..5 {
        desk.log_in(FORGETFUL[1], "guess").expect_problem(401, "SHK-ACC-001");
    }
    desk.log_in(FORGETFUL[1], PASSWORD).expect_problem(401, "SHK-ACC-002");
    assert_eq!(desk.log_in(FORGETFUL[2], PASSWORD).status, 200, "others are not locked out");
}

#[test]
fn an_account_is_of_no_use_with_another_facilitys_certificate() {
    let shared = shared();
    let client = shared.centre.client(&format!("facility-{OTHER_FACILITY}"));
    let other = Desk { client, service: shared.engine.service.clone(), token: String::new() };
    other.log_in(FORGETFUL[2], PASSWORD).expect_problem(401, "SHK-ACC-001");
}

#[test]
fn a_log_in_that_cannot_be_read_is_refused_without_repeating_it() {
    let desk = &shared().desk;
    for body in ["", "{", "[]", r#"{"userId":"a"}"#, r#"{"userId":1,"password":"秘密"}"#] {
        let reply = desk.post(AUTH, &[("content-type", "application/json")], body.as_bytes());
        reply.expect_problem(400, "SHK-MSG-005");
        assert!(!reply.text().contains("秘密"));
    }
}

/// §1.10.2: only the id token of this facility, unchanged and in time.
#[test]
fn a_missing_foreign_expired_or_changed_token_is_refused() {
    let shared = shared();
    let desk = &shared.desk;
    let key = TokenKey::load_or_create(&shared.centre.path("token.key")).unwrap();
    let other = MedicalInstitutionCode::parse(OTHER_FACILITY).unwrap();
    let own = MedicalInstitutionCode::parse(FACILITY).unwrap();
    let now = 1_800_000_000;
    let good = desk.token.clone();
    let flip = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let (payload, signature) = (good.find('.').unwrap() + 3, good.rfind('.').unwrap() + 3);
    let tokens = [
        String::new(),
        "null".to_owned(),
        "a.b.c".to_owned(),
        key.issue(TokenKind::Id, other, USER, now),
        key.issue(TokenKind::Id, own, USER, 1_000_000_000),
        key.issue(TokenKind::Id, own, "nobody", now),
        desk.log_in(USER, PASSWORD).json()["result"]["accessToken"].as_str().unwrap().to_owned(),
        flip(payload),
        flip(signature),
        good[..good.rfind('.').unwrap()].to_owned(),
        "A".repeat(5_000),
    ];
    let body = message().to_string();
    for token in &tokens {
        desk.search_with(token, body.as_bytes()).expect_problem(401, "SHK-ENG-013");
    }
    assert_eq!(desk.search_with(&good, body.as_bytes()).status, 200);
}

/// §1.10: `MedicalInstitutionCode: true` is a known caller bug.
#[test]
fn values_that_are_not_text_are_named_and_never_crash() {
    for value in [json!(true), json!(1310000001), json!([]), json!({"a": 1}), json!(1.5)] {
        let mut message = message();
        message["XmlMsg"]["MessageHeader"]["MedicalInstitutionCode"] = value.clone();
        let answer = ParsedAnswer::from_json(&search(&message).body).unwrap();
        expect_header_error(&answer, "MedicalInstitutionCode", "SHK-VAL-003");
        let mut message = self::message();
        message["XmlMsg"]["MessageBody"]["QualificationConfirmSearchInfo"]["Birthdate"] = value;
        let answer = ParsedAnswer::from_json(&search(&message).body).unwrap();
        expect_person_error(&answer, "Birthdate", "SHK-VAL-003");
    }
}

/// The certificate says who asks; a message that says otherwise is refused as a whole.
#[test]
fn a_message_of_another_facility_is_refused() {
    let mut message = message();
    message["XmlMsg"]["MessageHeader"]["MedicalInstitutionCode"] = OTHER_FACILITY.into();
    let problem = search(&message).expect_problem(403, "SHK-ENG-010");
    assert!(!problem.to_string().contains(OTHER_FACILITY));
}

/// §1.10: clients take Content-Length from the number of characters; a full-width symbol cuts off
/// the closing braces.
#[test]
fn a_body_cut_off_by_a_content_length_in_characters_is_completed() {
    let shared = shared();
    let (_, mut question) = shared.registered.valid(today(), |r| {
        let symbol = r.card.symbol.as_ref().map(|s| s.text().expose().to_string());
        symbol.is_some_and(|s| s.is_ascii() && s.len() > 2)
            && r.card.number.text().expose().is_ascii()
    });
    // One full-width character is two bytes more than characters.
    let symbol = question.symbol.take().unwrap();
    question.symbol = Some(symbol.replacen(|c: char| c.is_ascii_digit(), "０", 1));
    question.symbol = Some(format!("{}{}", wide(&symbol[..1]), &symbol[1..]));
    let body = question.oqs_json().to_string();
    let characters = body.chars().count();
    assert_eq!(body.len() - characters, 2);

    let mut stream = connect(&shared.centre, &shared.engine, &format!("facility-{FACILITY}"));
    let headers = [("Authorization", shared.desk.token.as_str())];
    let sent = head(SEARCH, characters, &headers) + &body;
    stream.write_all(sent.as_bytes()).unwrap();
    let (status, answer) = read_answer(&mut stream);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    let answer = ParsedAnswer::from_json(&answer).unwrap();
    assert_eq!(answer.body("QualificationValidity"), Some("1"));

    let cut = &body.as_bytes()[..body.len() - 12];
    shared.desk.search(cut).expect_problem(400, "SHK-MSG-009");
}

fn wide(digit: &str) -> char {
    let c = digit.chars().next().unwrap();
    char::from_u32(u32::from(c) - 0x21 + 0xFF01).unwrap()
}

/// §1.10: `InsuredCardSymbol` may be missing; 後期高齢 has none, others need theirs.
#[test]
fn a_missing_symbol_is_no_error() {
    let shared = shared();
    let elderly = |r: &Registration<'_>| r.card.insurer.scheme() == Scheme::LateStageElderly;
    let (_, without) = shared.registered.valid(today(), elderly);
    assert_eq!(without.symbol, None);
    let nonsense = Question { symbol: Some("ー".to_owned()), ..without.clone() };
    for question in [&without, &nonsense] {
        assert_eq!(shared.desk.ask_json(question).body("QualificationValidity"), Some("1"));
    }
    let (_, mut with) = shared.registered.valid(today(), |r| r.card.symbol.is_some());
    with.symbol = None;
    assert_eq!(shared.desk.ask_json(&with).body("QualificationValidity"), Some("4"));
}

/// ProcessingResultStatus 2 (OQSCD004): the query is wrong; staff read which value and why.
#[test]
fn a_wrong_value_of_the_query_is_named_with_its_code() {
    for (element, value, code) in [
        ("InsurerNumber", json!(""), "SHK-VAL-001"),
        ("InsurerNumber", Value::Null, "SHK-VAL-001"),
        ("InsurerNumber", json!("01040014"), "SHK-VAL-007"),
        ("InsurerNumber", json!("0104001"), "SHK-VAL-005"),
        ("InsurerNumber", json!("０１０４００１３"), "SHK-VAL-004"),
        ("InsuredCardSymbol", json!("あ".repeat(21)), "SHK-VAL-006"),
        ("InsuredCardSymbol", json!("1\n2"), "SHK-VAL-012"),
        ("InsuredIdentificationNumber", json!("  "), "SHK-VAL-001"),
        ("InsuredIdentificationNumber", json!("9".repeat(21)), "SHK-VAL-006"),
        ("InsuredBranchNumber", json!("1a"), "SHK-VAL-004"),
        ("InsuredBranchNumber", json!("100"), "SHK-VAL-005"),
        ("Birthdate", json!("20250229"), "SHK-VAL-008"),
        ("Birthdate", json!("S550401"), "SHK-VAL-005"),
        ("Birthdate", json!("18670101"), "SHK-VAL-009"),
        ("LimitApplicationCertificateRelatedConsFlg", json!("2"), "SHK-VAL-011"),
        ("ArbitraryIdentifier", json!("x".repeat(257)), "SHK-VAL-006"),
    ] {
        let mut message = message();
        message["XmlMsg"]["MessageBody"]["QualificationConfirmSearchInfo"][element] = value.clone();
        let answer = ParsedAnswer::from_json(&search(&message).body).unwrap();
        expect_person_error(&answer, element, code);
        let given = value.as_str().filter(|text| !text.is_empty());
        assert_eq!(answer.search_info(element), given, "the query is echoed as given");
    }
}

/// SegmentOfResult 9 (OQSCD003): the message is wrong.
#[test]
fn a_wrong_value_of_the_header_ends_the_message_abnormally() {
    for (element, value, code) in [
        ("QualificationConfirmationDate", Value::Null, "SHK-VAL-001"),
        ("QualificationConfirmationDate", json!("20261301"), "SHK-VAL-008"),
        ("QualificationConfirmationDate", json!("2026-11-01"), "SHK-VAL-005"),
        ("MedicalInstitutionCode", json!(""), "SHK-VAL-001"),
        ("MedicalInstitutionCode", json!("131000000"), "SHK-VAL-005"),
        ("MedicalInstitutionCode", json!("13100OOOO1"), "SHK-VAL-004"),
        ("ArbitraryFileIdentifier", json!("x".repeat(257)), "SHK-VAL-006"),
        ("CharacterCodeIdentifier", json!("7"), "SHK-VAL-011"),
    ] {
        let mut message = message();
        message["XmlMsg"]["MessageHeader"][element] = value;
        let answer = ParsedAnswer::from_json(&search(&message).body).unwrap();
        expect_header_error(&answer, element, code);
    }
}

#[test]
fn a_body_that_is_no_message_is_a_problem_in_two_languages() {
    let big = format!("{{\"XmlMsg\":\"{}\"}}", "x".repeat(70_000));
    let deep = "{\"a\":".repeat(8_000) + "1" + &"}".repeat(8_000);
    let nul = message().to_string().replace("XmlMsg", "Xml\0Msg");
    let lone =
        message().to_string().replacen("\"InsurerNumber\":\"", "\"InsurerNumber\":\"\\ud800", 1);
    for (body, code) in [
        (b"".as_slice(), "SHK-MSG-009"),
        (b"{", "SHK-MSG-009"),
        (b"not json", "SHK-MSG-005"),
        (b"<XmlMsg/>", "SHK-MSG-005"),
        (b"{}", "SHK-MSG-008"),
        (b"{\"XmlMsg\":1}", "SHK-MSG-008"),
        (b"{\"XmlMsg\":{},\"XmlMsg\":{}}", "SHK-MSG-008"),
        (big.as_bytes(), "SHK-MSG-004"),
        (deep.as_bytes(), "SHK-MSG-008"),
        (nul.as_bytes(), "SHK-MSG-003"),
        (b"{\"XmlMsg\":\"\xFF\xFE\"}", "SHK-MSG-002"),
        (lone.as_bytes(), "SHK-MSG-005"),
    ] {
        let reply = shared().desk.search(body);
        let start = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert_eq!(reply.json()["code"], code, "{start}");
        reply.expect_problem(400, code);
    }
}

/// A symbol of 10 MB costs nobody 10 MB.
#[test]
fn a_huge_body_is_refused_before_it_has_come() {
    let shared = shared();
    for path in [SEARCH, XML, V1, AUTH] {
        let mut stream = connect(&shared.centre, &shared.engine, &format!("facility-{FACILITY}"));
        let headers =
            [("Authorization", shared.desk.token.as_str()), ("Content-Type", "application/json")];
        let start = head(path, 10_000_000, &headers) + "{\"XmlMsg\":{\"a\":\"";
        stream.write_all(start.as_bytes()).unwrap();
        let (status, body) = read_answer(&mut stream);
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, problem["code"].as_str()), (400, Some("SHK-MSG-004")), "{path}");
    }
}

#[test]
fn a_whole_huge_body_gets_its_refusal_too() {
    let mut message = message();
    message["XmlMsg"]["MessageBody"]["QualificationConfirmSearchInfo"]["InsuredCardSymbol"] =
        "記".repeat(3_400_000).into();
    let shared = shared();
    let body = message.to_string();
    let mut stream = connect(&shared.centre, &shared.engine, &format!("facility-{FACILITY}"));
    let headers = [("Authorization", shared.desk.token.as_str())];
    stream.write_all(head(SEARCH, body.len(), &headers).as_bytes()).unwrap();
    // The engine may have hung up before everything is sent; its refusal is still there to read.
    let _ = stream.write_all(body.as_bytes());
    let (status, answer) = read_answer(&mut stream);
    assert_eq!(status, 400, "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn other_methods_and_addresses_are_named() {
    let shared = shared();
    let ask = |method, path: &str| {
        let url = format!("{}{path}", shared.engine.service);
        Reply::to(&shared.desk.client, (method, &url), &[], &[]).unwrap()
    };
    for path in [AUTH, SEARCH, XML, V1, "/v1/members"] {
        for method in ["GET", "DELETE"] {
            let reply = ask(method, path);
            reply.expect_problem(405, "SHK-ENG-031");
            assert_eq!(reply.header("allow"), "POST", "{method} {path}");
        }
    }
    let rejects = ask("DELETE", "/v1/members/rejects/0");
    rejects.expect_problem(405, "SHK-ENG-031");
    assert_eq!(rejects.header("allow"), "GET");
    for path in ["/", "/oqs", "/oqs/OQSmuquc01", "/v2/eligibility", "/metrics", "/%00", "/../x"] {
        ask("GET", path).expect_problem(404, "SHK-ENG-030");
    }
}
