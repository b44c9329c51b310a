//! The login that the interface's JSON service asks for before the first question.

use super::RunError;
use super::http::render_request;
use super::target::Target;
use super::wire::{Failure, Wire};
use std::time::Duration;

const PATH: &str = "/oqs-api-pro/MSA12020/ILI12020SV01/auth";

/// Logs in and gives the token for the `Authorization` header.
///
/// # Errors
/// [`RunError::Login`] when the answer holds no token, or what prevents asking.
pub(super) fn log_in(
    target: &Target,
    user: &str,
    password: &str,
    timeout: Duration,
) -> Result<String, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| RunError::Generator(e.to_string()))?;
    let body = serde_json::json!({"userId": user, "password": password}).to_string();
    let headers = "Content-Type: application/json;charset=UTF-8\r\nAccept: application/json\r\n";
    let request = render_request(&target.authority, PATH, headers, &body);
    runtime.block_on(async {
        let mut wire = Wire::open(target).await.map_err(|e| target.explain(e))?;
        let answer = tokio::time::timeout(timeout, wire.exchange(&request)).await;
        let head = match answer {
            Ok(Ok(head)) => head,
            Ok(Err(Failure::Io(error))) => return Err(target.explain(error)),
            Ok(Err(Failure::Fault(fault))) => {
                return Err(RunError::Probe { reason: format!("{fault:?} at login") });
            }
            Err(_) => return Err(RunError::Probe { reason: "no answer to the login".to_owned() }),
        };
        token(wire.body(head)).ok_or(RunError::Login { path: PATH, status: head.status })
    })
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
