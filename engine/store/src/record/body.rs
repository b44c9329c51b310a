//! A registration as stored, without what the key, the slot's head or the person's record says:
//! insurer, birth date, person, branch, period and `elsewhere`.
//!
//! | bytes | what | form |
//! |---|---|---|
//! | 1 | codes | 2 bits each, lowest first: 性別 front, 性別 back, 本人・家族, 負担割合 / 10; 0 none |
//! | 1 | forms | 2 bits 記号, 2 bits 番号, 2 bits 被保険者氏名, 64 証の種類, 128 喪失事由 |
//! | 1 | parts | 1 カナ, 2 郵便番号, 4 住所, 8 交付日, 16 有効開始日, 32 有効終了日, 64 rare, 128 town |
//! | 1 | 証の種類 | code; if flagged, else 一般 |
//! | 1 | 喪失事由 | code; if flagged |
//! | 0- | 記号, 番号 | by form: 0 absent, 1 as folded in the key, 2 a style byte, 3 text |
//! | 2- | 氏名 | text |
//! | 0- | 被保険者氏名 | by form: 0 absent, 1 氏名, 2 so many first characters of 氏名, then text |
//! | 0- | カナ | text of half-width kana |
//! | 3 | 郵便番号 | big endian |
//! | 0- | 住所 | code of its town (number; if flagged), then the rest as text |
//! | 0-3 | 交付日 | day from the start of the period |
//! | 0-3 | 有効開始日 | day from 交付日, or else from the start |
//! | 0-3 | 有効終了日 | day from 有効開始日, or else as that |
//! | | rare | bincode of [`RareRecord`]; if flagged |
//!
//! A style byte makes a card's spelling of the folded text: the low 7 bits are zeros before it,
//! the high bit says full width. Texts are those of [`super::text`].

use super::codes::CodeByte;
use super::pack::{Bytes, put_day, put_number};
use super::parts::{ElderlyRecord, LimitRecord, SpecificDiseasesRecord, TicketRecord, all};
use super::slot::Slot;
use super::text::{Page, Span, Texts, put_text, unpack};
use crate::codec::{self, Damage};
use crate::keys::CardParts;
use crate::towns::{self, NewTowns, TownTable};
use bincode::{BorrowDecode, Encode};
use shikaku_domain::{
    CardFace, CardText, Day, Folded, InsuredCardClassification, Personal, PostNumber, Registration,
    Text,
};
use std::borrow::Cow;

const KANA: u8 = 1;
const POST_NUMBER: u8 = 2;
const ADDRESS: u8 = 4;
const ISSUED: u8 = 8;
const VALID_FROM: u8 = 16;
const EXPIRES: u8 = 32;
const RARE: u8 = 64;
const TOWN: u8 = 128;

const CLASSIFICATION: u8 = 64;
const REASON: u8 = 128;

const ABSENT: u8 = 0;
const AS_FOLDED: u8 = 1;
const STYLED: u8 = 2;
const SPELLED: u8 = 3;
const SAME_NAME: u8 = 1;
const SIMILAR_NAME: u8 = 2;

const FULL_WIDTH: u8 = 0x80;
const ZEROS_MAX: usize = 0x7F;
/// Contribution ratios are 10, 20 and 30 percent.
const RATIO_STEP: u8 = 10;

/// What most registrations lack.
#[derive(Encode, BorrowDecode)]
struct RareRecord<'a> {
    name_of_other: Option<&'a str>,
    name_of_other_kana: Option<&'a str>,
    elderly_recipient: Vec<ElderlyRecord>,
    limit_application: Vec<LimitRecord>,
    specific_diseases: Vec<SpecificDiseasesRecord>,
    medical_tickets: Vec<TicketRecord<'a>>,
}

/// Size of a usual body in bytes: saves growing the buffer.
const BODY_BYTES_USUAL: usize = 96;

/// Encodes what a body holds of a registration. Equal registrations give equal bytes as long as
/// the town of their address keeps its code or keeps having none.
pub(crate) fn encode_body(registration: &Registration<'_>, towns: &NewTowns) -> Vec<u8> {
    let Registration {
        person: _,
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
    let CardFace { insurer: _, symbol, number, branch: _, birthdate: _ } = card;
    let rare = RareRecord {
        name_of_other: text(name_of_other.as_ref()),
        name_of_other_kana: text(name_of_other_kana.as_ref()),
        elderly_recipient: elderly_recipient.iter().map(Into::into).collect(),
        limit_application: limit_application.iter().map(Into::into).collect(),
        specific_diseases: specific_diseases.iter().map(Into::into).collect(),
        medical_tickets: medical_tickets.iter().map(Into::into).collect(),
    };
    let mut body = Body { out: Vec::with_capacity(BODY_BYTES_USUAL), forms: 0, parts: 0 };
    let codes = [
        sex1.byte(),
        sex2.map_or(0, CodeByte::byte),
        personal_family.map_or(0, CodeByte::byte),
        contribution_ratio.map_or(0, CodeByte::byte) / RATIO_STEP,
    ];
    let codes = codes.iter().rev().fold(0, |bits, code| bits << 2 | code);
    body.out.extend([codes, 0, 0]);
    body.classification(*card_classification);
    body.code(REASON, reason_of_loss.map(CodeByte::byte));
    body.card_text(0, symbol.as_ref(), &card.symbol_to_compare());
    body.card_text(2, Some(number), number.folded());
    put_text(&mut body.out, name.expose(), Page::Common);
    body.insured_name(text(insured_name.as_ref()), name.expose());
    if let Some(kana) = body.part(KANA, text(name_kana.as_ref())) {
        put_text(&mut body.out, kana, Page::Kana);
    }
    if let Some(number) = body.part(POST_NUMBER, *post_number) {
        let [_, digits @ ..] = number.number().to_be_bytes();
        body.out.extend(digits);
    }
    body.address(text(address.as_ref()), towns);
    let mut from = period.start();
    for (flag, day) in
        [(ISSUED, card_issued), (VALID_FROM, card_valid_from), (EXPIRES, card_expires)]
    {
        if let Some(day) = body.part(flag, *day) {
            put_day(&mut body.out, day, from.number());
            from = day;
        }
    }
    if rare.is_there() {
        body.parts |= RARE;
        codec::add(&mut body.out, &rare);
    }
    body.finish()
}

impl RareRecord<'_> {
    const fn is_there(&self) -> bool {
        let Self {
            name_of_other,
            name_of_other_kana,
            elderly_recipient,
            limit_application,
            specific_diseases,
            medical_tickets,
        } = self;
        name_of_other.is_some()
            || name_of_other_kana.is_some()
            || !elderly_recipient.is_empty()
            || !limit_application.is_empty()
            || !specific_diseases.is_empty()
            || !medical_tickets.is_empty()
    }

    const NONE: Self = Self {
        name_of_other: None,
        name_of_other_kana: None,
        elderly_recipient: Vec::new(),
        limit_application: Vec::new(),
        specific_diseases: Vec::new(),
        medical_tickets: Vec::new(),
    };
}

/// A body being written.
struct Body {
    out: Vec<u8>,
    forms: u8,
    parts: u8,
}

impl Body {
    fn part<T>(&mut self, flag: u8, part: Option<T>) -> Option<T> {
        self.parts |= if part.is_some() { flag } else { 0 };
        part
    }

    fn code(&mut self, flag: u8, code: Option<u8>) {
        self.forms |= if code.is_some() { flag } else { 0 };
        self.out.extend(code);
    }

    fn classification(&mut self, classification: InsuredCardClassification) {
        let is_usual = classification == InsuredCardClassification::General;
        self.code(CLASSIFICATION, (!is_usual).then(|| classification.byte()));
    }

    fn card_text(&mut self, shift: u8, text: Option<&CardText<'_>>, folded: &Folded) {
        let Some(text) = text.map(|text| text.text().expose()) else { return };
        let form = match style(text, folded.as_str()) {
            Some(0) => AS_FOLDED,
            Some(style) => {
                self.out.push(style);
                STYLED
            }
            None => {
                put_text(&mut self.out, text, Page::Common);
                SPELLED
            }
        };
        self.forms |= form << shift;
    }

    fn insured_name(&mut self, insured: Option<&str>, name: &str) {
        let Some(insured) = insured else { return };
        if insured == name {
            self.forms |= SAME_NAME << 4;
            return;
        }
        let shared = insured.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
        let rest: usize = insured.chars().take(shared).map(char::len_utf8).sum();
        self.forms |= SIMILAR_NAME << 4;
        put_number(&mut self.out, u32::try_from(shared).unwrap_or(u32::MAX));
        put_text(&mut self.out, insured.get(rest..).unwrap_or_default(), Page::Common);
    }

    fn address(&mut self, address: Option<&str>, towns: &NewTowns) {
        let Some(mut address) = self.part(ADDRESS, address) else { return };
        let known = towns::split(address).and_then(|(town, rest)| Some((towns.code(town)?, rest)));
        if let Some((code, rest)) = known {
            self.parts |= TOWN;
            put_number(&mut self.out, code);
            address = rest;
        }
        put_text(&mut self.out, address, Page::Common);
    }

    fn finish(mut self) -> Vec<u8> {
        if let Some([_, forms, parts]) = self.out.first_chunk_mut::<3>() {
            (*forms, *parts) = (self.forms, self.parts);
        }
        self.out
    }
}

/// The style byte that makes this spelling of the folded text, if there is one.
fn style(text: &str, folded: &str) -> Option<u8> {
    let zeros = text.chars().count().checked_sub(folded.chars().count())?;
    let zeros = u8::try_from(zeros).ok().filter(|zeros| usize::from(*zeros) <= ZEROS_MAX)?;
    [zeros, zeros | FULL_WIDTH].into_iter().find(|style| text.chars().eq(styled(folded, *style)))
}

/// The spelling that a style byte makes of a folded text.
fn styled(folded: &str, style: u8) -> impl Iterator<Item = char> {
    let zeros = std::iter::repeat_n('0', usize::from(style & !FULL_WIDTH));
    let widen = move |c: char| match c {
        '!'..='~' if style & FULL_WIDTH != 0 => {
            char::from_u32(u32::from(c) - 0x20 + 0xFF00).unwrap_or(c)
        }
        c => c,
    };
    zeros.chain(folded.chars()).map(widen)
}

/// The registration in a slot, under this card. Its texts are put to `texts`, which are empty.
// HOT PATH
pub(super) fn decode_registration<'a>(
    slot: Slot<'_>,
    card: &CardParts,
    towns: &TownTable,
    texts: &'a mut Texts,
) -> Result<Registration<'a>, Damage> {
    let Slot { person, branch, period, elsewhere, body } = slot;
    let mut bytes = Bytes::new(&body);
    let [codes, forms, parts] = bytes.array()?;
    let code = |shift: u8| Some(codes >> shift & 3).filter(|code| *code != 0);
    let form = |shift: u8| forms >> shift & 3;
    let card_classification = match forms & CLASSIFICATION {
        0 => InsuredCardClassification::General,
        _ => CodeByte::from_byte(bytes.byte()?)?,
    };
    let reason_of_loss = match forms & REASON {
        0 => None,
        _ => Some(CodeByte::from_byte(bytes.byte()?)?),
    };
    let symbol = take_card_text(form(0), &mut bytes, &card.symbol, texts)?;
    let number = take_card_text(form(2), &mut bytes, &card.number, texts)?;
    let name = texts.take(&mut bytes, Page::Common)?;
    let insured_name = take_insured_name(form(4), &mut bytes, name, texts)?;
    let has = |flag| parts & flag != 0;
    let name_kana = has(KANA).then(|| texts.take(&mut bytes, Page::Kana)).transpose()?;
    let post_number = has(POST_NUMBER).then(|| take_post_number(&mut bytes)).transpose()?;
    let address =
        has(ADDRESS).then(|| take_address(has(TOWN), &mut bytes, towns, texts)).transpose()?;
    let mut from = period.start();
    let mut day = |flag| -> Result<Option<Day>, Damage> {
        if !has(flag) {
            return Ok(None);
        }
        from = bytes.day(from.number())?;
        Ok(Some(from))
    };
    let (card_issued, card_valid_from, card_expires) =
        (day(ISSUED)?, day(VALID_FROM)?, day(EXPIRES)?);
    let mut rest = bytes.rest();
    let rare = if has(RARE) { codec::take(&mut rest)? } else { RareRecord::NONE };
    codec::end(rest)?;
    let RareRecord {
        name_of_other,
        name_of_other_kana,
        elderly_recipient,
        limit_application,
        specific_diseases,
        medical_tickets,
    } = rare;
    // All texts are there, so from here on they can be lent.
    let texts = &*texts;
    let lend = move |text: Span| Personal::new(Cow::Borrowed(texts.get(text)));
    let own = |text: &str| Personal::new(Cow::Owned(text.to_owned()));
    Ok(Registration {
        person,
        card: CardFace {
            insurer: card.insurer,
            symbol: card_text(form(0), texts.get(symbol), &card.symbol)?,
            number: card_text(form(2), texts.get(number), &card.number)?.ok_or("no card number")?,
            branch,
            birthdate: card.birthdate,
        },
        period,
        reason_of_loss,
        card_classification,
        personal_family: code(4).map(CodeByte::from_byte).transpose()?,
        insured_name: insured_name.map(lend),
        name: lend(name),
        name_of_other: name_of_other.map(own),
        name_kana: name_kana.map(lend),
        name_of_other_kana: name_of_other_kana.map(own),
        sex1: CodeByte::from_byte(codes & 3)?,
        sex2: code(2).map(CodeByte::from_byte).transpose()?,
        post_number,
        address: address.map(lend),
        card_issued,
        card_valid_from,
        card_expires,
        contribution_ratio: code(6)
            .map(|tens| CodeByte::from_byte(tens * RATIO_STEP))
            .transpose()?,
        elderly_recipient: all(elderly_recipient)?,
        limit_application: all(limit_application)?,
        specific_diseases: all(specific_diseases)?,
        medical_tickets: all(medical_tickets)?,
        elsewhere,
    })
}

/// Takes what the card bears; nothing if it bears none.
fn take_card_text(
    form: u8,
    bytes: &mut Bytes<'_>,
    folded: &Folded,
    texts: &mut Texts,
) -> Result<Span, Damage> {
    texts.write(|out| match form {
        ABSENT => Ok(()),
        AS_FOLDED => {
            out.push_str(folded.as_str());
            Ok(())
        }
        STYLED => {
            let style = bytes.byte()?;
            styled(folded.as_str(), style).for_each(|c| out.push(c));
            Ok(())
        }
        _ => unpack(bytes, Page::Common, out),
    })
}

fn card_text<'a>(form: u8, text: &'a str, folded: &Folded) -> Result<Option<CardText<'a>>, Damage> {
    let text = match form {
        ABSENT => return Ok(None),
        // The key leaves out symbols that do not tell cards apart.
        SPELLED if folded.is_empty() => CardText::new(text),
        _ => CardText::with_folded(text, *folded),
    };
    text.map(Some).map_err(|_| "no card bears this text")
}

fn take_insured_name(
    form: u8,
    bytes: &mut Bytes<'_>,
    name: Span,
    texts: &mut Texts,
) -> Result<Option<Span>, Damage> {
    match form {
        ABSENT => Ok(None),
        SAME_NAME => Ok(Some(name)),
        SIMILAR_NAME => {
            let shared = texts.start_of(name, bytes.number()? as usize);
            let insured = texts.write(|out| {
                out.extend_from_within(shared.range());
                unpack(bytes, Page::Common, out)
            })?;
            Ok(Some(insured))
        }
        _ => Err("unknown form of a name"),
    }
}

fn take_post_number(bytes: &mut Bytes<'_>) -> Result<PostNumber, Damage> {
    let [high, middle, low] = bytes.array()?;
    let number = u32::from_be_bytes([0, high, middle, low]);
    PostNumber::from_number(number).ok_or("no such postal code")
}

fn take_address(
    has_town: bool,
    bytes: &mut Bytes<'_>,
    towns: &TownTable,
    texts: &mut Texts,
) -> Result<Span, Damage> {
    let town = match has_town {
        true => towns.text(bytes.number()?).ok_or("no such town")?,
        false => "",
    };
    texts.write(|out| {
        out.push_str(town);
        unpack(bytes, Page::Common, out)
    })
}

fn text<'r>(text: Option<&'r Text<'_>>) -> Option<&'r str> {
    text.map(|text| &**text.expose())
}
