//! The HTTP face of the engine. Handlers translate and nothing else: who asks comes from the
//! client certificate, what is asked from `shikaku_wire`, the answer from the eligibility actor.

mod card;
mod checkpoint;
mod docs;
mod eligibility;
mod face;
pub mod health;
mod members;
mod oqs;
mod peer;
mod respond;
mod shadow;
mod status;

pub use checkpoint::{CheckpointReport, Checkpoints};
pub use docs::openapi_json;
pub use members::{LoadReport, Uploads};
pub use peer::remember_peer;

use crate::account::{Accounts, TokenKey};
use crate::actors::eligibility::EligibilityHandle;
use crate::actors::intake::IntakeHandle;
use crate::actors::recorder::RecorderHandle;
use crate::card::Cards;
use crate::clock::Clock;
use crate::face::Faces;
use crate::metrics::Metrics;
use crate::shadow::Shadows;
use crate::tls::TlsReloader;
use actix_web::web::{self, ServiceConfig};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Most bytes of a lookup's body. The largest real one is about 1 KiB.
const LOOKUP_BYTES_MAX: usize = shikaku_wire::encoding::REQUEST_BYTES_MAX;

/// Room for an answer, which grows if need be: 700 bytes are typical in JSON. As much as the C
/// library's allocator hands out from a thread's own store of free blocks.
const ANSWER_BYTES: usize = 1024;

/// Log-ins whose password is being checked at a time; more are answered 503.
pub const LOG_INS_MAX: usize = 2;

/// Threads of each worker for what must wait: questions that need the disk, and log-ins. Eight
/// readers keep a disk busy (25,000 cold lookups a second); more only take turns.
pub const BLOCKING_THREADS: usize = 8 + LOG_INS_MAX;

/// What all workers share.
pub struct Shared {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Knows which client certificates are still good.
    pub tls: Arc<TlsReloader>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Accounts of the OQS JSON interface; read again on SIGHUP.
    pub accounts: Accounts,
    /// Signs and checks tokens.
    pub token_key: TokenKey,
    /// How long a lookup's body may take to arrive.
    pub body_within: Duration,
    /// Places for [`LOG_INS_MAX`] log-ins.
    pub log_ins: Semaphore,
    /// Loads insurers' files.
    pub intake: IntakeHandle,
    /// Challenges and sessions of cards; `None` where cards are not configured.
    pub cards: Option<Cards>,
    /// Compares faces; `None` where that is not configured.
    pub faces: Option<Arc<Faces>>,
    /// Makes events of cards durable.
    pub recorder: RecorderHandle,
    /// Makes checkpoints for backups.
    pub checkpoints: Checkpoints,
    /// Lets a store that was built anew take over.
    pub shadows: Arc<Shadows>,
    /// Where uploads and rejects lie.
    pub uploads: Uploads,
}

/// What one worker's handlers work with.
#[derive(Clone)]
pub struct Worker {
    /// The worker's own actor.
    pub eligibility: EligibilityHandle,
    /// What all workers share.
    pub shared: Arc<Shared>,
}

/// Every address of the TLS listener.
pub fn routes(config: &mut ServiceConfig) {
    config.app_data(web::PayloadConfig::new(LOOKUP_BYTES_MAX));
    // Addresses are tried in this order, so those of lookups come first.
    eligibility::routes(config);
    card::routes(config);
    face::routes(config);
    oqs::routes(config);
    members::routes(config);
    checkpoint::routes(config);
    shadow::routes(config);
    docs::routes(config);
    config.default_service(web::to(respond::no_such_address));
}
