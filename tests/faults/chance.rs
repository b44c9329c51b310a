//! Random choices that can be repeated.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How many kills there are in all, unless `SHIKAKU_KILLS` says so.
const KILLS: u64 = 50;
/// Kills between two lines that say how far a test is.
const PROGRESS_KILLS: u64 = 50;

/// A stream of random numbers (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    /// From `SIM_SEED`, or a fresh seed. It is printed, and shown when the test fails.
    pub(crate) fn new() -> Self {
        let given = std::env::var("SIM_SEED").ok().map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(()) >> 32);
        eprintln!("SIM_SEED={seed}");
        Self(seed)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % end
    }

    /// An index into so many things; 0 if there are none.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap()
    }

    /// A time of up to so many milliseconds.
    pub(crate) fn time(&mut self, max_ms: u64) -> Duration {
        Duration::from_micros(self.below(max_ms * 1000))
    }
}

/// How many times to kill.
pub(crate) fn kills() -> u64 {
    std::env::var("SHIKAKU_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// The lives that end in a kill, from 1. Says now and then how far it is: a thousand take a while.
pub(crate) fn lives(what: &'static str) -> impl Iterator<Item = u64> {
    let (all, begin) = (kills(), Instant::now());
    (1..=all).inspect(move |life| {
        if life % PROGRESS_KILLS == 0 {
            eprintln!("{what}: life {life} of {all}, {} s", begin.elapsed().as_secs());
        }
    })
}
