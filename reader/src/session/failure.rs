//! Why a card or the engine did not do what was asked.

use serde::{Deserialize, Serialize};

/// Why a card did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum CardFailure {
    /// No JPKI application.
    #[error("the card is not a My Number Card")]
    NotMyNumberCard,
    /// It left the reader.
    #[error("the card was removed too early")]
    Removed,
    /// Another card lies there than the one that was read first.
    #[error("the card is not the one that was read first")]
    Changed,
    /// The PIN was wrong.
    #[error("the PIN was wrong; {left} tries are left")]
    WrongPin {
        /// Tries that are left, 1 or more.
        left: u8,
    },
    /// No try is left.
    #[error("the PIN is blocked")]
    PinBlocked,
    /// One try is left and its use was not agreed to.
    #[error("only one try is left, and its use was not confirmed")]
    LastTry,
    /// Another program holds the reader.
    #[error("another program uses the reader")]
    ReaderBusy,
    /// No reply within the time for one command.
    #[error("the card does not reply")]
    Hung,
    /// Replies that no such card gives.
    #[error("the card's replies cannot be used")]
    Malformed,
    /// The signature does not fit the certificate.
    #[error("the card's signature does not fit its certificate")]
    BadSignature,
    /// The card does not accept this terminal for 目視確認 or 顔認証.
    #[error("the card does not accept this terminal's certificate")]
    TerminalRefused,
    /// 照合番号B was wrong.
    #[error("the number on the card's face was wrong")]
    WrongNumber,
    /// The photograph is not signed by whom the terminal trusts, or not for this chip.
    #[error("the card's photograph is not signed for this card by a trusted authority")]
    PhotoUntrusted,
    /// The telephone has not recognised its owner yet, so it does not sign.
    #[error("the telephone has not recognised its owner")]
    OwnerUnproven,
}

/// Why the engine gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFailure {
    /// What it means for the patient.
    pub refusal: Refusal,
    /// The engine's code, or ours when it was not reached.
    pub code: String,
}

/// What an engine failure means for the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// Not reached, or it cannot answer anything now.
    Unavailable,
    /// The certificate ended, and the grace too.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// 失効 or 一時停止.
    Revoked,
    /// Not of a trusted authority, or for another purpose.
    Untrusted,
    /// No such person, or several.
    NotFound,
    /// Anything else: a mistake between our programs.
    Other,
}

impl CardFailure {
    /// The stable code, for staff and logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotMyNumberCard => "SHK-RDR-101",
            Self::Removed => "SHK-RDR-102",
            Self::Changed => "SHK-RDR-103",
            Self::WrongPin { .. } => "SHK-RDR-104",
            Self::PinBlocked => "SHK-RDR-105",
            Self::LastTry => "SHK-RDR-106",
            Self::ReaderBusy => "SHK-RDR-107",
            Self::Hung => "SHK-RDR-108",
            Self::Malformed => "SHK-RDR-109",
            Self::BadSignature => "SHK-RDR-110",
            Self::TerminalRefused => "SHK-RDR-111",
            Self::WrongNumber => "SHK-RDR-112",
            Self::OwnerUnproven => "SHK-RDR-113",
            Self::PhotoUntrusted => "SHK-RDR-114",
        }
    }
}
