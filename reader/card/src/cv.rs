//! Card-verifiable certificates: the short form that chips can check (card §1.4).

use crate::CardError;
use crate::key::CardKey;
use crate::tlv;

/// Bytes of a key's identifier.
pub(crate) const KEY_ID_BYTES: usize = 16;
pub(crate) const CERTIFICATE_TAG: u16 = 0x7F21;
pub(crate) const BODY_TAG: u16 = 0x5F4E;
pub(crate) const SIGNATURE_TAG: u16 = 0x5F37;
const EXPONENT_TAG: u16 = 0x90;
const MODULUS_TAG: u16 = 0x91;

/// Identifier of a key: seven digits that name the kind of key, a version, and a number. Ours begin
/// with a 9, where real ones have 5 (production) and 6 (test).
pub(crate) fn key_id(kind: &[u8; 6], number: u32) -> [u8; KEY_ID_BYTES] {
    let [k0, k1, k2, k3, k4, k5] = *kind;
    let [n0, n1, n2, n3] = number.to_be_bytes();
    [b'9', k0, k1, k2, k3, k4, k5, 0x08, 0x05, b'0', b'0', b'1', n0, n1, n2, n3]
}

/// A public key as the chip writes it: exponent, modulus.
pub(crate) fn public_key(key: &CardKey) -> Vec<u8> {
    [tlv::write(EXPONENT_TAG, &[1, 0, 1]), tlv::write(MODULUS_TAG, &key.modulus())].concat()
}

/// A key that signs what chips and readers check.
pub(crate) struct CvAuthority {
    pub(crate) id: [u8; KEY_ID_BYTES],
    pub(crate) key: CardKey,
}

impl CvAuthority {
    pub(crate) fn new(seed: u64, kind: &[u8; 6], number: u32) -> Result<Self, CardError> {
        let purpose = format!("cv {}", String::from_utf8_lossy(kind));
        let key = CardKey::from_seed(seed, &purpose, number.into())?;
        Ok(Self { id: key_id(kind, number), key })
    }

    /// A certificate of another authority's key by this one.
    pub(crate) fn certify(&self, subject: &Self) -> Result<Vec<u8>, CardError> {
        let body = [&self.id[..], &subject.id[..], &public_key(&subject.key)].concat();
        let signature = self.key.sign_message(&body)?;
        let content = [tlv::write(BODY_TAG, &body), tlv::write(SIGNATURE_TAG, &signature)].concat();
        Ok(tlv::write(CERTIFICATE_TAG, &content))
    }
}
