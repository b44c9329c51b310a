//! Synthetic registrations for the tests inside this crate and for its test suites.

use proptest::prelude::*;
use shikaku_domain::{
    CardFace, CardText, ContributionRatio, Day, ElderlyRecipientCertificate, InsuredBranchNumber,
    InsuredCardClassification, Insurer, InsurerNumber, LimitApplicationCertificate,
    LimitApplicationCertificateClassification, LimitApplicationCertificateClassificationFlag,
    MedicalInstitutionCode, MedicalTicket, MedicalTreatmentType, MemberChange, Period, PersonId,
    Personal, PersonalFamilyClassification, PostNumber, ReasonOfLoss, Registration, Sex,
    SingleOrCombinedUse, SpecificDiseasesCategory, SpecificDiseasesCertificate, TicketType,
};

/// Insurers of every kind: 協会けんぽ, 国保, 後期高齢, 医療扶助.
pub(crate) const INSURERS: [&str; 4] = ["01040013", "138131", "39131206", "12131017"];

pub(crate) fn insurer(number: &str) -> Insurer {
    Insurer {
        number: InsurerNumber::parse(number).unwrap(), name: format!("架空保険者{number}")
    }
}

pub(crate) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub(crate) fn period(start: &str, end: Option<&str>) -> Period {
    Period::new(day(start), end.map(day)).unwrap()
}

fn text(text: &'static str) -> shikaku_domain::Text<'static> {
    Personal::new(text.into())
}

/// A usual registration of this person: 協会けんぽ, since 2020-04-01, number = person + 1000.
pub(crate) fn registration(person: u64) -> Registration<'static> {
    Registration {
        person: PersonId::from_number(person).unwrap(),
        card: CardFace {
            insurer: InsurerNumber::parse(INSURERS[0]).unwrap(),
            symbol: Some(CardText::new("１２").unwrap()),
            number: CardText::new((person + 1000).to_string()).unwrap(),
            branch: InsuredBranchNumber::from_number(0),
            birthdate: day("19750410"),
        },
        period: period("20200401", None),
        reason_of_loss: None,
        card_classification: InsuredCardClassification::General,
        personal_family: Some(PersonalFamilyClassification::Insured),
        insured_name: None,
        name: text("合成　花子"),
        name_of_other: None,
        name_kana: Some(text("ｺﾞｳｾｲ ﾊﾅｺ")),
        name_of_other_kana: None,
        sex1: Sex::Female,
        sex2: None,
        post_number: PostNumber::from_number(1_000_001),
        address: Some(text("架空県見本市１－２－３")),
        card_issued: Some(day("20200401")),
        card_valid_from: None,
        card_expires: None,
        contribution_ratio: None,
        elderly_recipient: Vec::new(),
        limit_application: Vec::new(),
        specific_diseases: Vec::new(),
        medical_tickets: Vec::new(),
        elsewhere: Vec::new(),
    }
}

/// A registration in which nothing is left out.
pub(crate) fn full_registration() -> Registration<'static> {
    let valid = period("20230101", Some("20240101"));
    Registration {
        person: PersonId::from_number(PersonId::MAX).unwrap(),
        period: period("20190401", Some("20240401")),
        reason_of_loss: Some(ReasonOfLoss::Other),
        insured_name: Some(text("合成　太郎")),
        name_of_other: Some(text("見本　花子")),
        name_of_other_kana: Some(text("ﾐﾎﾝ ﾊﾅｺ")),
        sex2: Some(Sex::NotStated),
        card_valid_from: Some(day("20190401")),
        card_expires: Some(day("20240331")),
        contribution_ratio: Some(ContributionRatio::Thirty),
        elderly_recipient: vec![ElderlyRecipientCertificate {
            issued: Some(day("20221225")),
            valid,
            contribution_ratio: ContributionRatio::Twenty,
        }],
        limit_application: vec![LimitApplicationCertificate {
            classification: LimitApplicationCertificateClassification::LimitAndReduction,
            classification_flag: LimitApplicationCertificateClassificationFlag::LowIncome1Border,
            issued: Some(day("20221225")),
            valid,
            long_term: Some(day("20230701")),
        }],
        specific_diseases: vec![SpecificDiseasesCertificate {
            category: SpecificDiseasesCategory::Hiv,
            issued: None,
            valid,
            self_pay_yen: 10_000,
        }],
        medical_tickets: vec![MedicalTicket {
            ticket_type: TicketType::Dispensing,
            valid,
            issue_number: text("0001"),
            treatment_month: day("20230101").month(),
            institution: MedicalInstitutionCode::parse("1311234567").unwrap(),
            institution_name: text("架空診療所"),
            treatment_type: Some(MedicalTreatmentType::Dental),
            self_pay_yen: Some(0),
            use_with_other: Some(SingleOrCombinedUse::Combined),
        }],
        elsewhere: vec![period("20240401", None), period("20250401", Some("20250501"))],
        ..registration(2)
    }
}

/// Changes in a small world, so that histories collide: 4 persons, 4 insurers, few cards and days.
pub(crate) fn change() -> impl Strategy<Value = MemberChange<'static>> {
    let card = (0..INSURERS.len(), 0u32..2, 0u32..2, 0u32..2, proptest::option::of(0u8..2));
    let days = (0u32..4, proptest::option::of(0u32..4));
    (1u64..5, card, days, 0u8..5).prop_map(|(person, card, (start, length), kind)| {
        let (insurer, symbol, number, birth, branch) = card;
        let mut registration = registration(person);
        registration.card = CardFace {
            insurer: InsurerNumber::parse(INSURERS[insurer]).unwrap(),
            symbol: (insurer < 2 || symbol > 0)
                .then(|| CardText::new((symbol + 1).to_string()).unwrap()),
            number: CardText::new((number + 7).to_string()).unwrap(),
            branch: branch.and_then(InsuredBranchNumber::from_number),
            birthdate: Day::from_number(40_000 + birth).unwrap(),
        };
        let begin = Day::from_number(50_000 + start * 10).unwrap();
        let end = length.map(|length| begin.saturating_add_days(length as i32 * 10));
        registration.period = Period::new(begin, end).unwrap();
        registration.sex1 = if kind == 1 { Sex::Male } else { Sex::Female };
        if kind == 0 {
            return MemberChange::Withdraw {
                person: registration.person,
                card: registration.card,
                qualified: begin,
            };
        }
        MemberChange::Put(registration)
    })
}
