//! A certificate authority in the shape of the one behind マイナンバーカード (card §3).
//!
//! Two trees, one for user authentication and one for digital signature; each is flat: a root that
//! signs the holders' certificates itself. Three generations of a root share one name, so an issuer
//! is found by key identifier and signature, never by name. The organisation is
//! [`ORGANISATION`], the hosts end in `.invalid`: nobody can take one of these for a real one.

mod defect;
mod extension;
mod revocation;
#[cfg(test)]
mod tests;
mod validity;

pub use defect::Defect;
pub use revocation::{CrlSchedule, RevocationReason, Revoked};
pub use validity::{Validity, card_expiry, certificate_validity, end_of_day};

use crate::CardError;
use crate::key::CardKey;
use extension::Extensions;
use std::str::FromStr;
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::Certificate;
use x509_cert::der::pem::{LineEnding, encode_string};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};

/// The organisation in every name; the real one is a different word.
pub const ORGANISATION: &str = "JPKI-SYNTHETIC";

/// Serial number of a holder's certificate: what the eligibility system binds to a person.
///
/// Invariant: 1 to 2^31 - 1, so that it is positive in at most four bytes (card §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(u32);

impl Serial {
    const MAX: u64 = (1 << 31) - 1;
    /// The first person's serial number; three bytes, as cards have them today.
    const FIRST: u64 = 0x0010_0000;
    /// People that a population can have: those of the country, and room.
    const PERSONS: u64 = 0x0800_0000;

    /// A serial number.
    ///
    /// # Errors
    /// [`CardError::Serial`] outside 1 to 2^31 - 1.
    pub fn new(number: u64) -> Result<Self, CardError> {
        let serial = u32::try_from(number).ok().filter(|_| (1..=Self::MAX).contains(&number));
        serial.map(Self).ok_or(CardError::Serial(number))
    }

    /// The serial number of a synthetic person's certificate, by the person's index in the
    /// population and how often the card was renewed (0 to 15). No two are equal.
    ///
    /// # Errors
    /// [`CardError::Serial`] for an index or a number of renewals beyond the range.
    pub fn of_person(index: u64, renewals: u8) -> Result<Self, CardError> {
        let number = u64::from(renewals)
            .checked_mul(Self::PERSONS)
            .and_then(|base| base.checked_add(Self::FIRST)?.checked_add(index))
            .filter(|_| index < Self::PERSONS - Self::FIRST)
            .unwrap_or(u64::MAX);
        Self::new(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Which of the two trees an authority is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// 利用者証明用: logs a person in; the one that eligibility is asked with.
    UserAuthentication,
    /// 署名用: signs documents, and names its holder.
    DigitalSignature,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::UserAuthentication => "user authentication",
            Self::DigitalSignature => "digital signature",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::UserAuthentication => Self::DigitalSignature,
            Self::DigitalSignature => Self::UserAuthentication,
        }
    }
}

/// Which of the roots that share one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// 2015-10-20 to 2025-10-19: over; its last certificates end with it.
    First,
    /// 2019-09-14 to 2029-09-14.
    Second,
    /// 2023-07-16 to 2033-07-15: issues today.
    Third,
}

impl Generation {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Third];

    /// Whether its certificate has ended at this time, in Unix seconds: from then on it signs no
    /// revocation list either, and whoever checks one would refuse it.
    #[must_use]
    pub const fn has_ended(self, at: u64) -> bool {
        self.validity().not_after < at
    }

    /// When the root's certificate is valid: spans as in card §3, in Unix seconds.
    const fn validity(self) -> Validity {
        let (not_before, not_after) = match self {
            Self::First => (1_445_299_200, 1_760_885_999),
            Self::Second => (1_568_419_200, 1_884_092_399),
            Self::Third => (1_689_465_600, 2_004_965_999),
        };
        Validity { not_before, not_after }
    }

    /// The root that issues at this moment: the newest that has begun.
    #[must_use]
    pub fn issuing_at(unix_seconds: u64) -> Self {
        let has_begun = |one: &Self| one.validity().not_before <= unix_seconds;
        Self::ALL.into_iter().rev().find(has_begun).unwrap_or(Self::First)
    }

    /// Serial numbers of one, four and four bytes, the first with a leading zero bit only.
    const fn serial(self) -> u32 {
        match self {
            Self::First => 0x01,
            Self::Second => 0x0120_0002,
            Self::Third => 0x0620_0003,
        }
    }
}

/// What a holder's certificate says.
#[derive(Clone, Copy)]
pub struct CertificateRequest<'a> {
    /// Its serial number.
    pub serial: Serial,
    /// The holder's key.
    pub key: &'a CardKey,
    /// Which root signs it.
    pub generation: Generation,
    /// When it is valid; [`certificate_validity`] has the rule.
    pub validity: Validity,
    /// Code of the municipality that issued the card, 5 digits.
    pub municipality: u32,
}

struct Root {
    key: CardKey,
    certificate: Certificate,
    der: Vec<u8>,
}

/// One tree of the authority: three roots that share a name.
pub struct Authority {
    purpose: Purpose,
    seed: u64,
    name: Name,
    roots: [Root; 3],
}

impl Authority {
    /// The tree of this purpose under a seed. Another seed gives the same names with other keys.
    ///
    /// # Errors
    /// As [`CardKey::from_seed`].
    pub fn new(seed: u64, purpose: Purpose) -> Result<Self, CardError> {
        Self::of_organisation(seed, purpose, ORGANISATION)
    }

    fn of_organisation(seed: u64, purpose: Purpose, name: &str) -> Result<Self, CardError> {
        let name = Name::from_str(&format!(
            "OU=Synthetic Agency for Local Authority Information Systems,OU={name} for {},O={name},C=JP",
            purpose.label()
        ))?;
        let root = |generation| Root::new(seed, purpose, &name, generation);
        let [first, second, third] = Generation::ALL.map(root);
        let roots = [first?, second?, third?];
        Ok(Self { purpose, seed, name, roots })
    }

    /// The root's certificate in DER.
    #[must_use]
    pub fn certificate(&self, generation: Generation) -> &[u8] {
        &self.root(generation).der
    }

    /// First four bytes of a root's key identifier, big endian: by it and the serial number the
    /// centre knows a certificate.
    ///
    /// # Errors
    /// [`CardError::Certificate`].
    pub fn key_identifier(&self, generation: Generation) -> Result<u32, CardError> {
        let identifier = extension::key_identifier(&self.root(generation).key)?;
        let first = identifier.0.as_bytes().first_chunk();
        Ok(first.map_or(0, |bytes| u32::from_be_bytes(*bytes)))
    }

    /// The three roots' certificates in PEM, one after the other: the trust anchors' file.
    ///
    /// # Errors
    /// [`CardError::Certificate`].
    pub fn trust_anchors_pem(&self) -> Result<String, CardError> {
        Generation::ALL
            .iter()
            .map(|generation| to_pem("CERTIFICATE", self.certificate(*generation)))
            .collect()
    }

    /// Issues a holder's certificate, in DER.
    ///
    /// # Errors
    /// [`CardError::Time`] or [`CardError::Certificate`].
    pub fn issue(&self, request: &CertificateRequest<'_>) -> Result<Vec<u8>, CardError> {
        let root = self.root(request.generation);
        self.sign(request, &root.key, Extensions::of_holder(self, self.purpose, request)?)
    }

    fn sign(
        &self,
        request: &CertificateRequest<'_>,
        signer: &CardKey,
        extensions: Extensions,
    ) -> Result<Vec<u8>, CardError> {
        let contents = Contents {
            subject: subject(self.seed, self.purpose, request)?,
            issuer: self.name.clone(),
            serial: request.serial.number(),
            validity: request.validity,
            key: request.key.public().clone(),
            extensions,
        };
        Ok(contents.sign(signer)?.to_der()?)
    }

    fn root(&self, generation: Generation) -> &Root {
        let [first, second, third] = &self.roots;
        match generation {
            Generation::First => first,
            Generation::Second => second,
            Generation::Third => third,
        }
    }
}

impl Root {
    fn new(
        seed: u64,
        purpose: Purpose,
        name: &Name,
        generation: Generation,
    ) -> Result<Self, CardError> {
        let key = CardKey::from_seed(seed, purpose.label(), u64::from(generation.serial()))?;
        let contents = Contents {
            subject: name.clone(),
            issuer: name.clone(),
            serial: generation.serial(),
            validity: generation.validity(),
            key: key.public().clone(),
            extensions: Extensions::of_root(&key)?,
        };
        let certificate = contents.sign(&key)?;
        let der = certificate.to_der()?;
        Ok(Self { key, certificate, der })
    }
}

/// Everything a certificate says.
struct Contents {
    subject: Name,
    issuer: Name,
    serial: u32,
    validity: Validity,
    key: SubjectPublicKeyInfoOwned,
    extensions: Extensions,
}

impl Contents {
    fn sign(self, key: &CardKey) -> Result<Certificate, CardError> {
        let public = self.key.clone();
        let validity = self.validity.to_x509()?;
        let serial = SerialNumber::from(self.serial);
        let builder = CertificateBuilder::new(self, serial, validity, public)?;
        Ok(builder.build(&key.certificate_signer())?)
    }
}

impl BuilderProfile for Contents {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> Result<Vec<Extension>, x509_cert::builder::Error> {
        Ok(self.extensions.list().to_vec())
    }
}

/// `C=JP, CN=<14 letters and digits><municipality>003A`: says nothing about the holder (card §3).
fn subject(
    seed: u64,
    purpose: Purpose,
    request: &CertificateRequest<'_>,
) -> Result<Name, CardError> {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPQRSTUVWX";
    let bytes =
        crate::key::seeded_bytes::<14>(seed, purpose.label(), request.serial.number().into());
    let random: String = bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter))
        .collect();
    let suffix = match purpose {
        Purpose::UserAuthentication => "003A",
        Purpose::DigitalSignature => "003S",
    };
    let municipality = request.municipality % 100_000;
    Ok(Name::from_str(&format!("CN={random}{municipality:05}{suffix},C=JP"))?)
}

/// Bytes as PEM under this label.
///
/// # Errors
/// [`CardError::Certificate`].
pub fn to_pem(label: &'static str, der: &[u8]) -> Result<String, CardError> {
    let text = encode_string(label, LineEnding::LF, der);
    text.map_err(|error| x509_cert::der::Error::from(error).into())
}

/// The serial number in a certificate that this crate issued.
///
/// # Errors
/// [`CardError::Certificate`] for other bytes.
pub fn serial_of(certificate: &[u8]) -> Result<Serial, CardError> {
    let certificate = Certificate::from_der(certificate)?;
    let bytes = certificate.tbs_certificate().serial_number().as_bytes();
    let number = bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    Serial::new(number)
}
