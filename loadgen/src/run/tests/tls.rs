//! Mutual TLS 1.3, with certificates made for the test.

use super::server::{Act, ok, serve};
use super::{Plain, plain};
use crate::run::target::{Identities, Reach, Target};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

struct Ca {
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Self { pem, der, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        self.issue_until(name, 2100)
    }

    fn issue_until(&self, name: &str, year: i32) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A server that trusts this CA's clients.
    fn server(&self) -> SocketAddr {
        let (certificate, key) = self.issue("server");
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        serve(Some(TlsAcceptor::from(Arc::new(config))), |_, _| Act::Send(ok("{}")))
    }
}

/// The client's files: trusting one CA, known to another.
fn identity(folder: &TempDir, trusted: &Ca, issued_by: &Ca) -> Identities {
    identity_of(folder, trusted, issued_by.issue("facility 1312345678"))
}

fn identity_of(
    folder: &TempDir,
    trusted: &Ca,
    (certificate, key): (rcgen::Certificate, KeyPair),
) -> Identities {
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let client = write("client.pem", &certificate.pem());
    Identities {
        ca: write("ca.pem", &trusted.pem),
        clients: vec![(client, write("client.key.pem", &key.serialize_pem()))],
    }
}

fn secured(server: SocketAddr, identity: &Identities) -> Plain {
    let target = Target::new(&format!("https://{server}"), Some(identity), Reach::Loopback);
    Plain { target: Arc::new(target.unwrap()), ..plain(server) }
}

#[test]
fn requests_are_answered_over_mutual_tls() {
    let (folder, ca) = (TempDir::new().unwrap(), Ca::new());
    let identity = identity(&folder, &ca, &ca);
    let run = secured(ca.server(), &identity);
    assert_eq!(run.target.code(0).unwrap().as_str(), "1312345678");
    let counts = run.counts();
    assert_eq!((counts.good, counts.connects), (50, 0));
}

#[test]
fn connections_opened_anew_resume_their_sessions() {
    let (folder, ca) = (TempDir::new().unwrap(), Ca::new());
    let identity = identity(&folder, &ca, &ca);
    let run = secured(ca.server(), &identity);
    let counts = Plain { requests_per_connection: Some(3), ..run }.counts();
    assert_eq!((counts.good, counts.failed()), (50, 0));
    assert!(counts.connects >= 10 && counts.resumed == counts.connects, "{counts:?}");
}

#[test]
fn a_folder_of_facilities_is_read_in_the_order_of_names() {
    let (folder, ca) = (TempDir::new().unwrap(), Ca::new());
    let clients = folder.path().join("clients");
    std::fs::create_dir(&clients).unwrap();
    for code in ["1312345678", "1310000001", "0110000009"] {
        let (certificate, key) = ca.issue(&format!("facility {code}"));
        std::fs::write(clients.join(format!("f-{code}.pem")), certificate.pem()).unwrap();
        std::fs::write(clients.join(format!("f-{code}.key.pem")), key.serialize_pem()).unwrap();
    }
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &ca.pem).unwrap();
    let all = Identities::of_folder(ca_file.clone(), &clients).unwrap();
    let run = secured(ca.server(), &all);
    let codes: Vec<_> = (0..4).map(|n| run.target.code(n).unwrap().to_string()).collect();
    assert_eq!(codes, ["0110000009", "1310000001", "1312345678", "0110000009"]);
    assert_eq!(run.counts().good, 50);
    let empty = TempDir::new().unwrap();
    let error = Identities::of_folder(ca_file, empty.path()).unwrap_err().to_string();
    assert!(error.contains("--facilities"), "{error}");
}

#[test]
fn a_server_of_another_ca_is_named_as_such() {
    let (folder, ca, other) = (TempDir::new().unwrap(), Ca::new(), Ca::new());
    let identity = identity(&folder, &other, &ca);
    let error = secured(ca.server(), &identity).run().unwrap_err().to_string();
    assert!(error.starts_with("SHK-LGR-008") && error.contains("--ca"), "{error}");
}

#[test]
fn a_refused_client_certificate_is_named_as_such() {
    let (folder, ca, other) = (TempDir::new().unwrap(), Ca::new(), Ca::new());
    let foreign = other.issue("facility 1312345678");
    let expired = ca.issue_until("facility 1312345678", 2020);
    for refused in [foreign, expired] {
        let identity = identity_of(&folder, &ca, refused);
        let error = secured(ca.server(), &identity).run().unwrap_err().to_string();
        // The alert may be lost when the server closes while the first request is on its way.
        assert!(error.starts_with("SHK-LGR-009") || error.starts_with("SHK-LGR-012"), "{error}");
        assert!(error.contains("client certificate"), "{error}");
    }
}

#[test]
fn files_that_hold_no_certificate_or_key_are_named() {
    let (folder, ca) = (TempDir::new().unwrap(), Ca::new());
    let mut identity = identity(&folder, &ca, &ca);
    identity.clients[0].1 = identity.ca.clone();
    let target = Target::new("https://127.0.0.1:1", Some(&identity), Reach::Loopback);
    let error = target.err().unwrap().to_string();
    assert!(error.starts_with("SHK-LGR-005") && error.contains("private key"), "{error}");
}
