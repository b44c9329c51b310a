//! Why the engine could not answer, and what whoever asked should do about it.
//!
//! "Not covered" and "several match" are answers and never come here. Each error has a stable
//! code, an HTTP status, advice on retrying, and a sentence for staff in Japanese and English.
//! Codes are never reused.

use crate::card::CardError;
use crate::face::FaceServiceError;
use crate::intake::IntakeError;
use crate::shadow::ShadowError;
use shikaku_store::StoreError;
use shikaku_wire::oqs::Malformed;
use shikaku_wire::v1::FieldProblem;
use thiserror::Error;

/// Why no answer was given.
#[derive(Debug, Error)]
pub enum EngineError {
    /// As many questions as configured are being worked on.
    #[error("the engine has reached its admission limit of {limit} questions")]
    Busy {
        /// Questions admitted at a time.
        limit: usize,
    },
    /// The question waited until its deadline had passed.
    #[error("the question's deadline passed before it could be worked on")]
    DeadlinePassed,
    /// A facility asked more than its rate allows.
    #[error("this facility has asked more than it may: ask again after {seconds} s")]
    FacilityRate {
        /// After which the same request will be let in, if nothing else is asked.
        seconds: u64,
    },
    /// A facility has more connections open than it may.
    #[error("this facility has {limit} connections already: use those, with keep-alive")]
    FacilityConnections {
        /// Connections of a facility at a time.
        limit: u32,
    },
    /// A facility has its part of the questions that wait for the disk.
    #[error("{limit} questions of this facility are waiting for the disk already")]
    FacilityDisk {
        /// Places of a facility.
        limit: u32,
    },
    /// The engine is stopping.
    #[error("the engine is stopping")]
    Stopping,
    /// A defect: the work panicked. The panic itself is in the log.
    #[error("an unexpected fault in the engine")]
    Fault,
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The message cannot be read at all.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The client certificate names a facility other than the message does.
    #[error("the message names another facility than the client certificate")]
    OtherFacility,
    /// The role in the client certificate may not use this interface.
    #[error("this client certificate is for another role")]
    WrongRole {
        /// The role that may: `facility`, `insurer`.
        needed: &'static str,
    },
    /// The client certificate does not say who its holder is.
    #[error("the client certificate names no facility, insurer or operator")]
    UnknownIdentity,
    /// The client certificate is not valid any more.
    #[error(transparent)]
    Client(#[from] crate::tls::ClientRefusal),
    /// The token is missing, expired, or another facility's.
    #[error("the Authorization token is missing, expired, or not this facility's")]
    Token,
    /// The log-in was refused.
    #[error(transparent)]
    LogIn(crate::account::AccountError),
    /// A card, its session or its registration was refused.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A picture was not looked at.
    #[error(transparent)]
    Face(#[from] FaceServiceError),
    /// Fields of a `/v1` request are wrong; each is listed in the problem.
    #[error("{} fields of the request are wrong", .0.len())]
    Fields(Vec<FieldProblem>),
    /// More files are waiting than configured.
    #[error("{limit} uploads are being loaded already")]
    UploadsBusy {
        /// Uploads at a time.
        limit: usize,
    },
    /// The body did not come in time.
    #[error("the body of the request did not arrive in time")]
    SlowBody,
    /// The upload is larger than configured.
    #[error("the upload is larger than {limit_mib} MiB")]
    UploadTooLarge {
        /// Largest upload in MiB.
        limit_mib: u64,
    },
    /// The upload ended early or could not be kept on disk.
    #[error("the upload could not be received: {0}")]
    Upload(std::io::Error),
    /// The file cannot be loaded as a whole.
    #[error(transparent)]
    Intake(IntakeError),
    /// A step of a store that is built anew.
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    /// No such page.
    #[error("there is no such address")]
    NoSuchAddress,
    /// The method is not offered here.
    #[error("this address takes other methods: {allowed}")]
    Method {
        /// Methods offered.
        allowed: &'static str,
    },
    /// The body has another content type than the address takes.
    #[error("this address takes {expected}")]
    ContentType {
        /// Content type expected.
        expected: &'static str,
    },
    /// A query parameter is missing or wrong.
    #[error("the parameter {name} must be {expected}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// No rejects are kept for this file.
    #[error("no rejects are kept for this file")]
    NoSuchRejects,
}

impl From<IntakeError> for EngineError {
    fn from(error: IntakeError) -> Self {
        if let IntakeError::Store(error) = error { Self::Store(error) } else { Self::Intake(error) }
    }
}

/// Whether asking again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// The same request, after a moment.
    Later,
    /// Not before somebody corrected something.
    AfterCorrection,
}

/// The row of an error: everything that goes out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Stable code.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whether asking again can help.
    pub retry: Retry,
    /// Sentence for staff, Japanese.
    pub ja: String,
}

/// Seconds after which a client should ask again, unless the error knows better.
const RETRY_AFTER_SECONDS: u64 = 1;

impl EngineError {
    /// Seconds after which to ask again; `None` where that does not help.
    #[must_use]
    pub fn retry_after(&self, row: &Row) -> Option<u64> {
        match (self, row.retry) {
            (Self::FacilityRate { seconds }, _) => Some(*seconds),
            (_, Retry::Later) => Some(RETRY_AFTER_SECONDS),
            (_, Retry::AfterCorrection) => None,
        }
    }

    /// The error's row.
    #[must_use]
    pub fn row(&self) -> Row {
        use Retry::{AfterCorrection, Later};
        let row = |code, status, retry, ja: &str| Row { code, status, retry, ja: ja.to_owned() };
        match self {
            Self::Busy { .. } => {
                row("SHK-ENG-001", 503, Later, "混み合っています。数秒後にもう一度お試しください。")
            }
            Self::DeadlinePassed => row(
                "SHK-ENG-002",
                503,
                Later,
                "時間内に処理できませんでした。数秒後にもう一度お試しください。",
            ),
            Self::FacilityRate { seconds } => row(
                "SHK-ENG-005",
                429,
                Later,
                &format!(
                    "この医療機関からの照会が多すぎます。{seconds}秒後にもう一度お試しください。"
                ),
            ),
            Self::FacilityConnections { .. } => row(
                "SHK-ENG-006",
                429,
                Later,
                "この医療機関からの同時接続が多すぎます。接続を使い回すよう端末の設定を確認してください。",
            ),
            Self::FacilityDisk { .. } => row(
                "SHK-ENG-007",
                429,
                Later,
                "この医療機関からの同時照会が多すぎます。数秒後にもう一度お試しください。",
            ),
            Self::Stopping => row(
                "SHK-ENG-003",
                503,
                Later,
                "システムを停止しています。しばらくしてからもう一度お試しください。",
            ),
            Self::Fault => row(
                "SHK-ENG-004",
                500,
                Later,
                "システムに障害が発生しました。繰り返す場合は運用担当者に連絡してください。",
            ),
            Self::Store(error) => Row {
                code: error.code(),
                status: 503,
                retry: Later,
                ja: "システムの保存領域に障害が発生しています。運用担当者に連絡してください。"
                    .to_owned(),
            },
            Self::Malformed(error) => {
                Row { code: error.code(), status: 400, retry: AfterCorrection, ja: error.ja() }
            }
            Self::OtherFacility => row(
                "SHK-ENG-010",
                403,
                AfterCorrection,
                "電文の医療機関コードが、クライアント証明書の医療機関と異なります。端末の設定を確認してください。",
            ),
            Self::WrongRole { .. } => row(
                "SHK-ENG-011",
                403,
                AfterCorrection,
                "このクライアント証明書では利用できない機能です。証明書の種類を確認してください。",
            ),
            Self::UnknownIdentity => row(
                "SHK-ENG-012",
                403,
                AfterCorrection,
                "クライアント証明書から利用者を特定できません。証明書を発行し直してください。",
            ),
            Self::Client(refusal) => Row {
                code: refusal.code(),
                status: 403,
                retry: AfterCorrection,
                ja: refusal.ja().to_owned(),
            },
            Self::Token => row(
                "SHK-ENG-013",
                401,
                AfterCorrection,
                "認証の有効期限が切れているか、認証されていません。ログインし直してください。",
            ),
            Self::LogIn(error) => {
                Row { code: error.code(), status: 401, retry: AfterCorrection, ja: error.ja() }
            }
            Self::Card(error) => Row {
                code: error.code(),
                status: error.status(),
                retry: error.retry(),
                ja: error.ja().to_owned(),
            },
            Self::Face(error) => Row {
                code: error.code(),
                status: error.status(),
                retry: error.retry(),
                ja: error.ja().to_owned(),
            },
            Self::Fields(_) => {
                row("SHK-ENG-014", 422, AfterCorrection, "指定された項目に誤りがあります。")
            }
            Self::UploadsBusy { .. } => row(
                "SHK-ENG-020",
                503,
                Later,
                "他のファイルを処理しています。しばらくしてからもう一度送信してください。",
            ),
            Self::SlowBody => row(
                "SHK-ENG-015",
                408,
                AfterCorrection,
                "電文を時間内に受信できませんでした。回線の状態を確認してください。",
            ),
            Self::UploadTooLarge { limit_mib } => row(
                "SHK-ENG-021",
                413,
                AfterCorrection,
                &format!("ファイルが大きすぎます(上限{limit_mib}MiB)。分割して送信してください。"),
            ),
            Self::Upload(_) => row(
                "SHK-ENG-022",
                503,
                Later,
                "ファイルを受信できませんでした。同じファイルをもう一度送信してください。",
            ),
            Self::Intake(error) => {
                let interrupted = matches!(error, IntakeError::Interrupted { .. });
                let (status, retry) =
                    if interrupted { (503, Later) } else { (422, AfterCorrection) };
                Row { code: error.code(), status, retry, ja: error.ja() }
            }
            Self::Shadow(error) => Row {
                code: error.code(),
                status: error.status(),
                retry: error.retry(),
                ja: error.ja(),
            },
            Self::NoSuchAddress => row(
                "SHK-ENG-030",
                404,
                AfterCorrection,
                "アドレスが存在しません。接続先の設定を確認してください。",
            ),
            Self::Method { .. } => row(
                "SHK-ENG-031",
                405,
                AfterCorrection,
                "このアドレスでは使用できないメソッドです。",
            ),
            Self::ContentType { .. } => {
                row("SHK-ENG-032", 415, AfterCorrection, "Content-Typeが正しくありません。")
            }
            Self::Parameter { name, .. } => row(
                "SHK-ENG-033",
                400,
                AfterCorrection,
                &format!("パラメータ{name}が正しくありません。"),
            ),
            Self::NoSuchRejects => row(
                "SHK-ENG-034",
                404,
                AfterCorrection,
                "このファイルのエラー一覧は保存されていません。",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_every_error_says_what_to_do() {
        let errors = [
            EngineError::Busy { limit: 1 },
            EngineError::DeadlinePassed,
            EngineError::Stopping,
            EngineError::FacilityRate { seconds: 1 },
            EngineError::FacilityConnections { limit: 1 },
            EngineError::FacilityDisk { limit: 1 },
            EngineError::Fault,
            EngineError::OtherFacility,
            EngineError::WrongRole { needed: "facility" },
            EngineError::UnknownIdentity,
            EngineError::Token,
            EngineError::Fields(vec![]),
            EngineError::SlowBody,
            EngineError::UploadsBusy { limit: 1 },
            EngineError::UploadTooLarge { limit_mib: 1 },
            EngineError::Upload(std::io::ErrorKind::UnexpectedEof.into()),
            EngineError::NoSuchAddress,
            EngineError::Method { allowed: "POST" },
            EngineError::ContentType { expected: "text/csv" },
            EngineError::Parameter { name: "mode", expected: "full or delta" },
            EngineError::NoSuchRejects,
        ];
        let codes: HashSet<_> = errors.iter().map(|error| error.row().code).collect();
        assert_eq!(codes.len(), errors.len());
        for error in &errors {
            let row = error.row();
            assert!(row.ja.ends_with('。') && (400..600).contains(&row.status), "{error}");
            let passes = row.status == 429 || row.status >= 500;
            assert_eq!(row.retry == Retry::Later, passes, "{error}");
        }
    }
}
