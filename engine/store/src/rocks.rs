//! RocksDB: options, and a shard kept in it. No other module but the log's names it.
//!
//! Options follow the project's measurements of these very rows (`./dev bench formats`, with the
//! table of what was tried in `benches/measured.md`): 4 KiB blocks with a restart at every fourth row,
//! no filter in the last level, a HyperClock cache, LZ4; tables that a lookup by number never reads
//! are 40 % smaller with ZSTD in blocks of 16 KiB.

use crate::bulk::TableFile;
use crate::change::{Change, Position, Table};
use crate::checkpoint;
use crate::closing::Open;
use crate::error::StoreError;
use crate::resident::{Residence, Resident};
use crate::shard::{Backend, Reach, ShardStats, Visit};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DBCompressionType,
    DBWithThreadMode, Direction, IngestExternalFileOptions, IteratorMode, Options, ReadOptions,
    ReadTier, SingleThreaded, WriteBatch, properties,
};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Column families are fixed at opening, so looking one up takes no lock.
pub(crate) type Db = DBWithThreadMode<SingleThreaded>;

/// What a table is read for.
#[derive(Clone, Copy)]
pub(crate) enum TableUse {
    /// Single keys at random, from memory if possible.
    PointReads,
    /// Single keys, by the writer or once a visit with a card: small on disk comes first.
    Writing,
    /// Large values in order, read again only after a crash.
    Log,
}

const BLOCK_BYTES: usize = 4 << 10;
/// Blocks of tables that questions hardly read.
const BLOCK_BYTES_WRITING: usize = 16 << 10;
/// Rows between two that are spelled in full. 1 takes 8 % more memory and is no faster with rows of
/// 77 bytes; 16, the default, is a quarter slower.
const RESTART_ROWS_POINT_READS: i32 = 4;
const RESTART_ROWS_WRITING: i32 = 16;
/// 1 % false positives. Loading asks for many keys that are not there.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Written and read by RocksDB 10.4 and later.
const TABLE_FORMAT_VERSION: i32 = 7;
/// Writes of all shards that may wait in memory for flushing.
const WRITE_BUFFERS_BYTES: usize = 256 << 20;
const WRITE_BUFFER_BYTES_MIN: usize = 4 << 20;
const WRITE_BUFFER_BYTES_MAX: usize = 32 << 20;
/// Share of a write buffer for a filter over its keys: most keys asked for are not in it, and its
/// skip list is slower than the table files.
const WRITE_BUFFER_BLOOM_RATIO: f64 = 0.1;
/// A shard fills one buffer while others are flushed.
const WRITE_BUFFERS_PER_TABLE: u8 = 3;
/// A small table's unflushed rows keep its write-ahead log alive; beyond this it is flushed. Bounds
/// what is read at opening after a crash.
const WAL_BYTES_MAX_TOTAL: usize = 256 << 20;
const WAL_BYTES_MIN: usize = 8 << 20;
/// RocksDB's own message files: enough to see what happened, never a full disk.
const INFO_LOG_BYTES_MAX: usize = 4 << 20;
const INFO_LOG_FILES_MAX: usize = 4;
/// Flushes and compactions of one database at the same time.
const BACKGROUND_JOBS_MAX: i32 = 2;

/// What the databases of one store share.
pub(crate) struct Shared {
    pub(crate) cache: Cache,
    pub(crate) shards: usize,
    pub(crate) open: Open,
}

/// Opens a database with the default column family and these others, making what is missing.
pub(crate) fn open_db(
    path: &Path,
    others: &[(&str, TableUse)],
    default: TableUse,
    shared: Option<&Shared>,
) -> Result<Db, StoreError> {
    let shards = shared.map_or(1, |shared| shared.shards);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(BACKGROUND_JOBS_MAX);
    let wal = (WAL_BYTES_MAX_TOTAL / shards).max(WAL_BYTES_MIN);
    options.set_max_total_wal_size(wal as u64);
    options.set_max_log_file_size(INFO_LOG_BYTES_MAX);
    options.set_keep_log_file_num(INFO_LOG_FILES_MAX);
    options.set_stats_dump_period_sec(0);
    let default = (rocksdb::DEFAULT_COLUMN_FAMILY_NAME, default);
    let families = std::iter::once(&default).chain(others).map(|(name, table_use)| {
        ColumnFamilyDescriptor::new(*name, table_options(*table_use, shared))
    });
    Db::open_cf_descriptors(&options, path, families)
        .map_err(|error| StoreError::from_rocks(path, &error))
}

fn table_options(table_use: TableUse, shared: Option<&Shared>) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_format_version(TABLE_FORMAT_VERSION);
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::Lz4);
    let shards = shared.map_or(1, |shared| shared.shards);
    let buffer = (WRITE_BUFFERS_BYTES / usize::from(WRITE_BUFFERS_PER_TABLE) / shards)
        .clamp(WRITE_BUFFER_BYTES_MIN, WRITE_BUFFER_BYTES_MAX);
    options.set_write_buffer_size(buffer);
    options.set_max_write_buffer_number(i32::from(WRITE_BUFFERS_PER_TABLE));
    match table_use {
        TableUse::PointReads | TableUse::Writing => {
            if matches!(table_use, TableUse::Writing) {
                blocks.set_block_size(BLOCK_BYTES_WRITING);
                blocks.set_block_restart_interval(RESTART_ROWS_WRITING);
                options.set_compression_type(DBCompressionType::Zstd);
            } else {
                blocks.set_block_size(BLOCK_BYTES);
                blocks.set_block_restart_interval(RESTART_ROWS_POINT_READS);
            }
            blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
            // Nearly every key asked for is in the last level, so its filter only costs.
            options.set_optimize_filters_for_hits(true);
            options.set_memtable_prefix_bloom_ratio(WRITE_BUFFER_BLOOM_RATIO);
            options.set_memtable_whole_key_filtering(true);
        }
        TableUse::Log => {
            blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
        }
    }
    if let Some(shared) = shared {
        blocks.set_block_cache(&shared.cache);
    }
    options.set_block_based_table_factory(&blocks);
    options
}

/// How a table's file is written outside of a database.
pub(crate) fn file_options(table: Table) -> Options {
    table_options(table_use(table), None)
}

const fn table_use(table: Table) -> TableUse {
    match table {
        Table::Entry
        | Table::Insurer
        | Table::Progress
        | Table::Town
        | Table::File
        | Table::Consent
        | Table::Event => TableUse::PointReads,
        Table::Person | Table::Holder | Table::Certificate => TableUse::Writing,
    }
}

const META: &str = "meta";
const APPLIED: &[u8] = b"applied";

/// A shard in a folder of its own. Entries are in the default column family.
///
/// Invariant: `applied` is the position stored in table `meta`.
pub(crate) struct RocksShard {
    db: Db,
    path: PathBuf,
    cache: Cache,
    cache_capacity: usize,
    applied: AtomicU64,
    /// Made once: a set of options for each read would be one more allocation in it.
    in_memory: ReadOptions,
    anywhere: ReadOptions,
    resident: Resident,
    /// Dropped after the database.
    _open: Open,
}

impl RocksShard {
    /// Opens the shard in this folder, making an empty one if it is not there.
    pub(crate) fn open(
        path: &Path,
        shared: &Shared,
        cache_capacity: usize,
    ) -> Result<Self, StoreError> {
        let others = [
            (Table::Person.name(), table_use(Table::Person)),
            (Table::Insurer.name(), TableUse::PointReads),
            (Table::Progress.name(), TableUse::PointReads),
            (Table::Town.name(), TableUse::PointReads),
            (Table::Certificate.name(), table_use(Table::Certificate)),
            (Table::Consent.name(), TableUse::PointReads),
            (Table::Event.name(), TableUse::Log),
            (Table::Holder.name(), table_use(Table::Holder)),
            (META, TableUse::PointReads),
        ];
        let db = open_db(path, &others, TableUse::PointReads, Some(shared))?;
        let mut in_memory = ReadOptions::default();
        in_memory.set_read_tier(ReadTier::BlockCache);
        let shard = Self {
            db,
            path: path.to_owned(),
            cache: shared.cache.clone(),
            cache_capacity,
            applied: AtomicU64::new(0),
            in_memory,
            anywhere: ReadOptions::default(),
            resident: Resident::new(),
            _open: shared.open.clone(),
        };
        let applied = shard.db.get_pinned_cf(shard.family(META)?, APPLIED);
        if let Some(stored) = applied.map_err(|error| shard.failed(&error))? {
            let bytes = (*stored).try_into().map_err(|_| StoreError::CorruptRecord {
                path: path.to_owned(),
                table: META,
                reason: "not a position",
            })?;
            shard.applied.store(u64::from_be_bytes(bytes), Ordering::Release);
        }
        Ok(shard)
    }

    fn family(&self, name: &str) -> Result<&ColumnFamily, StoreError> {
        self.db.cf_handle(name).ok_or_else(|| StoreError::CorruptFiles {
            path: self.path.clone(),
            detail: format!("table {name} is missing"),
        })
    }

    /// The column family of a table other than `entry`, which is the default one.
    fn table(&self, table: Table) -> Result<Option<&ColumnFamily>, StoreError> {
        match table {
            Table::Entry => Ok(None),
            Table::Person
            | Table::Insurer
            | Table::Progress
            | Table::Town
            | Table::Certificate
            | Table::Consent
            | Table::Event
            | Table::Holder
            | Table::File => self.family(table.name()).map(Some),
        }
    }

    fn failed(&self, error: &rocksdb::Error) -> StoreError {
        StoreError::from_rocks(&self.path, error)
    }

    /// A number that RocksDB keeps, summed over the tables; 0 where it has none.
    fn sum(&self, property: &properties::PropName) -> u64 {
        let of = |family: &ColumnFamily| self.db.property_int_value_cf(family, property);
        [rocksdb::DEFAULT_COLUMN_FAMILY_NAME, Table::Person.name()]
            .into_iter()
            .filter_map(|name| self.db.cf_handle(name).and_then(|family| of(family).ok()?))
            .sum()
    }

    /// Takes in the table files among the changes of a record. The files of one table go in
    /// together or not at all; a table that has rows already has had them, before a crash. Rows of
    /// `holder` outlive registrations, and taking the same ones in twice does no harm.
    fn take_in(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut files = Vec::new();
        for change in changes.iter().filter(|change| change.table == Table::File) {
            let file = change.value.as_deref().ok_or("a file is never deleted");
            let file = file
                .and_then(TableFile::decode)
                .map_err(|reason| StoreError::of_record(&self.path, "file", reason))?;
            files.push(file);
        }
        for table in [Table::Holder, Table::Entry, Table::Person, Table::Certificate] {
            let files: Vec<_> = files.iter().filter(|file| file.table == table).collect();
            if !files.is_empty() && (table == Table::Holder || self.has_no_rows(table)?) {
                self.ingest(table, &files)?;
            }
        }
        Ok(())
    }

    fn has_no_rows(&self, table: Table) -> Result<bool, StoreError> {
        let mut has_none = true;
        self.scan(table, &[], &mut |_, _| {
            has_none = false;
            ControlFlow::Break(())
        })?;
        Ok(has_none)
    }

    fn ingest(&self, table: Table, files: &[&TableFile]) -> Result<(), StoreError> {
        let store = self.path.parent().unwrap_or(&self.path);
        let failed = |path: &Path, error| StoreError::from_io(path, &error);
        let mut links = Vec::with_capacity(files.len());
        for file in files {
            file.check(store)?;
            // RocksDB takes the link away; the file itself stays for rebuilding.
            let link = self.path.join(format!("{}.incoming", file.name));
            match fs::remove_file(&link) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(&link, error));
                }
                Ok(()) | Err(_) => {}
            }
            fs::hard_link(file.path(store), &link).map_err(|error| failed(&link, error))?;
            links.push(link);
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let taken = match self.table(table)? {
            None => self.db.ingest_external_file_opts(&options, links),
            Some(family) => self.db.ingest_external_file_cf_opts(family, &options, links),
        };
        taken.map_err(|error| self.failed(&error))
    }

    fn number(&self, property: &properties::PropName) -> u64 {
        self.db.property_int_value(property).ok().flatten().unwrap_or(0)
    }
}

impl Backend for RocksShard {
    // HOT PATH: entries need no column family handle, and values are not copied.
    fn get(
        &self,
        reach: Reach,
        table: Table,
        key: &[u8],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        if table == Table::Entry && self.resident.get(key, found) {
            return Ok(());
        }
        let options = match reach {
            Reach::Memory => &self.in_memory,
            Reach::Disk => &self.anywhere,
        };
        let value = match self.table(table)? {
            None => self.db.get_pinned_opt(key, options),
            Some(family) => self.db.get_pinned_cf_opt(family, key, options),
        };
        if let Some(value) = value.map_err(|error| self.failed(&error))? {
            found(&value);
        }
        Ok(())
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let from = IteratorMode::From(prefix, Direction::Forward);
        // What is gone through once must not drive out what questions need.
        let mut once = ReadOptions::default();
        once.fill_cache(false);
        let rows = match self.table(table)? {
            None => self.db.iterator_opt(from, once),
            Some(family) => self.db.iterator_cf_opt(family, once, from),
        };
        for row in rows {
            let (key, value) = row.map_err(|error| self.failed(&error))?;
            if !key.starts_with(prefix) || visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, position: Position, changes: &[Change]) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        let writing = self.resident.writing(changes);
        self.take_in(changes)?;
        for Change { table, key, value } in changes.iter().filter(|c| c.table != Table::File) {
            match (self.table(*table)?, value) {
                (None, Some(value)) => batch.put(key, value),
                (None, None) => batch.delete(key),
                (Some(family), Some(value)) => batch.put_cf(family, key, value),
                (Some(family), None) => batch.delete_cf(family, key),
            }
        }
        batch.put_cf(self.family(META)?, APPLIED, position.number().to_be_bytes());
        // Not synced: after a loss of power the log brings back what is missing here.
        self.db.write(batch).map_err(|error| self.failed(&error))?;
        writing.wrote(changes);
        self.applied.store(position.number(), Ordering::Release);
        Ok(())
    }

    fn applied(&self) -> Position {
        Position::from_number(self.applied.load(Ordering::Acquire))
    }

    fn keep_resident(
        &self,
        bytes_max: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Residence, StoreError> {
        self.resident.make(self, bytes_max, go_on)
    }

    fn checkpoint(&self, to: &Path) -> Result<(), StoreError> {
        checkpoint::of_database(&self.db, &self.path, to)
    }

    fn stats(&self) -> ShardStats {
        ShardStats {
            entries_estimate: self.number(properties::ESTIMATE_NUM_KEYS),
            sst_bytes: self.sum(properties::TOTAL_SST_FILES_SIZE),
            memtable_bytes: self.sum(properties::CUR_SIZE_ALL_MEM_TABLES),
            resident_bytes: self.resident.bytes() as u64,
            writes_stalled: self.number(properties::IS_WRITE_STOPPED) > 0
                || self.number(properties::ACTUAL_DELAYED_WRITE_RATE) > 0,
            background_errors: self.number(properties::BACKGROUND_ERRORS),
        }
    }

    fn cache_bytes(&self) -> (u64, u64) {
        (self.cache.get_usage() as u64, self.cache_capacity as u64)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
