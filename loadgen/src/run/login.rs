//! The login that the interface's JSON service asks for before the first question.

use super::RunError;
use super::conn::{Conn, Failure};
use super::http::render_request;
use super::target::Target;
use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::time::{Duration, Instant};

const PATH: &str = "/oqs-api-pro/MSA12020/ILI12020SV01/auth";
/// Longest wait without looking at the time.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Logs in as the first facility and gives the token for the `Authorization` header.
///
/// # Errors
/// [`RunError::Login`] when the answer holds no token, or what prevents asking.
pub(super) fn log_in(
    target: &Target,
    user: &str,
    password: &str,
    timeout: Duration,
) -> Result<String, RunError> {
    let body = serde_json::json!({"userId": user, "password": password}).to_string();
    let headers = "Content-Type: application/json;charset=UTF-8\r\nAccept: application/json\r\n";
    let request = render_request(&target.authority, PATH, headers, &body);
    let deadline = Instant::now() + timeout;
    let explain = |error| target.explain(error);
    let mut conn = Conn::open(target.address, target.secure(0)).map_err(explain)?;
    while !conn.establish().map_err(explain)? {
        wait(&conn, deadline).map_err(explain)?;
    }
    conn.send(&request).map_err(explain)?;
    let head = loop {
        match conn.advance(EventFlags::IN) {
            Ok(Some(head)) => break head,
            Ok(None) => {}
            Err(Failure::Io(error)) => return Err(target.explain(error)),
            Err(Failure::Fault(fault)) => {
                return Err(RunError::Probe { reason: format!("{fault:?} at login") });
            }
        }
        if wait(&conn, deadline).is_err() {
            return Err(RunError::Probe { reason: "no answer to the login".to_owned() });
        }
    };
    token(conn.body()).ok_or(RunError::Login { path: PATH, status: head.status })
}

/// Waits until there is something to do.
fn wait(conn: &Conn, deadline: Instant) -> io::Result<()> {
    if Instant::now() >= deadline {
        return Err(io::ErrorKind::TimedOut.into());
    }
    rustix::event::poll(&mut [PollFd::new(conn, PollFlags::IN)], Some(&LOOK))?;
    Ok(())
}

/// The token, if there is one that can stand in a header.
fn token(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let token = answer.pointer("/result/idToken")?.as_str()?;
    let fits = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_would_break_the_header_is_refused() {
        let check = |body: &str, expected: Option<&str>| {
            assert_eq!(token(body.as_bytes()).as_deref(), expected, "{body}");
        };
        check(r#"{"status":"0","msg":"","result":{"idToken":"ab.c"}}"#, Some("ab.c"));
        check(r#"{"result":{"idToken":"a\r\nX: y"}}"#, None);
        check(r#"{"result":{"idToken":""}}"#, None);
        check(r#"{"result":null}"#, None);
        check("<html>", None);
    }
}
