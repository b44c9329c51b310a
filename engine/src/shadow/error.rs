//! Why a shadow does not take the store's place.

use crate::intake::IntakeError;
use crate::problem::Retry;
use shikaku_store::StoreError;
use std::io;
use thiserror::Error;

/// Why a step of a shadow was refused, or failed. The store that serves is as it was.
#[derive(Debug, Error)]
pub enum ShadowError {
    /// There is no shadow to work with.
    #[error("no shadow store was built: run `shikaku shadow load` with the insurers' full files")]
    NotBuilt,
    /// Another step is under way.
    #[error("the shadow store is being built or takes over already: wait until that has ended")]
    UnderWay,
    /// The shadow holds far fewer people than the store that serves.
    #[error(
        "the shadow store holds {shadow} card faces and the serving one {serving}: check the \
         insurers' files, or say --fewer if it must be so"
    )]
    Fewer {
        /// Card faces of the shadow.
        shadow: u64,
        /// Card faces of the store that serves.
        serving: u64,
    },
    /// Lines of a received file that the serving store has, the shadow refuses.
    #[error(
        "{lines} lines of file {file}, which the serving store accepted, are refused by the shadow \
         store: complete the list of insurers, then `shikaku shadow abandon` and load again"
    )]
    Refuses {
        /// Digest of the file.
        file: String,
        /// Lines refused more than by the serving store.
        lines: u64,
    },
    /// A received file that the serving store has cannot be loaded.
    #[error("file {file} cannot be loaded into the shadow store: {source}")]
    File {
        /// Digest of the file.
        file: String,
        /// Why not.
        source: IntakeError,
    },
    /// The files kept for the shadow cannot be read or written.
    #[error("the files received for the shadow store: {0}: check the store's disk and its space")]
    Received(#[from] io::Error),
    /// The engine is stopping.
    #[error("the engine stops: run the same command again when it serves")]
    Stopping,
    /// A defect: the work panicked. The panic itself is in the log.
    #[error("an unexpected fault while the shadow store was to take over")]
    Fault,
    /// Files were to be loaded, and no shadow waits for them. Those are refused that were made for one
    /// that serves by now.
    #[error(
        "no new store was begun: `shikaku shadow begin`, then have the insurers make their full \
         files, then load those"
    )]
    NotBegun,
    /// One of the two stores.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ShadowError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotBuilt => "SHK-SHD-001",
            Self::UnderWay => "SHK-SHD-002",
            Self::Fewer { .. } => "SHK-SHD-003",
            Self::Refuses { .. } => "SHK-SHD-004",
            Self::File { .. } => "SHK-SHD-005",
            Self::Received(_) => "SHK-SHD-006",
            Self::Stopping => "SHK-SHD-007",
            Self::Fault => "SHK-SHD-008",
            Self::NotBegun => "SHK-SHD-010",
            Self::Store(error) => error.code(),
        }
    }

    /// For an operator at a terminal: the code and both sentences.
    pub(crate) fn in_words(&self) -> String {
        format!("{}: {self}\n{}", self.code(), self.ja())
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotBuilt
            | Self::NotBegun
            | Self::UnderWay
            | Self::Fewer { .. }
            | Self::Refuses { .. }
            | Self::File { .. }
            | Self::Store(StoreError::InUse { .. }) => 409,
            Self::Received(_) | Self::Stopping | Self::Fault | Self::Store(_) => 503,
        }
    }

    /// Whether asking again can help.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        if self.status() == 503 { Retry::Later } else { Retry::AfterCorrection }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::NotBuilt => "新しい保存先がまだ作成されていません。保険者の全件ファイルで`shikaku shadow load`を実行してください。".to_owned(),
            Self::UnderWay => "新しい保存先を作成中、または切り替え中です。終了を待ってください。".to_owned(),
            Self::Fewer { shadow, serving } => format!(
                "新しい保存先の件数({shadow})が現在の件数({serving})より大幅に少ないため、切り替えを中止しました。ファイルを確認するか、意図した減少であれば--fewerを指定してください。"
            ),
            Self::Refuses { file, lines } => format!(
                "登録済みのファイル{file}の{lines}行を、新しい保存先に登録できません。保険者一覧を補い、`shikaku shadow abandon`のあとやり直してください。"
            ),
            Self::File { file, .. } => format!(
                "登録済みのファイル{file}を、新しい保存先に登録できません。`shikaku shadow abandon`のあとやり直してください。"
            ),
            Self::Received(_) => {
                "受信したファイルを保存または読み取りできません。保存先の空き容量と権限を確認してください。".to_owned()
            }
            Self::Stopping => {
                "システムを停止しています。再開後に同じコマンドを実行してください。".to_owned()
            }
            Self::Fault => {
                "切り替え中に障害が発生しました。ログを確認し、もう一度実行してください。".to_owned()
            }
            Self::NotBegun => "新しい保存先の作成が開始されていません。`shikaku shadow begin`のあとに作成された全件ファイルを登録してください。".to_owned(),
            Self::Store(error) => error.staff_ja(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_every_error_says_what_to_do() {
        let file = "ab".to_owned();
        let errors = [
            ShadowError::NotBuilt,
            ShadowError::UnderWay,
            ShadowError::Fewer { shadow: 1, serving: 2 },
            ShadowError::Refuses { file: file.clone(), lines: 1 },
            ShadowError::File { file, source: IntakeError::FullNeedsOneInsurer },
            ShadowError::Received(io::ErrorKind::StorageFull.into()),
            ShadowError::Stopping,
            ShadowError::Fault,
            ShadowError::NotBegun,
            ShadowError::Store(StoreError::NotInMemory),
        ];
        let codes: HashSet<_> = errors.iter().map(ShadowError::code).collect();
        assert_eq!(codes.len(), errors.len());
        assert!(errors.iter().all(|error| error.ja().ends_with('。')));
    }
}
