//! Keys and records of the tables `certificate`, `consent`, `event` and `holder`. All numbers of keys are big
//! endian; every record begins with version 1.
//!
//! | table | key | value |
//! |---|---|---|
//! | `certificate` | authority 4, serial 8 | person, when it was bound |
//! | `consent` | person 8, facility 10, kind of information 1 | given, withdrawn |
//! | `event` | person 8, Unix seconds 8, first 8 bytes of a digest of the event | the rest |
//! | `holder` | birth date 3, sex 1, first 2 bytes of a digest of the folded name, person 8 | none |
//!
//! A row of `holder` only says whom to look at: who is meant is told by the registration itself. So
//! two names may share a digest, and a row may outlive its reason, such as a former name.

use super::{CardAction, CardBinding, CardEvent};
use crate::codec::{self, Damage};
use bincode::{BorrowDecode, Encode};
use sha2::{Digest, Sha256};
use shikaku_domain::{
    CardCertificateId, Consent, ConsentChoice, Day, IdentityCheck, InformationType,
    MedicalInstitutionCode, PersonId, QualificationValidity, Registration, Sex, Text, TokenKind,
    fold_name,
};

pub(crate) const CERTIFICATE_KEY_BYTES: usize = 12;
pub(crate) const CONSENT_KEY_BYTES: usize = 19;
pub(crate) const EVENT_KEY_BYTES: usize = 24;

pub(crate) fn certificate_key(id: CardCertificateId) -> [u8; CERTIFICATE_KEY_BYTES] {
    join(&[&id.authority.to_be_bytes(), &id.serial.to_be_bytes()])
}

pub(crate) fn consent_key(
    person: PersonId,
    facility: MedicalInstitutionCode,
    information: InformationType,
) -> [u8; CONSENT_KEY_BYTES] {
    let person = person.number().to_be_bytes();
    join(&[&person, facility.as_str().as_bytes(), &[information.number()]])
}

/// Two equal events within a second are one; two different ones have different keys.
pub(crate) fn event_key(event: &CardEvent, record: &[u8]) -> [u8; EVENT_KEY_BYTES] {
    let digest = Sha256::digest(record);
    let (person, at) = (event.person.number().to_be_bytes(), event.at.to_be_bytes());
    join(&[&person, &at, digest.first_chunk::<8>().unwrap_or(&[0; 8])])
}

/// Bytes of a `holder` key before the person.
pub(crate) const HOLDER_BYTES: usize = 6;
pub(crate) type HolderKey = [u8; HOLDER_BYTES + 8];

/// What the keys of everyone with this birth date, sex and name begin with.
pub(crate) fn holder_prefix(birthdate: Day, sex: Sex, name: &str) -> [u8; HOLDER_BYTES] {
    let digest = Sha256::digest(fold_name(name));
    let [_, day @ ..] = birthdate.number().to_be_bytes();
    let sex = sex.code().as_bytes();
    join(&[&day, sex, digest.first_chunk::<2>().unwrap_or(&[0; 2])])
}

/// The keys under which a registration's person is found: by the name, and by the other name.
pub(crate) fn holder_keys(registration: &Registration<'_>) -> Vec<HolderKey> {
    let names = std::iter::once(&registration.name).chain(&registration.name_of_other);
    let person = registration.person.number().to_be_bytes();
    let key = |name: &Text<'_>| {
        let prefix = holder_prefix(registration.card.birthdate, registration.sex1, name.expose());
        join(&[&prefix, &person])
    };
    names.map(key).collect()
}

/// The person that a key of `holder` leads to.
pub(crate) fn holder_of(key: &[u8]) -> Result<PersonId, Damage> {
    let key: &HolderKey = key.try_into().map_err(|_| "no holder's key")?;
    person_of(key.get(HOLDER_BYTES..).unwrap_or_default())
}

pub(crate) fn check_holder(key: &[u8], record: &[u8]) -> Result<(), Damage> {
    holder_of(key)?;
    codec::end(record)
}

/// INVARIANT: the parts are `N` bytes together.
fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut key = [0; N];
    let bytes = parts.iter().flat_map(|part| part.iter());
    key.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    key
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn person_of(key: &[u8]) -> Result<PersonId, Damage> {
    let number = number(key.get(..8).ok_or("a short key")?);
    PersonId::from_number(number).ok_or("no such person number")
}

#[derive(Encode, BorrowDecode)]
struct BindingRecord {
    person: u64,
    at: u64,
}

pub(crate) fn encode_binding(binding: &CardBinding) -> Vec<u8> {
    let CardBinding { certificate: _, person, at } = *binding;
    let mut out = codec::start(16);
    codec::add(&mut out, &BindingRecord { person: person.number(), at });
    out
}

pub(crate) fn decode_binding(key: &[u8], record: &[u8]) -> Result<CardBinding, Damage> {
    let key: &[u8; CERTIFICATE_KEY_BYTES] = key.try_into().map_err(|_| "no certificate's key")?;
    let (authority, serial) = key.split_first_chunk::<4>().ok_or("a short key")?;
    let mut rest = codec::open(record)?;
    let BindingRecord { person, at } = codec::take(&mut rest)?;
    codec::end(rest)?;
    let person = PersonId::from_number(person).ok_or("no such person number")?;
    let certificate =
        CardCertificateId { authority: u32::from_be_bytes(*authority), serial: number(serial) };
    Ok(CardBinding { certificate, person, at })
}

#[derive(Encode, BorrowDecode)]
struct ConsentRecord {
    given: u64,
    withdrawn: Option<u64>,
}

pub(crate) fn encode_consent(consent: &Consent) -> Vec<u8> {
    let Consent { information: _, given, withdrawn } = *consent;
    let mut out = codec::start(16);
    codec::add(&mut out, &ConsentRecord { given, withdrawn });
    out
}

pub(crate) fn decode_consent(key: &[u8], record: &[u8]) -> Result<Consent, Damage> {
    let key: &[u8; CONSENT_KEY_BYTES] = key.try_into().map_err(|_| "no consent's key")?;
    person_of(key)?;
    let information = key.last().and_then(|number| InformationType::from_number(*number));
    let information = information.ok_or("no such kind of information")?;
    let mut rest = codec::open(record)?;
    let ConsentRecord { given, withdrawn } = codec::take(&mut rest)?;
    codec::end(rest)?;
    Ok(Consent { information, given, withdrawn })
}

#[derive(Encode, BorrowDecode)]
struct EventRecord<'a> {
    facility: &'a str,
    device: &'a str,
    authority: u32,
    serial: u64,
    check: u8,
    token: u8,
    staff: Option<&'a str>,
    action: ActionRecord<'a>,
}

/// Numbered in this order; never changes.
#[derive(Encode, BorrowDecode)]
enum ActionRecord<'a> {
    Registered,
    /// The day, the code of OQSCD006, one bit for each kind of information (bit 1 for number 1)
    /// that was agreed to, and one for each that was refused.
    Asked(u32, &'a str, u8, u8),
    /// The number of the kind of information.
    Withdrew(u8),
}

pub(crate) fn encode_event(event: &CardEvent) -> Vec<u8> {
    let CardEvent { person: _, at: _, facility, device, certificate, check, token, staff, action } =
        event;
    let action = match action {
        CardAction::Registered => ActionRecord::Registered,
        CardAction::Asked { on, validity, consents } => {
            let (given, refused) = consent_bits(consents);
            ActionRecord::Asked(on.number(), validity.code(), given, refused)
        }
        CardAction::Withdrew(information) => ActionRecord::Withdrew(information.number()),
    };
    let mut out = codec::start(64);
    codec::add(
        &mut out,
        &EventRecord {
            facility: facility.as_str(),
            device,
            authority: certificate.authority,
            serial: certificate.serial,
            check: check.number(),
            token: token.number(),
            staff: staff.as_deref(),
            action,
        },
    );
    out
}

pub(crate) fn decode_event(key: &[u8], record: &[u8]) -> Result<CardEvent, Damage> {
    let key: &[u8; EVENT_KEY_BYTES] = key.try_into().map_err(|_| "no event's key")?;
    let mut rest = codec::open(record)?;
    let EventRecord { facility, device, authority, serial, check, token, staff, action } =
        codec::take(&mut rest)?;
    codec::end(rest)?;
    let action = match action {
        ActionRecord::Registered => CardAction::Registered,
        ActionRecord::Asked(on, validity, given, refused) => CardAction::Asked {
            on: Day::from_number(on).ok_or("no such day")?,
            validity: QualificationValidity::from_code(validity).map_err(|_| "no such code")?,
            consents: consents_of_bits(given, refused),
        },
        ActionRecord::Withdrew(information) => CardAction::Withdrew(
            InformationType::from_number(information).ok_or("no such kind of information")?,
        ),
    };
    Ok(CardEvent {
        person: person_of(key)?,
        at: number(key.get(8..16).unwrap_or_default()),
        facility: MedicalInstitutionCode::parse(facility).map_err(|_| "no such facility")?,
        device: device.to_owned(),
        certificate: CardCertificateId { authority, serial },
        check: IdentityCheck::from_number(check).ok_or("no such check")?,
        token: TokenKind::from_number(token).ok_or("no such token")?,
        staff: staff.map(ToOwned::to_owned),
        action,
    })
}

fn consent_bits(consents: &ConsentChoice) -> (u8, u8) {
    consents.iter().fold((0, 0), |(given, refused), (information, yes)| {
        let bit = 1 << information.number();
        if yes { (given | bit, refused) } else { (given, refused | bit) }
    })
}

fn consents_of_bits(given: u8, refused: u8) -> ConsentChoice {
    let mut consents = ConsentChoice::default();
    for information in InformationType::ALL {
        let bit = 1 << information.number();
        if given & bit != 0 {
            consents.give(*information);
        } else if refused & bit != 0 {
            consents.refuse(*information);
        }
    }
    consents
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event() -> CardEvent {
        let mut consents = ConsentChoice::default();
        consents.give(InformationType::Medication);
        consents.refuse(InformationType::Operation);
        CardEvent {
            person: PersonId::from_number(5).unwrap(),
            at: 1_792_940_399,
            facility: MedicalInstitutionCode::parse("1310000001").unwrap(),
            device: "reader-1".to_owned(),
            certificate: CardCertificateId { authority: 0x0102_0304, serial: 0x22_7b13 },
            check: IdentityCheck::Visual,
            token: TokenKind::Card,
            staff: Some("s1".to_owned()),
            action: CardAction::Asked {
                on: Day::parse("20261101").unwrap(),
                validity: QualificationValidity::Valid,
                consents,
            },
        }
    }

    #[test]
    fn the_bytes_of_version_1_are_frozen() {
        let event = event();
        let id = event.certificate;
        assert_eq!(certificate_key(id), [1, 2, 3, 4, 0, 0, 0, 0, 0, 0x22, 0x7b, 0x13]);
        let binding = CardBinding { certificate: id, person: event.person, at: 300 };
        assert_eq!(encode_binding(&binding), [1, 5, 251, 44, 1]);
        let key = consent_key(event.person, event.facility, InformationType::Checkup);
        assert_eq!(&key, b"\0\0\0\0\0\0\0\x051310000001\x04");
        let consent =
            Consent { information: InformationType::Checkup, given: 9, withdrawn: Some(10) };
        assert_eq!(encode_consent(&consent), [1, 9, 1, 10]);
        let record = encode_event(&event);
        let mut frozen = vec![1, 10];
        frozen.extend(b"1310000001\x08reader-1");
        frozen.extend([252, 4, 3, 2, 1, 252, 0x13, 0x7b, 0x22, 0]);
        frozen.extend([3, 1, 1, 2, b's', b'1', 1, 251]);
        frozen
            .extend(u16::try_from(Day::parse("20261101").unwrap().number()).unwrap().to_le_bytes());
        frozen.extend([1, b'1', 8, 64]);
        assert_eq!(record, frozen);
        let key = event_key(&event, &record);
        assert_eq!(key[..16], [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0x6a, 0xde, 0x19, 0x6f]);
    }

    #[test]
    fn records_read_back() {
        let event = event();
        let record = encode_event(&event);
        assert_eq!(decode_event(&event_key(&event, &record), &record), Ok(event.clone()));
        let binding = CardBinding { certificate: event.certificate, person: event.person, at: 7 };
        let key = certificate_key(binding.certificate);
        assert_eq!(decode_binding(&key, &encode_binding(&binding)), Ok(binding));
        for action in [CardAction::Registered, CardAction::Withdrew(InformationType::Diagnosis)] {
            let event = CardEvent { action, staff: None, ..event.clone() };
            let record = encode_event(&event);
            assert_eq!(decode_event(&event_key(&event, &record), &record), Ok(event));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe_to_read(key in proptest::collection::vec(any::<u8>(), 0..30), mut record in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_event(&key, &record);
            let _ = decode_consent(&key, &record);
            let _ = decode_binding(&key, &record);
            let good = encode_event(&event());
            record.truncate(good.len());
            let mixed = [&record[..], &good[record.len()..]].concat();
            let _ = decode_event(&event_key(&event(), &good), &mixed);
        }
    }
}
