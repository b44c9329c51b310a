//! What the command line says.

use super::message::Interface;
use super::result::Spacing;
use crate::report::Outputs;
use shikaku_domain::{Day, MedicalInstitutionCode};
use std::path::PathBuf;
use std::time::Duration;

/// Longest warm-up, measured part or answer time.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 200;

/// How to run the load.
///
/// Exit codes: 0 good, 1 could not run or not write, 2 INVALID numbers, 3 wrong answers, 4 a
/// threshold missed.
#[derive(Clone, clap::Args)]
pub struct Args {
    /// Engine to ask: https://HOST:PORT, or http://HOST:PORT without TLS.
    #[arg(long)]
    pub(super) target: String,
    /// A scenario file; says rates, mixes and connections in place of the options for these.
    #[arg(long, conflicts_with_all = ["rate", "duration", "warmup", "connections", "spacing",
        "recorded", "closed", "requests_per_connection"])]
    pub(super) scenario: Option<PathBuf>,
    /// Multiplies all rates of the scenario.
    #[arg(long, default_value_t = 1.0, requires = "scenario", value_parser = parse_scale)]
    pub(super) scale: f64,
    /// Plays the scenario so many times as fast: all its times become shorter, rates stay.
    #[arg(long, default_value_t = 1.0, requires = "scenario", value_parser = parse_pace)]
    pub(super) pace: f64,
    #[command(flatten)]
    pub(super) identity: IdentityArgs,
    /// Folder written by `shikaku-loadgen population`, with its manifest.
    #[arg(long, required_unless_present = "constant_path")]
    pub(super) population: Option<PathBuf>,
    /// Requests a second of all threads together. `1000` is constant, `0..20000` a ramp,
    /// `1000,2000,4000` equally long steps.
    #[arg(long, default_value = "1000", value_parser = parse_rate)]
    pub(super) rate: RateShape,
    /// File with the times at which requests are due: seconds since the start, one a line.
    #[arg(long, conflicts_with_all = ["rate", "duration", "spacing", "closed"])]
    pub(super) recorded: Option<PathBuf>,
    /// Length of the measured part: 30s, 2m, 1h.
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub(super) duration: Duration,
    /// Time before measuring begins, at the first rate; with --recorded, of the recording.
    #[arg(long, default_value = "5s", value_parser = parse_warmup)]
    pub(super) warmup: Duration,
    /// Longest wait for one answer.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
    /// Kept-alive connections, of all threads together.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) connections: u32,
    /// Requests after which a connection is closed and opened anew, on average; by default never.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pub(super) requests_per_connection: Option<u32>,
    /// Generator threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) threads: u32,
    /// Cores to keep the generator's threads to, in turn, such as 1,2,3: leave the server's out.
    #[arg(long, value_delimiter = ',')]
    pub(super) cores: Vec<usize>,
    /// Process of the server, if it is on this machine: the report tells the cores it may use.
    #[arg(long)]
    pub(super) server_pid: Option<u32>,
    /// Threads that sign for the patients' cards, which costs half a millisecond of CPU each time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) signers: u32,
    /// Cores that these threads may use, such as 0,1, whatever the generator is kept to. They take
    /// only what nobody else wants; the server's core too, if it is idle at times.
    #[arg(long, value_delimiter = ',')]
    pub(super) signer_cores: Vec<usize>,
    /// Make visits with My Number cards instead of lookups: a challenge, a session for the card's
    /// signature, the eligibility. A scenario says itself which of its streams do.
    #[arg(long, conflicts_with_all = ["scenario", "constant_path", "recorded"])]
    pub(super) cards: bool,
    /// The server's metrics, http://HOST:PORT/metrics, to be read once a second beside the run.
    #[arg(long)]
    pub(super) metrics: Option<String>,
    /// Something to tell in the report, NAME=VALUE, such as commit=1a2b3c. May be repeated.
    #[arg(long = "label", value_parser = parse_label)]
    pub(super) labels: Vec<(String, String)>,
    /// How requests are spread over time.
    #[arg(long, value_enum, default_value = "even")]
    pub(super) spacing: Spacing,
    /// Send as soon as an answer is there instead of by the clock. Hides queueing; for ratios.
    #[arg(long, conflicts_with = "rate")]
    pub(super) closed: bool,
    /// Which interface to ask.
    #[arg(long, value_enum, default_value = "v1")]
    pub(super) interface: Interface,
    /// Send to this path, for ratios: the questions of the population if there is one, else `{}`.
    /// Answers are not audited.
    #[arg(long, value_parser = parse_path)]
    pub(super) constant_path: Option<String>,
    /// Facility that asks (ten digits); by default the one that the certificate names.
    #[arg(long, value_parser = parse_facility)]
    pub(super) medical_institution_code: Option<MedicalInstitutionCode>,
    /// Day that the questions are about, yyyyMMdd; by default the population's.
    #[arg(long, value_parser = parse_day)]
    pub(super) date: Option<Day>,
    /// Seed of the questions and of random arrivals; by default the scenario's, or 1.
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Questions prepared before the start and used in turn, about 1.7 KiB each with their right
    /// answers. By default one for each request, at most 100,000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50_000_000))]
    pub(super) prepared: Option<u32>,
    /// User of the login that `--interface oqs-json` needs.
    #[arg(long)]
    pub(super) user: Option<String>,
    /// File with that user's password.
    #[arg(long)]
    pub(super) password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) outputs: Outputs,
    /// Allow a target beyond this machine. Only with the consent of whoever runs it.
    #[arg(long)]
    pub(super) allow_remote_target: bool,
}

/// Who asks, and whom to believe.
#[derive(Clone, clap::Args)]
pub(super) struct IdentityArgs {
    /// CA certificates that vouch for the engine (PEM).
    #[arg(long)]
    pub(super) ca: Option<PathBuf>,
    /// The facility's certificate chain (PEM).
    #[arg(long)]
    pub(super) cert: Option<PathBuf>,
    /// The facility's private key (PEM).
    #[arg(long)]
    pub(super) key: Option<PathBuf>,
    /// Folder with many facilities' certificates, NAME.pem beside NAME.key.pem; each connection
    /// is one facility's.
    #[arg(long, conflicts_with_all = ["cert", "key"], requires = "ca")]
    pub(super) facilities: Option<PathBuf>,
}

/// A rate over time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RateShape {
    /// From one rate to another in a straight line.
    Ramp(f64, f64),
    /// Equally long steps; one is a constant rate.
    Steps(Vec<f64>),
}

impl RateShape {
    /// Points (time, rate): the first rate during the warm-up, then the shape.
    pub(super) fn points(&self, warmup: Duration, duration: Duration) -> Vec<(Duration, f64)> {
        let steps = match self {
            Self::Ramp(from, to) => {
                let end = warmup + duration;
                return vec![(Duration::ZERO, *from), (warmup, *from), (end, *to)];
            }
            Self::Steps(steps) => steps,
        };
        let mut points = Vec::new();
        let mut begin = Duration::ZERO;
        let count = u32::try_from(steps.len()).unwrap_or(u32::MAX).max(1);
        for (number, rate) in (1..).zip(steps) {
            let end = warmup + duration * number / count;
            points.extend([(begin, *rate), (end, *rate)]);
            begin = end;
        }
        points
    }
}

fn parse_rate(text: &str) -> Result<RateShape, String> {
    let number = |text: &str| match text.trim().parse::<f64>() {
        Ok(rate) if (0.0..=super::plan::RATE_MAX).contains(&rate) => Ok(rate),
        _ => Err(format!("{text} is no rate from 0 to {}", super::plan::RATE_MAX)),
    };
    match text.split_once("..") {
        Some((from, to)) => Ok(RateShape::Ramp(number(from)?, number(to)?)),
        None => text.split(',').map(number).collect::<Result<_, _>>().map(RateShape::Steps),
    }
}

fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if (1e-6..=1e6).contains(&scale) => Ok(scale),
        _ => Err("must be between 0.000001 and 1000000".to_owned()),
    }
}

fn parse_pace(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(pace) if (0.001..=1000.0).contains(&pace) => Ok(pace),
        _ => Err("must be between 0.001 and 1000".to_owned()),
    }
}

pub(super) fn parse_warmup(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text.parse().map_err(|e: jiff::Error| e.to_string())?;
    match Duration::try_from(parsed) {
        Ok(duration) if duration <= DURATION_MAX => Ok(duration),
        _ => Err("must be between 0 s and 24 h".to_owned()),
    }
}

pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    match parse_warmup(text)? {
        Duration::ZERO => Err("must be longer than 0 s".to_owned()),
        duration => Ok(duration),
    }
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && text.chars().count() <= LABEL_CHARS_MAX => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(format!("must be NAME=VALUE of at most {LABEL_CHARS_MAX} characters")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_constant_a_ramp_or_steps() {
        let points = |text: &str| {
            let shape = parse_rate(text).unwrap();
            let points = shape.points(Duration::from_secs(2), Duration::from_secs(9));
            points.into_iter().map(|(at, rate)| (at.as_secs(), rate)).collect::<Vec<_>>()
        };
        assert_eq!(points("5"), [(0, 5.0), (11, 5.0)]);
        assert_eq!(points("0..9.5"), [(0, 0.0), (2, 0.0), (11, 9.5)]);
        let steps = [(0, 1.0), (5, 1.0), (5, 2.0), (8, 2.0), (8, 0.0), (11, 0.0)];
        assert_eq!(points("1, 2,0"), steps);
        for text in ["", "x", "-1", "1..", "..", "1,,2", "1e9", "nan"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
