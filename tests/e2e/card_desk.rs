//! A reception with synthetic My Number cards: the authority, cards, and what a reader does.

use crate::http::Reply;
use crate::shared::end_with_this_process;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shikaku_card::CardKey;
use shikaku_card::ca::{
    Authority, CertificateRequest, CrlSchedule, Defect, Generation, Purpose, RevocationReason,
    Revoked, Serial, Validity,
};
use shikaku_engine::clock::{Clock, SystemClock};
use shikaku_tests::{Centre, Engine, FACILITY, OTHER_FACILITY, wait_until};
use std::fs;
use std::io::Write;
use std::process::Child;
use std::sync::{LazyLock, OnceLock};

const DAY: u64 = 86_400;

static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| Authority::new(7, Purpose::UserAuthentication).unwrap());

/// Now, in Unix seconds: certificates are judged by the engine's clock.
pub(crate) fn today_seconds() -> u64 {
    SystemClock.unix_seconds()
}

/// A card: its certificate and its key.
pub(crate) struct Card {
    certificate: Vec<u8>,
    key: CardKey,
}

impl Card {
    /// A valid card; the number is its certificate's.
    pub(crate) fn new(number: u64) -> Self {
        let now = today_seconds();
        Self::valid(number, Validity { not_before: now - 100 * DAY, not_after: now + 1000 * DAY })
    }

    pub(crate) fn valid(number: u64, validity: Validity) -> Self {
        Self::made(number, validity, |request| AUTHORITY.issue(request).unwrap())
    }

    pub(crate) fn defective(number: u64, defect: Defect) -> Self {
        let now = today_seconds();
        let validity = Validity { not_before: now - 100 * DAY, not_after: now + 1000 * DAY };
        Self::made(number, validity, |r| AUTHORITY.issue_defective(r, defect).unwrap())
    }

    fn made(
        number: u64,
        validity: Validity,
        issue: impl Fn(&CertificateRequest<'_>) -> Vec<u8>,
    ) -> Self {
        let key = CardKey::from_seed(7, "holder", number).unwrap();
        let request = CertificateRequest {
            serial: Serial::new(number).unwrap(),
            key: &key,
            generation: Generation::Third,
            validity,
            municipality: 13221,
        };
        Self { certificate: issue(&request), key }
    }

    /// What a reader sends for this card.
    pub(crate) fn presented(&self, challenge: &Value, device: &str) -> Value {
        let bytes = STANDARD.decode(challenge["challenge"].as_str().unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
        json!({
            "challengeId": challenge["challengeId"],
            "device": device,
            "certificate": STANDARD.encode(&self.certificate),
            "signature": STANDARD.encode(self.key.sign_message(&bytes).unwrap()),
            "method": "pin",
            "tokenKind": "card",
        })
    }
}

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
        fs::create_dir_all(centre.path("cards/crl")).unwrap();
        fs::write(centre.path("cards/trust.pem"), AUTHORITY.trust_anchors_pem().unwrap()).unwrap();
        write_list(&centre, &[]);
        let mut file = fs::File::options().append(true).open(centre.path("shikaku.toml")).unwrap();
        file.write_all(b"[card]\ntrust = \"cards/trust.pem\"\ncrl = \"cards/crl\"\n").unwrap();
        file.write_all(b"reload_seconds = 1\n").unwrap();
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
        write_list(&self.centre, revoked);
    }

    pub(crate) fn until_refused(&self, card: &Card, code: &str) {
        wait_until("the card is refused", || {
            let body = card.presented(&self.challenge("reader-1"), "reader-1");
            let reply = self.post("sessions", &body);
            reply.status != 201 && reply.json()["code"] == code
        });
    }
}

fn write_list(centre: &Centre, revoked: &[u64]) {
    let now = today_seconds();
    let schedule = CrlSchedule { number: 1, this_update: now - DAY, next_update: now + DAY };
    let revoked: Vec<_> = revoked
        .iter()
        .map(|number| Revoked {
            serial: Serial::new(*number).unwrap(),
            at: now - DAY,
            reason: RevocationReason::KeyCompromise,
        })
        .collect();
    let list = AUTHORITY.revocation_list(Generation::Third, schedule, &revoked).unwrap();
    // As an operator would: never half a list under its name.
    fs::write(centre.path("cards/crl/third.tmp"), list).unwrap();
    fs::rename(centre.path("cards/crl/third.tmp"), centre.path("cards/crl/third.crl")).unwrap();
}
