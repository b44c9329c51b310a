//! Loading everybody at once into an empty store: sorted table files instead of single writes.
//!
//! ```text
//! lines ─► runs by person ─► person: rules ─► table files of persons
//!          (collect)         (resolve)  └───► runs by card ─► table files of entries
//!                                             (build)
//! ```
//!
//! Memory is bounded by [`BUFFER_BYTES`] for each thread, whatever the files hold. Everything lies
//! in `bulk/<load>/` of the store; the file `STATE` says what of it is complete, so a load that was
//! killed goes on. Nothing is visible before the last step: one record in the change log names the
//! table files, with size and SHA-256, and each shard takes its files in when it applies the record.
//!
//! The table files stay where they are, as hard links that take no room of their own: they are
//! what a shard is rebuilt from, together with the log after them.

mod files;
mod resolve;
mod sort;
mod state;

use crate::cards::CardBinding;
use crate::cards::record::{certificate_key, encode_binding, holder_keys};
use crate::change::{Change, OperationId, Position, Table, shard_of_key};
use crate::codec::Damage;
use crate::error::StoreError;
use crate::log::ChangeLog;
use crate::progress::{FileId, FileProgress};
use crate::reader::Reader;
use crate::record::{
    ENTRY_BYTES_MAX, REGISTRATIONS_MAX, encode_change, encode_person, entry_of_slots,
};
use crate::rocks::file_options;
use crate::shard::ApplyChanges;
use crate::towns::NewTowns;
use crate::writer::{BATCH_CHANGES_MAX, Writer};
use files::TableFiles;
pub(crate) use files::{TableFile, load_folder};
pub use resolve::BulkSummary;
pub(crate) use resolve::StoredChange;
use resolve::{Person, person_of};
use shikaku_domain::{MemberChange, PersonId};
use sort::{Buffer, Merge};
pub use state::BulkCursor;
use state::{Phase, State};
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// Bytes that one thread sorts at a time. A person takes some 110.
pub const BUFFER_BYTES: usize = 384 << 20;
/// Runs that are merged at once; 600 KiB and an open file for each.
const RUNS_MAX: usize = 2048;
/// Rows between two reports of progress.
const REPORT_ROWS: u64 = 65_536;

/// How far a bulk load is in its second part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkProgress {
    /// Rows sorted into table files so far: each registration counts twice.
    pub rows: u64,
    /// All rows.
    pub of: u64,
}

/// A bulk load under way.
pub struct BulkLoad {
    folder: PathBuf,
    shards: usize,
    state: State,
    towns: NewTowns,
    reader: Reader,
}

/// What a bulk load brings. Each kind needs a store that has none of it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkKind {
    /// Everybody's registrations.
    Members,
    /// Whose certificates there are. Their holders are registered already.
    Cards,
}

/// Takes the changes of one thread.
pub struct Collector<'b> {
    load: &'b BulkLoad,
    buffer: Buffer,
    holders: Buffer,
    certificates: Buffer,
    key: Vec<u8>,
}

impl Collector<'_> {
    /// Takes one change. `sequence` orders the changes of one person: a later one has a higher.
    pub fn take(&mut self, sequence: u64, change: &MemberChange<'_>) {
        if let MemberChange::Put(registration) = change {
            if let Some(address) = &registration.address {
                self.load.towns.see(address.expose());
            }
            for key in holder_keys(registration) {
                self.holders.push(self.load.shard(Table::Holder, &key), &key, &[]);
            }
        }
        let value = encode_change(change, &self.load.towns);
        let person = person_of(change).number().to_be_bytes();
        self.key.clear();
        self.key.extend(person);
        self.key.extend(sequence.to_be_bytes());
        self.buffer.push(self.load.shard(Table::Person, &person), &self.key, &value);
    }

    /// Takes one binding. `sequence` orders those of one certificate: the highest counts.
    pub fn bind(&mut self, sequence: u64, binding: &CardBinding) {
        let certificate = certificate_key(binding.certificate);
        self.key.clear();
        self.key.extend(certificate);
        self.key.extend(sequence.to_be_bytes());
        let shard = self.load.shard(Table::Certificate, &certificate);
        self.certificates.push(shard, &self.key, &encode_binding(binding));
    }

    /// Whether it is time for [`BulkLoad::checkpoint`].
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.buffer.len() + self.holders.len() + self.certificates.len() >= BUFFER_BYTES
    }
}

impl BulkLoad {
    /// Begins a bulk load, or goes on with one. `what` names what is to be loaded: the same names
    /// go on. A load of other names that was cut off is given up and its files are removed.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] when there is any row of this kind, or what the disk reports.
    pub fn open<L: ChangeLog>(
        store: &Path,
        kind: BulkKind,
        what: &[&[u8]],
        writer: &Writer<L>,
        reader: &Reader,
    ) -> Result<Self, StoreError> {
        let plan = plan(what, writer.log())?;
        clear_up(store, &plan, writer.log())?;
        let tables: &[Table] = match kind {
            BulkKind::Members => &[Table::Entry, Table::Person],
            BulkKind::Cards => &[Table::Certificate],
        };
        if !reader.is_empty(tables)? {
            return Err(StoreError::NotEmpty { path: store.to_owned() });
        }
        let folder = load_folder(store, &plan);
        let failed = |error: io::Error| StoreError::from_io(&folder, &error);
        let kept = State::read(&folder)?.filter(|state| state.plan == plan);
        if kept.is_none() {
            fs::create_dir_all(&folder).map_err(failed)?;
        }
        let load = Self {
            folder: folder.clone(),
            shards: reader.shard_count(),
            state: kept.unwrap_or_else(|| State::new(plan)),
            towns: NewTowns::new(reader.masters()),
            reader: reader.clone(),
        };
        load.remove_unfinished()?;
        load.state.write(&load.folder)?;
        Ok(load)
    }

    /// How far the files were read.
    #[must_use]
    pub const fn cursor(&self) -> &BulkCursor {
        &self.state.cursor
    }

    /// Whether the files were read to the end.
    #[must_use]
    pub fn is_collected(&self) -> bool {
        self.state.phase > Phase::Collect
    }

    /// Takes changes on one thread.
    #[must_use]
    pub const fn collector(&self) -> Collector<'_> {
        Collector {
            load: self,
            buffer: Buffer::new(),
            holders: Buffer::new(),
            certificates: Buffer::new(),
            key: Vec::new(),
        }
    }

    /// Makes what was collected durable, together with how far the files were read.
    ///
    /// # Errors
    /// What the disk or the log reports; the load goes on from the checkpoint before.
    pub fn checkpoint<L: ChangeLog>(
        &mut self,
        buffers: Vec<Collected>,
        cursor: BulkCursor,
        writer: &mut Writer<L>,
        shards: &dyn ApplyChanges,
    ) -> Result<(), StoreError> {
        let round = self.state.rounds;
        let folder = &self.folder;
        let run = |table: Table, shard: u16, index: usize| {
            folder.join(format!("{}-{shard:02}-{round:05}-{index:02}.run", table.name()))
        };
        in_parallel(buffers.len(), buffers, |index, collected| {
            let Collected { mut rows, mut holders, mut certificates } = collected;
            rows.write(|shard| run(Table::Person, shard, index))?;
            holders.write(|shard| run(Table::Holder, shard, index))?;
            certificates.write(|shard| run(Table::Certificate, shard, index))
        })?;
        self.log_towns(writer, shards)?;
        self.state.rounds += 1;
        self.state.cursor = cursor;
        self.state.write(&self.folder)
    }

    /// Towns first seen in this round get their codes in the log before any run that names them
    /// counts.
    fn log_towns<L: ChangeLog>(
        &mut self,
        writer: &mut Writer<L>,
        shards: &dyn ApplyChanges,
    ) -> Result<(), StoreError> {
        let rows = self.towns.rows();
        for rows in rows.chunks(BATCH_CHANGES_MAX) {
            let first = rows.first().map_or([0; 4], |(code, _)| *code);
            let parts = [&self.state.plan.as_bytes()[..], b"towns", &first];
            let changes = rows.iter().cloned().map(Change::town).collect();
            writer.put_changes(OperationId::of(&parts), changes, shards)?;
        }
        self.towns = NewTowns::new(self.reader.masters());
        Ok(())
    }

    /// Says that all files were read.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn finish_collecting(&mut self) -> Result<(), StoreError> {
        self.state.phase = Phase::Sort;
        self.state.write(&self.folder)
    }

    /// Sorts everything into table files and makes them the store's contents: one record in the
    /// log, with how far each file was loaded. Goes on where it was cut off.
    ///
    /// # Errors
    /// [`StoreError::TooManyRegistrations`], [`StoreError::BatchTooLarge`], or what the disk
    /// reports. Nothing is visible then.
    pub fn finish<L: ChangeLog>(
        mut self,
        writer: &mut Writer<L>,
        shards: &dyn ApplyChanges,
        progress: &(dyn Fn(BulkProgress) + Sync),
    ) -> Result<(Position, BulkSummary), StoreError> {
        if self.state.phase == Phase::Collect {
            self.finish_collecting()?;
        }
        let of = 2 * self.state.cursor.done.iter().map(|(_, lines, _)| lines).sum::<u64>();
        let rows = AtomicU64::new(0);
        let report = |more: u64| {
            let rows = rows.fetch_add(more, Ordering::Relaxed) + more;
            progress(BulkProgress { rows: rows.min(of), of });
        };
        let (mut files, summary) = self.resolve(&report)?;
        files.extend(self.build(&report)?);
        files.extend(self.last_rows(Table::Holder, 0)?);
        files.extend(self.last_rows(Table::Certificate, size_of::<u64>())?);
        let changes = self.changes(&files, &summary);
        let position = writer.put_changes(self.state.plan, changes, shards)?;
        let folder = self.folder;
        remove_all(&folder, &names_in(&folder, |name| !name.ends_with(".sst"))?)?;
        Ok((position, summary))
    }

    fn changes(&self, files: &[(usize, TableFile)], summary: &BulkSummary) -> Vec<Change> {
        let mut changes: Vec<_> =
            files.iter().map(|(shard, file)| Change::file(*shard, file)).collect();
        for (index, (id, lines, rejected)) in self.state.cursor.done.iter().enumerate() {
            let Some(id) = crate::hex::decode(id) else { continue };
            let lines = FileProgress {
                lines: *lines,
                rejected: *rejected,
                complete: true,
                ..FileProgress::default()
            };
            // What came of the lines is known for all files together only.
            let progress = if index == 0 { of_summary(lines, summary) } else { lines };
            changes.push(Change::progress(&FileId::from_digest(id), &progress));
        }
        changes
    }

    /// From runs by person to the persons' table files and runs by card.
    fn resolve(
        &self,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<(Vec<(usize, TableFile)>, BulkSummary), StoreError> {
        let of_shards = in_parallel(processors(), (0..self.shards).collect(), |_, shard| {
            self.resolve_shard(shard, report).map(|(files, summary)| (shard, files, summary))
        })?;
        let mut summary = BulkSummary::default();
        let mut all = Vec::new();
        for (shard, files, part) in of_shards {
            all.extend(files.into_iter().map(|file| (shard, file)));
            summary.add(&part);
        }
        Ok((all, summary))
    }

    fn resolve_shard(
        &self,
        shard: usize,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<(Vec<TableFile>, BulkSummary), StoreError> {
        let options = file_options(Table::Person);
        let mut rows =
            TableFiles::new(&self.folder, self.state.plan, Table::Person, shard, &options);
        let mut slots = SlotRuns { load: self, shard, round: 0, buffer: Buffer::new() };
        let mut summary = BulkSummary::default();
        let mut person = Person::default();
        let mut at: Option<PersonId> = None;
        let mut lines = 0;
        let merge = Merge::open(&self.folder, &self.runs(&format!("person-{shard:02}-"))?)?;
        let corrupt = |damage| self.corrupt(Table::Person, damage);
        merge.each(|key, change| {
            let id = key.first_chunk().map(|id| u64::from_be_bytes(*id));
            let id = id.and_then(PersonId::from_number).ok_or("no such person number");
            let id = id.map_err(corrupt)?;
            if let Some(before) = at.filter(|before| *before != id) {
                end_person(before, &mut person, &mut summary, &mut rows, &mut slots)?;
            }
            at = Some(id);
            let effect = person.take(change).map_err(corrupt)?;
            summary.count(effect.ok_or(too_many("person"))?);
            lines += 1;
            if lines % REPORT_ROWS == 0 {
                report(REPORT_ROWS);
            }
            Ok(())
        })?;
        if let Some(last) = at {
            end_person(last, &mut person, &mut summary, &mut rows, &mut slots)?;
        }
        slots.write()?;
        report(lines % REPORT_ROWS);
        Ok((rows.finish()?, summary))
    }

    /// From runs by card to the entries' table files.
    fn build(&self, report: &(dyn Fn(u64) + Sync)) -> Result<Vec<(usize, TableFile)>, StoreError> {
        let of_shards = in_parallel(processors(), (0..self.shards).collect(), |_, shard| {
            self.build_shard(shard, report).map(|files| (shard, files))
        })?;
        let files = of_shards.into_iter();
        Ok(files.flat_map(|(shard, files)| files.into_iter().map(move |f| (shard, f))).collect())
    }

    /// From a table's runs to its files: the last row of each key, whose last bytes in the runs
    /// are a sequence number of this many bytes.
    fn last_rows(
        &self,
        table: Table,
        sequence_bytes: usize,
    ) -> Result<Vec<(usize, TableFile)>, StoreError> {
        let of_shards = in_parallel(processors(), (0..self.shards).collect(), |_, shard| {
            let options = file_options(table);
            let mut files = TableFiles::new(&self.folder, self.state.plan, table, shard, &options);
            let (mut last_key, mut last_value) = (Vec::new(), Vec::new());
            let runs = self.runs(&format!("{}-{shard:02}-", table.name()))?;
            Merge::open(&self.folder, &runs)?.each(|key, value| {
                let (key, _) = key.split_at(key.len().saturating_sub(sequence_bytes));
                if last_key != key {
                    if !last_key.is_empty() {
                        files.put(&last_key, &last_value)?;
                    }
                    key.clone_into(&mut last_key);
                }
                value.clone_into(&mut last_value);
                Ok(())
            })?;
            if !last_key.is_empty() {
                files.put(&last_key, &last_value)?;
            }
            files.finish().map(|files| (shard, files))
        })?;
        let files = of_shards.into_iter();
        Ok(files.flat_map(|(shard, files)| files.into_iter().map(move |f| (shard, f))).collect())
    }

    fn build_shard(
        &self,
        shard: usize,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<TableFile>, StoreError> {
        let options = file_options(Table::Entry);
        let mut files =
            TableFiles::new(&self.folder, self.state.plan, Table::Entry, shard, &options);
        let mut entry = EntryRows::default();
        let mut lines = 0;
        let merge = Merge::open(&self.folder, &self.runs(&format!("entry-{shard:02}-"))?)?;
        let corrupt = |damage| self.corrupt(Table::Entry, damage);
        merge.each(|key, slot| {
            let (card, _order) = key
                .split_last_chunk::<SLOT_ORDER_BYTES>()
                .ok_or_else(|| corrupt("no such card key"))?;
            if entry.card != card {
                entry.end(&mut files).map_err(|problem| problem.or(corrupt))?;
                entry.card = card.to_vec();
            }
            entry.slots.push(slot.to_vec());
            if entry.slots.len() > REGISTRATIONS_MAX {
                return Err(too_many("card"));
            }
            lines += 1;
            if lines % REPORT_ROWS == 0 {
                report(REPORT_ROWS);
            }
            Ok(())
        })?;
        entry.end(&mut files).map_err(|problem| problem.or(corrupt))?;
        report(lines % REPORT_ROWS);
        files.finish()
    }

    fn shard(&self, table: Table, key: &[u8]) -> u16 {
        // INVARIANT: a store has at most `SHARDS_MAX` shards.
        u16::try_from(shard_of_key(table, key, self.shards)).unwrap_or_default()
    }

    fn corrupt(&self, table: Table, reason: Damage) -> StoreError {
        StoreError::of_record(&self.folder, table.name(), reason)
    }

    /// The runs whose names begin so.
    fn runs(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut names =
            names_in(&self.folder, |name| name.starts_with(prefix) && name.ends_with(".run"))?;
        names.sort_unstable();
        if names.len() > RUNS_MAX {
            return Err(StoreError::BatchTooLarge {
                given: names.len(),
                max: RUNS_MAX,
                unit: "sorted runs",
            });
        }
        Ok(names)
    }

    /// Removes what a load that was cut off left behind and that does not count.
    fn remove_unfinished(&self) -> Result<(), StoreError> {
        let rounds = self.state.rounds;
        let is_counted = |name: &str| {
            let mut parts = name.split('-');
            let round = parts.nth(2).and_then(|round| round.parse::<u64>().ok());
            COLLECTED.iter().any(|table| name.split('-').next() == Some(table.name()))
                && name.ends_with(".run")
                && round.is_some_and(|round| round < rounds)
        };
        let is_left = |name: &str| !name.starts_with("STATE") && !is_counted(name);
        remove_all(&self.folder, &names_in(&self.folder, is_left)?)
    }
}

/// The tables whose runs are written while files are read.
const COLLECTED: [Table; 3] = [Table::Person, Table::Holder, Table::Certificate];

/// A collector's rows, free of the load that they were collected for.
pub struct Collected {
    rows: Buffer,
    holders: Buffer,
    certificates: Buffer,
}

impl From<Collector<'_>> for Collected {
    fn from(collector: Collector<'_>) -> Self {
        let Collector { load: _, buffer: rows, holders, certificates, key: _ } = collector;
        Self { rows, holders, certificates }
    }
}

fn of_summary(lines: FileProgress, summary: &BulkSummary) -> FileProgress {
    let BulkSummary { persons: _, added, changed, unchanged, withdrawn, not_found, gaps, overlaps } =
        *summary;
    FileProgress { added, changed, unchanged, withdrawn, not_found, gaps, overlaps, ..lines }
}

fn too_many(whose: &'static str) -> StoreError {
    StoreError::TooManyRegistrations { change: 0, whose, max: REGISTRATIONS_MAX }
}

fn end_person(
    id: PersonId,
    person: &mut Person,
    summary: &mut BulkSummary,
    rows: &mut TableFiles<'_>,
    slots: &mut SlotRuns<'_>,
) -> Result<(), StoreError> {
    let memberships = person.finish(id, summary, |card, slot, encoded| {
        let (person, start) = slot.order();
        slots.push(card.as_bytes(), person, start.number(), encoded);
    });
    if !memberships.is_empty() {
        rows.put(&id.number().to_be_bytes(), &encode_person(&memberships))?;
    }
    if slots.buffer.len() >= BUFFER_BYTES {
        slots.write()?;
    }
    Ok(())
}

/// Person and start behind the card's key: the order of the slots of an entry.
const SLOT_ORDER_BYTES: usize = 12;

/// The runs by card that come from one shard of persons.
struct SlotRuns<'b> {
    load: &'b BulkLoad,
    shard: usize,
    round: u32,
    buffer: Buffer,
}

impl SlotRuns<'_> {
    fn push(&mut self, card: &[u8], person: PersonId, start: u32, slot: &[u8]) {
        // Card keys hold their own lengths, so none begins with another and this keeps their order.
        let key = [card, &person.number().to_be_bytes(), &start.to_be_bytes()].concat();
        self.buffer.push(self.load.shard(Table::Entry, card), &key, slot);
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let (from, round, folder) = (self.shard, self.round, &self.load.folder);
        self.buffer.write(|to| folder.join(format!("entry-{to:02}-{round:05}-{from:02}.run")))?;
        self.round += 1;
        Ok(())
    }
}

/// The slots of one entry as they come.
#[derive(Default)]
struct EntryRows {
    card: Vec<u8>,
    slots: Vec<Vec<u8>>,
}

enum EntryProblem {
    Store(StoreError),
    Damage(Damage),
}

impl EntryProblem {
    fn or(self, corrupt: impl Fn(Damage) -> StoreError) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Damage(damage) => corrupt(damage),
        }
    }
}

impl EntryRows {
    fn end(&mut self, files: &mut TableFiles<'_>) -> Result<(), EntryProblem> {
        if self.slots.is_empty() {
            return Ok(());
        }
        let entry = entry_of_slots(&self.slots).map_err(EntryProblem::Damage)?;
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(EntryProblem::Store(StoreError::BatchTooLarge {
                given: entry.len(),
                max: ENTRY_BYTES_MAX,
                unit: "bytes for one card",
            }));
        }
        self.slots.clear();
        files.put(&self.card, &entry).map_err(EntryProblem::Store)
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Does pieces of work on at most so many threads; the results are in the order of the pieces.
fn in_parallel<W: Send, R: Send>(
    threads: usize,
    work: Vec<W>,
    each: impl Fn(usize, W) -> Result<R, StoreError> + Sync,
) -> Result<Vec<R>, StoreError> {
    let next = AtomicUsize::new(0);
    let count = work.len();
    let work: Vec<_> = work.into_iter().map(|piece| Mutex::new(Some(piece))).collect();
    let results: Vec<_> = (0..count).map(|_| Mutex::new(None)).collect();
    let run = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(piece), Some(result)) = (work.get(at), results.get(at)) else { return };
            let piece = piece.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(piece) = piece {
                let done = each(at, piece);
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.clamp(1, count.max(1)) {
            scope.spawn(run);
        }
        run();
    });
    let taken = results.into_iter();
    taken.filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// The first operation of these names that is not in the log: a store that was emptied can be
/// loaded again.
fn plan(what: &[&[u8]], log: &impl ChangeLog) -> Result<OperationId, StoreError> {
    let mut count = 0_u64;
    loop {
        let count_bytes = count.to_be_bytes();
        let parts: Vec<&[u8]> =
            [b"bulk".as_slice(), &count_bytes].into_iter().chain(what.iter().copied()).collect();
        let plan = OperationId::of(&parts);
        if log.find(&plan)?.is_none() {
            return Ok(plan);
        }
        count += 1;
    }
}

/// Removes loads that were given up, and what finished ones needed only meanwhile.
fn clear_up(store: &Path, plan: &OperationId, log: &impl ChangeLog) -> Result<(), StoreError> {
    let bulk = store.join("bulk");
    let failed = |error: io::Error| StoreError::from_io(&bulk, &error);
    let folders = match fs::read_dir(&bulk) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        folders => folders.map_err(failed)?,
    };
    for folder in folders {
        let folder = folder.map_err(failed)?.path();
        let name = folder.file_name().and_then(|name| name.to_str());
        let Some(id) = name.and_then(crate::hex::decode) else { continue };
        let load = OperationId::from_bytes(id);
        if log.find(&load)?.is_some() {
            remove_all(&folder, &names_in(&folder, |name| !name.ends_with(".sst"))?)?;
        } else if load != *plan {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
    }
    Ok(())
}

/// The names of the files in a folder.
fn names_in(folder: &Path, is_meant: impl Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
    let failed = |error: io::Error| StoreError::from_io(folder, &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.extend(name.to_str().filter(|name| is_meant(name)).map(ToOwned::to_owned));
    }
    Ok(names)
}

fn remove_all(folder: &Path, names: &[String]) -> Result<(), StoreError> {
    for name in names {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|error| StoreError::from_io(&path, &error))?;
    }
    Ok(())
}
