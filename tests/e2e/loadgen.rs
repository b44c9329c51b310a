//! The load tool against the real engine: every answer is what the rules say.

use crate::shared::{log_in_turn, shared};
use serde_json::Value;
use shikaku_tests::{FACILITY, USER, said, try_run};

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
