//! Questions about members of the file, as JSON bodies for a web service.

use serde_json::json;
use shikaku_benches::{BenchError, DATE};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Questions written: enough that no cache of the processor holds their rows.
const QUESTIONS_MAX: usize = 100_000;

/// A file with one question a line, each about somebody covered on [`DATE`].
pub(super) struct Questions {
    pub(super) path: PathBuf,
}

/// Writes questions about covered members, spread over the whole file.
///
/// # Errors
/// [`BenchError::Io`] when a file cannot be read or written.
pub(super) fn write(members: &Path, path: &Path) -> Result<Questions, BenchError> {
    let mut file = csv::Reader::from_path(members).map_err(io(members))?;
    let head = file.headers().map_err(io(members))?.clone();
    let column = |name: &'static str| {
        head.iter().position(|cell| cell == name).ok_or(BenchError::Report { field: name })
    };
    let (insurer, symbol) = (column("InsurerNumber")?, column("InsuredCardSymbol")?);
    let (number, branch) = (column("InsuredIdentificationNumber")?, column("InsuredBranchNumber")?);
    let (birth, from, lost) =
        (column("Birthdate")?, column("QualificationDate")?, column("DisqualificationDate")?);

    let covered: Vec<String> = file
        .records()
        .filter_map(Result::ok)
        .filter_map(|line| {
            let cell = |index: usize| line.get(index).unwrap_or_default();
            let given = |index: usize| Some(cell(index)).filter(|text| !text.is_empty());
            let is_covered = cell(from) <= DATE && given(lost).is_none_or(|day| day > DATE);
            is_covered.then(|| {
                let question = json!({
                    "insurerNumber": cell(insurer),
                    "insuredCardSymbol": given(symbol),
                    "insuredIdentificationNumber": cell(number),
                    "insuredBranchNumber": given(branch),
                    "birthdate": dashed(cell(birth)),
                    "qualificationConfirmationDate": dashed(DATE),
                });
                question.to_string()
            })
        })
        .collect();
    let step = covered.len().div_ceil(QUESTIONS_MAX).max(1);
    let failed = BenchError::file(path);
    let write = || -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        for question in covered.iter().step_by(step) {
            writeln!(out, "{question}")?;
        }
        out.flush()
    };
    write().map_err(failed)?;
    Ok(Questions { path: path.to_owned() })
}

/// `yyyyMMdd` with dashes.
fn dashed(day: &str) -> Option<String> {
    Some(format!("{}-{}-{}", day.get(..4)?, day.get(4..6)?, day.get(6..8)?))
}

fn io(path: &Path) -> impl Fn(csv::Error) -> BenchError {
    let path = path.display().to_string();
    move |error| BenchError::io(path.clone())(error.into())
}
