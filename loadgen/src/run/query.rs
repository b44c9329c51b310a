//! The questions: prepared before the clock starts, each with the answer that the rules give.

use super::RunError;
use super::http::render_request;
use super::schedule::Random;
use super::source::{Block, People};
use super::tally::WrongAnswer;
use shikaku_domain::{
    CardQuery, Day, Folded, LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode,
    QualificationValidity, Registration, decide,
};
use shikaku_wire::v1::EligibilityRequest;
use std::borrow::Cow;
use std::collections::HashMap;

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
    const fn path(self) -> &'static str {
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

    /// What stands before the code of the validity in an answer.
    const fn marker(self) -> &'static [u8] {
        match self {
            Self::OqsJson => b"\"QualificationValidity\":\"",
            Self::V1 => b"\"qualificationValidity\":\"",
            Self::OqsXml => b"<QualificationValidity>",
        }
    }
}

/// In 1000 questions, how many have a number that nobody has: typing errors at the desk.
const MISTYPED_PER_MILLE: u64 = 30;
/// In 1000 questions, how many are about a card that the person no longer uses, if there is one.
const OLD_CARD_PER_MILLE: u64 = 100;
/// In 1000 questions, how many carry the patient's consent to the limit certificate.
const CONSENT_PER_MILLE: u64 = 300;
/// Ends no synthetic number, so a number with it is nobody's.
const IMPOSSIBLE_SUFFIX: &str = "QQQ";

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
    /// Facility that asks; unused by v1, where the certificate alone says so.
    pub facility: Option<MedicalInstitutionCode>,
    /// Day that the questions are about.
    pub on: Day,
}

/// Questions ready to send, used in a ring. They hold personal data (synthetic as it is), so they
/// have no `Debug`.
pub(super) struct Prepared {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    marker: Option<&'static [u8]>,
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    end: usize,
    person: u64,
    expected: QualificationValidity,
}

/// Whom question `k` is about, and the randomness for the rest of it.
struct Pick {
    k: usize,
    person: u64,
    random: Random,
}

impl Pick {
    fn new(k: usize, persons: u64, seed: u64) -> Self {
        // Two steps, so that neighbouring seeds and questions have nothing in common.
        let mut random = Random::new(Random::new(seed).bits() ^ k as u64);
        let mut random = Random::new(random.bits());
        Self { k, person: random.below(persons), random }
    }
}

/// One question of the ring.
#[derive(Clone, Copy)]
pub(super) struct Question<'p> {
    /// The request as it is sent.
    pub bytes: &'p [u8],
    person: u64,
    /// What the answer must say; `None` where answers are not audited.
    expected: Option<(QualificationValidity, &'static [u8])>,
}

impl Prepared {
    /// Prepares `count` questions about uniformly random people; `tick` is called after each.
    ///
    /// Question `k` depends on the seed and `k` alone. They are made in the order of the people,
    /// so that each block is made once.
    ///
    /// # Errors
    /// [`RunError::Population`] when somebody asked about is registered nowhere.
    pub(super) fn lookups(
        count: usize,
        people: &People<'_>,
        style: &Style<'_>,
        seed: u64,
        mut tick: impl FnMut(),
    ) -> Result<Self, RunError> {
        let insurers: HashMap<_, _> = people.insurers.iter().map(|i| (i.number, i)).collect();
        let mut picks: Vec<Pick> = (0..count).map(|k| Pick::new(k, people.persons, seed)).collect();
        picks.sort_unstable_by_key(|pick| pick.person);
        let mut bytes = Vec::new();
        let mut entries = Vec::with_capacity(count);
        let mut block = Block::default();
        for mut pick in picks {
            block.load(people, pick.person);
            let asked =
                choose(block.of(pick.person), style.on, &mut pick.random).ok_or_else(|| {
                    RunError::Population(format!("person {} is registered nowhere", pick.person))
                })?;
            let (query, number) = ask(asked, &mut pick.random)?;
            let insurer = insurers.get(&query.insurer).copied();
            let expected = decide(insurer, &block.registrations, &query, style.on).validity();
            let start = bytes.len();
            bytes.extend(style.render(asked, &query, &number));
            let entry = Entry { start, end: bytes.len(), person: pick.person, expected };
            entries.push((pick.k, entry));
            tick();
        }
        entries.sort_unstable_by_key(|(k, _)| *k);
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        Ok(Self { bytes, entries, marker: style.path.is_none().then(|| style.interface.marker()) })
    }

    /// One request without meaning, over and over: what the transport alone costs.
    pub(super) fn constant(authority: &str, path: &str) -> Self {
        let bytes = render_request(authority, path, "Content-Type: application/json\r\n", "{}");
        let expected = QualificationValidity::NotFound;
        let entry = Entry { start: 0, end: bytes.len(), person: 0, expected };
        Self { bytes, entries: vec![entry], marker: None }
    }

    /// The question for request `k`, `None` only from an empty ring.
    pub(super) fn question(&self, k: u64) -> Option<Question<'_>> {
        let at = usize::try_from(k % self.entries.len().max(1) as u64).ok()?;
        let entry = self.entries.get(at)?;
        Some(Question {
            bytes: self.bytes.get(entry.start..entry.end)?,
            person: entry.person,
            expected: self.marker.map(|marker| (entry.expected, marker)),
        })
    }

    /// Number of questions and the memory they take, in bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        let entries = self.entries.len();
        (entries, self.bytes.capacity() + entries * size_of::<Entry>())
    }
}

impl Question<'_> {
    /// Compares an answer's body with what the rules give.
    ///
    /// # Errors
    /// The difference, without personal data.
    pub(super) fn audit(&self, body: &[u8]) -> Result<(), WrongAnswer> {
        let Some((expected, marker)) = self.expected else { return Ok(()) };
        let got = validity_code(body, marker);
        let expected = expected.code().chars().next();
        if got == expected {
            return Ok(());
        }
        // Anything but an ASCII digit is not a code and might be part of somebody's data.
        let got = got.filter(char::is_ascii_digit);
        Err(WrongAnswer { person: self.person, expected: expected.unwrap_or('?'), got })
    }
}

/// The one character after the first marker.
fn validity_code(body: &[u8], marker: &[u8]) -> Option<char> {
    let at = body.windows(marker.len()).position(|window| window == marker)?;
    let code = body.get(at + marker.len()..at + marker.len() + 2)?;
    // One character, then the end of the value: "12" is not a code.
    match code {
        [code, b'"' | b'<'] => Some(char::from(*code)),
        _ => None,
    }
}

/// The card that the patient shows: mostly a current one, sometimes an old one.
fn choose<'r, 'a>(
    registrations: &'r [Registration<'a>],
    on: Day,
    random: &mut Random,
) -> Option<&'r Registration<'a>> {
    let (current, old): (Vec<_>, Vec<_>) = registrations.iter().partition(|r| r.period.covers(on));
    let wants_old = random.below(1000) < OLD_CARD_PER_MILLE;
    let among = if current.is_empty() || (wants_old && !old.is_empty()) { old } else { current };
    among.get(usize::try_from(random.below(among.len() as u64)).ok()?).copied()
}

/// The query and the number as it is typed: as printed, or mistyped.
fn ask<'r>(
    asked: &'r Registration<'_>,
    random: &mut Random,
) -> Result<(CardQuery, Cow<'r, str>), RunError> {
    let mut query = CardQuery::for_card(asked);
    let printed = asked.card.number.text().expose();
    if random.below(1000) < CONSENT_PER_MILLE {
        query.limit_consent = LimitApplicationCertificateRelatedConsFlg::Given;
    }
    if random.below(1000) >= MISTYPED_PER_MILLE {
        return Ok((query, Cow::Borrowed(printed.as_ref())));
    }
    let room = shikaku_domain::CARD_TEXT_CHARS_MAX - IMPOSSIBLE_SUFFIX.len();
    let mut typed: String = printed.chars().take(room).collect();
    typed.push_str(IMPOSSIBLE_SUFFIX);
    query.number = Folded::new(&typed).map_err(|e| RunError::Population(e.to_string()))?;
    Ok((query, Cow::Owned(typed)))
}

impl Style<'_> {
    fn render(&self, asked: &Registration<'_>, query: &CardQuery, number: &str) -> Vec<u8> {
        let body = self.body(asked, query, number);
        let path = self.path.unwrap_or(self.interface.path());
        render_request(self.authority, path, &self.headers(), &body)
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
        let facility = self.facility.map(|f| f.to_string());
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
        let facility = self.facility.map_or_else(String::new, |f| f.to_string());
        let header = element(("QualificationConfirmationDate", self.on.to_string()))
            + &element(("MedicalInstitutionCode", facility));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?><XmlMsg><MessageHeader>\
             {header}</MessageHeader><MessageBody><QualificationConfirmSearchInfo>{search}\
             </QualificationConfirmSearchInfo></MessageBody></XmlMsg>"
        )
    }
}
