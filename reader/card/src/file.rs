//! The card's applications and files, as data: which there are, what they hold, who may use them.

use crate::key::CardKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Number of a file within its application. Every one is 0001 to 001E, so that it is also the short
/// identifier that commands can carry.
pub(crate) type FileId = u8;

/// What must have happened before a file can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Free,
    /// One of these files of the same application was proven: a password by VERIFY, a terminal's
    /// anchor by an external authentication.
    AnyOf(&'static [FileId]),
    /// Cannot be used at all.
    Never,
}

/// How a password may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordForm {
    /// Exactly so many digits.
    Digits(usize),
    /// So many to so many letters A to Z and digits.
    UpperAlphanumeric(usize, usize),
}

impl PasswordForm {
    pub(crate) fn fits_length(self, length: usize) -> bool {
        match self {
            Self::Digits(exact) => length == exact,
            Self::UpperAlphanumeric(least, most) => (least..=most).contains(&length),
        }
    }

    pub(crate) fn fits(self, password: &[u8]) -> bool {
        let is_letter = |byte: &u8| match self {
            Self::Digits(_) => byte.is_ascii_digit(),
            Self::UpperAlphanumeric(..) => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        };
        self.fits_length(password.len()) && password.iter().all(is_letter)
    }
}

/// A password's file. What changes in it, tries and value, is in the card's [`crate::Memory`].
#[derive(Clone, Debug)]
pub(crate) struct PasswordRule {
    pub(crate) form: PasswordForm,
    /// Tries until it is blocked, at most 15; 0 for a password that is blocked from the start.
    pub(crate) tries: u8,
    pub(crate) initial: String,
    /// Which command changes it.
    pub(crate) change: ChangeCommand,
}

/// How a password is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeCommand {
    /// CHANGE REFERENCE DATA.
    ReferenceData,
    /// CHANGE KEY, in the older applications.
    Key,
    /// Not at all: it is printed on the card.
    None,
}

/// What a file is.
#[derive(Clone)]
pub(crate) enum File {
    /// Bytes, for READ BINARY.
    Binary { content: Vec<u8>, read: Access },
    /// Records, for READ RECORD.
    Records { records: Vec<Vec<u8>>, read: Access },
    /// A password, for VERIFY.
    Password(PasswordRule),
    /// A private key, for COMPUTE DIGITAL SIGNATURE.
    SigningKey { key: Arc<CardKey>, sign: Access },
    /// A private key, for INTERNAL AUTHENTICATE.
    AuthenticationKey(Arc<CardKey>),
    /// The modulus of the authority whose terminals are trusted; empty where none is.
    TerminalAnchor(Vec<u8>),
    /// A reference that can be selected and nothing else.
    Opaque,
}

/// One application.
#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) aid: &'static [u8],
    pub(crate) files: BTreeMap<FileId, File>,
    /// The key that signs when no file is named (内部認証).
    pub(crate) internal_key: Option<Arc<CardKey>>,
}

/// Physical files are longer than what they hold; the rest is `FF`.
const FILLER_BYTES: usize = 16;

impl File {
    /// A file of bytes with filler behind them.
    pub(crate) fn padded(mut content: Vec<u8>, read: Access) -> Self {
        content.resize(content.len() + FILLER_BYTES, 0xFF);
        Self::Binary { content, read }
    }
}
