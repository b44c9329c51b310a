//! When each request is due. The plan is fixed before the first request is sent and never waits
//! for the server: that is what makes the load open.

use std::time::Duration;

/// How requests are spread over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// Request k is due at k / rate.
    Constant,
    /// Exponential gaps with mean 1 / rate, as callers who know nothing of each other arrive.
    Poisson,
}

/// Highest rate, in requests per second: far above what one machine answers.
pub(super) const RATE_MAX: u32 = 10_000_000;

const NANOS: u128 = 1_000_000_000;

/// The due times, since the start, of one thread's share of the requests; they never decrease.
///
/// Thread `t` of `n` sends requests t, t + n, t + 2n…; Poisson shares are independent processes
/// of rate / n, which together are one of the full rate.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    arrivals: Arrivals,
    rate: u32,
    threads: u32,
    next: u64,
    /// Poisson only: the last due time, in seconds.
    elapsed: f64,
    random: Random,
}

impl Schedule {
    /// The share of thread `thread` (0-based) of `threads`, both at least one, at `rate` in all.
    pub(super) fn new(arrivals: Arrivals, rate: u32, threads: u32, thread: u32, seed: u64) -> Self {
        Self {
            arrivals,
            rate: rate.max(1),
            threads: threads.max(1),
            next: u64::from(thread),
            elapsed: 0.0,
            random: Random::new(seed ^ (u64::from(thread) << 32)),
        }
    }
}

impl Iterator for Schedule {
    /// The number of the request, and when it is due.
    type Item = (u64, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        let k = self.next;
        self.next += u64::from(self.threads);
        let due = match self.arrivals {
            Arrivals::Constant => {
                // Computed from k and not by adding gaps, so that rounding never accumulates.
                let nanos = u128::from(k) * NANOS / u128::from(self.rate);
                Duration::from_nanos(u64::try_from(nanos).ok()?)
            }
            Arrivals::Poisson => {
                let mean = f64::from(self.threads) / f64::from(self.rate);
                self.elapsed -= (1.0 - self.random.unit()).ln() * mean;
                Duration::try_from_secs_f64(self.elapsed).ok()?
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

    #[test]
    fn constant_arrivals_never_drift() {
        let plan = Schedule::new(Arrivals::Constant, 3, 1, 0, 0);
        let due: Vec<_> = plan.take(7).map(|(_, due)| due.as_nanos()).collect();
        let third = 333_333_333;
        assert_eq!(due[..4], [0, third, 2 * third, 1_000_000_000]);
        assert_eq!(due[6], 2_000_000_000);
        let mut late = Schedule::new(Arrivals::Constant, 7, 1, 7 * 86_400, 0);
        assert_eq!(late.next(), Some((7 * 86_400, Duration::from_secs(86_400))));
    }

    #[test]
    fn the_threads_share_one_plan_without_gap_or_double() {
        let whole: Vec<_> = Schedule::new(Arrivals::Constant, 1000, 1, 0, 0).take(999).collect();
        let mut shared: Vec<_> = (0..3)
            .flat_map(|t| Schedule::new(Arrivals::Constant, 1000, 3, t, 0).take(333))
            .collect();
        shared.sort_unstable();
        assert_eq!(shared, whole);
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_repeat_for_a_seed() {
        let plan = |seed| Schedule::new(Arrivals::Poisson, 1000, 2, 1, seed);
        let due: Vec<_> = plan(7).take(50_000).map(|(_, due)| due).collect();
        assert!(due.is_sorted());
        let seconds = due.last().unwrap().as_secs_f64();
        assert!((97.0..103.0).contains(&seconds), "500 a second for 50,000: {seconds} s");
        assert!(plan(7).map(|(_, due)| due).take(50_000).eq(due));
        // Exponential gaps: a share of 1/e is longer than the mean.
        let long = plan(8).take(50_000).map(|(_, due)| due).collect::<Vec<_>>();
        let long = long.windows(2).filter(|w| w[1] - w[0] > Duration::from_millis(2)).count();
        assert!((17_500..19_300).contains(&long), "{long}");
    }
}
