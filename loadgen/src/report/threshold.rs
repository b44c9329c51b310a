//! What a run has to meet, such as `p99 < 5ms`: the verdict for CI.

use super::{ReportError, words};
use crate::run::result::{Measured, RunResult};
use crate::run::times::Times;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A condition on the result of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    /// The stream that it is about; `None` for the whole run.
    stream: Option<String>,
    measure: Measure,
    comparison: Comparison,
    /// Nanoseconds, a count, or requests a second.
    limit: f64,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    /// A share of all latencies from the due time.
    Latency(Point),
    /// The same of the service time.
    Service(Point),
    /// Expected answers a second.
    Rate,
    /// Requests without a usable answer, with an unexpected status, never sent or unanswered.
    Errors,
    /// Wrong answers.
    Wrong,
}

/// A point of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    /// This share of all times does not exceed it.
    Quantile(f64),
    Mean,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// Longest first, so that `<=` is not read as `<`.
const COMPARISONS: [(&str, Comparison); 5] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

/// Longest first, so that `ms` is not read as `s`.
const UNITS: [(&str, f64); 5] = [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];

/// A condition and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The condition as it was given.
    pub threshold: String,
    /// What was measured, with its unit.
    pub actual: String,
    /// Whether the condition holds.
    pub is_met: bool,
}

impl FromStr for Threshold {
    type Err = ReportError;

    fn from_str(text: &str) -> Result<Self, ReportError> {
        let wrong = |reason| ReportError::Threshold { text: text.to_owned(), reason };
        let split = |(sign, comparison): &(&str, Comparison)| {
            text.split_once(sign).map(|(left, right)| (left.trim(), *comparison, right.trim()))
        };
        let (whole, comparison, right) =
            COMPARISONS.iter().find_map(split).ok_or_else(|| wrong("it has no comparison"))?;
        // A stream's name may hold a colon itself.
        let (stream, left) = whole.rsplit_once(':').unzip();
        let left = left.unwrap_or(whole).trim();
        let stream = stream.map(|name| name.trim().to_owned());
        let measure =
            Measure::parse(left).ok_or_else(|| wrong("nothing of this name is measured"))?;
        let limit = match measure {
            Measure::Latency(_) | Measure::Service(_) => {
                parse_time(right).ok_or_else(|| wrong("the time needs a number and a unit"))?
            }
            Measure::Rate | Measure::Errors | Measure::Wrong => parse_number(right)
                .ok_or_else(|| wrong("the limit must be a number without a unit"))?,
        };
        Ok(Self { text: text.trim().to_owned(), stream, measure, comparison, limit })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Measure {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "rate" => Some(Self::Rate),
            "errors" => Some(Self::Errors),
            "wrong" => Some(Self::Wrong),
            _ => match text.strip_prefix("service ") {
                Some(point) => Point::parse(point.trim()).map(Self::Service),
                None => Point::parse(text).map(Self::Latency),
            },
        }
    }

    /// Its value; `None` where there is none, as of a time without a single answer.
    fn of(self, measured: &Measured, seconds: f64) -> Option<f64> {
        let Measured { counts, latency, service, .. } = measured;
        let known = |times: &Times, point: Point| (times.count() > 0).then(|| point.of(times));
        Some(match self {
            Self::Latency(point) => known(latency, point)?,
            Self::Service(point) => known(service, point)?,
            Self::Rate => service.count() as f64 / seconds.max(1e-9),
            Self::Errors => (counts.failed() + counts.unsent + counts.unanswered) as f64,
            Self::Wrong => counts.wrong as f64,
        })
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Latency(_) | Self::Service(_) => words::nanos(value),
            Self::Rate => format!("{}/s", words::rate(value)),
            Self::Errors | Self::Wrong => words::count(words::whole(value)),
        }
    }
}

impl Point {
    /// `p50`, `p99.9`, `mean`, `max`.
    fn parse(text: &str) -> Option<Self> {
        match text {
            "mean" => Some(Self::Mean),
            "max" => Some(Self::Max),
            _ => {
                let percent = parse_number(text.strip_prefix('p')?)?;
                (percent > 0.0 && percent < 100.0).then_some(Self::Quantile(percent / 100.0))
            }
        }
    }

    fn of(self, times: &Times) -> f64 {
        let time: Duration = match self {
            Self::Quantile(share) => times.quantile(share),
            Self::Mean => times.mean(),
            Self::Max => times.max(),
        };
        time.as_nanos() as f64
    }
}

/// Digits with at most one point: no sign, exponent, infinity.
fn parse_number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_| is_plain)
}

fn parse_time(text: &str) -> Option<f64> {
    let unit = |(unit, nanos): &(&str, f64)| Some((text.strip_suffix(unit)?.trim_end(), *nanos));
    let (number, nanos) = UNITS.iter().find_map(unit)?;
    Some(parse_number(number)? * nanos)
}

impl Threshold {
    /// Compares a result with it.
    #[must_use]
    pub fn judge(&self, result: &RunResult) -> Outcome {
        let measured = match &self.stream {
            None => Some(&result.total),
            Some(name) => {
                let stream = result.streams.iter().find(|stream| stream.name == *name);
                stream.map(|stream| &stream.measured)
            }
        };
        let actual =
            measured.and_then(|measured| self.measure.of(measured, result.measured_seconds));
        let is_met = actual.is_some_and(|actual| match self.comparison {
            Comparison::Less => actual < self.limit,
            Comparison::AtMost => actual <= self.limit,
            Comparison::Equal => (actual - self.limit).abs() < f64::EPSILON,
            Comparison::AtLeast => actual >= self.limit,
            Comparison::More => actual > self.limit,
        });
        let shown = actual.map_or_else(|| "–".to_owned(), |actual| self.measure.show(actual));
        Outcome { threshold: self.text.clone(), actual: shown, is_met }
    }
}

/// Compares a result with the thresholds that stand in it.
///
/// # Errors
/// [`ReportError::Threshold`].
pub fn judge(result: &RunResult) -> Result<Vec<Outcome>, ReportError> {
    let judge = |text: &String| Ok(text.parse::<Threshold>()?.judge(result));
    result.description.thresholds.iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, sample};
    use super::*;
    use proptest::prelude::*;

    fn is_met(threshold: &str, result: &RunResult) -> bool {
        threshold.parse::<Threshold>().unwrap().judge(result).is_met
    }

    #[test]
    fn a_run_is_held_to_its_thresholds() {
        let result = sample(Sample::Valid);
        let p99 = result.total.latency.quantile(0.99).as_nanos();
        assert!(is_met(&format!("p99<={p99}ns"), &result));
        assert!(!is_met(&format!("p99 < {p99} ns"), &result));
        assert!(is_met("service p50 < 1s", &result) && is_met("max > 0.001 us", &result));
        assert!(is_met("wrong == 0", &result) && is_met("errors == 0", &result));
        assert!(is_met("rate >= 1000", &result) && !is_met("rate >= 100000000", &result));
        let wrong = sample(Sample::Wrong);
        assert!(!is_met("wrong == 0", &wrong));
        assert!(!is_met("errors == 0", &sample(Sample::Invalid)));
    }

    #[test]
    fn a_run_without_answers_meets_no_time() {
        let outcome = "p99 < 1s".parse::<Threshold>().unwrap().judge(&sample(Sample::Empty));
        assert_eq!((outcome.is_met, outcome.actual.as_str()), (false, "–"));
    }

    #[test]
    fn a_stream_is_held_to_thresholds_of_its_own_and_one_that_is_not_there_meets_none() {
        let mut result = sample(Sample::Valid);
        result.streams[0].measured.counts.wrong = 1;
        assert!(is_met("wrong == 0", &result) && !is_met("lookups: wrong == 0", &result));
        assert!(is_met("lookups: rate >= 1000", &result) && is_met("lookups: p50 < 1s", &result));
        assert!(!is_met("nobody: wrong == 0", &result) && !is_met("nobody: p50 < 1s", &result));
    }

    #[test]
    fn what_is_no_threshold_is_refused() {
        for text in [
            "",
            "p99",
            "p99 < 5",
            "p99 < ms",
            "p0 < 1ms",
            "p100 < 1ms",
            "p99 = 1ms",
            "errors == 0s",
            "pinf < 1s",
            "p99 < -1ms",
            "p99 < 1e3ms",
            "median < 1ms",
            "service < 1ms",
            "rate >= nan",
        ] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_threshold_or_an_error(text in ".{0,40}") {
            let _ = text.parse::<Threshold>();
        }
    }
}
