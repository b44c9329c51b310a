//! Why a picture was not looked at, and what whoever sent it should do.

use crate::problem::Retry;
use shikaku_face::FaceError;
use thiserror::Error;

/// Why there is no answer about a face. None of these texts says anything about a picture's
/// contents but that it cannot be read.
#[derive(Debug, Error)]
pub enum FaceServiceError {
    /// The engine compares no faces.
    #[error("this engine compares no faces: the facility's own program does, or the PIN is used")]
    NotConfigured,
    /// Everywhere together too many cards' faces are held.
    #[error("too many faces are held: ask again in a moment")]
    Full,
    /// As many pictures as the models can look at are on their way.
    #[error("{limit} pictures are on their way: send this one again in a moment")]
    Busy {
        /// Pictures at a time.
        limit: usize,
    },
    /// This facility has its share of them.
    #[error("{limit} pictures of this facility are on their way: send this one again in a moment")]
    FacilityBusy {
        /// Pictures of a facility at a time.
        limit: usize,
    },
    /// The facility has no such handle, or its time or tries are over.
    #[error("this facility holds no such face: send the card's photograph again")]
    NoHandle,
    /// The frame before is being looked at.
    #[error("the frame before is being looked at: send one at a time")]
    InTurn,
    /// A picture has more bytes than cards or cameras need.
    #[error("the picture has more than {max} bytes: send it smaller")]
    TooLarge {
        /// Most bytes.
        max: usize,
    },
    /// The picture cannot be used, or shows no face.
    #[error(transparent)]
    Picture(FaceError),
    /// The models are busy, or have stopped.
    #[error(transparent)]
    Unavailable(FaceError),
    /// The models failed, which is a defect.
    #[error(transparent)]
    Failed(FaceError),
}

impl From<FaceError> for FaceServiceError {
    fn from(error: FaceError) -> Self {
        let is_unavailable = matches!(
            error,
            FaceError::PoolBusy { .. }
                | FaceError::PoolLate
                | FaceError::PoolHung
                | FaceError::PoolStopped
        );
        if error.is_about_picture() {
            Self::Picture(error)
        } else if is_unavailable {
            Self::Unavailable(error)
        } else {
            Self::Failed(error)
        }
    }
}

impl FaceServiceError {
    /// Stable code, HTTP status and the sentence in Japanese.
    const fn row(&self) -> (&'static str, u16, &'static str) {
        match self {
            Self::NotConfigured => (
                "SHK-FCS-001",
                404,
                "顔の照合は設定されていません。暗証番号または目視で確認してください。",
            ),
            Self::Full => {
                ("SHK-FCS-002", 503, "混み合っています。数秒後にもう一度お試しください。")
            }
            Self::Busy { .. } => {
                ("SHK-FCS-003", 503, "顔の照合が混み合っています。数秒後にもう一度お試しください。")
            }
            Self::FacilityBusy { .. } => (
                "SHK-FCS-004",
                429,
                "この医療機関からの画像が多すぎます。数秒後にもう一度お試しください。",
            ),
            Self::NoHandle => {
                ("SHK-FCS-005", 404, "カードの写真が保持されていません。写真を送り直してください。")
            }
            Self::InTurn => {
                ("SHK-FCS-006", 409, "前の画像を照合しています。一枚ずつ送信してください。")
            }
            Self::TooLarge { .. } => {
                ("SHK-FCS-007", 413, "画像が大きすぎます。小さくして送信してください。")
            }
            Self::Picture(error) => (error.code(), 422, error.ja()),
            Self::Unavailable(error) => (error.code(), 503, error.ja()),
            Self::Failed(error) => (error.code(), 500, error.ja()),
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.row().1
    }

    /// The sentence for staff, in Japanese.
    #[must_use]
    pub const fn ja(&self) -> &'static str {
        self.row().2
    }

    /// Whether asking again can help.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self.status() {
            429 | 500.. => Retry::Later,
            _ => Retry::AfterCorrection,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_every_error_says_what_to_do() {
        let errors = [
            FaceServiceError::NotConfigured,
            FaceServiceError::Full,
            FaceServiceError::Busy { limit: 1 },
            FaceServiceError::FacilityBusy { limit: 1 },
            FaceServiceError::NoHandle,
            FaceServiceError::InTurn,
            FaceServiceError::TooLarge { max: 1 },
            FaceError::PictureFormat.into(),
            FaceError::PoolLate.into(),
            FaceError::PoolFault.into(),
        ];
        let codes: std::collections::HashSet<_> = errors.iter().map(|one| one.code()).collect();
        assert_eq!(codes.len(), errors.len());
        assert!(errors.iter().all(|error| error.ja().ends_with('。')));
        let statuses: Vec<_> = errors.iter().map(FaceServiceError::status).collect();
        assert_eq!(statuses, [404, 503, 503, 429, 404, 409, 413, 422, 503, 500]);
    }
}
