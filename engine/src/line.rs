//! What commands ask of the running engine.

use clap::Args;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::Response;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, SendBody};

/// Most bytes of an engine's answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// An engine answers an upload when it is loaded; a nation takes minutes.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(3600);
/// An engine that is there accepts at once.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);

/// Where the engine is, and who asks.
#[derive(Args)]
pub(crate) struct Engine {
    /// The running engine whose store it is, as https://host:port; for `backup` and `shadow` it
    /// must be on this machine.
    #[arg(long, requires_all = ["ca", "cert", "key"])]
    server: Option<String>,
    /// Certificate of the CA that issued the engine's certificate.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Certificate of an operator; for `load` also an insurer's.
    #[arg(long)]
    cert: Option<PathBuf>,
    /// Key of that certificate.
    #[arg(long)]
    key: Option<PathBuf>,
}

/// A connection to the engine.
pub(crate) struct Line {
    agent: Agent,
    server: String,
}

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{server}: {reason}")]
pub(crate) struct Refusal {
    /// The engine's address.
    pub(crate) server: String,
    /// What it, or the way to it, said.
    pub(crate) reason: String,
}

impl Engine {
    /// The way to the engine, if one was named.
    pub(crate) fn line(&self) -> Result<Option<Line>, Refusal> {
        let (Some(server), Some(ca), Some(cert), Some(key)) =
            (&self.server, &self.ca, &self.cert, &self.key)
        else {
            return Ok(None);
        };
        let server = server.trim_end_matches('/').to_owned();
        match client(ca, cert, key) {
            Ok(agent) => Ok(Some(Line { agent, server })),
            Err(error) => Err(Refusal { server, reason: error.to_string() }),
        }
    }
}

impl Line {
    /// Sends lines to this address of the engine as they are read.
    pub(crate) fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        lines: &mut impl Read,
    ) -> Result<T, Refusal> {
        let request = self.agent.post(self.address(path)).header("content-type", "text/csv");
        self.read(request.send(SendBody::from_reader(lines)))
    }

    /// Posts to this address of the engine.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.read(self.agent.post(self.address(path)).send_empty())
    }

    /// Gets what is at this address of the engine.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.read(self.agent.get(self.address(path)).call())
    }

    /// What is at this path of the engine, in whole.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, Refusal> {
        let failed = |reason: String| Refusal { server: self.server.clone(), reason };
        let mut answer = answer.map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let body = body.map_err(|error| failed(error.to_string()))?;
        if !status.is_success() {
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            let part = |name: &str| problem.pointer(name).and_then(|v| v.as_str()).unwrap_or("?");
            let (code, en, ja) = (part("/code"), part("/detail/en"), part("/detail/ja"));
            return Err(failed(format!("{code} (HTTP {status}): {en}\n{ja}")));
        }
        serde_json::from_str(&body).map_err(|error| failed(error.to_string()))
    }
}

/// An HTTP client with this certificate.
fn client(ca: &Path, cert: &Path, key: &Path) -> Result<Agent, Box<dyn Error>> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let root = Certificate::from_pem(&read(ca)?)?;
    let mut chain = Vec::new();
    for item in parse_pem(&read(cert)?) {
        if let PemItem::Certificate(certificate) = item? {
            chain.push(certificate);
        }
    }
    let key = PrivateKey::from_pem(&read(key)?)?;
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[root]))
        .client_cert(Some(ClientCert::new_with_certs(&chain, key)))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_WAIT_MAX))
        .timeout_recv_response(Some(ANSWER_WAIT_MAX))
        .build();
    Ok(config.new_agent())
}
