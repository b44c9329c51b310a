//! The insurers, all in memory: there are a few thousand, and every query asks for one.

use foldhash::fast::FixedState;
use shikaku_domain::{Insurer, InsurerNumber};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Follows the table `insurer` of shard 0. The lock is held for a look-up or an insert only.
///
/// Whoever asks puts nothing in here, so the hash need not be one that nobody can guess.
#[derive(Default)]
pub(crate) struct InsurerTable(RwLock<HashMap<InsurerNumber, Arc<Insurer>, FixedState>>);

impl InsurerTable {
    pub(crate) fn put(&self, insurer: Insurer) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.insert(insurer.number, Arc::new(insurer));
    }

    pub(crate) fn find(&self, number: InsurerNumber) -> Option<Arc<Insurer>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.get(&number).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
