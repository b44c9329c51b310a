//! Latency is counted from the scheduled time, and nothing is dropped.

use super::server::{Act, ok, serve};
use super::{Plain, plain};
use crate::run::Summary;
use crate::run::result::{Model, RunResult, SCHEMA_VERSION, Spacing};
use crate::run::times::Times;
use crate::run::verdict::ReasonKind;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const CONNECTIONS: u32 = 4;

/// A server that stands still once, for 300 ms, whatever arrives.
fn run_against_a_stall(model: Model) -> RunResult {
    let stall: Mutex<Option<Instant>> = Mutex::new(None);
    let server = serve(None, move |number, _| {
        let mut stall = stall.lock().unwrap();
        if number == 20 {
            stall.get_or_insert_with(|| Instant::now() + Duration::from_millis(300));
        }
        let left =
            stall.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() { Act::Send(ok("{}")) } else { Act::Late(left, ok("{}")) }
    });
    let duration = Duration::from_millis(800);
    let run = Plain { model, rate: 1000.0, connections: CONNECTIONS, duration, ..plain(server) };
    run.run().unwrap()
}

fn slow(times: &Times) -> u64 {
    times.count_from(Duration::from_millis(100))
}

#[test]
fn open_load_sees_a_stall_in_every_request_that_was_due_during_it() {
    let open = run_against_a_stall(Model::Open).total;
    // About 200 requests were due in the first 200 ms of the stall and waited 100 ms or more.
    assert!(slow(&open.latency) >= 150, "{}", slow(&open.latency));
    // Only those that the connections had in hand saw it themselves.
    assert!(slow(&open.service) <= u64::from(CONNECTIONS), "{}", slow(&open.service));
    assert_eq!(open.latency.count(), open.counts.due);
}

#[test]
fn closed_load_hides_the_same_stall() {
    let closed = run_against_a_stall(Model::Closed).total;
    let slow = slow(&closed.latency);
    assert!((1..=u64::from(CONNECTIONS)).contains(&slow), "{slow}");
}

#[test]
fn every_request_that_was_due_is_accounted_for() {
    for (threads, spacing) in [(1, Spacing::Even), (3, Spacing::Even), (2, Spacing::Poisson)] {
        let server = serve(None, |_, _| Act::Send(ok("{}")));
        let warmup = Duration::from_millis(100);
        let run = Plain { spacing, rate: 400.0, threads, warmup, ..plain(server) };
        let result = run.run().unwrap();
        let counts = &result.total.counts;
        if spacing == Spacing::Even {
            assert_eq!(counts.due, 100, "400 a second for 250 ms");
        }
        assert_eq!(counts.sent + counts.unsent, counts.due);
        assert_eq!(counts.good + counts.unanswered, counts.sent);
        assert_eq!(result.total.latency.count(), counts.due);
        assert_eq!(counts.failed(), 0);
        // The series has the warm-up too.
        let series: u64 = result.seconds.iter().map(|second| second.due).sum();
        assert!(series > counts.due, "{series}");
    }
}

#[test]
fn requests_never_sent_and_never_answered_are_counted_and_make_the_run_invalid() {
    let server = serve(None, |number, _| if number == 0 { Act::Send(ok("{}")) } else { Act::Hang });
    let result = Plain { connections: 1, rate: 100.0, ..plain(server) }.run().unwrap();
    let counts = &result.total.counts;
    assert_eq!((counts.due, counts.sent, counts.unsent, counts.unanswered), (25, 1, 24, 1));
    assert_eq!(result.total.latency.count(), 25);
    let longest = result.total.latency.max();
    assert!(longest >= Duration::from_secs(1), "the unanswered one waited the drain out");
    assert!(result.verdict.invalid.iter().any(|reason| reason.kind == ReasonKind::RateMissed));
    let text = Summary(&result).to_string();
    assert!(text.contains("INVALID") && text.contains("24 were never sent"), "{text}");
}

#[test]
fn refusals_do_not_improve_the_percentiles_and_are_counted_by_their_code() {
    let body = r#"{"code":"SHK-ENG-001","title":"busy"}"#;
    let refusal = format!("HTTP/1.1 503 Busy\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = serve(None, move |_, _| Act::Send(refusal.clone().into_bytes()));
    let result = plain(server).run().unwrap();
    let counts = &result.total.counts;
    assert_eq!(
        (counts.statuses.get(&503), counts.codes.get("SHK-ENG-001")),
        (Some(&50), Some(&50))
    );
    assert_eq!((counts.good, result.total.latency.count()), (0, 0));
    assert!(!result.verdict.is_valid());
}

#[test]
fn a_result_names_its_model_and_survives_as_json() {
    let server = serve(None, |_, _| Act::Send(ok("{}")));
    let result = Plain { model: Model::Closed, ..plain(server) }.run().unwrap();
    assert!(Summary(&result).to_string().contains("CLOSED LOOP"));
    let json = serde_json::to_value(&result).unwrap();
    assert_eq!(json["schema_version"], SCHEMA_VERSION);
    assert_eq!(json["description"]["model"], "closed");
    assert_eq!(result.total.latency.count(), result.total.counts.good);
    assert!(json["workers"][0]["cpu_us_per_request"].is_number());
    assert_eq!(serde_json::from_value::<RunResult>(json).unwrap(), result);
}

#[test]
fn connections_are_opened_anew_as_often_as_facilities_do() {
    let server = serve(None, |_, _| Act::Send(ok("{}")));
    let run = Plain { requests_per_connection: Some(5), rate: 800.0, ..plain(server) };
    let counts = run.counts();
    assert_eq!((counts.due, counts.good, counts.failed()), (200, 200, 0));
    // 200 requests at 5 a connection, from 3 to 7 each.
    assert!((25..=66).contains(&counts.connects), "{}", counts.connects);
}

#[test]
fn a_server_that_forbids_or_is_absent_ends_the_run_before_it_starts() {
    let forbidden = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_vec();
    let server = serve(None, move |_, _| Act::Send(forbidden.clone()));
    let error = plain(server).run().unwrap_err().to_string();
    assert!(error.starts_with("SHK-LGR-011"), "{error}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = plain(free).run().unwrap_err().to_string();
    assert!(error.starts_with("SHK-LGR-007"), "{error}");
}
