//! What one facility may take of the engine, so that a noisy one cannot starve the rest.
//!
//! Three things are limited for each facility: questions over time (a token bucket), connections
//! at a time, and its part of the places for questions that wait for the disk. A facility over a
//! limit is refused at once and with 429; nobody else notices.

use crate::config::Limits;
use crate::problem::EngineError;
use shikaku_domain::MedicalInstitutionCode;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Quotas that are kept before those of facilities that are gone are looked for: a quota is 32
/// bytes, and looking costs a lock on all.
const QUOTAS_BEFORE_SWEEP: usize = 4_096;
/// What checking a password takes of a bucket, in questions. It takes 60 ms of CPU, a question
/// 10 µs; the bucket shares it out without shutting out a desk that mistyped.
const LOG_IN_QUESTIONS: u32 = 10;
/// What looking at a picture takes, in questions: 50 ms of CPU.
const PICTURE_QUESTIONS: u32 = 10;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// What a request takes of its facility's bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// One question.
    Question,
    /// Checking a password: as much as ten questions.
    LogIn,
    /// Looking at a picture: as much as ten questions.
    Picture,
}

impl Cost {
    const fn questions(self) -> u32 {
        match self {
            Self::Question => 1,
            Self::LogIn => LOG_IN_QUESTIONS,
            Self::Picture => PICTURE_QUESTIONS,
        }
    }
}

/// The limits in force. They may change while the engine serves.
struct InForce {
    /// Nanoseconds between two questions in the long run; 0 for no limit.
    interval: AtomicU64,
    burst: AtomicU32,
    connections_max: AtomicU32,
    disk_percent: AtomicU32,
}

/// The quotas of all facilities.
pub struct Quotas {
    limits: Arc<InForce>,
    /// Where the times in buckets count from.
    epoch: Instant,
    facilities: Mutex<Facilities>,
}

/// The quotas that are kept, those of facilities that are gone among them until the next sweep.
struct Facilities {
    quotas: HashMap<MedicalInstitutionCode, Arc<Quota>>,
    /// So many quotas are too many: twice as many as were in use the last time.
    sweep_at: usize,
}

impl Quotas {
    /// Quotas by these limits, counted from `epoch`.
    #[must_use]
    pub fn new(limits: &Limits, epoch: Instant) -> Self {
        let in_force = InForce {
            interval: AtomicU64::new(0),
            burst: AtomicU32::new(0),
            connections_max: AtomicU32::new(0),
            disk_percent: AtomicU32::new(0),
        };
        let facilities = Facilities { quotas: HashMap::new(), sweep_at: QUOTAS_BEFORE_SWEEP };
        let quotas = Self { limits: Arc::new(in_force), epoch, facilities: Mutex::new(facilities) };
        quotas.change(limits);
        quotas
    }

    /// Puts other limits in force, for everybody and at once.
    pub fn change(&self, limits: &Limits) {
        let rate = u64::from(limits.facility_per_second);
        let interval = NANOS_PER_SECOND.checked_div(rate).unwrap_or(0);
        self.limits.interval.store(interval, Ordering::Relaxed);
        self.limits.burst.store(limits.facility_burst, Ordering::Relaxed);
        self.limits.connections_max.store(limits.facility_connections_max, Ordering::Relaxed);
        self.limits.disk_percent.store(limits.facility_disk_percent, Ordering::Relaxed);
    }

    /// A new connection of a facility.
    pub fn connect(&self, facility: MedicalInstitutionCode) -> Connection {
        let mut facilities = self.facilities.lock().unwrap_or_else(PoisonError::into_inner);
        if facilities.quotas.len() >= facilities.sweep_at {
            let now = nanos(self.epoch.elapsed());
            facilities.quotas.retain(|_, quota| Arc::strong_count(quota) > 1 || quota.owes(now));
            facilities.sweep_at = QUOTAS_BEFORE_SWEEP.max(2 * facilities.quotas.len());
        }
        let quota = facilities.quotas.entry(facility).or_insert_with(|| {
            Arc::new(Quota {
                limits: Arc::clone(&self.limits),
                epoch: self.epoch,
                due: AtomicU64::new(0),
                connections: AtomicU32::new(0),
                at_disk: AtomicU32::new(0),
            })
        });
        let before = quota.connections.fetch_add(1, Ordering::Relaxed);
        let is_over = before >= self.limits.connections_max.load(Ordering::Relaxed);
        Connection { quota: Arc::clone(quota), is_over }
    }
}

/// A connection of a facility; counts as long as it lives.
pub struct Connection {
    quota: Arc<Quota>,
    /// It was one too many when it came.
    is_over: bool,
}

impl Connection {
    /// Lets a request in that arrived at `at`.
    ///
    /// # Errors
    /// [`EngineError::FacilityConnections`] and [`EngineError::FacilityRate`].
    // HOT PATH: without a rate one load, with one an exchange.
    pub fn admit(&self, cost: Cost, at: Instant) -> Result<&Arc<Quota>, EngineError> {
        if self.is_over {
            let limit = self.quota.limits.connections_max.load(Ordering::Relaxed);
            return Err(EngineError::FacilityConnections { limit });
        }
        self.quota.take(cost, at)?;
        Ok(&self.quota)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.quota.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one facility has taken.
pub struct Quota {
    limits: Arc<InForce>,
    epoch: Instant,
    /// When the bucket will be full again, in nanoseconds since `epoch`: a token bucket in one
    /// number (the generic cell rate algorithm of ITU-T I.371).
    due: AtomicU64,
    connections: AtomicU32,
    at_disk: AtomicU32,
}

impl Quota {
    fn take(&self, cost: Cost, at: Instant) -> Result<(), EngineError> {
        let interval = self.limits.interval.load(Ordering::Relaxed);
        if interval == 0 {
            return Ok(());
        }
        let burst = self.limits.burst.load(Ordering::Relaxed).max(cost.questions());
        let now = nanos(at.saturating_duration_since(self.epoch));
        let latest = now.saturating_add(interval.saturating_mul(u64::from(burst)));
        let taken = self.due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
            let cost = interval.saturating_mul(u64::from(cost.questions()));
            let next = due.max(now).saturating_add(cost);
            (next <= latest).then_some(next)
        });
        taken.map(drop).map_err(|due| {
            let cost = interval.saturating_mul(u64::from(cost.questions()));
            let wait = due.saturating_add(cost).saturating_sub(latest);
            EngineError::FacilityRate { seconds: wait.div_ceil(NANOS_PER_SECOND).max(1) }
        })
    }

    fn owes(&self, now: u64) -> bool {
        self.due.load(Ordering::Relaxed) > now
    }

    /// A place among the questions that wait for the disk, of which there are `places` for all
    /// facilities; comes back when the value is dropped. At least one is everybody's.
    ///
    /// # Errors
    /// [`EngineError::FacilityDisk`] when the facility has its part already.
    pub fn wait_for_disk(self: &Arc<Self>, places: usize) -> Result<DiskPlace, EngineError> {
        let percent = u64::from(self.limits.disk_percent.load(Ordering::Relaxed));
        let part = (places as u64).saturating_mul(percent) / 100;
        let part = u32::try_from(part.max(1)).unwrap_or(u32::MAX);
        let place = DiskPlace(Arc::clone(self));
        if self.at_disk.fetch_add(1, Ordering::Relaxed) < part {
            return Ok(place);
        }
        Err(EngineError::FacilityDisk { limit: part })
    }
}

/// A place among the questions that wait for the disk.
pub struct DiskPlace(Arc<Quota>);

impl Drop for DiskPlace {
    fn drop(&mut self) {
        self.0.at_disk.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facility(number: u64) -> MedicalInstitutionCode {
        MedicalInstitutionCode::parse(&format!("13{number:08}")).unwrap()
    }

    fn limits(per_second: u32, burst: u32) -> Limits {
        Limits { facility_per_second: per_second, facility_burst: burst, ..Limits::default() }
    }

    fn seconds_to_wait(refused: Result<&Arc<Quota>, EngineError>) -> u64 {
        match refused.map(drop) {
            Err(EngineError::FacilityRate { seconds }) => seconds,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_facility_that_asks_too_much_waits_and_the_others_do_not_notice() {
        let start = Instant::now();
        let quotas = Quotas::new(&limits(2, 3), start);
        let (noisy, quiet) = (quotas.connect(facility(1)), quotas.connect(facility(2)));
        for _ in 0..3 {
            noisy.admit(Cost::Question, start).unwrap();
        }
        assert_eq!(seconds_to_wait(noisy.admit(Cost::Question, start)), 1);
        quiet.admit(Cost::Question, start).unwrap();
        let later = start + Duration::from_millis(500);
        noisy.admit(Cost::Question, later).unwrap();
        assert!(noisy.admit(Cost::Question, later).is_err(), "a refusal puts nothing back");
    }

    #[test]
    fn connections_share_their_facilitys_bucket_and_reconnecting_does_not_fill_it() {
        let start = Instant::now();
        let quotas = Quotas::new(&limits(1, 2), start);
        let (one, other) = (quotas.connect(facility(1)), quotas.connect(facility(1)));
        one.admit(Cost::Question, start).unwrap();
        other.admit(Cost::Question, start).unwrap();
        drop((one, other));
        let again = quotas.connect(facility(1));
        assert!(again.admit(Cost::Question, start).is_err());
    }

    #[test]
    fn a_log_in_takes_as_much_as_many_questions_and_fits_any_bucket() {
        let start = Instant::now();
        let quotas = Quotas::new(&limits(1, 1), start);
        let desk = quotas.connect(facility(1));
        desk.admit(Cost::LogIn, start).unwrap();
        assert_eq!(seconds_to_wait(desk.admit(Cost::Question, start)), 10);
    }

    #[test]
    fn one_connection_too_many_is_refused_until_another_has_gone() {
        let start = Instant::now();
        let one = Limits { facility_connections_max: 1, ..Limits::default() };
        let quotas = Quotas::new(&one, start);
        let first = quotas.connect(facility(1));
        let second = quotas.connect(facility(1));
        let refused = second.admit(Cost::Question, start).map(drop);
        assert!(matches!(refused, Err(EngineError::FacilityConnections { limit: 1 })));
        first.admit(Cost::Question, start).unwrap();
        drop((first, second));
        quotas.connect(facility(1)).admit(Cost::Question, start).unwrap();
    }

    #[test]
    fn a_facility_has_its_part_of_the_places_at_the_disk() {
        let half = Limits { facility_disk_percent: 50, ..Limits::default() };
        let start = Instant::now();
        let quotas = Quotas::new(&half, start);
        let (noisy, quiet) = (quotas.connect(facility(1)), quotas.connect(facility(2)));
        let quota = noisy.admit(Cost::Question, start).unwrap();
        let held = [quota.wait_for_disk(4).unwrap(), quota.wait_for_disk(4).unwrap()];
        let refused = quota.wait_for_disk(4).map(drop);
        assert!(matches!(refused, Err(EngineError::FacilityDisk { limit: 2 })));
        quiet.admit(Cost::Question, start).unwrap().wait_for_disk(4).unwrap();
        drop(held);
        quota.wait_for_disk(4).unwrap();
        quota.wait_for_disk(1).unwrap();
    }

    #[test]
    fn limits_change_while_facilities_are_connected() {
        let start = Instant::now();
        let quotas = Quotas::new(&limits(0, 1), start);
        let desk = quotas.connect(facility(1));
        for _ in 0..100 {
            desk.admit(Cost::Question, start).unwrap();
        }
        quotas.change(&limits(1, 1));
        desk.admit(Cost::Question, start).unwrap();
        assert!(desk.admit(Cost::Question, start).is_err());
    }

    #[test]
    fn facilities_that_are_gone_and_owe_nothing_are_forgotten() {
        let quotas = Quotas::new(&Limits::default(), Instant::now());
        let stays = quotas.connect(facility(0));
        for number in 1..4 * QUOTAS_BEFORE_SWEEP as u64 {
            quotas.connect(facility(number));
        }
        let kept = &quotas.facilities.lock().unwrap().quotas;
        assert!(kept.len() <= 2 * QUOTAS_BEFORE_SWEEP, "{}", kept.len());
        assert!(kept.contains_key(&facility(0)));
        drop(stays);
    }

    proptest! {
        #[test]
        fn no_history_lets_in_more_than_the_burst_and_what_time_brings(
            rate in 1u32..1_000,
            burst in 1u32..50,
            gaps in proptest::collection::vec(0u64..20_000_000, 1..300),
        ) {
            let start = Instant::now();
            let quotas = Quotas::new(&limits(rate, burst), start);
            let desk = quotas.connect(facility(1));
            let (mut at, mut admitted) = (0, 0u64);
            for gap in gaps {
                at += gap;
                let now = start + Duration::from_nanos(at);
                admitted += u64::from(desk.admit(Cost::Question, now).is_ok());
                let brought = at / (NANOS_PER_SECOND / u64::from(rate));
                prop_assert!(admitted <= u64::from(burst) + brought);
            }
            prop_assert!(admitted >= 1);
        }
    }
}
