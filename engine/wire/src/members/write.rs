//! Writing the two files, for generated populations and for tests.

use super::columns::{Column, InsurerColumn};
use crate::encoding::encode_shift_jis;
use csv::Terminator;
use shikaku_domain::{
    CardFace, CardText, CharacterCode, Day, ElderlyRecipientCertificate, Insurer,
    LimitApplicationCertificate, MedicalTicket, Period, PersonId, Registration,
    SpecificDiseasesCertificate, Text,
};
use std::io::{self, Write};
use thiserror::Error;

/// Why a registration could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The writer beneath failed.
    #[error("the file could not be written")]
    Io(#[from] io::Error),
    /// More certificates than the file has columns for.
    #[error("the file has columns for {max} groups of {first_column} only")]
    TooMany {
        /// The first column of the first group.
        first_column: &'static str,
        /// How many there are.
        max: usize,
    },
}

/// Writes a members' file with all columns, in the order of the contract.
#[derive(Debug)]
pub struct MemberWriter<W: Write> {
    cells: Output<W>,
}

impl<W: Write> MemberWriter<W> {
    /// Starts the file with its header line.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn new(out: W, code: CharacterCode) -> Result<Self, WriteError> {
        let mut cells = Output::new(out, code);
        cells
            .csv
            .write_record(Column::ALL.iter().map(|column| column.name()))
            .map_err(io::Error::from)?;
        Ok(Self { cells })
    }

    /// Adds a line that registers a membership. `elsewhere` is not part of the file.
    ///
    /// # Errors
    /// [`WriteError`]; after [`WriteError::TooMany`] nothing of the line was written.
    pub fn write(&mut self, registration: &Registration<'_>) -> Result<(), WriteError> {
        let Registration {
            person,
            card,
            period,
            reason_of_loss,
            card_classification,
            personal_family,
            insured_name,
            name,
            name_of_other,
            name_kana,
            name_of_other_kana,
            sex1,
            sex2,
            post_number,
            address,
            card_issued,
            card_valid_from,
            card_expires,
            contribution_ratio,
            elderly_recipient,
            limit_application,
            specific_diseases,
            medical_tickets,
            elsewhere: _,
        } = registration;
        let elderly_blank = blank_groups(&Column::ELDERLY, elderly_recipient)?;
        let limit_blank = blank_groups(&Column::LIMIT, limit_application)?;
        let disease_blank = blank_groups(&Column::DISEASE, specific_diseases)?;
        let ticket_blank = blank_groups(&Column::TICKET, medical_tickets)?;

        let cells = &mut self.cells;
        cells.put("1")?;
        cells.identity(*person, card)?;
        cells.put(personal_family.map_or("", |code| code.code()))?;
        cells.text(insured_name.as_ref())?;
        cells.text(Some(name))?;
        cells.text(name_of_other.as_ref())?;
        cells.text(name_kana.as_ref())?;
        cells.text(name_of_other_kana.as_ref())?;
        cells.put(sex1.code())?;
        cells.put(sex2.map_or("", |code| code.code()))?;
        cells.day(Some(card.birthdate))?;
        cells.text(address.as_ref())?;
        cells.put(&post_number.map(|number| number.to_string()).unwrap_or_default())?;
        cells.day(Some(period.start()))?;
        cells.day(period.end())?;
        cells.put(reason_of_loss.map_or("", |code| code.code()))?;
        cells.put(card_classification.code())?;
        cells.day(*card_issued)?;
        cells.day(*card_valid_from)?;
        cells.day(*card_expires)?;
        cells.put(contribution_ratio.map_or("", |code| code.code()))?;
        for certificate in elderly_recipient {
            cells.elderly_recipient(certificate)?;
        }
        cells.blank(elderly_blank)?;
        for certificate in limit_application {
            cells.limit_application(certificate)?;
        }
        cells.blank(limit_blank)?;
        for certificate in specific_diseases {
            cells.specific_disease(certificate)?;
        }
        cells.blank(disease_blank)?;
        for ticket in medical_tickets {
            cells.medical_ticket(ticket)?;
        }
        cells.blank(ticket_blank)?;
        cells.end_line()
    }

    /// Adds a line that takes a membership back.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn withdraw(
        &mut self,
        person: PersonId,
        card: &CardFace<'_>,
        qualified: Day,
    ) -> Result<(), WriteError> {
        let cells = &mut self.cells;
        let up_to = |column: Column| column as usize;
        cells.put("2")?;
        cells.identity(person, card)?;
        cells.blank(up_to(Column::Birthdate) - up_to(Column::PersonalFamilyClassification))?;
        cells.day(Some(card.birthdate))?;
        cells.blank(up_to(Column::QualificationDate) - up_to(Column::Address))?;
        cells.day(Some(qualified))?;
        cells.blank(Column::COUNT - up_to(Column::DisqualificationDate))?;
        cells.end_line()
    }

    /// Writes what is left in the buffer. Returns the writer beneath and how many characters
    /// became 〓 because CP932 lacks them.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn finish(self) -> Result<(W, usize), WriteError> {
        self.cells.finish()
    }
}

/// Writes an insurer master.
#[derive(Debug)]
pub struct InsurerWriter<W: Write> {
    cells: Output<W>,
}

impl<W: Write> InsurerWriter<W> {
    /// Starts the file with its header line.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn new(out: W, code: CharacterCode) -> Result<Self, WriteError> {
        let mut cells = Output::new(out, code);
        cells
            .csv
            .write_record(InsurerColumn::ALL.iter().map(|column| column.name()))
            .map_err(io::Error::from)?;
        Ok(Self { cells })
    }

    /// Adds one insurer.
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn write(&mut self, insurer: &Insurer) -> Result<(), WriteError> {
        let Insurer { number, name } = insurer;
        self.cells.put(&number.to_string())?;
        self.cells.put(name)?;
        self.cells.end_line()
    }

    /// As [`MemberWriter::finish`].
    ///
    /// # Errors
    /// Those of the writer beneath.
    pub fn finish(self) -> Result<(W, usize), WriteError> {
        self.cells.finish()
    }
}

/// How many cells stay empty after the groups that are there.
fn blank_groups<T, const WIDTH: usize>(
    groups: &[[Column; WIDTH]],
    given: &[T],
) -> Result<usize, WriteError> {
    let missing = groups.len().checked_sub(given.len()).ok_or(WriteError::TooMany {
        first_column: groups
            .first()
            .and_then(|group| group.first())
            .map_or("", |column| column.name()),
        max: groups.len(),
    })?;
    Ok(missing * WIDTH)
}

/// Cells one after the other, in the file's encoding.
#[derive(Debug)]
pub(super) struct Output<W: Write> {
    csv: csv::Writer<W>,
    code: CharacterCode,
    encoded: Vec<u8>,
    replaced: usize,
}

impl<W: Write> Output<W> {
    pub(super) fn new(out: W, code: CharacterCode) -> Self {
        let csv =
            csv::WriterBuilder::new().flexible(true).terminator(Terminator::CRLF).from_writer(out);
        Self { csv, code, encoded: Vec::new(), replaced: 0 }
    }

    pub(super) fn put(&mut self, text: &str) -> Result<(), WriteError> {
        if self.code == CharacterCode::Utf8 || text.is_ascii() {
            self.csv.write_field(text).map_err(io::Error::from)?;
        } else {
            self.encoded.clear();
            self.replaced += encode_shift_jis(text, &mut self.encoded);
            self.csv.write_field(&self.encoded).map_err(io::Error::from)?;
        }
        Ok(())
    }

    fn bytes(&mut self, digits: &[u8]) -> Result<(), WriteError> {
        self.csv.write_field(digits).map_err(io::Error::from)?;
        Ok(())
    }

    fn blank(&mut self, cells: usize) -> Result<(), WriteError> {
        (0..cells).try_for_each(|_| self.bytes(b""))
    }

    fn text(&mut self, text: Option<&Text<'_>>) -> Result<(), WriteError> {
        self.put(text.map_or("", |text| text.expose()))
    }

    pub(super) fn day(&mut self, day: Option<Day>) -> Result<(), WriteError> {
        match day {
            Some(day) => self.bytes(&day.to_digits()),
            None => self.bytes(b""),
        }
    }

    fn period(&mut self, period: Period) -> Result<(), WriteError> {
        self.day(Some(period.start()))?;
        self.day(period.end().map(|end| end.saturating_add_days(-1)))
    }

    fn identity(&mut self, person: PersonId, card: &CardFace<'_>) -> Result<(), WriteError> {
        let CardFace { insurer, symbol, number, branch, birthdate: _ } = card;
        self.put(&person.number().to_string())?;
        self.put(&insurer.to_string())?;
        self.text(symbol.as_ref().map(CardText::text))?;
        self.text(Some(number.text()))?;
        match branch {
            Some(branch) => self.bytes(&branch.to_digits()),
            None => self.bytes(b""),
        }
    }

    fn elderly_recipient(
        &mut self,
        certificate: &ElderlyRecipientCertificate,
    ) -> Result<(), WriteError> {
        let ElderlyRecipientCertificate { issued, valid, contribution_ratio } = certificate;
        self.day(*issued)?;
        self.period(*valid)?;
        self.put(contribution_ratio.code())
    }

    fn limit_application(
        &mut self,
        certificate: &LimitApplicationCertificate,
    ) -> Result<(), WriteError> {
        let LimitApplicationCertificate {
            classification,
            classification_flag,
            issued,
            valid,
            long_term,
        } = certificate;
        self.put(classification.code())?;
        self.put(classification_flag.code())?;
        self.day(*issued)?;
        self.period(*valid)?;
        self.day(*long_term)
    }

    fn specific_disease(
        &mut self,
        certificate: &SpecificDiseasesCertificate,
    ) -> Result<(), WriteError> {
        let SpecificDiseasesCertificate { category, issued, valid, self_pay_yen } = certificate;
        self.put(category.code())?;
        self.day(*issued)?;
        self.period(*valid)?;
        self.put(&self_pay_yen.to_string())
    }

    fn medical_ticket(&mut self, ticket: &MedicalTicket<'_>) -> Result<(), WriteError> {
        let MedicalTicket {
            ticket_type,
            valid,
            issue_number,
            treatment_month,
            institution,
            institution_name,
            treatment_type,
            self_pay_yen,
            use_with_other,
        } = ticket;
        self.put(ticket_type.code())?;
        self.period(*valid)?;
        self.text(Some(issue_number))?;
        self.bytes(&treatment_month.to_digits())?;
        self.put(institution.as_str())?;
        self.text(Some(institution_name))?;
        self.put(treatment_type.map_or("", |code| code.code()))?;
        self.put(&self_pay_yen.map(|yen| yen.to_string()).unwrap_or_default())?;
        self.put(use_with_other.map_or("", |code| code.code()))
    }

    pub(super) fn end_line(&mut self) -> Result<(), WriteError> {
        self.csv.write_record(None::<&[u8]>).map_err(io::Error::from)?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(W, usize), WriteError> {
        let out = self.csv.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok((out, self.replaced))
    }
}
