//! Who may ask the bridge.

use crate::place::Place;
use serde_json::json;

#[test]
fn other_origins_other_hosts_and_strangers_without_the_cookie_are_refused() {
    let place = Place::new(&[]);
    let (bridge, body) = (&place.bridge, json!({ "intent": "cancel", "seq": 1 }));
    let (cookie, origin) = (bridge.cookie.as_str(), bridge.base.as_str());
    let good = [("cookie", cookie), ("origin", origin)];
    assert_eq!(bridge.post_as("/kiosk/intents", &body, &good), 409);
    for headers in [
        vec![("cookie", cookie)],
        vec![("origin", origin)],
        vec![("cookie", cookie), ("origin", "http://example.invalid")],
        vec![("cookie", cookie), ("origin", "null")],
        vec![("cookie", "shikaku-reader=0"), ("origin", origin)],
        vec![("cookie", cookie), ("origin", origin), ("host", "example.invalid")],
    ] {
        assert_eq!(bridge.post_as("/kiosk/intents", &body, &headers), 403, "{headers:?}");
    }
    // A frame of the camera is as well guarded as a PIN.
    assert_eq!(bridge.post_as("/kiosk/frame?session=s&seq=1", &body, &good), 409);
    assert_eq!(bridge.post_as("/kiosk/frame?session=s&seq=1", &body, &good[..1]), 403);
    assert_eq!(bridge.post_as("/kiosk/frame?session=s&seq=1", &body, &good[1..]), 403);
    assert_eq!(bridge.get_as("/kiosk/events", &[]), 403);
    assert_eq!(bridge.get_as("/kiosk", &[("host", "example.invalid")]), 403);
    assert_eq!(bridge.get_as("/kiosk", &[]), 200);
}

#[test]
fn bodies_are_bounded_and_judged() {
    let place = Place::new(&[]);
    let send = |body| place.bridge.post("/kiosk/intents", &body);
    assert_eq!(send(json!({ "intent": "everything", "seq": 1 })), 400);
    assert_eq!(send(json!({ "intent": "pin", "seq": 1, "pin": "x".repeat(10_000) })), 413);
}

#[test]
fn a_self_test_says_what_is_there() {
    let place = Place::new(&[]);
    let checks = place.bridge.get("/self-test.json");
    for check in checks["checks"].as_array().unwrap() {
        assert_eq!(check["ok"], true, "{check}");
    }
    let lookup = json!({ "insurerNumber": "01040013" });
    assert_eq!(place.bridge.post("/counter/lookups", &lookup), 422);
}
