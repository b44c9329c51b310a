//! The authorities whose cards are accepted, and what they have revoked.
//!
//! An issuer is found by key identifier and signature, never by name: the generations of one
//! authority share a name (card §3). Lists are read again while running.

use super::list::RevocationList;
use super::{CardError, TrustError};
use crate::clock::Clock;
use crate::private_file;
use ring::signature::{
    ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use x509_parser::prelude::{AlgorithmIdentifier, FromDer, X509Certificate};

/// Largest file of authorities, in bytes.
const TRUST_BYTES_MAX: u64 = 1 << 20;
/// Largest file of revocation lists, in bytes: about two million revoked cards.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// Files read from one folder.
const FILES_MAX: usize = 4096;
const SECONDS_PER_HOUR: u64 = 3600;

/// Where the authorities and lists of the cards are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFiles {
    /// A PEM or DER file of authorities, or a folder of such files.
    pub trust: PathBuf,
    /// The same for revocation lists; without it nothing is ever revoked.
    pub crl: Option<PathBuf>,
    /// Hours after a list's next-update during which it still serves.
    pub crl_grace_hours: u32,
}

/// An authority.
pub(super) struct Anchor {
    subject: Vec<u8>,
    key_id: Vec<u8>,
    public_key: Vec<u8>,
    /// First and last second of validity, Unix seconds.
    validity: (u64, u64),
    lists: Vec<RevocationList>,
}

impl Anchor {
    fn parse(path: &Path, der: &[u8]) -> Result<Self, TrustError> {
        let not_ours = || TrustError::NotAnAuthority(path.to_owned());
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| not_ours())?;
        let signs = certificate.key_usage().ok().flatten().is_some_and(|u| u.value.key_cert_sign());
        let key_id = super::certificate::subject_key_id(&certificate).ok_or_else(not_ours)?;
        if !certificate.is_ca() || !signs || key_id.len() < 4 {
            return Err(not_ours());
        }
        Ok(Self {
            subject: certificate.subject().as_raw().to_vec(),
            key_id: key_id.to_vec(),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            validity: super::certificate::validity(&certificate),
            lists: Vec::new(),
        })
    }

    /// First four bytes of the key identifier: what [`shikaku_domain::CardCertificateId`] keeps.
    pub(super) fn number(&self) -> u32 {
        self.key_id.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    /// Whether the authority may have issued something of this issuer name and key identifier, at
    /// this moment of its life.
    pub(super) fn may_have_issued(&self, issuer: &[u8], key_id: Option<&[u8]>, at: u64) -> bool {
        self.subject == issuer
            && key_id.is_none_or(|key_id| key_id == self.key_id)
            && (self.validity.0..=self.validity.1).contains(&at)
    }

    /// Whether the authority has signed this message.
    pub(super) fn has_signed(
        &self,
        algorithm: &AlgorithmIdentifier<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let key = |algorithm| UnparsedPublicKey::new(algorithm, &self.public_key);
        signing_algorithm(algorithm)
            .is_some_and(|algorithm| key(algorithm).verify(message, signature).is_ok())
    }

    /// Whether a list names the certificate.
    pub(super) fn check_revocation(
        &self,
        serial: u64,
        points: &[Vec<u8>],
        due: u64,
    ) -> Result<(), CardError> {
        let mut covering = self.lists.iter().filter(|list| list.covers(points)).peekable();
        if covering.peek().is_none() {
            return Err(CardError::RevocationUnknown);
        }
        covering.try_for_each(|list| list.check(serial, due))
    }
}

/// What cards' authorities sign with: RSA with SHA-256 today, ECDSA P-384 next (card §2).
const ALGORITHMS: &[(&str, &dyn VerificationAlgorithm)] = &[
    ("1.2.840.113549.1.1.11", &RSA_PKCS1_2048_8192_SHA256),
    ("1.2.840.10045.4.3.3", &ECDSA_P384_SHA384_ASN1),
];

fn signing_algorithm(
    algorithm: &AlgorithmIdentifier<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let id = algorithm.algorithm.to_id_string();
    ALGORITHMS.iter().find(|(known, _)| *known == id).map(|(_, algorithm)| *algorithm)
}

/// What one reading of the files gave.
pub(super) struct Loaded {
    anchors: Vec<Anchor>,
    checks_revocation: bool,
    grace_seconds: u64,
    files: Vec<Stamp>,
}

/// A file as it was when it was read: path, length, time of change.
type Stamp = (PathBuf, u64, Option<SystemTime>);

impl Loaded {
    pub(super) fn read(files: &TrustFiles) -> Result<Self, TrustError> {
        let mut stamps = Vec::new();
        let mut anchors: Vec<Anchor> = Vec::new();
        for (path, content) in contents(&files.trust, TRUST_BYTES_MAX, &mut stamps)? {
            for der in sections::<CertificateDer<'static>>(&content) {
                anchors.push(Anchor::parse(&path, der.as_ref())?);
            }
        }
        if anchors.is_empty() {
            return Err(TrustError::NoAuthority(files.trust.clone()));
        }
        let numbers: HashSet<_> = anchors.iter().map(Anchor::number).collect();
        if numbers.len() != anchors.len() {
            return Err(TrustError::SameKey(files.trust.clone()));
        }
        if let Some(crl) = &files.crl {
            for (path, content) in contents(crl, LIST_BYTES_MAX, &mut stamps)? {
                for der in sections::<CertificateRevocationListDer<'static>>(&content) {
                    let (issuer, list) = RevocationList::parse(&path, der.as_ref(), &anchors)?;
                    if let Some(anchor) = anchors.get_mut(issuer) {
                        anchor.lists.push(list);
                    }
                }
            }
        }
        Ok(Self {
            anchors,
            checks_revocation: files.crl.is_some(),
            grace_seconds: u64::from(files.crl_grace_hours) * SECONDS_PER_HOUR,
            files: stamps,
        })
    }

    pub(super) fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// The moment before which a list's next-update must not lie; `None`: nothing is checked.
    pub(super) const fn lists_due(&self, now: u64) -> Option<u64> {
        if self.checks_revocation { Some(now.saturating_sub(self.grace_seconds)) } else { None }
    }
}

/// Holds what is trusted and swaps it when its files change.
pub struct CardTrust {
    files: TrustFiles,
    current: RwLock<Arc<Loaded>>,
}

impl CardTrust {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// [`TrustError`], which names the file and says what to do.
    pub fn new(files: TrustFiles, clock: &dyn Clock) -> Result<Self, TrustError> {
        let current = RwLock::new(Arc::new(Loaded::read(&files)?));
        let trust = Self { files, current };
        trust.warn(clock.unix_seconds());
        Ok(trust)
    }

    /// Reads the files again. On an error everything stays as it was.
    ///
    /// # Errors
    /// As [`CardTrust::new`].
    pub fn reload(&self, clock: &dyn Clock) -> Result<(), TrustError> {
        let loaded = Loaded::read(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        self.warn(clock.unix_seconds());
        Ok(())
    }

    /// Whether a file has changed, come or gone since it was read.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        let mut stamps = Vec::new();
        let folders = [Some(&self.files.trust), self.files.crl.as_ref()];
        let listed = folders.into_iter().flatten().try_for_each(|path| {
            paths(path).map(|paths| stamps.extend(paths.into_iter().map(stamp)))
        });
        listed.is_err() || stamps != self.current().files
    }

    pub(super) fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn warn(&self, now: u64) {
        let current = self.current();
        let Some(due) = current.lists_due(now) else {
            tracing::warn!("No revocation list of cards is configured; no card can be revoked.");
            return;
        };
        let stale = |anchor: &&Anchor| {
            anchor.validity.1 >= now && !anchor.lists.iter().any(|list| list.is_fresh(due))
        };
        let missing = current.anchors.iter().filter(stale).count();
        if missing > 0 {
            tracing::error!(
                missing,
                "Authorities without a current revocation list: their cards are refused."
            );
        }
    }
}

/// The file itself, or the files of the folder in the order of their names.
fn paths(path: &Path) -> Result<Vec<PathBuf>, TrustError> {
    let failed = |source| TrustError::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // What is being written has another name until it is whole.
        let is_list = path
            .extension()
            .is_some_and(|e| ["pem", "der", "cer", "crt", "crl"].iter().any(|known| e == *known));
        if is_list && path.is_file() {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
        }
    }
    paths.sort();
    Ok(paths)
}

fn contents(
    path: &Path,
    bytes_max: u64,
    stamps: &mut Vec<Stamp>,
) -> Result<Vec<(PathBuf, Vec<u8>)>, TrustError> {
    paths(path)?
        .into_iter()
        .map(|path| {
            // The stamp comes first: a change while the file is read is noticed later.
            stamps.push(stamp(path.clone()));
            let read = private_file::read(&path, bytes_max);
            let content = read.map_err(|source| TrustError::Read { path: path.clone(), source })?;
            Ok((path, content))
        })
        .collect()
}

fn stamp(path: PathBuf) -> Stamp {
    let metadata = fs::metadata(&path).ok();
    let length = metadata.as_ref().map_or(0, fs::Metadata::len);
    (path, length, metadata.and_then(|metadata| metadata.modified().ok()))
}

/// The PEM sections of a file, or the file as one in DER.
fn sections<T: PemObject + From<Vec<u8>>>(content: &[u8]) -> Vec<T> {
    let sections: Vec<T> = T::pem_slice_iter(content).filter_map(Result::ok).collect();
    if sections.is_empty() { vec![T::from(content.to_vec())] } else { sections }
}
