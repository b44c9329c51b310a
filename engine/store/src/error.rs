//! Why the store could not do what it was asked, with what to do about it.

use crate::codec::{self, Damage};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The store could not answer or could not write. "No such person" is an answer, not one of these.
///
/// Texts name folders and files, never a person, a card or a key. Codes are stable and never
/// reused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Another process, or another part of this one, has the store open.
    #[error(
        "{} is in use by another process: stop it, or wait until it has ended",
        path.display()
    )]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// There is no store here and none was to be made.
    #[error(
        "there is no store in {}: check the path, or create one by loading data",
        path.display()
    )]
    NoStore {
        /// The folder looked at.
        path: PathBuf,
    },
    /// A later version of this program made the store.
    #[error(
        "{} has layout {found}, but this program reads layouts up to {supported}: use a newer \
         version of the program",
        path.display()
    )]
    NewerFormat {
        /// The store's folder.
        path: PathBuf,
        /// The layout found.
        found: u32,
        /// The newest layout this program reads.
        supported: u32,
    },
    /// An earlier version of this program made the store, in a layout that is no longer read.
    #[error(
        "{} has layout {found}, and this program reads layout {supported}: move the folder away and \
         load the insurers' files into a new store",
        path.display()
    )]
    OlderFormat {
        /// The store's folder.
        path: PathBuf,
        /// The layout found.
        found: u32,
        /// The layout this program reads.
        supported: u32,
    },
    /// The `FORMAT` file cannot be understood.
    #[error("{} is damaged: restore the store from a backup", path.display())]
    DamagedFormat {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses to write or read here.
    #[error(
        "no permission for {}: give the service's user the right to read and write there",
        path.display()
    )]
    NoPermission {
        /// The folder.
        path: PathBuf,
    },
    /// The disk is full.
    #[error(
        "the disk that holds {} is full: free space or enlarge it, then restart the service",
        path.display()
    )]
    DiskFull {
        /// The folder.
        path: PathBuf,
    },
    /// RocksDB found its files damaged or missing.
    #[error("files in {} are damaged: {detail}; {}", path.display(), rebuild_hint(path))]
    CorruptFiles {
        /// The folder.
        path: PathBuf,
        /// What RocksDB says: file names and offsets, no contents.
        detail: String,
    },
    /// One stored record cannot be decoded, or contradicts another.
    #[error("a record of table {table} in {} is damaged ({reason}); {}", path.display(), rebuild_hint(path))]
    CorruptRecord {
        /// The folder of the shard or the log.
        path: PathBuf,
        /// The table's name.
        table: &'static str,
        /// What is wrong, without contents.
        reason: &'static str,
    },
    /// A record that a later version of this program wrote, which says how it is to be read.
    #[error(
        "a record of table {table} in {} was written by a newer version of the program: use that \
         version, or restore a backup that was made before it",
        path.display()
    )]
    NewerRecord {
        /// The folder of the shard or the log.
        path: PathBuf,
        /// The table's name.
        table: &'static str,
    },
    /// A shard has applied more than the log holds: the log was lost or replaced by an older one.
    #[error(
        "the log in {} ends at {head}, but a shard has applied {applied}: restore the log",
        path.display()
    )]
    LogIncomplete {
        /// The store's folder.
        path: PathBuf,
        /// The last position in the log.
        head: u64,
        /// The position that the shard has applied.
        applied: u64,
    },
    /// Changes came to a shard out of order.
    #[error("a shard at position {applied} was given position {given}: restart the service")]
    OutOfOrder {
        /// The position that the shard has applied.
        applied: u64,
        /// The position given.
        given: u64,
    },
    /// The shard writers at hand do not fit the store.
    #[error("{given} shards were given changes, but the store has {expected}: restart the service")]
    WrongShards {
        /// Shards of the store.
        expected: usize,
        /// Shards given.
        given: usize,
    },
    /// An option is outside its range.
    #[error("the number of shards must be 1 to {max}, not {given}")]
    ShardCount {
        /// The number asked for.
        given: u16,
        /// The most allowed.
        max: u16,
    },
    /// A batch has more changes, or more bytes, than one log record may hold.
    #[error("the batch is too large ({given} {unit}, at most {max}): send it in smaller parts")]
    BatchTooLarge {
        /// What was given.
        given: usize,
        /// The most allowed.
        max: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// One card or one person would have more registrations than a record may hold.
    #[error(
        "change {change} of the batch would give one {whose} more than {max} registrations: check \
         the insurer's file"
    )]
    TooManyRegistrations {
        /// The change's place in the batch, from 0.
        change: usize,
        /// `card` or `person`.
        whose: &'static str,
        /// The most allowed.
        max: usize,
    },
    /// The record may be on disk, and the reader reads memory only: not a failure, but the sign to
    /// ask again where waiting for a disk holds up nobody. See [`crate::Reader::in_memory`].
    #[error("the record is not in memory: ask again in a moment")]
    NotInMemory,
    /// A bulk load was asked for where there is something of its kind already.
    #[error(
        "{} holds registrations, or cards, and a bulk load of them fills an empty store: load \
         without --bulk, or into a new store",
        path.display()
    )]
    NotEmpty {
        /// The store's folder.
        path: PathBuf,
    },
    /// A table file of a bulk load, which the log names, is missing or not as it was.
    #[error(
        "{}, a file of the bulk load, is missing or damaged, so shards cannot be rebuilt: restore \
         it from a backup",
        path.display()
    )]
    SnapshotDamaged {
        /// The file.
        path: PathBuf,
    },
    /// Anything else that RocksDB or the operating system reports.
    #[error("{} cannot be used: {detail}", path.display())]
    Failed {
        /// The folder.
        path: PathBuf,
        /// What the library says.
        detail: String,
    },
}

fn rebuild_hint(path: &Path) -> &'static str {
    if is_shard(path) {
        "rebuild the shard from the log with `shikaku rebuild`"
    } else {
        "restore the store from a backup"
    }
}

/// Whether the folder holds a shard, which the log can bring back, rather than the log itself.
fn is_shard(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("shard-"))
}

impl StoreError {
    /// The stable code, `SHK-STO-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "SHK-STO-001",
            Self::NoStore { .. } => "SHK-STO-002",
            Self::NewerFormat { .. } => "SHK-STO-003",
            Self::DamagedFormat { .. } => "SHK-STO-004",
            Self::NoPermission { .. } => "SHK-STO-005",
            Self::DiskFull { .. } => "SHK-STO-006",
            Self::CorruptFiles { .. } => "SHK-STO-007",
            Self::CorruptRecord { .. } => "SHK-STO-008",
            Self::LogIncomplete { .. } => "SHK-STO-009",
            Self::OutOfOrder { .. } => "SHK-STO-010",
            Self::WrongShards { .. } => "SHK-STO-011",
            Self::ShardCount { .. } => "SHK-STO-012",
            Self::BatchTooLarge { .. } => "SHK-STO-013",
            Self::TooManyRegistrations { .. } => "SHK-STO-014",
            Self::Failed { .. } => "SHK-STO-015",
            Self::OlderFormat { .. } => "SHK-STO-016",
            Self::NotInMemory => "SHK-STO-017",
            Self::NotEmpty { .. } => "SHK-STO-018",
            Self::SnapshotDamaged { .. } => "SHK-STO-019",
            Self::NewerRecord { .. } => "SHK-STO-020",
        }
    }

    /// Whether `shikaku rebuild` can repair this: a shard is damaged, the log is not.
    #[must_use]
    pub fn rebuild_helps(&self) -> bool {
        match self {
            Self::CorruptFiles { path, .. } | Self::CorruptRecord { path, .. } => is_shard(path),
            Self::OutOfOrder { .. } => true,
            Self::InUse { .. }
            | Self::NoStore { .. }
            | Self::NewerFormat { .. }
            | Self::NewerRecord { .. }
            | Self::OlderFormat { .. }
            | Self::NotEmpty { .. }
            | Self::SnapshotDamaged { .. }
            | Self::DamagedFormat { .. }
            | Self::NoPermission { .. }
            | Self::DiskFull { .. }
            | Self::LogIncomplete { .. }
            | Self::WrongShards { .. }
            | Self::ShardCount { .. }
            | Self::BatchTooLarge { .. }
            | Self::TooManyRegistrations { .. }
            | Self::NotInMemory
            | Self::Failed { .. } => false,
        }
    }

    /// The sentence for the centre's staff, in Japanese.
    #[must_use]
    pub fn staff_ja(&self) -> String {
        match self {
            Self::InUse { path } => format!(
                "{}は別のプロセスが使用中です。そのプロセスを停止するか、終了を待ってください。",
                path.display()
            ),
            Self::NoStore { path } => format!(
                "{}にデータがありません。パスを確認するか、データを取り込んで作成してください。",
                path.display()
            ),
            Self::NewerFormat { path, found, supported } => format!(
                "{}の形式は{found}ですが、このプログラムが読めるのは{supported}までです。新しい版を使用してください。",
                path.display()
            ),
            Self::OlderFormat { path, found, supported } => format!(
                "{}の形式は{found}ですが、このプログラムが読めるのは{supported}です。フォルダーを移動し、保険者のファイルを新しく取り込んでください。",
                path.display()
            ),
            Self::DamagedFormat { path } => {
                format!("{}が壊れています。バックアップから復元してください。", path.display())
            }
            Self::NoPermission { path } => format!(
                "{}へのアクセス権がありません。サービスのユーザーに読み書きの権限を与えてください。",
                path.display()
            ),
            Self::DiskFull { path } => format!(
                "{}のディスクに空きがありません。空きを作るか容量を増やし、サービスを再起動してください。",
                path.display()
            ),
            Self::CorruptFiles { path, .. } => {
                format!("{}のファイルが壊れています。{}", path.display(), self.repair_ja())
            }
            Self::CorruptRecord { path, table, .. } => format!(
                "{}の表{table}に壊れたレコードがあります。{}",
                path.display(),
                self.repair_ja()
            ),
            Self::NewerRecord { path, table } => format!(
                "{}の表{table}に新しい版のプログラムが書いたレコードがあります。新しい版を使用するか、それ以前のバックアップから復元してください。",
                path.display()
            ),
            Self::LogIncomplete { path, head, applied } => format!(
                "{}の変更ログは{head}で終わっていますが、{applied}まで適用済みのシャードがあります。変更ログを復元してください。",
                path.display()
            ),
            Self::OutOfOrder { applied, given } => format!(
                "シャード(位置{applied})に位置{given}の変更が届きました。サービスを再起動してください。"
            ),
            Self::WrongShards { expected, given } => format!(
                "シャード数が一致しません({given}、正しくは{expected})。サービスを再起動してください。"
            ),
            Self::ShardCount { given, max } => {
                format!("シャード数は1から{max}で指定してください(指定値{given})。")
            }
            Self::BatchTooLarge { given, max, .. } => format!(
                "一度に送る変更が大きすぎます({given}、上限{max})。分割して送ってください。"
            ),
            Self::TooManyRegistrations { change, max, .. } => format!(
                "変更{change}により加入者情報が上限の{max}件を超えます。保険者のファイルを確認してください。"
            ),
            Self::NotInMemory => {
                "データを読み込んでいます。数秒後にもう一度お試しください。".to_owned()
            }
            Self::NotEmpty { path } => format!(
                "{}には加入者またはカードの情報が登録済みです。--bulkを付けずに取り込むか、新しい保存先を使用してください。",
                path.display()
            ),
            Self::SnapshotDamaged { path } => format!(
                "一括登録のファイル{}がないか壊れています。バックアップから復元してください。",
                path.display()
            ),
            Self::Failed { path, .. } => format!(
                "{}を使用できません。ログの記録を確認し、サービスを再起動してください。",
                path.display()
            ),
        }
    }

    fn repair_ja(&self) -> &'static str {
        if self.rebuild_helps() {
            "「shikaku rebuild」で変更ログから作り直してください。"
        } else {
            "バックアップから復元してください。"
        }
    }

    /// Names what is wrong with a record of a table in this folder.
    pub(crate) fn of_record(path: &Path, table: &'static str, reason: Damage) -> Self {
        let path = path.to_owned();
        match reason == codec::NEWER {
            true => Self::NewerRecord { path, table },
            false => Self::CorruptRecord { path, table, reason },
        }
    }

    /// Names what RocksDB reports about the database in this folder.
    pub(crate) fn from_rocks(path: &Path, error: &rocksdb::Error) -> Self {
        let text = error.as_ref();
        let path = path.to_owned();
        // RocksDB passes on the operating system's words only; there is no number to look at.
        if text.contains("LOCK") && text.contains("lock") {
            Self::InUse { path }
        } else if text.contains("No space left") {
            Self::DiskFull { path }
        } else if text.contains("Permission denied") || text.contains("Read-only file system") {
            Self::NoPermission { path }
        } else if error.kind() == rocksdb::ErrorKind::Incomplete {
            Self::NotInMemory
        } else if error.kind() == rocksdb::ErrorKind::Corruption
            || text.contains("No such file")
            || text.contains("does not exist")
        {
            Self::CorruptFiles { path, detail: text.to_owned() }
        } else {
            Self::Failed { path, detail: text.to_owned() }
        }
    }

    /// Names what the operating system reports about this folder.
    pub(crate) fn from_io(path: &Path, error: &io::Error) -> Self {
        let kind = error.kind();
        let path = path.to_owned();
        if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
            Self::NoPermission { path }
        } else if kind == io::ErrorKind::StorageFull {
            Self::DiskFull { path }
        } else {
            Self::Failed { path, detail: kind.to_string() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn one_of_each() -> Vec<StoreError> {
        let path = PathBuf::from("store/shard-00");
        vec![
            StoreError::InUse { path: path.clone() },
            StoreError::NoStore { path: path.clone() },
            StoreError::NewerFormat { path: path.clone(), found: 2, supported: 1 },
            StoreError::OlderFormat { path: path.clone(), found: 1, supported: 2 },
            StoreError::DamagedFormat { path: path.clone() },
            StoreError::NotEmpty { path: path.clone() },
            StoreError::SnapshotDamaged { path: path.clone() },
            StoreError::NoPermission { path: path.clone() },
            StoreError::DiskFull { path: path.clone() },
            StoreError::CorruptFiles {
                path: path.clone(),
                detail: "block checksum mismatch".to_owned(),
            },
            StoreError::CorruptRecord { path: path.clone(), table: "entry", reason: "truncated" },
            StoreError::NewerRecord { path: path.clone(), table: "entry" },
            StoreError::LogIncomplete { path: path.clone(), head: 1, applied: 2 },
            StoreError::OutOfOrder { applied: 1, given: 3 },
            StoreError::WrongShards { expected: 2, given: 1 },
            StoreError::ShardCount { given: 0, max: 64 },
            StoreError::BatchTooLarge { given: 2, max: 1, unit: "changes" },
            StoreError::TooManyRegistrations { change: 0, whose: "card", max: 1 },
            StoreError::NotInMemory,
            StoreError::Failed { path, detail: "?".to_owned() },
        ]
    }

    #[test]
    fn codes_are_unique_and_every_error_says_what_to_do_in_both_languages() {
        let errors = one_of_each();
        let codes: HashSet<_> = errors.iter().map(StoreError::code).collect();
        assert_eq!(codes.len(), errors.len());
        for error in errors {
            assert!(error.staff_ja().ends_with('。'), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn only_damage_to_a_shard_can_be_rebuilt() {
        let damaged =
            |path: &str| StoreError::CorruptFiles { path: path.into(), detail: String::new() };
        assert!(damaged("store/shard-03").rebuild_helps());
        assert!(damaged("store/shard-03").to_string().contains("shikaku rebuild"));
        assert!(!damaged("store/log").rebuild_helps());
        assert!(damaged("store/log").to_string().contains("backup"));
    }
}
