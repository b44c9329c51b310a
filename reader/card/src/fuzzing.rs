//! What the fuzz targets do with bytes: here rather than in `fuzz/`, so that the test suite runs
//! the same bodies over the committed corpus. Each panics when a promise of this crate is broken.

use crate::apdu::{Command, Response};
use crate::software::{Answer, SoftwareCard};
use crate::tlv::{self, Tlv};
use crate::{CardOrder, DEFAULT_PASSWORD, Holder, IssuedCard, Issuer, Memory, Profile, StatusWord};
use shikaku_domain::{Day, Personal, Sex};
use std::sync::LazyLock;

const SELECT_JPKI: &[u8] = b"\x00\xA4\x04\x0C\x0A\xD3\x92\xF0\x00\x26\x01\x00\x00\x00\x01";
/// Reads the signature certificate by its short identifier.
const READ_SIGNATURE_CERTIFICATE: &[u8] = b"\x00\xB0\x81\x00\x04";

/// A command: refused, or read and written anew with the same meaning.
pub fn command(data: &[u8]) {
    if let Ok(command) = Command::parse(data) {
        assert_eq!(
            Command::parse(&command.to_bytes()),
            Ok(command),
            "a command changed its meaning"
        );
    }
}

/// Objects: refused, or read so that they cover all bytes and can be written anew.
pub fn tlv(data: &[u8]) {
    let Ok(objects) = Tlv::list(data) else { return };
    let bytes: usize = objects.iter().map(|object| object.whole.len()).sum();
    assert_eq!(bytes, data.len(), "bytes were lost");
    for object in objects {
        assert_eq!(Tlv::total_bytes(object.whole), Ok(object.whole.len()));
        let again = tlv::write(object.tag, object.value);
        assert!(again.len() <= object.whole.len(), "the shortest form is longer");
        let read = Tlv::read(&again).map(|(one, rest)| (one.tag, one.value, rest.len()));
        assert_eq!(read, Ok((object.tag, object.value, 0)));
    }
}

/// Commands to a card, each after a byte that says how long it is: every one is answered, and what
/// needs the password of the signature stays closed to who does not know it.
pub fn card(data: &[u8]) {
    let mut card = adult().insert(Memory::volatile());
    let mut rest = data;
    while let [length, after @ ..] = rest {
        let (command, next) = after.split_at(after.len().min(usize::from(*length)));
        answer(&mut card, command);
        rest = next;
    }
    let knows =
        data.windows(DEFAULT_PASSWORD.len()).any(|text| text == DEFAULT_PASSWORD.as_bytes());
    if !knows {
        assert_eq!(answer(&mut card, SELECT_JPKI), StatusWord::OK);
        let status = answer(&mut card, READ_SIGNATURE_CERTIFICATE);
        assert_eq!(status, StatusWord::SECURITY_STATUS, "the card is open");
    }
}

fn answer(card: &mut SoftwareCard, command: &[u8]) -> StatusWord {
    match card.transmit(command) {
        Answer::Bytes(bytes) => match Response::parse(&bytes) {
            Some(response) => response.status,
            None => panic!("an answer without a status word"),
        },
        Answer::Silence | Answer::Gone => panic!("a sound card did not answer"),
    }
}

fn adult() -> &'static IssuedCard {
    static CARD: LazyLock<Option<IssuedCard>> = LazyLock::new(|| {
        let day = |year| Day::new(year, 2, 17).unwrap_or(Day::MIN);
        let holder = Holder {
            index: 5,
            name: Personal::new("資格　花子".to_owned()),
            address: Personal::new("合成県見本市一丁目２番３号".to_owned()),
            birth: day(1980),
            sex: Sex::Female,
            municipality: 13_221,
        };
        Issuer::new(1)
            .and_then(|one| one.card(&CardOrder::new(holder, Profile::Adult, day(2026))))
            .ok()
    });
    match &*CARD {
        Some(card) => card,
        None => panic!("no card could be made"),
    }
}
