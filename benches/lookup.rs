//! The steps of a lookup one by one: parse, read, decode, decide, encode.
//!
//! Each iteration takes the next of a thousand people, so that no branch predictor learns one by
//! heart.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has no numbers")]

use criterion::{Criterion, Throughput};
use shikaku_benches::{Corpus, FACILITY};
use shikaku_domain::{
    CardQuery, CharacterCode, Day, Folded, Insurer, LimitApplicationCertificateRelatedConsFlg,
    MedicalInstitutionCode, PersonId, Registration, Timestamp, decide, disclose,
};
use shikaku_wire::members::{MemberFile, MemberWriter};
use shikaku_wire::oqs::{
    Answered, MessageResult, SingleAnswer, SingleRequest, parse_json, parse_xml, to_json, to_xml,
};
use shikaku_wire::v1::{EligibilityAnswer, parse_eligibility};
use std::hint::black_box;
use std::sync::Arc;

/// People in the store.
const PERSONS: u64 = 50_000;
/// People that the benchmarks go through.
const SAMPLE: usize = 1_000;
/// Room for an answer, as in the engine.
const ANSWER_BYTES: usize = 2_048;

/// One person with everything that the steps need.
struct Case {
    query: CardQuery,
    /// What the store has under the card.
    found: Vec<Registration<'static>>,
    insurer: Arc<Insurer>,
    v1: Vec<u8>,
    json: Vec<u8>,
    xml: Vec<u8>,
    request: SingleRequest,
}

fn main() {
    let corpus = Corpus::new(PERSONS).unwrap();
    let current = cases(&corpus, &corpus.current(SAMPLE));
    let ended = cases(&corpus, &corpus.ended(SAMPLE));
    let mut criterion = Criterion::default().configure_from_args();
    store(&mut criterion, &corpus, &current);
    rules(&mut criterion, corpus.on, &current, &ended);
    parse(&mut criterion, &current);
    encode(&mut criterion, corpus.on, &current);
    criterion.final_summary();
}

fn cases(corpus: &Corpus, registrations: &[Registration<'_>]) -> Vec<Case> {
    registrations.iter().map(|registration| case(corpus, registration)).collect()
}

fn case(corpus: &Corpus, registration: &Registration<'_>) -> Case {
    let mut query = CardQuery::for_card(registration);
    query.limit_consent = LimitApplicationCertificateRelatedConsFlg::Given;
    let own = |all: &[Registration<'_>]| all.iter().map(|r| r.clone().into_owned()).collect();
    let json = oqs_json(registration, corpus.on);
    Case {
        found: corpus.reader.with_card(&query, own).unwrap(),
        insurer: corpus.reader.insurer(query.insurer).unwrap(),
        v1: v1_json(registration, corpus.on),
        xml: oqs_xml(&json),
        request: parse_json(&json).unwrap(),
        json,
        query,
    }
}

fn facility() -> MedicalInstitutionCode {
    MedicalInstitutionCode::parse(FACILITY).unwrap()
}

/// Goes round the cases for ever.
fn next<'c>(cases: &'c [Case]) -> impl FnMut() -> &'c Case {
    let mut round = cases.iter().cycle();
    move || round.next().unwrap()
}

fn store(criterion: &mut Criterion, corpus: &Corpus, current: &[Case]) {
    let mut group = criterion.benchmark_group("store");
    let mut hit = next(current);
    group.bench_function("read and decode, found", |b| {
        b.iter(|| corpus.reader.with_card(&hit().query, |found| black_box(found).len()).unwrap());
    });
    let missing: Vec<CardQuery> = current
        .iter()
        .map(|case| CardQuery { number: Folded::new("no such number").unwrap(), ..case.query })
        .collect();
    let mut missing = missing.iter().cycle();
    group.bench_function("read, not found", |b| {
        b.iter(|| {
            let query = missing.next().unwrap();
            corpus.reader.with_card(query, |found| black_box(found).len()).unwrap()
        });
    });
}

fn rules(criterion: &mut Criterion, on: Day, current: &[Case], ended: &[Case]) {
    let mut group = criterion.benchmark_group("decide");
    let mut valid = next(current);
    group.bench_function("valid", |b| {
        b.iter(|| {
            let case = valid();
            decide(Some(&case.insurer), black_box(&case.found), &case.query, on).validity()
        });
    });
    let mut newer = next(ended);
    group.bench_function("lost here, newer elsewhere", |b| {
        b.iter(|| {
            let case = newer();
            decide(Some(&case.insurer), black_box(&case.found), &case.query, on).validity()
        });
    });
    let twins: Vec<_> = current.iter().map(|case| (case, twins(case))).collect();
    let mut twins = twins.iter().cycle();
    group.bench_function("twins on a card without branch", |b| {
        b.iter(|| {
            let (case, (query, both)) = twins.next().unwrap();
            decide(Some(&case.insurer), black_box(both), query, on).validity()
        });
    });
    let mut disclosed = next(current);
    group.bench_function("valid, and what may be shown", |b| {
        b.iter(|| {
            let case = disclosed();
            let outcome = decide(Some(&case.insurer), black_box(&case.found), &case.query, on);
            black_box(disclose(&outcome, &case.query, facility(), on)).is_some()
        });
    });
}

/// A second person under the same card, and the query that fits both.
fn twins(case: &Case) -> (CardQuery, Vec<Registration<'static>>) {
    let mut both = case.found.clone();
    let mut twin = both.first().unwrap().clone();
    twin.person = PersonId::from_number(1).unwrap();
    both.push(twin);
    (CardQuery { branch: None, ..case.query }, both)
}

fn parse(criterion: &mut Criterion, current: &[Case]) {
    let mut group = criterion.benchmark_group("parse");
    let mut v1 = next(current);
    group.bench_function("v1 JSON", |b| b.iter(|| parse_eligibility(&v1().v1).unwrap()));
    let mut json = next(current);
    group.bench_function("OQS JSON", |b| b.iter(|| parse_json(&json().json).unwrap()));
    let mut xml = next(current);
    group.bench_function("OQS XML", |b| b.iter(|| parse_xml(&xml().xml).unwrap()));
    let file = member_file(current);
    group.throughput(Throughput::Elements(SAMPLE as u64));
    group.bench_function("a thousand lines of a members' file", |b| {
        b.iter(|| {
            let mut file = MemberFile::open(file.as_slice()).unwrap();
            while let Some(line) = file.next() {
                black_box(line.unwrap().content.unwrap());
            }
        });
    });
}

fn encode(criterion: &mut Criterion, on: Day, current: &[Case]) {
    let mut group = criterion.benchmark_group("encode");
    let at = Timestamp::from_unix_seconds(1_793_000_000);
    let mut v1 = next(current);
    group.bench_function("v1 JSON", |b| {
        b.iter(|| {
            let case = v1();
            let outcome = decide(Some(&case.insurer), &case.found, &case.query, on);
            let shown = disclose(&outcome, &case.query, facility(), on);
            let insurer = Some(&*case.insurer);
            let mut out = Vec::with_capacity(ANSWER_BYTES);
            EligibilityAnswer { at, on, outcome, disclosure: shown.as_ref(), insurer }
                .write(&mut out);
            out
        });
    });
    let mut json = next(current);
    group.bench_function("OQS JSON", |b| {
        b.iter(|| answer(json(), at, on, to_json));
    });
    for (name, code) in
        [("OQS XML, UTF-8", CharacterCode::Utf8), ("OQS XML, Shift_JIS", CharacterCode::ShiftJis)]
    {
        let mut xml = next(current);
        group.bench_function(name, |b| {
            b.iter(|| {
                answer(xml(), at, on, |answer, out| {
                    black_box(to_xml(answer, code, out));
                })
            });
        });
    }
}

/// Decides and writes; the rules are a small part of it, see the group `decide`.
fn answer(
    case: &Case,
    at: Timestamp,
    on: Day,
    write: impl Fn(&SingleAnswer<'_>, &mut Vec<u8>),
) -> Vec<u8> {
    let outcome = decide(Some(&case.insurer), &case.found, &case.query, on);
    let shown = disclose(&outcome, &case.query, facility(), on);
    let result = MessageResult::Answered(Answered {
        outcome,
        disclosure: shown.as_ref(),
        insurer: Some(&case.insurer),
        limit_consent: case.query.limit_consent,
        search_info: Some(&case.request.search_info),
    });
    let mut out = Vec::with_capacity(ANSWER_BYTES);
    write(&SingleAnswer::to_request(&case.request, at, result), &mut out);
    out
}

fn member_file(cases: &[Case]) -> Vec<u8> {
    let mut writer = MemberWriter::new(Vec::new(), CharacterCode::Utf8).unwrap();
    for case in cases {
        writer.write(case.found.first().unwrap()).unwrap();
    }
    writer.finish().unwrap().0
}

/// Name and value of what stands on the card.
fn card(registration: &Registration<'_>) -> Vec<(&'static str, String)> {
    let card = &registration.card;
    let symbol = card.symbol.as_ref().map(|symbol| symbol.text().expose().to_string());
    let branch = card.branch.map(|branch| format!("{:02}", branch.number()));
    let all = [
        ("InsurerNumber", Some(card.insurer.to_string())),
        ("InsuredCardSymbol", symbol),
        ("InsuredIdentificationNumber", Some(card.number.text().expose().to_string())),
        ("InsuredBranchNumber", branch),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn v1_json(registration: &Registration<'_>, on: Day) -> Vec<u8> {
    let iso = |day: Day| {
        let (year, month, day) = day.ymd();
        format!("{year:04}-{month:02}-{day:02}")
    };
    let dates = [
        ("Birthdate", iso(registration.card.birthdate)),
        ("QualificationConfirmationDate", iso(on)),
    ];
    let lower = |name: &str| name[..1].to_ascii_lowercase() + &name[1..];
    let members = card(registration).into_iter().chain(dates);
    let members: serde_json::Map<_, _> = members.map(|(k, v)| (lower(k), v.into())).collect();
    serde_json::to_vec(&members).unwrap()
}

fn oqs_json(registration: &Registration<'_>, on: Day) -> Vec<u8> {
    let rest = [
        ("Birthdate", registration.card.birthdate.to_string()),
        ("LimitApplicationCertificateRelatedConsFlg", "1".to_owned()),
    ];
    let search = card(registration).into_iter().chain(rest);
    let search: serde_json::Map<_, _> = search.map(|(k, v)| (k.to_owned(), v.into())).collect();
    let message = serde_json::json!({"XmlMsg": {
        "MessageHeader": {
            "QualificationConfirmationDate": on.to_string(),
            "MedicalInstitutionCode": FACILITY,
        },
        "MessageBody": { "QualificationConfirmSearchInfo": search },
    }});
    serde_json::to_vec(&message).unwrap()
}

/// The same message in XML. No value of the population needs an escape.
fn oqs_xml(json: &[u8]) -> Vec<u8> {
    fn element(value: &serde_json::Value) -> String {
        let Some(members) = value.as_object() else {
            return value.as_str().unwrap_or_default().to_owned();
        };
        let tag = |(name, value)| format!("<{name}>{}</{name}>", element(value));
        members.iter().map(tag).collect()
    }
    let message = element(&serde_json::from_slice(json).unwrap());
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>{message}").into_bytes()
}
