//! BER-TLV, as far as the card uses it: tags of one or two bytes, definite lengths to 65535.

use thiserror::Error;

/// Most objects that one reading walks over: the longest page of the card has ten.
pub const OBJECTS_MAX: usize = 64;

/// One object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Tag; one of two bytes has the first in its upper half, as `0xFF20`.
    pub tag: u16,
    /// Content.
    pub value: &'a [u8],
    /// Tag, length and content together: what the card's signatures are made over.
    pub whole: &'a [u8],
}

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TlvError {
    /// A tag of three bytes or more, or a length of an unknown form.
    #[error("a tag or length has a form that the card does not use")]
    Form,
    /// The bytes end before the object does.
    #[error("the data end before the object does")]
    Truncated,
    /// More than [`OBJECTS_MAX`] objects.
    #[error("more than {OBJECTS_MAX} objects")]
    TooMany,
    /// An object that must be there is missing.
    #[error("the object {tag:04X} is missing")]
    Missing {
        /// Its tag.
        tag: u16,
    },
}

impl<'a> Tlv<'a> {
    /// Reads the first object and gives what follows it. Filler after it (`FF` to the end of the
    /// physical file) is the caller's to ignore.
    ///
    /// # Errors
    /// [`TlvError::Form`] or [`TlvError::Truncated`].
    pub fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), TlvError> {
        let (tag, after_tag) = read_tag(bytes)?;
        let (length, after_length) = read_length(after_tag)?;
        let (value, rest) = after_length.split_at_checked(length).ok_or(TlvError::Truncated)?;
        let whole = bytes.get(..bytes.len() - rest.len()).ok_or(TlvError::Truncated)?;
        Ok((Self { tag, value, whole }, rest))
    }

    /// Reads the one object of this tag that a file begins with.
    ///
    /// # Errors
    /// As [`Tlv::read`], and [`TlvError::Missing`] when another tag is there.
    pub fn expect(bytes: &'a [u8], tag: u16) -> Result<Self, TlvError> {
        let (found, _) = Self::read(bytes)?;
        if found.tag == tag { Ok(found) } else { Err(TlvError::Missing { tag }) }
    }

    /// The objects that fill these bytes.
    ///
    /// # Errors
    /// As [`Tlv::read`], and [`TlvError::TooMany`].
    pub fn list(mut bytes: &'a [u8]) -> Result<Vec<Self>, TlvError> {
        let mut objects = Vec::new();
        while !bytes.is_empty() {
            if objects.len() == OBJECTS_MAX {
                return Err(TlvError::TooMany);
            }
            let (object, rest) = Self::read(bytes)?;
            objects.push(object);
            bytes = rest;
        }
        Ok(objects)
    }

    /// The object of this tag among others.
    ///
    /// # Errors
    /// [`TlvError::Missing`].
    pub fn find(objects: &[Self], tag: u16) -> Result<Self, TlvError> {
        let found = objects.iter().find(|object| object.tag == tag);
        found.copied().ok_or(TlvError::Missing { tag })
    }

    /// How long the object is that begins with these bytes, header included: what a reader needs
    /// to know before it reads a file to its logical end.
    ///
    /// # Errors
    /// As [`Tlv::read`].
    pub fn total_bytes(beginning: &[u8]) -> Result<usize, TlvError> {
        let (_, after_tag) = read_tag(beginning)?;
        let (length, after_length) = read_length(after_tag)?;
        Ok(beginning.len() - after_length.len() + length)
    }
}

fn read_tag(bytes: &[u8]) -> Result<(u16, &[u8]), TlvError> {
    match bytes {
        [first, rest @ ..] if first & 0x1F != 0x1F => Ok((u16::from(*first), rest)),
        [_, second, ..] if second & 0x80 != 0 => Err(TlvError::Form),
        [first, second, rest @ ..] => Ok((u16::from_be_bytes([*first, *second]), rest)),
        _ => Err(TlvError::Truncated),
    }
}

fn read_length(bytes: &[u8]) -> Result<(usize, &[u8]), TlvError> {
    match bytes {
        [length @ ..=0x7F, rest @ ..] => Ok((usize::from(*length), rest)),
        [0x81, length, rest @ ..] => Ok((usize::from(*length), rest)),
        [0x82, high, low, rest @ ..] => Ok((usize::from(u16::from_be_bytes([*high, *low])), rest)),
        [] | [0x81 | 0x82, ..] => Err(TlvError::Truncated),
        _ => Err(TlvError::Form),
    }
}

/// Writes one object with the shortest form of its length.
///
/// A value longer than 65535 bytes, which no file of the card holds, is cut off.
#[must_use]
pub fn write(tag: u16, value: &[u8]) -> Vec<u8> {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    let [high, low] = tag.to_be_bytes();
    let mut bytes = if high == 0 { vec![low] } else { vec![high, low] };
    match u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes() {
        [0, length @ ..=0x7F] => bytes.push(length),
        [0, length] => bytes.extend([0x81, length]),
        [high, low] => bytes.extend([0x82, high, low]),
    }
    bytes.extend_from_slice(value);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn filler_after_an_object_is_left_over() {
        let file = [0xFF, 0x10, 0x02, 1, 2, 0xFF, 0xFF];
        let (object, rest) = Tlv::read(&file).unwrap();
        assert_eq!((object.tag, object.value, rest), (0xFF10, &[1, 2][..], &[0xFF, 0xFF][..]));
        assert_eq!(Tlv::total_bytes(&file[..4]), Ok(5));
        assert_eq!(Tlv::total_bytes(&[0x30, 0x82, 0x06, 0x32]), Ok(1590));
        assert_eq!(Tlv::expect(&file, 0xFF20), Err(TlvError::Missing { tag: 0xFF20 }));
    }

    #[test]
    fn unknown_forms_and_cut_off_objects_are_refused() {
        for bytes in [&[0x30, 0x80][..], &[0x30, 0x83, 0, 0, 1, 5], &[0x1F, 0x81, 1, 0]] {
            assert_eq!(Tlv::read(bytes), Err(TlvError::Form), "{bytes:02X?}");
        }
        for bytes in [&[][..], &[0x1F], &[0x30], &[0x30, 0x81], &[0x30, 0x82, 1], &[0x30, 2, 1]] {
            assert_eq!(Tlv::read(bytes), Err(TlvError::Truncated), "{bytes:02X?}");
        }
        let many = [4, 0].repeat(OBJECTS_MAX + 1);
        assert_eq!(Tlv::list(&many), Err(TlvError::TooMany));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            tag in prop_oneof![0x40_u16..0x5F, 0xDF00..0xDF80_u16, 0xFF10..0xFF60_u16],
            value in prop::collection::vec(any::<u8>(), 0..700),
        ) {
            let bytes = write(tag, &value);
            let (object, rest) = Tlv::read(&bytes).unwrap();
            prop_assert_eq!((object.tag, object.value), (tag, &value[..]));
            prop_assert_eq!(object.whole, &bytes[..]);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(objects) = Tlv::list(&bytes) {
                let whole: usize = objects.iter().map(|object| object.whole.len()).sum();
                prop_assert_eq!(whole, bytes.len());
            }
        }
    }
}
