//! Two groups of runs beside each other: the ratio of each number, and how sure it is.
//!
//! Runs repeat; their logarithms are compared by Welch's t-test, because what matters of speeds is
//! the ratio and the runs of two servers do not vary alike. One run each gives a ratio without
//! any confidence, and says so.

use crate::run::result::RunResult;

/// A number of which smaller or larger is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    Smaller,
    Larger,
}

/// What is compared of two groups of runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    /// Its name in Japanese and English.
    pub name: (&'static str, &'static str),
    /// Which way is better.
    pub better: Better,
    /// Takes it of a run; zero where the run has none.
    pub of: fn(&RunResult) -> f64,
    /// Nanoseconds, or a rate.
    pub is_time: bool,
}

impl Figure {
    /// Whether this ratio to the baseline is an improvement.
    pub(super) fn is_better(&self, ratio: f64) -> bool {
        match self.better {
            Better::Smaller => ratio < 1.0,
            Better::Larger => ratio > 1.0,
        }
    }
}

fn latency(result: &RunResult, share: f64) -> f64 {
    result.total.latency.quantile(share).as_nanos() as f64
}

/// Everything that is compared.
pub(super) const FIGURES: [Figure; 5] = [
    Figure {
        name: ("達成した率（毎秒）", "achieved rate, per second"),
        better: Better::Larger,
        of: RunResult::achieved_per_second,
        is_time: false,
    },
    Figure {
        name: ("応答時間 p50", "latency p50"),
        better: Better::Smaller,
        of: |result| latency(result, 0.5),
        is_time: true,
    },
    Figure {
        name: ("応答時間 p99", "latency p99"),
        better: Better::Smaller,
        of: |result| latency(result, 0.99),
        is_time: true,
    },
    Figure {
        name: ("応答時間 p99.9", "latency p99.9"),
        better: Better::Smaller,
        of: |result| latency(result, 0.999),
        is_time: true,
    },
    Figure {
        name: ("応答時間 最大", "latency, longest"),
        better: Better::Smaller,
        of: |result| latency(result, 1.0),
        is_time: true,
    },
];

/// How a number of one group of runs stands to that of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    /// Geometric mean of this group.
    pub own: f64,
    /// Geometric mean of the baseline.
    pub baseline: f64,
    /// `own / baseline`.
    pub ratio: f64,
    /// The interval that holds the true ratio with 95 % confidence; `None` with fewer than two
    /// runs on a side.
    pub interval: Option<(f64, f64)>,
}

impl Ratio {
    /// Compares a number of two groups; `None` where a run lacks it.
    pub(super) fn new(figure: &Figure, own: &[RunResult], baseline: &[RunResult]) -> Option<Self> {
        let (a, b) = (Sample::of(figure, own)?, Sample::of(figure, baseline)?);
        let difference = a.mean - b.mean;
        Some(Self {
            own: a.mean.exp(),
            baseline: b.mean.exp(),
            ratio: difference.exp(),
            interval: margin(&a, &b)
                .map(|margin| ((difference - margin).exp(), (difference + margin).exp())),
        })
    }

    /// Whether the difference is more than chance, as far as the runs tell: the interval does not
    /// hold 1.
    pub(super) fn is_certain(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low > 1.0 || high < 1.0)
    }
}

/// Mean and squared standard error of the logarithms of some runs' numbers.
struct Sample {
    mean: f64,
    /// `None` for one run.
    squared_error: Option<f64>,
    count: f64,
}

impl Sample {
    fn of(figure: &Figure, runs: &[RunResult]) -> Option<Self> {
        let logarithm = |run| {
            let value = (figure.of)(run);
            (value > 0.0).then(|| value.ln())
        };
        let logs = runs.iter().map(logarithm).collect::<Option<Vec<_>>>()?;
        let count = logs.len() as f64;
        let mean = (!logs.is_empty()).then(|| logs.iter().sum::<f64>() / count)?;
        let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
        let squared_error = (logs.len() > 1).then(|| squares / (count - 1.0) / count);
        Some(Self { mean, squared_error, count })
    }
}

/// Half the width of the 95 % interval of the difference of two means (Welch, Satterthwaite).
fn margin(a: &Sample, b: &Sample) -> Option<f64> {
    let (one, other) = (a.squared_error?, b.squared_error?);
    let sum = one + other;
    if sum == 0.0 {
        return Some(0.0);
    }
    let share = |error: f64, count: f64| error.powi(2) / (count - 1.0);
    let freedom = sum.powi(2) / (share(one, a.count) + share(other, b.count));
    Some(student_95(freedom) * sum.sqrt())
}

/// Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom.
const STUDENT_95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// The point for so many degrees of freedom, rounded down so that the interval is never too
/// narrow; that of 30 beyond.
fn student_95(freedom: f64) -> f64 {
    let below = STUDENT_95.iter().zip(1_u8..).take_while(|(_, n)| f64::from(*n) <= freedom);
    below.last().map_or(STUDENT_95[0], |(point, _)| *point)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample as Kind, sample};
    use super::*;

    fn runs(rates: &[u32]) -> Vec<RunResult> {
        let with_rate = |rate: &u32| {
            let mut result = sample(Kind::Valid);
            result.measured_seconds = result.total.service.count() as f64 / f64::from(*rate);
            result
        };
        rates.iter().map(with_rate).collect()
    }

    #[test]
    fn a_ratio_is_as_sure_as_its_repeats() {
        let rate = &FIGURES[0];
        let single = Ratio::new(rate, &runs(&[2_000]), &runs(&[1_000])).unwrap();
        assert!((single.ratio - 2.0).abs() < 1e-9);
        assert!(single.interval.is_none() && !single.is_certain());

        let steady = Ratio::new(rate, &runs(&[1_990, 2_000, 2_010]), &runs(&[995, 1_000, 1_005]));
        assert!(steady.unwrap().is_certain());
        let noisy = Ratio::new(rate, &runs(&[500, 3_000, 1_200]), &runs(&[700, 1_000, 2_500]));
        assert!(!noisy.unwrap().is_certain());
    }

    #[test]
    fn the_interval_is_that_of_a_worked_example() {
        // Logarithms 0, 1, 2 against 3, 4, 5: equal variances 1, so 4 degrees of freedom and a
        // standard error of sqrt(2/3).
        let of = |logs: [f64; 3]| Sample {
            mean: logs.iter().sum::<f64>() / 3.0,
            squared_error: Some(1.0 / 3.0),
            count: 3.0,
        };
        let margin = margin(&of([0.0, 1.0, 2.0]), &of([3.0, 4.0, 5.0])).unwrap();
        assert!((margin - 2.776 * (2.0_f64 / 3.0).sqrt()).abs() < 1e-9, "{margin}");
        assert_eq!(student_95(0.5), 12.706);
        assert_eq!(student_95(1e9), 2.042);
    }

    #[test]
    fn a_run_without_answers_has_no_ratio() {
        let empty = [sample(Kind::Empty)];
        assert_eq!(Ratio::new(&FIGURES[1], &empty, &runs(&[1_000])), None);
        assert_eq!(Ratio::new(&FIGURES[0], &[], &runs(&[1_000])), None);
    }
}
