//! The store built anew while the engine serves: nobody at a counter notices, and nothing that was
//! acknowledged is missing in it.

use crate::card_desk::CardDesk;
use crate::cards::{eligibility, register, somebody};
use crate::http::Reply;
use crate::population::Registered;
use crate::question::Question;
use crate::shared::today;
use serde_json::{Value, json};
use shikaku_domain::{CharacterCode, InsurerNumber, Personal, Registration};
use shikaku_tests::cards::{Card, insurance_card};
use shikaku_tests::{Centre, FACILITY, program, said, wait_until};
use shikaku_wire::members::MemberWriter;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const PERSONS: u64 = 4_000;
const FILES: [&str; 2] = ["population/insurers.csv", "population/members.csv"];
/// Shards of the new store; the old one has three.
const SHARDS: (&str, &str) = ("SHIKAKU_ENGINE_STORE_SHARDS", "2");

/// An operator's `shikaku shadow` at an engine.
fn shadow(centre: &Centre, service: &str, arguments: &[&str]) -> Command {
    shadow_as(centre, service, arguments, "operator-tests")
}

fn shadow_as(centre: &Centre, service: &str, arguments: &[&str], who: &str) -> Command {
    let mut command = Command::new(program("shikaku"));
    command
        .arg("shadow")
        .args(arguments)
        .args(["--server", service, "--ca", "ca/ca.pem"])
        .args(["--cert", &format!("ca/clients/{who}.pem")])
        .args(["--key", &format!("ca/clients/{who}.key.pem")])
        .env(SHARDS.0, SHARDS.1)
        .current_dir(centre.path(""))
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[track_caller]
fn is_refused(mut command: Command, code: &str) -> String {
    let output: Output = command.output().unwrap();
    let said = said(&output);
    assert!(!output.status.success() && said.contains(code), "{said}");
    said
}

fn load<'c>(more: &[&'c str]) -> Vec<&'c str> {
    [&["load"], &FILES[..], more].concat()
}

/// Sends a members' file as an operator.
#[track_caller]
fn send(centre: &Centre, service: &str, mode: &str, body: &[u8]) -> Value {
    let client = centre.client("operator-tests");
    let url = format!("{service}/v1/members?mode={mode}");
    let reply = Reply::to(&client, ("POST", &url), &[("content-type", "text/csv")], body).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn file(write: impl FnOnce(&mut MemberWriter<Vec<u8>>)) -> Vec<u8> {
    let mut writer = MemberWriter::new(Vec::new(), CharacterCode::Utf8).unwrap();
    write(&mut writer);
    writer.finish().unwrap().0
}

/// What a facility is answered, but for the time.
fn answer(client: &ureq::Agent, service: &str, question: &Question) -> Value {
    let url = format!("{service}/v1/eligibility");
    let json = [("content-type", "application/json")];
    let body = question.v1().to_string();
    let reply = Reply::to(client, ("POST", &url), &json, body.as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut answer = reply.json();
    answer.as_object_mut().unwrap().remove("processExecutionTime");
    answer
}

/// What insurers and patients do while the store is built anew.
struct Meanwhile<'p> {
    renamed: Registration<'p>,
    withdrawn: &'p Registration<'static>,
    insurer: InsurerNumber,
    missing: &'p Registration<'static>,
    delta: Vec<u8>,
    full: Vec<u8>,
}

impl<'p> Meanwhile<'p> {
    /// One is renamed, one is withdrawn, and a full replacement lacks one of an insurer's members.
    fn new(registered: &'p Registered) -> Self {
        let all = registered.all();
        let mut of: BTreeMap<InsurerNumber, Vec<&Registration<'static>>> = BTreeMap::new();
        all.iter().for_each(|one| of.entry(one.card.insurer).or_default().push(one));
        // The file may take away a tenth.
        let members = of.values().find(|members| members.len() > 20).unwrap();
        let (missing, rest) = members.split_last().unwrap();
        let insurer = missing.card.insurer;
        let mut others = all.iter().filter(|one| {
            one.card.insurer != insurer && one.period.covers(today()) && one.period.end().is_none()
        });
        let (renamed, withdrawn) = (others.next().unwrap(), others.nth(50).unwrap());
        let renamed = Registration {
            name: Personal::new(Cow::Borrowed("架空　改姓")),
            ..(*renamed).clone()
        };
        let delta = file(|lines| {
            lines.write(&renamed).unwrap();
            let Registration { person, card, period, .. } = withdrawn;
            lines.withdraw(*person, card, period.start()).unwrap();
        });
        let full = file(|lines| rest.iter().for_each(|one| lines.write(one).unwrap()));
        Self { renamed, withdrawn, insurer, missing, delta, full }
    }

    #[track_caller]
    fn expect(&self, client: &ureq::Agent, service: &str) {
        let ask = |one| answer(client, service, &Question::about(one, today()));
        assert_eq!(ask(&self.renamed)["eligibility"]["name"], "架空　改姓");
        assert_eq!(ask(self.withdrawn)["qualificationValidity"], "4");
        assert_ne!(ask(self.missing)["eligibility"]["name"], self.missing.name.expose().as_ref());
    }
}

#[test]
fn a_store_built_anew_takes_over_unnoticed_and_lacks_nothing_that_was_acknowledged() {
    let desk = CardDesk::new(Centre::new(PERSONS));
    let (service, admin) = (desk.addresses().0.to_owned(), desk.addresses().1.to_owned());
    let centre = &desk.centre;
    let registered = Registered::new(&centre.population);
    let meanwhile = Meanwhile::new(&registered);
    let (before, early) = (Card::new(500), somebody(&desk, 0));
    let session = register(&desk, &before, &insurance_card(&early));
    let agree = |session: &str, consents: Value| {
        let reply = desk.post("eligibility", &eligibility(session, consents));
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    agree(&session, json!({"medication": true, "diagnosis": true}));

    let untouched: Vec<_> = registered
        .all()
        .into_iter()
        .filter(|one| one.card.insurer != meanwhile.insurer)
        .filter(|one| ![meanwhile.renamed.person, meanwhile.withdrawn.person].contains(&one.person))
        .step_by(11)
        .map(|one| Question::about(one, today()))
        .collect();
    let client = centre.client(&format!("facility-{FACILITY}"));
    let answers: Vec<_> = untouched.iter().map(|q| answer(&client, &service, q)).collect();
    let (is_over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (after, late) = (Card::new(501), somebody(&desk, 1));
    thread::scope(|scope| {
        let asker = scope.spawn(|| {
            for (question, expected) in untouched.iter().zip(&answers).cycle() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                assert_eq!(answer(&client, &service, question), *expected);
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        succeeds(shadow(centre, &service, &["begin"]));
        let report = send(centre, &service, "delta", &meanwhile.delta);
        assert_eq!((&report["changed"], &report["withdrawn"]), (&json!(1), &json!(1)), "{report}");
        succeeds(shadow(centre, &service, &load(&["--no-switch"])));
        let report = send(centre, &service, "full", &meanwhile.full);
        assert_eq!(report["removed"], 1, "{report}");
        let withdrawal = json!({"session": session, "informationType": "medication"});
        assert_eq!(desk.post("consents/withdrawals", &withdrawal).status, 200);
        let session = register(&desk, &after, &insurance_card(&late));
        agree(&session, json!({"checkup": true}));
        let status = succeeds(shadow(centre, &service, &["status"]));
        assert!(status.contains("generation 1") && status.contains("files kept    2"), "{status}");

        let asked_before = asked.load(Ordering::SeqCst);
        let said = succeeds(shadow(centre, &service, &["switch"]));
        assert!(said.contains("generation 2"), "{said}");
        wait_until("answers come from the new store", || {
            asker.is_finished() || asked.load(Ordering::SeqCst) > asked_before + 100
        });
        is_over.store(true, Ordering::SeqCst);
    });

    let metrics = |name: &str| {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let response = config.new_agent().get(format!("{admin}/metrics")).call().unwrap();
        let text = shikaku_tests::reply(response).1;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name}")).parse::<f64>().unwrap()
    };
    assert!((metrics("oqs_store_generation") - 2.0).abs() < f64::EPSILON);
    assert!(metrics("oqs_shadow_stop_seconds") < 2.0, "{}", metrics("oqs_shadow_stop_seconds"));
    let expect_cards = |desk: &CardDesk| {
        let consents = |card: &Card| {
            let session = desk.open(card);
            let list = desk.get(&format!("consents?session={session}")).json()["consents"].clone();
            let of = |one: &Value| {
                let information = one["informationType"].as_str().unwrap().to_owned();
                (information, one["available"].as_bool().unwrap())
            };
            list.as_array().unwrap().iter().map(of).collect::<BTreeMap<_, _>>()
        };
        let early = consents(&before);
        assert_eq!((early["medication"], early["diagnosis"]), (false, true));
        assert!(consents(&after)["checkup"]);
    };
    meanwhile.expect(&client, &service);
    expect_cards(&desk);
    wait_until("the former store is removed", || !centre.path("store/log").exists());
    assert!(centre.path("store/generation-02/shard-01").exists());

    // The new store takes files and cards, and survives the engine's death.
    let report = send(centre, &service, "delta", &file(|f| f.write(meanwhile.missing).unwrap()));
    assert_eq!(report["added"], 1, "{report}");
    register(&desk, &Card::new(502), &insurance_card(&somebody(&desk, 2)));
    let repeated = send(centre, &service, "delta", &meanwhile.delta);
    assert_eq!(repeated["repeated"], true, "{repeated}");
    let desk = desk.killed_and_started();
    expect_cards(&desk);
    equals_one_built_offline(&desk, &registered, &meanwhile);
    let centre = desk.stop();
    let verified = centre.shikaku(&["verify"]);
    assert!(verified.contains("problems                  0"), "{verified}");
    for line in ["cards                     3", "consents                  3"] {
        assert!(verified.contains(line), "{verified}");
    }
}

/// Builds a store of the same files without an engine, and compares every answer.
fn equals_one_built_offline(desk: &CardDesk, registered: &Registered, meanwhile: &Meanwhile<'_>) {
    let centre = &desk.centre;
    let offline = ("SHIKAKU_ENGINE_STORE_PATH", "offline");
    let load = |arguments: &[&str]| {
        let mut command = Command::new(program("shikaku"));
        command.arg("load").args(arguments).env(offline.0, offline.1);
        command.current_dir(centre.path("")).stdin(Stdio::null());
        succeeds(command);
    };
    let back = file(|lines| lines.write(meanwhile.missing).unwrap());
    for (name, text) in
        [("delta.csv", &meanwhile.delta), ("full.csv", &meanwhile.full), ("back.csv", &back)]
    {
        std::fs::write(centre.path(name), text).unwrap();
    }
    load(&["--bulk", FILES[0], FILES[1]]);
    load(&["delta.csv"]);
    load(&["full.csv", "--mode", "full"]);
    load(&["back.csv"]);
    let other = centre.start_with(&[offline]);
    let client = centre.client(&format!("facility-{FACILITY}"));
    let (service, _) = desk.addresses();
    for one in registered.all() {
        let question = Question::about(one, today());
        let answers = [service, &other.service].map(|at| answer(&client, at, &question));
        assert_eq!(answers[0], answers[1], "person {}", one.person.number());
    }
    assert!(other.stop());
}

#[test]
fn a_shadow_is_refused_where_it_would_do_harm_and_given_up_without_a_trace() {
    let centre = Centre::new(PERSONS);
    let engine = centre.start();
    let service = engine.service.clone();
    let command = |arguments: &[&str]| shadow(&centre, &service, arguments);
    let facility = format!("facility-{FACILITY}");
    is_refused(shadow_as(&centre, &service, &["begin"], &facility), "SHK-ENG-011");
    is_refused(command(&["switch"]), "SHK-SHD-001");
    is_refused(command(&["load", "nothing.csv"]), "SHK-INT-005");
    is_refused(command(&load(&[])), "SHK-SHD-010");
    assert!(!centre.path("store/generation-02").exists(), "nothing was begun");
    succeeds(command(&["begin"]));
    // Longer than any disk has room for; nothing is written of it, nor of the store.
    std::fs::File::create(centre.path("huge.csv")).unwrap().set_len(8 << 40).unwrap();
    is_refused(command(&["load", FILES[0], "huge.csv"]), "SHK-SHD-009");
    assert!(!centre.path("store/generation-02/log").exists());

    // A builder that waits for its input, and whoever comes second.
    let mut builder = command(&["load", FILES[0], "-", "--no-switch"]);
    let mut builder = builder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the shadow is open", || centre.path("store/generation-02/log/CURRENT").exists());
    is_refused(command(&load(&[])), "SHK-SHD-002");
    is_refused(command(&["abandon"]), "SHK-STO-001");
    builder.kill().unwrap();
    builder.wait().unwrap();
    succeeds(command(&["abandon"]));
    assert!(!centre.path("store/generation-02").exists());
    assert!(succeeds(command(&["status"])).contains("shadow        none"));

    // Left by whoever built for a beginning that is over: the next one begins with nothing of it.
    succeeds(command(&["begin"]));
    succeeds(command(&load(&["--no-switch"])));
    std::fs::remove_dir_all(centre.path("store/generation-02/received")).unwrap();
    is_refused(command(&["switch"]), "SHK-SHD-001");

    // Half of the people: the serving store stays, unless somebody says that it must be so.
    let members = std::fs::read_to_string(centre.path(FILES[1])).unwrap();
    let lines = members.lines().count();
    let half: String = members.split_inclusive('\n').take(lines / 2).collect();
    std::fs::write(centre.path("half.csv"), half).unwrap();
    succeeds(command(&["begin"]));
    let half = ["load", FILES[0], "half.csv"];
    is_refused(command(&half), "SHK-SHD-003");
    assert!(succeeds(command(&["status"])).contains("SHK-SHD-003"));
    is_refused(command(&load(&[])), "SHK-STO-018");
    let said = succeeds(command(&[&half[..], &["--fewer"]].concat()));
    assert!(said.contains("loaded before") && said.contains("generation 2"), "{said}");

    succeeds(command(&["begin"]));
    assert!(engine.stop());
    let mut offline = Command::new(program("shikaku"));
    offline.args(["load", FILES[1]]).current_dir(centre.path("")).stdin(Stdio::null());
    is_refused(offline, "SHK-SHD-002");
}
