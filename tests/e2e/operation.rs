//! What operators see: health, metrics, and a stop that loses nothing.

use crate::http::{connect, head, read_answer};
use crate::shared::{Desk, V1, shared, today};
use serde_json::Value;
use shikaku_engine::metrics::TABLE;
use shikaku_tests::{Centre, Engine, FACILITY, run, wait_until};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Connections with a question on its way when the engine is told to stop.
const ON_THE_WAY: usize = 20;

/// The value of a metric without labels.
pub(crate) fn metric(engine: &Engine, name: &str) -> u64 {
    metric_with_labels(&engine.admin("/metrics").1, name)
}

/// The value of a metric, its labels in `name`.
fn metric_with_labels(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn json(engine: &Engine, path: &str) -> (u16, Value) {
    let (status, body) = engine.admin(path);
    (status, serde_json::from_str(&body).unwrap())
}

#[test]
fn a_serving_engine_says_that_it_lives_has_started_and_is_ready() {
    let engine = &shared().engine;
    let (status, live) = json(engine, "/livez");
    assert_eq!((status, &live["alive"]), (200, &true.into()));
    assert_eq!(json(engine, "/startupz"), (200, serde_json::json!({ "started": true })));
    let (status, ready) = json(engine, "/readyz");
    let parts =
        serde_json::json!({ "store": true, "shards": true, "intake": true, "recorder": true });
    let expected = serde_json::json!({ "ready": true, "phase": "serving", "parts": parts });
    assert_eq!((status, ready), (200, expected));
    assert_eq!(engine.admin("/v1/eligibility").0, 404, "the admin listener answers no questions");
}

#[test]
fn the_description_of_v1_is_served_and_printed_alike() {
    let engine = &shared().engine;
    let (status, served) = json(engine, "/docs/openapi.json");
    assert_eq!(status, 200);
    let printed: Value =
        serde_json::from_str(&shared().centre.shikaku(&["print-openapi"])).unwrap();
    assert_eq!(served, printed);
    for path in [V1, "/v1/members", "/v1/members/rejects/{file}"] {
        assert!(served["paths"].get(path).is_some(), "{path} is not described");
    }
    assert_eq!(engine.admin("/docs/").0, 200);
}

#[test]
fn the_metrics_are_those_of_the_table_and_count_what_was_asked() {
    let shared = shared();
    let (_, question) = shared.registered.valid(today(), |_| true);
    let answers = "oqs_answers_total{interface=\"v1\",validity=\"1\"}";
    let text = || shared.engine.admin("/metrics").1;
    let before = metric_with_labels(&text(), answers);
    shared.desk.ask_v1(&question);
    shared.desk.post_v1(b"{}").expect_problem(422, "SHK-ENG-014");
    let text = text();
    assert!(metric_with_labels(&text, answers) > before);
    let error = "oqs_errors_total{code=\"SHK-ENG-014\",interface=\"v1\",status=\"422\"}";
    assert!(text.contains(error), "{text}");
    assert!(text.contains("oqs_request_duration_seconds_bucket{interface=\"v1\",le=\"0.01\"}"));
    assert_eq!(metric_with_labels(&text, "oqs_ready"), 1);
    assert!(metric_with_labels(&text, "oqs_insurers") > 10);
    assert!(metric_with_labels(&text, "oqs_server_certificate_days") > 30);

    let exported: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| !name.starts_with("process_"))
        .collect();
    for name in &exported {
        assert!(TABLE.iter().any(|row| row.name == *name), "{name} is not in the table");
    }
    // Metrics with labels that nothing has happened for are not exported yet.
    for row in TABLE.iter().filter(|row| row.labels.is_empty()) {
        assert!(exported.contains(&row.name), "{} is not exported", row.name);
    }
}

#[test]
fn the_status_page_is_there_and_loads_nothing_from_elsewhere() {
    let engine = &shared().engine;
    let (status, page) = engine.admin("/");
    assert_eq!(status, 200);
    for name in ["status.css", "status.js"] {
        assert!(page.contains(&format!("\"{name}\"")), "{page}");
        let (status, text) = engine.admin(&format!("/status/{name}"));
        assert_eq!(status, 200);
        assert!(!text.contains("http://127") && !text.contains("https://"), "{name}");
    }
    assert!(!page.contains("http"), "{page}");
}

/// Operators' programs read the log: one JSON object a line, its message a sentence.
#[test]
fn every_line_of_the_log_is_json_with_a_level() {
    let log = shared().centre.log();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(log.contains("\"message\":\"Serving.\""));
}

/// A refusal that staff report can be found in the log.
#[test]
fn a_problem_carries_the_request_id_of_its_line_in_the_log() {
    let shared = shared();
    let problem = shared.desk.post_v1(b"{}").expect_problem(422, "SHK-ENG-014");
    let id = problem["requestId"].as_str().unwrap();
    wait_until("the log has the line", || shared.centre.log().contains(id));
}

/// A question whose head the engine has taken (it says 100 Continue) and whose body it waits for.
fn question_on_its_way(centre: &Centre, engine: &Engine, body: &str) -> impl Read + Write + use<> {
    let mut stream = connect(centre, engine, &format!("facility-{FACILITY}"));
    let headers = [("Content-Type", "application/json"), ("Expect", "100-continue")];
    stream.write_all(head(V1, body.len(), &headers).as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream).0, 100);
    stream.write_all(&body.as_bytes()[..body.len() / 2]).unwrap();
    stream.flush().unwrap();
    stream
}

#[test]
fn a_stop_answers_every_question_that_is_on_its_way_and_ends_well() {
    let centre = Centre::new(300);
    for signal in ["TERM", "INT"] {
        let mut engine = centre.start();
        let registered = crate::population::Registered::new(&centre.population);
        let body = registered.valid(today(), |_| true).1.v1().to_string();
        let mut waiting: Vec<_> =
            (0..ON_THE_WAY).map(|_| question_on_its_way(&centre, &engine, &body)).collect();

        engine.signal(signal);
        let address = engine.service.strip_prefix("https://").unwrap().to_owned();
        wait_until("new connections are refused", || TcpStream::connect(&address).is_err());
        for stream in &mut waiting {
            stream.write_all(&body.as_bytes()[body.len() / 2..]).unwrap();
        }
        for stream in &mut waiting {
            let (status, answer) = read_answer(stream);
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["qualificationValidity"], "1");
        }
        drop(waiting);
        wait_until("the engine has ended", || engine.ended().is_some());
        assert_eq!(engine.ended(), Some(true), "{}", centre.log());
    }
}

/// Balancers must see "not ready" while the engine still answers.
#[test]
fn a_draining_engine_is_not_ready_but_answers_until_the_delay_is_over() {
    let centre = Centre::empty(1);
    let delay = [("SHIKAKU_ENGINE_SERVER_DRAIN_DELAY_MS", "60000")];
    let engine = centre.start_with(&delay);
    let desk = Desk::new(&centre, &engine);
    engine.signal("TERM");
    wait_until("it is not ready", || engine.admin("/readyz").0 == 503);
    let (_, ready) = json(&engine, "/readyz");
    assert_eq!((&ready["ready"], &ready["phase"]), (&false.into(), &"draining".into()));
    assert_eq!(engine.admin("/livez").0, 200);
    assert_eq!(engine.admin("/startupz").0, 200);
    assert_eq!(metric(&engine, "oqs_ready"), 0);
    let body = br#"{"insurerNumber":"01040013","insuredIdentificationNumber":"1","birthdate":"1980-04-01"}"#;
    assert_eq!(desk.post_v1(body).status, 200);
}

/// Receipt computers keep connections open without using them.
#[test]
fn an_idle_connection_does_not_hold_up_the_stop() {
    let centre = Centre::empty(1);
    let patience = [("SHIKAKU_ENGINE_SERVER_DRAIN_SECONDS", "600")];
    let mut engine = centre.start_with(&patience);
    let desk = Desk::new(&centre, &engine);
    let _silent = TcpStream::connect(engine.service.strip_prefix("https://").unwrap()).unwrap();
    engine.signal("TERM");
    wait_until("the engine has ended", || engine.ended().is_some());
    assert_eq!(engine.ended(), Some(true));
    drop(desk);
}

/// What was loaded is there after any end.
#[test]
fn what_was_loaded_survives_a_stop_and_a_kill() {
    let centre = Centre::new(300);
    let registered = crate::population::Registered::new(&centre.population);
    let (_, question) = registered.valid(today(), |_| true);
    let ask = |engine: &Engine| Desk::new(&centre, engine).validity(&question);
    let engine = centre.start();
    assert_eq!(ask(&engine), "1");
    assert!(engine.stop());
    let engine = centre.start();
    assert_eq!(ask(&engine), "1");
    engine.kill();
    let engine = centre.start();
    assert_eq!(ask(&engine), "1");
    assert!(engine.stop());
    let said = run("shikaku", &["verify"], &centre.path(""));
    assert!(said.contains("problems                  0"), "{said}");
}

/// What an operator changes counts without a restart where it can, and the log says what waits for
/// one; a mistake changes nothing.
#[test]
fn a_hang_up_signal_puts_the_configuration_in_force_and_a_mistake_does_not() {
    let centre = Centre::new(200);
    let engine = centre.start();
    let desk = Desk::new(&centre, &engine);
    let file = centre.path("shikaku.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let limited = |more: &str| {
        let limits = "[limits]\nfacility_per_second = 1\nfacility_burst = 1\n";
        let text = before.replace("workers = 2", "workers = 3");
        std::fs::write(&file, format!("{text}{limits}{more}")).unwrap();
        engine.signal("HUP");
    };
    let is_refused = || (0..5).any(|_| desk.post_v1(b"{}").status == 429);
    assert!(!is_refused());
    limited("");
    wait_until("the rate is limited", is_refused);
    let log = centre.log();
    let line = |key: &str| {
        let key = format!("\"key\":\"{key}\"");
        log.lines().find(|line| line.contains(&key)).unwrap_or_else(|| panic!("{key} in {log}"))
    };
    assert!(line("limits.facility_per_second").contains("\"from\":\"0\",\"to\":\"1\""));
    assert!(line("server.workers").contains("waits for a restart"));
    limited("[server]\n");
    wait_until("the mistake is in the log", || centre.log().contains("SHK-CFG-002"));
    wait_until("the rate is limited still", is_refused);
    assert!(engine.stop());
}
