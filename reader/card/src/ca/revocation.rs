//! Revocation lists.

use super::validity::to_x509_time;
use super::{Authority, Generation, Serial};
use crate::CardError;
use x509_cert::builder::{Builder, CrlBuilder};
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::RevokedCert;
use x509_cert::der::Encode;
use x509_cert::der::asn1::Uint;
use x509_cert::ext::ToExtension;
use x509_cert::ext::pkix::{CrlNumber, CrlReason};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

/// Why a certificate was revoked: the reasons that this authority gives (card §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// No reason given; written without an extension, as RFC 5280 asks.
    Unspecified,
    /// The card was lost or its key is known to others.
    KeyCompromise,
    /// The holder's data changed.
    AffiliationChanged,
    /// A new certificate replaces it.
    Superseded,
    /// The holder gave the card back or has died.
    CessationOfOperation,
    /// Suspended; it is never lifted.
    CertificateHold,
}

impl RevocationReason {
    const fn to_x509(self) -> Option<CrlReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(CrlReason::KeyCompromise),
            Self::AffiliationChanged => Some(CrlReason::AffiliationChanged),
            Self::Superseded => Some(CrlReason::Superseded),
            Self::CessationOfOperation => Some(CrlReason::CessationOfOperation),
            Self::CertificateHold => Some(CrlReason::CertificateHold),
        }
    }
}

/// One revoked certificate.
#[derive(Clone, Copy, Debug)]
pub struct Revoked {
    /// Its serial number.
    pub serial: Serial,
    /// When, in Unix seconds.
    pub at: u64,
    /// Why.
    pub reason: RevocationReason,
}

/// Number and times of a list.
#[derive(Clone, Copy, Debug)]
pub struct CrlSchedule {
    /// Rises with every list.
    pub number: u32,
    /// When the list was made, in Unix seconds.
    pub this_update: u64,
    /// When the next one is due, in Unix seconds.
    pub next_update: u64,
}

impl Authority {
    /// The root's signed revocation list in DER.
    ///
    /// # Errors
    /// [`CardError::Time`] or [`CardError::Certificate`].
    pub fn revocation_list(
        &self,
        generation: Generation,
        schedule: CrlSchedule,
        revoked: &[Revoked],
    ) -> Result<Vec<u8>, CardError> {
        let root = self.root(generation);
        let number = CrlNumber(Uint::new(&schedule.number.to_be_bytes())?);
        let this_update = to_x509_time(schedule.this_update)?;
        let mut list =
            CrlBuilder::<Rfc5280>::new_with_this_update(&root.certificate, number, this_update)?
                .with_next_update(Some(to_x509_time(schedule.next_update)?));
        // RFC 5280 §5.1.2.6: without entries the field is absent, not empty.
        if !revoked.is_empty() {
            let entries: Result<Vec<_>, _> = revoked.iter().map(entry).collect();
            list = list.with_certificates(entries?.into_iter());
        }
        Ok(list.build(&root.key.certificate_signer())?.to_der()?)
    }
}

fn entry(revoked: &Revoked) -> Result<RevokedCert, CardError> {
    let reason = revoked.reason.to_x509();
    let extension = reason.map(|reason| reason.to_extension(&Name::default(), &[])).transpose()?;
    Ok(RevokedCert {
        serial_number: SerialNumber::from(revoked.serial.number()),
        revocation_date: to_x509_time(revoked.at)?,
        crl_entry_extensions: extension.map(|extension| vec![extension]),
    })
}
