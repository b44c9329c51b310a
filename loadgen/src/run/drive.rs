//! Runs the generator threads against one clock and gathers what they counted.

use super::RunError;
use super::client::{Live, Phase, Setup, ThreadReport, work};
use super::tally::Tally;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Time between "all connections are open" and the first request, for all threads to hear of it.
const START_DELAY: Duration = Duration::from_millis(50);
/// Time between two looks at the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// What a run measured.
pub(super) struct Measured {
    /// The threads' counts, merged.
    pub tally: Tally,
    /// Length of the measured part that took place.
    pub measured: Duration,
    /// The user ended the run early.
    pub is_partial: bool,
    /// CPU time of all generator threads and pacers; `None` where unknown.
    pub cpu: Option<Duration>,
    /// The busiest generator thread's share of one core, 0 to 1; `None` where unknown.
    pub busiest: Option<f64>,
}

/// A moment of a run, for the progress line.
pub(super) struct Progress {
    /// Time since the start; zero while connections are being opened.
    pub elapsed: Duration,
    /// Complete answers so far.
    pub answered: u64,
    /// Failed requests so far.
    pub failed: u64,
}

enum Event {
    Ready,
    Done(Box<Result<ThreadReport, RunError>>),
}

/// Makes one run. Ctrl-C ends it early with what there is.
///
/// # Errors
/// Everything that prevents a start.
pub(super) fn drive(
    setup: &Setup,
    on_progress: impl FnMut(Progress),
) -> Result<Measured, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| RunError::Generator(e.to_string()))?;
    let live = Arc::new(Live::default());
    let (phase, phases) = watch::channel(Phase::Opening);
    // Two events from each thread: sending never waits.
    let room = 2 * setup.threads as usize;
    let (send, events) = mpsc::channel(room.max(1));
    for thread in 0..setup.threads {
        let (setup, phases, live) = (setup.clone(), phases.clone(), Arc::clone(&live));
        let (ready, done) = (send.clone(), send.clone());
        let body = move || {
            // INVARIANT: the channel has room, so the only failure is a main thread that is gone.
            let ready = || drop(ready.try_send(Event::Ready));
            let report = work(&setup, thread, phases, &live, ready);
            drop(done.try_send(Event::Done(Box::new(report))));
        };
        std::thread::Builder::new()
            .name(format!("generator-{thread}"))
            .spawn(body)
            .map_err(|e| RunError::Generator(e.to_string()))?;
    }
    drop((send, phases));
    runtime.block_on(conduct(setup, phase, events, &live, on_progress))
}

async fn conduct(
    setup: &Setup,
    phase: watch::Sender<Phase>,
    mut events: mpsc::Receiver<Event>,
    live: &Live,
    mut on_progress: impl FnMut(Progress),
) -> Result<Measured, RunError> {
    let mut reports = Vec::new();
    let (mut ready, mut is_partial, mut start) = (0, false, None);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    while reports.len() < setup.threads as usize {
        tokio::select! {
            event = events.recv() => match event {
                Some(Event::Ready) => ready += 1,
                Some(Event::Done(report)) => reports.push((*report)?),
                None => return Err(RunError::Generator("a thread died".to_owned())),
            },
            _ = tokio::signal::ctrl_c(), if !is_partial => {
                is_partial = true;
                phase.send_replace(Phase::Stopped);
            }
            _ = ticks.tick() => on_progress(Progress {
                elapsed: start.map_or(Duration::ZERO, |s: Instant| s.elapsed()),
                answered: live.answered.load(Ordering::Relaxed),
                failed: live.failed.load(Ordering::Relaxed),
            }),
        }
        if ready == setup.threads && start.is_none() && !is_partial {
            let at = Instant::now() + START_DELAY;
            start = Some(at);
            phase.send_replace(Phase::Running(at));
        }
    }
    Ok(gather(setup, reports, is_partial))
}

fn gather(setup: &Setup, reports: Vec<ThreadReport>, is_partial: bool) -> Measured {
    let ended = reports.iter().map(|r| r.ended).max().unwrap_or_default();
    let share = |report: &ThreadReport| {
        Some(report.cpu?.as_secs_f64() / report.ended.as_secs_f64().max(f64::MIN_POSITIVE))
    };
    let busiest = reports.iter().map(share).collect::<Option<Vec<_>>>();
    let cpu = reports.iter().map(|r| Some(r.cpu? + r.pacer_cpu.unwrap_or_default())).sum();
    let mut tally = Tally::new();
    for report in reports {
        tally.merge(report.tally);
    }
    Measured {
        tally,
        measured: ended.saturating_sub(setup.warmup),
        is_partial,
        cpu,
        busiest: busiest.map(|shares| shares.into_iter().fold(0.0, f64::max)),
    }
}
