//! Questions are about real people of the population and know their right answers.

use super::server::{Act, ok, serve};
use super::{Plain, plain};
use crate::run::Summary;
use crate::run::message::{Interface, Style};
use crate::run::query::{Mix, Prepared};
use crate::run::result::RunResult;
use crate::run::source::People;
use shikaku_domain::{
    CardFace, CardText, Day, InsuredBranchNumber, InsuredCardClassification, Insurer,
    InsurerNumber, MedicalInstitutionCode, Period, PersonId, Personal, Registration, Sex,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const AUTHORITY: &str = "127.0.0.1:1";

pub(super) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub(super) fn facility() -> MedicalInstitutionCode {
    MedicalInstitutionCode::parse("1312345678").unwrap()
}

pub(super) fn insurer() -> Insurer {
    Insurer { number: InsurerNumber::parse("01040013").unwrap(), name: "試験組合".to_owned() }
}

pub(super) fn registration(
    person: u64,
    symbol: &str,
    from: &str,
    until: Option<&str>,
) -> Registration<'static> {
    let number = format!("号{:07}", person + 1);
    Registration {
        person: PersonId::from_number(person + 1).unwrap(),
        card: CardFace {
            insurer: insurer().number,
            symbol: Some(CardText::new(symbol.to_owned()).unwrap()),
            number: CardText::new(number).unwrap(),
            branch: InsuredBranchNumber::from_number(3),
            birthdate: day("19800402"),
        },
        period: Period::new(day(from), until.map(day)).unwrap(),
        reason_of_loss: None,
        card_classification: InsuredCardClassification::ALL[0],
        personal_family: None,
        insured_name: None,
        name: Personal::new(Cow::Borrowed("試験 太郎")),
        name_of_other: None,
        name_kana: None,
        name_of_other_kana: None,
        sex1: Sex::Male,
        sex2: None,
        post_number: None,
        address: None,
        card_issued: None,
        card_valid_from: None,
        card_expires: None,
        contribution_ratio: None,
        elderly_recipient: Vec::new(),
        limit_application: Vec::new(),
        specific_diseases: Vec::new(),
        medical_tickets: Vec::new(),
        elsewhere: Vec::new(),
    }
}

/// Everybody changed cards in 2025.
fn person(index: u64) -> Vec<Registration<'static>> {
    vec![
        registration(index, "旧<１２", "20200401", Some("20250401")),
        registration(index, "新１２", "20250401", None),
    ]
}

fn prepare(interface: Interface, authority: &str, count: usize) -> Prepared {
    let style = Style {
        path: None,
        interface,
        authority,
        token: Some("token-1"),
        facility: facility(),
        on: day("20261122"),
        mix: Mix::default(),
    };
    let people = People {
        persons: 1000,
        block_persons: 16,
        block: &|block| (block * 16..(block * 16 + 16).min(1000)).map(person).collect(),
        insurers: &[insurer()],
    };
    Prepared::lookups(count, &people, &style, 7, || {}).unwrap()
}

fn requests(prepared: &Prepared) -> Vec<String> {
    let count = prepared.size().0 as u64;
    let text = |k| std::str::from_utf8(prepared.question(k).unwrap().bytes).unwrap().to_owned();
    (0..count).map(text).collect()
}

fn answer_to(prepared: &Prepared, k: u64) -> String {
    let expected = prepared.question(k).unwrap().expected.unwrap();
    String::from_utf8(expected.body.to_vec()).unwrap()
}

/// What the rules give for a question, told from its text.
fn right_answer(request: &str) -> char {
    match (request.contains("QQQ"), request.contains('旧')) {
        (true, _) => '4',
        (false, true) => '3',
        (false, false) => '1',
    }
}

#[test]
fn each_question_knows_its_right_answer() {
    let prepared = prepare(Interface::V1, AUTHORITY, 5000);
    let (mut mistyped, mut old) = (0, 0);
    for (k, request) in requests(&prepared).iter().enumerate() {
        let answer = right_answer(request);
        let question = prepared.question(k as u64).unwrap();
        let right = answer_to(&prepared, k as u64);
        assert!(right.contains(&format!("\"qualificationValidity\":\"{answer}\"")), "{right}");
        assert!(question.audit(right.as_bytes(), None).is_ok());
        let other = right.replace("Validity\":\"", "Validity\":\"2");
        assert!(question.audit(other.as_bytes(), None).is_err());
        mistyped += u32::from(answer == '4');
        old += u32::from(answer == '3');
    }
    assert!((90..220).contains(&mistyped), "about 3 %: {mistyped}");
    assert!((380..620).contains(&old), "about 10 %: {old}");
}

#[test]
fn the_same_seed_asks_the_same_questions() {
    let all = |count| requests(&prepare(Interface::V1, AUTHORITY, count));
    assert_eq!(all(50), all(50));
    assert_eq!(all(50)[..20], all(20)[..]);
}

#[test]
fn v1_questions_are_json_as_printed_on_the_card() {
    for request in requests(&prepare(Interface::V1, AUTHORITY, 200)) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /v1/eligibility HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"));
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(json["insurerNumber"], "01040013");
        assert!(matches!(json["insuredCardSymbol"].as_str().unwrap(), "旧<１２" | "新１２"));
        assert_eq!(json["insuredBranchNumber"], "03");
        assert_eq!(json["birthdate"], "1980-04-02");
        assert_eq!(json["qualificationConfirmationDate"], "2026-11-22");
        assert!(json["limitApplicationCertificateConsent"].is_boolean());
    }
}

#[test]
fn oqs_questions_have_the_interface_s_tree_and_the_token() {
    for request in requests(&prepare(Interface::OqsJson, AUTHORITY, 50)) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nAuthorization: token-1\r\n"));
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let header = &json["XmlMsg"]["MessageHeader"];
        assert_eq!(header["QualificationConfirmationDate"], "20261122");
        assert_eq!(header["MedicalInstitutionCode"], "1312345678");
        let search = &json["XmlMsg"]["MessageBody"]["QualificationConfirmSearchInfo"];
        assert_eq!(search["Birthdate"], "19800402");
    }
    let xml = requests(&prepare(Interface::OqsXml, AUTHORITY, 200)).concat();
    assert!(xml.contains("<InsuredCardSymbol>旧&lt;１２</InsuredCardSymbol>"));
    assert!(xml.contains("<MedicalInstitutionCode>1312345678</MedicalInstitutionCode>"));
}

#[test]
fn an_empty_population_is_refused() {
    let style = Style {
        path: None,
        interface: Interface::V1,
        authority: AUTHORITY,
        token: None,
        facility: facility(),
        on: day("20261122"),
        mix: Mix::default(),
    };
    for persons in [0, 10] {
        let people = People { persons, block_persons: 16, block: &|_| Vec::new(), insurers: &[] };
        let nobody = Prepared::lookups(1, &people, &style, 1, || {});
        assert!(nobody.is_err_and(|e| e.to_string().starts_with("SHK-LGR-015")));
    }
}

#[test]
fn twins_on_one_card_without_branch_are_ambiguous() {
    let twin = |index: u64| {
        let mut registration = registration(0, "新１２", "20250401", None);
        registration.person = PersonId::from_number(index + 1).unwrap();
        registration.card.branch = None;
        vec![registration]
    };
    let people = People {
        persons: 2,
        block_persons: 16,
        block: &|_| vec![twin(0), twin(1)],
        insurers: &[insurer()],
    };
    let style = Style {
        path: None,
        interface: Interface::V1,
        authority: AUTHORITY,
        token: None,
        facility: facility(),
        on: day("20261122"),
        mix: Mix::default(),
    };
    let prepared = Prepared::lookups(20, &people, &style, 7, || {}).unwrap();
    for (k, request) in requests(&prepared).iter().enumerate() {
        let right = if request.contains("QQQ") { '4' } else { '5' };
        let answer = answer_to(&prepared, k as u64);
        assert!(answer.contains(&format!("\"qualificationValidity\":\"{right}\"")), "{answer}");
    }
}

/// A short run against a server that answers each question with what becomes of its right answer.
fn audited_run(change: fn(&str, String) -> String) -> (Plain, RunResult) {
    let prepared = Arc::new(prepare(Interface::V1, AUTHORITY, 400));
    let right: HashMap<_, _> = (0..400)
        .map(|k| (prepared.question(k).unwrap().bytes.to_vec(), answer_to(&prepared, k)))
        .collect();
    let server = serve(None, move |_, request| {
        let answer = right.get(request).unwrap().replace("2001-09-09T10", "2026-11-22T23");
        Act::Send(ok(&change(std::str::from_utf8(request).unwrap(), answer)))
    });
    let duration = Duration::from_millis(400);
    let run = Plain { prepared, rate: 1000.0, duration, ..plain(server) };
    let result = run.clone().run().unwrap();
    (run, result)
}

#[test]
fn right_answers_pass_the_audit() {
    let (_, result) = audited_run(|_, answer| answer);
    let counts = &result.total.counts;
    // A busy machine may leave some unsent.
    let counted = (counts.wrong, counts.good + counts.unsent);
    assert_eq!(counted, (0, 400), "{:?}", result.wrong_examples);
    assert!(counts.good > 200, "{counts:?}");
}

#[test]
fn wrong_answers_are_counted_and_shown_without_personal_data() {
    // Discloses a lost eligibility where a newer one exists.
    let (run, result) = audited_run(|request, answer| match right_answer(request) {
        '3' => answer.replace("Validity\":\"3", "Validity\":\"1"),
        _ => answer,
    });
    let old = requests(&run.prepared).iter().filter(|r| right_answer(r) == '3').count();
    let counts = &result.total.counts;
    assert_eq!((counts.wrong, counts.good), (old as u64, 400 - old as u64));
    let wrong = &result.wrong_examples[0];
    assert_eq!((wrong.expected.as_str(), wrong.got.as_str()), ("3", "1"));
    assert_eq!((wrong.field.as_str(), wrong.stream.as_str()), ("qualificationValidity", "lookups"));
    assert!(result.verdict.has_wrong_answers);
    let texts = Summary(&result).to_string() + &serde_json::to_string(&result).unwrap();
    assert!(texts.contains("WRONG ANSWERS"));
    assert!(!texts.contains('旧') && !texts.contains('号') && !texts.contains('験'), "{texts}");
}

#[test]
fn a_200_with_garbage_is_a_wrong_answer_and_its_bytes_are_not_shown() {
    let (_, result) = audited_run(|_, answer| match answer.len() % 3 {
        0 => "<html>all is well</html>".to_owned(),
        1 => answer[..answer.char_indices().nth(40).unwrap().0].to_owned(),
        _ => "{}".to_owned(),
    });
    let counts = &result.total.counts;
    assert_eq!((counts.wrong, counts.good), (400, 0));
    assert!(result.verdict.has_wrong_answers);
    assert!(result.wrong_examples.iter().any(|wrong| wrong.got.contains("unreadable bytes")));
    assert!(!Summary(&result).to_string().contains("all is well"));
}

#[test]
fn an_answer_about_somebody_else_is_wrong_however_well_it_looks() {
    let (_, result) = audited_run(|_, answer| answer.replace("試験 太郎", "試験 次郎"));
    let counts = &result.total.counts;
    assert!(counts.wrong > 300, "everybody but the mistyped and the newer ones: {counts:?}");
    assert_eq!(result.wrong_examples[0].field, "eligibility.name");
}
