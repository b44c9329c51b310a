//! What can go wrong while cards and certificates are made.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a card, key or certificate could not be made. Texts never hold personal data or keys.
#[derive(Debug, Error)]
pub enum CardError {
    /// The RSA library could not make or use a key.
    #[error("the RSA key cannot be made or used: {0}: choose another seed")]
    Rsa(#[from] rsa::Error),
    /// A signature was asked over more bytes than the key can pad.
    #[error("{bytes} bytes cannot be signed with RSA-2048: at most 245 can")]
    TooLongToSign {
        /// How many bytes were given.
        bytes: usize,
    },
    /// The certificate cannot be encoded.
    #[error("the certificate cannot be encoded: {0}")]
    Certificate(#[from] x509_cert::builder::Error),
    /// A time that a certificate cannot hold.
    #[error("{unix_seconds} s after 1970 cannot stand in a certificate: use a time before 2200")]
    Time {
        /// The time in Unix seconds.
        unix_seconds: u64,
    },
    /// A serial number of 0 or above 2^31 - 1.
    #[error("{0} is no serial number of a card certificate: give 1 to 2147483647")]
    Serial(u64),
    /// A file cannot be read or written.
    #[error("{}: {source}: check the path and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A card's memory is damaged.
    #[error("{}: not the memory of a card: delete it and the card is as new", .0.display())]
    MemoryFile(PathBuf),
    /// A card's file is damaged or says what no card can be.
    #[error("{}: {reason}: issue the card again", path.display())]
    CardFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without the card's data.
        reason: String,
    },
    /// A picture cannot be encoded.
    #[error("a picture of the card cannot be encoded: {0}")]
    Picture(#[from] png::EncodingError),
    /// The virtual reader cannot be reached, or the connection to it broke.
    #[error("virtual reader at {address}: {source}: is pcscd running with vpcd on this port?")]
    Reader {
        /// Host and port.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
    /// pcscd or vpcd are not installed.
    #[error("pcscd or its virtual reader is not installed: apt-get install pcscd vsmartcard-vpcd")]
    NoVirtualReader,
    /// More cards in a folder than [`crate::CARDS_MAX`].
    #[error("more than {} cards in one folder: spread them over several", crate::CARDS_MAX)]
    TooManyCards,
}

impl CardError {
    /// The stable code of this error, never reused.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "SHK-CAR-001",
            Self::TooLongToSign { .. } => "SHK-CAR-002",
            Self::Certificate(_) => "SHK-CAR-003",
            Self::Time { .. } => "SHK-CAR-004",
            Self::Serial(_) => "SHK-CAR-005",
            Self::File { .. } => "SHK-CAR-006",
            Self::MemoryFile(_) => "SHK-CAR-007",
            Self::CardFile { .. } => "SHK-CAR-008",
            Self::Picture(_) => "SHK-CAR-009",
            Self::Reader { .. } => "SHK-CAR-010",
            Self::NoVirtualReader => "SHK-CAR-011",
            Self::TooManyCards => "SHK-CAR-012",
        }
    }

    /// The same in Japanese: what happened and what to do.
    #[must_use]
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RSA鍵を作成または使用できません。別のシードを指定してください。",
            Self::TooLongToSign { .. } => "署名対象が長すぎます。245バイト以内にしてください。",
            Self::Certificate(_) => "証明書を作成できません。内容を確認してください。",
            Self::Time { .. } => "証明書に記載できない日時です。2200年より前を指定してください。",
            Self::Serial(_) => "シリアル番号が範囲外です。1から2147483647までを指定してください。",
            Self::File { .. } => "ファイルを読み書きできません。パスと権限を確認してください。",
            Self::MemoryFile(_) => {
                "カードの記憶ファイルが壊れています。削除すると新しいカードと同じ状態になります。"
            }
            Self::CardFile { .. } => "カードファイルの内容に誤りがあります。再発行してください。",
            Self::Picture(_) => "券面の画像を作成できません。氏名と住所を確認してください。",
            Self::TooManyCards => {
                "フォルダ内のカードが多すぎます。複数のフォルダに分けてください。"
            }
            Self::Reader { .. } => {
                "仮想リーダーに接続できません。pcscdとvpcdが起動しているか確認してください。"
            }
            Self::NoVirtualReader => {
                "pcscdまたはvpcdがありません。apt-get install pcscd vsmartcard-vpcd を実行してください。"
            }
        }
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}

impl From<x509_cert::spki::Error> for CardError {
    fn from(error: x509_cert::spki::Error) -> Self {
        Self::Certificate(error.into())
    }
}

impl From<x509_cert::der::Error> for CardError {
    fn from(error: x509_cert::der::Error) -> Self {
        Self::Certificate(error.into())
    }
}
