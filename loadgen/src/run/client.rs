//! One generator thread: one loop over its connections, its share of the plan, its tally.
//!
//! A connection serves one request at a time. Whoever is free takes the next request that is
//! due; if nobody is, the request waits and the wait counts. Nothing here blocks but the one wait
//! for events, which ends when the next request is due.
//
// HOT PATH: no allocation per request, no lock shared between threads; a request costs one
// write, one read and its share of a wait.

use super::conn::{Conn, Secure};
use super::lane::{Lane, Ticket};
use super::machine;
use super::plan::{Plan, Random};
use super::query::Prepared;
use super::result::Model;
use super::series::{RawSecond, Series};
use super::signing::{Job, Mailbox};
use super::target::Target;
use super::visits::{Step, Visits};
use super::{RunError, opening};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Longest wait for a connection with its handshake.
pub(super) const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Events taken at a time: more would let requests that fall due meanwhile wait.
pub(super) const EVENTS_MAX: usize = 64;
/// Names the mailbox of signatures among the events: no place has this number.
pub(super) const BELL: u64 = u64::MAX;

/// What a run is to do.
#[derive(Clone)]
pub(super) struct Setup {
    /// Whom to ask.
    pub target: Arc<Target>,
    /// What to ask, when, over how many connections.
    pub streams: Vec<StreamSetup>,
    /// Whether requests wait for the clock or for answers.
    pub model: Model,
    /// Generator threads, at least 1.
    pub threads: u32,
    /// Threads that sign for cards, at least 1.
    pub signers: u32,
    /// Cores that these may use; none for those of the process.
    pub signer_cores: Vec<usize>,
    /// Cores to keep the threads to, in turn; none to leave it to the system.
    pub cores: Vec<usize>,
    /// Time before the measured part.
    pub warmup: Duration,
    /// The measured part.
    pub duration: Duration,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Which part of the plan this process does, from 0, and of how many; `(0, 1)` for all.
    pub part: (u32, u32),
}

/// One stream of a run.
#[derive(Clone)]
pub(super) struct StreamSetup {
    /// Its name.
    pub name: String,
    /// What to ask.
    pub prepared: Arc<Prepared>,
    /// With cards: the visits, each of which begins with what is prepared.
    pub visits: Option<Arc<Visits>>,
    /// When to ask; in the closed model only a source of numbers.
    pub plan: Plan,
    /// Connections of all threads together, at least one.
    pub connections: u32,
    /// Facilities that ask: the first one, and how many from there on, at least one.
    pub facilities: (usize, usize),
    /// Requests after which a connection is closed and opened anew, on average.
    pub requests_per_connection: Option<u32>,
}

/// What all threads are told.
#[derive(Default)]
pub(super) struct Control {
    /// When the clock starts, once everybody is ready.
    pub start: OnceLock<Instant>,
    /// The user wants to see results now.
    pub stop: AtomicBool,
}

/// What a thread tells.
pub(super) enum Event {
    /// All connections are open.
    Ready,
    /// A second is over.
    Second(Box<RawSecond>),
    /// It has ended.
    Done(Box<Result<ThreadReport, RunError>>),
}

/// What one thread brings home.
pub(super) struct ThreadReport {
    /// Its parts of the streams.
    pub lanes: Vec<Lane>,
    /// Seconds that it could not tell of in time.
    pub seconds: Vec<RawSecond>,
    /// CPU time from the start to the end; `None` where unknown.
    pub cpu: Option<Duration>,
    /// Requests of the whole run, warm-up included.
    pub requests: u64,
    /// When sending ended, since the start.
    pub ended: Duration,
}

/// One connection's place.
pub(super) struct Slot {
    pub lane: usize,
    pub facility: usize,
    pub state: State,
    pub conn: Option<Conn>,
    /// Tells events of the present connection from those of an earlier one.
    pub generation: u32,
    /// Requests until it is opened anew; `None` for never.
    pub left: Option<u32>,
    /// It stands in its lane's list of idle ones.
    pub is_listed: bool,
    /// With cards: where the visit is.
    pub step: Step,
    /// With cards: how long the server has taken for the visit's questions so far.
    pub served: Duration,
}

/// What a connection is doing, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Not there; to be opened at this time.
    Down(Instant),
    /// Being opened.
    Opening(Instant),
    /// Waits for a request.
    Idle(Instant),
    /// Waits for an answer.
    Busy(Ticket, Instant),
    /// Waits for the card to sign.
    Signing(Ticket, Instant),
}

impl State {
    /// The request under way.
    pub(super) const fn ticket(self) -> Option<Ticket> {
        match self {
            Self::Busy(ticket, _) | Self::Signing(ticket, _) => Some(ticket),
            Self::Down(_) | Self::Opening(_) | Self::Idle(_) => None,
        }
    }
}

/// How a generator thread has challenges signed.
pub(super) struct Signing {
    /// Where challenges go.
    pub jobs: SyncSender<Job>,
    /// Where signatures come.
    pub mailbox: Arc<Mailbox>,
}

/// A generator thread.
pub(super) struct Client<'s> {
    pub setup: &'s Setup,
    pub control: &'s Control,
    epoll: OwnedFd,
    pub slots: Vec<Slot>,
    pub lanes: Vec<Lane>,
    /// Mean requests for a connection, by lane.
    churn: Vec<Option<u32>>,
    pub series: Series,
    random: Random,
    pub start: Instant,
    pub requests: u64,
    /// Only with cards.
    pub signing: Option<Signing>,
}

/// One generator thread from opening to report.
///
/// # Errors
/// Everything that prevents a start.
pub(super) fn work(
    setup: &Setup,
    thread: u32,
    control: &Control,
    events: &mpsc::Sender<Event>,
    jobs: Option<SyncSender<Job>>,
) -> Result<ThreadReport, RunError> {
    machine::prepare_thread(setup, thread)?;
    let mut client = Client::new(setup, thread, control, events.clone())?;
    jobs.map(|jobs| client.sign_by(jobs)).transpose()?;
    opening::open_all(&mut client)?;
    // INVARIANT: the channel has room for it, so the only failure is a main thread that is gone.
    drop(events.try_send(Event::Ready));
    client.start = opening::await_start(control)?;
    let cpu_before = machine::thread_cpu();
    let ended = client.run();
    let cpu = machine::thread_cpu().zip(cpu_before);
    Ok(ThreadReport {
        lanes: client.lanes,
        seconds: client.series.finish(),
        cpu: cpu.map(|(after, before)| after.saturating_sub(before)),
        requests: client.requests,
        ended,
    })
}

impl<'s> Client<'s> {
    fn new(
        setup: &'s Setup,
        thread: u32,
        control: &'s Control,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, RunError> {
        let generator = |e: rustix::io::Errno| RunError::Generator(e.to_string());
        let mut client = Self {
            setup,
            control,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(generator)?,
            slots: Vec::new(),
            lanes: Vec::new(),
            churn: Vec::new(),
            series: Series::new(events),
            random: Random::new(u64::from(thread)),
            start: Instant::now(),
            requests: 0,
            signing: None,
        };
        for stream in &setup.streams {
            client.add_lane(stream, thread);
        }
        Ok(client)
    }

    /// This thread's share of a stream. A stream with fewer connections than there are threads is
    /// shared by the first few.
    fn add_lane(&mut self, stream: &StreamSetup, thread: u32) {
        let shares = self.setup.threads.min(stream.connections);
        let (part, parts) = self.setup.part;
        if thread >= shares {
            return;
        }
        let connections =
            stream.connections / shares + u32::from(thread < stream.connections % shares);
        let (first, count) = stream.facilities;
        let lane = self.lanes.len();
        for number in 0..connections {
            let nth = (number * shares + thread) as usize;
            self.slots.push(Slot {
                lane,
                facility: first + nth % count.max(1),
                state: State::Down(self.start),
                conn: None,
                generation: 0,
                left: None,
                is_listed: false,
                step: Step::default(),
                served: Duration::ZERO,
            });
        }
        self.churn.push(stream.requests_per_connection);
        self.lanes.push(Lane::new(
            stream.name.clone(),
            (Arc::clone(&stream.prepared), stream.visits.clone()),
            stream.plan.share(part * shares + thread, parts * shares),
            self.setup.model,
            self.setup.warmup,
            self.setup.warmup + self.setup.duration,
        ));
    }

    /// Has challenges signed by those who take jobs.
    fn sign_by(&mut self, jobs: SyncSender<Job>) -> Result<(), RunError> {
        let generator = |e: rustix::io::Errno| RunError::Generator(e.to_string());
        let mailbox = Arc::new(Mailbox::new().map_err(generator)?);
        epoll::add(&self.epoll, &*mailbox, EventData::new_u64(BELL), EventFlags::IN)
            .map_err(generator)?;
        self.signing = Some(Signing { jobs, mailbox });
        Ok(())
    }

    /// Begins to open the connection of a place.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn open(&mut self, at: usize) -> std::io::Result<()> {
        let churn = self.slots.get(at).and_then(|slot| *self.churn.get(slot.lane)?);
        // Between half and one and a half times the mean, so that they do not all close at once.
        let left = churn.map(|mean| {
            let spread = u32::try_from(self.random.below(u64::from(mean) + 1)).unwrap_or(mean);
            (mean / 2 + spread).max(1)
        });
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let secure: Option<&Secure> = self.setup.target.secure(slot.facility);
        let conn = Conn::open(self.setup.target.address, secure)?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.left = left;
        let data = (u64::from(slot.generation) << 32) | at as u64;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, &conn, EventData::new_u64(data), flags)?;
        slot.conn = Some(conn);
        slot.state = State::Opening(Instant::now());
        Ok(())
    }

    /// Waits for events, at most so long.
    pub(super) fn wait(&self, most: Duration, events: &mut Vec<epoll::Event>) {
        let timeout = Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(most.subsec_nanos()),
        };
        events.clear();
        // An interrupted wait has no events; the next one will.
        let _ = epoll::wait(&self.epoll, spare_capacity(events), Some(&timeout));
    }

    /// The place of a connection that is still the same; `None` if it is an earlier one.
    pub(super) fn current(&self, (at, generation): (usize, u32)) -> Option<usize> {
        let slot = self.slots.get(at)?;
        (slot.generation == generation && slot.conn.is_some()).then_some(at)
    }

    /// The place that an event is about; `None` if it is about an earlier connection.
    pub(super) fn place(&self, event: &epoll::Event) -> Option<usize> {
        let data = event.data.u64();
        let at = usize::try_from(data & u64::from(u32::MAX)).ok()?;
        self.current((at, u32::try_from(data >> 32).ok()?))
    }
}
