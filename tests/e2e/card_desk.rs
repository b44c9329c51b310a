//! A reception with synthetic My Number cards: what a reader asks, at two facilities.

use crate::http::Reply;
use crate::shared::end_with_this_process;
use serde_json::{Value, json};
use shikaku_tests::cards::{self, Card};
use shikaku_tests::{Centre, Engine, FACILITY, OTHER_FACILITY, wait_until};
use std::process::Child;
use std::sync::OnceLock;

/// A centre that takes cards, its engine, and two facilities.
pub(crate) struct CardDesk {
    pub(crate) centre: Centre,
    engine: Engine,
    own: ureq::Agent,
    other: ureq::Agent,
}

/// One for all tests that revoke nothing.
pub(crate) fn card_desk() -> &'static CardDesk {
    static DESK: OnceLock<(CardDesk, Child)> = OnceLock::new();
    let (desk, _) = DESK.get_or_init(|| {
        let desk = CardDesk::new(Centre::new(5_000));
        let end = end_with_this_process(&desk.engine, &desk.centre.path(""));
        (desk, end)
    });
    desk
}

impl CardDesk {
    pub(crate) fn new(centre: Centre) -> Self {
        Self::with(centre, |_| {})
    }

    /// After what `prepare` does to the store.
    pub(crate) fn with(centre: Centre, prepare: impl FnOnce(&Centre)) -> Self {
        prepare(&centre);
        cards::trust_cards(&centre);
        Self::started(centre)
    }

    fn started(centre: Centre) -> Self {
        let engine = centre.start();
        let own = centre.client(&format!("facility-{FACILITY}"));
        let other = centre.client(&format!("facility-{OTHER_FACILITY}"));
        Self { centre, engine, own, other }
    }

    /// The same centre after its engine was killed.
    pub(crate) fn killed_and_started(self) -> Self {
        let Self { centre, engine, .. } = self;
        engine.kill();
        Self::started(centre)
    }

    pub(crate) fn stop(self) -> Centre {
        assert!(self.engine.stop());
        self.centre
    }

    /// Where the engine answers, and where it tells of itself.
    pub(crate) fn addresses(&self) -> (&str, &str) {
        (&self.engine.service, &self.engine.admin)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_by(&self.own, path, body)
    }

    /// By another facility.
    pub(crate) fn post_elsewhere(&self, path: &str, body: &Value) -> Reply {
        self.post_by(&self.other, path, body)
    }

    fn post_by(&self, client: &ureq::Agent, path: &str, body: &Value) -> Reply {
        let url = format!("{}/v1/card/{path}", self.engine.service);
        let json = [("content-type", "application/json")];
        Reply::to(client, ("POST", &url), &json, body.to_string().as_bytes()).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        let url = format!("{}/v1/card/{path}", self.engine.service);
        Reply::to(&self.own, ("GET", &url), &[], &[]).unwrap()
    }

    pub(crate) fn challenge(&self, device: &str) -> Value {
        let reply = self.post("challenges", &json!({"device": device}));
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()
    }

    /// Opens a session.
    pub(crate) fn open(&self, card: &Card) -> String {
        let body = card.presented(&self.challenge("reader-1"), "reader-1");
        let reply = self.post("sessions", &body);
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["session"].as_str().unwrap().to_owned()
    }

    /// Publishes a list with these certificates; the engine finds it by itself.
    pub(crate) fn revoke(&self, revoked: &[u64]) {
        cards::revoke(&self.centre, revoked);
    }

    pub(crate) fn until_refused(&self, card: &Card, code: &str) {
        wait_until("the card is refused", || {
            let body = card.presented(&self.challenge("reader-1"), "reader-1");
            let reply = self.post("sessions", &body);
            reply.status != 201 && reply.json()["code"] == code
        });
    }
}
