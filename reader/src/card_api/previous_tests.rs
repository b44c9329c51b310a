//! This reader and the engine of the release before (docs/compatibility.md): that engine's frozen
//! answers are read, and nothing is sent that it does not know.

use super::*;
use crate::clock::SystemClock;
use crate::session::{Consents, Prescription, Registration};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

/// What the reader of the release before sent, and what its engine answered.
macro_rules! previous {
    ($name:literal) => {
        (
            include_str!(concat!("../../../engine/wire/testdata/previous/", $name, ".request")),
            include_str!(concat!("../../../engine/wire/testdata/previous/", $name, ".answer")),
        )
    };
}

type Exchange = (&'static str, &'static str);

/// A visit with a first registration, as this reader makes it.
const VISIT: [Exchange; 6] = [
    previous!("card-challenge"),
    previous!("card-session"),
    previous!("card-registration-by-card"),
    previous!("card-registration"),
    previous!("card-confirmation"),
    previous!("card-eligibility"),
];

fn parts(text: &str) -> (&str, &str) {
    text.split_once("\n\n").unwrap()
}

/// Every answer of the visit, as `change` makes it, one a connection; returns the bodies that came.
fn engine(change: fn(Value) -> Value) -> (String, JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answered = move || {
        let one = |(request, answer): Exchange| {
            let (head, body) = parts(answer);
            let body = change(serde_json::from_str(body).unwrap()).to_string();
            let (status, kind) = head.split_once(' ').unwrap();
            let reply = format!(
                "HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let (head, body) = request_on(&listener, &reply);
            let path = request.lines().next().unwrap();
            assert!(head.starts_with(&format!("{path} ")), "{head} is not {path}");
            serde_json::from_slice(&body).unwrap()
        };
        VISIT.into_iter().map(one).collect()
    };
    (url, thread::spawn(answered))
}

fn request_on(listener: &TcpListener, reply: &str) -> (String, Vec<u8>) {
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    stream.get_mut().write_all(reply.as_bytes()).unwrap();
    (head, body)
}

fn api(base: String) -> CardApi {
    let config = Agent::config_builder().http_status_as_error(false).proxy(None).build();
    CardApi {
        agent: config.new_agent(),
        base,
        device: "reader-1".to_owned(),
        clock: Arc::new(SystemClock),
        centre: Arc::default(),
    }
}

/// Everything this reader may say in a visit.
fn visit(api: &CardApi) -> Answer {
    let text = |text: &str| Personal::new(text.to_owned());
    let challenge = api.challenge().unwrap();
    let signed = Signed { certificate: [1, 2].into(), signature: [3, 4].into() };
    let staff = StaffId::try_from("staff-1".to_owned()).unwrap();
    let opened =
        api.open(&challenge.id, &signed, Method::Visual, TokenKind::Card, Some(&staff)).unwrap();
    assert_eq!(opened.registration, Registration::NotRegistered);
    assert_eq!(opened.may_consent_to, BTreeSet::from(Information::ALL));
    let attributes = Attributes {
        name: text("合成　花子"),
        address: text("架空県見本市"),
        birthdate: text("19800401"),
        sex: text("2"),
    };
    let found = api.find(&opened.session, &Via::Card(attributes)).unwrap();
    let card = InsuranceCard {
        insurer_number: text("01040013"),
        symbol: Some(text("1")),
        number: text("2"),
        branch: Some(text("00")),
        birthdate: text("19800401"),
    };
    let again = api.find(&opened.session, &Via::InsuranceCard(card)).unwrap();
    assert_eq!(found.name, again.name);
    api.bind(&opened.session, &found, &staff).unwrap();
    let consents = Consents::from([(Information::Medication, true), (Information::Checkup, false)]);
    let prescription = Some(Prescription::Paper);
    api.ask(&Asked { session: opened.session, consents, prescription }).unwrap()
}

/// The same with a member of a later release in each object.
fn with_more(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut more: serde_json::Map<_, _> =
                members.into_iter().map(|(name, value)| (name, with_more(value))).collect();
            more.insert("memberOfLater".to_owned(), json!({"a": [1]}));
            Value::Object(more)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(with_more).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    if let Value::Object(members) = value {
        members.iter().for_each(|(name, value)| paths(value, &format!("{path}.{name}"), found));
    }
}

#[test]
fn the_engine_of_the_release_before_is_understood_and_sent_nothing_new() {
    let (url, engine) = engine(|answer| answer);
    let answer = visit(&api(url));
    assert_eq!(answer.validity, "1");
    assert!(answer.name.is_some() && answer.message.expose().starts_with("<?xml"));
    for (sent, (request, _)) in engine.join().unwrap().iter().zip(VISIT) {
        let known = serde_json::from_str(parts(request).1).unwrap();
        let (mut now, mut before) = (BTreeSet::new(), BTreeSet::new());
        paths(sent, "", &mut now);
        paths(&known, "", &mut before);
        let new: Vec<_> = now.difference(&before).collect();
        assert!(new.is_empty(), "the engine of the release before refuses {new:?}");
    }
}

#[test]
fn members_of_a_later_engine_are_passed_over() {
    let (url, engine) = engine(with_more);
    assert_eq!(visit(&api(url)).validity, "1");
    engine.join().unwrap();
}

#[test]
fn a_kind_of_information_of_a_later_engine_is_not_asked_about() {
    let (url, engine) = engine(|mut answer| {
        if let Some(kinds) = answer.get_mut("mayConsentTo").and_then(Value::as_array_mut) {
            kinds.push("kindOfLater".into());
        }
        answer
    });
    assert_eq!(visit(&api(url)).validity, "1");
    engine.join().unwrap();
}
