//! Numbers that people type and nobody may keep.

use std::fmt;

use zeroize::Zeroizing;

/// A secret number for the card alone.
///
/// Invariant: exactly `COUNT` ASCII digits. Erased from memory when dropped; its `Debug` is a mask.
#[derive(Clone, PartialEq, Eq)]
pub struct Digits<const COUNT: usize>(Zeroizing<String>);

/// 利用者証明用 PIN (card §1.3).
pub type Pin = Digits<4>;

/// 照合番号B: what is printed on the card's face, which opens the four attributes: birth date `YYMMDD`
/// in the Japanese era, year of expiry, security code (card §1.4).
pub type MatchingNumber = Digits<14>;

impl<const COUNT: usize> Digits<COUNT> {
    /// How many digits it has.
    pub const DIGITS: usize = COUNT;

    /// Reads a number; whatever `text` holds is erased.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        let fits = text.len() == COUNT && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then_some(Self(text))
    }

    /// The digits, for the card alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<const COUNT: usize> fmt::Debug for Digits<COUNT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digits(***)")
    }
}
