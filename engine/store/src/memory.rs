//! A shard without a disk: what RocksDB does, with ordered maps. For tests and for trying things
//! out; the conformance suite holds both to the same behaviour.

use crate::change::{Change, Position, Table};
use crate::error::StoreError;
use crate::log::{ChangeLog, MemoryLog};
use crate::reader::Reader;
use crate::resident::Residence;
use crate::shard::{Backend, Reach, ShardStats, ShardWriter, Visit};
use crate::store::{assemble, check_shard_count};
use crate::writer::Writer;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Default)]
struct Contents {
    tables: HashMap<Table, BTreeMap<Box<[u8]>, Vec<u8>>>,
    applied: Position,
}

struct MemoryShard {
    contents: RwLock<Contents>,
    path: PathBuf,
}

impl Backend for MemoryShard {
    fn get(
        &self,
        _: Reach,
        table: Table,
        key: &[u8],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = contents.tables.get(&table).and_then(|rows| rows.get(key)) {
            found(value);
        }
        Ok(())
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        let rows = contents.tables.get(&table).into_iter().flatten();
        let rows = rows
            .skip_while(|(key, _)| &***key < prefix)
            .take_while(|(key, _)| key.starts_with(prefix));
        for (key, value) in rows {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, position: Position, changes: &[Change]) -> Result<(), StoreError> {
        let mut contents = self.contents.write().unwrap_or_else(PoisonError::into_inner);
        for Change { table, key, value } in changes {
            if *table == Table::File {
                // Table files are taken in by RocksDB only.
                return Err(StoreError::SnapshotDamaged { path: self.path.clone() });
            }
            let rows = contents.tables.entry(*table).or_default();
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        contents.applied = position;
        Ok(())
    }

    fn applied(&self) -> Position {
        self.contents.read().unwrap_or_else(PoisonError::into_inner).applied
    }

    fn keep_resident(&self, _: usize, _: &dyn Fn() -> bool) -> Result<Residence, StoreError> {
        Ok(Residence::Resident)
    }

    fn checkpoint(&self, _: &Path) -> Result<(), StoreError> {
        // A log in memory has no checkpoint, so nobody gets here.
        Err(StoreError::NoStore { path: self.path.clone() })
    }

    fn stats(&self) -> ShardStats {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        let entries = contents.tables.get(&Table::Entry).map_or(0, BTreeMap::len);
        ShardStats { entries_estimate: entries as u64, ..ShardStats::default() }
    }

    fn cache_bytes(&self) -> (u64, u64) {
        (0, 0)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// The parts of a store in memory, with the history of this log applied.
///
/// # Errors
/// [`StoreError::ShardCount`], or [`StoreError::CorruptRecord`] from the log.
pub fn open_memory(
    log: MemoryLog,
    shards: u16,
) -> Result<(Writer<MemoryLog>, Vec<ShardWriter>, Reader), StoreError> {
    check_shard_count(shards)?;
    let shards = (0..shards)
        .map(|index| -> Arc<dyn Backend> {
            Arc::new(MemoryShard {
                contents: RwLock::default(),
                path: format!("memory/shard-{index:02}").into(),
            })
        })
        .collect();
    let head = log.head();
    let (mut writers, reader) = assemble(shards)?;
    crate::replay::replay(&log, &mut writers, head, &mut |_| {})?;
    Ok((Writer::new(log, reader.clone()), writers, reader))
}
