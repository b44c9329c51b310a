//! One card's certificate: read, traced to its authority, judged.

use super::CardError;
use super::list::directory_names;
use super::trust::Loaded;
use ring::signature::{
    ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use shikaku_domain::{CardCertificateId, CertificateLife, Timestamp, certificate_life};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Largest certificate in bytes; a card's has about 1,600 (card §3).
pub const CERTIFICATE_BYTES_MAX: usize = 4096;
/// Extensions that are understood here and may therefore be critical: basicConstraints, keyUsage,
/// certificatePolicies, extKeyUsage.
const UNDERSTOOD: &[&str] = &["2.5.29.19", "2.5.29.15", "2.5.29.32", "2.5.29.37"];

/// What makes a certificate one for user authentication: data, since the policies' numbers are the
/// authority's (card §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// Object identifiers, one of which must be among the certificate's policies.
    pub policies: Vec<String>,
}

/// A certificate that its authority vouches for.
#[derive(Clone, Debug)]
pub struct VerifiedCertificate {
    /// Which one it is.
    pub id: CardCertificateId,
    /// First and last second of validity, Unix seconds.
    pub validity: (u64, u64),
    algorithm: Algorithm,
    public_key: Box<[u8]>,
}

/// What a card signs with; the certificate says which (card §2).
#[derive(Clone, Copy, Debug)]
enum Algorithm {
    RsaPkcs1Sha256,
    EcdsaP384Sha384,
}

impl Algorithm {
    fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        const RSA: &str = "1.2.840.113549.1.1.1";
        const EC: &str = "1.2.840.10045.2.1";
        const P384: &str = "1.3.132.0.34";
        let key = &certificate.public_key().algorithm;
        let curve = || key.parameters.as_ref()?.as_oid().ok().map(|oid| oid.to_id_string());
        match key.algorithm.to_id_string().as_str() {
            RSA => Some(Self::RsaPkcs1Sha256),
            EC if curve().as_deref() == Some(P384) => Some(Self::EcdsaP384Sha384),
            _ => None,
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::EcdsaP384Sha384 => &ECDSA_P384_SHA384_ASN1,
        }
    }
}

impl VerifiedCertificate {
    /// Reads a certificate and checks, in this order: its form, its authority, its purpose, its
    /// dates, its revocation.
    ///
    /// # Errors
    /// [`CardError`]; the first check that fails says which.
    pub(super) fn check(
        der: &[u8],
        trust: &Loaded,
        purpose: &Purpose,
        now: u64,
    ) -> Result<Self, CardError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(CardError::TooLarge { max: CERTIFICATE_BYTES_MAX });
        }
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| CardError::Malformed)?;
        let serial = serial(certificate.raw_serial()).ok_or(CardError::Malformed)?;
        if !rest.is_empty() {
            return Err(CardError::Malformed);
        }
        let validity = validity(&certificate);
        let key_id = extensions(&certificate).find_map(authority_key_id);
        let message = certificate.tbs_certificate.as_ref();
        let signature = &certificate.signature_value.data;
        let algorithm = &certificate.signature_algorithm;
        let issuer = trust.anchors().iter().find(|anchor| {
            *algorithm == certificate.tbs_certificate.signature
                && anchor.may_have_issued(certificate.issuer().as_raw(), key_id, validity.0)
                && anchor.has_signed(algorithm, message, signature)
        });
        let issuer = issuer.ok_or(CardError::Untrusted)?;
        check_purpose(&certificate, purpose)?;
        let public_key = certificate.public_key().subject_public_key.data.as_ref().into();
        let algorithm = Algorithm::of(&certificate).ok_or(CardError::WrongPurpose)?;
        let id = CardCertificateId { authority: issuer.number(), serial };
        let verified = Self { id, validity, algorithm, public_key };
        match verified.life(now) {
            CertificateLife::NotYetValid => return Err(CardError::NotYetValid),
            CertificateLife::Expired => return Err(CardError::Expired),
            CertificateLife::Valid
            | CertificateLife::ExpiresSoon
            | CertificateLife::Grace { .. } => {}
        }
        if let Some(due) = trust.lists_due(now) {
            let points: Vec<_> = extensions(&certificate).flat_map(distribution_points).collect();
            issuer.check_revocation(serial, &points, due)?;
        }
        Ok(verified)
    }

    /// How far the certificate has got in its life.
    #[must_use]
    pub fn life(&self, now: u64) -> CertificateLife {
        let at = Timestamp::from_unix_seconds;
        certificate_life(at(self.validity.0), at(self.validity.1), at(now))
    }

    /// Whether this signature over the challenge is the card's.
    ///
    /// # Errors
    /// [`CardError::Signature`].
    pub(super) fn check_signature(
        &self,
        challenge: &[u8],
        signature: &[u8],
    ) -> Result<(), CardError> {
        UnparsedPublicKey::new(self.algorithm.verification(), &self.public_key)
            .verify(challenge, signature)
            .map_err(|_| CardError::Signature)
    }
}

/// 利用者証明用: the policy, the key's usage, and nothing critical that nobody here understands.
fn check_purpose(certificate: &X509Certificate<'_>, purpose: &Purpose) -> Result<(), CardError> {
    let mut has_policy = false;
    for extension in certificate.extensions() {
        if extension.critical && !UNDERSTOOD.contains(&extension.oid.to_id_string().as_str()) {
            return Err(CardError::WrongPurpose);
        }
        if let ParsedExtension::CertificatePolicies(policies) = extension.parsed_extension() {
            let mut ids = policies.iter().map(|policy| policy.policy_id.to_id_string());
            has_policy = ids.any(|id| purpose.policies.contains(&id));
        }
    }
    let usage = certificate.key_usage().map_err(|_| CardError::Malformed)?;
    let signs = usage.is_some_and(|usage| usage.value.digital_signature());
    let extended = certificate.extended_key_usage().map_err(|_| CardError::Malformed)?;
    let is_client = extended.is_some_and(|extended| extended.value.client_auth);
    if has_policy && signs && is_client && !certificate.is_ca() {
        Ok(())
    } else {
        Err(CardError::WrongPurpose)
    }
}

fn extensions<'c, 'a>(
    certificate: &'c X509Certificate<'a>,
) -> impl Iterator<Item = &'c ParsedExtension<'a>> {
    certificate.extensions().iter().map(|extension| extension.parsed_extension())
}

pub(super) fn authority_key_id<'c>(extension: &'c ParsedExtension<'_>) -> Option<&'c [u8]> {
    let ParsedExtension::AuthorityKeyIdentifier(id) = extension else { return None };
    id.key_identifier.as_ref().map(|id| id.0)
}

fn distribution_points(extension: &ParsedExtension<'_>) -> Vec<Vec<u8>> {
    let ParsedExtension::CRLDistributionPoints(points) = extension else { return Vec::new() };
    let names = points.iter().filter_map(|point| point.distribution_point.as_ref());
    names.flat_map(directory_names).collect()
}

pub(super) fn subject_key_id<'c>(certificate: &'c X509Certificate<'_>) -> Option<&'c [u8]> {
    extensions(certificate).find_map(|extension| {
        let ParsedExtension::SubjectKeyIdentifier(id) = extension else { return None };
        Some(id.0)
    })
}

/// First and last second of validity, Unix seconds.
pub(super) fn validity(certificate: &X509Certificate<'_>) -> (u64, u64) {
    let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
    let validity = certificate.validity();
    (seconds(validity.not_before.timestamp()), seconds(validity.not_after.timestamp()))
}

/// A serial number of at most eight bytes; longer ones are not a card's.
pub(super) fn serial(bytes: &[u8]) -> Option<u64> {
    if bytes.first().is_none_or(|first| *first >= 0x80) {
        return None;
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(zeros..).filter(|bytes| bytes.len() <= 8)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
