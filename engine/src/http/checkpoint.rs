//! `/v1/checkpoint`: what `shikaku backup create` asks of a running engine.

use super::peer;
use super::respond::{self, Problem, observed};
use super::{Shared, Worker};
use crate::metrics::Interface;
use crate::problem::EngineError;
use crate::serving::Stores;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use shikaku_store::StoreError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

pub(super) fn routes(config: &mut ServiceConfig) {
    let post_only = web::to(|| async { respond::method_not_allowed("POST") });
    let resource = web::resource("/v1/checkpoint");
    config.service(resource.route(web::post().to(checkpoint)).default_service(post_only));
}

/// Makes checkpoints of the store, with the log's writer.
pub struct Checkpoints {
    stores: Arc<Stores>,
    store: PathBuf,
}

impl Checkpoints {
    /// Of the store in this folder.
    #[must_use]
    pub const fn new(stores: Arc<Stores>, store: PathBuf) -> Self {
        Self { stores, store }
    }

    /// Blocks until the batch under way is written and the checkpoint made.
    fn make(&self) -> Result<u64, StoreError> {
        Ok(self.stores.write(|writer, _| writer.checkpoint(&self.store))?.number())
    }
}

/// A checkpoint that was made.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointReport {
    /// The last position of the change log in it.
    pub position: u64,
}

/// Make a checkpoint of the store, for a backup. It lies on the engine's own disk; a new one takes
/// the place of an earlier one.
#[utoipa::path(
    post,
    path = "/v1/checkpoint",
    tag = "operators",
    responses(
        (status = 200, body = CheckpointReport, description = "Made; everything acknowledged up to now is in it"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The client certificate is not an operator's"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "The disk refuses; see the engine's log"),
    )
)]
pub(super) async fn checkpoint(request: HttpRequest, worker: web::Data<Worker>) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        peer::operator(&request, &worker.shared)?;
        let position = make(&worker.shared).await?;
        tracing::info!(position, "Made a checkpoint of the store.");
        let report = serde_json::to_vec(&CheckpointReport { position }).unwrap_or_default();
        Ok(respond::ok("application/json", report))
    };
    observed(&worker, Interface::Other, arrived, work).await
}

async fn make(shared: &Arc<Shared>) -> Result<u64, EngineError> {
    let shared = Arc::clone(shared);
    let made = web::block(move || shared.checkpoints.make()).await;
    Ok(made.map_err(|_| EngineError::Stopping)??)
}
