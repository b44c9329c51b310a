//! The XML interface, which the folder exchange posts for receipt computers (§1.2–1.6).

use crate::question::Question;
use crate::refusals::{DEEP, expect_header_error, expect_person_error};
use crate::shared::{shared, today};
use shikaku_tests::{FACILITY, OTHER_FACILITY};
use shikaku_wire::oqs::ParsedAnswer;

fn question() -> Question {
    shared().registered.valid(today(), |_| true).1
}

/// §1.3: no document type, no entities of one's own, no processing instructions.
#[test]
fn what_only_attackers_use_is_refused() {
    let message = question().oqs_xml("x");
    let after_declaration =
        |text: &str| message.replacen("<XmlMsg>", &format!("{text}<XmlMsg>"), 1);
    let laughs: String = (1..10)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    let bomb = format!("<!DOCTYPE XmlMsg [<!ENTITY l0 \"lol\">{laughs}]>");
    let bodies = [
        after_declaration("<!DOCTYPE XmlMsg>"),
        after_declaration("<!DOCTYPE XmlMsg SYSTEM \"file:///etc/passwd\">"),
        after_declaration(&bomb).replacen(">x<", ">&l9;<", 1),
        message.replacen(">x<", ">&mine;<", 1),
        after_declaration("<?xml-stylesheet href=\"http://192.0.2.1/\"?>"),
    ];
    for body in bodies {
        shared().desk.post_xml(body.as_bytes(), "utf-8").expect_problem(400, "SHK-MSG-006");
    }
}

#[test]
fn a_document_that_is_no_message_is_a_problem_in_two_languages() {
    let message = question().oqs_xml("x");
    let deep = "<a>".repeat(DEEP) + &"</a>".repeat(DEEP);
    let deeper =
        message.replacen("<MessageBody>", &format!("<MessageBody>{}", "<a>".repeat(30)), 1);
    let big = message.replacen(">x<", &format!(">{}<", "x".repeat(70_000)), 1);
    let twice = message.replacen("<MessageBody>", "<MessageHeader/><MessageBody>", 1);
    for (body, code) in [
        (String::new(), "SHK-MSG-005"),
        ("resend please".to_owned(), "SHK-MSG-005"),
        ("{\"XmlMsg\":{}}".to_owned(), "SHK-MSG-005"),
        (message.replace("</XmlMsg>", ""), "SHK-MSG-005"),
        (message.clone() + "<XmlMsg/>", "SHK-MSG-005"),
        (message.replacen("<Birthdate>", "<Birthdate a=>", 1), "SHK-MSG-005"),
        ("<Other/>".to_owned(), "SHK-MSG-008"),
        (twice, "SHK-MSG-008"),
        (deep, "SHK-MSG-004"),
        (deeper, "SHK-MSG-007"),
        (big, "SHK-MSG-004"),
        (message.replacen(">x<", ">\0<", 1), "SHK-MSG-003"),
        (message.replacen("UTF-8", "EUC-JP", 1), "SHK-MSG-001"),
    ] {
        let reply = shared().desk.post_xml(body.as_bytes(), "utf-8");
        let start: String = body.chars().take(80).collect();
        assert_eq!(reply.json()["code"], code, "{start}");
        reply.expect_problem(400, code);
    }
}

/// §1.3: the declaration decides; bytes that do not fit it are not guessed at.
#[test]
fn a_wrong_declaration_is_refused_and_never_answered_with_mojibake() {
    let desk = &shared().desk;
    let question = Question { symbol: Some("健１２".to_owned()), ..question() };
    let shift_jis = question.oqs_xml_shift_jis("x");
    let declared = |from: &[u8], label: &str| {
        let end = from.iter().position(|byte| *byte == b'>').unwrap();
        let declaration = format!("<?xml version=\"1.0\" encoding=\"{label}\"?>");
        [declaration.as_bytes(), &from[end + 1..]].concat()
    };
    desk.post_xml(&declared(&shift_jis, "UTF-8"), "utf-8").expect_problem(400, "SHK-MSG-002");
    let utf16: Vec<u8> = question.oqs_xml("x").encode_utf16().flat_map(u16::to_le_bytes).collect();
    desk.post_xml(&utf16, "utf-8").expect_problem(400, "SHK-MSG-001");
    for label in ["Shift_JIS", "shift_jis", "Windows-31J", "CP932", "MS932", "SJIS"] {
        assert_eq!(desk.post_xml(&declared(&shift_jis, label), "utf-8").status, 200, "{label}");
    }
    let marked = [b"\xEF\xBB\xBF", question.oqs_xml("x").as_bytes()].concat();
    assert_eq!(desk.post_xml(&marked, "utf-8").status, 200);
}

/// §1.3, Shift_JIS means CP932; 〓 marks what it lacks, never a numeric reference.
#[test]
fn a_name_that_cp932_lacks_is_answered_with_a_geta() {
    let shared = shared();
    let (registration, question) =
        shared.registered.valid(today(), |r| r.name.expose().contains('𠮷'));
    let name = registration.name.expose();
    let body = question.oqs_xml("x").into_bytes();
    let replaced = || crate::operation::metric(&shared.engine, "oqs_unmappable_characters_total");
    let before = replaced();
    let reply = shared.desk.post_xml(&body, "shift_jis");
    assert!(!reply.body.contains(&b'&'));
    let answer = ParsedAnswer::from_xml(&reply.body).unwrap();
    assert_eq!(answer.result("Name"), Some(&*name.replace('𠮷', "〓")));
    assert!(replaced() > before, "operators can see that names were answered with gaps");
    assert_eq!(shared.desk.ask_xml(&body, "utf-8").result("Name"), Some(&**name));
}

/// §1.3: 髙 and 﨑 are in CP932 and stay themselves.
#[test]
fn unusual_characters_of_cp932_survive_both_encodings() {
    let shared = shared();
    for unusual in ['髙', '﨑'] {
        let fits = |r: &shikaku_domain::Registration<'_>| {
            r.name.expose().contains(unusual) && !r.name.expose().contains('𠮷')
        };
        let (registration, question) = shared.registered.valid(today(), fits);
        for charset in ["utf-8", "shift_jis"] {
            let answer = shared.desk.ask_xml(question.oqs_xml("x").as_bytes(), charset);
            assert_eq!(answer.result("Name"), Some(&**registration.name.expose()));
        }
    }
}

/// §1.2: clients look for the literal element of their request in the answer.
#[test]
fn the_arbitrary_file_identifier_comes_back_letter_by_letter() {
    let desk = &shared().desk;
    let question = question();
    for identifier in ["ArnHCeDfNjMCFzg=", " 0001 ", "患者１２３-ｱｲｳ", "a&amp;b&lt;c&gt;", "\"'/\\"]
    {
        for (body, charset) in [
            (question.oqs_xml(identifier).into_bytes(), "utf-8"),
            (question.oqs_xml_shift_jis(identifier), "shift_jis"),
        ] {
            let reply = desk.post_xml(&body, charset);
            let encoding =
                if charset == "utf-8" { encoding_rs::UTF_8 } else { encoding_rs::SHIFT_JIS };
            let (text, _, broken) = encoding.decode(&reply.body);
            let element =
                format!("<ArbitraryFileIdentifier>{identifier}</ArbitraryFileIdentifier>");
            assert!(!broken && text.contains(&element), "{identifier} in {charset}");
        }
    }
}

/// §1.4, OQSCD005: the message may ask for the encoding of its answer, and the answer says it.
#[test]
fn the_character_code_of_the_message_wins_over_the_headers() {
    let desk = &shared().desk;
    let message = question().oqs_xml("x");
    for (code, asked, charset, declared) in [
        ("1", "utf-8", "shift_jis", "encoding=\"Shift_JIS\""),
        ("0", "shift_jis", "utf-8", "encoding=\"UTF-8\""),
    ] {
        let element = format!("<CharacterCodeIdentifier>{code}</CharacterCodeIdentifier>");
        let body = message.replacen("</MessageHeader>", &format!("{element}</MessageHeader>"), 1);
        let reply = desk.post_xml(body.as_bytes(), asked);
        assert_eq!(reply.header("content-type"), format!("application/xml; charset={charset}"));
        let declaration = String::from_utf8_lossy(&reply.body[..60]).into_owned();
        assert!(declaration.contains(declared), "{declaration}");
        assert!(declaration.contains("standalone=\"no\""), "{declaration}");
        let answer = ParsedAnswer::from_xml(&reply.body).unwrap();
        assert_eq!(answer.header("CharacterCodeIdentifier"), Some(code));
    }
}

/// §1.3: eight characters, padded on the left with half-width blanks.
#[test]
fn an_insurer_number_of_six_digits_is_padded_to_eight() {
    let shared = shared();
    let national = |r: &shikaku_domain::Registration<'_>| r.card.insurer.number() < 1_000_000;
    let (registration, question) = shared.registered.valid(today(), national);
    let padded = format!("<InsurerNumber>  {}</InsurerNumber>", registration.card.insurer);
    let reply = shared.desk.post_xml(question.oqs_xml("x").as_bytes(), "utf-8");
    assert!(reply.text().contains(&padded));
}

/// §1.6: 氏名カナ is half-width kana with half-width blanks: one byte each in CP932.
#[test]
fn kana_are_answered_in_half_width() {
    let shared = shared();
    let (registration, question) = shared.registered.valid(today(), |r| r.name_kana.is_some());
    let kana = registration.name_kana.as_ref().unwrap().expose();
    assert!(kana.chars().all(|c| matches!(c, ' '..='~' | '\u{FF61}'..='\u{FF9F}')));
    let reply = shared.desk.post_xml(question.oqs_xml("x").as_bytes(), "shift_jis");
    let tag = b"<NameKana>";
    let at = reply.body.windows(tag.len()).position(|window| window == tag).unwrap() + tag.len();
    let end = at + reply.body[at..].iter().position(|byte| *byte == b'<').unwrap();
    assert_eq!(end - at, kana.chars().count());
}

/// §1.3: consumers and producers must not depend on the order of elements.
#[test]
fn order_comments_blanks_and_unknown_elements_do_not_matter() {
    let shared = shared();
    let question = question();
    let (header, body) = (
        format!(
            "<MessageHeader>\r\n  <Unknown/>\r\n  <MedicalInstitutionCode>{FACILITY}\
             </MedicalInstitutionCode>\r\n  <QualificationConfirmationDate>{}\
             </QualificationConfirmationDate>\r\n</MessageHeader>",
            question.on
        ),
        question.elements().into_iter().rev().fold(String::new(), |all, (name, value)| {
            format!("{all}\n<!-- c --><{name} a='b'>{value}</{name}>")
        }),
    );
    let text = format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<XmlMsg xmlns='urn:x'><MessageBody>\
         <QualificationConfirmSearchInfo>{body}</QualificationConfirmSearchInfo></MessageBody>\
         {header}</XmlMsg>\n"
    );
    let answer = shared.desk.ask_xml(text.as_bytes(), "utf-8");
    assert_eq!(answer.body("QualificationValidity"), Some("1"));
    assert_eq!(answer.header("ArbitraryFileIdentifier"), None, "empty values are omitted");
}

/// §1.5 and §1.4: wrong values get the same codes as in JSON.
#[test]
fn wrong_values_are_named_with_the_codes_of_the_json_interface() {
    let desk = &shared().desk;
    let message = question().oqs_xml("x");
    let with = |element: &str, value: &str| {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let start = message.find(&open).unwrap() + open.len();
        let end = message.find(&close).unwrap();
        format!("{}{value}{}", &message[..start], &message[end..])
    };
    for (element, value, code) in [
        ("InsurerNumber", "01040014", "SHK-VAL-007"),
        ("InsuredIdentificationNumber", "", "SHK-VAL-001"),
        ("Birthdate", "20250229", "SHK-VAL-008"),
        ("Birthdate", "<a/>", "SHK-VAL-003"),
        ("LimitApplicationCertificateRelatedConsFlg", "9", "SHK-VAL-011"),
    ] {
        let answer = desk.ask_xml(with(element, value).as_bytes(), "utf-8");
        expect_person_error(&answer, element, code);
        assert_eq!(answer.header("ArbitraryFileIdentifier"), Some("x"));
    }
    for (element, value, code) in [
        ("QualificationConfirmationDate", "2026", "SHK-VAL-005"),
        ("MedicalInstitutionCode", "<a/>", "SHK-VAL-003"),
    ] {
        let answer = desk.ask_xml(with(element, value).as_bytes(), "utf-8");
        expect_header_error(&answer, element, code);
        assert_eq!(answer.header("ArbitraryFileIdentifier"), Some("x"));
    }
    let other = with("MedicalInstitutionCode", OTHER_FACILITY);
    desk.post_xml(other.as_bytes(), "utf-8").expect_problem(403, "SHK-ENG-010");
}
