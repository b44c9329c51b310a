//! The `FORMAT` file: what layout a store has and how many shards.
//!
//! A layout is a set of keys, record versions and kinds of log records. Whoever adds one raises
//! [`LAYOUT`]: then a store of the layout before is opened, its number is raised before the first
//! write, and the program of before refuses it at the start instead of stumbling over a record.

use crate::error::StoreError;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::path::Path;
use toml::{Table, Value};

/// The layout that this version makes: keys and entries of version 2.
pub(crate) const LAYOUT: u32 = 2;
/// The layouts that it reads. Layout 1 was never in use outside of development and is refused
/// rather than converted.
const READABLE: RangeInclusive<u32> = 2..=LAYOUT;
const FILE: &str = "FORMAT";

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Format {
    layout: u32,
    shards: u16,
}

/// Reads the number of shards of the store in this folder; `None` when there is no store.
pub(crate) fn read(store: &Path) -> Result<Option<u16>, StoreError> {
    Ok(read_within(store, READABLE)?.map(|format| format.shards))
}

/// Raises the number of a layout that was read to the one that is written from now on.
pub(crate) fn raise(store: &Path) -> Result<(), StoreError> {
    raise_within(store, READABLE)
}

fn raise_within(store: &Path, readable: RangeInclusive<u32>) -> Result<(), StoreError> {
    let newest = *readable.end();
    match read_within(store, readable)? {
        Some(Format { layout, shards }) if layout < newest => {
            write_format(store, Format { layout: newest, shards })
        }
        Some(_) | None => Ok(()),
    }
}

fn read_within(store: &Path, readable: RangeInclusive<u32>) -> Result<Option<Format>, StoreError> {
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
    let (path_of_store, supported) = (store.to_owned(), *readable.end());
    let layout = match layout {
        Some(layout) if readable.contains(&layout) => layout,
        Some(found) if found > supported => {
            return Err(StoreError::NewerFormat { path: path_of_store, found, supported });
        }
        Some(found) if found > 0 => {
            return Err(StoreError::OlderFormat { path: path_of_store, found, supported });
        }
        Some(_) | None => return Err(StoreError::DamagedFormat { path }),
    };
    let shards = number("shards").and_then(|shards| u16::try_from(shards).ok());
    let shards = shards.ok_or(StoreError::DamagedFormat { path })?;
    Ok(Some(Format { layout, shards }))
}

/// Writes the file of a new store.
pub(crate) fn write(store: &Path, shards: u16) -> Result<(), StoreError> {
    write_format(store, Format { layout: LAYOUT, shards })
}

/// Writes the file so that it is there in full or as it was.
fn write_format(store: &Path, format: Format) -> Result<(), StoreError> {
    let Format { layout, shards } = format;
    let mut table = Table::new();
    table.insert("layout".to_owned(), Value::from(i64::from(layout)));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The program of today, and one of after the next layout.
    #[test]
    fn a_store_of_the_layout_before_is_taken_over_and_refused_by_the_program_of_before() {
        let folder = tempfile::tempdir().unwrap();
        let (store, later) = (folder.path(), *READABLE.start()..=LAYOUT + 1);
        write(store, 5).unwrap();
        let before = Format { layout: LAYOUT, shards: 5 };
        assert_eq!(read_within(store, later.clone()), Ok(Some(before)));
        raise(store).unwrap();
        assert_eq!(read(store), Ok(Some(5)), "nothing to raise");

        raise_within(store, later.clone()).unwrap();
        let raised = Format { layout: LAYOUT + 1, shards: 5 };
        assert_eq!(read_within(store, later), Ok(Some(raised)));
        let error = read(store).unwrap_err();
        let (found, supported) = (LAYOUT + 1, LAYOUT);
        assert_eq!(error, StoreError::NewerFormat { path: store.to_owned(), found, supported });
        assert!(error.to_string().contains("use a newer version of the program"), "{error}");
    }
}
