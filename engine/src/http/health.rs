//! What operators and their machines ask: alive, started, ready, figures. Plain HTTP on the admin
//! listener, which carries no personal data.

use super::{docs, status};
use crate::metrics::Metrics;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

/// Where the engine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Opening the store, applying what the log holds.
    Starting,
    /// Taking requests.
    Serving,
    /// Finishing what is in, taking nothing new.
    Draining,
}

/// A named check of one part, run at each readiness request: `true` is good.
pub type PartCheck = Box<dyn Fn() -> bool + Send + Sync>;

/// What the admin listener reports on.
pub struct Health {
    phase: AtomicU8,
    parts: OnceLock<Vec<(&'static str, PartCheck)>>,
    metrics: Arc<Metrics>,
    refresh: OnceLock<Box<dyn Fn() + Send + Sync>>,
    ready_before: AtomicBool,
}

impl Health {
    /// An engine that is starting.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Starting as u8),
            parts: OnceLock::new(),
            metrics,
            refresh: OnceLock::new(),
            ready_before: AtomicBool::new(false),
        }
    }

    /// Names the parts to check and what brings the gauges up to date; once, when they exist.
    pub fn watch(
        &self,
        parts: Vec<(&'static str, PartCheck)>,
        refresh: Box<dyn Fn() + Send + Sync>,
    ) {
        let _ = self.parts.set(parts);
        let _ = self.refresh.set(refresh);
    }

    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
        self.metrics.ready.set(i64::from(phase == Phase::Serving));
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            _ => Phase::Draining,
        }
    }

    fn parts(&self) -> Vec<(&'static str, bool)> {
        let parts = self.parts.get().map_or(&[][..], Vec::as_slice);
        parts.iter().map(|(name, check)| (*name, check())).collect()
    }

    fn is_ready(&self, parts: &[(&'static str, bool)]) -> bool {
        self.phase() == Phase::Serving && parts.iter().all(|(_, good)| *good)
    }
}

/// The admin listener's addresses.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/livez", web::get().to(livez))
        .route("/startupz", web::get().to(startupz))
        .route("/readyz", web::get().to(readyz))
        .route("/metrics", web::get().to(metrics))
        // A browser without a client certificate can read the description here.
        .configure(status::routes)
        .configure(docs::routes);
}

/// Answers as long as the process can answer at all.
async fn livez() -> impl Responder {
    HttpResponse::Ok().json(json!({ "alive": true, "version": env!("CARGO_PKG_VERSION") }))
}

/// 200 once the start is over, whatever came after.
async fn startupz(health: web::Data<Health>) -> HttpResponse {
    let started = health.phase() != Phase::Starting;
    reply(started, &json!({ "started": started }))
}

/// 200 while requests should be sent here. Says which part is the reason if not.
async fn readyz(health: web::Data<Health>) -> HttpResponse {
    let parts = health.parts();
    let ready = health.is_ready(&parts);
    if health.ready_before.swap(ready, Ordering::SeqCst) != ready {
        tracing::info!(ready, "Readiness changed.");
    }
    let parts: serde_json::Map<_, _> =
        parts.into_iter().map(|(name, good)| (name.to_owned(), good.into())).collect();
    let phase = format!("{:?}", health.phase()).to_lowercase();
    reply(ready, &json!({ "ready": ready, "phase": phase, "parts": parts }))
}

async fn metrics(health: web::Data<Health>) -> HttpResponse {
    if let Some(refresh) = health.refresh.get() {
        refresh();
    }
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(health.metrics.render())
}

fn reply(good: bool, body: &serde_json::Value) -> HttpResponse {
    if good { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, test};

    async fn status(health: &web::Data<Health>, path: &str) -> (u16, String) {
        let app = test::init_service(App::new().app_data(health.clone()).configure(routes)).await;
        let response =
            test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
        let status = response.status().as_u16();
        (status, String::from_utf8(test::read_body(response).await.to_vec()).unwrap())
    }

    #[actix_rt::test]
    async fn readiness_follows_the_phase_and_every_part() {
        let health = web::Data::new(Health::new(Arc::new(Metrics::new().unwrap())));
        assert_eq!(status(&health, "/livez").await.0, 200);
        assert_eq!(status(&health, "/startupz").await.0, 503);
        assert_eq!(status(&health, "/readyz").await.0, 503);

        let store_is_well = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&store_is_well);
        let check: PartCheck = Box::new(move || seen.load(Ordering::SeqCst));
        health.watch(vec![("store", check)], Box::new(|| {}));
        health.enter(Phase::Serving);
        assert_eq!(status(&health, "/startupz").await.0, 200);
        assert_eq!(status(&health, "/readyz").await.0, 200);

        store_is_well.store(false, Ordering::SeqCst);
        let (code, body) = status(&health, "/readyz").await;
        assert_eq!(code, 503);
        assert!(body.contains(r#""store":false"#), "{body}");

        store_is_well.store(true, Ordering::SeqCst);
        health.enter(Phase::Draining);
        assert_eq!(status(&health, "/readyz").await.0, 503);
        assert_eq!(status(&health, "/startupz").await.0, 200);
        assert_eq!(status(&health, "/livez").await.0, 200);
        assert!(status(&health, "/metrics").await.1.contains("oqs_ready 0"));
    }
}
