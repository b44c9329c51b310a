//! A counter with a card reader, connected to one engine: what it asks and what it is told.

use serde_json::{Value, json};
use shikaku_domain::{Day, Registration, Scheme};
use shikaku_tests::cards::{Card, insurance_card};
use shikaku_tests::{Centre, DATE, FACILITY};

/// The device that every card lies on.
const DEVICE: &str = "reader-1";

/// Status, the seconds of `Retry-After` and the body of an answer.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Value,
}

impl Told {
    /// The body, if this is the status.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The problem of this status and code.
    pub(crate) fn expect_problem(self, status: u16, code: &str) {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
    }
}

pub(crate) struct Counter {
    client: ureq::Agent,
    service: String,
}

impl Counter {
    pub(crate) fn new(centre: &Centre, service: &str) -> Self {
        let client = centre.client(&format!("facility-{FACILITY}"));
        Self { client, service: service.to_owned() }
    }

    /// Posts JSON to an address of the engine.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Told {
        let url = format!("{}{path}", self.service);
        let request = self.client.post(url).header("content-type", "application/json");
        let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        told(request.send(body.to_string()).unwrap())
    }

    pub(crate) fn card(&self, path: &str, body: &Value) -> Told {
        self.post(&format!("/v1/card/{path}"), &[], body)
    }

    pub(crate) fn challenge(&self) -> Value {
        self.card("challenges", &json!({"device": DEVICE})).expect(201)
    }

    /// Answers a challenge by the card.
    pub(crate) fn present(&self, card: &Card, challenge: &Value) -> Told {
        self.card("sessions", &card.presented(challenge, DEVICE))
    }

    pub(crate) fn open(&self, card: &Card) -> String {
        let session = self.present(card, &self.challenge()).expect(201);
        session["session"].as_str().unwrap().to_owned()
    }

    /// 初回登録 of somebody's card.
    pub(crate) fn register(&self, card: &Card, person: &Registration<'_>) {
        let session = self.open(card);
        let by = json!({"session": session, "by": insurance_card(person)});
        let found = self.card("registrations", &by).expect(200);
        let confirm = json!({"candidate": found["candidate"], "patient": true, "staff": "s"});
        let confirm = json!({"session": session, "confirm": confirm});
        self.card("registrations", &confirm).expect(201);
    }

    /// 資格確認 with the patient's answer about medication.
    pub(crate) fn ask(&self, session: &str, medication: bool) -> Told {
        self.card(
            "eligibility",
            &json!({"session": session, "consents": {"medication": medication}}),
        )
    }

    /// Whether the medication of the session's holder may be read now.
    pub(crate) fn may_read_medication(&self, session: &str) -> bool {
        let url = format!("{}/v1/card/consents?session={session}", self.service);
        let consents = told(self.client.get(url).call().unwrap()).expect(200);
        let all = consents["consents"].as_array().unwrap();
        all.iter().any(|one| one["informationType"] == "medication" && one["available"] == true)
    }
}

fn told(mut response: ureq::http::Response<ureq::Body>) -> Told {
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.map(|value| value.to_str().unwrap().parse().unwrap());
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Told { status, retry_after, body }
}

/// People who are insured for good by an insurance, not by 医療扶助.
pub(crate) fn insured(people: Vec<Registration<'static>>) -> Vec<Registration<'static>> {
    let on = Day::parse(DATE).unwrap();
    let fits = |one: &Registration<'_>| {
        one.card.insurer.scheme() != Scheme::MedicalAid
            && one.period.covers(on)
            && one.period.end().is_none()
    };
    people.into_iter().filter(fits).collect()
}
