//! `shikaku-loadgen questions`: what a run asks, and the answers that it takes for right.

use super::message::{Interface, Style};
use super::query::{Mix, Prepared};
use super::source::{self, People};
use crate::population::BLOCK;
use shikaku_domain::MedicalInstitutionCode;
use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

/// Print questions with their right answers, one JSON object a line: for other tools, and to see
/// what the auditor expects. Where an answer says when it was made, it says 2001-09-09.
#[derive(clap::Args)]
pub struct QuestionsArgs {
    /// Folder written by `shikaku-loadgen population`.
    #[arg(long)]
    population: PathBuf,
    /// How many.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Form of the questions.
    #[arg(long, value_enum, default_value = "v1")]
    interface: Interface,
    /// Seed of the questions: a run with the same one asks the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Facility that asks.
    #[arg(long, default_value = "1310000001")]
    medical_institution_code: String,
}

/// Runs `shikaku-loadgen questions`.
///
/// # Errors
/// No such population.
pub fn execute(args: &QuestionsArgs) -> Result<(), Box<dyn Error>> {
    let population = source::load(&args.population)?;
    let style = Style {
        path: None,
        interface: args.interface,
        authority: "localhost",
        token: None,
        facility: MedicalInstitutionCode::parse(&args.medical_institution_code)?,
        on: population.spec().date,
        mix: Mix::default(),
    };
    let people = People {
        persons: population.spec().persons,
        block_persons: BLOCK,
        block: &|block| population.block(block),
        insurers: population.insurers(),
    };
    let count = args.count as usize;
    let prepared = Prepared::lookups(count, &people, &style, args.seed, || {})?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for question in (0..u64::from(args.count)).filter_map(|k| prepared.question(k)) {
        let request = std::str::from_utf8(question.bytes)?;
        let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let answer = question.expected.map_or(&[][..], |expected| expected.body);
        let line = serde_json::json!({
            "path": args.interface.path(),
            "question": body,
            "answer": std::str::from_utf8(answer)?,
        });
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}
