//! Who compares faces: models on this machine, or those of the engine.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::rt::System;
use actix_web::web;
use shikaku_face::FaceError;
use shikaku_face::attempt::{Attempt, Audit, Step};
use shikaku_face::manifest::Manifest;
use shikaku_face::pipeline::CardFace;
use shikaku_face::policy::Policy;
use shikaku_face::pool::{FacePool, PoolSettings};
use shikaku_face::quality::Advice;
use shikaku_wire::v1::{FaceAudit, FaceStepResponse};
use zeroize::Zeroizing;

use crate::ReaderError;
use crate::card_api::{CardApi, FaceFailure};
use crate::session::Look;

/// Whoever compares, ready to.
#[derive(Clone)]
pub struct Faces {
    by: By,
    system: System,
}

#[derive(Clone)]
enum By {
    Models(FacePool),
    Engine(CardApi),
}

/// The face of the card's photograph, with whoever compares.
#[derive(Clone)]
pub(super) enum Card {
    Here(FacePool, CardFace),
    Engine(Arc<HeldFace>),
}

/// A face that the engine holds; let go of when the last owner drops it.
pub(super) struct HeldFace {
    handle: String,
    api: CardApi,
    system: System,
    /// The engine has let go of it by itself.
    is_gone: AtomicBool,
}

impl Drop for HeldFace {
    fn drop(&mut self) {
        if self.is_gone.load(Ordering::Relaxed) {
            return;
        }
        let (api, handle) = (self.api.clone(), std::mem::take(&mut self.handle));
        self.system.arbiter().spawn(async move {
            // The engine's clock lets go of it otherwise.
            if let Ok(Err(error)) = web::block(move || api.let_go_of_face(&handle)).await {
                tracing::warn!(%error, "the engine was not told to forget a face");
            }
        });
    }
}

impl Faces {
    /// The engine's models, asked from the system of this thread, which must exist.
    #[must_use]
    pub fn at_engine(api: CardApi) -> Self {
        tracing::info!("The engine compares faces.");
        Self { by: By::Engine(api), system: System::current() }
    }

    /// Loads and tests the models of this machine, and starts their actors in the system of this
    /// thread, which must exist. Takes seconds.
    ///
    /// # Errors
    /// When a model is not the manifest's, or no threshold keeps what the policy promises.
    pub fn here(manifest: &Path, policy: Policy) -> Result<Self, ReaderError> {
        let manifest = Manifest::read(manifest).map_err(ReaderError::Face)?;
        let pool = FacePool::start(&manifest, policy, PoolSettings::default())
            .map_err(ReaderError::Face)?;
        let rule = pool.rule();
        tracing::info!(
            threshold = rule.threshold,
            threshold_fmr = rule.threshold_fmr,
            judges_liveness = rule.liveness.is_some(),
            "The models that compare faces are ready."
        );
        Ok(Self { by: By::Models(pool), system: System::current() })
    }

    /// Has work done in the system of whoever compares; `false` when that has ended.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        self.system.arbiter().spawn(work)
    }

    /// Takes a card's photograph in.
    pub(super) async fn card(&self, photograph: Zeroizing<Vec<u8>>) -> Result<Card, FaceFailure> {
        match &self.by {
            By::Models(pool) => Ok(Card::Here(pool.clone(), pool.card(photograph).await?)),
            By::Engine(api) => {
                let asked = api.clone();
                let held = web::block(move || asked.hold_face(&photograph)).await;
                let (api, system) = (api.clone(), self.system.clone());
                let handle = held.map_err(|_| given_up())??.handle;
                let is_gone = AtomicBool::new(false);
                Ok(Card::Engine(Arc::new(HeldFace { handle, api, system, is_gone })))
            }
        }
    }
}

impl Card {
    /// Looks at one frame of a try. The engine keeps its tries itself.
    pub(super) async fn frame(
        self,
        attempt: Attempt,
        frame: Zeroizing<Vec<u8>>,
    ) -> Result<(Attempt, Look), FaceFailure> {
        match self {
            Self::Here(pool, card) => {
                let (attempt, step) = pool.frame(&card, attempt, frame).await?;
                let look = match step {
                    Step::Adjust(advice) => Look::Adjust(advice),
                    Step::More { used, of } => Look::More { used, of },
                    Step::Decided(outcome, audit) => {
                        log(&audit);
                        Look::Decided(outcome)
                    }
                };
                Ok((attempt, look))
            }
            Self::Engine(held) => {
                let asked = Arc::clone(&held);
                let step = web::block(move || asked.api.look(&asked.handle, &frame)).await;
                let look = look_of(&held, step.map_err(|_| given_up())??);
                Ok((attempt, look.ok_or_else(given_up)?))
            }
        }
    }
}

/// The engine's words for what came of a frame; `None` for an outcome that this program does not know.
fn look_of(held: &HeldFace, step: FaceStepResponse) -> Option<Look> {
    let known = |name: &str| serde_json::Value::from(name);
    Some(match step {
        FaceStepResponse::Adjust { advice } => {
            let advice = serde_json::from_value(known(&advice));
            // A later engine may see more that is wrong; this is never bad advice.
            Look::Adjust(advice.unwrap_or(Advice::TurnToCamera))
        }
        FaceStepResponse::More { used, of } => Look::More { used, of },
        FaceStepResponse::Decided { outcome, tries_left, audit } => {
            held.is_gone.store(tries_left == 0, Ordering::Relaxed);
            log_engines(&outcome, &audit);
            Look::Decided(serde_json::from_value(known(&outcome)).ok()?)
        }
    })
}

/// What is left of a try: enough to answer for it, and nobody's score.
fn log(audit: &Audit) {
    let advice: Vec<_> =
        audit.advice.iter().map(|(advice, times)| format!("{advice:?} {times}")).collect();
    tracing::info!(
        outcome = ?audit.outcome,
        seen = audit.seen,
        used = audit.used,
        advice = advice.join(", "),
        ms = audit.ms,
        work_ms = audit.work_ms,
        "A face was compared with its card's photograph."
    );
}

fn log_engines(outcome: &str, audit: &FaceAudit) {
    let advice: Vec<_> =
        audit.advice.iter().map(|(advice, times)| format!("{advice} {times}")).collect();
    tracing::info!(
        outcome,
        seen = audit.seen,
        used = audit.used,
        advice = advice.join(", "),
        ms = audit.ms,
        "The engine compared a face with its card's photograph."
    );
}

/// Nobody answers any more, or in words that nobody knows.
fn given_up() -> FaceFailure {
    FaceFailure::Broken(String::new())
}

impl From<FaceError> for FaceFailure {
    fn from(error: FaceError) -> Self {
        if error.is_about_picture() {
            Self::Picture
        } else if matches!(error, FaceError::PoolBusy { .. } | FaceError::PoolLate) {
            Self::Busy
        } else {
            Self::Broken(error.code().to_owned())
        }
    }
}
