//! Sorting more than fits in memory: buffers are sorted and written as runs, runs are merged.
//!
//! A run is a file of rows in the order of their keys, LZ4 frames with a checksum around
//!
//! | bytes | what | form |
//! |---|---|---|
//! | 2 | length of the key | u16 little endian; 0xFFFF ends the run |
//! | 4 | length of the value | u32 little endian |
//! | | key, value | |
//!
//! Runs live no longer than one bulk load, so they have no version.

use crate::error::StoreError;
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes written or read at a time.
const IO_BYTES: usize = 256 << 10;
const END: u16 = u16::MAX;
/// Most bytes of one value: an entry's slot or a change; far above both.
const VALUE_BYTES_MAX: u32 = 1 << 20;

/// Rows in memory, to be sorted. Each belongs to a part, and each part gets a run of its own.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy)]
struct Row {
    /// First bytes of the key, so that most comparisons touch nothing else.
    prefix: u64,
    at: usize,
    value_len: u32,
    key_len: u16,
    part: u16,
}

impl Buffer {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), rows: Vec::new() }
    }

    /// Bytes of memory that the rows take.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<Row>()
    }

    /// Adds a row; keys are at most a card key and a few numbers, values below 1 MiB.
    pub(super) fn push(&mut self, part: u16, key: &[u8], value: &[u8]) {
        let row = Row {
            prefix: prefix(key),
            at: self.bytes.len(),
            value_len: u32::try_from(value.len()).unwrap_or(u32::MAX),
            key_len: u16::try_from(key.len()).unwrap_or(END),
            part,
        };
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.rows.push(row);
    }

    /// Sorts the rows and writes a run for each part that has any, to `run(part)`, through to the
    /// disk. The buffer is empty then.
    pub(super) fn write(&mut self, run: impl Fn(u16) -> PathBuf) -> Result<(), StoreError> {
        let bytes = &self.bytes;
        let key = |row: &Row| bytes.get(row.at..row.at + usize::from(row.key_len));
        self.rows.sort_unstable_by(|a, b| {
            (a.part, a.prefix).cmp(&(b.part, b.prefix)).then_with(|| key(a).cmp(&key(b)))
        });
        for rows in self.rows.chunk_by(|a, b| a.part == b.part) {
            let Some(part) = rows.first().map(|row| row.part) else { continue };
            let path = run(part);
            write_run(&path, bytes, rows).map_err(|error| StoreError::from_io(&path, &error))?;
        }
        self.bytes.clear();
        self.rows.clear();
        Ok(())
    }
}

fn prefix(key: &[u8]) -> u64 {
    let mut prefix = [0; 8];
    for (to, from) in prefix.iter_mut().zip(key) {
        *to = *from;
    }
    u64::from_be_bytes(prefix)
}

fn write_run(path: &Path, bytes: &[u8], rows: &[Row]) -> io::Result<()> {
    let file = BufWriter::with_capacity(IO_BYTES, File::create(path)?);
    let form = FrameInfo::new().block_size(BlockSize::Max256KB).content_checksum(true);
    let mut out = FrameEncoder::with_frame_info(form, file);
    for Row { at, value_len, key_len, .. } in rows {
        let len = usize::from(*key_len) + *value_len as usize;
        out.write_all(&key_len.to_le_bytes())?;
        out.write_all(&value_len.to_le_bytes())?;
        out.write_all(bytes.get(*at..at + len).unwrap_or_default())?;
    }
    out.write_all(&END.to_le_bytes())?;
    let file = out.finish().map_err(io::Error::other)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// One run being read, standing at a row.
struct Run {
    from: FrameDecoder<BufReader<File>>,
    prefix: u64,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Run {
    /// Goes to the next row; says whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        let mut key_len = [0; 2];
        self.from.read_exact(&mut key_len)?;
        let key_len = u16::from_le_bytes(key_len);
        if key_len == END {
            return Ok(false);
        }
        let mut value_len = [0; 4];
        self.from.read_exact(&mut value_len)?;
        let value_len = u32::from_le_bytes(value_len);
        if value_len > VALUE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.key.resize(usize::from(key_len), 0);
        self.from.read_exact(&mut self.key)?;
        self.value.resize(value_len as usize, 0);
        self.from.read_exact(&mut self.value)?;
        self.prefix = prefix(&self.key);
        Ok(true)
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Run {}

impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Run {
    /// The run with the lowest key is the greatest: the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.prefix.cmp(&self.prefix).then_with(|| other.key.cmp(&self.key))
    }
}

/// The rows of several runs in the order of their keys.
pub(super) struct Merge {
    runs: BinaryHeap<Run>,
    folder: PathBuf,
}

impl Merge {
    /// Begins to merge these runs of the folder. Memory is some 600 KiB for each.
    pub(super) fn open(folder: &Path, names: &[String]) -> Result<Self, StoreError> {
        let mut runs = BinaryHeap::with_capacity(names.len());
        for name in names {
            let path = folder.join(name);
            let open = || -> io::Result<Option<Run>> {
                let file = BufReader::with_capacity(IO_BYTES, File::open(&path)?);
                let from = FrameDecoder::new(file);
                let mut run = Run { from, prefix: 0, key: Vec::new(), value: Vec::new() };
                Ok(run.advance()?.then_some(run))
            };
            runs.extend(open().map_err(|error| unreadable(&path, &error))?);
        }
        Ok(Self { runs, folder: folder.to_owned() })
    }

    /// Passes on every row in order.
    pub(super) fn each(
        mut self,
        mut row: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        while let Some(mut run) = self.runs.peek_mut() {
            row(&run.key, &run.value)?;
            match run.advance() {
                Ok(true) => {}
                Ok(false) => drop(PeekMut::pop(run)),
                Err(error) => return Err(unreadable(&self.folder, &error)),
            }
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: &io::Error) -> StoreError {
    use io::ErrorKind::{InvalidData, Other, UnexpectedEof};
    if matches!(error.kind(), InvalidData | UnexpectedEof | Other) {
        let detail = "a sorted run of the bulk load is damaged".to_owned();
        return StoreError::CorruptFiles { path: path.to_owned(), detail };
    }
    StoreError::from_io(path, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn merged(folder: &Path, names: &[String]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = Vec::new();
        let merge = Merge::open(folder, names).unwrap();
        let mut keep = |key: &[u8], value: &[u8]| all.push((key.to_vec(), value.to_vec()));
        merge
            .each(|key, value| {
                keep(key, value);
                Ok(())
            })
            .unwrap();
        all
    }

    proptest! {
        // Every run waits for the disk.
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

        #[test]
        fn merged_runs_are_all_rows_of_a_part_in_order(
            rows in proptest::collection::vec((0u16..3, proptest::collection::vec(any::<u8>(), 0..12), proptest::collection::vec(any::<u8>(), 0..40)), 0..200),
            each in 1usize..60,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut names = vec![Vec::new(); 3];
            let mut buffer = Buffer::new();
            for (run, rows) in rows.chunks(each).enumerate() {
                let name = |part: u16| format!("{run}-{part}");
                rows.iter().for_each(|(part, key, value)| buffer.push(*part, key, value));
                buffer.write(|part| folder.path().join(name(part))).unwrap();
                prop_assert_eq!(buffer.len(), 0);
                for part in 0..3 {
                    if folder.path().join(name(part)).exists() {
                        names[usize::from(part)].push(name(part));
                    }
                }
            }
            for part in 0..3 {
                let mut expected: Vec<_> = rows.iter().filter(|row| row.0 == part)
                    .map(|(_, key, value)| (key.clone(), value.clone())).collect();
                let mut found = merged(folder.path(), &names[usize::from(part)]);
                prop_assert!(found.is_sorted_by(|a, b| a.0 <= b.0));
                expected.sort();
                found.sort();
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn a_damaged_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let mut buffer = Buffer::new();
        (0..1000_u32).for_each(|n| buffer.push(0, &n.to_be_bytes(), &[7; 50]));
        buffer.write(|_| path.clone()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Merge::open(folder.path(), &["run".to_owned()])
                .and_then(|merge| merge.each(|_, _| Ok(())))
                .is_err()
        };
        assert!(!refused(&whole));
        assert!(refused(&whole[..whole.len() / 2]));
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        assert!(refused(&flipped));
    }
}
