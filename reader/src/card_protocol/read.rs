//! Selecting and reading: what may be repeated as often as wanted.

use shikaku_card::StatusWord;
use shikaku_card::apdu::Command;
use shikaku_card::tlv::Tlv;
use zeroize::Zeroizing;

use super::{CERTIFICATE_FILE, CardTransport, TOKEN_FILE, exchange};
use crate::session::CardFailure;

/// Bytes of EF 0006.
const TOKEN_BYTES: usize = 160;
/// Largest object that is read, in bytes: a certificate has about 1,600, P-384 ones less.
pub(super) const OBJECT_BYTES_MAX: usize = 8 * 1024;
/// Bytes that say how long an object is: two of tag, three of length.
const OBJECT_HEAD_BYTES: usize = 5;
/// Most bytes of one READ BINARY in the short form.
const READ_BYTES_MAX: usize = 256;

/// Selects an application.
pub(super) fn select_application(
    card: &mut dyn CardTransport,
    aid: &[u8],
) -> Result<(), CardFailure> {
    let select = Command { cla: 0, ins: 0xA4, p1: 0x04, p2: 0x0C, data: aid, expected: None };
    let mut end = exchange(card, &select)?;
    if end == Err(StatusWord::INTERNAL) {
        // The first command after power-on may be lost (card §1.2).
        end = exchange(card, &select)?;
    }
    end.map(|_| ()).map_err(|_| CardFailure::NotMyNumberCard)
}

/// Selects a file; `None` when there is no such file.
pub(super) fn select_file(
    card: &mut dyn CardTransport,
    file: u16,
) -> Result<Option<()>, CardFailure> {
    let data = &file.to_be_bytes();
    let select = Command { cla: 0, ins: 0xA4, p1: 0x02, p2: 0x0C, data, expected: None };
    match exchange(card, &select)? {
        Ok(_) => Ok(Some(())),
        Err(StatusWord::NOT_FOUND) => Ok(None),
        Err(_) => Err(CardFailure::Malformed),
    }
}

/// The token information; shorter than usual is taken as it is.
pub(super) fn read_token(card: &mut dyn CardTransport) -> Result<Zeroizing<Vec<u8>>, CardFailure> {
    select_file(card, TOKEN_FILE)?.ok_or(CardFailure::NotMyNumberCard)?;
    let token = read(card, 0, TOKEN_BYTES)?.map_err(|_| CardFailure::Malformed)?;
    if token.is_empty() { Err(CardFailure::Malformed) } else { Ok(token) }
}

/// The certificate; `None` while the card does not show it.
pub(super) fn read_certificate(
    card: &mut dyn CardTransport,
) -> Result<Option<Zeroizing<Vec<u8>>>, CardFailure> {
    read_object(card, CERTIFICATE_FILE)
}

/// The object that a file begins with, without the filler after it; `None` when the card does not
/// show it.
pub(super) fn read_object(
    card: &mut dyn CardTransport,
    file: u16,
) -> Result<Option<Zeroizing<Vec<u8>>>, CardFailure> {
    select_file(card, file)?.ok_or(CardFailure::Malformed)?;
    let head = match read(card, 0, OBJECT_HEAD_BYTES)? {
        Ok(head) => head,
        Err(StatusWord::SECURITY_STATUS) => return Ok(None),
        Err(_) => return Err(CardFailure::Malformed),
    };
    let length = Tlv::total_bytes(&head).map_err(|_| CardFailure::Malformed)?;
    if length > OBJECT_BYTES_MAX {
        return Err(CardFailure::Malformed);
    }
    let mut object = Zeroizing::new(Vec::with_capacity(length));
    while object.len() < length {
        let wanted = (length - object.len()).min(READ_BYTES_MAX);
        let part = read(card, object.len(), wanted)?.map_err(|_| CardFailure::Malformed)?;
        if part.is_empty() || part.len() > wanted {
            return Err(CardFailure::Malformed);
        }
        object.extend_from_slice(&part);
    }
    Ok(Some(object))
}

/// READ BINARY of the current file.
fn read(
    card: &mut dyn CardTransport,
    offset: usize,
    bytes: usize,
) -> Result<Result<Zeroizing<Vec<u8>>, StatusWord>, CardFailure> {
    // INVARIANT: offsets stay below OBJECT_BYTES_MAX, which 15 bits hold.
    let [p1, p2] = u16::try_from(offset).unwrap_or(0x7FFF).to_be_bytes();
    exchange(card, &Command { cla: 0, ins: 0xB0, p1, p2, data: &[], expected: Some(bytes) })
}
