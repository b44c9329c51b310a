//! Latency is counted from the scheduled time, and nothing is dropped.

use super::server::{Act, ok, serve};
use super::{CONSTANT, setup};
use crate::run::client::{Mode, Setup};
use crate::run::drive::{Measured, drive};
use crate::run::report::Report;
use crate::run::schedule::Arrivals;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const CONNECTIONS: u32 = 4;

/// A server that stands still once, for 300 ms, whatever arrives.
fn run_against_a_stall(mode: Mode) -> Measured {
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
    let setup = Setup {
        mode,
        rate: 1000,
        connections: CONNECTIONS,
        duration: Duration::from_millis(800),
        ..setup(server)
    };
    drive(&setup, |_| {}).unwrap()
}

fn slow(times: &crate::run::tally::Times) -> u64 {
    times.0.count_between(100_000_000, u64::MAX)
}

#[test]
fn open_load_sees_a_stall_in_every_request_that_was_due_during_it() {
    let open = run_against_a_stall(CONSTANT).tally;
    // About 200 requests were due in the first 200 ms of the stall and waited 100 ms or more.
    assert!(slow(&open.latency) >= 150, "{}", slow(&open.latency));
    // Only those that the connections had in hand saw it themselves.
    assert!(slow(&open.service) <= u64::from(CONNECTIONS), "{}", slow(&open.service));
    assert_eq!(open.latency.0.len(), open.due);
}

#[test]
fn closed_load_hides_the_same_stall() {
    let closed = run_against_a_stall(Mode::Closed).tally;
    let slow = slow(&closed.latency);
    assert!((1..=u64::from(CONNECTIONS)).contains(&slow), "{slow}");
}

#[test]
fn every_request_that_was_due_is_accounted_for() {
    for (threads, arrivals) in
        [(1, Arrivals::Constant), (3, Arrivals::Constant), (2, Arrivals::Poisson)]
    {
        let server = serve(None, |_, _| Act::Send(ok("{}")));
        let setup = Setup {
            mode: Mode::Open(arrivals),
            rate: 400,
            threads,
            warmup: Duration::from_millis(100),
            ..setup(server)
        };
        let tally = drive(&setup, |_| {}).unwrap().tally;
        if arrivals == Arrivals::Constant {
            assert_eq!(tally.due, 100, "400 a second for 250 ms");
        }
        assert_eq!(tally.sent + tally.unsent, tally.due);
        assert_eq!(tally.good + tally.unanswered, tally.sent);
        assert_eq!(tally.latency.0.len(), tally.due);
        assert_eq!(tally.failed(), 0);
    }
}

#[test]
fn requests_never_sent_and_never_answered_are_counted_and_make_the_run_invalid() {
    let server = serve(None, |number, _| if number == 0 { Act::Send(ok("{}")) } else { Act::Hang });
    let setup = Setup { connections: 1, rate: 100, ..setup(server) };
    let measured = drive(&setup, |_| {}).unwrap();
    let tally = &measured.tally;
    assert_eq!((tally.due, tally.sent, tally.unsent, tally.unanswered), (25, 1, 24, 1));
    assert_eq!(tally.latency.0.len(), 25);
    assert!(tally.latency.0.max() >= 1_000_000_000, "the unanswered one waited the drain out");
    let report = Report::new(&setup, "constant".to_owned(), measured);
    assert!(!report.is_valid());
    let text = report.to_string();
    assert!(text.contains("INVALID") && text.contains("24 were never sent"), "{text}");
}

#[test]
fn refusals_do_not_improve_the_percentiles() {
    let refusal = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec();
    let server = serve(None, move |_, _| Act::Send(refusal.clone()));
    let setup = setup(server);
    let measured = drive(&setup, |_| {}).unwrap();
    assert_eq!(measured.tally.statuses.get(&503), Some(&50));
    assert_eq!((measured.tally.good, measured.tally.latency.0.len()), (0, 0));
    let report = Report::new(&setup, "constant".to_owned(), measured);
    assert!(!report.is_valid());
}

#[test]
fn a_report_names_its_model_and_its_layout() {
    let server = serve(None, |_, _| Act::Send(ok("{}")));
    let setup = Setup { mode: Mode::Closed, ..setup(server) };
    let report = Report::new(&setup, "constant /x".to_owned(), drive(&setup, |_| {}).unwrap());
    assert!(report.to_string().contains("CLOSED LOOP"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["model"], "closed");
    assert_eq!(json["latency"]["count"], json["good"]);
    assert!(json["generator_cpu_us_per_request"].is_number());
}

#[test]
fn a_server_that_forbids_or_is_absent_ends_the_run_before_it_starts() {
    let forbidden = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_vec();
    let server = serve(None, move |_, _| Act::Send(forbidden.clone()));
    let error = drive(&setup(server), |_| {}).err().unwrap().to_string();
    assert!(error.starts_with("SHK-LGR-011"), "{error}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = drive(&setup(free), |_| {}).err().unwrap().to_string();
    assert!(error.starts_with("SHK-LGR-007"), "{error}");
}
