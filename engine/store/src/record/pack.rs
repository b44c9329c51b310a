//! The bytes that dense records are made of.
//!
//! | what | form |
//! |---|---|
//! | number | LEB128: seven bits a byte, lowest first, the top bit says that more follow |
//! | day | number: the distance from an agreed day, 0, -1, 1, -2 … as 0, 1, 2, 3 … |
//! | period | start as a day from [`ANCHOR`], then the length: 0 open, else covered days + 1 |

use crate::codec::Damage;
use shikaku_domain::{Day, Period};

/// 2015-01-01: starts from the middle of 1992 to the middle of 2037 take two bytes.
pub(super) const ANCHOR: u32 = 53_691;

/// What is still to be read of a record.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next byte; `None` at the end.
    pub(super) fn next_byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damage> {
        self.next_byte().ok_or("truncated")
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (array, rest) = self.0.split_first_chunk().ok_or("truncated")?;
        self.0 = rest;
        Ok(*array)
    }

    /// So many bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("truncated")?;
        self.0 = rest;
        Ok(taken)
    }

    /// Bytes behind their number.
    pub(super) fn counted(&mut self) -> Result<&'a [u8], Damage> {
        let count = usize::try_from(self.number()?).map_err(|_| "truncated")?;
        self.take(count)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Most numbers are one byte.
    #[inline]
    pub(super) fn number(&mut self) -> Result<u32, Damage> {
        match self.0.split_first() {
            Some((byte @ ..0x80, rest)) => {
                self.0 = rest;
                Ok((*byte).into())
            }
            Some(_) | None => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u32, Damage> {
        let mut number = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return u32::try_from(number).map_err(|_| "a number out of range");
            }
        }
        Err("a number out of range")
    }

    pub(super) fn day(&mut self, from: u32) -> Result<Day, Damage> {
        let code = self.number()?;
        let distance = i64::from(code >> 1) ^ -i64::from(code & 1);
        let number = u32::try_from(i64::from(from) + distance).ok();
        number.and_then(Day::from_number).ok_or("no such day")
    }

    /// The end that a length stands for.
    pub(super) fn period_from(&mut self, start: Day) -> Result<Period, Damage> {
        let end = match self.number()?.checked_sub(1) {
            None => None,
            Some(days) => {
                let number = start.number().checked_add(days);
                Some(number.and_then(Day::from_number).ok_or("no such day")?)
            }
        };
        Period::new(start, end).map_err(|_| "a period that ends before it starts")
    }

    pub(super) fn period(&mut self) -> Result<Period, Damage> {
        let start = self.day(ANCHOR)?;
        self.period_from(start)
    }
}

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u32) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

pub(super) fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    // INVARIANT: everything counted is far below 4 GiB: texts of a line, a key, a body.
    put_number(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

pub(super) fn put_day(out: &mut Vec<u8>, day: Day, from: u32) {
    let distance = i64::from(day.number()) - i64::from(from);
    let code = (distance << 1) ^ (distance >> 63);
    // INVARIANT: days are below 2^17, so twice their distance fits.
    put_number(out, u32::try_from(code).unwrap_or(u32::MAX));
}

pub(super) fn put_length(out: &mut Vec<u8>, period: Period) {
    let start = period.start().number();
    put_number(out, period.end().map_or(0, |end| end.number() - start + 1));
}

pub(super) fn put_period(out: &mut Vec<u8>, period: Period) {
    put_day(out, period.start(), ANCHOR);
    put_length(out, period);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_of_numbers_and_days_are_frozen() {
        let number = |number| {
            let mut out = Vec::new();
            put_number(&mut out, number);
            out
        };
        assert_eq!(number(0), [0]);
        assert_eq!(number(127), [127]);
        assert_eq!(number(300), [0xAC, 2]);
        assert_eq!(number(u32::MAX), [0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
        let day = |text| {
            let mut out = Vec::new();
            put_day(&mut out, Day::parse(text).unwrap(), ANCHOR);
            out
        };
        assert_eq!(day("20150101"), [0]);
        assert_eq!(day("20141231"), [1]);
        assert_eq!(day("20150102"), [2]);
        assert_eq!(day("20370101").len(), 2);
        assert_eq!(day("19930101").len(), 2);
    }

    proptest! {
        #[test]
        fn days_and_periods_read_back(from in 0u32..=121_260, start in 0u32..=121_260, end in proptest::option::of(0u32..=121_260)) {
            let start = Day::from_number(start).unwrap();
            let end = end.and_then(Day::from_number).filter(|end| *end >= start);
            let period = Period::new(start, end).unwrap();
            let mut out = Vec::new();
            put_day(&mut out, start, from);
            put_period(&mut out, period);
            let mut bytes = Bytes::new(&out);
            prop_assert_eq!(bytes.day(from), Ok(start));
            prop_assert_eq!(bytes.period(), Ok(period));
            prop_assert!(bytes.is_empty());
        }

        #[test]
        fn any_bytes_are_safe_to_read(bytes in proptest::collection::vec(any::<u8>(), 0..12), from in any::<u32>()) {
            let _ = Bytes::new(&bytes).number();
            let _ = Bytes::new(&bytes).day(from);
            let _ = Bytes::new(&bytes).period();
            let _ = Bytes::new(&bytes).counted();
        }
    }
}
