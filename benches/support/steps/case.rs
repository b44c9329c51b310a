//! One person with everything that the steps need.

use crate::{Corpus, FACILITY};
use shikaku_domain::{
    CardQuery, Day, Insurer, LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode,
    Registration,
};
use shikaku_wire::oqs::{SingleRequest, parse_json};
use std::sync::Arc;

pub(super) struct Case {
    pub query: CardQuery,
    /// What the store has under the card.
    pub found: Vec<Registration<'static>>,
    pub insurer: Arc<Insurer>,
    pub v1: Vec<u8>,
    pub json: Vec<u8>,
    pub xml: Vec<u8>,
    pub request: SingleRequest,
}

impl Case {
    pub(super) fn new(corpus: &Corpus, registration: &Registration<'_>) -> Self {
        let mut query = CardQuery::for_card(registration);
        query.limit_consent = LimitApplicationCertificateRelatedConsFlg::Given;
        let own = |all: &[Registration<'_>]| all.iter().map(|r| r.clone().into_owned()).collect();
        let json = oqs_json(registration, corpus.on);
        Self {
            found: corpus.reader.with_card(&query, own).unwrap(),
            insurer: corpus.reader.insurer(query.insurer).unwrap(),
            v1: v1_json(registration, corpus.on),
            xml: oqs_xml(&json),
            request: parse_json(&json).unwrap(),
            json,
            query,
        }
    }
}

pub(super) fn facility() -> MedicalInstitutionCode {
    MedicalInstitutionCode::parse(FACILITY).unwrap()
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
