//! Whether the numbers of a run may be used, and if not, why and what to do.

use super::result::{Model, RunResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Below this share of the requests that were due, answered well, a run did not hold its rate.
pub const ACHIEVED_SHARE_MIN: f64 = 0.99;
/// Above this the generator's own delay is no longer small beside what it measures.
pub const LAG_P99_MAX: Duration = Duration::from_millis(1);
/// Above this share of a core a generator thread may delay answers by reading them late.
pub const BUSY_SHARE_MAX: f64 = 0.95;

/// What the run's numbers are worth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Reasons why the numbers must not be used; none for a valid run.
    pub invalid: Vec<Reason>,
    /// There were wrong answers: the server failed, however fast it was.
    pub has_wrong_answers: bool,
}

impl Verdict {
    /// Whether the numbers may be used.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.invalid.is_empty()
    }
}

/// One reason why a run is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Which rule was broken.
    pub kind: ReasonKind,
    /// What happened, and what to do.
    pub text: String,
}

/// The rules that a valid run keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// [`ACHIEVED_SHARE_MIN`]: the planned rate was not held.
    RateMissed,
    /// Nothing fell due in the measured part.
    NothingMeasured,
    /// [`LAG_P99_MAX`]: the generator sent late.
    GeneratorLate,
    /// [`BUSY_SHARE_MAX`]: the generator had no time left.
    GeneratorBusy,
    /// [`BUSY_SHARE_MAX`]: the cards had no time left to sign.
    SigningBusy,
    /// A worker was lost on the way; its numbers are missing.
    WorkerLost,
}

/// Judges a result by its numbers. What only its maker knows, such as a lost worker, is kept.
#[must_use]
pub fn judge(result: &RunResult) -> Verdict {
    let mut invalid: Vec<Reason> = result.verdict.invalid.clone();
    invalid.retain(|reason| reason.kind == ReasonKind::WorkerLost);
    invalid.extend(rate(result));
    if result.description.model == Model::Open {
        invalid.extend(lag(result));
        invalid.extend(busy(result));
        invalid.extend(signing(result));
    }
    Verdict { invalid, has_wrong_answers: result.total.counts.wrong > 0 }
}

fn rate(result: &RunResult) -> Option<Reason> {
    let counts = &result.total.counts;
    let answered = result.total.service.count();
    if counts.due == 0 {
        let text = "no request fell due in the measured part: nothing was measured".to_owned();
        return Some(Reason { kind: ReasonKind::NothingMeasured, text });
    }
    let share = answered as f64 / counts.due as f64;
    (share < ACHIEVED_SHARE_MIN).then(|| Reason {
        kind: ReasonKind::RateMissed,
        text: format!(
            "only {:.2} % of the requests that were due got an expected answer ({answered} of {}; \
             {} were never sent, {} were unanswered at the end, {} failed): lower the rate, or \
             look at the server; more connections help only if it is idle",
            share * 100.0,
            counts.due,
            counts.unsent,
            counts.unanswered,
            counts.failed(),
        ),
    })
}

fn lag(result: &RunResult) -> Option<Reason> {
    let lag = result.total.lag.quantile(0.99);
    (lag > LAG_P99_MAX).then(|| Reason {
        kind: ReasonKind::GeneratorLate,
        text: format!(
            "the generator itself was late: {lag:?} at p99; give it a core of its own or lower \
             the rate"
        ),
    })
}

fn busy(result: &RunResult) -> Option<Reason> {
    let busiest = result.workers.iter().filter_map(|worker| worker.busiest_thread);
    let busiest = busiest.fold(0.0, f64::max);
    (busiest > BUSY_SHARE_MAX).then(|| Reason {
        kind: ReasonKind::GeneratorBusy,
        text: format!(
            "a generator thread was busy for {:.0} % of the time and may have read answers late; \
             use more threads or workers, or lower the rate",
            busiest * 100.0
        ),
    })
}

fn signing(result: &RunResult) -> Option<Reason> {
    let shares = result.workers.iter().filter_map(|w| w.signing.as_ref()?.busiest_thread);
    let busiest = shares.fold(0.0, f64::max);
    (busiest > BUSY_SHARE_MAX).then(|| Reason {
        kind: ReasonKind::SigningBusy,
        text: format!(
            "a thread that signs for the cards was busy for {:.0} % of the time: signing is the \
             generator's limit here; use more --signers on cores of their own, more workers, or a \
             lower rate",
            busiest * 100.0
        ),
    })
}
