//! Commands to a card and its answers, as bytes (ISO 7816-4 §5.1).

use crate::StatusWord;
use thiserror::Error;

/// Longest data field of a command: what an extended Lc can say, in bytes.
pub const DATA_BYTES_MAX: usize = 65_535;
/// Most bytes that an extended Le can ask for.
pub const EXPECTED_BYTES_MAX: usize = 65_536;
/// Longest data field and answer of the short form.
const SHORT_DATA_BYTES_MAX: usize = 255;
const SHORT_EXPECTED_BYTES_MAX: usize = 256;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data field, at most [`DATA_BYTES_MAX`]; empty when there is no Lc.
    pub data: &'a [u8],
    /// How many bytes the answer may have (Ne), 1 to [`EXPECTED_BYTES_MAX`]; `None` without Le.
    pub expected: Option<usize>,
}

/// The bytes are no command: a header is missing, or a length does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// Fewer than the four bytes of a header.
    #[error("a command has at least 4 bytes")]
    NoHeader,
    /// Lc and Le do not describe the bytes that follow.
    #[error("the lengths in the command do not fit its bytes")]
    Length,
}

impl<'a> Command<'a> {
    /// Reads a command of any of the four cases, short or extended.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CommandError> {
        let Some((&[cla, ins, p1, p2], body)) = bytes.split_first_chunk() else {
            return Err(CommandError::NoHeader);
        };
        let (data, expected) = parse_body(body).ok_or(CommandError::Length)?;
        Ok(Self { cla, ins, p1, p2, data, expected })
    }

    /// The command as bytes: short where it fits, else extended. A longer data field than
    /// [`DATA_BYTES_MAX`] is cut off, a larger answer than [`EXPECTED_BYTES_MAX`] not asked for.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let data = self.data.get(..DATA_BYTES_MAX).unwrap_or(self.data);
        let expected = self.expected.map(|bytes| bytes.clamp(1, EXPECTED_BYTES_MAX));
        let is_short = data.len() <= SHORT_DATA_BYTES_MAX
            && expected.is_none_or(|bytes| bytes <= SHORT_EXPECTED_BYTES_MAX);
        let mut bytes = vec![self.cla, self.ins, self.p1, self.p2];
        if is_short {
            // The lowest byte is the field: 256 is written 00.
            bytes.extend(data.len().to_be_bytes().last().filter(|_| !data.is_empty()));
            bytes.extend_from_slice(data);
            bytes.extend(expected.and_then(|ne| ne.to_be_bytes().last().copied()));
            return bytes;
        }
        bytes.push(0);
        if !data.is_empty() {
            bytes.extend(low_two_bytes(data.len()));
            bytes.extend_from_slice(data);
        }
        bytes.extend(expected.into_iter().flat_map(low_two_bytes));
        bytes
    }
}

fn low_two_bytes(length: usize) -> [u8; 2] {
    // 65536, the only longer one, is written 0000.
    u16::try_from(length).unwrap_or_default().to_be_bytes()
}

fn parse_body(body: &[u8]) -> Option<(&[u8], Option<usize>)> {
    match body {
        [] => Some((&[], None)),
        [le] => Some((&[], Some(ne(usize::from(*le), SHORT_EXPECTED_BYTES_MAX)))),
        [0, high, low] => Some((&[], Some(ne(be16(*high, *low), EXPECTED_BYTES_MAX)))),
        [0, high, low, rest @ ..] => {
            let (data, rest) = split_data(rest, be16(*high, *low))?;
            match rest {
                [] => Some((data, None)),
                [high, low] => Some((data, Some(ne(be16(*high, *low), EXPECTED_BYTES_MAX)))),
                _ => None,
            }
        }
        [lc, rest @ ..] => {
            let (data, rest) = split_data(rest, usize::from(*lc))?;
            match rest {
                [] => Some((data, None)),
                [le] => Some((data, Some(ne(usize::from(*le), SHORT_EXPECTED_BYTES_MAX)))),
                _ => None,
            }
        }
    }
}

fn split_data(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    if length == 0 { None } else { bytes.split_at_checked(length) }
}

fn be16(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high, low]))
}

/// The number of bytes that an Le field asks for; zero stands for the most.
fn ne(field: usize, most: usize) -> usize {
    if field == 0 { most } else { field }
}

/// A card's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// Data; may be empty.
    pub data: &'a [u8],
    /// How it went.
    pub status: StatusWord,
}

impl<'a> Response<'a> {
    /// Reads an answer; `None` for fewer than two bytes, which means that the card is gone: the
    /// virtual reader reports a removal in the middle of a command as success with nothing.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (data, status) = bytes.split_last_chunk()?;
        Some(Self { data, status: StatusWord(u16::from_be_bytes(*status)) })
    }

    /// The data of an answer that says 9000.
    ///
    /// # Errors
    /// The status word of any other answer.
    pub fn ok(self) -> Result<&'a [u8], StatusWord> {
        if self.status == StatusWord::OK { Ok(self.data) } else { Err(self.status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_case_is_read_as_the_standard_says() {
        let parse = |bytes: &'static [u8]| {
            Command::parse(bytes).map(|command| (command.data.len(), command.expected))
        };
        assert_eq!(parse(&[0, 0x20, 0, 0x80]), Ok((0, None)));
        assert_eq!(parse(&[0, 0xB0, 0, 0, 0]), Ok((0, Some(256))));
        assert_eq!(parse(&[0, 0xB0, 0, 0, 4]), Ok((0, Some(4))));
        assert_eq!(parse(&[0, 0xA4, 2, 0x0C, 2, 0, 0x0A]), Ok((2, None)));
        assert_eq!(parse(&[0, 0xA4, 4, 0, 1, 7, 0]), Ok((1, Some(256))));
        assert_eq!(parse(&[0, 0xB0, 0, 0, 0, 0, 0]), Ok((0, Some(65_536))));
        assert_eq!(parse(&[0, 0xB0, 0, 0, 0, 4, 0x20]), Ok((0, Some(1056))));
        assert_eq!(parse(&[0, 0xA2, 0, 0, 0, 0, 1, 9]), Ok((1, None)));
        assert_eq!(parse(&[0, 0xA2, 0, 0, 0, 0, 1, 9, 1, 0]), Ok((1, Some(256))));
        for wrong in [
            &[0, 0xA4, 2, 0x0C, 2, 0][..],
            &[0, 0xA4, 2, 0x0C, 2, 0, 1, 2, 3],
            &[0, 0xA2, 0, 0, 0, 0, 1, 9, 1],
            &[0, 0xA2, 0, 0, 0, 0, 0, 9],
            &[0, 0xA2, 0, 0, 0, 0xFF],
        ] {
            assert_eq!(Command::parse(wrong), Err(CommandError::Length), "{wrong:02X?}");
        }
        assert_eq!(Command::parse(&[0, 0xA4, 4]), Err(CommandError::NoHeader));
    }

    #[test]
    fn fewer_than_two_bytes_are_no_answer() {
        assert_eq!(Response::parse(&[]), None);
        assert_eq!(Response::parse(&[0x90]), None);
        assert_eq!(Response::parse(&[7, 0x90, 0]).unwrap().ok(), Ok(&[7][..]));
        assert_eq!(Response::parse(&[0x63, 0xC2]).unwrap().ok(), Err(StatusWord(0x63C2)));
        assert_eq!(StatusWord(0x63C2).as_tries_left(), Some(2));
        assert_eq!(StatusWord(0x6300).as_tries_left(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_command(
            (cla, ins, p1, p2) in any::<(u8, u8, u8, u8)>(),
            data in prop::collection::vec(any::<u8>(), 0..400),
            expected in prop::option::of(1..=EXPECTED_BYTES_MAX),
        ) {
            let command = Command { cla, ins, p1, p2, data: &data, expected };
            let bytes = command.to_bytes();
            prop_assert_eq!(Command::parse(&bytes), Ok(command));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(command) = Command::parse(&bytes) {
                prop_assert!(command.data.len() < bytes.len());
            }
        }
    }
}
