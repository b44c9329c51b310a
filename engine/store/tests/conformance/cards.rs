//! What the store keeps about cards: whose certificate it is, consents, events, holders.

use super::*;
use InformationType::{Checkup, Medication};
use shikaku_domain::{
    CardCertificateId, Consent, ConsentChoice, Holder, IdentityCheck, InformationType,
    MedicalInstitutionCode, Personal, TokenKind,
};
use shikaku_store::{CardAction, CardEvent, rebuild};

const AT: u64 = 1_793_491_200;

fn facility() -> MedicalInstitutionCode {
    MedicalInstitutionCode::parse("1310000001").unwrap()
}

fn person(number: u64) -> PersonId {
    PersonId::from_number(number).unwrap()
}

/// The certificate of this person's card.
const fn certificate(person: u64) -> CardCertificateId {
    CardCertificateId { authority: 0x1122_3344, serial: person + 100 }
}

fn event(number: u64, at: u64, action: CardAction) -> CardEvent {
    CardEvent {
        person: person(number),
        at,
        facility: facility(),
        device: "reader-1".to_owned(),
        certificate: certificate(number),
        check: IdentityCheck::Visual,
        token: TokenKind::Card,
        staff: Some("desk-1".to_owned()),
        action,
    }
}

fn asked(yes: &[InformationType], no: &[InformationType]) -> CardAction {
    let mut consents = ConsentChoice::default();
    yes.iter().for_each(|one| consents.give(*one));
    no.iter().for_each(|one| consents.refuse(*one));
    let on = day("20261101");
    CardAction::Asked { on, validity: QualificationValidity::Valid, consents }
}

fn record<L: ChangeLog>(store: &mut Open<L>, events: &[CardEvent]) -> Position {
    let operation = OperationId::of(&[b"cards", &store.writer.head().number().to_be_bytes()]);
    store.writer.record_cards(operation, events, &store.shards).unwrap()
}

fn events_of(reader: &Reader, number: u64) -> Vec<CardEvent> {
    let mut events = Vec::new();
    let push = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    reader.card_events(person(number), push).unwrap();
    events
}

/// Everything that is kept about these people's cards.
type Kept = Vec<(Option<PersonId>, Vec<Consent>, Vec<CardEvent>)>;

fn kept(reader: &Reader) -> Kept {
    let of = |number| {
        let holder = reader.card_holder(certificate(number)).unwrap();
        let consents = reader.consents(person(number), facility()).unwrap();
        (holder, consents, events_of(reader, number))
    };
    (1..=3).map(of).collect()
}

/// Two people with cards: one agreed and took something back, the other only registered.
fn some_history<L: ChangeLog>(store: &mut Open<L>) -> Kept {
    store.put(&registration(1));
    store.put(&registration(2));
    let registered = CardAction::Registered;
    record(store, &[event(1, AT, registered), event(2, AT + 1, registered)]);
    record(store, &[event(1, AT + 2, asked(&[Medication, Checkup], &[]))]);
    record(store, &[event(1, AT + 3, CardAction::Withdrew(Checkup))]);
    kept(&store.reader)
}

pub(super) fn what_was_done_with_cards_is_kept_over_a_restart<M: Medium>() {
    let (medium, parts) = M::create(3);
    let mut store = open(parts);
    let before = some_history(&mut store);
    let given = |information, withdrawn| Consent { information, given: AT + 2, withdrawn };
    let (holder, consents, events) = &before[0];
    assert_eq!(*holder, Some(person(1)));
    assert_eq!(*consents, [given(Medication, None), given(Checkup, Some(AT + 3))]);
    let expected = [
        event(1, AT, CardAction::Registered),
        event(1, AT + 2, asked(&[Medication, Checkup], &[])),
        event(1, AT + 3, CardAction::Withdrew(Checkup)),
    ];
    assert_eq!(*events, expected);
    assert_eq!(
        before[1],
        (Some(person(2)), vec![], vec![event(2, AT + 1, CardAction::Registered)])
    );
    assert_eq!(before[2], (None, vec![], vec![]));
    let Open { writer, shards, reader } = store;
    drop((shards, reader));
    assert_eq!(kept(&open(medium.reopen(writer)).reader), before);
}

pub(super) fn events_of_one_group_follow_one_another_and_take_effect_once<M: Medium>() {
    let (_medium, parts) = M::create(2);
    let mut store = open(parts);
    let group = [
        event(1, AT, asked(&[Medication], &[Checkup])),
        event(1, AT + 1, asked(&[Checkup], &[Medication])),
    ];
    let operation = OperationId::from_bytes([9; 16]);
    let first = store.writer.record_cards(operation, &group, &store.shards).unwrap();
    let after = kept(&store.reader);
    let medication = Consent { information: Medication, given: AT, withdrawn: Some(AT + 1) };
    let checkup = Consent { information: Checkup, given: AT + 1, withdrawn: None };
    assert_eq!(after[0].1, [medication, checkup]);
    record(&mut store, &[event(1, AT + 2, CardAction::Withdrew(Checkup))]);
    let again = store.writer.record_cards(operation, &group, &store.shards).unwrap();
    assert_eq!(again, first);
    let withdrawn = store.reader.consents(person(1), facility()).unwrap()[1].withdrawn;
    assert_eq!(withdrawn, Some(AT + 2), "the repeated group gave it again");
    assert_eq!(events_of(&store.reader, 1).len(), 3);
}

pub(super) fn a_person_is_found_by_the_four_attributes_while_they_are_theirs<M: Medium>() {
    let (_medium, parts) = M::create(3);
    let mut store = open(parts);
    let of = |one: &Registration<'_>| Holder {
        name: Personal::new(one.name.expose().to_string()),
        birthdate: one.card.birthdate,
        sex: one.sex1,
        address: Personal::new(one.address.as_ref().unwrap().expose().to_string()),
    };
    let found = |reader: &Reader, holder: &Holder| -> Vec<u64> {
        let all = reader.registrations_of_holder(holder).unwrap();
        all.iter().map(|one| one.person.number()).collect()
    };
    let (first, mut other) = (registration(1), registration(2));
    other.name = Personal::new("見本　次郎".into());
    store.put(&first);
    store.put(&other);
    assert_eq!(found(&store.reader, &of(&first)), [1]);
    assert_eq!(found(&store.reader, &of(&other)), [2]);
    let mut married = first.clone();
    married.name = Personal::new("架空　花子".into());
    store.put(&married);
    assert_eq!(found(&store.reader, &of(&first)), [0; 0]);
    assert_eq!(found(&store.reader, &of(&married)), [1]);
    let refused = store.reader.in_memory().registrations_of_holder(&of(&married)).err();
    assert_eq!(refused, Some(StoreError::NotInMemory), "a search by name may wait for the disk");
    store.submit(vec![withdraw(&married)]);
    assert_eq!(found(&store.reader, &of(&married)), [0; 0]);
}

#[test]
fn shards_made_again_from_the_log_know_every_card() {
    let (medium, parts) = Rocks::create(3);
    let mut store = open(parts);
    let before = some_history(&mut store);
    drop(store);
    let options = medium.options(3);
    rebuild(&options.path, None, &mut |_| {}).unwrap();
    let store = open(Store::open(&options).unwrap().into_parts());
    assert_eq!(kept(&store.reader), before);
}
