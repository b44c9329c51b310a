//! A counter with a reader: everything real, on loopback, private to one test.

use serde_json::{Value, json};
use shikaku_card::ca::CrlSchedule;
use shikaku_card::pcscd::{Pcscd, SOCKET_VARIABLE};
use shikaku_card::{CardFolder, CardOrder, FiledCard, Holder, Issuer, Profile};
use shikaku_domain::{Day, Personal, QualificationValidity, Registration, Sex, Timestamp};
use shikaku_tests::cards::now;
use shikaku_tests::{Centre, Engine, FACILITY, program};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Longest wait for any screen.
const PATIENCE: Duration = Duration::from_secs(40);
const SEED: u64 = 1;
const PERSONS: u64 = 60;

/// People of the population who are insured today.
pub(crate) struct Person {
    pub(crate) index: u64,
    pub(crate) registration: Registration<'static>,
}

pub(crate) struct Place {
    pub(crate) centre: Centre,
    pub(crate) engine: Option<Engine>,
    pub(crate) pcscd: Option<Pcscd>,
    pub(crate) bridge: Bridge,
    pub(crate) people: Vec<Person>,
}

/// The running `shikaku-reader serve`, and a browser's part.
pub(crate) struct Bridge {
    child: Child,
    pub(crate) base: String,
    pub(crate) cookie: String,
    agent: ureq::Agent,
    kiosk: Receiver<Value>,
    counter: Receiver<Value>,
    seen: Value,
}

fn today() -> Day {
    Timestamp::from_unix_seconds(now()).day()
}

/// One registration that is valid today, per person who has one.
fn insured(centre: &Centre) -> Vec<Person> {
    let today = today();
    let valid = |index: u64| {
        let all = centre.population.person(index);
        let mut valid = all.into_iter().filter(|r| r.period.covers(today) && r.address.is_some());
        valid.next().map(|registration| Person { index, registration })
    };
    (0..PERSONS).filter_map(valid).collect()
}

impl Person {
    pub(crate) fn holder(&self) -> Holder {
        let r = &self.registration;
        Holder {
            index: self.index,
            name: Personal::new(r.name.expose().to_string()),
            address: Personal::new(r.address.as_ref().unwrap().expose().to_string()),
            birth: r.card.birthdate,
            sex: Sex::from_code(r.sex1.code()).unwrap(),
            municipality: 13_221,
        }
    }
}

impl Place {
    /// A place whose first people hold cards of these kinds, named `0-adult`, `1-face-only`, …
    pub(crate) fn new(profiles: &[&str]) -> Self {
        let centre = Centre::new(PERSONS);
        let people = insured(&centre);
        let cards = CardFolder::new(centre.path("cards"));
        for (person, profile) in people.iter().zip(profiles) {
            let profile = Profile::from_name(profile).unwrap();
            let order = CardOrder::new(person.holder(), profile, today());
            cards.add(SEED, &order).unwrap();
        }
        let now = now();
        let schedule = CrlSchedule { number: 1, this_update: now, next_update: now + 86_400 };
        cards.write_trust(&Issuer::new(SEED).unwrap(), schedule).unwrap();
        let configuration = fs::read_to_string(centre.path("shikaku.toml")).unwrap();
        let card = "[card]\ntrust = \"cards/trust.pem\"\ncrl = \"cards/crl.pem\"\n";
        fs::write(centre.path("shikaku.toml"), configuration + card).unwrap();
        let engine = centre.start();
        let folder = centre.path("pcscd");
        fs::create_dir_all(&folder).unwrap();
        let pcscd = Pcscd::start(&folder).unwrap();
        let bridge = Bridge::start(&centre, &engine, &pcscd);
        Self { centre, engine: Some(engine), pcscd: Some(pcscd), bridge, people }
    }

    /// A new bridge whose machine's clock is wrong by this much, as `faketime` writes it.
    pub(crate) fn set_the_bridges_clock(&mut self, by: &str) {
        let preload = shikaku_tests::faketime();
        self.restart_the_bridge(&[
            ("LD_PRELOAD", preload.to_str().unwrap()),
            ("FAKETIME", by),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]);
    }

    /// A new bridge, with environment variables.
    pub(crate) fn restart_the_bridge(&mut self, environment: &[(&str, &str)]) {
        assert!(self.bridge.stop());
        let (engine, pcscd) = (self.engine.as_ref().unwrap(), self.pcscd.as_ref().unwrap());
        let _ = fs::remove_file(self.centre.path("record.jsonl"));
        self.bridge = Bridge::start_with(&self.centre, engine, pcscd, environment);
    }

    /// Name of the n-th person's card.
    pub(crate) fn card(&self, number: usize) -> String {
        let start = format!("{}-", self.people[number].index);
        let cards = CardFolder::new(self.centre.path("cards")).list().unwrap();
        let stem = |card: &FiledCard| card.path.file_stem().unwrap().to_str().unwrap().to_owned();
        cards.iter().map(stem).find(|stem| stem.starts_with(&start)).unwrap()
    }

    pub(crate) fn insert(&mut self, number: usize) {
        let id = self.card(number);
        assert_eq!(self.bridge.post("/test-cards/insert", &json!({ "id": id })), 204);
    }

    pub(crate) fn remove(&self) {
        assert_eq!(self.bridge.post("/test-cards/remove", &json!({})), 204);
    }

    /// From the empty reader to the first question of consent, or whatever comes instead.
    pub(crate) fn with_pin(&mut self, number: usize, pin: &str) {
        self.insert(number);
        self.bridge.wait_for("chooseMethod");
        self.bridge.does(json!({ "intent": "chooseMethod", "method": "pin" }));
        self.bridge.wait_for("enterPin");
        self.bridge.does(json!({ "intent": "pin", "pin": pin }));
    }

    /// What stands on a card, as its holder types it.
    pub(crate) fn card_face(&self, number: usize) -> Value {
        let listed = self.bridge.get("/test-cards/list");
        let id = self.card(number);
        let card = listed.as_array().unwrap().iter().find(|card| card["id"] == id).unwrap();
        let mut face = card["cardFace"].clone();
        face["birthdate"] = card["birthdate"].clone();
        face
    }

    /// 初回登録 by what stands on the card, confirmed by both sides.
    pub(crate) fn register(&mut self, number: usize) {
        self.bridge.wait_for("registerOffer");
        let face = self.card_face(number);
        self.bridge.does(json!({ "intent": "register", "yes": true, "cardFace": face }));
        let shown = self.bridge.wait_for("registerConfirm");
        let name = self.people[number].registration.name.expose().to_string();
        assert_eq!(shown["candidate"]["name"], name);
        self.bridge.does(json!({ "intent": "confirmPerson", "yes": true }));
        let shown = self.bridge.wait_for("registerWaitingStaff");
        self.bridge.decides(&json!({
            "intent": "registration", "session": shown["session"], "same": true, "staff": "desk-1"
        }));
        self.bridge.wait_for("consentMedical");
    }

    /// The last two steps; the answer's validity.
    pub(crate) fn consent(&mut self) -> String {
        let shown = self.bridge.wait_for("consentMedical");
        assert_eq!(shown["ask"], json!(["medication", "checkup", "diagnosis", "operation"]));
        self.bridge.does(json!({ "intent": "consent", "consents": { "medication": true } }));
        self.bridge.wait_for("consentProvide");
        self.bridge.does(json!({
            "intent": "provide",
            "consents": { "limitApplicationCertificate": true },
            "prescriptionIssueSelect": 1
        }));
        let done = self.bridge.wait_for("done");
        done["validity"].as_str().unwrap().to_owned()
    }

    /// The receipt computer's files, oldest name first.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let folder = self.centre.path("OQS/face");
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|e| e == "xml")).collect();
        files.sort();
        files
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.centre.path("reader.log")).unwrap()
    }
}

impl Bridge {
    pub(crate) fn start(centre: &Centre, engine: &Engine, pcscd: &Pcscd) -> Self {
        Self::start_with(centre, engine, pcscd, &[])
    }

    /// With environment variables.
    pub(crate) fn start_with(
        centre: &Centre,
        engine: &Engine,
        pcscd: &Pcscd,
        environment: &[(&str, &str)],
    ) -> Self {
        let (port, root) = (pcscd.port(), centre.path("OQS"));
        let config = format!(
            "[engine]\nurl = \"{}\"\nca = \"ca/ca.pem\"\n\
             certificate = \"ca/clients/facility-{FACILITY}.pem\"\n\
             key = \"ca/clients/facility-{FACILITY}.key.pem\"\n\
             [exchange]\nroot = \"{}\"\npoll_interval_ms = 20\n\
             [card]\ninstitution = \"{FACILITY}\"\nanswer_seconds = 2\n\
             [kiosk]\nlisten = \"127.0.0.1:0\"\nlast_seconds = 1\nnote_seconds = 1\nrecord = \"record.jsonl\"\n\
             [demo]\ncards = \"cards\"\nport = {port}\nseed = {SEED}\n",
            engine.service,
            root.display()
        );
        fs::write(centre.path("reader.toml"), config).unwrap();
        let log = fs::File::create(centre.path("reader.log")).unwrap();
        let mut child = Command::new(program("shikaku-reader"))
            .args(["serve", "--config", "reader.toml"])
            .env(SOCKET_VARIABLE, pcscd.socket())
            .env("SHIKAKU_LOG", "debug")
            .envs(environment.iter().copied())
            .current_dir(centre.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let kiosk = line.split_whitespace().nth(1);
        let log = || fs::read_to_string(centre.path("reader.log")).unwrap();
        let kiosk = kiosk.unwrap_or_else(|| panic!("the bridge did not start: {}", log()));
        let base = kiosk.trim_end_matches("/kiosk").to_owned();
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.build().new_agent();
        let page = agent.get(format!("{base}/kiosk")).call().unwrap();
        let cookie = page.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let [kiosk, counter] = ["kiosk", "counter"]
            .map(|page| follow(&agent, format!("{base}/{page}/events"), cookie.clone()));
        Self { child, base, cookie, agent, kiosk, counter, seen: Value::Null }
    }

    /// Waits until the kiosk shows a screen.
    pub(crate) fn wait_for(&mut self, screen: &str) -> Value {
        self.wait_until(screen, |state| state["screen"] == screen)
    }

    pub(crate) fn wait_until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        while !is_so(&self.seen) {
            let next = self.kiosk.recv_timeout(PATIENCE);
            self.seen = next.unwrap_or_else(|_| panic!("waited for {what}, saw {}", self.seen));
        }
        self.seen.clone()
    }

    /// Waits until the counter shows something.
    pub(crate) fn counter(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let state = self.counter.recv_timeout(PATIENCE).expect("the counter shows it");
            if is_so(&state) {
                return state;
            }
        }
    }

    /// The patient does something on the screen that is shown.
    pub(crate) fn does(&mut self, mut intent: Value) {
        intent["session"] = self.seen["session"].clone();
        intent["seq"] = self.seen["seq"].clone();
        assert_eq!(self.post("/kiosk/intents", &intent), 202, "{intent} on {}", self.seen);
    }

    pub(crate) fn decides(&self, intent: &Value) {
        assert_eq!(self.post("/counter/intents", intent), 202, "{intent}");
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let request = self.agent.get(format!("{}{path}", self.base)).header("cookie", &self.cookie);
        let (status, body) = shikaku_tests::reply(request.call().unwrap());
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Posts as a page of this origin does; the status.
    pub(crate) fn post(&self, path: &str, body: &Value) -> u16 {
        self.post_as(path, body, &[("cookie", &self.cookie), ("origin", &self.base)])
    }

    pub(crate) fn post_as(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> u16 {
        let url = format!("{}{path}", self.base);
        let headers = [&[("content-type", "application/json")], headers].concat();
        shikaku_tests::post(&self.agent, &url, &headers, body.to_string().as_bytes()).unwrap().0
    }

    /// Gets with these headers; the status.
    pub(crate) fn get_as(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        request.call().unwrap().status().as_u16()
    }

    /// Stops it as an operator would, and returns whether it ended well.
    pub(crate) fn stop(&mut self) -> bool {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Follows a page's events until the program ends.
fn follow(agent: &ureq::Agent, url: String, cookie: String) -> Receiver<Value> {
    let (sender, states) = channel();
    let response = agent.get(url).header("cookie", &cookie).call().unwrap();
    assert_eq!(response.status(), 200);
    thread::spawn(move || {
        let lines = BufReader::new(response.into_body().into_reader()).lines();
        for line in lines.map_while(Result::ok) {
            let Some(state) = line.strip_prefix("data: ") else { continue };
            if sender.send(serde_json::from_str(state).unwrap()).is_err() {
                return;
            }
        }
    });
    states
}

/// Whether a file's message has a value for an element.
pub(crate) fn element(path: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once('<')?.0.to_owned())
}

pub(crate) fn is_valid(code: &str) -> bool {
    QualificationValidity::from_code(code) == Ok(QualificationValidity::Valid)
}
