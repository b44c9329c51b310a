//! The messages of the interfaces: how a question is written, and its right answer.

use super::RunError;
use super::audit::Form;
use super::http::render_request;
use super::query::Mix;
use shikaku_domain::{
    CardQuery, CharacterCode, Day, Insurer, LimitApplicationCertificateRelatedConsFlg,
    MedicalInstitutionCode, Registration, Timestamp, decide, disclose,
};
use shikaku_wire::oqs::{
    Answered, MessageResult, SingleAnswer, parse_json, parse_xml, to_json, to_xml,
};
use shikaku_wire::v1::{EligibilityAnswer, EligibilityRequest};

/// Stands in an expected answer for the time at which it will be made: 2001-09-09.
const SOME_TIME: u64 = 1_000_000_000;

/// Which of the engine's interfaces is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// `/oqs-api-pro/…/search`: the interface's JSON, after a login.
    OqsJson,
    /// `/v1/eligibility`: plain JSON.
    V1,
    /// `/oqs/OQSsiquc01`: the interface's XML.
    OqsXml,
}

impl Interface {
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::OqsJson => "/oqs-api-pro/MSA01030/ILI01030SV01/search",
            Self::V1 => "/v1/eligibility",
            Self::OqsXml => "/oqs/OQSsiquc01",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::OqsJson => "application/json;charset=UTF-8",
            Self::V1 => "application/json",
            Self::OqsXml => "application/xml;charset=UTF-8",
        }
    }

    /// [`SOME_TIME`] as this interface writes it.
    pub(super) const fn some_time(self) -> &'static str {
        match self {
            Self::V1 => "2001-09-09T10:46:40+09:00",
            Self::OqsJson | Self::OqsXml => "20010909104640",
        }
    }

    pub(super) const fn form(self) -> Form {
        match self {
            Self::OqsJson | Self::V1 => Form::Json,
            Self::OqsXml => Form::Xml,
        }
    }
}

/// How questions are asked.
pub(super) struct Style<'a> {
    /// Path asked instead of the interface's own; its answers are not audited.
    pub path: Option<&'a str>,
    /// Interface asked.
    pub interface: Interface,
    /// `host:port` for the Host header.
    pub authority: &'a str,
    /// Token for the interfaces that need a login.
    pub token: Option<&'a str>,
    /// Facility that asks; v1 messages do not name it.
    pub facility: MedicalInstitutionCode,
    /// Day that the questions are about.
    pub on: Day,
    /// What is asked about.
    pub mix: Mix,
}

impl Style<'_> {
    pub(super) fn render(&self, body: &str) -> Vec<u8> {
        let path = self.path.unwrap_or(self.interface.path());
        render_request(self.authority, path, &self.headers(), body)
    }

    /// The right answer to a message, by the population and the rules.
    pub(super) fn answer(
        &self,
        body: &str,
        query: &CardQuery,
        insurer: Option<&Insurer>,
        registrations: &[Registration<'_>],
    ) -> Result<Vec<u8>, RunError> {
        let at = Timestamp::from_unix_seconds(SOME_TIME);
        let outcome = decide(insurer, registrations, query, self.on);
        let disclosure = disclose(&outcome, query, self.facility, self.on);
        let request = match self.interface {
            Interface::V1 => {
                let disclosure = disclosure.as_ref();
                let on = self.on;
                let mut bytes = Vec::new();
                let answer =
                    EligibilityAnswer { at, on, outcome, disclosure, insurer, with_card: None };
                answer.write(&mut bytes);
                return Ok(bytes);
            }
            Interface::OqsJson => parse_json(body.as_bytes()),
            Interface::OqsXml => parse_xml(body.as_bytes()).map(|(request, _)| request),
        };
        let request = request.map_err(|e| RunError::Population(e.ja()))?;
        let result = MessageResult::Answered(Answered {
            outcome,
            disclosure: disclosure.as_ref(),
            insurer,
            limit_consent: query.limit_consent,
            search_info: Some(&request.search_info),
            with_card: None,
        });
        let answer = SingleAnswer::to_request(&request, at, result);
        let mut bytes = Vec::new();
        match self.interface {
            Interface::OqsXml => {
                // 〓 stands for what XML lacks, on both sides.
                let _replaced = to_xml(&answer, CharacterCode::Utf8, &mut bytes);
            }
            Interface::OqsJson | Interface::V1 => to_json(&answer, &mut bytes),
        }
        Ok(bytes)
    }

    /// The message that asks about this card, with the number as it was typed.
    pub(super) fn body(&self, asked: &Registration<'_>, query: &CardQuery, number: &str) -> String {
        let symbol = asked.card.symbol.as_ref().map(|s| s.text().expose().to_string());
        let branch = query.branch.map(|b| String::from_utf8_lossy(&b.to_digits()).into_owned());
        if self.interface == Interface::V1 {
            return self.v1_body(query, symbol, branch, number);
        }
        let fields = [
            ("InsurerNumber", Some(query.insurer.to_string())),
            ("InsuredCardSymbol", symbol),
            ("InsuredIdentificationNumber", Some(number.to_owned())),
            ("InsuredBranchNumber", branch),
            ("Birthdate", Some(query.birthdate.to_string())),
            (
                "LimitApplicationCertificateRelatedConsFlg",
                Some(query.limit_consent.code().to_owned()),
            ),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        match self.interface {
            Interface::OqsXml => self.xml_body(fields),
            Interface::OqsJson | Interface::V1 => self.json_body(fields),
        }
    }

    fn headers(&self) -> String {
        let kind = self.interface.content_type();
        let accept = kind.split(';').next().unwrap_or(kind);
        let token = self.token.map_or_else(String::new, |t| format!("Authorization: {t}\r\n"));
        format!("Content-Type: {kind}\r\nAccept: {accept}\r\n{token}")
    }

    fn v1_body(
        &self,
        query: &CardQuery,
        symbol: Option<String>,
        branch: Option<String>,
        number: &str,
    ) -> String {
        let iso = |day: Day| {
            let (year, month, day) = day.ymd();
            format!("{year:04}-{month:02}-{day:02}")
        };
        serde_json::json!(EligibilityRequest {
            insurer_number: query.insurer.to_string(),
            insured_card_symbol: symbol,
            insured_identification_number: number.to_owned(),
            insured_branch_number: branch,
            birthdate: iso(query.birthdate),
            qualification_confirmation_date: Some(iso(self.on)),
            limit_application_certificate_consent: query.limit_consent
                == LimitApplicationCertificateRelatedConsFlg::Given,
        })
        .to_string()
    }

    fn json_body(&self, fields: impl Iterator<Item = (&'static str, String)>) -> String {
        let search: serde_json::Map<_, _> =
            fields.map(|(name, value)| (name.to_owned(), value.into())).collect();
        let facility = self.facility.to_string();
        serde_json::json!({"XmlMsg": {
            "MessageHeader": {
                "QualificationConfirmationDate": self.on.to_string(),
                "MedicalInstitutionCode": facility,
            },
            "MessageBody": {"QualificationConfirmSearchInfo": search},
        }})
        .to_string()
    }

    fn xml_body(&self, fields: impl Iterator<Item = (&'static str, String)>) -> String {
        let element = |(name, value): (&str, String)| {
            format!("<{name}>{}</{name}>", quick_xml::escape::escape(&value))
        };
        let search: String = fields.map(element).collect();
        let facility = self.facility.to_string();
        let header = element(("QualificationConfirmationDate", self.on.to_string()))
            + &element(("MedicalInstitutionCode", facility));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><XmlMsg><MessageHeader>\
             {header}</MessageHeader><MessageBody><QualificationConfirmSearchInfo>{search}\
             </QualificationConfirmSearchInfo></MessageBody></XmlMsg>"
        )
    }
}
