//! The rules as tables: each row names its source in the interface notes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use shikaku_domain::*;
use std::borrow::Cow;

const FACILITY: &str = "1310000001";

/// A registration in one line: `person insurer symbol-number/branch birth start..end`, then
/// `elsewhere start..end` and `ticket start..end facility` any number of times.
fn registration(line: &str) -> Registration<'_> {
    let mut words = line.split_whitespace();
    let mut next = || words.next().unwrap();
    let person = PersonId::parse(next()).unwrap();
    let insurer = InsurerNumber::parse(next()).unwrap();
    let (symbol, rest) = next().split_once('|').unwrap();
    let (number, branch) = rest.split_once('/').unwrap();
    let birthdate = Day::parse(next()).unwrap();
    let main = period(next());
    let mut registration = Registration {
        person,
        card: CardFace {
            insurer,
            symbol: (!symbol.is_empty()).then(|| CardText::new(symbol).unwrap()),
            number: CardText::new(number).unwrap(),
            branch: (!branch.is_empty()).then(|| InsuredBranchNumber::parse(branch).unwrap()),
            birthdate,
        },
        period: main,
        reason_of_loss: None,
        card_classification: InsuredCardClassification::General,
        personal_family: None,
        insured_name: None,
        name: Personal::new(Cow::Borrowed("試験　太郎")),
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
        elderly_recipient: vec![],
        limit_application: vec![],
        specific_diseases: vec![],
        medical_tickets: vec![],
        elsewhere: vec![],
    };
    while let Some(word) = words.next() {
        let span = period(words.next().unwrap());
        match word {
            "elsewhere" => registration.elsewhere.push(span),
            "ticket" => registration.medical_tickets.push(MedicalTicket {
                ticket_type: TicketType::Medical,
                valid: span,
                issue_number: Personal::new(Cow::Borrowed("1")),
                treatment_month: span.start().month(),
                institution: MedicalInstitutionCode::parse(words.next().unwrap()).unwrap(),
                institution_name: Personal::new(Cow::Borrowed("試験医院")),
                treatment_type: None,
                self_pay_yen: None,
                use_with_other: None,
            }),
            other => panic!("unknown word {other}"),
        }
    }
    registration
}

fn period(text: &str) -> Period {
    let (start, end) = text.split_once("..").unwrap();
    let end = (!end.is_empty()).then(|| Day::parse(end).unwrap());
    Period::new(Day::parse(start).unwrap(), end).unwrap()
}

fn query(line: &str) -> CardQuery {
    let mut words = line.split_whitespace();
    let insurer = InsurerNumber::parse(words.next().unwrap()).unwrap();
    let (symbol, rest) = words.next().unwrap().split_once('|').unwrap();
    let (number, branch) = rest.split_once('/').unwrap();
    CardQuery {
        insurer,
        symbol: Folded::new(symbol).unwrap(),
        number: Folded::new(number).unwrap(),
        branch: (!branch.is_empty()).then(|| InsuredBranchNumber::parse(branch).unwrap()),
        birthdate: Day::parse(words.next().unwrap()).unwrap(),
        limit_consent: LimitApplicationCertificateRelatedConsFlg::Given,
    }
}

#[track_caller]
fn check(spec: &str, registrations: &[&str], asked: &str, on: &str, expected: &str) {
    let registrations: Vec<_> = registrations.iter().map(|line| registration(line)).collect();
    let query = query(asked);
    let insurer = Insurer { number: query.insurer, name: "試験保険者".to_owned() };
    let on = Day::parse(on).unwrap();
    let outcome = decide(Some(&insurer), &registrations, &query, on);
    assert_eq!(outcome.validity().code(), expected, "{spec}: {asked} on {on}");
    let facility = MedicalInstitutionCode::parse(FACILITY).unwrap();
    let shown = disclose(&outcome, &query, facility, on).is_some();
    assert_eq!(shown, matches!(expected, "1" | "2" | "6"), "{spec}: disclosure of {expected}");
}

const LOST: &str = "1 01040013 12-34|567/01 19800102 20200401..20251001";
const RENEWED: &str = "1 01040013 12-34|567/01 19800102 20260101..";
const ASKED: &str = "01040013 1234|567/01 19800102";

#[test]
fn validity_as_of_any_day() {
    check("§1.12 OQSCD006 1", &[LOST], ASKED, "20200401", "1");
    check("§1.12 OQSCD006 1, last covered day", &[LOST], ASKED, "20250930", "1");
    check("§1.12 OQSCD006 2, day of loss", &[LOST], ASKED, "20251001", "2");
    check("§1.12 OQSCD006 2, before it began", &[LOST], ASKED, "20200331", "2");
    check("§1.12 OQSCD006 2, in the gap", &[LOST, RENEWED], ASKED, "20251231", "2");
    check("§1.12 OQSCD006 1, joined again", &[LOST, RENEWED], ASKED, "20260101", "1");
    check("§1.12 OQSCD006 4, nobody", &[], ASKED, "20250101", "4");
}

#[test]
fn a_newer_eligibility_is_told_without_saying_which() {
    let moved = "1 01040013 12-34|567/01 19800102 20200401..20251001 elsewhere 20251001..20260401";
    check("§3.7 still valid here", &[moved], ASKED, "20250930", "1");
    check("§3.7 newer exists", &[moved], ASKED, "20251001", "3");
    check("§3.7 newer one lost too", &[moved], ASKED, "20260401", "2");
    let gap = "1 01040013 12-34|567/01 19800102 20200401..20251001 elsewhere 20251015..";
    check("§5 gap between insurers", &[gap], ASKED, "20251014", "2");
    let late = "1 01040013 12-34|567/01 19800102 20200401.. elsewhere 20251001..";
    check("§5 overlap, loss not yet registered", &[late], ASKED, "20251101", "1");
}

#[test]
fn several_people_on_one_card() {
    let twin_a = "1 01040013 12|34/02 20200505 20200505..";
    let twin_b = "2 01040013 12|34/03 20200505 20200505..";
    let twins = &[twin_a, twin_b];
    check("§1.12 OQSCD006 5, branch missing", twins, "01040013 12|34/ 20200505", "20250101", "5");
    check("§2 枝番 tells twins apart", twins, "01040013 12|34/03 20200505", "20250101", "1");
    check("§2 枝番 of nobody", twins, "01040013 12|34/04 20200505", "20250101", "4");
    check("§3.7 birth date of nobody", twins, "01040013 12|34/02 20200506", "20250101", "4");
    let no_branch = "3 01040013 12|34/ 20200505 20200505..";
    check("§2 unknown 枝番 fits any", &[no_branch], "01040013 12|34/02 20200505", "20250101", "1");
    let former = "4 01040013 12|34/02 20200505 20200505..20210401";
    check("number given anew", &[former, twin_b], "01040013 12|34/ 20200505", "20250101", "1");
    check(
        "number given anew, both lost",
        &[former, "5 01040013 12|34/03 20200505 20200505..20220401"],
        "01040013 12|34/ 20200505",
        "20250101",
        "5",
    );
}

#[test]
fn spelling_does_not_matter() {
    for spelling in ["１２－３４|５６７/01", "0012ー34|000567/01", "12−34|5-6-7/01"] {
        let asked = format!("01040013 {spelling} 19800102");
        check("§2 記号・番号", &[LOST], &asked, "20250101", "1");
    }
    check("§2 another number", &[LOST], "01040013 1234|568/01 19800102", "20250101", "4");
    check("§1.10 symbol left out", &[LOST], "01040013 |567/01 19800102", "20250101", "4");
}

#[test]
fn late_stage_elderly_and_medical_aid_have_no_symbol() {
    let elderly = "1 39131206 |01234567/ 19450102 20200102..";
    check("§2 後期高齢", &[elderly], "39131206 |1234567/ 19450102", "20250101", "1");
    check(
        "§2 後期高齢, symbol given",
        &[elderly],
        "39131206 99|1234567/ 19450102",
        "20250101",
        "1",
    );
    check(
        "§2 後期高齢, branch given",
        &[elderly],
        "39131206 |1234567/01 19450102",
        "20250101",
        "1",
    );
    let aid = "1 12131207 |1234567/ 19700101 20240401.. ticket 20250101..20250201 1310000001";
    let asked = "12131207 |1234567/ 19700101";
    check("§3.11 ticket of the month", &[aid], asked, "20250131", "1");
    check("§3.11 ticket not registered", &[aid], asked, "20250201", "6");
    check(
        "§3.11 aid ended",
        &["1 12131207 |1234567/ 19700101 20240401..20250101"],
        asked,
        "20250201",
        "2",
    );
    check(
        "OQSCD006 5 is for medical insurance only",
        &[aid, "2 12131207 |1234567/ 19700101 20240401.."],
        asked,
        "20250115",
        "4",
    );
}

#[test]
fn an_unknown_insurer_is_told_apart_from_an_unknown_card() {
    let registrations = [registration(LOST)];
    let day = Day::parse("20250101").unwrap();
    let outcome = decide(None, &registrations, &query(ASKED), day);
    assert_eq!(outcome, Outcome::UnknownInsurer);
    assert_eq!(outcome.validity(), QualificationValidity::NotFound);
}

#[test]
fn certificates_are_shown_on_their_days_and_the_limit_only_with_consent() {
    let mut person = registration("1 01040013 12-34|567/01 19500102 20200401..20270101");
    let certificate = |span| LimitApplicationCertificate {
        classification: LimitApplicationCertificateClassification::Limit,
        classification_flag: LimitApplicationCertificateClassificationFlag::U,
        issued: None,
        valid: period(span),
        long_term: None,
    };
    person.limit_application =
        vec![certificate("20240801..20250801"), certificate("20250801..20260801")];
    person.elderly_recipient = vec![ElderlyRecipientCertificate {
        issued: None,
        valid: period("20240801..20250801"),
        contribution_ratio: ContributionRatio::Twenty,
    }];
    let people = [person];
    let insurer = Insurer { number: people[0].card.insurer, name: String::new() };
    let facility = MedicalInstitutionCode::parse(FACILITY).unwrap();
    let shown = |consent, on: &str| {
        let query = CardQuery { limit_consent: consent, ..CardQuery::for_card(&people[0]) };
        let on = Day::parse(on).unwrap();
        let outcome = decide(Some(&insurer), &people, &query, on);
        let shown = disclose(&outcome, &query, facility, on).unwrap();
        (
            shown.limit_application.map(|c| c.valid.start().to_string()),
            shown.elderly_recipient.is_some(),
        )
    };
    use LimitApplicationCertificateRelatedConsFlg::{Given, NotGiven};
    assert_eq!(shown(Given, "20250731"), (Some("20240801".to_owned()), true), "§b last valid day");
    assert_eq!(shown(Given, "20250801"), (Some("20250801".to_owned()), false), "§b renewed");
    assert_eq!(shown(Given, "20260801"), (None, false), "§b expired");
    assert_eq!(shown(NotGiven, "20250731"), (None, true), "OQSCD001 0");
    assert_eq!(shown(Given, "20270101"), (None, false), "nothing with a lost eligibility");
}

#[test]
fn a_ticket_says_whether_it_names_the_asking_facility() {
    let people = [registration(
        "1 12131207 |1234567/ 19700101 20240401.. ticket 20250101..20250201 1310000001 \
         ticket 20250101..20250201 1310000002 ticket 20250201..20250301 1310000001",
    )];
    let query = CardQuery::for_card(&people[0]);
    let insurer = Insurer { number: query.insurer, name: String::new() };
    let on = Day::parse("20250115").unwrap();
    let outcome = decide(Some(&insurer), &people, &query, on);
    let facility = MedicalInstitutionCode::parse(FACILITY).unwrap();
    let shown = disclose(&outcome, &query, facility, on).unwrap();
    let named: Vec<_> = shown.medical_tickets.iter().map(|(_, same)| *same).collect();
    assert_eq!(named, [true, false]);
}

#[test]
fn children_are_preschool_until_the_march_after_their_sixth_year() {
    let check = |birth, on, expected| {
        assert_eq!(
            is_preschool(Day::parse(birth).unwrap(), Day::parse(on).unwrap()),
            expected,
            "{birth} {on}"
        );
    };
    check("20190402", "20260331", true);
    check("20190402", "20260401", false);
    check("20190401", "20250331", true);
    check("20190401", "20250401", false); // an age is reached the day before the birthday
    check("20200101", "20260331", true);
    check("20200101", "20260401", false);
    check("20250101", "20241231", false); // not born yet
}
