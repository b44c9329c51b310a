//! RSA keys made from a seed.

use crate::CardError;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// Bytes of an RSA-2048 signature and modulus.
pub const RSA_BYTES: usize = 256;
const RSA_BITS: usize = RSA_BYTES * 8;
/// PKCS#1 v1.5 padding takes at least 11 bytes.
const RAW_BYTES_MAX: usize = RSA_BYTES - 11;

/// An RSA-2048 key pair with e = 65537.
pub struct CardKey {
    key: RsaPrivateKey,
    /// The same key in ring, which signs twice as fast but only what it hashes itself.
    message_signer: RsaKeyPair,
    public: SubjectPublicKeyInfoOwned,
}

impl CardKey {
    /// The key of this purpose and number under a seed: the same one every time. Takes about 40 ms.
    ///
    /// # Errors
    /// [`CardError::Rsa`], which no seed is known to cause.
    pub fn from_seed(seed: u64, purpose: &str, number: u64) -> Result<Self, CardError> {
        let mut rng = seeded_rng(seed, purpose, number);
        let key = RsaPrivateKey::new(&mut rng, RSA_BITS)?;
        let document = key.to_pkcs8_der().map_err(rsa::Error::from)?;
        let message_signer =
            RsaKeyPair::from_pkcs8(document.as_bytes()).map_err(|_| rsa::Error::InvalidPrime)?;
        let public = SubjectPublicKeyInfoOwned::from_key(&key.to_public_key())?;
        Ok(Self { key, message_signer, public })
    }

    /// Signs a message: RSA PKCS#1 v1.5 over its SHA-256, what a card's signature over a challenge
    /// is once the reader has hashed the challenge.
    ///
    /// # Errors
    /// [`CardError::Rsa`].
    pub fn sign_message(&self, message: &[u8]) -> Result<[u8; RSA_BYTES], CardError> {
        let mut signature = [0; RSA_BYTES];
        self.message_signer
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| rsa::Error::Internal)?;
        Ok(signature)
    }

    /// Pads 1 to 245 bytes as they are (PKCS#1 v1.5, type 1) and applies the private key: what the
    /// card does with a DigestInfo that the reader made.
    ///
    /// # Errors
    /// [`CardError::TooLongToSign`].
    pub fn sign_raw(&self, content: &[u8]) -> Result<[u8; RSA_BYTES], CardError> {
        if content.len() > RAW_BYTES_MAX {
            return Err(CardError::TooLongToSign { bytes: content.len() });
        }
        whole(&self.key.sign(Pkcs1v15Sign::new_unprefixed(), content)?)
    }

    /// RSASSA-PSS with SHA-256 over a SHA-256 hash, the salt 32 random bytes.
    ///
    /// # Errors
    /// [`CardError::Rsa`] when the hash is not 32 bytes.
    pub fn sign_pss(&self, hash: &[u8], rng: &mut CardRng) -> Result<[u8; RSA_BYTES], CardError> {
        if hash.len() != Sha256::output_size() {
            return Err(rsa::Error::InputNotHashed.into());
        }
        whole(&self.key.sign_with_rng(&mut rng.0, Pss::<Sha256>::new(), hash)?)
    }

    /// The modulus, big endian.
    #[must_use]
    pub fn modulus(&self) -> Vec<u8> {
        self.key.n().to_be_bytes_trimmed_vartime().into()
    }

    /// The public half as it stands in a certificate.
    #[must_use]
    pub const fn public(&self) -> &SubjectPublicKeyInfoOwned {
        &self.public
    }

    /// The key as what signs certificates and lists.
    pub(crate) fn certificate_signer(&self) -> SigningKey<Sha256> {
        SigningKey::new(self.key.clone())
    }
}

/// Bytes that a seed, a purpose and a number determine.
pub(crate) fn seeded_bytes<const N: usize>(seed: u64, purpose: &str, number: u64) -> [u8; N] {
    let mut bytes = [0; N];
    seeded_rng(seed, purpose, number).fill_bytes(&mut bytes);
    bytes
}

fn whole(signature: &[u8]) -> Result<[u8; RSA_BYTES], CardError> {
    signature.try_into().map_err(|_| rsa::Error::Internal.into())
}

/// The DigestInfo of a SHA-256 hash, or of several hashes one after the other, as the surface
/// application signs them: what PKCS#1 v1.5 pads.
#[must_use]
pub fn digest_info(hashes: &[u8]) -> Vec<u8> {
    const ALGORITHM: [u8; 15] =
        [0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];
    const OCTET_STRING: u16 = 0x04;
    const SEQUENCE: u16 = 0x30;
    let content = [&ALGORITHM, &crate::tlv::write(OCTET_STRING, hashes)[..]].concat();
    crate::tlv::write(SEQUENCE, &content)
}

/// Whether this is the signature over a message, PKCS#1 v1.5 with SHA-256, by the key of this
/// modulus and the exponent 65537.
#[must_use]
pub fn is_signature(modulus: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = RsaPublicKeyComponents { n: modulus, e: &[1, 0, 1][..] };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
}

/// Whether this is the signature over content that was padded as it is, see [`CardKey::sign_raw`].
pub(crate) fn is_raw_signature(modulus: &[u8], content: &[u8], signature: &[u8]) -> bool {
    let modulus = BoxedUint::from_be_slice_vartime(modulus);
    let key = RsaPublicKey::new(modulus, BoxedUint::from(65_537_u64));
    key.is_ok_and(|key| key.verify(Pkcs1v15Sign::new_unprefixed(), content, signature).is_ok())
}

/// Random numbers of a card: salts and challenges.
pub struct CardRng(ChaCha20Rng);

impl CardRng {
    /// The stream of this purpose and number under a seed.
    #[must_use]
    pub fn from_seed(seed: u64, purpose: &str, number: u64) -> Self {
        Self(seeded_rng(seed, purpose, number))
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

fn seeded_rng(seed: u64, purpose: &str, number: u64) -> ChaCha20Rng {
    let hash = Sha256::new()
        .chain_update("shikaku-card/1/")
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(seed.to_be_bytes())
        .chain_update(number.to_be_bytes())
        .finalize();
    ChaCha20Rng::from_seed(hash.into())
}

/// Keys shared by many holders, for load tests: a certificate each, a key for every n-th.
///
/// Keys are made when first asked for, so a pool costs nothing until it is used.
pub struct KeyPool {
    seed: u64,
    keys: Box<[OnceLock<CardKey>]>,
}

impl KeyPool {
    /// A pool of at least one key under a seed.
    #[must_use]
    pub fn new(seed: u64, keys: u16) -> Self {
        let keys = (0..keys.max(1)).map(|_| OnceLock::new()).collect();
        Self { seed, keys }
    }

    /// The key of the holder with this number.
    ///
    /// # Errors
    /// As [`CardKey::from_seed`].
    pub fn of_holder(&self, holder: u64) -> Result<&CardKey, CardError> {
        let number = holder % self.keys.len() as u64;
        let slot = usize::try_from(number).ok().and_then(|number| self.keys.get(number));
        // INVARIANT: a remainder by the length is below the length, and a pool has a key.
        let slot = slot.ok_or(rsa::Error::Internal)?;
        if let Some(key) = slot.get() {
            return Ok(key);
        }
        let key = CardKey::from_seed(self.seed, "pool", number)?;
        Ok(slot.get_or_init(|| key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{
        RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
        VerificationAlgorithm,
    };

    fn is_good(
        key: &CardKey,
        algorithm: &'static dyn VerificationAlgorithm,
        signature: &[u8],
    ) -> bool {
        let public = key.public().subject_public_key.raw_bytes();
        UnparsedPublicKey::new(algorithm, public).verify(b"message", signature).is_ok()
    }

    #[test]
    fn all_three_ways_of_signing_are_what_another_library_expects() {
        let key = CardKey::from_seed(1, "test", 0).unwrap();
        let hash = Sha256::digest(b"message");
        let info = digest_info(&hash);
        assert_eq!(info.len(), 51);
        assert_eq!(digest_info(&[0; 96])[..2], [0x30, 0x71]);
        let of_message = key.sign_message(b"message").unwrap();
        assert!(is_good(&key, &RSA_PKCS1_2048_8192_SHA256, &of_message));
        assert_eq!(key.sign_raw(&info).unwrap(), of_message);
        assert!(is_signature(&key.modulus(), b"message", &of_message));
        assert!(!is_signature(&key.modulus(), b"another", &of_message));
        let mut rng = CardRng::from_seed(1, "test", 0);
        let pss = key.sign_pss(&hash, &mut rng).unwrap();
        assert!(is_good(&key, &RSA_PSS_2048_8192_SHA256, &pss));
        assert!(key.sign_pss(b"no hash", &mut rng).is_err());
        assert!(key.sign_raw(&[1; 245]).is_ok());
        assert!(matches!(key.sign_raw(&[1; 246]), Err(CardError::TooLongToSign { bytes: 246 })));
    }

    #[test]
    fn keys_are_the_seeds_and_a_pool_shares_them() {
        let one = CardKey::from_seed(1, "test", 0).unwrap();
        assert_eq!(one.modulus(), CardKey::from_seed(1, "test", 0).unwrap().modulus());
        assert_eq!(one.modulus().len(), RSA_BYTES);
        let pool = KeyPool::new(1, 2);
        let [a, b, c] = [0, 1, 2].map(|holder| pool.of_holder(holder).unwrap().modulus());
        assert!(a == c && a != b);
        assert_eq!(KeyPool::new(1, 0).of_holder(9).unwrap().modulus(), a);
    }
}
