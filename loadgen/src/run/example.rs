//! `shikaku-loadgen example`: one question about a synthetic person, ready for `curl` or a file.

use super::RunError;
use super::message::{Interface, Style};
use super::query::Mix;
use super::source::{self, Block, People};
use crate::population::{BLOCK, Population};
use shikaku_domain::{
    CardQuery, Day, LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode,
    QualificationValidity, decide,
};
use std::error::Error;
use std::path::PathBuf;

/// Print the body of one question whose answer is known.
#[derive(clap::Args)]
pub struct ExampleArgs {
    /// Folder written by `shikaku-loadgen population`.
    #[arg(long)]
    population: PathBuf,
    /// The answer it shall get: 資格有効性, 1 to 6.
    #[arg(long, default_value = "1", value_parser = ["1", "2", "3", "4", "5", "6"])]
    validity: String,
    /// Form of the question.
    #[arg(long, value_enum, default_value = "v1")]
    interface: Interface,
    /// Facility that asks; in OQS messages.
    #[arg(long, default_value = "1310000001")]
    medical_institution_code: String,
    /// Day asked about, yyyyMMdd; the population's day if left out.
    #[arg(long)]
    date: Option<String>,
}

/// Runs `shikaku-loadgen example`.
///
/// # Errors
/// No such population, or nobody in it whose card gets this answer.
pub fn execute(args: &ExampleArgs) -> Result<(), Box<dyn Error>> {
    let population = source::load(&args.population)?;
    let on = match &args.date {
        Some(date) => Day::parse(date)?,
        None => population.spec().date,
    };
    let style = Style {
        path: None,
        interface: args.interface,
        authority: "",
        token: None,
        facility: MedicalInstitutionCode::parse(&args.medical_institution_code)?,
        on,
        mix: Mix::default(),
    };
    let validity = QualificationValidity::from_code(&args.validity)?;
    let body = question(&population, &style, validity).ok_or_else(|| {
        RunError::Population(format!("nobody's card gets the answer {}", args.validity))
    })?;
    #[expect(clippy::print_stdout, reason = "the command's result is for its user")]
    {
        println!("{body}");
    }
    Ok(())
}

/// The question about the first card that gets this answer.
fn question(
    population: &Population,
    style: &Style<'_>,
    wanted: QualificationValidity,
) -> Option<String> {
    let people = People {
        persons: population.spec().persons,
        block_persons: BLOCK,
        block: &|block| population.block(block),
        insurers: population.insurers(),
    };
    let mut block = Block::default();
    for person in 0..people.persons {
        block.load(&people, person);
        for asked in block.of(person) {
            let insurer = people.insurers.iter().find(|i| i.number == asked.card.insurer);
            let query = CardQuery {
                limit_consent: LimitApplicationCertificateRelatedConsFlg::Given,
                ..CardQuery::for_card(asked)
            };
            let number = asked.card.number.text().expose();
            let (query, number) = match wanted {
                // A number with a letter too many is nobody's.
                QualificationValidity::NotFound => {
                    let typed = format!("{number}Q");
                    (
                        CardQuery { number: shikaku_domain::Folded::new(&typed).ok()?, ..query },
                        typed,
                    )
                }
                QualificationValidity::Valid
                | QualificationValidity::Invalid
                | QualificationValidity::InvalidNewerExists
                | QualificationValidity::Ambiguous
                | QualificationValidity::ValidUnregistered => (query, number.to_string()),
            };
            let decided = decide(insurer, &block.registrations, &query, style.on);
            if decided.validity() == wanted {
                return Some(style.body(asked, &query, &number));
            }
        }
    }
    None
}
