use super::*;
use crate::CardKey;
use crate::keys::CardParts;
use crate::masters::Masters;
use crate::testing;
use crate::towns::NewTowns;
use proptest::prelude::*;
use shikaku_domain::{MemberChange, Registration};
use std::sync::Arc;

/// The town of the usual registration has a code, others have not.
fn masters() -> Arc<Masters> {
    let masters = Masters::default();
    masters.towns.put(0, "架空県見本市").unwrap();
    Arc::new(masters)
}

fn slot_of(registration: &Registration<'_>, towns: &NewTowns) -> Slot<'static> {
    Slot {
        person: registration.person,
        branch: registration.card.branch,
        period: registration.period,
        elsewhere: registration.elsewhere.clone(),
        body: encode_body(registration, towns).into(),
    }
}

fn encode(registrations: &[Registration<'_>]) -> Vec<u8> {
    let towns = NewTowns::new(masters());
    encode_entry(&registrations.iter().map(|one| slot_of(one, &towns)).collect::<Vec<_>>())
}

fn parts(registration: &Registration<'_>) -> CardParts {
    CardKey::of_card(&registration.card).parts().unwrap()
}

fn check_round_trip(registrations: &[Registration<'_>]) {
    let entry = encode(registrations);
    with_registrations(&entry, &parts(&registrations[0]), &masters().towns, |decoded| {
        assert_eq!(decoded, registrations);
    })
    .unwrap();
}

/// The two registrations in `testdata/v2/entry.bin`: twins on one card.
fn old_registrations() -> [Registration<'static>; 2] {
    let usual = testing::registration(1);
    let full = Registration { card: usual.card.clone(), ..testing::full_registration() };
    [usual, full]
}

#[test]
fn records_of_version_2_stay_readable_and_their_bytes_are_frozen() {
    let entry = include_bytes!("../../testdata/v2/entry.bin");
    let old = old_registrations();
    with_registrations(entry, &parts(&old[0]), &masters().towns, |decoded| {
        assert_eq!(decoded, old);
    })
    .unwrap();
    assert_eq!(encode(&old), entry);

    let person = include_bytes!("../../testdata/v2/person.bin");
    let memberships = old.map(|registration| Membership {
        card: CardKey::of_card(&registration.card),
        branch: registration.card.branch,
        period: registration.period,
    });
    assert_eq!(decode_person(person).unwrap(), memberships);
    assert_eq!(encode_person(&memberships), person);
}

#[test]
fn small_records_round_trip() {
    let insurer = testing::insurer("01040013");
    let key = insurer.number.number().to_be_bytes();
    assert_eq!(decode_insurer(&key, &encode_insurer(&insurer)), Ok(insurer));
    let progress = crate::FileProgress {
        lines: 1,
        complete: true,
        rejected: 2,
        added: 3,
        changed: 4,
        unchanged: 5,
        withdrawn: 6,
        not_found: 7,
        gaps: 8,
        overlaps: u64::MAX,
    };
    assert_eq!(decode_progress(&encode_progress(&progress)), Ok(progress));
}

#[test]
fn a_usual_entry_is_compact() {
    assert!(encode(&[testing::registration(1)]).len() < 64);
}

#[test]
fn an_entry_of_another_version_is_refused_not_misread() {
    let mut entry = encode(&old_registrations());
    entry[0] = 3;
    assert_eq!(decode_slots(&entry).err(), Some(crate::codec::NEWER));
    entry[0] = 1;
    assert_eq!(decode_slots(&entry).err(), Some("unknown format version"));
}

#[test]
fn a_cut_entry_is_refused_at_every_length() {
    let registrations = old_registrations();
    let card = parts(&registrations[0]);
    let entry = encode(&registrations);
    for length in 0..entry.len() {
        let read = with_registrations(&entry[..length], &card, &masters().towns, |_| ());
        assert!(read.is_err(), "{length}");
    }
    let longer = [entry, vec![0]].concat();
    assert!(with_registrations(&longer, &card, &masters().towns, |_| ()).is_err());
}

proptest! {
    #[test]
    fn registrations_round_trip(change in testing::change(), text in "\\PC{0,40}", yen in any::<u32>()) {
        let MemberChange::Put(mut registration) = change else { return Ok(()); };
        registration.name = shikaku_domain::Personal::new(text.into());
        let mut full = testing::full_registration();
        full.card = registration.card.clone();
        full.specific_diseases[0].self_pay_yen = yen;
        check_round_trip(&[registration, full]);
    }

    #[test]
    fn any_bytes_are_safe_to_decode(bytes in proptest::collection::vec(any::<u8>(), 0..300), flip in any::<(usize, u8)>()) {
        let old = old_registrations();
        let (card, towns) = (parts(&old[0]), masters());
        let mut damaged = encode(&old);
        let at = flip.0 % damaged.len();
        damaged[at] ^= flip.1;
        let mut versioned = bytes.clone();
        versioned.insert(0, 2);
        for record in [&bytes, &versioned, &damaged] {
            let _ = with_registrations(record, &card, &towns.towns, |_| ());
            let _ = decode_person(record);
            let _ = decode_insurer(&[0, 0x0f, 0xde, 0x9d], record);
            let _ = decode_progress(record);
        }
    }
}
