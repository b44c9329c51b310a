//! 券面事項入力補助AP: number and four attributes as text (card §1.5).
//!
//! The encrypted channel of this application (SET SESSION KEY) is left out: no reader in a medical
//! institution has a use for it, and the card answers as one that does not know the command.

use super::surface::{indexed, printed};
use super::{Contents, sex_digit};
use crate::CardError;
use crate::cv::public_key;
use crate::file::{Access, Application, ChangeCommand, File, FileId, PasswordForm, PasswordRule};
use crate::tlv;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

const AID: &[u8] = &[0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x08];

const MY_NUMBER: FileId = 0x01;
const ATTRIBUTES: FileId = 0x02;
const SIGNATURES: FileId = 0x03;
const CERTIFICATE: FileId = 0x04;
const BASIC: FileId = 0x05;
const SESSION_KEY: FileId = 0x06;
const CHIP_KEY: FileId = 0x07;
const PIN: FileId = 0x11;
const BLOCKED: FileId = 0x12;
const SIGNING_KEY: FileId = 0x13;
const CHECK_NUMBER_A: FileId = 0x14;
const CHECK_NUMBER_B: FileId = 0x15;
const PIN_TRIES: u8 = 3;

pub(super) fn application(contents: &Contents<'_>) -> Result<Application, CardError> {
    let my_number = my_number(contents);
    let attributes = attributes(contents);
    let signatures = signatures(contents, &my_number, &attributes)?;
    let chip = public_key(&contents.chip);
    let any = Access::AnyOf(&[PIN, CHECK_NUMBER_A, CHECK_NUMBER_B]);
    let number_access = Access::AnyOf(&[PIN, CHECK_NUMBER_A]);
    let attribute_access = Access::AnyOf(&[PIN, CHECK_NUMBER_B]);
    let certificate = contents.issuer.text.certificate.clone();
    let signing = File::SigningKey { key: Arc::clone(&contents.chip), sign: Access::Free };
    let numbers = contents.numbers;
    let files = BTreeMap::from([
        (MY_NUMBER, File::Binary { content: my_number, read: number_access }),
        (ATTRIBUTES, File::padded(attributes, attribute_access)),
        (SIGNATURES, File::padded(signatures, any)),
        (CERTIFICATE, File::padded(certificate, Access::Free)),
        (BASIC, File::padded(basic(contents), Access::Free)),
        (SESSION_KEY, File::padded(tlv::write(0xA1, &chip), Access::Free)),
        (CHIP_KEY, File::padded(chip_key(contents, &chip)?, Access::Free)),
        (PIN, pin(contents, PIN_TRIES)),
        (BLOCKED, pin(contents, 0)),
        (SIGNING_KEY, signing),
        (CHECK_NUMBER_A, printed(12, numbers.my_number.expose())),
        (CHECK_NUMBER_B, printed(14, numbers.check_number_b.expose())),
    ]);
    Ok(Application { aid: AID, files, internal_key: Some(Arc::clone(&contents.chip)) })
}

fn pin(contents: &Contents<'_>, tries: u8) -> File {
    File::Password(PasswordRule {
        form: PasswordForm::Digits(4),
        tries,
        initial: contents.pin.to_owned(),
        change: ChangeCommand::ReferenceData,
    })
}

/// The whole physical file, two bytes of filler included: its hash is signed with them.
fn my_number(contents: &Contents<'_>) -> Vec<u8> {
    let mut file = tlv::write(0xFF10, contents.numbers.my_number.expose().as_bytes());
    file.extend([0xFF, 0xFF]);
    file
}

fn attributes(contents: &Contents<'_>) -> Vec<u8> {
    let holder = contents.holder;
    indexed(&[
        tlv::write(0xDF22, holder.name.expose().as_bytes()),
        tlv::write(0xDF23, holder.address.expose().as_bytes()),
        tlv::write(0xDF24, &holder.birth.to_digits()),
        tlv::write(0xDF25, &[sex_digit(holder.sex)]),
    ])
}

fn signatures(
    contents: &Contents<'_>,
    my_number: &[u8],
    attributes: &[u8],
) -> Result<Vec<u8>, CardError> {
    /// DF21 with four offsets.
    const TABLE_BYTES: usize = 11;
    // What is signed begins behind the header and the table of offsets.
    let signed =
        tlv::Tlv::read(attributes).ok().and_then(|(page, _)| page.value.get(TABLE_BYTES..));
    let hashes = [
        tlv::write(0xDF31, &Sha256::digest(my_number)),
        tlv::write(0xDF32, &Sha256::digest(signed.unwrap_or_default())),
    ]
    .concat();
    let signature = contents.issuer.text.authority.key.sign_message(&hashes)?;
    Ok(tlv::write(0xFF30, &[hashes, tlv::write(0xDF33, &signature)].concat()))
}

fn basic(contents: &Contents<'_>) -> Vec<u8> {
    let content = [
        tlv::write(0xDF41, &[0x01, 0x03, 0x0E, 0x01]),
        tlv::write(0xDF42, &contents.issuer.text.authority.id),
        tlv::write(0xDF43, &[0xA5; 128]),
    ];
    tlv::write(0xFF40, &content.concat())
}

fn chip_key(contents: &Contents<'_>, chip: &[u8]) -> Result<Vec<u8>, CardError> {
    let signed = tlv::write(0xDF51, chip);
    let signature = contents.issuer.text.authority.key.sign_message(&signed)?;
    Ok(tlv::write(0xFF50, &[signed, tlv::write(0xDF52, &signature)].concat()))
}
