//! Runs the generator threads against one clock and puts together what they counted.

use super::RunError;
use super::client::{Control, Event, Setup, ThreadReport, work};
use super::machine;
use super::metrics::{Source, Watch};
use super::result::{
    Description, EXAMPLES_MAX, Measured, Model, RunResult, SCHEMA_VERSION, Second, Stream,
};
use super::series::Gatherer;
use super::signing::Signers;
use super::verdict::{Verdict, judge};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Time between "all connections are open" and the first request, for all threads to hear of it.
const START_DELAY: Duration = Duration::from_millis(50);
/// Time between two looks at the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// Seconds that a thread may be ahead of the main one before it keeps them to itself.
const SECONDS_AHEAD: usize = 16;
/// A machine's clock that went on by so much more or less than time did was set.
const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);

/// Everything that a run needs.
pub(super) struct Job {
    /// What to do.
    pub setup: Setup,
    /// How to tell of it.
    pub description: Description,
    /// The server's process, if it is known: the report tells its cores.
    pub server_pid: Option<u32>,
    /// Where the server tells of itself.
    pub metrics: Option<Source>,
}

/// A moment of a run.
#[derive(Clone, Debug)]
pub struct Progress<'p> {
    /// Time since the start; zero while connections are being opened.
    pub elapsed: Duration,
    /// Length of the whole plan, warm-up included.
    pub planned: Duration,
    /// A second that has just become complete.
    pub second: Option<&'p Second>,
}

/// What somebody else says to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Everybody is ready.
    Start,
    /// End with what there is.
    Stop,
}

/// Makes a run wait for somebody else before its clock starts.
pub(super) struct Gate {
    /// Called when all connections are open.
    pub on_ready: Box<dyn FnOnce()>,
    /// What is said then.
    pub orders: mpsc::Receiver<Order>,
}

/// Makes one run, which begins at once or when the gate says so. Ctrl-C ends it early with what
/// there is.
///
/// # Errors
/// Everything that prevents a start.
pub(super) fn drive(
    job: &Job,
    gate: Option<Gate>,
    on_progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<RunResult, RunError> {
    let setup = &job.setup;
    let connections = setup.streams.iter().map(|stream| stream.connections).sum();
    machine::allow_files(connections)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| RunError::Generator(e.to_string()))?;
    let control = Arc::new(Control::default());
    let watch = match &job.metrics {
        Some(source) => Some(runtime.block_on(Watch::start(source, Arc::clone(&control)))?),
        None => None,
    };
    let signers = signers(setup)?;
    let (send, events) = mpsc::channel(setup.threads as usize * SECONDS_AHEAD);
    let mut threads = Vec::new();
    for thread in 0..setup.threads {
        let (setup, control, events) = (setup.clone(), Arc::clone(&control), send.clone());
        let jobs = signers.as_ref().map(Signers::jobs);
        let body = move || {
            let report = work(&setup, thread, &control, &events, jobs);
            // A main thread that is gone needs no report.
            let _ = events.blocking_send(Event::Done(Box::new(report)));
        };
        let spawned = std::thread::Builder::new().name(format!("generator-{thread}")).spawn(body);
        threads.push(spawned.map_err(|e| RunError::Generator(e.to_string()))?);
    }
    drop(send);
    let conducted = runtime.block_on(conduct(job, gate, &control, events, on_progress));
    // Whatever ended the conducting, no thread shall outlive it.
    control.stop.store(true, Ordering::Relaxed);
    for thread in threads {
        if thread.join().is_err() {
            return Err(RunError::Generator("a thread panicked".to_owned()));
        }
    }
    let mut result = conducted?;
    result.server = watch.map(Watch::finish);
    if let Some(signers) = signers {
        let work = signers.finish(setup.warmup.as_secs_f64() + result.measured_seconds)?;
        result.workers.iter_mut().for_each(|worker| worker.signing = Some(work.clone()));
        result.verdict = judge(&result);
    }
    Ok(result)
}

/// The threads that sign, if somebody comes with a card.
fn signers(setup: &Setup) -> Result<Option<Signers>, RunError> {
    let with_cards = setup.streams.iter().filter(|stream| stream.visits.is_some());
    let waiting: u32 = with_cards.map(|stream| stream.connections).sum();
    if waiting == 0 {
        return Ok(None);
    }
    Signers::start(setup.signers, &setup.signer_cores, waiting as usize).map(Some)
}

async fn conduct(
    job: &Job,
    gate: Option<Gate>,
    control: &Control,
    mut events: mpsc::Receiver<Event>,
    on_progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<RunResult, RunError> {
    let threads = job.setup.threads;
    let planned = job.setup.warmup + job.setup.duration;
    let mut reports = Vec::new();
    let mut seconds = Gatherer::default();
    let (mut ready, mut is_partial) = (0, false);
    let mut clock = None;
    let (mut on_ready, mut orders) = gate.map(|gate| (gate.on_ready, gate.orders)).unzip();
    let mut is_released = orders.is_none();
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    while reports.len() < threads as usize {
        let elapsed = control.start.get().map_or(Duration::ZERO, Instant::elapsed).min(planned);
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::Ready) => ready += 1,
                Some(Event::Second(second)) => {
                    let second = seconds.add(*second, threads);
                    on_progress(&Progress { elapsed, planned, second });
                }
                Some(Event::Done(report)) => reports.push((*report)?),
                None => return Err(RunError::Generator("a thread died".to_owned())),
            },
            // Whoever holds the gate decides; Ctrl-C then ends the program as usual.
            _ = tokio::signal::ctrl_c(), if !is_partial && orders.is_none() => {
                is_partial = true;
                control.stop.store(true, Ordering::Relaxed);
            }
            order = next_order(&mut orders), if !is_partial => match order {
                Some(Order::Start) => is_released = true,
                // Nobody will say more.
                Some(Order::Stop) | None => {
                    is_partial = true;
                    control.stop.store(true, Ordering::Relaxed);
                }
            },
            _ = ticks.tick() => on_progress(&Progress { elapsed, planned, second: None }),
        }
        if ready == threads
            && let Some(on_ready) = on_ready.take()
        {
            on_ready();
        }
        if ready == threads && is_released && control.start.get().is_none() {
            let start = Instant::now() + START_DELAY;
            clock = Some((jiff::Timestamp::now(), Instant::now()));
            // It is set here only, and only once.
            let _ = control.start.set(start);
        }
    }
    for report in &mut reports {
        for second in report.seconds.drain(..) {
            seconds.add(second, threads);
        }
    }
    let mut result = gather(job, reports, seconds.finish(), is_partial);
    if let Some((wall, steady)) = clock {
        result.description.started_at = wall.to_string();
        let by_wall = jiff::Timestamp::now().duration_since(wall);
        result.notes.extend(clock_step(by_wall, steady.elapsed()));
    }
    Ok(result)
}

/// The next order; never without a gate.
async fn next_order(orders: &mut Option<mpsc::Receiver<Order>>) -> Option<Order> {
    match orders {
        Some(orders) => orders.recv().await,
        None => std::future::pending().await,
    }
}

/// A note if the machine's clock was set during the run. Latency is measured by a clock that
/// nobody can set, so the numbers stand; times of day in logs may not fit them.
fn clock_step(by_wall: jiff::SignedDuration, by_steady: Duration) -> Option<String> {
    let step = by_wall.as_secs_f64() - by_steady.as_secs_f64();
    (step.abs() > CLOCK_STEP_MIN.as_secs_f64()).then(|| {
        format!(
            "the machine's clock was set by {step:+.1} s during the run; latency and rates are \
             measured by a clock that cannot be set and are not affected"
        )
    })
}

fn gather(
    job: &Job,
    reports: Vec<ThreadReport>,
    seconds: Vec<Second>,
    is_partial: bool,
) -> RunResult {
    let setup = &job.setup;
    let ended = reports.iter().map(|r| r.ended).max().unwrap_or_default();
    let share = |report: &ThreadReport| {
        Some(report.cpu?.as_secs_f64() / report.ended.as_secs_f64().max(1e-9))
    };
    let shares: Option<Vec<f64>> = reports.iter().map(share).collect();
    let cpu: Option<Duration> = reports.iter().map(|report| report.cpu).sum();
    let requests: u64 = reports.iter().map(|report| report.requests).sum();
    let mut worker = machine::describe(setup.threads, &setup.cores, job.server_pid);
    worker.cpu_seconds = cpu.map(|cpu| cpu.as_secs_f64());
    worker.busiest_thread = shares.map(|shares| shares.into_iter().fold(0.0, f64::max));
    worker.cpu_us_per_request =
        worker.cpu_seconds.filter(|_| requests > 0).map(|cpu| cpu * 1e6 / requests as f64);
    let mut result = RunResult {
        schema_version: SCHEMA_VERSION,
        description: job.description.clone(),
        workers: vec![worker],
        measured_seconds: ended.saturating_sub(setup.warmup).as_secs_f64(),
        partial: is_partial,
        total: Measured::default(),
        streams: Vec::new(),
        seconds,
        server: None,
        wrong_examples: Vec::new(),
        notes: Vec::new(),
        verdict: Verdict::default(),
    };
    for stream in &setup.streams {
        let mut measured = Measured::default();
        let lanes = reports.iter().flat_map(|report| &report.lanes);
        for lane in lanes.filter(|lane| lane.name == stream.name) {
            measured.merge(&lane.measured);
            result.wrong_examples.extend(lane.examples.iter().cloned());
        }
        result.total.merge(&measured);
        result.streams.push(Stream { name: stream.name.clone(), measured });
    }
    result.wrong_examples.sort_by_key(|wrong| wrong.at_ms);
    result.wrong_examples.truncate(EXAMPLES_MAX);
    if is_partial && setup.model == Model::Open {
        let mean = result.total.counts.due as f64 / result.measured_seconds.max(1e-9);
        result.description.target_per_second = Some(mean);
    }
    result.verdict = judge(&result);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_s_clock_that_was_set_is_noted_and_its_drift_is_not() {
        let note = |by_wall| {
            clock_step(jiff::SignedDuration::from_millis(by_wall), Duration::from_secs(60))
        };
        for unharmed in [60_000, 60_900, 59_100] {
            assert_eq!(note(unharmed), None);
        }
        assert!(note(3_660_000).unwrap().contains("+3600.0 s"));
        assert!(note(-3_540_000).unwrap().contains("-3600.0 s"));
    }
}
