//! When cards and their certificates are valid.

use crate::CardError;
use shikaku_domain::{Day, Timestamp};
use std::time::Duration;
use x509_cert::der::DateTime;
use x509_cert::time::{Time, Validity as X509Validity};

/// Days from the domain's epoch to 1970-01-01.
const UNIX_EPOCH: Day = match Day::new(1970, 1, 1) {
    Ok(day) => day,
    Err(_) => Day::MIN,
};
const SECONDS_PER_DAY: u64 = 86_400;
const JST_OFFSET_SECONDS: u64 = 9 * 3600;
/// Years until a certificate ends, counted in birthdays.
const CERTIFICATE_BIRTHDAYS: u32 = 5;
/// Years until an adult's card ends, counted in birthdays.
const ADULT_CARD_BIRTHDAYS: u32 = 10;
/// A card issued before this age ends as a certificate does.
const ADULT_AGE_YEARS: u32 = 18;

/// First and last second of validity, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: u64,
    /// Last second.
    pub not_after: u64,
}

impl Validity {
    pub(super) fn to_x509(self) -> Result<X509Validity, CardError> {
        Ok(X509Validity::new(to_x509_time(self.not_before)?, to_x509_time(self.not_after)?))
    }
}

/// RFC 5280: UTCTime until 2049, GeneralizedTime from 2050.
pub(super) fn to_x509_time(unix_seconds: u64) -> Result<Time, CardError> {
    let at = DateTime::from_unix_duration(Duration::from_secs(unix_seconds));
    at.map(Time::from).map_err(|_| CardError::Time { unix_seconds })
}

/// The last second of a day in Japan, in Unix seconds: 14:59:59Z.
#[must_use]
pub fn end_of_day(day: Day) -> u64 {
    let days = u64::from(day.number().saturating_sub(UNIX_EPOCH.number()));
    ((days + 1) * SECONDS_PER_DAY).saturating_sub(JST_OFFSET_SECONDS + 1)
}

/// The last day of a card: the 10th birthday after its issue, the 5th for a holder under 18.
#[must_use]
pub fn card_expiry(birth: Day, issued: Day) -> Day {
    let is_adult = birthday(birth, birth.ymd().0 + ADULT_AGE_YEARS) <= issued;
    let birthdays = if is_adult { ADULT_CARD_BIRTHDAYS } else { CERTIFICATE_BIRTHDAYS };
    birthday_after(birth, issued, birthdays)
}

/// Validity of a certificate issued at this moment: until the end, in Japan, of the holder's 5th
/// birthday after it, and no longer than the card (card §3).
#[must_use]
pub fn certificate_validity(birth: Day, issued_at: u64, card_expiry: Day) -> Validity {
    let issued = Timestamp::from_unix_seconds(issued_at).day();
    let end = birthday_after(birth, issued, CERTIFICATE_BIRTHDAYS).min(card_expiry);
    Validity { not_before: issued_at, not_after: end_of_day(end) }
}

/// The n-th birthday after a day.
fn birthday_after(birth: Day, day: Day, birthdays: u32) -> Day {
    let (year, _, _) = day.ymd();
    let first = if birthday(birth, year) > day { year } else { year + 1 };
    birthday(birth, first + birthdays.saturating_sub(1))
}

/// The birthday in a year. Who was born on 29 February has it on the 28th in other years: the
/// notes do not say which day certificates end on, and the earlier one never promises too much.
fn birthday(birth: Day, year: u32) -> Day {
    let (_, month, day) = birth.ymd();
    Day::new(year, month, day).or_else(|_| Day::new(year, month, day - 1)).unwrap_or(Day::MAX)
}
