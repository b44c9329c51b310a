//! Requests as clients send them, and as nobody should. Each row names its section of the notes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use proptest::prelude::*;
use shikaku_domain::{CharacterCode, Day, Folded, ValueError};
use shikaku_wire::encoding::{EncodingError, REQUEST_BYTES_MAX, encode_shift_jis};
use shikaku_wire::oqs::*;

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="no"?>"#;

fn xml_header(extra: &str) -> String {
    format!(
        "<MessageHeader><QualificationConfirmationDate>20261102</QualificationConfirmationDate>\
         <MedicalInstitutionCode>1311111111</MedicalInstitutionCode>{extra}</MessageHeader>"
    )
}

fn xml_query(symbol: &str) -> String {
    format!(
        "<MessageBody><QualificationConfirmSearchInfo><InsurerNumber>01040013</InsurerNumber>{symbol}\
         <InsuredIdentificationNumber>5678</InsuredIdentificationNumber><Birthdate>19800401</Birthdate>\
         <LimitApplicationCertificateRelatedConsFlg>1</LimitApplicationCertificateRelatedConsFlg>\
         </QualificationConfirmSearchInfo></MessageBody>"
    )
}

fn xml(header: &str, body: &str) -> String {
    format!("{DECLARATION}<XmlMsg>{header}{body}</XmlMsg>")
}

fn json(symbol: &str) -> String {
    format!(
        r#"{{"XmlMsg":{{"MessageHeader":{{"QualificationConfirmationDate":"20261102","MedicalInstitutionCode":"1311111111"}},"MessageBody":{{"QualificationConfirmSearchInfo":{{"InsurerNumber":"01040013"{symbol},"InsuredIdentificationNumber":"5678","Birthdate":"19800401","LimitApplicationCertificateRelatedConsFlg":"1"}}}}}}}}"#
    )
}

fn ok_xml(text: &str) -> SingleRequest {
    parse_xml(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}")).0
}

fn malformed_xml(bytes: &[u8], expected: Malformed) {
    let error = parse_xml(bytes).unwrap_err();
    assert_eq!(
        error,
        RequestError::Malformed(expected),
        "{}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
    );
}

/// Where a JSON request is refused and why.
fn refused(body: &str) -> (&'static str, ValueError) {
    match parse_json(body.as_bytes()).unwrap_err() {
        RequestError::Header { element, error, .. }
        | RequestError::Person { element, error, .. } => (element, error),
        RequestError::Malformed(malformed) => panic!("{malformed}: {body}"),
    }
}

#[test]
fn xml_and_json_ask_the_same_question() {
    let from_xml = ok_xml(&xml(
        &xml_header(""),
        &xml_query("<InsuredCardSymbol>１２－３４</InsuredCardSymbol>"),
    ));
    let from_json = parse_json(json(r#","InsuredCardSymbol":"１２－３４""#).as_bytes()).unwrap();
    assert_eq!(from_xml, from_json);
    assert_eq!(from_json.query.symbol, Folded::new("1234").unwrap());
    assert_eq!(from_json.query.birthdate, Day::parse("19800401").unwrap());
}

#[test]
fn a_shift_jis_request_says_so_1_3() {
    let text = xml(&xml_header(""), &xml_query("<InsuredCardSymbol>髙ｱ１</InsuredCardSymbol>"));
    let text =
        text.replace(DECLARATION, "<?xml version='1.0' encoding='Shift_JIS' standalone='no'?>\r\n");
    let mut bytes = Vec::new();
    assert_eq!(encode_shift_jis(&text, &mut bytes), 0);
    let (request, code) = parse_xml(&bytes).unwrap();
    assert_eq!(code, CharacterCode::ShiftJis);
    assert_eq!(request.search_info.symbol.unwrap().expose(), "髙ｱ１");
}

#[test]
fn order_blanks_comments_attributes_and_unknown_elements_do_not_matter_1_3() {
    let text = format!(
        "{DECLARATION}\r\n<!-- made by hand -->\r\n<XmlMsg xmlns=\"x\">\r\n  {}\r\n  <Extra><Birthdate>1</Birthdate></Extra>{}\r\n</XmlMsg>\r\n",
        xml_query("").replace("<Birthdate>19800401", "<Birthdate>\r\n    19800401\r\n  "),
        xml_header("<ReceptionNumber/>"),
    );
    assert_eq!(ok_xml(&text).query, ok_xml(&xml(&xml_header(""), &xml_query(""))).query);
}

#[test]
fn a_missing_or_empty_symbol_is_no_symbol_1_10() {
    for symbol in [
        "",
        r#","InsuredCardSymbol":"""#,
        r#","InsuredCardSymbol":null"#,
        r#","InsuredCardSymbol":"－""#,
    ] {
        assert!(parse_json(json(symbol).as_bytes()).unwrap().query.symbol.is_empty(), "{symbol}");
    }
}

#[test]
fn the_file_identifier_comes_back_letter_for_letter_1_2() {
    for literal in ["ArnHCeDfNjMCFzg=", " a b ", "&lt;a&gt;&amp;\"'", "識別　子", "a\r\n\tb"] {
        let element = format!("<ArbitraryFileIdentifier>{literal}</ArbitraryFileIdentifier>");
        let request = ok_xml(&xml(&xml_header(&element), &xml_query("")));
        let result = MessageResult::MessageError { code: "X", message: "x".into() };
        let at = shikaku_domain::Timestamp::from_unix_seconds(0);
        let mut out = Vec::new();
        assert_eq!(
            to_xml(&SingleAnswer::to_request(&request, at, result), CharacterCode::Utf8, &mut out),
            0
        );
        assert!(str::from_utf8(&out).unwrap().contains(&element), "{literal}");
    }
}

#[test]
fn an_identifier_that_cannot_be_echoed_is_refused() {
    for identifier in [
        r#""a\u0001b""#.to_owned(),
        format!("\"{}\"", "a".repeat(ARBITRARY_CHARS_MAX + 1)),
        "5".to_owned(),
    ] {
        let body = json("").replacen(
            "\"MedicalInst",
            &format!("\"ArbitraryFileIdentifier\":{identifier},\"MedicalInst"),
            1,
        );
        assert_eq!(refused(&body).0, "ArbitraryFileIdentifier");
    }
}

#[test]
fn a_length_counted_in_characters_is_mended_1_10() {
    for symbol in ["１", "記号", "国1", "\u{20BB7}"] {
        let body = json(&format!(r#","InsuredCardSymbol":"{symbol}""#));
        for characters in [body.encode_utf16().count(), body.chars().count()] {
            let request = parse_json(&body.as_bytes()[..characters]).unwrap();
            assert_eq!(request, parse_json(body.as_bytes()).unwrap(), "{symbol}");
        }
    }
}

#[test]
fn a_body_that_lost_more_than_its_braces_names_content_length_1_10() {
    let long = json(r#","InsuredCardSymbol":"記号記号記号""#);
    let ascii = json("");
    let not_counted = json(r#","InsuredCardSymbol":"記号""#);
    let cuts = [
        &long.as_bytes()[..long.chars().count()],
        &ascii.as_bytes()[..ascii.len() - 1],
        &not_counted.as_bytes()[..not_counted.len() - 3],
        &long.as_bytes()[..long.find('号').unwrap() + 1],
        b"",
    ];
    for body in cuts {
        let error = parse_json(body).unwrap_err();
        assert_eq!(error, RequestError::Malformed(Malformed::Truncated));
        assert!(
            error.ja().contains("Content-Length") && error.to_string().contains("Content-Length")
        );
    }
}

#[test]
fn a_boolean_or_a_number_is_named_with_its_element_1_10() {
    let boolean = json("").replace(r#""1311111111""#, "true");
    assert_eq!(refused(&boolean), ("MedicalInstitutionCode", ValueError::NotText));
    let number = json("").replace(r#""5678""#, "5678");
    assert_eq!(refused(&number), ("InsuredIdentificationNumber", ValueError::NotText));
    let object = json("").replace(r#""19800401""#, r#"{"year":1980}"#);
    assert_eq!(refused(&object), ("Birthdate", ValueError::NotText));
}

#[test]
fn the_first_wrong_element_in_the_order_of_the_interface_is_named_1_4() {
    assert_eq!(refused(r#"{"XmlMsg":{}}"#), ("QualificationConfirmationDate", ValueError::Missing));
    let no_body = json("").replace("MessageBody", "OtherBody");
    assert_eq!(refused(&no_body), ("InsurerNumber", ValueError::Missing));
    let no_flag = json("").replace(r#"ConsFlg":"1""#, r#"ConsFlg":"""#);
    assert_eq!(
        refused(&no_flag),
        ("LimitApplicationCertificateRelatedConsFlg", ValueError::Missing)
    );
    let date = json("").replace("20261102", "20261131");
    assert_eq!(refused(&date), ("QualificationConfirmationDate", ValueError::NoSuchDate));
}

#[test]
fn an_error_never_repeats_what_was_sent() {
    let body = json("").replace("5678", "秘密の番号はここに書いてはいけませんので長い");
    let error = parse_json(body.as_bytes()).unwrap_err();
    for text in [error.to_string(), error.ja(), format!("{error:?}")] {
        assert!(!text.contains("秘密"), "{text}");
    }
}

#[test]
fn what_is_not_this_message_is_refused() {
    malformed_xml(b"", Malformed::NotWellFormed);
    malformed_xml(b"hello", Malformed::NotWellFormed);
    malformed_xml(b"<a/>", Malformed::Structure);
    malformed_xml(b"<XmlMsg>", Malformed::NotWellFormed);
    malformed_xml(b"<XmlMsg></Other>", Malformed::NotWellFormed);
    malformed_xml(b"<XmlMsg/><XmlMsg/>", Malformed::NotWellFormed);
    malformed_xml(b"<XmlMsg/>tail", Malformed::NotWellFormed);
    malformed_xml(b"<XmlMsg><a b=></a></XmlMsg>", Malformed::NotWellFormed);
    malformed_xml(b"<XmlMsg>\0</XmlMsg>", Malformed::Encoding(EncodingError::Nul));
    malformed_xml(b"<XmlMsg>\xFF</XmlMsg>", Malformed::Encoding(EncodingError::Malformed));
    malformed_xml(b"<XmlMsg>&#0;</XmlMsg>", Malformed::NotWellFormed);
    malformed_xml(b"<XmlMsg>&#x1F;</XmlMsg>", Malformed::NotWellFormed);
    let doubled = xml_query(
        "<InsuredCardSymbol>1</InsuredCardSymbol><InsuredCardSymbol>2</InsuredCardSymbol>",
    );
    malformed_xml(xml(&xml_header(""), &doubled).as_bytes(), Malformed::Structure);
    let two_people = [xml_query(""), xml_query("")].concat();
    malformed_xml(xml(&xml_header(""), &two_people).as_bytes(), Malformed::Structure);
    for body in ["[]", "1", "null", "{}", r#"{"XmlMsg":"text"}"#] {
        let error = parse_json(body.as_bytes()).unwrap_err();
        assert_eq!(error, RequestError::Malformed(Malformed::Structure), "{body}");
    }
    let twice = json("").replace(r#""Birthdate""#, r#""Birthdate":"","Birthdate""#);
    assert_eq!(parse_json(twice.as_bytes()), Err(RequestError::Malformed(Malformed::Structure)));
}

#[test]
fn entities_and_document_types_are_not_even_looked_at() {
    let laughs = format!(
        r#"<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>{}"#,
        xml(&xml_header(""), &xml_query("<InsuredCardSymbol>&b;</InsuredCardSymbol>"))
            .replace(DECLARATION, "")
    );
    malformed_xml(laughs.as_bytes(), Malformed::Forbidden);
    let file = r#"<!DOCTYPE x SYSTEM "file:///etc/hostname"><XmlMsg/>"#;
    malformed_xml(file.as_bytes(), Malformed::Forbidden);
    malformed_xml(b"<XmlMsg>&unknown;</XmlMsg>", Malformed::Forbidden);
    malformed_xml(b"<XmlMsg><?php x ?></XmlMsg>", Malformed::Forbidden);
}

#[test]
fn depth_and_size_are_bounded() {
    malformed_xml("<XmlMsg>".repeat(17).as_bytes(), Malformed::TooDeep);
    let deep = format!("<XmlMsg>{}", "<a>".repeat(20_000));
    malformed_xml(deep.as_bytes(), Malformed::TooDeep);
    let ten_megabytes = json(&format!(r#","InsuredCardSymbol":"{}""#, "1".repeat(10_000_000)));
    let too_large = RequestError::Malformed(Malformed::TooLarge { max: REQUEST_BYTES_MAX });
    assert_eq!(parse_json(ten_megabytes.as_bytes()), Err(too_large.clone()));
    assert_eq!(parse_xml(ten_megabytes.as_bytes()), Err(too_large));
    let long = json(&format!(r#","InsuredCardSymbol":"{}""#, "1".repeat(60_000)));
    assert_eq!(refused(&long), ("InsuredCardSymbol", ValueError::TooLong { max: 20 }));
    for open in ["{\"a\":", "[", "{\"XmlMsg\":{\"x\":["] {
        assert!(parse_json(open.repeat(10_000).as_bytes()).is_err());
    }
}

#[test]
fn lone_surrogates_and_nul_are_refused() {
    for escape in [r"\ud800", r"\udc00", r"\ud800\u0041", "\u{1}"] {
        let body = json(&format!(r#","InsuredCardSymbol":"{escape}""#));
        assert_eq!(
            parse_json(body.as_bytes()),
            Err(RequestError::Malformed(Malformed::NotWellFormed)),
            "{escape}"
        );
    }
    let escaped = json(r#","InsuredCardSymbol":"1\u00002""#);
    assert_eq!(refused(&escaped), ("InsuredCardSymbol", ValueError::Character));
    let raw = json(",\"InsuredCardSymbol\":\"1\0\"");
    assert_eq!(
        parse_json(raw.as_bytes()),
        Err(RequestError::Malformed(Malformed::Encoding(EncodingError::Nul)))
    );
}

proptest! {
    #[test]
    fn any_bytes_give_a_request_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        shikaku_wire::fuzzing::oqs_xml(&bytes);
        shikaku_wire::fuzzing::oqs_json(&bytes);
        shikaku_wire::fuzzing::answer(&bytes);
    }

    #[test]
    fn any_text_of_a_card_is_asked_about_or_refused_alike(symbol in "\\PC{0,24}", identifier in "[ -~あ髙]{0,30}") {
        let escaped = quick_xml::escape::escape(symbol.as_str());
        let file = quick_xml::escape::escape(identifier.as_str());
        let text = xml(
            &xml_header(&format!("<ArbitraryFileIdentifier>{file}</ArbitraryFileIdentifier>")),
            &xml_query(&format!("<InsuredCardSymbol>{escaped}</InsuredCardSymbol>")),
        );
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let body = json(&format!(",\"InsuredCardSymbol\":{}", quoted(&symbol)))
            .replacen("\"MedicalInst", &format!("\"ArbitraryFileIdentifier\":{},\"MedicalInst", quoted(&identifier)), 1);
        prop_assert_eq!(parse_xml(text.as_bytes()).map(|(request, _)| request), parse_json(body.as_bytes()));
    }
}

#[test]
fn an_array_is_not_taken_for_an_object() {
    let good = r#"{"XmlMsg":{"MessageHeader":{},"MessageBody":{}}}"#;
    assert!(matches!(parse_json(good.as_bytes()), Err(RequestError::Header { .. })));
    for array in [
        r#"[[["20261101"],[[]]]]"#,
        r#"{"XmlMsg":[{},{}]}"#,
        r#"{"XmlMsg":{"MessageHeader":["20261101"],"MessageBody":{}}}"#,
        r#"{"XmlMsg":{"MessageHeader":{},"MessageBody":[]}}"#,
        r#"{"XmlMsg":{"MessageHeader":{},"MessageBody":{"QualificationConfirmSearchInfo":[]}}}"#,
    ] {
        let refused = parse_json(array.as_bytes());
        assert!(matches!(refused, Err(RequestError::Malformed(Malformed::Structure))), "{array}");
    }
}
