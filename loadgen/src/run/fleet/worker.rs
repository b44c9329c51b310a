//! `shikaku-loadgen worker`: waits for a coordinator and does its part of runs.

use super::link::{Assignment, FromCoordinator, FromWorker, Link, hex, is_signed};
use super::{part, secret};
use crate::run::RunError;
use crate::run::drive::{Gate, Order, Progress, drive};
use crate::run::options::Args;
use crate::run::prepare::prepare;
use crate::run::result::RunResult;
use clap::Parser;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::error::Error;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// Longest wait for a coordinator that has connected to say what it wants.
const ASSIGNMENT_TIME_MAX: Duration = Duration::from_secs(10);
/// Orders that may wait to be read: start and stop.
const ORDERS: usize = 4;

/// Wait for a coordinator and do its part of runs, one after another, until it is killed.
#[derive(clap::Args)]
pub struct WorkerArgs {
    /// Where to listen; port 0 takes a free one, which the first line of output names.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// File with a secret that the coordinator has too; needed to listen beyond loopback.
    #[arg(long)]
    secret_file: Option<PathBuf>,
}

/// Arguments of a run as the coordinator sends them.
#[derive(Parser)]
#[command(name = "run", no_binary_name = true)]
struct RunArguments {
    #[command(flatten)]
    args: Args,
}

/// Runs `shikaku-loadgen worker`.
///
/// # Errors
/// Nothing can be listened on, or it must not be.
pub fn execute(args: &WorkerArgs) -> Result<(), Box<dyn Error>> {
    let secret = secret(args.secret_file.as_deref())?;
    if secret.is_none() && !args.listen.ip().is_loopback() {
        return Err(RunError::WorkerOpen.into());
    }
    let listener = TcpListener::bind(args.listen)?;
    writeln!(std::io::stdout(), "worker: listening on {}", listener.local_addr()?)?;
    serve(&listener, secret.as_deref())
}

/// Serves coordinators, one at a time.
pub(super) fn serve(listener: &TcpListener, secret: Option<&[u8]>) -> Result<(), Box<dyn Error>> {
    loop {
        let (stream, peer) = listener.accept()?;
        // Whatever goes wrong with one coordinator, the next one is served.
        if let Err(error) = one(stream, secret) {
            #[expect(clippy::print_stderr, reason = "whoever watches the worker wants to know")]
            {
                eprintln!("worker: {peer}: {error}");
            }
        }
    }
}

fn one(stream: TcpStream, secret: Option<&[u8]>) -> Result<(), Box<dyn Error>> {
    let mut link = Link::new(stream)?;
    let mut nonce = [0; 32];
    SystemRandom::new().fill(&mut nonce).map_err(|_| "no randomness")?;
    let nonce = hex(&nonce);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    link.send(&FromWorker::Hello { version, nonce: nonce.clone() })?;
    let FromCoordinator::Job(job) = link.receive(Some(ASSIGNMENT_TIME_MAX))? else {
        return Err("the coordinator did not begin with a job".into());
    };
    if secret.is_some_and(|secret| !is_signed(secret, &nonce, &job)) {
        link.send(&FromWorker::Failed("the run is not signed with the worker's secret".into()))?;
        return Err("a run that is not signed with our secret was refused".into());
    }
    let message = match run(&job.assignment, &link) {
        Ok(result) => FromWorker::Done(Box::new(result)),
        Err(error) => FromWorker::Failed(error.to_string()),
    };
    Ok(link.send(&message)?)
}

fn run(assignment: &str, link: &Link) -> Result<RunResult, Box<dyn Error>> {
    let Assignment { arguments, index, of } = serde_json::from_str(assignment)?;
    let args = RunArguments::try_parse_from(arguments)?.args;
    let mut job = prepare(&args)?;
    part(&mut job, index, of);
    let (send, orders) = mpsc::channel(ORDERS);
    let mut ears = link.clone()?;
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        loop {
            let order = match ears.receive(None) {
                Ok(FromCoordinator::Start) => Order::Start,
                // A coordinator that is gone wants nothing more.
                Ok(FromCoordinator::Stop | FromCoordinator::Job(_)) | Err(_) => Order::Stop,
            };
            if send.blocking_send(order).is_err() || order == Order::Stop {
                return;
            }
        }
    })?;
    let mut ready = link.clone()?;
    let on_ready = move || {
        // A coordinator that is gone is noticed by the thread above.
        let _ = ready.send(&FromWorker::Ready);
    };
    let mut mouth = link.clone()?;
    let mut on_progress = |progress: &Progress<'_>| {
        if let Some(second) = progress.second {
            // As above.
            let _ = mouth.send(&FromWorker::Second(second.clone()));
        }
    };
    let gate = Gate { on_ready: Box::new(on_ready), orders };
    Ok(drive(&job, Some(gate), &mut on_progress)?)
}
