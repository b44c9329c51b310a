//! What pages send, read into what the session knows.
//!
//! Bodies are read in place and erased afterwards: they may hold a PIN.

use serde::Deserialize;
use shikaku_card::era_digits;
use shikaku_domain::{Day, Personal};
use zeroize::Zeroizing;

use crate::session::{
    Consents, Event, FaceTrouble, InsuranceCard, Intent, MatchingNumber, Method, Pin, Prescription,
    SessionId, StaffId, StaffIntent,
};

/// Longest text of one field of an insurance card, in characters.
const FIELD_CHARS_MAX: usize = 40;

/// The body does not say anything that can be done. It is never repeated to anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not one of the messages of this page")]
pub(super) struct Unreadable;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IntentBody<'a> {
    session: Option<SessionId>,
    seq: u64,
    intent: IntentName,
    method: Option<Method>,
    // Borrowed, so that the digits are nowhere but in the body, which is erased.
    #[serde(borrow)]
    pin: Option<&'a str>,
    yes: Option<bool>,
    consents: Option<Consents>,
    prescription_issue_select: Option<Prescription>,
    #[serde(borrow)]
    card_face: Option<CardFace<'a>>,
    trouble: Option<CameraTrouble>,
}

/// Why the page has no pictures: the part of [`FaceTrouble`] that pages know of.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CameraTrouble {
    Refused,
    Missing,
    Broken,
}

impl From<CameraTrouble> for FaceTrouble {
    fn from(trouble: CameraTrouble) -> Self {
        match trouble {
            CameraTrouble::Refused => Self::CameraRefused,
            CameraTrouble::Missing => Self::CameraMissing,
            CameraTrouble::Broken => Self::CameraBroken,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum IntentName {
    ChooseMethod,
    Pin,
    UseLastTry,
    CardFace,
    CameraFailed,
    OtherWay,
    Consent,
    Provide,
    Register,
    ConfirmPerson,
    Cancel,
    More,
}

/// What stands on the card's face, from which 照合番号B is made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CardFace<'a> {
    /// `yyyyMMdd`
    birthdate: &'a str,
    /// `yyyy`
    expiry_year: &'a str,
    /// Four digits.
    security_code: &'a str,
}

impl CardFace<'_> {
    fn number(&self) -> Option<MatchingNumber> {
        let birth = Day::parse(self.birthdate).ok()?;
        let is_digits = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(self.expiry_year) || !is_digits(self.security_code) {
            return None;
        }
        let birth = Zeroizing::new(era_digits(birth));
        MatchingNumber::new(format!("{}{}{}", *birth, self.expiry_year, self.security_code))
    }
}

/// Reads what the kiosk sent.
pub(super) fn intent(body: &[u8]) -> Result<Event, Unreadable> {
    let body: IntentBody<'_> = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    let (session, seq) = (body.session.clone(), body.seq);
    let intent = intent_of(body).ok_or(Unreadable)?;
    Ok(Event::Intended { session, seq, intent })
}

fn intent_of(body: IntentBody<'_>) -> Option<Intent> {
    Some(match body.intent {
        IntentName::ChooseMethod => Intent::ChooseMethod(body.method?),
        IntentName::Pin => Intent::Pin(Pin::new(body.pin?.to_owned())?),
        IntentName::UseLastTry => Intent::UseLastTry(body.yes?),
        IntentName::CardFace => Intent::CardFace(body.card_face?.number()?),
        IntentName::CameraFailed => Intent::CameraFailed(body.trouble?.into()),
        IntentName::OtherWay => Intent::OtherWay,
        IntentName::Consent => Intent::Consent(body.consents?),
        IntentName::Provide => {
            Intent::Provide(body.consents.unwrap_or_default(), body.prescription_issue_select)
        }
        IntentName::Register => {
            let number = match body.card_face {
                Some(face) => Some(face.number()?),
                None => None,
            };
            Intent::Register(body.yes?, number)
        }
        IntentName::ConfirmPerson => Intent::ConfirmPerson(body.yes?),
        IntentName::Cancel => Intent::Cancel,
        IntentName::More => Intent::More,
    })
}

/// What the counter sent.
pub(super) enum Counter {
    /// About a patient's session.
    Event(Event),
    /// A result was seen.
    Dismiss(u64),
}

#[derive(Deserialize)]
#[serde(tag = "intent", rename_all = "camelCase", deny_unknown_fields)]
enum CounterBody {
    Visual {
        session: SessionId,
        same: bool,
        staff: StaffId,
    },
    Registration {
        session: SessionId,
        same: bool,
        staff: StaffId,
    },
    #[serde(rename_all = "camelCase")]
    RegistrationData {
        session: SessionId,
        insurance_card: InsuranceCardBody,
    },
    Dismiss {
        id: u64,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InsuranceCardBody {
    insurer_number: String,
    symbol: Option<String>,
    number: String,
    branch: Option<String>,
    birthdate: String,
}

/// Reads what the counter sent.
pub(super) fn counter(body: &[u8]) -> Result<Counter, Unreadable> {
    let body: CounterBody = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    let (session, intent) = match body {
        CounterBody::Visual { session, same, staff } => {
            (session, StaffIntent::Visual { same, staff })
        }
        CounterBody::Registration { session, same, staff } => {
            (session, StaffIntent::Registration { same, staff })
        }
        CounterBody::RegistrationData { session, insurance_card } => {
            let card = insurance_card.read().ok_or(Unreadable)?;
            (session, StaffIntent::RegistrationData(card))
        }
        CounterBody::Dismiss { id } => return Ok(Counter::Dismiss(id)),
    };
    Ok(Counter::Event(Event::Decided { session, intent }))
}

impl InsuranceCardBody {
    /// The engine judges the contents; here only the sizes.
    fn read(self) -> Option<InsuranceCard> {
        let text = |text: String| {
            let chars = text.chars().count();
            (1..=FIELD_CHARS_MAX).contains(&chars).then(|| Personal::new(text))
        };
        let optional = |value: Option<String>| match value.filter(|text| !text.is_empty()) {
            Some(value) => text(value).map(Some),
            None => Some(None),
        };
        Some(InsuranceCard {
            insurer_number: text(self.insurer_number)?,
            symbol: optional(self.symbol)?,
            number: text(self.number)?,
            branch: optional(self.branch)?,
            birthdate: text(self.birthdate)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(intent_fields: &str) -> Result<Intent, Unreadable> {
        let body = format!(r#"{{"session":"s1","seq":3,{intent_fields}}}"#);
        let Event::Intended { session, seq, intent } = intent(body.as_bytes())? else {
            panic!("not an intent");
        };
        assert_eq!((session, seq), (Some(SessionId("s1".to_owned())), 3));
        Ok(intent)
    }

    #[test]
    fn every_intent_of_the_kiosk_is_read() {
        let pin = Intent::Pin(Pin::new("1234".to_owned()).unwrap());
        assert_eq!(read(r#""intent":"pin","pin":"1234""#), Ok(pin));
        let visual = Intent::ChooseMethod(Method::Visual);
        assert_eq!(read(r#""intent":"chooseMethod","method":"visual""#), Ok(visual));
        assert_eq!(read(r#""intent":"useLastTry","yes":true"#), Ok(Intent::UseLastTry(true)));
        assert_eq!(read(r#""intent":"cancel""#), Ok(Intent::Cancel));
        assert_eq!(read(r#""intent":"otherWay""#), Ok(Intent::OtherWay));
        let missing = Intent::CameraFailed(FaceTrouble::CameraMissing);
        assert_eq!(read(r#""intent":"cameraFailed","trouble":"missing""#), Ok(missing));
        assert_eq!(read(r#""intent":"more""#), Ok(Intent::More));
        assert_eq!(read(r#""intent":"register","yes":true"#), Ok(Intent::Register(true, None)));
        let provide = r#""intent":"provide","consents":{"specificDiseases":true},"prescriptionIssueSelect":2"#;
        assert!(matches!(read(provide), Ok(Intent::Provide(_, Some(Prescription::Paper)))));
    }

    #[test]
    fn the_cards_face_gives_the_number_that_opens_it() {
        let face = r#""intent":"register","yes":true,
            "cardFace":{"birthdate":"19800217","expiryYear":"2035","securityCode":"2285"}"#;
        let number = MatchingNumber::new("55021720352285".to_owned()).unwrap();
        assert_eq!(read(face), Ok(Intent::Register(true, Some(number))));
        let face = face.replace(r#""register","yes":true"#, r#""cardFace""#);
        let number = MatchingNumber::new("55021720352285".to_owned()).unwrap();
        assert_eq!(read(&face), Ok(Intent::CardFace(number)));
        for wrong in ["19800231", "1980021", ""] {
            let face = face.replace("19800217", wrong);
            assert_eq!(read(&face), Err(Unreadable), "{wrong}");
        }
    }

    #[test]
    fn what_no_page_sends_is_refused() {
        for wrong in [
            r#""intent":"pin","pin":"12a4""#,
            r#""intent":"pin","pin":"123""#,
            r#""intent":"pin""#,
            r#""intent":"sign""#,
            r#""intent":"cardFace""#,
            r#""intent":"cameraFailed""#,
            r#""intent":"cameraFailed","trouble":"busy""#,
            r#""intent":"provide","prescriptionIssueSelect":3"#,
            r#""intent":"consent","consents":{"everything":true}"#,
            r#""intent":"cancel","extra":1"#,
        ] {
            assert_eq!(read(wrong), Err(Unreadable), "{wrong}");
        }
    }

    #[test]
    fn staff_say_who_they_are() {
        let visual = r#"{"intent":"visual","session":"s","same":true,"staff":"desk-1"}"#;
        assert!(matches!(counter(visual.as_bytes()), Ok(Counter::Event(_))));
        for staff in ["", "a b", "資格", &"x".repeat(33)] {
            let body = visual.replace("desk-1", staff);
            assert!(counter(body.as_bytes()).is_err(), "{staff}");
        }
        let dismiss = counter(br#"{"intent":"dismiss","id":7}"#);
        assert!(matches!(dismiss, Ok(Counter::Dismiss(7))));
    }

    proptest! {
        #[test]
        fn no_body_makes_a_reader_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (intent(&body), counter(&body).is_ok());
        }
    }
}
