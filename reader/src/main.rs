//! `shikaku-reader`: the programs of a facility, one subcommand each.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use shikaku_reader::ReaderError;
use shikaku_reader::card_command::{self, CardCommand};
use shikaku_reader::clock::{Clock, SystemClock};
use shikaku_reader::config::Config;
use shikaku_reader::exchange::Stop;
use shikaku_reader::serve::open_exchange;
use tracing_subscriber::EnvFilter;

/// What runs at a medical facility for online eligibility confirmation.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reads cards, shows the kiosk's and the counter's pages, and answers the file requests of
    /// receipt computers, until it is stopped.
    Serve(File),
    /// Checks readers, network, engine, certificate and folders, and says what is missing.
    SelfTest(File),
    /// Plays a record of sessions again and compares the screens.
    Replay {
        /// A file that `kiosk.record` has written.
        record: PathBuf,
    },
    /// Answers the file requests of receipt computers until it is stopped.
    Exchange(File),
    /// Checks the configuration and its certificates, and starts nothing.
    CheckConfig(File),
    /// Shows the configuration in effect, secrets masked.
    PrintConfig(File),
    /// Makes synthetic cards and holds them on a virtual reader.
    #[command(subcommand)]
    Card(CardCommand),
}

#[derive(clap::Args)]
struct File {
    /// The configuration file.
    #[arg(long, default_value = "reader.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("SHIKAKU_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let done = match Arguments::parse().command {
        Command::Serve(file) => load(&file.config).and_then(|config| serve(&config)),
        Command::SelfTest(file) => load(&file.config).and_then(|config| self_test(&config)),
        Command::Replay { record } => replay(&record),
        Command::Exchange(file) => load(&file.config).and_then(|config| exchange(&config)),
        Command::CheckConfig(file) => load(&file.config).and_then(|config| {
            config.check_files()?;
            say("the configuration is valid\n");
            Ok(())
        }),
        Command::PrintConfig(file) => load(&file.config).map(|config| say(&config.masked())),
        Command::Card(command) => card_command::run(command, &SystemClock, &say, wait_for_signal),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("{}\n{}\n{error}\n", error.code(), error.ja());
            // Nobody is left to tell when even this fails.
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn load(path: &Path) -> Result<Config, ReaderError> {
    // Names and values that are not text cannot be ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(path, environment)
}

fn exchange(config: &Config) -> Result<(), ReaderError> {
    let stop = Arc::new(Stop::default());
    let exchange = open_exchange(config, Arc::new(SystemClock))?;
    // Before the first request is taken: a stop must never find the default handler.
    ask_on_signal(Arc::clone(&stop))?;
    exchange.run(&stop)
}

fn serve(config: &Config) -> Result<(), ReaderError> {
    let stop = Arc::new(Stop::default());
    ask_on_signal(Arc::clone(&stop))?;
    shikaku_reader::serve::serve(config, Arc::new(SystemClock), &stop, |address| {
        say(&format!("serving http://{address}/kiosk counter http://{address}/counter\n"));
    })
}

fn self_test(config: &Config) -> Result<(), ReaderError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let checks = shikaku_reader::serve::self_test(config, &clock)?;
    for check in &checks {
        let mark = if check.ok { "ok     " } else { "MISSING" };
        let days = check.days.map(|days| format!("{days} days left")).unwrap_or_default();
        say(&format!("{mark} {:<12} {}{days}\n", check.name, check.detail));
    }
    let is_good = checks.iter().all(|check| check.ok);
    if is_good { Ok(()) } else { Err(ReaderError::SelfTest) }
}

fn replay(record: &Path) -> Result<(), ReaderError> {
    let is_same = shikaku_reader::record::replay(record, &say)?;
    if is_same { Ok(()) } else { Err(ReaderError::RecordDiffers) }
}

/// Returns on SIGTERM or Ctrl-C.
fn wait_for_signal() -> Result<(), ReaderError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ReaderError::Signal)?;
    runtime.block_on(async {
        signals()?.await;
        Ok(())
    })
}

/// Starts the thread that turns SIGTERM and Ctrl-C into a stop.
fn ask_on_signal(stop: Arc<Stop>) -> Result<(), ReaderError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ReaderError::Signal)?;
    let signals = {
        let _inside = runtime.enter();
        signals()?
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(signals);
            stop.ask();
        })
        .map_err(ReaderError::Thread)?;
    Ok(())
}

#[cfg(unix)]
fn signals() -> Result<impl Future<Output = ()> + Send, ReaderError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(ReaderError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ReaderError::Signal)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(windows)]
fn signals() -> Result<impl Future<Output = ()> + Send, ReaderError> {
    use tokio::signal::windows::{ctrl_c, ctrl_shutdown};
    let mut interrupt = ctrl_c().map_err(ReaderError::Signal)?;
    let mut shutdown = ctrl_shutdown().map_err(ReaderError::Signal)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = shutdown.recv() => {}
        }
    })
}

/// Writes to standard output; a closed pipe is the reader's choice.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
