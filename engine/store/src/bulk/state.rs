//! How far a bulk load is: one small file, replaced whole, so that a load that was killed goes on.

use crate::change::OperationId;
use crate::error::StoreError;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use toml::{Table, Value};

const FILE: &str = "STATE";

/// What a bulk load does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Reading the insurers' files into runs by person.
    Collect,
    /// Making table files of the runs.
    Sort,
}

impl Phase {
    const ALL: [Self; 2] = [Self::Collect, Self::Sort];

    const fn name(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Sort => "sort",
        }
    }
}

/// How far the files were read: everything before is in runs on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkCursor {
    /// Files read to the end.
    pub files: u64,
    /// Bytes read of the file after them.
    pub bytes: u64,
    /// Lines of that file among these bytes.
    pub lines: u64,
    /// Lines of that file that were rejected.
    pub rejected: u64,
    /// Bytes of its list of rejected lines.
    pub reject_bytes: u64,
    /// SHA-256 of those bytes, in hexadecimal digits: whether it is still the same file.
    pub digest: String,
    /// For each file read to the end: its id in hexadecimal digits, lines and rejected lines.
    pub done: Vec<(String, u64, u64)>,
}

/// The state of a bulk load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Names the load: what was asked for.
    pub(super) plan: OperationId,
    pub(super) phase: Phase,
    /// Rounds of runs by person that are on the disk.
    pub(super) rounds: u64,
    pub(super) cursor: BulkCursor,
}

impl State {
    pub(super) fn new(plan: OperationId) -> Self {
        Self { plan, phase: Phase::Collect, rounds: 0, cursor: BulkCursor::default() }
    }

    /// Reads the state in this folder; `None` where there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::from_io(&path, &error)),
        };
        let state = text.parse().ok().and_then(|table| Self::of_table(&table));
        state.map(Some).ok_or_else(|| StoreError::CorruptFiles {
            path: folder.to_owned(),
            detail: "the state of the bulk load is damaged: delete this folder and load again"
                .to_owned(),
        })
    }

    fn of_table(table: &Table) -> Option<Self> {
        let number = |key: &str| u64::try_from(table.get(key)?.as_integer()?).ok();
        let text = |key: &str| table.get(key)?.as_str();
        let phase = text("phase")?;
        let done = |value: &Value| {
            let value = value.as_table()?;
            let number = |key: &str| u64::try_from(value.get(key)?.as_integer()?).ok();
            let id = value.get("id")?.as_str()?;
            Some((id.to_owned(), number("lines")?, number("rejected")?))
        };
        Some(Self {
            plan: OperationId::from_bytes(crate::hex::decode(text("plan")?)?),
            phase: Phase::ALL.into_iter().find(|known| known.name() == phase)?,
            rounds: number("rounds")?,
            cursor: BulkCursor {
                files: number("files")?,
                bytes: number("bytes")?,
                lines: number("lines")?,
                rejected: number("rejected")?,
                reject_bytes: number("reject_bytes")?,
                digest: text("digest")?.to_owned(),
                done: table.get("done")?.as_array()?.iter().map(done).collect::<Option<_>>()?,
            },
        })
    }

    fn to_table(&self) -> Table {
        let Self { plan, phase, rounds, cursor } = self;
        let BulkCursor { files, bytes, lines, rejected, reject_bytes, digest, done } = cursor;
        // INVARIANT: counts of bytes and lines are far below 2^63.
        let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let done: Vec<Value> = done
            .iter()
            .map(|(id, lines, rejected)| {
                let mut table = Table::new();
                table.insert("id".to_owned(), Value::from(id.as_str()));
                table.insert("lines".to_owned(), number(*lines));
                table.insert("rejected".to_owned(), number(*rejected));
                Value::Table(table)
            })
            .collect();
        let mut table = Table::new();
        table.insert("plan".to_owned(), Value::from(crate::hex::encode(plan.as_bytes())));
        table.insert("phase".to_owned(), Value::from(phase.name()));
        table.insert("digest".to_owned(), Value::from(digest.as_str()));
        table.insert("done".to_owned(), Value::Array(done));
        for (key, value) in [
            ("rounds", rounds),
            ("files", files),
            ("bytes", bytes),
            ("lines", lines),
            ("rejected", rejected),
            ("reject_bytes", reject_bytes),
        ] {
            table.insert(key.to_owned(), number(*value));
        }
        table
    }

    /// Writes the state so that it is there in full, or the one before it.
    pub(super) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let write = || -> io::Result<()> {
            let new = folder.join("STATE.new");
            let mut file = File::create(&new)?;
            file.write_all(self.to_table().to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, folder.join(FILE))?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| StoreError::from_io(folder, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written_and_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(State::read(folder.path()), Ok(None));
        let state = State {
            plan: OperationId::of(&[b"plan"]),
            phase: Phase::Sort,
            rounds: 3,
            cursor: BulkCursor {
                files: 1,
                bytes: 2,
                lines: 3,
                rejected: 4,
                reject_bytes: 5,
                digest: "00ff".to_owned(),
                done: vec![("aa".to_owned(), 6, 7)],
            },
        };
        state.write(folder.path()).unwrap();
        assert_eq!(State::read(folder.path()), Ok(Some(state)));
        fs::write(folder.path().join(FILE), "phase = 3").unwrap();
        assert!(State::read(folder.path()).is_err());
    }
}
