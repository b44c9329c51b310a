//! The sequencer: the one place that decides what a batch does and in which order batches happen.
//!
//! Read the state, apply the rules ([`crate::draft`]), append one record to the log, apply it to
//! the shards. Nothing is acknowledged before the log has it on disk. A crash in between is healed
//! by replaying the log.

use crate::change::{Change, LogRecord, OperationId, Position, Table, per_shard};
use crate::draft::{Draft, Effect, Fetched, fetch};
use crate::error::StoreError;
use crate::log::ChangeLog;
use crate::progress::{FileId, FileProgress};
use crate::reader::Reader;
use crate::record::decode_insurer;
use crate::replay::feed;
use crate::shard::ApplyChanges;
use crate::towns::NewTowns;
use shikaku_domain::{Insurer, MemberChange};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::thread;

/// Most changes in one batch: one log record stays at a megabyte or two, and one wait for the disk
/// (12 ms where it was measured) is shared by many.
pub const BATCH_CHANGES_MAX: usize = 4096;
/// Below this a thread costs more than it saves.
const CHANGES_PER_THREAD_MIN: usize = 256;
/// Threads that read the state of a batch; more only wait for memory.
const READ_THREADS_MAX: usize = 8;

/// Changes that take effect together.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// The same operation given twice takes effect once.
    pub operation: OperationId,
    /// At most [`BATCH_CHANGES_MAX`], applied in order.
    pub changes: Vec<MemberChange<'a>>,
    /// The file that the changes come from and how far it is read with them. The counters are
    /// those before this batch; [`Writer::submit`] adds the batch's own before it writes them.
    pub progress: Option<(FileId, FileProgress)>,
}

/// What came of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSummary {
    /// The batch's place in the log.
    pub position: Position,
    /// The operation had taken effect before: nothing was done now, and the counters are 0.
    pub repeated: bool,
    /// Registrations that are new.
    pub added: u64,
    /// Registrations that were replaced or corrected.
    pub changed: u64,
    /// Registrations that were there exactly so.
    pub unchanged: u64,
    /// Registrations that were taken back.
    pub withdrawn: u64,
    /// Registrations that should be taken back and were not there.
    pub not_found: u64,
    /// Gaps in the insurance of the persons named, after the batch.
    pub gaps: u64,
    /// Pairs of memberships of the persons named with different insurers that cover a same day,
    /// after the batch.
    pub overlaps: u64,
}

impl BatchSummary {
    const fn count(&mut self, effect: Effect) {
        let counter = match effect {
            Effect::Added => &mut self.added,
            Effect::Changed => &mut self.changed,
            Effect::Unchanged => &mut self.unchanged,
            Effect::Withdrawn => &mut self.withdrawn,
            Effect::NotFound => &mut self.not_found,
        };
        *counter += 1;
    }
}

/// The only one who appends to the log.
pub struct Writer<L> {
    log: L,
    pub(crate) reader: Reader,
}

impl<L: ChangeLog> Writer<L> {
    pub(crate) const fn new(log: L, reader: Reader) -> Self {
        Self { log, reader }
    }

    /// The last position in the log.
    #[must_use]
    pub fn head(&self) -> Position {
        self.log.head()
    }

    /// Makes a batch take effect, once: when this returns `Ok`, it is on disk and visible.
    ///
    /// # Errors
    /// [`StoreError::BatchTooLarge`] and [`StoreError::TooManyRegistrations`]: nothing happened.
    /// After any other error the batch may or may not have taken effect; submit it again under the
    /// same operation id to find out.
    pub fn submit(
        &mut self,
        batch: &Batch<'_>,
        shards: &dyn ApplyChanges,
    ) -> Result<BatchSummary, StoreError> {
        check_count(batch.changes.len())?;
        if let Some(repeated) = self.prepare(&batch.operation, shards)? {
            return Ok(repeated);
        }
        let mut summary = BatchSummary::default();
        let mut draft = Draft::new(&self.reader, batch.changes.len());
        let towns = new_towns(&self.reader, &batch.changes);
        let fetched = fetch_all(&self.reader, &towns, &batch.changes)?;
        for (index, fetched) in fetched.into_iter().enumerate() {
            summary.count(draft.take(fetched, index)?);
        }
        let mut finished = draft.finish()?;
        finished.changes.extend(towns.rows().into_iter().map(Change::town));
        summary.gaps = finished.gaps;
        summary.overlaps = finished.overlaps;
        if let Some((file, progress)) = &batch.progress {
            let progress = progress.with(&summary);
            finished.changes.push(Change::progress(file, &progress));
        }
        summary.position = self.commit(batch.operation, finished.changes, shards)?;
        Ok(summary)
    }

    /// Registers insurers, or replaces those with the same number. At most [`BATCH_CHANGES_MAX`].
    ///
    /// # Errors
    /// As [`Writer::submit`].
    pub fn put_insurers(
        &mut self,
        operation: OperationId,
        insurers: &[Insurer],
        shards: &dyn ApplyChanges,
    ) -> Result<BatchSummary, StoreError> {
        check_count(insurers.len())?;
        if let Some(repeated) = self.prepare(&operation, shards)? {
            return Ok(repeated);
        }
        let mut summary = BatchSummary::default();
        // Of several with the same number the last counts.
        let insurers: BTreeMap<_, _> = insurers.iter().map(|one| (one.number, one)).collect();
        let mut changes = Vec::new();
        for insurer in insurers.into_values() {
            let effect = match self.stored_insurer(insurer)? {
                None => Effect::Added,
                Some(stored) if stored == *insurer => Effect::Unchanged,
                Some(_) => Effect::Changed,
            };
            summary.count(effect);
            if effect != Effect::Unchanged {
                changes.push(Change::insurer(insurer));
            }
        }
        summary.position = self.commit(operation, changes, shards)?;
        Ok(summary)
    }

    fn stored_insurer(&self, insurer: &Insurer) -> Result<Option<Insurer>, StoreError> {
        let key = insurer.number.number().to_be_bytes();
        self.reader.read(Table::Insurer, &key, |record| decode_insurer(&key, record))
    }

    /// Makes the shards ready to be read, and looks whether the operation was done before.
    ///
    /// A shard may be behind when applying failed after the log had the record, for instance
    /// because its disk was full. The rules must not work on its old state.
    pub(crate) fn prepare(
        &self,
        operation: &OperationId,
        shards: &dyn ApplyChanges,
    ) -> Result<Option<BatchSummary>, StoreError> {
        let applied = self.reader.lowest_applied();
        let count = self.reader.shard_count();
        feed(&self.log, applied, self.head(), count, shards, &mut |_| {})?;
        let found = self.log.find(operation)?;
        Ok(found.map(|position| BatchSummary {
            position,
            repeated: true,
            ..BatchSummary::default()
        }))
    }

    /// Makes changes that were computed elsewhere take effect, once.
    pub(crate) fn put_changes(
        &mut self,
        operation: OperationId,
        changes: Vec<Change>,
        shards: &dyn ApplyChanges,
    ) -> Result<Position, StoreError> {
        match self.prepare(&operation, shards)? {
            Some(repeated) => Ok(repeated.position),
            None => self.commit(operation, changes, shards),
        }
    }

    pub(crate) fn commit(
        &mut self,
        operation: OperationId,
        changes: Vec<Change>,
        shards: &dyn ApplyChanges,
    ) -> Result<Position, StoreError> {
        let record = LogRecord { position: self.log.head().next(), operation, changes };
        let position = self.log.append(&record)?;
        self.reader.take_towns(&record.changes)?;
        shards.apply(position, per_shard(record.changes, self.reader.shard_count()))?;
        Ok(position)
    }

    /// The log, for looking at it.
    pub const fn log(&self) -> &L {
        &self.log
    }
}

pub(crate) fn check_count(given: usize) -> Result<(), StoreError> {
    if given <= BATCH_CHANGES_MAX {
        return Ok(());
    }
    Err(StoreError::BatchTooLarge { given, max: BATCH_CHANGES_MAX, unit: "changes" })
}

/// Gives codes to the towns of the addresses that have none.
fn new_towns(reader: &Reader, changes: &[MemberChange<'_>]) -> NewTowns {
    let towns = NewTowns::new(reader.masters());
    for change in changes {
        if let MemberChange::Put(registration) = change
            && let Some(address) = &registration.address
        {
            towns.see(address.expose());
        }
    }
    towns
}

/// Reads the state that the changes speak of, on as many threads as pay.
fn fetch_all(
    reader: &Reader,
    towns: &NewTowns,
    changes: &[MemberChange<'_>],
) -> Result<Vec<Fetched>, StoreError> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads =
        (changes.len() / CHANGES_PER_THREAD_MIN).clamp(1, processors.min(READ_THREADS_MAX));
    let fetch_part = |part: &[MemberChange<'_>]| -> Result<Vec<Fetched>, StoreError> {
        part.iter().map(|change| fetch(reader, towns, change)).collect()
    };
    if threads == 1 {
        return fetch_part(changes);
    }
    thread::scope(|scope| {
        let parts: Vec<_> = changes
            .chunks(changes.len().div_ceil(threads))
            .map(|part| scope.spawn(move || fetch_part(part)))
            .collect();
        let mut fetched = Vec::with_capacity(changes.len());
        for part in parts {
            match part.join() {
                Ok(part) => fetched.extend(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(fetched)
    })
}
