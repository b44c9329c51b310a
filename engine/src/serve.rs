//! Starting and stopping the engine.
//!
//! Start: configuration → admin port (so that the start can be watched) → store, catching up with
//! its log → certificates → actors → service port → ready.
//! Stop: not ready → wait for balancers → refuse → finish what is in → close the store.

use crate::account::{Accounts, TokenKey};
use crate::actors::eligibility::{Admission, EligibilityHandle};
use crate::actors::intake::IntakeHandle;
use crate::actors::recorder::RecorderHandle;
use crate::actors::resident::ResidentHandle;
use crate::card::{CardTrust, Cards, Purpose, TrustFiles};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::face::Faces;
use crate::http::health::{self, Health, PartCheck, Phase};
use crate::http::{self, Shared, Worker};
use crate::metrics::Metrics;
use crate::quota::Quotas;
use crate::reload::Source;
use crate::serving::{Serving, Stores};
use crate::shadow::{Received, ShadowOptions, Shadows};
use crate::supervisor;
use crate::tls::{TlsFiles, TlsReloader};
use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, web};
use shikaku_store::{Closing, Store, StoreOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

/// Why the engine did not start, or did not stop cleanly.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A file or value of the configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The store.
    #[error("{code}: {0}", code = .0.code())]
    Store(#[from] shikaku_store::StoreError),
    /// Certificates.
    #[error("{code}: {0}", code = .0.code())]
    Tls(#[from] crate::tls::TlsError),
    /// Authorities and revocation lists of cards.
    #[error("{code}: {0}", code = .0.code())]
    CardTrust(#[from] crate::card::TrustError),
    /// The models that compare faces.
    #[error("{code}: {0}", code = .0.code())]
    Face(#[from] shikaku_face::FaceError),
    /// Accounts and the token key.
    #[error("{code}: {0}", code = .0.code())]
    Account(#[from] crate::account::AccountError),
    /// A port cannot be opened.
    #[error(
        "SHK-SRV-001: cannot listen on {address} ({key}): {source}; stop the program that uses it, or choose another port"
    )]
    Port {
        /// Section and key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The metrics table contradicts itself.
    #[error("SHK-SRV-002: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The system refuses a basic service, such as signals or a thread.
    #[error("SHK-SRV-003: {0}")]
    System(#[from] std::io::Error),
}

/// Runs the engine until it is told to stop.
///
/// # Errors
/// [`ServeError`] when it cannot start, with what to do about it.
pub async fn serve(config: Config, source: Source) -> Result<(), ServeError> {
    config.check_files()?;
    let metrics = Arc::new(Metrics::new()?);
    let health = web::Data::new(Health::new(Arc::clone(&metrics)));
    let (admin_address, admin) = admin_server(&config, &health)?;
    let admin_handle = admin.handle();
    actix_rt::spawn(admin);

    let store = open_store(&config).await?;
    Received::remove_from(store.folder())?;
    Received::new(config.store.path.clone()).recover()?;
    let stores = Arc::new(Stores::new(Serving::start(store, &metrics)));
    let drain = Duration::from_secs(config.server.drain_seconds);
    let served = run(config, &source, Arc::clone(&stores), metrics, &health, admin_address).await;
    admin_handle.stop(true).await;
    drop(health);
    // Another than the one it began with may serve by now.
    let closing = stores.current().closing.clone();
    drop(stores);
    wait_until_closed(closing, drain).await;
    served
}

/// From the open store to the end of the service. Nothing here outlives it but actors, which end
/// when nobody can reach them any more.
async fn run(
    mut config: Config,
    source: &Source,
    stores: Arc<Stores>,
    metrics: Arc<Metrics>,
    health: &Health,
    admin: SocketAddr,
) -> Result<(), ServeError> {
    let tls = Arc::new(TlsReloader::new(tls_files(&config), Arc::new(SystemClock))?);
    let parts = Parts::start(&config, stores, Arc::clone(&tls), metrics)?;
    parts.watch(health, config.store.path.clone());
    let (address, server) = service(&config, &parts, &tls)?;
    let handle = server.handle();
    actix_rt::spawn(server);

    health.enter(Phase::Serving);
    announce(address, admin);
    supervisor::ready();
    wait_for_stop(&mut config, source, &parts, &tls).await?;
    stop(&config, health, &parts, &handle).await;
    Ok(())
}

/// The threads of actors and workers let go of the store one after the other; the process must
/// not end before the last.
async fn wait_until_closed(closing: Closing, grace: Duration) {
    match web::block(move || closing.wait(grace)).await {
        Ok(true) => tracing::info!("The store is closed."),
        Ok(false) | Err(_) => tracing::warn!("The store was not closed in time."),
    }
}

/// The parts that live between start and stop.
struct Parts {
    stores: Arc<Stores>,
    shared: Arc<Shared>,
    admission: Admission,
    quotas: Arc<Quotas>,
    _resident: ResidentHandle,
}

impl Parts {
    fn start(
        config: &Config,
        stores: Arc<Stores>,
        tls: Arc<TlsReloader>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let accounts = Accounts::load(&config.accounts.file)?;
        let token_key = TokenKey::load_or_create(&config.accounts.token_key)?;
        let deadline = Duration::from_millis(config.server.deadline_ms);
        let recorder = RecorderHandle::start(Arc::clone(&stores), Arc::clone(&metrics), deadline)?;
        let checkpoints = http::Checkpoints::new(Arc::clone(&stores), config.store.path.clone());
        let shadows =
            Shadows::new(shadow_options(config), Arc::clone(&stores), Arc::clone(&metrics));
        let cards = config.card.as_ref().map(cards).transpose()?;
        let faces = config.face.as_ref().map(|face| Faces::start(face, &metrics)).transpose()?;
        let intake = IntakeHandle::start(
            Arc::clone(&stores),
            shadows.received().clone(),
            Arc::clone(&metrics),
            config.intake.uploads_max,
        );
        let shared = Shared {
            clock: Arc::new(SystemClock),
            tls,
            metrics,
            accounts,
            token_key,
            body_within: Duration::from_millis(config.server.client_request_timeout_ms),
            log_ins: Semaphore::new(http::LOG_INS_MAX),
            intake,
            cards,
            faces,
            recorder,
            checkpoints,
            shadows: Arc::new(shadows),
            uploads: http::Uploads::new(config)?,
        };
        let limit = i64::try_from(config.server.in_flight_max).unwrap_or(i64::MAX);
        shared.metrics.admission.set(limit);
        let admission = Admission::new(config.server.in_flight_max, deadline);
        let resident = ResidentHandle::start(Arc::clone(&stores), resident_bytes_max(config))?;
        let quotas = Arc::new(Quotas::new(&config.limits, Instant::now()));
        Ok(Self { stores, shared: Arc::new(shared), admission, quotas, _resident: resident })
    }

    /// Whether every actor still works. systemd restarts an engine that is not alive.
    fn are_alive(&self) -> bool {
        let shards = self.stores.borrow().shards.alive();
        shards && self.shared.intake.alive() && self.shared.recorder.alive()
    }

    /// Tells health and metrics what to look at.
    fn watch(&self, health: &Health, store: PathBuf) {
        let (stores, shards) = (Arc::clone(&self.stores), Arc::clone(&self.stores));
        let intake = self.shared.intake.clone();
        let recorder = self.shared.recorder.clone();
        let writable: PartCheck = Box::new(move || {
            let stats = stores.borrow().reader.stats();
            stats.shards.iter().all(|shard| shard.background_errors == 0)
        });
        let mut parts: Vec<(&'static str, PartCheck)> = vec![
            ("store", writable),
            ("shards", Box::new(move || shards.borrow().shards.alive())),
            ("intake", Box::new(move || intake.alive())),
            ("recorder", Box::new(move || recorder.alive())),
        ];
        if let Some(faces) = self.shared.faces.clone() {
            parts.push(("faces", Box::new(move || faces.is_ready())));
        }
        let (stores, shared) = (Arc::clone(&self.stores), Arc::clone(&self.shared));
        let refresh = move || {
            let reader = &stores.borrow().reader;
            let applied = reader.applied();
            let furthest = applied.iter().max().copied();
            let head = shared.intake.head().or(furthest).unwrap_or_default();
            shared.metrics.observe_store(head, &applied, &reader.stats(), reader.insurer_count());
            shared.shadows.observe();
            shared.metrics.certificate.set(shared.tls.days_left());
            // Unreadable is shown as full: somebody should look.
            let free = rustix::fs::statvfs(&store).map_or(0, |fs| fs.f_bavail * fs.f_frsize);
            shared.metrics.disk_free.set(i64::try_from(free).unwrap_or(i64::MAX));
        };
        health.watch(parts, Box::new(refresh));
    }
}

async fn open_store(config: &Config) -> Result<Store, ServeError> {
    let options = store_options(config);
    let path = options.path.display().to_string();
    tracing::info!(path, "Opening the store.");
    let opened = web::block(move || Store::open(&options)).await;
    let store =
        opened.map_err(|_| std::io::Error::other("the thread that opened the store ended"))??;
    tracing::info!(path, "The store is open and has applied its log.");
    Ok(store)
}

/// How the engine and its tools open the store of a configuration.
#[must_use]
pub fn store_options(config: &Config) -> StoreOptions {
    StoreOptions {
        path: config.store.path.clone(),
        shards: config.store.shards,
        cache_bytes: config.store.cache_mib << 20,
        create: true,
    }
}

fn resident_bytes_max(config: &Config) -> usize {
    config.store.resident_mib << 20
}

fn shadow_options(config: &Config) -> ShadowOptions {
    ShadowOptions {
        store: store_options(config),
        resident_bytes_max: resident_bytes_max(config),
        removal_percent_max: config.intake.removal_percent_max,
    }
}

fn cards(config: &crate::config::Card) -> Result<Cards, crate::card::TrustError> {
    let files = TrustFiles {
        trust: config.trust.clone(),
        crl: config.crl.clone(),
        crl_grace_hours: config.crl_grace_hours,
    };
    let trust = CardTrust::new(files, &SystemClock)?;
    Ok(Cards::new(trust, Purpose { policies: config.policies.clone() }))
}

fn tls_files(config: &Config) -> TlsFiles {
    TlsFiles {
        certificate: config.tls.certificate.clone(),
        key: config.tls.key.clone(),
        client_ca: config.tls.client_ca.clone(),
        crl: config.tls.crl.clone(),
        crl_grace_hours: config.tls.crl_grace_hours,
    }
}

fn admin_server(
    config: &Config,
    health: &web::Data<Health>,
) -> Result<(SocketAddr, Server), ServeError> {
    let health = health.clone();
    let address = config.admin.listen;
    let port = |source| ServeError::Port { key: "admin.listen", address, source };
    let server =
        HttpServer::new(move || App::new().app_data(health.clone()).configure(health::routes))
            .workers(1)
            .disable_signals()
            .bind(address)
            .map_err(port)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    Ok((bound, server.run()))
}

fn service(
    config: &Config,
    parts: &Parts,
    tls: &TlsReloader,
) -> Result<(SocketAddr, Server), ServeError> {
    let (stores, shared) = (Arc::clone(&parts.stores), Arc::clone(&parts.shared));
    let admission = parts.admission.clone();
    let options = &config.server;
    let address = options.listen;
    let port = |source| ServeError::Port { key: "server.listen", address, source };
    let server = HttpServer::new(move || {
        // Runs once on each worker's own arbiter.
        let metrics = Arc::clone(&shared.metrics);
        let eligibility = EligibilityHandle::start(Arc::clone(&stores), admission.clone(), metrics);
        let worker = Worker { eligibility, shared: Arc::clone(&shared) };
        App::new().app_data(web::Data::new(worker)).configure(http::routes)
    })
    .workers(options.workers)
    .worker_max_blocking_threads(http::BLOCKING_THREADS)
    .max_connections((options.connections_max / options.workers).max(1))
    .client_request_timeout(Duration::from_millis(options.client_request_timeout_ms))
    .keep_alive(Duration::from_secs(options.keep_alive_seconds))
    .shutdown_timeout(options.drain_seconds)
    .disable_signals()
    .on_connect(http::remember_peer(Arc::clone(&parts.quotas)))
    .bind_rustls_0_23(address, tls.server_config().as_ref().clone())
    .map_err(port)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    Ok((bound, server.run()))
}

/// Says where the engine listens: to the log, and to standard output for whoever started it.
fn announce(address: SocketAddr, admin: SocketAddr) {
    tracing::info!(%address, %admin, version = env!("CARGO_PKG_VERSION"), "Serving.");
    #[expect(clippy::print_stdout, reason = "scripts that start the engine wait for this line")]
    {
        println!("shikaku: serving https://{address} admin http://{admin}");
    }
}

/// Between looks at what is not there, such as files of cards: a day.
const NEVER_SECONDS: u64 = 86_400;

/// Reads the authorities and lists of cards again if a file has changed: a large list takes a
/// second, so not on the thread that handles signals.
async fn reload_changed_cards(parts: &Parts) {
    let shared = Arc::clone(&parts.shared);
    let looked = web::block(move || {
        if let Some(cards) = shared.cards.as_ref().filter(|cards| cards.trust.has_changed()) {
            reload_cards(cards);
        }
    });
    if looked.await.is_err() {
        tracing::error!("The look at the files of card authorities failed.");
    }
}

fn reload_cards(cards: &Cards) {
    match cards.trust.reload(&SystemClock) {
        Ok(()) => tracing::info!("Read the authorities and revocations of cards again."),
        Err(error) => {
            let code = error.code();
            tracing::error!(code, %error, "Kept the authorities and revocations of cards.")
        }
    }
}

/// Waits for SIGTERM or SIGINT; on SIGHUP reads the configuration, certificates, revocations and
/// accounts again.
async fn wait_for_stop(
    config: &mut Config,
    source: &Source,
    parts: &Parts,
    tls: &TlsReloader,
) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let seconds = config.card.as_ref().map_or(NEVER_SECONDS, |card| card.reload_seconds);
    let mut look = tokio::time::interval(Duration::from_secs(seconds));
    let watched = supervisor::alive_every();
    let mut alive = tokio::time::interval(watched.unwrap_or(Duration::from_secs(NEVER_SECONDS)));
    loop {
        tokio::select! {
            _ = alive.tick(), if watched.is_some() => if parts.are_alive() { supervisor::alive() },
            _ = look.tick() => reload_changed_cards(parts).await,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => reload(config, source, parts, tls),
        }
    }
}

/// What cannot be read again stays as it was.
fn reload(config: &mut Config, source: &Source, parts: &Parts, tls: &TlsReloader) {
    match source.read_again(config) {
        Ok(()) => parts.quotas.change(&config.limits),
        Err(error) => tracing::error!(%error, "Kept the configuration as it was."),
    }
    match tls.reload() {
        Ok(()) => tracing::info!("Read the certificates and revocations again."),
        Err(error) => {
            tracing::error!(%error, "Kept the certificates and revocations as they were.")
        }
    }
    if let Some(cards) = &parts.shared.cards {
        reload_cards(cards);
    }
    match parts.shared.accounts.reload() {
        Ok(()) => tracing::info!("Read the accounts again."),
        Err(error) => tracing::error!(%error, "Kept the accounts as they were."),
    }
}

async fn stop(config: &Config, health: &Health, parts: &Parts, server: &ServerHandle) {
    let grace = Duration::from_secs(config.server.drain_seconds);
    health.enter(Phase::Draining);
    supervisor::stopping();
    tracing::info!("Stopping: not ready any more.");
    tokio::time::sleep(Duration::from_millis(config.server.drain_delay_ms)).await;
    let shadow_ended = parts.shared.shadows.stopped(grace).await;
    // The load under way ends first: its answer is one of those that the server waits for.
    let intake_ended = parts.shared.intake.stopped(grace).await;
    server.stop(true).await;
    let all_answered = parts.admission.drained(grace).await;
    tracing::info!(
        all_answered,
        intake_ended,
        shadow_ended,
        "Stopped. Everything acknowledged is in the log."
    );
}
