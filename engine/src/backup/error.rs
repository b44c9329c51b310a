//! What can go wrong with a backup.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a `shikaku backup` command did not succeed.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{}: {source}: check the path, its permissions and the space on its disk", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// No backup of this name, or none at all.
    #[error("{}: there is no such backup: `shikaku backup list` names those that there are", .0.display())]
    NoSuchBackup(PathBuf),
    /// The list of a backup's files cannot be understood.
    #[error("{}: the backup's list of files is damaged: use another backup", .0.display())]
    DamagedList(PathBuf),
    /// A later version of this program made the backup.
    #[error(
        "{}: the backup has form {found}, but this program reads forms up to {supported}: use a \
         newer version of the program", path.display()
    )]
    NewerForm {
        /// The backup's list.
        path: PathBuf,
        /// The form found.
        found: u32,
        /// The newest form this program reads.
        supported: u32,
    },
    /// A file of the backup is not what it was.
    #[error("{}: this file of the backup is missing or damaged: use another backup", .0.display())]
    DamagedFile(PathBuf),
    /// Another command works on the same backups.
    #[error("{}: another `shikaku backup` command is running: wait for it and try again", .0.display())]
    InUse(PathBuf),
    /// There is something where the store is to be restored.
    #[error("{}: there is something here already: move it away, then restore again", .0.display())]
    NotEmpty(PathBuf),
    /// The restored store is not as far as the backup says.
    #[error("the restored store ends at {found} instead of {expected}: use another backup")]
    Incomplete {
        /// The last position in the restored log.
        found: u64,
        /// The last position of the backup.
        expected: u64,
    },
    /// The restored store holds damaged records.
    #[error("the restored store has {problems} damaged records: use another backup")]
    Unsound {
        /// How many.
        problems: u64,
    },
    /// The running engine made no checkpoint.
    #[error("{server}: {reason}")]
    Engine {
        /// Its address.
        server: String,
        /// What it, or the way to it, said.
        reason: String,
    },
    /// The store.
    #[error("{code}: {0}", code = .0.code())]
    Store(#[from] shikaku_store::StoreError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
}

impl BackupError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// The stable code, `SHK-BAK-nnn`, or that of the part that failed.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "SHK-BAK-001",
            Self::NoSuchBackup(_) => "SHK-BAK-002",
            Self::DamagedList(_) => "SHK-BAK-003",
            Self::NewerForm { .. } => "SHK-BAK-004",
            Self::DamagedFile(_) => "SHK-BAK-005",
            Self::InUse(_) => "SHK-BAK-006",
            Self::NotEmpty(_) => "SHK-BAK-007",
            Self::Incomplete { .. } => "SHK-BAK-008",
            Self::Unsound { .. } => "SHK-BAK-009",
            Self::Engine { .. } => "SHK-BAK-010",
            Self::Store(_) => "SHK-BAK-011",
            Self::Config(_) => "SHK-BAK-012",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::File { .. } => {
                "ファイルを読み書きできません。場所、権限、空き容量を確認してください。"
            }
            Self::NoSuchBackup(_) => {
                "指定されたバックアップがありません。`shikaku backup list`で確認してください。"
            }
            Self::DamagedList(_) | Self::DamagedFile(_) => {
                "バックアップが破損しています。別のバックアップを使用してください。"
            }
            Self::NewerForm { .. } => {
                "新しい版のプログラムで作成されたバックアップです。新しい版を使用してください。"
            }
            Self::InUse(_) => {
                "別のバックアップ処理が実行中です。終了してからもう一度実行してください。"
            }
            Self::NotEmpty(_) => {
                "復元先に既にデータがあります。移動してからもう一度実行してください。"
            }
            Self::Incomplete { .. } | Self::Unsound { .. } => {
                "復元したデータが正しくありません。別のバックアップを使用してください。"
            }
            Self::Engine { .. } => {
                "稼働中のエンジンがバックアップに応じません。接続先と証明書を確認してください。"
            }
            Self::Store(_) => "保存領域を利用できません。上記の内容を確認してください。",
            Self::Config(_) => "設定に誤りがあります。上記の内容を確認してください。",
        }
    }
}
