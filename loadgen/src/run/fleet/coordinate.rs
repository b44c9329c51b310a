//! `shikaku-loadgen coordinate`: one run by many workers.

use super::link::{Assignment, FromCoordinator, FromWorker, Link, SignedJob, sign};
use super::{WORKERS_MAX, secret};
use crate::report::Outputs;
use crate::run::result::{RunResult, Second};
use crate::run::verdict::{Reason, ReasonKind, judge};
use crate::run::{RunError, Summary};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;

/// Longest wait for a connection to a worker, and for its first word.
const HELLO_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest time that a worker prepares questions and opens connections.
const PREPARE_TIME_MAX: Duration = Duration::from_secs(1800);
/// A worker that says nothing for so long while it runs is lost: it tells of each second.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Messages of all workers that may wait.
const MESSAGES: usize = 1024;

/// Make one run by several workers and add what they measured.
#[derive(clap::Args)]
pub struct CoordinateArgs {
    /// A worker's address; give one option for each.
    #[arg(long = "worker", required = true)]
    workers: Vec<SocketAddr>,
    /// File with the secret that the workers have too.
    #[arg(long)]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
    /// Options of `run`, behind `--`: rates and connections are those of all workers together,
    /// paths those on the workers' machines.
    #[arg(last = true, required = true)]
    run: Vec<String>,
}

/// What becomes of a worker.
enum Said {
    Ready,
    Second(Box<Second>),
    Done(Box<RunResult>),
    Lost(String),
}

/// Runs `shikaku-loadgen coordinate`.
///
/// # Errors
/// [`RunError::Worker`] when a worker cannot begin.
pub fn execute(args: &CoordinateArgs) -> Result<ExitCode, Box<dyn Error>> {
    let secret = secret(args.secret_file.as_deref())?;
    let result = run(&args.workers, &args.run, secret.as_deref(), &mut |good, seconds| {
        #[expect(clippy::print_stderr, reason = "progress is for whoever waits")]
        {
            eprintln!("coordinate: second {seconds}, {good} good answers");
        }
    })?;
    // The result matters more than a screen that is gone.
    let _ = write!(io::stdout().lock(), "{}", Summary(&result));
    Ok(args.outputs.save(result)?)
}

/// Makes a run; `on_second` is told of the good answers so far and the seconds.
///
/// # Errors
/// [`RunError::Worker`] when a worker cannot begin, or all are lost.
pub(super) fn run(
    workers: &[SocketAddr],
    arguments: &[String],
    secret: Option<&[u8]>,
    on_second: &mut dyn FnMut(u64, u32),
) -> Result<RunResult, RunError> {
    if workers.len() > WORKERS_MAX {
        let reason = format!("at most {WORKERS_MAX}");
        return Err(RunError::Option { option: "--worker", reason });
    }
    let of = u32::try_from(workers.len()).unwrap_or(u32::MAX);
    let (send, said) = mpsc::channel(MESSAGES);
    let mut mouths = Vec::new();
    for (index, address) in (0..).zip(workers) {
        let failed = |e: &dyn std::fmt::Display| worker_error(*address, e);
        let assignment = Assignment { arguments: arguments.to_vec(), index, of };
        let mut link = assign(*address, &assignment, secret).map_err(|e| failed(&e))?;
        mouths.push(link.clone().map_err(|e| failed(&e))?);
        let send = send.clone();
        let listen = move || listen(&mut link, index as usize, &send);
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(listen);
        thread.map_err(|e| failed(&e))?;
    }
    drop(send);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| RunError::Generator(e.to_string()))?;
    runtime.block_on(conduct(workers, mouths, said, on_second))
}

fn worker_error(address: SocketAddr, reason: &dyn std::fmt::Display) -> RunError {
    RunError::Worker { address, reason: reason.to_string() }
}

/// Connects to a worker and gives it its part.
fn assign(address: SocketAddr, part: &Assignment, secret: Option<&[u8]>) -> io::Result<Link> {
    let mut link = Link::new(TcpStream::connect_timeout(&address, HELLO_TIME_MAX)?)?;
    let FromWorker::Hello { version, nonce } = link.receive(Some(HELLO_TIME_MAX))? else {
        return Err(io::Error::other("this is no worker"));
    };
    if version != env!("CARGO_PKG_VERSION") {
        return Err(io::Error::other(format!("it has version {version}; use the same everywhere")));
    }
    let assignment = serde_json::to_string(part)?;
    let signature = secret.map_or_else(String::new, |s| sign(s, &nonce, &assignment));
    link.send(&FromCoordinator::Job(SignedJob { assignment, signature }))?;
    Ok(link)
}

/// Hears one worker to its end.
fn listen(link: &mut Link, index: usize, said: &mpsc::Sender<(usize, Said)>) {
    let mut patience = PREPARE_TIME_MAX;
    loop {
        let word = match link.receive(Some(patience)) {
            Ok(FromWorker::Ready) => {
                // From here until the others are ready too, and then every second.
                patience = PREPARE_TIME_MAX;
                Said::Ready
            }
            Ok(FromWorker::Second(second)) => {
                patience = SILENCE_MAX;
                Said::Second(Box::new(second))
            }
            Ok(FromWorker::Done(result)) => Said::Done(result),
            Ok(FromWorker::Failed(reason)) => Said::Lost(reason),
            Ok(FromWorker::Hello { .. }) => Said::Lost("it began anew".to_owned()),
            Err(error) => Said::Lost(error.to_string()),
        };
        let is_end = matches!(word, Said::Done(_) | Said::Lost(_));
        if said.blocking_send((index, word)).is_err() || is_end {
            return;
        }
    }
}

async fn conduct(
    workers: &[SocketAddr],
    mut mouths: Vec<Link>,
    mut said: mpsc::Receiver<(usize, Said)>,
    on_second: &mut dyn FnMut(u64, u32),
) -> Result<RunResult, RunError> {
    let mut tell = |order: &FromCoordinator| {
        for mouth in &mut mouths {
            // A worker that cannot be told is heard no more either, and counted there.
            let _ = mouth.send(order);
        }
    };
    let address = |index: usize| workers.get(index).map_or_else(String::new, ToString::to_string);
    let (mut ready, mut is_stopped) = (0, false);
    let mut results: BTreeMap<usize, RunResult> = BTreeMap::new();
    let mut lost = Vec::new();
    let (mut good, mut seconds) = (0, 0);
    loop {
        let word = tokio::select! {
            word = said.recv() => word,
            _ = tokio::signal::ctrl_c(), if !is_stopped => {
                is_stopped = true;
                tell(&FromCoordinator::Stop);
                continue;
            }
        };
        let Some((index, word)) = word else { break };
        match word {
            Said::Ready => {
                ready += 1;
                if ready == workers.len() {
                    tell(&FromCoordinator::Start);
                }
            }
            Said::Second(second) => {
                good += second.good;
                if second.second >= seconds {
                    seconds = second.second + 1;
                    on_second(good, seconds);
                }
            }
            Said::Done(mut result) => {
                result.workers.iter_mut().for_each(|worker| worker.name = address(index));
                results.insert(index, *result);
            }
            Said::Lost(reason) if ready < workers.len() => {
                tell(&FromCoordinator::Stop);
                return Err(RunError::Worker {
                    address: workers.get(index).copied().unwrap_or_else(|| ([0; 4], 0).into()),
                    reason,
                });
            }
            Said::Lost(reason) => lost.push(format!("{}: {reason}", address(index))),
        }
    }
    add_up(results, &lost)
}

/// One result of all.
fn add_up(results: BTreeMap<usize, RunResult>, lost: &[String]) -> Result<RunResult, RunError> {
    let mut results = results.into_values();
    let Some(mut sum) = results.next() else {
        return Err(RunError::Generator(format!("all workers were lost: {}", lost.join("; "))));
    };
    results.for_each(|result| sum.merge(result));
    for lost in lost {
        let text = format!("the worker at {lost}; what it measured is missing");
        sum.verdict.invalid.push(Reason { kind: ReasonKind::WorkerLost, text });
        sum.partial = true;
    }
    sum.verdict = judge(&sum);
    Ok(sum)
}
