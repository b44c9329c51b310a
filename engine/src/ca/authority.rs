//! The authority itself: its folder, its key, what it signs.
//!
//! | file | content |
//! |------|---------|
//! | `ca.pem`, `ca.key.pem` | the authority's certificate and key |
//! | `crl.pem` | revocation list |
//! | `server.pem`, `server.key.pem` | the engine's certificate and key |
//! | `clients/<role>-<name>.pem`, `.key.pem` | a client's certificate and key |
//! | `index.toml` | what was issued and revoked |

use super::error::CaError;
use super::index::{Index, IssuedCertificate};
use crate::clock::Clock;
use crate::identity::{Identity, serial_text};
use crate::private_file;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::ops::Add;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Validity of the authority's own certificate, in days: ten years.
pub const CA_DAYS: u16 = 3653;
/// Validity of other certificates unless asked otherwise, in days.
pub const CERTIFICATE_DAYS: u16 = 365;
/// Longest validity that can be asked for, in days.
pub const CERTIFICATE_DAYS_MAX: u16 = 3650;
/// Days until the next revocation list is due, unless asked otherwise.
pub const CRL_DAYS: u16 = 30;
/// Longest time until the next revocation list, in days.
pub const CRL_DAYS_MAX: u16 = 366;

const SECONDS_PER_DAY: u64 = 86_400;
const SECONDS_TO_YEAR_10000: u64 = 253_402_300_800;
/// Certificates are valid from five minutes ago, for machines whose clocks are late.
const BACKDATE_SECONDS: u64 = 300;
const ORGANISATION: &str = "Shikaku test authority";
/// Far more than a certificate and its key need.
const PEM_BYTES_MAX: u64 = 64 << 10;
/// Where the engine answers on a test bench.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A new certificate and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate; its key is beside it as `.key.pem`.
    pub path: PathBuf,
    /// Serial number in lower-case hexadecimal.
    pub serial: String,
    /// Last second of validity in Unix seconds.
    pub not_after: u64,
}

/// An authority that is open for one command; its folder is locked as long as this lives.
pub struct Authority<'a> {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    not_after: u64,
    clock: &'a dyn Clock,
    _lock: File,
}

impl<'a> Authority<'a> {
    /// Makes a new authority with a server certificate for this machine and an empty revocation
    /// list.
    ///
    /// # Errors
    /// [`CaError::Exists`] where one is already, and others.
    pub fn init(
        folder: &Path,
        name: &str,
        hosts: &[String],
        clock: &'a dyn Clock,
    ) -> Result<Self, CaError> {
        // Before anything is written, so that a mistyped host leaves no half authority.
        server_params(hosts)?;
        for path in [folder.to_owned(), folder.join("clients")] {
            private_file::create_folder(&path).map_err(|source| CaError::file(&path, source))?;
        }
        let lock = lock(folder)?;
        let certificate_path = folder.join("ca.pem");
        if certificate_path.exists() {
            return Err(CaError::Exists(folder.to_owned()));
        }
        let key = new_key()?;
        let now = clock.unix_seconds();
        let params = ca_params(name, now)?;
        let certificate = params.self_signed(&key).map_err(CaError::Library)?;
        create(&folder.join("ca.key.pem"), &key.serialize_pem())?;
        Index::default().write(&folder.join("index.toml"))?;
        // Last: the certificate is what makes the folder an authority.
        create(&certificate_path, &certificate.pem())?;
        drop(lock);
        let authority = Self::open(folder, clock)?;
        authority.renew_crl(CRL_DAYS)?;
        authority.issue_server(hosts, CERTIFICATE_DAYS)?;
        Ok(authority)
    }

    /// Opens the authority in this folder.
    ///
    /// # Errors
    /// [`CaError::NotFound`], [`CaError::Damaged`], [`CaError::InUse`] or [`CaError::File`].
    pub fn open(folder: &Path, clock: &'a dyn Clock) -> Result<Self, CaError> {
        if !folder.join("ca.pem").exists() {
            return Err(CaError::NotFound(folder.to_owned()));
        }
        let lock = lock(folder)?;
        let damaged = || CaError::Damaged(folder.to_owned());
        let certificate = CertificateDer::from_pem_slice(&read(&folder.join("ca.pem"))?)
            .map_err(|_| damaged())?;
        let key_pem = read(&folder.join("ca.key.pem"))?;
        let key = std::str::from_utf8(&key_pem)
            .ok()
            .and_then(|pem| KeyPair::from_pem(pem).ok())
            .ok_or_else(damaged)?;
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| damaged())?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(damaged());
        }
        let not_after = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| damaged())?;
        Ok(Self { folder: folder.to_owned(), issuer, not_after, clock, _lock: lock })
    }

    /// Issues the engine's certificate for this machine and these hosts, in place of the last.
    ///
    /// # Errors
    /// [`CaError::Host`], [`CaError::Expired`] or [`CaError::File`].
    pub fn issue_server(&self, hosts: &[String], days: u16) -> Result<Issued, CaError> {
        let mut params = server_params(hosts)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.distinguished_name = subject("server", "Shikaku engine");
        let path = self.folder.join("server.pem");
        self.issue(params, "server:engine".to_owned(), days, path)
    }

    /// Issues a client certificate.
    ///
    /// # Errors
    /// [`CaError::StillValid`] unless `replace`, [`CaError::Expired`] or [`CaError::File`].
    pub fn issue_client(
        &self,
        identity: &Identity,
        days: u16,
        replace: Replace,
    ) -> Result<Issued, CaError> {
        let holder = identity.to_string();
        let now = self.clock.unix_seconds();
        if replace == Replace::No && self.index()?.has_valid(&holder, now) {
            return Err(CaError::StillValid { subject: holder });
        }
        let (role, name) = (identity.role(), identity.common_name());
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name = subject(role, &name);
        let path = self.folder.join(format!("clients/{role}-{name}.pem"));
        self.issue(params, holder, days, path)
    }

    /// Revokes a certificate and reissues the revocation list.
    ///
    /// # Errors
    /// [`CaError::UnknownSerial`] or [`CaError::File`].
    pub fn revoke(&self, serial: &str) -> Result<(), CaError> {
        let mut index = self.index()?;
        let serial = serial.replace(':', "").to_ascii_lowercase();
        index.revoke(&serial, self.clock.unix_seconds())?;
        // The index first: after a crash in between, the same command finishes the work.
        index.write(&self.index_path())?;
        self.renew_crl(CRL_DAYS)
    }

    /// Reissues the revocation list, to be replaced within this many days.
    ///
    /// # Errors
    /// [`CaError::Index`], [`CaError::Library`] or [`CaError::File`].
    pub fn renew_crl(&self, days: u16) -> Result<(), CaError> {
        let mut index = self.index()?;
        index.crl_number += 1;
        index.write(&self.index_path())?;
        let now = self.clock.unix_seconds();
        let list = CertificateRevocationListParams {
            this_update: after(date_time_ymd(1970, 1, 1), now.saturating_sub(BACKDATE_SECONDS)),
            next_update: after(date_time_ymd(1970, 1, 1), now + u64::from(days) * SECONDS_PER_DAY),
            crl_number: SerialNumber::from(index.crl_number),
            issuing_distribution_point: None,
            revoked_certs: self.revoked_params(&index)?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let pem =
            list.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(CaError::Library)?;
        write(&self.folder.join("crl.pem"), &pem)
    }

    /// Every certificate issued, in order of issue.
    ///
    /// # Errors
    /// [`CaError::Index`] or [`CaError::File`].
    pub fn issued(&self) -> Result<Vec<IssuedCertificate>, CaError> {
        Ok(self.index()?.certificate)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        holder: String,
        days: u16,
        path: PathBuf,
    ) -> Result<Issued, CaError> {
        let now = self.clock.unix_seconds();
        if now >= self.not_after {
            return Err(CaError::Expired);
        }
        let not_after = self.not_after.min(now + u64::from(days) * SECONDS_PER_DAY);
        let serial_bytes = new_serial()?;
        params.serial_number = Some(SerialNumber::from_slice(&serial_bytes));
        params.not_before = after(date_time_ymd(1970, 1, 1), now.saturating_sub(BACKDATE_SECONDS));
        params.not_after = after(date_time_ymd(1970, 1, 1), not_after);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = new_key()?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(CaError::Library)?;

        let serial = serial_text(&serial_bytes);
        let mut index = self.index()?;
        index.certificate.push(IssuedCertificate {
            serial: serial.clone(),
            subject: holder,
            not_after,
            revoked_at: None,
        });
        index.write(&self.index_path())?;
        write(&path.with_extension("key.pem"), &key.serialize_pem())?;
        write(&path, &certificate.pem())?;
        Ok(Issued { path, serial, not_after })
    }

    fn revoked_params(&self, index: &Index) -> Result<Vec<RevokedCertParams>, CaError> {
        let of = |issued: &IssuedCertificate| {
            let revoked_at = issued.revoked_at?;
            Some(serial_bytes(&issued.serial).map(|serial| RevokedCertParams {
                serial_number: SerialNumber::from_slice(&serial),
                revocation_time: after(date_time_ymd(1970, 1, 1), revoked_at),
                reason_code: Some(RevocationReason::Unspecified),
                invalidity_date: None,
            }))
        };
        index
            .certificate
            .iter()
            .filter_map(of)
            .collect::<Option<_>>()
            .ok_or_else(|| CaError::Index(self.index_path()))
    }

    fn index(&self) -> Result<Index, CaError> {
        Index::read(&self.index_path())
    }

    fn index_path(&self) -> PathBuf {
        self.folder.join("index.toml")
    }
}

/// What to do when the holder has a valid certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// Refuse.
    No,
    /// Issue another; the files are replaced, the old certificate stays valid until revoked.
    Yes,
}

fn ca_params(name: &str, now: u64) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&new_serial()?));
    params.not_before = after(date_time_ymd(1970, 1, 1), now.saturating_sub(BACKDATE_SECONDS));
    params.not_after = after(date_time_ymd(1970, 1, 1), now + u64::from(CA_DAYS) * SECONDS_PER_DAY);
    // Another name than any holder's: OpenSSL takes a certificate whose issuer and subject are the
    // same for self-signed.
    params.distinguished_name = subject("authority", name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn server_params(hosts: &[String]) -> Result<CertificateParams, CaError> {
    let mut names: Vec<String> = LOCAL_HOSTS.map(str::to_owned).to_vec();
    for host in hosts {
        let is_name = rustls_pki_types::ServerName::try_from(host.as_str()).is_ok();
        if !is_name {
            return Err(CaError::Host { host: host.clone() });
        }
        if !names.contains(host) {
            names.push(host.clone());
        }
    }
    CertificateParams::new(names).map_err(CaError::Library)
}

fn subject(role: &str, name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, ORGANISATION);
    subject.push(DnType::OrganizationalUnitName, role);
    subject.push(DnType::CommonName, name);
    subject
}

fn new_key() -> Result<KeyPair, CaError> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(CaError::Library)
}

/// 127 random bits, positive and never empty.
fn new_serial() -> Result<[u8; 16], CaError> {
    let mut serial = [0; 16];
    SystemRandom::new().fill(&mut serial).map_err(|_| CaError::Random)?;
    let [first, ..] = &mut serial;
    *first = *first & 0x7f | 0x40;
    Ok(serial)
}

fn serial_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// The moment this many seconds after `epoch`. Generic because the date type of the certificate
/// library has no name here; stops at the end of the year 9999, the last that certificates know.
fn after<T: Add<Duration, Output = T>>(epoch: T, seconds: u64) -> T {
    epoch + Duration::from_secs(seconds.min(SECONDS_TO_YEAR_10000 - 1))
}

fn lock(folder: &Path) -> Result<File, CaError> {
    let path = folder.join(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|source| CaError::file(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CaError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(CaError::file(&path, source)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CaError> {
    private_file::read(path, PEM_BYTES_MAX).map_err(|source| CaError::file(path, source))
}

fn write(path: &Path, pem: &str) -> Result<(), CaError> {
    private_file::replace(path, pem.as_bytes()).map_err(|source| CaError::file(path, source))
}

fn create(path: &Path, pem: &str) -> Result<(), CaError> {
    match private_file::create(path, pem.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(CaError::Exists(path.to_owned()))
        }
        result => result.map_err(|source| CaError::file(path, source)),
    }
}
