//! What can go wrong with a listener's files, and why a connected client is refused.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why TLS cannot start or reload. Each names the file.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}: check the path in the configuration and that this user may read it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file holds nothing of the expected kind.
    #[error("{}: holds no {what} in PEM form: check that the configuration names the right file", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
    },
    /// A key of a kind that cannot be used.
    #[error("{}: this kind of private key cannot be used: use ECDSA P-256, P-384, Ed25519 or RSA", .0.display())]
    Key(PathBuf),
    /// Key and certificate do not belong together.
    #[error("{} is not the key of {}: put the two files of one issue together", key.display(), certificate.display())]
    KeyMismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A certificate's time is over.
    #[error("{}: a certificate has expired: replace it (`shikaku ca server` on a test bench)", .0.display())]
    Expired(PathBuf),
    /// A certificate's time has not begun.
    #[error("{}: a certificate is not valid yet: check this machine's clock", .0.display())]
    NotYetValid(PathBuf),
    /// A client authority that is none.
    #[error("{}: a certificate in it is not one of an authority: put only authorities there", .0.display())]
    NotAnAuthority(PathBuf),
    /// A revocation list of somebody else.
    #[error("{}: a revocation list is not signed by any client authority: use the list of the authority that issues client certificates", .0.display())]
    CrlOfAnother(PathBuf),
    /// An authority without a list.
    #[error("{}: a client authority has no revocation list: append its list to the file", .0.display())]
    CrlMissing(PathBuf),
    /// A list that is overdue beyond the grace period.
    #[error("{}: the revocation list is overdue: renew it (`shikaku ca renew-crl` on a test bench)", .0.display())]
    CrlExpired(PathBuf),
    /// Two authorities with one name.
    #[error("{}: two authorities have the same name, so revocation lists cannot tell them apart: keep one, or give them different names", .0.display())]
    SameName(PathBuf),
    /// The library refuses.
    #[error("TLS cannot be set up ({0}): please report this with your configuration")]
    Library(#[source] rustls::Error),
}

impl TlsError {
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::File { path, source }
    }

    pub(super) fn not_pem(path: &Path, what: &'static str) -> Self {
        let path = path.to_owned();
        Self::NotPem { path, what }
    }

    pub(super) fn key_mismatch(certificate: &Path, key: &Path) -> Self {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Self::KeyMismatch { certificate, key }
    }

    /// The stable code, `SHK-TLS-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "SHK-TLS-001",
            Self::NotPem { .. } => "SHK-TLS-002",
            Self::Key(_) => "SHK-TLS-003",
            Self::KeyMismatch { .. } => "SHK-TLS-004",
            Self::Expired(_) => "SHK-TLS-005",
            Self::NotYetValid(_) => "SHK-TLS-006",
            Self::NotAnAuthority(_) => "SHK-TLS-007",
            Self::CrlOfAnother(_) => "SHK-TLS-008",
            Self::CrlMissing(_) => "SHK-TLS-009",
            Self::CrlExpired(_) => "SHK-TLS-010",
            Self::SameName(_) => "SHK-TLS-011",
            Self::Library(_) => "SHK-TLS-012",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::File { path, source } => format!(
                "{}を読み取れません({source})。設定のパスと読み取り権限を確認してください。",
                path.display()
            ),
            Self::NotPem { path, what } => format!(
                "{}にPEM形式の{}がありません。設定のファイル名を確認してください。",
                path.display(),
                match *what {
                    "private key" => "秘密鍵",
                    "revocation list" => "失効リスト",
                    _ => "証明書",
                }
            ),
            Self::Key(path) => format!(
                "{}の秘密鍵は使用できない種類です。\
                 ECDSA P-256、P-384、Ed25519、RSAのいずれかにしてください。",
                path.display()
            ),
            Self::KeyMismatch { certificate, key } => format!(
                "{}は{}の秘密鍵ではありません。同時に発行された組を指定してください。",
                key.display(),
                certificate.display()
            ),
            Self::Expired(path) => format!(
                "{}の証明書は有効期限が切れています。新しい証明書に替えてください\
                 (試験環境では「shikaku ca server」)。",
                path.display()
            ),
            Self::NotYetValid(path) => format!(
                "{}の証明書はまだ有効期間に入っていません。この機器の時計を確認してください。",
                path.display()
            ),
            Self::NotAnAuthority(path) => format!(
                "{}に認証局ではない証明書があります。認証局の証明書だけにしてください。",
                path.display()
            ),
            Self::CrlOfAnother(path) => format!(
                "{}の失効リストはクライアント認証局が署名したものではありません。\
                 証明書を発行する認証局のリストを使用してください。",
                path.display()
            ),
            Self::CrlMissing(path) => format!(
                "{}に失効リストのない認証局があります。その認証局のリストを追記してください。",
                path.display()
            ),
            Self::CrlExpired(path) => format!(
                "{}の失効リストは更新期限を過ぎています。更新してください\
                 (試験環境では「shikaku ca renew-crl」)。",
                path.display()
            ),
            Self::SameName(path) => format!(
                "{}に同じ名前の認証局が二つあり、失効リストを区別できません。\
                 一つにするか、別の名前にしてください。",
                path.display()
            ),
            Self::Library(error) => {
                format!("TLSを開始できません({error})。設定内容を添えて開発元に連絡してください。")
            }
        }
    }
}

/// Why a client that is already connected may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClientRefusal {
    /// The certificate's time is over.
    #[error("your certificate has expired: install the new one and connect again")]
    Expired,
    /// The certificate was revoked.
    #[error("your certificate has been revoked: ask for a new one")]
    Revoked,
    /// The revocation list is overdue.
    #[error(
        "certificates cannot be checked at the moment: try again later; the centre has been told"
    )]
    RevocationUnknown,
}

impl ClientRefusal {
    /// One of each, for tests that must see every kind.
    pub const EXAMPLES: [Self; 3] = [Self::Expired, Self::Revoked, Self::RevocationUnknown];

    /// The stable code, `SHK-TLS-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Expired => "SHK-TLS-101",
            Self::Revoked => "SHK-TLS-102",
            Self::RevocationUnknown => "SHK-TLS-103",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::Expired => {
                "電子証明書の有効期限が切れています。新しい証明書を入れて接続し直してください。"
            }
            Self::Revoked => "電子証明書は失効しています。再発行を依頼してください。",
            Self::RevocationUnknown => {
                "現在、電子証明書の確認ができません。時間をおいてやり直してください。"
            }
        }
    }
}
