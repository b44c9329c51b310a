//! Why one value from outside was refused.

use thiserror::Error;

/// What is wrong with one value, in words that a person at a counter or an insurer's clerk can act
/// on. It never contains the value itself: the value may be personal.
///
/// Codes are stable and never reused: receipt computers and insurers' programs act on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// A required value is missing or empty.
    #[error("a value is required here")]
    Missing,
    /// A value appears that must not be given here.
    #[error("no value may be given here")]
    Unexpected,
    /// The JSON type or the XML content is not plain text.
    #[error("must be text")]
    NotText,
    /// Characters other than ASCII digits.
    #[error("must consist of half-width digits only")]
    NotDigits,
    /// The wrong number of characters.
    #[error("must be {expected} characters long")]
    Length {
        /// The length asked for, for people: "8", "6 or 8".
        expected: &'static str,
    },
    /// Longer than the field allows.
    #[error("must be at most {max} characters long")]
    TooLong {
        /// Maximum number of characters.
        max: usize,
    },
    /// The last digit does not fit the others.
    #[error("the check digit is wrong: look for a mistyped digit")]
    CheckDigit,
    /// Not a day of the calendar.
    #[error("there is no such date (expected yyyyMMdd)")]
    NoSuchDate,
    /// A day outside the range this system keeps.
    #[error("the date is outside 1868-01-01 to 2199-12-31")]
    DateRange,
    /// An end before its start.
    #[error("the end comes before the start")]
    EndBeforeStart,
    /// A code that the table does not list.
    #[error("unknown code for table {table}")]
    UnknownCode {
        /// The code table's number in the interface, such as `OQSCD006`.
        table: &'static str,
    },
    /// A control character or another character that no card carries.
    #[error("contains a character that is not allowed here")]
    Character,
    /// Good by itself, and impossible with another value of the same message.
    #[error("does not go with the value of {other}")]
    DoesNotFit {
        /// The other value's field.
        other: &'static str,
    },
}

impl ValueError {
    /// One of each, for tests that must see every kind.
    pub const EXAMPLES: [Self; 13] = [
        Self::Missing,
        Self::Unexpected,
        Self::NotText,
        Self::NotDigits,
        Self::Length { expected: "8" },
        Self::TooLong { max: 20 },
        Self::CheckDigit,
        Self::NoSuchDate,
        Self::DateRange,
        Self::EndBeforeStart,
        Self::UnknownCode { table: "OQSCD006" },
        Self::Character,
        Self::DoesNotFit { other: "tokenKind" },
    ];

    /// The stable code, `SHK-VAL-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "SHK-VAL-001",
            Self::Unexpected => "SHK-VAL-002",
            Self::NotText => "SHK-VAL-003",
            Self::NotDigits => "SHK-VAL-004",
            Self::Length { .. } => "SHK-VAL-005",
            Self::TooLong { .. } => "SHK-VAL-006",
            Self::CheckDigit => "SHK-VAL-007",
            Self::NoSuchDate => "SHK-VAL-008",
            Self::DateRange => "SHK-VAL-009",
            Self::EndBeforeStart => "SHK-VAL-010",
            Self::UnknownCode { .. } => "SHK-VAL-011",
            Self::Character => "SHK-VAL-012",
            Self::DoesNotFit { .. } => "SHK-VAL-013",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::Missing => "値が必要です。".to_owned(),
            Self::Unexpected => "ここには値を指定できません。".to_owned(),
            Self::NotText => "文字列で指定してください。".to_owned(),
            Self::NotDigits => "半角数字だけで指定してください。".to_owned(),
            Self::Length { expected } => {
                format!("{}文字で指定してください。", expected.replace(" or ", "または"))
            }
            Self::TooLong { max } => format!("{max}文字以内で指定してください。"),
            Self::CheckDigit => {
                "検証番号が一致しません。数字の打ち間違いがないか確認してください。".to_owned()
            }
            Self::NoSuchDate => "存在しない日付です(yyyyMMdd形式で指定してください)。".to_owned(),
            Self::DateRange => {
                "日付が1868年1月1日から2199年12月31日の範囲にありません。".to_owned()
            }
            Self::EndBeforeStart => "終了日が開始日より前です。".to_owned(),
            Self::UnknownCode { table } => format!("コード表{table}にないコードです。"),
            Self::Character => "使用できない文字が含まれています。".to_owned(),
            Self::DoesNotFit { other } => format!("{other}の値と組み合わせられません。"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_every_kind_speaks_both_languages() {
        let codes: HashSet<_> = ValueError::EXAMPLES.iter().map(ValueError::code).collect();
        assert_eq!(codes.len(), ValueError::EXAMPLES.len());
        for error in ValueError::EXAMPLES {
            assert!(error.ja().ends_with('。'), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
}
