//! `/v1/face/…`: pictures in, what came of them out. See [`crate::face`].

use super::respond::{self, Problem, observed};
use super::{Worker, peer};
use crate::face::{FRAME_BYTES_MAX, FaceServiceError, Faces, PHOTOGRAPH_BYTES_MAX, Place, Seen};
use crate::metrics::Interface;
use crate::problem::EngineError;
use crate::quota::Cost;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde::Serialize;
use shikaku_domain::MedicalInstitutionCode;
use shikaku_face::attempt::Audit;
use shikaku_wire::v1::{FaceAudit, FaceCardResponse, FaceStepResponse};
use std::borrow::Cow;
use std::time::Instant;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// What pictures may be called. What they are is told by their bytes.
const KINDS: [&str; 4] = ["image/jpeg", "image/jp2", "image/png", "application/octet-stream"];

pub(super) fn routes(config: &mut ServiceConfig) {
    let only = |methods| web::to(move || async move { respond::method_not_allowed(methods) });
    let photographs = web::resource("/v1/face/cards").route(web::post().to(photograph));
    let frames = web::resource("/v1/face/cards/{handle}/frames").route(web::post().to(frame));
    let handle = web::resource("/v1/face/cards/{handle}").route(web::delete().to(let_go));
    config
        .service(photographs.default_service(only("POST")))
        .service(frames.default_service(only("POST")))
        .service(handle.default_service(only("DELETE")));
}

/// Who calls, where pictures are looked at at all.
fn desk<'w>(
    request: &HttpRequest,
    worker: &'w Worker,
    cost: Cost,
    arrived: Instant,
) -> Result<(MedicalInstitutionCode, &'w Faces), EngineError> {
    let peer::Caller { facility, .. } = peer::facility(request, &worker.shared, cost, arrived)?;
    let faces = worker.shared.faces.as_deref().ok_or(FaceServiceError::NotConfigured)?;
    Ok((facility, faces))
}

/// A picture of at most so many bytes, once there is a place for it.
async fn receive(
    request: &HttpRequest,
    worker: &Worker,
    place: &Place,
    mut payload: Payload,
    max: usize,
) -> Result<Zeroizing<Vec<u8>>, EngineError> {
    // The place is what bounds the memory of pictures; it outlives this one.
    let _: &Place = place;
    if !KINDS.iter().any(|kind| respond::has_content_type(request, kind)) {
        return Err(EngineError::ContentType { expected: "image/jpeg, image/jp2 or image/png" });
    }
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|value| value.parse().ok()).unwrap_or(max);
    if length > max {
        return Err(FaceServiceError::TooLarge { max }.into());
    }
    // Of the full size at once: a vector that grows leaves copies that nobody overwrites.
    let mut picture = Zeroizing::new(Vec::with_capacity(length));
    let all = async {
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| EngineError::Upload(std::io::Error::other(error)))?;
            if picture.len() + chunk.len() > length {
                return Err(EngineError::from(FaceServiceError::TooLarge { max }));
            }
            picture.extend_from_slice(&chunk);
        }
        Ok(())
    };
    timeout(worker.shared.body_within, all).await.map_err(|_| EngineError::SlowBody)??;
    Ok(picture)
}

fn json(status: StatusCode, answer: &impl Serialize) -> Result<HttpResponse, EngineError> {
    let body = serde_json::to_vec(answer).map_err(|_| EngineError::Fault)?;
    let mut response = respond::ok("application/json", body);
    *response.status_mut() = status;
    Ok(response)
}

/// A value's name, as it is serialised.
fn name(value: &impl Serialize) -> Cow<'static, str> {
    let name = serde_json::to_value(value).ok();
    name.and_then(|name| name.as_str().map(ToOwned::to_owned)).unwrap_or_default().into()
}

fn audit(audit: &Audit) -> FaceAudit {
    let advice = audit.advice.iter().map(|(advice, count)| (name(advice), *count));
    FaceAudit { seen: audit.seen, used: audit.used, advice: advice.collect(), ms: audit.ms }
}

fn step(seen: &Seen) -> FaceStepResponse {
    match seen {
        Seen::Adjust(advice) => FaceStepResponse::Adjust { advice: name(advice) },
        Seen::More { used, of } => FaceStepResponse::More { used: *used, of: *of },
        Seen::Decided { outcome, tries_left, audit: kept } => FaceStepResponse::Decided {
            outcome: name(outcome),
            tries_left: *tries_left,
            audit: audit(kept),
        },
    }
}

/// Holds the face of a card's photograph, to be compared with frames.
///
/// The photograph itself is not kept. The face is in memory only, for this facility only, and is
/// overwritten when its time or its tries are over.
#[utoipa::path(
    post,
    path = "/v1/face/cards",
    tag = "faces",
    request_body(content = Vec<u8>, content_type = "image/jp2", description = "The photograph as the card holds it (JPEG 2000), or JPEG or PNG; at most 64 KiB"),
    responses(
        (status = 201, body = FaceCardResponse, description = "The face is held"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "This engine compares no faces (SHK-FCS-001)"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "The picture is too large (SHK-FCS-007)"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "The picture cannot be read, or shows not one face (SHK-FAC-…)"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "This facility sends too much; ask again after Retry-After"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Overloaded; ask again after Retry-After"),
    )
)]
pub(super) async fn photograph(
    request: HttpRequest,
    worker: web::Data<Worker>,
    payload: Payload,
) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        let (facility, faces) = desk(&request, &worker, Cost::Picture, arrived)?;
        let place = faces.place(facility)?;
        let picture = receive(&request, &worker, &place, payload, PHOTOGRAPH_BYTES_MAX).await?;
        let held = faces.hold(facility, picture).await?;
        let expires = worker.shared.clock.unix_seconds().saturating_add(held.lifetime.as_secs());
        let answer = FaceCardResponse::new(held.handle, expires, held.frames, held.tries);
        json(StatusCode::CREATED, &answer)
    };
    observed(&worker, Interface::Face, arrived, work).await
}

/// Looks at one frame of the camera.
///
/// One at a time for each handle. After an error the try is as it was before the frame.
#[utoipa::path(
    post,
    path = "/v1/face/cards/{handle}/frames",
    tag = "faces",
    params(("handle" = String, Path, description = "`handle` of the photograph")),
    request_body(content = Vec<u8>, content_type = "image/jpeg", description = "The frame as JPEG or PNG; at most 1 MiB"),
    responses(
        (status = 200, body = FaceStepResponse, description = "What comes next"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "The facility holds no such face (any more): SHK-FCS-005"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The frame before is being looked at (SHK-FCS-006)"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "The picture is too large (SHK-FCS-007)"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "The picture cannot be read (SHK-FAC-…)"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "This facility sends too much; ask again after Retry-After"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Overloaded; ask again after Retry-After"),
    )
)]
pub(super) async fn frame(
    request: HttpRequest,
    worker: web::Data<Worker>,
    handle: web::Path<String>,
    payload: Payload,
) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        let (facility, faces) = desk(&request, &worker, Cost::Picture, arrived)?;
        let place = faces.place(facility)?;
        let picture = receive(&request, &worker, &place, payload, FRAME_BYTES_MAX).await?;
        let seen = faces.look(facility, &handle, picture).await?;
        if let Seen::Decided { outcome, audit, .. } = &seen {
            let outcome = name(outcome);
            tracing::info!(%outcome, used = audit.used, ms = audit.ms, "A face was compared.");
        }
        json(StatusCode::OK, &step(&seen))
    };
    observed(&worker, Interface::Face, arrived, work).await
}

/// Lets go of a face before its time: the patient has left.
#[utoipa::path(
    delete,
    path = "/v1/face/cards/{handle}",
    tag = "faces",
    params(("handle" = String, Path, description = "`handle` of the photograph")),
    responses(
        (status = 204, description = "It is overwritten"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "The facility holds no such face (any more): SHK-FCS-005"),
    )
)]
pub(super) async fn let_go(
    request: HttpRequest,
    worker: web::Data<Worker>,
    handle: web::Path<String>,
) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        let (facility, faces) = desk(&request, &worker, Cost::Question, arrived)?;
        faces.let_go(facility, &handle)?;
        Ok(HttpResponse::NoContent().finish())
    };
    observed(&worker, Interface::Face, arrived, work).await
}
