//! Password hashes: PBKDF2-HMAC-SHA256, written `pbkdf2-sha256$iterations$salt$hash`.

use super::error::AccountError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::num::NonZeroU32;

/// Iterations of new hashes and the least number accepted: about 60 ms of CPU.
pub const PBKDF2_ITERATIONS: u32 = 210_000;
/// Most iterations accepted in a file: about half a second of CPU for one attempt.
pub const PBKDF2_ITERATIONS_MAX: u32 = 2_000_000;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 256;

const ALGORITHM: &str = "pbkdf2-sha256";
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Letters of generated passwords: none that are mistaken for each other.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 20 letters of 32: 100 bits.
const GENERATED_CHARS: usize = 20;

/// A salted hash of one password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    iterations: NonZeroU32,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

impl PasswordHash {
    /// Hashes a new password with a random salt.
    ///
    /// # Errors
    /// [`AccountError::PasswordLength`], or [`AccountError::Random`].
    pub fn new(password: &str) -> Result<Self, AccountError> {
        if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
            return Err(AccountError::PasswordLength);
        }
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).map_err(|_| AccountError::Random)?;
        let iterations = NonZeroU32::new(PBKDF2_ITERATIONS).unwrap_or(NonZeroU32::MIN);
        let mut hash = [0; HASH_BYTES];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, iterations, &salt, password.as_bytes(), &mut hash);
        Ok(Self { iterations, salt, hash })
    }

    /// Reads the text form, `None` when any part is not exactly as written by [`Self::to_text`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let (algorithm, iterations) = (parts.next()?, parts.next()?);
        let (salt, hash) = (parts.next()?, parts.next()?);
        if algorithm != ALGORITHM || parts.next().is_some() {
            return None;
        }
        let count: u32 = iterations.parse().ok()?;
        let in_range = (PBKDF2_ITERATIONS..=PBKDF2_ITERATIONS_MAX).contains(&count);
        if !in_range || count.to_string() != iterations {
            return None;
        }
        Some(Self {
            iterations: NonZeroU32::new(count)?,
            salt: URL_SAFE_NO_PAD.decode(salt).ok()?.try_into().ok()?,
            hash: URL_SAFE_NO_PAD.decode(hash).ok()?.try_into().ok()?,
        })
    }

    /// `pbkdf2-sha256$iterations$salt$hash`, salt and hash in base64url.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (salt, hash) = (URL_SAFE_NO_PAD.encode(self.salt), URL_SAFE_NO_PAD.encode(self.hash));
        format!("{ALGORITHM}${}${salt}${hash}", self.iterations)
    }

    /// Whether this is the password. The comparison takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, password: &str) -> bool {
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        let password = password.as_bytes();
        pbkdf2::verify(algorithm, self.iterations, &self.salt, password, &self.hash).is_ok()
    }

    /// Costs as much as [`Self::matches`] for a hash made here and is never true: so the time of
    /// an answer does not tell which users exist.
    #[must_use]
    pub(super) fn matches_nobody(password: &str) -> bool {
        let nobody = Self {
            iterations: NonZeroU32::new(PBKDF2_ITERATIONS).unwrap_or(NonZeroU32::MIN),
            salt: [0; SALT_BYTES],
            hash: [0; HASH_BYTES],
        };
        // The black box keeps the work from being optimised away.
        std::hint::black_box(nobody.matches(password));
        false
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// A random password of 100 bits that can be read over the telephone.
pub(super) fn generate() -> Result<String, AccountError> {
    let mut random = [0; GENERATED_CHARS];
    SystemRandom::new().fill(&mut random).map_err(|_| AccountError::Random)?;
    // 256 is a multiple of the number of letters, so each is equally likely.
    Ok(random
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
        .map(|letter| char::from(*letter))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hash_is_read_as_it_was_written_and_knows_its_password() {
        let hash = PasswordHash::new("correct horse battery").unwrap();
        let text = hash.to_text();
        assert!(text.starts_with("pbkdf2-sha256$210000$"));
        let read = PasswordHash::parse(&text).unwrap();
        assert_eq!(read, hash);
        assert!(read.matches("correct horse battery"));
        assert!(!read.matches("correct horse batterz"));
        assert!(!PasswordHash::matches_nobody("correct horse battery"));
        let other = PasswordHash::new("correct horse battery").unwrap();
        assert_ne!(other.to_text(), text, "the salt is random");
        assert_eq!(format!("{hash:?}"), "PasswordHash(***)");
    }

    #[test]
    fn weak_or_foreign_hashes_are_refused() {
        let salt = URL_SAFE_NO_PAD.encode([1; 16]);
        let hash = URL_SAFE_NO_PAD.encode([2; 32]);
        let of = |head: &str| PasswordHash::parse(&format!("{head}${salt}${hash}"));
        assert!(of("pbkdf2-sha256$210000").is_some());
        assert!(of("pbkdf2-sha256$0210000").is_none());
        assert!(of("pbkdf2-sha256$+210000").is_none());
        assert!(of("pbkdf2-sha256$1000").is_none());
        assert!(of("pbkdf2-sha256$2000001").is_none());
        assert!(of("pbkdf2-sha1$210000").is_none());
        assert!(PasswordHash::parse(&format!("pbkdf2-sha256$210000${hash}${salt}")).is_none());
        assert!(PasswordHash::parse(&format!("pbkdf2-sha256$210000${salt}${hash}$")).is_none());
    }

    #[test]
    fn passwords_too_short_or_too_long_are_refused() {
        assert!(matches!(PasswordHash::new("eleven-char"), Err(AccountError::PasswordLength)));
        assert!(PasswordHash::new(&"あ".repeat(86)).is_err());
        assert!(PasswordHash::new(&"あ".repeat(12)).is_ok());
    }

    #[test]
    fn generated_passwords_differ_and_are_long_enough() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        assert!(one.len() == GENERATED_CHARS && GENERATED_CHARS >= PASSWORD_CHARS_MIN);
        assert_eq!(LETTERS.len(), 32);
    }

    proptest! {
        #[test]
        fn any_text_is_a_hash_or_not_without_panic(text in "(pbkdf2-sha256\\$)?\\PC{0,80}") {
            if let Some(hash) = PasswordHash::parse(&text) {
                prop_assert_eq!(hash.to_text(), text);
            }
        }
    }
}
