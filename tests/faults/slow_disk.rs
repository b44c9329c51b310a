//! A disk on which every wait takes seconds: questions are answered as ever, what has to be written
//! is refused in time or acknowledged late, and what was acknowledged survives the engine's death.
//!
//! `strace`, which `./dev` installs, holds each `fsync` and `fdatasync` of the engine up; it comes
//! and goes while the engine serves.

use crate::counter::{Counter, insured};
use crate::people::{Desk, Sender, file, load_insurers, people};
use shikaku_domain::Registration;
use shikaku_tests::cards::{Card, trust_cards};
use shikaku_tests::{Centre, Engine, wait_until};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const PERSONS: u64 = 2_000;
/// How long one wait for the disk takes, in microseconds: longer than anybody's deadline here.
const DELAY_US: u32 = 2_500_000;
/// The deadline of whatever waits for the disk.
const DEADLINE: (&str, &str) = ("SHIKAKU_ENGINE_SERVER_DEADLINE_MS", "500");
/// Files wait for one another; the third is refused.
const UPLOADS: (&str, &str) = ("SHIKAKU_ENGINE_INTAKE_UPLOADS_MAX", "2");
const FILE_PERSONS: usize = 10;
/// Files that are sent while the disk is slow.
const FEW: usize = 6;
/// Readers at work while the disk is slow, and the visits at each, which are all refused.
const READERS: usize = 4;
const VISITS: usize = 12;
/// What these may take of memory, in KiB: what the allocator keeps of connections and buffers.
const MEMORY_KIB_MAX: u64 = 64 << 10;

/// A disk is slow as long as this lives.
struct SlowDisk {
    strace: Child,
    /// It names each new thread, and would end if nobody could hear it.
    _words: BufReader<ChildStderr>,
}

impl SlowDisk {
    /// Returns when every thread of the engine is held up.
    fn of(engine: &Engine) -> Self {
        let inject = format!("inject=fsync,fdatasync:delay_enter={DELAY_US}");
        let mut strace = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject])
            .args(["-p", &engine.id().to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace is missing; run the tests by ./dev test");
        let mut line = String::new();
        let mut words = BufReader::new(strace.stderr.take().unwrap());
        words.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace may not look at the engine: {line}");
        Self { strace, _words: words }
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        // It lets go of the engine when it is told to end, not when it is killed.
        let id = self.strace.id().to_string();
        let _ = Command::new("kill").args(["-s", "INT", &id]).status();
        let _ = self.strace.wait();
    }
}

/// Memory of the engine's process in KiB.
fn memory_kib(engine: &Engine) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", engine.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim_end_matches("kB").trim().parse().unwrap()
}

/// Sends files one after the other until there is none left or no answer comes; returns how many
/// were acknowledged, and whether one was refused because others were waiting.
fn send(sender: &Sender, files: &[&[Registration<'_>]], next: &AtomicUsize) -> (Vec<usize>, bool) {
    let (mut acknowledged, mut was_refused) = (Vec::new(), false);
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let Some(part) = files.get(number) else { break };
        match sender.send(&file(part)) {
            Ok((200, _)) => acknowledged.push(number),
            Ok((503, report)) => {
                assert_eq!(report["code"], "SHK-ENG-020", "{report}");
                was_refused = true;
            }
            Ok((status, report)) => panic!("{status} {report}"),
            Err(_) => break,
        }
    }
    (acknowledged, was_refused)
}

#[test]
fn a_slow_disk_holds_up_no_question_and_loses_nothing_that_was_acknowledged() {
    let centre = Centre::empty(PERSONS);
    load_insurers(&centre);
    trust_cards(&centre);
    let people = people(&centre.population);
    let (known, more) = people.split_at(people.len() / 2);
    let files: Vec<_> = more.chunks(FILE_PERSONS).collect();
    let engine = centre.start_with(&[DEADLINE, UPLOADS]);
    assert_eq!(Sender::new(&centre, &engine.service).send(&file(known)).unwrap().0, 200);
    let counter = Counter::new(&centre, &engine.service);
    let card = Card::new(1);
    counter.register(&card, &insured(known.to_vec())[0]);
    let session = counter.open(&card);

    let slow = SlowDisk::of(&engine);
    until_slow(&counter, &session);
    let before = memory_kib(&engine);
    let next = &AtomicUsize::new(0);
    let mut acknowledged = thread::scope(|scope| {
        let (few, centre, engine) = (&files[..FEW], &centre, &engine);
        let sending: Vec<_> = (0..3)
            .map(|_| scope.spawn(move || send(&Sender::new(centre, &engine.service), few, next)))
            .collect();
        for _ in 0..READERS {
            let card = &card;
            scope.spawn(move || visits_are_refused(centre, engine, card, known));
        }
        let sent = sending.into_iter().map(|one| one.join().unwrap());
        let (acknowledged, refused): (Vec<_>, Vec<_>) = sent.unzip();
        assert!(refused.contains(&true), "nobody was told to come later");
        acknowledged.concat()
    });
    assert!(!acknowledged.is_empty(), "a slow disk is no broken disk");
    let grown = memory_kib(&engine).saturating_sub(before);
    assert!(grown < MEMORY_KIB_MAX, "refused visits took {grown} KiB");
    assert_eq!(engine.admin("/readyz").0, 200, "it goes on serving");

    // The disk is quick again: all is as before, and what was refused has happened or not.
    drop(slow);
    wait_until("an answer is recorded", || counter.ask(&session, true).status == 200);
    assert!(counter.may_read_medication(&session));

    // It is slow again, and the engine dies over it.
    let slow = SlowDisk::of(&engine);
    until_slow(&counter, &session);
    let last = thread::scope(|scope| {
        let sender = Sender::new(&centre, &engine.service);
        let sending = scope.spawn(move || send(&sender, &files, &AtomicUsize::new(FEW)).0);
        counter.ask(&session, false).expect_problem(503, "SHK-ENG-002");
        engine.kill();
        sending.join().unwrap()
    });
    drop(slow);
    acknowledged.extend(last);

    let engine = centre.start();
    let desk = Desk::new(&centre, &engine.service);
    for number in acknowledged {
        let part = &more[number * FILE_PERSONS..][..FILE_PERSONS];
        assert_eq!(desk.known(part), part.len(), "file {number} was lost");
    }
    let counter = Counter::new(&centre, &engine.service);
    counter.ask(&counter.open(&card), true).expect(200);
    assert!(engine.stop());
    let report = centre.shikaku(&["verify"]);
    assert!(report.contains("problems                  0"), "{report}");
}

/// The first waits may slip through while the threads are being taken hold of.
fn until_slow(counter: &Counter, session: &str) {
    let mut refused = 0;
    wait_until("three answers in a row are not recorded", || {
        let is_refused = counter.ask(session, true).status == 503;
        refused = if is_refused { refused + 1 } else { 0 };
        refused == 3
    });
}

/// A question and the opening of a session do not wait for the disk; what the patient answers does,
/// for as long as the deadline says.
fn visits_are_refused(centre: &Centre, engine: &Engine, card: &Card, known: &[Registration<'_>]) {
    let (desk, counter) =
        (Desk::new(centre, &engine.service), Counter::new(centre, &engine.service));
    for _ in 0..VISITS {
        assert_eq!(desk.known(&known[..10]), 10);
        let told = counter.ask(&counter.open(card), true);
        assert_eq!(told.retry_after, Some(1), "{}", told.body);
        told.expect_problem(503, "SHK-ENG-002");
    }
}
