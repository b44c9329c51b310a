//! Reading the files of a listener, with every check that can be made before the first client.

use super::error::TlsError;
use super::tickets::Tickets;
use super::{CrlStatus, TlsFiles};
use crate::identity::CertificateId;
use crate::private_file;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

/// Largest file of certificates or keys, in bytes.
pub const PEM_BYTES_MAX: u64 = 1 << 20;
/// Largest file of revocation lists, in bytes: more than a million revoked certificates.
pub const CRL_BYTES_MAX: u64 = 64 << 20;

const SECONDS_PER_HOUR: u64 = 3600;

/// What one reading of the files gave.
pub(super) struct Loaded {
    pub(super) server: Arc<CertifiedKey>,
    pub(super) server_not_after: u64,
    pub(super) clients: Arc<dyn ClientCertVerifier>,
    pub(super) tickets: Tickets,
    revoked: HashSet<CertificateId>,
    crl: Option<CrlTimes>,
}

/// In Unix seconds; of several lists the earliest counts.
#[derive(Clone, Copy)]
struct CrlTimes {
    next_update: u64,
    grace_seconds: u64,
}

impl Loaded {
    pub(super) fn is_revoked(&self, id: &CertificateId) -> bool {
        self.revoked.contains(id)
    }

    pub(super) fn crl_status(&self, now: u64) -> CrlStatus {
        match self.crl {
            None => CrlStatus::None,
            Some(times) => times.status(now),
        }
    }
}

impl CrlTimes {
    const fn status(self, now: u64) -> CrlStatus {
        let end = self.next_update.saturating_add(self.grace_seconds);
        if now < self.next_update {
            let seconds_left = self.next_update - now;
            CrlStatus::Current { seconds_left }
        } else if now < end {
            let seconds_left = end - now;
            CrlStatus::Late { seconds_left }
        } else {
            CrlStatus::Expired
        }
    }
}

pub(super) fn load(
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
    now: u64,
) -> Result<Loaded, TlsError> {
    let (server, server_not_after) = server(files, provider, now)?;
    let authorities = authorities(&files.client_ca, now)?;
    let lists = match &files.crl {
        Some(path) => lists(path, &authorities, &provider.signature_verification_algorithms)?,
        None => Lists::default(),
    };
    let crl = lists.next_update.map(|next_update| CrlTimes {
        next_update,
        grace_seconds: u64::from(files.crl_grace_hours) * SECONDS_PER_HOUR,
    });
    if let (Some(path), Some(CrlStatus::Expired)) = (&files.crl, crl.map(|crl| crl.status(now))) {
        return Err(TlsError::CrlExpired(path.clone()));
    }
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|_| TlsError::not_pem(&files.client_ca, "certificate"))?;
    }
    // Whether a list is late is for `CrlTimes` to say, with its grace period.
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .with_crls(lists.ders)
            .build()
            .map_err(|error| TlsError::Library(rustls::Error::General(error.to_string())))?;
    Ok(Loaded {
        server: Arc::new(server),
        server_not_after,
        clients,
        tickets: Tickets::new(now).map_err(TlsError::Library)?,
        revoked: lists.revoked,
        crl,
    })
}

fn server(
    files: &TlsFiles,
    provider: &CryptoProvider,
    now: u64,
) -> Result<(CertifiedKey, u64), TlsError> {
    let path = &files.certificate;
    let chain: Vec<CertificateDer<'static>> = read_pem(path, PEM_BYTES_MAX, "certificate")?;
    let first = chain.first().ok_or_else(|| TlsError::not_pem(path, "certificate"))?;
    let not_after = check_dates(path, &parse(path, first)?, now)?;
    let key = read_pem::<PrivateKeyDer<'static>>(&files.key, PEM_BYTES_MAX, "private key")?
        .into_iter()
        .next()
        .ok_or_else(|| TlsError::not_pem(&files.key, "private key"))?;
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            TlsError::key_mismatch(path, &files.key)
        } else {
            TlsError::Key(files.key.clone())
        }
    })?;
    Ok((certified, not_after))
}

fn authorities(path: &Path, now: u64) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let authorities: Vec<CertificateDer<'static>> = read_pem(path, PEM_BYTES_MAX, "certificate")?;
    let mut names = HashSet::new();
    for authority in &authorities {
        let parsed = parse(path, authority)?;
        if !parsed.is_ca() {
            return Err(TlsError::NotAnAuthority(path.to_owned()));
        }
        // The handshake does not look at the dates of trusted certificates.
        check_dates(path, &parsed, now)?;
        if !names.insert(parsed.subject().as_raw().to_vec()) {
            return Err(TlsError::SameName(path.to_owned()));
        }
    }
    Ok(authorities)
}

#[derive(Default)]
struct Lists {
    ders: Vec<CertificateRevocationListDer<'static>>,
    revoked: HashSet<CertificateId>,
    next_update: Option<u64>,
}

/// Reads revocation lists and insists on exactly what handshakes need: each signed by one of the
/// authorities, and one for each of them, or all clients of that one would be refused.
fn lists(
    path: &Path,
    authorities: &[CertificateDer<'static>],
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<Lists, TlsError> {
    let ders: Vec<CertificateRevocationListDer<'static>> =
        read_pem(path, CRL_BYTES_MAX, "revocation list")?;
    let mut covered = vec![false; authorities.len()];
    let mut revoked = HashSet::new();
    let mut next_update = u64::MAX;
    for der in &ders {
        let (_, list) = CertificateRevocationList::from_der(der)
            .map_err(|_| TlsError::not_pem(path, "revocation list"))?;
        let mut is_ours = false;
        for (authority, covered) in authorities.iter().zip(&mut covered) {
            if is_signed_by(&list, &parse(path, authority)?, algorithms) {
                is_ours = true;
                *covered = true;
            }
        }
        if !is_ours {
            return Err(TlsError::CrlOfAnother(path.to_owned()));
        }
        let issuer = list.issuer().as_raw();
        let ids = list.iter_revoked_certificates();
        revoked.extend(ids.map(|entry| CertificateId::new(issuer, entry.raw_serial())));
        // A list without a date for the next is never trusted for longer than the grace period.
        let due = list.next_update().unwrap_or(list.last_update());
        next_update = next_update.min(u64::try_from(due.timestamp()).unwrap_or(0));
    }
    if covered.contains(&false) {
        return Err(TlsError::CrlMissing(path.to_owned()));
    }
    Ok(Lists { ders, revoked, next_update: Some(next_update) })
}

fn is_signed_by(
    list: &CertificateRevocationList<'_>,
    authority: &X509Certificate<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    let key = &authority.public_key().subject_public_key.data;
    let (message, signature) = (list.tbs_cert_list.as_ref(), &list.signature_value.data);
    // The names of the algorithms are compared when the list is used; here one of them must fit.
    list.issuer().as_raw() == authority.subject().as_raw()
        && algorithms
            .all
            .iter()
            .any(|algorithm| algorithm.verify_signature(key, message, signature).is_ok())
}

fn parse<'a>(path: &Path, der: &'a [u8]) -> Result<X509Certificate<'a>, TlsError> {
    X509Certificate::from_der(der)
        .map(|(_, certificate)| certificate)
        .map_err(|_| TlsError::not_pem(path, "certificate"))
}

/// The last second of validity.
fn check_dates(path: &Path, certificate: &X509Certificate<'_>, now: u64) -> Result<u64, TlsError> {
    let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
    let validity = certificate.validity();
    let not_after = seconds(validity.not_after.timestamp());
    if now > not_after {
        return Err(TlsError::Expired(path.to_owned()));
    }
    if now < seconds(validity.not_before.timestamp()) {
        return Err(TlsError::NotYetValid(path.to_owned()));
    }
    Ok(not_after)
}

/// Every section of the kind in the file; at least one.
fn read_pem<T: PemObject>(
    path: &Path,
    bytes_max: u64,
    what: &'static str,
) -> Result<Vec<T>, TlsError> {
    let content =
        private_file::read(path, bytes_max).map_err(|source| TlsError::file(path, source))?;
    let sections: Vec<T> = T::pem_slice_iter(&content)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::not_pem(path, what))?;
    if sections.is_empty() {
        return Err(TlsError::not_pem(path, what));
    }
    Ok(sections)
}
