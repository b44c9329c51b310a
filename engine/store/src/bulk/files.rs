//! Table files: rows in the order of their keys, written outside of a shard and taken in whole.

use crate::change::{OperationId, Table};
use crate::codec::{self, Damage};
use crate::error::StoreError;
use crate::hex;
use bincode::{BorrowDecode, Encode};
use rocksdb::{Options, SstFileWriter};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Size at which a table file is ended and the next begun.
const FILE_BYTES: u64 = 256 << 20;
/// Rows between two looks at the size.
const LOOK_ROWS: u64 = 4096;
const READ_BYTES: usize = 1 << 20;

/// One table file that a log record names. Its rows are in the file, not in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableFile {
    /// The bulk load that made it.
    pub(crate) load: OperationId,
    /// The table it belongs to.
    pub(crate) table: Table,
    /// Its name in the folder of the load.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

#[derive(Encode, BorrowDecode)]
struct FileRecord<'a> {
    load: [u8; 16],
    table: u8,
    name: &'a str,
    bytes: u64,
    sha256: [u8; 32],
}

impl TableFile {
    /// version 1 | load, table, name, bytes, SHA-256.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { load, table, name, bytes, sha256 } = self;
        let mut out = codec::start(128);
        let record = FileRecord {
            load: *load.as_bytes(),
            table: table.byte(),
            name,
            bytes: *bytes,
            sha256: *sha256,
        };
        codec::add(&mut out, &record);
        out
    }

    pub(crate) fn decode(record: &[u8]) -> Result<Self, Damage> {
        let mut rest = codec::open(record)?;
        let FileRecord { load, table, name, bytes, sha256 } = codec::take(&mut rest)?;
        codec::end(rest)?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        {
            return Err("no such file name");
        }
        Ok(Self {
            load: OperationId::from_bytes(load),
            table: Table::from_byte(table)?,
            name: name.to_owned(),
            bytes,
            sha256,
        })
    }

    /// Where the file is, in the store of this folder.
    pub(crate) fn path(&self, store: &Path) -> PathBuf {
        load_folder(store, &self.load).join(&self.name)
    }

    /// Checks that the file is there and as long as it was.
    pub(crate) fn check(&self, store: &Path) -> Result<(), StoreError> {
        let path = self.path(store);
        match std::fs::metadata(&path) {
            Ok(found) if found.len() == self.bytes => Ok(()),
            Ok(_) => Err(StoreError::SnapshotDamaged { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::SnapshotDamaged { path })
            }
            Err(error) => Err(StoreError::from_io(&path, &error)),
        }
    }

    /// Reads the file and checks every byte.
    pub(crate) fn check_contents(&self, store: &Path) -> Result<(), StoreError> {
        self.check(store)?;
        let path = self.path(store);
        let sha256 = digest(&path).map_err(|error| StoreError::from_io(&path, &error))?;
        if sha256 == self.sha256 { Ok(()) } else { Err(StoreError::SnapshotDamaged { path }) }
    }
}

/// The folder of a bulk load's files.
pub(crate) fn load_folder(store: &Path, load: &OperationId) -> PathBuf {
    store.join("bulk").join(hex::encode(load.as_bytes()))
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => digest.update(bytes),
            _ => return Ok(digest.finalize().into()),
        }
    }
}

/// Writes the rows of one table of one shard, in order, into as many files as it takes.
pub(super) struct TableFiles<'f> {
    folder: &'f Path,
    load: OperationId,
    table: Table,
    shard: usize,
    options: &'f Options,
    writer: Option<(SstFileWriter<'f>, String)>,
    rows: u64,
    done: Vec<TableFile>,
}

impl<'f> TableFiles<'f> {
    pub(super) const fn new(
        folder: &'f Path,
        load: OperationId,
        table: Table,
        shard: usize,
        options: &'f Options,
    ) -> Self {
        Self { folder, load, table, shard, options, writer: None, rows: 0, done: Vec::new() }
    }

    /// Adds a row; its key is above that of the row before.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if self.rows.is_multiple_of(LOOK_ROWS)
            && self.writer.as_ref().is_some_and(|(writer, _)| writer.file_size() >= FILE_BYTES)
        {
            self.end_file()?;
        }
        self.rows += 1;
        let failed = |error: rocksdb::Error| StoreError::from_rocks(self.folder, &error);
        if self.writer.is_none() {
            let name =
                format!("{}-{:02}-{:04}.sst", self.table.name(), self.shard, self.done.len());
            let writer = SstFileWriter::create(self.options);
            writer.open(self.folder.join(&name)).map_err(failed)?;
            self.writer = Some((writer, name));
        }
        match &mut self.writer {
            Some((writer, _)) => writer.put(key, value).map_err(failed),
            None => Ok(()),
        }
    }

    fn end_file(&mut self) -> Result<(), StoreError> {
        let Some((mut writer, name)) = self.writer.take() else { return Ok(()) };
        writer.finish().map_err(|error| StoreError::from_rocks(self.folder, &error))?;
        let path = self.folder.join(&name);
        let seal = || -> io::Result<(u64, [u8; 32])> {
            let file = File::open(&path)?;
            file.sync_all()?;
            Ok((file.metadata()?.len(), digest(&path)?))
        };
        let (bytes, sha256) = seal().map_err(|error| StoreError::from_io(&path, &error))?;
        let (load, table) = (self.load, self.table);
        self.done.push(TableFile { load, table, name, bytes, sha256 });
        Ok(())
    }

    /// The files, all on the disk.
    pub(super) fn finish(mut self) -> Result<Vec<TableFile>, StoreError> {
        self.end_file()?;
        Ok(self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_file_record_are_frozen_and_only_plain_names_are_read() {
        let file = TableFile {
            load: OperationId::from_bytes([1; 16]),
            table: Table::Entry,
            name: "entry-00-0000.sst".to_owned(),
            bytes: 300,
            sha256: [2; 32],
        };
        let mut frozen = vec![1];
        frozen.extend([1; 16]);
        frozen.extend([1, 17]);
        frozen.extend(b"entry-00-0000.sst");
        frozen.extend([0xFB, 0x2C, 0x01]);
        frozen.extend([2; 32]);
        assert_eq!(file.encode(), frozen);
        assert_eq!(TableFile::decode(&frozen), Ok(file.clone()));
        let outside = TableFile { name: "../../x".to_owned(), ..file };
        assert_eq!(TableFile::decode(&outside.encode()), Err("no such file name"));
    }
}
