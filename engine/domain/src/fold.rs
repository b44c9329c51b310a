//! Folding: two spellings of one symbol or number become the same bytes.

use crate::ValueError;
use unicode_normalization::UnicodeNormalization;

/// Longest folded text in bytes. Twenty characters (the most a card carries, §1.5) of three UTF-8
/// bytes each; a few compatibility characters unfold to more and are refused beyond this.
pub const FOLDED_BYTES_MAX: usize = 60;

/// A symbol or a number in the form used for comparison (§2, 記号・番号): full width becomes half
/// width, spaces and hyphens of every kind disappear, letters become capitals, leading zeros go.
///
/// It is for comparing and for index keys, never for showing: the card's own spelling is kept in
/// the registration. Equality of folded texts is the meaning of "the same number" in this system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Folded {
    bytes: [u8; FOLDED_BYTES_MAX],
    len: u8,
}

impl Folded {
    /// Nothing at all: what a missing symbol folds to.
    pub const EMPTY: Self = Self { bytes: [0; FOLDED_BYTES_MAX], len: 0 };

    /// Folds a text.
    ///
    /// # Errors
    /// [`ValueError::TooLong`] when the folded form exceeds [`FOLDED_BYTES_MAX`],
    /// [`ValueError::Character`] for control characters.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        if let Some(folded) = Self::of_digits(text.as_bytes()) {
            return Ok(folded);
        }
        let mut folded = Self::EMPTY;
        if text.is_ascii() {
            for byte in text.bytes() {
                folded.push_ascii(byte)?;
            }
        } else if text.chars().all(|c| narrow(c).is_some()) {
            for c in text.chars().filter_map(narrow) {
                folded.push(c)?;
            }
        } else {
            return Self::by_tables(text);
        }
        Ok(folded)
    }

    /// Half-width digits, of which most numbers consist. `None` for any other text.
    // HOT PATH
    fn of_digits(text: &[u8]) -> Option<Self> {
        let (_, before) = text.split_last().filter(|_| text.iter().all(u8::is_ascii_digit))?;
        let zeros = before.iter().take_while(|digit| **digit == b'0').count();
        let digits = text.get(zeros..)?;
        let mut folded = Self::EMPTY;
        folded.bytes.get_mut(..digits.len())?.copy_from_slice(digits);
        folded.len = u8::try_from(digits.len()).ok()?;
        Some(folded)
    }

    /// Any text.
    fn by_tables(text: &str) -> Result<Self, ValueError> {
        let mut folded = Self::EMPTY;
        // Composing again after the gaps closed: a mark behind a dropped space joins its letter.
        for c in text.nfkc().filter(|c| !is_ignored(*c)).nfc() {
            folded.push(c)?;
        }
        Ok(folded)
    }

    /// The folded text in UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // INVARIANT: `push` takes whole characters.
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Whether nothing is left after folding.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn push(&mut self, c: char) -> Result<(), ValueError> {
        if c.is_control() {
            return Err(ValueError::Character);
        }
        if is_ignored(c) {
            return Ok(());
        }
        self.drop_leading_zero();
        let mut buffer = [0; 4];
        let encoded = c.to_ascii_uppercase().encode_utf8(&mut buffer).as_bytes();
        encoded.iter().try_for_each(|byte| self.append(*byte))
    }

    /// As [`Folded::push`].
    fn push_ascii(&mut self, byte: u8) -> Result<(), ValueError> {
        if byte.is_ascii_control() {
            return Err(ValueError::Character);
        }
        if matches!(byte, b' ' | b'-') {
            return Ok(());
        }
        self.drop_leading_zero();
        self.append(byte.to_ascii_uppercase())
    }

    /// A zero was only leading if something follows; "0" alone stays a number.
    fn drop_leading_zero(&mut self) {
        if self.len == 1 && self.bytes.first() == Some(&b'0') {
            self.len = 0;
        }
    }

    fn append(&mut self, byte: u8) -> Result<(), ValueError> {
        let slot = self.bytes.get_mut(usize::from(self.len));
        *slot.ok_or(ValueError::TooLong { max: FOLDED_BYTES_MAX })? = byte;
        self.len += 1;
        Ok(())
    }
}

impl std::fmt::Debug for Folded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Folded(***)") // a card's number is personal
    }
}

/// A character of which symbols and numbers usually consist, in half width. Unicode's tables say
/// the same of it (NFKC), whatever stands beside it.
// HOT PATH: the tables cost more than all the rest of reading a question.
const fn narrow(c: char) -> Option<char> {
    match c {
        '\0'..='\x7F' | '\u{4E00}'..='\u{9FFF}' => Some(c),
        '\u{3000}' => Some(' '),
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFF00 + 0x20),
        _ => None,
    }
}

/// Spaces, and every character that people and programs type for a hyphen, the long-vowel mark
/// among them.
const fn is_ignored(c: char) -> bool {
    matches!(c, ' ' | '-' | '\u{3000}' | '\u{00AD}' | '\u{2043}' | '\u{2212}' | '\u{30FC}')
        || matches!(c, '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' | '\u{FF70}')
        || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2500}'..='\u{2501}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_number_fold_together() {
        let check = |text: &str, folded: &str| {
            assert_eq!(Folded::new(text).unwrap().as_bytes(), folded.as_bytes(), "{text}");
        };
        check("12-34", "1234");
        check("１２－３４", "1234");
        check("１２ー３４", "1234");
        check("12−34", "1234");
        check("12 34", "1234");
        check("１２　３４", "1234");
        check("00123", "123");
        check("００123", "123");
        check("0-0", "0");
        check("000", "0");
        check("0", "0");
        check("", "");
        check("ａｂ1", "AB1");
        check("ｱｲｳ１", "アイウ1");
        check("国保０１", "国保01");
        check("0国保", "国保");
    }

    #[test]
    fn control_characters_and_monsters_are_refused() {
        assert_eq!(Folded::new("12\u{0}34"), Err(ValueError::Character));
        assert_eq!(Folded::new("12\n"), Err(ValueError::Character));
        let monster = "九".repeat(1_000_000);
        assert_eq!(Folded::new(&monster), Err(ValueError::TooLong { max: FOLDED_BYTES_MAX }));
        // One character that unfolds to eighteen must not slip past the bound.
        let ligatures = "\u{FDFA}".repeat(4);
        assert!(matches!(Folded::new(&ligatures), Err(ValueError::TooLong { .. }) | Ok(_)));
    }

    #[test]
    fn every_character_that_is_narrowed_is_what_the_tables_make_of_it() {
        for c in '\0'..=char::MAX {
            if let Some(narrow) = narrow(c) {
                assert_eq!([c].into_iter().nfkc().collect::<String>(), narrow.to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn ascii_folds_as_any_other_text_does(text in "[\\x00-\\x7f]{0,70}|[ 0A-z-]{0,70}|0{0,3}[0-9]{0,70}") {
            let mut folded = Folded::EMPTY;
            let slowly = text.chars().try_for_each(|c| folded.push(c)).map(|()| folded);
            prop_assert_eq!(Folded::new(&text), slowly);
        }

        #[test]
        fn usual_characters_fold_as_the_tables_say(text in "[\\x00-\\x7f\u{3000}\u{4E00}-\u{9FFF}\u{FF01}-\u{FF5E}]{0,24}") {
            prop_assert_eq!(Folded::new(&text), Folded::by_tables(&text));
        }

        #[test]
        fn folding_is_idempotent_and_never_panics(text in "[\\PC0-9０-９ｱ-ﾝ \\-ー]{0,24}") {
            if let Ok(once) = Folded::new(&text) {
                let again = Folded::new(std::str::from_utf8(once.as_bytes()).unwrap()).unwrap();
                prop_assert_eq!(once.as_bytes(), again.as_bytes());
            }
        }

        #[test]
        fn width_zeros_and_hyphens_do_not_matter(digits in "[1-9][0-9]{0,9}", zeros in 0usize..4, cut in 0usize..10) {
            let wide: String = digits.bytes().map(|b| char::from_u32(u32::from(b - b'0') + 0xFF10).unwrap()).collect();
            let at = cut.min(digits.len());
            let hyphened = format!("{}{}-{}", "0".repeat(zeros), &digits[..at], &digits[at..]);
            prop_assert_eq!(Folded::new(&wide).unwrap(), Folded::new(&digits).unwrap());
            prop_assert_eq!(Folded::new(&hyphened).unwrap(), Folded::new(&digits).unwrap());
        }
    }
}
