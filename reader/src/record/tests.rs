//! A record tells the way and nothing else.

use super::blanked::{answer, bytes};
use super::*;
use crate::session::{
    Answer, CardSeen, Challenge, Consents, Information, Intent, Look, MatchingNumber, Method,
    Offer, Opened, Photo, Pin, Registration, SessionId, Signed, Ticket, TokenKind,
};
use proptest::prelude::*;
use shikaku_domain::Personal;
use shikaku_face::quality::Advice;
use shikaku_face::verify::Outcome;
use std::sync::Arc;

const LIMITS: Limits = Limits {
    patient_ms: 60_000,
    staff_ms: 60_000,
    work_ms: 30_000,
    last_ms: 8_000,
    note_ms: 3_000,
    retry_ms: 2_000,
    face_memory_ms: 600_000,
    face_tries: 3,
    offer: Offer { visual: true, face: true, face_at_centre: false, prescription: true },
};

/// A whole way with secrets at each step; the session's name is random in truth.
fn way() -> Vec<Event> {
    let reader = || "Reader".to_owned();
    let session = || SessionId("SECRET-SESSION".to_owned());
    let secret = || Personal::new("SECRET".to_owned());
    let card = CardSeen {
        kind: TokenKind::Card,
        token: bytes("SECRET-TOKEN"),
        certificate: Some(bytes("SECRET-CERTIFICATE")),
        tries: Some(3),
    };
    let does = |seq, intent| Event::Intended { session: Some(session()), seq, intent };
    let opened = Opened {
        session: secret(),
        registration: Registration::Registered,
        may_consent_to: [Information::Medication].into(),
        expires_in_days: None,
        grace_days: None,
    };
    let signed =
        Signed { certificate: bytes("SECRET-CERTIFICATE"), signature: bytes("SECRET-SIGNATURE") };
    let answer = Answer {
        name: Some(secret()),
        message: Personal::new(Arc::from("SECRET")),
        ..answer("1".to_owned())
    };
    vec![
        Event::ReadersChanged(vec![reader()]),
        Event::CardInserted { reader: reader(), session: session() },
        Event::Identified(Ticket(1), Ok(card)),
        does(4, Intent::ChooseMethod(Method::Face)),
        does(5, Intent::CardFace(MatchingNumber::new("55021720357391".to_owned()).unwrap())),
        Event::PhotoRead(Ticket(2), Ok(Photo::new(b"SECRET-PHOTO".to_vec().into()))),
        Event::FacePrepared(Ticket(3), Ok(())),
        Event::FaceSeen(Ticket(4), Ok(Look::Adjust(Advice::TooDark))),
        Event::FaceSeen(Ticket(4), Ok(Look::More { used: 1, of: 3 })),
        Event::FaceSeen(Ticket(4), Ok(Look::Decided(Outcome::NoMatch))),
        does(8, Intent::ChooseMethod(Method::Pin)),
        does(9, Intent::Pin(Pin::new("7391".to_owned()).unwrap())),
        Event::Challenged(Ticket(5), Ok(Challenge { bytes: [7; 32], id: "SECRET".to_owned() })),
        Event::Authenticated(Ticket(6), Ok(signed)),
        Event::Opened(Ticket(7), Ok(opened)),
        does(11, Intent::Consent([(Information::Medication, true)].into())),
        does(12, Intent::Provide(Consents::new(), None)),
        Event::Answered(Ticket(8), Ok(answer)),
    ]
}

fn recorded(path: &Path, events: Vec<Event>) -> Vec<Value> {
    let mut recorder = Recorder::create(path, LIMITS).unwrap();
    let mut state = State::new(LIMITS);
    let mut screens = Vec::new();
    for (number, event) in events.into_iter().enumerate() {
        let at = Moment(number as u64 * 100);
        let blanked = recorder.blank(&event);
        let (after, _) = step(state, event, at);
        let screen = after.view(at).screen;
        recorder.write(at, blanked, screen);
        screens.push(serde_json::to_value(screen).unwrap());
        state = after;
    }
    screens
}

#[test]
fn a_record_holds_no_secret_and_takes_the_same_way_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    let screens = recorded(&path, way());
    assert_eq!(screens.last().unwrap(), "done");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("SECRET") && !text.contains("7391"), "{text}");
    assert!(!text.contains("tooDark") && text.contains("noMatch"), "{text}");
    let said = std::sync::Mutex::new(String::new());
    assert!(replay(&path, &|line| said.lock().unwrap().push_str(line)).unwrap());
    let said = said.into_inner().unwrap();
    for screen in [
        "reading",
        "chooseMethod",
        "faceCamera",
        "faceUnknown",
        "enterPin",
        "checking",
        "consentMedical",
        "done",
    ] {
        assert!(said.contains(&format!("\"{screen}\"")), "{said}");
    }
}

#[test]
fn another_screen_than_the_recorded_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    recorded(&path, way());
    let text = std::fs::read_to_string(&path).unwrap().replace("\"consentProvide\"", "\"done\"");
    std::fs::write(&path, text).unwrap();
    assert!(!replay(&path, &|_| {}).unwrap());
}

#[test]
fn a_record_is_never_written_over_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    recorded(&path, way());
    assert!(Recorder::create(&path, LIMITS).is_err());
}

proptest! {
    #[test]
    fn any_file_is_played_or_refused(lines in prop::collection::vec(".*", 0..6)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let header = serde_json::to_string(&Header { format: 1, limits: LIMITS }).unwrap();
        std::fs::write(&path, [vec![header], lines].concat().join("\n")).unwrap();
        let _ = replay(&path, &|_| {});
    }
}
