//! Insurers' files: what is accepted, what is rejected with which words, and the way back.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use proptest::prelude::*;
use shikaku_domain::*;
use shikaku_wire::encoding::encode_shift_jis;
use shikaku_wire::members::*;
use std::io::Read;
use support::*;

const HEADER: &str = "PersonId,InsurerNumber,InsuredCardSymbol,InsuredIdentificationNumber,InsuredBranchNumber,\
    Name,NameKana,Sex1,Birthdate,QualificationDate,DisqualificationDate,ReasonOfLoss,InsuredCardClassification,\
    LimitApplicationCertificateClassification1,LimitApplicationCertificateClassificationFlag1,\
    LimitApplicationCertificateValidStartDate1,LimitApplicationCertificateValidEndDate1,TicketType1";
const GOOD: &str = "1,01040013,12-34,5678,01,資格　花子,ｼｶｸ ﾊﾅｺ,2,19800401,20250401,,,01,,,,,";

/// Everything a file says: owned, so that it can be kept.
fn read(bytes: &[u8]) -> Vec<(u64, Result<String, Vec<Reject>>)> {
    let mut file = MemberFile::open(bytes).unwrap();
    let mut lines = Vec::new();
    while let Some(line) = file.next() {
        let line = line.unwrap();
        let content = line.content.map(|content| match content {
            Content::Member(MemberChange::Put(registration)) => {
                registration.name.expose().to_string()
            }
            Content::Member(MemberChange::Withdraw { qualified, .. }) => {
                format!("withdraw {qualified}")
            }
            Content::Card(card) => format!("{:x}", card.certificate.serial),
            Content::Insurer(insurer) => format!("{} {}", insurer.number, insurer.name),
        });
        lines.push((line.number, content));
    }
    lines
}

/// The columns and codes of what is wrong with one line.
fn problems(line: &str) -> Vec<(&'static str, &'static str)> {
    let lines = read(format!("{HEADER}\n{line}\n").as_bytes());
    assert_eq!(lines.len(), 1);
    match &lines[0] {
        (2, Err(rejects)) => {
            rejects.iter().map(|reject| (reject.column.unwrap_or(""), reject.code())).collect()
        }
        other => panic!("{line}: {other:?}"),
    }
}

fn good(number: u64) -> (u64, Result<String, Vec<Reject>>) {
    (number, Ok("資格　花子".to_owned()))
}

#[test]
fn line_ends_marks_and_blank_lines_do_not_matter() {
    for text in [
        format!("{HEADER}\n{GOOD}\n"),
        format!("{HEADER}\n{GOOD}"),
        format!("{HEADER}\r\n{GOOD}\r\n"),
        format!("\u{FEFF}{HEADER}\r\n{GOOD}"),
    ] {
        assert_eq!(read(text.as_bytes()), [good(2)], "{text:?}");
    }
    let blanks = format!("{HEADER}\r\n\r\n{GOOD}\r\n\n{GOOD}\r\n");
    assert_eq!(read(blanks.as_bytes()), [good(3), good(5)]);
}

#[test]
fn cp932_is_recognised_by_its_text() {
    let mut bytes = Vec::new();
    assert_eq!(encode_shift_jis(&format!("{HEADER}\r\n{GOOD}\r\n"), &mut bytes), 0);
    assert_eq!(MemberFile::open(bytes.as_slice()).unwrap().encoding(), CharacterCode::ShiftJis);
    assert_eq!(read(&bytes), [good(2)]);
}

#[test]
fn columns_may_come_in_any_order_and_optional_ones_be_absent() {
    let text = "Birthdate,Name,PersonId,Sex1,InsuredCardClassification,QualificationDate,InsuredIdentificationNumber,InsurerNumber\n\
        19800401,\"資格, 花子\",1,2,01,20250401,5678,138131\n";
    assert_eq!(read(text.as_bytes()), [(2, Ok("資格, 花子".to_owned()))]);
}

#[test]
fn a_file_with_a_strange_header_is_refused_without_repeating_it() {
    let check = |header: &str, code: &str| {
        let error = MemberFile::open(header.as_bytes()).unwrap_err();
        assert_eq!(error.code(), code, "{header}");
        assert!(error.ja().ends_with('。'));
        assert!(!error.to_string().contains("花子") && !error.ja().contains("花子"));
    };
    check("", "SHK-MEM-102");
    check("\n\n", "SHK-MEM-102");
    check("資格　花子,1980\n", "SHK-MEM-103");
    check(&format!("{HEADER},PersonId"), "SHK-MEM-104");
    check(&HEADER.replace("Birthdate,", ""), "SHK-MEM-105");
    check("InsurerName\n", "SHK-MEM-105");
    check(&format!("\"{}", "a".repeat(1_000_000)), "SHK-MEM-106");
}

#[test]
fn every_problem_of_a_line_is_reported() {
    let line = "x,01040014,12-34,,1a,,シカク,9,19800230,2025,20240401,77,01,,,,,";
    let expected = [
        ("PersonId", "SHK-VAL-004"),
        ("InsurerNumber", "SHK-VAL-007"),
        ("InsuredIdentificationNumber", "SHK-VAL-001"),
        ("InsuredBranchNumber", "SHK-VAL-004"),
        ("Birthdate", "SHK-VAL-008"),
        ("QualificationDate", "SHK-VAL-005"),
        ("ReasonOfLoss", "SHK-VAL-011"),
        ("Name", "SHK-VAL-001"),
        ("NameKana", "SHK-MEM-009"),
        ("Sex1", "SHK-VAL-011"),
    ];
    assert_eq!(problems(line), expected);
}

#[test]
fn values_that_do_not_go_together_are_rejected() {
    let check = |from: &str, to: &str, expected: &[(&str, &str)]| {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(problems(&GOOD.replacen(from, to, 1)), expected, "{to}");
    };
    let loss = "20250401,20250331,";
    check("20250401,,", loss, &[("DisqualificationDate", "SHK-VAL-010")]);
    check("20250401,,", "20250401,,01", &[("ReasonOfLoss", "SHK-MEM-008")]);
    check("20250401,,", "19790401,,", &[("QualificationDate", "SHK-MEM-007")]);
    // §2: 後期高齢者医療 has neither symbol nor branch.
    let late = [("InsuredCardSymbol", "SHK-MEM-005"), ("InsuredBranchNumber", "SHK-MEM-006")];
    check("01040013", "39131206", &late);
}

#[test]
fn a_number_alone_is_enough_and_elderly_insurers_have_nothing_else() {
    let no_symbol = GOOD.replacen("12-34,5678,01", ",5678,", 1);
    let elderly = no_symbol.replacen("01040013", "39131206", 1);
    assert_eq!(read(format!("{HEADER}\n{no_symbol}\n{elderly}\n").as_bytes()), [good(2), good(3)]);
}

#[test]
fn medical_aid_goes_with_its_numbers_only() {
    assert_eq!(
        problems(&GOOD.replacen(",01,,,,,", ",A1,,,,,", 1)),
        [("InsuredCardClassification", "SHK-MEM-010")]
    );
    let aid = welfare_office().number.to_string();
    let line = GOOD.replacen("01040013,12-34,5678,01", &format!("{aid},,5678,"), 1);
    assert_eq!(problems(&line), [("InsuredCardClassification", "SHK-MEM-010")]);
}

#[test]
fn a_ticket_of_somebody_not_on_medical_aid_is_rejected() {
    let mut person = employee();
    person.medical_tickets = welfare().medical_tickets;
    let mut writer = MemberWriter::new(Vec::new(), CharacterCode::Utf8).unwrap();
    writer.write(&person).unwrap();
    let (bytes, _) = writer.finish().unwrap();
    let rejects = read(&bytes).remove(0).1.unwrap_err();
    assert_eq!(
        (rejects.len(), rejects[0].column, rejects[0].code()),
        (1, Some("TicketType1"), "SHK-MEM-011")
    );
}

#[test]
fn half_a_certificate_names_what_is_missing() {
    let line = GOOD.replacen(",01,,,,,", ",01,01,,20260801,20260731,", 1);
    let expected = [
        ("LimitApplicationCertificateClassificationFlag1", "SHK-VAL-001"),
        ("LimitApplicationCertificateValidEndDate1", "SHK-VAL-010"),
    ];
    assert_eq!(problems(&line), expected);
}

#[test]
fn the_end_of_a_certificate_is_its_last_valid_day() {
    let line = GOOD.replacen(",01,,,,,", ",01,01,A03,20260801,20260801,", 1);
    let text = format!("{HEADER}\n{line}\n");
    let mut file = MemberFile::open(text.as_bytes()).unwrap();
    let line = file.next().unwrap().unwrap();
    let Ok(Content::Member(MemberChange::Put(registration))) = line.content else {
        panic!("{:?}", line.content)
    };
    assert_eq!(registration.limit_application[0].valid, period("20260801", "20260802"));
}

#[test]
fn nines_stand_for_no_end() {
    let line = GOOD
        .replace("20250401,,", "20250401,99991231,")
        .replace(",01,,,,,", ",01,01,A03,20250801,99991231,");
    let file = format!("{HEADER}\n{line}\n");
    let mut file = MemberFile::open(file.as_bytes()).unwrap();
    let read = file.next().unwrap().unwrap().content.unwrap();
    let Content::Member(MemberChange::Put(read)) = read else { panic!("a registration") };
    assert_eq!((read.period.end(), read.limit_application[0].valid.end()), (None, None));
    let start = GOOD.replace("20250401", "99991231");
    assert_eq!(problems(&start), [("QualificationDate", "SHK-VAL-009")]);
}

#[test]
fn broken_bytes_reject_their_line_and_no_other() {
    let mut bytes = format!("{HEADER}\n{GOOD}\n{GOOD}\n{GOOD}\n").into_bytes();
    let name = bytes.windows(6).position(|w| w == "資格".as_bytes()).unwrap();
    let second = bytes.iter().skip(name).position(|b| *b == b'\n').unwrap() + name;
    let name = second + bytes[second..].windows(6).position(|w| w == "資格".as_bytes()).unwrap();
    bytes[name] = 0xFF;
    let lines = read(&bytes);
    assert_eq!((&lines[0], &lines[2]), (&good(2), &good(4)));
    let reject = lines[1].1.as_ref().unwrap_err()[0];
    assert_eq!((reject.line, reject.column, reject.code()), (3, Some("Name"), "SHK-MEM-001"));
}

#[test]
fn framing_mistakes_are_rejected_by_line() {
    let text = format!(
        "{HEADER}\n{GOOD},extra\n1,2\n{}\n{GOOD}\n",
        GOOD.replacen("資格", "\"資\n格\"", 1)
    );
    let lines = read(text.as_bytes());
    let codes: Vec<_> =
        lines.iter().map(|(n, c)| (*n, c.as_ref().err().map(|r| r[0].code()))).collect();
    assert_eq!(
        codes,
        [(2, Some("SHK-MEM-002")), (3, Some("SHK-MEM-002")), (4, Some("SHK-MEM-003")), (6, None)]
    );
}

#[test]
fn an_open_quotation_mark_on_the_last_line_is_rejected_there() {
    let lines = read(format!("{HEADER}\n\n{GOOD}\n\"{GOOD}\n").as_bytes());
    assert_eq!(lines[0], good(3));
    assert_eq!((lines[1].0, lines[1].1.as_ref().unwrap_err()[0].code()), (4, "SHK-MEM-003"));
}

#[test]
fn an_open_quotation_mark_cannot_fill_the_memory() {
    let endless = std::io::repeat(b'a');
    let text = format!("{HEADER}\n{GOOD}\n\"");
    let mut file = MemberFile::open(text.as_bytes().chain(endless)).unwrap();
    assert!(file.next().unwrap().unwrap().content.is_ok());
    assert_eq!(file.next().unwrap().unwrap_err().code(), "SHK-MEM-106");
    assert!(file.next().is_none());
}

#[test]
fn an_erroneous_registration_is_withdrawn_by_its_identity_alone() {
    let mut writer = MemberWriter::new(Vec::new(), CharacterCode::Utf8).unwrap();
    let member = employee();
    writer.withdraw(member.person, &member.card, member.period.start()).unwrap();
    let (bytes, _) = writer.finish().unwrap();
    let mut file = MemberFile::open(bytes.as_slice()).unwrap();
    let line = file.next().unwrap().unwrap();
    let expected = MemberChange::Withdraw {
        person: member.person,
        card: member.card,
        qualified: day("20250401"),
    };
    assert_eq!(line.content, Ok(Content::Member(expected)));
}

#[test]
fn an_insurer_master_is_told_by_its_header() {
    for code in [CharacterCode::Utf8, CharacterCode::ShiftJis] {
        let mut writer = InsurerWriter::new(Vec::new(), code).unwrap();
        writer.write(&insurer("138131", "見本区")).unwrap();
        writer.write(&insurer("01040013", "架空健康保険協会, 見本支部")).unwrap();
        let (bytes, replaced) = writer.finish().unwrap();
        assert_eq!(replaced, 0);
        assert_eq!(MemberFile::open(bytes.as_slice()).unwrap().kind(), FileKind::Insurers);
        let expected = ["138131 見本区", "01040013 架空健康保険協会, 見本支部"];
        let read: Vec<_> = read(&bytes).into_iter().map(|(_, content)| content.unwrap()).collect();
        assert_eq!(read, expected);
    }
    let bad = read(b"InsurerNumber,InsurerName\n01040014,\n");
    let codes: Vec<_> =
        bad[0].1.as_ref().unwrap_err().iter().map(|r| (r.column, r.code())).collect();
    assert_eq!(
        codes,
        [(Some("InsurerName"), "SHK-VAL-001"), (Some("InsurerNumber"), "SHK-VAL-007")]
    );
}

#[test]
fn a_registration_with_more_certificates_than_columns_is_not_written_in_part() {
    let mut member = employee();
    let certificate = member.limit_application[0];
    member.limit_application = vec![certificate; 3];
    let mut writer = MemberWriter::new(Vec::new(), CharacterCode::Utf8).unwrap();
    assert!(matches!(writer.write(&member), Err(WriteError::TooMany { max: 2, .. })));
    writer.write(&employee()).unwrap();
    assert_eq!(read(&writer.finish().unwrap().0).len(), 1);
}

fn text(pattern: &'static str) -> impl Strategy<Value = Text<'static>> {
    pattern.prop_map(|text: String| personal(&text))
}

fn some_day() -> impl Strategy<Value = Day> {
    (20_000_u32..80_000).prop_map(|number| Day::from_number(number).unwrap())
}

prop_compose! {
    fn registration()(
        person in 1..=PersonId::MAX,
        base in 1_u32..10_000_000,
        symbol in "[0-9A-Zあ-ん]{1,8}",
        number in "[1-9０-９][0-9]{0,9}",
        branch in proptest::option::of(0_u8..100),
        born in some_day(),
        length in proptest::option::of(0_i32..1000),
        name in text("[一-龠ぁ-ん]{1,9}[ 　,\"][一-龠]{1,9}"),
        kana in proptest::option::of(text("[ｱ-ﾝ]{1,9} [ｱ-ﾝA-Z]{1,9}")),
        address in proptest::option::of(text("[一-龠]{1,20}[0-9]{1,3}[^ \u{3000}\u{0}-\u{1f}\u{7f}-\u{9f}\u{fffe}\u{ffff}]")),
        sex in 0_usize..3,
        post_number in proptest::option::of(0_u32..10_000_000),
        counts in (0_usize..3, 0_usize..3, 0_usize..4, 0_usize..4),
    ) -> Registration<'static> {
        let insurer = InsurerNumber::from_number(base * 10 + check_digit(u64::from(base))).unwrap();
        let is_aid = insurer.scheme() == Scheme::MedicalAid;
        let has_symbol = !is_aid && insurer.scheme() != Scheme::LateStageElderly;
        let (model, aid) = (employee(), welfare());
        let end = length.map(|days| born.saturating_add_days(days));
        Registration {
            person: PersonId::from_number(person).unwrap(),
            card: CardFace {
                insurer,
                symbol: has_symbol.then(|| CardText::new(format!("記{symbol}")).unwrap()),
                number: CardText::new(number).unwrap(),
                branch: if has_symbol { branch.and_then(InsuredBranchNumber::from_number) } else { None },
                birthdate: born,
            },
            period: Period::new(born, end).unwrap(),
            reason_of_loss: end.map(|_| ReasonOfLoss::Other),
            card_classification: if is_aid { InsuredCardClassification::MedicalAid } else { InsuredCardClassification::General },
            name,
            name_kana: kana,
            address,
            sex1: Sex::ALL[sex],
            post_number: post_number.and_then(PostNumber::from_number),
            elderly_recipient: vec![model.elderly_recipient[0]; counts.0],
            limit_application: vec![model.limit_application[0]; counts.1],
            specific_diseases: vec![model.specific_diseases[0]; counts.2],
            medical_tickets: if is_aid { vec![aid.medical_tickets[0].clone(); counts.3] } else { Vec::new() },
            ..employee()
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(members in proptest::collection::vec(registration(), 1..5), wide in any::<bool>()) {
        let code = if wide { CharacterCode::ShiftJis } else { CharacterCode::Utf8 };
        let mut writer = MemberWriter::new(Vec::new(), code).unwrap();
        for member in &members {
            writer.write(member).unwrap();
        }
        let (bytes, replaced) = writer.finish().unwrap();
        prop_assume!(replaced == 0 || code == CharacterCode::Utf8);
        let mut file = MemberFile::open(bytes.as_slice()).unwrap();
        for (index, member) in members.iter().enumerate() {
            let line = file.next().unwrap().unwrap();
            prop_assert_eq!(line.number, index as u64 + 2);
            let mut expected = member.clone();
            if code == CharacterCode::ShiftJis {
                // 〜 has another code point on the way back; the address of the model has one.
                expected.address = expected.address.map(|text| personal(&text.expose().replace('〜', "～")));
            }
            prop_assert_eq!(line.content, Ok(Content::Member(MemberChange::Put(expected))));
        }
        prop_assert!(file.next().is_none());
    }

    #[test]
    fn any_file_is_read_to_its_end(bytes in proptest::collection::vec(any::<u8>(), 0..400), lines in "[0-9,\"\r\nあ]{0,200}") {
        shikaku_wire::fuzzing::member_csv(&bytes);
        shikaku_wire::fuzzing::member_csv(format!("{HEADER}\n{GOOD}\n{lines}").as_bytes());
        shikaku_wire::fuzzing::member_csv(&[format!("{HEADER}\n{GOOD}\n").as_bytes(), &bytes].concat());
    }
}
