//! Status words: the two bytes that end every answer of a card.

use std::fmt;

/// SW1 and SW2 of an answer (card §1.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// Lc or Le is wrong.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// A logical channel other than the basic one.
    pub const NO_CHANNEL: Self = Self(0x6881);
    /// Secure messaging is not possible here.
    pub const NO_SECURE_MESSAGING: Self = Self(0x6882);
    /// The file is not made for this command.
    pub const WRONG_FILE_STRUCTURE: Self = Self(0x6981);
    /// A password or an authentication is missing.
    pub const SECURITY_STATUS: Self = Self(0x6982);
    /// No tries are left. The real card says 6984, not 6983.
    pub const BLOCKED: Self = Self(0x6984);
    /// Something must come before, or the input cannot be used.
    pub const CONDITIONS: Self = Self(0x6985);
    /// No file is selected.
    pub const NO_CURRENT_FILE: Self = Self(0x6986);
    /// The data field is wrong.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// No such application or file.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// No such record.
    pub const RECORD_NOT_FOUND: Self = Self(0x6A83);
    /// P1 or P2 is wrong.
    pub const WRONG_PARAMETERS: Self = Self(0x6A86);
    /// No such key or data object.
    pub const REFERENCE_NOT_FOUND: Self = Self(0x6A88);
    /// The offset is beyond the end of the file.
    pub const WRONG_OFFSET: Self = Self(0x6B00);
    /// Unknown instruction.
    pub const UNKNOWN_INSTRUCTION: Self = Self(0x6D00);
    /// Unknown class.
    pub const UNKNOWN_CLASS: Self = Self(0x6E00);
    /// Something is broken inside.
    pub const INTERNAL: Self = Self(0x6F00);

    /// `63Cx`: how many tries are left, at most 15.
    #[must_use]
    pub const fn tries_left(tries: u8) -> Self {
        let tries = if tries > 15 { 15 } else { tries };
        Self(0x63C0 | tries as u16)
    }

    /// The tries that a `63Cx` says are left.
    #[must_use]
    pub const fn as_tries_left(self) -> Option<u8> {
        if self.0 & 0xFFF0 == 0x63C0 { Some((self.0 & 0x000F) as u8) } else { None }
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
