//! The entry record: all registrations under one card key, each in a slot.
//!
//! | bytes | what | form |
//! |---|---|---|
//! | 1 | version | 2 |
//! | | slots, in the order of person and start | |
//!
//! | bytes | of a slot | form |
//! |---|---|---|
//! | 1 | flags | 1 last slot, 2 branch, 4 end, 8 elsewhere; others 0 |
//! | 7 | person | big endian |
//! | 1 | branch | if flagged |
//! | 1-3 | start | day from [`ANCHOR`] |
//! | 1-3 | covered days + 1 | number; if an end is flagged |
//! | 1- | elsewhere | their number, then periods; if flagged |
//! | 1-3 | length of the body | number; not in the last slot, whose body ends the entry |
//! | | body | see [`super::body`] |
//!
//! Numbers, days and periods are those of [`super::pack`]. A slot's head holds what the writer's
//! rules need, so that a write never decodes a body, and comparing two bodies is comparing bytes.

use super::body::decode_registration;
use super::pack::{ANCHOR, Bytes, put_counted, put_day, put_length, put_number, put_period};
use super::text::Texts;
use crate::codec::{Damage, other_version};
use crate::keys::CardParts;
use crate::towns::TownTable;
use shikaku_domain::{Day, InsuredBranchNumber, Period, PersonId, Registration};
use std::borrow::Cow;

/// Most registrations under one card key, and of one person. Usual is 1; re-joining every month
/// for twenty years makes 240.
pub const REGISTRATIONS_MAX: usize = 256;
/// Most bytes of one entry: 256 registrations of 4 KiB.
pub(crate) const ENTRY_BYTES_MAX: usize = 1 << 20;

/// The version of entries and persons.
pub(super) const VERSION: u8 = 2;

const LAST: u8 = 1;
const HAS_BRANCH: u8 = 2;
const HAS_END: u8 = 4;
const HAS_ELSEWHERE: u8 = 8;
const FLAGS: u8 = LAST | HAS_BRANCH | HAS_END | HAS_ELSEWHERE;

/// One registration of an entry, its body still encoded.
///
/// In an entry, slots are in the order of person and start, and these two are different in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot<'a> {
    pub(crate) person: PersonId,
    pub(crate) branch: Option<InsuredBranchNumber>,
    pub(crate) period: Period,
    pub(crate) elsewhere: Vec<Period>,
    pub(crate) body: Cow<'a, [u8]>,
}

impl Slot<'_> {
    /// A copy that owns its bytes.
    pub(crate) fn into_owned(self) -> Slot<'static> {
        Slot { body: Cow::Owned(self.body.into_owned()), ..self }
    }

    /// What tells the slots of one entry apart.
    pub(crate) fn order(&self) -> (PersonId, Day) {
        (self.person, self.period.start())
    }

    fn put(&self, out: &mut Vec<u8>, is_last: bool) {
        let Self { person, branch, period, elsewhere, body } = self;
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.push(
            flag(is_last, LAST)
                | flag(branch.is_some(), HAS_BRANCH)
                | flag(period.end().is_some(), HAS_END)
                | flag(!elsewhere.is_empty(), HAS_ELSEWHERE),
        );
        let [_, person @ ..] = person.number().to_be_bytes();
        out.extend(person);
        out.extend(branch.map(InsuredBranchNumber::number));
        put_day(out, period.start(), ANCHOR);
        if period.end().is_some() {
            put_length(out, *period);
        }
        if !elsewhere.is_empty() {
            put_number(out, u32::try_from(elsewhere.len()).unwrap_or(u32::MAX));
            elsewhere.iter().for_each(|period| put_period(out, *period));
        }
        if is_last {
            out.extend_from_slice(body);
        } else {
            put_counted(out, body);
        }
    }
}

/// Takes a slot, and says whether it is the last.
fn take_slot<'a>(bytes: &mut Bytes<'a>) -> Result<(Slot<'a>, bool), Damage> {
    let flags = bytes.byte()?;
    if flags & !FLAGS != 0 {
        return Err("unknown flags");
    }
    let has = |flag| flags & flag != 0;
    let [a, b, c, d, e, f, g] = bytes.array()?;
    let person = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
    let person = PersonId::from_number(person).ok_or("no such person number")?;
    let branch = has(HAS_BRANCH).then(|| decode_branch(bytes.byte()?)).transpose()?;
    let start = bytes.day(ANCHOR)?;
    let period = match has(HAS_END) {
        true => bytes.period_from(start)?,
        false => Period::new(start, None).map_err(|_| "no such period")?,
    };
    let mut elsewhere = Vec::new();
    if has(HAS_ELSEWHERE) {
        let count = bytes.number()?;
        if count == 0 || count as usize > REGISTRATIONS_MAX {
            return Err("an impossible number of registrations");
        }
        for _ in 0..count {
            elsewhere.push(bytes.period()?);
        }
    }
    let is_last = has(LAST);
    let body = if is_last { bytes.rest() } else { bytes.counted()? };
    Ok((Slot { person, branch, period, elsewhere, body: Cow::Borrowed(body) }, is_last))
}

pub(super) fn decode_branch(number: u8) -> Result<InsuredBranchNumber, Damage> {
    InsuredBranchNumber::from_number(number).ok_or("no such branch")
}

/// Encodes an entry. There is at least one slot.
pub(crate) fn encode_entry(slots: &[Slot<'_>]) -> Vec<u8> {
    let bytes: usize = slots.iter().map(|slot| slot.body.len() + 24).sum();
    let mut out = Vec::with_capacity(bytes + 1);
    out.push(VERSION);
    let last = slots.len().saturating_sub(1);
    for (index, slot) in slots.iter().enumerate() {
        slot.put(&mut out, index == last);
    }
    out
}

/// Encodes one slot as the last of an entry.
pub(crate) fn encode_slot(slot: &Slot<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(slot.body.len() + 24);
    slot.put(&mut out, true);
    out
}

/// Makes an entry of slots that [`encode_slot`] gave, in their order. There is at least one.
pub(crate) fn entry_of_slots(slots: &[Vec<u8>]) -> Result<Vec<u8>, Damage> {
    if let [slot] = slots {
        return Ok([&[VERSION], slot.as_slice()].concat());
    }
    let slots: Result<Vec<_>, Damage> =
        slots.iter().map(|slot| Ok(take_slot(&mut Bytes::new(slot))?.0)).collect();
    Ok(encode_entry(&slots?))
}

/// Opens a dense record.
pub(super) fn open(record: &[u8]) -> Result<Bytes<'_>, Damage> {
    match record.split_first() {
        Some((&VERSION, rest)) => Ok(Bytes::new(rest)),
        Some((other, _)) => Err(other_version(*other, VERSION)),
        None => Err("empty"),
    }
}

/// Reads the slots of an entry one by one.
pub(crate) fn decode_slots(
    entry: &[u8],
) -> Result<impl Iterator<Item = Result<Slot<'_>, Damage>>, Damage> {
    let mut bytes = open(entry)?;
    let mut left = REGISTRATIONS_MAX;
    let mut is_over = false;
    Ok(std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let slot = take_slot(&mut bytes);
        is_over = !matches!(slot, Ok((_, false)));
        if left == 0 {
            is_over = true;
            return Some(Err("an impossible number of registrations"));
        }
        left -= 1;
        Some(slot.map(|(slot, _)| slot))
    }))
}

/// Decodes an entry and passes its registrations on. An entry with one registration without
/// certificates, the usual one, takes one allocation.
///
/// `card` is what the entry's key says.
// HOT PATH: every eligibility query decodes one entry.
pub(crate) fn with_registrations<R>(
    entry: &[u8],
    card: &CardParts,
    towns: &TownTable,
    f: impl FnOnce(&[Registration<'_>]) -> R,
) -> Result<R, Damage> {
    let mut slots = decode_slots(entry)?;
    let Some(first) = slots.next().transpose()? else {
        return Ok(f(&[]));
    };
    let mut texts = Texts::new();
    let first = decode_registration(first, card, towns, &mut texts)?;
    let others = slots.collect::<Result<Vec<_>, _>>()?;
    if others.is_empty() {
        return Ok(f(std::slice::from_ref(&first)));
    }
    let mut texts: Vec<_> = others.iter().map(|_| Texts::new()).collect();
    let others = others.into_iter().zip(&mut texts);
    let others = others.map(|(slot, texts)| decode_registration(slot, card, towns, texts));
    let all = std::iter::once(Ok(first)).chain(others).collect::<Result<Vec<_>, _>>()?;
    Ok(f(&all))
}
