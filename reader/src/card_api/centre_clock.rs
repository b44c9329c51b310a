//! How far this machine's clock is from the centre's.
//!
//! The centre alone judges certificates and challenges, by its own clock. Here a clock that is wrong
//! would only miscount days that patients read, so those are counted by the centre's; and it can make
//! the centre's certificate look expired, which staff must not take for a broken line.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::fmt::rfc2822::DateTimeParser;

/// What the answers' dates have taught so far; in step until the first answer.
#[derive(Debug, Default)]
pub(super) struct CentreClock {
    /// Seconds by which this machine is ahead.
    ahead: AtomicI64,
}

impl CentreClock {
    /// Learns from the header `Date` of an answer that has just come (RFC 9110, 6.6.1), to a second
    /// and the answer's way. What cannot be read teaches nothing.
    pub(super) fn learn(&self, date: &str, now: SystemTime) {
        let Ok(centre) = DateTimeParser::new().parse_timestamp(date) else { return };
        let here = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let here = i64::try_from(here).unwrap_or(i64::MAX);
        self.ahead.store(here.saturating_sub(centre.as_second()), Ordering::Relaxed);
    }

    /// Seconds by which this machine's clock is ahead of the centre's; negative when it is behind.
    pub(super) fn ahead_seconds(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// A moment of this machine's clock as the centre's shows it.
    pub(super) fn at_centre(&self, now: SystemTime) -> SystemTime {
        let ahead = self.ahead_seconds();
        let apart = Duration::from_secs(ahead.unsigned_abs());
        let there = if ahead < 0 { now.checked_add(apart) } else { now.checked_sub(apart) };
        there.unwrap_or(now)
    }
}

/// Whether a connection failed because the centre's certificate is outside its dates, seen from here:
/// this machine's clock is wrong, or that certificate really is old.
pub(super) fn is_about_dates(error: &ureq::Error) -> bool {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    let tls = if let ureq::Error::Rustls(error) = error {
        Some(error)
    } else if let ureq::Error::Io(error) = error {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    } else {
        None
    };
    matches!(
        tls,
        Some(rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. }
        ))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centres_time_is_learnt_from_its_answers() {
        let clock = CentreClock::default();
        let noon = UNIX_EPOCH + Duration::from_secs(1_793_534_400);
        assert_eq!(clock.at_centre(noon), noon);
        for (here, ahead) in
            [(noon, 0), (noon + Duration::from_secs(90), 90), (UNIX_EPOCH, -1_793_534_400)]
        {
            clock.learn("Sun, 01 Nov 2026 12:00:00 GMT", here);
            assert_eq!((clock.ahead_seconds(), clock.at_centre(here)), (ahead, noon));
        }
        clock.learn("soon", noon);
        assert_eq!(clock.at_centre(UNIX_EPOCH), noon, "nonsense teaches nothing");
    }
}
