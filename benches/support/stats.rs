//! Numbers of several runs as one.

use serde_json::{Value, json};

/// Median and range of one number over the runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// Summarises numbers; all zero when there are none.
#[must_use]
pub fn summary(numbers: impl IntoIterator<Item = f64>) -> Summary {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let count = sorted.len();
    let median = f64::midpoint(at(count.saturating_sub(1) / 2), at(count / 2));
    Summary { median, min: at(0), max: at(count.saturating_sub(1)) }
}

/// A number without its fraction; negative ones and those too large become the nearest there is.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub fn whole(number: f64) -> u64 {
    number as u64
}

/// CPU time of this thread, in seconds.
#[must_use]
pub fn own_cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::try_from(time).unwrap_or_default().as_secs_f64()
}

impl Summary {
    /// The summary for a report.
    #[must_use]
    pub fn to_json(self) -> Value {
        let Self { median, min, max } = self;
        json!({ "median": median, "min": min, "max": max })
    }

    /// `median (min to max)` with so many decimals.
    #[must_use]
    pub fn text(self, decimals: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.decimals$} ({min:.decimals$} to {max:.decimals$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(summary([3.0, 1.0, 2.0]), Summary { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(summary([4.0, 1.0]).median, 2.5);
        assert_eq!(summary([]).median, 0.0);
        assert_eq!(summary([0.5, 0.25]).text(2), "0.38 (0.25 to 0.50)");
    }
}
