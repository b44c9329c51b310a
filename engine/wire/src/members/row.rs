//! One line as text, and what its cells become.

use super::columns::Column;
use super::reject::{Problem, Problems};
use csv::ByteRecord;
use shikaku_domain::{CharacterCode, Day, Period, Personal, Text, ValueError};
use std::borrow::Cow;

/// Most characters of a name or an address. The interface's own limits are not public; the longest
/// Japanese address of a residence has some 100.
pub const TEXT_CHARS_MAX: usize = 200;
/// Largest amount of money: seven digits of yen a month.
const YEN_DIGITS_MAX: usize = 7;

/// Where the columns of the contract stand in this file, resolved once from the header.
pub(super) struct Positions<const N: usize>(pub(super) [Option<usize>; N]);

/// Turns the bytes of a record into text, reusing its buffer from line to line.
pub(super) struct Decoder {
    code: CharacterCode,
    text: String,
    /// Where each cell ends in `text`; unused while the record itself is the text.
    ends: Vec<usize>,
    is_record_text: bool,
}

impl Decoder {
    pub(super) const fn new(code: CharacterCode) -> Self {
        Self { code, text: String::new(), ends: Vec::new(), is_record_text: true }
    }

    /// Prepares the record for [`Self::cell`]. On error, the first cell that is not text.
    pub(super) fn decode(&mut self, record: &ByteRecord) -> Result<(), usize> {
        self.is_record_text = record.as_slice().is_ascii();
        if self.is_record_text {
            return Ok(());
        }
        self.text.clear();
        self.ends.clear();
        for (at, cell) in record.iter().enumerate() {
            match self.code {
                CharacterCode::Utf8 => {
                    self.text.push_str(str::from_utf8(cell).map_err(|_| at)?);
                }
                CharacterCode::ShiftJis => {
                    self.text.push_str(&crate::encoding::decode(cell, self.code).map_err(|_| at)?);
                }
            }
            self.ends.push(self.text.len());
        }
        Ok(())
    }

    /// The text of a cell without the blanks around it, nor the carriage return after it; empty when there is no such cell.
    pub(super) fn cell<'a>(&'a self, record: &'a ByteRecord, at: usize) -> &'a str {
        let text = if self.is_record_text {
            record.get(at).and_then(|cell| str::from_utf8(cell).ok())
        } else {
            let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
            self.ends.get(at).and_then(|end| self.text.get(start.unwrap_or_default()..*end))
        };
        text.unwrap_or_default().trim_matches([' ', '\u{3000}', '\r'])
    }
}

/// One line of a members' file.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) record: &'a ByteRecord,
    pub(super) decoder: &'a Decoder,
    pub(super) positions: &'a Positions<{ Column::COUNT }>,
}

impl<'a> Row<'a> {
    /// The cell's text; empty when the file lacks the column.
    pub(super) fn text(self, column: Column) -> &'a str {
        match self.positions.0.get(column as usize) {
            Some(Some(at)) => self.decoder.cell(self.record, *at),
            _ => "",
        }
    }

    /// Whether all of these cells are empty.
    pub(super) fn is_blank(self, columns: &[Column]) -> bool {
        columns.iter().all(|column| self.text(*column).is_empty())
    }

    /// The parsed value of a cell that must not be empty; a problem is noted.
    pub(super) fn required<T, E: Into<Problem>>(
        self,
        column: Column,
        problems: &mut Problems,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(column);
        if text.is_empty() {
            problems.note(Some(column.name()), ValueError::Missing.into());
            return None;
        }
        problems.keep(column.name(), parse(text))
    }

    /// The parsed value of a cell, `None` when it is empty; a problem is noted.
    pub(super) fn optional<T, E: Into<Problem>>(
        self,
        column: Column,
        problems: &mut Problems,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(column);
        if text.is_empty() { None } else { problems.keep(column.name(), parse(text)) }
    }

    /// A certificate's period from its first and its last valid day.
    pub(super) fn period(
        self,
        first: Column,
        last: Column,
        problems: &mut Problems,
    ) -> Option<Period> {
        let start = self.required(first, problems, Day::parse)?;
        let end = self.optional(last, problems, |text| {
            let last = Day::parse(text)?;
            if last < start {
                return Err(ValueError::EndBeforeStart);
            }
            Day::from_number(last.number() + 1).ok_or(ValueError::DateRange)
        });
        Period::new(start, end).ok()
    }
}

/// Free text of a person or a facility.
pub(super) fn free_text(text: &str) -> Result<Text<'_>, ValueError> {
    if text.len() > TEXT_CHARS_MAX && text.chars().nth(TEXT_CHARS_MAX).is_some() {
        return Err(ValueError::TooLong { max: TEXT_CHARS_MAX });
    }
    if text.chars().any(|c| c.is_control() || !crate::xml::is_xml_char(c)) {
        return Err(ValueError::Character);
    }
    Ok(Personal::new(Cow::Borrowed(text)))
}

/// Half-width kana with half-width letters, digits, signs and blanks.
pub(super) fn half_width(text: &str) -> Result<Text<'_>, Problem> {
    let is_half = |c| matches!(c, ' '..='~' | '\u{FF61}'..='\u{FF9F}');
    if text.chars().all(is_half) { Ok(free_text(text)?) } else { Err(Problem::NotHalfWidth) }
}

/// An amount in yen.
pub(super) fn yen(text: &str) -> Result<u32, ValueError> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ValueError::NotDigits);
    }
    if text.len() > YEN_DIGITS_MAX {
        return Err(ValueError::TooLong { max: YEN_DIGITS_MAX });
    }
    text.parse().map_err(|_| ValueError::NotDigits)
}
