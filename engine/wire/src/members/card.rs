//! A file of cards: which certificate belongs to whom, as the insurance card says it. By it a
//! population starts with registered cards, and an operator corrects a registration.

use super::columns::CardColumn;
use super::reject::{Problems, Reject};
use super::row::{Cells, Positions};
use super::write::{Output, WriteError};
use shikaku_domain::{
    CardCertificateId, CardFace, CardQuery, CardText, CharacterCode, Day, Folded,
    InsuredBranchNumber, InsurerNumber, LimitApplicationCertificateRelatedConsFlg, ValueError,
};
use std::io::Write;

/// Hexadecimal digits of a key identifier: 4 to 64 bytes, of which the first four count.
const KEY_DIGITS: std::ops::RangeInclusive<usize> = 8..=128;
/// Most hexadecimal digits of a serial number.
const SERIAL_DIGITS_MAX: usize = 16;

/// One line of a file of cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardLine {
    /// The certificate.
    pub certificate: CardCertificateId,
    /// The insurance card of its holder.
    pub holder: CardQuery,
}

/// Reads one line.
pub(super) fn card_line(
    cells: Cells<'_>,
    positions: &Positions<{ CardColumn::COUNT }>,
    line: u64,
) -> Result<CardLine, Vec<Reject>> {
    let mut problems = Problems::of_line(line);
    let text = |column: CardColumn| {
        let at = positions.0.get(column as usize).copied().flatten();
        at.map_or("", |at| cells.get(at))
    };
    let read = {
        let p = &mut problems;
        let authority = keep(p, CardColumn::AuthorityKeyIdentifier, text, authority);
        let serial = keep(p, CardColumn::CertificateSerialNumber, text, serial);
        let insurer = keep(p, CardColumn::InsurerNumber, text, InsurerNumber::parse);
        let number = |text: &str| CardText::new(text).map(|number| *number.folded());
        let number = keep(p, CardColumn::InsuredIdentificationNumber, text, number);
        let symbol = p.keep(
            CardColumn::InsuredCardSymbol.name(),
            Folded::new(text(CardColumn::InsuredCardSymbol)),
        );
        let branch = Some(text(CardColumn::InsuredBranchNumber)).filter(|text| !text.is_empty());
        let branch = branch.map(InsuredBranchNumber::parse).transpose();
        let branch = p.keep(CardColumn::InsuredBranchNumber.name(), branch);
        let birthdate = keep(p, CardColumn::Birthdate, text, Day::parse);
        (|| {
            let certificate = CardCertificateId { authority: authority?, serial: serial? };
            let holder = CardQuery {
                insurer: insurer?,
                symbol: symbol?,
                number: number?,
                branch: branch?,
                birthdate: birthdate?,
                limit_consent: LimitApplicationCertificateRelatedConsFlg::NotGiven,
            };
            Some(CardLine { certificate, holder })
        })()
    };
    read.filter(|_| problems.list.is_empty()).ok_or(problems.list)
}

fn keep<'a, T>(
    problems: &mut Problems,
    column: CardColumn,
    text: impl Fn(CardColumn) -> &'a str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Option<T> {
    let text = text(column);
    let value = if text.is_empty() { Err(ValueError::Missing) } else { parse(text) };
    problems.keep(column.name(), value)
}

fn authority(text: &str) -> Result<u32, ValueError> {
    if !KEY_DIGITS.contains(&text.len()) {
        return Err(ValueError::Length { expected: "8 to 128" });
    }
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ValueError::Character);
    }
    let first = text.get(..8).unwrap_or_default();
    u32::from_str_radix(first, 16).map_err(|_| ValueError::Character)
}

fn serial(text: &str) -> Result<u64, ValueError> {
    if text.len() > SERIAL_DIGITS_MAX {
        return Err(ValueError::TooLong { max: SERIAL_DIGITS_MAX });
    }
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ValueError::Character);
    }
    u64::from_str_radix(text, 16).map_err(|_| ValueError::Character)
}

/// Writes a file of cards.
#[derive(Debug)]
pub struct CardWriter<W: Write> {
    cells: Output<W>,
}

impl<W: Write> CardWriter<W> {
    /// Starts the file with its header line.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn new(out: W, code: CharacterCode) -> Result<Self, WriteError> {
        let mut cells = Output::new(out, code);
        for column in CardColumn::ALL {
            cells.put(column.name())?;
        }
        cells.end_line()?;
        Ok(Self { cells })
    }

    /// Adds one certificate and its holder's insurance card.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn write(
        &mut self,
        certificate: CardCertificateId,
        card: &CardFace<'_>,
    ) -> Result<(), WriteError> {
        let CardCertificateId { authority, serial } = certificate;
        let CardFace { insurer, symbol, number, branch, birthdate } = card;
        self.cells.put(&format!("{authority:08x}"))?;
        self.cells.put(&format!("{serial:x}"))?;
        self.cells.put(&insurer.to_string())?;
        self.cells.put(symbol.as_ref().map_or("", |symbol| symbol.text().expose().as_ref()))?;
        self.cells.put(number.text().expose())?;
        let branch = branch.map(|branch| format!("{:02}", branch.number()));
        self.cells.put(&branch.unwrap_or_default())?;
        self.cells.day(Some(*birthdate))?;
        self.cells.end_line()
    }

    /// As [`super::MemberWriter::finish`].
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn finish(self) -> Result<(W, usize), WriteError> {
        self.cells.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::{Content, FileKind, MemberFile};

    #[test]
    fn a_written_line_reads_back_and_a_bad_one_names_every_column() {
        let certificate = CardCertificateId { authority: 0x0102_0304, serial: 0x22_7b13 };
        let card = CardFace {
            insurer: InsurerNumber::parse("01040013").unwrap(),
            symbol: Some(CardText::new("１２").unwrap()),
            number: CardText::new("3-4").unwrap(),
            branch: InsuredBranchNumber::from_number(1),
            birthdate: Day::parse("19800401").unwrap(),
        };
        let mut writer = CardWriter::new(Vec::new(), CharacterCode::Utf8).unwrap();
        writer.write(certificate, &card).unwrap();
        let (mut bytes, _) = writer.finish().unwrap();
        bytes.extend(b"xyz,123456789012345678,,,,,19800230\r\n");
        let mut file = MemberFile::open(bytes.as_slice()).unwrap();
        assert_eq!(file.kind(), FileKind::Cards);
        let Ok(Content::Card(read)) = file.next().unwrap().unwrap().content else {
            panic!("a card")
        };
        assert_eq!(read.certificate, certificate);
        assert_eq!(read.holder.number, Folded::new("34").unwrap());
        let rejects = file.next().unwrap().unwrap().content.unwrap_err();
        let columns: Vec<_> = rejects.iter().filter_map(|reject| reject.column).collect();
        let expected = [
            "AuthorityKeyIdentifier",
            "CertificateSerialNumber",
            "InsurerNumber",
            "InsuredIdentificationNumber",
            "Birthdate",
        ];
        assert_eq!(columns, expected);
    }
}
