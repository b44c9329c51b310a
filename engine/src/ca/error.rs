//! What can go wrong with the authority.

use crate::identity::IdentityError;
use shikaku_domain::ValueError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a `shikaku ca` command did not succeed. Texts never hold a key.
#[derive(Debug, Error)]
pub enum CaError {
    /// A file cannot be read or written.
    #[error("{}: {source}: check the folder given with --dir and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// `init` where an authority already is.
    #[error("{}: there is a certificate authority here already: choose another --dir", .0.display())]
    Exists(PathBuf),
    /// The folder holds no authority.
    #[error("{}: no certificate authority here: run `shikaku ca init --dir DIR` first", .0.display())]
    NotFound(PathBuf),
    /// Certificate or key of the authority are damaged or do not belong together.
    #[error("{}: not the certificate and key of one authority: restore the folder from a backup", .0.display())]
    Damaged(PathBuf),
    /// The index is damaged.
    #[error("{}: the index of certificates cannot be read: restore it from a backup", .0.display())]
    Index(PathBuf),
    /// Another command works in the same folder.
    #[error("{}: another `shikaku ca` command is running: wait for it and try again", .0.display())]
    InUse(PathBuf),
    /// The holder has a valid certificate.
    #[error("{subject} has a valid certificate: revoke it first, or add --replace to have two")]
    StillValid {
        /// Role and name of the holder.
        subject: String,
    },
    /// A serial number that this authority has not issued.
    #[error(
        "this authority has issued no certificate with that serial number: see `shikaku ca list`"
    )]
    UnknownSerial,
    /// A file that is no certificate.
    #[error("{}: not a certificate in PEM form: give the .pem file of the holder", .0.display())]
    NotACertificate(PathBuf),
    /// A host that cannot stand in a certificate.
    #[error("{host}: not a host name or address: give ASCII names or IP addresses with --host")]
    Host {
        /// The host as given.
        host: String,
    },
    /// A code that is not a 医療機関コード.
    #[error("not a medical institution code ({0}): check --code")]
    FacilityCode(#[source] ValueError),
    /// A number that is not a 保険者番号.
    #[error("not an insurer number ({0}): check --number")]
    InsurerNumber(#[source] ValueError),
    /// A name that an operator cannot have.
    #[error(transparent)]
    OperatorName(#[from] IdentityError),
    /// The authority's own certificate has expired.
    #[error(
        "the authority's own certificate has expired: make a new one with `shikaku ca init` in another folder"
    )]
    Expired,
    /// The library refuses to make a certificate.
    #[error("the certificate cannot be made ({0}): please report this with the command you gave")]
    Library(#[source] rcgen::Error),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers: check the machine and try again")]
    Random,
    /// The result cannot be printed.
    #[error("the result cannot be printed ({0}): the change itself was made")]
    Output(#[source] io::Error),
}

impl CaError {
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::File { path, source }
    }

    /// The stable code, `SHK-CA-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "SHK-CA-001",
            Self::Exists(_) => "SHK-CA-002",
            Self::NotFound(_) => "SHK-CA-003",
            Self::Damaged(_) => "SHK-CA-004",
            Self::Index(_) => "SHK-CA-005",
            Self::InUse(_) => "SHK-CA-006",
            Self::StillValid { .. } => "SHK-CA-007",
            Self::UnknownSerial => "SHK-CA-008",
            Self::NotACertificate(_) => "SHK-CA-009",
            Self::Host { .. } => "SHK-CA-010",
            Self::FacilityCode(_) => "SHK-CA-011",
            Self::InsurerNumber(_) => "SHK-CA-012",
            Self::OperatorName(_) => "SHK-CA-013",
            Self::Expired => "SHK-CA-014",
            Self::Library(_) => "SHK-CA-015",
            Self::Random => "SHK-CA-016",
            Self::Output(_) => "SHK-CA-017",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::File { path, source } => format!(
                "{}を読み書きできません({source})。--dirのフォルダーと権限を確認してください。",
                path.display()
            ),
            Self::Exists(path) => format!(
                "{}にはすでに認証局があります。別の--dirを指定してください。",
                path.display()
            ),
            Self::NotFound(path) => format!(
                "{}に認証局がありません。先に「shikaku ca init --dir DIR」を実行してください。",
                path.display()
            ),
            Self::Damaged(path) => format!(
                "{}の認証局証明書と鍵が壊れているか、組になっていません。\
                 バックアップから戻してください。",
                path.display()
            ),
            Self::Index(path) => format!(
                "証明書の一覧{}を読み取れません。バックアップから戻してください。",
                path.display()
            ),
            Self::InUse(path) => format!(
                "{}で別の「shikaku ca」が動作中です。終わってからやり直してください。",
                path.display()
            ),
            Self::StillValid { subject } => format!(
                "{subject}には有効な証明書があります。\
                 先に失効させるか、--replaceを付けてください。"
            ),
            Self::UnknownSerial => "その番号の証明書はこの認証局から発行されていません。\
                 「shikaku ca list」で確認してください。"
                .to_owned(),
            Self::NotACertificate(path) => format!(
                "{}はPEM形式の証明書ではありません。利用者の.pemファイルを指定してください。",
                path.display()
            ),
            Self::Host { host } => format!(
                "{host}はホスト名でもアドレスでもありません。\
                 --hostには半角のホスト名かIPアドレスを指定してください。"
            ),
            Self::FacilityCode(error) => {
                format!("医療機関コードが正しくありません。{}", error.ja())
            }
            Self::InsurerNumber(error) => {
                format!("保険者番号が正しくありません。{}", error.ja())
            }
            Self::OperatorName(error) => error.ja(),
            Self::Expired => "認証局自身の証明書の有効期限が切れています。\
                 別のフォルダーで「shikaku ca init」を実行してください。"
                .to_owned(),
            Self::Library(error) => format!(
                "証明書を作成できません({error})。入力したコマンドを添えて開発元に連絡してください。"
            ),
            Self::Random => {
                "OSから乱数を取得できません。機器を確認してやり直してください。".to_owned()
            }
            Self::Output(source) => {
                format!("結果を表示できません({source})。処理自体は完了しています。")
            }
        }
    }
}
