//! The yardstick: the engine's TLS and HTTP settings around a handler that reads the body and
//! answers the same bytes always. What remains is the price of the question itself.

use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use shikaku_benches::BenchError;
use shikaku_engine::clock::SystemClock;
use shikaku_engine::config::Config;
use shikaku_engine::http::remember_peer;
use shikaku_engine::quota::Quotas;
use shikaku_engine::tls::{TlsFiles, TlsReloader};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where it answers.
pub(super) const PATH: &str = "/constant";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The engine's configuration: certificates, workers, limits.
    #[arg(long)]
    config: PathBuf,
    /// Bytes of the body.
    #[arg(long)]
    bytes: usize,
    /// Without TLS.
    #[arg(long)]
    plain: bool,
}

/// Serves until it is killed.
pub(super) async fn serve(args: Args) -> Result<(), BenchError> {
    let config = Config::load(&args.config, std::iter::empty())?;
    let files = TlsFiles {
        certificate: config.tls.certificate,
        key: config.tls.key,
        client_ca: config.tls.client_ca,
        crl: config.tls.crl,
        crl_grace_hours: config.tls.crl_grace_hours,
    };
    let tls = TlsReloader::new(files, Arc::new(SystemClock))?;
    let options = config.server;
    let quotas = Arc::new(Quotas::new(&config.limits, Instant::now()));
    let answer = Bytes::from(vec![b'x'; args.bytes]);
    let server = HttpServer::new(move || {
        let resource = web::resource(PATH).route(web::post().to(constant));
        App::new().app_data(web::Data::new(answer.clone())).service(resource)
    })
    .workers(options.workers)
    .max_connections((options.connections_max / options.workers).max(1))
    .client_request_timeout(Duration::from_millis(options.client_request_timeout_ms))
    .keep_alive(Duration::from_secs(options.keep_alive_seconds))
    .shutdown_timeout(options.drain_seconds)
    .on_connect(remember_peer(quotas));
    let (scheme, server) = if args.plain {
        ("http", server.bind(options.listen))
    } else {
        let tls = tls.server_config().as_ref().clone();
        ("https", server.bind_rustls_0_23(options.listen, tls))
    };
    let server = server.map_err(BenchError::io("the port"))?;
    if let Some(address) = server.addrs().first() {
        #[expect(clippy::print_stdout, reason = "whoever started this waits for the line")]
        {
            println!("constant: serving {scheme}://{address}");
        }
    }
    server.run().await.map_err(BenchError::io("the server"))
}

async fn constant(_body: Bytes, answer: web::Data<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(answer.get_ref().clone())
}
