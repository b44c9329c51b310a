//! Why a question with a card goes no further, and what the counter should do about it.
//!
//! None of these texts says who holds the card.

use crate::problem::Retry;
use thiserror::Error;

/// Why a card, a session or a registration was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CardError {
    /// The certificate is no certificate.
    #[error("the certificate cannot be read: put the card on the reader again")]
    Malformed,
    /// The certificate is larger than any card's.
    #[error("the certificate is larger than {max} bytes: this is not a My Number card's")]
    TooLarge {
        /// Largest certificate in bytes.
        max: usize,
    },
    /// No trusted authority has signed it.
    #[error("no trusted authority has issued this certificate: this card cannot be used")]
    Untrusted,
    /// It is trusted, but made for something else.
    #[error("the certificate is not one for user authentication: read the other one on the card")]
    WrongPurpose,
    /// Its validity has not begun.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// It has expired, and its months of grace are over.
    #[error("the certificate has expired: the holder renews it at the municipal office")]
    Expired,
    /// It was revoked.
    #[error("the certificate was revoked: the holder asks at the municipal office")]
    Revoked,
    /// The revocation list is missing or too old to be relied on.
    #[error("revocation cannot be checked: the operator renews the revocation list of the cards")]
    RevocationUnknown,
    /// Nobody gave this challenge to this facility, or it is long gone.
    #[error("this facility has no such challenge: begin again")]
    ChallengeUnknown,
    /// The challenge has been answered before.
    #[error("the challenge was used before: begin again")]
    ChallengeUsed,
    /// The challenge was answered too late.
    #[error("the challenge has expired: begin again")]
    ChallengeExpired,
    /// Another device of the facility asked for the challenge.
    #[error("the challenge was given to another device: begin again")]
    OtherDevice,
    /// The signature is not one over the challenge by the certificate's key.
    #[error(
        "the signature does not fit the card and the challenge: put the card on the reader again"
    )]
    Signature,
    /// The session has ended, or is not this facility's.
    #[error("the session has ended: put the card on the reader again")]
    NoSession,
    /// The card is not registered as an insurance card.
    #[error("the card is not registered as an insurance card: register it first")]
    NotRegistered,
    /// Consents were given with a certificate that serves for eligibility only.
    #[error(
        "with an expired certificate only the eligibility is available, and no consent can be given"
    )]
    EligibilityOnly,
    /// Nobody has these data.
    #[error("nobody with these data is insured: check the insurance card, or ask the insurer")]
    NobodyFound,
    /// Several people have these data.
    #[error("several people have these data: use the insurance card's data instead")]
    SeveralFound,
    /// What is confirmed is not what was shown.
    #[error("the person to be confirmed is not the one that was shown: search again")]
    OtherCandidate,
    /// Patient and staff must both say yes.
    #[error("patient and staff must both confirm the person")]
    NotConfirmed,
    /// The certificate is another person's already.
    #[error("the card is registered for another person: the insurer must clear this up")]
    OtherHolder,
    /// There is no consent that could be taken back.
    #[error("there is no such consent")]
    NoConsent,
    /// The configuration has no section `card`.
    #[error("this centre is not set up for My Number cards (section [card] of its configuration)")]
    NotConfigured,
    /// As many challenges or sessions are open as there may be.
    #[error("too many card sessions are open")]
    Full,
}

impl CardError {
    /// One of each, for tests that must see every kind.
    pub const EXAMPLES: [Self; 24] = [
        Self::Malformed,
        Self::TooLarge { max: 1 },
        Self::Untrusted,
        Self::WrongPurpose,
        Self::NotYetValid,
        Self::Expired,
        Self::Revoked,
        Self::RevocationUnknown,
        Self::ChallengeUnknown,
        Self::ChallengeUsed,
        Self::ChallengeExpired,
        Self::OtherDevice,
        Self::Signature,
        Self::NoSession,
        Self::NotRegistered,
        Self::EligibilityOnly,
        Self::NobodyFound,
        Self::SeveralFound,
        Self::OtherCandidate,
        Self::NotConfirmed,
        Self::OtherHolder,
        Self::NoConsent,
        Self::NotConfigured,
        Self::Full,
    ];

    /// Stable code, HTTP status and the sentence in Japanese.
    const fn row(&self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Malformed => {
                ("SHK-CRD-001", 422, "電子証明書を読み取れません。カードを置き直してください。")
            }
            Self::TooLarge { .. } => (
                "SHK-CRD-002",
                422,
                "電子証明書が大きすぎます。マイナンバーカードかどうか確認してください。",
            ),
            Self::Untrusted => (
                "SHK-CRD-003",
                403,
                "信頼できる認証局が発行した電子証明書ではありません。このカードは使用できません。",
            ),
            Self::WrongPurpose => (
                "SHK-CRD-004",
                403,
                "利用者証明用電子証明書ではありません。端末の設定を確認してください。",
            ),
            Self::NotYetValid => (
                "SHK-CRD-005",
                403,
                "電子証明書の有効期間が始まっていません。有効期間の開始後に使用してください。",
            ),
            Self::Expired => (
                "SHK-CRD-006",
                403,
                "電子証明書の有効期限が切れています。市区町村の窓口で更新してください。",
            ),
            Self::Revoked => (
                "SHK-CRD-007",
                403,
                "電子証明書が失効しています。市区町村の窓口に相談してください。",
            ),
            Self::RevocationUnknown => (
                "SHK-CRD-008",
                503,
                "電子証明書の失効情報が古いため確認できません。運用担当者に連絡してください。",
            ),
            Self::ChallengeUnknown => {
                ("SHK-CRD-009", 409, "確認の手続きが見つかりません。最初からやり直してください。")
            }
            Self::ChallengeUsed => {
                ("SHK-CRD-010", 409, "この手続きは使用済みです。最初からやり直してください。")
            }
            Self::ChallengeExpired => {
                ("SHK-CRD-011", 409, "時間が経過しました。最初からやり直してください。")
            }
            Self::OtherDevice => {
                ("SHK-CRD-012", 409, "別の端末の手続きです。最初からやり直してください。")
            }
            Self::Signature => {
                ("SHK-CRD-013", 403, "カードの署名を確認できません。カードを置き直してください。")
            }
            Self::NoSession => {
                ("SHK-CRD-014", 401, "手続きが終了しています。カードを置き直してください。")
            }
            Self::NotRegistered => (
                "SHK-CRD-015",
                409,
                "健康保険証としての利用登録がありません。初回登録を行ってください。",
            ),
            Self::EligibilityOnly => (
                "SHK-CRD-016",
                403,
                "有効期限が切れた電子証明書では、資格情報だけを提供できます。同意なしでやり直してください。",
            ),
            Self::NobodyFound => (
                "SHK-CRD-017",
                404,
                "該当する加入者が見つかりません。資格確認書を確認するか、保険者に問い合わせてください。",
            ),
            Self::SeveralFound => (
                "SHK-CRD-018",
                409,
                "該当する加入者が複数います。資格確認書の記号・番号で登録してください。",
            ),
            Self::OtherCandidate => {
                ("SHK-CRD-019", 409, "表示した加入者と異なります。検索からやり直してください。")
            }
            Self::NotConfirmed => {
                ("SHK-CRD-020", 422, "患者と職員の両方の確認が必要です。確認してください。")
            }
            Self::NoConsent => {
                ("SHK-CRD-021", 404, "取り消す同意がありません。内容を確認してください。")
            }
            Self::NotConfigured => (
                "SHK-CRD-022",
                404,
                "マイナンバーカードによる資格確認が設定されていません。運用担当者に連絡してください。",
            ),
            Self::OtherHolder => (
                "SHK-CRD-024",
                409,
                "このカードは別の加入者として登録されています。保険者に確認してください。",
            ),
            Self::Full => {
                ("SHK-CRD-023", 503, "混み合っています。数秒後にもう一度お試しください。")
            }
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

    /// Whether asking again can help.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        if self.status() >= 500 { Retry::Later } else { Retry::AfterCorrection }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub const fn ja(&self) -> &'static str {
        self.row().2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_every_kind_speaks_both_languages() {
        let codes: HashSet<_> = CardError::EXAMPLES.iter().map(CardError::code).collect();
        assert_eq!(codes.len(), CardError::EXAMPLES.len());
        for error in CardError::EXAMPLES {
            assert!(error.ja().ends_with('。') && !error.to_string().is_empty());
        }
    }
}
