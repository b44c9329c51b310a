//! A store built anew beside another takes its place, at one moment and with everything that no
//! insurer's file holds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

#[path = "../src/testing.rs"]
#[expect(dead_code, reason = "shared with the tests inside the crate, which use the rest")]
mod testing;

use shikaku_domain::{
    CardCertificateId, CardQuery, Consent, ConsentChoice, IdentityCheck, InformationType,
    LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode, MemberChange, PersonId,
    QualificationValidity, TokenKind,
};
use shikaku_store::{
    Batch, CardAction, CardCarrier, CardEvent, InPlace, LocalLog, OperationId, Reader, Store,
    StoreError, StoreOptions, Successor, Writer, rebuild, remove_shadow, shadow_folder, verify,
};
use std::fs;
use std::path::{Path, PathBuf};
use testing::{day, registration};

const AT: u64 = 1_793_491_200;
const PEOPLE: u64 = 40;

fn options(folder: &Path, shards: u16) -> StoreOptions {
    StoreOptions { path: folder.join("store"), shards, cache_bytes: 1 << 20, create: true }
}

struct Open {
    folder: PathBuf,
    writer: Writer<LocalLog>,
    shards: InPlace,
    reader: Reader,
}

impl Open {
    fn of(store: Store) -> Self {
        let folder = store.folder().to_owned();
        let (writer, shards, reader) = store.into_parts();
        Self { folder, writer, shards: InPlace::new(shards), reader }
    }

    /// The store with three shards.
    fn store(folder: &Path) -> Self {
        Self::of(Store::open(&options(folder, 3)).unwrap())
    }

    /// Its shadow with two.
    fn shadow(folder: &Path) -> Self {
        Self::of(Store::open_shadow(&options(folder, 2)).unwrap())
    }

    fn put(&mut self, people: impl IntoIterator<Item = u64>) {
        let changes = people.into_iter().map(|number| MemberChange::Put(registration(number)));
        let operation = OperationId::of(&[b"put", &self.writer.head().number().to_be_bytes()]);
        let batch = Batch { operation, changes: changes.collect(), progress: None };
        self.writer.submit(&batch, &self.shards).unwrap();
    }

    fn record(&mut self, number: u64, at: u64, action: CardAction) {
        let event = CardEvent {
            person: PersonId::from_number(number).unwrap(),
            at,
            facility: facility(),
            device: "reader-1".to_owned(),
            certificate: certificate(number),
            check: IdentityCheck::Visual,
            token: TokenKind::Card,
            staff: None,
            action,
        };
        let operation = OperationId::of(&[b"card", &self.writer.head().number().to_be_bytes()]);
        self.writer.record_cards(operation, &[event], &self.shards).unwrap();
    }

    fn agree(&mut self, number: u64, at: u64) {
        let mut consents = ConsentChoice::default();
        consents.give(InformationType::Medication);
        let validity = QualificationValidity::Valid;
        self.record(number, at, CardAction::Asked { on: day("20261101"), validity, consents });
    }

    fn known(&self) -> Vec<u64> {
        (1..=PEOPLE).filter(|number| self.knows(*number)).collect()
    }

    fn knows(&self, number: u64) -> bool {
        let card = registration(number).card;
        let query = CardQuery {
            insurer: card.insurer,
            symbol: card.folded_symbol(),
            number: *card.number.folded(),
            branch: card.branch,
            birthdate: card.birthdate,
            limit_consent: LimitApplicationCertificateRelatedConsFlg::NotGiven,
        };
        self.reader.with_card(&query, |found| found.len()).unwrap() == 1
    }

    /// Everything about the cards of these people.
    fn cards(&self) -> Vec<(Option<PersonId>, Vec<Consent>, Vec<CardEvent>)> {
        let of = |number| {
            let person = PersonId::from_number(number).unwrap();
            let mut events = Vec::new();
            let push = |event| {
                events.push(event);
                std::ops::ControlFlow::Continue(())
            };
            self.reader.card_events(person, push).unwrap();
            let holder = self.reader.card_holder(certificate(number)).unwrap();
            (holder, self.reader.consents(person, facility()).unwrap(), events)
        };
        (1..=PEOPLE).map(of).collect()
    }

    /// Follows the changes of cards of this store until there is none left.
    fn follow(&mut self, carrier: &mut CardCarrier, from: &Self) {
        loop {
            let changes = carrier.read(&from.writer).unwrap();
            let is_all = changes.is_all();
            carrier.follow(changes, &mut self.writer, &self.shards).unwrap();
            if is_all {
                return;
            }
        }
    }
}

fn facility() -> MedicalInstitutionCode {
    MedicalInstitutionCode::parse("1310000001").unwrap()
}

const fn certificate(person: u64) -> CardCertificateId {
    CardCertificateId { authority: 0x1122_3344, serial: person + 100 }
}

#[test]
fn one_file_decides_which_of_two_stores_counts_and_the_former_one_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let mut store = Open::store(folder.path());
    store.put(1..=20);
    let mut shadow = Open::shadow(folder.path());
    shadow.put(11..=30);
    drop(shadow);
    assert_eq!(Open::shadow(folder.path()).known(), (11..=30).collect::<Vec<_>>());
    assert_eq!(store.known(), (1..=20).collect::<Vec<_>>());
    drop(store);
    assert_eq!(Open::store(folder.path()).known(), (1..=20).collect::<Vec<_>>(), "a restart");

    let store = Open::store(folder.path());
    let successor = Successor::new(&root).unwrap();
    successor.succeed().unwrap();
    // A crash here: the former store is open and in the way, but nobody asks it any more.
    drop(store);
    let format = fs::read_to_string(root.join("FORMAT")).unwrap();
    assert_eq!(format, "generation = 2\nlayout = 3\n", "older programs refuse this layout");
    let store = Open::store(folder.path());
    assert_eq!(store.folder, root.join("generation-02"));
    assert_eq!(store.known(), (11..=30).collect::<Vec<_>>());
    assert!(!root.join("log").exists() && !root.join("shard-00").exists());
    drop(store);
    assert!(verify(&root).unwrap().is_sound());
    rebuild(&root, None, &mut |_| {}).unwrap();

    // And once more, from a generation to the next.
    let mut shadow = Open::shadow(folder.path());
    shadow.put([31]);
    drop(shadow);
    let successor = Successor::new(&root).unwrap();
    successor.succeed().unwrap();
    successor.remove_former().unwrap();
    assert_eq!(Open::store(folder.path()).known(), [31]);
    assert!(!root.join("generation-02").exists());
    fs::remove_dir_all(root.join("generation-03")).unwrap();
    let lost = Store::open(&options(folder.path(), 3)).err();
    assert_eq!(lost, Some(StoreError::NoStore { path: root.join("generation-03") }));
}

#[test]
fn tables_of_cards_are_copied_and_followed_whatever_happens_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Open::store(folder.path());
    store.put(1..=PEOPLE);
    for number in 1..=20 {
        store.record(number, AT, CardAction::Registered);
        store.agree(number, AT + 1);
    }
    let mut shadow = Open::shadow(folder.path());
    shadow.put(1..=PEOPLE);
    // An attempt that was cut off, and whose rows are out of date by the next one.
    let mut carrier = CardCarrier::new([1; 16], &store.reader);
    assert!(carrier.copy(&store.reader, &mut shadow.writer, &shadow.shards, &|| true).unwrap());
    assert_eq!(carrier.rows(), 80, "20 certificates, 20 consents, 40 events");
    store.record(1, AT + 2, CardAction::Withdrew(InformationType::Medication));
    shadow.follow(&mut carrier, &store);
    store.agree(1, AT + 3);

    let mut carrier = CardCarrier::new([2; 16], &store.reader);
    store.record(2, AT + 4, CardAction::Withdrew(InformationType::Medication));
    store.record(30, AT + 4, CardAction::Registered);
    assert!(carrier.copy(&store.reader, &mut shadow.writer, &shadow.shards, &|| true).unwrap());
    for number in 3..=20 {
        store.record(number, AT + 5, CardAction::Withdrew(InformationType::Medication));
        store.put([number]);
    }
    store.agree(30, AT + 6);
    shadow.follow(&mut carrier, &store);
    assert_eq!(shadow.cards(), store.cards());
    shadow.follow(&mut carrier, &store);
    assert_eq!(shadow.cards(), store.cards(), "nothing is left to follow");
    drop(shadow);
    assert_eq!(Open::shadow(folder.path()).cards(), store.cards(), "it is durable");
}

#[test]
fn a_shadow_is_removed_unless_somebody_builds_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let store = Open::store(folder.path());
    remove_shadow(&root).unwrap();
    let shadow = Open::shadow(folder.path());
    let path = shadow_folder(&root).unwrap();
    assert_eq!(remove_shadow(&root), Err(StoreError::InUse { path: path.clone() }));
    let second = Store::open_shadow(&options(folder.path(), 2)).err();
    assert_eq!(second, Some(StoreError::InUse { path: path.clone() }));
    drop(shadow);
    remove_shadow(&root).unwrap();
    assert!(!path.exists() && store.known().is_empty());
    // What a removal that was cut off left behind goes at the next opening.
    fs::create_dir_all(root.join("generation-02.removed/log")).unwrap();
    drop(store);
    drop(Open::store(folder.path()));
    assert!(!root.join("generation-02.removed").exists());
}
