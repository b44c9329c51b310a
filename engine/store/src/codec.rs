//! The one place that knows bincode. Every record begins with the version of its format; a new
//! version is a new arm in the readers, and old ones stay readable.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{BorrowDecode, Encode};

/// The format that records are written in.
pub(crate) const VERSION: u8 = 1;

/// Most bytes that decoding one value may claim: the largest record is an entry of
/// [`crate::record::ENTRY_BYTES_MAX`], and lists take a little more in memory than on disk.
const DECODE_BYTES_MAX: usize = 4 << 20;

type Config = Configuration<LittleEndian, Varint, Limit<DECODE_BYTES_MAX>>;
const CONFIG: Config = bincode::config::standard().with_limit::<DECODE_BYTES_MAX>();

/// What is wrong with a record, without its contents.
pub(crate) type Damage = &'static str;

/// What is said of a record that a later version of this program wrote. It is not damage: see
/// [`crate::StoreError::of_record`].
pub(crate) const NEWER: Damage = "written by a newer version of the program";

/// What is wrong with a record of another version than those that are read, of which this is the
/// newest.
pub(crate) const fn other_version(found: u8, newest: u8) -> Damage {
    if found > newest { NEWER } else { "unknown format version" }
}

/// Starts a record of the current version.
pub(crate) fn start(capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    out.push(VERSION);
    out
}

/// Adds a value to a record.
#[expect(clippy::expect_used, reason = "writing to memory cannot fail")]
pub(crate) fn add<T: Encode>(out: &mut Vec<u8>, value: &T) {
    bincode::encode_into_std_write(value, out, CONFIG).expect("a vector takes all bytes");
}

/// Opens a record: what follows the version.
pub(crate) fn open(record: &[u8]) -> Result<&[u8], Damage> {
    match record.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((other, _)) => Err(other_version(*other, VERSION)),
        None => Err("empty"),
    }
}

/// Takes the next value of a record, borrowing from it.
pub(crate) fn take<'a, T: BorrowDecode<'a, ()>>(rest: &mut &'a [u8]) -> Result<T, Damage> {
    let (value, read) =
        bincode::borrow_decode_from_slice(rest, CONFIG).map_err(|_| "undecodable")?;
    *rest = rest.get(read..).unwrap_or_default();
    Ok(value)
}

/// Ends reading: nothing may follow.
pub(crate) fn end(rest: &[u8]) -> Result<(), Damage> {
    if rest.is_empty() { Ok(()) } else { Err("bytes after the end") }
}
