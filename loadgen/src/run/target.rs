//! Whom the load is for: the address, and the facilities that ask, each with its own certificate.

use super::RunError;
use super::conn::Secure;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use shikaku_domain::MedicalInstitutionCode;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most facilities in one run: each keeps its own TLS settings and sessions, about 8 KiB.
pub(super) const FACILITIES_MAX: usize = 100_000;
/// TLS sessions that a facility keeps to resume. It has a few connections.
const SESSIONS: usize = 8;
/// How key files end that belong to a certificate file.
const KEY_SUFFIX: &str = ".key.pem";

/// The files that say who the clients are and whom they trust.
#[derive(Clone, Debug)]
pub(super) struct Identities {
    /// CA certificates for the server.
    pub ca: PathBuf,
    /// The clients' certificate chains and private keys.
    pub clients: Vec<(PathBuf, PathBuf)>,
}

impl Identities {
    /// All clients in a folder such as `shikaku ca` writes: `NAME.pem` beside `NAME.key.pem`, in
    /// the order of their names.
    ///
    /// # Errors
    /// [`RunError::File`], or [`RunError::Option`] when there are none or too many.
    pub(super) fn of_folder(ca: PathBuf, folder: &Path) -> Result<Self, RunError> {
        let mut clients = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(RunError::file(folder))? {
            let key = entry.map_err(RunError::file(folder))?.path();
            let name = key.file_name().and_then(|name| name.to_str());
            let Some(name) = name.and_then(|name| name.strip_suffix(KEY_SUFFIX)) else { continue };
            clients.push((folder.join(format!("{name}.pem")), key));
        }
        clients.sort();
        if !(1..=FACILITIES_MAX).contains(&clients.len()) {
            let reason = format!(
                "{} holds {} pairs of NAME.pem and NAME{KEY_SUFFIX}; 1 to {FACILITIES_MAX} are \
                 needed",
                folder.display(),
                clients.len()
            );
            return Err(RunError::Option { option: "--facilities", reason });
        }
        Ok(Self { ca, clients })
    }
}

/// One facility that asks.
struct Facility {
    secure: Option<Secure>,
    code: Option<MedicalInstitutionCode>,
}

/// Where and how to connect.
pub(super) struct Target {
    /// `host:port` as given, for the Host header and messages.
    pub authority: String,
    /// The same, resolved.
    pub address: SocketAddr,
    facilities: Vec<Facility>,
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
    /// Resolves `https://host:port` or `http://host:port` and loads the identities for the former.
    ///
    /// # Errors
    /// The form, the reach, or the files.
    pub(super) fn new(
        url: &str,
        identities: Option<&Identities>,
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
        let facilities = match (is_tls, identities) {
            (false, _) => vec![Facility { secure: None, code: None }],
            (true, Some(identities)) => {
                let name =
                    ServerName::try_from(host.to_owned()).map_err(|_| RunError::TargetForm)?;
                facilities(identities, &name)?
            }
            (true, None) => {
                return Err(RunError::Option {
                    option: "--ca, --cert, --key",
                    reason: "an https target needs all three, or --ca and --facilities".to_owned(),
                });
            }
        };
        Ok(Self { authority: authority.to_owned(), address, facilities })
    }

    /// How many facilities ask, at least one.
    pub(super) fn facilities(&self) -> usize {
        self.facilities.len()
    }

    /// Whether connections are TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.facilities.first().is_some_and(|facility| facility.secure.is_some())
    }

    /// How a facility's connections are secured; facilities are counted round and round.
    pub(super) fn secure(&self, facility: usize) -> Option<&Secure> {
        self.facilities.get(facility % self.facilities.len().max(1))?.secure.as_ref()
    }

    /// The code that a facility's certificate names, if it names one.
    pub(super) fn code(&self, facility: usize) -> Option<MedicalInstitutionCode> {
        self.facilities.get(facility % self.facilities.len().max(1))?.code
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

pub(super) fn resolve(host: &str, port: u16, reach: Reach) -> Result<SocketAddr, RunError> {
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

fn facilities(
    identities: &Identities,
    name: &ServerName<'static>,
) -> Result<Vec<Facility>, RunError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&identities.ca)? {
        let added = roots.add(certificate);
        added.map_err(|_| pem(&identities.ca, "CA certificate"))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
        .build()
        .map_err(|_| pem(&identities.ca, "CA certificate"))?;
    let facility = |(certificate, key): &(PathBuf, PathBuf)| {
        let chain = certificates(certificate)?;
        let code = facility_of(certificate, &chain)?;
        let config = client_config(&provider, &verifier, chain, key)?;
        Ok(Facility { secure: Some((Arc::new(config), name.clone())), code })
    };
    identities.clients.iter().map(facility).collect()
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    verifier: &Arc<WebPkiServerVerifier>,
    chain: Vec<CertificateDer<'static>>,
    key: &Path,
) -> Result<ClientConfig, RunError> {
    let key_text = std::fs::read(key).map_err(RunError::file(key))?;
    let key = PrivateKeyDer::from_pem_slice(&key_text).map_err(|_| pem(key, "private key"))?;
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(RunError::ClientCertificate)?
        .with_webpki_verifier(Arc::clone(verifier))
        .with_client_auth_cert(chain, key)
        .map_err(RunError::ClientCertificate)?;
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(config)
}

/// The first ten digits in a row in the certificate's subject.
fn facility_of(
    path: &Path,
    chain: &[CertificateDer<'_>],
) -> Result<Option<MedicalInstitutionCode>, RunError> {
    let unreadable = || pem(path, "certificate with a readable subject");
    let first = chain.first().ok_or_else(unreadable)?;
    let (_, certificate) = x509_parser::parse_x509_certificate(first).map_err(|_| unreadable())?;
    let attributes = certificate.subject().iter_attributes();
    let texts = attributes.filter_map(|attribute| attribute.as_str().ok());
    let mut runs = texts.flat_map(|text| text.split(|c: char| !c.is_ascii_digit()));
    Ok(runs.find_map(|digits| MedicalInstitutionCode::parse(digits).ok()))
}

/// The certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RunError> {
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
