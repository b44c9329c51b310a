//! Messages and insurers' files.

use super::Step;
use super::case::{Case, facility};
use shikaku_domain::{CharacterCode, Day, Timestamp, decide, disclose};
use shikaku_wire::members::{MemberFile, MemberWriter};
use shikaku_wire::oqs::{
    Answered, MessageResult, SingleAnswer, parse_json, parse_xml, to_json, to_xml,
};
use shikaku_wire::v1::{EligibilityAnswer, parse_eligibility};
use std::hint::black_box;
use std::rc::Rc;

/// Room for an answer, as in the engine.
const ANSWER_BYTES: usize = 2_048;
/// Lines of the insurer's file that is parsed.
const LINES: usize = 100;
/// When the answers are made, in Unix seconds.
const AT_SECONDS: u64 = 1_793_000_000;

pub(super) fn steps(on: Day, current: &Rc<[Case]>) -> Vec<Step> {
    let file = member_file(current.get(..LINES).unwrap());
    vec![
        Step::each("wire/parse v1 JSON", current, |case| parse_eligibility(&case.v1).unwrap()),
        Step::each("wire/parse OQS JSON", current, |case| parse_json(&case.json).unwrap()),
        Step::each("wire/parse OQS XML", current, |case| parse_xml(&case.xml).unwrap()),
        Step::new("wire/parse a hundred lines of a members' file", move || {
            let mut file = MemberFile::open(file.as_slice()).unwrap();
            while let Some(line) = file.next() {
                black_box(line.unwrap().content.unwrap());
            }
        }),
        Step::each("wire/write v1 JSON", current, move |case| v1(case, on)),
        Step::each("wire/write OQS JSON", current, move |case| oqs(case, on, to_json)),
        Step::each("wire/write OQS XML, UTF-8", current, move |case| {
            oqs(case, on, |answer, out| {
                black_box(to_xml(answer, CharacterCode::Utf8, out));
            })
        }),
        Step::each("wire/write OQS XML, Shift_JIS", current, move |case| {
            let code = CharacterCode::ShiftJis;
            oqs(case, on, |answer, out| {
                black_box(to_xml(answer, code, out));
            })
        }),
    ]
}

/// Decides and writes; the rules are a small part of it, see the group `rules`.
fn v1(case: &Case, on: Day) -> Vec<u8> {
    let outcome = decide(Some(&case.insurer), &case.found, &case.query, on);
    let shown = disclose(&outcome, &case.query, facility(), on);
    let insurer = Some(&*case.insurer);
    let at = Timestamp::from_unix_seconds(AT_SECONDS);
    let disclosure = shown.as_ref();
    let mut out = Vec::with_capacity(ANSWER_BYTES);
    EligibilityAnswer { at, on, outcome, disclosure, insurer, with_card: None }.write(&mut out);
    out
}

/// As [`v1`], as an OQS message.
fn oqs(case: &Case, on: Day, write: impl Fn(&SingleAnswer<'_>, &mut Vec<u8>)) -> Vec<u8> {
    let outcome = decide(Some(&case.insurer), &case.found, &case.query, on);
    let shown = disclose(&outcome, &case.query, facility(), on);
    let result = MessageResult::Answered(Answered {
        outcome,
        disclosure: shown.as_ref(),
        insurer: Some(&case.insurer),
        limit_consent: case.query.limit_consent,
        with_card: None,
        search_info: Some(&case.request.search_info),
    });
    let at = Timestamp::from_unix_seconds(AT_SECONDS);
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
