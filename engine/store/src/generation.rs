//! Generations of a store: it can be built anew beside the one that serves, in any number of shards,
//! and take its place at one moment.
//!
//! ```text
//! store/FORMAT           layout 2: the contents lie beside it, which is generation 1
//!                        layout 3: names the generation that counts
//! store/generation-NN/   the contents of a later generation: a store like any other
//! ```
//!
//! Invariants:
//! * The generation that `FORMAT` names is the store. The one after it is a shadow: it may be there,
//!   half built, and nobody reads it. Everything before it is rubbish.
//! * Replacing `FORMAT` is the only step from one to the next.

use crate::error::StoreError;
use crate::format::{self, Format};
use crate::log::LocalLog;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The generation of a store that was never replaced.
pub(crate) const FIRST_GENERATION: u32 = 1;
const PREFIX: &str = "generation-";
/// Ending of a shadow that is being removed: a half removed one is never taken for one half built.
const REMOVED: &str = ".removed";

/// One generation of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) number: u32,
    pub(crate) folder: PathBuf,
}

impl Generation {
    /// The generation that counts; the first where there is no store yet.
    pub(crate) fn current(store: &Path) -> Result<Self, StoreError> {
        let number = match format::read(store)? {
            Some(Format::Moved(number)) => number,
            Some(Format::Here(_)) | None => FIRST_GENERATION,
        };
        Ok(Self::of(store, number))
    }

    /// The generation that a shadow would be.
    pub(crate) fn shadow(store: &Path) -> Result<Self, StoreError> {
        let current = Self::current(store)?;
        Ok(Self::of(store, current.number.saturating_add(1)))
    }

    fn of(store: &Path, number: u32) -> Self {
        let folder = match number {
            FIRST_GENERATION => store.to_owned(),
            later => store.join(format!("{PREFIX}{later:02}")),
        };
        Self { number, folder }
    }

    /// How many shards it has; `None` where it is not there.
    pub(crate) fn shards(&self) -> Result<Option<u16>, StoreError> {
        match format::read(&self.folder)? {
            Some(Format::Here(shards)) => Ok(Some(shards)),
            Some(Format::Moved(_)) => {
                Err(StoreError::DamagedFormat { path: self.folder.join("FORMAT") })
            }
            None => Ok(None),
        }
    }
}

/// The folder of the shadow of the store in this folder, whether there is one or not.
///
/// # Errors
/// As [`crate::Store::open`] for a `FORMAT` file that cannot be read.
pub fn shadow_folder(store: &Path) -> Result<PathBuf, StoreError> {
    Ok(Generation::shadow(store)?.folder)
}

/// Removes the shadow of the store in this folder, if there is one.
///
/// # Errors
/// [`StoreError::InUse`] while somebody builds it, or what the disk reports.
pub fn remove_shadow(store: &Path) -> Result<(), StoreError> {
    let Generation { folder, .. } = Generation::shadow(store)?;
    if !folder.exists() {
        return Ok(());
    }
    let log = folder.join("log");
    let lock = if log.exists() { Some(LocalLog::open(&log)) } else { None };
    // Held to the end, so that nobody begins to build meanwhile. A damaged one is removed like any
    // other.
    if let Some(Err(StoreError::InUse { .. })) = lock {
        return Err(StoreError::InUse { path: folder });
    }
    let mut removed = folder.clone().into_os_string();
    removed.push(REMOVED);
    let removed = PathBuf::from(removed);
    remove(&removed)?;
    fs::rename(&folder, &removed).map_err(|error| StoreError::from_io(&folder, &error))?;
    remove(&removed)
}

/// Makes the shadow, which is complete on disk, the store. When this returns an error, the store is
/// what [`Generation::current`] says.
pub(crate) fn switch(store: &Path, shadow: &Generation) -> Result<(), StoreError> {
    format::write(store, Format::Moved(shadow.number))
}

/// Removes every generation before the one that counts, and what was left of removed ones. Nobody has
/// them open.
pub(crate) fn remove_former(store: &Path, current: &Generation) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::from_io(store, &error);
    let entries = match fs::read_dir(store) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| is_former(name, current.number)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn is_former(name: &str, current: u32) -> bool {
    let Some(number) = name.strip_prefix(PREFIX) else {
        let is_first = matches!(name, "log" | "bulk") || name.starts_with("shard-");
        return is_first && current > FIRST_GENERATION;
    };
    number.ends_with(REMOVED) || number.parse().is_ok_and(|number: u32| number < current)
}

fn remove(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::from_io(folder, &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_generations_before_the_current_one_and_removed_ones_are_rubbish() {
        let kept = ["FORMAT", "uploads", "rejects", "checkpoint", "generation-02", "generation-03"];
        assert!(kept.iter().all(|name| !is_former(name, 2)));
        assert!(["log", "bulk", "shard-00"].iter().all(|name| is_former(name, 2)));
        assert!(
            ["log", "bulk", "shard-00", "generation-02"].iter().all(|name| !is_former(name, 1))
        );
        assert!(is_former("generation-02.removed", 1) && is_former("generation-09", 10));
        assert!(!is_former("generation-10", 10));
    }
}
