//! ISO 8601, the form of dates and times in `/v1`, as ASCII bytes on the stack.

use shikaku_domain::{Day, Month, Timestamp, ValueError};

/// `yyyy-MM-dd`
pub(super) fn day(day: Day) -> [u8; 10] {
    let [y1, y2, y3, y4, m1, m2, d1, d2] = day.to_digits();
    [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]
}

/// `yyyy-MM`
pub(super) fn month(month: Month) -> [u8; 7] {
    let [y1, y2, y3, y4, m1, m2] = month.to_digits();
    [y1, y2, y3, y4, b'-', m1, m2]
}

/// `yyyy-MM-ddThh:mm:ss` with Japan's offset.
#[rustfmt::skip]
pub(super) fn time(at: Timestamp) -> [u8; 25] {
    let [y1, y2, y3, y4, mo1, mo2, d1, d2, h1, h2, mi1, mi2, s1, s2] = at.to_digits();
    [
        y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T',
        h1, h2, b':', mi1, mi2, b':', s1, s2, b'+', b'0', b'9', b':', b'0', b'0',
    ]
}

/// Reads `yyyy-MM-dd`.
pub(super) fn parse_day(text: &str) -> Result<Day, ValueError> {
    let digits = match text.as_bytes() {
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] => [*y1, *y2, *y3, *y4, *m1, *m2, *d1, *d2],
        bytes if bytes.len() == 10 => return Err(ValueError::NoSuchDate),
        _ => return Err(ValueError::Length { expected: "10" }),
    };
    Day::parse(str::from_utf8(&digits).map_err(|_| ValueError::NotDigits)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_moment_is_written_with_the_offset_of_japan() {
        let at = Timestamp::from_unix_seconds(1_792_940_399);
        assert_eq!(&time(at), b"2026-10-25T23:59:59+09:00");
        assert_eq!(&month(at.day().month()), b"2026-10");
    }

    proptest! {
        #[test]
        fn every_day_reads_back(number in 0..=Day::MAX.number()) {
            let one = Day::from_number(number).unwrap();
            let text = day(one);
            prop_assert_eq!(parse_day(str::from_utf8(&text).unwrap()), Ok(one));
        }
    }
}
