//! Asking the engine over HTTPS with the facility's client certificate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::charset::Charset;
use super::plan::is_finished;
use super::refusal::Refusal;
use crate::ReaderError;
use crate::config::EngineConfig;

/// Longest wait for a TCP and TLS connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Largest answer in bytes. A single lookup has about 10 KiB.
pub const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Largest error document in bytes.
const PROBLEM_BYTES_MAX: u64 = 64 * 1024;
/// Where the engine takes the interface's XML; the function's name follows.
const PATH: &str = "/oqs/";

/// One question to the engine.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The function: `OQSsiquc01`.
    pub function: &'a str,
    /// The request as the client wrote it.
    pub body: &'a [u8],
    /// The encoding wanted for the answer.
    pub charset: Charset,
    /// Longest wait for the whole answer.
    pub timeout: Duration,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The answer, to be written as it is.
    Answer(Vec<u8>),
    /// The engine will not answer this request, now or later.
    Refused(Refusal),
    /// No answer now; asking again may help.
    Unavailable {
        /// What went wrong.
        why: Unavailable,
        /// How long the engine asks to be left alone.
        retry_after: Option<Duration>,
    },
}

/// Why there is no answer now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Not reached: address, line, certificate or time.
    #[error("the engine cannot be reached: {0}")]
    Unreachable(String),
    /// Reached, but it says that it cannot answer anything now.
    #[error("the engine answers with HTTP {0}")]
    Busy(u16),
    /// Reached, and something is wrong with the answer to this one request.
    #[error("the engine's answer cannot be used: {0}")]
    Answer(String),
}

impl Unavailable {
    /// Whether it says something about the engine as a whole and not about one request.
    #[must_use]
    pub const fn concerns_all(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Busy(_) => true,
            Self::Answer(_) => false,
        }
    }
}

/// The engine, as the exchange sees it.
pub trait Engine: Send + Sync {
    /// Asks once; blocks at most about `question.timeout`.
    fn ask(&self, question: &Question<'_>) -> Reply;
}

/// The engine over HTTPS. Connections are kept and shared by all workers.
pub struct HttpEngine {
    agent: Agent,
    base: String,
}

/// The part of an `application/problem+json` document that is passed on.
#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    detail: Value,
    #[serde(default)]
    title: String,
}

impl HttpEngine {
    /// Reads the certificates and makes an agent; does not connect yet.
    ///
    /// # Errors
    /// When a PEM file cannot be used or certificate and key do not fit together.
    pub fn connect(config: &EngineConfig, workers: usize) -> Result<Self, ReaderError> {
        let agent = facility_agent(config, workers)?;
        Ok(Self::new(&config.url, agent))
    }

    fn new(url: &str, agent: Agent) -> Self {
        Self { agent, base: url.trim_end_matches('/').to_owned() }
    }
}

/// An HTTP client with the facility's certificate that trusts the engine's authority alone; keeps
/// at most so many connections. Does not connect yet.
///
/// # Errors
/// When a PEM file cannot be used or certificate and key do not fit together.
pub(crate) fn facility_agent(
    config: &EngineConfig,
    connections: usize,
) -> Result<Agent, ReaderError> {
    let roots = certificates("ca", &config.ca)?;
    let chain = certificates("certificate", &config.certificate)?;
    let unusable = |error: &dyn std::error::Error| ReaderError::Credential {
        key: "key",
        reason: error.to_string(),
    };
    let key_pem = std::fs::read(&config.key).map_err(|error| unusable(&error))?;
    let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|error| unusable(&error))?;
    check_pair(&roots, &chain, &key)?;
    let key = PrivateKey::from_pem(&key_pem).map_err(|error| unusable(&error))?;

    let owned = |ders: &[CertificateDer<'_>]| -> Vec<Certificate<'static>> {
        ders.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
    };
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&owned(&roots)))
        .client_cert(Some(ClientCert::new_with_certs(&owned(&chain), key)))
        .build();
    Ok(agent(connections, Some(tls)))
}

fn agent(connections: usize, tls: Option<TlsConfig>) -> Agent {
    let config = Agent::config_builder()
        .https_only(tls.is_some())
        .tls_config(tls.unwrap_or_default())
        .http_status_as_error(false)
        .max_redirects(0)
        // The line to the engine is closed; a proxy from the environment would be a mistake.
        .proxy(None)
        .timeout_connect(Some(CONNECT_WITHIN))
        .max_idle_connections(connections)
        .max_idle_connections_per_host(connections)
        .user_agent(concat!("shikaku-reader/", env!("CARGO_PKG_VERSION")))
        .build();
    config.new_agent()
}

impl Engine for HttpEngine {
    fn ask(&self, question: &Question<'_>) -> Reply {
        let sent = self
            .agent
            .post(format!("{}{PATH}{}", self.base, question.function))
            .config()
            .timeout_global(Some(question.timeout))
            .build()
            .header(header::CONTENT_TYPE, "application/xml")
            .header(header::ACCEPT_CHARSET, question.charset.label())
            .send(question.body);
        match sent {
            Ok(response) => read(response),
            Err(error) => Reply::Unavailable {
                why: Unavailable::Unreachable(error.to_string()),
                retry_after: None,
            },
        }
    }
}

fn read(mut response: Response<Body>) -> Reply {
    let status = response.status();
    let retry_after = retry_after(&response);
    let unavailable = |why| Reply::Unavailable { why, retry_after };
    let is = |media: &str| response.body().mime_type().is_some_and(|found| found == media);
    let (is_xml, is_problem) =
        (is("application/xml") || is("text/xml"), is("application/problem+json"));

    if status == StatusCode::OK {
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        return match body {
            // A page of some gateway, or an answer cut short, must never pass for an answer.
            Ok(body) if is_xml && is_finished(&body) => Reply::Answer(body),
            Ok(_) => unavailable(Unavailable::Answer("it is not a whole message".to_owned())),
            Err(error) => unavailable(Unavailable::Answer(error.to_string())),
        };
    }
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => unavailable(Unavailable::Busy(status.as_u16())),
        StatusCode::REQUEST_TIMEOUT => unavailable(Unavailable::Answer("HTTP 408".to_owned())),
        _ if status.is_client_error() => {
            let problem = is_problem
                .then(|| response.body_mut().with_config().limit(PROBLEM_BYTES_MAX).read_to_vec())
                .and_then(Result::ok);
            let refusal = problem.as_deref().and_then(refusal_of);
            Reply::Refused(refusal.unwrap_or(Refusal::EngineStatus { status: status.as_u16() }))
        }
        _ => unavailable(Unavailable::Answer(format!("HTTP {}", status.as_u16()))),
    }
}

/// The refusal in a problem document; `None` when it is not one.
fn refusal_of(document: &[u8]) -> Option<Refusal> {
    let problem: Problem = serde_json::from_slice(document).ok()?;
    let sentence = |language: &str| {
        let detail = problem.detail.get(language).or(Some(&problem.detail));
        detail.and_then(Value::as_str).unwrap_or(&problem.title)
    };
    Some(Refusal::from_engine(&problem.code, sentence("ja"), sentence("en")))
}

/// The header in its form of seconds; the form of a date is not used between our programs.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

fn certificates(
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ReaderError> {
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| credential(key, &error))?.collect();
    let all = all.map_err(|error| credential(key, &error))?;
    if all.is_empty() {
        return Err(ReaderError::Credential { key, reason: "it holds no certificate".to_owned() });
    }
    Ok(all)
}

fn credential(key: &'static str, error: &rustls::pki_types::pem::Error) -> ReaderError {
    ReaderError::Credential { key, reason: error.to_string() }
}

/// Builds what the HTTP library will build at the first call, so that mistakes show at the start.
fn check_pair(
    roots: &[CertificateDer<'static>],
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<(), ReaderError> {
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        store
            .add(root.clone())
            .map_err(|error| ReaderError::Credential { key: "ca", reason: error.to_string() })?;
    }
    let pair = |error: rustls::Error| ReaderError::CredentialPair { reason: error.to_string() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_root_certificates(store)
        .with_client_auth_cert(chain.to_vec(), key.clone_key())
        .map_err(pair)?;
    Ok(())
}

#[cfg(test)]
mod tests;
