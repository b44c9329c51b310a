//! Why a run could not be made at all. A run with bad results is no error but a verdict.

use std::path::PathBuf;
use thiserror::Error;

/// What stopped the run before it could measure anything.
#[derive(Debug, Error)]
pub enum RunError {
    /// The target is not `https://host:port` or `http://host:port`.
    #[error("SHK-LGR-001: --target must be https://HOST:PORT or http://HOST:PORT without a path")]
    TargetForm,
    /// The target is not on this machine.
    #[error(
        "SHK-LGR-002: {host} is not a loopback address; load goes to this machine only, unless \
         you own the target and say --allow-remote-target"
    )]
    TargetRemote {
        /// The host as given.
        host: String,
    },
    /// An option's value makes no sense.
    #[error("SHK-LGR-003: {option}: {reason}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What to do instead.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("SHK-LGR-004: {path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate or key file holds none.
    #[error("SHK-LGR-005: {path} holds no usable PEM {what}")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The certificate and the key do not fit together, or are of a kind that TLS refuses.
    #[error("SHK-LGR-006: the client certificate and key cannot be used together: {0}")]
    ClientCertificate(rustls::Error),
    /// Nobody listens.
    #[error("SHK-LGR-007: cannot connect to {target}: {source}; is the engine running there?")]
    Unreachable {
        /// Host and port.
        target: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server's certificate is not one that `--ca` vouches for.
    #[error(
        "SHK-LGR-008: the server's certificate was not accepted ({0}); give the CA that issued it \
         with --ca, and a --target host that the certificate names"
    )]
    ServerCertificate(rustls::Error),
    /// The server did not accept the client's certificate.
    #[error(
        "SHK-LGR-009: the server refused the client certificate ({alert}); give one that it knows \
         and that is neither expired nor revoked with --cert and --key"
    )]
    ClientRefused {
        /// The alert's name in TLS.
        alert: String,
    },
    /// Another failure of TLS.
    #[error("SHK-LGR-010: TLS with {target} failed: {source}")]
    Tls {
        /// Host and port.
        target: String,
        /// What the TLS library said.
        source: std::io::Error,
    },
    /// The server knows the client and forbids the question.
    #[error(
        "SHK-LGR-011: the server answered {status} to the first request; check --user and \
         --password-file, and that the certificate's facility may ask"
    )]
    Forbidden {
        /// 401 or 403.
        status: u16,
    },
    /// The first request on a connection, sent before the clock starts, failed.
    #[error("SHK-LGR-012: the first request, before the clock started, failed: {reason}")]
    Probe {
        /// How.
        reason: String,
    },
    /// Logging in gave no token.
    #[error("SHK-LGR-013: logging in at {path} gave status {status} and no token")]
    Login {
        /// Where.
        path: &'static str,
        /// The answer's status.
        status: u16,
    },
    /// The limit of open files is too low.
    #[error(
        "SHK-LGR-014: {connections} connections need {needed} open files, the limit is {limit}; \
         raise it (ulimit -n {needed}) or lower --connections"
    )]
    FileLimit {
        /// Connections asked for.
        connections: u32,
        /// Files needed in all.
        needed: u64,
        /// The soft limit.
        limit: u64,
    },
    /// The population could not be read or holds nobody.
    #[error("SHK-LGR-015: the population cannot be used: {0}")]
    Population(String),
    /// A part of the generator itself stopped.
    #[error("SHK-LGR-016: the generator itself failed: {0}")]
    Generator(String),
    /// The certificate names no facility.
    #[error(
        "SHK-LGR-017: the certificate names no facility of ten digits; say which one asks with \
         --medical-institution-code"
    )]
    NoFacility,
    /// The user ended the run before the clock started.
    #[error("SHK-LGR-018: ended before the first request was due: nothing was measured")]
    Stopped,
    /// Cores that there are not.
    #[error("SHK-LGR-019: a thread of the generator cannot be kept to cores {cores:?}: {source}")]
    Cores {
        /// Their numbers, from 0.
        cores: Vec<usize>,
        /// What the system said.
        source: std::io::Error,
    },
    /// A scenario file says something that makes no sense.
    #[error("SHK-LGR-020: scenario {path}: {reason}")]
    Scenario {
        /// Which one.
        path: PathBuf,
        /// What to change.
        reason: String,
    },
    /// A worker cannot begin.
    #[error("SHK-LGR-021: the worker at {address}: {reason}")]
    Worker {
        /// Where it is.
        address: std::net::SocketAddr,
        /// What it, or the system, said.
        reason: String,
    },
    /// A worker that anybody could command.
    #[error(
        "SHK-LGR-022: a worker beyond loopback needs a secret that its coordinator has too: give \
         --secret-file"
    )]
    WorkerOpen,
    /// The server takes no cards.
    #[error(
        "SHK-LGR-023: the server answered {status} {code} to the request for a challenge; give the \
         engine a [card] section that trusts the population's card authority \
         (shikaku-reader card ca --seed SEED)"
    )]
    NoCards {
        /// The answer's status.
        status: u16,
        /// The error code that it states.
        code: String,
    },
    /// `--metrics` leads nowhere.
    #[error(
        "SHK-LGR-024: {url} gave no metrics: {reason}; give the engine's admin address, \
         http://HOST:PORT/metrics"
    )]
    Metrics {
        /// The address as given.
        url: String,
        /// What was wrong.
        reason: String,
    },
}

impl RunError {
    pub(super) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_unique() {
        let source = include_str!("error.rs");
        let (errors, _) = source.split_once("#[cfg(test)]").unwrap();
        let codes: Vec<_> = errors.split("SHK-LGR-").skip(1).map(|rest| &rest[..3]).collect();
        let expected: Vec<_> = (1..=codes.len()).map(|n| format!("{n:03}")).collect();
        assert_eq!(codes, expected);
    }
}
