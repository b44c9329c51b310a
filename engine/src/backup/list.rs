//! What a backup consists of: a list of files with their digests, written last, as TOML.

use super::error::BackupError;
use crate::private_file;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Component, Path, PathBuf};

/// The form of lists that this program writes, and the newest that it reads.
pub(super) const FORM: u32 = 1;
/// Longest list: a nation has some 500 files of 200 bytes in it.
const LIST_BYTES_MAX: u64 = 64 << 20;
const ENDING: &str = "toml";

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupList {
    pub(super) form: u32,
    /// Version of the program that made it.
    pub(super) version: String,
    /// Last position of the change log in it.
    pub(super) position: u64,
    #[serde(rename = "file", default)]
    pub(super) files: Vec<BackupFile>,
}

/// One file of a backup. Its contents lie in the pool under their digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupFile {
    /// Where it belongs in the store.
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// When it was last changed, in nanoseconds since 1970. With path and size it tells that a
    /// file is the one that was copied before: table files are never changed.
    pub(super) modified_ns: i64,
    pub(super) sha256: Sha256Text,
}

/// A SHA-256 digest as 64 lower-case hexadecimal digits: safe as a file name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Sha256Text(String);

impl Sha256Text {
    pub(super) fn new(digest: &[u8]) -> Self {
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sha256Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 64 && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err("not 64 hexadecimal digits")
        }
    }
}

impl BackupList {
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }

    /// Writes the list: from then on there is this backup.
    pub(super) fn write(&self, path: &Path) -> Result<(), BackupError> {
        let text = toml::to_string(self).map_err(|error| io::Error::other(error.to_string()));
        let written = text.and_then(|text| private_file::create(path, text.as_bytes()));
        written.map_err(BackupError::file(path))
    }

    pub(super) fn read(path: &Path) -> Result<Self, BackupError> {
        let bytes = match private_file::read(path, LIST_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoSuchBackup(path.to_owned()));
            }
            bytes => bytes.map_err(BackupError::file(path))?,
        };
        Self::parse(&bytes, path)
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, BackupError> {
        let damaged = || BackupError::DamagedList(path.to_owned());
        let text = str::from_utf8(bytes).map_err(|_| damaged())?;
        let table: toml::Table = text.parse().map_err(|_| damaged())?;
        let form = table.get("form").and_then(toml::Value::as_integer);
        let found = form.and_then(|form| u32::try_from(form).ok()).ok_or_else(damaged)?;
        if found > FORM {
            let path = path.to_owned();
            return Err(BackupError::NewerForm { path, found, supported: FORM });
        }
        let list: Self = table.try_into().map_err(|_| damaged())?;
        if list.files.iter().all(|file| stays_inside(&file.path)) {
            Ok(list)
        } else {
            Err(damaged())
        }
    }
}

/// Whether a path leads from a folder to somewhere in it.
fn stays_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Where the list of a backup is.
pub(super) fn list_path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.{ENDING}"))
}

/// The ids of all backups in a folder, the oldest first.
pub(super) fn ids(folder: &Path) -> Result<Vec<String>, BackupError> {
    let mut ids = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ids),
        entries => entries.map_err(BackupError::file(folder))?,
    };
    for entry in entries {
        let path = entry.map_err(BackupError::file(folder))?.path();
        let id = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_id(stem));
        if let (Some(id), true) = (id, path.extension().is_some_and(|ending| ending == ENDING)) {
            ids.push(id.to_owned());
        }
    }
    ids.sort();
    Ok(ids)
}

/// Whether this names a backup: a date and a time, 14 digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 14 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<BackupList, BackupError> {
        BackupList::parse(text.as_bytes(), Path::new("20261123090000.toml"))
    }

    fn with_path(path: &str) -> String {
        let sha256 = "0a".repeat(32);
        format!(
            "form = 1\nversion = \"0\"\nposition = 1\n[[file]]\npath = {path:?}\nbytes = 1\n\
             modified_ns = 1\nsha256 = \"{sha256}\"\n"
        )
    }

    #[test]
    fn a_list_reads_back_and_one_of_a_later_program_is_refused_with_a_sentence() {
        let list = parse(&with_path("log/000001.sst")).unwrap();
        assert_eq!(parse(&toml::to_string(&list).unwrap()).unwrap(), list);
        let newer = with_path("a").replace("form = 1", "form = 2\nmore = true");
        let error = parse(&newer).unwrap_err();
        assert!(matches!(error, BackupError::NewerForm { found: 2, .. }), "{error}");
        assert!(error.to_string().contains("newer version of the program"));
    }

    #[test]
    fn no_file_of_a_list_leads_out_of_the_store() {
        for path in ["../a", "/a", "a/../../b", "", ".", "./a/.."] {
            assert!(matches!(parse(&with_path(path)), Err(BackupError::DamagedList(_))), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_list_or_refused(text in "(form = 1\n)?[ -~\n]{0,300}") {
            if let Ok(list) = parse(&text) {
                prop_assert!(list.files.iter().all(|file| stays_inside(&file.path)));
            }
        }
    }
}
