//! What must hold of every history.
//!
//! Method: events are drawn at random, ends of effects among them, late and out of order. Two
//! owners take turns; every answer carries its owner's mark. An auditor who knows only what was
//! inserted and intended judges each effect and each view.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Move {
    Insert,
    Remove,
    Readers(bool),
    Intend(usize, bool),
    Staff(usize),
    /// An open effect ends, well or not; the newest, or an old one.
    End(usize, usize),
    Wait(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        2 => Just(Move::Insert),
        1 => Just(Move::Remove),
        1 => any::<bool>().prop_map(Move::Readers),
        12 => (0..15_usize, prop::bool::weighted(0.1)).prop_map(|(i, stale)| Move::Intend(i, stale)),
        3 => (0..5_usize).prop_map(Move::Staff),
        14 => (prop_oneof![5 => Just(0_usize), 1 => 0..6_usize], 0..12_usize)
            .prop_map(|(which, how)| Move::End(which, how)),
        1 => (1..70_000_u64).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 1..160)
}

fn intent(index: usize) -> Intent {
    match index {
        0 | 1 => Intent::ChooseMethod(Method::Pin),
        2 => Intent::ChooseMethod(Method::Visual),
        3 => Intent::Pin(pin()),
        4 => Intent::UseLastTry(true),
        5 => Intent::Consent([(Information::Medication, true)].into()),
        6 => Intent::Provide([(Information::SpecificDiseases, true)].into(), None),
        7 => Intent::Register(true, Some(number())),
        8 => Intent::ConfirmPerson(true),
        9 => Intent::Consent(all(false)),
        10 | 11 => Intent::ChooseMethod(Method::Face),
        12 => Intent::CardFace(number()),
        13 => Intent::OtherWay,
        _ => Intent::Cancel,
    }
}

#[derive(Default)]
struct Auditor {
    sessions: u64,
    /// Effects under way, each with the session in which it was asked for.
    open: Vec<(Effect, u64)>,
    /// PINs typed in this session and not used yet, and whether the last try was agreed to.
    pins: u32,
    last_try: bool,
    agreed: BTreeSet<Information>,
    staff_said_same: bool,
    /// The camera recognised the holder of this session.
    camera_said_same: bool,
    /// Numbers typed to open the photograph, in this session.
    numbers: u32,
    /// Whose photograph is held, while one is.
    photo_of: Option<u64>,
    accepted_register: bool,
    accepted_confirm: bool,
}

impl Auditor {
    fn begin(&mut self) {
        let (sessions, open) = (self.sessions + 1, std::mem::take(&mut self.open));
        *self = Self { sessions, open, photo_of: self.photo_of, ..Self::default() };
    }

    fn intended(&mut self, intent: &Intent) {
        match intent {
            Intent::Pin(_) => self.pins += 1,
            Intent::UseLastTry(yes) => self.last_try |= yes,
            Intent::Consent(given) | Intent::Provide(given, _) => {
                self.agreed.extend(given.iter().filter(|(_, yes)| **yes).map(|(one, _)| *one));
            }
            Intent::Register(yes, _) => self.accepted_register |= yes,
            Intent::ConfirmPerson(yes) => self.accepted_confirm |= yes,
            Intent::CardFace(_) => self.numbers += 1,
            Intent::ChooseMethod(_)
            | Intent::CameraFailed(_)
            | Intent::OtherWay
            | Intent::Cancel
            | Intent::More => {}
        }
    }

    fn judge(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Authenticate {
                    proof: Proof::Pin { use_last_try, .. }, expected, ..
                } => {
                    assert!(self.pins > 0, "a PIN without an intent of this session");
                    self.pins -= 1;
                    assert!(*use_last_try <= self.last_try, "the last try without a yes");
                    assert!(expected.tries != Some(1) || *use_last_try);
                    assert_eq!(*expected.token, [mark(self.sessions)], "another patient's card");
                }
                Effect::Authenticate { proof: Proof::Terminal, .. } => {
                    assert!(
                        self.staff_said_same || self.camera_said_same,
                        "signed without staff and without the camera"
                    );
                }
                Effect::Authenticate { proof: Proof::Phone, expected, .. } => {
                    assert_eq!(expected.kind, TokenKind::Iphone, "a card without any proof");
                    assert_eq!(*expected.token, [mark(self.sessions)], "another patient's phone");
                }
                Effect::ReadAttributes { expected, .. } => {
                    assert!(!expected.kind.is_phone(), "a phone holds no text");
                }
                Effect::ReadPhoto { expected, .. } => {
                    assert!(
                        self.numbers > 0,
                        "a photograph that nobody wanted to be compared with"
                    );
                    self.numbers -= 1;
                    assert_eq!(*expected.token, [mark(self.sessions)], "another patient's card");
                }
                Effect::PrepareFace { photo, .. } => {
                    let owner = photo.clone().into_bytes();
                    assert_eq!(owner[..], [mark(self.sessions)], "another patient's photograph");
                    self.photo_of = Some(self.sessions);
                }
                Effect::WatchFace(watch) => {
                    assert_eq!(self.photo_of, Some(self.sessions), "a try without its photograph");
                    assert_eq!(watch.session.0, format!("s{}", self.sessions));
                }
                Effect::ForgetFace => {
                    assert!(self.photo_of.take().is_some(), "forgotten what was not there");
                }
                Effect::Ask { asked, .. } => {
                    let given = asked.consents.iter().filter(|(_, yes)| **yes).map(|(one, _)| *one);
                    let given: BTreeSet<_> = given.collect();
                    assert!(given.is_subset(&self.agreed), "a consent nobody gave");
                    assert_eq!(*asked.session.expose(), format!("e{}", self.sessions));
                }
                Effect::Open { signed, .. } => {
                    assert_eq!(*signed.certificate, [mark(self.sessions)]);
                }
                Effect::Bind { .. } => {
                    assert!(
                        self.accepted_register && self.accepted_confirm && self.staff_said_same
                    );
                }
                Effect::Identify { .. }
                | Effect::Release { .. }
                | Effect::Challenge { .. }
                | Effect::Find { .. }
                | Effect::Push(_)
                | Effect::Report { .. }
                | Effect::ReportFailure { .. }
                | Effect::Stale => {}
            }
            if ticket_of(effect).is_some() {
                self.open.push((effect.clone(), self.sessions));
            }
        }
    }
}

fn mark(session: u64) -> u8 {
    (session % 251) as u8
}

/// The end of an effect as its own session's card and person would give it.
fn end(effect: &Effect, session: u64, how: usize) -> Event {
    let ticket = ticket_of(effect).unwrap();
    let refused = failure(if how == 10 { Refusal::Revoked } else { Refusal::Unavailable });
    let good = how < 9;
    let broken =
        [CardFailure::WrongPin { left: 1 }, CardFailure::Changed, CardFailure::ReaderBusy][how % 3];
    match effect {
        Effect::Identify { .. } => {
            let tries = [3, 3, 1, 0][how % 4];
            let kind = if how == 8 { TokenKind::Iphone } else { TokenKind::Card };
            let seen = CardSeen { kind, ..card(mark(session), tries) };
            Event::Identified(ticket, if good { Ok(seen) } else { Err(broken) })
        }
        Effect::Authenticate { .. } => {
            Event::Authenticated(ticket, if good { Ok(signed(mark(session))) } else { Err(broken) })
        }
        Effect::ReadAttributes { .. } => Event::AttributesRead(ticket, Ok(attributes())),
        Effect::ReadPhoto { .. } => {
            let lost = [CardFailure::WrongNumber, CardFailure::Removed][how % 2];
            Event::PhotoRead(ticket, if good { Ok(photo(mark(session))) } else { Err(lost) })
        }
        Effect::PrepareFace { .. } => {
            Event::FacePrepared(ticket, if good { Ok(()) } else { Err(FaceTrouble::Busy) })
        }
        Effect::WatchFace(_) => Event::FaceSeen(
            ticket,
            match how {
                0..3 => Ok(Look::Decided(Outcome::Match)),
                3..6 => Ok(Look::Decided(Outcome::NoMatch)),
                6 => Ok(Look::Decided(Outcome::ReferToStaff)),
                7 => Ok(Look::Adjust(Advice::Nobody)),
                8 => Ok(Look::More { used: 1, of: 3 }),
                _ => Err(FaceTrouble::Broken),
            },
        ),
        Effect::Challenge { .. } => {
            Event::Challenged(ticket, if good { Ok(challenge()) } else { Err(refused) })
        }
        Effect::Open { .. } => {
            let kind = if how.is_multiple_of(3) { unregistered() } else { registered() };
            let opened = Opened { session: Personal::new(format!("e{session}")), ..kind };
            Event::Opened(ticket, if good { Ok(opened) } else { Err(refused) })
        }
        Effect::Find { .. } => {
            let name = Personal::new(format!("name-{session}"));
            Event::Found(ticket, Ok(Candidate { name, ..candidate() }))
        }
        Effect::Bind { .. } => Event::Bound(ticket, if good { Ok(()) } else { Err(refused) }),
        Effect::Ask { .. } => Event::Answered(ticket, Ok(answer(&format!("name-{session}")))),
        Effect::ForgetFace
        | Effect::Release { .. }
        | Effect::Push(_)
        | Effect::Report { .. }
        | Effect::ReportFailure { .. }
        | Effect::Stale => unreachable!("it has no end"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn nobody_sees_another_person_and_nothing_is_done_without_a_will(moves in moves()) {
        let mut place = Place::new();
        place.state.limits.offer.face = true;
        let mut auditor = Auditor::default();
        for one in moves {
            let before = place.view().session;
            match one {
                Move::Insert => {
                    place.insert(&format!("s{}", auditor.sessions + 1));
                    auditor.begin();
                }
                Move::Remove => { place.remove(); }
                Move::Readers(some) => {
                    let readers = some.then(|| READER.to_owned()).into_iter().collect();
                    place.on(Event::ReadersChanged(readers));
                }
                Move::Intend(index, stale) => {
                    let (session, seq) = (place.view().session, place.state.seq);
                    let seq = if stale { seq + 1 } else { seq };
                    place.on(Event::Intended { session, seq, intent: intent(index) });
                    if !place.effects.contains(&Effect::Stale) {
                        auditor.intended(&intent(index));
                    } else {
                        prop_assert_eq!(place.effects.len(), 1);
                    }
                }
                Move::Staff(index) => {
                    let Some(session) = place.view().session else { continue };
                    let same = index != 0;
                    let intent = match index {
                        0..=2 => StaffIntent::Visual { same, staff: staff() },
                        3 => StaffIntent::Registration { same, staff: staff() },
                        _ => StaffIntent::RegistrationData(insurance_card()),
                    };
                    place.on(Event::Decided { session, intent });
                    auditor.staff_said_same |= same && !place.effects.contains(&Effect::Stale);
                }
                Move::End(which, how) => {
                    let Some(at) = auditor.open.len().checked_sub(which + 1) else { continue };
                    let (effect, session) = auditor.open.remove(at);
                    let event = end(&effect, session, how);
                    let is_match = matches!(event, Event::FaceSeen(_, Ok(Look::Decided(Outcome::Match))));
                    auditor.camera_said_same |= is_match && session == auditor.sessions;
                    place.on(event);
                }
                Move::Wait(milliseconds) => { place.after(milliseconds); }
            }
            let effects = place.effects.clone();
            auditor.judge(&effects);
            prop_assert_eq!(auditor.photo_of.is_some(), place.state.stage.holds_photo());
            let view = place.view();
            if let Some(SessionId(session)) = &view.session {
                prop_assert_eq!(session, &format!("s{}", auditor.sessions));
                let own = format!("\"name\":\"name-{}\"", auditor.sessions);
                let json = serde_json::to_string(&view).unwrap();
                prop_assert!(!json.contains("name-") || json.contains(&own), "{}", json);
            } else {
                prop_assert!(place.state.patient.is_none(), "all is wiped");
                prop_assert!(view.candidate.is_none() && view.ask.is_empty());
            }
            if before != view.session && before.is_some() {
                let released = Effect::Release { reader: READER.to_owned() };
                let is_over = matches!(view.screen, Screen::Done | Screen::NotFound);
                prop_assert!(is_over || effects.contains(&released));
            }
        }
    }
}
