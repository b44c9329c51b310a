//! `shikaku`: the eligibility engine and its tools.

use clap::{Parser, Subcommand};
use shikaku_engine::clock::SystemClock;
use shikaku_engine::config::{Config, LogFormat};
use shikaku_engine::reload::Source;
use shikaku_engine::{account, backup, ca, http, load, serve, shadow};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// National online health-insurance eligibility (オンライン資格確認).
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct ConfigFile {
    /// Configuration file; SHIKAKU_ENGINE_SECTION_KEY in the environment overrides it.
    #[arg(long, default_value = "shikaku.toml", value_name = "FILE")]
    config: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Run the engine until SIGTERM or Ctrl-C. SIGHUP reads configuration, certificates and
    /// accounts again.
    Serve(ConfigFile),
    /// Load insurers' files: into the store here, or through a running engine.
    Load(load::LoadArgs),
    /// Make shards again from the change log.
    Rebuild(load::RebuildArgs),
    /// Read everything in the store and say what is damaged.
    Verify(load::VerifyArgs),
    /// Back up the store, also while the engine serves; restore it; try that out.
    Backup(backup::BackupArgs),
    /// Build the store anew while the engine serves, and switch to it at one moment.
    Shadow(shadow::ShadowArgs),
    /// A small certification authority for demonstrations and test benches.
    Ca(ca::CaArgs),
    /// Accounts of the OQS JSON interface.
    Account(account::AccountArgs),
    /// Check a configuration and the files it names; opens no port.
    CheckConfig(ConfigFile),
    /// Print the configuration in force, with defaults and overrides.
    PrintConfig(ConfigFile),
    /// Print the OpenAPI 3.1 description of /v1.
    PrintOpenapi,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the command's error is for its user")]
            {
                eprintln!("shikaku: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Serve(file) => {
            let config = read(&file)?;
            let source = Source { set_log_filter: start_log(&config), path: file.config };
            actix_rt::System::new().block_on(serve::serve(config, source))?;
        }
        Command::Load(args) => load::load(&args)?,
        Command::Rebuild(args) => load::rebuild(&args)?,
        Command::Verify(args) => load::verify(&args)?,
        Command::Ca(args) => ca::run(&args, &SystemClock, &mut io::stdout())
            .map_err(|error| format!("{}: {error}\n{}", error.code(), error.ja()))?,
        Command::Backup(args) => backup::run(&args, &SystemClock, &mut io::stdout())
            .map_err(|error| format!("{}: {error}\n{}", error.code(), error.ja()))?,
        Command::Shadow(args) => shadow::run(&args)?,
        Command::Account(args) => {
            account::run(&args, &mut io::stdin().lock(), &mut io::stdout())
                .map_err(|error| format!("{}: {error}\n{}", error.code(), error.ja()))?;
        }
        Command::CheckConfig(file) => {
            read(&file)?.check_files()?;
            print("The configuration is good. 設定は正しく読み込めます。");
        }
        Command::PrintConfig(file) => print(&read(&file)?.to_toml()),
        Command::PrintOpenapi => print(&http::openapi_json()),
    }
    Ok(())
}

fn read(file: &ConfigFile) -> Result<Config, Box<dyn Error>> {
    Ok(Config::load(&file.config, std::env::vars())?)
}

/// Starts the log; what it returns gives it another filter.
fn start_log(config: &Config) -> Box<dyn Fn(&str)> {
    // INVARIANT: `Config::load` has checked the filter.
    let filter = EnvFilter::new(&config.log.filter);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match config.log.format {
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_current_span(false);
            let log = log.with_filter_reloading();
            let handle = log.reload_handle();
            log.init();
            Box::new(move |filter| told(handle.reload(EnvFilter::new(filter))))
        }
        LogFormat::Text => {
            let log = log.with_filter_reloading();
            let handle = log.reload_handle();
            log.init();
            Box::new(move |filter| told(handle.reload(EnvFilter::new(filter))))
        }
    }
}

fn told(result: Result<(), tracing_subscriber::reload::Error>) {
    if let Err(error) = result {
        tracing::error!(%error, "Kept the filter of the log as it was.");
    }
}

#[expect(clippy::print_stdout, reason = "the command's result is for its user")]
fn print(text: &str) {
    println!("{text}");
}
