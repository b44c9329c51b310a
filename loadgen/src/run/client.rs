//! One generator thread: its connections, its share of the schedule, its tally.
//!
//! A connection serves one request at a time. Whoever is free takes the next request that is
//! due; if nobody is, the request waits and the wait counts.
//
// HOT PATH: no allocation per request, no lock shared between threads.

use super::RunError;
use super::http::Head;
use super::line::{Line, Next, Ticket};
use super::pacer::{Pacer, thread_cpu};
use super::query::Prepared;
use super::schedule::{Arrivals, Schedule};
use super::tally::{Fault, Tally};
use super::target::Target;
use super::wire::{Failure, Wire};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How long answers are awaited after the last request was due.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);
/// Pause after a failed attempt to open a connection again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// Whether requests wait for the plan or for the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Requests are due by the schedule, whatever the server does.
    Open(Arrivals),
    /// Each connection sends as soon as it has its answer. Hides queueing.
    Closed,
}

/// What a run is to do.
#[derive(Clone)]
pub(super) struct Setup {
    /// Whom to ask.
    pub target: Target,
    /// What to ask.
    pub prepared: Arc<Prepared>,
    /// When to ask.
    pub mode: Mode,
    /// Requests per second of all threads together; unused in closed mode.
    pub rate: u32,
    /// Generator threads, at least 1.
    pub threads: u32,
    /// Connections of all threads together, at least one for each.
    pub connections: u32,
    /// Time before the measured part.
    pub warmup: Duration,
    /// The measured part.
    pub duration: Duration,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Seed of random arrivals.
    pub seed: u64,
}

/// What all threads are told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// Connections are being opened.
    Opening,
    /// The clock starts at this moment.
    Running(Instant),
    /// The user wants to see results now.
    Stopped,
}

/// Totals that the progress line shows while the run goes on.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Complete answers.
    pub answered: AtomicU64,
    /// Requests without one.
    pub failed: AtomicU64,
}

/// What one thread brings home.
pub(super) struct ThreadReport {
    /// Its counts.
    pub tally: Tally,
    /// CPU time from the start to the end, without the pacer's; `None` where unknown.
    pub cpu: Option<Duration>,
    /// CPU time of its pacer.
    pub pacer_cpu: Option<Duration>,
    /// When sending ended, since the start.
    pub ended: Duration,
}

/// One generator thread from opening to report. `ready` is called when the connections are open.
///
/// # Errors
/// Everything that prevents a start.
pub(super) fn work(
    setup: &Setup,
    thread: u32,
    mut phase: watch::Receiver<Phase>,
    live: &Arc<Live>,
    ready: impl FnOnce(),
) -> Result<ThreadReport, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        // Arrivals and answers come from outside the run queue: look for them often.
        .event_interval(16)
        .global_queue_interval(8)
        .enable_all()
        .build()
        .map_err(|e| RunError::Generator(e.to_string()))?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let wires = open_all(setup, thread).await?;
        ready();
        let start = loop {
            match *phase.borrow_and_update() {
                Phase::Opening => {}
                Phase::Running(start) => break start,
                Phase::Stopped => return Err(RunError::Generator("stopped".to_owned())),
            }
            if phase.changed().await.is_err() {
                return Err(RunError::Generator("the main thread is gone".to_owned()));
            }
        };
        let line = Line::new(setup, thread, start, wires.len());
        Ok(run(setup, thread, line, wires, phase, live).await)
    })
}

/// Opens this thread's share of the connections and asks one question on each: only the first
/// answer shows whether the server accepts the client, and whether it may ask.
async fn open_all(setup: &Setup, thread: u32) -> Result<Vec<Wire>, RunError> {
    let share =
        setup.connections / setup.threads + u32::from(thread < setup.connections % setup.threads);
    let mut opening = JoinSet::new();
    for _ in 0..share {
        let setup = setup.clone();
        opening.spawn_local(async move { open_first(&setup).await });
    }
    let mut wires = Vec::new();
    while let Some(opened) = opening.join_next().await {
        wires.push(opened.map_err(|e| RunError::Generator(e.to_string()))??);
    }
    Ok(wires)
}

async fn open_first(setup: &Setup) -> Result<Wire, RunError> {
    let target = &setup.target;
    let mut wire = Wire::open(target).await.map_err(|e| target.explain(e))?;
    let Some(question) = setup.prepared.question(0) else {
        return Err(RunError::Population("there is no question to ask".to_owned()));
    };
    match tokio::time::timeout(setup.timeout, wire.exchange(question.bytes)).await {
        Ok(Ok(Head { status: status @ (401 | 403), .. })) => Err(RunError::Forbidden { status }),
        Ok(Ok(head)) if head.closes => Err(probe("the server closes connections after one answer")),
        Ok(Ok(_)) => Ok(wire),
        Ok(Err(Failure::Io(error))) if error.get_ref().is_some() => Err(target.explain(error)),
        Ok(Err(failure)) => {
            // A server that hangs up on a certificate it dislikes may lose its alert on the way.
            let hint = "; over TLS this can mean that it refused the client certificate";
            Err(probe(format!("{:?}{hint}", failure.fault())))
        }
        Err(_) => Err(probe(format!("no answer within {:?}", setup.timeout))),
    }
}

fn probe(reason: impl Into<String>) -> RunError {
    RunError::Probe { reason: reason.into() }
}

async fn run(
    setup: &Setup,
    thread: u32,
    line: Line,
    wires: Vec<Wire>,
    mut phase: watch::Receiver<Phase>,
    live: &Arc<Live>,
) -> ThreadReport {
    let cpu_before = thread_cpu();
    let (start, end) = (line.start, line.end);
    let line = Rc::new(RefCell::new(line));
    let due = Arc::new(Notify::new());
    if setup.mode == Mode::Closed {
        // Nobody wakes an idle connection in this mode: they begin on their own.
        tokio::time::sleep_until(start.into()).await;
    }
    let mut tasks = JoinSet::new();
    for (slot, wire) in wires.into_iter().enumerate() {
        let connection = Connection {
            setup: setup.clone(),
            line: Rc::clone(&line),
            due: Arc::clone(&due),
            live: Arc::clone(live),
            slot,
        };
        tasks.spawn_local(connection.serve(wire));
    }
    let pacer = match setup.mode {
        Mode::Open(arrivals) => {
            let plan = Schedule::new(arrivals, setup.rate, setup.threads, thread, setup.seed);
            Some(Pacer::start(plan, start, end, Arc::clone(&due)))
        }
        Mode::Closed => None,
    };
    tokio::select! {
        () = tokio::time::sleep_until((start + end).into()) => {}
        _ = phase.wait_for(|phase| matches!(phase, Phase::Stopped)) => {}
    }
    let ended = line.borrow_mut().close();
    due.notify_waiters();
    let drained = async { while tasks.join_next().await.is_some() {} };
    // Running out of time here is an outcome, not an error: what is left is counted below.
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, drained).await;
    tasks.abort_all();
    let cpu = thread_cpu().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    let tally = line.borrow_mut().give_up();
    ThreadReport { tally, cpu, pacer_cpu: pacer.and_then(Pacer::stop), ended }
}

/// One connection's share in the run.
struct Connection {
    setup: Setup,
    line: Rc<RefCell<Line>>,
    due: Arc<Notify>,
    live: Arc<Live>,
    slot: usize,
}

impl Connection {
    async fn serve(self, mut wire: Wire) {
        let mut waited = false;
        loop {
            // Created before the look at the line, so that no wake-up is lost in between.
            let woken = self.due.notified();
            let next = self.line.borrow_mut().take(self.slot, waited);
            let is_alive = match next {
                Next::Over => return,
                Next::Wait => {
                    waited = true;
                    self.line.borrow_mut().idle += 1;
                    let is_alive = tokio::select! {
                        () = woken => true,
                        () = wire.disturbed() => false,
                    };
                    self.line.borrow_mut().idle -= 1;
                    is_alive
                }
                Next::Send(ticket) => {
                    waited = false;
                    self.ask(&mut wire, ticket).await
                }
            };
            if !is_alive {
                waited = false;
                match self.reconnect().await {
                    Some(fresh) => wire = fresh,
                    None => return,
                }
            }
        }
    }

    /// Asks, waits, counts. `false` when the connection is of no further use.
    async fn ask(&self, wire: &mut Wire, ticket: Ticket) -> bool {
        let Some(question) = self.setup.prepared.question(ticket.k) else { return true };
        let sent = Instant::now();
        let answer = tokio::time::timeout(self.setup.timeout, wire.exchange(question.bytes)).await;
        let done = Instant::now();
        let mut line = self.line.borrow_mut();
        if let Some(place) = line.in_flight.get_mut(self.slot) {
            *place = None;
        }
        let latency = done.saturating_duration_since(line.start).saturating_sub(ticket.due);
        let tally = &mut line.tally;
        if ticket.is_measured {
            tally.bytes_sent += question.bytes.len() as u64;
        }
        let fault = match answer {
            Ok(Ok(head)) => {
                self.live.answered.fetch_add(1, Ordering::Relaxed);
                let audit = match head.status {
                    200 => Some(question.audit(wire.body(head))),
                    _ => None,
                };
                if ticket.is_measured {
                    tally.bytes_received += wire.buffer.len() as u64;
                    *tally.statuses.entry(head.status).or_default() += 1;
                    if audit.is_some() {
                        tally.latency.record(latency);
                        tally.service.record(done.saturating_duration_since(sent));
                    }
                    tally.good += u64::from(matches!(audit, Some(Ok(()))));
                }
                if let Some(Err(wrong)) = audit {
                    tally.note_wrong(wrong);
                }
                return !head.closes;
            }
            Ok(Err(failure)) => failure.fault(),
            Err(_) => Fault::Timeout,
        };
        self.live.failed.fetch_add(1, Ordering::Relaxed);
        if ticket.is_measured {
            *tally.faults.entry(fault).or_default() += 1;
            if fault == Fault::Timeout {
                tally.latency.record(latency);
            }
        }
        false
    }

    /// A fresh connection; `None` once the run is over.
    async fn reconnect(&self) -> Option<Wire> {
        while !self.line.borrow().is_closed {
            match Wire::open(&self.setup.target).await {
                Ok(wire) => {
                    self.line.borrow_mut().tally.reconnects += 1;
                    return Some(wire);
                }
                Err(_) => {
                    self.line.borrow_mut().tally.reconnects_failed += 1;
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
            }
        }
        None
    }
}
