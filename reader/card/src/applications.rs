//! The applications of a card, built from its holder and issuer.

mod common;
mod jpki;
mod surface;
mod text;

use crate::ca::{Generation, Serial, Validity};
use crate::file::Application;
use crate::holder::{Holder, Numbers};
use crate::issuer::Issuer;
use crate::key::CardKey;
use crate::profile::{Profile, Token};
use crate::{CardError, tlv};
use shikaku_domain::Sex;
use std::sync::Arc;

/// All that goes into one card.
pub(crate) struct Contents<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) holder: &'a Holder,
    pub(crate) numbers: &'a Numbers,
    pub(crate) profile: Profile,
    pub(crate) serial: Serial,
    pub(crate) generation: Generation,
    pub(crate) validity: Validity,
    pub(crate) pin: &'a str,
    pub(crate) password: &'a str,
    pub(crate) photo: &'a [u8],
    /// The chip's own key, which proves that it is no copy.
    pub(crate) chip: Arc<CardKey>,
}

impl Contents<'_> {
    /// The applications of this card, in the order in which a selection by the beginning of a name
    /// finds them.
    pub(crate) fn applications(&self) -> Result<Vec<Application>, CardError> {
        match self.profile.token() {
            Token::None => Ok(Vec::new()),
            Token::Android | Token::Iphone => Ok(vec![jpki::application(self)?]),
            Token::Card => Ok(vec![
                jpki::application(self)?,
                common::common(self),
                common::resident(self),
                surface::application(self)?,
                text::application(self)?,
            ]),
        }
    }

    /// Objects at the level of the card itself.
    pub(crate) fn objects(&self) -> Vec<(u16, Vec<u8>)> {
        let object = |tag, value: &[u8]| (tag, tlv::write(tag, value));
        let municipality = format!("{:05}", self.holder.municipality % 100_000);
        let certificate = &self.issuer.surface.certificate;
        vec![
            object(0x42, b"\x99\x99\x99\x99"),
            object(0x45, self.numbers.card_serial.as_bytes()),
            object(0x66, &tlv::write(0x73, b"SIM")),
            object(0xF0, municipality.as_bytes()),
            object(0xF2, &self.numbers.expiry.to_digits()),
            object(0xF7, &[0x01]),
            object(0xF8, certificate),
            (crate::cv::CERTIFICATE_TAG, certificate.clone()),
        ]
    }
}

/// JIS X 0303, as far as the card goes: one digit.
const fn sex_digit(sex: Sex) -> u8 {
    match sex {
        Sex::Male => b'1',
        Sex::Female => b'2',
        Sex::NotStated => b'3',
    }
}
