//! Tokens of a log-in: compact JWS (RFC 7515) with HS256, bound to one facility.

use super::error::{AccountError, TokenError};
use crate::private_file;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use shikaku_domain::MedicalInstitutionCode;
use std::fmt;
use std::io;
use std::path::Path;

/// Longest token looked at, in bytes; those issued here stay below 400.
pub const TOKEN_BYTES_MAX: usize = 1024;
/// How far the clocks of two nodes with the same key may differ.
const CLOCK_SKEW_SECONDS_MAX: u64 = 60;
const KEY_BYTES: usize = 32;
/// The key in base64url and a line end.
const KEY_FILE_BYTES_MAX: u64 = 64;
/// The only header issued and accepted: nobody else chooses the algorithm.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// `idToken`: opens eligibility searches; 8 hours.
    Id,
    /// `accessToken`: given because clients expect it; 8 hours.
    Access,
    /// `refreshToken`: gives new tokens without a password; 24 hours.
    Refresh,
}

impl TokenKind {
    /// Seconds from issue to expiry.
    #[must_use]
    pub const fn lifetime_seconds(self) -> u64 {
        match self {
            Self::Id | Self::Access => 8 * 3600,
            Self::Refresh => 24 * 3600,
        }
    }
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenClaims {
    /// 医療機関コード of the certificate it was issued to.
    pub facility: String,
    /// User id at that facility.
    pub user: String,
    /// What it is for.
    pub kind: TokenKind,
    /// Time of issue in Unix seconds.
    pub iat: u64,
    /// First second at which it is refused, in Unix seconds.
    pub exp: u64,
}

/// The secret that signs tokens. Nodes that share it accept each other's tokens.
pub struct TokenKey(hmac::Key);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(***)")
    }
}

impl TokenKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(secret: &[u8; KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Reads the key file, or creates it with a random key at the first start.
    ///
    /// # Errors
    /// [`AccountError::File`], [`AccountError::KeySyntax`], [`AccountError::KeyOpen`] when others
    /// may read the file, or [`AccountError::Random`].
    pub fn load_or_create(path: &Path) -> Result<Self, AccountError> {
        match private_file::read(path, KEY_FILE_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create_file(path)?,
            Ok(_) | Err(_) => {}
        }
        // Read again even when just created: another process may have been first.
        Self::load(path)
    }

    fn create_file(path: &Path) -> Result<(), AccountError> {
        let mut secret = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut secret).map_err(|_| AccountError::Random)?;
        match private_file::create(path, (URL_SAFE_NO_PAD.encode(secret) + "\n").as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(AccountError::file(path, error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn load(path: &Path) -> Result<Self, AccountError> {
        let file = |error| AccountError::file(path, error);
        if private_file::is_open_to_others(path).map_err(file)? {
            return Err(AccountError::KeyOpen(path.to_owned()));
        }
        let content = private_file::read(path, KEY_FILE_BYTES_MAX).map_err(file)?;
        std::str::from_utf8(&content)
            .ok()
            .and_then(|text| URL_SAFE_NO_PAD.decode(text.trim_end()).ok())
            .and_then(|secret| <[u8; KEY_BYTES]>::try_from(secret).ok())
            .map(|secret| Self::new(&secret))
            .ok_or_else(|| AccountError::KeySyntax(path.to_owned()))
    }

    /// A token of this kind for a user whose password was right, `now` in Unix seconds.
    #[must_use]
    pub fn issue(
        &self,
        kind: TokenKind,
        facility: MedicalInstitutionCode,
        user: &str,
        now: u64,
    ) -> String {
        let claims = TokenClaims {
            facility: facility.to_string(),
            user: user.to_owned(),
            kind,
            iat: now,
            exp: now.saturating_add(kind.lifetime_seconds()),
        };
        // INVARIANT: text and numbers always have a JSON form; an empty payload would be refused.
        let payload = serde_json::to_vec(&claims).unwrap_or_default();
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(&payload));
        let signature = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// What the token says, when it was issued with this key, to this facility, for this purpose
    /// and is in time; `now` in Unix seconds. The signature is compared in constant time and
    /// before anything of the content is read.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(
        &self,
        token: &str,
        kind: TokenKind,
        facility: MedicalInstitutionCode,
        now: u64,
    ) -> Result<TokenClaims, TokenError> {
        let claims = self.open(token).ok_or(TokenError::Invalid)?;
        if claims.facility != facility.as_str() {
            return Err(TokenError::OtherFacility);
        }
        if claims.kind != kind {
            return Err(TokenError::WrongKind);
        }
        if now >= claims.exp || claims.iat > now.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }

    fn open(&self, token: &str) -> Option<TokenClaims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &signature).ok()?;
        let (header, payload) = signed.split_once('.')?;
        if header != URL_SAFE_NO_PAD.encode(HEADER) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const NOW: u64 = 1_793_000_000;

    fn key() -> TokenKey {
        TokenKey::new(&[7; 32])
    }

    fn facility(text: &str) -> MedicalInstitutionCode {
        MedicalInstitutionCode::parse(text).unwrap()
    }

    fn here() -> MedicalInstitutionCode {
        facility("1310000001")
    }

    #[test]
    fn a_token_opens_its_own_facility_until_it_expires() {
        let token = key().issue(TokenKind::Id, here(), "reception-1", NOW);
        assert!(token.len() < 400);
        let check = |now| key().verify(&token, TokenKind::Id, here(), now);
        let claims = check(NOW + 8 * 3600 - 1).unwrap();
        assert_eq!((claims.user.as_str(), claims.iat), ("reception-1", NOW));
        assert_eq!(check(NOW + 8 * 3600), Err(TokenError::Expired));
        assert!(check(NOW - 60).is_ok(), "the other node's clock is late");
        assert_eq!(check(NOW - 61), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_is_refused_elsewhere_and_for_another_purpose() {
        let token = key().issue(TokenKind::Refresh, here(), "reception-1", NOW);
        let later = NOW + 23 * 3600;
        let check = |kind, at| key().verify(&token, kind, facility(at), later);
        assert!(check(TokenKind::Refresh, "1310000001").is_ok());
        let wrong = check(TokenKind::Id, "1310000001");
        assert_eq!(wrong, Err(TokenError::WrongKind));
        let elsewhere = check(TokenKind::Refresh, "1310000002");
        assert_eq!(elsewhere, Err(TokenError::OtherFacility));
        let other_key = TokenKey::new(&[8; 32]);
        let foreign = other_key.verify(&token, TokenKind::Refresh, here(), NOW);
        assert_eq!(foreign, Err(TokenError::Invalid));
    }

    #[test]
    fn the_algorithm_cannot_be_chosen_by_the_sender() {
        let token = key().issue(TokenKind::Id, here(), "reception-1", NOW);
        let payload = token.split('.').nth(1).unwrap();
        let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
        let check = |token: &str| key().verify(token, TokenKind::Id, here(), NOW);
        let unsigned = format!("{header}.{payload}.");
        assert_eq!(check(&unsigned), Err(TokenError::Invalid));
        let signed = format!("{header}.{payload}");
        let signature = hmac::sign(&key().0, signed.as_bytes());
        let signed = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
        assert_eq!(check(&signed), Err(TokenError::Invalid));
        assert_eq!(check(&format!("Bearer {token}")), Err(TokenError::Invalid));
    }

    #[test]
    fn the_key_file_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.key");
        let first = TokenKey::load_or_create(&path).unwrap();
        let second = TokenKey::load_or_create(&path).unwrap();
        let token = first.issue(TokenKind::Id, here(), "a", NOW);
        assert!(second.verify(&token, TokenKind::Id, here(), NOW).is_ok());
        assert_eq!(format!("{first:?}"), "TokenKey(***)");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = TokenKey::load_or_create(&path).unwrap_err();
        assert_eq!(error.code(), "SHK-ACC-015");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "too short").unwrap();
        let error = TokenKey::load_or_create(&path).unwrap_err();
        assert_eq!(error.code(), "SHK-ACC-014");
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_never_a_token(text in "\\PC{0,200}", dots in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,43}") {
            prop_assert_eq!(key().verify(&text, TokenKind::Id, here(), NOW), Err(TokenError::Invalid));
            prop_assert_eq!(key().verify(&dots, TokenKind::Id, here(), NOW), Err(TokenError::Invalid));
        }

        #[test]
        fn a_changed_token_is_refused(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.-]", user in "[a-z]{1,64}") {
            let token = key().issue(TokenKind::Id, here(), &user, NOW);
            prop_assert!(key().verify(&token, TokenKind::Id, here(), NOW).is_ok());
            let at = at.index(token.len());
            let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
            prop_assume!(changed != token);
            prop_assert_eq!(key().verify(&changed, TokenKind::Id, here(), NOW), Err(TokenError::Invalid));
            let shorter = &token[..at];
            prop_assert_eq!(key().verify(shorter, TokenKind::Id, here(), NOW), Err(TokenError::Invalid));
        }
    }
}
