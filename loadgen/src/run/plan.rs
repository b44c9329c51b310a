//! When each request is due. The plan is fixed before the first request is sent and never waits
//! for the server: that is what makes the load open.

use super::RunError;
use super::result::Spacing;
use std::sync::Arc;
use std::time::Duration;

/// Highest rate, in requests per second: far above what one machine answers.
pub(super) const RATE_MAX: f64 = 10_000_000.0;
/// Most times in a recording: half a GiB of memory.
const RECORDED_MAX: usize = 64 << 20;

/// A rate over time: straight lines between points, from the first point to the last.
///
/// Invariant: times in seconds never decrease and begin at zero, rates are between zero and
/// [`RATE_MAX`]; both are finite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    points: Vec<(f64, f64)>,
    /// Requests due before each point.
    counts: Vec<f64>,
}

impl Curve {
    /// # Errors
    /// [`RunError::Option`] when a time decreases, or a number is none or out of range.
    pub(super) fn new(points: Vec<(f64, f64)>) -> Result<Self, RunError> {
        let is_rate = |rate: f64| (0.0..=RATE_MAX).contains(&rate);
        let is_fine = points.iter().all(|(at, rate)| at.is_finite() && is_rate(*rate))
            && points.is_sorted_by(|a, b| a.0 <= b.0)
            && points.first().is_some_and(|first| first.0 == 0.0);
        if !is_fine {
            return Err(RunError::Option {
                option: "rate",
                reason: format!(
                    "times must begin at 0 and never decrease, rates must be 0 to {RATE_MAX}"
                ),
            });
        }
        let mut counts = vec![0.0];
        let mut sum = 0.0;
        for ((from, low), (until, high)) in points.iter().zip(points.iter().skip(1)) {
            sum += (until - from) * (low + high) / 2.0;
            counts.push(sum);
        }
        Ok(Self { points, counts })
    }

    /// The same rate from the start for so long.
    ///
    /// # Errors
    /// As [`Curve::new`].
    pub(super) fn constant(rate: f64, length: Duration) -> Result<Self, RunError> {
        Self::new(vec![(0.0, rate), (length.as_secs_f64(), rate)])
    }

    /// The same shape with all rates multiplied.
    ///
    /// # Errors
    /// As [`Curve::new`].
    pub(super) fn times(&self, factor: f64) -> Result<Self, RunError> {
        Self::new(self.points.iter().map(|(at, rate)| (*at, rate * factor)).collect())
    }

    /// Points (seconds, requests a second).
    pub(super) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// When the plan ends.
    pub(super) fn end(&self) -> Duration {
        let end = self.points.last().map_or(0.0, |last| last.0);
        Duration::try_from_secs_f64(end).unwrap_or_default()
    }

    /// The rate just after a time; zero from the last point on.
    pub(super) fn rate_after(&self, at: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 <= at);
        self.rate_between(after, at)
    }

    /// The rate just before a time; zero before the first point and behind the last.
    pub(super) fn rate_before(&self, at: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 < at);
        self.rate_between(after, at)
    }

    /// The rate on the line that ends in a point.
    fn rate_between(&self, end: usize, at: f64) -> f64 {
        let begin = end.checked_sub(1).and_then(|begin| self.points.get(begin));
        let (Some((from, low)), Some((until, high))) = (begin, self.points.get(end)) else {
            return 0.0;
        };
        low + (high - low) * (at - from) / (until - from)
    }

    /// Requests that fall due in the whole plan.
    pub(super) fn total(&self) -> f64 {
        self.counts.last().copied().unwrap_or_default()
    }

    /// Requests that fall due before a time, in seconds.
    pub(super) fn count_until(&self, at: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 <= at);
        let Some(begin) = after.checked_sub(1) else { return 0.0 };
        let (Some((from, low)), Some(before)) = (self.points.get(begin), self.counts.get(begin))
        else {
            return 0.0;
        };
        // Behind the last point nothing falls due.
        if after == self.points.len() {
            return *before;
        }
        before + (at - from) * (low + self.rate_between(after, at)) / 2.0
    }

    /// When so many requests have fallen due, looking from a segment on, which is moved along;
    /// `None` after the last.
    fn time_of(&self, count: f64, segment: &mut usize) -> Option<f64> {
        while *self.counts.get(*segment + 1)? <= count {
            *segment += 1;
        }
        let (from, low) = *self.points.get(*segment)?;
        let (until, high) = *self.points.get(*segment + 1)?;
        let wanted = count - self.counts.get(*segment)?;
        let slope = (high - low) / (until - from);
        // The root of a quadratic, in the form that loses no digits when the slope is small.
        let root = (low * low + 2.0 * slope * wanted).max(0.0).sqrt();
        let inside = if wanted == 0.0 { 0.0 } else { 2.0 * wanted / (low + root) };
        Some(from + inside)
    }
}

/// What is due when, for one stream.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// By a rate, spread in this way.
    Rate {
        /// Of all shares together.
        curve: Arc<Curve>,
        /// [`Spacing::Even`] or [`Spacing::Poisson`].
        spacing: Spacing,
        /// Seed of Poisson gaps.
        seed: u64,
    },
    /// At recorded times.
    Recorded(Arc<[Duration]>),
}

impl Plan {
    /// When it ends.
    pub(super) fn end(&self) -> Duration {
        match self {
            Self::Rate { curve, .. } => curve.end(),
            Self::Recorded(times) => times.last().copied().unwrap_or_default(),
        }
    }

    /// The part of it that one of several threads has to do.
    pub(super) fn share(&self, index: u32, of: u32) -> Schedule {
        let random = match self {
            Self::Rate { seed, .. } => Random::new(seed ^ (u64::from(index) << 32)),
            Self::Recorded(_) => Random::new(0),
        };
        Schedule {
            plan: self.clone(),
            of: of.max(1),
            next: u64::from(index),
            elapsed: 0.0,
            segment: 0,
            random,
        }
    }

    /// Reads recorded times: one a line, in seconds since the start, never decreasing.
    ///
    /// # Errors
    /// [`RunError::Option`] with the line that is none.
    pub(super) fn recorded(text: &str) -> Result<Self, RunError> {
        let wrong = |line: usize, reason: &str| RunError::Option {
            option: "recorded",
            reason: format!("line {line}: {reason}"),
        };
        let mut times: Vec<Duration> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let seconds = text.trim().parse().ok().filter(|s: &f64| s.is_finite());
            let at = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
            let at = at.ok_or_else(|| wrong(line, "give seconds since the start, such as 12.5"))?;
            if times.last().is_some_and(|last| *last > at) {
                return Err(wrong(line, "times must not decrease"));
            }
            if times.len() == RECORDED_MAX {
                return Err(wrong(line, "too many times"));
            }
            times.push(at);
        }
        if times.is_empty() {
            return Err(wrong(1, "there is no time"));
        }
        Ok(Self::Recorded(times.into()))
    }
}

/// The due times, since the start, of one thread's share of a plan; they never decrease.
///
/// Thread `t` of `n` sends requests t, t + n, t + 2n…; Poisson shares are independent processes
/// of an n-th of the rate, which together are one of the full rate.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    plan: Plan,
    of: u32,
    next: u64,
    /// Poisson only: requests of the whole plan that stand for those before the next one.
    elapsed: f64,
    segment: usize,
    random: Random,
}

impl Iterator for Schedule {
    /// The number of the request, and when it is due.
    type Item = (u64, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        let k = self.next;
        self.next += u64::from(self.of);
        let due = match &self.plan {
            Plan::Recorded(times) => *times.get(usize::try_from(k).ok()?)?,
            Plan::Rate { curve, spacing, .. } => {
                let count = match spacing {
                    // From k and not by adding gaps, so that rounding never accumulates.
                    Spacing::Even | Spacing::Recorded => k as f64,
                    Spacing::Poisson => {
                        self.elapsed -= (1.0 - self.random.unit()).ln() * f64::from(self.of);
                        self.elapsed
                    }
                };
                let seconds = curve.time_of(count, &mut self.segment)?;
                Duration::try_from_secs_f64(seconds).ok()?
            }
        };
        Some((k, due))
    }
}

/// SplitMix64: small, fast, and the same on every machine for the same seed. Not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        // 53 bits: every value is exact in an f64.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform below `bound`; zero for a bound of zero.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        ((self.bits() as u128 * bound as u128) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(points: &[(f64, f64)], spacing: Spacing, seed: u64) -> Plan {
        Plan::Rate { curve: Arc::new(Curve::new(points.to_vec()).unwrap()), spacing, seed }
    }

    fn constant(rate: f64, seconds: f64, spacing: Spacing, seed: u64) -> Plan {
        plan(&[(0.0, rate), (seconds, rate)], spacing, seed)
    }

    #[test]
    fn even_arrivals_never_drift() {
        let plan = constant(3.0, 1e6, Spacing::Even, 0);
        let due: Vec<_> = plan.share(0, 1).take(7).map(|(_, due)| due.as_nanos()).collect();
        assert_eq!(due[..4], [0, 333_333_333, 666_666_667, 1_000_000_000]);
        assert_eq!(due[6], 2_000_000_000);
        let last = constant(7.0, 86_400.0, Spacing::Even, 0).share(0, 1).last().unwrap();
        assert_eq!(last.0, 7 * 86_400 - 1);
        assert_eq!(last.1.as_nanos() / 1000, (86_400_000_000_000 - 142_857_143) / 1000);
    }

    #[test]
    fn the_threads_share_one_plan_without_gap_or_double() {
        let plan = plan(&[(0.0, 10.0), (4.0, 400.0), (4.0, 50.0), (9.0, 50.0)], Spacing::Even, 0);
        let whole: Vec<_> = plan.share(0, 1).collect();
        let mut shared: Vec<_> = (0..3).flat_map(|t| plan.share(t, 3)).collect();
        shared.sort_unstable();
        assert_eq!(shared, whole);
        assert_eq!(whole.len(), 820 + 250);
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_repeat_for_a_seed() {
        let plan =
            |seed| constant(1000.0, 1e6, Spacing::Poisson, seed).share(1, 2).map(|(_, due)| due);
        let due: Vec<_> = plan(7).take(50_000).collect();
        assert!(due.is_sorted());
        let seconds = due.last().unwrap().as_secs_f64();
        assert!((97.0..103.0).contains(&seconds), "500 a second for 50,000: {seconds} s");
        assert!(plan(7).take(50_000).eq(due));
        // Exponential gaps: a share of 1/e is longer than the mean.
        let long = plan(8).take(50_000).collect::<Vec<_>>();
        let long = long.windows(2).filter(|w| w[1] - w[0] > Duration::from_millis(2)).count();
        assert!((17_500..19_300).contains(&long), "{long}");
    }

    #[test]
    fn a_ramp_sends_as_many_as_the_area_below_it() {
        let plan = plan(&[(0.0, 0.0), (10.0, 100.0)], Spacing::Even, 0);
        let due: Vec<_> = plan.share(0, 1).map(|(_, due)| due.as_secs_f64()).collect();
        assert_eq!(due.len(), 500);
        // A quarter of the area lies before half of the time.
        let early = due.iter().filter(|due| **due < 5.0).count();
        assert!((124..=126).contains(&early), "{early}");
    }

    #[test]
    fn recorded_times_are_kept_and_nonsense_is_named_by_its_line() {
        let plan = Plan::recorded("0\n0.5\n0.5\n2e0\n").unwrap();
        let due: Vec<_> = plan.share(1, 2).map(|(k, due)| (k, due.as_millis())).collect();
        assert_eq!(due, [(1, 500), (3, 2000)]);
        for (text, line) in
            [("", 1), ("1\nx", 2), ("1\n0.5", 2), ("-1", 1), ("nan", 1), ("1e300", 1)]
        {
            let error = Plan::recorded(text).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn due_times_follow_any_curve(
            steps in proptest::collection::vec((0.0..5.0_f64, 0.0..200.0_f64), 1..8),
        ) {
            let mut at = 0.0;
            let points: Vec<_> = std::iter::once((0.0, 10.0))
                .chain(steps.into_iter().map(|(gap, rate)| { at += gap; (at, rate) }))
                .collect();
            let curve = Curve::new(points.clone()).unwrap();
            prop_assert!((curve.count_until(at + 1.0) - curve.total()).abs() < 1e-6);
            for (k, due) in plan(&points, Spacing::Even, 0).share(0, 1) {
                let count = curve.count_until(due.as_secs_f64());
                prop_assert!((count - k as f64).abs() < 1e-3, "request {} is due at {:?}", k, due);
            }
        }
    }
}
