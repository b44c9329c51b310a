//! Reading a file: its encoding, its kind, its header, its lines.

use super::card::{CardLine, card_line};
use super::columns::{CardColumn, Column, InsurerColumn};
use super::feed::{Feed, SAMPLE_BYTES, guess_encoding};
use super::line::member_change;
use super::reject::{Problem, Problems, Reject};
use super::row::{Cells, Decoder, Positions, Row, free_text};
use csv::{ByteRecord, Terminator};
use shikaku_domain::{CharacterCode, Insurer, InsurerNumber, MemberChange, ValueError};
use std::io::{self, Chain, Cursor, Read};
use thiserror::Error;

/// Longest line. A full one has about 2 KiB.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// How much is read at a time.
const READ_BYTES: usize = 64 * 1024;
const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why a file cannot be read, or not any further. Lines before it have been delivered.
#[derive(Debug, Error)]
pub enum FileError {
    /// The reader beneath failed.
    #[error("the file could not be read")]
    Io(#[from] io::Error),
    /// Nothing in it.
    #[error("the file is empty: it needs a header line")]
    Empty,
    /// A header cell that is not a column's name. The cell is not repeated here: in a file without
    /// a header it is somebody's name.
    #[error("line 1, column {position}: not a column name of a member or insurer file")]
    UnknownColumn {
        /// Position in the line, from 1.
        position: usize,
    },
    /// The same column twice.
    #[error("the column {column} appears twice")]
    DuplicateColumn {
        /// Its name.
        column: &'static str,
    },
    /// A required column is absent.
    #[error("the column {column} is missing")]
    MissingColumn {
        /// Its name.
        column: &'static str,
    },
    /// A line so long that the end of it was not looked for: most often an open quotation mark.
    #[error("line {line} is longer than {LINE_BYTES_MAX} bytes: look for an open quotation mark")]
    LineTooLong {
        /// Where the line begins.
        line: u64,
    },
}

impl FileError {
    /// The stable code, `SHK-MEM-1nn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "SHK-MEM-101",
            Self::Empty => "SHK-MEM-102",
            Self::UnknownColumn { .. } => "SHK-MEM-103",
            Self::DuplicateColumn { .. } => "SHK-MEM-104",
            Self::MissingColumn { .. } => "SHK-MEM-105",
            Self::LineTooLong { .. } => "SHK-MEM-106",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::Io(_) => "ファイルを読み取れませんでした。".to_owned(),
            Self::Empty => "ファイルが空です。見出し行が必要です。".to_owned(),
            Self::UnknownColumn { position } => {
                format!("1行目の{position}番目の項目名が正しくありません。")
            }
            Self::DuplicateColumn { column } => format!("項目{column}が重複しています。"),
            Self::MissingColumn { column } => format!("項目{column}がありません。"),
            Self::LineTooLong { line } => {
                format!(
                    "{line}行目が{LINE_BYTES_MAX}バイトを超えています。閉じられていない引用符がないか確認してください。"
                )
            }
        }
    }
}

/// Which of the two files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// 加入者情報
    Members,
    /// 保険者
    Insurers,
    /// Certificates of My Number cards and whose they are.
    Cards,
}

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Line number in the file, from 1; the header is line 1.
    pub number: u64,
    /// What it says, or everything that is wrong with it.
    pub content: Result<Content<'a>, Vec<Reject>>,
}

/// What a good line says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every line is a member's")]
pub enum Content<'a> {
    /// A line of a members' file.
    Member(MemberChange<'a>),
    /// A line of an insurer master.
    Insurer(Insurer),
    /// A line of a file of cards.
    Card(CardLine),
}

/// An insurer's file, read line by line.
pub struct MemberFile<R> {
    csv: Csv<R>,
    code: CharacterCode,
    header: Header,
    cells: usize,
    record: ByteRecord,
    decoder: Decoder,
    is_over: bool,
    /// Lines of the file before the first one that is read here.
    lines_before: u64,
}

/// What a file's header and encoding say: all that is needed to read a part of the file alone.
#[derive(Clone)]
pub struct FileShape {
    code: CharacterCode,
    header: Header,
    cells: usize,
    /// Bytes and lines up to the end of the header.
    head: (usize, u64),
}

impl FileShape {
    /// Which file it is.
    #[must_use]
    pub const fn kind(&self) -> FileKind {
        self.header.kind()
    }

    /// Bytes and lines up to the end of the header, where the first part begins.
    #[must_use]
    pub const fn head(&self) -> (usize, u64) {
        self.head
    }

    /// Reads whole lines from the middle of the file, as they would be read in their place.
    /// `lines_before` are the lines before them, the header's among them. A quotation mark that is
    /// left open reaches to the end of the part, not of the file.
    #[must_use]
    pub fn part<'p>(&self, lines: &'p [u8], lines_before: u64) -> MemberFile<&'p [u8]> {
        let Self { code, ref header, cells, .. } = *self;
        MemberFile {
            csv: csv_reader(Cursor::new(Vec::new()).chain(lines)),
            code,
            header: header.clone(),
            cells,
            record: ByteRecord::new(),
            decoder: Decoder::new(code),
            is_over: false,
            lines_before,
        }
    }
}

impl std::fmt::Debug for FileShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileShape").field("code", &self.code).finish_non_exhaustive()
    }
}

type Csv<R> = csv::Reader<Feed<Chain<Cursor<Vec<u8>>, R>>>;

fn csv_reader<R: Read>(source: Chain<Cursor<Vec<u8>>, R>) -> Csv<R> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        // A carriage return before the line feed is cut off with the blanks of the last cell.
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(READ_BYTES)
        .from_reader(Feed::new(source))
}

#[derive(Clone)]
enum Header {
    Members(Box<Positions<{ Column::COUNT }>>),
    Insurers(Positions<2>),
    Cards(Positions<{ CardColumn::COUNT }>),
}

impl<R: Read> MemberFile<R> {
    /// Reads the header. The encoding is told by a byte order mark, or else from the first part of
    /// the file: UTF-8 unless most of its lines that are not ASCII cannot be.
    ///
    /// # Errors
    /// [`FileError`], when the header is not that of a file of members, insurers or cards.
    pub fn open(mut reader: R) -> Result<Self, FileError> {
        let mut sample = Vec::new();
        reader.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut sample)?;
        let has_mark = sample.starts_with(UTF8_BOM);
        if has_mark {
            sample.drain(..UTF8_BOM.len());
        }
        let code = if has_mark { CharacterCode::Utf8 } else { guess_encoding(&sample) };
        let mut csv = csv_reader(Cursor::new(sample).chain(reader));
        let mut record = ByteRecord::new();
        if !read_record(&mut csv, &mut record)? {
            return Err(FileError::Empty);
        }
        let header = header_of(&record)?;
        let cells = record.len();
        let decoder = Decoder::new(code);
        let (is_over, lines_before) = (false, 0);
        Ok(Self { csv, code, header, cells, record, decoder, is_over, lines_before })
    }

    /// The file's shape, before any line was read.
    ///
    /// # Errors
    /// As [`MemberFile::open`].
    pub fn shape(beginning: R) -> Result<FileShape, FileError>
    where
        R: AsRef<[u8]>,
    {
        let mark = if beginning.as_ref().starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 };
        let Self { csv, code, header, cells, .. } = Self::open(beginning)?;
        // INVARIANT: the header lies within what the caller gave.
        let bytes = usize::try_from(csv.position().byte()).unwrap_or(usize::MAX);
        let head = (mark + bytes, csv.position().line() - 1);
        Ok(FileShape { code, header, cells, head })
    }

    /// Which file it is.
    pub const fn kind(&self) -> FileKind {
        self.header.kind()
    }

    /// Its encoding.
    pub const fn encoding(&self) -> CharacterCode {
        self.code
    }

    /// The next line, `None` at the end and after an error. Empty lines are skipped.
    #[expect(
        clippy::should_implement_trait,
        reason = "it lends its line, which an iterator cannot"
    )]
    pub fn next(&mut self) -> Option<Result<Line<'_>, FileError>> {
        if self.is_over {
            return None;
        }
        match read_record(&mut self.csv, &mut self.record) {
            Ok(true) => Some(Ok(self.line())),
            Ok(false) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }

    fn line(&mut self) -> Line<'_> {
        let line_breaks = self.record.as_slice().iter().filter(|b| **b == b'\n').count() as u64;
        // The reader stands behind the line feed that ended the record; only an open quotation
        // mark keeps the last line from ending with one.
        let line_end = u64::from(!self.csv.get_ref().is_at_end);
        let number = self.csv.position().line().saturating_sub(line_breaks + line_end);
        let number = self.lines_before + number;
        let reject = |column, problem| Line {
            number,
            content: Err(vec![Reject { line: number, column, problem }]),
        };
        if let Err(problem) = self.check_framing(line_breaks) {
            return reject(None, problem);
        }
        let cells = match self.decoder.decode(&self.record) {
            Ok(cells) => cells,
            Err(at) => return reject(self.header.column_at(at), Problem::NotText),
        };
        let content = match &self.header {
            Header::Members(positions) => {
                member_change(Row { cells, positions }, number).map(Content::Member)
            }
            Header::Insurers(positions) => insurer(cells, positions, number).map(Content::Insurer),
            Header::Cards(positions) => card_line(cells, positions, number).map(Content::Card),
        };
        Line { number, content }
    }

    /// What must hold before the cells can be looked at.
    fn check_framing(&self, line_breaks: u64) -> Result<(), Problem> {
        if line_breaks > 0 {
            return Err(Problem::OpenQuote { lines: line_breaks + 1 });
        }
        if self.record.as_slice().len() > LINE_BYTES_MAX {
            return Err(Problem::LineTooLong { max: LINE_BYTES_MAX });
        }
        let found = self.record.len();
        if found != self.cells {
            return Err(Problem::FieldCount { expected: self.cells, found });
        }
        Ok(())
    }
}

impl<R> std::fmt::Debug for MemberFile<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberFile").field("code", &self.code).finish_non_exhaustive()
    }
}

impl Header {
    const fn kind(&self) -> FileKind {
        match self {
            Self::Members(_) => FileKind::Members,
            Self::Insurers(_) => FileKind::Insurers,
            Self::Cards(_) => FileKind::Cards,
        }
    }

    /// The column that stands at this place of the line.
    fn column_at(&self, at: usize) -> Option<&'static str> {
        let stands = |position: &Option<usize>| *position == Some(at);
        match self {
            Self::Members(positions) => {
                let column = positions.0.iter().position(stands)?;
                Column::ALL.get(column).map(|column| column.name())
            }
            Self::Insurers(Positions(positions)) => {
                let column = positions.iter().position(stands)?;
                InsurerColumn::ALL.get(column).map(|column| column.name())
            }
            Self::Cards(Positions(positions)) => {
                let column = positions.iter().position(stands)?;
                CardColumn::ALL.get(column).map(|column| column.name())
            }
        }
    }
}

/// The next record that is not an empty line.
fn read_record<R: Read>(
    csv: &mut csv::Reader<Feed<R>>,
    record: &mut ByteRecord,
) -> Result<bool, FileError> {
    loop {
        csv.get_mut().left = LINE_BYTES_MAX;
        let begin = csv.position().line();
        match csv.read_byte_record(record) {
            Ok(true) if matches!(record.as_slice(), b"" | b"\r") && record.len() == 1 => {}
            Ok(found) => return Ok(found),
            Err(_) if csv.get_ref().left == 0 => {
                return Err(FileError::LineTooLong { line: begin });
            }
            Err(error) => return Err(FileError::Io(error.into())),
        }
    }
}

fn header_of(record: &ByteRecord) -> Result<Header, FileError> {
    let last = InsurerColumn::InsurerName.name().as_bytes();
    if record.iter().any(|cell| cell.trim_ascii() == last) {
        let positions = positions_of(record, InsurerColumn::ALL, |column| column.name())?;
        require(&positions, InsurerColumn::ALL, |column| (*column as usize, column.name()))?;
        return Ok(Header::Insurers(positions));
    }
    let serial = CardColumn::CertificateSerialNumber.name().as_bytes();
    if record.iter().any(|cell| cell.trim_ascii() == serial) {
        let positions = positions_of(record, CardColumn::ALL, |column| column.name())?;
        let required = |column: &CardColumn| (*column as usize, column.name());
        require(&positions, &CardColumn::REQUIRED, required)?;
        return Ok(Header::Cards(positions));
    }
    let positions = positions_of(record, Column::ALL, |column| column.name())?;
    require(&positions, &Column::REQUIRED, |column| (*column as usize, column.name()))?;
    Ok(Header::Members(Box::new(positions)))
}

fn positions_of<C, const N: usize>(
    record: &ByteRecord,
    columns: &[C],
    name: impl Fn(&C) -> &'static str,
) -> Result<Positions<N>, FileError> {
    let mut positions = [None; N];
    for (at, cell) in record.iter().enumerate() {
        let is_cell = |column: &C| name(column).as_bytes() == cell.trim_ascii();
        let found = columns.iter().position(is_cell);
        let Some((column, slot)) =
            found.and_then(|index| columns.get(index).zip(positions.get_mut(index)))
        else {
            return Err(FileError::UnknownColumn { position: at + 1 });
        };
        if slot.replace(at).is_some() {
            return Err(FileError::DuplicateColumn { column: name(column) });
        }
    }
    Ok(Positions(positions))
}

fn require<C, const N: usize>(
    positions: &Positions<N>,
    columns: &[C],
    index_and_name: impl Fn(&C) -> (usize, &'static str),
) -> Result<(), FileError> {
    for (index, column) in columns.iter().map(index_and_name) {
        if positions.0.get(index).copied().flatten().is_none() {
            return Err(FileError::MissingColumn { column });
        }
    }
    Ok(())
}

fn insurer(cells: Cells<'_>, positions: &Positions<2>, line: u64) -> Result<Insurer, Vec<Reject>> {
    let mut problems = Problems::of_line(line);
    let mut cell = |column: InsurerColumn| {
        let at = positions.0.get(column as usize).copied().flatten();
        let text = at.map_or("", |at| cells.get(at));
        let text = if text.is_empty() { Err(ValueError::Missing) } else { Ok(text) };
        problems.keep(column.name(), text)
    };
    let (number, name) = (cell(InsurerColumn::InsurerNumber), cell(InsurerColumn::InsurerName));
    let number = number.and_then(|text| {
        problems.keep(InsurerColumn::InsurerNumber.name(), InsurerNumber::parse(text))
    });
    let name =
        name.and_then(|text| problems.keep(InsurerColumn::InsurerName.name(), free_text(text)));
    match (number, name) {
        (Some(number), Some(name)) => {
            Ok(Insurer { number, name: name.into_exposed().into_owned() })
        }
        _ => Err(problems.list),
    }
}
