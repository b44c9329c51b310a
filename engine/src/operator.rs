//! What operators' commands ask of the running engine.

use crate::load::client;
use clap::Args;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// Most bytes of an engine's answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Where the engine is, and who asks.
#[derive(Args)]
pub(crate) struct Engine {
    /// The running engine whose store it is, as https://host:port. It must be on this machine.
    #[arg(long, requires_all = ["ca", "cert", "key"])]
    server: Option<String>,
    /// Certificate of the CA that issued the engine's certificate.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Certificate of an operator.
    #[arg(long)]
    cert: Option<PathBuf>,
    /// Key of that certificate.
    #[arg(long)]
    key: Option<PathBuf>,
}

/// A connection to the engine.
pub(crate) struct Line {
    agent: ureq::Agent,
    server: String,
}

/// Why the engine did not do what it was asked.
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
    /// Posts to this address of the engine.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        let answer = self.agent.post(format!("{}{path}", self.server)).send_empty();
        self.read(answer)
    }

    /// Gets what is at this address of the engine.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.read(self.agent.get(format!("{}{path}", self.server)).call())
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
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
