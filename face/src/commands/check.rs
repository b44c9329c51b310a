//! `check-model`: whether the models of a manifest are what it says, and what they cost.

use super::{JSON_SCHEMA, json, say};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use shikaku_face::FaceError;
use shikaku_face::decode;
use shikaku_face::manifest::{Manifest, Model};
use shikaku_face::probe::{Pair, Probe};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Each model runs this often at least and at most, and within these for about [`TIMED`].
const TIMED_RUNS: std::ops::RangeInclusive<usize> = 20..=500;
/// How long each model is timed.
const TIMED: Duration = Duration::from_secs(2);

#[derive(Args)]
pub(crate) struct CheckModel {
    /// The manifest.
    #[arg(default_value = "models/manifest.toml")]
    manifest: PathBuf,
    /// A card's photograph and a frame of the same person, several times if wanted: made wrong on
    /// purpose (colours swapped, face moved) their scores must fall.
    #[arg(long, num_args = 2, value_names = ["CARD", "FRAME"])]
    probe: Vec<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

/// What a program reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    schema: u32,
    models: Vec<Checked>,
    probe: Option<Probe>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    role: &'static str,
    name: String,
    licence: String,
    load_ms: f64,
    runs: usize,
    p50_ms: f64,
    p99_ms: f64,
    /// What the process grew by, in MiB: weights, plan and one run.
    memory_mib: u64,
}

pub(crate) fn check_models(args: &CheckModel) -> Result<ExitCode, FaceError> {
    let manifest = Manifest::read(&args.manifest)?;
    let mut told = Told { schema: JSON_SCHEMA, models: Vec::new(), probe: None };
    for model in manifest.models() {
        let checked = check(&manifest, model)?;
        if !args.json {
            checked.say();
        }
        told.models.push(checked);
    }
    let mut pairs = Vec::new();
    for pair in args.probe.chunks_exact(2) {
        if let [card, frame] = pair {
            pairs.push(Pair { card: decode::read(card)?, frame: decode::read(frame)? });
        }
    }
    if !pairs.is_empty() {
        told.probe = Some(Probe::run(&manifest, &pairs)?);
    }
    if args.json {
        say(json(&told).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(Probe { score, swapped, moved }) = told.probe {
        let swapped = swapped.map_or_else(
            || "sees grey, so colours cannot be swapped".to_owned(),
            |swapped| format!("with red and blue swapped {swapped:.4}"),
        );
        say(&format!(
            "{} genuine pairs: mean score {score:.4}; moved by four pixels {moved:.4}; {swapped}",
            pairs.len()
        ));
    }
    say("All models keep what the manifest says.");
    Ok(ExitCode::SUCCESS)
}

fn check(manifest: &Manifest, model: &Model) -> Result<Checked, FaceError> {
    let bar = ProgressBar::new_spinner().with_message(model.name.clone());
    bar.set_style(
        ProgressStyle::with_template("{msg}: {pos} runs")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let before = resident_mib();
    let start = Instant::now();
    let network = manifest.network(model)?;
    let load = start.elapsed();
    let input = vec![0.0; network.inputs()];
    let mut times = Vec::new();
    let begun = Instant::now();
    while times.len() < *TIMED_RUNS.start()
        || (times.len() < *TIMED_RUNS.end() && begun.elapsed() < TIMED)
    {
        let start = Instant::now();
        network.run(&input)?;
        times.push(start.elapsed());
        bar.inc(1);
    }
    bar.finish_and_clear();
    let memory_mib = resident_mib().saturating_sub(before);
    times.sort();
    let at =
        |percent: usize| times.get((times.len() - 1) * percent / 100).copied().unwrap_or_default();
    if let Some(limits) = &model.limits {
        let (load_max, run_max) = (limits.load_ms_max, limits.inference_ms_max);
        let is_slow = [(load, load_max), (at(50), run_max)]
            .iter()
            .any(|(took, most)| *took > Duration::from_millis(*most));
        let is_large = limits.memory_mib_max.is_some_and(|most| memory_mib > most);
        let broken = [
            (is_slow, "more slowly than its manifest's limits on this machine"),
            (is_large, "with more memory than its manifest's limit"),
        ];
        if let Some((_, what)) = broken.iter().find(|(is_so, _)| *is_so) {
            return Err(FaceError::ModelOutput { name: model.name.clone(), what });
        }
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    Ok(Checked {
        role: model.role.name(),
        name: model.name.clone(),
        licence: model.licence.clone(),
        load_ms: ms(load),
        runs: times.len(),
        p50_ms: ms(at(50)),
        p99_ms: ms(at(99)),
        memory_mib,
    })
}

impl Checked {
    fn say(&self) {
        say(&format!(
            "{} ({}): self-test passed, the same answer twice; loaded and tested in {:.0} ms, {} MiB; runs in {:.2} ms (median of {}; 99 %: {:.2} ms); {}",
            self.name,
            self.role,
            self.load_ms,
            self.memory_mib,
            self.p50_ms,
            self.runs,
            self.p99_ms,
            self.licence
        ));
    }
}

/// This process's memory in MiB, as Linux counts it; 0 where it does not.
fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or_default() >> 10
}
