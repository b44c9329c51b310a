//! Kills a loading process and looks whether everything it acknowledged is there.
//!
//! Goal: no acknowledged batch is lost, no batch is half there, and shards agree with the log.
//! Method: the test runs itself as a child that submits batches and prints the number of each one
//! acknowledged; it is killed with SIGKILL while it works, so at a different place every time.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests stop the test when something is not as it must be; the child talks to its parent"
)]

#[path = "../src/testing.rs"]
#[expect(dead_code, reason = "shared with the tests inside the crate, which use the rest")]
mod testing;

use shikaku_domain::{CardQuery, MemberChange};
use shikaku_store::{
    Batch, FileId, FileProgress, InPlace, OperationId, Store, StoreOptions, verify,
};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use testing::registration;

const CHILD: &str = "SHIKAKU_STORE_CRASH_CHILD";
const PERSONS_PER_BATCH: u64 = 50;
const FILE: FileId = FileId::from_digest([3; 32]);
/// The child is killed after this many more acknowledgements, each time on the same store.
const KILLS: [usize; 6] = [1, 2, 3, 5, 8, 4];

fn options(path: PathBuf) -> StoreOptions {
    StoreOptions { path, shards: 3, cache_bytes: 1 << 20, create: true }
}

fn persons(batch: u64) -> impl Iterator<Item = u64> {
    batch * PERSONS_PER_BATCH + 1..=(batch + 1) * PERSONS_PER_BATCH
}

/// Submits batches from where the store ends until it is killed.
fn load_forever(path: PathBuf) {
    let (mut writer, shards, _reader) = Store::open(&options(path)).unwrap().into_parts();
    let shards = InPlace::new(shards);
    for number in writer.head().number().. {
        let batch = Batch {
            operation: OperationId::of(&[&number.to_be_bytes()]),
            changes: persons(number).map(registration).map(MemberChange::Put).collect(),
            progress: Some((
                FILE,
                FileProgress { lines: (number + 1) * PERSONS_PER_BATCH, ..FileProgress::default() },
            )),
        };
        writer.submit(&batch, &shards).unwrap();
        eprintln!("acknowledged {number}");
    }
}

/// Runs the child until it acknowledged this many batches, kills it and returns the last one.
fn kill_after(path: &Path, acknowledgements: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "acknowledged_batches_survive_a_kill", "--nocapture"])
        .env(CHILD, path)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let acknowledged = |line: &str| line.strip_prefix("acknowledged ")?.parse().ok();
    let mut seen: Vec<u64> = lines
        .by_ref()
        .filter_map(|line| acknowledged(&line.unwrap()))
        .take(acknowledgements)
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it acknowledged while the kill was under way counts as well.
    seen.extend(lines.map_while(Result::ok).filter_map(|line| acknowledged(&line)));
    *seen.last().unwrap()
}

#[test]
fn acknowledged_batches_survive_a_kill() {
    if let Some(path) = std::env::var_os(CHILD) {
        return load_forever(path.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    for acknowledgements in KILLS {
        let last = kill_after(&path, acknowledgements);
        let (writer, shards, reader) = Store::open(&options(path.clone())).unwrap().into_parts();
        let batches = writer.head().number();
        assert!(batches > last, "batch {last} was acknowledged, the log has {batches}");
        assert!(reader.applied().iter().all(|applied| *applied == writer.head()));
        for person in (0..batches).flat_map(persons) {
            let query = CardQuery::for_card(&registration(person));
            assert_eq!(reader.with_card(&query, |found| found.len()), Ok(1));
        }
        let progress = reader.progress(&FILE).unwrap().unwrap();
        assert_eq!(progress.lines, batches * PERSONS_PER_BATCH);
        drop((writer, shards, reader));
        let report = verify(&path).unwrap();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(report.registrations, batches * PERSONS_PER_BATCH);
    }
}
