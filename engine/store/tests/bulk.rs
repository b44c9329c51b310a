//! Loading in bulk gives what loading line by line gives, whatever happens on the way.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

#[path = "../src/testing.rs"]
#[expect(dead_code, reason = "shared with the tests inside the crate, which use the rest")]
mod testing;

use proptest::prelude::*;
use shikaku_domain::{CardCertificateId, Holder, InsurerNumber, MemberChange, PersonId, Personal};
use shikaku_store::{
    Batch, BulkCursor, BulkKind, BulkLoad, BulkSummary, CardBinding, FileId, InPlace, LocalLog,
    MemoryLog, OperationId, Reader, Store, StoreError, StoreOptions, Writer, open_memory, rebuild,
    verify,
};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use testing::{INSURERS, registration};

const NAMES: [&[u8]; 1] = [b"members.csv"];

fn options(folder: &Path) -> StoreOptions {
    StoreOptions { path: folder.join("store"), shards: 3, cache_bytes: 1 << 20, create: true }
}

struct Open {
    path: PathBuf,
    writer: Writer<LocalLog>,
    shards: InPlace,
    reader: Reader,
}

impl Open {
    fn new(folder: &Path) -> Self {
        let options = options(folder);
        let (writer, shards, reader) = Store::open(&options).unwrap().into_parts();
        Self { path: options.path, writer, shards: InPlace::new(shards), reader }
    }

    fn begin(&self) -> Result<BulkLoad, StoreError> {
        BulkLoad::open(&self.path, BulkKind::Members, &NAMES, &self.writer, &self.reader)
    }

    /// Takes these changes in one round, on two threads' collectors.
    fn collect(&mut self, load: &mut BulkLoad, first: usize, changes: &[MemberChange<'static>]) {
        let (mut even, mut odd) = (load.collector(), load.collector());
        for (number, change) in (first as u64..).zip(changes) {
            let collector = if number % 2 == 0 { &mut even } else { &mut odd };
            collector.take(number, change);
        }
        let rows = vec![even.into(), odd.into()];
        let lines = (first + changes.len()) as u64;
        let done = vec![("ab".repeat(32), lines, 0)];
        let cursor = BulkCursor { lines, done, ..BulkCursor::default() };
        load.checkpoint(rows, cursor, &mut self.writer, &self.shards).unwrap();
    }

    fn finish(&mut self, load: BulkLoad) -> BulkSummary {
        load.finish(&mut self.writer, &self.shards, &|_| {}).unwrap().1
    }

    /// Loads everything in rounds of so many changes.
    fn load(&mut self, changes: &[MemberChange<'static>], round: usize) -> BulkSummary {
        let mut load = self.begin().unwrap();
        for (index, part) in changes.chunks(round).enumerate() {
            self.collect(&mut load, index * round, part);
        }
        self.finish(load)
    }

    fn submit(&mut self, changes: &[MemberChange<'static>]) {
        let operation = OperationId::of(&[&self.writer.head().number().to_be_bytes()]);
        let batch = Batch { operation, changes: changes.to_vec(), progress: None };
        self.writer.submit(&batch, &self.shards).unwrap();
    }
}

/// Everything in the index, in a form to compare.
fn contents(reader: &Reader) -> Vec<String> {
    let mut all = Vec::new();
    for number in INSURERS {
        let number = InsurerNumber::parse(number).unwrap();
        let visit = |found: &shikaku_domain::Registration<'_>| {
            all.push(format!("{} {found:?} {:?}", found.person.number(), found.name.expose()));
            ControlFlow::Continue(())
        };
        reader.scan_insurer(number, visit).unwrap();
    }
    all.sort();
    all
}

/// Everyone registered can be found by name, birth date, sex and address.
fn holders_are_found(reader: &Reader) {
    let mut all = Vec::new();
    for number in INSURERS {
        let number = InsurerNumber::parse(number).unwrap();
        let visit = |found: &shikaku_domain::Registration<'_>| {
            all.push(found.clone().into_owned());
            ControlFlow::Continue(())
        };
        reader.scan_insurer(number, visit).unwrap();
    }
    for registration in all {
        let holder = Holder {
            name: Personal::new(registration.name.expose().to_string()),
            birthdate: registration.card.birthdate,
            sex: registration.sex1,
            address: Personal::new(registration.address.unwrap().expose().to_string()),
        };
        let found = reader.registrations_of_holder(&holder).unwrap();
        assert!(found.iter().any(|one| one.person == registration.person));
    }
}

/// What the memory twin holds after these batches, one by one.
fn line_by_line(batches: &[&[MemberChange<'static>]]) -> Vec<String> {
    let (mut writer, shards, reader) = open_memory(MemoryLog::default(), 2).unwrap();
    let shards = InPlace::new(shards);
    for (number, changes) in batches.iter().enumerate() {
        let operation = OperationId::of(&[&number.to_be_bytes()]);
        let batch = Batch { operation, changes: changes.to_vec(), progress: None };
        writer.submit(&batch, &shards).unwrap();
    }
    contents(&reader)
}

fn persons(count: u64) -> Vec<MemberChange<'static>> {
    (1..=count).map(|person| MemberChange::Put(registration(person))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_bulk_load_and_what_comes_after_it_agree_with_loading_line_by_line(
        first in proptest::collection::vec(testing::change(), 0..60),
        later in proptest::collection::vec(testing::change(), 0..20),
        round in 1usize..30,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Open::new(folder.path());
        let summary = store.load(&first, round);
        prop_assert_eq!(contents(&store.reader), line_by_line(&[&first]));
        holders_are_found(&store.reader);
        let counted = summary.added + summary.changed + summary.unchanged + summary.withdrawn + summary.not_found;
        prop_assert_eq!(counted, first.len() as u64);
        store.submit(&later);
        let both = line_by_line(&[&first, &later]);
        prop_assert_eq!(contents(&store.reader), both.clone());
        drop(store);
        prop_assert!(verify(&options(folder.path()).path).unwrap().is_sound());
        rebuild(&options(folder.path()).path, None, &mut |_| {}).unwrap();
        let store = Open::new(folder.path());
        prop_assert_eq!(contents(&store.reader), both);
        holders_are_found(&store.reader);
    }
}

#[test]
fn a_load_that_was_cut_off_goes_on_behind_its_last_round() {
    let folder = tempfile::tempdir().unwrap();
    let all = persons(50);
    let mut store = Open::new(folder.path());
    let mut load = store.begin().unwrap();
    store.collect(&mut load, 0, &all[..20]);
    drop((load, store));

    let mut store = Open::new(folder.path());
    assert!(contents(&store.reader).is_empty(), "nothing is visible before the end");
    let mut load = store.begin().unwrap();
    assert_eq!((load.cursor().lines, load.is_collected()), (20, false));
    store.collect(&mut load, 20, &all[20..]);
    load.finish_collecting().unwrap();
    drop((load, store));

    let mut store = Open::new(folder.path());
    let load = store.begin().unwrap();
    assert!(load.is_collected());
    let summary = store.finish(load);
    assert_eq!((summary.persons, summary.added), (50, 50));
    assert_eq!(contents(&store.reader), line_by_line(&[&all]));
    let progress = store.reader.progress(&FileId::from_digest([0xab; 32])).unwrap().unwrap();
    assert!(progress.complete && progress.lines == 50 && progress.added == 50);
}

#[test]
fn a_load_of_other_files_gives_the_one_that_was_cut_off_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Open::new(folder.path());
    let mut load = store.begin().unwrap();
    store.collect(&mut load, 0, &persons(20));
    drop(load);
    let names: &[&[u8]] = &[b"other.csv"];
    let other = BulkLoad::open(&store.path, BulkKind::Members, names, &store.writer, &store.reader);
    let other = other.unwrap();
    assert_eq!(*other.cursor(), BulkCursor::default());
    assert_eq!(fs::read_dir(store.path.join("bulk")).unwrap().count(), 1);
}

#[test]
fn only_an_empty_store_is_filled_in_bulk() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Open::new(folder.path());
    store.submit(&persons(1));
    assert_eq!(store.begin().err(), Some(StoreError::NotEmpty { path: store.path.clone() }));
}

#[test]
fn cards_are_bound_in_bulk_and_the_last_line_of_a_certificate_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Open::new(folder.path());
    store.load(&persons(30), 30);
    let person = |number| PersonId::from_number(number).unwrap();
    let certificate = |number| CardCertificateId { authority: 7, serial: number };
    let begin = |store: &Open| {
        BulkLoad::open(&store.path, BulkKind::Cards, &[b"cards"], &store.writer, &store.reader)
    };
    let mut load = begin(&store).unwrap();
    // The later line is in the earlier round's place of the merge, and in another thread's run.
    let mut collectors = [load.collector(), load.collector()];
    for number in 1..=30 {
        let binding = |person| CardBinding { certificate: certificate(number), person, at: 5 };
        collectors[0].bind(100 + number, &binding(person(number)));
        collectors[1].bind(number, &binding(person(31 - number)));
    }
    let rows = collectors.into_iter().map(Into::into).collect();
    let done = vec![("cd".repeat(32), 60, 0)];
    let cursor = BulkCursor { done, ..BulkCursor::default() };
    load.checkpoint(rows, cursor, &mut store.writer, &store.shards).unwrap();
    store.finish(load);
    let holders = |reader: &Reader| {
        (1..=31).map(|number| reader.card_holder(certificate(number)).unwrap()).collect::<Vec<_>>()
    };
    let expected: Vec<_> = (1..=30).map(|number| Some(person(number))).chain([None]).collect();
    assert_eq!(holders(&store.reader), expected);
    assert!(matches!(begin(&store).err(), Some(StoreError::NotEmpty { .. })));
    let path = store.path.clone();
    drop(store);
    assert!(verify(&path).unwrap().is_sound());
    rebuild(&path, None, &mut |_| {}).unwrap();
    assert_eq!(holders(&Open::new(folder.path()).reader), expected);
}

#[test]
fn a_store_that_was_emptied_is_filled_again_and_still_rebuilds() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Open::new(folder.path());
    let all = persons(30);
    store.load(&all, 10);
    let withdrawn: Vec<_> = (1..=30)
        .map(|person| {
            let registration = registration(person);
            MemberChange::Withdraw {
                person: registration.person,
                card: registration.card,
                qualified: registration.period.start(),
            }
        })
        .collect();
    store.submit(&withdrawn);
    assert!(contents(&store.reader).is_empty());
    store.load(&all[..10], 10);
    let expected = contents(&store.reader);
    assert_eq!(expected, line_by_line(&[&all[..10]]));
    holders_are_found(&store.reader);
    drop(store);
    rebuild(&options(folder.path()).path, None, &mut |_| {}).unwrap();
    assert_eq!(contents(&Open::new(folder.path()).reader), expected);
}

#[test]
fn a_lost_shard_is_made_again_from_the_table_files_and_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Open::new(folder.path());
    store.load(&persons(40), 40);
    store.submit(&persons(60)[40..]);
    let expected = contents(&store.reader);
    drop(store);
    fs::remove_dir_all(options(folder.path()).path.join("shard-01")).unwrap();
    assert_eq!(contents(&Open::new(folder.path()).reader), expected);
}

#[test]
fn missing_and_damaged_table_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Open::new(folder.path());
    store.load(&persons(40), 40);
    let path = store.path.clone();
    drop(store);
    let load = fs::read_dir(path.join("bulk")).unwrap().next().unwrap().unwrap().path();
    let names = || fs::read_dir(&load).unwrap().map(|entry| entry.unwrap().path());
    assert!(names().all(|name| name.extension().is_some_and(|e| e == "sst")), "runs are gone");
    let file = names().min().unwrap();
    // A file of its own, so that the shard's own link stays whole.
    let mut bytes = fs::read(&file).unwrap();
    bytes[30] ^= 1;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    let report = verify(&path).unwrap();
    assert_eq!(report.problems, [StoreError::SnapshotDamaged { path: file.clone() }]);
    fs::remove_file(&file).unwrap();
    assert_eq!(contents(&Open::new(folder.path()).reader).len(), 40, "answers go on");
    let refused = rebuild(&path, None, &mut |_| {});
    assert_eq!(refused, Err(StoreError::SnapshotDamaged { path: file }));
}
