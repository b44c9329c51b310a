//! UTF-8 and Shift_JIS: which of the two some bytes are in, and the way between them.
//!
//! Shift_JIS means CP932, the set of Windows: with half-width kana and with 髙 and 﨑 (§1.3).

use encoding_rs::{EncoderResult, Encoding, SHIFT_JIS, UTF_8};
use quick_xml::Reader;
use quick_xml::events::Event;
use shikaku_domain::CharacterCode;
use std::borrow::Cow;
use thiserror::Error;

/// Most bytes of a single-lookup request. Real ones have about 1 KiB.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// An XML declaration ends within this many bytes; real ones have about 60.
const DECLARATION_BYTES_MAX: usize = 256;
/// U+3013, the printer's mark for "this character is missing here".
pub const GETA: char = '〓';
const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why bytes could not be read as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodingError {
    /// UTF-16 or another encoding that the interface does not know.
    #[error("only UTF-8 and Shift_JIS are accepted")]
    Unsupported,
    /// A sequence that does not exist in the declared encoding.
    #[error("the bytes do not fit the declared character encoding")]
    Malformed,
    /// A NUL character.
    #[error("the text contains a NUL character")]
    Nul,
}

impl EncodingError {
    /// One of each, for tests that must see every kind.
    pub const ALL: [Self; 3] = [Self::Unsupported, Self::Malformed, Self::Nul];

    /// The stable code, `SHK-MSG-nnn`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsupported => "SHK-MSG-001",
            Self::Malformed => "SHK-MSG-002",
            Self::Nul => "SHK-MSG-003",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub const fn ja(self) -> &'static str {
        match self {
            Self::Unsupported => "文字コードはUTF-8またはShift_JISにしてください。",
            Self::Malformed => {
                "宣言された文字コードとして読めない文字があります。文字コードの宣言を確認してください。"
            }
            Self::Nul => "NUL文字が含まれています。",
        }
    }
}

/// Decodes an XML document by its byte order mark and its declaration. A UTF-8 mark wins over the
/// declaration: it cannot be there by accident. Without either the document is UTF-8.
///
/// The mark is taken off; the declaration stays in the text.
///
/// # Errors
/// [`EncodingError`], when the bytes are not text in UTF-8 or Shift_JIS.
pub fn decode_xml(bytes: &[u8]) -> Result<(Cow<'_, str>, CharacterCode), EncodingError> {
    if let Some(rest) = bytes.strip_prefix(UTF8_BOM) {
        return Ok((decode(rest, CharacterCode::Utf8)?, CharacterCode::Utf8));
    }
    let is_utf16 =
        matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'<', 0, ..] | [0, b'<', ..]);
    if is_utf16 {
        return Err(EncodingError::Unsupported);
    }
    let code = declared_encoding(bytes)?.unwrap_or(CharacterCode::Utf8);
    Ok((decode(bytes, code)?, code))
}

/// Decodes UTF-8, with or without a byte order mark.
///
/// # Errors
/// [`EncodingError::Malformed`] or [`EncodingError::Nul`].
pub fn decode_utf8(bytes: &[u8]) -> Result<&str, EncodingError> {
    let bytes = bytes.strip_prefix(UTF8_BOM).unwrap_or(bytes);
    let text = str::from_utf8(bytes).map_err(|_| EncodingError::Malformed)?;
    if text.contains('\0') { Err(EncodingError::Nul) } else { Ok(text) }
}

/// Decodes all of the bytes in one encoding; borrows where that is possible.
///
/// # Errors
/// [`EncodingError::Malformed`] or [`EncodingError::Nul`].
pub fn decode(bytes: &[u8], code: CharacterCode) -> Result<Cow<'_, str>, EncodingError> {
    let text = encoding_of(code)
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or(EncodingError::Malformed)?;
    if text.contains('\0') { Err(EncodingError::Nul) } else { Ok(text) }
}

/// Appends a text in CP932. A character that CP932 lacks becomes its twin if it has one that looks
/// the same, and 〓 otherwise, never a numeric reference that a receipt computer would print.
///
/// Returns how many characters became 〓, so that the caller can count them.
#[must_use = "a replaced character is a name that staff will see with a gap"]
pub fn encode_shift_jis(text: &str, out: &mut Vec<u8>) -> usize {
    let mut encoder = SHIFT_JIS.new_encoder();
    let mut rest = text;
    let mut replaced = 0;
    loop {
        let need = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        out.reserve(need.unwrap_or(rest.len()));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        rest = rest.get(read..).unwrap_or_default();
        match result {
            EncoderResult::InputEmpty => return replaced,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(c) => {
                let twin = cp932_twin(c);
                replaced += usize::from(twin.is_none());
                // INVARIANT: 〓 and all twins are in CP932, so this call does not come here again.
                let mut utf8 = [0; 4];
                replaced += encode_shift_jis(twin.unwrap_or(GETA).encode_utf8(&mut utf8), out);
            }
        }
    }
}

/// The character of CP932 for one that Unicode's own mapping of JIS X 0208 names differently.
const fn cp932_twin(c: char) -> Option<char> {
    match c {
        '\u{301C}' => Some('\u{FF5E}'), // 〜
        '\u{2016}' => Some('\u{2225}'), // ‖
        '\u{2014}' => Some('\u{2015}'), // —
        '\u{00A2}' => Some('\u{FFE0}'), // ¢
        '\u{00A3}' => Some('\u{FFE1}'), // £
        '\u{00AC}' => Some('\u{FFE2}'), // ¬
        _ => None,
    }
}

const fn encoding_of(code: CharacterCode) -> &'static Encoding {
    match code {
        CharacterCode::Utf8 => UTF_8,
        CharacterCode::ShiftJis => SHIFT_JIS,
    }
}

/// What the XML declaration says, `None` when it says nothing.
fn declared_encoding(bytes: &[u8]) -> Result<Option<CharacterCode>, EncodingError> {
    if !bytes.starts_with(b"<?xml") {
        return Ok(None);
    }
    let head = bytes.get(..DECLARATION_BYTES_MAX).unwrap_or(bytes);
    let end = head.iter().position(|b| *b == b'>').map_or(head.len(), |at| at + 1);
    let declaration = head.get(..end).unwrap_or_default();
    let text = str::from_utf8(declaration).map_err(|_| EncodingError::Malformed)?;
    let Ok(Event::Decl(declaration)) = Reader::from_str(text).read_event() else {
        return Ok(None); // The XML parser will name what is wrong with it.
    };
    match declaration.encoding() {
        None | Some(Err(_)) => Ok(None),
        Some(Ok(label)) => code_of_label(&label).map(Some),
    }
}

fn code_of_label(label: &str) -> Result<CharacterCode, EncodingError> {
    if label.eq_ignore_ascii_case("cp932") {
        return Ok(CharacterCode::ShiftJis); // not in the label list of the web
    }
    match Encoding::for_label(label.as_bytes()) {
        Some(found) if found == UTF_8 => Ok(CharacterCode::Utf8),
        Some(found) if found == SHIFT_JIS => Ok(CharacterCode::ShiftJis),
        _ => Err(EncodingError::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shift_jis(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(encode_shift_jis(text, &mut out), 0, "{text}");
        out
    }

    #[test]
    fn the_declaration_decides_whatever_its_quotes_and_spelling() {
        for label in ["Shift_JIS", "shift_jis", "SJIS", "Windows-31J", "CP932", "MS932", "x-sjis"] {
            for quote in ['"', '\''] {
                let text = format!(
                    "<?xml version={quote}1.0{quote} encoding={quote}{label}{quote}?><a>髙﨑ｱ</a>"
                );
                let bytes = shift_jis(&text);
                let (decoded, code) = decode_xml(&bytes).unwrap();
                assert_eq!((decoded.as_ref(), code), (text.as_str(), CharacterCode::ShiftJis));
            }
        }
        for label in ["UTF-8", "utf-8", "UTF8"] {
            let text = format!("<?xml version=\"1.0\" encoding=\"{label}\"?><a>髙</a>");
            assert_eq!(
                decode_xml(text.as_bytes()).unwrap(),
                (Cow::from(&text), CharacterCode::Utf8)
            );
        }
        assert_eq!(decode_xml("<a>髙</a>".as_bytes()).unwrap().1, CharacterCode::Utf8);
    }

    #[test]
    fn a_byte_order_mark_is_taken_off_and_wins() {
        let bytes =
            [UTF8_BOM, "<?xml version='1.0' encoding='Shift_JIS'?><a>髙</a>".as_bytes()].concat();
        let (text, code) = decode_xml(&bytes).unwrap();
        assert!(text.starts_with("<?xml") && text.contains('髙'));
        assert_eq!(code, CharacterCode::Utf8);
    }

    #[test]
    fn other_encodings_and_broken_text_are_refused() {
        let check =
            |bytes: &[u8], error| assert_eq!(decode_xml(bytes).unwrap_err(), error, "{bytes:?}");
        let utf16: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&utf16, EncodingError::Unsupported);
        check(&[&[0xFF, 0xFE], utf16.as_slice()].concat(), EncodingError::Unsupported);
        check(b"\xFE\xFF\0<", EncodingError::Unsupported);
        check(b"<?xml version='1.0' encoding='EUC-JP'?><a/>", EncodingError::Unsupported);
        check(b"<?xml version='1.0' encoding='UTF-16'?><a/>", EncodingError::Unsupported);
        check(b"<?xml version='1.0' encoding='UTF-8'?><a>\x8D\x82</a>", EncodingError::Malformed);
        check(b"<?xml version='1.0' encoding='SJIS'?><a>\x8D</a>", EncodingError::Malformed);
        check(b"<a>\0</a>", EncodingError::Nul);
    }

    #[test]
    fn a_character_that_cp932_lacks_becomes_a_geta_and_is_counted() {
        let mut out = Vec::new();
        assert_eq!(encode_shift_jis("𠮷野 髙 😀", &mut out), 2);
        assert_eq!(decode(&out, CharacterCode::ShiftJis).unwrap(), "〓野 髙 〓");
        assert!(!out.contains(&b'&'));
    }

    #[test]
    fn characters_that_look_the_same_are_not_lost() {
        let mut out = Vec::new();
        assert_eq!(encode_shift_jis("1〜3 ‖ — ¢£¬ −", &mut out), 0);
        assert_eq!(decode(&out, CharacterCode::ShiftJis).unwrap(), "1～3 ∥ ― ￠￡￢ －");
    }

    proptest! {
        #[test]
        fn any_bytes_give_text_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok((text, CharacterCode::ShiftJis)) = decode_xml(&bytes) {
                prop_assert!(!text.contains('\0'));
            }
        }

        #[test]
        fn any_text_can_be_written_in_cp932(text in ".{0,40}") {
            let mut out = Vec::new();
            let replaced = encode_shift_jis(&text, &mut out);
            let back = SHIFT_JIS.decode_without_bom_handling(&out);
            prop_assert!(!back.1);
            prop_assert_eq!(back.0.chars().count(), text.chars().count());
            prop_assert!(replaced <= text.chars().count());
        }
    }
}
