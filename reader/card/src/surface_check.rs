//! Whether what 券面事項確認AP says of a card's face may be believed (card §1.4).
//!
//! An authority certifies the key that signs cards' faces; that key signs the face in three parts,
//! the public key of the chip among them; the chip proves that it holds the private half. What is
//! checked here says nothing about the other applications: the reader sees to it that all of it comes
//! from one card.

use crate::cv::{self, KEY_ID_BYTES};
use crate::key::{RSA_BYTES, digest_info, is_raw_signature, is_signature};
use crate::tlv::Tlv;
use sha2::{Digest, Sha256};

/// The face of a card, its signature checked.
pub struct SignedFace<'a> {
    /// The photograph: a JPEG 2000 file.
    pub photo: &'a [u8],
    chip: &'a [u8],
}

impl<'a> SignedFace<'a> {
    /// Checks a face (EF 0002) by the certificate beside it (EF 0004) and the modulus of the authority
    /// that must have certified it; `None` when any of it does not fit.
    #[must_use]
    pub fn check(face: &'a [u8], certificate: &[u8], authority: &[u8]) -> Option<Self> {
        let signer = certified_key(certificate, authority)?;
        let face = Tlv::expect(face, 0xFF20).ok()?;
        let objects = Tlv::list(face.value).ok()?;
        let get = |tag| Tlv::find(&objects, tag).ok();
        let hash = |tags: &[u16]| {
            let parts: Option<Vec<_>> = tags.iter().map(|tag| Some(get(*tag)?.whole)).collect();
            Some(Sha256::digest(parts?.concat()))
        };
        let hashes = [hash(&[0xDF22, 0xDF23, 0xDF24])?, hash(&[0xDF25, 0xDF26])?, hash(&[0xDF27])?];
        let signed = digest_info(&hashes.concat());
        if !is_raw_signature(signer, &signed, get(0xDF28)?.value) {
            return None;
        }
        Some(Self {
            photo: get(0xDF27)?.value,
            chip: get(0xDF24)?.value.last_chunk::<RSA_BYTES>()?,
        })
    }

    /// Whether the chip of this face has signed a message (内部認証).
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        is_signature(self.chip, message, signature)
    }
}

/// The modulus that a card-verifiable certificate certifies, if that authority has signed it.
fn certified_key<'a>(certificate: &'a [u8], authority: &[u8]) -> Option<&'a [u8]> {
    let certificate = Tlv::expect(certificate, cv::CERTIFICATE_TAG).ok()?;
    let parts = Tlv::list(certificate.value).ok()?;
    let get = |tag| Tlv::find(&parts, tag).ok();
    let body = get(cv::BODY_TAG)?.value;
    let is_good = is_signature(authority, body, get(cv::SIGNATURE_TAG)?.value);
    let key = body.get(2 * KEY_ID_BYTES..)?;
    if is_good { key.last_chunk::<RSA_BYTES>().map(|modulus| &modulus[..]) } else { None }
}
