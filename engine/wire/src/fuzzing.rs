//! What the fuzz targets do with bytes: here rather than in `fuzz/`, so that the test suite runs
//! the same bodies over the committed corpus. Each panics when a promise of this crate is broken.

use crate::members::{Content, MemberFile, MemberWriter};
use crate::oqs::{
    Answered, MessageResult, ParsedAnswer, SearchInfo, SingleAnswer, SingleRequest, parse_json,
    parse_xml, to_json, to_xml,
};
use crate::v1::{
    parse_card_eligibility, parse_challenge, parse_eligibility, parse_registration, parse_session,
    parse_withdrawal,
};
use crate::xml::is_xml_char;
use serde_json::json;
use shikaku_domain::{CharacterCode, MemberChange, Outcome, Personal, Registration, Timestamp};

/// A moment for answers; which one does not matter.
const NOW_UNIX_SECONDS: u64 = 1_793_000_000;

/// A request in XML: read or refused. One that was read can be answered, and the answer carries
/// the caller's own identifier.
pub fn oqs_xml(data: &[u8]) {
    match parse_xml(data) {
        Ok((request, _)) => answers_agree(&request),
        Err(error) => refusal_is_an_answer(&error),
    }
}

/// A request in JSON: as [`oqs_xml`]; and one that was read means the same when it is written anew.
pub fn oqs_json(data: &[u8]) {
    match parse_json(data) {
        Ok(request) => {
            let again = parse_json(&request_json(&request));
            assert_eq!(
                again.as_ref(),
                Ok(&request),
                "a request changed its meaning when written anew"
            );
            answers_agree(&request);
        }
        Err(error) => refusal_is_an_answer(&error),
    }
}

/// A request of `/v1/eligibility`: read, or refused with at least one problem.
pub fn v1_json(data: &[u8]) {
    if let Err(problems) = parse_eligibility(data) {
        assert!(!problems.is_empty(), "a refusal without a reason");
    }
}

/// A request of `/v1/card/…`, of whichever kind: read, or refused with at least one problem.
pub fn card_json(data: &[u8]) {
    let refused = [
        parse_challenge(data).err(),
        parse_session(data).err(),
        parse_registration(data).err(),
        parse_card_eligibility(data).err(),
        parse_withdrawal(data).err(),
    ];
    for problems in refused.into_iter().flatten() {
        assert!(!problems.is_empty(), "a refusal without a reason");
    }
}

/// An insurer's file: every line is a change or has a reason, and a registration that was read is
/// the same after writing and reading again.
pub fn member_csv(data: &[u8]) {
    let Ok(mut file) = MemberFile::open(data) else { return };
    let mut before = 1;
    while let Some(Ok(line)) = file.next() {
        assert!(line.number > before, "lines are numbered upwards");
        before = line.number;
        match line.content {
            Ok(Content::Member(MemberChange::Put(registration))) => {
                survives_rewriting(&registration)
            }
            Ok(
                Content::Member(MemberChange::Withdraw { .. })
                | Content::Insurer(_)
                | Content::Card(_),
            ) => {}
            Err(rejects) => assert!(!rejects.is_empty(), "a rejected line without a reason"),
        }
    }
}

/// An answer as a client reads it: read or refused.
pub fn answer(data: &[u8]) {
    for answer in
        [ParsedAnswer::from_json(data), ParsedAnswer::from_xml(data)].into_iter().flatten()
    {
        assert!(answer.fields().all(|(path, text)| !path.is_empty() && !text.is_empty()));
    }
}

fn answers_agree(request: &SingleRequest) {
    let result = MessageResult::Answered(Answered {
        outcome: Outcome::NotFound,
        disclosure: None,
        insurer: None,
        limit_consent: request.query.limit_consent,
        with_card: None,
        search_info: Some(&request.search_info),
    });
    both_forms_agree(&SingleAnswer::to_request(
        request,
        Timestamp::from_unix_seconds(NOW_UNIX_SECONDS),
        result,
    ));
}

fn refusal_is_an_answer(error: &crate::oqs::RequestError) {
    if let Some(answer) =
        SingleAnswer::to_refused(error, Timestamp::from_unix_seconds(NOW_UNIX_SECONDS))
    {
        both_forms_agree(&answer);
    }
}

/// The same answer in XML and in JSON is the same answer, but for what XML cannot carry.
fn both_forms_agree(answer: &SingleAnswer<'_>) {
    let (mut xml, mut json, mut shift_jis) = (Vec::new(), Vec::new(), Vec::new());
    let replaced = to_xml(answer, CharacterCode::Utf8, &mut xml);
    to_json(answer, &mut json);
    let from_xml = ParsedAnswer::from_xml(&xml);
    let from_json = ParsedAnswer::from_json(&json);
    assert!(from_xml.is_ok() && from_json.is_ok(), "we cannot read our own answer");
    if let (0, Ok(from_xml), Ok(from_json)) = (replaced, &from_xml, &from_json) {
        assert!(
            from_xml == from_json,
            "XML and JSON say different things: {from_xml:?} {from_json:?}"
        );
    }
    let lost = to_xml(answer, CharacterCode::ShiftJis, &mut shift_jis);
    assert!(lost >= replaced && ParsedAnswer::from_xml(&shift_jis).is_ok());
    if let Some(identifier) = answer.arbitrary_file_identifier {
        assert!(
            identifier.chars().all(is_xml_char),
            "an identifier that cannot be echoed was accepted"
        );
    }
}

fn request_json(request: &SingleRequest) -> Vec<u8> {
    let SearchInfo {
        insurer_number,
        symbol,
        number,
        branch,
        birthdate,
        limit_consent,
        arbitrary_identifier,
    } = &request.search_info;
    let open = |text: &Option<Personal<String>>| text.as_ref().map(|text| text.expose().clone());
    json!({ "XmlMsg": {
        "MessageHeader": {
            "QualificationConfirmationDate": request.qualification_confirmation_date.to_string(),
            "MedicalInstitutionCode": request.medical_institution_code.as_str(),
            "ArbitraryFileIdentifier": request.arbitrary_file_identifier,
            "CharacterCodeIdentifier": request.character_code.map(CharacterCode::code),
        },
        "MessageBody": { "QualificationConfirmSearchInfo": {
            "InsurerNumber": open(insurer_number),
            "InsuredCardSymbol": open(symbol),
            "InsuredIdentificationNumber": open(number),
            "InsuredBranchNumber": open(branch),
            "Birthdate": open(birthdate),
            "LimitApplicationCertificateRelatedConsFlg": open(limit_consent),
            "ArbitraryIdentifier": open(arbitrary_identifier),
        } },
    } })
    .to_string()
    .into_bytes()
}

fn survives_rewriting(registration: &Registration<'_>) {
    let Ok(mut writer) = MemberWriter::new(Vec::new(), CharacterCode::Utf8) else { return };
    let written = writer.write(registration);
    assert!(written.is_ok(), "a registration that was read cannot be written");
    let Ok((bytes, _)) = writer.finish() else { return };
    let Ok(mut file) = MemberFile::open(bytes.as_slice()) else { return };
    let Some(Ok(line)) = file.next() else { return };
    let same = matches!(&line.content, Ok(Content::Member(MemberChange::Put(again))) if again == registration);
    assert!(same, "a registration changed when written anew: {:?}", line.content);
}
