//! What can go wrong with accounts and tokens.

use super::password::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a log-in or a change of accounts failed. Texts hold no password and no hash.
#[derive(Debug, Error)]
pub enum AccountError {
    /// User and password do not fit, or the user does not exist at this facility.
    #[error("user id or password is wrong: check both and try again")]
    Refused,
    /// Too many failures.
    #[error("too many failed attempts: wait {seconds} seconds and try again")]
    Locked {
        /// Seconds until the next attempt is looked at.
        seconds: u64,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}: check that the file exists and that this user may read and write it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The accounts file is not TOML of the expected form.
    #[error("{}, line {line}: not an accounts file: correct the line, or remove it and use `shikaku account add`", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// An entry of the accounts file is wrong.
    #[error("{}: entry {entry} has a wrong {field}: remove the entry and use `shikaku account add`", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry, counted from 1.
        entry: usize,
        /// What is wrong.
        field: &'static str,
    },
    /// A user id with other characters or another length than allowed.
    #[error("a user id has 1 to 64 letters, digits or . _ - @: choose another")]
    UserId,
    /// A code that is not a 医療機関コード.
    #[error("a medical institution code has ten half-width digits: check --code")]
    FacilityCode,
    /// A new password that is too short or too long.
    #[error(
        "a password has at least {PASSWORD_CHARS_MIN} characters and at most {PASSWORD_BYTES_MAX} bytes: choose another or use --generate"
    )]
    PasswordLength,
    /// The account exists already.
    #[error("this user exists at this facility: remove the account first, or add --replace")]
    Exists,
    /// There is no such account.
    #[error("there is no such user at this facility: see `shikaku account list`")]
    Unknown,
    /// The password cannot be read from the terminal or the pipe.
    #[error("the password cannot be read ({0}): pipe it in, or use --password-file or --generate")]
    Input(#[source] io::Error),
    /// The result cannot be printed.
    #[error("the result cannot be printed ({0}): the change itself was made")]
    Output(#[source] io::Error),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers: check the machine and try again")]
    Random,
    /// The token key file does not hold a key.
    #[error("{}: not a token key: remove the file; a new one is made at the next start and everybody logs in again", .0.display())]
    KeySyntax(PathBuf),
    /// The token key file can be read by others.
    #[error("{}: others may read this key: run `chmod 600` on it, or remove it for a new key", .0.display())]
    KeyOpen(PathBuf),
}

impl AccountError {
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::File { path, source }
    }

    pub(super) fn syntax(path: &Path, line: usize) -> Self {
        let path = path.to_owned();
        Self::Syntax { path, line }
    }

    pub(super) fn entry(path: &Path, entry: usize, field: &'static str) -> Self {
        let path = path.to_owned();
        Self::Entry { path, entry, field }
    }

    /// The stable code, `SHK-ACC-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused => "SHK-ACC-001",
            Self::Locked { .. } => "SHK-ACC-002",
            Self::File { .. } => "SHK-ACC-003",
            Self::Syntax { .. } => "SHK-ACC-004",
            Self::Entry { .. } => "SHK-ACC-005",
            Self::UserId => "SHK-ACC-006",
            Self::FacilityCode => "SHK-ACC-007",
            Self::PasswordLength => "SHK-ACC-008",
            Self::Exists => "SHK-ACC-009",
            Self::Unknown => "SHK-ACC-010",
            Self::Input(_) => "SHK-ACC-011",
            Self::Output(_) => "SHK-ACC-012",
            Self::Random => "SHK-ACC-013",
            Self::KeySyntax(_) => "SHK-ACC-014",
            Self::KeyOpen(_) => "SHK-ACC-015",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::Refused => {
                "ユーザーIDまたはパスワードが違います。確認してもう一度入力してください。"
                    .to_owned()
            }
            Self::Locked { seconds } => format!(
                "ログインの失敗が続いたため一時停止しています。{seconds}秒待ってからやり直してください。"
            ),
            Self::File { path, source } => format!(
                "{}を読み書きできません({source})。ファイルの有無と権限を確認してください。",
                path.display()
            ),
            Self::Syntax { path, line } => format!(
                "{}の{line}行目がアカウントファイルの形式ではありません。\
                 行を直すか、削除して「shikaku account add」で登録してください。",
                path.display()
            ),
            Self::Entry { path, entry, field } => format!(
                "{}の{entry}件目の{field}が正しくありません。\
                 削除して「shikaku account add」で登録し直してください。",
                path.display()
            ),
            Self::UserId => {
                "ユーザーIDは半角英数字と「.」「_」「-」「@」で64文字以内にしてください。"
                    .to_owned()
            }
            Self::FacilityCode => {
                "医療機関コードは半角数字10桁です。--codeを確認してください。".to_owned()
            }
            Self::PasswordLength => format!(
                "パスワードは{PASSWORD_CHARS_MIN}文字以上{PASSWORD_BYTES_MAX}バイト以内にしてください\
                 (--generateで自動作成できます)。"
            ),
            Self::Exists => "この医療機関に同じユーザーIDがあります。\
                 先に削除するか、--replaceを付けてください。"
                .to_owned(),
            Self::Unknown => "この医療機関にそのユーザーIDはありません。\
                 「shikaku account list」で確認してください。"
                .to_owned(),
            Self::Input(source) => format!(
                "パスワードを読み取れません({source})。\
                 標準入力、--password-file、--generateのいずれかを使用してください。"
            ),
            Self::Output(source) => {
                format!("結果を表示できません({source})。変更自体は完了しています。")
            }
            Self::Random => {
                "OSから乱数を取得できません。機器を確認してやり直してください。".to_owned()
            }
            Self::KeySyntax(path) => format!(
                "{}はトークン鍵ではありません。削除すると次の起動時に作り直され、\
                 全員の再ログインが必要になります。",
                path.display()
            ),
            Self::KeyOpen(path) => format!(
                "{}を他の利用者が読める状態です。chmod 600を実行するか、\
                 削除して鍵を作り直してください。",
                path.display()
            ),
        }
    }
}

/// Why a token was refused. All but [`TokenError::Expired`] look the same to an honest user: log
/// in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not a token of this system, or changed on the way.
    #[error("the token is not valid: log in again")]
    Invalid,
    /// Issued to another facility than the certificate names.
    #[error("the token belongs to another facility: log in again with this facility's certificate")]
    OtherFacility,
    /// An access or refresh token where an id token belongs, and so on.
    #[error("this is the wrong kind of token: send the idToken that the log-in returned")]
    WrongKind,
    /// Its time is over, or the clocks of two machines differ by too much.
    #[error("the token has expired: log in again")]
    Expired,
}

impl TokenError {
    /// One of each, for tests that must see every kind.
    pub const EXAMPLES: [Self; 4] =
        [Self::Invalid, Self::OtherFacility, Self::WrongKind, Self::Expired];

    /// The stable code, `SHK-ACC-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid => "SHK-ACC-101",
            Self::OtherFacility => "SHK-ACC-102",
            Self::WrongKind => "SHK-ACC-103",
            Self::Expired => "SHK-ACC-104",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::Invalid => "トークンが正しくありません。もう一度ログインしてください。",
            Self::OtherFacility => {
                "他の医療機関のトークンです。この医療機関の証明書でログインし直してください。"
            }
            Self::WrongKind => {
                "トークンの種類が違います。ログイン時に返されたidTokenを送信してください。"
            }
            Self::Expired => "トークンの有効期限が切れました。もう一度ログインしてください。",
        }
    }
}
