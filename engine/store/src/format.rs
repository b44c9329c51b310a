//! The `FORMAT` file: what layout a store has and how many shards, or which generation holds its
//! contents. Replaced as a whole, so it decides between two generations at one moment.
//!
//! A layout is a set of keys, record versions and kinds of log records. Whoever adds one raises
//! [`LAYOUT`]: then a store of the layout before is opened, its number is raised before the first
//! write, and the program of before refuses it at the start instead of stumbling over a record.

use crate::error::StoreError;
use crate::generation::FIRST_GENERATION;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::path::Path;
use toml::{Table, Value};

/// The layout that this version makes: keys and entries of version 2. The next one is 4.
pub(crate) const LAYOUT: u32 = 2;
/// The layouts that it reads. Layout 1 was never in use outside of development and is refused
/// rather than converted.
const READABLE: RangeInclusive<u32> = 2..=LAYOUT;
/// In place of a layout: the contents lie in a folder of their own, with a file of their own. A
/// program that does not know this would take such a store for an empty one, and refuses it by the
/// number.
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
    Ok(read_within(store, READABLE)?.map(|(_, format)| format))
}

/// Raises the number of a layout that was read to the one that is written from now on.
pub(crate) fn raise(store: &Path) -> Result<(), StoreError> {
    raise_within(store, READABLE)
}

fn raise_within(store: &Path, readable: RangeInclusive<u32>) -> Result<(), StoreError> {
    let newest = *readable.end();
    match read_within(store, readable)? {
        Some((layout, Format::Here(shards))) if layout < newest => {
            write_file(store, newest, "shards", u32::from(shards))
        }
        Some((_, Format::Here(_) | Format::Moved(_))) | None => Ok(()),
    }
}

/// The file's number, and what it says.
fn read_within(
    store: &Path,
    readable: RangeInclusive<u32>,
) -> Result<Option<(u32, Format)>, StoreError> {
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
    let path_of_store = store.to_owned();
    let newest = *readable.end().max(&MOVED);
    let format = match layout {
        Some(MOVED) => {
            let generation = number("generation").and_then(|number| u32::try_from(number).ok());
            generation.filter(|number| *number > FIRST_GENERATION).map(Format::Moved)
        }
        Some(layout) if readable.contains(&layout) => {
            let shards = number("shards").and_then(|shards| u16::try_from(shards).ok());
            shards.map(Format::Here)
        }
        Some(found) if found > newest => {
            let supported = newest;
            return Err(StoreError::NewerFormat { path: path_of_store, found, supported });
        }
        Some(found) if found > 0 => {
            let supported = *readable.end();
            return Err(StoreError::OlderFormat { path: path_of_store, found, supported });
        }
        Some(_) | None => None,
    };
    layout.zip(format).map(Some).ok_or(StoreError::DamagedFormat { path })
}

/// Writes the file so that it is there in full, or as it was before.
pub(crate) fn write(store: &Path, format: Format) -> Result<(), StoreError> {
    match format {
        Format::Here(shards) => write_file(store, LAYOUT, "shards", u32::from(shards)),
        Format::Moved(generation) => write_file(store, MOVED, "generation", generation),
    }
}

fn write_file(store: &Path, layout: u32, key: &str, number: u32) -> Result<(), StoreError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The program of today, and one of after the next layout.
    #[test]
    fn a_store_of_the_layout_before_is_taken_over_and_refused_by_the_program_of_before() {
        const NEXT: u32 = MOVED + 1;
        let folder = tempfile::tempdir().unwrap();
        let (store, later) = (folder.path(), *READABLE.start()..=NEXT);
        write(store, Format::Here(5)).unwrap();
        assert_eq!(read_within(store, later.clone()), Ok(Some((LAYOUT, Format::Here(5)))));
        raise(store).unwrap();
        assert_eq!(read(store), Ok(Some(Format::Here(5))), "nothing to raise");

        raise_within(store, later.clone()).unwrap();
        assert_eq!(read_within(store, later), Ok(Some((NEXT, Format::Here(5)))));
        let error = read(store).unwrap_err();
        let (found, supported) = (NEXT, MOVED);
        assert_eq!(error, StoreError::NewerFormat { path: store.to_owned(), found, supported });
        assert!(error.to_string().contains("use a newer version of the program"), "{error}");
    }
}
