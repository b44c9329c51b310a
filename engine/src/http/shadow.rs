//! `/v1/shadow`: what `shikaku shadow` asks of a running engine.

use super::peer;
use super::respond::{self, Problem, observed};
use super::{Shared, Worker};
use crate::metrics::Interface;
use crate::problem::EngineError;
use crate::shadow::{ShadowReport, Size};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

pub(super) fn routes(config: &mut ServiceConfig) {
    let get_only = web::to(|| async { respond::method_not_allowed("GET") });
    let post_only = || web::to(|| async { respond::method_not_allowed("POST") });
    let step =
        |name: &str| web::resource(format!("/v1/shadow/{name}")).default_service(post_only());
    config
        .service(web::resource("/v1/shadow").route(web::get().to(status)).default_service(get_only))
        .service(step("begin").route(web::post().to(begin)))
        .service(step("switch").route(web::post().to(switch)))
        .service(step("abandon").route(web::post().to(abandon)));
}

/// Does what an operator asks, and says how far the shadow is then.
async fn answer<F>(
    request: &HttpRequest,
    worker: &web::Data<Worker>,
    step: impl FnOnce(Arc<Shared>) -> F,
) -> HttpResponse
where
    F: Future<Output = Result<(), EngineError>>,
{
    let arrived = Instant::now();
    let work = async {
        peer::operator(request, &worker.shared)?;
        step(Arc::clone(&worker.shared)).await?;
        let report = serde_json::to_vec(&worker.shared.shadows.report()?).unwrap_or_default();
        Ok(respond::ok("application/json", report))
    };
    observed(worker, Interface::Other, arrived, work).await
}

/// How far the store that is built anew is.
#[utoipa::path(
    get,
    path = "/v1/shadow",
    tag = "operators",
    responses(
        (status = 200, body = ShadowReport, description = "What is being done, and which generation serves"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The client certificate is not an operator's"),
    )
)]
pub(super) async fn status(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    answer(&request, &worker, |_| async { Ok(()) }).await
}

/// Begin: files of insurers are kept from now on, to be loaded into the new store as well.
#[utoipa::path(
    post,
    path = "/v1/shadow/begin",
    tag = "operators",
    responses(
        (status = 200, body = ShadowReport, description = "Begun, now or before"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The client certificate is not an operator's"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "The disk refuses; see the engine's log"),
    )
)]
pub(super) async fn begin(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    let step = |shared: Arc<Shared>| async move { Ok(shared.shadows.begin(&shared.intake).await?) };
    answer(&request, &worker, step).await
}

/// The parameters of a switch.
#[derive(Deserialize)]
pub(super) struct SwitchQuery {
    #[serde(default)]
    fewer: bool,
}

/// Bring the new store up to date and let it serve, in the background: `GET /v1/shadow` tells when.
#[utoipa::path(
    post,
    path = "/v1/shadow/switch",
    tag = "operators",
    params(("fewer" = bool, Query, description = "Also when the new store holds far fewer people")),
    responses(
        (status = 200, body = ShadowReport, description = "Under way"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The client certificate is not an operator's"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is no new store, or it is being worked on"),
    )
)]
pub(super) async fn switch(
    request: HttpRequest,
    worker: web::Data<Worker>,
    query: web::Query<SwitchQuery>,
) -> HttpResponse {
    let size = if query.fewer { Size::Any } else { Size::Checked };
    let step = |shared: Arc<Shared>| async move {
        Ok(shared.shadows.switch(shared.intake.clone(), size)?)
    };
    answer(&request, &worker, step).await
}

/// Give the new store up and remove it.
#[utoipa::path(
    post,
    path = "/v1/shadow/abandon",
    tag = "operators",
    responses(
        (status = 200, body = ShadowReport, description = "There is none any more"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The client certificate is not an operator's"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It is being built or takes over"),
    )
)]
pub(super) async fn abandon(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    let step =
        |shared: Arc<Shared>| async move { Ok(shared.shadows.abandon(&shared.intake).await?) };
    answer(&request, &worker, step).await
}
