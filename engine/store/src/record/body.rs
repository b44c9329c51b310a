//! A registration as stored, without what the key, the slot's head or the person's record says:
//! insurer, birth date, person, branch, period and `elsewhere`.

use super::codes::CodeByte;
use super::parts::{
    DayNumber, ElderlyRecord, LimitRecord, PeriodRecord, SpecificDiseasesRecord, TicketRecord, day,
};
use super::slot::Slot;
use crate::codec::{self, Damage};
use bincode::{BorrowDecode, Encode};
use shikaku_domain::{
    CardFace, CardText, Day, InsurerNumber, Personal, PostNumber, Registration, Text,
};
use std::borrow::Cow;

/// Version 1. Fields in the order of the registration; codes as one byte, days as numbers.
#[derive(Encode, BorrowDecode)]
struct BodyRecord<'a> {
    symbol: Option<&'a str>,
    number: &'a str,
    reason_of_loss: Option<u8>,
    card_classification: u8,
    personal_family: Option<u8>,
    insured_name: Option<&'a str>,
    name: &'a str,
    name_of_other: Option<&'a str>,
    name_kana: Option<&'a str>,
    name_of_other_kana: Option<&'a str>,
    sex1: u8,
    sex2: Option<u8>,
    post_number: Option<u32>,
    address: Option<&'a str>,
    card_issued: Option<DayNumber>,
    card_valid_from: Option<DayNumber>,
    card_expires: Option<DayNumber>,
    contribution_ratio: Option<u8>,
    elderly_recipient: Vec<ElderlyRecord>,
    limit_application: Vec<LimitRecord>,
    specific_diseases: Vec<SpecificDiseasesRecord>,
    medical_tickets: Vec<TicketRecord<'a>>,
}

/// Size of a usual body in bytes (two names, kana, an address): saves growing the buffer.
const BODY_BYTES_USUAL: usize = 256;

/// Encodes what a body holds of a registration. Equal registrations give equal bytes.
pub(crate) fn encode_body(registration: &Registration<'_>) -> Vec<u8> {
    let Registration {
        person: _,
        card,
        period: _,
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
    let CardFace { insurer: _, symbol, number, branch: _, birthdate: _ } = card;
    let record = BodyRecord {
        symbol: symbol.as_ref().map(|symbol| &**symbol.text().expose()),
        number: number.text().expose(),
        reason_of_loss: reason_of_loss.map(CodeByte::byte),
        card_classification: card_classification.byte(),
        personal_family: personal_family.map(CodeByte::byte),
        insured_name: text(insured_name.as_ref()),
        name: name.expose(),
        name_of_other: text(name_of_other.as_ref()),
        name_kana: text(name_kana.as_ref()),
        name_of_other_kana: text(name_of_other_kana.as_ref()),
        sex1: sex1.byte(),
        sex2: sex2.map(CodeByte::byte),
        post_number: post_number.map(PostNumber::number),
        address: text(address.as_ref()),
        card_issued: card_issued.map(Day::number),
        card_valid_from: card_valid_from.map(Day::number),
        card_expires: card_expires.map(Day::number),
        contribution_ratio: contribution_ratio.map(CodeByte::byte),
        elderly_recipient: elderly_recipient.iter().map(Into::into).collect(),
        limit_application: limit_application.iter().map(Into::into).collect(),
        specific_diseases: specific_diseases.iter().map(Into::into).collect(),
        medical_tickets: medical_tickets.iter().map(Into::into).collect(),
    };
    let mut out = Vec::with_capacity(BODY_BYTES_USUAL);
    codec::add(&mut out, &record);
    out
}

/// The registration in a slot; insurer and birth date come from its card key.
///
/// Text is borrowed from the slot's bytes.
pub(super) fn decode_registration<'a>(
    slot: Slot<'a>,
    insurer: InsurerNumber,
    birthdate: Day,
) -> Result<Registration<'a>, Damage> {
    let Slot { person, branch, period, elsewhere, body } = slot;
    let Cow::Borrowed(mut rest) = body else {
        return Err("a slot that is not stored");
    };
    let BodyRecord {
        symbol,
        number,
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
    } = codec::take(&mut rest)?;
    codec::end(rest)?;
    let card_text = |text: &'a str| CardText::new(text).map_err(|_| "no card bears this text");
    Ok(Registration {
        person,
        card: CardFace {
            insurer,
            symbol: symbol.map(card_text).transpose()?,
            number: card_text(number)?,
            branch,
            birthdate,
        },
        period,
        reason_of_loss: reason_of_loss.map(CodeByte::from_byte).transpose()?,
        card_classification: CodeByte::from_byte(card_classification)?,
        personal_family: personal_family.map(CodeByte::from_byte).transpose()?,
        insured_name: insured_name.map(personal),
        name: personal(name),
        name_of_other: name_of_other.map(personal),
        name_kana: name_kana.map(personal),
        name_of_other_kana: name_of_other_kana.map(personal),
        sex1: CodeByte::from_byte(sex1)?,
        sex2: sex2.map(CodeByte::from_byte).transpose()?,
        post_number: post_number
            .map(|number| PostNumber::from_number(number).ok_or("no such postal code"))
            .transpose()?,
        address: address.map(personal),
        card_issued: card_issued.map(day).transpose()?,
        card_valid_from: card_valid_from.map(day).transpose()?,
        card_expires: card_expires.map(day).transpose()?,
        contribution_ratio: contribution_ratio.map(CodeByte::from_byte).transpose()?,
        elderly_recipient: all(elderly_recipient)?,
        limit_application: all(limit_application)?,
        specific_diseases: all(specific_diseases)?,
        medical_tickets: all(medical_tickets)?,
        elsewhere,
    })
}

fn text<'r>(text: Option<&'r Text<'_>>) -> Option<&'r str> {
    text.map(|text| &**text.expose())
}

fn personal(text: &str) -> Text<'_> {
    Personal::new(Cow::Borrowed(text))
}

pub(super) fn all<R, T: TryFrom<R, Error = Damage>>(records: Vec<R>) -> Result<Vec<T>, Damage> {
    records.into_iter().map(T::try_from).collect()
}

impl PeriodRecord {
    /// A list of periods.
    pub(super) fn all(periods: &[shikaku_domain::Period]) -> Vec<Self> {
        periods.iter().copied().map(Self::from).collect()
    }
}
