//! The insurers, all in memory: there are a few thousand, and every query asks for one.

use crate::change::{Change, Table};
use crate::codec::Damage;
use crate::error::StoreError;
use crate::record::decode_insurer;
use crate::shard::Backend;
use shikaku_domain::{Insurer, InsurerNumber};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

/// Follows the table `insurer` of shard 0. The lock is held for a look-up or a few inserts only.
#[derive(Default)]
pub(crate) struct InsurerTable(RwLock<HashMap<InsurerNumber, Arc<Insurer>>>);

impl InsurerTable {
    /// Reads all insurers of shard 0.
    pub(crate) fn load(shard: &dyn Backend) -> Result<Self, StoreError> {
        let table = Self::default();
        let mut damage = None;
        shard.scan(Table::Insurer, &[], &mut |key, value| {
            match decode_insurer(key, value) {
                Ok(insurer) => table.put([insurer]),
                Err(found) => damage = Some(found),
            }
            if damage.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        match damage {
            Some(damage) => Err(shard.corrupt(Table::Insurer, damage)),
            None => Ok(table),
        }
    }

    /// The insurer that a change puts.
    pub(crate) fn decode(change: &Change) -> Result<Insurer, Damage> {
        let value = change.value.as_deref().ok_or("insurers are never deleted")?;
        decode_insurer(&change.key, value)
    }

    pub(crate) fn put(&self, insurers: impl IntoIterator<Item = Insurer>) {
        let mut insurers = insurers.into_iter().peekable();
        if insurers.peek().is_none() {
            return;
        }
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.extend(insurers.map(|insurer| (insurer.number, Arc::new(insurer))));
    }

    pub(crate) fn find(&self, number: InsurerNumber) -> Option<Arc<Insurer>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.get(&number).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
