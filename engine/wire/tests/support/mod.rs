//! Synthetic registrations and requests for the tests of this crate.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it; helpers of tests fail as tests do"
)]

use shikaku_domain::*;
use shikaku_wire::oqs::{SingleRequest, parse_json};

pub(crate) const FACILITY: &str = "1311111111";
/// 2026-11-02T09:30:00 in Japan.
pub(crate) const NOW_UNIX_SECONDS: u64 = 1_793_579_400;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW_UNIX_SECONDS)
}

pub(crate) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub(crate) fn period(start: &str, end: &str) -> Period {
    Period::new(day(start), (!end.is_empty()).then(|| day(end))).unwrap()
}

pub(crate) fn personal(text: &str) -> Text<'static> {
    Personal::new(text.to_owned().into())
}

pub(crate) fn insurer(number: &str, name: &str) -> Insurer {
    Insurer { number: InsurerNumber::parse(number).unwrap(), name: name.to_owned() }
}

/// A member of a 協会けんぽ branch with every optional part.
pub(crate) fn employee() -> Registration<'static> {
    Registration {
        person: PersonId::from_number(1).unwrap(),
        card: CardFace {
            insurer: InsurerNumber::parse("01040013").unwrap(),
            symbol: Some(CardText::new("１２－３４").unwrap()),
            number: CardText::new("5678").unwrap(),
            branch: InsuredBranchNumber::from_number(1),
            birthdate: day("19550401"),
        },
        period: period("20250401", ""),
        reason_of_loss: None,
        card_classification: InsuredCardClassification::General,
        personal_family: Some(PersonalFamilyClassification::Family),
        insured_name: Some(personal("資格　太郎")),
        name: personal("資格　花子 <&\"> 髙﨑"),
        name_of_other: Some(personal("ハナ")),
        name_kana: Some(personal("ｼｶｸ ﾊﾅｺ")),
        name_of_other_kana: Some(personal("ﾊﾅ")),
        sex1: Sex::Female,
        sex2: Some(Sex::Male),
        post_number: PostNumber::from_number(1),
        address: Some(personal("架空県見本市例町1〜2－3, \"見本荘\"")),
        card_issued: Some(day("20250401")),
        card_valid_from: Some(day("20250401")),
        card_expires: Some(day("20270331")),
        contribution_ratio: Some(ContributionRatio::Ten),
        elderly_recipient: vec![ElderlyRecipientCertificate {
            issued: Some(day("20260720")),
            valid: period("20260801", "20270801"),
            contribution_ratio: ContributionRatio::Twenty,
        }],
        limit_application: vec![LimitApplicationCertificate {
            classification: LimitApplicationCertificateClassification::LimitAndReduction,
            classification_flag: LimitApplicationCertificateClassificationFlag::LowIncome2,
            issued: Some(day("20260720")),
            valid: period("20260801", "20270801"),
            long_term: Some(day("20260901")),
        }],
        specific_diseases: vec![SpecificDiseasesCertificate {
            category: SpecificDiseasesCategory::KidneyFailure,
            issued: None,
            valid: period("20250401", ""),
            self_pay_yen: 10_000,
        }],
        medical_tickets: Vec::new(),
        elsewhere: Vec::new(),
    }
}

/// A person on 医療扶助 with a ticket for November 2026.
pub(crate) fn welfare() -> Registration<'static> {
    Registration {
        card: CardFace {
            insurer: welfare_office().number,
            symbol: None,
            number: CardText::new("0000019").unwrap(),
            branch: None,
            birthdate: day("19700101"),
        },
        card_classification: InsuredCardClassification::MedicalAid,
        personal_family: None,
        insured_name: None,
        contribution_ratio: None,
        elderly_recipient: Vec::new(),
        limit_application: Vec::new(),
        specific_diseases: Vec::new(),
        medical_tickets: vec![MedicalTicket {
            ticket_type: TicketType::Medical,
            valid: period("20261101", "20261201"),
            issue_number: personal("000123"),
            treatment_month: Month::parse("202611").unwrap(),
            institution: MedicalInstitutionCode::parse(FACILITY).unwrap(),
            institution_name: personal("見本診療所"),
            treatment_type: Some(MedicalTreatmentType::Outpatient),
            self_pay_yen: Some(0),
            use_with_other: Some(SingleOrCombinedUse::Single),
        }],
        ..employee()
    }
}

pub(crate) fn welfare_office() -> Insurer {
    let base = 1_213_001;
    let number = InsurerNumber::from_number(base * 10 + check_digit(u64::from(base))).unwrap();
    Insurer { number, name: "見本市福祉事務所".to_owned() }
}

/// The request that a clinic sends for this card.
pub(crate) fn request_for(registration: &Registration<'_>, consent: &str) -> SingleRequest {
    let card = &registration.card;
    let symbol = card.symbol.as_ref().map_or("", |symbol| symbol.text().expose());
    let json = format!(
        r#"{{"XmlMsg":{{"MessageHeader":{{"QualificationConfirmationDate":"20261102","MedicalInstitutionCode":"{FACILITY}","ArbitraryFileIdentifier":"ArnHCeDfNjMCFzg="}},"MessageBody":{{"QualificationConfirmSearchInfo":{{"InsurerNumber":"{}","InsuredCardSymbol":"{symbol}","InsuredIdentificationNumber":"{}","Birthdate":"{}","LimitApplicationCertificateRelatedConsFlg":"{consent}","ArbitraryIdentifier":"患者-1"}}}}}}}}"#,
        str::from_utf8(&card.insurer.to_padded()).unwrap(),
        card.number.text().expose(),
        card.birthdate,
    );
    parse_json(json.as_bytes()).unwrap()
}
