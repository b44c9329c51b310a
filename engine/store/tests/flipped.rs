//! Disks that return something else than was written: a bit flipped anywhere, a write-ahead log
//! that ends in the middle of a record. What is answered is right, or nothing is answered.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

#[path = "../src/testing.rs"]
#[expect(dead_code, reason = "shared with the tests inside the crate, which use the rest")]
mod testing;

use shikaku_domain::{CardQuery, MemberChange};
use shikaku_store::{Batch, InPlace, OperationId, Store, StoreError, StoreOptions};
use std::fs;
use std::path::{Path, PathBuf};
use testing::registration;

const PERSONS: u64 = 120;
const BATCH: usize = 20;
/// Batches before everything is flushed.
const FLUSHED: usize = 3;
/// Flips tried, at places that are the same in every run.
const FLIPS: usize = 60;

fn options(path: &Path) -> StoreOptions {
    StoreOptions { path: path.to_owned(), shards: 2, cache_bytes: 8 << 20, create: false }
}

/// A closed store: the first half of the people in table files, the rest in write-ahead logs.
fn filled(path: &Path) {
    let options = StoreOptions { create: true, ..options(path) };
    let (mut writer, shards, _reader) = Store::open(&options).unwrap().into_parts();
    let shards = InPlace::new(shards);
    let all: Vec<_> = (1..=PERSONS).map(registration).map(MemberChange::Put).collect();
    for (index, changes) in all.chunks(BATCH).enumerate() {
        if index == FLUSHED {
            // Flushes everything to table files.
            writer.checkpoint(path).unwrap();
        }
        let operation = OperationId::of(&[&index.to_be_bytes()]);
        let batch = Batch { operation, changes: changes.to_vec(), progress: None };
        writer.submit(&batch, &shards).unwrap();
    }
}

/// How many people are found as they were registered. One who is answered wrongly, or as nobody,
/// ends the test; an error is counted as not found.
fn known(store: &Path) -> Result<u64, StoreError> {
    let (_writer, _shards, reader) = Store::open(&options(store))?.into_parts();
    let mut known = 0;
    for person in 1..=PERSONS {
        let expected = registration(person);
        let query = CardQuery::for_card(&expected);
        let right = reader.with_card(&query, |found| {
            assert_eq!(found.len(), 1, "person {person} is answered as somebody else or nobody");
            found[0].name == expected.name && found[0].period == expected.period
        });
        match right {
            Ok(right) => {
                assert!(right, "person {person} is answered wrongly");
                known += 1;
            }
            Err(StoreError::CorruptFiles { .. } | StoreError::CorruptRecord { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(known)
}

/// The files that hold data, in order.
fn files(folder: &Path, of: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().unwrap() != "checkpoint" {
            found.extend(files(&path, of));
        } else if path.is_file() && of(path.file_name().unwrap().to_str().unwrap()) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_data(name: &str) -> bool {
    name.ends_with(".sst") || name.ends_with(".log") || name.starts_with("MANIFEST-")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            (path, target)
        };
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_bit_that_flipped_anywhere_is_noticed_or_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    filled(&good);
    assert_eq!(known(&good).unwrap(), PERSONS);
    let (mut refused, mut partly) = (0, 0);
    for flip in 0..FLIPS {
        let store = folder.path().join(format!("flip-{flip}"));
        copy(&good, &store);
        let files: Vec<_> = files(&store, &is_data)
            .into_iter()
            .filter(|path| path.metadata().unwrap().len() > 0)
            .collect();
        let file = &files[flip % files.len()];
        let mut bytes = fs::read(file).unwrap();
        // A multiplier that visits places all over a file.
        let at = flip.wrapping_mul(0x9E37_79B9_7F4A_7C15) % bytes.len();
        bytes[at] ^= 1 << (flip % 8);
        fs::write(file, bytes).unwrap();
        match known(&store) {
            Ok(PERSONS) => {}
            Ok(_) => partly += 1,
            Err(error) => {
                refused += 1;
                assert!(error.code().starts_with("SHK-STO-"), "{error}");
            }
        }
        fs::remove_dir_all(&store).unwrap();
    }
    assert!(refused + partly > 0, "no flip hit anything: the test tests nothing");
}

/// A loss of power leaves the last write in part. It was never acknowledged, so it is as if it had
/// not been.
#[test]
fn a_torn_end_of_a_write_ahead_log_costs_nothing_that_was_acknowledged() {
    for tail in [1, 7, 100, 300] {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        filled(&store);
        for log in files(&store, &|name| name.ends_with(".log")) {
            let mut bytes = fs::read(&log).unwrap();
            if bytes.is_empty() {
                continue;
            }
            // The beginning of a record like the first one, cut off: the records have a kilobyte.
            let torn: Vec<u8> = bytes.iter().take(tail).copied().collect();
            bytes.extend(torn);
            fs::write(&log, bytes).unwrap();
        }
        assert_eq!(known(&store).unwrap(), PERSONS, "{tail}");
    }
}

/// A log that lost acknowledged records is not taken for a whole one.
#[test]
fn a_write_ahead_log_that_lost_its_end_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    filled(&store);
    let logs = files(&store.join("log"), &|name| name.ends_with(".log"));
    let log = logs.iter().find(|log| log.metadata().unwrap().len() > 0).unwrap();
    let bytes = fs::read(log).unwrap();
    fs::write(log, &bytes[..bytes.len() - bytes.len() / 3]).unwrap();
    let refused = known(&store).unwrap_err();
    assert!(matches!(refused, StoreError::LogIncomplete { .. }), "{refused}");
}
