//! What fails, and what the patient then sees.

use crate::place::{Place, is_valid};
use serde_json::json;
use shikaku_tests::wait_until;

#[test]
fn a_card_that_is_taken_away_ends_the_session_in_each_step() {
    let mut place = Place::new(&["adult"]);
    place.insert(0);
    place.bridge.wait_for("chooseMethod");
    place.remove();
    place.bridge.wait_for("removedTooEarly");
    place.bridge.wait_for("empty");
    place.with_pin(0, "1234");
    place.bridge.wait_for("registerOffer");
    place.remove();
    let shown = place.bridge.wait_for("removedTooEarly");
    assert_eq!(shown["session"], json!(null));
}

#[test]
fn a_card_that_does_not_answer_is_given_up_and_the_next_one_works() {
    let mut place = Place::new(&["mute", "adult"]);
    place.insert(0);
    let shown = place.bridge.wait_for("cardTrouble");
    assert_eq!(shown["code"], "SHK-RDR-108");
    place.remove();
    place.bridge.wait_for("empty");
    place.with_pin(1, "1234");
    place.bridge.wait_for("registerOffer");
}

#[test]
fn an_engine_that_is_gone_costs_no_try_and_comes_back() {
    let mut place = Place::new(&["adult"]);
    place.engine.take().unwrap().kill();
    place.with_pin(0, "1234");
    let shown = place.bridge.wait_for("engineDown");
    assert_eq!(shown["code"], "SHK-RDR-201");
    let desk = place.bridge.counter(|state| state["engine"]["ok"] == false);
    assert_eq!(desk["results"], json!([]));
    place.remove();
    place.bridge.wait_for("empty");
    place.insert(0);
    place.bridge.wait_for("chooseMethod");
    place.bridge.does(json!({ "intent": "chooseMethod", "method": "pin" }));
    let shown = place.bridge.wait_for("enterPin");
    assert_eq!(shown["triesLeft"], 3);
}

/// Takes a patient to where the engine is needed next, and gives what they tap there.
type Step = fn(&mut Place) -> serde_json::Value;

const STEPS: [Step; 4] = [to_the_signature, to_the_search, to_the_binding, to_the_question];

fn to_the_signature(place: &mut Place) -> serde_json::Value {
    place.insert(0);
    place.bridge.wait_for("chooseMethod");
    place.bridge.does(json!({ "intent": "chooseMethod", "method": "pin" }));
    place.bridge.wait_for("enterPin");
    json!({ "intent": "pin", "pin": "1234" })
}

fn to_the_search(place: &mut Place) -> serde_json::Value {
    place.with_pin(0, "1234");
    place.bridge.wait_for("registerOffer");
    json!({ "intent": "register", "yes": true, "cardFace": place.card_face(0) })
}

fn to_the_binding(place: &mut Place) -> serde_json::Value {
    let tap = to_the_search(place);
    place.bridge.does(tap);
    place.bridge.wait_for("registerConfirm");
    json!({ "intent": "confirmPerson", "yes": true })
}

fn to_the_question(place: &mut Place) -> serde_json::Value {
    place.with_pin(0, "1234");
    place.register(0);
    place.bridge.does(json!({ "intent": "consent", "consents": { "medication": true } }));
    place.bridge.wait_for("consentProvide");
    json!({ "intent": "provide", "consents": {}, "prescriptionIssueSelect": 2 })
}

/// The tap, and the counter's yes where the step needs one.
fn goes_on(place: &mut Place, tap: serde_json::Value) {
    let needs_staff = tap["intent"] == "confirmPerson";
    place.bridge.does(tap);
    if needs_staff {
        let shown = place.bridge.wait_for("registerWaitingStaff");
        place.bridge.decides(&json!({
            "intent": "registration", "session": shown["session"], "same": true, "staff": "desk-1"
        }));
    }
}

#[test]
fn an_engine_that_goes_in_any_step_ends_it_on_a_screen_without_anybodys_name() {
    for step in STEPS {
        let mut place = Place::new(&["adult"]);
        let tap = step(&mut place);
        place.engine.take().unwrap().kill();
        goes_on(&mut place, tap);
        let shown = place.bridge.wait_for("engineDown");
        assert_eq!((&shown["code"], &shown["session"]), (&json!("SHK-RDR-201"), &json!(null)));
        assert!(!shown.to_string().contains(&**place.people[0].registration.name.expose()));
        assert!(place.files().is_empty());
    }
}

#[test]
fn a_line_that_swallows_the_question_ends_in_any_step_and_a_late_answer_is_the_counters() {
    for (number, step) in STEPS.into_iter().enumerate() {
        let mut place = Place::new(&["adult"]);
        place.restart_the_bridge(&[("SHIKAKU_READER_KIOSK_WORK_SECONDS", "5")]);
        let tap = step(&mut place);
        place.engine.as_ref().unwrap().signal("STOP");
        goes_on(&mut place, tap);
        let shown = place.bridge.wait_for("engineDown");
        assert_eq!(shown["session"], json!(null));
        assert!(place.files().is_empty());
        place.engine.as_ref().unwrap().signal("CONT");
        if number + 1 == STEPS.len() {
            wait_until("the answer that was asked for is filed", || place.files().len() == 1);
        }
    }
}

#[test]
fn a_bridge_whose_clock_is_wrong_serves_by_the_centres_and_tells_staff() {
    let mut place = Place::new(&["expires-soon"]);
    place.set_the_bridges_clock("+40d");
    place.with_pin(0, "1234");
    place.register(0);
    let shown = place.bridge.wait_for("consentMedical");
    assert_eq!((&shown["notice"], &shown["days"]), (&json!("certificateExpiresSoon"), &json!(45)));
    assert!(is_valid(&place.consent()));
    let minutes = 40 * 24 * 60;
    let is_told = |desk: &serde_json::Value| {
        desk["engine"]["clockMinutes"].as_i64().is_some_and(|found| (found - minutes).abs() <= 1)
    };
    assert_eq!(place.bridge.counter(is_told)["engine"]["ok"], true);
    let tested = place.bridge.get("/self-test.json");
    let clock = tested["checks"].as_array().unwrap().iter().find(|check| check["name"] == "clock");
    assert_eq!(clock.unwrap()["ok"], false, "{tested}");
}

#[test]
fn a_clock_so_wrong_that_the_centre_looks_expired_costs_no_try_and_is_told_apart() {
    let mut place = Place::new(&["adult"]);
    place.set_the_bridges_clock("+30y");
    place.with_pin(0, "1234");
    let shown = place.bridge.wait_for("engineDown");
    assert_eq!(shown["code"], "SHK-RDR-206");
    place.bridge.counter(|desk| desk["engine"]["code"] == "SHK-RDR-206");
    place.set_the_bridges_clock("+0");
    place.insert(0);
    place.bridge.wait_for("chooseMethod");
    place.bridge.does(json!({ "intent": "chooseMethod", "method": "pin" }));
    assert_eq!(place.bridge.wait_for("enterPin")["triesLeft"], 3);
}

#[test]
fn a_restarted_pcscd_is_found_again() {
    let mut place = Place::new(&["adult"]);
    place.bridge.wait_for("empty");
    drop(place.pcscd.take());
    place.bridge.wait_for("noReader");
    let folder = place.centre.path("pcscd");
    place.pcscd = Some(shikaku_card::pcscd::Pcscd::start(&folder).unwrap());
    place.bridge.wait_for("empty");
}

#[test]
fn a_reload_in_the_middle_shows_the_same_screen_and_a_stale_page_does_nothing() {
    let mut place = Place::new(&["adult"]);
    place.with_pin(0, "1234");
    let shown = place.bridge.wait_for("registerOffer");
    let stale = json!({
        "session": shown["session"], "seq": 1, "intent": "register", "yes": true
    });
    assert_eq!(place.bridge.post("/kiosk/intents", &stale), 409);
    let other = json!({ "session": "0", "seq": shown["seq"], "intent": "cancel" });
    assert_eq!(place.bridge.post("/kiosk/intents", &other), 409);
    place.register(0);
    assert!(is_valid(&place.consent()));
}
