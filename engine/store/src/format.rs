//! The `FORMAT` file: what layout a store has and how many shards. Written once, at creation.

use crate::error::StoreError;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use toml::{Table, Value};

/// The layout that this version makes and reads: keys and entries of version 2. Layout 1 was never
/// in use outside of development and is refused rather than converted.
pub(crate) const LAYOUT: u32 = 2;
const FILE: &str = "FORMAT";

/// Reads the number of shards of the store in this folder; `None` when there is no store.
pub(crate) fn read(store: &Path) -> Result<Option<u16>, StoreError> {
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
    match layout {
        Some(LAYOUT) => {}
        Some(found) if found > LAYOUT => {
            return Err(StoreError::NewerFormat {
                path: store.to_owned(),
                found,
                supported: LAYOUT,
            });
        }
        Some(found) if found > 0 => {
            return Err(StoreError::OlderFormat {
                path: store.to_owned(),
                found,
                supported: LAYOUT,
            });
        }
        Some(_) | None => return Err(StoreError::DamagedFormat { path }),
    }
    let shards = number("shards").and_then(|shards| u16::try_from(shards).ok());
    shards.map(Some).ok_or(StoreError::DamagedFormat { path })
}

/// Writes the file so that it is there in full or not at all.
pub(crate) fn write(store: &Path, shards: u16) -> Result<(), StoreError> {
    let mut table = Table::new();
    table.insert("layout".to_owned(), Value::from(i64::from(LAYOUT)));
    table.insert("shards".to_owned(), Value::from(i64::from(shards)));
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
