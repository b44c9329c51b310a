//! One line as text, and what its cells become.

use super::columns::Column;
use super::reject::{Problem, Problems};
use crate::encoding::decode;
use csv::ByteRecord;
use shikaku_domain::{CharacterCode, Day, Period, Personal, Text, ValueError};
use std::borrow::Cow;

/// Most characters of a name or an address. The interface's own limits are not public; the longest
/// Japanese address of a residence has some 100.
pub const TEXT_CHARS_MAX: usize = 200;
/// Largest amount of money: seven digits of yen a month.
const YEN_DIGITS_MAX: usize = 7;

/// Where the columns of the contract stand in this file, resolved once from the header.
#[derive(Clone)]
pub(super) struct Positions<const N: usize>(pub(super) [Option<usize>; N]);

/// Turns the bytes of a record into text, reusing its buffers from line to line.
pub(super) struct Decoder {
    code: CharacterCode,
    /// The cells of a CP932 line one after the other, and where each ends.
    text: String,
    ends: Vec<usize>,
}

impl Decoder {
    pub(super) const fn new(code: CharacterCode) -> Self {
        Self { code, text: String::new(), ends: Vec::new() }
    }

    /// The record's cells. On error, the first cell that is not text.
    pub(super) fn decode<'a>(&'a mut self, record: &'a ByteRecord) -> Result<Cells<'a>, usize> {
        match self.code {
            CharacterCode::ShiftJis if !record.as_slice().is_ascii() => {
                self.text.clear();
                self.ends.clear();
                for (at, cell) in record.iter().enumerate() {
                    match str::from_utf8(cell) {
                        Ok(ascii) if ascii.is_ascii() => self.text.push_str(ascii),
                        _ => self.text.push_str(&decode(cell, self.code).map_err(|_| at)?),
                    }
                    self.ends.push(self.text.len());
                }
                Ok(Cells { text: &self.text, bounds: Bounds::Ends(&self.ends) })
            }
            CharacterCode::Utf8 | CharacterCode::ShiftJis => {
                let broken = || record.iter().position(|cell| str::from_utf8(cell).is_err());
                let text = str::from_utf8(record.as_slice()).map_err(|_| broken().unwrap_or(0))?;
                // Half a character at the end of one cell and half at the beginning of the next
                // make a whole, but not text.
                if !begins_at_characters(record, text) {
                    return Err(broken().unwrap_or(0));
                }
                Ok(Cells { text, bounds: Bounds::Record(record) })
            }
        }
    }
}

fn begins_at_characters(record: &ByteRecord, text: &str) -> bool {
    let mut begin = 0;
    text.is_ascii()
        || record.iter().all(|cell| {
            begin += cell.len();
            text.is_char_boundary(begin)
        })
}

/// The cells of one line as text.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    text: &'a str,
    bounds: Bounds<'a>,
}

/// Where each cell begins and ends in the text.
#[derive(Clone, Copy)]
enum Bounds<'a> {
    /// As in the record: its bytes are the text.
    Record(&'a ByteRecord),
    /// Each from the end of the one before.
    Ends(&'a [usize]),
}

impl<'a> Cells<'a> {
    fn raw(self, at: usize) -> Option<&'a str> {
        match self.bounds {
            Bounds::Record(record) => self.text.get(record.range(at)?),
            Bounds::Ends(ends) => {
                let start = at.checked_sub(1).and_then(|before| ends.get(before));
                self.text.get(start.copied().unwrap_or_default()..*ends.get(at)?)
            }
        }
    }

    /// Whether nothing but blanks is in the cell.
    fn is_blank(self, at: usize) -> bool {
        let is_empty = match self.bounds {
            Bounds::Record(record) => record.range(at).is_none_or(|range| range.is_empty()),
            Bounds::Ends(_) => false,
        };
        is_empty || self.get(at).is_empty()
    }

    /// The cell without the blanks around it and the carriage return after it; empty when there is
    /// no such cell.
    pub(super) fn get(self, at: usize) -> &'a str {
        match self.raw(at) {
            None | Some("") => "",
            Some(text) => text.trim_matches([' ', '\u{3000}', '\r']),
        }
    }
}

/// What many insurers' systems write for "no end".
const OPEN_END: &str = "99991231";

/// One line of a members' file.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) cells: Cells<'a>,
    pub(super) positions: &'a Positions<{ Column::COUNT }>,
}

impl<'a> Row<'a> {
    /// The cell's text; empty when the file lacks the column.
    pub(super) fn text(self, column: Column) -> &'a str {
        match self.positions.0.get(column as usize) {
            Some(Some(at)) => self.cells.get(*at),
            _ => "",
        }
    }

    /// Whether all of these cells are empty.
    pub(super) fn is_blank(self, columns: &[Column]) -> bool {
        columns.iter().all(|column| match self.positions.0.get(*column as usize) {
            Some(Some(at)) => self.cells.is_blank(*at),
            _ => true,
        })
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

    /// The parsed value of an end date, `None` when it is empty or [`OPEN_END`].
    pub(super) fn end<T>(
        self,
        column: Column,
        problems: &mut Problems,
        parse: impl FnOnce(&'a str) -> Result<T, ValueError>,
    ) -> Option<T> {
        if self.text(column) == OPEN_END { None } else { self.optional(column, problems, parse) }
    }

    /// A certificate's period from its first and its last valid day.
    pub(super) fn period(
        self,
        first: Column,
        last: Column,
        problems: &mut Problems,
    ) -> Option<Period> {
        let start = self.required(first, problems, Day::parse)?;
        let end = self.end(last, problems, |text| {
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
