//! The entry record: all registrations under one card key, each in a slot.
//!
//! version 1 | number of slots | slots. A slot's head holds what the writer's rules need, so that
//! a write never decodes a body, and comparing two bodies is comparing bytes.

use super::body::{all, decode_registration};
use super::parts::PeriodRecord;
use crate::codec::{self, Damage};
use bincode::{BorrowDecode, Encode};
use shikaku_domain::{Day, InsuredBranchNumber, InsurerNumber, Period, PersonId, Registration};
use std::borrow::Cow;

/// Most registrations under one card key, and of one person. Usual is 1; re-joining every month
/// for twenty years makes 240.
pub const REGISTRATIONS_MAX: usize = 256;
/// Most bytes of one entry: 256 registrations of 4 KiB.
pub(crate) const ENTRY_BYTES_MAX: usize = 1 << 20;

#[derive(Encode, BorrowDecode)]
struct SlotRecord<'a> {
    person: u64,
    branch: Option<u8>,
    period: PeriodRecord,
    elsewhere: Vec<PeriodRecord>,
    body: &'a [u8],
}

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
}

impl<'a> TryFrom<SlotRecord<'a>> for Slot<'a> {
    type Error = Damage;

    fn try_from(record: SlotRecord<'a>) -> Result<Self, Damage> {
        let SlotRecord { person, branch, period, elsewhere, body } = record;
        Ok(Self {
            person: PersonId::from_number(person).ok_or("no such person number")?,
            branch: branch.map(decode_branch).transpose()?,
            period: period.try_into()?,
            elsewhere: all(elsewhere)?,
            body: Cow::Borrowed(body),
        })
    }
}

pub(super) fn decode_branch(number: u8) -> Result<InsuredBranchNumber, Damage> {
    InsuredBranchNumber::from_number(number).ok_or("no such branch")
}

/// Encodes an entry.
pub(crate) fn encode_entry(slots: &[Slot<'_>]) -> Vec<u8> {
    let bodies: usize = slots.iter().map(|slot| slot.body.len() + 32).sum();
    let mut out = codec::start(bodies + 4);
    codec::add(&mut out, &(slots.len() as u64));
    for slot in slots {
        let Slot { person, branch, period, elsewhere, body } = slot;
        let record = SlotRecord {
            person: person.number(),
            branch: branch.map(InsuredBranchNumber::number),
            period: (*period).into(),
            elsewhere: PeriodRecord::all(elsewhere),
            body,
        };
        codec::add(&mut out, &record);
    }
    out
}

/// Reads the slots of an entry one by one.
pub(crate) fn decode_slots(
    entry: &[u8],
) -> Result<impl Iterator<Item = Result<Slot<'_>, Damage>>, Damage> {
    let mut rest = codec::open(entry)?;
    let mut left: u64 = codec::take(&mut rest)?;
    if left == 0 || left > REGISTRATIONS_MAX as u64 {
        return Err("an impossible number of registrations");
    }
    Ok(std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        left -= 1;
        let slot = codec::take::<SlotRecord<'_>>(&mut rest).and_then(Slot::try_from);
        if slot.is_err() {
            left = 0;
        } else if left == 0
            && let Err(damage) = codec::end(rest)
        {
            return Some(Err(damage));
        }
        Some(slot)
    }))
}

/// Decodes an entry and passes its registrations on. Nothing is put on the heap for an entry with
/// one registration without certificates, the usual one.
///
/// `insurer` and `birthdate` are those of the entry's key.
// HOT PATH: every eligibility query decodes one entry.
pub(crate) fn with_registrations<R>(
    entry: &[u8],
    insurer: InsurerNumber,
    birthdate: Day,
    f: impl FnOnce(&[Registration<'_>]) -> R,
) -> Result<R, Damage> {
    let mut registrations =
        decode_slots(entry)?.map(|slot| decode_registration(slot?, insurer, birthdate));
    let Some(first) = registrations.next().transpose()? else {
        return Ok(f(&[]));
    };
    let Some(second) = registrations.next().transpose()? else {
        return Ok(f(std::slice::from_ref(&first)));
    };
    let mut all = vec![first, second];
    for registration in registrations {
        all.push(registration?);
    }
    Ok(f(&all))
}
