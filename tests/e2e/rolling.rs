//! Programs of the release before, asked by and asking those of today (docs/compatibility.md).
//!
//! `engine/wire/testdata/previous` holds what the programs of the release before send, one request of
//! each interface, and what its engine answered: `.request` is the first line and the headers of
//! HTTP, an empty line and a body with `{{values}}` to be filled in; `.answer` is status and content
//! type, an empty line and the body. Here they are sent to the engine of today, and its answers must
//! have every member that the answers of before have. `UPDATE=1` writes the answers anew, after a
//! release. The reader's side of the same files is tested in `reader/src/card_api/previous_tests.rs`.

use crate::http::Reply;
use crate::population::Registered;
use crate::question::Question;
use crate::shared::today;
use serde_json::Value;
use shikaku_domain::{Registration, Scheme};
use shikaku_tests::cards::{Card, iso, trust_cards};
use shikaku_tests::{Centre, DATE, Engine, FACILITY, PASSWORD, USER};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

const PERSONS: u64 = 2_000;

/// In the order in which a visit asks; each may use what those before it were told.
const EXCHANGES: [(&str, &str); 14] = [
    ("v1-eligibility", FACILITY_PEM),
    ("v1-problem", FACILITY_PEM),
    ("oqs-auth", FACILITY_PEM),
    ("oqs-search", FACILITY_PEM),
    ("OQSsiquc01", FACILITY_PEM),
    ("card-challenge", FACILITY_PEM),
    ("card-session", FACILITY_PEM),
    ("card-registration-by-card", FACILITY_PEM),
    ("card-registration", FACILITY_PEM),
    ("card-confirmation", FACILITY_PEM),
    ("card-eligibility", FACILITY_PEM),
    ("card-consents", FACILITY_PEM),
    ("card-withdrawal", FACILITY_PEM),
    ("members", "operator-tests"),
];
const FACILITY_PEM: &str = "facility-1310000001";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../engine/wire/testdata/previous").join(name)
}

/// The head and the body of a file.
fn parts(text: &str) -> (&str, &str) {
    text.split_once("\n\n").unwrap_or((text, ""))
}

/// What fills the requests.
type Values = BTreeMap<&'static str, String>;

/// Somebody with a card that has every part, one insurance for good, and an address.
fn somebody(centre: &Centre) -> Registration<'static> {
    let all = Registered::new(&centre.population);
    let fits = |one: &&Registration<'_>| {
        one.card.insurer.scheme() != Scheme::MedicalAid
            && one.card.symbol.is_some()
            && one.card.branch.is_some()
            && one.address.is_some()
            && one.elsewhere.is_empty()
            && one.period.covers(today())
            && one.period.end().is_none()
    };
    let found = all.all().into_iter().find(fits);
    found.expect("the population has such people").clone()
}

fn values(person: &Registration<'_>) -> Values {
    let asked = Question::about(person, today());
    let text = |text: &str| text.to_owned();
    BTreeMap::from([
        ("facility", text(FACILITY)),
        ("user", text(USER)),
        ("password", text(PASSWORD)),
        ("day", iso(today())),
        ("digits", text(DATE)),
        ("insurerNumber", asked.insurer),
        ("symbol", asked.symbol.unwrap()),
        ("number", asked.number),
        ("branch", asked.branch.unwrap()),
        ("birthdate", iso(person.card.birthdate)),
        ("birthDigits", person.card.birthdate.to_string()),
        ("name", person.name.expose().to_string()),
        ("sex", text(person.sex1.code())),
        ("address", person.address.as_ref().unwrap().expose().to_string()),
    ])
}

fn send(centre: &Centre, engine: &Engine, certificate: &str, request: &str) -> Reply {
    let (head, body) = parts(request);
    let mut lines = head.lines();
    let (method, path) = lines.next().and_then(|line| line.split_once(' ')).unwrap();
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let url = format!("{}{path}", engine.service);
    let client = centre.client(certificate);
    Reply::to(&client, (method, &url), &headers, body.as_bytes()).unwrap()
}

/// Notes what the next requests need.
fn learn(values: &mut Values, name: &str, answer: &str, card: &Card) {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let mut keep = |name: &'static str, value: &Value| {
        values.insert(name, value.as_str().unwrap_or_else(|| panic!("{name}: {answer}")).to_owned())
    };
    match name {
        "oqs-auth" => drop(keep("token", &answer["result"]["idToken"])),
        "card-challenge" => {
            let presented = card.presented(&answer, "reader-1");
            for name in ["challengeId", "certificate", "signature"] {
                keep(name, &presented[name]);
            }
        }
        "card-session" => drop(keep("session", &answer["session"])),
        "card-registration" => drop(keep("candidate", &answer["candidate"])),
        _ => {}
    }
}

/// What the answer of today lacks of the one of before: a member, or its kind.
fn lacks(before: &Value, now: &Value, path: &str, found: &mut Vec<String>) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            for (name, before) in before {
                match now.get(name) {
                    Some(now) => lacks(before, now, &format!("{path}.{name}"), found),
                    None => found.push(format!("{path}.{name} is gone")),
                }
            }
        }
        (Value::Array(before), Value::Array(now)) => {
            if let (Some(before), Some(now)) = (before.first(), now.first()) {
                lacks(before, now, &format!("{path}[]"), found);
            }
            if !before.is_empty() && now.is_empty() {
                found.push(format!("{path} is empty"));
            }
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => {}
        _ => found.push(format!("{path} is of another kind")),
    }
}

/// The names of the elements of a message.
fn elements(xml: &str) -> BTreeSet<&str> {
    let names = xml.split('<').skip(1).filter_map(|tag| tag.split(['>', ' ', '/']).next());
    names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).collect()
}

fn compare(name: &str, before: &str, now: &str) {
    let ((head_before, before), (head_now, now)) = (parts(before), parts(now));
    assert_eq!(head_now, head_before, "{name}: another status or content type: {now}");
    if head_before.contains("xml") {
        let gone: Vec<_> = elements(before).difference(&elements(now)).copied().collect();
        assert!(gone.is_empty(), "{name}: {gone:?} are gone");
        return;
    }
    let parse = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let mut found = Vec::new();
    lacks(&parse(before), &parse(now), "", &mut found);
    assert!(found.is_empty(), "{name}: {found:?}");
}

#[test]
fn every_request_of_the_release_before_is_answered_as_it_was() {
    let centre = Centre::new(PERSONS);
    trust_cards(&centre);
    let engine = centre.start();
    let person = somebody(&centre);
    let (mut values, card) = (values(&person), Card::new(1));
    for (name, certificate) in EXCHANGES {
        let mut request = fs::read_to_string(file(&format!("{name}.request"))).unwrap();
        for (value, text) in &values {
            request = request.replace(&format!("{{{{{value}}}}}"), text);
        }
        assert!(!request.contains("{{"), "{name}: a value is missing: {request}");
        let reply = send(&centre, &engine, certificate, &request);
        let body = reply.text();
        learn(&mut values, name, &body, &card);
        let now = format!("{} {}\n\n{body}", reply.status, reply.header("content-type"));
        let path = file(&format!("{name}.answer"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &now).unwrap();
        }
        compare(name, &fs::read_to_string(path).unwrap(), &now);
    }
    assert!(engine.stop());
}

/// A reader of the next release may know a member that this engine does not: it must leave it out
/// until both sides know it.
#[test]
fn an_unknown_member_is_refused_in_v1_and_ignored_in_oqs() {
    let shared = crate::shared::shared();
    let (_, asked) = shared.registered.valid(today(), |r| r.card.symbol.is_some());
    let mut v1 = asked.v1();
    v1["memberOfLater"] = true.into();
    let problem = shared.desk.post_v1(v1.to_string().as_bytes()).expect_problem(422, "SHK-ENG-014");
    assert_eq!(problem["fields"][0]["code"], "SHK-MSG-010", "{problem}");
    let mut oqs = asked.oqs_json();
    oqs["XmlMsg"]["MessageHeader"]["ElementOfLater"] = "1".into();
    assert_eq!(shared.desk.search(oqs.to_string().as_bytes()).status, 200);
}

#[test]
fn what_is_gone_from_an_answer_is_noticed() {
    let before = serde_json::json!({"a": {"b": "1", "c": 1}, "d": [{"e": true}]});
    let mut found = Vec::new();
    lacks(&before, &before, "", &mut found);
    let now = serde_json::json!({"a": {"b": 1, "more": 0}, "d": [{}]});
    lacks(&before, &now, "", &mut found);
    assert_eq!(found, [".a.b is of another kind", ".a.c is gone", ".d[].e is gone"]);
    assert_eq!(elements("<?xml?><a><b x=\"1\">t</b><c/></a>"), BTreeSet::from(["a", "b", "c"]));
}
