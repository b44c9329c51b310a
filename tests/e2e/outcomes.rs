//! 資格有効性 (§1.5, OQSCD006): the six answers, the same through every interface, each showing what
//! the rules allow and nothing else.

use crate::answers::{expect_oqs, expect_v1};
use crate::question::Question;
use crate::shared::{Shared, shared, today};
use shikaku_domain::{Day, QualificationValidity, Registration, Scheme, check_digit};
use std::collections::BTreeSet;

/// Questions for each outcome.
const SAMPLES: usize = 40;

/// What somebody may have, and who has it on a day.
type Kind = (&'static str, fn(&Registration<'_>, Day) -> bool);

/// The population's day, one long before it and one long after it.
fn days() -> [Day; 3] {
    [today(), Day::new(2024, 6, 1).unwrap(), Day::new(2027, 3, 31).unwrap()]
}

/// What CP932 makes of a text (§1.3): a character that it lacks becomes 〓.
fn in_cp932(text: &str) -> String {
    let one = |c: char| {
        let text = c.to_string();
        if encoding_rs::SHIFT_JIS.encode(&text).2 { "〓".to_owned() } else { text }
    };
    text.chars().map(one).collect()
}

/// Asks through every interface and encoding and compares each answer with the rules.
#[track_caller]
fn expect_everywhere(shared: &Shared, question: &Question) {
    let Shared { registered, desk, .. } = shared;
    let query = question.query();
    let outcome = registered.outcome(&query, question.on);
    let disclosure = registered.disclosure(&outcome, question);
    let (disclosure, insurer) = (disclosure.as_ref(), registered.insurer(query.insurer));

    let utf8 = question.oqs_xml("identifier").into_bytes();
    for (answer, carried) in [
        (desk.ask_json(question), str::to_owned as fn(&str) -> String),
        (desk.ask_xml(&utf8, "utf-8"), str::to_owned),
        (desk.ask_xml(&utf8, "shift_jis"), in_cp932),
        (desk.ask_xml(&question.oqs_xml_shift_jis("identifier"), "utf-8"), str::to_owned),
    ] {
        expect_oqs(&answer, question, &outcome, disclosure, insurer, carried);
    }
    expect_v1(&desk.ask_v1(question), question, &outcome, disclosure, insurer);
}

/// Every other question carries the patient's consent to the limit certificate.
#[track_caller]
fn expect_outcome(validity: QualificationValidity) -> Vec<Question> {
    let shared = shared();
    let mut questions = shared.registered.questions(validity, &days(), SAMPLES);
    assert!(questions.len() >= 5, "the population has {} such cards", questions.len());
    for (at, question) in questions.iter_mut().enumerate() {
        question.consent = at % 2 == 0;
        expect_everywhere(shared, question);
    }
    questions
}

/// 1 有効
#[test]
fn a_valid_card_is_shown_with_everything_that_the_rules_allow() {
    let questions = expect_outcome(QualificationValidity::Valid);
    assert_eq!(questions.iter().map(|q| q.on).collect::<BTreeSet<_>>().len(), days().len());
}

/// 2 無効
#[test]
fn a_lost_or_future_eligibility_is_shown_without_certificates() {
    expect_outcome(QualificationValidity::Invalid);
}

/// 3 無効(新しい資格あり), §3.7: which one is not disclosed.
#[test]
fn an_old_card_of_somebody_insured_elsewhere_shows_nothing() {
    expect_outcome(QualificationValidity::InvalidNewerExists);
}

/// 5 複数該当
#[test]
fn a_card_that_fits_several_people_shows_nobody() {
    let shared = shared();
    // Twins on one card, asked about without the branch that tells them apart.
    let all = shared.registered.all();
    let asked = all.iter().flat_map(|r| {
        let own = Question::about(r, today());
        [own.clone(), Question { branch: None, ..own }]
    });
    let ambiguous = |q: &Question| {
        shared.registered.outcome(&q.query(), q.on).validity() == QualificationValidity::Ambiguous
    };
    let questions: Vec<_> = asked.filter(ambiguous).take(SAMPLES).collect();
    assert!(questions.len() >= 5, "the population has {} such cards", questions.len());
    questions.iter().for_each(|question| expect_everywhere(shared, question));
}

/// 6 有効(未登録), §3.11
#[test]
fn medical_aid_without_a_ticket_for_the_day_is_told_apart() {
    let questions = expect_outcome(QualificationValidity::ValidUnregistered);
    assert!(questions.iter().all(|q| q.query().insurer.scheme() == Scheme::MedicalAid));
}

/// 4 該当資格なし: a mistyped number, a wrong birth date, another symbol, another branch.
#[test]
fn a_card_that_nobody_has_is_not_found() {
    let shared = shared();
    let questions = shared.registered.questions(QualificationValidity::Valid, &days(), SAMPLES);
    for (at, question) in questions.into_iter().enumerate() {
        let wrong = match at % 4 {
            0 => Question { number: format!("{}Q", question.number), ..question },
            1 => Question { birthdate: question.birthdate.saturating_add_days(1), ..question },
            2 => Question { symbol: Some("無い記号".to_owned()), ..question },
            _ => Question { branch: Some("98".to_owned()), ..question },
        };
        expect_everywhere(shared, &wrong);
    }
}

/// A well-formed number that no insurer of the population has.
fn unknown_insurer() -> String {
    let number = 6_479_990 + check_digit(647_999);
    format!("{number:08}")
}

/// 4, with a hint that the insurer number is the thing to look at.
#[test]
fn an_insurer_that_is_not_registered_is_not_found_with_a_notice() {
    let shared = shared();
    let (_, question) = shared.registered.valid(today(), |_| true);
    let unknown = Question { insurer: unknown_insurer(), ..question };
    assert!(shared.registered.insurer(unknown.query().insurer).is_none());
    expect_everywhere(shared, &unknown);
    let answer = shared.desk.ask_json(&unknown);
    assert_eq!(answer.code(), Some("SHK-ANS-001"));
    assert!(answer.message().unwrap().contains("保険者番号"));
}

/// §b of §1.6: the limit certificate needs consent, whatever the interface.
#[test]
fn the_limit_certificate_is_shown_with_consent_only() {
    let shared = shared();
    let has_limit = |r: &Registration<'_>| {
        r.limit_application.iter().any(|certificate| certificate.valid.covers(today()))
    };
    let (_, mut question) = shared.registered.valid(today(), has_limit);
    for consent in [true, false] {
        question.consent = consent;
        expect_everywhere(shared, &question);
        let answer = shared.desk.ask_v1(&question);
        assert_eq!(answer["eligibility"].get("limitApplicationCertificate").is_some(), consent);
    }
}

/// §1.6: everything that a card query can show occurs among the people asked about.
#[test]
fn certificates_and_oddities_of_every_kind_are_shown() {
    let shared = shared();
    let on = today();
    let kinds: [Kind; 9] = [
        ("高齢受給者証", |r, on| r.elderly_recipient.iter().any(|c| c.valid.covers(on))),
        ("限度額 長期", |r, on| {
            r.limit_application.iter().any(|c| c.valid.covers(on) && c.long_term.is_some())
        }),
        ("医療券", |r, on| r.medical_tickets.iter().any(|t| t.valid.covers(on))),
        ("特定疾病 stays hidden", |r, on| {
            r.specific_diseases.iter().any(|c| c.valid.covers(on))
        }),
        ("未就学", |r, on| shikaku_domain::is_preschool(r.card.birthdate, on)),
        ("後期高齢者 ratio", |r, _| r.contribution_ratio.is_some()),
        ("通称", |r, _| r.name_of_other.is_some() && r.name_of_other_kana.is_some()),
        ("card with an end", |r, _| r.card_expires.is_some()),
        ("no branch", |r, _| r.card.branch.is_none() && r.card.symbol.is_some()),
    ];
    for (kind, fits) in kinds {
        let all = shared.registered.all();
        let of_kind = all.into_iter().filter(|r| r.period.covers(on) && fits(r, on)).take(3);
        let questions: Vec<_> = of_kind.map(|r| Question::about(r, on)).collect();
        assert!(!questions.is_empty(), "nobody with {kind}");
        for question in questions {
            expect_everywhere(shared, &Question { consent: true, ..question });
        }
    }
}

/// §2, 記号・番号: compared after folding width, hyphens, blanks and leading zeros.
#[test]
fn spelling_variants_of_one_card_get_the_same_answer() {
    let shared = shared();
    let short = |r: &Registration<'_>| {
        let symbol = r.card.symbol.as_ref().map_or(0, |s| s.text().expose().chars().count());
        symbol < 16 && r.card.number.text().expose().chars().count() < 16
    };
    for skip in 0..10 {
        let fits = |r: &Registration<'_>| {
            short(r) && r.card.symbol.is_some() && r.card.insurer.number() % 10 == skip
        };
        let (_, question) = shared.registered.valid(today(), fits);
        let expected = shared.desk.ask_v1(&question)["eligibility"].clone();
        for variant in variants(&question) {
            expect_everywhere(shared, &variant);
            assert_eq!(shared.desk.ask_v1(&variant)["eligibility"], expected);
        }
        // Without the branch the rules decide who is meant, if anybody is.
        expect_everywhere(shared, &Question { branch: None, ..question });
    }
}

fn variants(question: &Question) -> Vec<Question> {
    let spelled = |spell: &dyn Fn(&str) -> String| Question {
        symbol: question.symbol.as_deref().map(spell),
        number: spell(&question.number),
        ..question.clone()
    };
    let wide = |text: &str| -> String {
        let one = |c: char| match c {
            '!'..='~' => char::from_u32(u32::from(c) - 0x21 + 0xFF01).unwrap(),
            ' ' => '\u{3000}',
            c => c,
        };
        text.chars().map(one).collect()
    };
    let branch = question.branch.clone();
    vec![
        spelled(&wide),
        spelled(&|text| format!("00{text}")),
        spelled(&|text| text.chars().flat_map(|c| [c, '-']).take(20).collect()),
        spelled(&|text| format!("-{}ー", text.replace([' ', '-', '\u{3000}'], ""))),
        spelled(&str::to_lowercase),
        Question { insurer: format!("{:0>8}", question.insurer), ..question.clone() },
        Question { insurer: format!("{:>8}", question.insurer), ..question.clone() },
        Question { branch: branch.map(|b| wide(&b)), ..question.clone() },
    ]
}

/// The whole log of the engine, in debug mode, after all kinds of questions.
#[test]
fn the_log_holds_no_personal_data_of_the_people_asked_about() {
    let shared = shared();
    let validities = QualificationValidity::ALL.iter();
    let questions: Vec<_> =
        validities.flat_map(|v| shared.registered.questions(*v, &days(), 10)).collect();
    for question in &questions {
        expect_everywhere(shared, question);
        let broken = question.oqs_xml("x").replace("</XmlMsg>", "");
        assert_eq!(shared.desk.post_xml(broken.as_bytes(), "utf-8").status, 400);
        let wrong = Question { branch: Some("家族".to_owned()), ..question.clone() };
        assert_eq!(shared.desk.post_v1(wrong.v1().to_string().as_bytes()).status, 422);
    }
    let log = shared.centre.log();
    assert!(log.contains("DEBUG"), "the log is not in debug mode");
    for registration in shared.registered.all() {
        crate::population::expect_absent(registration, &log);
    }
}
