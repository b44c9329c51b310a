//! What a card keeps when its power is gone: the tries of its passwords and their values.

use crate::CardError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Far more than the memory of a card takes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// One password as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordState {
    /// Tries that are left.
    pub(crate) tries: u8,
    /// Its value. Cards are synthetic, so it lies here in clear.
    pub(crate) value: String,
}

type Passwords = BTreeMap<String, PasswordState>;

/// The passwords of one card, in a file or only as long as the program runs.
pub struct Memory {
    path: Option<PathBuf>,
    passwords: Passwords,
}

impl Memory {
    /// A memory that forgets everything when the program ends.
    #[must_use]
    pub const fn volatile() -> Self {
        Self { path: None, passwords: BTreeMap::new() }
    }

    /// The memory in this file, which appears with the first change.
    ///
    /// # Errors
    /// [`CardError::File`] or [`CardError::MemoryFile`].
    pub fn open(path: &Path) -> Result<Self, CardError> {
        let passwords = match fs::File::open(path) {
            Ok(file) => read(file, path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(CardError::file(path, source)),
        };
        Ok(Self { path: Some(path.to_owned()), passwords })
    }

    pub(crate) fn password(&self, name: &str) -> Option<&PasswordState> {
        self.passwords.get(name)
    }

    /// Keeps a password's state. On disk before this returns, so that pulling the card right after
    /// a wrong try does not give the try back.
    ///
    /// # Errors
    /// [`CardError::File`]; the state is unchanged then.
    pub(crate) fn keep(&mut self, name: &str, state: PasswordState) -> Result<(), CardError> {
        let before = self.passwords.insert(name.to_owned(), state);
        let kept = self.write();
        if kept.is_err() {
            match before {
                Some(before) => self.passwords.insert(name.to_owned(), before),
                None => self.passwords.remove(name),
            };
        }
        kept
    }

    fn write(&self) -> Result<(), CardError> {
        let Some(path) = &self.path else { return Ok(()) };
        let text = toml::to_string(&self.passwords)
            .map_err(|error| CardError::file(path, std::io::Error::other(error)))?;
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(|source| CardError::file(path, source))
    }
}

fn read(file: fs::File, path: &Path) -> Result<Passwords, CardError> {
    let mut text = String::new();
    let bytes = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    bytes.map_err(|source| CardError::file(path, source))?;
    toml::from_str(&text).map_err(|_| CardError::MemoryFile(path.to_owned()))
}
