//! Which encoding a request is in. The engine is the authority on its content; this reads only the
//! XML declaration.

use encoding_rs::{Encoding, SHIFT_JIS, UTF_8};

/// How much of a request is looked at, in bytes. The longest sensible declaration has about 70.
pub const DECLARATION_BYTES_MAX: u64 = 256;

/// The two encodings of the interface (OQSCD005).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// Shift_JIS, which means CP932.
    ShiftJis,
}

impl Charset {
    /// The encoding that a document declares; UTF-8 when it declares none that we know.
    #[must_use]
    pub fn declared_by(document: &[u8]) -> Self {
        let max = usize::try_from(DECLARATION_BYTES_MAX).unwrap_or(usize::MAX);
        let start = document.get(..max).unwrap_or(document);
        let text = String::from_utf8_lossy(start);
        let declaration = text.split_once("?>").map_or("", |(declaration, _)| declaration);
        let label = declaration.split_once("encoding").and_then(|(_, rest)| {
            let rest = rest.trim_start().strip_prefix('=')?.trim_start();
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            rest.strip_prefix(quote)?.split(quote).next()
        });
        match label {
            Some(label) if is_shift_jis(label) => Self::ShiftJis,
            Some(_) | None => Self::Utf8,
        }
    }

    /// The name in an `Accept-Charset` header.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::ShiftJis => "shift_jis",
        }
    }

    /// Text as bytes. Characters that CP932 lacks become numeric references.
    #[must_use]
    pub fn encode(self, text: &str) -> Vec<u8> {
        let encoding = match self {
            Self::Utf8 => UTF_8,
            Self::ShiftJis => SHIFT_JIS,
        };
        encoding.encode(text).0.into_owned()
    }
}

/// Receipt computers also write the name that only Windows uses.
fn is_shift_jis(label: &str) -> bool {
    Encoding::for_label(label.as_bytes()) == Some(SHIFT_JIS) || label.eq_ignore_ascii_case("cp932")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_declaration_names_the_encoding() {
        for (document, expected) in [
            (
                r#"<?xml version="1.0" encoding="Shift_JIS" standalone="no"?><XmlMsg/>"#,
                Charset::ShiftJis,
            ),
            ("<?xml version='1.0' encoding = 'shift_jis'?><XmlMsg/>", Charset::ShiftJis),
            (r#"<?xml version="1.0" encoding="Windows-31J"?>"#, Charset::ShiftJis),
            (r#"<?xml version="1.0" encoding="CP932"?>"#, Charset::ShiftJis),
            (r#"<?xml version="1.0" encoding="UTF-8"?><XmlMsg/>"#, Charset::Utf8),
            (r#"<?xml version="1.0"?><a encoding="Shift_JIS"/>"#, Charset::Utf8),
            ("<XmlMsg/>", Charset::Utf8),
            ("", Charset::Utf8),
        ] {
            assert_eq!(Charset::declared_by(document.as_bytes()), expected, "{document}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_charset(document in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Charset::declared_by(&document);
        }
    }
}
