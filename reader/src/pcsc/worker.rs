//! One reader's thread, and its replacement when the card in it does not answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::Report;
use crate::card_protocol::{self, CardTransport, Spent, TerminalKey};
use crate::session::{CardFailure, CardSeen, Effect, Event, MatchingNumber, Proof, Ticket};

/// Jobs that wait for one reader: a session has one under way, and one to let the card go.
const JOBS_MAX: usize = 8;
/// Attempts of what may be repeated: the first and two more (card §7 no. 6).
const ATTEMPTS_MAX: usize = 3;
/// Threads of one reader that may be given up while they still hang. Then the reader is out of
/// order until one of them comes back.
const GIVEN_UP_MAX: u64 = 4;

/// Connects to the card in one reader.
pub(super) trait Connector: Send {
    /// Connects, alone. What is returned powers the card off when dropped.
    ///
    /// # Errors
    /// When no card can be talked to.
    fn connect(&mut self) -> Result<Box<dyn CardTransport>, CardFailure>;
}

/// Something to be done with the card in a reader.
#[derive(Debug)]
pub(super) struct Job {
    reader: String,
    /// `None` for [`Work::Release`], which has no end.
    ticket: Ticket,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Identify,
    Authenticate { expected: CardSeen, proof: Proof, challenge: [u8; 32] },
    ReadAttributes { expected: CardSeen, number: MatchingNumber },
    ReadPhoto { expected: CardSeen, number: MatchingNumber },
    Release,
}

/// What a job was for, to say that it failed after the job itself is gone.
#[derive(Clone, Copy)]
enum Kind {
    Identify,
    Authenticate,
    ReadAttributes,
    ReadPhoto,
    Release,
}

impl Job {
    /// The job of an effect on a card; `None` for any other.
    pub(super) fn of(effect: Effect) -> Option<Self> {
        let (reader, ticket, work) = match effect {
            Effect::Identify { ticket, reader } => (reader, ticket, Work::Identify),
            Effect::Authenticate { ticket, reader, expected, proof, challenge } => {
                (reader, ticket, Work::Authenticate { expected, proof, challenge })
            }
            Effect::ReadAttributes { ticket, reader, expected, number } => {
                (reader, ticket, Work::ReadAttributes { expected, number })
            }
            Effect::ReadPhoto { ticket, reader, expected, number } => {
                (reader, ticket, Work::ReadPhoto { expected, number })
            }
            Effect::Release { reader } => (reader, Ticket(0), Work::Release),
            Effect::PrepareFace { .. }
            | Effect::WatchFace(_)
            | Effect::ForgetFace
            | Effect::Challenge { .. }
            | Effect::Open { .. }
            | Effect::Find { .. }
            | Effect::Bind { .. }
            | Effect::Ask { .. }
            | Effect::Push(_)
            | Effect::Report { .. }
            | Effect::ReportFailure { .. }
            | Effect::Stale => return None,
        };
        Some(Self { reader, ticket, work })
    }

    pub(super) fn reader(&self) -> &str {
        &self.reader
    }

    /// Reports that there is no card to do it with.
    pub(super) fn fail(self, report: &Report) {
        tell(report, self.ticket, self.kind(), CardFailure::Removed);
    }

    const fn kind(&self) -> Kind {
        match self.work {
            Work::Identify => Kind::Identify,
            Work::Authenticate { .. } => Kind::Authenticate,
            Work::ReadAttributes { .. } => Kind::ReadAttributes,
            Work::ReadPhoto { .. } => Kind::ReadPhoto,
            Work::Release => Kind::Release,
        }
    }
}

fn tell(report: &Report, ticket: Ticket, kind: Kind, failure: CardFailure) {
    match kind {
        Kind::Identify => report(Event::Identified(ticket, Err(failure))),
        Kind::Authenticate => report(Event::Authenticated(ticket, Err(failure))),
        Kind::ReadAttributes => report(Event::AttributesRead(ticket, Err(failure))),
        Kind::ReadPhoto => report(Event::PhotoRead(ticket, Err(failure))),
        Kind::Release => {}
    }
}

/// What a thread is doing, for whoever watches it.
#[derive(Default)]
struct Pulse {
    /// The job and the command under way.
    now: Mutex<Doing>,
    /// Nobody listens to this thread any more.
    is_given_up: AtomicBool,
}

#[derive(Default)]
struct Doing {
    job: Option<(Ticket, Kind)>,
    command_since: Option<Instant>,
}

impl Pulse {
    fn now(&self) -> MutexGuard<'_, Doing> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handle of one reader's thread.
pub(super) struct Worker {
    connector: Box<dyn Fn() -> Box<dyn Connector> + Send>,
    report: Report,
    terminal: Option<Arc<dyn TerminalKey>>,
    answer_within: Duration,
    thread: Option<Thread>,
    /// Threads given up, of which these still hang.
    hanging: Vec<Arc<Pulse>>,
    given_up: u64,
}

struct Thread {
    jobs: SyncSender<Job>,
    pulse: Arc<Pulse>,
}

impl Worker {
    /// Starts a thread; a refused thread shows when it is first needed.
    pub(super) fn new(
        connector: Box<dyn Fn() -> Box<dyn Connector> + Send>,
        report: Report,
        terminal: Option<Arc<dyn TerminalKey>>,
        answer_within: Duration,
    ) -> Self {
        let (thread, hanging, given_up) = (None, Vec::new(), 0);
        let mut worker =
            Self { connector, report, terminal, answer_within, thread, hanging, given_up };
        worker.start();
        worker
    }

    fn start(&mut self) {
        let (jobs, waiting) = mpsc::sync_channel(JOBS_MAX);
        let pulse = Arc::new(Pulse::default());
        let mut reader = Reader {
            connector: (self.connector)(),
            connection: None,
            report: Arc::clone(&self.report),
            terminal: self.terminal.clone(),
            pulse: Arc::clone(&pulse),
        };
        let run = move || {
            while let Ok(job) = waiting.recv() {
                reader.work(job);
                if reader.pulse.is_given_up.load(Ordering::Acquire) {
                    break;
                }
            }
        };
        let started = thread::Builder::new().name("card-reader".to_owned()).spawn(run);
        match started {
            Ok(_) => self.thread = Some(Thread { jobs, pulse }),
            Err(error) => tracing::error!(%error, "the system refuses a thread for a card reader"),
        }
    }

    /// Gives the thread a job; reports at once when it cannot take one.
    pub(super) fn send(&mut self, job: Job) {
        let (ticket, kind) = (job.ticket, job.kind());
        let is_taken = self.thread.as_ref().is_some_and(|thread| thread.jobs.try_send(job).is_ok());
        if !is_taken {
            tell(&self.report, ticket, kind, CardFailure::Hung);
        }
    }

    /// Gives the thread up if its card has not answered in time, and starts another.
    pub(super) fn watch(&mut self) {
        self.hanging.retain(|pulse| pulse.now().command_since.is_some());
        let is_hung = self.thread.as_ref().is_some_and(|thread| {
            let since = thread.pulse.now().command_since;
            since.is_some_and(|since| since.elapsed() > self.answer_within)
        });
        if is_hung && let Some(thread) = self.thread.take() {
            thread.pulse.is_given_up.store(true, Ordering::Release);
            let job = thread.pulse.now().job;
            if let Some((ticket, kind)) = job {
                tell(&self.report, ticket, kind, CardFailure::Hung);
            }
            self.hanging.push(thread.pulse);
            self.given_up += 1;
            tracing::error!(
                given_up = self.given_up,
                "a card does not answer; its thread is given up"
            );
        }
        if self.thread.is_none() && (self.hanging.len() as u64) < GIVEN_UP_MAX {
            self.start();
        }
    }

    /// Threads given up so far.
    pub(super) const fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// What the thread itself holds.
struct Reader {
    connector: Box<dyn Connector>,
    connection: Option<Box<dyn CardTransport>>,
    report: Report,
    terminal: Option<Arc<dyn TerminalKey>>,
    pulse: Arc<Pulse>,
}

impl Reader {
    fn work(&mut self, job: Job) {
        let (ticket, kind) = (job.ticket, job.kind());
        self.pulse.now().job = Some((ticket, kind));
        let event = match job.work {
            Work::Identify => {
                self.connection = None;
                let end = self.repeat(|card, _, _| card_protocol::identify(card));
                Some(Event::Identified(ticket, end))
            }
            Work::Authenticate { expected, proof, challenge } => {
                let end = self.repeat(|card, terminal, spent| {
                    card_protocol::authenticate(
                        card, &expected, &proof, &challenge, terminal, spent,
                    )
                });
                Some(Event::Authenticated(ticket, end))
            }
            Work::ReadAttributes { expected, number } => {
                let end = self.repeat(|card, _, spent| {
                    card_protocol::read_attributes(card, &expected, &number, spent)
                });
                Some(Event::AttributesRead(ticket, end))
            }
            Work::ReadPhoto { expected, number } => {
                let end = self.repeat(|card, terminal, spent| {
                    let terminal = terminal.ok_or(CardFailure::TerminalRefused)?;
                    let mut nonce = [0; 32];
                    SystemRandom::new().fill(&mut nonce).map_err(|_| CardFailure::Malformed)?;
                    let authority = terminal.photo_authority();
                    card_protocol::read_photo(card, &expected, &number, authority, &nonce, spent)
                });
                Some(Event::PhotoRead(ticket, end))
            }
            Work::Release => None,
        };
        // A card that was read waits for its PIN; after a wrong one the patient may type again.
        let keeps = matches!(
            &event,
            Some(
                Event::Identified(_, Ok(_))
                    | Event::Authenticated(
                        _,
                        Err(CardFailure::WrongPin { .. } | CardFailure::LastTry)
                    )
            )
        );
        if !keeps {
            self.drop_connection();
        }
        self.pulse.now().job = None;
        if let Some(event) = event
            && !self.pulse.is_given_up.load(Ordering::Acquire)
        {
            (self.report)(event);
        }
    }

    /// Powering off is a command too, and may hang like any other.
    fn drop_connection(&mut self) {
        self.pulse.now().command_since = Some(Instant::now());
        self.connection = None;
        self.pulse.now().command_since = None;
    }

    /// Holds a conversation; begins again with a new connection when the card was lost before
    /// anything was spent.
    fn repeat<T>(
        &mut self,
        talk: impl Fn(
            &mut dyn CardTransport,
            Option<&dyn TerminalKey>,
            &mut Spent,
        ) -> Result<T, CardFailure>,
    ) -> Result<T, CardFailure> {
        let terminal = self.terminal.clone();
        let mut attempt = 1;
        loop {
            let mut spent = Spent::Nothing;
            let end = self.connect().and_then(|card| talk(card, terminal.as_deref(), &mut spent));
            match end {
                Err(CardFailure::Removed) if spent == Spent::Nothing && attempt < ATTEMPTS_MAX => {
                    attempt += 1;
                    self.drop_connection();
                }
                end => return end,
            }
        }
    }

    fn connect(&mut self) -> Result<&mut dyn CardTransport, CardFailure> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.pulse.now().command_since = Some(Instant::now());
                let connected = self.connector.connect();
                self.pulse.now().command_since = None;
                let inner = connected?;
                Box::new(Timed { inner, pulse: Arc::clone(&self.pulse) })
            }
        };
        Ok(&mut **self.connection.insert(connection))
    }
}

/// A way to a card that says since when it waits for an answer.
struct Timed {
    inner: Box<dyn CardTransport>,
    pulse: Arc<Pulse>,
}

impl CardTransport for Timed {
    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFailure> {
        if self.pulse.is_given_up.load(Ordering::Acquire) {
            return Err(CardFailure::Hung);
        }
        self.pulse.now().command_since = Some(Instant::now());
        let end = self.inner.transmit(command);
        self.pulse.now().command_since = None;
        end
    }
}

#[cfg(test)]
mod tests;
