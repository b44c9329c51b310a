//! `index.toml`: every certificate the authority has issued.

use super::error::CaError;
use crate::private_file;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Largest index in bytes: about 400,000 certificates.
pub const INDEX_BYTES_MAX: u64 = 64 << 20;

/// One issued certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuedCertificate {
    /// Serial number in lower-case hexadecimal.
    pub serial: String,
    /// `role:name`, as in `facility:1310000001`.
    pub subject: String,
    /// Last second of validity in Unix seconds.
    pub not_after: u64,
    /// Time of revocation in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<u64>,
}

/// The authority's records. The index is written before what it describes, so that a crash can
/// leave a certificate that was never handed out, but none that cannot be revoked.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    /// Number of the last revocation list.
    pub crl_number: u64,
    #[serde(default)]
    pub certificate: Vec<IssuedCertificate>,
}

impl Index {
    pub(super) fn read(path: &Path) -> Result<Self, CaError> {
        let content = private_file::read(path, INDEX_BYTES_MAX)
            .map_err(|source| CaError::file(path, source))?;
        std::str::from_utf8(&content)
            .ok()
            .and_then(|text| toml::from_str(text).ok())
            .ok_or_else(|| CaError::Index(path.to_owned()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), CaError> {
        let text = toml::to_string(self).map_err(|_| CaError::Index(path.to_owned()))?;
        private_file::replace(path, text.as_bytes()).map_err(|source| CaError::file(path, source))
    }

    /// Marks a certificate as revoked; a second time keeps the first date.
    pub(super) fn revoke(&mut self, serial: &str, now: u64) -> Result<(), CaError> {
        let issued = self
            .certificate
            .iter_mut()
            .find(|issued| issued.serial == serial)
            .ok_or(CaError::UnknownSerial)?;
        issued.revoked_at.get_or_insert(now);
        Ok(())
    }

    /// Whether a certificate of this subject is valid now.
    pub(super) fn has_valid(&self, subject: &str, now: u64) -> bool {
        self.certificate.iter().any(|issued| {
            issued.subject == subject && issued.revoked_at.is_none() && issued.not_after >= now
        })
    }
}
