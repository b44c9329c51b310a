//! Days, months, periods and local times. Japan has one time zone and no summer time, so a day is
//! a number and a time is a number of seconds; no time-zone database is needed.

use crate::ValueError;
use std::fmt;
use thiserror::Error;

/// A calendar day.
///
/// Invariant: 1868-01-01 (the first year of 明治) to 2199-12-31, kept as days since 1868-01-01.
/// Ordered by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

/// Days from 0000-03-01 to 1868-01-01 in the proleptic Gregorian calendar.
const EPOCH_FROM_MARCH_0000: u32 = 682_213;
/// Days from 1868-01-01 to 1970-01-01.
const UNIX_EPOCH: u32 = 37_255;
/// Japan standard time is nine hours ahead of UTC all year.
const JST_OFFSET_SECONDS: u64 = 9 * 3600;
const SECONDS_PER_DAY: u64 = 86_400;

impl Day {
    /// 1868-01-01.
    pub const MIN: Self = Self(0);
    /// 2199-12-31.
    pub const MAX: Self = Self(121_260);

    /// The day of this year, month (1-12) and day of month (1-31).
    ///
    /// # Errors
    /// [`ValueError::NoSuchDate`] when the calendar lacks it, [`ValueError::DateRange`] when it is
    /// outside the range of the type.
    pub const fn new(year: u32, month: u32, day: u32) -> Result<Self, ValueError> {
        if month == 0 || month > 12 || day == 0 || day > days_in_month(year, month) {
            return Err(ValueError::NoSuchDate);
        }
        if year < 1868 || year > 2199 {
            return Err(ValueError::DateRange);
        }
        // Counting from March puts the leap day at the end of the year: the month lengths become
        // the regular pattern (153 m + 2) / 5.
        let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let from_march_0000 = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
        Ok(Self(from_march_0000 - EPOCH_FROM_MARCH_0000))
    }

    /// Parses `yyyyMMdd`, the interface's form of a date (§2).
    ///
    /// # Errors
    /// [`ValueError::Length`], [`ValueError::NotDigits`], [`ValueError::NoSuchDate`] or
    /// [`ValueError::DateRange`].
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let digits = text.as_bytes();
        if digits.len() != 8 {
            return Err(ValueError::Length { expected: "8" });
        }
        let number = parse_digits(digits)?;
        Self::new(number / 10_000, number / 100 % 100, number % 100)
    }

    /// Days since 1868-01-01: the form that records keep.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The day with this number since 1868-01-01, `None` beyond [`Day::MAX`].
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// Year, month and day of month.
    ///
    /// By C. Neri and L. Schneider, "Euclidean affine functions and their application to calendar
    /// algorithms" (2023): products and shifts instead of most divisions.
    // HOT PATH: an answer has eight dates.
    #[must_use]
    pub const fn ymd(self) -> (u32, u32, u32) {
        // Years begin with March here, so that the leap day is their last one.
        let quarters = 4 * (self.0 + EPOCH_FROM_MARCH_0000) + 3;
        let (century, day_of_century) = (quarters / 146_097, quarters % 146_097 / 4);
        let product = 2_939_745 * (4 * day_of_century + 3) as u64;
        let (high, low) = ((product >> 32) as u32, (product & 0xFFFF_FFFF) as u32);
        let (year, day_of_year) = (100 * century + high, low / 2_939_745 / 4);
        let sum = 2141 * day_of_year + 197_913;
        let (month, day) = (sum >> 16, (sum & 0xFFFF) / 2141 + 1);
        if day_of_year < 306 { (year, month, day) } else { (year + 1, month - 12, day) }
    }

    /// This day moved by a number of days, stopping at the ends of the range.
    #[must_use]
    pub fn saturating_add_days(self, days: i32) -> Self {
        Self(self.0.saturating_add_signed(days).min(Self::MAX.0))
    }

    /// `yyyyMMdd` as ASCII bytes, without allocation.
    #[must_use]
    pub fn to_digits(self) -> [u8; 8] {
        let (year, month, day) = self.ymd();
        let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year));
        let ([m1, m2], [d1, d2]) = (two_digits(month), two_digits(day));
        [y1, y2, y3, y4, m1, m2, d1, d2]
    }

    /// The month that contains the day.
    #[must_use]
    pub const fn month(self) -> Month {
        let (year, month, _) = self.ymd();
        Month { year, month }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}{month:02}{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A calendar month (診療年月): `yyyyMM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u32,
    month: u32,
}

impl Month {
    /// Parses `yyyyMM`.
    ///
    /// # Errors
    /// As [`Day::parse`], with a length of 6.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let digits = text.as_bytes();
        if digits.len() != 6 {
            return Err(ValueError::Length { expected: "6" });
        }
        let number = parse_digits(digits)?;
        Ok(Day::new(number / 100, number % 100, 1)?.month())
    }

    /// The first day of the month.
    #[must_use]
    pub fn first_day(self) -> Day {
        // INVARIANT: a `Month` is only made from a `Day`, so its first day exists.
        Day::new(self.year, self.month, 1).unwrap_or(Day::MIN)
    }

    /// `yyyyMM` as ASCII bytes.
    #[must_use]
    pub fn to_digits(self) -> [u8; 6] {
        let ([y1, y2], [y3, y4]) = (two_digits(self.year / 100), two_digits(self.year));
        let [m1, m2] = two_digits(self.month);
        [y1, y2, y3, y4, m1, m2]
    }
}

/// A moment in Japan standard time, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    day: Day,
    second: u32,
}

impl Timestamp {
    /// The moment this many seconds after 1970-01-01T00:00:00Z; beyond 2199 it stays at the end.
    #[must_use]
    pub fn from_unix_seconds(seconds: u64) -> Self {
        let local = seconds.saturating_add(JST_OFFSET_SECONDS);
        let days = u32::try_from(local / SECONDS_PER_DAY).unwrap_or(u32::MAX);
        let day = Day::from_number(days.saturating_add(UNIX_EPOCH)).unwrap_or(Day::MAX);
        Self { day, second: (local % SECONDS_PER_DAY) as u32 }
    }

    /// The calendar day in Japan.
    #[must_use]
    pub const fn day(self) -> Day {
        self.day
    }

    /// `yyyyMMddHHmmss` as ASCII bytes: the interface's form of a time (§2).
    #[must_use]
    pub fn to_digits(self) -> [u8; 14] {
        let [y1, y2, y3, y4, mo1, mo2, d1, d2] = self.day.to_digits();
        let ([h1, h2], [mi1, mi2]) =
            (two_digits(self.second / 3600), two_digits(self.second / 60 % 60));
        let [s1, s2] = two_digits(self.second % 60);
        [y1, y2, y3, y4, mo1, mo2, d1, d2, h1, h2, mi1, mi2, s1, s2]
    }
}

/// Days from a start until an end that is itself not covered.
///
/// For a qualification the end is the day of loss (資格喪失年月日), the first day that is not
/// covered. Invariant: the end is after the start, or equal to it for a membership that was undone
/// on its first day and covers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    start: Day,
    end: Option<Day>,
}

/// The end of a [`Period`] comes before its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the period ends before it starts")]
pub struct PeriodError;

impl Period {
    /// From `start` until the day before `end`; open without an end.
    ///
    /// # Errors
    /// [`PeriodError`] when the end comes before the start.
    pub fn new(start: Day, end: Option<Day>) -> Result<Self, PeriodError> {
        if end.is_some_and(|end| end < start) {
            return Err(PeriodError);
        }
        Ok(Self { start, end })
    }

    /// The first covered day (資格取得年月日).
    #[must_use]
    pub const fn start(self) -> Day {
        self.start
    }

    /// The first day that is not covered any more (資格喪失年月日).
    #[must_use]
    pub const fn end(self) -> Option<Day> {
        self.end
    }

    /// Whether the day lies in the period. The day of loss does not.
    #[must_use]
    pub fn covers(self, day: Day) -> bool {
        self.start <= day && self.end.is_none_or(|end| day < end)
    }

    /// Whether a day exists that both periods cover.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let before = |a: Option<Day>, b: Day| a.is_some_and(|a| a <= b);
        let is_empty = |p: Self| p.end == Some(p.start);
        !is_empty(self)
            && !is_empty(other)
            && !before(self.end, other.start)
            && !before(other.end, self.start)
    }
}

const fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

fn parse_digits(digits: &[u8]) -> Result<u32, ValueError> {
    digits.iter().try_fold(0, |number: u32, byte| match byte {
        b'0'..=b'9' => Ok(number * 10 + u32::from(byte - b'0')),
        _ => Err(ValueError::NotDigits),
    })
}

/// The last two decimal digits.
const fn two_digits(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn the_range_begins_with_meiji_and_ends_with_2199() {
        assert_eq!(Day::MIN.to_string(), "18680101");
        assert_eq!(Day::MAX.to_string(), "21991231");
        assert_eq!(day("19700101").number(), UNIX_EPOCH);
    }

    #[test]
    fn impossible_dates_are_named() {
        let check = |text, error| assert_eq!(Day::parse(text), Err(error), "{text}");
        check("20250229", ValueError::NoSuchDate);
        check("21000229", ValueError::NoSuchDate);
        check("20251301", ValueError::NoSuchDate);
        check("20250001", ValueError::NoSuchDate);
        check("20250132", ValueError::NoSuchDate);
        check("00000000", ValueError::NoSuchDate);
        check("18671231", ValueError::DateRange);
        check("22000101", ValueError::DateRange);
        check("99991231", ValueError::DateRange);
        check("2025010", ValueError::Length { expected: "8" });
        check("202501011", ValueError::Length { expected: "8" });
        check("2025-1-1", ValueError::NotDigits);
        check("令和7年", ValueError::Length { expected: "8" });
        assert_eq!(Month::parse("202513"), Err(ValueError::NoSuchDate));
        assert!(Day::parse("20240229").is_ok() && Day::parse("20000229").is_ok());
    }

    #[test]
    fn the_day_of_loss_is_not_covered() {
        let period = Period::new(day("20250401"), Some(day("20251001"))).unwrap();
        assert!(!period.covers(day("20250331")));
        assert!(period.covers(day("20250401")));
        assert!(period.covers(day("20250930")));
        assert!(!period.covers(day("20251001")));
        let undone = Period::new(day("20250401"), Some(day("20250401"))).unwrap();
        assert!(!undone.covers(day("20250401")));
        assert_eq!(Period::new(day("20250401"), Some(day("20250331"))), Err(PeriodError));
    }

    #[test]
    fn a_timestamp_is_in_japan_time() {
        let at = Timestamp::from_unix_seconds(1_793_000_000); // 2026-10-26T07:33:20Z
        assert_eq!(&at.to_digits(), b"20261026163320");
        assert_eq!(at.day(), day("20261026"));
        assert_eq!(Timestamp::from_unix_seconds(u64::MAX).day(), Day::MAX);
    }

    proptest! {
        #[test]
        fn every_day_agrees_with_an_independent_calendar(number in 0..=Day::MAX.number()) {
            let day = Day::from_number(number).unwrap();
            let theirs = jiff::civil::date(1868, 1, 1)
                .checked_add(jiff::Span::new().days(i64::from(number)))
                .unwrap();
            prop_assert_eq!(day.to_string(), theirs.strftime("%Y%m%d").to_string());
            let digits = day.to_digits();
            prop_assert_eq!(std::str::from_utf8(&digits).unwrap(), &day.to_string());
            prop_assert_eq!(Day::parse(&day.to_string()), Ok(day));
            let month = day.month().to_digits();
            prop_assert_eq!(Month::parse(std::str::from_utf8(&month).unwrap()), Ok(day.month()));
            prop_assert!(day.month().first_day() <= day);
        }

        #[test]
        fn parsing_any_text_gives_a_day_or_a_reason(text in ".{0,12}") {
            if let Ok(day) = Day::parse(&text) {
                prop_assert_eq!(day.to_string(), text);
            }
        }

        #[test]
        fn overlap_means_a_shared_day(a in 0u32..40, al in proptest::option::of(0u32..20), b in 0u32..40, bl in proptest::option::of(0u32..20)) {
            let period = |start: u32, length: Option<u32>| {
                let at = |n| Day::from_number(n).unwrap();
                Period::new(at(start), length.map(|l| at(start + l))).unwrap()
            };
            let (a, b) = (period(a, al), period(b, bl));
            let shared = (0..100).filter_map(Day::from_number).any(|d| a.covers(d) && b.covers(d));
            prop_assert_eq!(a.overlaps(b), shared);
            prop_assert_eq!(b.overlaps(a), shared);
        }
    }
}
