//! The client's half of HTTP/1.1, as strict as it takes to notice a wrong answer.
//!
//! Answers must state their length: the engine knows it, and a generator that guesses where an
//! answer ends measures something else. Chunked and unframed answers are faults.

use super::result::Fault;
use httparse::{EMPTY_HEADER, Response, Status};

/// Longest status line and headers together, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Longest body, in bytes. An eligibility answer has about a thousand.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest answer, in bytes.
pub(super) const ANSWER_BYTES_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;
/// Most headers. The engine sends five.
const HEADERS_MAX: usize = 32;

/// The head of an answer that has arrived in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// 200 to 599.
    pub status: u16,
    /// Bytes up to and including the empty line.
    pub head_bytes: usize,
    /// Bytes of body that follow.
    pub body_bytes: usize,
    /// The server will close the connection after this answer.
    pub closes: bool,
}

/// Reads the head at the beginning of what has arrived so far; `None` while it is incomplete.
///
/// # Errors
/// The fault that makes the answer unusable, as soon as it can be told.
pub(super) fn parse_head(arrived: &[u8]) -> Result<Option<Head>, Fault> {
    let window = arrived.get(..HEAD_BYTES_MAX).unwrap_or(arrived);
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut answer = Response::new(&mut headers);
    let head_bytes = match answer.parse(window) {
        Ok(Status::Complete(bytes)) => bytes,
        Ok(Status::Partial) if arrived.len() >= HEAD_BYTES_MAX => return Err(Fault::HeadTooLong),
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::HeadTooLong),
        Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => {
            return Err(Fault::HeaderLine);
        }
        Err(_) => return Err(Fault::StatusLine),
    };
    if !has_full_line_ends(window.get(..head_bytes).unwrap_or_default()) {
        return Err(Fault::HeaderLine);
    }
    let status = match (answer.version, answer.code) {
        // 1xx would announce a second head, and nothing here asks for one.
        (Some(1), Some(status)) if (200..600).contains(&status) => status,
        _ => return Err(Fault::StatusLine),
    };
    let (mut length, mut closes) = (None, false);
    for header in answer.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            if length.replace(parse_length(header.value)?).is_some() {
                return Err(Fault::LengthMissing);
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Fault::Chunked);
        } else if header.name.eq_ignore_ascii_case("connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(Some(Head { status, head_bytes, body_bytes: length.ok_or(Fault::LengthMissing)?, closes }))
}

/// Whether every line ends with both characters: a lone line feed is a line's end to some readers
/// only, and answers on which readers disagree are wrong.
fn has_full_line_ends(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head)
        .all(|at| at.checked_sub(1).is_some_and(|before| head.get(before) == Some(&b'\r')))
}

fn parse_length(value: &[u8]) -> Result<usize, Fault> {
    if value.is_empty() || value.len() > 20 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::LengthMissing);
    }
    match std::str::from_utf8(value).map(str::parse) {
        Ok(Ok(length)) if length <= BODY_BYTES_MAX => Ok(length),
        _ => Err(Fault::BodyTooLong),
    }
}

/// The bytes of one request with a body.
pub(super) fn render_request(host: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-Trace: a:b\r\nconnection: close\r\n\r\nhello";

    #[test]
    fn a_plain_answer_is_understood() {
        let head = parse_head(GOOD).unwrap().unwrap();
        assert_eq!((head.status, head.body_bytes, head.closes), (200, 5, true));
        assert_eq!(&GOOD[head.head_bytes..], b"hello");
    }

    #[test]
    fn each_kind_of_wrong_answer_has_its_own_name() {
        let check = |answer: &str, fault| {
            assert_eq!(parse_head(answer.as_bytes()), Err(fault), "{answer}");
        };
        check("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Fault::StatusLine);
        check("SSH-2.0-x", Fault::StatusLine);
        check("HTTP/1.1 20 OK\r\n\r\n", Fault::StatusLine);
        check("HTTP/1.1 600 OK\r\n\r\n", Fault::StatusLine);
        check("HTTP/1.1 2000 OK\r\n\r\n", Fault::StatusLine);
        check("HTTP/1.1 100 Continue\r\n\r\n", Fault::StatusLine);
        check("HTTP/1.1 200 OK\r\n\r\n", Fault::LengthMissing);
        check("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Fault::LengthMissing);
        check("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", Fault::LengthMissing);
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            Fault::LengthMissing,
        );
        check("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", Fault::BodyTooLong);
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::Chunked);
        check("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Fault::HeaderLine);
        check("HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n", Fault::HeaderLine);
        check("HTTP/1.1 200 OK\r\nA: b\nContent-Length: 1\r\n\r\n", Fault::HeaderLine);
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(HEAD_BYTES_MAX));
        check(&endless, Fault::HeadTooLong);
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_head(&bytes);
            let mut near = GOOD.to_vec();
            near.splice(9..9, bytes);
            if let Ok(Some(head)) = parse_head(&near) {
                prop_assert!(head.head_bytes <= near.len());
                prop_assert!(head.body_bytes <= BODY_BYTES_MAX);
            }
        }

        #[test]
        fn an_answer_may_arrive_in_any_pieces(
            status in 200u16..600, body in 0..=BODY_BYTES_MAX, name in "[A-Z][a-z-]{0,12}x", value in "[ -~]{0,40}",
        ) {
            let answer = format!("HTTP/1.1 {status} R\r\n{name}: {value}\r\nContent-Length: {body}\r\n\r\n");
            for cut in 0..answer.len() {
                prop_assert_eq!(parse_head(&answer.as_bytes()[..cut]), Ok(None));
            }
            let head = parse_head(answer.as_bytes()).unwrap().unwrap();
            prop_assert_eq!((head.status, head.body_bytes, head.head_bytes), (status, body, answer.len()));
        }
    }
}
