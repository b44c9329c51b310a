//! Stored records and their hand-written, exhaustive conversion from and to domain types.
//!
//! Decoding trusts nothing: bytes from a disk may be anything. It never panics, and it allocates no
//! more than a fixed bound.

mod body;
mod change;
mod codes;
mod pack;
mod parts;
mod slot;
mod small;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use body::encode_body;
pub(crate) use change::{decode_change, encode_change};
pub use slot::REGISTRATIONS_MAX;
pub(crate) use slot::{
    ENTRY_BYTES_MAX, Slot, decode_slots, encode_entry, encode_slot, entry_of_slots,
    with_registrations,
};
pub(crate) use small::{
    Membership, decode_insurer, decode_person, decode_progress, decode_town, encode_insurer,
    encode_person, encode_progress, encode_town,
};
