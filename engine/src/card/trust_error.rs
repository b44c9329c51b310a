//! Why the files of card authorities cannot be used.

use std::path::PathBuf;
use thiserror::Error;

/// What is wrong with a file, and what to do.
#[derive(Debug, Error)]
pub enum TrustError {
    /// It cannot be read.
    #[error("cannot read {}: {source}: check its name and permissions ([card] trust and crl)", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate in it is none of an authority.
    #[error("{}: not a certificate of an authority that issues cards", .0.display())]
    NotAnAuthority(PathBuf),
    /// There is no authority at all.
    #[error("{}: holds no authority's certificate: put the cards' authorities there", .0.display())]
    NoAuthority(PathBuf),
    /// Two authorities cannot be told apart.
    #[error("{}: two authorities have key identifiers that begin alike: remove the one that is twice", .0.display())]
    SameKey(PathBuf),
    /// A revocation list cannot be read, or is of a kind that is not understood.
    #[error("{}: not a complete revocation list of a card authority", .0.display())]
    NotAList(PathBuf),
    /// No trusted authority has signed the list.
    #[error("{}: no trusted card authority has signed this revocation list", .0.display())]
    ListOfAnother(PathBuf),
}

impl TrustError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "SHK-CRT-001",
            Self::NotAnAuthority(_) => "SHK-CRT-002",
            Self::NoAuthority(_) => "SHK-CRT-003",
            Self::SameKey(_) => "SHK-CRT-004",
            Self::NotAList(_) => "SHK-CRT-005",
            Self::ListOfAnother(_) => "SHK-CRT-006",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::Read { .. } => {
                "カード認証局のファイルを読み取れません。名前と権限を確認してください。"
            }
            Self::NotAnAuthority(_) => {
                "カード認証局の証明書ではないファイルがあります。取り除いてください。"
            }
            Self::NoAuthority(_) => {
                "カード認証局の証明書がありません。認証局の証明書を配置してください。"
            }
            Self::SameKey(_) => {
                "鍵識別子を区別できない認証局の証明書があります。重複を取り除いてください。"
            }
            Self::NotAList(_) => {
                "失効リストを読み取れません。認証局の完全な失効リストを配置してください。"
            }
            Self::ListOfAnother(_) => {
                "信頼する認証局の失効リストではありません。正しい失効リストを配置してください。"
            }
        }
    }
}
