//! Stores of before: bytes that were ever written stay readable, and those of a later version are
//! refused by name.
//!
//! `testdata/v2/log.bin` is a change log as version 0.1 wrote it: its records, each behind its
//! length (u32 big endian); `UPDATE=1` writes it. A log holds whole values, so the shards made from it have every record
//! of every table in that version. A release that writes another version adds a folder of its own
//! and leaves this one alone.

use crate::cards::{CardAction, CardBinding, CardEvent};
use crate::change::{Change, LogRecord, OperationId, Position, Table};
use crate::error::StoreError;
use crate::format::{self, Format};
use crate::log::{ChangeLog, LocalLog, MemoryLog};
use crate::memory::open_memory;
use crate::progress::{FileId, FileProgress};
use crate::shard::InPlace;
use crate::store::{Store, StoreOptions, rebuild};
use crate::testing::{INSURERS, day, full_registration, insurer, period, registration};
use crate::verify::verify;
use crate::writer::{Batch, Writer};
use shikaku_domain::{
    CardCertificateId, CardQuery, Consent, ConsentChoice, IdentityCheck, InformationType,
    MedicalInstitutionCode, MemberChange, PersonId, QualificationValidity, Registration, TokenKind,
};
use std::path::Path;

const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/v2/log.bin");
const AT: u64 = 1_793_491_200;
const FILE: FileId = FileId::from_digest([9; 32]);

fn facility() -> MedicalInstitutionCode {
    MedicalInstitutionCode::parse("1310000001").unwrap()
}

fn person(number: u64) -> PersonId {
    PersonId::from_number(number).unwrap()
}

const fn certificate(serial: u64) -> CardCertificateId {
    CardCertificateId { authority: 0x1122_3344, serial }
}

fn event(action: CardAction) -> CardEvent {
    CardEvent {
        person: person(1),
        at: AT,
        facility: facility(),
        device: "reader-1".to_owned(),
        certificate: certificate(101),
        check: IdentityCheck::Visual,
        token: TokenKind::Card,
        staff: Some("desk-1".to_owned()),
        action,
    }
}

fn asked() -> CardAction {
    let mut consents = ConsentChoice::default();
    consents.give(InformationType::Medication);
    consents.give(InformationType::Checkup);
    let on = day("20261101");
    CardAction::Asked { on, validity: QualificationValidity::Valid, consents }
}

/// Everything, and nowhere else: that is the writer's to find out.
fn full() -> Registration<'static> {
    Registration { elsewhere: Vec::new(), ..full_registration() }
}

fn operation(name: &str) -> OperationId {
    OperationId::of(&[name.as_bytes()])
}

/// Who is in the log: 1 moved to another card, 3 was withdrawn again, one has everything.
fn members() -> Vec<MemberChange<'static>> {
    let mut moved = registration(1);
    moved.card.insurer = shikaku_domain::InsurerNumber::parse(INSURERS[1]).unwrap();
    moved.period = period("20251001", None);
    let mut before = registration(1);
    before.period = period("20200401", Some("20251001"));
    let gone = registration(3);
    vec![
        MemberChange::Put(before),
        MemberChange::Put(moved),
        MemberChange::Put(registration(4)),
        MemberChange::Put(full()),
        MemberChange::Put(gone.clone()),
        MemberChange::Withdraw {
            person: gone.person,
            card: gone.card,
            qualified: gone.period.start(),
        },
    ]
}

/// The log of the same operations, as this version writes it.
fn written_now() -> Vec<LogRecord> {
    let (mut writer, shards, _) = open_memory(MemoryLog::default(), 1).unwrap();
    let shards = InPlace::new(shards);
    let insurers = INSURERS.map(insurer);
    writer.put_insurers(operation("insurers"), &insurers, &shards).unwrap();
    let progress = FileProgress { lines: 7, complete: true, ..FileProgress::default() };
    let batch = Batch {
        operation: operation("members"),
        changes: members(),
        progress: Some((FILE, progress)),
    };
    writer.submit(&batch, &shards).unwrap();
    let binding = CardBinding { certificate: certificate(104), person: person(4), at: AT };
    writer.bind_cards(operation("cards"), &[binding], (&FILE, &progress), &shards).unwrap();
    let events = [CardAction::Registered, asked(), CardAction::Withdrew(InformationType::Checkup)]
        .map(event);
    writer.record_cards(operation("events"), &events, &shards).unwrap();
    writer.log().read_from(Position::START.next(), usize::MAX).unwrap()
}

fn frozen() -> Vec<Vec<u8>> {
    let log = std::fs::read(LOG).unwrap();
    let (mut rest, mut records) = (&*log, Vec::new());
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
        let (record, more) = more.split_at(length);
        records.push(record.to_vec());
        rest = more;
    }
    records
}

fn options(folder: &Path) -> StoreOptions {
    StoreOptions { path: folder.join("store"), shards: 3, cache_bytes: 1 << 20, create: true }
}

/// A store whose log has these bytes, and no shard yet.
fn store_of(folder: &Path, records: &[Vec<u8>]) -> StoreOptions {
    let options = options(folder);
    std::fs::create_dir(&options.path).unwrap();
    format::write(&options.path, Format::Here(options.shards)).unwrap();
    let log = LocalLog::open(&options.path.join("log")).unwrap();
    for (record, position) in records.iter().zip(1..) {
        log.put_bytes(Position::from_number(position), record);
    }
    options
}

type Parts = (Writer<LocalLog>, InPlace, crate::Reader);

fn open(options: &StoreOptions) -> Parts {
    let (writer, shards, reader) = Store::open(options).unwrap().into_parts();
    (writer, InPlace::new(shards), reader)
}

fn refused(options: &StoreOptions) -> StoreError {
    Store::open(options).map(drop).unwrap_err()
}

fn found(reader: &crate::Reader, one: &Registration<'_>) -> Vec<Registration<'static>> {
    let own = |all: &[Registration<'_>]| -> Vec<_> {
        all.iter().map(|one| one.clone().into_owned()).collect()
    };
    reader.with_card(&CardQuery::for_card(one), own).unwrap()
}

#[test]
fn what_this_version_writes_is_what_is_frozen() {
    let now: Vec<_> = written_now().iter().map(LogRecord::encode).collect();
    if std::env::var_os("UPDATE").is_some() {
        let sized = |record: &Vec<u8>| {
            [&u32::try_from(record.len()).unwrap().to_be_bytes()[..], record].concat()
        };
        std::fs::write(LOG, now.iter().flat_map(sized).collect::<Vec<_>>()).unwrap();
    }
    assert_eq!(frozen(), now, "new bytes need a new version, and this file stays as it is");
    let tables = written_now().into_iter().flat_map(|record| record.changes);
    let tables: std::collections::BTreeSet<_> = tables.map(|change| change.table.name()).collect();
    assert_eq!(tables.len(), 9, "every table but the files of bulk loads: {tables:?}");
}

#[test]
fn a_store_of_frozen_bytes_is_opened_used_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let options = store_of(folder.path(), &frozen());
    let (mut writer, shards, reader) = open(&options);
    assert_eq!(writer.head(), Position::from_number(4));
    assert_eq!(found(&reader, &full()), [full()]);
    assert_eq!(found(&reader, &registration(4)), [registration(4)]);
    assert!(found(&reader, &registration(3)).is_empty());
    assert_eq!(reader.registrations_of(person(1)).unwrap().len(), 2);
    assert_eq!(reader.card_holder(certificate(104)).unwrap(), Some(person(4)));
    let consents = reader.consents(person(1), facility()).unwrap();
    let consent = |information, withdrawn| Consent { information, given: AT, withdrawn };
    let expected =
        [consent(InformationType::Medication, None), consent(InformationType::Checkup, Some(AT))];
    assert_eq!(consents, expected);

    // Use rewrites what it touches.
    let mut moved = registration(4);
    moved.period = period("20200401", Some("20261001"));
    let changes = vec![MemberChange::Put(moved.clone()), MemberChange::Put(registration(5))];
    let batch = Batch { operation: operation("now"), changes, progress: None };
    let summary = writer.submit(&batch, &shards).unwrap();
    assert_eq!((summary.added, summary.changed), (1, 1));
    assert_eq!(found(&reader, &registration(4)), [moved]);
    // What was done in that version is not done again.
    let again = Batch { operation: operation("members"), changes: members(), progress: None };
    assert!(writer.submit(&again, &shards).unwrap().repeated);
    drop((writer, shards, reader));

    let report = verify(&options.path).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.persons, report.registrations, report.log_records), (4, 5, 5));
    rebuild(&options.path, None, &mut |_| {}).unwrap();
    assert_eq!(verify(&options.path).unwrap(), report, "old and new records replay alike");
}

#[test]
fn a_log_record_of_a_later_version_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = frozen();
    records[3][0] = 2;
    let options = store_of(folder.path(), &records);
    let error = refused(&options);
    let log = options.path.join("log");
    assert_eq!(error, StoreError::NewerRecord { path: log, table: "log" });
    assert!(error.to_string().contains("newer version of the program"), "{error}");
    assert!(!error.rebuild_helps(), "nothing is damaged");
}

#[test]
fn a_table_that_a_later_version_has_added_is_not_taken_for_damage() {
    assert_eq!(Table::from_byte(200), Err(crate::codec::NEWER));
}

#[test]
fn a_row_of_a_later_version_is_refused_with_a_sentence_where_it_is_read() {
    let rows = |version: u8| {
        let card = crate::CardKey::of_card(&registration(7).card);
        let row =
            |table, key: &[u8]| Change { table, key: key.into(), value: Some(vec![version, 0]) };
        [row(Table::Entry, card.as_bytes()), row(Table::Person, &7_u64.to_be_bytes())]
    };
    let folder = tempfile::tempdir().unwrap();
    let options = store_of(folder.path(), &[]);
    let (_, shards, reader) = open(&options);
    let record = LogRecord {
        position: Position::from_number(1),
        operation: operation("later"),
        changes: rows(3).to_vec(),
    };
    let changes = crate::per_shard(record.changes, 3);
    crate::ApplyChanges::apply(&shards, record.position, changes).unwrap();
    let asked = reader.with_card(&CardQuery::for_card(&registration(7)), |_| ());
    assert!(matches!(asked, Err(StoreError::NewerRecord { table: "entry", .. })), "{asked:?}");
    let asked = reader.registrations_of(person(7));
    assert!(matches!(asked, Err(StoreError::NewerRecord { table: "person", .. })), "{asked:?}");
}
