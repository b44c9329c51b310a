//! What the store says and does when its folder is not as it should be.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

#[path = "../src/testing.rs"]
#[expect(dead_code, reason = "shared with the tests inside the crate, which use the rest")]
mod testing;

use shikaku_domain::{CardQuery, MemberChange};
use shikaku_store::{
    Batch, InPlace, OperationId, Store, StoreError, StoreOptions, rebuild, verify,
};
use std::fs;
use std::path::Path;
use testing::{INSURERS, insurer, registration};

const PERSONS: u64 = 300;

fn options(path: &Path) -> StoreOptions {
    StoreOptions { path: path.join("store"), shards: 3, cache_bytes: 1 << 20, create: true }
}

/// A closed store with some persons, written in several batches.
fn filled(path: &Path) -> StoreOptions {
    let options = options(path);
    let (mut writer, shards, _reader) = Store::open(&options).unwrap().into_parts();
    let shards = InPlace::new(shards);
    let all: Vec<_> = (1..=PERSONS).map(registration).map(MemberChange::Put).collect();
    for (index, changes) in all.chunks(100).enumerate() {
        let operation = OperationId::of(&[&index.to_be_bytes()]);
        let batch = Batch { operation, changes: changes.to_vec(), progress: None };
        writer.submit(&batch, &shards).unwrap();
    }
    let operation = OperationId::of(&[b"insurers"]);
    writer.put_insurers(operation, &[insurer(INSURERS[0])], &shards).unwrap();
    options
}

fn found(options: &StoreOptions) -> u64 {
    let (_writer, _shards, reader) = Store::open(options).unwrap().into_parts();
    (1..=PERSONS)
        .filter(|person| {
            let query = CardQuery::for_card(&registration(*person));
            reader.with_card(&query, |found| found.len()).unwrap() == 1
        })
        .count() as u64
}

fn refused(options: &StoreOptions) -> StoreError {
    match Store::open(options) {
        Err(error) => error,
        Ok(_) => panic!("the store opened"),
    }
}

#[test]
fn a_store_that_is_open_cannot_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let open = Store::open(&options).unwrap();
    let in_use = StoreError::InUse { path: options.path.clone() };
    assert_eq!(refused(&options), in_use);
    assert_eq!(rebuild(&options.path, None, &mut |_| {}), Err(in_use.clone()));
    assert_eq!(verify(&options.path), Err(in_use));
    drop(open);
    assert!(Store::open(&options).is_ok());
}

#[test]
fn a_missing_store_is_not_made_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.create = false;
    assert!(matches!(refused(&options), StoreError::NoStore { .. }));
    assert!(!options.path.exists());
    assert!(matches!(rebuild(&options.path, None, &mut |_| {}), Err(StoreError::NoStore { .. })));
}

#[test]
fn the_number_of_shards_is_checked_at_creation_and_kept_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    for wrong in [0, 65] {
        options.shards = wrong;
        assert!(matches!(refused(&options), StoreError::ShardCount { .. }));
    }
    options.shards = 3;
    drop(Store::open(&options).unwrap());
    options.shards = 5;
    let (_, shards, reader) = Store::open(&options).unwrap().into_parts();
    assert_eq!((shards.len(), reader.shard_count()), (3, 3));
}

#[test]
fn a_store_of_another_layout_and_a_damaged_format_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    drop(Store::open(&options).unwrap());
    let file = options.path.join("FORMAT");
    assert_eq!(fs::read_to_string(&file).unwrap(), "layout = 2\nshards = 3\n");
    fs::write(&file, "layout = 4\nshards = 3\n").unwrap();
    let newer = StoreError::NewerFormat { path: options.path.clone(), found: 4, supported: 3 };
    assert_eq!(refused(&options), newer);
    fs::write(&file, "layout = 1\nshards = 3\n").unwrap();
    let older = StoreError::OlderFormat { path: options.path.clone(), found: 1, supported: 2 };
    assert_eq!(refused(&options), older);
    for damaged in [
        &b""[..],
        b"layout = 2",
        b"layout = 3\ngeneration = 1",
        b"layout = -1\nshards = 3",
        b"\xff\xfe",
        b"layout",
    ] {
        fs::write(&file, damaged).unwrap();
        assert!(matches!(refused(&options), StoreError::DamagedFormat { .. }));
    }
}

#[test]
fn a_shard_that_was_lost_is_made_again_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let options = filled(folder.path());
    fs::remove_dir_all(options.path.join("shard-01")).unwrap();
    assert_eq!(found(&options), PERSONS);
    assert!(verify(&options.path).unwrap().is_sound());
}

#[test]
fn a_damaged_shard_names_the_way_out_and_rebuilding_is_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = filled(folder.path());
    fs::write(options.path.join("shard-02").join("CURRENT"), "MANIFEST-999999\n").unwrap();
    let error = refused(&options);
    assert!(error.rebuild_helps(), "{error}");
    assert!(error.to_string().contains("shard-02"), "{error}");

    let mut last = None;
    rebuild(&options.path, Some(2), &mut |progress| last = Some(progress)).unwrap();
    let last = last.unwrap();
    assert_eq!(last.applied, last.head);
    assert_eq!(found(&options), PERSONS);
    assert_eq!(
        rebuild(&options.path, Some(3), &mut |_| {}),
        Err(StoreError::ShardCount { given: 3, max: 2 })
    );
}

#[test]
fn rebuilding_everything_gives_the_same_store() {
    let folder = tempfile::tempdir().unwrap();
    let options = filled(folder.path());
    let before = verify(&options.path).unwrap();
    rebuild(&options.path, None, &mut |_| {}).unwrap();
    assert_eq!(verify(&options.path).unwrap(), before);
    assert_eq!(before.registrations, PERSONS);
    assert_eq!(before.persons, PERSONS);
    assert_eq!((before.insurers, before.log_records), (1, 4));
    assert!(before.is_sound());
}

#[test]
fn a_lost_log_is_noticed_before_anything_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let options = filled(folder.path());
    fs::remove_dir_all(options.path.join("log")).unwrap();
    let error = refused(&options);
    assert!(matches!(error, StoreError::LogIncomplete { head: 0, applied: 4, .. }), "{error}");
    assert!(!error.rebuild_helps());
}
