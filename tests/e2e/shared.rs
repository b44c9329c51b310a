//! One centre with 20,000 people and a running engine, for all tests that only ask.

use crate::http::Reply;
use crate::population::Registered;
use crate::question::Question;
use shikaku_domain::Day;
use shikaku_tests::{Centre, DATE, Engine, FACILITY, PASSWORD, USER};
use shikaku_wire::oqs::ParsedAnswer;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub(crate) const AUTH: &str = "/oqs-api-pro/MSA12020/ILI12020SV01/auth";
pub(crate) const SEARCH: &str = "/oqs-api-pro/MSA01030/ILI01030SV01/search";
pub(crate) const XML: &str = "/oqs/OQSsiquc01";
pub(crate) const V1: &str = "/v1/eligibility";

/// Accounts whose password tests get wrong, so that nobody else is locked out.
pub(crate) const FORGETFUL: [&str; 3] = ["forgetful", "locked", "guest"];

/// The centre, its engine, and what the rules say about its people.
pub(crate) struct Shared {
    pub(crate) centre: Centre,
    pub(crate) engine: Engine,
    pub(crate) registered: Registered,
    pub(crate) desk: Desk,
    _end: Child,
}

/// Starts it at the first call.
pub(crate) fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let centre = Centre::new(20_000);
        for user in FORGETFUL {
            add_account(&centre, user);
        }
        let engine = centre.start();
        let end = end_with_this_process(&engine, &centre.path(""));
        let desk = Desk::new(&centre, &engine);
        let registered = Registered::new(&centre.population);
        Shared { centre, engine, registered, desk, _end: end }
    })
}

/// The day of the population.
pub(crate) fn today() -> Day {
    Day::parse(DATE).unwrap()
}

fn add_account(centre: &Centre, user: &str) {
    let options = ["--file", "accounts.toml", "--code", FACILITY, "--password-file", "password"];
    centre.shikaku(&[&["account", "add", "--user", user], &options[..]].concat());
}

/// Statics are never dropped: a shell that waits for the end of this process ends the engine and
/// removes its folder, however this process ends.
pub(crate) fn end_with_this_process(engine: &Engine, folder: &Path) -> Child {
    const SCRIPT: &str = r#"cat >/dev/null; kill -KILL "$0"; rm -rf "$1""#;
    Command::new("sh")
        .args(["-c", SCRIPT, &engine.id().to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// One log-in at a time: an engine that checks two passwords already answers that it is busy.
pub(crate) fn log_in_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reception desk of [`FACILITY`]: a client with its certificate, logged in.
pub(crate) struct Desk {
    pub(crate) client: ureq::Agent,
    pub(crate) service: String,
    pub(crate) token: String,
}

impl Desk {
    pub(crate) fn new(centre: &Centre, engine: &Engine) -> Self {
        let client = centre.client(&format!("facility-{FACILITY}"));
        let mut desk = Self { client, service: engine.service.clone(), token: String::new() };
        let answer = desk.log_in(USER, PASSWORD);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["result"]["idToken"].as_str().unwrap().clone_into(&mut desk.token);
        desk
    }

    pub(crate) fn log_in(&self, user: &str, password: &str) -> Reply {
        let _turn = log_in_turn();
        let body = serde_json::json!({ "userId": user, "password": password }).to_string();
        self.post(AUTH, &[("content-type", "application/json;charset=UTF-8")], body.as_bytes())
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let url = format!("{}{path}", self.service);
        Reply::to(&self.client, ("POST", &url), headers, body).unwrap()
    }

    /// Posts a body to the OQS JSON search, logged in.
    pub(crate) fn search(&self, body: &[u8]) -> Reply {
        self.search_with(&self.token, body)
    }

    pub(crate) fn search_with(&self, token: &str, body: &[u8]) -> Reply {
        let kind = ("content-type", "application/json;charset=UTF-8");
        self.post(SEARCH, &[kind, ("authorization", token)], body)
    }

    pub(crate) fn ask_json(&self, question: &Question) -> ParsedAnswer {
        let reply = self.search(question.oqs_json().to_string().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("content-type"), "application/json;charset=UTF-8");
        ParsedAnswer::from_json(&reply.body).unwrap()
    }

    /// Posts an XML message; `charset` is what the receipt computer reads.
    pub(crate) fn post_xml(&self, body: &[u8], charset: &str) -> Reply {
        let headers = [("content-type", "application/xml"), ("accept-charset", charset)];
        self.post(XML, &headers, body)
    }

    pub(crate) fn ask_xml(&self, body: &[u8], charset: &str) -> ParsedAnswer {
        let reply = self.post_xml(body, charset);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("content-type"), format!("application/xml; charset={charset}"));
        ParsedAnswer::from_xml(&reply.body).unwrap()
    }

    /// Posts a body to `/v1/eligibility`.
    pub(crate) fn post_v1(&self, body: &[u8]) -> Reply {
        self.post(V1, &[("content-type", "application/json")], body)
    }

    pub(crate) fn ask_v1(&self, question: &Question) -> serde_json::Value {
        let reply = self.post_v1(question.v1().to_string().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// The 資格有効性 that `/v1` answers.
    pub(crate) fn validity(&self, question: &Question) -> String {
        self.ask_v1(question)["qualificationValidity"].as_str().unwrap().to_owned()
    }
}
