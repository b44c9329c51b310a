//! A reader's thread against scripted cards.

use super::*;
use crate::session::Pin;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What one command gets.
enum Answer {
    Bytes(&'static [u8]),
    /// Nothing until the test lets go.
    Never(Receiver<()>),
}

/// What each command gets, over all connections; and what was done.
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    done: Mutex<Vec<String>>,
    stuck: Sender<()>,
}

struct Scripted(Arc<Script>);

impl Connector for Scripted {
    fn connect(&mut self) -> Result<Box<dyn CardTransport>, CardFailure> {
        self.0.done.lock().unwrap().push("connect".to_owned());
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl CardTransport for Scripted {
    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFailure> {
        let name = format!("{:02X}{}", command[1], if command.len() > 5 { "+" } else { "" });
        self.0.done.lock().unwrap().push(name);
        let answer = self.0.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Bytes(bytes)) => Ok(Zeroizing::new(bytes.to_vec())),
            Some(Answer::Never(until)) => {
                self.0.stuck.send(()).unwrap();
                let _ = until.recv();
                Err(CardFailure::Removed)
            }
            None => Err(CardFailure::Removed),
        }
    }
}

struct Bench {
    script: Arc<Script>,
    worker: Worker,
    events: Receiver<Event>,
    stuck: Receiver<()>,
}

fn bench(answers: Vec<Answer>) -> Bench {
    let (told, stuck) = channel();
    let (report, events) = channel();
    let (answers, done) = (Mutex::new(answers.into()), Mutex::new(Vec::new()));
    let script = Arc::new(Script { answers, done, stuck: told });
    let used = Arc::clone(&script);
    let connector = move || -> Box<dyn Connector> { Box::new(Scripted(Arc::clone(&used))) };
    let report: Report = Arc::new(move |event| report.send(event).unwrap());
    let worker = Worker::new(Box::new(connector), report, None, Duration::ZERO);
    Bench { script, worker, events, stuck }
}

fn done(bench: &Bench, name: &str) -> usize {
    bench.script.done.lock().unwrap().iter().filter(|one| *one == name).count()
}

fn authenticate() -> Job {
    let expected = CardSeen {
        kind: crate::session::TokenKind::Card,
        token: Arc::from(*b"token"),
        certificate: None,
        tries: Some(3),
    };
    let proof = Proof::Pin { pin: Pin::new("1234".to_owned()).unwrap(), use_last_try: false };
    let work = Work::Authenticate { expected, proof, challenge: [0; 32] };
    Job { reader: String::new(), ticket: Ticket(2), work }
}

const OK: Answer = Answer::Bytes(&[0x90, 0x00]);
const TOKEN: Answer = Answer::Bytes(b"token\x90\x00");
const HIDDEN: Answer = Answer::Bytes(&[0x69, 0x82]);
const TRIES: Answer = Answer::Bytes(&[0x63, 0xC3]);
const GONE: Answer = Answer::Bytes(&[]);

/// Until right before VERIFY: application, token, certificate, tries.
fn until_verify() -> Vec<Answer> {
    vec![OK, OK, TOKEN, OK, HIDDEN, OK, TRIES]
}

#[test]
fn reads_are_begun_again_after_a_reconnect_and_not_for_ever() {
    let mut bench = bench(vec![OK, GONE, OK, GONE]);
    let job = Job { reader: String::new(), ticket: Ticket(1), work: Work::Identify };
    bench.worker.send(job);
    let lost = Event::Identified(Ticket(1), Err(CardFailure::Removed));
    assert_eq!(bench.events.recv().unwrap(), lost);
    assert_eq!(done(&bench, "connect"), ATTEMPTS_MAX);
}

#[test]
fn a_card_lost_before_verify_is_tried_again_and_one_lost_in_verify_is_not() {
    let answers = [vec![OK, GONE], until_verify(), vec![GONE]].into_iter().flatten().collect();
    let mut bench = bench(answers);
    bench.worker.send(authenticate());
    let lost = Event::Authenticated(Ticket(2), Err(CardFailure::Removed));
    assert_eq!(bench.events.recv().unwrap(), lost);
    assert_eq!((done(&bench, "connect"), done(&bench, "20+")), (2, 1));
}

#[test]
fn a_card_that_does_not_answer_costs_its_thread_and_not_the_reader() {
    let (go, until) = channel();
    let mut bench = bench(vec![Answer::Never(until), OK]);
    bench.worker.send(authenticate());
    bench.stuck.recv().unwrap();
    bench.worker.watch();
    let hung = Event::Authenticated(Ticket(2), Err(CardFailure::Hung));
    assert_eq!(bench.events.recv().unwrap(), hung);
    assert_eq!(bench.worker.given_up(), 1);
    let job = Job { reader: String::new(), ticket: Ticket(3), work: Work::Identify };
    bench.worker.send(job);
    let next = Event::Identified(Ticket(3), Err(CardFailure::Removed));
    assert_eq!(bench.events.recv().unwrap(), next, "the new thread works");
    // What the old one comes back with is nobody's.
    go.send(()).unwrap();
    drop(bench.worker);
    assert!(bench.events.recv().is_err());
}

#[test]
fn a_reader_whose_threads_all_hang_is_out_of_order_until_one_comes_back() {
    let (mut gos, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..GIVEN_UP_MAX {
        let (go, until) = channel();
        gos.push(go);
        answers.push(Answer::Never(until));
    }
    let mut bench = bench(answers);
    for _ in 0..GIVEN_UP_MAX {
        bench.worker.send(authenticate());
        bench.stuck.recv().unwrap();
        bench.worker.watch();
        bench.events.recv().unwrap();
    }
    bench.worker.send(authenticate());
    let hung = Event::Authenticated(Ticket(2), Err(CardFailure::Hung));
    assert_eq!(bench.events.recv().unwrap(), hung, "at once, without a thread");
    gos.clear();
    while bench.worker.thread.is_none() {
        bench.worker.watch();
    }
    bench.worker.send(authenticate());
    let lost = Event::Authenticated(Ticket(2), Err(CardFailure::Removed));
    assert_eq!(bench.events.recv().unwrap(), lost);
}
