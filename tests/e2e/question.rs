//! A question with insurance-card data as a receptionist types it, in the forms of the three
//! interfaces.

use serde_json::{Value, json};
use shikaku_domain::{
    CardQuery, CardText, Day, Folded, InsuredBranchNumber, InsurerNumber,
    LimitApplicationCertificateRelatedConsFlg, Registration,
};
use shikaku_tests::FACILITY;
use shikaku_wire::v1::EligibilityRequest;

/// What is typed. Texts are as typed; nothing is folded.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) insurer: String,
    pub(crate) symbol: Option<String>,
    pub(crate) number: String,
    pub(crate) branch: Option<String>,
    pub(crate) birthdate: Day,
    pub(crate) consent: bool,
    pub(crate) on: Day,
}

impl Question {
    /// The question that the card itself suggests.
    pub(crate) fn about(registration: &Registration<'_>, on: Day) -> Self {
        let card = &registration.card;
        let branch = |branch: InsuredBranchNumber| format!("{:02}", branch.number());
        Self {
            insurer: card.insurer.to_string(),
            symbol: card.symbol.as_ref().map(|symbol| symbol.text().expose().to_string()),
            number: card.number.text().expose().to_string(),
            branch: card.branch.map(branch),
            birthdate: card.birthdate,
            consent: false,
            on,
        }
    }

    /// What the rules are asked.
    pub(crate) fn query(&self) -> CardQuery {
        let symbol = self.symbol.as_deref().unwrap_or_default();
        CardQuery {
            insurer: InsurerNumber::parse(&self.insurer).unwrap(),
            symbol: Folded::new(symbol).unwrap(),
            number: *CardText::new(self.number.as_str()).unwrap().folded(),
            branch: self.branch.as_deref().map(|b| InsuredBranchNumber::parse(b).unwrap()),
            birthdate: self.birthdate,
            limit_consent: match self.consent {
                true => LimitApplicationCertificateRelatedConsFlg::Given,
                false => LimitApplicationCertificateRelatedConsFlg::NotGiven,
            },
        }
    }

    /// QualificationConfirmSearchInfo (§1.5).
    pub(crate) fn elements(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("InsurerNumber", Some(self.insurer.clone())),
            ("InsuredCardSymbol", self.symbol.clone()),
            ("InsuredIdentificationNumber", Some(self.number.clone())),
            ("InsuredBranchNumber", self.branch.clone()),
            ("Birthdate", Some(self.birthdate.to_string())),
            ("LimitApplicationCertificateRelatedConsFlg", Some(u8::from(self.consent).to_string())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The message of the OQS JSON interface (§1.10).
    pub(crate) fn oqs_json(&self) -> Value {
        let search: serde_json::Map<_, _> = self
            .elements()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        json!({"XmlMsg": {
            "MessageHeader": {
                "QualificationConfirmationDate": self.on.to_string(),
                "MedicalInstitutionCode": FACILITY,
            },
            "MessageBody": {"QualificationConfirmSearchInfo": search},
        }})
    }

    /// The message of the OQS XML interface (§1.3); declared and meant as UTF-8.
    pub(crate) fn oqs_xml(&self, identifier: &str) -> String {
        let elements = self.elements();
        let parts: Vec<_> = elements.iter().map(|(name, value)| (*name, value.as_str())).collect();
        shikaku_tests::oqs_xml(&parts, &self.on.to_string(), identifier)
    }

    /// The same message in Shift_JIS, and declared so.
    pub(crate) fn oqs_xml_shift_jis(&self, identifier: &str) -> Vec<u8> {
        let text = self.oqs_xml(identifier).replace("encoding=\"UTF-8\"", "encoding=\"Shift_JIS\"");
        let (bytes, _, unmappable) = encoding_rs::SHIFT_JIS.encode(&text);
        assert!(!unmappable, "CP932 cannot carry the question");
        bytes.into_owned()
    }

    /// The message of `/v1/eligibility`.
    pub(crate) fn v1(&self) -> Value {
        json!(EligibilityRequest {
            insurer_number: self.insurer.clone(),
            insured_card_symbol: self.symbol.clone(),
            insured_identification_number: self.number.clone(),
            insured_branch_number: self.branch.clone(),
            birthdate: iso(self.birthdate),
            qualification_confirmation_date: Some(iso(self.on)),
            limit_application_certificate_consent: self.consent,
        })
    }
}

/// `yyyy-MM-dd`
pub(crate) fn iso(day: Day) -> String {
    let (year, month, day) = day.ymd();
    format!("{year:04}-{month:02}-{day:02}")
}
