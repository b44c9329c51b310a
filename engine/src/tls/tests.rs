use super::*;
use crate::ca::{Authority, Replace};
use crate::clock::FixedClock;
use crate::identity::Identity;
use proptest::prelude::*;
use rustls::client::Resumption;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConnection,
    SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, ServerName};
use shikaku_domain::{InsurerNumber, MedicalInstitutionCode};
use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

const NOW: u64 = 1_793_000_000;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// One authority, one listener, one clock.
struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<FixedClock>,
}

impl Bench {
    fn new() -> Self {
        Self::named("bench CA")
    }

    fn named(name: &str) -> Self {
        let bench =
            Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(FixedClock::new(NOW)) };
        Authority::init(bench.folder.path(), name, &[], &*bench.clock).unwrap();
        bench
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn authority(&self) -> Authority<'_> {
        Authority::open(self.folder.path(), &*self.clock).unwrap()
    }

    fn files(&self) -> TlsFiles {
        TlsFiles {
            certificate: self.path("server.pem"),
            key: self.path("server.key.pem"),
            client_ca: self.path("ca.pem"),
            crl: Some(self.path("crl.pem")),
            crl_grace_hours: CRL_GRACE_HOURS,
        }
    }

    fn listener(&self) -> TlsReloader {
        TlsReloader::new(self.files(), Arc::clone(&self.clock) as _).unwrap()
    }

    fn error(&self, files: TlsFiles) -> TlsError {
        TlsReloader::new(files, Arc::clone(&self.clock) as _).unwrap_err()
    }

    /// A client with a new certificate of this authority.
    fn client(&self, identity: &Identity, version: &'static SupportedProtocolVersion) -> Client {
        let authority = self.authority();
        let issued = authority.issue_client(identity, 10, Replace::Yes).unwrap();
        Client { serial: issued.serial, config: self.client_with(Some(&issued.path), version) }
    }

    fn client_with(
        &self,
        certificate: Option<&Path>,
        version: &'static SupportedProtocolVersion,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.path("ca.pem")).unwrap();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let time = Arc::new(TestTime(Arc::clone(&self.clock)));
        let builder = ClientConfig::builder_with_details(provider, time)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let chain = vec![CertificateDer::from_pem_file(path).unwrap()];
                let key = PrivateKeyDer::from_pem_file(path.with_extension("key.pem")).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(8);
        Arc::new(config)
    }
}

#[derive(Debug)]
struct TestTime(Arc<FixedClock>);

impl TimeProvider for TestTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = Duration::from_secs(self.0.unix_seconds());
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

struct Client {
    serial: String,
    config: Arc<ClientConfig>,
}

/// What both ends know after a handshake and one exchange.
#[derive(Debug)]
struct Connected {
    certificate: ClientCertificate,
    server_certificate: Vec<u8>,
    is_resumed: bool,
    tickets: u32,
}

/// A whole handshake in memory and one byte each way, so that tickets arrive.
fn connect(listener: &TlsReloader, config: &Arc<ClientConfig>) -> Result<Connected, rustls::Error> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut server = ServerConnection::new(listener.server_config()).unwrap();
    client.writer().write_all(b"?").unwrap();
    server.writer().write_all(b"!").unwrap();
    // A handshake takes at most three flights each way.
    for _ in 0..8 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut incoming = wire.as_slice();
        while !incoming.is_empty() {
            server.read_tls(&mut incoming).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut incoming = wire.as_slice();
        while !incoming.is_empty() {
            client.read_tls(&mut incoming).unwrap();
            client.process_new_packets()?;
        }
    }
    let mut byte = [0];
    server.reader().read_exact(&mut byte).unwrap();
    assert_eq!(server.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let certificate = &server.peer_certificates().unwrap()[0];
    Ok(Connected {
        certificate: ClientCertificate::parse(certificate).unwrap(),
        server_certificate: client.peer_certificates().unwrap()[0].to_vec(),
        is_resumed: server.handshake_kind() == Some(HandshakeKind::Resumed),
        tickets: client.tls13_tickets_received(),
    })
}

fn refusal(listener: &TlsReloader, config: &Arc<ClientConfig>) -> CertificateError {
    let error = connect(listener, config).unwrap_err();
    let rustls::Error::InvalidCertificate(reason) = error else {
        panic!("refused, but not for the certificate: {error}");
    };
    reason
}

fn facility() -> Identity {
    Identity::Facility(MedicalInstitutionCode::parse("1310000001").unwrap())
}

#[test]
fn facility_insurer_and_operator_are_known_after_the_handshake() {
    let bench = Bench::new();
    let listener = bench.listener();
    for version in VERSIONS {
        for identity in [
            facility(),
            Identity::Insurer(InsurerNumber::parse("138131").unwrap()),
            Identity::operator("night-shift").unwrap(),
        ] {
            let client = bench.client(&identity, version);
            let connected = connect(&listener, &client.config).unwrap();
            assert_eq!(connected.certificate.identity, identity);
            assert_eq!(connected.certificate.serial, client.serial);
            assert_eq!(connected.certificate.not_after, NOW + 10 * DAY);
            assert_eq!(listener.admits(&connected.certificate), Ok(()));
        }
    }
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let bench = Bench::new();
    let listener = bench.listener();
    for version in VERSIONS {
        let config = bench.client_with(None, version);
        let error = connect(&listener, &config).unwrap_err();
        assert_eq!(error, rustls::Error::NoCertificatesPresented);
    }
}

#[test]
fn a_certificate_of_another_authority_is_refused_even_with_the_same_name() {
    let (bench, other) = (Bench::new(), Bench::new());
    let listener = bench.listener();
    for version in VERSIONS {
        let authority = other.authority();
        let issued = authority.issue_client(&facility(), 10, Replace::Yes).unwrap();
        let config = bench.client_with(Some(&issued.path), version);
        refusal(&listener, &config);
    }
}

#[test]
fn a_certificate_is_refused_before_and_after_its_time() {
    let bench = Bench::new();
    let listener = bench.listener();
    for version in VERSIONS {
        bench.clock.set(NOW);
        let client = bench.client(&facility(), version);
        let connected = connect(&listener, &client.config).unwrap();
        bench.clock.set(NOW + 10 * DAY + 1);
        let error = refusal(&listener, &client.config);
        assert!(matches!(error, CertificateError::ExpiredContext { .. }));
        let open_connection = listener.admits(&connected.certificate);
        assert_eq!(open_connection, Err(ClientRefusal::Expired));
        let early = bench.client(&facility(), version);
        bench.clock.set(NOW + 9 * DAY);
        let error = refusal(&listener, &early.config);
        assert!(matches!(error, CertificateError::NotValidYetContext { .. }));
    }
}

#[test]
fn the_servers_own_certificate_does_not_open_the_door() {
    let bench = Bench::new();
    let listener = bench.listener();
    for version in VERSIONS {
        let config = bench.client_with(Some(&bench.path("server.pem")), version);
        let error = refusal(&listener, &config);
        assert!(matches!(error, CertificateError::InvalidPurposeContext { .. }));
    }
}

#[test]
fn sessions_are_resumed_with_one_ticket() {
    let bench = Bench::new();
    let listener = bench.listener();
    for version in VERSIONS {
        let client = bench.client(&facility(), version);
        let first = connect(&listener, &client.config).unwrap();
        assert!(!first.is_resumed);
        assert_eq!(first.tickets, u32::from(version.version == TLS13.version));
        let second = connect(&listener, &client.config).unwrap();
        assert!(second.is_resumed);
        assert_eq!(second.certificate, first.certificate);
    }
}

#[test]
fn a_revoked_client_stays_out_after_the_reload_even_by_resumption() {
    let bench = Bench::new();
    let listener = bench.listener();
    for version in VERSIONS {
        let revoked = bench.client(&facility(), version);
        let other = bench.client(&Identity::operator("a").unwrap(), version);
        let connected = connect(&listener, &revoked.config).unwrap();
        connect(&listener, &other.config).unwrap();
        bench.authority().revoke(&revoked.serial).unwrap();
        // The engine does not know yet.
        assert!(connect(&listener, &revoked.config).unwrap().is_resumed);
        assert_eq!(listener.admits(&connected.certificate), Ok(()));

        listener.reload().unwrap();
        let error = refusal(&listener, &revoked.config);
        assert_eq!(error, CertificateError::Revoked);
        let open_connection = listener.admits(&connected.certificate);
        assert_eq!(open_connection, Err(ClientRefusal::Revoked));
        let other = connect(&listener, &other.config).unwrap();
        assert!(!other.is_resumed, "everybody shows the certificate again");
        assert_eq!(listener.admits(&other.certificate), Ok(()));
    }
}

#[test]
fn a_handshake_that_a_reload_interrupts_gives_no_way_back_in() {
    let bench = Bench::new();
    let listener = bench.listener();
    let client = bench.client(&facility(), &TLS13);
    let name = ServerName::try_from("localhost").unwrap();
    let mut early = ClientConnection::new(Arc::clone(&client.config), name).unwrap();
    let mut server = ServerConnection::new(listener.server_config()).unwrap();
    let mut wire = Vec::new();
    early.write_tls(&mut wire).unwrap();
    server.read_tls(&mut wire.as_slice()).unwrap();
    server.process_new_packets().unwrap();
    bench.authority().revoke(&client.serial).unwrap();
    listener.reload().unwrap();
    let mut wire = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut wire).unwrap();
    }
    early.read_tls(&mut wire.as_slice()).unwrap();
    early.process_new_packets().unwrap();
    let mut wire = Vec::new();
    while early.wants_write() {
        early.write_tls(&mut wire).unwrap();
    }
    server.read_tls(&mut wire.as_slice()).unwrap();
    let error = server.process_new_packets().unwrap_err();
    assert_eq!(error, CertificateError::Revoked.into());
}

#[test]
fn resumption_ends_with_the_epoch_so_that_certificates_are_looked_at_again() {
    let bench = Bench::new();
    let listener = bench.listener();
    for version in VERSIONS {
        bench.clock.set(NOW);
        listener.reload().unwrap();
        let client = bench.client(&facility(), version);
        connect(&listener, &client.config).unwrap();
        bench.clock.set(NOW + TICKET_EPOCH_SECONDS - 1);
        assert!(connect(&listener, &client.config).unwrap().is_resumed);
        bench.clock.set(NOW + TICKET_EPOCH_SECONDS);
        assert!(!connect(&listener, &client.config).unwrap().is_resumed);
        assert!(connect(&listener, &client.config).unwrap().is_resumed);
    }
}

#[test]
fn a_clock_that_is_set_back_ends_resumption_instead_of_prolonging_it() {
    let bench = Bench::new();
    let listener = bench.listener();
    for version in VERSIONS {
        let client = bench.client(&facility(), version);
        bench.clock.set(NOW + 3_600);
        listener.reload().unwrap();
        connect(&listener, &client.config).unwrap();
        assert!(connect(&listener, &client.config).unwrap().is_resumed);
        bench.clock.set(NOW);
        assert!(!connect(&listener, &client.config).unwrap().is_resumed);
        assert!(connect(&listener, &client.config).unwrap().is_resumed);
    }
}

#[test]
fn a_late_revocation_list_serves_for_the_grace_period_only() {
    let bench = Bench::new();
    let mut files = bench.files();
    files.crl_grace_hours = 2;
    let listener = TlsReloader::new(files.clone(), Arc::clone(&bench.clock) as _).unwrap();
    let due = NOW + 30 * DAY;
    let seconds_left = 30 * DAY;
    assert_eq!(listener.crl_status(), CrlStatus::Current { seconds_left });
    bench.clock.set(due + HOUR);
    let seconds_left = HOUR;
    assert_eq!(listener.crl_status(), CrlStatus::Late { seconds_left });
    let clients = VERSIONS.map(|version| bench.client(&facility(), version));
    let connected = clients.each_ref().map(|client| connect(&listener, &client.config).unwrap());

    bench.clock.set(due + 2 * HOUR);
    assert_eq!(listener.crl_status(), CrlStatus::Expired);
    for (client, connected) in clients.iter().zip(connected) {
        let error = refusal(&listener, &client.config);
        assert_eq!(error, CertificateError::ExpiredRevocationList);
        let open_connection = listener.admits(&connected.certificate);
        assert_eq!(open_connection, Err(ClientRefusal::RevocationUnknown));
    }
    assert_eq!(listener.reload().unwrap_err().code(), "SHK-TLS-010");
    assert_eq!(bench.error(files).code(), "SHK-TLS-010");

    bench.authority().renew_crl(30).unwrap();
    listener.reload().unwrap();
    for client in &clients {
        connect(&listener, &client.config).unwrap();
    }
}

#[test]
fn without_a_revocation_list_clients_are_accepted() {
    let bench = Bench::new();
    let files = TlsFiles { crl: None, ..bench.files() };
    let listener = TlsReloader::new(files, Arc::clone(&bench.clock) as _).unwrap();
    let client = bench.client(&facility(), &TLS13);
    connect(&listener, &client.config).unwrap();
    assert_eq!(listener.crl_status(), CrlStatus::None);
}

#[test]
fn a_new_server_certificate_is_used_after_the_reload_and_days_are_counted() {
    let bench = Bench::new();
    let listener = bench.listener();
    assert_eq!(listener.days_left(), 365);
    let client = bench.client(&facility(), &TLS13);
    let before = connect(&listener, &client.config).unwrap();
    bench.authority().issue_server(&[], 20).unwrap();
    listener.reload().unwrap();
    let after = connect(&listener, &client.config).unwrap();
    assert_ne!(after.server_certificate, before.server_certificate);
    assert_eq!(listener.days_left(), 20);
    bench.clock.advance(20 * DAY + 1);
    assert_eq!(listener.days_left(), -1);
}

#[test]
fn a_failed_reload_leaves_the_listener_working() {
    let bench = Bench::new();
    let listener = bench.listener();
    let client = bench.client(&facility(), &TLS13);
    fs::write(bench.path("server.pem"), "half a fi").unwrap();
    assert_eq!(listener.reload().unwrap_err().code(), "SHK-TLS-002");
    connect(&listener, &client.config).unwrap();
}

#[test]
fn two_authorities_need_a_list_each() {
    let (bench, other) = (Bench::new(), Bench::named("other CA"));
    let joined = |file: &str| {
        let path = bench.path(&format!("both-{file}"));
        let text = fs::read_to_string(bench.path(file)).unwrap();
        let more = fs::read_to_string(other.path(file)).unwrap();
        fs::write(&path, text + &more).unwrap();
        path
    };
    let mut files = bench.files();
    files.client_ca = joined("ca.pem");
    let error = bench.error(files.clone());
    assert_eq!(error.code(), "SHK-TLS-009");
    files.crl = Some(joined("crl.pem"));
    let listener = TlsReloader::new(files, Arc::clone(&bench.clock) as _).unwrap();
    let client = bench.client(&facility(), &TLS13);
    connect(&listener, &client.config).unwrap();
    let issued = other.authority();
    let issued = issued.issue_client(&facility(), 10, Replace::No).unwrap();
    let config = bench.client_with(Some(&issued.path), &TLS13);
    connect(&listener, &config).unwrap();
}

#[test]
fn a_start_with_wrong_files_names_the_file_and_the_reason() {
    let (bench, other) = (Bench::new(), Bench::new());
    let check = |change: &dyn Fn(&mut TlsFiles), code, file: &str| {
        let mut files = bench.files();
        change(&mut files);
        let error = bench.error(files);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(file), "{error}");
        assert!(error.ja().contains(file), "{}", error.ja());
    };
    let none = bench.path("none.pem");
    let empty = bench.path("empty.pem");
    fs::write(&empty, "").unwrap();
    let (ca, crl) = (bench.path("ca.pem"), other.path("crl.pem"));
    let (server, other_key) = (bench.path("server.pem"), other.path("server.key.pem"));
    check(&|f| f.certificate = none.clone(), "SHK-TLS-001", "none.pem");
    check(&|f| f.client_ca = none.clone(), "SHK-TLS-001", "none.pem");
    check(&|f| f.certificate = empty.clone(), "SHK-TLS-002", "empty.pem");
    check(&|f| f.key = server.clone(), "SHK-TLS-002", "server.pem");
    check(&|f| f.client_ca = empty.clone(), "SHK-TLS-002", "empty.pem");
    check(&|f| f.crl = Some(ca.clone()), "SHK-TLS-002", "ca.pem");
    let key = "server.key.pem";
    check(&|f| f.key = other_key.clone(), "SHK-TLS-004", key);
    let leaf = server.clone();
    check(&|f| f.client_ca = leaf.clone(), "SHK-TLS-007", "server.pem");
    check(&|f| f.crl = Some(crl.clone()), "SHK-TLS-008", "crl.pem");
    let twice = bench.path("twice.pem");
    let text =
        fs::read_to_string(&ca).unwrap() + &fs::read_to_string(other.path("ca.pem")).unwrap();
    fs::write(&twice, text).unwrap();
    check(&|f| f.client_ca = twice.clone(), "SHK-TLS-011", "twice.pem");
    bench.clock.set(NOW + 365 * DAY + 1);
    check(&|_| (), "SHK-TLS-005", "server.pem");
    bench.clock.set(NOW - DAY);
    check(&|_| (), "SHK-TLS-006", "server.pem");
}

#[test]
fn codes_are_unique_and_every_kind_speaks_both_languages() {
    let path = || PathBuf::from("server.pem");
    let all = [
        TlsError::file(&path(), io::ErrorKind::NotFound.into()),
        TlsError::not_pem(&path(), "certificate"),
        TlsError::Key(path()),
        TlsError::key_mismatch(&path(), &path()),
        TlsError::Expired(path()),
        TlsError::NotYetValid(path()),
        TlsError::NotAnAuthority(path()),
        TlsError::CrlOfAnother(path()),
        TlsError::CrlMissing(path()),
        TlsError::CrlExpired(path()),
        TlsError::SameName(path()),
        TlsError::Library(rustls::Error::DecryptError),
    ];
    let mut codes: HashSet<_> = all.iter().map(TlsError::code).collect();
    codes.extend(ClientRefusal::EXAMPLES.iter().map(ClientRefusal::code));
    assert_eq!(codes.len(), all.len() + ClientRefusal::EXAMPLES.len());
    let refusals = ClientRefusal::EXAMPLES.map(|refusal| refusal.ja().to_owned());
    let sentences = all.iter().map(TlsError::ja).chain(refusals);
    assert!(sentences.into_iter().all(|text| text.ends_with('。')));
}

proptest! {
    #[test]
    fn arbitrary_files_are_explained(bytes in proptest::collection::vec(any::<u8>(), 0..200), label in prop::sample::select(vec!["CERTIFICATE", "X509 CRL", "PRIVATE KEY", "EC PRIVATE KEY"])) {
        static BENCH: std::sync::LazyLock<Bench> = std::sync::LazyLock::new(Bench::new);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.pem");
        let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", String::from_utf8_lossy(&bytes));
        for content in [bytes, pem.into_bytes()] {
            fs::write(&path, content).unwrap();
            for place in 0..4 {
                let mut files = BENCH.files();
                match place {
                    0 => files.certificate = path.clone(),
                    1 => files.key = path.clone(),
                    2 => files.client_ca = path.clone(),
                    _ => files.crl = Some(path.clone()),
                }
                prop_assert!(BENCH.error(files).code().starts_with("SHK-TLS-"));
            }
        }
    }
}
