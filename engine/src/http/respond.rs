//! Answers that are not answers: problem+json (RFC 9457), the same everywhere.

use super::{LOOKUP_BYTES_MAX, Worker};
use crate::metrics::Interface;
use crate::problem::{EngineError, Retry, Row};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::FutureExt;
use futures_util::future::Map;
use serde::Serialize;
use shikaku_wire::oqs::Malformed;
use shikaku_wire::v1::FieldProblem;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::error::Elapsed;
use tokio::time::{Timeout, timeout};
use utoipa::ToSchema;

/// Runs a handler, counts and times it, and turns an error into its problem.
pub(super) async fn observed(
    worker: &Worker,
    interface: Interface,
    arrived: Instant,
    work: impl Future<Output = Result<HttpResponse, EngineError>>,
) -> HttpResponse {
    let metrics = &worker.shared.metrics;
    let response = work.await.unwrap_or_else(|error| {
        let row = error.row();
        metrics.failed(interface, row.status, row.code);
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
    if let Some(seconds) = error.retry_after(&row) {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    if matches!(error, EngineError::FacilityConnections { .. }) {
        response.force_close();
    }
    let problem = Problem::new(error, &row, id);
    response.body(serde_json::to_string(&problem).unwrap_or_default())
}

/// Why there is no answer (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    /// A name of this kind of problem, made of its code.
    #[schema(example = "urn:shikaku:problem:SHK-ENG-001")]
    r#type: String,
    /// What happened, in English.
    title: String,
    /// The HTTP status.
    #[schema(example = 503)]
    status: u16,
    /// The stable code; programs decide by it.
    #[schema(example = "SHK-ENG-001")]
    code: &'static str,
    /// For staff.
    detail: Sentences,
    /// Whether asking again can help.
    retry: Retry,
    /// Ties this refusal to its line in the engine's log.
    request_id: String,
    /// Each field that is wrong, where fields are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldProblem>,
}

/// What to do, in two languages.
#[derive(Serialize, ToSchema)]
struct Sentences {
    /// Japanese
    #[schema(example = "混み合っています。数秒後にもう一度お試しください。")]
    ja: String,
    /// English
    #[schema(example = "the engine has reached its admission limit of 512 questions")]
    en: String,
}

impl Problem {
    fn new(error: &EngineError, row: &Row, request_id: String) -> Self {
        // Texts of the store name folders of the server: those stay inside.
        let en = if matches!(error, EngineError::Store(_)) {
            "the store is not available".to_owned()
        } else {
            error.to_string()
        };
        Self {
            r#type: format!("urn:shikaku:problem:{}", row.code),
            title: en.clone(),
            status: row.status,
            code: row.code,
            detail: Sentences { ja: row.ja.clone(), en },
            retry: row.retry,
            request_id,
            fields: if let EngineError::Fields(fields) = error { fields.clone() } else { vec![] },
        }
    }
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

/// Whether the body is of this content type, whatever its parameters.
pub(super) fn has_content_type(request: &HttpRequest, wanted: &str) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let essence = value.and_then(|value| value.split(|byte| *byte == b';').next());
    essence.unwrap_or_default().trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
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

/// What became of reading a body in time.
type Received = Result<Result<Bytes, actix_web::Error>, Elapsed>;

/// A whole body, or why there is none: too large, cut off, or so slow that its connection is
/// better closed. A refusal becomes a problem like any other.
pub(super) struct Body(pub(super) Result<Bytes, EngineError>);

impl FromRequest for Body {
    type Error = actix_web::Error;
    type Future = Map<
        Timeout<<Bytes as FromRequest>::Future>,
        fn(Received) -> Result<Self, actix_web::Error>,
    >;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let worker = request.app_data::<web::Data<Worker>>();
        let patience = worker.map_or(Duration::ZERO, |worker| worker.shared.body_within);
        timeout(patience, Bytes::from_request(request, payload)).map(Body::of)
    }
}

impl Body {
    fn of(received: Received) -> Result<Self, actix_web::Error> {
        Ok(Self(match received {
            Ok(body) => body.map_err(|error| refused_body(&error)),
            Err(_) => Err(EngineError::SlowBody),
        }))
    }
}

fn refused_body(error: &actix_web::Error) -> EngineError {
    let too_large = error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE;
    EngineError::Malformed(if too_large {
        Malformed::TooLarge { max: LOOKUP_BYTES_MAX }
    } else {
        Malformed::Truncated
    })
}
