//! The photograph of the card, believed only when it is signed and this very chip proves itself.

use shikaku_card::apdu::Command;
use shikaku_card::{SignedFace, digest_info};
use zeroize::Zeroizing;

use super::read::{read_object, select_application};
use super::{CardTransport, JPKI, Spent, confirm, exchange, open_by_number};
use crate::session::{CardFailure, CardSeen, MatchingNumber, Photo};

/// 券面事項確認AP.
const SURFACE: &[u8] = &[0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x02];
/// 照合番号B of the surface application.
const NUMBER_FILE: u16 = 0x0012;
/// The face of the card: photograph, pictures of the text, signature.
const FACE_FILE: u16 = 0x0002;
/// Certificate of whoever signed it.
const SIGNER_FILE: u16 = 0x0004;

/// Reads the photograph of the same card, opened by 照合番号B.
///
/// `authority` is the modulus of whom the photograph's signer must be certified by, `nonce` what the
/// chip signs (内部認証): a copied photograph in another card is refused.
///
/// # Errors
/// [`CardFailure`]; [`CardFailure::WrongNumber`] also when only the last try is left, which is
/// never used for this.
pub fn read_photo(
    card: &mut dyn CardTransport,
    expected: &CardSeen,
    number: &MatchingNumber,
    authority: &[u8],
    nonce: &[u8; 32],
    spent: &mut Spent,
) -> Result<Photo, CardFailure> {
    open_by_number(card, expected, SURFACE, NUMBER_FILE, number, spent)?;
    let face = read_object(card, FACE_FILE)?.ok_or(CardFailure::Malformed)?;
    let signer = read_object(card, SIGNER_FILE)?.ok_or(CardFailure::Malformed)?;
    let face = SignedFace::check(&face, &signer, authority).ok_or(CardFailure::PhotoUntrusted)?;
    let signature = sign_internally(card, nonce)?;
    if !face.has_signed(nonce, &signature) {
        return Err(CardFailure::PhotoUntrusted);
    }
    // Photograph and certificate must be of one card.
    select_application(card, JPKI)?;
    confirm(card, expected)?;
    Ok(Photo::new(Zeroizing::new(face.photo.to_vec())))
}

/// Lets the application's own key sign, which no password guards.
fn sign_internally(
    card: &mut dyn CardTransport,
    nonce: &[u8; 32],
) -> Result<Zeroizing<Vec<u8>>, CardFailure> {
    let info = digest_info(ring::digest::digest(&ring::digest::SHA256, nonce).as_ref());
    let sign =
        Command { cla: 0x80, ins: 0x2A, p1: 0x00, p2: 0x00, data: &info, expected: Some(256) };
    exchange(card, &sign)?.map_err(|_| CardFailure::PhotoUntrusted)
}
