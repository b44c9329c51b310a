//! Texts in fewer bytes than UTF-8: one for what addresses and kana names consist of, two for any
//! other common character. Every text can be written; what has no short form takes four bytes.
//!
//! | bytes | page `Common` | page `Kana` |
//! |---|---|---|
//! | 00-15 | [`SIGNS`]: full-width digits, `　－丁目番地号室階棟ー々` | not used |
//! | 20-7E | ASCII | ASCII |
//! | 80-D1 + 1 | U+4E00 + 256 × (byte - 80) + next: kanji | 80-BE alone: U+FF61 + (byte - 80) |
//! | D2 + 1 | U+3000 + next: kana and punctuation | |
//! | D3 + 1 | U+FF00 + next: full and half width forms | |
//! | D4-FE | [`KATAKANA`] | |
//! | FF + 3 | code point, big endian | the same |
//!
//! These tables are part of the format: never change them, only make a new version.

use super::pack::{Bytes, put_counted};
use crate::codec::Damage;
use std::borrow::Cow;

/// Which short forms a text uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Names, addresses, card texts.
    Common,
    /// Half-width kana.
    Kana,
}

const SIGNS: [char; 22] = [
    '０', '１', '２', '３', '４', '５', '６', '７', '８', '９', '\u{3000}', '－', '丁', '目', '番',
    '地', '号', '室', '階', '棟', 'ー', '々',
];
const KATAKANA: [char; 43] = [
    'ア', 'イ', 'ウ', 'エ', 'オ', 'カ', 'キ', 'ク', 'ケ', 'コ', 'サ', 'シ', 'ス', 'セ', 'ソ', 'タ',
    'チ', 'ツ', 'テ', 'ト', 'ナ', 'ニ', 'ネ', 'ノ', 'ハ', 'ヒ', 'フ', 'ホ', 'マ', 'ミ', 'ム', 'メ',
    'モ', 'ヤ', 'ユ', 'ラ', 'リ', 'ル', 'レ', 'ロ', 'ワ', 'ン', 'ッ',
];
const KATAKANA_FIRST: u8 = 0xD4;
const KANJI_FIRST: u8 = 0x80;
const KANJI_LAST: u8 = 0xD1;
const KANA_ROW: u8 = 0xD2;
const WIDTH_ROW: u8 = 0xD3;
const OTHER: u8 = 0xFF;

/// Appends a text behind its length in bytes.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str, page: Page) {
    let mut packed = Vec::with_capacity(text.len());
    text.chars().for_each(|c| put_char(&mut packed, c, page));
    put_counted(out, &packed);
}

fn put_char(out: &mut Vec<u8>, c: char, page: Page) {
    let code = u32::from(c);
    let [_, _, high, low] = code.to_be_bytes();
    let sign = |table: &[char], first: u8| {
        let at = table.iter().position(|sign| *sign == c)?;
        Some(first + u8::try_from(at).ok()?)
    };
    match (page, code) {
        (_, 0x20..=0x7E) => out.push(low),
        (Page::Kana, 0xFF61..=0xFF9F) => out.push(low - 0x61 + KANJI_FIRST),
        (Page::Common, 0x3000..=0x30FF | 0x4E00..=0x9FFF | 0xFF00..=0xFFFF) => {
            if let Some(sign) = sign(&SIGNS, 0).or_else(|| sign(&KATAKANA, KATAKANA_FIRST)) {
                return out.push(sign);
            }
            let row = match high {
                0x30 => KANA_ROW,
                0xFF => WIDTH_ROW,
                kanji => kanji - 0x4E + KANJI_FIRST,
            };
            out.extend([row, low]);
        }
        (Page::Common | Page::Kana, _) => {
            let [_, code @ ..] = code.to_be_bytes();
            out.push(OTHER);
            out.extend(code);
        }
    }
}

// HOT PATH
fn take_char(bytes: &mut Bytes<'_>, page: Page) -> Result<char, Damage> {
    const UNKNOWN: Damage = "no such character";
    let lead = bytes.byte()?;
    let code = match (page, lead) {
        (_, 0x20..=0x7E) => return Ok(char::from(lead)),
        (_, OTHER) => {
            let [high, middle, low] = bytes.array()?;
            u32::from_be_bytes([0, high, middle, low])
        }
        (Page::Kana, 0x80..=0xBE) => 0xFF61 + u32::from(lead - KANJI_FIRST),
        (Page::Common, KANJI_FIRST..=KANJI_LAST) => {
            u32::from_be_bytes([0, 0, lead - KANJI_FIRST + 0x4E, bytes.byte()?])
        }
        (Page::Common, KANA_ROW) => u32::from_be_bytes([0, 0, 0x30, bytes.byte()?]),
        (Page::Common, WIDTH_ROW) => u32::from_be_bytes([0, 0, 0xFF, bytes.byte()?]),
        (Page::Common, 0..0x20) => {
            return SIGNS.get(usize::from(lead)).copied().ok_or(UNKNOWN);
        }
        (Page::Common, KATAKANA_FIRST..=0xFE) => {
            let at = usize::from(lead - KATAKANA_FIRST);
            return KATAKANA.get(at).copied().ok_or(UNKNOWN);
        }
        (Page::Common | Page::Kana, _) => return Err(UNKNOWN),
    };
    char::from_u32(code).ok_or(UNKNOWN)
}

/// Bytes of an [`Arena`] on the stack: the texts of a usual registration take 200 in UTF-8, and
/// most cards with several have two or three.
pub(super) const ARENA_BYTES: usize = 768;

/// Where decoded texts are put, so that reading an entry allocates nothing. Texts that no longer
/// fit go to the heap.
pub(super) struct Arena<'a>(&'a mut [u8]);

impl<'a> Arena<'a> {
    pub(super) const fn new(space: &'a mut [u8]) -> Self {
        Self(space)
    }

    /// Takes a text from behind its length.
    pub(super) fn text(
        &mut self,
        from: &mut Bytes<'_>,
        page: Page,
    ) -> Result<Cow<'a, str>, Damage> {
        self.write(|line| line.packed(from, page))
    }

    /// A copy of a text.
    pub(super) fn copy(&mut self, text: &str) -> Result<Cow<'a, str>, Damage> {
        self.write(|line| {
            line.push_str(text);
            Ok(())
        })
    }

    /// A text written in parts.
    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&mut Line<'_>) -> Result<(), Damage>,
    ) -> Result<Cow<'a, str>, Damage> {
        let mut line = Line { space: self.0, used: 0, spilled: None };
        write(&mut line)?;
        let (used, spilled) = (line.used, line.spilled);
        if let Some(text) = spilled {
            return Ok(Cow::Owned(text));
        }
        let space = std::mem::take(&mut self.0);
        let (text, rest) = space.split_at_mut_checked(used).ok_or("truncated")?;
        self.0 = rest;
        str::from_utf8(text).map(Cow::Borrowed).map_err(|_| "not text")
    }
}

/// One text of an [`Arena`] while it is written.
pub(super) struct Line<'s> {
    space: &'s mut [u8],
    used: usize,
    spilled: Option<String>,
}

impl Line<'_> {
    /// Takes the next text of a record.
    pub(super) fn packed(&mut self, from: &mut Bytes<'_>, page: Page) -> Result<(), Damage> {
        let mut packed = Bytes::new(from.counted()?);
        while !packed.is_empty() {
            self.push(take_char(&mut packed, page)?);
        }
        Ok(())
    }

    pub(super) fn push(&mut self, c: char) {
        let slot = self.space.get_mut(self.used..).filter(|slot| slot.len() >= c.len_utf8());
        match (&self.spilled, slot) {
            (None, Some(slot)) => self.used += c.encode_utf8(slot).len(),
            (Some(_), _) | (None, None) => self.push_str(c.encode_utf8(&mut [0; 4])),
        }
    }

    pub(super) fn push_str(&mut self, text: &str) {
        let end = self.used + text.len();
        match (&mut self.spilled, self.space.get_mut(self.used..end)) {
            (Some(spilled), _) => spilled.push_str(text),
            (None, Some(slot)) => {
                slot.copy_from_slice(text.as_bytes());
                self.used = end;
            }
            (None, None) => {
                let before = self.space.get(..self.used).unwrap_or_default();
                let mut spilled = String::from_utf8_lossy(before).into_owned();
                spilled.push_str(text);
                self.spilled = Some(spilled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn packed(text: &str, page: Page) -> Vec<u8> {
        let mut out = Vec::new();
        put_text(&mut out, text, page);
        out
    }

    fn read(bytes: &[u8], page: Page, space: usize) -> Result<String, Damage> {
        let mut space = vec![0; space];
        let mut from = Bytes::new(bytes);
        let text = Arena::new(&mut space).text(&mut from, page)?;
        Ok(text.into_owned())
    }

    #[test]
    fn the_bytes_of_texts_are_frozen() {
        let check = |text: &str, page, bytes: &[u8]| {
            assert_eq!(packed(text, page)[1..], *bytes, "{text}");
            assert_eq!(read(&packed(text, page), page, 99).as_deref(), Ok(text));
        };
        check("一龥", Page::Common, &[0x80, 0x00, 0xD1, 0xA5]);
        check("岡田　良美", Page::Common, &[0x8E, 0xA1, 0xA7, 0x30, 10, 0xB4, 0x6F, 0xB1, 0x8E]);
        check("３丁目５－１２", Page::Common, &[3, 12, 13, 5, 11, 1, 2]);
        check("コーポ", Page::Common, &[0xDD, 20, 0xD2, 0xDD]);
        check("A-9 ", Page::Common, b"A-9 ");
        check("（株）", Page::Common, &[0xD3, 8, 0x9A, 0x2A, 0xD3, 9]);
        check("𠮷", Page::Common, &[0xFF, 2, 0x0B, 0xB7]);
        check("ｵｶﾀﾞ ﾖ", Page::Kana, &[0x94, 0x95, 0x9F, 0xBD, b' ', 0xB5]);
        check("ー", Page::Kana, &[0xFF, 0, 0x30, 0xFC]);
    }

    #[test]
    fn every_short_form_stands_for_one_character() {
        let signs: HashSet<char> = SIGNS.into_iter().chain(KATAKANA).collect();
        assert_eq!(signs.len(), SIGNS.len() + KATAKANA.len());
        assert_eq!(KATAKANA_FIRST as usize + KATAKANA.len(), usize::from(OTHER));
    }

    #[test]
    fn texts_that_do_not_fit_the_arena_are_read_all_the_same() {
        let text = "架空県見本市大字小字１２３";
        for space in 0..text.len() + 2 {
            assert_eq!(read(&packed(text, Page::Common), Page::Common, space).as_deref(), Ok(text));
        }
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in "\\PC{0,30}|[ｦ-ﾟ ]{0,20}|[一-龠ァ-ヶ０-９　－]{0,20}") {
            for page in [Page::Common, Page::Kana] {
                prop_assert_eq!(read(&packed(&text, page), page, 64), Ok(text.clone()));
            }
        }

        #[test]
        fn any_bytes_are_safe_to_read(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for page in [Page::Common, Page::Kana] {
                let _ = read(&bytes, page, 16);
            }
        }
    }
}
