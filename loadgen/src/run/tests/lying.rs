//! Servers that break the protocol are counted by what they did, and nothing hangs.

use super::server::{Act, ok, serve};
use super::{Plain, plain};
use crate::run::http::{BODY_BYTES_MAX, HEAD_BYTES_MAX};
use crate::run::result::{Fault, RunResult};
use std::time::Duration;

/// Each connection's first answer is right, all others are `act`.
fn lie(act: impl Fn() -> Act + Send + Sync + 'static) -> RunResult {
    let server =
        serve(None, move |number, _| if number == 0 { Act::Send(ok("{}")) } else { act() });
    // A connection that was opened again gets no probe: one right answer, then the lie.
    Plain { timeout: Duration::from_millis(100), ..plain(server) }.run().unwrap()
}

#[track_caller]
fn check(answer: &str, faults: &[Fault]) {
    let bytes = answer.as_bytes().to_vec();
    check_result(&lie(move || Act::SendAndClose(bytes.clone())), faults);
}

#[track_caller]
fn check_result(result: &RunResult, faults: &[Fault]) {
    let tally = &result.total.counts;
    let seen: Vec<_> = tally.faults.keys().copied().collect();
    assert!(!seen.is_empty() && seen.iter().all(|fault| faults.contains(fault)), "{seen:?}");
    assert_eq!(tally.due, 50);
    assert_eq!(tally.good + tally.failed() + tally.unsent + tally.unanswered, tally.due);
    assert!(tally.connects > 0);
}

#[test]
fn broken_answers_are_counted_by_kind() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", &[Fault::Closed]);
    check("HTTP/1.1 200 OK\r\nContent-Le", &[Fault::Closed]);
    check("", &[Fault::Closed]);
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}more", &[Fault::Excess]);
    check("\u{0}\u{1}garbage", &[Fault::StatusLine]);
    check("HTTP/1.1 200 OK\r\n\r\nunframed", &[Fault::LengthMissing]);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[Fault::Chunked]);
    check(&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_BYTES_MAX)), &[Fault::HeadTooLong]);
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", BODY_BYTES_MAX + 1);
    check(&endless, &[Fault::BodyTooLong]);
}

#[test]
fn a_reset_and_a_silent_server_are_counted_too() {
    check_result(&lie(|| Act::Reset), &[Fault::Broken, Fault::Closed]);
    let silent = lie(|| Act::Hang);
    check_result(&silent, &[Fault::Timeout]);
    // Time-outs stay in the percentiles, as lower bounds.
    assert!(silent.total.latency.max() >= Duration::from_millis(100));
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_right() {
    let server = serve(None, |_, _| Act::Drip(ok("{}")));
    let tally = Plain { rate: 40.0, ..plain(server) }.counts();
    assert_eq!((tally.good, tally.failed(), tally.connects), (10, 0, 0));
}

#[test]
fn a_server_that_never_answers_the_first_question_is_named_before_the_clock_starts() {
    let server = serve(None, |_, _| Act::Hang);
    let run = Plain { timeout: Duration::from_millis(100), ..plain(server) };
    let error = run.run().unwrap_err().to_string();
    assert!(error.starts_with("SHK-LGR-012") && error.contains("100ms"), "{error}");
}

#[test]
fn a_server_that_closes_idle_connections_costs_no_request() {
    // The answer is right and the connection closes after it, unannounced.
    let server = serve(None, |number, _| match number {
        0 => Act::Send(ok("{}")),
        _ => Act::SendAndClose(ok("{}")),
    });
    let tally = Plain { rate: 40.0, ..plain(server) }.counts();
    assert!(tally.connects > 0);
    assert_eq!((tally.good, tally.failed()), (10, 0));
}
