//! Certificates with one thing wrong: what a verifier must refuse, each for its own reason.

use super::extension::Extensions;
use super::{Authority, CertificateRequest};
use crate::CardError;
use crate::key::CardKey;
use x509_cert::certificate::Rfc5280;
use x509_cert::der::Encode;
use x509_cert::serial_number::SerialNumber;

/// An organisation that nobody trusts.
const FOREIGN_ORGANISATION: &str = "FOREIGN-SYNTHETIC";
/// Bytes of padding in [`Defect::Huge`]: more than a card could hold, less than a frame of vpcd.
const HUGE_BYTES: usize = 60_000;
/// Tag and length of a certificate of 256 to 65535 bytes.
const HEADER_BYTES: usize = 4;
/// What makes another authority's seed of ours.
const OTHER_SEED: u64 = 0xF0F0;

/// What is wrong with a certificate. Times are not here: an expired certificate is a good one with
/// another [`super::Validity`], a revoked one stands in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Signed by an authority of another name.
    ForeignAuthority,
    /// Signed by an authority of the same name with other keys, as its key identifiers say.
    SameNameOtherKey,
    /// Names the right root and its key identifier, but another key has signed it.
    ForgedSignature,
    /// Made for signing documents, by the authority's other tree.
    WrongPurpose,
    /// Signed by the right root, with the policy and usage of the other tree.
    WrongPolicy,
    /// Holds a critical extension that nobody knows.
    UnknownCritical,
    /// A good certificate of sixty thousand bytes.
    Huge,
    /// The last bytes are missing.
    Truncated,
    /// The serial number is another one: a byte of the signed part is changed.
    Altered,
    /// Not DER at all, but the card's header says so.
    Garbage,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ForeignAuthority,
        Self::SameNameOtherKey,
        Self::ForgedSignature,
        Self::WrongPurpose,
        Self::WrongPolicy,
        Self::UnknownCritical,
        Self::Huge,
        Self::Truncated,
        Self::Altered,
        Self::Garbage,
    ];
}

impl Authority {
    /// Issues a certificate with one thing wrong.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn issue_defective(
        &self,
        request: &CertificateRequest<'_>,
        defect: Defect,
    ) -> Result<Vec<u8>, CardError> {
        let own = self.root(request.generation);
        let other_seed = self.seed ^ OTHER_SEED;
        match defect {
            Defect::ForeignAuthority => {
                let name = FOREIGN_ORGANISATION;
                Self::of_organisation(other_seed, self.purpose, name)?.issue(request)
            }
            Defect::SameNameOtherKey => Self::new(other_seed, self.purpose)?.issue(request),
            Defect::WrongPurpose => Self::new(self.seed, self.purpose.other())?.issue(request),
            Defect::ForgedSignature => {
                let forger = CardKey::from_seed(other_seed, "forger", 0)?;
                let extensions = Extensions::of_holder(self, self.purpose, request)?;
                self.sign(request, &forger, extensions)
            }
            Defect::WrongPolicy => {
                let extensions = Extensions::of_holder(self, self.purpose.other(), request)?;
                self.sign(request, &own.key, extensions)
            }
            Defect::UnknownCritical => {
                let mut extensions = Extensions::of_holder(self, self.purpose, request)?;
                extensions.push_unknown_critical()?;
                self.sign(request, &own.key, extensions)
            }
            Defect::Huge => {
                let mut extensions = Extensions::of_holder(self, self.purpose, request)?;
                extensions.push_padding(HUGE_BYTES)?;
                self.sign(request, &own.key, extensions)
            }
            Defect::Truncated => {
                let mut der = self.issue(request)?;
                der.truncate(der.len() / 2);
                Ok(der)
            }
            Defect::Altered => {
                let mut der = self.issue(request)?;
                flip_last_serial_byte(&mut der, request)?;
                Ok(der)
            }
            Defect::Garbage => {
                let der = self.issue(request)?;
                // The header stays, so that a card still tells how much is to be read.
                let garbage = |(at, byte)| if at < HEADER_BYTES { byte } else { 0xA5 };
                Ok(der.into_iter().enumerate().map(garbage).collect())
            }
        }
    }
}

/// Turns the certificate into the next person's, as a thief would like to.
fn flip_last_serial_byte(
    der: &mut [u8],
    request: &CertificateRequest<'_>,
) -> Result<(), CardError> {
    let serial = SerialNumber::<Rfc5280>::from(request.serial.number()).to_der()?;
    let start = der.windows(serial.len()).position(|window| window == serial);
    let last = start.and_then(|start| der.get_mut(start + serial.len() - 1));
    if let Some(last) = last {
        *last ^= 1;
    }
    Ok(())
}
