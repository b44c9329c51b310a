//! 公的個人認証AP: certificates and the keys that go with them (card §1.3).

use super::Contents;
use crate::CardError;
use crate::ca::CertificateRequest;
use crate::file::{Access, Application, ChangeCommand, File, FileId, PasswordForm, PasswordRule};
use crate::key::CardKey;
use crate::profile::{Profile, Token};
use std::collections::BTreeMap;
use std::sync::Arc;

const AID: &[u8] = &[0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01];

const SIGNATURE_CERTIFICATE: FileId = 0x01;
const SIGNATURE_ROOT: FileId = 0x02;
const TOKEN_INFO: FileId = 0x06;
const CERTIFICATES_PRESENT: FileId = 0x08;
const UNREADABLE: FileId = 0x09;
const AUTHENTICATION_CERTIFICATE: FileId = 0x0A;
const AUTHENTICATION_ROOT: FileId = 0x0B;
const COUNTED_REFERENCE: FileId = 0x10;
const TERMINAL_ANCHOR: FileId = 0x16;
const AUTHENTICATION_KEY: FileId = 0x17;
const AUTHENTICATION_PIN: FileId = 0x18;
const SIGNATURE_KEY: FileId = 0x1A;
const SIGNATURE_PASSWORD: FileId = 0x1B;

/// Tries of the four-digit PIN, and of the long password.
const PIN_TRIES: u8 = 3;
const PASSWORD_TRIES: u8 = 5;
/// Says that a certificate is there.
const PRESENT: u8 = 0x8F;

pub(super) fn application(contents: &Contents<'_>) -> Result<Application, CardError> {
    let mut files = BTreeMap::from([
        (TOKEN_INFO, File::Binary { content: token_info(contents), read: Access::Free }),
        (UNREADABLE, File::Binary { content: vec![0xFF; 16], read: Access::Never }),
        (COUNTED_REFERENCE, File::Opaque),
        (TERMINAL_ANCHOR, File::TerminalAnchor(terminal_anchor(contents))),
    ]);
    files.extend(authentication(contents)?);
    let has_signature = contents.profile.has_signature_certificate();
    files.extend(if has_signature { signature(contents)? } else { no_signature(contents) });
    let present = vec![if has_signature { PRESENT } else { 0 }, PRESENT, 0];
    files.insert(CERTIFICATES_PRESENT, File::Binary { content: present, read: Access::Free });
    Ok(Application { aid: AID, files, internal_key: None })
}

fn authentication(contents: &Contents<'_>) -> Result<Vec<(FileId, File)>, CardError> {
    let number = contents.serial.number().into();
    let key = Arc::new(CardKey::from_seed(contents.issuer.seed, "authentication", number)?);
    let request = request(contents, &key);
    let authority = &contents.issuer.authentication;
    let certificate = match contents.profile.defect() {
        Some(defect) => authority.issue_defective(&request, defect)?,
        None => authority.issue(&request)?,
    };
    let read = match contents.profile.token() {
        Token::Android => Access::AnyOf(&[AUTHENTICATION_PIN]),
        Token::Card | Token::Iphone | Token::None => Access::Free,
    };
    let root = authority.certificate(contents.generation).to_vec();
    let tries = if contents.profile.is_pin_blocked() { 0 } else { PIN_TRIES };
    let mut files = vec![
        (AUTHENTICATION_CERTIFICATE, File::padded(certificate, read)),
        (AUTHENTICATION_ROOT, File::padded(root, Access::Free)),
        (AUTHENTICATION_KEY, File::SigningKey { key, sign: signing_access(contents.profile) }),
    ];
    // An iPhone recognises its owner by itself, so there is nothing that VERIFY could be sent to.
    if contents.profile.token() != Token::Iphone {
        let pin = password(PasswordForm::Digits(4), tries, contents.pin);
        files.push((AUTHENTICATION_PIN, pin));
    }
    Ok(files)
}

const fn signing_access(profile: Profile) -> Access {
    match profile.token() {
        Token::Card | Token::Android | Token::None => {
            Access::AnyOf(&[AUTHENTICATION_PIN, TERMINAL_ANCHOR])
        }
        Token::Iphone if matches!(profile, Profile::IphoneLocked) => Access::Never,
        Token::Iphone => Access::Free,
    }
}

fn signature(contents: &Contents<'_>) -> Result<Vec<(FileId, File)>, CardError> {
    let number = contents.serial.number().into();
    let key = Arc::new(CardKey::from_seed(contents.issuer.seed, "signature", number)?);
    let authority = &contents.issuer.signature;
    let certificate = authority.issue(&request(contents, &key))?;
    let access = Access::AnyOf(&[SIGNATURE_PASSWORD]);
    let form = PasswordForm::UpperAlphanumeric(6, 16);
    Ok(vec![
        (SIGNATURE_CERTIFICATE, File::padded(certificate, access)),
        (
            SIGNATURE_ROOT,
            File::padded(authority.certificate(contents.generation).to_vec(), Access::Free),
        ),
        (SIGNATURE_KEY, File::SigningKey { key, sign: access }),
        (SIGNATURE_PASSWORD, password(form, PASSWORD_TRIES, contents.password)),
    ])
}

/// A card without a signature certificate still has the files: empty, the password blocked.
fn no_signature(contents: &Contents<'_>) -> Vec<(FileId, File)> {
    let root = contents.issuer.signature.certificate(contents.generation).to_vec();
    let form = PasswordForm::UpperAlphanumeric(6, 16);
    vec![
        (SIGNATURE_CERTIFICATE, File::padded(Vec::new(), Access::AnyOf(&[SIGNATURE_PASSWORD]))),
        (SIGNATURE_ROOT, File::padded(root, Access::Free)),
        (SIGNATURE_KEY, File::Opaque),
        (SIGNATURE_PASSWORD, password(form, 0, "")),
    ]
}

fn request<'a>(contents: &Contents<'_>, key: &'a CardKey) -> CertificateRequest<'a> {
    CertificateRequest {
        serial: contents.serial,
        key,
        generation: contents.generation,
        validity: contents.validity,
        municipality: contents.holder.municipality,
    }
}

fn password(form: PasswordForm, tries: u8, initial: &str) -> File {
    let change = ChangeCommand::ReferenceData;
    File::Password(PasswordRule { form, tries, initial: initial.to_owned(), change })
}

fn terminal_anchor(contents: &Contents<'_>) -> Vec<u8> {
    if contents.profile.trusts_terminals() {
        contents.issuer.terminals.modulus()
    } else {
        Vec::new()
    }
}

/// A serialised `CK_TOKEN_INFO` of 160 bytes.
fn token_info(contents: &Contents<'_>) -> Vec<u8> {
    const FLAGS: u32 = 0x0000_040D;
    /// Sessions: most, now; most for writing, now. Lengths of the password: most, least.
    const LIMITS: [u32; 6] = [1, 0, 1, 0, 16, 6];
    const MEMORY_UNKNOWN: [u8; 16] = [0xFF; 16];
    /// Hardware and firmware.
    const VERSIONS: [u8; 4] = [0x03, 0x01, 0x03, 0x01];
    const TIME: &[u8; 16] = b"9999999999999999";
    let padded = |text: &str, bytes: usize| format!("{text:<bytes$}").into_bytes();
    [
        padded(contents.profile.token().label(), 32),
        format!("{:032}", 1).into_bytes(),
        padded("E16R01NJ", 16),
        format!("{:016}", contents.serial.number()).into_bytes(),
        FLAGS.to_be_bytes().to_vec(),
        LIMITS.iter().flat_map(|limit| limit.to_be_bytes()).collect(),
        MEMORY_UNKNOWN.to_vec(),
        VERSIONS.to_vec(),
        TIME.to_vec(),
    ]
    .concat()
}
