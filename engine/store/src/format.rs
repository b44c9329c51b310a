//! The `FORMAT` file: what layout a store has, how many shards, or which generation holds its
//! contents. Replaced as a whole, so it decides between two generations at one moment.

use crate::error::StoreError;
use crate::generation::FIRST_GENERATION;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use toml::{Table, Value};

/// The layout that this version makes and reads: keys and entries of version 2. Layout 1 was never
/// in use outside of development and is refused rather than converted.
pub(crate) const LAYOUT: u32 = 2;
/// The layout of a store whose contents lie in a folder of their own. A program that knows layout 2
/// only would take such a store for an empty one, and refuses it by this number.
const MOVED: u32 = 3;
const FILE: &str = "FORMAT";

/// What a `FORMAT` file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The contents lie beside the file, in so many shards.
    Here(u16),
    /// They lie in the folder of this generation.
    Moved(u32),
}

/// Reads what the store in this folder is; `None` when there is no store.
pub(crate) fn read(store: &Path) -> Result<Option<Format>, StoreError> {
    let path = store.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(StoreError::DamagedFormat { path });
        }
        Err(error) => return Err(StoreError::from_io(&path, &error)),
    };
    let table: Option<Table> = text.parse().ok();
    let number = |key| table.as_ref()?.get(key)?.as_integer();
    let layout = number("layout").and_then(|layout| u32::try_from(layout).ok());
    let format = match layout {
        Some(LAYOUT) => {
            let shards = number("shards").and_then(|shards| u16::try_from(shards).ok());
            shards.map(Format::Here)
        }
        Some(MOVED) => {
            let generation = number("generation").and_then(|number| u32::try_from(number).ok());
            generation.filter(|number| *number > FIRST_GENERATION).map(Format::Moved)
        }
        Some(found) if found > MOVED => {
            return Err(StoreError::NewerFormat {
                path: store.to_owned(),
                found,
                supported: MOVED,
            });
        }
        Some(found) if found > 0 => {
            return Err(StoreError::OlderFormat {
                path: store.to_owned(),
                found,
                supported: LAYOUT,
            });
        }
        Some(_) | None => None,
    };
    format.map(Some).ok_or(StoreError::DamagedFormat { path })
}

/// Writes the file so that it is there in full, or as it was before.
pub(crate) fn write(store: &Path, format: Format) -> Result<(), StoreError> {
    let (layout, key, number) = match format {
        Format::Here(shards) => (LAYOUT, "shards", u32::from(shards)),
        Format::Moved(generation) => (MOVED, "generation", generation),
    };
    let mut table = Table::new();
    table.insert("layout".to_owned(), Value::from(i64::from(layout)));
    table.insert(key.to_owned(), Value::from(i64::from(number)));
    let write = || -> io::Result<()> {
        let new = store.join("FORMAT.new");
        let mut file = File::create(&new)?;
        file.write_all(table.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, store.join(FILE))?;
        File::open(store)?.sync_all()
    };
    write().map_err(|error| StoreError::from_io(store, &error))
}
