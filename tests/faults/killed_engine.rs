//! The engine killed while insurers send files and facilities ask.
//!
//! Goal: what was acknowledged is there after every restart; what was not is there as a whole or
//! not at all, and sending it again completes it.
//! Method: senders and askers run until their engine is killed at a random moment. The next life
//! begins by looking.

use crate::chance::{Chance, kills, lives};
use crate::people::{Desk, Sender, file, load_insurers, people};
use shikaku_domain::Registration;
use shikaku_tests::Centre;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender as Tell, channel};
use std::thread;
use std::time::Instant;

/// People for each kill; more than a life of the engine takes.
const PERSONS_PER_KILL: u64 = 400;
const FILE_PERSONS: usize = 10;
const SENDERS: usize = 2;
/// A life of the engine lasts at most so long after its start.
const LIFE_MS_MAX: u64 = 250;
/// Acknowledged people looked up after each restart.
const SAMPLE: usize = 40;

/// Which files were acknowledged, and which were sent without an answer.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<usize>,
    unanswered: BTreeSet<usize>,
}

enum News {
    Acknowledged(usize),
    Unanswered(usize),
}

#[test]
fn what_the_engine_acknowledged_survives_its_death() {
    let centre = Centre::empty((kills() * PERSONS_PER_KILL).clamp(2_000, 500_000));
    load_insurers(&centre);
    let people = people(&centre.population);
    let files: Vec<&[Registration<'_>]> = people.chunks(FILE_PERSONS).collect();
    let mut chance = Chance::new();
    let mut ledger = Ledger::default();
    for _ in lives("engine") {
        let engine = centre.start();
        look(&Desk::new(&centre, &engine.service), &files, &mut ledger, &mut chance);
        let sent_again = std::mem::take(&mut ledger.unanswered);
        let next = files.len().min(ledger.acknowledged.last().map_or(0, |last| last + 1));
        let queue: Vec<usize> = sent_again.into_iter().chain(next..files.len()).collect();
        let life = chance.time(LIFE_MS_MAX);
        let (tell, news) = channel();
        let place = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                let (tell, place) = (tell.clone(), &place);
                let sender = Sender::new(&centre, &engine.service);
                let (queue, files) = (&queue, &files);
                scope.spawn(move || send(&sender, queue, files, place, &tell));
            }
            let desk = Desk::new(&centre, &engine.service);
            let known: Vec<usize> = ledger.acknowledged.iter().copied().collect();
            let files = &files;
            scope.spawn(move || ask(&desk, &known, files));
            drop(tell);
            let end = Instant::now() + life;
            let mut write = |told| match told {
                News::Acknowledged(file) => {
                    ledger.unanswered.remove(&file);
                    ledger.acknowledged.insert(file);
                }
                News::Unanswered(file) => {
                    ledger.unanswered.insert(file);
                }
            };
            while let Ok(told) = news.recv_timeout(end.saturating_duration_since(Instant::now())) {
                write(told);
            }
            engine.kill();
            news.iter().for_each(write);
        });
    }
    let engine = centre.start();
    let desk = Desk::new(&centre, &engine.service);
    let sender = Sender::new(&centre, &engine.service);
    eprintln!("{} files acknowledged", ledger.acknowledged.len());
    assert!(ledger.acknowledged.len() > 10, "the engine was not loaded at all");
    for number in &ledger.acknowledged {
        assert_eq!(desk.known(files[*number]), files[*number].len(), "file {number} was lost");
    }
    for number in ledger.unanswered.iter().chain(&ledger.acknowledged).take(SAMPLE) {
        let (status, report) = sender.send(&file(files[*number])).unwrap();
        assert_eq!(status, 200, "{report}");
        let again = ledger.acknowledged.contains(number);
        assert!(!again || report["repeated"] == true, "{report}");
        assert_eq!(desk.known(files[*number]), files[*number].len());
    }
    assert!(engine.stop());
    let report = centre.shikaku(&["verify"]);
    assert!(report.contains("problems                  0"), "{report}");
}

/// After a restart: a sample of what was acknowledged is there, the rest is whole or absent.
fn look(desk: &Desk, files: &[&[Registration<'_>]], ledger: &mut Ledger, chance: &mut Chance) {
    let known: Vec<usize> = ledger.acknowledged.iter().copied().collect();
    let recent = known.iter().rev().take(2).copied();
    let others: Vec<usize> = (0..SAMPLE / FILE_PERSONS)
        .filter_map(|_| known.get(chance.index(known.len())).copied())
        .collect();
    for number in recent.chain(others) {
        assert_eq!(desk.known(files[number]), files[number].len(), "file {number} was lost");
    }
    for number in &ledger.unanswered {
        let there = desk.known(files[*number]);
        let whole = files[*number].len();
        assert!(there == 0 || there == whole, "file {number} is half there: {there} of {whole}");
    }
}

/// Sends files of the queue until the engine is gone.
fn send(
    sender: &Sender,
    queue: &[usize],
    files: &[&[Registration<'_>]],
    place: &AtomicUsize,
    tell: &Tell<News>,
) {
    while let Some(number) = queue.get(place.fetch_add(1, Ordering::SeqCst)) {
        match sender.send(&file(files[*number])) {
            Ok((200, report)) => {
                assert_eq!(report["rejected"], 0, "{report}");
                tell.send(News::Acknowledged(*number)).unwrap();
            }
            Ok((status, report)) => panic!("{status} {report}"),
            Err(_) => {
                tell.send(News::Unanswered(*number)).unwrap();
                return;
            }
        }
    }
}

/// Asks about acknowledged people until the engine is gone.
fn ask(desk: &Desk, known: &[usize], files: &[&[Registration<'_>]]) {
    for number in known.iter().rev().cycle() {
        for person in files[*number] {
            match desk.knows(person) {
                Ok(found) => assert!(found, "somebody of file {number} is not known"),
                Err(_) => return,
            }
        }
    }
}
