//! What is wrong with one line, in words for the insurer's clerk, and the file that says so.

use shikaku_domain::ValueError;
use std::io::{self, Write};
use thiserror::Error;

/// One problem of one line. It never contains a value of the line: those are personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Line number in the file, from 1; the header is line 1.
    pub line: u64,
    /// The column's name; `None` when it is about the line as a whole.
    pub column: Option<&'static str>,
    /// What is wrong.
    pub problem: Problem,
}

impl Reject {
    /// The stable code, `SHK-MEM-nnn` or `SHK-VAL-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.problem.code()
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        self.problem.ja()
    }

    /// The sentence in English.
    #[must_use]
    pub fn en(&self) -> String {
        self.problem.to_string()
    }
}

/// What can be wrong with a line: a value, or values that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// One value by itself.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Bytes that do not exist in the file's encoding.
    #[error("contains bytes that are not text in the encoding of this file")]
    NotText,
    /// More or fewer values than the header has columns.
    #[error("the line has {found} values where the header has {expected}")]
    FieldCount {
        /// Columns of the header.
        expected: usize,
        /// Values of the line.
        found: usize,
    },
    /// A quotation mark that is closed on another line, or not at all.
    #[error(
        "a quotation mark opened here is not closed on the same line; {lines} lines were skipped"
    )]
    OpenQuote {
        /// Lines that were read as one.
        lines: u64,
    },
    /// Longer than a line may be.
    #[error("the line is longer than {max} bytes")]
    LineTooLong {
        /// Maximum number of bytes.
        max: usize,
    },
    /// 後期高齢者医療 and 医療扶助 have no symbol, so such a card would never be found.
    #[error("this kind of insurer has no card symbol")]
    SymbolUnknown,
    /// 後期高齢者医療 has no branch number.
    #[error("this kind of insurer has no branch number")]
    BranchUnknown,
    /// The membership begins before the person was born.
    #[error("the qualification begins before the date of birth")]
    QualifiedBeforeBirth,
    /// A reason of loss without a day of loss.
    #[error("a reason of loss needs a DisqualificationDate")]
    ReasonWithoutLoss,
    /// Kana other than half width.
    #[error("must be written in half-width kana")]
    NotHalfWidth,
    /// A1 stands for 医療扶助 and nothing else does.
    #[error("A1 belongs to insurer numbers that begin with 12, and only to those")]
    MedicalAidOnly,
    /// A medical ticket of somebody who is not on 医療扶助.
    #[error("medical tickets belong to insurer numbers that begin with 12 only")]
    TicketWithoutMedicalAid,
    /// The sender may not speak for this line's insurer.
    #[error("this file may not speak for the insurer of this line")]
    OtherInsurer,
    /// The insurer is not in the list of insurers.
    #[error("this insurer number is not in the list of insurers")]
    UnknownInsurer,
    /// A card's line names nobody.
    #[error("nobody is registered under this insurance card")]
    NobodyWithCard,
    /// A card's line names several people.
    #[error("several people are registered under this insurance card: give the branch number")]
    SeveralWithCard,
}

impl Problem {
    /// One of each, for tests that must see every kind.
    pub const EXAMPLES: [Self; 16] = [
        Self::Value(ValueError::Missing),
        Self::NotText,
        Self::FieldCount { expected: 9, found: 8 },
        Self::OpenQuote { lines: 2 },
        Self::LineTooLong { max: super::LINE_BYTES_MAX },
        Self::SymbolUnknown,
        Self::BranchUnknown,
        Self::QualifiedBeforeBirth,
        Self::ReasonWithoutLoss,
        Self::NotHalfWidth,
        Self::MedicalAidOnly,
        Self::TicketWithoutMedicalAid,
        Self::OtherInsurer,
        Self::UnknownInsurer,
        Self::NobodyWithCard,
        Self::SeveralWithCard,
    ];

    /// The stable code, `SHK-MEM-nnn`, or that of the [`ValueError`].
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Value(error) => error.code(),
            Self::NotText => "SHK-MEM-001",
            Self::FieldCount { .. } => "SHK-MEM-002",
            Self::OpenQuote { .. } => "SHK-MEM-003",
            Self::LineTooLong { .. } => "SHK-MEM-004",
            Self::SymbolUnknown => "SHK-MEM-005",
            Self::BranchUnknown => "SHK-MEM-006",
            Self::QualifiedBeforeBirth => "SHK-MEM-007",
            Self::ReasonWithoutLoss => "SHK-MEM-008",
            Self::NotHalfWidth => "SHK-MEM-009",
            Self::MedicalAidOnly => "SHK-MEM-010",
            Self::TicketWithoutMedicalAid => "SHK-MEM-011",
            Self::OtherInsurer => "SHK-MEM-012",
            Self::UnknownInsurer => "SHK-MEM-013",
            Self::NobodyWithCard => "SHK-MEM-014",
            Self::SeveralWithCard => "SHK-MEM-015",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::Value(error) => error.ja(),
            Self::NotText => "ファイルの文字コードとして読めない文字が含まれています。".to_owned(),
            Self::FieldCount { expected, found } => {
                format!("項目数が{found}個で、見出し行の{expected}個と一致しません。")
            }
            Self::OpenQuote { lines } => {
                format!("引用符が同じ行で閉じられていません。{lines}行を読み飛ばしました。")
            }
            Self::LineTooLong { max } => format!("1行が{max}バイトを超えています。"),
            Self::SymbolUnknown => "この保険者には被保険者証記号がありません。".to_owned(),
            Self::BranchUnknown => "この保険者には枝番がありません。".to_owned(),
            Self::QualifiedBeforeBirth => "資格取得年月日が生年月日より前です。".to_owned(),
            Self::ReasonWithoutLoss => "資格喪失事由には資格喪失年月日が必要です。".to_owned(),
            Self::NotHalfWidth => "半角カナで指定してください。".to_owned(),
            Self::MedicalAidOnly => {
                "被保険者証の種類A1は、法別番号12の保険者番号にだけ、必ず指定してください。"
                    .to_owned()
            }
            Self::TicketWithoutMedicalAid => {
                "医療券・調剤券は、法別番号12の保険者番号にだけ指定できます。".to_owned()
            }
            Self::OtherInsurer => "このファイルで登録できる保険者の行ではありません。".to_owned(),
            Self::UnknownInsurer => "保険者一覧にない保険者番号です。".to_owned(),
            Self::NobodyWithCard => {
                "この記号・番号の加入者がいません。加入者を先に登録してください。".to_owned()
            }
            Self::SeveralWithCard => {
                "この記号・番号の加入者が複数います。枝番を指定してください。".to_owned()
            }
        }
    }
}

/// The problems of a line as they are found.
pub(super) struct Problems {
    line: u64,
    pub(super) list: Vec<Reject>,
}

impl Problems {
    pub(super) const fn of_line(line: u64) -> Self {
        Self { line, list: Vec::new() }
    }

    /// Keeps a good value, and notes the problem of a bad one.
    pub(super) fn keep<T>(
        &mut self,
        column: &'static str,
        value: Result<T, impl Into<Problem>>,
    ) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(problem) => {
                self.note(Some(column), problem.into());
                None
            }
        }
    }

    pub(super) fn note(&mut self, column: Option<&'static str>, problem: Problem) {
        self.list.push(Reject { line: self.line, column, problem });
    }
}

/// Writes rejects as CSV for the insurer: UTF-8 with a byte order mark, which spreadsheets need.
#[derive(Debug)]
pub struct RejectWriter<W: Write> {
    csv: csv::Writer<W>,
}

impl<W: Write> RejectWriter<W> {
    /// Starts the file with its header line.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(b"\xEF\xBB\xBF")?;
        let mut file = Self::behind(out);
        file.csv.write_record(["Line", "Column", "Code", "MessageJa", "MessageEn"])?;
        Ok(file)
    }

    /// Goes on with a file that was begun: its header line is there.
    pub fn behind(out: W) -> Self {
        let mut csv = csv::WriterBuilder::new();
        Self { csv: csv.terminator(csv::Terminator::CRLF).from_writer(out) }
    }

    /// Adds one problem.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn write(&mut self, reject: &Reject) -> io::Result<()> {
        let line = reject.line.to_string();
        let column = reject.column.unwrap_or_default();
        self.csv.write_record([&line, column, reject.code(), &reject.ja(), &reject.en()])?;
        Ok(())
    }

    /// Writes what is left in the buffer.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn finish(self) -> io::Result<W> {
        self.csv.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_every_kind_speaks_both_languages() {
        let codes: HashSet<_> = Problem::EXAMPLES.iter().map(Problem::code).collect();
        assert_eq!(codes.len(), Problem::EXAMPLES.len());
        for problem in Problem::EXAMPLES {
            assert!(problem.ja().ends_with('。'), "{problem}");
            assert!(!problem.to_string().is_empty());
        }
    }

    #[test]
    fn the_reject_file_opens_in_a_spreadsheet() {
        let mut writer = RejectWriter::new(Vec::new()).unwrap();
        writer
            .write(&Reject {
                line: 7,
                column: Some("Birthdate"),
                problem: ValueError::NoSuchDate.into(),
            })
            .unwrap();
        writer
            .write(&Reject { line: 9, column: None, problem: Problem::OpenQuote { lines: 3 } })
            .unwrap();
        let bytes = writer.finish().unwrap();
        let text = str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap()).unwrap();
        let expected = "Line,Column,Code,MessageJa,MessageEn\r\n\
            7,Birthdate,SHK-VAL-008,存在しない日付です(yyyyMMdd形式で指定してください)。,there is no such date (expected yyyyMMdd)\r\n\
            9,,SHK-MEM-003,引用符が同じ行で閉じられていません。3行を読み飛ばしました。,a quotation mark opened here is not closed on the same line; 3 lines were skipped\r\n";
        assert_eq!(text, expected);
    }
}
