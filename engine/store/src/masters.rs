//! The small tables that every query may ask: all in memory, following the log.

use crate::change::{Change, Table};
use crate::codec::Damage;
use crate::error::StoreError;
use crate::insurers::InsurerTable;
use crate::record::decode_insurer;
use crate::shard::Backend;
use crate::towns::TownTable;
use std::ops::ControlFlow;

/// Insurers and towns.
#[derive(Default)]
pub(crate) struct Masters {
    pub(crate) insurers: InsurerTable,
    pub(crate) towns: TownTable,
}

impl Masters {
    /// Reads the tables of shard 0.
    pub(crate) fn load(shard: &dyn Backend) -> Result<Self, StoreError> {
        let masters = Self::default();
        for table in [Table::Insurer, Table::Town] {
            let mut read = Ok(());
            shard.scan(table, &[], &mut |key, value| {
                read = masters.put(table, key, value);
                if read.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            read.map_err(|damage| shard.corrupt(table, damage))?;
        }
        Ok(masters)
    }

    /// Checks what a change would put here.
    pub(crate) fn check(change: &Change) -> Result<(), Damage> {
        let value = || change.value.as_deref().ok_or("masters are never deleted");
        match change.table {
            Table::Insurer => decode_insurer(&change.key, value()?).map(drop),
            Table::Town => crate::record::decode_town(value()?).map(drop),
            Table::Entry
            | Table::Person
            | Table::Progress
            | Table::Certificate
            | Table::Consent
            | Table::Event
            | Table::Holder
            | Table::File => Ok(()),
        }
    }

    /// Takes a change in that was written.
    pub(crate) fn follow(&self, change: &Change) -> Result<(), Damage> {
        match &change.value {
            Some(value) => self.put(change.table, &change.key, value),
            None => Ok(()),
        }
    }

    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Damage> {
        match table {
            Table::Insurer => {
                self.insurers.put(decode_insurer(key, value)?);
                Ok(())
            }
            Table::Town => self.towns.put_stored(key, value),
            Table::Entry
            | Table::Person
            | Table::Progress
            | Table::Certificate
            | Table::Consent
            | Table::Event
            | Table::Holder
            | Table::File => Ok(()),
        }
    }
}
