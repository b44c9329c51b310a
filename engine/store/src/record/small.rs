//! The records of the tables `person`, `insurer`, `town` and `progress`.

use super::pack::{Bytes, put_period};
use super::slot::{REGISTRATIONS_MAX, VERSION, decode_branch, open};
use crate::codec::{self, Damage};
use crate::keys::{CARD_KEY_BYTES_MAX, CardKey};
use crate::progress::FileProgress;
use bincode::{BorrowDecode, Encode};
use shikaku_domain::{InsuredBranchNumber, Insurer, InsurerNumber, Period};

/// Stands for a branch that is not there.
const NO_BRANCH: u8 = 255;
const _: () = assert!(CARD_KEY_BYTES_MAX <= u8::MAX as usize);

/// Where one registration of a person is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) card: CardKey,
    pub(crate) branch: Option<InsuredBranchNumber>,
    pub(crate) period: Period,
}

/// Encodes a person: version 2, then each membership as
///
/// | bytes | what | form |
/// |---|---|---|
/// | 1 | length of the card key | |
/// | 8-129 | card key | |
/// | 1 | branch | 255 for none |
/// | 2-6 | period | see [`super::pack`] |
pub(crate) fn encode_person(memberships: &[Membership]) -> Vec<u8> {
    let mut out = Vec::with_capacity(memberships.len() * 32 + 1);
    out.push(VERSION);
    for Membership { card, branch, period } in memberships {
        put_card(&mut out, card, *branch);
        put_period(&mut out, *period);
    }
    out
}

/// Decodes a person.
pub(crate) fn decode_person(record: &[u8]) -> Result<Vec<Membership>, Damage> {
    let mut bytes = open(record)?;
    let mut memberships = Vec::with_capacity(1);
    while !bytes.is_empty() {
        let (card, branch) = take_card(&mut bytes)?;
        memberships.push(Membership { card, branch, period: bytes.period()? });
    }
    if memberships.is_empty() || memberships.len() > REGISTRATIONS_MAX {
        return Err("an impossible number of registrations");
    }
    Ok(memberships)
}

/// Writes a card key behind its length, then the branch.
pub(super) fn put_card(out: &mut Vec<u8>, card: &CardKey, branch: Option<InsuredBranchNumber>) {
    let key = card.as_bytes();
    // INVARIANT: a card key has at most `CARD_KEY_BYTES_MAX` bytes.
    out.push(u8::try_from(key.len()).unwrap_or_default());
    out.extend_from_slice(key);
    out.push(branch.map_or(NO_BRANCH, InsuredBranchNumber::number));
}

pub(super) fn take_card(
    bytes: &mut Bytes<'_>,
) -> Result<(CardKey, Option<InsuredBranchNumber>), Damage> {
    let length = bytes.byte()?;
    let key = bytes.take(usize::from(length))?;
    let card = CardKey::from_bytes(key).ok_or("no such card key")?;
    let branch = match bytes.byte()? {
        NO_BRANCH => None,
        number => Some(decode_branch(number)?),
    };
    Ok((card, branch))
}

/// Encodes a town: version 1 | text. The code is the key.
pub(crate) fn encode_town(text: &str) -> Vec<u8> {
    let mut out = codec::start(text.len() + 4);
    codec::add(&mut out, &text);
    out
}

/// Decodes a town.
pub(crate) fn decode_town(record: &[u8]) -> Result<&str, Damage> {
    let mut rest = codec::open(record)?;
    let text = codec::take(&mut rest)?;
    codec::end(rest)?;
    Ok(text)
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
