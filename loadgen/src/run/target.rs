//! Whom the load is for: the address, the TLS identity, and opening connections.

use super::RunError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest wait for a connection with its handshake.
pub(super) const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// A byte stream to the engine, plain or TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// The files that say who the client is and whom it trusts.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// CA certificates for the server.
    pub ca: PathBuf,
    /// The client's certificate chain.
    pub certificate: PathBuf,
    /// The client's private key.
    pub key: PathBuf,
}

/// Where and how to connect.
#[derive(Clone)]
pub(super) struct Target {
    /// `host:port` as given, for the Host header and messages.
    pub authority: String,
    address: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Whether targets beyond this machine are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Loopback addresses only.
    Loopback,
    /// Any address: the user said so.
    Anywhere,
}

impl Target {
    /// Resolves `https://host:port` or `http://host:port` and loads the identity for the former.
    ///
    /// # Errors
    /// The form, the reach, or the files.
    pub(super) fn new(
        url: &str,
        identity: Option<&Identity>,
        reach: Reach,
    ) -> Result<Self, RunError> {
        let (is_tls, authority) = match (url.strip_prefix("https://"), url.strip_prefix("http://"))
        {
            (Some(authority), _) => (true, authority.trim_end_matches('/')),
            (None, Some(authority)) => (false, authority.trim_end_matches('/')),
            (None, None) => return Err(RunError::TargetForm),
        };
        let (host, port) = authority.rsplit_once(':').ok_or(RunError::TargetForm)?;
        let port: u16 = port.parse().map_err(|_| RunError::TargetForm)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = resolve(host, port, reach)?;
        let tls = match (is_tls, identity) {
            (false, _) => None,
            (true, Some(identity)) => {
                let name =
                    ServerName::try_from(host.to_owned()).map_err(|_| RunError::TargetForm)?;
                Some((TlsConnector::from(Arc::new(client_config(identity)?)), name))
            }
            (true, None) => {
                return Err(RunError::Option {
                    option: "--ca, --cert, --key",
                    reason: "an https target needs all three".to_owned(),
                });
            }
        };
        Ok(Self { authority: authority.to_owned(), address, tls })
    }

    /// Opens one connection, with its handshake.
    ///
    /// # Errors
    /// As the system and TLS report it; [`Target::explain`] turns it into a sentence.
    pub(super) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let open = async {
            let tcp = TcpStream::connect(self.address).await?;
            tcp.set_nodelay(true)?;
            Ok(match &self.tls {
                None => Box::new(tcp) as Box<dyn Stream>,
                Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
            })
        };
        tokio::time::timeout(CONNECT_TIME_MAX, open)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// What an error while connecting or on the first request means, and what to do.
    pub(super) fn explain(&self, source: io::Error) -> RunError {
        let tls = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let target = self.authority.clone();
        match tls {
            Some(error @ rustls::Error::InvalidCertificate(_)) => {
                RunError::ServerCertificate(error.clone())
            }
            Some(rustls::Error::AlertReceived(alert)) if is_refusal(*alert) => {
                RunError::ClientRefused { alert: format!("{alert:?}") }
            }
            Some(_) => RunError::Tls { target, source },
            None => RunError::Unreachable { target, source },
        }
    }
}

/// Alerts that speak of the client's certificate. All of them arrive after the client's side of a
/// TLS 1.3 handshake is done, that is, with the first answer.
const fn is_refusal(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::CertificateRequired
    )
}

fn resolve(host: &str, port: u16, reach: Reach) -> Result<SocketAddr, RunError> {
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|source| RunError::Unreachable { target: format!("{host}:{port}"), source })?;
    // IPv4 first: `localhost` names both, and servers that bind 127.0.0.1 are the common case.
    let address = addresses.min_by_key(SocketAddr::is_ipv6).ok_or(RunError::TargetForm)?;
    match reach {
        Reach::Loopback if !address.ip().is_loopback() => {
            Err(RunError::TargetRemote { host: host.to_owned() })
        }
        Reach::Loopback | Reach::Anywhere => Ok(address),
    }
}

fn client_config(identity: &Identity) -> Result<ClientConfig, RunError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&identity.ca)? {
        let added = roots.add(certificate);
        added.map_err(|_| pem(&identity.ca, "CA certificate"))?;
    }
    let key_text = std::fs::read(&identity.key).map_err(RunError::file(&identity.key))?;
    let key =
        PrivateKeyDer::from_pem_slice(&key_text).map_err(|_| pem(&identity.key, "private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(RunError::ClientCertificate)?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&identity.certificate)?, key)
        .map_err(RunError::ClientCertificate)
}

/// The certificates of a PEM file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RunError> {
    let text = std::fs::read(path).map_err(RunError::file(path))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(pem(path, "certificate")),
    }
}

fn pem(path: &Path, what: &'static str) -> RunError {
    RunError::Pem { path: path.to_owned(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(url: &str, reach: Reach) -> String {
        match Target::new(url, None, reach) {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string()[..11].to_owned(),
        }
    }

    #[test]
    fn only_this_machine_is_a_target_unless_allowed() {
        assert_eq!(code("http://127.0.0.1:1", Reach::Loopback), "ok");
        assert_eq!(code("http://127.8.9.10:1/", Reach::Loopback), "ok");
        assert_eq!(code("http://[::1]:1", Reach::Loopback), "ok");
        assert_eq!(code("http://192.0.2.1:1", Reach::Loopback), "SHK-LGR-002");
        assert_eq!(code("http://0.0.0.0:1", Reach::Loopback), "SHK-LGR-002");
        assert_eq!(code("http://[::ffff:192.0.2.1]:1", Reach::Loopback), "SHK-LGR-002");
        assert_eq!(code("http://192.0.2.1:1", Reach::Anywhere), "ok");
    }

    #[test]
    fn a_target_needs_scheme_host_port_and_nothing_more() {
        for url in ["127.0.0.1:1", "ftp://127.0.0.1:1", "http://127.0.0.1", "http://127.0.0.1:1/x"]
        {
            assert_eq!(code(url, Reach::Loopback), "SHK-LGR-001", "{url}");
        }
        assert_eq!(code("https://127.0.0.1:1", Reach::Loopback), "SHK-LGR-003");
    }
}
