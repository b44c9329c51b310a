//! Kinds of cards: what a reader can meet.

use crate::ca::{Defect, end_of_day};
use crate::software::Fault;
use shikaku_domain::Day;

/// What kind of card this is. Everything not said here is as on an adult's card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// An adult's card in good order.
    Adult,
    /// A card without a signature certificate, as children under 15 have it.
    Child,
    /// The card after a renewal: another serial number, another key.
    Renewed,
    /// The certificate ends within three months.
    ExpiresSoon,
    /// The certificate ended a month ago: eligibility only.
    InGrace,
    /// The certificate ended long ago.
    Expired,
    /// The certificate begins tomorrow.
    NotYetValid,
    /// In good order by itself; its serial number must stand in the revocation list.
    Revoked,
    /// All tries of the PIN are gone.
    PinBlocked,
    /// 顔認証マイナンバーカード: the PIN is disabled, a terminal may let it sign (SIM-TA).
    FaceOnly,
    /// The token in an Android telephone: one application, certificate behind the PIN.
    Android,
    /// The token in an iPhone that has recognised its owner: one application, no PIN.
    Iphone,
    /// The same before it has: it shows its certificate and does not sign.
    IphoneLocked,
    /// Another card altogether: none of the applications.
    Foreign,
    /// The certificate has something wrong.
    Defective(Defect),
    /// The card itself is broken.
    Faulty(Fault),
}

/// What carries the applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Card,
    Android,
    Iphone,
    None,
}

impl Token {
    /// Label of the token, by which clients tell them apart (card §1.3).
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Card | Self::None => "JPKIAPICCTOKEN2",
            Self::Android => "JPKIAPGPSETOKEN",
            Self::Iphone => "JPKIAPIOSTOKEN",
        }
    }

    /// Answer to reset; the card's is the contact one that OpenSC knows (card §4.2).
    pub(crate) const fn atr(self) -> &'static [u8] {
        match self {
            Self::Card => &[0x3B, 0xE0, 0x00, 0xFF, 0x81, 0x31, 0xFE, 0x45, 0x14],
            Self::Android | Self::Iphone | Self::None => {
                &[0x3B, 0x88, 0x80, 0x01, 0x00, 0x00, 0x05, 0xE0, 0xB3, 0x81, 0xA1, 0x00, 0x7F]
            }
        }
    }
}

/// Days from issue to the end of a certificate, about: five years.
const ISSUED_BEFORE_END_DAYS: i32 = -5 * 365;
/// An ordinary card was issued this many days ago.
const ORDINARY_AGE_DAYS: i32 = -400;
const RENEWED_AGE_DAYS: i32 = -30;

/// When a certificate begins and, where the kind of card asks for a certain end, when it ends.
pub(crate) struct Dates {
    pub(crate) issued: Day,
    pub(crate) end: Option<Day>,
}

impl Profile {
    /// All kinds and their names on the command line and in cards' files.
    pub const NAMES: [(&'static str, Self); 29] = [
        ("adult", Self::Adult),
        ("child", Self::Child),
        ("renewed", Self::Renewed),
        ("expires-soon", Self::ExpiresSoon),
        ("in-grace", Self::InGrace),
        ("expired", Self::Expired),
        ("not-yet-valid", Self::NotYetValid),
        ("revoked", Self::Revoked),
        ("pin-blocked", Self::PinBlocked),
        ("face-only", Self::FaceOnly),
        ("android", Self::Android),
        ("iphone", Self::Iphone),
        ("iphone-locked", Self::IphoneLocked),
        ("foreign-card", Self::Foreign),
        ("foreign-authority", Self::Defective(Defect::ForeignAuthority)),
        ("same-name-other-key", Self::Defective(Defect::SameNameOtherKey)),
        ("forged-signature", Self::Defective(Defect::ForgedSignature)),
        ("wrong-purpose", Self::Defective(Defect::WrongPurpose)),
        ("wrong-policy", Self::Defective(Defect::WrongPolicy)),
        ("unknown-critical", Self::Defective(Defect::UnknownCritical)),
        ("huge", Self::Defective(Defect::Huge)),
        ("truncated", Self::Defective(Defect::Truncated)),
        ("altered", Self::Defective(Defect::Altered)),
        ("garbage", Self::Defective(Defect::Garbage)),
        ("mute", Self::Faulty(Fault::Mute)),
        ("one-byte-answers", Self::Faulty(Fault::ShortAnswers(1))),
        ("empty-answers", Self::Faulty(Fault::ShortAnswers(0))),
        ("gone-while-reading", Self::Faulty(Fault::GoneAt(6))),
        ("gone-while-signing", Self::Faulty(Fault::GoneAt(16))),
    ];

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(one, _)| *one == name).map(|(_, profile)| *profile)
    }

    /// The name of this kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, profile)| *profile == self).map_or("faulty", |(name, _)| name)
    }

    pub(crate) const fn token(self) -> Token {
        if matches!(self, Self::Android) {
            Token::Android
        } else if matches!(self, Self::Iphone | Self::IphoneLocked) {
            Token::Iphone
        } else if matches!(self, Self::Foreign) {
            Token::None
        } else {
            Token::Card
        }
    }

    pub(crate) const fn has_signature_certificate(self) -> bool {
        !matches!(self, Self::Child | Self::FaceOnly)
    }

    pub(crate) const fn is_pin_blocked(self) -> bool {
        matches!(self, Self::PinBlocked | Self::FaceOnly)
    }

    /// Staff recognise the holder of any card; a telephone shows no face and knows no terminal.
    pub(crate) const fn trusts_terminals(self) -> bool {
        matches!(self.token(), Token::Card)
    }

    pub(crate) const fn defect(self) -> Option<Defect> {
        if let Self::Defective(defect) = self { Some(defect) } else { None }
    }

    pub(crate) const fn fault(self) -> Option<Fault> {
        if let Self::Faulty(fault) = self { Some(fault) } else { None }
    }

    /// How often the card was renewed.
    pub(crate) const fn renewals(self) -> u8 {
        if matches!(self, Self::Renewed) { 1 } else { 0 }
    }

    /// When the card was issued, seen from today.
    pub(crate) fn dates(self, today: Day) -> Dates {
        let ends = |days| {
            let end = today.saturating_add_days(days);
            Dates { issued: end.saturating_add_days(ISSUED_BEFORE_END_DAYS), end: Some(end) }
        };
        let began = |days| Dates { issued: today.saturating_add_days(days), end: None };
        match self {
            Self::ExpiresSoon => ends(45),
            Self::InGrace => ends(-30),
            Self::Expired => ends(-200),
            Self::NotYetValid => began(1),
            Self::Renewed => began(RENEWED_AGE_DAYS),
            Self::Adult
            | Self::Child
            | Self::Revoked
            | Self::PinBlocked
            | Self::FaceOnly
            | Self::Android
            | Self::Iphone
            | Self::IphoneLocked
            | Self::Foreign
            | Self::Defective(_)
            | Self::Faulty(_) => began(ORDINARY_AGE_DAYS),
        }
    }
}

/// Noon in Japan of a day, in Unix seconds: when offices issue cards.
pub(crate) fn noon(day: Day) -> u64 {
    end_of_day(day) + 1 - 12 * 3600
}
