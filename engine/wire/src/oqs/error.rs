//! Why a request was not answered with a result, grouped by how far it could be read.

use super::request::{RequestHeader, SearchInfo};
use crate::encoding::{EncodingError, REQUEST_BYTES_MAX};
use shikaku_domain::ValueError;
use thiserror::Error;

/// A message that cannot be read at all. Nothing of it can be echoed; the caller gets an HTTP 400
/// or an `.err` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The bytes are not text.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// Longer than [`REQUEST_BYTES_MAX`], or an answer longer than its own limit.
    #[error("the message is larger than {max} bytes")]
    TooLarge {
        /// Maximum number of bytes.
        max: usize,
    },
    /// Neither XML nor JSON by the rules of either.
    #[error("the message is not well-formed")]
    NotWellFormed,
    /// A document type, an entity of one's own or a processing instruction.
    #[error("document types, custom entities and processing instructions are not accepted")]
    Forbidden,
    /// Elements nested deeper than any message of the interface.
    #[error("the elements are nested too deeply")]
    TooDeep,
    /// Readable, but not this message.
    #[error(
        "the message is not built as the interface says: an element is repeated or in the wrong place"
    )]
    Structure,
    /// JSON that stops in the middle.
    #[error(
        "the message stops in the middle: Content-Length must be the number of bytes, not of characters"
    )]
    Truncated,
}

impl Malformed {
    /// One of each, for tests that must see every kind.
    pub const EXAMPLES: [Self; 9] = [
        Self::Encoding(EncodingError::Unsupported),
        Self::Encoding(EncodingError::Malformed),
        Self::Encoding(EncodingError::Nul),
        Self::TooLarge { max: REQUEST_BYTES_MAX },
        Self::NotWellFormed,
        Self::Forbidden,
        Self::TooDeep,
        Self::Structure,
        Self::Truncated,
    ];

    /// The stable code, `SHK-MSG-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encoding(error) => error.code(),
            Self::TooLarge { .. } => "SHK-MSG-004",
            Self::NotWellFormed => "SHK-MSG-005",
            Self::Forbidden => "SHK-MSG-006",
            Self::TooDeep => "SHK-MSG-007",
            Self::Structure => "SHK-MSG-008",
            Self::Truncated => "SHK-MSG-009",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::Encoding(error) => error.ja().to_owned(),
            Self::TooLarge { max } => format!("電文が{max}バイトを超えています。"),
            Self::NotWellFormed => "電文の形式が正しくありません。".to_owned(),
            Self::Forbidden => {
                "文書型宣言、独自の実体参照および処理命令は使用できません。".to_owned()
            }
            Self::TooDeep => "要素の入れ子が深すぎます。".to_owned(),
            Self::Structure => {
                "電文の構造が仕様と異なります(要素の重複または位置の誤り)。".to_owned()
            }
            Self::Truncated => {
                "電文が途中で終わっています。Content-Lengthには文字数ではなくバイト数を指定してください。"
                    .to_owned()
            }
        }
    }
}

/// Why a request has no result. The more of it could be read, the more the answer can echo.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// Not readable.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A header element is wrong: answered as a message with SegmentOfResult 9.
    #[error("{element}: {error}")]
    Header {
        /// The element's name.
        element: &'static str,
        /// What is wrong with it.
        error: ValueError,
        /// Those parts of the header that are right.
        header: Box<RequestHeader>,
    },
    /// An element of the query is wrong: answered with ProcessingResultStatus 2.
    #[error("{element}: {error}")]
    Person {
        /// The element's name.
        element: &'static str,
        /// What is wrong with it.
        error: ValueError,
        /// The header, complete.
        header: Box<RequestHeader>,
        /// The query as given.
        search_info: Box<SearchInfo>,
    },
}

impl RequestError {
    /// The stable code, `SHK-MSG-nnn` or `SHK-VAL-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.code(),
            Self::Header { error, .. } | Self::Person { error, .. } => error.code(),
        }
    }

    /// The element's name and the sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::Malformed(malformed) => malformed.ja(),
            Self::Header { element, error, .. } | Self::Person { element, error, .. } => {
                format!("{element}: {}", error.ja())
            }
        }
    }
}

impl From<EncodingError> for RequestError {
    fn from(error: EncodingError) -> Self {
        Self::Malformed(Malformed::Encoding(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_every_kind_speaks_both_languages() {
        let codes: HashSet<_> = Malformed::EXAMPLES.iter().map(Malformed::code).collect();
        assert_eq!(codes.len(), Malformed::EXAMPLES.len());
        for malformed in Malformed::EXAMPLES {
            assert!(malformed.ja().ends_with('。'), "{malformed}");
        }
    }
}
