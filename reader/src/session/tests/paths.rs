//! Each path a patient can take, screen by screen.

use super::*;

#[test]
fn six_steps_lead_from_the_card_to_the_answer() {
    let mut place = Place::new();
    assert_eq!(place.screen(), Screen::Empty);
    place.insert("s1");
    assert_eq!((place.screen(), place.view().step), (Screen::Reading, Some(1)));
    place.identified(card(1, 3));
    assert_eq!((place.screen(), place.view().step), (Screen::ChooseMethod, Some(2)));
    place.does(Intent::ChooseMethod(Method::Pin));
    assert_eq!((place.screen(), place.view().tries_left), (Screen::EnterPin, Some(3)));
    place.does(Intent::Pin(pin()));
    assert!(matches!(place.effects[..], [Effect::Challenge { .. }]));
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Ok(challenge())));
    let proof = Proof::Pin { pin: pin(), use_last_try: false };
    assert!(
        matches!(&place.effects[..], [Effect::Authenticate { proof: sent, .. }] if *sent == proof)
    );
    let ticket = place.ticket();
    place.on(Event::Authenticated(ticket, Ok(signed(1))));
    let ticket = place.ticket();
    place.on(Event::Opened(ticket, Ok(registered())));
    assert_eq!((place.screen(), place.view().step), (Screen::ConsentMedical, Some(4)));
    assert_eq!(place.view().ask, Information::ALL[..4]);
    place.does(Intent::Consent([(Information::Medication, true)].into()));
    assert_eq!((place.screen(), place.view().step), (Screen::ConsentProvide, Some(5)));
    assert_eq!(place.view().ask, Information::ALL[4..]);
    place.does(Intent::Provide(all(true), Some(Prescription::Electronic)));
    let [Effect::Ask { ticket, asked }] = &place.effects[..] else { panic!() };
    let agreed = [true, false, false, false, true, true];
    let agreed: Consents = Information::ALL.into_iter().zip(agreed).collect();
    assert_eq!((&asked.consents, asked.prescription), (&agreed, Some(Prescription::Electronic)));
    let ticket = *ticket;
    place.on(Event::Answered(ticket, Ok(answer("A"))));
    assert!(matches!(place.effects[..], [Effect::Push(_), Effect::Report { .. }]));
    assert_eq!((place.screen(), place.view().step), (Screen::Done, Some(6)));
    assert_eq!((place.view().session, place.view().validity), (None, Some("1".to_owned())));
    place.remove().after(limits().note_ms);
    assert_eq!(place.screen(), Screen::Empty);
}

#[test]
fn each_card_failure_has_its_screen_and_code() {
    for (failure, screen) in [
        (CardFailure::NotMyNumberCard, Screen::NotMyNumberCard),
        (CardFailure::Removed, Screen::RemovedTooEarly),
        (CardFailure::Changed, Screen::CardChanged),
        (CardFailure::Hung, Screen::CardTrouble),
        (CardFailure::Malformed, Screen::CardTrouble),
        (CardFailure::BadSignature, Screen::CardTrouble),
        (CardFailure::TerminalRefused, Screen::CardTrouble),
    ] {
        let mut place = Place::signing(3);
        let ticket = place.ticket();
        place.on(Event::Authenticated(ticket, Err(failure)));
        assert_eq!(place.screen(), screen);
        assert_eq!(place.view().code.as_deref(), Some(failure.code()));
        assert!(place.effects.contains(&Effect::Release { reader: READER.to_owned() }));
    }
}

#[test]
fn each_engine_refusal_has_its_screen() {
    for (refusal, screen) in [
        (Refusal::Unavailable, Screen::EngineDown),
        (Refusal::Other, Screen::EngineDown),
        (Refusal::Expired, Screen::CertificateExpired),
        (Refusal::NotYetValid, Screen::CertificateNotYetValid),
        (Refusal::Revoked, Screen::CertificateRevoked),
        (Refusal::Untrusted, Screen::CertificateUntrusted),
        (Refusal::NotFound, Screen::NotFound),
    ] {
        let mut place = Place::signing(3);
        let ticket = place.ticket();
        place.on(Event::Authenticated(ticket, Ok(signed(1))));
        let ticket = place.ticket();
        place.on(Event::Opened(ticket, Err(failure(refusal))));
        assert_eq!(place.screen(), screen);
        assert_eq!(place.view().code.as_deref(), Some("SHK-X"));
    }
}

#[test]
fn without_a_reader_the_page_says_so_and_a_lost_reader_ends_the_session() {
    let mut place = Place::at_pin(3);
    place.on(Event::ReadersChanged(Vec::new()));
    assert_eq!(place.screen(), Screen::RemovedTooEarly);
    place.after(limits().last_ms);
    assert_eq!(place.screen(), Screen::NoReader);
    place.on(Event::ReadersChanged(vec![READER.to_owned()]));
    assert_eq!(place.screen(), Screen::Empty);
}

#[test]
fn a_busy_reader_is_tried_again() {
    let mut place = Place::new();
    place.insert("s1");
    let ticket = place.ticket();
    place.on(Event::Identified(ticket, Err(CardFailure::ReaderBusy)));
    assert_eq!(place.screen(), Screen::ReaderBusy);
    place.after(limits().retry_ms);
    assert!(matches!(place.effects[..], [Effect::Identify { .. }]));
    place.identified(card(1, 3));
    assert_eq!(place.screen(), Screen::ChooseMethod);
}

#[test]
fn a_wrong_pin_says_what_is_left_and_the_last_try_needs_its_own_yes() {
    let mut place = Place::signing(3);
    let ticket = place.ticket();
    place.on(Event::Authenticated(ticket, Err(CardFailure::WrongPin { left: 2 })));
    assert_eq!((place.screen(), place.view().tries_left), (Screen::WrongPin, Some(2)));
    place.does(Intent::Pin(pin()));
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Ok(challenge())));
    let ticket = place.ticket();
    place.on(Event::Authenticated(ticket, Err(CardFailure::WrongPin { left: 1 })));
    assert_eq!((place.screen(), place.view().tries_left), (Screen::WrongPin, Some(1)));
    place.does(Intent::Pin(pin()));
    assert_eq!((place.screen(), place.effects.len()), (Screen::LastTryConfirm, 0));
    place.does(Intent::UseLastTry(false));
    assert_eq!(place.screen(), Screen::ChooseMethod);
    place.does(Intent::ChooseMethod(Method::Pin)).does(Intent::UseLastTry(true));
    place.does(Intent::Pin(pin()));
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Ok(challenge())));
    let proof = Proof::Pin { pin: pin(), use_last_try: true };
    assert!(
        matches!(&place.effects[..], [Effect::Authenticate { proof: sent, .. }] if *sent == proof)
    );
    let ticket = place.ticket();
    place.on(Event::Authenticated(ticket, Err(CardFailure::PinBlocked)));
    assert_eq!((place.screen(), place.view().tries_left), (Screen::PinBlocked, Some(0)));
    place.does(Intent::ChooseMethod(Method::Pin));
    assert_eq!(place.effects, [Effect::Stale]);
}

#[test]
fn staff_recognise_the_holder_of_a_blocked_card() {
    let mut place = Place::with_card(0);
    let offered: Vec<_> =
        place.view().methods.into_iter().map(|m| (m.available, m.reason)).collect();
    assert_eq!(offered, [(false, Some("blocked")), (true, None), (false, Some("notInstalled"))]);
    place.does(Intent::ChooseMethod(Method::Visual));
    assert_eq!(place.screen(), Screen::VisualWaiting);
    assert_eq!(place.state.counter().waiting[0].what, What::Visual);
    place.staff(StaffIntent::Visual { same: true, staff: staff() });
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Ok(challenge())));
    assert!(matches!(&place.effects[..], [Effect::Authenticate { proof: Proof::Terminal, .. }]));
    let ticket = place.ticket();
    place.on(Event::Authenticated(ticket, Ok(signed(1))));
    let [Effect::Open { method, staff: by, .. }] = &place.effects[..] else { panic!() };
    assert_eq!((*method, by), (Method::Visual, &Some(staff())));
}

#[test]
fn staff_who_see_another_face_end_it() {
    let mut place = Place::with_card(3);
    place.does(Intent::ChooseMethod(Method::Visual));
    place.staff(StaffIntent::Visual { same: false, staff: staff() });
    assert_eq!(place.screen(), Screen::Cancelled);
}

#[test]
fn phones_and_places_without_a_terminal_certificate_offer_no_visual_check() {
    let mut place = Place::new();
    place.insert("s1").identified(CardSeen { kind: TokenKind::Android, ..card(1, 3) });
    assert_eq!(place.view().methods[1].reason, Some("notWithPhones"));
    place.does(Intent::ChooseMethod(Method::Visual));
    assert_eq!(place.effects, [Effect::Stale]);
    let mut place = Place::with_card(3);
    place.state.limits.offer.visual = false;
    assert_eq!(place.view().methods[1].reason, Some("notInstalled"));
    place.does(Intent::ChooseMethod(Method::Visual));
    assert_eq!(place.effects, [Effect::Stale]);
}

#[test]
fn a_phone_that_has_recognised_its_owner_is_asked_for_nothing_and_registers_at_the_counter() {
    let mut place = Place::new();
    let phone = CardSeen { kind: TokenKind::Iphone, tries: None, ..card(1, 3) };
    place.insert("s1").identified(phone.clone());
    assert_eq!((place.screen(), place.view().step), (Screen::Checking, Some(3)));
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Ok(challenge())));
    assert!(matches!(&place.effects[..], [Effect::Authenticate { proof: Proof::Phone, .. }]));
    let locked = place.ticket();
    let ticket = place.ticket();
    place.on(Event::Authenticated(ticket, Ok(signed(1))));
    let [Effect::Open { method, kind, staff, .. }] = &place.effects[..] else { panic!() };
    assert_eq!((*method, *kind, staff), (Method::Phone, TokenKind::Iphone, &None));
    let ticket = place.ticket();
    place.on(Event::Opened(ticket, Ok(unregistered())));
    assert_eq!((place.screen(), place.view().can_register_by_card), (Screen::RegisterOffer, false));
    place.does(Intent::Register(true, Some(number())));
    assert_eq!(place.effects, [Effect::Stale], "a phone holds no text to read");
    place.does(Intent::Register(true, None));
    assert_eq!(place.screen(), Screen::RegisterWaitingStaff);

    let mut place = Place::new();
    place.insert("s1").identified(phone);
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Ok(challenge())));
    assert_eq!(place.ticket(), locked, "the same way again");
    place.on(Event::Authenticated(locked, Err(CardFailure::OwnerUnproven)));
    assert_eq!(place.screen(), Screen::PhoneLocked);
    assert_eq!(place.view().code.as_deref(), Some("SHK-RDR-113"));
}

#[test]
fn a_first_registration_by_the_card_needs_both_sides() {
    let mut place = Place::opened(unregistered());
    assert_eq!(place.screen(), Screen::RegisterOffer);
    place.does(Intent::Register(true, Some(number())));
    let ticket = place.ticket();
    place.on(Event::AttributesRead(ticket, Err(CardFailure::WrongNumber)));
    assert_eq!((place.screen(), place.view().notice), (Screen::RegisterOffer, Some("wrongNumber")));
    place.does(Intent::Register(true, Some(number())));
    let ticket = place.ticket();
    place.on(Event::AttributesRead(ticket, Ok(attributes())));
    let ticket = place.ticket();
    place.on(Event::Found(ticket, Ok(candidate())));
    assert_eq!(place.screen(), Screen::RegisterConfirm);
    assert!(place.view().candidate.is_some());
    place.does(Intent::ConfirmPerson(true));
    assert_eq!((place.screen(), place.effects.len()), (Screen::RegisterWaitingStaff, 0));
    assert_eq!(place.view().candidate, None, "no name longer than it is needed");
    assert_eq!(place.state.counter().waiting[0].what, What::Registration);
    place.staff(StaffIntent::Registration { same: true, staff: staff() });
    assert!(matches!(place.effects[..], [Effect::Bind { .. }]));
    let ticket = place.ticket();
    place.on(Event::Bound(ticket, Ok(())));
    assert_eq!(place.screen(), Screen::Registered);
    place.after(limits().note_ms);
    assert_eq!(place.screen(), Screen::ConsentMedical);
}

#[test]
fn a_first_registration_by_an_insurance_card_is_typed_by_staff() {
    let mut place = Place::opened(unregistered());
    place.does(Intent::Register(true, None));
    assert_eq!(place.state.counter().waiting[0].what, What::RegistrationData);
    place.staff(StaffIntent::RegistrationData(insurance_card()));
    assert!(matches!(&place.effects[..], [Effect::Find { via: Via::InsuranceCard(_), .. }]));
}

#[test]
fn either_sides_no_registers_nobody() {
    let at_confirm = || {
        let mut place = Place::opened(unregistered());
        place.does(Intent::Register(true, None));
        place.staff(StaffIntent::RegistrationData(insurance_card()));
        let ticket = place.ticket();
        place.on(Event::Found(ticket, Ok(candidate())));
        place
    };
    let mut place = at_confirm();
    place.does(Intent::ConfirmPerson(false));
    assert_eq!(place.screen(), Screen::NotFound);
    let mut place = at_confirm();
    place.does(Intent::ConfirmPerson(true));
    place.staff(StaffIntent::Registration { same: false, staff: staff() });
    assert_eq!(place.screen(), Screen::NotFound);
    let mut place = Place::opened(unregistered());
    place.does(Intent::Register(false, None));
    assert_eq!(place.screen(), Screen::Cancelled);
}

#[test]
fn in_the_grace_nothing_is_asked_and_eligibility_follows_at_once() {
    let grace = Opened { may_consent_to: [].into(), grace_days: Some(20), ..registered() };
    let mut place = Place::opened(grace);
    let [Effect::Ask { ticket, asked }] = &place.effects[..] else { panic!() };
    assert!(asked.consents.is_empty());
    let ticket = *ticket;
    place.on(Event::Answered(ticket, Ok(answer("A"))));
    assert_eq!((place.view().notice, place.view().days), (Some("grace"), Some(20)));
}

#[test]
fn a_card_in_its_grace_that_nobody_registered_is_sent_to_renew_and_offered_nothing() {
    let grace = Opened { may_consent_to: [].into(), grace_days: Some(20), ..unregistered() };
    let mut place = Place::opened(grace);
    assert_eq!(place.screen(), Screen::CertificateExpired);
    assert!(place.effects.iter().all(|effect| !matches!(effect, Effect::Ask { .. })));
    place.does(Intent::Register(true, None));
    assert!(place.effects.contains(&Effect::Stale));
}

#[test]
fn a_certificate_that_ends_soon_is_said_to() {
    let place = Place::opened(Opened { expires_in_days: Some(60), ..registered() });
    assert_eq!(
        (place.view().notice, place.view().days),
        (Some("certificateExpiresSoon"), Some(60))
    );
}

#[test]
fn what_was_refused_is_not_sent() {
    let place = Place::asking(false);
    let [Effect::Ask { asked, .. }] = &place.effects[..] else { panic!() };
    assert!(asked.consents.iter().all(|(information, yes)| *yes != information.is_medical()));
}

#[test]
fn nobody_found_is_its_own_screen() {
    let mut place = Place::asking(true);
    let ticket = place.ticket();
    place.on(Event::Answered(ticket, Ok(Answer { validity: "4".to_owned(), ..answer("A") })));
    assert_eq!(place.screen(), Screen::NotFound);
}

#[test]
fn a_card_removed_in_any_step_before_the_answer_was_asked_ends_it() {
    let steps: [fn() -> Place; 7] = [
        || {
            let mut place = Place::new();
            place.insert("s1");
            place
        },
        || Place::with_card(3),
        || Place::at_pin(3),
        || Place::signing(3),
        || Place::opened(unregistered()),
        || Place::opened(registered()),
        || {
            let mut place = Place::opened(registered());
            place.does(Intent::Consent(all(true)));
            place
        },
    ];
    for make in steps {
        let mut place = make();
        place.remove();
        assert_eq!(place.screen(), Screen::RemovedTooEarly);
        assert_eq!(place.state.patient, None);
        place.after(limits().last_ms);
        assert_eq!(place.screen(), Screen::Empty);
    }
}

#[test]
fn a_card_removed_after_the_last_tap_leaves_the_answer_to_the_counter() {
    let mut place = Place::asking(true);
    let ticket = place.ticket();
    place.remove().insert("s2");
    assert_eq!(place.screen(), Screen::Reading);
    place.on(Event::Answered(ticket, Ok(answer("A"))));
    assert!(matches!(place.effects[..], [Effect::Push(_), Effect::Report { .. }]));
    let view = place.view();
    assert_eq!((view.screen, view.session), (Screen::Reading, Some(SessionId("s2".to_owned()))));
    assert_eq!(view.validity, None);
}

#[test]
fn the_next_patient_within_a_second_gets_nothing_of_the_one_before() {
    let mut place = Place::signing(3);
    let late = place.ticket();
    place.remove().insert("s2").identified(card(2, 3));
    place.on(Event::Authenticated(late, Ok(signed(1))));
    assert_eq!((place.screen(), place.effects.len()), (Screen::ChooseMethod, 0));
    // A swap that the reader did not notice as a removal begins anew too.
    let mut place = Place::opened(registered());
    place.insert("s2");
    assert_eq!(place.screen(), Screen::Reading);
    assert!(place.state.patient.as_ref().unwrap().opened.is_none());
}

#[test]
fn a_card_in_another_reader_waits_until_the_place_is_free() {
    let mut place = Place::at_pin(3);
    place.on(Event::ReadersChanged(vec![READER.to_owned(), "Reader B".to_owned()]));
    let other = SessionId("s2".to_owned());
    place.on(Event::CardInserted { reader: "Reader B".to_owned(), session: other.clone() });
    assert_eq!((place.screen(), place.effects.len()), (Screen::EnterPin, 0));
    place.on(Event::CardRemoved { reader: "Reader B".to_owned() });
    assert_eq!(place.screen(), Screen::EnterPin);
    place.does(Intent::Cancel);
    place.on(Event::CardInserted { reader: "Reader B".to_owned(), session: other });
    assert_eq!(place.screen(), Screen::Reading);
}

#[test]
fn intents_of_another_state_or_session_change_nothing() {
    let mut place = Place::at_pin(3);
    let seq = place.state.seq;
    for (session, seq) in [
        (Some(SessionId("s0".to_owned())), seq),
        (Some(SessionId("s1".to_owned())), seq - 1),
        (None, seq),
    ] {
        let before = place.state.clone();
        place.on(Event::Intended { session, seq, intent: Intent::Pin(pin()) });
        assert_eq!((&place.effects[..], &place.state), (&[Effect::Stale][..], &before));
    }
    let mut place = Place::with_card(3);
    place.does(Intent::Pin(pin()));
    assert_eq!(place.effects, [Effect::Stale], "no PIN before it was asked for");
    let mut place = Place::opened(registered());
    place.does(Intent::Provide(all(true), None));
    assert_eq!(place.effects, [Effect::Stale], "no answer before step 4 was done");
    let mut place = Place::new();
    place.does(Intent::Cancel);
    assert_eq!(place.effects, [Effect::Stale]);
}

#[test]
fn a_reload_shows_the_same_in_each_step() {
    let place = Place::opened(registered());
    assert_eq!(place.view(), place.view());
    assert_eq!(place.view().seq, place.state.seq);
}

#[test]
fn cancelling_is_possible_until_the_answer_was_asked() {
    let steps: [fn() -> Place; 4] = [
        || Place::with_card(3),
        || Place::at_pin(3),
        || Place::signing(3),
        || Place::opened(registered()),
    ];
    for make in steps {
        let mut place = make();
        place.does(Intent::Cancel);
        assert_eq!((place.screen(), &place.state.patient), (Screen::Cancelled, &None));
        place.remove().after(limits().note_ms);
        assert_eq!(place.screen(), Screen::Empty);
    }
    let mut place = Place::asking(true);
    place.does(Intent::Cancel);
    assert_eq!((place.screen(), &place.effects[..]), (Screen::Checking, &[Effect::Stale][..]));
}

#[test]
fn time_runs_out_and_wipes_everything() {
    let mut place = Place::opened(registered());
    place.after(limits().patient_ms - 15_000);
    assert_eq!(place.view().seconds_left, Some(15));
    place.does(Intent::More);
    assert_eq!(place.view().seconds_left, Some(60));
    for _ in 0..3 {
        place.does(Intent::More);
    }
    assert_eq!(place.effects, [Effect::Stale], "not for ever");
    place.after(limits().patient_ms);
    assert_eq!((place.screen(), &place.state.patient), (Screen::TimedOut, &None));
    assert_eq!(place.view().seconds_left, None, "it stays until the card is taken");
}

#[test]
fn a_card_or_an_engine_that_never_ends_its_work_is_given_up() {
    let mut place = Place::signing(3);
    place.after(limits().work_ms);
    assert_eq!(place.screen(), Screen::CardTrouble);
    let mut place = Place::at_pin(3);
    place.does(Intent::Pin(pin())).after(limits().work_ms);
    assert_eq!(place.screen(), Screen::EngineDown);
    let mut place = Place::asking(true);
    let late = place.ticket();
    place.after(limits().work_ms);
    assert_eq!(place.screen(), Screen::EngineDown);
    place.on(Event::Answered(late, Ok(answer("A"))));
    assert_eq!(place.screen(), Screen::EngineDown);
    assert!(matches!(place.effects[..], [Effect::Push(_), Effect::Report { .. }]));
}

#[test]
fn an_engine_that_is_down_spends_no_try() {
    let mut place = Place::at_pin(3);
    place.does(Intent::Pin(pin()));
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Err(failure(Refusal::Unavailable))));
    assert_eq!(place.screen(), Screen::EngineDown);
    assert!(!place.effects.iter().any(|effect| matches!(effect, Effect::Authenticate { .. })));
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let text = format!("{:?}{:?}{:?}", pin(), number(), candidate());
    assert!(!text.contains("1234") && !text.contains("2285") && !text.contains("花子"));
}
