//! 券面事項確認AP: the face of the card as data, the photo among it (card §1.4).

use super::{Contents, sex_digit};
use crate::CardError;
use crate::cv::{key_id, public_key};
use crate::file::{Access, Application, ChangeCommand, File, FileId, PasswordForm, PasswordRule};
use crate::key::{CardKey, digest_info};
use crate::{picture, tlv};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

const AID: &[u8] = &[0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x02];

const AGE: FileId = 0x01;
const FACE: FileId = 0x02;
const BASIC: FileId = 0x03;
const CERTIFICATE: FileId = 0x04;
const MY_NUMBER: FileId = 0x05;
const UNKNOWN: FileId = 0x06;
const BIRTH_KEY: FileId = 0x11;
const CHECK_NUMBER_B: FileId = 0x12;
const CHECK_NUMBER_A: FileId = 0x13;

/// Tries of the numbers that are printed on the card.
const PRINTED_NUMBER_TRIES: u8 = 10;
const NAME_LETTERS: u8 = 18;
const ADDRESS_LETTERS: u8 = 24;
const CODE_LETTERS: u8 = 2;
const MY_NUMBER_LETTERS: u8 = 6;

pub(super) fn application(contents: &Contents<'_>) -> Result<Application, CardError> {
    let numbers = contents.numbers;
    let certificate = contents.issuer.surface.certificate.clone();
    let files = BTreeMap::from([
        (AGE, File::padded(age(contents)?, Access::AnyOf(&[BIRTH_KEY]))),
        (FACE, File::padded(face(contents)?, Access::AnyOf(&[CHECK_NUMBER_B, CHECK_NUMBER_A]))),
        (BASIC, File::padded(basic(contents), Access::Free)),
        (CERTIFICATE, File::padded(certificate, Access::Free)),
        (MY_NUMBER, File::padded(my_number(contents)?, Access::AnyOf(&[CHECK_NUMBER_A]))),
        (UNKNOWN, File::Binary { content: vec![0xFF; 16], read: Access::Free }),
        (BIRTH_KEY, printed(6, numbers.era_birth.expose())),
        (CHECK_NUMBER_B, printed(14, numbers.check_number_b.expose())),
        (CHECK_NUMBER_A, printed(12, numbers.my_number.expose())),
    ]);
    Ok(Application { aid: AID, files, internal_key: Some(Arc::clone(&contents.chip)) })
}

/// A number that is printed on the card and opens files.
pub(super) fn printed(digits: usize, number: &str) -> File {
    File::Password(PasswordRule {
        form: PasswordForm::Digits(digits),
        tries: PRINTED_NUMBER_TRIES,
        initial: number.to_owned(),
        change: ChangeCommand::None,
    })
}

fn signer<'a>(contents: &'a Contents<'_>) -> &'a CardKey {
    &contents.issuer.surface.authority.key
}

fn age(contents: &Contents<'_>) -> Result<Vec<u8>, CardError> {
    let signed = [
        tlv::write(0xDF11, &contents.holder.birth.to_digits()),
        tlv::write(0xDF12, &public_key(&contents.chip)),
    ]
    .concat();
    let signature = signer(contents).sign_message(&signed)?;
    Ok(tlv::write(0xFF10, &[signed, tlv::write(0xDF13, &signature)].concat()))
}

fn face(contents: &Contents<'_>) -> Result<Vec<u8>, CardError> {
    let holder = contents.holder;
    let person = [
        tlv::write(0xDF22, &holder.birth.to_digits()),
        tlv::write(0xDF23, &[sex_digit(holder.sex)]),
        tlv::write(0xDF24, &public_key(&contents.chip)),
    ];
    let texts = [
        tlv::write(0xDF25, &picture::text(holder.name.expose(), NAME_LETTERS)?),
        tlv::write(0xDF26, &picture::text(holder.address.expose(), ADDRESS_LETTERS)?),
    ];
    let photo = tlv::write(0xDF27, contents.photo);
    // One signature over three hashes, so that each part can be checked without the others.
    let hashes =
        [Sha256::digest(person.concat()), Sha256::digest(texts.concat()), Sha256::digest(&photo)];
    let signature = signer(contents).sign_raw(&digest_info(&hashes.concat()))?;
    let [birth, sex, key] = person;
    let [name, address] = texts;
    let code = picture::text(&contents.numbers.security_code, CODE_LETTERS)?;
    Ok(indexed(&[
        birth,
        sex,
        key,
        name,
        address,
        photo,
        tlv::write(0xDF28, &signature),
        tlv::write(0xDF29, &contents.numbers.expiry.to_digits()),
        tlv::write(0xDF2A, &code),
    ]))
}

/// The objects under `FF20`, behind a table of where each begins, counted from the file's start.
pub(super) fn indexed(objects: &[Vec<u8>]) -> Vec<u8> {
    let table = |start: usize| -> Vec<u8> {
        let mut next = start;
        let offsets = objects.iter().flat_map(|object| {
            let offset = u16::try_from(next).unwrap_or(u16::MAX);
            next += object.len();
            offset.to_be_bytes()
        });
        tlv::write(0xDF21, &offsets.collect::<Vec<u8>>())
    };
    let body: Vec<u8> = objects.concat();
    let content_bytes = table(0).len() + body.len();
    let header_bytes = tlv::write(0xFF20, &vec![0; content_bytes]).len() - content_bytes;
    let table = table(header_bytes + table(0).len());
    tlv::write(0xFF20, &[table, body].concat())
}

fn basic(contents: &Contents<'_>) -> Vec<u8> {
    let municipality = format!("{:05}", contents.holder.municipality % 100_000);
    let opaque = [&key_id(b"000025", 0)[..], &[0xA5; 256]].concat();
    let content = [
        tlv::write(0xDF31, &[0x06, 0x03, 0x0E, 0x01]),
        tlv::write(0xDF32, &contents.issuer.surface.authority.id),
        tlv::write(0xDF33, &[0x00]),
        tlv::write(0xDF34, municipality.as_bytes()),
        tlv::write(0xDF35, &opaque),
    ];
    tlv::write(0xFF30, &content.concat())
}

fn my_number(contents: &Contents<'_>) -> Result<Vec<u8>, CardError> {
    let number = picture::text(contents.numbers.my_number.expose(), MY_NUMBER_LETTERS)?;
    let signed =
        [tlv::write(0xDF41, &number), tlv::write(0xDF42, &public_key(&contents.chip))].concat();
    let signature = signer(contents).sign_message(&signed)?;
    Ok(tlv::write(0xFF40, &[signed, tlv::write(0xDF43, &signature)].concat()))
}
