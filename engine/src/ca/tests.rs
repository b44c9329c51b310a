use super::*;
use crate::clock::{Clock, FixedClock};
use crate::identity::{ClientCertificate, Identity, IdentityError};
use clap::Parser;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use shikaku_domain::ValueError;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

const NOW: u64 = 1_793_000_000;
const DAY: u64 = 86_400;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: CaArgs,
}

struct Bench {
    parent: tempfile::TempDir,
    clock: FixedClock,
}

impl Bench {
    fn empty() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let clock = FixedClock::new(NOW);
        Self { parent, clock }
    }

    fn new() -> Self {
        let bench = Self::empty();
        bench.run("init --host engine.example").unwrap();
        bench
    }

    fn folder(&self) -> PathBuf {
        self.parent.path().join("ca")
    }

    fn run(&self, command: &str) -> Result<String, CaError> {
        let folder = self.folder();
        let words = ["ca"].into_iter().chain(command.split_whitespace());
        let cli = Cli::parse_from(words.chain(["--dir", folder.to_str().unwrap()]));
        let mut out = Vec::new();
        run(&cli.args, &self.clock, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn der(&self, file: &str) -> Vec<u8> {
        let pem = fs::read(self.folder().join(file)).unwrap();
        CertificateDer::from_pem_slice(&pem).unwrap().to_vec()
    }

    fn revoked(&self) -> (Vec<String>, i64) {
        let pem = fs::read(self.folder().join("crl.pem")).unwrap();
        let der = CertificateRevocationListDer::from_pem_slice(&pem).unwrap();
        let (_, list) = CertificateRevocationList::from_der(&der).unwrap();
        let serials = list
            .iter_revoked_certificates()
            .map(|revoked| crate::identity::serial_text(revoked.raw_serial()))
            .collect();
        (serials, list.next_update().unwrap().timestamp())
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[test]
fn everything_in_the_folder_is_for_its_owner_alone() {
    let bench = Bench::new();
    bench.run("facility --code 1310000001").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.folder()), 0o700);
    assert_eq!(mode(&bench.folder().join("clients")), 0o700);
    let files = files(&bench.folder());
    assert!(files.len() == 9, "{files:?}");
    assert!(files.iter().all(|path| mode(path) == 0o600));
}

#[test]
fn a_second_init_changes_nothing() {
    let bench = Bench::new();
    let before = fs::read(bench.folder().join("ca.key.pem")).unwrap();
    let error = bench.run("init").unwrap_err();
    assert!(matches!(error, CaError::Exists(_)));
    assert_eq!(fs::read(bench.folder().join("ca.key.pem")).unwrap(), before);
}

#[test]
fn client_certificates_name_their_holder_and_serve_only_clients() {
    let bench = Bench::new();
    bench.run("facility --code 1310000001 --days 10").unwrap();
    bench.run("insurer --number 138131").unwrap();
    bench.run("operator --name night-shift").unwrap();
    for (file, identity) in [
        ("clients/facility-1310000001.pem", "facility:1310000001"),
        ("clients/insurer-138131.pem", "insurer:138131"),
        ("clients/operator-night-shift.pem", "operator:night-shift"),
    ] {
        let der = bench.der(file);
        let read = Identity::from_certificate(&der).unwrap();
        assert_eq!(read.to_string(), identity);
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let usage = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth && !usage.any);
        assert!(!certificate.is_ca());
        assert_ne!(certificate.issuer().as_raw(), certificate.subject().as_raw());
    }
    let facility = bench.der("clients/facility-1310000001.pem");
    let facility = ClientCertificate::parse(&facility).unwrap();
    assert_eq!(facility.not_after, NOW + 10 * DAY);
}

#[test]
fn the_server_certificate_is_for_this_machine_and_the_hosts_given() {
    let bench = Bench::new();
    let names = |der: &[u8]| {
        let (_, certificate) = X509Certificate::from_der(der).unwrap();
        let usage = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.client_auth);
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        let names = names.value.general_names.iter();
        names.map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let first = bench.der("server.pem");
    assert!(names(&first).contains("engine.example"));
    bench.run("server --host other.example --host 192.0.2.1").unwrap();
    let second = names(&bench.der("server.pem"));
    assert!(second.contains("other.example") && second.contains("localhost"));
    assert!(!second.contains("engine.example"));
}

#[test]
fn a_revoked_certificate_is_in_the_list_that_follows() {
    let bench = Bench::new();
    assert!(bench.revoked().0.is_empty());
    bench.run("facility --code 1310000001").unwrap();
    bench.run("facility --code 1310000002").unwrap();
    let serial_of = |code| {
        let der = bench.der(&format!("clients/facility-{code}.pem"));
        ClientCertificate::parse(&der).unwrap().serial
    };
    let first = serial_of("1310000001");
    bench.clock.advance(DAY);
    let file = bench.folder().join("clients/facility-1310000001.pem");
    bench.run(&format!("revoke --certificate {}", file.display())).unwrap();
    assert_eq!(bench.revoked(), (vec![first.clone()], (NOW + 31 * DAY) as i64));
    let second = serial_of("1310000002").to_uppercase();
    bench.run(&format!("revoke --serial {second}")).unwrap();
    bench.run(&format!("revoke --serial {first}")).unwrap();
    assert_eq!(bench.revoked().0.len(), 2, "revoking twice is harmless");
    let listed = bench.run("list").unwrap();
    let line = listed.lines().find(|line| line.starts_with(&first)).unwrap();
    assert!(line.contains("\tfacility:1310000001\t") && line.ends_with("\t20261027163320"));
    let error = bench.run("revoke --serial 00").unwrap_err();
    assert!(matches!(error, CaError::UnknownSerial));
}

#[test]
fn the_list_can_be_renewed_for_a_chosen_time() {
    let bench = Bench::new();
    bench.clock.advance(20 * DAY);
    bench.run("renew-crl --days 7").unwrap();
    assert_eq!(bench.revoked().1, (NOW + 27 * DAY) as i64);
}

#[test]
fn a_holder_gets_a_second_certificate_only_on_request() {
    let bench = Bench::new();
    bench.run("facility --code 1310000001 --days 10").unwrap();
    let error = bench.run("facility --code 1310000001").unwrap_err();
    assert!(matches!(error, CaError::StillValid { .. }));
    bench.run("facility --code 1310000001 --days 5 --replace").unwrap();
    bench.clock.advance(11 * DAY);
    bench.run("facility --code 1310000001").unwrap();
    assert_eq!(bench.run("list").unwrap().lines().count(), 4);
}

#[test]
fn no_certificate_outlives_the_authority() {
    let bench = Bench::new();
    bench.clock.set(NOW + (u64::from(CA_DAYS) - 1) * DAY);
    bench.run("facility --code 1310000001").unwrap();
    let der = bench.der("clients/facility-1310000001.pem");
    let end = ClientCertificate::parse(&der).unwrap().not_after;
    assert_eq!(end, NOW + u64::from(CA_DAYS) * DAY);
    bench.clock.advance(DAY);
    let error = bench.run("facility --code 1310000002").unwrap_err();
    assert!(matches!(error, CaError::Expired));
}

#[test]
fn no_output_holds_a_key() {
    let bench = Bench::empty();
    let mut printed = bench.run("init").unwrap();
    printed += &bench.run("facility --code 1310000001").unwrap();
    printed += &bench.run("list").unwrap();
    for path in files(&bench.folder()) {
        let is_key = path.to_str().unwrap().ends_with(".key.pem");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.contains("PRIVATE KEY"), is_key, "{}", path.display());
        let lines = text.lines().filter(|line| is_key && line.len() > 20);
        assert!(lines.into_iter().all(|line| !printed.contains(line)));
    }
    assert!(!printed.contains("PRIVATE"));
}

#[test]
fn mistakes_are_named_by_code() {
    let bench = Bench::new();
    let check = |command: &str, code| {
        let error = bench.run(command).unwrap_err();
        assert_eq!(error.code(), code, "{command}: {error}");
    };
    check("facility --code 131", "SHK-CA-011");
    check("insurer --number 01040014", "SHK-CA-012");
    check("operator --name ../../etc", "SHK-CA-013");
    check("server --host 資格", "SHK-CA-010");
    check("revoke --certificate /does/not/exist", "SHK-CA-001");
    let key = bench.folder().join("ca.key.pem");
    check(&format!("revoke --certificate {}", key.display()), "SHK-CA-009");
    let held = Authority::open(&bench.folder(), &bench.clock).unwrap();
    check("list", "SHK-CA-006");
    drop(held);
    let index = bench.folder().join("index.toml");
    let good = fs::read(&index).unwrap();
    fs::write(&index, "crl_number = 1\nsurprise = 2\n").unwrap();
    check("list", "SHK-CA-005");
    fs::write(&index, good).unwrap();
    let server_key = fs::read(bench.folder().join("server.key.pem")).unwrap();
    fs::write(&key, server_key).unwrap();
    check("list", "SHK-CA-004");
    fs::remove_file(bench.folder().join("ca.pem")).unwrap();
    check("list", "SHK-CA-003");
    assert!(bench.clock.unix_seconds() == NOW);
}

#[test]
fn codes_are_unique_and_every_kind_speaks_both_languages() {
    let path = || PathBuf::from("ca");
    let io = || io::Error::from(io::ErrorKind::NotFound);
    let text = || "x".to_owned();
    let all = [
        CaError::file(&path(), io()),
        CaError::Exists(path()),
        CaError::NotFound(path()),
        CaError::Damaged(path()),
        CaError::Index(path()),
        CaError::InUse(path()),
        CaError::StillValid { subject: text() },
        CaError::UnknownSerial,
        CaError::NotACertificate(path()),
        CaError::Host { host: text() },
        CaError::FacilityCode(ValueError::Missing),
        CaError::InsurerNumber(ValueError::Missing),
        CaError::OperatorName(IdentityError::OperatorName),
        CaError::Expired,
        CaError::Library(rcgen::Error::CouldNotParseCertificate),
        CaError::Random,
        CaError::Output(io()),
    ];
    let codes: HashSet<_> = all.iter().map(CaError::code).collect();
    assert_eq!(codes.len(), all.len());
    assert!(all.iter().all(|error| error.ja().ends_with('。')));
}
