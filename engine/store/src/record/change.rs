//! A change of one membership as it lies in the runs of a bulk load.
//!
//! | bytes | what | form |
//! |---|---|---|
//! | 1 | length of the card key | |
//! | 8-129 | card key | |
//! | 1 | branch | 255 for none |
//! | 2-6 | period | of a withdrawal its start counts only |
//! | 1 | 1 registers, 0 withdraws | |
//! | | body | of a registration |
//!
//! Runs live no longer than one bulk load, so they have no version.

use super::body::encode_body;
use super::pack::{Bytes, put_period};
use super::small::{put_card, take_card};
use crate::bulk::StoredChange;
use crate::codec::Damage;
use crate::keys::CardKey;
use crate::towns::NewTowns;
use shikaku_domain::{MemberChange, Period};

const WITHDRAWS: u8 = 0;
const REGISTERS: u8 = 1;

/// Encodes a change; the person is in its key.
pub(crate) fn encode_change(change: &MemberChange<'_>, towns: &NewTowns) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    match change {
        MemberChange::Put(registration) => {
            let card = &registration.card;
            put_card(&mut out, &CardKey::of_card(card), card.branch);
            put_period(&mut out, registration.period);
            out.push(REGISTERS);
            out.extend_from_slice(&encode_body(registration, towns));
        }
        MemberChange::Withdraw { person: _, card, qualified } => {
            put_card(&mut out, &CardKey::of_card(card), card.branch);
            // INVARIANT: a period that begins and does not end is one.
            let period = Period::new(*qualified, None);
            period.into_iter().for_each(|period| put_period(&mut out, period));
            out.push(WITHDRAWS);
        }
    }
    out
}

/// Decodes a change.
pub(crate) fn decode_change(record: &[u8]) -> Result<StoredChange<'_>, Damage> {
    let mut bytes = Bytes::new(record);
    let (card, branch) = take_card(&mut bytes)?;
    let period = bytes.period()?;
    let body = match bytes.byte()? {
        REGISTERS => Some(bytes.rest()),
        WITHDRAWS => None,
        _ => return Err("unknown change"),
    };
    Ok(StoredChange { card, branch, period, body })
}
