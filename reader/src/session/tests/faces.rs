//! 顔認証, screen by screen: what opens the photograph, what the camera says, and every way out.

use super::*;

/// A card that was read, where faces are compared.
fn with_card() -> Place {
    let mut place = Place::new();
    place.state.limits.offer.face = true;
    place.insert("s1").identified(card(1, 3));
    place
}

/// Where the number on the card is asked for.
fn at_number() -> Place {
    let mut place = with_card();
    place.does(Intent::ChooseMethod(Method::Face));
    place
}

/// Before the camera.
fn at_camera() -> Place {
    let mut place = at_number();
    place.does(Intent::CardFace(number()));
    let ticket = place.ticket();
    place.on(Event::PhotoRead(ticket, Ok(photo(1))));
    let ticket = place.ticket();
    place.on(Event::FacePrepared(ticket, Ok(())));
    place
}

fn seen(place: &mut Place, look: Look) -> &mut Place {
    let Stage::Camera { ticket, .. } = place.state.stage else { panic!("no camera") };
    place.on(Event::FaceSeen(ticket, Ok(look)))
}

fn decided(place: &mut Place, outcome: Outcome) -> &mut Place {
    seen(place, Look::Decided(outcome))
}

fn face_method(place: &Place) -> MethodView {
    place.view().methods.into_iter().find(|one| one.method == Method::Face).unwrap()
}

#[test]
fn a_face_that_matches_lets_the_terminal_sign_and_is_told_to_the_engine_as_a_face() {
    let mut place = at_number();
    assert_eq!((place.screen(), place.view().step), (Screen::FaceNumber, Some(3)));
    place.does(Intent::CardFace(number()));
    let [Effect::ReadPhoto { expected, number: sent, ticket, .. }] = &place.effects[..] else {
        panic!()
    };
    assert_eq!((expected, sent, place.screen()), (&card(1, 3), &number(), Screen::Checking));
    let ticket = *ticket;
    place.on(Event::PhotoRead(ticket, Ok(photo(1))));
    assert!(
        matches!(&place.effects[..], [Effect::PrepareFace { photo: it, .. }] if *it == photo(1))
    );
    let ticket = place.ticket();
    place.on(Event::FacePrepared(ticket, Ok(())));
    assert_eq!((place.screen(), place.view().step), (Screen::FaceCamera, Some(3)));
    let session = place.view().session.unwrap();
    let watch = Watch { ticket: place.ticket(), session, seq: place.view().seq };
    assert_eq!(place.effects, [Effect::WatchFace(watch)], "frames of this screen and no other");
    decided(&mut place, Outcome::Match);
    assert!(matches!(&place.effects[..], [Effect::Challenge { .. }, Effect::ForgetFace]));
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Ok(challenge())));
    assert!(matches!(&place.effects[..], [Effect::Authenticate { proof: Proof::Terminal, .. }]));
    let ticket = place.ticket();
    place.on(Event::Authenticated(ticket, Ok(signed(1))));
    let [Effect::Open { method, staff, .. }] = &place.effects[..] else { panic!() };
    assert_eq!((*method, staff), (Method::Face, &None));
}

#[test]
fn advice_and_progress_are_shown_on_the_same_screen_and_buy_no_time() {
    let mut place = at_camera();
    let (seq, deadline) = (place.state.seq, place.state.deadline);
    place.now = place.now.after(20_000);
    seen(&mut place, Look::Adjust(Advice::TooFar));
    let camera = place.view().camera.unwrap();
    assert_eq!((camera.advice, camera.used, camera.of), (Some(Advice::TooFar), 0, 0));
    seen(&mut place, Look::More { used: 1, of: 3 });
    let camera = place.view().camera.unwrap();
    assert_eq!((camera.advice, camera.used, camera.of), (None, 1, 3));
    assert_eq!((place.state.seq, place.state.deadline), (seq, deadline));
    place.after(limits().patient_ms - 35_000);
    assert_eq!(place.view().seconds_left, Some(15));
    place.does(Intent::More);
    assert_eq!((place.view().seconds_left, place.screen()), (Some(60), Screen::FaceCamera));
    place.after(limits().patient_ms);
    assert_eq!((place.screen(), &place.state.patient), (Screen::TimedOut, &None));
    assert!(place.effects.contains(&Effect::ForgetFace));
}

#[test]
fn a_stranger_may_try_again_until_the_tries_are_over_and_then_has_pin_and_staff() {
    let mut place = at_camera();
    decided(&mut place, Outcome::NoMatch);
    assert_eq!((place.screen(), place.effects.len()), (Screen::FaceUnknown, 0));
    assert!(place.view().methods.iter().all(|one| one.available));
    place.does(Intent::ChooseMethod(Method::Face));
    assert_eq!(place.screen(), Screen::FaceCamera, "the photograph is there still");
    decided(&mut place, Outcome::NoMatch);
    assert_eq!(
        (place.screen(), &place.effects[..]),
        (Screen::FaceUnknown, &[Effect::ForgetFace][..])
    );
    assert_eq!(face_method(&place).reason, Some("triedEnough"));
    place.does(Intent::ChooseMethod(Method::Face));
    assert_eq!(place.effects, [Effect::Stale]);
    place.does(Intent::ChooseMethod(Method::Pin));
    assert_eq!(place.screen(), Screen::EnterPin);
}

#[test]
fn taking_the_card_off_gives_no_new_tries_and_time_does() {
    let mut place = at_camera();
    decided(&mut place, Outcome::NoMatch).does(Intent::ChooseMethod(Method::Face));
    decided(&mut place, Outcome::NoMatch);
    place.remove().insert("s2").identified(card(1, 3));
    assert_eq!(face_method(&place).reason, Some("triedEnough"));
    place.remove().insert("s3").identified(card(2, 3));
    assert_eq!(face_method(&place).reason, None, "another card has its own");
    place.remove().after(limits().face_memory_ms);
    assert_eq!(place.state.refusals, Refusals::new());
    place.insert("s4").identified(card(1, 3));
    assert_eq!(face_method(&place).reason, None);
}

#[test]
fn doubt_is_for_staff_and_counts_as_a_try() {
    let mut place = at_camera();
    decided(&mut place, Outcome::ReferToStaff);
    assert_eq!(
        (place.screen(), &place.effects[..]),
        (Screen::VisualWaiting, &[Effect::ForgetFace][..])
    );
    assert_eq!(place.state.counter().waiting[0].what, What::Visual);
    assert_eq!(place.state.face_tries(place.now), Some(limits().face_tries - 1));
    place.staff(StaffIntent::Visual { same: true, staff: staff() });
    let ticket = place.ticket();
    place.on(Event::Challenged(ticket, Ok(challenge())));
    let ticket = place.ticket();
    place.on(Event::Authenticated(ticket, Ok(signed(1))));
    let [Effect::Open { method, staff: by, .. }] = &place.effects[..] else { panic!() };
    assert_eq!((*method, by), (Method::Visual, &Some(staff())), "staff answer for it");
}

#[test]
fn a_wrong_number_is_asked_again_and_other_failures_end_it() {
    let mut place = at_number();
    place.does(Intent::CardFace(number()));
    let ticket = place.ticket();
    place.on(Event::PhotoRead(ticket, Err(CardFailure::WrongNumber)));
    assert_eq!((place.screen(), place.view().notice), (Screen::FaceNumber, Some("wrongCardFace")));
    place.does(Intent::CardFace(number()));
    let ticket = place.ticket();
    place.on(Event::PhotoRead(ticket, Err(CardFailure::PhotoUntrusted)));
    assert_eq!(
        (place.screen(), place.view().code.as_deref()),
        (Screen::CardTrouble, Some("SHK-RDR-114"))
    );
}

#[test]
fn each_trouble_with_camera_or_models_has_its_screen_and_leaves_pin_and_staff() {
    let by_page = [
        (FaceTrouble::CameraRefused, Screen::CameraRefused),
        (FaceTrouble::CameraMissing, Screen::CameraTrouble),
        (FaceTrouble::CameraBroken, Screen::CameraTrouble),
    ];
    for (trouble, screen) in by_page {
        let mut place = at_camera();
        place.does(Intent::CameraFailed(trouble));
        assert_eq!((place.screen(), &place.effects[..]), (screen, &[Effect::ForgetFace][..]));
        assert_eq!(place.view().code.as_deref(), Some(trouble.code()));
        assert!(place.view().methods.iter().all(|one| one.available), "a camera can be plugged in");
        place.does(Intent::ChooseMethod(Method::Visual));
        assert_eq!(place.screen(), Screen::VisualWaiting);
    }
    let of_photo = [
        (FaceTrouble::PhotoUnusable, Screen::PhotoUnusable),
        (FaceTrouble::Busy, Screen::FaceTrouble),
        (FaceTrouble::Broken, Screen::FaceTrouble),
    ];
    for (trouble, screen) in of_photo {
        let mut place = at_number();
        place.does(Intent::CardFace(number()));
        let ticket = place.ticket();
        place.on(Event::PhotoRead(ticket, Ok(photo(1))));
        let ticket = place.ticket();
        place.on(Event::FacePrepared(ticket, Err(trouble)));
        assert_eq!((place.screen(), &place.effects[..]), (screen, &[Effect::ForgetFace][..]));
        let mut place = at_camera();
        let ticket = place.ticket();
        place.on(Event::FaceSeen(ticket, Err(trouble)));
        assert_eq!((place.screen(), &place.effects[..]), (screen, &[Effect::ForgetFace][..]));
    }
    let mut place = at_number();
    place.does(Intent::CardFace(number())).after(limits().work_ms);
    assert_eq!(place.screen(), Screen::CardTrouble);
    let mut place = at_number();
    place.does(Intent::CardFace(number()));
    let ticket = place.ticket();
    place.on(Event::PhotoRead(ticket, Ok(photo(1)))).after(limits().work_ms);
    assert_eq!(
        (place.screen(), &place.effects[..]),
        (Screen::FaceTrouble, &[Effect::ForgetFace][..])
    );
}

#[test]
fn every_way_out_of_the_camera_forgets_the_photograph() {
    let ways: [fn(&mut Place); 5] = [
        |place| {
            place.does(Intent::Cancel);
        },
        |place| {
            place.does(Intent::OtherWay);
        },
        |place| {
            place.remove();
        },
        |place| {
            place.insert("s2");
        },
        |place| {
            place.on(Event::ReadersChanged(Vec::new()));
        },
    ];
    for way in ways {
        let mut place = at_camera();
        let late = place.ticket();
        way(&mut place);
        assert!(place.effects.contains(&Effect::ForgetFace));
        let before = place.state.clone();
        place.on(Event::FaceSeen(late, Ok(Look::Decided(Outcome::Match))));
        assert_eq!((&place.state, place.effects.len()), (&before, 0), "a late match is nobody's");
    }
    let mut place = at_camera();
    place.does(Intent::OtherWay);
    assert_eq!(place.screen(), Screen::ChooseMethod);
    place.does(Intent::ChooseMethod(Method::Face));
    assert_eq!(place.screen(), Screen::FaceNumber, "the number is asked for anew");
}

#[test]
fn a_look_of_an_earlier_try_decides_nothing_in_the_next() {
    let mut place = at_camera();
    let first = place.ticket();
    decided(&mut place, Outcome::NoMatch).does(Intent::ChooseMethod(Method::Face));
    place.on(Event::FaceSeen(first, Ok(Look::Decided(Outcome::Match))));
    assert_eq!((place.screen(), place.effects.len()), (Screen::FaceCamera, 0));
}

#[test]
fn phones_and_places_without_models_offer_no_face() {
    let mut place = Place::new();
    place.state.limits.offer.face = true;
    place.insert("s1").identified(CardSeen { kind: TokenKind::Android, ..card(1, 3) });
    assert_eq!(face_method(&place).reason, Some("notWithPhones"));
    place.does(Intent::ChooseMethod(Method::Face));
    assert_eq!(place.effects, [Effect::Stale]);
    let mut place = Place::with_card(3);
    assert_eq!(face_method(&place).reason, Some("notInstalled"));
    place.does(Intent::ChooseMethod(Method::Face));
    assert_eq!(place.effects, [Effect::Stale]);
    let mut place = with_card();
    place.does(Intent::CardFace(number()));
    assert_eq!(place.effects, [Effect::Stale], "no number before it was asked for");
}

#[test]
fn neither_photograph_nor_number_shows_in_debug_output() {
    let read = Event::PhotoRead(Ticket(1), Ok(Photo::new(b"pixels".to_vec().into())));
    assert_eq!(format!("{read:?}"), "PhotoRead(Ticket(1), Ok(Photo(***)))");
    assert!(!format!("{:?}", Intent::CardFace(number())).contains("2285"));
}

/// Another number would open the same photograph.
#[test]
fn a_photograph_that_cannot_be_used_leaves_pin_and_staff_until_the_card_is_taken_off() {
    let mut place = at_number();
    assert!(!place.view().face_at_centre);
    place.does(Intent::CardFace(number()));
    let ticket = place.ticket();
    place.on(Event::PhotoRead(ticket, Ok(photo(1))));
    let ticket = place.ticket();
    place.on(Event::FacePrepared(ticket, Err(FaceTrouble::PhotoUnusable)));
    assert_eq!(face_method(&place).reason, Some("photoUnusable"));
    place.does(Intent::ChooseMethod(Method::Face));
    assert_eq!(place.effects, [Effect::Stale]);
    place.does(Intent::ChooseMethod(Method::Pin));
    assert_eq!(place.screen(), Screen::EnterPin);
    place.remove();
    place.insert("s2").identified(card(1, 3));
    assert_eq!(face_method(&place).reason, None, "whoever comes next");
}

/// Before the numbers that open it are typed, which is the patient's yes.
#[test]
fn where_the_engine_compares_the_patient_is_told_before_the_photograph_is_opened() {
    let mut place = with_card();
    place.state.limits.offer.face_at_centre = true;
    assert!(!place.view().face_at_centre);
    place.does(Intent::ChooseMethod(Method::Face));
    assert!(place.view().face_at_centre && place.screen() == Screen::FaceNumber);
}
