//! The records of the tables `person`, `insurer` and `progress`.

use super::parts::PeriodRecord;
use super::slot::{REGISTRATIONS_MAX, decode_branch};
use crate::codec::{self, Damage};
use crate::keys::CardKey;
use crate::progress::FileProgress;
use bincode::{BorrowDecode, Encode};
use shikaku_domain::{InsuredBranchNumber, Insurer, InsurerNumber, Period};

#[derive(Encode, BorrowDecode)]
struct MembershipRecord<'a> {
    card_key: &'a [u8],
    branch: Option<u8>,
    period: PeriodRecord,
}

/// Where one registration of a person is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) card: CardKey,
    pub(crate) branch: Option<InsuredBranchNumber>,
    pub(crate) period: Period,
}

/// Encodes a person: version 1 | list of memberships.
pub(crate) fn encode_person(memberships: &[Membership]) -> Vec<u8> {
    let mut out = codec::start(memberships.len() * 40 + 2);
    codec::add(&mut out, &(memberships.len() as u64));
    for membership in memberships {
        let Membership { card, branch, period } = membership;
        let record = MembershipRecord {
            card_key: card.as_bytes(),
            branch: branch.map(InsuredBranchNumber::number),
            period: (*period).into(),
        };
        codec::add(&mut out, &record);
    }
    out
}

/// Decodes a person.
pub(crate) fn decode_person(record: &[u8]) -> Result<Vec<Membership>, Damage> {
    let mut rest = codec::open(record)?;
    let count: u64 = codec::take(&mut rest)?;
    if count == 0 || count > REGISTRATIONS_MAX as u64 {
        return Err("an impossible number of registrations");
    }
    let memberships = (0..count)
        .map(|_| {
            let MembershipRecord { card_key, branch, period } = codec::take(&mut rest)?;
            Ok(Membership {
                card: CardKey::from_bytes(card_key).ok_or("no such card key")?,
                branch: branch.map(decode_branch).transpose()?,
                period: period.try_into()?,
            })
        })
        .collect::<Result<_, Damage>>()?;
    codec::end(rest)?;
    Ok(memberships)
}

/// Encodes an insurer: version 1 | name. The number is the key.
pub(crate) fn encode_insurer(insurer: &Insurer) -> Vec<u8> {
    let Insurer { number: _, name } = insurer;
    let mut out = codec::start(name.len() + 4);
    codec::add(&mut out, &name.as_str());
    out
}

/// Decodes the insurer stored under a key.
pub(crate) fn decode_insurer(key: &[u8], record: &[u8]) -> Result<Insurer, Damage> {
    let number = key
        .try_into()
        .ok()
        .and_then(|bytes| InsurerNumber::from_number(u32::from_be_bytes(bytes)))
        .ok_or("no such insurer number")?;
    let mut rest = codec::open(record)?;
    let name: &str = codec::take(&mut rest)?;
    codec::end(rest)?;
    Ok(Insurer { number, name: name.to_owned() })
}

#[derive(Encode, BorrowDecode)]
struct ProgressRecord {
    lines: u64,
    complete: bool,
    rejected: u64,
    added: u64,
    changed: u64,
    unchanged: u64,
    withdrawn: u64,
    not_found: u64,
    gaps: u64,
    overlaps: u64,
}

/// Encodes how far a file was loaded.
pub(crate) fn encode_progress(progress: &FileProgress) -> Vec<u8> {
    let FileProgress {
        lines,
        complete,
        rejected,
        added,
        changed,
        unchanged,
        withdrawn,
        not_found,
        gaps,
        overlaps,
    } = *progress;
    let mut out = codec::start(32);
    codec::add(
        &mut out,
        &ProgressRecord {
            lines,
            complete,
            rejected,
            added,
            changed,
            unchanged,
            withdrawn,
            not_found,
            gaps,
            overlaps,
        },
    );
    out
}

/// Decodes how far a file was loaded.
pub(crate) fn decode_progress(record: &[u8]) -> Result<FileProgress, Damage> {
    let mut rest = codec::open(record)?;
    let ProgressRecord {
        lines,
        complete,
        rejected,
        added,
        changed,
        unchanged,
        withdrawn,
        not_found,
        gaps,
        overlaps,
    } = codec::take(&mut rest)?;
    codec::end(rest)?;
    Ok(FileProgress {
        lines,
        complete,
        rejected,
        added,
        changed,
        unchanged,
        withdrawn,
        not_found,
        gaps,
        overlaps,
    })
}
