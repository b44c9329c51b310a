//! User accounts for the terminal's log-in (§1.10) and the tokens that a log-in gives.
//!
//! The client certificate says which facility is asking; the account says who there. An account
//! belongs to one facility and is worth nothing with another facility's certificate.

mod command;
mod error;
mod lockout;
mod password;
mod token;

pub use command::{AccountArgs, run};
pub use error::{AccountError, TokenError};
pub use lockout::{FAILURE_WINDOW_SECONDS, FAILURES_MAX, LOCK_SECONDS, LOCKOUT_ENTRIES_MAX};
pub use password::{
    PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PBKDF2_ITERATIONS, PBKDF2_ITERATIONS_MAX, PasswordHash,
};
pub use token::{TOKEN_BYTES_MAX, TokenClaims, TokenKey, TokenKind};

use crate::clock::Clock;
use crate::private_file;
use lockout::Lockout;
use serde::{Deserialize, Serialize};
use shikaku_domain::MedicalInstitutionCode;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

/// Largest accounts file in bytes: about 200,000 accounts.
pub const ACCOUNTS_FILE_BYTES_MAX: u64 = 64 << 20;
/// Longest user id in bytes.
pub const USER_ID_BYTES_MAX: usize = 64;

/// Whose account: a user id means nothing outside its facility.
type Owner = (MedicalInstitutionCode, String);

/// The accounts of one `accounts.toml`, with the failed attempts of each.
#[derive(Debug)]
pub struct Accounts {
    path: PathBuf,
    hashes: RwLock<HashMap<Owner, PasswordHash>>,
    lockout: Mutex<Lockout>,
}

impl Accounts {
    /// Reads the file.
    ///
    /// # Errors
    /// [`AccountError`] when it cannot be read or any entry is wrong.
    pub fn load(path: &Path) -> Result<Self, AccountError> {
        Ok(Self {
            path: path.to_owned(),
            hashes: RwLock::new(AccountsFile::read(path)?.into_hashes(path)?),
            lockout: Mutex::default(),
        })
    }

    /// Reads the file again; failed attempts stay counted. On an error nothing changes.
    ///
    /// # Errors
    /// As [`Accounts::load`].
    pub fn reload(&self) -> Result<(), AccountError> {
        let hashes = AccountsFile::read(&self.path)?.into_hashes(&self.path)?;
        *self.hashes.write().unwrap_or_else(PoisonError::into_inner) = hashes;
        Ok(())
    }

    /// Whether the account exists, to refuse the tokens of a removed user.
    #[must_use]
    pub fn contains(&self, user_id: &str, facility: MedicalInstitutionCode) -> bool {
        self.hash(user_id, facility).is_some()
    }

    /// Checks a log-in with the facility's certificate.
    ///
    /// Takes about 60 ms of CPU, as long for an unknown user as for a wrong
    /// password: call it on a thread that may block. Every attempt counts as failed until it has
    /// succeeded, so that attempts at the same time cannot pass the limit together.
    ///
    /// # Errors
    /// [`AccountError::Locked`] without looking at the password, or [`AccountError::Refused`].
    pub fn verify(
        &self,
        user_id: &str,
        password: &str,
        facility: MedicalInstitutionCode,
        clock: &dyn Clock,
    ) -> Result<(), AccountError> {
        if user_id.len() > USER_ID_BYTES_MAX || password.len() > PASSWORD_BYTES_MAX {
            return Err(AccountError::Refused);
        }
        let owner = (facility, user_id.to_owned());
        self.lockout()
            .begin(&owner, clock.unix_seconds())
            .map_err(|seconds| AccountError::Locked { seconds })?;
        let matches = match self.hash(user_id, facility) {
            Some(hash) => hash.matches(password),
            None => PasswordHash::matches_nobody(password),
        };
        if !matches {
            return Err(AccountError::Refused);
        }
        self.lockout().succeed(&owner);
        Ok(())
    }

    fn hash(&self, user_id: &str, facility: MedicalInstitutionCode) -> Option<PasswordHash> {
        self.hashes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(facility, user_id.to_owned()))
            .cloned()
    }

    fn lockout(&self) -> std::sync::MutexGuard<'_, Lockout> {
        self.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `accounts.toml` as it stands on disk.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountsFile {
    #[serde(default)]
    account: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    user_id: String,
    medical_institution_code: String,
    password_hash: String,
}

impl AccountsFile {
    fn read(path: &Path) -> Result<Self, AccountError> {
        let content = private_file::read(path, ACCOUNTS_FILE_BYTES_MAX)
            .map_err(|source| AccountError::file(path, source))?;
        let text = std::str::from_utf8(&content).map_err(|_| AccountError::syntax(path, 1))?;
        toml::from_str(text).map_err(|error| {
            // The library's own message quotes the line, which may hold a password hash.
            let start = error.span().map_or(0, |span| span.start);
            let before = content.get(..start).unwrap_or_default();
            AccountError::syntax(path, 1 + before.iter().filter(|b| **b == b'\n').count())
        })
    }

    fn write(&self, path: &Path) -> Result<(), AccountError> {
        let text = toml::to_string(self).map_err(|_| AccountError::syntax(path, 1))?;
        private_file::replace(path, text.as_bytes())
            .map_err(|source| AccountError::file(path, source))
    }

    fn into_hashes(self, path: &Path) -> Result<HashMap<Owner, PasswordHash>, AccountError> {
        let mut hashes = HashMap::with_capacity(self.account.len());
        for (index, entry) in self.account.into_iter().enumerate() {
            let wrong = |field| AccountError::entry(path, index + 1, field);
            let facility = MedicalInstitutionCode::parse(&entry.medical_institution_code)
                .map_err(|_| wrong("medical_institution_code"))?;
            let hash =
                PasswordHash::parse(&entry.password_hash).ok_or_else(|| wrong("password_hash"))?;
            if !is_user_id(&entry.user_id) {
                return Err(wrong("user_id"));
            }
            if hashes.insert((facility, entry.user_id), hash).is_some() {
                return Err(wrong("user_id (it stands there twice)"));
            }
        }
        Ok(hashes)
    }
}

/// 1 to [`USER_ID_BYTES_MAX`] ASCII letters, digits or `.`, `_`, `-`, `@`.
fn is_user_id(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-@".contains(&b);
    !text.is_empty() && text.len() <= USER_ID_BYTES_MAX && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
