//! Before the clock starts: every connection is opened and asked one question, because only the
//! first answer shows whether the server accepts the client, and whether it may ask.

use super::RunError;
use super::client::{CONNECT_TIME_MAX, Client, Control, EVENTS_MAX, State};
use super::conn::Failure;
use super::http::Head;
use super::lane::Ticket;
use super::running::error_code;
use rustix::event::epoll::EventFlags;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Connections being opened at a time, by thread: a burst of more would overflow the listening
/// queue of a server and measure that.
const OPENING_MAX: usize = 64;
/// Longest wait without looking round.
const LOOK: Duration = Duration::from_millis(20);
/// The probe's ticket: it is no request of the plan.
const PROBE: Ticket = Ticket { k: 0, due: Duration::ZERO, is_measured: false };

/// Opens this thread's connections and asks the first question on each.
///
/// # Errors
/// Whatever keeps one connection from working keeps the run from starting.
pub(super) fn open_all(client: &mut Client<'_>) -> Result<(), RunError> {
    let mut events = Vec::with_capacity(EVENTS_MAX);
    let (mut begun, mut ready) = (0, 0);
    while ready < client.slots.len() {
        if client.control.stop.load(Ordering::Relaxed) {
            return Err(RunError::Stopped);
        }
        while begun < client.slots.len() && begun - ready < OPENING_MAX {
            let opened = client.open(begun);
            opened.map_err(|e| client.setup.target.explain(e))?;
            begun += 1;
        }
        client.wait(LOOK, &mut events);
        for event in &events {
            if let Some(at) = client.place(event)
                && step(client, at, event.flags)?
            {
                ready += 1;
            }
        }
        check_overdue(client)?;
    }
    Ok(())
}

/// Goes on with one connection; `true` when it has just become ready.
fn step(client: &mut Client<'_>, at: usize, flags: EventFlags) -> Result<bool, RunError> {
    let target = &client.setup.target;
    let Some(slot) = client.slots.get_mut(at) else { return Ok(false) };
    let (Some(conn), Some(lane)) = (&mut slot.conn, client.lanes.get_mut(slot.lane)) else {
        return Ok(false);
    };
    match slot.state {
        State::Opening(_) => {
            if conn.establish().map_err(|e| target.explain(e))? {
                let question = lane.prepared.question(0).ok_or_else(|| {
                    RunError::Population("there is no question to ask".to_owned())
                })?;
                conn.send(question.bytes).map_err(|e| target.explain(e))?;
                slot.state = State::Busy(PROBE, Instant::now());
            }
            Ok(false)
        }
        State::Busy(..) => match conn.advance(flags) {
            Ok(None) => Ok(false),
            Ok(Some(Head { status: status @ (401 | 403), .. })) => {
                Err(RunError::Forbidden { status })
            }
            Ok(Some(head)) if head.closes => {
                Err(probe("the server closes connections after one answer"))
            }
            Ok(Some(Head { status, .. })) if lane.visits.is_some() && status != 201 => {
                Err(RunError::NoCards { status, code: error_code(conn.body()).to_owned() })
            }
            Ok(Some(_)) => {
                slot.state = State::Idle(Instant::now());
                slot.is_listed = true;
                lane.idle.push_back(at);
                Ok(true)
            }
            Err(Failure::Io(error)) if is_tls(&error) => Err(target.explain(error)),
            Err(failure) => {
                // A server that hangs up on a certificate it dislikes may lose its alert on the way.
                let hint = "; over TLS this can mean that it refused the client certificate";
                Err(probe(format!("{:?}{hint}", failure.fault())))
            }
        },
        // Something arrived that nobody asked for; the first request will tell.
        State::Idle(_) | State::Signing(..) | State::Down(_) => Ok(false),
    }
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn check_overdue(client: &Client<'_>) -> Result<(), RunError> {
    let timeout = client.setup.timeout;
    for slot in &client.slots {
        match slot.state {
            State::Opening(since) if since.elapsed() > CONNECT_TIME_MAX => {
                return Err(client.setup.target.explain(io::ErrorKind::TimedOut.into()));
            }
            State::Busy(_, since) if since.elapsed() > timeout => {
                return Err(probe(format!("no answer within {timeout:?}")));
            }
            State::Opening(_)
            | State::Busy(..)
            | State::Signing(..)
            | State::Idle(_)
            | State::Down(_) => {}
        }
    }
    Ok(())
}

fn probe(reason: impl Into<String>) -> RunError {
    RunError::Probe { reason: reason.into() }
}

/// Waits until everybody is ready and gives the moment at which the clock starts.
///
/// # Errors
/// [`RunError::Stopped`] when the user ends the run before.
pub(super) fn await_start(control: &Control) -> Result<Instant, RunError> {
    loop {
        if control.stop.load(Ordering::Relaxed) {
            return Err(RunError::Stopped);
        }
        match control.start.get() {
            Some(start) => return Ok(*start),
            None => std::thread::park_timeout(LOOK),
        }
    }
}
