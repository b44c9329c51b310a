//! What patients do.

use crate::place::{Place, element, is_valid};
use serde_json::json;
use shikaku_tests::{FACILITY, wait_until};

#[test]
fn a_first_visit_ends_with_the_receipt_computers_file_and_a_second_needs_no_registration() {
    let mut place = Place::new(&["adult"]);
    place.bridge.wait_for("empty");
    place.with_pin(0, "1234");
    place.register(0);
    assert!(is_valid(&place.consent()));
    wait_until("the file is there", || place.files().len() == 1);
    let file = place.files().remove(0);
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(&format!("OQSsiquc01res_face_{FACILITY}")), "{name}");
    assert_eq!(element(&file, "ReferenceClassification").as_deref(), Some("1"));
    let person = place.people[0].registration.clone();
    assert_eq!(element(&file, "Name").as_deref(), Some(&**person.name.expose()));
    let name = name.to_owned();
    let shown = place.bridge.counter(|state| state["results"][0]["file"] == name);
    assert_eq!(shown["results"][0]["method"], "pin");
    assert!(is_valid(shown["results"][0]["validity"].as_str().unwrap()));

    place.remove();
    place.bridge.wait_for("empty");
    place.with_pin(0, "1234");
    assert!(is_valid(&place.consent()));
    wait_until("the second file is there", || place.files().len() == 2);
    let secrets = [&**person.name.expose(), &**person.address.as_ref().unwrap().expose(), "desk-1"];
    let record = std::fs::read_to_string(place.centre.path("record.jsonl")).unwrap();
    for secret in secrets {
        assert!(!place.log().contains(secret) && !record.contains(secret));
    }
    assert!(place.bridge.stop());
    let replayed =
        shikaku_tests::run("shikaku-reader", &["replay", "record.jsonl"], &place.centre.path(""));
    assert!(replayed.contains("consentProvide") && replayed.contains("done"), "{replayed}");
}

#[test]
fn an_insurance_card_typed_by_staff_registers_too() {
    let mut place = Place::new(&["adult"]);
    place.with_pin(0, "1234");
    place.bridge.wait_for("registerOffer");
    place.bridge.does(json!({ "intent": "register", "yes": true }));
    let shown = place.bridge.wait_for("registerWaitingStaff");
    let card = &place.people[0].registration.card;
    let mut insurance = json!({
        "insurerNumber": card.insurer.to_string(),
        "number": card.number.text().expose().to_string(),
        "birthdate": card.birthdate.to_string(),
    });
    if let Some(symbol) = &card.symbol {
        insurance["symbol"] = json!(symbol.text().expose().to_string());
    }
    place.bridge.decides(&json!({
        "intent": "registrationData", "session": shown["session"], "insuranceCard": insurance
    }));
    place.bridge.wait_for("registerConfirm");
    place.bridge.does(json!({ "intent": "confirmPerson", "yes": false }));
    place.bridge.wait_for("notFound");
}

#[test]
fn wrong_pins_are_counted_and_the_last_try_is_asked_for() {
    let mut place = Place::new(&["adult"]);
    place.with_pin(0, "0000");
    let shown = place.bridge.wait_for("wrongPin");
    assert_eq!(shown["triesLeft"], 2);
    place.bridge.does(json!({ "intent": "pin", "pin": "0000" }));
    place.bridge.wait_until("one try left", |state| {
        state["screen"] == "wrongPin" && state["triesLeft"] == 1
    });
    place.bridge.does(json!({ "intent": "pin", "pin": "0000" }));
    place.bridge.wait_for("lastTryConfirm");
    place.bridge.does(json!({ "intent": "useLastTry", "yes": true }));
    place.bridge.wait_for("enterPin");
    place.bridge.does(json!({ "intent": "pin", "pin": "0000" }));
    let shown = place.bridge.wait_for("pinBlocked");
    assert_eq!(shown["triesLeft"], 0);
    place.remove();
    place.bridge.wait_for("removedTooEarly");
    place.insert(0);
    let shown = place.bridge.wait_for("chooseMethod");
    assert_eq!(
        shown["methods"][0],
        json!({ "method": "pin", "available": false, "reason": "blocked" })
    );
}

#[test]
fn staff_recognise_the_holder_of_a_card_without_pin() {
    let mut place = Place::new(&["face-only"]);
    place.insert(0);
    place.bridge.wait_for("chooseMethod");
    place.bridge.does(json!({ "intent": "chooseMethod", "method": "visual" }));
    let shown = place.bridge.wait_for("visualWaiting");
    let session = shown["session"].clone();
    let desk = place.bridge.counter(|state| state["waiting"][0]["what"] == "visual");
    assert_eq!(desk["waiting"][0]["session"], session);
    place.bridge.decides(
        &json!({ "intent": "visual", "session": session, "same": true, "staff": "desk-1" }),
    );
    place.register(0);
    assert!(is_valid(&place.consent()));
    place.bridge.counter(|state| state["results"][0]["method"] == "visual");
}

#[test]
fn two_patients_in_a_row_get_an_answer_each_and_see_nothing_of_each_other() {
    let mut place = Place::new(&["adult", "adult"]);
    for number in 0..2 {
        place.with_pin(number, "1234");
        place.register(number);
        assert!(is_valid(&place.consent()));
        // The next card is there before this one is seen to go.
        if number == 0 {
            place.insert(1);
        }
    }
    wait_until("both files are there", || place.files().len() == 2);
    let names =
        || place.files().iter().filter_map(|file| element(file, "Name")).collect::<Vec<_>>();
    for person in place.people.iter().take(2) {
        assert!(names().contains(&person.registration.name.expose().to_string()));
    }
}

/// Kinds of cards that cannot be used: before the PIN or after it, what is shown, and who says so.
const UNUSABLE: [(&str, bool, &str, &str); 13] = [
    ("foreign-card", false, "notMyNumberCard", "SHK-RDR-101"),
    ("revoked", true, "certificateRevoked", "SHK-CRD-007"),
    ("expired", true, "certificateExpired", "SHK-CRD-006"),
    ("not-yet-valid", true, "certificateNotYetValid", "SHK-CRD-005"),
    ("foreign-authority", true, "certificateUntrusted", "SHK-CRD-003"),
    ("same-name-other-key", true, "certificateUntrusted", "SHK-CRD-003"),
    ("forged-signature", true, "certificateUntrusted", "SHK-CRD-003"),
    ("altered", true, "certificateUntrusted", "SHK-CRD-003"),
    ("wrong-purpose", true, "certificateUntrusted", "SHK-CRD-003"),
    ("wrong-policy", true, "certificateUntrusted", "SHK-CRD-004"),
    ("unknown-critical", true, "certificateUntrusted", "SHK-CRD-004"),
    ("huge", false, "cardTrouble", "SHK-RDR-109"),
    ("garbage", true, "cardTrouble", "SHK-RDR-110"),
];

#[test]
fn each_kind_of_card_that_cannot_be_used_ends_on_its_own_screen_with_its_own_code() {
    let mut place = Place::new(&UNUSABLE.map(|(profile, ..)| profile));
    for (number, (profile, has_pin, screen, code)) in UNUSABLE.into_iter().enumerate() {
        match has_pin {
            true => place.with_pin(number, "1234"),
            false => place.insert(number),
        }
        let shown = place.bridge.wait_for(screen);
        assert_eq!(shown["code"], code, "{profile}");
        place.remove();
        place.bridge.wait_for("empty");
    }
    assert!(place.files().is_empty());
}
