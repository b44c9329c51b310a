//! Exactly once over crashes.
//!
//! Goal: whatever moment the process is killed at, each request gets exactly one answer; what a
//! client has read and deleted is not written again.
//! Method: the test runs itself as a child. The child stops before its n-th file operation (a
//! write is left half done), says so and waits to be killed with SIGKILL. Then the client reads
//! and deletes everything in `res`, and the next child goes on. A chain of lives ends with one
//! that is not stopped. Both a killed n-th operation and several kills in a row are tried.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::support::{FakeEngine, Operation, REQUEST, WatchedDisk, files, settings, settle};
use shikaku_reader::clock::SystemClock;
use shikaku_reader::exchange::Exchange;

const ROOT: &str = "SHIKAKU_TEST_CRASH_ROOT";
const STOP_BEFORE: &str = "SHIKAKU_TEST_CRASH_STOP_BEFORE";
const STOPPED: &str = "stopped";
const FINISHED: &str = "finished";

/// How one life of the child ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Killed,
    Finished,
}

/// The child: does nothing when the test runner calls it by itself.
#[test]
fn child() {
    let Ok(root) = std::env::var(ROOT) else { return };
    let stop_before: u64 = std::env::var(STOP_BEFORE).unwrap().parse().unwrap();
    let done = AtomicU64::new(0);
    let disk = WatchedDisk(move |operation: Operation, _: &Path| {
        // Reading changes nothing: a kill before it equals one before the next change.
        let changes = matches!(
            operation,
            Operation::Write | Operation::Rename | Operation::Remove | Operation::Sync
        );
        if changes && done.fetch_add(1, Ordering::SeqCst) == stop_before {
            say(STOPPED);
            loop {
                thread::park();
            }
        }
        Ok(())
    });
    let exchange = Exchange::open(
        settings(Path::new(&root)),
        Arc::new(disk),
        Arc::new(FakeEngine::default()),
        Arc::new(SystemClock),
    );
    settle(&mut exchange.unwrap());
    say(FINISHED);
}

/// Past the test runner's capture.
fn say(word: &str) {
    let mut out = io::stdout();
    writeln!(out, "{word}").unwrap();
    out.flush().unwrap();
}

fn live(root: &Path, stop_before: u64) -> End {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(ROOT, root)
        .env(STOP_BEFORE, stop_before.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut end = None;
    for line in lines {
        if line.ends_with(STOPPED) {
            end = Some(End::Killed);
            break;
        }
        if line.ends_with(FINISHED) {
            end = Some(End::Finished);
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    end.expect("the child said neither word: it failed")
}

/// One root, its requests, and what the client has read so far.
struct History {
    root: tempfile::TempDir,
    read: BTreeMap<String, Vec<Vec<u8>>>,
}

impl History {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let req = root.path().join("req");
        std::fs::create_dir(&req).unwrap();
        for (name, content) in [
            ("OQSsiquc01req_answered.xml", REQUEST),
            ("OQSsiquc01req_capital.XML", REQUEST),
            ("OQSsiquc01req_refused.xml", "<XmlMsg>REFUSE</XmlMsg>"),
        ] {
            std::fs::write(req.join(name), content).unwrap();
        }
        Self { root, read: BTreeMap::new() }
    }

    fn live(&mut self, stop_before: u64) -> End {
        let end = live(self.root.path(), stop_before);
        self.client_reads_and_deletes();
        end
    }

    fn client_reads_and_deletes(&mut self) {
        let res = self.root.path().join("res");
        for (name, content) in files(&res) {
            std::fs::remove_file(res.join(&name)).unwrap();
            self.read.entry(name).or_default().push(content);
        }
    }

    fn check(&self, context: &str) {
        let names: Vec<_> = self.read.keys().map(String::as_str).collect();
        let expected = [
            "OQSsiquc01req_refused.err",
            "OQSsiquc01req_refused.xml",
            "OQSsiquc01res_answered.xml",
            "OQSsiquc01res_capital.xml",
        ];
        assert_eq!(names, expected, "{context}");
        for (name, contents) in &self.read {
            assert_eq!(contents.len(), 1, "{context}: {name} came more than once");
        }
        assert!(self.read["OQSsiquc01res_answered.xml"][0].ends_with(REQUEST.as_bytes()));
        assert_eq!(self.read["OQSsiquc01req_refused.xml"][0], b"<XmlMsg>REFUSE</XmlMsg>");
        assert!(files(&self.root.path().join("req")).is_empty(), "{context}");
        let left: Vec<_> = files(&self.root.path().join("work")).into_keys().collect();
        assert_eq!(left, ["lock"], "{context}");
    }
}

#[test]
fn a_kill_before_any_operation_loses_and_repeats_nothing() {
    for stop_before in 0.. {
        let mut history = History::new();
        let first = history.live(stop_before);
        if first == End::Killed {
            assert_eq!(history.live(u64::MAX), End::Finished);
        }
        history.check(&format!("killed before operation {stop_before}"));
        if first == End::Finished {
            assert!(stop_before > 20, "the children were not killed at all");
            return;
        }
    }
}

/// Each life gets a few operations further than the one before, or nowhere, until all is done.
#[test]
fn many_kills_in_a_row_lose_and_repeat_nothing() {
    for seed in 0..12_u64 {
        let mut history = History::new();
        let mut kills = 0;
        let mut state = seed;
        while history.live(state % 7) == End::Killed {
            kills += 1;
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed | 1) >> 1;
            // A life that is killed at once makes no progress; enough of them must not hide one.
            if kills > 60 {
                assert_eq!(history.live(u64::MAX), End::Finished);
                break;
            }
        }
        assert!(kills > 0);
        history.check(&format!("seed {seed}, {kills} kills"));
    }
}
