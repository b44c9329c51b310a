//! A server whose delays are a matter of record: each answer is held back for a time that its
//! number gives, and now and then the whole server stands still. Two clients that measure it
//! honestly must see the same distribution.

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use shikaku_benches::BenchError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The shortest delay, in milliseconds: long beside what a client adds.
const DELAY_MS_MIN: f64 = 20.0;
/// Every so often the server stands still.
const STALL_EVERY: Duration = Duration::from_secs(2);
/// For so long.
const STALL: Duration = Duration::from_millis(300);

/// Serves until it is killed.
pub(crate) async fn serve() -> Result<(), BenchError> {
    let state = web::Data::new((AtomicU64::new(0), Instant::now()));
    let server = HttpServer::new(move || {
        App::new().app_data(state.clone()).default_service(web::to(answer))
    })
    .workers(1)
    .bind(("127.0.0.1", 0))
    .map_err(BenchError::io("the port"))?;
    if let Some(address) = server.addrs().first() {
        #[expect(clippy::print_stdout, reason = "whoever started this waits for the line")]
        {
            println!("delayed: serving http://{address}");
        }
    }
    server.run().await.map_err(BenchError::io("the server"))
}

async fn answer(_body: Bytes, state: web::Data<(AtomicU64, Instant)>) -> HttpResponse {
    let (number, start) = &**state;
    let number = number.fetch_add(1, Ordering::Relaxed);
    // The golden ratio spreads the numbers evenly over 0 to 1; the tail is that of 1/sqrt.
    let spread = (number as f64 * 0.618_033_988_749_895).fract();
    let delay = Duration::from_secs_f64(DELAY_MS_MIN / 1e3 / (1.0 - 0.98 * spread).sqrt());
    let phase = Duration::from_nanos(
        u64::try_from(start.elapsed().as_nanos() % STALL_EVERY.as_nanos()).unwrap_or_default(),
    );
    let stall = STALL.saturating_sub(phase);
    actix_rt::time::sleep(delay + stall).await;
    HttpResponse::Ok().content_type("application/json").body("{}")
}
