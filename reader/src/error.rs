//! Why the program could not start, in words for whoever installs it.

use shikaku_card::CardError;
use shikaku_face::FaceError;
use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// Why the exchange did not start.
///
/// Codes are stable and never reused. `SHK-EXC-0nn` is for whoever runs the program;
/// `SHK-EXC-1nn` ([`Refusal`](crate::exchange::Refusal)) is for the receipt computer; `SHK-RDR-0nn`
/// is about cards and pages, `1nn` a card's failure, `2nn` the engine's. No text holds
/// a file name from the exchange folders: those may carry patient numbers.
#[derive(Debug, Error)]
pub enum ReaderError {
    /// The configuration file cannot be read.
    #[error("the configuration file {path} cannot be read: {source}. Check the path")]
    ConfigRead {
        /// The path as given.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Not TOML, an unknown key, a missing key or a value of the wrong type.
    #[error("the configuration is not valid: {0}. Correct the key it names")]
    ConfigShape(Box<toml::de::Error>),
    /// A value outside its bounds.
    #[error("the configuration key {key} must be {allowed}")]
    ConfigValue {
        /// The key with its table: `exchange.workers`.
        key: &'static str,
        /// What is allowed, for people.
        allowed: &'static str,
    },
    /// A certificate or key file cannot be read or holds nothing usable.
    #[error(
        "the file of engine.{key} cannot be used: {reason}. Give a PEM file that this program may \
         read"
    )]
    Credential {
        /// `ca`, `certificate` or `key`.
        key: &'static str,
        /// What is wrong; never content of the file.
        reason: String,
    },
    /// The client certificate and the private key do not belong together.
    #[error(
        "engine.certificate and engine.key do not fit together: {reason}. Give the certificate \
         that was issued for this key"
    )]
    CredentialPair {
        /// What the TLS library said.
        reason: String,
    },
    /// Another exchange works on the same root.
    #[error("another exchange already works on this root folder. Stop it, or use another root")]
    AlreadyRunning,
    /// A folder cannot be made, read or written.
    #[error(
        "the folder {folder} under exchange.root cannot be used: {source}. Let this program read \
         and write it"
    )]
    Folder {
        /// `req`, `res` or `work`.
        folder: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The folders lie on different file systems, so that a rename between them is not atomic.
    #[error(
        "req, res and work must lie on one file system. Do not mount them separately below \
         exchange.root"
    )]
    NotOneFileSystem,
    /// The system refused a thread.
    #[error("the system refused to start a worker: {0}. Lower exchange.workers or free memory")]
    Thread(io::Error),
    /// The port of the pages is not free.
    #[error(
        "the address {address} of the pages cannot be used: {source}. Stop the other program, or \
         change kiosk.listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no randomness.
    #[error("the system gives no random numbers. Start the program again")]
    Random,
    /// `serve` without a table `[card]`.
    #[error("the configuration has no table [card]. Add it with the key institution")]
    NoCardTable,
    /// A record cannot be written or read.
    #[error("the record of sessions cannot be used: {source}. Give a new file, or one to be read")]
    Record {
        /// What the system said.
        source: io::Error,
    },
    /// A file is not a record.
    #[error("line {line} is not one of a record. Give a file that kiosk.record has written")]
    RecordLine {
        /// Its number, from 1.
        line: usize,
    },
    /// A record was played and led elsewhere.
    #[error("this version shows other screens than the recorded ones. See the lines above")]
    RecordDiffers,
    /// A self-test found something.
    #[error("something is not as it must be. See the lines above")]
    SelfTest,
    /// The system refused to report signals.
    #[error("the system refused to report stop signals: {0}. Start the program again")]
    Signal(io::Error),
    /// Models cannot be used, or none keeps what the configuration promises.
    #[error(transparent)]
    Face(FaceError),
    /// `[face]` where no certificate of the terminal makes cards sign.
    #[error(
        "the table [face] needs a terminal's certificate, which this machine has only with [demo]. \
         Leave [face] out"
    )]
    FaceWithoutTerminal,
    /// A synthetic card cannot be made or held on a reader.
    #[error(transparent)]
    Card(CardError),
}

impl ReaderError {
    /// The stable code, `SHK-EXC-0nn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ConfigRead { .. } => "SHK-EXC-001",
            Self::ConfigShape(_) => "SHK-EXC-002",
            Self::ConfigValue { .. } => "SHK-EXC-003",
            Self::Credential { .. } => "SHK-EXC-004",
            Self::CredentialPair { .. } => "SHK-EXC-005",
            Self::AlreadyRunning => "SHK-EXC-010",
            Self::Folder { .. } => "SHK-EXC-011",
            Self::NotOneFileSystem => "SHK-EXC-012",
            Self::Thread(_) => "SHK-EXC-013",
            Self::Signal(_) => "SHK-EXC-014",
            Self::Card(error) => error.code(),
            Self::Face(error) => error.code(),
            Self::FaceWithoutTerminal => "SHK-RDR-008",
            Self::Listen { .. } => "SHK-RDR-001",
            Self::Random => "SHK-RDR-002",
            Self::NoCardTable => "SHK-RDR-003",
            Self::Record { .. } => "SHK-RDR-004",
            Self::RecordLine { .. } => "SHK-RDR-005",
            Self::RecordDiffers => "SHK-RDR-006",
            Self::SelfTest => "SHK-RDR-007",
        }
    }

    /// The sentence in Japanese. `Display` is the English one.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::ConfigRead { path, .. } => {
                format!("設定ファイル{path}を読めません。パスを確認してください。")
            }
            Self::ConfigShape(_) => {
                "設定の内容が正しくありません。英文が示す項目を直してください。".to_owned()
            }
            Self::ConfigValue { key, .. } => {
                format!("設定項目{key}の値が範囲外です。英文の範囲に直してください。")
            }
            Self::Credential { key, .. } => format!(
                "engine.{key}のファイルを使えません。読み取りできるPEMファイルを指定してください。"
            ),
            Self::CredentialPair { .. } => "クライアント証明書と秘密鍵が対応していません。\
                                            この鍵に対して発行された証明書を指定してください。"
                .to_owned(),
            Self::AlreadyRunning => "同じフォルダで連携が既に動いています。\
                                     先に動いている方を止めるか、別のフォルダを指定してください。"
                .to_owned(),
            Self::Folder { folder, .. } => {
                format!("{folder}フォルダを使えません。読み書きの権限を与えてください。")
            }
            Self::NotOneFileSystem => "req、res、workは同じファイルシステムに置いてください。\
                                       別々にマウントしないでください。"
                .to_owned(),
            Self::Thread(_) => "処理を開始できません。exchange.workersを減らすか、\
                                メモリーを空けてください。"
                .to_owned(),
            Self::Listen { .. } => {
                "画面のアドレスを使えません。他のプログラムを止めるか、kiosk.listenを変えてください。"
                    .to_owned()
            }
            Self::Random => {
                "乱数を得られません。プログラムをもう一度起動してください。".to_owned()
            }
            Self::NoCardTable => {
                "設定に[card]がありません。institutionを含めて追加してください。".to_owned()
            }
            Self::Record { .. } => {
                "記録ファイルを使えません。新しいファイル名、または読めるファイルを指定してください。"
                    .to_owned()
            }
            Self::RecordLine { line } => {
                format!("{line}行目が記録の形式ではありません。記録したファイルを指定してください。")
            }
            Self::RecordDiffers => {
                "記録と異なる画面になりました。上の行を確認してください。".to_owned()
            }
            Self::SelfTest => "確認が必要な項目があります。上の行を確認してください。".to_owned(),
            Self::Signal(_) => {
                "停止信号を受け取れません。プログラムをもう一度起動してください。".to_owned()
            }
            Self::Card(error) => error.ja().to_owned(),
            Self::Face(error) => error.ja().to_owned(),
            Self::FaceWithoutTerminal => {
                "[face]には端末の証明書が必要です。[face]を外してください。".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Refusal;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_over_errors_and_refusals_and_speak_both_languages() {
        let io = || io::Error::from(io::ErrorKind::PermissionDenied);
        let shape = toml::from_str::<toml::Table>("=").expect_err("not TOML");
        let errors = [
            ReaderError::ConfigRead { path: "reader.toml".to_owned(), source: io() },
            ReaderError::ConfigShape(Box::new(shape)),
            ReaderError::ConfigValue { key: "exchange.workers", allowed: "1 to 64" },
            ReaderError::Credential { key: "ca", reason: "empty".to_owned() },
            ReaderError::CredentialPair { reason: "mismatch".to_owned() },
            ReaderError::AlreadyRunning,
            ReaderError::Folder { folder: "req", source: io() },
            ReaderError::NotOneFileSystem,
            ReaderError::Thread(io()),
            ReaderError::Signal(io()),
            ReaderError::Card(CardError::NoVirtualReader),
            ReaderError::Face(FaceError::PoolStopped),
            ReaderError::FaceWithoutTerminal,
            ReaderError::Listen { address: ([127, 0, 0, 1], 1).into(), source: io() },
            ReaderError::Random,
            ReaderError::NoCardTable,
            ReaderError::Record { source: io() },
            ReaderError::RecordLine { line: 1 },
            ReaderError::RecordDiffers,
            ReaderError::SelfTest,
        ];
        let mut codes: HashSet<String> = errors.iter().map(|e| e.code().to_owned()).collect();
        for error in &errors {
            assert!(error.ja().ends_with('。') && !error.to_string().is_empty());
        }
        let refusals = Refusal::examples();
        for refusal in &refusals {
            assert!(refusal.ja().ends_with('。') && !refusal.en().is_empty());
            codes.insert(refusal.code().to_owned());
        }
        assert_eq!(codes.len(), errors.len() + refusals.len());
    }
}
