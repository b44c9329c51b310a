//! People of the synthetic population in a store of this process, for benchmarks without HTTP.

use crate::{BenchError, DATE, SEED};
use shikaku_domain::{CardQuery, Day, MemberChange, Registration};
use shikaku_loadgen::population::{BLOCK, Population, PopulationSpec};
use shikaku_store::{BATCH_CHANGES_MAX, Batch, InPlace, OperationId, Reader, Store, StoreOptions};

/// Block cache; holds the whole store, so that reads are from memory.
const CACHE_BYTES: usize = 256 << 20;

/// A loaded store and the people in it.
pub struct Corpus {
    /// The people.
    pub population: Population,
    /// Reads the store.
    pub reader: Reader,
    /// The day of the population.
    pub on: Day,
    _shards: InPlace,
    _folder: tempfile::TempDir,
}

impl Corpus {
    /// Loads so many people into a new store, through its writer.
    ///
    /// # Errors
    /// [`BenchError::Store`], [`BenchError::Io`].
    pub fn new(persons: u64) -> Result<Self, BenchError> {
        let on = Day::parse(DATE).unwrap_or(Day::MAX);
        let population = Population::new(PopulationSpec { persons, seed: SEED, date: on });
        let folder = tempfile::tempdir().map_err(BenchError::io("a temporary folder"))?;
        let options = StoreOptions {
            path: folder.path().join("store"),
            shards: 2,
            cache_bytes: CACHE_BYTES,
            create: true,
        };
        let (mut writer, writers, reader) = Store::open(&options)?.into_parts();
        let shards = InPlace::new(writers);
        writer.put_insurers(OperationId::of(&[b"insurers"]), population.insurers(), &shards)?;
        let mut submit = |changes: Vec<MemberChange<'static>>, block: u64| {
            let operation = OperationId::of(&[&block.to_be_bytes()]);
            writer.submit(&Batch { operation, changes, progress: None }, &shards)
        };
        let mut pending = Vec::with_capacity(BATCH_CHANGES_MAX);
        for block in 0..persons.div_ceil(BLOCK) {
            for registration in population.block(block).into_iter().flatten() {
                pending.push(MemberChange::Put(registration));
                if pending.len() == BATCH_CHANGES_MAX {
                    submit(std::mem::take(&mut pending), block)?;
                }
            }
        }
        submit(pending, u64::MAX)?;
        Ok(Self { population, reader, on, _shards: shards, _folder: folder })
    }

    /// Registrations that are current, spread over all people: at most `count`.
    #[must_use]
    pub fn current(&self, count: usize) -> Vec<Registration<'static>> {
        self.some(count, |registration, on| registration.period.covers(on))
    }

    /// Registrations that have ended, at most `count`.
    #[must_use]
    pub fn ended(&self, count: usize) -> Vec<Registration<'static>> {
        self.some(count, |registration, on| registration.period.end().is_some_and(|end| end <= on))
    }

    fn some(
        &self,
        count: usize,
        wanted: impl Fn(&Registration<'static>, Day) -> bool,
    ) -> Vec<Registration<'static>> {
        // A step that shares no factor with the number of people visits each once.
        const STEP: u64 = 7919;
        let persons = self.population.spec().persons;
        let people = (0..persons).map(|at| self.population.person(at * STEP % persons));
        people
            .filter_map(|registrations| registrations.into_iter().find(|r| wanted(r, self.on)))
            .take(count)
            .collect()
    }

    /// The queries that find these registrations, as their cards state it.
    #[must_use]
    pub fn queries(registrations: &[Registration<'_>]) -> Vec<CardQuery> {
        registrations.iter().map(CardQuery::for_card).collect()
    }
}
