//! マイナンバーカード at the counter: which certificate it bears, how its holder was recognised and
//! until when the certificate serves (card notes, §1.3, §2 and §3).

use crate::{Day, Timestamp};
use std::fmt;

/// Names one 利用者証明用電子証明書, whoever holds the card now.
///
/// The authority is named by the first four bytes of its key identifier: generations of one
/// authority share one name, and their serial numbers may repeat. Personal, so `Debug` is a mask.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardCertificateId {
    /// First four bytes of the authority's key identifier, big endian.
    pub authority: u32,
    /// The serial number. Cards carry four bytes at most; eight are kept.
    pub serial: u64,
}

impl fmt::Debug for CardCertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardCertificateId(***)")
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $number:literal $text:literal => $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name as programs write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }

            /// The number that records keep; never changes.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// The value with this number.
            #[must_use]
            pub fn from_number(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.number() == number)
            }
        }
    };
}
pub(crate) use named;

named! {
    /// How the holder of the card was recognised (本人確認方法).
    IdentityCheck {
        /// 暗証番号
        1 "pin" => Pin,
        /// 顔認証
        2 "face" => Face,
        /// 目視確認 by a member of staff.
        3 "visual" => Visual,
        /// By the telephone that carries the certificate, in place of a PIN (card §2).
        4 "phone" => Phone,
    }
}

named! {
    /// What carries the certificate (card §2).
    TokenKind {
        /// The plastic card.
        1 "card" => Card,
        /// An Android phone.
        2 "android" => Android,
        /// An iPhone.
        3 "iphone" => Iphone,
        /// A label that nobody knows yet.
        4 "unknown" => Unknown,
    }
}

impl IdentityCheck {
    /// Whether a holder can be recognised so with this carrier: a telephone has no photo to compare
    /// with, and only an iPhone recognises its owner itself (card §2).
    #[must_use]
    pub const fn fits(self, token: TokenKind) -> bool {
        match self {
            Self::Pin => true,
            Self::Face | Self::Visual => matches!(token, TokenKind::Card | TokenKind::Unknown),
            Self::Phone => matches!(token, TokenKind::Iphone),
        }
    }
}

/// How far a certificate has got in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateLife {
    /// Before its first second.
    NotYetValid,
    /// Valid.
    Valid,
    /// Valid, and to be renewed: its last three months (§3.6).
    ExpiresSoon,
    /// Expired, and still good for eligibility, but for nothing else, until this day is over.
    Grace {
        /// The last day.
        until: Day,
    },
    /// Expired beyond the grace.
    Expired,
}

/// Months before the expiry from which renewal is asked for, and after it for which eligibility
/// goes on (§3.6).
const NOTICE_MONTHS: u32 = 3;
const GRACE_MONTHS: u32 = 3;

/// Judges the dates of a certificate, in Japan's time. `not_before` and `not_after` are its first
/// and last valid second. The grace lasts until the end of the third month after the month of
/// expiry (§3.6).
#[must_use]
pub fn certificate_life(
    not_before: Timestamp,
    not_after: Timestamp,
    now: Timestamp,
) -> CertificateLife {
    if now < not_before {
        return CertificateLife::NotYetValid;
    }
    if now > not_after {
        let until = end_of_month_after(not_after.day(), GRACE_MONTHS);
        return match now.day() <= until {
            true => CertificateLife::Grace { until },
            false => CertificateLife::Expired,
        };
    }
    match now.day() >= months_before(not_after.day(), NOTICE_MONTHS) {
        true => CertificateLife::ExpiresSoon,
        false => CertificateLife::Valid,
    }
}

/// The first day of the month so many months after (or, negative, before) a day's own.
fn month_from(day: Day, months: i32) -> Day {
    let (year, month, _) = day.ymd();
    let number = i64::from(year) * 12 + i64::from(month) - 1 + i64::from(months);
    let (year, month) = (number.div_euclid(12), number.rem_euclid(12) + 1);
    let part = |number: i64| u32::try_from(number).unwrap_or(0);
    Day::new(part(year), part(month), 1).unwrap_or(if months < 0 { Day::MIN } else { Day::MAX })
}

fn end_of_month_after(day: Day, months: u32) -> Day {
    month_from(day, i32::try_from(months + 1).unwrap_or(0)).saturating_add_days(-1)
}

/// The same day of the month, or that month's last day where it is shorter.
fn months_before(day: Day, months: u32) -> Day {
    let months = i32::try_from(months).unwrap_or(0);
    let last = month_from(day, 1 - months).saturating_add_days(-1);
    let (_, _, of_month) = day.ymd();
    let wanted = i32::try_from(of_month).unwrap_or(1) - 1;
    month_from(day, -months).saturating_add_days(wanted).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2030-02-17T23:59:59+09:00, the end of a certificate as in §3 of the card notes.
    const END: u64 = 1_897_570_799;
    const DAY: u64 = 86_400;

    fn life(now: u64) -> CertificateLife {
        let at = Timestamp::from_unix_seconds;
        certificate_life(at(END - 1000 * DAY), at(END), at(now))
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn a_certificate_serves_from_its_first_second_to_the_end_of_the_grace() {
        let until = day("20300531");
        assert_eq!(Timestamp::from_unix_seconds(END).day(), day("20300217"));
        assert_eq!(life(END - 1000 * DAY - 1), CertificateLife::NotYetValid);
        assert_eq!(life(END - 1000 * DAY), CertificateLife::Valid);
        // 17 November begins at midnight in Japan: 92 days before 17 February ends, and a second.
        assert_eq!(life(END - 93 * DAY), CertificateLife::Valid);
        assert_eq!(life(END - 93 * DAY + 1), CertificateLife::ExpiresSoon);
        assert_eq!(life(END), CertificateLife::ExpiresSoon);
        assert_eq!(life(END + 1), CertificateLife::Grace { until });
        // 11 days of February are left, then March, April and May.
        assert_eq!(life(END + (11 + 31 + 30 + 31) * DAY), CertificateLife::Grace { until });
        assert_eq!(life(END + (11 + 31 + 30 + 31) * DAY + 1), CertificateLife::Expired);
    }

    #[test]
    fn months_of_different_length_and_the_turn_of_the_year() {
        assert_eq!(end_of_month_after(day("20261130"), 3), day("20270228"));
        assert_eq!(end_of_month_after(day("20271105"), 3), day("20280229"));
        assert_eq!(months_before(day("20270531"), 3), day("20270228"));
        assert_eq!(months_before(day("20270131"), 3), day("20261031"));
    }

    #[test]
    fn names_and_numbers_read_back() {
        for one in IdentityCheck::ALL {
            assert_eq!(IdentityCheck::from_name(one.name()), Some(*one));
            assert_eq!(IdentityCheck::from_number(one.number()), Some(*one));
        }
        assert_eq!(TokenKind::from_name("plastic"), None);
    }

    #[test]
    fn photos_are_compared_on_cards_and_owners_recognised_by_iphones_only() {
        let fitting = |check: IdentityCheck| {
            let all = TokenKind::ALL.iter().copied();
            all.filter(|token| check.fits(*token)).collect::<Vec<_>>()
        };
        assert_eq!(fitting(IdentityCheck::Pin), TokenKind::ALL);
        for check in [IdentityCheck::Face, IdentityCheck::Visual] {
            assert_eq!(fitting(check), [TokenKind::Card, TokenKind::Unknown]);
        }
        assert_eq!(fitting(IdentityCheck::Phone), [TokenKind::Iphone]);
    }

    proptest! {
        #[test]
        fn a_certificate_never_comes_back_to_life(a in 0u64..4_000_000_000, b in 0u64..4_000_000_000, end in 0u64..4_000_000_000) {
            let rank = |now: u64| {
                let at = Timestamp::from_unix_seconds;
                match certificate_life(at(end.saturating_sub(DAY)), at(end), at(now)) {
                    CertificateLife::NotYetValid => 0,
                    CertificateLife::Valid => 1,
                    CertificateLife::ExpiresSoon => 2,
                    CertificateLife::Grace { .. } => 3,
                    CertificateLife::Expired => 4,
                }
            };
            prop_assert!(rank(a.min(b)) <= rank(a.max(b)));
        }
    }
}
