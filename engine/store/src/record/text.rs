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
use std::ops::Range;

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

/// What damage says of bytes that stand for no character.
const UNKNOWN: Damage = "no such character";

/// Appends the text that is behind its length here.
pub(super) fn unpack(from: &mut Bytes<'_>, page: Page, out: &mut String) -> Result<(), Damage> {
    let packed = Bytes::new(from.counted()?);
    match page {
        Page::Common => unpack_common(packed, out),
        Page::Kana => unpack_kana(packed, out),
    }
}

// HOT PATH: each kind of character has a place of its own where it is put, so that the compiler
// knows there how many bytes of UTF-8 it takes.
fn unpack_common(mut packed: Bytes<'_>, out: &mut String) -> Result<(), Damage> {
    while let Some(lead) = packed.next_byte() {
        match lead {
            KANJI_FIRST..=KANJI_LAST => out.push(of_row(lead - KANJI_FIRST + 0x4E, &mut packed)?),
            0..0x20 => out.push(*SIGNS.get(usize::from(lead)).ok_or(UNKNOWN)?),
            0x20..=0x7E => out.push(char::from(lead)),
            KATAKANA_FIRST..=0xFE => {
                let at = usize::from(lead - KATAKANA_FIRST);
                out.push(*KATAKANA.get(at).ok_or(UNKNOWN)?);
            }
            KANA_ROW => out.push(of_row(0x30, &mut packed)?),
            WIDTH_ROW => out.push(of_row(0xFF, &mut packed)?),
            OTHER => out.push(other(&mut packed)?),
            0x7F => return Err(UNKNOWN),
        }
    }
    Ok(())
}

// HOT PATH
fn unpack_kana(mut packed: Bytes<'_>, out: &mut String) -> Result<(), Damage> {
    while let Some(lead) = packed.next_byte() {
        match lead {
            0x80..=0xBE => {
                let code = 0xFF61 + u32::from(lead - KANJI_FIRST);
                out.push(char::from_u32(code).ok_or(UNKNOWN)?);
            }
            0x20..=0x7E => out.push(char::from(lead)),
            OTHER => out.push(other(&mut packed)?),
            _ => return Err(UNKNOWN),
        }
    }
    Ok(())
}

/// The character of this row, 256 code points, that the next byte names.
fn of_row(row: u8, packed: &mut Bytes<'_>) -> Result<char, Damage> {
    char::from_u32(u32::from_be_bytes([0, 0, row, packed.byte()?])).ok_or(UNKNOWN)
}

fn other(packed: &mut Bytes<'_>) -> Result<char, Damage> {
    let [high, middle, low] = packed.array()?;
    char::from_u32(u32::from_be_bytes([0, high, middle, low])).ok_or(UNKNOWN)
}

/// Bytes of UTF-8 that the texts of a registration take, which is 200 as a rule. As much as the C
/// library's allocator hands out from a thread's own store of free blocks.
const TEXTS_BYTES_USUAL: usize = 512;

/// The texts of a registration while it is decoded, one behind the other: a string, which takes
/// characters, needs not be checked for being text afterwards, and one string is one allocation.
pub(super) struct Texts(String);

/// Where one of them stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    pub(super) const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

impl Texts {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(TEXTS_BYTES_USUAL))
    }

    /// Takes a text from behind its length.
    pub(super) fn take(&mut self, from: &mut Bytes<'_>, page: Page) -> Result<Span, Damage> {
        self.write(|out| unpack(from, page, out))
    }

    /// A text that is appended in parts.
    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&mut String) -> Result<(), Damage>,
    ) -> Result<Span, Damage> {
        let start = self.0.len();
        write(&mut self.0)?;
        Ok(Span { start, end: self.0.len() })
    }

    /// The first so many characters of a text.
    pub(super) fn start_of(&self, text: Span, characters: usize) -> Span {
        let bytes: usize = self.get(text).chars().take(characters).map(char::len_utf8).sum();
        Span { end: text.start + bytes, ..text }
    }

    pub(super) fn get(&self, text: Span) -> &str {
        // INVARIANT: a span is of whole characters, and nothing is taken out of the string.
        self.0.get(text.range()).unwrap_or_default()
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

    fn read(bytes: &[u8], page: Page) -> Result<String, Damage> {
        let mut texts = Texts::new();
        let text = texts.take(&mut Bytes::new(bytes), page)?;
        Ok(texts.get(text).to_owned())
    }

    #[test]
    fn the_bytes_of_texts_are_frozen() {
        let check = |text: &str, page, bytes: &[u8]| {
            assert_eq!(packed(text, page)[1..], *bytes, "{text}");
            assert_eq!(read(&packed(text, page), page).as_deref(), Ok(text));
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
    fn texts_are_kept_apart_and_may_begin_as_another_one_does() {
        let packed = [packed("岡田　良美", Page::Common), packed("太郎", Page::Common)].concat();
        let (mut texts, mut from) = (Texts::new(), Bytes::new(&packed));
        let name = texts.take(&mut from, Page::Common).unwrap();
        let family = texts.start_of(name, 3);
        let other = texts.write(|out| {
            out.extend_from_within(family.range());
            unpack(&mut from, Page::Common, out)
        });
        assert_eq!(texts.get(other.unwrap()), "岡田　太郎");
        assert_eq!(texts.get(texts.start_of(name, 99)), "岡田　良美");
        assert_eq!(texts.get(texts.start_of(name, 0)), "");
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in "\\PC{0,30}|[ｦ-ﾟ ]{0,20}|[一-龠ァ-ヶ０-９　－]{0,20}") {
            for page in [Page::Common, Page::Kana] {
                prop_assert_eq!(read(&packed(&text, page), page), Ok(text.clone()));
            }
        }

        #[test]
        fn any_bytes_are_safe_to_read(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for page in [Page::Common, Page::Kana] {
                let _ = read(&bytes, page);
            }
        }
    }
}
