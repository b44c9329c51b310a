//! Why a population could not be written.

use super::files::Encoding;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Each variant has a stable code, `SHK-POP-nnn`, at the start of its text.
#[derive(Debug, Error)]
pub enum PopulationError {
    /// Zero or too many people.
    #[error(
        "SHK-POP-001: --persons must be from 1 to {max}. \
         --personsは1から{max}までで指定してください。"
    )]
    Persons {
        /// Most people.
        max: u64,
    },
    /// A reference date for which the population cannot be made.
    #[error(
        "SHK-POP-002: --date must be a date (yyyyMMdd) in the years {first} to {last}. \
         --dateは{first}年から{last}年までの日付(yyyyMMdd)で指定してください。"
    )]
    Date {
        /// First year.
        first: u32,
        /// Last year.
        last: u32,
    },
    /// The output directory holds files already.
    #[error(
        "SHK-POP-003: {} is not empty: choose another --out, or add --force to replace the \
         population in it. 出力先が空ではありません。別の--outを指定するか、--forceで置き換えて\
         ください。", path.display()
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// Writing or reading failed: no permission, no space, no such directory.
    #[error(
        "SHK-POP-004: {}: {source}. Check that the directory can be written to and has space left. \
         書き込み権限と空き容量を確認してください。", path.display()
    )]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The manifest is not one of ours.
    #[error(
        "SHK-POP-005: {} is not a population manifest of this version: {reason}. Make the \
         population again. この版の人口データではありません。作り直してください。", path.display()
    )]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A registration could not be put into the file's form; an error of this program.
    #[error(
        "SHK-POP-006: a line could not be written as {encoding}: {reason}. \
         {encoding}で出力できない行があります(このプログラムの誤り)。"
    )]
    Row {
        /// The file's encoding.
        encoding: Encoding,
        /// What the writer said.
        reason: String,
    },
    /// A certificate could not be named; an error of this program.
    #[error("SHK-POP-008: {0}. カードの電子証明書を作成できません(このプログラムの誤り)。")]
    Card(#[from] shikaku_card::CardError),
    /// A worker thread ended early.
    #[error("SHK-POP-007: a worker thread failed. 作業スレッドが異常終了しました。")]
    Worker,
}
