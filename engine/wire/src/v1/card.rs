//! The requests of `/v1/card/…`: what a reader asks of the centre. Registrations are in `registration`.

mod registration;

use super::iso;
use super::request::{FieldProblem, keep, parse_object};
use crate::leaf::Leaf;
use crate::oqs::ARBITRARY_CHARS_MAX;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use shikaku_domain::{
    ConsentChoice, Day, IdentityCheck, InformationType, PrescriptionIssueSelect, TokenKind,
    ValueError,
};

pub use registration::{Confirmation, RegisterBy, RegistrationQuestion, parse_registration};

/// Most characters of a device's or a staff member's name.
const LABEL_CHARS_MAX: usize = 64;
/// Most characters of what names a challenge, a session or a candidate.
const TICKET_CHARS_MAX: usize = 64;
/// A session's opening in domain terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionQuestion {
    /// Which challenge was signed.
    pub challenge_id: String,
    /// The device.
    pub device: String,
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// How the holder was recognised.
    pub check: IdentityCheck,
    /// What carries the certificate.
    pub token: TokenKind,
    /// The member of staff who looked: with a visual check, and only then.
    pub confirmed_by: Option<String>,
}

/// A question about the session's holder in domain terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardEligibilityQuestion {
    /// The session.
    pub session: String,
    /// The day asked about; `None` for today.
    pub on: Option<Day>,
    /// What the patient answered.
    pub consents: ConsentChoice,
    /// 処方箋発行形態
    pub prescription: Option<PrescriptionIssueSelect>,
    /// To be echoed in the receipt computer's message.
    pub file_identifier: Option<String>,
}

/// A withdrawal in domain terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawalQuestion {
    /// The session.
    pub session: String,
    /// The kind of information.
    pub information: InformationType,
}

type Problems = Vec<FieldProblem>;

/// 1 to [`LABEL_CHARS_MAX`] printable characters.
fn label(text: &str) -> Result<String, ValueError> {
    within(text, LABEL_CHARS_MAX)
}

/// What the centre itself gave out; its form is for the centre to judge.
fn ticket(text: &str) -> Result<String, ValueError> {
    within(text, TICKET_CHARS_MAX)
}

fn within(text: &str, max: usize) -> Result<String, ValueError> {
    if text.chars().count() > max {
        return Err(ValueError::TooLong { max });
    }
    if text.chars().any(char::is_control) {
        return Err(ValueError::Character);
    }
    Ok(text.to_owned())
}

fn bytes(text: &str) -> Result<Vec<u8>, ValueError> {
    STANDARD.decode(text).map_err(|_| ValueError::Character)
}

fn named<T>(value: Option<T>, table: &'static str) -> Result<T, ValueError> {
    value.ok_or(ValueError::UnknownCode { table })
}

/// The question, if nothing is wrong with it.
fn finish<T>(question: Option<T>, problems: Problems) -> Result<T, Problems> {
    match question {
        Some(question) if problems.is_empty() => Ok(question),
        Some(_) | None => Err(problems),
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawChallenge<'a> {
    #[serde(borrow)]
    device: Leaf<'a>,
}

/// Reads a request for a challenge: the device.
///
/// # Errors
/// Every field that is wrong, or one problem without a field if the body cannot be read at all.
pub fn parse_challenge(body: &[u8]) -> Result<String, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let raw: RawChallenge<'_> = parse_object(body)?;
    let device = keep(&mut problems, "device", raw.device.required(label));
    finish(device, problems)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawSession<'a> {
    #[serde(borrow)]
    challenge_id: Leaf<'a>,
    #[serde(borrow)]
    device: Leaf<'a>,
    #[serde(borrow)]
    certificate: Leaf<'a>,
    #[serde(borrow)]
    signature: Leaf<'a>,
    #[serde(borrow)]
    method: Leaf<'a>,
    #[serde(borrow)]
    token_kind: Leaf<'a>,
    #[serde(borrow)]
    confirmed_by: Leaf<'a>,
}

/// Reads a request for a session.
///
/// # Errors
/// As [`parse_challenge`].
pub fn parse_session(body: &[u8]) -> Result<SessionQuestion, Vec<FieldProblem>> {
    let raw: RawSession<'_> = parse_object(body)?;
    let p = &mut Vec::new();
    let challenge_id = keep(p, "challengeId", raw.challenge_id.required(ticket));
    let device = keep(p, "device", raw.device.required(label));
    let certificate = keep(p, "certificate", raw.certificate.required(bytes));
    let signature = keep(p, "signature", raw.signature.required(bytes));
    let check = |text: &str| named(IdentityCheck::from_name(text), "method");
    let check = keep(p, "method", raw.method.required(check));
    let token = |text: &str| named(TokenKind::from_name(text), "tokenKind");
    let token = keep(p, "tokenKind", raw.token_kind.required(token));
    if check.zip(token).is_some_and(|(check, token)| !check.fits(token)) {
        keep::<()>(p, "method", Err(ValueError::DoesNotFit { other: "tokenKind" }));
    }
    let confirmed_by = raw.confirmed_by.optional(label).and_then(|staff| match (check, &staff) {
        (Some(IdentityCheck::Visual), None) => Err(ValueError::Missing),
        (Some(IdentityCheck::Visual), Some(_)) | (_, None) => Ok(staff),
        (_, Some(_)) => Err(ValueError::Unexpected),
    });
    let confirmed_by = keep(p, "confirmedBy", confirmed_by).flatten();
    let question = (|| {
        Some(SessionQuestion {
            challenge_id: challenge_id?,
            device: device?,
            certificate: certificate?,
            signature: signature?,
            check: check?,
            token: token?,
            confirmed_by,
        })
    })();
    finish(question, std::mem::take(p))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawEligibility<'a> {
    #[serde(borrow)]
    session: Leaf<'a>,
    #[serde(borrow)]
    confirmation_date: Leaf<'a>,
    consents: RawConsents,
    prescription_issue_select: Option<u8>,
    #[serde(borrow)]
    arbitrary_file_identifier: Leaf<'a>,
}

/// One member for each kind of information: unknown and repeated ones are refused.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawConsents {
    limit_application_certificate: Option<bool>,
    specific_diseases: Option<bool>,
    medication: Option<bool>,
    checkup: Option<bool>,
    diagnosis: Option<bool>,
    operation: Option<bool>,
}

impl RawConsents {
    fn into_choice(self) -> ConsentChoice {
        let Self {
            limit_application_certificate,
            specific_diseases,
            medication,
            checkup,
            diagnosis,
            operation,
        } = self;
        let mut choice = ConsentChoice::default();
        for (information, answer) in [
            (InformationType::LimitApplicationCertificate, limit_application_certificate),
            (InformationType::SpecificDiseases, specific_diseases),
            (InformationType::Medication, medication),
            (InformationType::Checkup, checkup),
            (InformationType::Diagnosis, diagnosis),
            (InformationType::Operation, operation),
        ] {
            match answer {
                Some(true) => choice.give(information),
                Some(false) => choice.refuse(information),
                None => {}
            }
        }
        choice
    }
}

/// Reads a question about the session's holder.
///
/// # Errors
/// As [`parse_challenge`].
pub fn parse_card_eligibility(body: &[u8]) -> Result<CardEligibilityQuestion, Vec<FieldProblem>> {
    let raw: RawEligibility<'_> = parse_object(body)?;
    let p = &mut Vec::new();
    let session = keep(p, "session", raw.session.required(ticket));
    let on = keep(p, "confirmationDate", raw.confirmation_date.optional(iso::parse_day)).flatten();
    let form = raw.prescription_issue_select.map(|number| {
        let code = char::from_digit(u32::from(number), 10).map(String::from).unwrap_or_default();
        PrescriptionIssueSelect::from_code(&code)
    });
    let prescription = keep(p, "prescriptionIssueSelect", form.transpose()).flatten();
    let identifier = raw
        .arbitrary_file_identifier
        .verbatim()
        .and_then(|text| text.map(|text| within(text, ARBITRARY_CHARS_MAX)).transpose());
    let file_identifier = keep(p, "arbitraryFileIdentifier", identifier).flatten();
    let consents = raw.consents.into_choice();
    let question = session.map(|session| CardEligibilityQuestion {
        session,
        on,
        consents,
        prescription,
        file_identifier,
    });
    finish(question, std::mem::take(p))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawWithdrawal<'a> {
    #[serde(borrow)]
    session: Leaf<'a>,
    #[serde(borrow)]
    information_type: Leaf<'a>,
}

/// Reads a withdrawal.
///
/// # Errors
/// As [`parse_challenge`].
pub fn parse_withdrawal(body: &[u8]) -> Result<WithdrawalQuestion, Vec<FieldProblem>> {
    let raw: RawWithdrawal<'_> = parse_object(body)?;
    let p = &mut Vec::new();
    let session = keep(p, "session", raw.session.required(ticket));
    let kind = |text: &str| named(InformationType::from_name(text), "informationType");
    let information = keep(p, "informationType", raw.information_type.required(kind));
    let question = session.zip(information);
    let question =
        question.map(|(session, information)| WithdrawalQuestion { session, information });
    finish(question, std::mem::take(p))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn codes<T: std::fmt::Debug>(result: Result<T, Problems>) -> Vec<(String, String)> {
        let problems = result.unwrap_err();
        problems.into_iter().map(|p| (p.field.into_owned(), p.code.into_owned())).collect()
    }

    #[test]
    fn every_bad_field_of_a_session_is_named_at_once() {
        let body = br#"{"challengeId":"c","device":"a\nb","certificate":"?","signature":"MA==",
            "method":"smell","tokenKind":"card"}"#;
        let found = codes(parse_session(body));
        let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["device", "certificate", "method"]);
    }

    #[test]
    fn a_visual_check_names_who_looked_and_others_do_not() {
        let session = |method: &str, by: &str| {
            let body = format!(
                r#"{{"challengeId":"c","device":"d","certificate":"MA==","signature":"MA==","method":"{method}","tokenKind":"card"{by}}}"#
            );
            parse_session(body.as_bytes())
        };
        let by = r#","confirmedBy":"staff-1""#;
        assert_eq!(session("visual", by).unwrap().confirmed_by.as_deref(), Some("staff-1"));
        assert_eq!(codes(session("visual", "")), [("confirmedBy".into(), "SHK-VAL-001".into())]);
        assert_eq!(codes(session("pin", by)), [("confirmedBy".into(), "SHK-VAL-002".into())]);
        assert_eq!(session("pin", "").unwrap().certificate, b"0");
        assert_eq!(codes(session("phone", "")), [("method".into(), "SHK-VAL-013".into())]);
    }

    #[test]
    fn consents_are_answers_to_what_was_asked() {
        let body = br#"{"session":"s","consents":{"medication":true,"checkup":false},
            "prescriptionIssueSelect":2,"arbitraryFileIdentifier":" x "}"#;
        let question = parse_card_eligibility(body).unwrap();
        let answers: Vec<_> = question.consents.iter().collect();
        assert_eq!(
            answers,
            [(InformationType::Medication, true), (InformationType::Checkup, false)]
        );
        assert_eq!(question.prescription, Some(PrescriptionIssueSelect::Paper));
        assert_eq!(question.file_identifier.as_deref(), Some(" x "));
        let unknown = br#"{"session":"s","consents":{"everything":true}}"#;
        assert_eq!(codes(parse_card_eligibility(unknown)), [("".into(), "SHK-MSG-010".into())]);
    }

    proptest! {
        #[test]
        fn any_body_gives_a_question_or_problems(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            crate::fuzzing::card_json(&body);
        }
    }
}
