//! The load tool against the real engine: every answer is what the rules say.

use crate::card_desk::CardDesk;
use crate::shared::{log_in_turn, shared};
use serde_json::Value;
use shikaku_tests::{Centre, FACILITY, USER, said, try_run};
use std::path::Path;

/// Runs a short load through an interface. The machine may be too busy for the numbers to be
/// used (exit code 2), but answers are never wrong and never missing.
#[track_caller]
fn expect_right_answers(interface: &str) {
    let shared = shared();
    let report = format!("report-{interface}.json");
    let own = format!("ca/clients/facility-{FACILITY}");
    let (certificate, key) = (own.clone() + ".pem", own + ".key.pem");
    let arguments = [
        ["--target", &shared.engine.service],
        ["--interface", interface],
        ["--ca", "ca/ca.pem"],
        ["--cert", &certificate],
        ["--key", &key],
        ["--population", "population"],
        ["--rate", "300"],
        ["--duration", "2s"],
        ["--warmup", "500ms"],
        ["--connections", "8"],
        ["--user", USER],
        ["--password-file", "password"],
        ["--json", &report],
    ];
    let arguments = [&["run"][..], &arguments.concat()].concat();
    let _turn = (interface == "oqs-json").then(log_in_turn);
    let output = try_run("shikaku-loadgen", &arguments, &shared.centre.path(""));
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", said(&output));
    let report = std::fs::read(shared.centre.path(&report)).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let counts = &report["total"]["counts"];
    assert_eq!(counts["wrong"], 0, "{}", report["wrong_examples"]);
    assert_eq!(counts["faults"], serde_json::json!({}), "{counts}");
    assert_eq!(counts["unanswered"], 0, "{counts}");
    assert!(counts["good"].as_u64().unwrap() > 0, "{counts}");
    assert_eq!(counts["statuses"], serde_json::json!({ "200": counts["good"] }), "{counts}");
}

#[test]
fn a_load_through_v1_gets_right_answers_only() {
    expect_right_answers("v1");
}

#[test]
fn a_load_through_oqs_json_gets_right_answers_only() {
    expect_right_answers("oqs-json");
}

#[test]
fn a_load_through_oqs_xml_gets_right_answers_only() {
    expect_right_answers("oqs-xml");
}

/// A centre half of whose people have cards.
fn desk_with_cards() -> CardDesk {
    CardDesk::with(Centre::new(3_000), |centre| {
        let make = ["population", "--persons", "3000", "--seed", "7", "--date", "20261101"];
        centre.loadgen(&[&make[..], &["--out", "people", "--cards", "50"]].concat());
        centre.shikaku(&["load", "people/cards.csv"]);
    })
}

const SCENARIO: &str = r#"
title = "Patients with and without cards"
warmup = "500ms"
rate = [["0s", 100], ["3s", 100]]
[[stream]]
name = "numbers"
share = 37
connections = 4
facilities = 2
[[stream]]
name = "cards"
share = 63
connections = 8
facilities = 2
requests_per_connection = 20
cards = { pin = 400, visual = 100, provide = 700, medical = 500, expired = 100 }
"#;

fn visit(desk: &CardDesk, population: &str) -> (Value, std::process::Output) {
    let scenario = desk.centre.path("visits.toml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    play(desk, &scenario, population, &["--label", "commit=0123abcd"])
}

/// Plays a scenario against the desk's engine.
fn play(
    desk: &CardDesk,
    scenario: &Path,
    population: &str,
    more: &[&str],
) -> (Value, std::process::Output) {
    let (service, admin) = desk.addresses();
    let metrics = format!("{admin}/metrics");
    let arguments = [
        ["--target", service],
        ["--scenario", scenario.to_str().unwrap()],
        ["--ca", "ca/ca.pem"],
        ["--facilities", "facilities"],
        ["--population", population],
        ["--metrics", &metrics],
        ["--json", "visits.json"],
    ];
    let folder = desk.centre.path("facilities");
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(desk.centre.path("ca/clients")).unwrap() {
        let path = entry.unwrap().path();
        let name = Path::new(path.file_name().unwrap());
        if name.to_str().unwrap().starts_with("facility-") {
            std::fs::copy(&path, folder.join(name)).unwrap();
        }
    }
    let arguments = [&["run"][..], &arguments.concat(), more].concat();
    let output = try_run("shikaku-loadgen", &arguments, &desk.centre.path(""));
    let json = std::fs::read(desk.centre.path("visits.json")).unwrap_or(b"null".to_vec());
    (serde_json::from_slice(&json).unwrap(), output)
}

/// Each scenario of the repository but `many-facilities`, which is about its 5,000 certificates and
/// is played by `shikaku-bench`: a fiftieth of its rates, so fast that it takes some two seconds.
#[test]
fn every_scenario_of_the_repository_is_played_and_answered_rightly() {
    let desk = desk_with_cards();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../loadgen/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut played = 0;
    for path in files.filter(|path| name(path) != "many-facilities") {
        let pace = if name(&path) == "month" { "360" } else { "40" };
        let more = ["--scale", "0.02", "--pace", pace, "--signers", "2", "--signer-cores", "0"];
        let (report, output) = play(&desk, &path, "people", &more);
        // A busy machine may miss a threshold of time or make the numbers invalid.
        assert!(matches!(output.status.code(), Some(0 | 2 | 4)), "{}", said(&output));
        let counts = &report["total"]["counts"];
        assert_eq!(counts["wrong"], 0, "{path:?} {}", report["wrong_examples"]);
        assert_eq!(counts["codes"], serde_json::json!({}), "{path:?} {counts}");
        assert_eq!(counts["faults"], serde_json::json!({}), "{path:?} {counts}");
        assert!(counts["good"].as_u64().unwrap() > 0, "{path:?} {counts}");
        assert_eq!(report["description"]["scenario"], name(&path));
        played += 1;
    }
    assert_eq!(played, 5);
}

#[test]
fn visits_with_cards_are_signed_asked_about_and_answered_as_the_rules_say() {
    let desk = desk_with_cards();
    let (report, output) = visit(&desk, "people");
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", said(&output));
    let counts = &report["total"]["counts"];
    assert_eq!(counts["wrong"], 0, "{}", report["wrong_examples"]);
    assert_eq!(counts["codes"], serde_json::json!({}), "{counts}");
    assert_eq!(counts["faults"], serde_json::json!({}), "{counts}");
    let cards = &report["streams"][1]["measured"]["counts"];
    let visits = cards["good"].as_u64().unwrap();
    // A busy machine may leave some unsent.
    let [due, unsent] = ["due", "unsent"].map(|name| cards[name].as_u64().unwrap());
    assert!(visits > 0 && visits + unsent == due, "{cards}");
    // Every visit has a challenge and a session; those with an expired card end there.
    let status = |status: &str| cards["statuses"][status].as_u64().unwrap_or_default();
    let ends = status("200") + status("403") + status("409");
    assert!(status("403") > 0 && ends == visits, "{cards}");
    // They are told as what they are: expected, with their reason.
    assert_eq!(cards["refusals"]["expired_card"], cards["statuses"]["403"], "{cards}");
    assert!(said(&output).contains("expired long ago"), "{}", said(&output));
    let signing = &report["workers"][0]["signing"];
    assert!(signing["signatures"].as_u64().unwrap() >= visits, "{signing}");
    assert!(signing["cpu_seconds"].as_f64().unwrap() > 0.0, "{signing}");
    let server = &report["server"];
    let last = server["samples"].as_array().unwrap().last().unwrap();
    assert!(last["values"]["oqs_answers_total"].as_f64().unwrap() > 0.0, "{server}");
    assert!(!server["version"].as_str().unwrap().is_empty(), "{server}");
    assert_eq!(report["description"]["labels"]["commit"], "0123abcd");
}

#[test]
fn an_answer_that_is_not_the_holder_s_is_noticed() {
    let desk = desk_with_cards();
    // Another population of the same cards' authority: the engine answers well, but of others.
    let make = ["population", "--persons", "3000", "--seed", "7", "--date", "20261102"];
    desk.centre.loadgen(&[&make[..], &["--out", "others", "--cards", "50"]].concat());
    let (report, output) = visit(&desk, "others");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(report["streams"][1]["measured"]["counts"]["wrong"].as_u64().unwrap() > 0);
}

#[test]
fn what_keeps_visits_from_being_made_is_said_before_the_clock_starts() {
    let desk = desk_with_cards();
    let (_, output) = visit(&desk, "population");
    assert!(said(&output).contains("SHK-LGR-015") && said(&output).contains("--cards"));
}
