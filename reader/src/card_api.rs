//! The engine's side of a session with a card: `/v1/card/…` over the facility's own TLS.
//!
//! Answers are read into the session's own types; whatever cannot be read is a failure that staff
//! see with a code. Nothing is sent twice: a challenge, a session and an answer are each asked for
//! once, and the patient begins again when one fails.

mod answers;
mod centre_clock;
mod face;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shikaku_domain::Personal;
use ureq::Agent;

use crate::ReaderError;
use crate::clock::Clock;
use crate::config::EngineConfig;
use crate::exchange::engine::facility_agent;
use crate::session::{
    Answer, Asked, Attributes, Candidate, Challenge, EngineFailure, Information, InsuranceCard,
    Method, Opened, Refusal, Signed, StaffId, TokenKind, Via,
};
use answers::{
    ChallengeAnswer, EligibilityAnswer, PersonDetails, Problem, RegistrationAnswer, SessionAnswer,
};
use centre_clock::{CentreClock, is_about_dates};

pub(crate) use face::FaceFailure;

/// Longest wait for one answer: shorter than a patient's screen stays.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Largest answer in bytes: an eligibility, and the same as a message.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Connections kept open: the session's, and one for the counter.
pub const CONNECTIONS: usize = 2;
const SECONDS_PER_DAY: i64 = 86_400;
const JSON: &str = "application/json";

/// Codes of our own, for answers that the engine did not give.
const UNREACHABLE: &str = "SHK-RDR-201";
const UNREADABLE: &str = "SHK-RDR-202";
const UNEXPECTED: &str = "SHK-RDR-203";
/// Not reached because of dates: this machine's clock, or the centre's certificate.
const DATES: &str = "SHK-RDR-206";

/// The engine, as a session with a card sees it. Calls block.
#[derive(Clone)]
pub struct CardApi {
    agent: Agent,
    base: String,
    device: String,
    clock: Arc<dyn Clock>,
    centre: Arc<CentreClock>,
}

impl CardApi {
    /// Prepares calls as the facility of `config`; does not connect yet.
    ///
    /// # Errors
    /// When a PEM file cannot be used.
    pub fn new(
        config: &EngineConfig,
        device: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ReaderError> {
        let agent = facility_agent(config, CONNECTIONS)?;
        let base = config.url.trim_end_matches('/').to_owned();
        let centre = Arc::default();
        Ok(Self { agent, base, device: device.to_owned(), clock, centre })
    }

    /// Seconds by which this machine's clock was ahead of the centre's at the last answer; negative
    /// when it was behind, 0 before the first.
    #[must_use]
    pub fn clock_ahead_seconds(&self) -> i64 {
        self.centre.ahead_seconds()
    }

    /// Gets a challenge.
    ///
    /// # Errors
    /// [`EngineFailure`], as with every call.
    pub fn challenge(&self) -> Result<Challenge, EngineFailure> {
        let answer: ChallengeAnswer =
            self.post("/v1/card/challenges", &json!({ "device": self.device }))?;
        let bytes = STANDARD.decode(answer.challenge).map_err(|_| unreadable())?;
        let bytes = bytes.try_into().map_err(|_| unreadable())?;
        Ok(Challenge { bytes, id: answer.challenge_id })
    }

    /// Opens a session with what the card proved.
    ///
    /// # Errors
    /// [`EngineFailure`].
    pub fn open(
        &self,
        challenge_id: &str,
        signed: &Signed,
        method: Method,
        kind: TokenKind,
        staff: Option<&StaffId>,
    ) -> Result<Opened, EngineFailure> {
        let mut body = json!({
            "challengeId": challenge_id,
            "device": self.device,
            "certificate": STANDARD.encode(&signed.certificate),
            "signature": STANDARD.encode(&signed.signature),
            "method": method,
            "tokenKind": kind,
        });
        add(&mut body, "confirmedBy", staff.map(StaffId::as_str));
        let answer: SessionAnswer = self.post("/v1/card/sessions", &body)?;
        self.opened(answer).ok_or_else(unreadable)
    }

    fn opened(&self, answer: SessionAnswer) -> Option<Opened> {
        let today = self.today();
        let is = |state| answer.certificate.state == state;
        let expires_in_days = is("expiresSoon")
            .then(|| days_between(&today, answer.certificate.not_after.get(..10)?))
            .flatten();
        let grace_days = match answer.certificate.grace_until.filter(|_| is("grace")) {
            Some(until) => Some(days_between(&today, &until)?),
            None => None,
        };
        // Kinds that this program does not know cannot be asked about.
        let may = answer.may_consent_to.into_iter();
        let may: Vec<Information> =
            may.filter_map(|kind| serde_json::from_value(kind).ok()).collect();
        Some(Opened {
            session: Personal::new(answer.session),
            registration: answer.registration,
            may_consent_to: may.into_iter().collect(),
            expires_in_days,
            grace_days,
        })
    }

    /// Finds the person of a new certificate.
    ///
    /// # Errors
    /// [`EngineFailure`].
    pub fn find(&self, session: &Personal<String>, via: &Via) -> Result<Candidate, EngineFailure> {
        let by = match via {
            Via::Card(attributes) => json!({ "card": attributes_json(attributes) }),
            Via::InsuranceCard(card) => json!({ "insuranceCard": insurance_card_json(card) }),
        };
        let body = json!({ "session": session.expose(), "by": by });
        let answer: RegistrationAnswer = self.post("/v1/card/registrations", &body)?;
        Ok(Candidate {
            token: Personal::new(answer.candidate),
            name: Personal::new(answer.person.name),
            insurer_name: answer.person.insurer_name.map(Personal::new),
        })
    }

    /// Binds the certificate to the person that both sides confirmed.
    ///
    /// # Errors
    /// [`EngineFailure`].
    pub fn bind(
        &self,
        session: &Personal<String>,
        candidate: &Candidate,
        staff: &StaffId,
    ) -> Result<(), EngineFailure> {
        let confirm = json!({
            "candidate": candidate.token.expose(),
            "patient": true,
            "staff": staff.as_str(),
        });
        let body = json!({ "session": session.expose(), "confirm": confirm });
        self.post::<Value>("/v1/card/registrations", &body).map(|_| ())
    }

    /// Asks for the holder's eligibility with what was agreed to.
    ///
    /// # Errors
    /// [`EngineFailure`].
    pub fn ask(&self, asked: &Asked) -> Result<Answer, EngineFailure> {
        let mut body = json!({ "session": asked.session.expose(), "consents": asked.consents });
        add(&mut body, "prescriptionIssueSelect", asked.prescription.map(u8::from));
        let EligibilityAnswer { answer, receipt_message } =
            self.post("/v1/card/eligibility", &body)?;
        let person = answer.eligibility;
        let text = |field: fn(&PersonDetails) -> &Option<String>| {
            person.as_ref().and_then(|person| field(person).clone()).map(Personal::new)
        };
        Ok(Answer {
            validity: answer.qualification_validity,
            name: text(|person| &person.name),
            birthdate: text(|person| &person.birthdate),
            insurer_name: text(|person| &person.insurer_name),
            notices: answer.notice.into_iter().map(|notice| notice.code).collect(),
            message: Personal::new(receipt_message.into()),
        })
    }

    /// Passes a question with an insurance card's data on; status and body of the answer.
    ///
    /// # Errors
    /// [`EngineFailure`] when no answer came.
    pub fn lookup(&self, question: &[u8]) -> Result<(u16, Vec<u8>), EngineFailure> {
        self.exchange("/v1/eligibility", JSON, ANSWER_WITHIN, question)
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, EngineFailure> {
        let (status, answer) =
            self.exchange(path, JSON, ANSWER_WITHIN, body.to_string().as_bytes())?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&answer).map_err(|_| unreadable());
        }
        let code = code_of(&answer);
        Err(EngineFailure {
            refusal: refusal_of(code.as_deref(), status),
            code: code.unwrap_or_else(|| UNEXPECTED.to_owned()),
        })
    }

    fn exchange(
        &self,
        path: &str,
        kind: &str,
        within: Duration,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>), EngineFailure> {
        let failed = |error: ureq::Error| {
            tracing::warn!(%error, path, "the engine cannot be reached");
            let code = if is_about_dates(&error) { DATES } else { UNREACHABLE };
            EngineFailure { refusal: Refusal::Unavailable, code: code.to_owned() }
        };
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = request.config().timeout_global(Some(within)).build();
        let mut response = request.header("content-type", kind).send(body).map_err(failed)?;
        if let Some(date) = response.headers().get("date").and_then(|date| date.to_str().ok()) {
            self.centre.learn(date, self.clock.now());
        }
        let answer = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        Ok((response.status().as_u16(), answer.map_err(failed)?))
    }

    /// Today in Japan by the centre's clock, `yyyy-MM-dd`.
    fn today(&self) -> String {
        japan(self.centre.at_centre(self.clock.now())).strftime("%Y-%m-%d").to_string()
    }
}

/// A moment in Japan's time.
pub(crate) fn japan(at: SystemTime) -> jiff::Zoned {
    const OFFSET: jiff::tz::Offset = jiff::tz::offset(9);
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let timestamp = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    timestamp.to_zoned(OFFSET.to_time_zone())
}

/// Days from one `yyyy-MM-dd` to another.
fn days_between(from: &str, to: &str) -> Option<i64> {
    let day = |text: &str| text.parse::<jiff::civil::Date>().ok();
    let seconds = day(from)?.duration_until(day(to)?).as_secs();
    Some(seconds / SECONDS_PER_DAY)
}

fn add(body: &mut Value, key: &str, value: Option<impl Into<Value>>) {
    if let (Some(fields), Some(value)) = (body.as_object_mut(), value) {
        fields.insert(key.to_owned(), value.into());
    }
}

fn attributes_json(attributes: &Attributes) -> Value {
    json!({
        "name": attributes.name.expose(),
        "birthdate": day_json(&attributes.birthdate),
        "sex": attributes.sex.expose(),
        "address": attributes.address.expose(),
    })
}

/// A day as cards and staff write it, `yyyyMMdd`, as the engine reads it. Anything else is left to
/// the engine to refuse.
fn day_json(day: &Personal<String>) -> String {
    let day = day.expose();
    match (day.get(..4), day.get(4..6), day.get(6..)) {
        (Some(year), Some(month), Some(day)) if day.len() == 2 => format!("{year}-{month}-{day}"),
        _ => day.clone(),
    }
}

fn insurance_card_json(card: &InsuranceCard) -> Value {
    let mut body = json!({
        "insurerNumber": card.insurer_number.expose(),
        "number": card.number.expose(),
        "birthdate": day_json(&card.birthdate),
    });
    add(&mut body, "symbol", card.symbol.as_ref().map(|symbol| symbol.expose().as_str()));
    add(&mut body, "branch", card.branch.as_ref().map(|branch| branch.expose().as_str()));
    body
}

fn unreadable() -> EngineFailure {
    EngineFailure { refusal: Refusal::Other, code: UNREADABLE.to_owned() }
}

/// The engine's code in a refusal, if that is one of its own.
fn code_of(answer: &[u8]) -> Option<String> {
    let problem: Option<Problem> = serde_json::from_slice(answer).ok();
    problem.map(|problem| problem.code).filter(|code| is_code(code))
}

/// Codes are shown to staff; a page of some gateway must not be.
fn is_code(text: &str) -> bool {
    text.len() <= 20
        && text.starts_with("SHK-")
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

/// What the engine's codes mean for a patient.
fn refusal_of(code: Option<&str>, status: u16) -> Refusal {
    const CODES: [(&str, Refusal); 9] = [
        ("CRD-001", Refusal::Untrusted),
        ("CRD-002", Refusal::Untrusted),
        ("CRD-003", Refusal::Untrusted),
        ("CRD-004", Refusal::Untrusted),
        ("CRD-005", Refusal::NotYetValid),
        ("CRD-006", Refusal::Expired),
        ("CRD-007", Refusal::Revoked),
        ("CRD-017", Refusal::NotFound),
        ("CRD-018", Refusal::NotFound),
    ];
    let known = code
        .and_then(|code| code.strip_prefix("SHK-"))
        .and_then(|code| CODES.iter().find(|(one, _)| *one == code).map(|(_, refusal)| *refusal));
    known.unwrap_or(match status {
        429 | 500.. => Refusal::Unavailable,
        _ => Refusal::Other,
    })
}

#[cfg(test)]
mod previous_tests;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_a_certificate_has_its_meaning() {
        for (code, status, meaning) in [
            (Some("SHK-CRD-003"), 403, Refusal::Untrusted),
            (Some("SHK-CRD-006"), 403, Refusal::Expired),
            (Some("SHK-CRD-007"), 403, Refusal::Revoked),
            (Some("SHK-CRD-018"), 409, Refusal::NotFound),
            (Some("SHK-CRD-008"), 503, Refusal::Unavailable),
            (Some("SHK-CRD-014"), 401, Refusal::Other),
            (None, 502, Refusal::Unavailable),
            (None, 404, Refusal::Other),
        ] {
            assert_eq!(refusal_of(code, status), meaning, "{code:?}");
        }
        assert!(is_code("SHK-CRD-003") && !is_code("<html>") && !is_code("SHK-<b>"));
    }

    #[test]
    fn days_are_counted_in_whole_days() {
        assert_eq!(days_between("2026-11-01", "2026-12-31"), Some(60));
        assert_eq!(days_between("2026-11-01", "2026-11-01"), Some(0));
        assert_eq!(days_between("2026-11-01", "soon"), None);
    }

    #[test]
    fn a_day_of_the_card_is_written_as_the_engine_reads_it() {
        let text = |text: &str| Personal::new(text.to_owned());
        let card = Attributes {
            name: text("資格"),
            address: text("架空県"),
            birthdate: text("19800217"),
            sex: text("2"),
        };
        assert_eq!(attributes_json(&card)["birthdate"], "1980-02-17");
    }
}
