//! The pages, their events, and what people do there.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes, Data, Path, Query, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::stream;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Semaphore, watch};
use zeroize::{Zeroize, Zeroizing};

use super::body::{self, Counter};
use super::face_desk::Frame;
use super::guard;
use super::hub::HubHandle;
use super::pages;
use super::self_test::SelfTest;
use crate::ReaderError;
use crate::card_api::CardApi;
use crate::session::SessionId;
use crate::test_cards::TestCards;

/// Largest body in bytes: an insurance card's data have about 300.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// Largest frame of the camera in bytes; the page's own have about 60,000.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Connections at the same time: a few pages, each with one for its events.
const CONNECTIONS_MAX: usize = 64;
/// Questions of the counter and self-tests under way.
const LOOKUPS_MAX: usize = 4;
/// Between two signs of life on a stream of events without news.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a hand takes to swap two cards. pcscd looks at a virtual reader every 400 ms; a quicker
/// swap of a card that is being spoken to can look like the same card, still there.
const SWAP: Duration = Duration::from_millis(600);
/// Longest wait for pages that are open when the program stops.
const STOP_SECONDS: u64 = 1;

/// What handlers share.
pub(super) struct Shared {
    /// Names by which this server may be called.
    pub(super) hosts: Vec<String>,
    /// The cookie's value.
    pub(super) token: String,
    hub: HubHandle,
    api: CardApi,
    self_test: Arc<SelfTest>,
    test_cards: Option<Arc<TestCards>>,
    lookups: Semaphore,
}

impl Shared {
    /// Whether a path is more than a page or a part of one.
    pub(super) fn needs_cookie(&self, path: &str) -> bool {
        const PAGES: [&str; 5] = ["/", "/kiosk", "/counter", "/self-test", "/test-cards"];
        !PAGES.contains(&path) && !path.starts_with("/assets/")
    }
}

/// A server that is bound and not yet running.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Data<Shared>,
}

/// Takes the port.
///
/// # Errors
/// When it is not free.
pub fn bind(
    listen: SocketAddr,
    hub: HubHandle,
    api: CardApi,
    self_test: Arc<SelfTest>,
    test_cards: Option<Arc<TestCards>>,
) -> Result<Server, ReaderError> {
    let failed = |source| ReaderError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let mut token = [0_u8; 32];
    SystemRandom::new().fill(&mut token).map_err(|_| ReaderError::Random)?;
    let token = token.iter().map(|byte| format!("{byte:02x}")).collect();
    let hosts = vec![address.to_string(), format!("localhost:{}", address.port())];
    let lookups = Semaphore::new(LOOKUPS_MAX);
    let shared = Data::new(Shared { hosts, token, hub, api, self_test, test_cards, lookups });
    Ok(Server { listener, address, shared })
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stopped` is done.
    ///
    /// # Errors
    /// When the system refuses to go on.
    pub async fn run(self, stopped: impl Future<Output = ()>) -> Result<(), ReaderError> {
        let (address, shared) = (self.address, self.shared);
        let failed = move |source| ReaderError::Listen { address, source };
        let app = move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
                .wrap(from_fn(guard::guard))
                .configure(routes)
        };
        let server = HttpServer::new(app)
            .workers(1)
            .max_connections(CONNECTIONS_MAX)
            .shutdown_timeout(STOP_SECONDS)
            .disable_signals()
            .listen(self.listener)
            .map_err(failed)?
            .run();
        let handle = server.handle();
        let stopping = async move {
            stopped.await;
            handle.stop(true).await;
        };
        futures_util::future::join(server, stopping).await.0.map_err(failed)
    }
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(home))
        .route("/kiosk", web::get().to(|shared| page(shared, "kiosk")))
        .route("/counter", web::get().to(|shared| page(shared, "counter")))
        .route("/self-test", web::get().to(|shared| page(shared, "self-test")))
        .route("/test-cards", web::get().to(test_cards_page))
        .route("/assets/{path:.+}", web::get().to(asset))
        .route("/kiosk/events", web::get().to(kiosk_events))
        .route("/kiosk/intents", web::post().to(kiosk_intent))
        .service(
            web::resource("/kiosk/frame")
                .app_data(web::PayloadConfig::new(FRAME_BYTES_MAX))
                .route(web::post().to(kiosk_frame)),
        )
        .route("/counter/events", web::get().to(counter_events))
        .route("/counter/intents", web::post().to(counter_intent))
        .route("/counter/lookups", web::post().to(lookup))
        .route("/self-test.json", web::get().to(self_test))
        .route("/test-cards/list", web::get().to(test_cards_list))
        .route("/test-cards/insert", web::post().to(test_card_insert))
        .route("/test-cards/remove", web::post().to(test_card_remove));
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, "/kiosk")).finish()
}

async fn page(shared: Data<Shared>, name: &'static str) -> HttpResponse {
    match pages::page(name) {
        Some(html) => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .cookie(guard::cookie(&shared.token))
            .body(html),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn asset(path: Path<String>) -> HttpResponse {
    match pages::asset(&path) {
        Some((content, media)) => HttpResponse::Ok().content_type(media).body(content),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn kiosk_events(shared: Data<Shared>) -> HttpResponse {
    events(shared.hub.kiosk.clone())
}

async fn counter_events(shared: Data<Shared>) -> HttpResponse {
    events(shared.hub.counter.clone())
}

/// The state now, and each one after it. A page that is slow sees the newest, not all of them.
fn events(state: watch::Receiver<Arc<str>>) -> HttpResponse {
    let first = true;
    let stream = stream::unfold((state, first), |(mut state, first)| async move {
        if !first {
            match tokio::time::timeout(HEARTBEAT, state.changed()).await {
                Ok(Ok(())) => {}
                // The hub has ended, and the stream with it.
                Ok(Err(_)) => return None,
                Err(_) => {
                    let sign = Bytes::from_static(b": still here\n\n");
                    return Some((Ok::<_, Infallible>(sign), (state, false)));
                }
            }
        }
        let json = Arc::clone(&state.borrow_and_update());
        let event = Bytes::from(format!("event: state\ndata: {json}\n\n"));
        Some((Ok(event), (state, false)))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(stream)
}

async fn kiosk_intent(shared: Data<Shared>, body: Bytes) -> HttpResponse {
    let event = body::intent(&body);
    erase(body);
    match event {
        Ok(event) => told(shared.hub.tell(event).await),
        Err(_) => HttpResponse::BadRequest().finish(),
    }
}

/// For which screen of which session a frame is.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameOf {
    session: SessionId,
    seq: u64,
}

/// Looks at a frame of the camera; what it came to is in the next state.
async fn kiosk_frame(shared: Data<Shared>, of: Query<FrameOf>, body: Bytes) -> HttpResponse {
    let frame = Zeroizing::new(body.to_vec());
    erase(body);
    match shared.hub.faces.look(&of.session, of.seq, frame).await {
        Frame::Seen => HttpResponse::Accepted().finish(),
        Frame::Stale => HttpResponse::Conflict().finish(),
        Frame::TooSoon => HttpResponse::TooManyRequests().finish(),
        Frame::Unreadable => HttpResponse::UnprocessableEntity().finish(),
    }
}

async fn counter_intent(shared: Data<Shared>, body: Bytes) -> HttpResponse {
    match body::counter(&body) {
        Ok(Counter::Event(event)) => told(shared.hub.tell(event).await),
        Ok(Counter::Dismiss(row)) => told(shared.hub.dismiss(row).map(|()| true)),
        Err(_) => HttpResponse::BadRequest().finish(),
    }
}

fn told<E>(end: Result<bool, E>) -> HttpResponse {
    match end {
        Ok(true) => HttpResponse::Accepted().finish(),
        Ok(false) => HttpResponse::Conflict().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// Overwrites a body that may have held a PIN or a face, where nobody else still reads it.
fn erase(body: Bytes) {
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
}

async fn lookup(shared: Data<Shared>, body: Bytes) -> HttpResponse {
    let Ok(_permit) = shared.lookups.try_acquire() else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let api = shared.api.clone();
    match web::block(move || api.lookup(&body)).await {
        Ok(Ok((status, answer))) => {
            let status = actix_web::http::StatusCode::from_u16(status)
                .unwrap_or(actix_web::http::StatusCode::BAD_GATEWAY);
            HttpResponse::build(status).content_type("application/json").body(answer)
        }
        Ok(Err(failure)) => {
            let body = serde_json::json!({ "code": failure.code });
            HttpResponse::BadGateway().json(body)
        }
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn self_test(shared: Data<Shared>) -> HttpResponse {
    let Ok(_permit) = shared.lookups.try_acquire() else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let test = Arc::clone(&shared.self_test);
    match web::block(move || test.run()).await {
        Ok(checks) => HttpResponse::Ok().json(serde_json::json!({ "checks": checks })),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn test_cards_page(shared: Data<Shared>) -> HttpResponse {
    match shared.test_cards {
        Some(_) => page(shared, "test-cards").await,
        None => HttpResponse::NotFound().finish(),
    }
}

async fn test_cards_list(shared: Data<Shared>) -> HttpResponse {
    match &shared.test_cards {
        Some(cards) => HttpResponse::Ok().json(cards.list()),
        None => HttpResponse::NotFound().finish(),
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Insert {
    id: String,
}

async fn test_card_insert(shared: Data<Shared>, body: Bytes) -> HttpResponse {
    let Some(cards) = shared.test_cards.clone() else { return HttpResponse::NotFound().finish() };
    let Ok(Insert { id }) = serde_json::from_slice(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    if cards.has(&id) {
        let before = Arc::clone(&cards);
        if let Ok(true) = web::block(move || before.remove()).await {
            tokio::time::sleep(SWAP).await;
        }
    }
    match web::block(move || cards.insert(&id)).await {
        Ok(Ok(())) => HttpResponse::NoContent().finish(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a test card was not inserted");
            HttpResponse::Conflict().finish()
        }
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn test_card_remove(shared: Data<Shared>) -> HttpResponse {
    let Some(cards) = shared.test_cards.clone() else { return HttpResponse::NotFound().finish() };
    match web::block(move || cards.remove()).await {
        Ok(_) => HttpResponse::NoContent().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}
