//! `shikaku-loadgen run`: eligibility lookups at a fixed rate over kept-alive mTLS connections,
//! each answer compared with what the rules give, latency counted from the scheduled time.
//!
//! The generator never forgives: a request that had to wait for a connection waited, one that was
//! never sent is counted, and a run in which the generator itself was too slow says so.

mod client;
mod drive;
mod error;
mod example;
mod http;
mod line;
mod login;
mod pacer;
mod query;
mod report;
pub mod result;
mod schedule;
mod source;
mod tally;
mod target;
#[cfg(test)]
mod tests;
pub mod times;
pub mod verdict;
mod wire;

pub use error::RunError;
pub use example::{ExampleArgs, execute as print_example};
pub use query::Interface;
pub use schedule::Arrivals;

use crate::population::BLOCK;
use client::{Mode, Setup};
use drive::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use query::{Prepared, Style};
use report::Report;
use shikaku_domain::{Day, MedicalInstitutionCode};
use source::People;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use target::{Identity, Reach, Target};

/// Exit code of a run whose numbers must not be used.
const EXIT_INVALID: u8 = 2;
/// Exit code of a run with wrong answers, whatever else it was.
const EXIT_WRONG: u8 = 3;
/// Longest warm-up, measured part or answer time.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// Files that the process needs besides its connections.
const OTHER_FILES: u64 = 64;

/// How to run the load.
///
/// Exit codes: 0 valid, 1 could not run, 2 INVALID numbers, 3 wrong answers.
#[derive(clap::Args)]
pub struct Args {
    /// Engine to ask: https://HOST:PORT, or http://HOST:PORT without TLS.
    #[arg(long)]
    target: String,
    /// CA certificates that vouch for the engine (PEM).
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The facility's certificate chain (PEM).
    #[arg(long)]
    cert: Option<PathBuf>,
    /// The facility's private key (PEM).
    #[arg(long)]
    key: Option<PathBuf>,
    /// Folder written by `shikaku-loadgen population`, with its manifest.
    #[arg(long, required_unless_present = "constant_path")]
    population: Option<PathBuf>,
    /// Requests per second, of all threads together.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(schedule::RATE_MAX)))]
    rate: u32,
    /// Length of the measured part: 30s, 2m, 1h.
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    duration: Duration,
    /// Time at the same rate before measuring begins.
    #[arg(long, default_value = "5s", value_parser = parse_warmup)]
    warmup: Duration,
    /// Longest wait for one answer.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    /// Kept-alive connections, of all threads together.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: u32,
    /// Generator threads; each also has a small clock thread.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// How requests are spread over time.
    #[arg(long, value_enum, default_value = "constant")]
    arrivals: Arrivals,
    /// Send as soon as an answer is there instead of by the clock. Hides queueing; for ratios.
    #[arg(long)]
    closed: bool,
    /// Which interface to ask.
    #[arg(long, value_enum, default_value = "v1")]
    interface: Interface,
    /// Send to this path, for ratios: the questions of the population if there is one, else `{}`.
    /// Answers are not audited.
    #[arg(long, value_parser = parse_path)]
    constant_path: Option<String>,
    /// Facility that asks (ten digits); by default the one that the certificate names.
    #[arg(long, value_parser = parse_facility)]
    medical_institution_code: Option<MedicalInstitutionCode>,
    /// Day that the questions are about, yyyyMMdd; by default the population's.
    #[arg(long, value_parser = parse_day)]
    date: Option<Day>,
    /// Seed of the questions and of random arrivals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Questions prepared before the start and used in turn, about 0.7 KiB each. By default one
    /// for each request, at most 100,000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50_000_000))]
    prepared: Option<u32>,
    /// User of the login that `--interface oqs-json` needs.
    #[arg(long)]
    user: Option<String>,
    /// File with that user's password.
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// Also write the report as JSON to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Allow a target beyond this machine. Only with the consent of whoever runs it.
    #[arg(long)]
    allow_remote_target: bool,
}

/// Most questions prepared unless the user says otherwise: about 70 MiB.
const PREPARED_DEFAULT_MAX: u64 = 100_000;

/// Runs the load and prints the report.
///
/// # Errors
/// [`RunError`] when no run could be made; bad results are told by the exit code.
pub fn execute(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    check_limits(args)?;
    let reach = if args.allow_remote_target { Reach::Anywhere } else { Reach::Loopback };
    let target = Target::new(&args.target, identity(args).as_ref(), reach)?;
    let (prepared, questions) = prepare(args, &target)?;
    let setup = Setup {
        target,
        prepared: Arc::new(prepared),
        mode: if args.closed { Mode::Closed } else { Mode::Open(args.arrivals) },
        rate: args.rate,
        threads: args.threads,
        connections: args.connections,
        warmup: args.warmup,
        duration: args.duration,
        timeout: args.timeout,
        seed: args.seed,
    };
    let bar = progress_bar((args.warmup + args.duration).as_millis(), "{msg}");
    let measured = drive::drive(&setup, |progress| show(&bar, &progress))?;
    bar.finish_and_clear();
    let report = Report::new(&setup, questions, measured);
    write!(std::io::stdout().lock(), "{report}")?;
    if let Some(path) = &args.json {
        let text = serde_json::to_vec_pretty(&report)?;
        std::fs::write(path, text).map_err(RunError::file(path))?;
    }
    Ok(match (report.has_wrong_answers(), report.is_valid()) {
        (true, _) => EXIT_WRONG.into(),
        (false, false) => EXIT_INVALID.into(),
        (false, true) => ExitCode::SUCCESS,
    })
}

fn identity(args: &Args) -> Option<Identity> {
    Some(Identity { ca: args.ca.clone()?, certificate: args.cert.clone()?, key: args.key.clone()? })
}

/// The questions and, for the report, what they are.
fn prepare(args: &Args, target: &Target) -> Result<(Prepared, String), RunError> {
    let path = args.constant_path.as_deref();
    let Some(folder) = &args.population else {
        // INVARIANT: the options require a population unless there is a path.
        let path = path.unwrap_or("/");
        return Ok((Prepared::constant(&target.authority, path), format!("constant {path}")));
    };
    let population = source::load(folder)?;
    let token = match args.interface {
        Interface::OqsJson => Some(log_in(args, target)?),
        Interface::V1 | Interface::OqsXml => None,
    };
    let style = Style {
        path,
        interface: args.interface,
        authority: &target.authority,
        token: token.as_deref(),
        facility: facility(args)?,
        on: args.date.unwrap_or(population.spec().date),
    };
    let requests = u128::from(args.rate) * (args.warmup + args.duration).as_millis() / 1000;
    let count = args.prepared.map_or_else(
        || u64::try_from(requests).unwrap_or(u64::MAX).clamp(1, PREPARED_DEFAULT_MAX),
        u64::from,
    );
    let bar = progress_bar(u128::from(count), "preparing {pos} of {len} questions");
    let people = People {
        persons: population.spec().persons,
        block_persons: BLOCK,
        block: &|block| population.block(block),
        insurers: population.insurers(),
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let prepared = Prepared::lookups(count, &people, &style, args.seed, || bar.inc(1))?;
    bar.finish_and_clear();
    let name = clap::ValueEnum::to_possible_value(&args.interface);
    Ok((prepared, name.map_or_else(String::new, |name| name.get_name().to_owned())))
}

fn log_in(args: &Args, target: &Target) -> Result<String, RunError> {
    let (Some(user), Some(path)) = (&args.user, &args.password_file) else {
        return Err(RunError::Option {
            option: "--user, --password-file",
            reason: "--interface oqs-json needs both".to_owned(),
        });
    };
    let password = std::fs::read_to_string(path).map_err(RunError::file(path))?;
    login::log_in(target, user, password.trim_end_matches(['\r', '\n']), args.timeout)
}

/// The facility to name in the message: v1 messages name none.
fn facility(args: &Args) -> Result<Option<MedicalInstitutionCode>, RunError> {
    match (args.interface, args.medical_institution_code, &args.cert) {
        (Interface::V1, ..) => Ok(None),
        (Interface::OqsJson | Interface::OqsXml, Some(code), _) => Ok(Some(code)),
        (Interface::OqsJson | Interface::OqsXml, None, Some(path)) => {
            facility_of(path)?.map(Some).ok_or(RunError::NoFacility)
        }
        (Interface::OqsJson | Interface::OqsXml, None, None) => Err(RunError::NoFacility),
    }
}

/// The first ten digits in a row in the certificate's subject.
fn facility_of(path: &Path) -> Result<Option<MedicalInstitutionCode>, RunError> {
    let chain = target::certificates(path)?;
    let unreadable =
        || RunError::Pem { path: path.to_owned(), what: "certificate with a readable subject" };
    let first = chain.first().ok_or_else(unreadable)?;
    let (_, certificate) = x509_parser::parse_x509_certificate(first).map_err(|_| unreadable())?;
    let attributes = certificate.subject().iter_attributes();
    let texts = attributes.filter_map(|attribute| attribute.as_str().ok());
    let mut runs = texts.flat_map(|text| text.split(|c: char| !c.is_ascii_digit()));
    Ok(runs.find_map(|digits| MedicalInstitutionCode::parse(digits).ok()))
}

fn check_limits(args: &Args) -> Result<(), RunError> {
    if args.connections < args.threads {
        return Err(RunError::Option {
            option: "--connections",
            reason: "every thread needs at least one; raise it or lower --threads".to_owned(),
        });
    }
    let needed = u64::from(args.connections) + 4 * u64::from(args.threads) + OTHER_FILES;
    match open_files_limit() {
        Some(limit) if limit < needed => {
            Err(RunError::FileLimit { connections: args.connections, needed, limit })
        }
        Some(_) | None => Ok(()),
    }
}

/// The soft limit of open files; `None` where there is none or the system does not tell.
fn open_files_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar(length: u128, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {template}"));
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, progress: &Progress) {
    let elapsed = progress.elapsed;
    bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    bar.set_message(format!(
        "{:.0} s, {} answered, {} failed",
        elapsed.as_secs_f64(),
        progress.answered,
        progress.failed
    ));
}

fn parse_warmup(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text.parse().map_err(|e: jiff::Error| e.to_string())?;
    match Duration::try_from(parsed) {
        Ok(duration) if duration <= DURATION_MAX => Ok(duration),
        _ => Err("must be between 0 s and 24 h".to_owned()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    match parse_warmup(text)? {
        Duration::ZERO => Err("must be longer than 0 s".to_owned()),
        duration => Ok(duration),
    }
}

fn parse_day(text: &str) -> Result<Day, String> {
    Day::parse(text).map_err(|e| e.to_string())
}

fn parse_facility(text: &str) -> Result<MedicalInstitutionCode, String> {
    MedicalInstitutionCode::parse(text).map_err(|e| e.to_string())
}

fn parse_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must start with / and hold no blanks".to_owned())
    }
}
