//! Scores to error rates, after ISO/IEC 19795-1. No pictures here, only numbers.
//!
//! Pairs that share a person are not independent, so intervals come from drawing people, not
//! pairs, anew.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The false-match rates that are reported.
pub const FALSE_MATCH_RATES: [f64; 6] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];
/// Rule of three: no event in N independent tries bounds its rate by 3 / N with 95 % confidence. So
/// a rate of which fewer than 3 events can be expected was not measured.
pub const RULE_OF_THREE: f64 = 3.0;
/// Draws of the bootstrap, as many as [`BOOTSTRAP_STEPS_MAX`] allows.
const DRAWS: (usize, usize) = (40, 400);
/// Pairs that all draws together go through: about 3 seconds of one core.
const BOOTSTRAP_STEPS_MAX: usize = 1_000_000_000;
/// Makes the draws.
const SEED: u64 = 19_795;
/// Steps of a curve.
const CURVE_STEPS: usize = 240;

/// A compared pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// How alike; greater is more.
    pub value: f32,
    /// The pair's number in its set.
    pub pair: u32,
    /// The people on both pictures.
    pub people: [u32; 2],
}

/// All scores of a set.
///
/// Invariant: neither list is empty; `genuine` rises, `impostor` falls; people are below `people`.
pub struct Scores {
    genuine: Vec<Score>,
    impostor: Vec<Score>,
    people: usize,
}

/// A measured number with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// Lowest and highest end.
    pub interval: [f64; 2],
}

/// What holds at one false-match rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The false-match rate that is kept.
    pub fmr: f64,
    /// From this score on two pictures count as one person's.
    pub threshold: Measured,
    /// The share of genuine pairs below it.
    pub fnmr: Measured,
    /// False matches that can be expected among the impostor pairs at this rate.
    pub expected: f64,
}

impl Point {
    /// Whether the set has enough pairs of strangers to know this rate, see [`RULE_OF_THREE`].
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.expected >= RULE_OF_THREE
    }
}

impl Scores {
    /// Sorts scores into genuine and impostor ones; nothing when one kind is missing.
    #[must_use]
    pub fn new(scores: Vec<Score>) -> Option<Self> {
        let people = scores.iter().flat_map(|score| score.people).max()? as usize + 1;
        let is_genuine = |score: &Score| score.people[0] == score.people[1];
        let (mut genuine, mut impostor): (Vec<_>, Vec<_>) =
            scores.into_iter().partition(is_genuine);
        genuine.sort_by(|a, b| a.value.total_cmp(&b.value));
        impostor.sort_by(|a, b| b.value.total_cmp(&a.value));
        let is_usable = !genuine.is_empty() && !impostor.is_empty();
        is_usable.then_some(Self { genuine, impostor, people })
    }

    /// Pairs of one person, the least alike first.
    #[must_use]
    pub fn genuine(&self) -> &[Score] {
        &self.genuine
    }

    /// Pairs of two people, the most alike first.
    #[must_use]
    pub fn impostor(&self) -> &[Score] {
        &self.impostor
    }

    /// The share of impostor pairs that a threshold lets pass.
    #[must_use]
    pub fn fmr(&self, threshold: f64) -> f64 {
        let passed = self.impostor.partition_point(|one| f64::from(one.value) >= threshold);
        share(passed, self.impostor.len())
    }

    /// The share of genuine pairs that a threshold stops.
    #[must_use]
    pub fn fnmr(&self, threshold: f64) -> f64 {
        let stopped = self.genuine.partition_point(|one| f64::from(one.value) < threshold);
        share(stopped, self.genuine.len())
    }

    /// The lowest threshold that lets at most this share of impostor pairs pass.
    #[must_use]
    pub fn threshold(&self, fmr: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most the number of pairs"
        )]
        let allowed = (fmr * count(self.impostor.len())) as usize;
        self.impostor.get(allowed).map_or(f64::from(f32::MIN), |one| above(one.value))
    }

    /// Where both error rates are equal, or as nearly as the scores allow: their mean there.
    #[must_use]
    pub fn equal_error_rate(&self) -> f64 {
        let gap = |one: &Score| {
            let threshold = f64::from(one.value);
            self.fmr(threshold) - self.fnmr(threshold)
        };
        let at = self.genuine.partition_point(|one| gap(one) > 0.0);
        let near = [at.saturating_sub(1), at].into_iter().filter_map(|at| self.genuine.get(at));
        let best = near.min_by(|a, b| gap(a).abs().total_cmp(&gap(b).abs()));
        best.map_or(1.0, |one| {
            let threshold = f64::from(one.value);
            f64::midpoint(self.fmr(threshold), self.fnmr(threshold))
        })
    }

    /// The rates at each of these false-match rates, which fall, with their intervals.
    #[must_use]
    pub fn points(&self, rates: &[f64]) -> Vec<Point> {
        let draws = (BOOTSTRAP_STEPS_MAX / self.impostor.len()).clamp(DRAWS.0, DRAWS.1);
        let drawn = self.bootstrap(rates, draws);
        let point = |(number, fmr): (usize, &f64)| {
            let threshold = self.threshold(*fmr);
            let of = |part: fn(&[f64; 2]) -> f64| {
                let values = drawn.iter().filter_map(|draw| draw.get(number)).map(part);
                interval(values.collect())
            };
            let [thresholds, misses] = [of(|[threshold, _]| *threshold), of(|[_, fnmr]| *fnmr)];
            Point {
                fmr: *fmr,
                threshold: Measured { value: threshold, interval: thresholds },
                fnmr: Measured { value: self.fnmr(threshold), interval: misses },
                expected: fmr * count(self.impostor.len()),
            }
        };
        rates.iter().enumerate().map(point).collect()
    }

    /// The trade between the two error rates: false-match and false-non-match rate, from the strictest
    /// threshold to the laxest.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let pairs = count(self.impostor.len());
        let steps = (0..=CURVE_STEPS).map(|step| {
            let fmr = (1.0 / pairs).powf(1.0 - count(step) / count(CURVE_STEPS));
            (fmr, self.fnmr(self.threshold(fmr)))
        });
        steps.collect()
    }

    /// Thresholds and false-non-match rates of sets in which people were drawn with replacement.
    fn bootstrap(&self, rates: &[f64], draws: usize) -> Vec<Vec<[f64; 2]>> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let part = draws.div_ceil(threads).max(1);
        let numbers: Vec<u64> = (SEED..).take(draws).collect();
        std::thread::scope(|scope| {
            let parts = numbers.chunks(part).map(|seeds| {
                let draw = move |seed: &u64| self.draw(rates, *seed);
                scope.spawn(move || seeds.iter().filter_map(draw).collect::<Vec<_>>())
            });
            let running: Vec<_> = parts.collect();
            running.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
        })
    }

    /// One draw; nothing when it holds no pair of either kind.
    fn draw(&self, rates: &[f64], seed: u64) -> Option<Vec<[f64; 2]>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut times = vec![0_u32; self.people];
        for _ in 0..self.people {
            let person = (u64::from(random.next_u32()) * self.people as u64) >> 32;
            if let Some(times) = usize::try_from(person).ok().and_then(|p| times.get_mut(p)) {
                *times += 1;
            }
        }
        let of = |person: u32| times.get(person as usize).copied().unwrap_or_default();
        let weight = |score: &Score| {
            let [first, second] = score.people;
            let first_times = of(first);
            f64::from(if first == second { first_times } else { first_times * of(second) })
        };
        let impostors: f64 = self.impostor.iter().map(weight).sum();
        let genuines: f64 = self.genuine.iter().map(weight).sum();
        if impostors <= 0.0 || genuines <= 0.0 {
            return None;
        }
        let point = |rate: &f64| {
            let mut passed = 0.0;
            let over = self.impostor.iter().find(|score| {
                passed += weight(score);
                passed > rate * impostors
            });
            let threshold = over.map_or(f64::from(f32::MIN), |score| above(score.value));
            let stopped = self.genuine.iter().take_while(|one| f64::from(one.value) < threshold);
            // The sum of none is -0, which a report would show.
            [threshold, (0.0 + stopped.map(weight).sum::<f64>()) / genuines]
        };
        Some(rates.iter().map(point).collect())
    }
}

/// The next higher score.
fn above(score: f32) -> f64 {
    f64::from(score.next_up())
}

#[expect(clippy::cast_precision_loss, reason = "numbers of pairs are below 2^52")]
pub(super) fn count(number: usize) -> f64 {
    number as f64
}

/// A part of a whole; 0 of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { count(part) / count(whole) }
}

/// The middle 95 % of values.
fn interval(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    [at(last * 25 / 1000), at((last * 975).div_ceil(1000))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn score(value: f32, first: u32, second: u32) -> Score {
        Score { value, pair: 0, people: [first, second] }
    }

    /// Twenty people with two genuine pairs each, and all pairs of strangers.
    fn sample() -> Scores {
        let genuine = (0_u8..40)
            .map(|i| score(0.5 + f32::from(i) / 100.0, u32::from(i / 2), u32::from(i / 2)));
        let strangers = (0_u8..20).flat_map(|a| (0..a).map(move |b| (a, b)));
        let impostor = strangers.enumerate().map(|(i, (a, b))| {
            score(f32::from(u8::try_from(i).unwrap()) / 300.0, u32::from(a), u32::from(b))
        });
        Scores::new(genuine.chain(impostor).collect()).unwrap()
    }

    #[test]
    fn a_threshold_lets_no_more_strangers_pass_than_asked_for() {
        let scores = sample();
        assert_eq!((scores.genuine().len(), scores.impostor().len()), (40, 190));
        for fmr in [0.5, 0.1, 0.01, 0.001] {
            let threshold = scores.threshold(fmr);
            assert!(scores.fmr(threshold) <= fmr);
            // Scores lie 1/300 apart: one step lower already lets too many pass.
            assert!(scores.fmr(threshold - 0.004) > fmr, "{fmr}");
        }
        assert!((scores.fmr(scores.threshold(1.0)) - 1.0).abs() < 1e-9);
        // 19 of 190 may pass: those of 171/300 and above; 0.5 to 0.56 of the genuine are below.
        assert!((scores.fmr(scores.threshold(0.1)) - 0.1).abs() < 1e-9);
        assert!((scores.fnmr(scores.threshold(0.1)) - 7.0 / 40.0).abs() < 1e-9);
    }

    #[test]
    fn error_rates_are_equal_where_the_curves_cross() {
        let scores = sample();
        // At 0.55: strangers from 165/300 on, 25 of 190; genuine below, 5 of 40.
        assert!((scores.equal_error_rate() - 0.128).abs() < 0.01);
        let apart = Scores::new(vec![score(0.9, 0, 0), score(0.1, 0, 1)]).unwrap();
        assert!(apart.equal_error_rate() < 1e-9);
    }

    #[test]
    fn a_rate_that_three_strangers_could_not_show_is_not_known() {
        let points = sample().points(&[0.1, 0.01]);
        assert!(points[0].is_known() && !points[1].is_known());
        let Measured { value, interval: [low, high] } = points[0].fnmr;
        assert!(low <= value && value <= high && low < high, "{low} {value} {high}");
        assert!(high < 0.6);
    }

    #[test]
    fn people_are_drawn_and_not_pairs() {
        // One person of ten has all the bad pairs: drawing pairs would never lose them all.
        let genuine = (0..1000).map(|i| score(if i % 10 == 0 { 0.0 } else { 1.0 }, i % 10, i % 10));
        let impostor = (0..10).flat_map(|a| (0..a).map(move |b| score(0.5, a, b)));
        let scores = Scores::new(genuine.chain(impostor).collect()).unwrap();
        let point = scores.points(&[0.5])[0];
        assert!((point.fnmr.value - 0.1).abs() < 1e-9);
        // Not -0 either.
        assert_eq!(point.fnmr.interval[0].to_bits(), 0, "{:?}", point.fnmr);
        assert!(point.fnmr.interval[1] >= 0.2, "{:?}", point.fnmr);
    }

    #[test]
    fn one_kind_of_pairs_alone_tells_nothing() {
        assert!(Scores::new(vec![score(0.5, 0, 0)]).is_none());
        assert!(Scores::new(vec![score(0.5, 0, 1)]).is_none());
        assert!(Scores::new(Vec::new()).is_none());
    }

    proptest! {
        #[test]
        fn rates_of_any_scores_are_rates(values in prop::collection::vec((-1.0_f32..1.0, 0_u32..6, 0_u32..6), 1..200)) {
            let scores = values.into_iter().map(|(value, a, b)| score(value, a, b)).collect();
            if let Some(scores) = Scores::new(scores) {
                let points = scores.points(&FALSE_MATCH_RATES);
                for pair in points.windows(2) {
                    prop_assert!(pair[0].threshold.value <= pair[1].threshold.value);
                    prop_assert!(pair[0].fnmr.value <= pair[1].fnmr.value);
                }
                prop_assert!((0.0..=1.0).contains(&scores.equal_error_rate()));
                prop_assert!(scores.curve().iter().all(|(_, fnmr)| (0.0..=1.0).contains(fnmr)));
            }
        }
    }
}
