//! Whether a signature fits a certificate: checked here before anything leaves the reader.

use ring::signature::{
    ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Whether `signature` is the one of the certificate's key over `message`. The algorithm is a
/// property of the key: RSA with PKCS#1 v1.5 and SHA-256, or P-384 with SHA-384 (card §2).
///
/// Says nothing about who issued the certificate: that is the engine's to judge.
#[must_use]
pub fn is_signature_of(certificate: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let key = certificate.public_key();
    let algorithm: &'static dyn VerificationAlgorithm = match key.parsed() {
        Ok(PublicKey::RSA(_)) => &RSA_PKCS1_2048_8192_SHA256,
        Ok(PublicKey::EC(_)) => &ECDSA_P384_SHA384_ASN1,
        _ => return false,
    };
    let key = UnparsedPublicKey::new(algorithm, &key.subject_public_key.data);
    key.verify(message, signature).is_ok()
}
