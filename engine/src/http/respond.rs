//! Answers that are not answers: problem+json (RFC 9457), the same everywhere.

use super::Worker;
use crate::metrics::Interface;
use crate::problem::{EngineError, Retry, Row};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seconds after which a client should ask again.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Runs a handler, counts and times it, and turns an error into its problem.
pub(super) async fn observed(
    worker: &Worker,
    interface: Interface,
    arrived: Instant,
    work: impl Future<Output = Result<HttpResponse, EngineError>>,
) -> HttpResponse {
    let metrics = &worker.shared.metrics;
    let response = work.await.unwrap_or_else(|error| {
        metrics.failed(interface, error.row().code);
        problem(&error)
    });
    metrics.took(interface, arrived.elapsed());
    response
}

/// The problem+json of an error. What went wrong inside goes to the log under the request id;
/// outside goes only what the table holds.
pub(super) fn problem(error: &EngineError) -> HttpResponse {
    let row = error.row();
    let id = request_id();
    if row.status >= 500 {
        tracing::warn!(code = row.code, request_id = id, %error, "A request was not answered.");
    } else {
        tracing::debug!(code = row.code, request_id = id, "A request was refused.");
    }
    let mut response = HttpResponse::build(status(&row));
    response.content_type("application/problem+json");
    if row.retry == Retry::Later {
        response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
    }
    response.body(problem_json(error, &row, &id).to_string())
}

fn problem_json(error: &EngineError, row: &Row, request_id: &str) -> serde_json::Value {
    // Texts of the store name folders of the server: those stay inside.
    let en = if matches!(error, EngineError::Store(_)) {
        "the store is not available".to_owned()
    } else {
        error.to_string()
    };
    let mut problem = serde_json::json!({
        "type": format!("urn:shikaku:problem:{}", row.code),
        "title": en,
        "status": row.status,
        "code": row.code,
        "detail": { "ja": row.ja, "en": en },
        "retry": match row.retry { Retry::Later => "later", Retry::AfterCorrection => "after-correction" },
        "requestId": request_id,
    });
    if let (EngineError::Fields(fields), Some(problem)) = (error, problem.as_object_mut()) {
        problem.insert("fields".to_owned(), serde_json::json!(fields));
    }
    problem
}

fn status(row: &Row) -> StatusCode {
    StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An id that ties a refusal to its line in the log; unique within one run of the engine.
fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:08x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Body and content type of a finished answer.
pub(super) fn ok(content_type: &'static str, body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(content_type)))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(body)
}

/// The content type without its parameters, lower case.
pub(super) fn content_type(request: &HttpRequest) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Every address that nothing else answers.
pub(super) async fn no_such_address(worker: web::Data<Worker>) -> HttpResponse {
    let refused = async { Err(EngineError::NoSuchAddress) };
    observed(&worker, Interface::Other, Instant::now(), refused).await
}

/// For addresses that exist but not with this method.
pub(super) fn method_not_allowed(allowed: &'static str) -> HttpResponse {
    let mut response = problem(&EngineError::Method { allowed });
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Turns a body that actix refused into a problem: too large, or cut off.
pub(super) fn body_error(error: &actix_web::Error) -> EngineError {
    let too_large = error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE;
    let malformed = if too_large {
        shikaku_wire::oqs::Malformed::TooLarge { max: super::LOOKUP_BYTES_MAX }
    } else {
        shikaku_wire::oqs::Malformed::Truncated
    };
    EngineError::Malformed(malformed)
}
